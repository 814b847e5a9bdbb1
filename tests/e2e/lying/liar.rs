//! The listener: two threads a connection, one for each direction.

use std::io::{self, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::frames::{read, read_body};
use super::lie::{Lie, Lies, When};
use super::track::Track;
use crate::harness::raw::{GSS_REQUEST, SSL_REQUEST, message};

/// A server that lies: it listens on a unix socket, and a real PostgreSQL answers for it.
pub(crate) struct Liar {
    socket: PathBuf,
    lies: Arc<Mutex<Lies>>,
    ended: Arc<AtomicBool>,
}

impl Liar {
    /// Listens in `dir` under the name that libpq looks for, `host=DIR port=PORT`, in front of the server that listens
    /// at the socket `target`. Honest until it is told to lie.
    pub(crate) fn start(dir: &Path, port: u16, target: PathBuf) -> Self {
        let socket = dir.join(format!(".s.PGSQL.{port}"));
        let listener = UnixListener::bind(&socket).unwrap();
        let (lies, ended) = (Arc::<Mutex<Lies>>::default(), Arc::new(AtomicBool::new(false)));
        let liar = Self { socket, lies: Arc::clone(&lies), ended: Arc::clone(&ended) };
        thread::spawn(move || {
            for client in listener.incoming() {
                if ended.load(Ordering::SeqCst) {
                    return;
                }
                // A connection that cannot be made on ends: the client sees that.
                if let (Ok(client), Ok(server)) = (client, UnixStream::connect(&target)) {
                    let lies = Arc::clone(&lies);
                    thread::spawn(move || drop(connection(client, server, lies)));
                }
            }
        });
        liar
    }

    /// Where it listens.
    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// From now on. Texts and parameters that are at the server already stay as they are.
    pub(crate) fn lie(&self, when: When, lie: Lie) {
        self.lies().add(when, lie);
    }

    /// Tells the truth again, and says how often it lied since it last did. A test that lied never has shown nothing.
    pub(crate) fn repent(&self) -> usize {
        let mut lies = self.lies();
        let told = lies.told;
        lies.clear();
        told
    }

    fn lies(&self) -> MutexGuard<'_, Lies> {
        self.lies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Liar {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // Wakes the listener so that it sees the flag.
        drop(UnixStream::connect(&self.socket));
    }
}

/// `CancelRequest` in the place of a version.
const CANCEL: u32 = 80_877_102;

fn connection(client: UnixStream, server: UnixStream, lies: Arc<Mutex<Lies>>) -> io::Result<()> {
    let (mut from_client, mut to_client) = (BufReader::new(client.try_clone()?), client);
    let (mut from_server, mut to_server) = (BufReader::new(server.try_clone()?), server);
    loop {
        let packet = read_body(&mut from_client)?;
        let code = packet.first_chunk().map_or(0, |code| u32::from_be_bytes(*code));
        let len = u32::try_from(packet.len() + 4).map_err(io::Error::other)?;
        to_server.write_all(&[&len.to_be_bytes()[..], &packet].concat())?;
        match code {
            SSL_REQUEST | GSS_REQUEST => {
                let mut answer = [0];
                from_server.read_exact(&mut answer)?;
                to_client.write_all(&answer)?;
                if answer != *b"N" {
                    return Err(io::Error::other("an encrypted connection cannot be lied on"));
                }
            }
            CANCEL => return Ok(()),
            _ => break,
        }
    }
    let track = Arc::new(Mutex::new(Track::new(lies)));
    let asked = Arc::clone(&track);
    thread::spawn(move || {
        while let Ok(Some(frame)) = read(&mut from_client) {
            // Noted before it travels: its answer cannot come earlier.
            let frame = asked.lock().unwrap_or_else(PoisonError::into_inner).asked(frame);
            if to_server.write_all(&message(frame.kind as u8, &frame.body)).is_err() {
                break;
            }
        }
        // Half-closed: the other direction may go on.
        let _ = to_server.shutdown(Shutdown::Write);
    });
    while let Ok(Some(frame)) = read(&mut from_server) {
        let frames = track.lock().unwrap_or_else(PoisonError::into_inner).answered(frame);
        let bytes: Vec<u8> = frames.iter().flat_map(|frame| message(frame.kind as u8, &frame.body)).collect();
        to_client.write_all(&bytes)?;
    }
    let _ = to_client.shutdown(Shutdown::Both);
    Ok(())
}
