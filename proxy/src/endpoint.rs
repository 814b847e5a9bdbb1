//! The proxy inside another process: a unix socket of its own, for drivers that are not ours.
//!
//! sqlx, diesel, sea-orm and every other driver that speaks PostgreSQL's protocol run on sealed tables without a second
//! process to start and to watch: [`Endpoint::spawn`] serves on a socket in a private directory, and
//! [`Endpoint::url`] is what the driver connects to. Who may log in is up to the server, as behind `pgseal serve`; who
//! may connect at all is up to the directory, which only this user can enter.
//!
//! ```
//! use pgseal_proxy::endpoint::{Endpoint, Options};
//! # use std::os::unix::fs::DirBuilderExt;
//! # use pgseal::{apply, schema::parse, testing::postgres::{Binaries, Postgres}};
//! # let folder = std::env::temp_dir().join(format!("pgseal-doc-{}", std::process::id()));
//! # std::fs::DirBuilder::new().mode(0o700).create(&folder)?;
//! # let server = Postgres::start(Binaries::find(&folder)?)?;
//! # server.create_database("shop")?;
//! # server.psql("shop", "CREATE TABLE customer (id bigint PRIMARY KEY, email text)")?;
//! # let schema = folder.join("shop.toml");
//! # std::fs::write(&schema, r#"
//! # version = 1
//! # [keyrings.prod]
//! # generator = "local:shop"
//! # [branch_keys.customers]
//! # keyring = "prod"
//! # [tables.customer]
//! # name = "public.customer"
//! # branch_key = "customers"
//! # [tables.customer.columns]
//! # id = "SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT"
//! # email = { action = "ENCRYPT_AND_SIGN", type = "text" }
//! # "#)?;
//! # let request = apply::Request {
//! #     schema: &parse::load(&schema).unwrap(),
//! #     database: &server.url("shop").parse::<tokio_postgres::Config>()?,
//! #     lock: &apply::lock_path(&schema, None),
//! #     create_keys: true,
//! #     state_dir: &folder,
//! # };
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//! # runtime.block_on(apply::run(&request))?;
//! # let (upstream, state_dir, password) = (server.url("shop"), &folder, server.password());
//!
//! // After `pgseal schema apply`; `schema` is a path, `upstream` a URL with the proxy's own role.
//! let endpoint = Endpoint::spawn(Options::new(&schema, &upstream).state_dir(state_dir))?;
//!
//! // Any driver: here tokio-postgres.
//! let mut config: tokio_postgres::Config = endpoint.url("postgres", "shop").parse()?;
//! config.password(password);
//! # runtime.block_on(async {
//! let (client, connection) = config.connect(tokio_postgres::NoTls).await?;
//! tokio::spawn(connection);
//! client.execute("INSERT INTO customer VALUES (1, $1)", &[&"ada@example.org"]).await?;
//! let email: String = client.query_one("SELECT email FROM customer", &[]).await?.get(0);
//! assert_eq!(email, "ada@example.org");
//! # Ok::<(), tokio_postgres::Error>(())
//! # })?;
//! # assert!(server.psql("shop", "SELECT email FROM customer")?.starts_with("\\x01"));
//!
//! endpoint.shutdown()?;
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fmt;
use std::future::{pending, ready};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use tokio::sync::oneshot;

pub use crate::config::Limits;
pub use crate::service::Error;

use crate::listener::{Address, Listener};
use crate::service::{Service, Settings, Told};

/// The number in the socket's name; a driver's default.
const PORT: u16 = 5432;

/// What an [`Endpoint`] serves. Schema file and upstream must be said, all else has a default.
pub struct Options(Told);

impl Options {
    /// `schema` is the schema file or directory, `upstream` the server as a libpq URL or keywords; its user is the
    /// proxy's own role, which reads catalog and key store.
    pub fn new(schema: impl Into<PathBuf>, upstream: impl Into<String>) -> Self {
        Self(Told {
            schema: schema.into(),
            upstream: upstream.into(),
            lock: None,
            state_dir: None,
            threads: thread::available_parallelism().map_or(1, usize::from),
            limits: Limits::default(),
            allow_cleartext_password: false,
            pass_databases: Vec::new(),
            tls: None,
        })
    }

    /// The schema lock; else `FILE.lock`, or `DIR/pgseal.lock`.
    pub fn lock(mut self, path: impl Into<PathBuf>) -> Self {
        self.0.lock = Some(path.into());
        self
    }

    /// Where the embedded key service keeps its root key; else `$XDG_STATE_HOME/pgseal`.
    pub fn state_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.0.state_dir = Some(path.into());
        self
    }

    /// Threads that serve, at least 1; else one a core.
    pub fn threads(mut self, threads: usize) -> Self {
        self.0.threads = threads.max(1);
        self
    }

    /// What a session may use, and how long [`Endpoint::shutdown`] waits.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.0.limits = limits;
        self
    }

    /// Whether a server's wish for a clear-text password (LDAP, RADIUS, PAM) is passed on; else it is refused.
    pub fn allow_cleartext_password(mut self, allow: bool) -> Self {
        self.0.allow_cleartext_password = allow;
        self
    }

    /// Other databases of the server that are relayed untouched; else none.
    pub fn pass_databases(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.0.pass_databases = names.into_iter().map(Into::into).collect();
        self
    }
}

impl fmt::Debug for Options {
    /// Without the upstream, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("schema", &self.0.schema).finish_non_exhaustive()
    }
}

/// A proxy on a unix socket of its own, on threads of its own. Dropping it ends its sessions at once and removes the
/// socket; [`Endpoint::shutdown`] waits for those that are at work. A process that is killed leaves the directory
/// behind, under `TMPDIR`.
pub struct Endpoint {
    folder: Folder,
    /// A message asks for a drain; its end, for the end.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<(), Error>>>,
}

impl Endpoint {
    /// Starts it, and returns once it serves. Blocks while it reads the catalog and loads the keys: asynchronous code
    /// that cannot wait for that calls it in its runtime's `spawn_blocking`.
    ///
    /// What goes wrong later is logged through `tracing`. The process's panic hook is left alone: should a session
    /// panic, it is shown the message.
    ///
    /// # Errors
    /// Those of `pgseal serve`: see [`Error`]. The server is as it was.
    pub fn spawn(options: Options) -> Result<Self, Error> {
        let settings = Settings::read(options.0)?;
        let folder = Folder::new()?;
        let listener = Listener::bind(&Address::Unix(folder.socket())).map_err(Error::Listen)?;
        let (told, started) = mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new().name("pgseal-endpoint".into());
        let thread = thread.spawn(move || serve(listener, settings, &told, stopped))?;
        let endpoint = Self { folder, stop: Some(stop), thread: Some(thread) };
        match started.recv() {
            Ok(outcome) => outcome.map(|()| endpoint),
            Err(mpsc::RecvError) => Err(Error::Internal),
        }
    }

    /// The directory of the socket: what libpq calls the host.
    pub fn socket_dir(&self) -> &Path {
        &self.folder.0
    }

    /// The number in the socket's name, `.s.PGSQL.5432`.
    pub fn port(&self) -> u16 {
        PORT
    }

    /// A connection URL, for every driver that takes libpq's. It holds no password.
    pub fn url(&self, user: &str, database: &str) -> String {
        let host = encoded(self.socket_dir().as_os_str().as_bytes());
        format!("postgresql://{}@{host}:{PORT}/{}", encoded(user.as_bytes()), encoded(database.as_bytes()))
    }

    /// Accepts nothing more, lets active sessions finish for as long as [`Limits::drain`] says, ends the others, and
    /// returns when all is over. Blocks: from asynchronous code that has sessions of its own at work, call it in
    /// `spawn_blocking`.
    ///
    /// # Errors
    /// [`Error::Stuck`], [`Error::Worker`] or [`Error::Internal`]: the socket is gone all the same.
    pub fn shutdown(mut self) -> Result<(), Error> {
        if let Some(stop) = self.stop.take() {
            // An endpoint that has ended already says so below.
            let _ = stop.send(());
        }
        self.join()
    }

    fn join(&mut self) -> Result<(), Error> {
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(ended)) => ended,
            Some(Err(_)) => Err(Error::Internal),
            None => Ok(()),
        }
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.stop = None;
        if let Err(error) = self.join() {
            tracing::warn!(%error, "the endpoint did not end well");
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("socket_dir", &self.socket_dir()).field("port", &PORT).finish_non_exhaustive()
    }
}

/// The endpoint's thread: `told` hears whether it serves, `stopped` says when it should no more.
fn serve(
    listener: Listener,
    settings: Settings,
    told: &mpsc::Sender<Result<(), Error>>,
    stopped: oneshot::Receiver<()>,
) -> Result<(), Error> {
    // Whoever starts the endpoint waits for it: a send cannot fail.
    let tell = |outcome| drop(told.send(outcome));
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tell(Err(error.into()));
            return Ok(());
        }
    };
    let ended = runtime.block_on(async {
        let service = match Service::start(listener, settings).await {
            Ok(service) => service,
            Err(error) => {
                tell(Err(error));
                return Ok(());
            }
        };
        tell(Ok(()));
        match stopped.await {
            Ok(()) => service.end(pending()).await,
            Err(_) => service.end(ready(())).await,
        }
    });
    // Sessions that do not end must not hold the process.
    runtime.shutdown_background();
    ended
}

/// A directory that only this user enters, gone with the endpoint.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self, Error> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(std::io::Error::other)?;
        // Short: the path of a unix socket has 107 bytes at most.
        let path = std::env::temp_dir().join(format!("pgseal-{:016x}", u64::from_ne_bytes(random)));
        std::fs::DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }

    fn socket(&self) -> PathBuf {
        self.0.join(format!(".s.PGSQL.{PORT}"))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // It lies under TMPDIR: what cannot be removed now goes later.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Percent-encoding of RFC 3986 with nothing left as it is but the unreserved characters.
fn encoded(bytes: &[u8]) -> String {
    let mut out = String::new();
    for &byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_debug_shows_the_upstream() {
        let options = Options::new("shop.toml", "postgresql://role:hunter2@db/shop").threads(0);
        assert_eq!(format!("{options:?}"), "Options { schema: \"shop.toml\", .. }");
        assert_eq!(options.0.threads, 1);
    }

    #[test]
    fn it_can_be_kept_in_a_static() {
        fn kept<T: Send + Sync + 'static>() {}
        kept::<Endpoint>();
    }

    #[test]
    fn every_byte_of_a_url_that_means_something_is_encoded() {
        assert_eq!(encoded("/tmp/a b@ä:1%".as_bytes()), "%2Ftmp%2Fa%20b%40%C3%A4%3A1%25");
        assert_eq!(encoded(b"az09AZ-._~"), "az09AZ-._~");
    }

    #[test]
    fn a_schema_that_is_wrong_is_shown_whole_before_anything_is_made() {
        let error = Endpoint::spawn(Options::new("/does/not/exist.toml", "host=/x user=u dbname=d")).unwrap_err();
        assert!(matches!(&error, Error::Schema(_)));
        assert!(error.to_string().contains("/does/not/exist.toml"), "{error}");
    }
}
