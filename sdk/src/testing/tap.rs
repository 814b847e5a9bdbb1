//! A wire between a proxy and its server, tapped: every byte is kept, and the stream can be cut into pieces on its way.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// How the stream is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// As it comes.
    Whole,
    /// One byte a write.
    Bytes,
    /// Pieces of 1 to 64 bytes.
    Random,
}

/// Where the server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Its socket.
    Unix(PathBuf),
    /// Host name or address, and port.
    Tcp(String, u16),
}

/// A listener on a unix socket that passes everything to the server and keeps a copy.
pub struct Tap {
    socket: PathBuf,
    taken: Arc<Mutex<Vec<u8>>>,
    ended: Arc<AtomicBool>,
}

impl Tap {
    /// Listens in `dir` under the name that libpq looks for: `host=DIR port=PORT` leads here.
    ///
    /// # Errors
    /// The socket cannot be bound.
    ///
    /// ```
    /// use pgseal::testing::postgres::{Binaries, Postgres};
    /// use pgseal::testing::tap::{Cut, Tap, Target};
    ///
    /// let server = Postgres::start(Binaries::find(&std::env::temp_dir().join("pgseal-test-postgres"))?)?;
    /// let dir = std::env::temp_dir().join(format!("pgseal-tap-{}", std::process::id()));
    /// std::fs::create_dir(&dir)?;
    /// let port = server.port();
    /// let socket = server.socket_dir().join(format!(".s.PGSQL.{port}"));
    /// let tap = Tap::start(&dir, port, Target::Unix(socket), Cut::Whole)?;
    /// // `host=DIR port=PORT` goes through it from here on.
    /// assert!(tap.since(tap.mark()).is_empty());
    /// # drop(tap);
    /// # std::fs::remove_dir_all(&dir)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn start(dir: &Path, port: u16, target: Target, cut: Cut) -> io::Result<Self> {
        let socket = dir.join(format!(".s.PGSQL.{port}"));
        let listener = UnixListener::bind(&socket)?;
        let (taken, ended) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let tap = Self { socket, taken: Arc::clone(&taken), ended: Arc::clone(&ended) };
        thread::spawn(move || {
            for client in listener.incoming() {
                if ended.load(Ordering::SeqCst) {
                    return;
                }
                // A connection that cannot be made on ends: the client sees that.
                if let Ok(client) = client {
                    let _ = connect(client, &target, cut, &taken);
                }
            }
        });
        Ok(tap)
    }

    /// A place in what passed so far.
    pub fn mark(&self) -> usize {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// What passed since then, both ways and all connections; nothing if the place does not exist.
    pub fn since(&self, mark: usize) -> Vec<u8> {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.get(mark..).unwrap_or_default().to_vec()
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // Wakes the listener so that it sees the flag.
        drop(UnixStream::connect(&self.socket));
    }
}

fn connect(client: UnixStream, target: &Target, cut: Cut, taken: &Arc<Mutex<Vec<u8>>>) -> io::Result<()> {
    let server = match target {
        Target::Unix(path) => Socket::Unix(UnixStream::connect(path)?),
        Target::Tcp(host, port) => {
            let stream = TcpStream::connect((host.as_str(), *port))?;
            stream.set_nodelay(true)?;
            Socket::Tcp(stream)
        }
    };
    let client = Socket::Unix(client);
    pump(client.twin()?, server.twin()?, cut, Arc::clone(taken));
    pump(server, client, cut, Arc::clone(taken));
    Ok(())
}

enum Socket {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Socket {
    fn twin(&self) -> io::Result<Self> {
        Ok(match self {
            Socket::Unix(stream) => Socket::Unix(stream.try_clone()?),
            Socket::Tcp(stream) => Socket::Tcp(stream.try_clone()?),
        })
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Socket::Unix(stream) => stream.read(buffer),
            Socket::Tcp(stream) => stream.read(buffer),
        }
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Socket::Unix(stream) => stream.write_all(bytes),
            Socket::Tcp(stream) => stream.write_all(bytes),
        }
    }

    /// A socket that is closed already needs no shutdown.
    fn shutdown(&self, how: Shutdown) {
        let _ = match self {
            Socket::Unix(stream) => stream.shutdown(how),
            Socket::Tcp(stream) => stream.shutdown(how),
        };
    }
}

fn pump(mut from: Socket, mut to: Socket, cut: Cut, taken: Arc<Mutex<Vec<u8>>>) {
    thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(len @ 1..) = from.read(&mut buffer) {
            let bytes = buffer.get(..len).unwrap_or_default();
            taken.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
            if write_cut(&mut to, bytes, cut).is_err() {
                break;
            }
        }
        // Half-closed: the other direction may go on.
        to.shutdown(Shutdown::Write);
        from.shutdown(Shutdown::Read);
    });
}

/// Writes in pieces; a reader that is slower than us would see them joined, so it is given its turn.
fn write_cut(to: &mut Socket, mut bytes: &[u8], cut: Cut) -> io::Result<()> {
    while !bytes.is_empty() {
        let len = match cut {
            Cut::Whole => bytes.len(),
            Cut::Bytes => 1,
            Cut::Random => {
                let mut draw = [0];
                getrandom::fill(&mut draw).map_err(io::Error::other)?;
                usize::from(draw[0] % 64) + 1
            }
        };
        let (piece, rest) = bytes.split_at(len.min(bytes.len()));
        to.write_all(piece)?;
        if cut != Cut::Whole {
            thread::yield_now();
        }
        bytes = rest;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_kept_both_ways_however_it_is_cut() {
        for cut in [Cut::Whole, Cut::Bytes, Cut::Random] {
            let dir = std::env::temp_dir().join(format!("pgseal-tap-{}-{cut:?}", std::process::id()));
            std::fs::create_dir(&dir).unwrap();
            let server = UnixListener::bind(dir.join("server")).unwrap();
            let tap = Tap::start(&dir, 5432, Target::Unix(dir.join("server")), cut).unwrap();
            let mut client = UnixStream::connect(dir.join(".s.PGSQL.5432")).unwrap();
            let (mut served, _) = server.accept().unwrap();
            client.write_all(b"question").unwrap();
            let mut heard = [0; 8];
            served.read_exact(&mut heard).unwrap();
            let mark = tap.mark();
            served.write_all(b"answer").unwrap();
            drop(served);
            let mut answer = Vec::new();
            client.read_to_end(&mut answer).unwrap();
            assert_eq!((&heard, answer.as_slice()), (b"question", b"answer".as_slice()));
            assert_eq!((tap.since(mark), tap.since(0)), (b"answer".to_vec(), b"questionanswer".to_vec()));
            std::fs::remove_dir_all(&dir).unwrap();
        }
    }
}
