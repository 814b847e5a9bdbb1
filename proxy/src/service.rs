//! A proxy at work, whoever asked for it: `pgseal serve` as a process, [`Endpoint`](crate::Endpoint) inside one.
//!
//! [`Told`] is what was said, [`Settings`] what that means once files were read, [`Service`] what runs.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pgseal::apply;
use pgseal::apply::files::Files;
use pgseal::apply::sight::Pace;
use pgseal::keys::keyring::local;
use pgseal::schema::Problems;
use pgseal::schema::checked::Schema;
use pgseal::schema::lock::LockError;
use pgseal::schema::{Lock, diagnostics, parse};
use tokio::sync::{Notify, watch};

use crate::config::Limits;
use crate::control::{self, Control, Started};
use crate::listener::{self, Listener, Phase, Shortage, Workers};
use crate::session::{Context, cancel};
use crate::tls;
use crate::upstream::{self, Upstream};

/// How long sessions may take to end once they are told to.
const LAST: Duration = Duration::from_secs(15);

/// What a proxy was told; nothing was looked at yet. No Debug: the URL may hold a password.
pub struct Told {
    /// The schema file or directory.
    pub schema: PathBuf,
    /// The server, as a libpq URL or keywords.
    pub upstream: String,
    /// The schema lock, if it is not beside the schema file.
    pub lock: Option<PathBuf>,
    /// The state directory, if it is not the user's.
    pub state_dir: Option<PathBuf>,
    /// Runtimes.
    pub threads: usize,
    /// Limits.
    pub limits: Limits,
    /// AUTH-3.
    pub allow_cleartext_password: bool,
    /// Databases that are relayed untouched.
    pub pass_databases: Vec<String>,
    /// TLS for clients.
    pub tls: Option<tls::client::Settings>,
}

/// What a proxy runs with, checked.
pub struct Settings {
    schema: Schema,
    lock: Option<Lock>,
    files: Files,
    state_dir: PathBuf,
    upstream: Upstream,
    threads: usize,
    limits: Limits,
    allow_cleartext_password: bool,
    pass_databases: Vec<String>,
    tls: Option<Arc<tls::client::Leg>>,
}

/// Why a proxy does not start, or did not end well. Never holds a password or a value.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The schema file is wrong; everything of it at once.
    #[error("{}", diagnostics::render(.0, false))]
    Schema(Problems),
    /// The lock cannot be read.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// There is no state directory, or others can enter it.
    #[error(transparent)]
    StateDir(pgseal::keys::Error),
    /// The upstream's URL cannot be used.
    #[error(transparent)]
    Upstream(#[from] upstream::Error),
    /// Certificate or key for clients cannot be used.
    #[error("TLS for clients: {0}")]
    Tls(String),
    /// The socket cannot be had.
    #[error("{0}")]
    Listen(String),
    /// The system gives no thread, runtime or folder.
    #[error("cannot start: {0}")]
    Start(#[from] std::io::Error),
    /// The server cannot be reached, the schema is not applied, keys are missing.
    #[error(transparent)]
    Control(#[from] control::Error),
    /// A worker ended by an internal error.
    #[error("worker {0} ended by an internal error")]
    Worker(usize),
    /// A thread of the proxy itself panicked.
    #[error("the proxy ended by an internal error")]
    Internal,
    /// Sessions went on although they were told to end.
    #[error("some sessions did not end")]
    Stuck,
}

impl Settings {
    /// Reads schema file, lock and URL. Contacts nothing.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn read(told: Told) -> Result<Self, Error> {
        let files = Files::new(&told.schema, &apply::lock_path(&told.schema, told.lock.as_deref()));
        let schema = parse::load(&told.schema).map_err(Error::Schema)?;
        let lock = Lock::read(files.lock())?;
        Ok(Self {
            schema,
            lock,
            files,
            state_dir: local::state_dir(told.state_dir.as_deref()).map_err(Error::StateDir)?,
            upstream: Upstream::parse(&told.upstream)?,
            threads: told.threads,
            limits: told.limits,
            allow_cleartext_password: told.allow_cleartext_password,
            pass_databases: told.pass_databases,
            tls: told.tls.map(tls::client::Leg::new).transpose().map_err(Error::Tls)?.map(Arc::new),
        })
    }

    /// The first look at the server, before which nothing is served.
    async fn look(
        &self,
        unreachable: impl AsyncFnMut(control::Error) -> Result<(), control::Error>,
    ) -> Result<Started, control::Error> {
        let (schema, lock, files) = (self.schema.clone(), self.lock.clone(), self.files.clone());
        control::start(schema, lock, files, &self.upstream, &self.state_dir, Pace::default(), unreachable).await
    }

    /// How many threads will serve.
    pub fn threads(&self) -> usize {
        self.threads
    }
}

/// A proxy that serves. Dropped, its sessions end on their own time; [`Service::end`] waits for them.
pub struct Service {
    listener: Listener,
    workers: Workers,
    phase: watch::Sender<Phase>,
    drain: Duration,
    control: Arc<Control>,
    tls: Option<Arc<tls::client::Leg>>,
}

impl Service {
    /// Holds the lock against the live catalog, loads the keys and serves. The control connections live on the
    /// runtime that this runs on.
    ///
    /// # Errors
    /// See [`Error`]; nothing was changed, here or at the server.
    pub async fn start(listener: Listener, settings: Settings) -> Result<Self, Error> {
        let started = settings.look(async |error| Err(error)).await?;
        Self::run(listener, settings, started)
    }

    /// The same, but a server that does not answer is waited for, and `waits` hears of it once: clients are told so
    /// meanwhile (57P03). What a server that answers says is final.
    ///
    /// # Errors
    /// See [`Error`]; nothing was changed, here or at the server.
    pub async fn start_awaiting(
        listener: Listener,
        settings: Settings,
        waits: impl FnOnce(&str, &control::Error),
    ) -> Result<Self, Error> {
        let (mut waits, early, tls) = (Some(waits), Notify::new(), settings.tls.clone());
        let looking = settings.look(async |error| {
            if let Some(waits) = waits.take() {
                waits(listener.shown(), &error);
                early.notify_one();
            }
            tokio::time::sleep(Pace::default().again).await;
            Ok(())
        });
        let turning_away = async {
            early.notified().await;
            listener::turn_away_early(&listener, tls).await
        };
        let started = tokio::select! {
            biased;
            started = looking => started?,
            failed = turning_away => match failed? {},
        };
        Self::run(listener, settings, started)
    }

    fn run(listener: Listener, settings: Settings, started: Started) -> Result<Self, Error> {
        let Settings {
            schema: _,
            lock: _,
            files: _,
            state_dir: _,
            upstream,
            threads,
            limits,
            allow_cleartext_password,
            pass_databases,
            tls,
        } = settings;
        let drain = limits.drain;
        let context = Arc::new(Context {
            upstream,
            tls: tls.clone(),
            limits,
            allow_cleartext_password,
            pass_databases,
            cancels: cancel::Registry::default(),
            protection: started.protection,
            keys: started.keys,
            control: Some(Arc::clone(&started.control)),
            shortage: Shortage::default(),
        });
        let (phase, watched) = watch::channel(Phase::Serving);
        let workers = Workers::start(&listener, threads, &context, &watched)?;
        tokio::spawn(Arc::clone(&started.control).watch());
        if let Some(tls) = &tls {
            tokio::spawn(Arc::clone(tls).watch());
        }
        Ok(Self { listener, workers, phase, drain, control: started.control, tls })
    }

    /// Looks at the catalog soon, at the lock if something of the schema file is not in it, and at certificate and key.
    pub fn look_again(&self) {
        if let Some(tls) = &self.tls {
            tls.reload();
        }
        self.control.ask();
    }

    /// `ADDR:PORT` with the real port, or `unix:PATH`.
    pub fn shown(&self) -> &str {
        self.listener.shown()
    }

    /// Accepts nothing more, gives active sessions until the drain limit or until `hurry`, ends them, waits.
    ///
    /// # Errors
    /// [`Error::Worker`], [`Error::Stuck`].
    pub async fn end(self, hurry: impl Future<Output = ()>) -> Result<(), Error> {
        let Self { listener, workers, phase, drain, control: _, tls: _ } = self;
        tracing::info!(limit = ?drain, "draining: idle sessions end now, active ones when they are done");
        phase.send_replace(Phase::Draining);
        drop(listener);
        let joined = tokio::task::spawn_blocking(move || workers.join());
        tokio::pin!(joined);
        let done = tokio::select! {
            done = &mut joined => Some(done),
            () = tokio::time::sleep(drain) => None,
            () = hurry => None,
        };
        let done = match done {
            Some(done) => done,
            None => {
                tracing::warn!("ending sessions that are still active");
                phase.send_replace(Phase::Ending);
                tokio::time::timeout(LAST, joined).await.map_err(|_| Error::Stuck)?
            }
        };
        done.map_err(|_| Error::Internal)?.map_err(Error::Worker)
    }
}
