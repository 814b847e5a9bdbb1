//! A client that sends exactly the bytes it is told, and a small vocabulary of frontend messages
//! (PostgreSQL's documentation, "Message Formats").

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use super::leaks::Heard;

/// One message of the server: type and body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: char,
    pub(crate) body: Vec<u8>,
}

impl Frame {
    /// The value of a field of an ErrorResponse or NoticeResponse.
    pub(crate) fn field(&self, code: char) -> Option<String> {
        let mut rest = self.body.as_slice();
        while let Some((found, after)) = rest.split_first().filter(|(code, _)| **code != 0) {
            let end = after.iter().position(|byte| *byte == 0)?;
            if char::from(*found) == code {
                return Some(String::from_utf8_lossy(&after[..end]).into_owned());
            }
            rest = &after[end + 1..];
        }
        None
    }

    /// The columns of a DataRow.
    pub(crate) fn columns(&self) -> Vec<Option<Vec<u8>>> {
        let mut columns = Vec::new();
        let mut rest = &self.body[2..];
        while let Some((len, after)) = rest.split_first_chunk::<4>() {
            match usize::try_from(i32::from_be_bytes(*len)) {
                Ok(len) => {
                    columns.push(Some(after[..len].to_vec()));
                    rest = &after[len..];
                }
                Err(_) => {
                    columns.push(None);
                    rest = after;
                }
            }
        }
        columns
    }
}

enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(stream) => stream.read(buffer),
            Socket::Unix(stream) => stream.read(buffer),
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(stream) => stream.write(bytes),
            Socket::Unix(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A connection without any intelligence.
pub(crate) struct Raw {
    socket: Socket,
    /// Keeps the bodies of all messages.
    heard: Option<Heard>,
}

const PATIENCE: Option<Duration> = Some(Duration::from_secs(180));

impl Raw {
    /// A TCP connection; nothing is sent.
    pub(crate) fn dial(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(PATIENCE).unwrap();
        Self { socket: Socket::Tcp(stream), heard: None }
    }

    /// A unix connection to a server's socket; nothing is sent.
    pub(crate) fn dial_unix(dir: &Path, port: u16) -> Self {
        let stream = UnixStream::connect(dir.join(format!(".s.PGSQL.{port}"))).unwrap();
        stream.set_read_timeout(PATIENCE).unwrap();
        Self { socket: Socket::Unix(stream), heard: None }
    }

    /// What it hears from now on is kept there too.
    pub(crate) fn heard_by(self, heard: Option<Heard>) -> Self {
        Self { heard, ..self }
    }

    /// Sends the start-up message of `postgres` and reads to the first ReadyForQuery.
    pub(crate) fn log_in(&mut self, database: &str) -> Vec<Frame> {
        self.send(&startup(&[("user", "postgres"), ("database", database)]));
        self.until('Z')
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).unwrap();
    }

    /// The same connection twice: one to read, one to write at the same time.
    pub(crate) fn split(self) -> (Self, Self) {
        let other = match &self.socket {
            Socket::Tcp(stream) => Socket::Tcp(stream.try_clone().unwrap()),
            Socket::Unix(stream) => Socket::Unix(stream.try_clone().unwrap()),
        };
        let heard = self.heard.clone();
        (self, Self { socket: other, heard })
    }

    /// This end of a TCP connection.
    pub(crate) fn local_address(&self) -> SocketAddr {
        match &self.socket {
            Socket::Tcp(stream) => stream.local_addr().unwrap(),
            Socket::Unix(_) => panic!("a unix socket has no address"),
        }
    }

    /// Says that nothing more will be sent; reading goes on.
    pub(crate) fn half_close(&self) {
        match &self.socket {
            Socket::Tcp(stream) => stream.shutdown(Shutdown::Write).unwrap(),
            Socket::Unix(stream) => stream.shutdown(Shutdown::Write).unwrap(),
        }
    }

    /// Sends one byte a write.
    pub(crate) fn send_slowly(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.send(&[*byte]));
    }

    /// The next message, or None at the end of the stream.
    pub(crate) fn frame(&mut self) -> Option<Frame> {
        let mut kind = [0];
        if self.socket.read(&mut kind).unwrap_or(0) == 0 {
            return None;
        }
        let mut len = [0; 4];
        self.socket.read_exact(&mut len).unwrap();
        let mut body = vec![0; usize::try_from(u32::from_be_bytes(len)).unwrap() - 4];
        self.socket.read_exact(&mut body).unwrap();
        if let Some(heard) = &self.heard {
            heard.lock().unwrap().extend_from_slice(&body);
        }
        Some(Frame { kind: char::from(kind[0]), body })
    }

    /// Messages up to and with the first of this kind; or to the end of the stream.
    pub(crate) fn until(&mut self, kind: char) -> Vec<Frame> {
        let mut frames = Vec::new();
        while let Some(frame) = self.frame() {
            let last = frame.kind == kind;
            frames.push(frame);
            if last {
                break;
            }
        }
        frames
    }

    /// Sends a script, then reads until the server has said ReadyForQuery `count` times.
    pub(crate) fn talk(&mut self, script: &[u8], count: usize) -> Vec<Frame> {
        self.send(script);
        (0..count).flat_map(|_| self.until('Z')).collect()
    }

    /// All bytes to the end of the stream.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // A reset ends it as well as a FIN.
        let _ = self.socket.read_to_end(&mut bytes);
        bytes
    }

    /// Sends as much of `bytes` as the other side and the buffers between take.
    pub(crate) fn send_what_fits(&mut self, bytes: &[u8]) {
        let limit = Some(Duration::from_millis(300));
        match &self.socket {
            Socket::Tcp(stream) => stream.set_write_timeout(limit).unwrap(),
            Socket::Unix(stream) => stream.set_write_timeout(limit).unwrap(),
        }
        let error = self.socket.write_all(bytes).expect_err("everything fitted");
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    }

    /// One byte, as in the answer to an SSLRequest; None at the end.
    pub(crate) fn byte(&mut self) -> Option<u8> {
        let mut byte = [0];
        match self.socket.read(&mut byte) {
            Ok(1) => Some(byte[0]),
            _ => None,
        }
    }
}

/// The kinds of messages, for a glance at their order.
pub(crate) fn kinds(frames: &[Frame]) -> String {
    frames.iter().map(|frame| frame.kind).collect()
}

/// A message with a type.
pub(crate) fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(body.len() + 4).unwrap();
    [&[kind], &len.to_be_bytes()[..], body].concat()
}

pub(crate) fn startup(parameters: &[(&str, &str)]) -> Vec<u8> {
    let mut body = 0x0003_0000_u32.to_be_bytes().to_vec();
    for (name, value) in parameters {
        body.extend([name.as_bytes(), b"\0", value.as_bytes(), b"\0"].concat());
    }
    body.push(0);
    [&u32::try_from(body.len() + 4).unwrap().to_be_bytes()[..], &body].concat()
}

/// SSLRequest or GSSENCRequest by its code.
pub(crate) fn encryption_request(code: u32) -> Vec<u8> {
    [8_u32.to_be_bytes(), code.to_be_bytes()].concat()
}

pub(crate) const SSL_REQUEST: u32 = 80_877_103;
pub(crate) const GSS_REQUEST: u32 = 80_877_104;

fn text(text: &str) -> Vec<u8> {
    [text.as_bytes(), b"\0"].concat()
}

pub(crate) fn query(sql: &str) -> Vec<u8> {
    message(b'Q', &text(sql))
}

pub(crate) fn parse(name: &str, sql: &str, types: &[u32]) -> Vec<u8> {
    let mut body = [text(name), text(sql)].concat();
    body.extend(u16::try_from(types.len()).unwrap().to_be_bytes());
    types.iter().for_each(|oid| body.extend(oid.to_be_bytes()));
    message(b'P', &body)
}

/// Parameters in text; results in `format` (0 text, 1 binary).
pub(crate) fn bind(portal: &str, statement: &str, values: &[Option<&str>], format: u16) -> Vec<u8> {
    let values: Vec<_> = values.iter().map(|value| value.map(str::as_bytes)).collect();
    bind_formats(portal, statement, &[], &values, &[format])
}

pub(crate) fn bind_formats(
    portal: &str,
    statement: &str,
    formats: &[u16],
    values: &[Option<&[u8]>],
    results: &[u16],
) -> Vec<u8> {
    let mut body = [text(portal), text(statement)].concat();
    let count = |body: &mut Vec<u8>, len: usize| body.extend(u16::try_from(len).unwrap().to_be_bytes());
    count(&mut body, formats.len());
    formats.iter().for_each(|format| body.extend(format.to_be_bytes()));
    count(&mut body, values.len());
    for value in values {
        match value {
            Some(bytes) => {
                body.extend(u32::try_from(bytes.len()).unwrap().to_be_bytes());
                body.extend_from_slice(bytes);
            }
            None => body.extend((-1_i32).to_be_bytes()),
        }
    }
    count(&mut body, results.len());
    results.iter().for_each(|format| body.extend(format.to_be_bytes()));
    message(b'B', &body)
}

/// `S` a statement, `P` a portal.
pub(crate) fn describe(what: u8, name: &str) -> Vec<u8> {
    message(b'D', &[&[what], text(name).as_slice()].concat())
}

/// `rows` 0: all of them.
pub(crate) fn execute(portal: &str, rows: u32) -> Vec<u8> {
    message(b'E', &[text(portal).as_slice(), &rows.to_be_bytes()].concat())
}

pub(crate) fn close(what: u8, name: &str) -> Vec<u8> {
    message(b'C', &[&[what], text(name).as_slice()].concat())
}

pub(crate) fn sync() -> Vec<u8> {
    message(b'S', &[])
}

pub(crate) fn flush() -> Vec<u8> {
    message(b'H', &[])
}

pub(crate) fn copy_data(bytes: &[u8]) -> Vec<u8> {
    message(b'd', bytes)
}

pub(crate) fn copy_done() -> Vec<u8> {
    message(b'c', &[])
}

pub(crate) fn copy_fail(reason: &str) -> Vec<u8> {
    message(b'f', &text(reason))
}

pub(crate) fn terminate() -> Vec<u8> {
    message(b'X', &[])
}
