//! TLS of the connections that the proxy and its commands make for themselves, over tokio-postgres.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pgseal::apply::{Connect, Connecting};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream as Secured;

use super::{ALPN, explain, server};

/// How tokio-postgres gets its TLS.
#[derive(Clone)]
pub struct Connector {
    /// Without it `sslmode` is `disable`, and this is not asked.
    config: Option<Arc<ClientConfig>>,
    direct: bool,
}

impl Connector {
    /// As the server leg is set.
    pub fn new(leg: &server::Leg) -> Self {
        Self { config: leg.config().cloned(), direct: leg.is_direct() }
    }
}

/// Why no TLS came about. No I/O error: trying again changes nothing.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Refused(String);

/// Either that, or the network's own reason.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A stream under TLS.
pub struct Stream<S>(Secured<S>);

/// One connection's handshake.
pub struct Handshake {
    connector: Connector,
    name: ServerName<'static>,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> MakeTlsConnect<S> for Connector {
    type Stream = Stream<S>;
    type TlsConnect = Handshake;
    type Error = Refused;

    fn make_tls_connect(&mut self, domain: &str) -> Result<Handshake, Refused> {
        // Of a unix socket there is no name, and no TLS that would ask for one.
        let name = server::name(if domain.is_empty() { "localhost" } else { domain }).map_err(Refused)?;
        Ok(Handshake { connector: self.clone(), name })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> TlsConnect<S> for Handshake {
    type Stream = Stream<S>;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Stream<S>, Failure>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        Box::pin(async move {
            let config = self.connector.config.ok_or_else(|| Refused("sslmode=disable".into()))?;
            match TlsConnector::from(config).connect(self.name, stream).await {
                Ok(secured) if self.connector.direct && secured.get_ref().1.alpn_protocol() != Some(ALPN) => {
                    Err(Refused("the server takes TLS, but not sslnegotiation=direct".into()).into())
                }
                Ok(secured) => Ok(Stream(secured)),
                Err(error) if error.get_ref().is_some_and(|cause| cause.is::<rustls::Error>()) => {
                    Err(Refused(explain(&error, "server")).into())
                }
                Err(error) => Err(error.into()),
            }
        })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream for Stream<S> {
    /// Nothing: the server then takes SCRAM-SHA-256 without, and its certificate is what `sslmode` verified.
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Stream<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_read(cx, buf)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Stream<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().0).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_shutdown(cx)
    }
}

/// A database as a command reaches it.
pub(crate) struct Database {
    pub(crate) config: tokio_postgres::Config,
    pub(crate) connector: Connector,
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.config.fmt(f)
    }
}

impl Connect for Database {
    fn connect(&self) -> Connecting<'_> {
        Box::pin(pgseal::apply::connect_over(&self.config, self.connector.clone()))
    }
}
