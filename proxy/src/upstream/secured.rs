//! A TCP connection under TLS. Its two directions are used independently by one task: each locks for one call, and nobody
//! else is there to wait for.

use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use rustls::ClientConfig;
use rustls::pki_types::{CertificateDer, ServerName};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use crate::tls::ALPN;
use crate::tls::client::Loaded;

/// A TCP connection under TLS.
#[derive(Debug)]
pub struct Secured {
    tls: Mutex<TlsStream<Socket>>,
    socket: Arc<OwnedWriteHalf>,
    /// The server's on this connection: the proxy's own towards a client.
    certificate: Option<CertificateDer<'static>>,
}

impl Secured {
    /// Answers a client's handshake, of which `early` came already.
    pub(super) async fn accept(stream: TcpStream, early: Vec<u8>, loaded: Loaded) -> io::Result<Self> {
        let (io, socket) = Socket::new(stream, early);
        let tls = TlsAcceptor::from(loaded.config).accept(io).await?;
        Ok(Self { tls: Mutex::new(tls.into()), socket, certificate: Some(loaded.leaf) })
    }

    /// Begins one with a server of this name.
    pub(super) async fn connect(
        stream: TcpStream,
        name: ServerName<'static>,
        config: Arc<ClientConfig>,
    ) -> io::Result<Self> {
        let (io, socket) = Socket::new(stream, Vec::new());
        let tls = TlsConnector::from(config).connect(name, io).await?;
        let certificate = tls.get_ref().1.peer_certificates().and_then(|chain| chain.first());
        let certificate = certificate.map(|leaf| leaf.clone().into_owned());
        Ok(Self { tls: Mutex::new(tls.into()), socket, certificate })
    }

    /// Whether both sides said that they speak PostgreSQL's protocol (ALPN).
    pub(crate) fn is_postgresql(&self) -> bool {
        self.locked(|tls| tls.get_ref().1.alpn_protocol() == Some(ALPN))
    }

    /// The server's certificate on this connection.
    pub(crate) fn certificate(&self) -> Option<&CertificateDer<'static>> {
        self.certificate.as_ref()
    }

    /// The socket under it.
    pub(super) fn socket(&self) -> &TcpStream {
        self.socket.as_ref().as_ref()
    }

    /// Whether there is something that was decrypted and not read.
    pub(super) fn has_unread(&self) -> bool {
        self.locked(|tls| !tls.get_ref().1.wants_read())
    }

    /// A peer that closes without saying so under TLS has closed all the same: PostgreSQL's messages have their lengths, and
    /// who can cut the connection can keep a farewell back.
    pub(super) fn poll_read(&self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.locked(|tls| Pin::new(tls).poll_read(cx, buf)) {
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => Poll::Ready(Ok(())),
            other => other,
        }
    }

    pub(super) fn poll_write(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.locked(|tls| Pin::new(tls).poll_write(cx, buf))
    }

    pub(super) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.locked(|tls| Pin::new(tls).poll_flush(cx))
    }

    pub(super) fn poll_shutdown(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.locked(|tls| Pin::new(tls).poll_shutdown(cx))
    }

    fn locked<T>(&self, then: impl FnOnce(&mut TlsStream<Socket>) -> T) -> T {
        then(&mut self.tls.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The connection below. Its reading half is tokio's, which knows when a read has emptied the socket; the other is shared
/// with whoever asks whether the peer has closed.
#[derive(Debug)]
struct Socket {
    /// What came before the handshake began.
    early: Vec<u8>,
    read: OwnedReadHalf,
    write: Arc<OwnedWriteHalf>,
}

impl Socket {
    fn new(stream: TcpStream, early: Vec<u8>) -> (Self, Arc<OwnedWriteHalf>) {
        let (read, write) = stream.into_split();
        let write = Arc::new(write);
        (Self { early, read, write: Arc::clone(&write) }, write)
    }

    fn poll_send(&self, cx: &mut Context<'_>, send: impl Fn() -> io::Result<usize>) -> Poll<io::Result<usize>> {
        let stream: &TcpStream = self.write.as_ref().as_ref();
        loop {
            ready!(stream.poll_write_ready(cx))?;
            match send() {
                // That it is not ready is known now.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                sent => return Poll::Ready(sent),
            }
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let socket = self.get_mut();
        if socket.early.is_empty() {
            return Pin::new(&mut socket.read).poll_read(cx, buf);
        }
        let count = socket.early.len().min(buf.remaining());
        buf.put_slice(&socket.early[..count]);
        socket.early.drain(..count);
        if socket.early.is_empty() {
            socket.early = Vec::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_send(cx, || self.write.try_write(buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_send(cx, || self.write.try_write_vectored(bufs))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream: &TcpStream = self.write.as_ref().as_ref();
        Poll::Ready(SockRef::from(stream).shutdown(Shutdown::Write))
    }
}
