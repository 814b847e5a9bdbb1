//! Where the protected server is, and how to reach it: `--upstream`, in libpq's own words.
//!
//! Sessions log in with what their client sends; user and password in here are only for the proxy's own control
//! connections.

mod conninfo;
mod passfile;
mod secured;
mod security;
mod stream;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_postgres::config::{SslMode, SslNegotiation};

use crate::tls::server::{self, Leg};
use crate::tls::{Connector, explain};
pub use secured::Secured;
pub use stream::{Closed, ReadHalf, Stream, WriteHalf};

/// One server of the host list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// A name or an address, and a port.
    Tcp {
        /// Resolved at each connection, as libpq does.
        name: String,
        /// TCP port.
        port: u16,
    },
    /// `host=/path`: the socket is `/path/.s.PGSQL.PORT`.
    Unix {
        /// The directory.
        directory: PathBuf,
        /// The number in the socket's name.
        port: u16,
    },
}

impl Host {
    /// The socket file of a unix host.
    fn socket(directory: &std::path::Path, port: u16) -> PathBuf {
        directory.join(format!(".s.PGSQL.{port}"))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Tcp { name, port } if name.contains(':') => write!(f, "[{name}]:{port}"),
            Host::Tcp { name, port } => write!(f, "{name}:{port}"),
            Host::Unix { directory, port } => write!(f, "{}", Self::socket(directory, *port).display()),
        }
    }
}

/// A password: it shows nothing of itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// TCP keepalive of the connections to the server; libpq's `keepalives*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keepalive {
    /// `keepalives`
    pub enabled: bool,
    /// `keepalives_idle`
    pub idle: Option<Duration>,
    /// `keepalives_interval`
    pub interval: Option<Duration>,
    /// `keepalives_count`
    pub count: Option<u32>,
}

/// A parsed `--upstream`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// Tried in order; never empty.
    pub hosts: Vec<Host>,
    /// The role of the control connections.
    pub user: String,
    /// The one database that the schema file protects.
    pub database: String,
    password: Option<Password>,
    options: Option<String>,
    application_name: Option<String>,
    connect_timeout: Option<Duration>,
    keepalive: Keepalive,
    tls: Leg,
}

/// Why a `--upstream` cannot be used. It never holds the text, which may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is not a URL or list of keywords that libpq would take.
    #[error("upstream: {0}")]
    Syntax(String),
    /// A keyword that libpq does not have.
    #[error("upstream: unknown connection parameter {0:?}")]
    Unknown(String),
    /// libpq has it, this version does not.
    #[error("upstream: {0} is not in this version")]
    Later(String),
    /// A value that its keyword does not take.
    #[error("upstream: invalid value for {0}")]
    Value(&'static str),
    /// TLS cannot be as it is asked for.
    #[error("upstream: {0}")]
    Tls(String),
    /// The password file cannot be used.
    #[error("upstream: {0}")]
    PassFile(String),
}

/// Why no server could be reached: each host with its reason.
#[derive(Debug, Default, thiserror::Error)]
#[error("cannot connect to the server at {reasons}")]
pub struct ConnectError {
    reasons: String,
    /// It was not the server's fault: this process, or the system, has no descriptor left.
    pub out_of_descriptors: bool,
}

impl ConnectError {
    /// With the reason of one host more.
    fn and(mut self, host: &Host, error: &std::io::Error) -> Self {
        let separator = if self.reasons.is_empty() { "" } else { "; " };
        self.reasons.push_str(&format!("{separator}{host}: {error}"));
        self.out_of_descriptors |= out_of_descriptors(error);
        self
    }
}

/// Whether a call failed because no file descriptor was left.
pub fn out_of_descriptors(error: &std::io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE))
}

/// SSLRequest, whole.
const SSL_REQUEST: &[u8] = &[0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f];

impl Upstream {
    /// Parses a URL or a keyword string; what it leaves out comes from libpq's environment variables.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        conninfo::parse(text, &|name| std::env::var(name).ok())
    }

    /// Connects to the first host that answers; the number says which one it was.
    ///
    /// # Errors
    /// [`ConnectError`] with the reason of each host.
    pub async fn connect(&self) -> Result<(Stream, usize), ConnectError> {
        let mut failed = ConnectError::default();
        for (index, host) in self.hosts.iter().enumerate() {
            match self.connect_to(host).await {
                Ok(stream) => return Ok((stream, index)),
                Err(error) => failed = failed.and(host, &error),
            }
        }
        Err(failed)
    }

    /// Connects to the host of this number, for a CancelRequest.
    ///
    /// # Errors
    /// [`ConnectError`] if it does not answer.
    pub async fn connect_index(&self, index: usize) -> Result<Stream, ConnectError> {
        let Some(host) = self.hosts.get(index) else {
            return Err(ConnectError { reasons: "(no such host)".into(), out_of_descriptors: false });
        };
        self.connect_to(host).await.map_err(|error| ConnectError::default().and(host, &error))
    }

    async fn connect_to(&self, host: &Host) -> std::io::Result<Stream> {
        let connecting = async {
            match host {
                Host::Tcp { name, port } => {
                    let stream = Stream::connect_tcp(name, *port, &self.keepalive).await?;
                    self.secure(stream, name).await
                }
                Host::Unix { directory, port } => Stream::connect_unix(&Host::socket(directory, *port)).await,
            }
        };
        // libpq waits for ever by default; a client that waits for us should learn the reason before it gives up.
        let limit = self.connect_timeout.unwrap_or(Duration::from_secs(30));
        tokio::time::timeout(limit, connecting).await.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
    }

    /// Brings a new connection under TLS, or leaves it in the clear where `sslmode` lets it.
    async fn secure(&self, mut stream: TcpStream, name: &str) -> io::Result<Stream> {
        let Some(config) = self.tls.config() else { return Ok(Stream::Tcp(stream)) };
        if !self.tls.is_direct() {
            stream.write_all(SSL_REQUEST).await?;
            // One byte and no more: what came behind it in the clear must not be taken for what TLS protects.
            match (stream.read_u8().await?, self.tls.mode()) {
                (b'S', _) => {}
                (b'N', mode) if !mode.demands() => return Ok(Stream::Tcp(stream)),
                (b'N', mode) => {
                    let mode = mode.word();
                    return Err(io::Error::other(format!(
                        "the server does not offer TLS, which sslmode={mode} demands"
                    )));
                }
                (_, _) => return Err(io::Error::other("the answer to an SSLRequest is neither S nor N")),
            }
        }
        let name = server::name(name).map_err(io::Error::other)?;
        let secured = Secured::connect(stream, name, config.clone());
        let secured = secured.await.map_err(|error| io::Error::other(explain(&error, "server")))?;
        if self.tls.is_direct() && !secured.is_postgresql() {
            return Err(io::Error::other("the server takes TLS, but not sslnegotiation=direct"));
        }
        Ok(Stream::Tls(Box::new(secured)))
    }

    /// `sslmode`; `disable` where no host has TLS.
    pub(crate) fn ssl_mode(&self) -> server::Mode {
        self.tls.mode()
    }

    /// How tokio-postgres brings a control connection under TLS.
    pub fn connector(&self) -> Connector {
        Connector::new(&self.tls)
    }

    /// The configuration of a control connection; [`Upstream::connector`] belongs to it.
    pub fn control(&self) -> tokio_postgres::Config {
        let mut config = tokio_postgres::Config::new();
        for host in &self.hosts {
            match host {
                Host::Tcp { name, port } => config.host(name).port(*port),
                Host::Unix { directory, port } => config.host_path(directory).port(*port),
            };
        }
        config.user(&self.user).dbname(&self.database);
        config.ssl_mode(match self.tls.mode() {
            server::Mode::Disable => SslMode::Disable,
            mode if mode.demands() => SslMode::Require,
            _ => SslMode::Prefer,
        });
        if self.tls.is_direct() {
            config.ssl_negotiation(SslNegotiation::Direct);
        }
        config.application_name(self.application_name.as_deref().unwrap_or("pgseal"));
        config.connect_timeout(self.connect_timeout.unwrap_or(Duration::from_secs(30)));
        let Keepalive { enabled, idle, interval, count } = &self.keepalive;
        config.keepalives(*enabled);
        if let Some(idle) = idle {
            config.keepalives_idle(*idle);
        }
        if let Some(interval) = interval {
            config.keepalives_interval(*interval);
        }
        if let Some(count) = count {
            config.keepalives_retries(*count);
        }
        if let Some(Password(password)) = &self.password {
            config.password(password);
        }
        if let Some(options) = &self.options {
            config.options(options);
        }
        config
    }
}
