//! The wire between proxy and server, tapped: every byte is kept, and the stream can be cut into pieces on its way.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// How the stream is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// As it comes.
    Whole,
    /// One byte a write.
    Bytes,
    /// Pieces of 1 to 64 bytes.
    Random,
}

/// A listener on a unix socket that passes everything to the server's socket and keeps a copy.
pub(crate) struct Link {
    dir: PathBuf,
    port: u16,
    taken: Arc<Mutex<Vec<u8>>>,
    ended: Arc<AtomicBool>,
}

impl Link {
    /// `dir` gets the listening socket, under the server's own port.
    pub(crate) fn tap(dir: &Path, server: &Path, port: u16, cut: Cut) -> Self {
        let name = format!(".s.PGSQL.{port}");
        let listener = UnixListener::bind(dir.join(&name)).unwrap();
        let (taken, ended) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let link = Self { dir: dir.to_owned(), port, taken: taken.clone(), ended: ended.clone() };
        let server = server.join(&name);
        thread::spawn(move || {
            for client in listener.incoming() {
                if ended.load(Ordering::SeqCst) {
                    return;
                }
                // Either side may be gone already: then the other one sees its end.
                let Ok(client) = client else { continue };
                let Ok(server) = UnixStream::connect(&server) else { continue };
                pump(&client, &server, cut, &taken).unwrap();
                pump(&server, &client, cut, &taken).unwrap();
            }
        });
        link
    }

    /// The folder that stands for the server's socket directory.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Everything that passed so far, both ways.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.since(0)
    }

    /// A place in what passed.
    pub(crate) fn mark(&self) -> usize {
        self.taken.lock().unwrap().len()
    }

    /// What passed since then, both ways.
    pub(crate) fn since(&self, mark: usize) -> Vec<u8> {
        self.taken.lock().unwrap()[mark..].to_vec()
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // Wakes the listener so that it sees the flag.
        drop(UnixStream::connect(self.dir.join(format!(".s.PGSQL.{}", self.port))));
    }
}

fn pump(from: &UnixStream, to: &UnixStream, cut: Cut, taken: &Arc<Mutex<Vec<u8>>>) -> io::Result<()> {
    let (mut from, mut to, taken) = (from.try_clone()?, to.try_clone()?, taken.clone());
    thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(len @ 1..) = from.read(&mut buffer) {
            taken.lock().unwrap().extend_from_slice(&buffer[..len]);
            if write_cut(&mut to, &buffer[..len], cut).is_err() {
                break;
            }
        }
        // Half-closed: the other direction may go on. A socket that is closed already needs nothing.
        let _ = to.shutdown(Shutdown::Write);
        let _ = from.shutdown(Shutdown::Read);
    });
    Ok(())
}

/// Writes in pieces; a reader that is slower than us would see them joined, so it is given its turn.
fn write_cut(to: &mut UnixStream, mut bytes: &[u8], cut: Cut) -> io::Result<()> {
    while !bytes.is_empty() {
        let len = match cut {
            Cut::Whole => bytes.len(),
            Cut::Bytes => 1,
            Cut::Random => {
                let mut draw = [0];
                getrandom::fill(&mut draw).unwrap();
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
