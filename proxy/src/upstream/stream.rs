//! A byte stream to a client or server: TCP or a unix socket.

use std::io;
use std::mem::MaybeUninit;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf, Ready};
use tokio::net::{TcpStream, UnixStream, tcp, unix};

use super::Keepalive;
use super::secured::Secured;
use crate::tls::client::Loaded;

/// One connection.
#[derive(Debug)]
pub enum Stream {
    /// TCP, without Nagle's delay.
    Tcp(TcpStream),
    /// A unix socket.
    Unix(UnixStream),
    /// TCP under TLS.
    Tls(Box<Secured>),
    /// Given up in a handshake that failed: nothing comes, and nothing goes.
    Gone,
}

/// Its reading side.
#[derive(Debug)]
pub enum ReadHalf<'a> {
    /// TCP.
    Tcp(tcp::ReadHalf<'a>),
    /// A unix socket.
    Unix(unix::ReadHalf<'a>),
    /// TCP under TLS.
    Tls(&'a Secured),
    /// Nothing.
    Gone,
}

/// How the other side of a connection closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// It sends nothing more, and may still read.
    Writing,
    /// It is gone.
    Reset,
}

/// What is ready when the other side closed, though nothing is read and bytes of it wait to be.
#[cfg(any(target_os = "linux", target_os = "android"))]
const CLOSED: Interest = Interest::PRIORITY.add(Interest::ERROR);
/// Elsewhere only a reset is seen without reading.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const CLOSED: Interest = Interest::ERROR;

/// Its writing side.
#[derive(Debug)]
pub enum WriteHalf<'a> {
    /// TCP.
    Tcp(tcp::WriteHalf<'a>),
    /// A unix socket.
    Unix(unix::WriteHalf<'a>),
    /// TCP under TLS.
    Tls(&'a Secured),
    /// Nothing.
    Gone,
}

impl Stream {
    pub(super) async fn connect_tcp(name: &str, port: u16, keepalive: &Keepalive) -> io::Result<TcpStream> {
        let stream = TcpStream::connect((name, port)).await?;
        stream.set_nodelay(true)?;
        if keepalive.enabled {
            set_keepalive(&stream, keepalive)?;
        }
        Ok(stream)
    }

    pub(super) async fn connect_unix(path: &Path) -> io::Result<Self> {
        UnixStream::connect(path).await.map(Stream::Unix)
    }

    /// A client's TCP connection: no Nagle, keepalive with the system's times.
    ///
    /// # Errors
    /// What the system says about the socket.
    pub fn accepted(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        SockRef::from(&stream).set_keepalive(true)?;
        Ok(Stream::Tcp(stream))
    }

    /// Who is on the other side, in PostgreSQL's words.
    pub fn peer(&self) -> String {
        match self {
            Stream::Tcp(stream) => stream.peer_addr().map_or_else(|_| String::new(), |address| address.to_string()),
            Stream::Tls(secured) => {
                secured.socket().peer_addr().map_or_else(|_| String::new(), |address| address.to_string())
            }
            Stream::Unix(_) => "[local]".into(),
            Stream::Gone => String::new(),
        }
    }

    /// The TLS of it, if there is any.
    pub fn secured(&self) -> Option<&Secured> {
        match self {
            Stream::Tls(secured) => Some(secured),
            Stream::Tcp(_) | Stream::Unix(_) | Stream::Gone => None,
        }
    }

    /// Answers a client's TLS handshake, of which `early` was read already. If it fails the stream is gone.
    ///
    /// # Errors
    /// Why it failed; a stream that is not TCP in the clear has none.
    pub(crate) async fn accept_tls(&mut self, early: Vec<u8>, loaded: Loaded) -> io::Result<()> {
        match std::mem::replace(self, Stream::Gone) {
            Stream::Tcp(stream) => {
                *self = Stream::Tls(Box::new(Secured::accept(stream, early, loaded).await?));
                Ok(())
            }
            other @ (Stream::Unix(_) | Stream::Tls(_) | Stream::Gone) => {
                *self = other;
                Err(io::ErrorKind::Unsupported.into())
            }
        }
    }

    /// Both sides, to be used independently.
    pub fn split(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>) {
        match self {
            Stream::Tcp(stream) => {
                let (read, write) = stream.split();
                (ReadHalf::Tcp(read), WriteHalf::Tcp(write))
            }
            Stream::Unix(stream) => {
                let (read, write) = stream.split();
                (ReadHalf::Unix(read), WriteHalf::Unix(write))
            }
            Stream::Tls(secured) => (ReadHalf::Tls(secured), WriteHalf::Tls(secured)),
            Stream::Gone => (ReadHalf::Gone, WriteHalf::Gone),
        }
    }
}

impl ReadHalf<'_> {
    /// Waits until the other side has closed; reads nothing.
    pub async fn closed(&self) -> Closed {
        match self.ready(CLOSED).await {
            Ok(ready) if !ready.is_error() => Closed::Writing,
            Ok(_) | Err(_) => Closed::Reset,
        }
    }

    /// Waits for a reset; reads nothing.
    pub async fn reset(&self) {
        // An error is one.
        let _ = self.ready(Interest::ERROR).await;
    }

    /// Whether bytes of the other side wait to be read.
    pub fn has_unread(&self) -> bool {
        let mut byte = [MaybeUninit::uninit()];
        let socket = match self {
            ReadHalf::Tcp(half) => SockRef::from(half.as_ref()),
            ReadHalf::Unix(half) => SockRef::from(half.as_ref()),
            ReadHalf::Tls(secured) if secured.has_unread() => return true,
            ReadHalf::Tls(secured) => SockRef::from(secured.socket()),
            ReadHalf::Gone => return false,
        };
        matches!(socket.peek(&mut byte), Ok(1..))
    }

    async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        match self {
            ReadHalf::Tcp(half) => half.ready(interest).await,
            ReadHalf::Unix(half) => half.ready(interest).await,
            // TLS says it by the socket too: who closes one closes the other.
            ReadHalf::Tls(secured) => secured.socket().ready(interest).await,
            ReadHalf::Gone => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

fn set_keepalive(stream: &TcpStream, keepalive: &Keepalive) -> io::Result<()> {
    let mut wanted = TcpKeepalive::new();
    if let Some(idle) = keepalive.idle {
        wanted = wanted.with_time(idle);
    }
    if let Some(interval) = keepalive.interval {
        wanted = wanted.with_interval(interval);
    }
    if let Some(count) = keepalive.count {
        wanted = wanted.with_retries(count);
    }
    let socket = SockRef::from(stream);
    socket.set_keepalive(true)?;
    socket.set_tcp_keepalive(&wanted)
}

impl AsyncRead for ReadHalf<'_> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            ReadHalf::Tcp(half) => Pin::new(half).poll_read(cx, buf),
            ReadHalf::Unix(half) => Pin::new(half).poll_read(cx, buf),
            ReadHalf::Tls(secured) => secured.poll_read(cx, buf),
            ReadHalf::Gone => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncWrite for WriteHalf<'_> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            WriteHalf::Tcp(half) => Pin::new(half).poll_write(cx, buf),
            WriteHalf::Unix(half) => Pin::new(half).poll_write(cx, buf),
            WriteHalf::Tls(secured) => secured.poll_write(cx, buf),
            WriteHalf::Gone => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            WriteHalf::Tcp(half) => Pin::new(half).poll_flush(cx),
            WriteHalf::Unix(half) => Pin::new(half).poll_flush(cx),
            WriteHalf::Tls(secured) => secured.poll_flush(cx),
            WriteHalf::Gone => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            WriteHalf::Tcp(half) => Pin::new(half).poll_shutdown(cx),
            WriteHalf::Unix(half) => Pin::new(half).poll_shutdown(cx),
            WriteHalf::Tls(secured) => secured.poll_shutdown(cx),
            WriteHalf::Gone => Poll::Ready(Ok(())),
        }
    }
}
