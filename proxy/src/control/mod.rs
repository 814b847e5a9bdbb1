//! The control connections: two, as the role in `--upstream`, for catalog and key store; never for client statements.
//!
//! [`start`] holds the lock against the live catalog before anything is served; [`Control::watch`] goes on doing so,
//! and publishes a new [`Protection`] whenever a table drifts, comes back, or something new depends on one (CAT-5), and
//! when schema file and lock change. Nothing here waits without end: a connection that does not answer is given up.

mod door;
mod pool;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use pgseal::apply::agree::{Agreement, Disagreement};
use pgseal::apply::files::Files;
use pgseal::apply::sight::Pace;
use pgseal::apply::watch::Watch;
use pgseal::keys::cache::DEFAULT_TTL;
use pgseal::keys::{KeyCache, KeyRef, named};
use pgseal::schema::lock::LockError;
use pgseal::schema::{Lock, Protection, Schema};
use tokio::sync::{Notify, watch};

use crate::upstream::Upstream;
use door::Database;
use pool::Pool;

/// Why `serve` does not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server does not answer now: it is down, starting or full, or what was asked waits for somebody's lock.
    #[error("control connection: {0}")]
    Unreachable(String),
    /// The server answered with an error.
    #[error("control connection: {0}")]
    Database(String),
    /// The lock cannot be read any more.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// Database, schema file and lock do not agree; the text says what would make them.
    #[error(transparent)]
    Pending(#[from] Disagreement),
    /// Keys that are missing or cannot be opened, all of them.
    #[error("{}", named::describe_all(.0))]
    Keys(Vec<pgseal::keys::Error>),
}

/// What `serve` works with.
pub struct Started {
    /// The current protection; sessions look at it for every statement.
    pub protection: watch::Receiver<Arc<Protection>>,
    /// The keys, loaded.
    pub keys: Arc<KeyCache>,
    /// Keeps both current.
    pub control: Arc<Control>,
}

/// Keeps protection and keys current.
pub struct Control {
    watch: Watch<Database>,
    files: Files,
}

/// Connects, compares, loads. Of a server that does not answer `unreachable` says whether it is tried again, and when.
///
/// # Errors
/// See [`Error`]; nothing was changed, here or there.
pub async fn start(
    schema: Schema,
    mut lock: Option<Lock>,
    files: Files,
    upstream: &Upstream,
    state_dir: &Path,
    pace: Pace,
    mut unreachable: impl AsyncFnMut(Error) -> Result<(), Error>,
) -> Result<Started, Error> {
    let pool = Pool::new(upstream)?;
    let keys = Arc::new(KeyCache::new(DEFAULT_TTL));
    let (agreement, protection, seen) = loop {
        match first(&pool, &keys, (&schema, lock), state_dir, pace).await {
            Ok(first) => break first,
            Err(error @ Error::Unreachable(_)) => unreachable(error).await?,
            Err(error) => return Err(error),
        }
        // It may have been written since.
        lock = Lock::read(files.lock())?;
    };
    let (published, receiver) = watch::channel(Arc::new(protection.clone()));
    let (state_dir, asked) = (state_dir.to_owned(), Notify::new());
    let database = Database { pool, keys: Arc::clone(&keys), state_dir, published, asked };
    let control = Arc::new(Control { watch: Watch::new(database, pace, agreement, protection, seen), files });
    Ok(Started { protection: receiver, keys, control })
}

/// The first look, and the keys of what it found.
async fn first(
    pool: &Pool,
    keys: &KeyCache,
    (schema, lock): (&Schema, Option<Lock>),
    state_dir: &Path,
    pace: Pace,
) -> Result<(Agreement, Protection, Instant), Error> {
    let seen = Instant::now();
    let snapshot = pool.snapshot(schema, pace.limit(schema.tables.len())).await?;
    let (agreement, protection) = Agreement::reach(schema.clone(), lock, &snapshot)?;
    door::load(pool, keys, &agreement, &protection, state_dir).await?;
    Ok((agreement, protection, seen))
}

/// What is protected now, for a command that needs no keys.
///
/// # Errors
/// See [`Error`].
pub async fn protection(schema: Schema, lock: Option<Lock>, upstream: &Upstream) -> Result<Protection, Error> {
    let limit = Pace::default().limit(schema.tables.len());
    let snapshot = Pool::new(upstream)?.snapshot(&schema, limit).await?;
    Ok(Agreement::reach(schema, lock, &snapshot)?.1)
}

impl Control {
    /// Goes on until it is dropped: looks at the catalog, refreshes keys, follows schema file and lock.
    pub async fn watch(self: Arc<Self>) {
        self.watch.run(Some(self.files.clone())).await;
    }

    /// A session saw DDL: look soon.
    pub fn ask(&self) {
        self.watch.door().asked.notify_one();
    }

    /// Loads the key version that a cell names and the cache does not have.
    ///
    /// # Errors
    /// Why it is not to be had.
    pub async fn load_version(&self, id: &str, key_ref: KeyRef) -> Result<(), pgseal::keys::Error> {
        self.watch.door().load_version(id, key_ref).await
    }
}
