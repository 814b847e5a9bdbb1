//! The control connections: two, as the role in `--upstream`, for catalog and key store; never for client statements.
//!
//! [`start`] holds the lock against the live catalog before anything is served; [`Control::watch`] goes on doing so,
//! and publishes a new [`Protection`] whenever a table drifts, comes back, or something new depends on one (CAT-5).

mod pool;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use pgseal::apply::agree::{Agreement, Disagreement, LOOK_AGAIN};
use pgseal::catalog::drift;
use pgseal::keys::cache::DEFAULT_TTL;
use pgseal::keys::store::postgres::PostgresStore;
use pgseal::keys::{KeyCache, KeyRef, named};
use pgseal::schema::lock::LockError;
use pgseal::schema::{Lock, Protection, Schema};
use tokio::sync::{Notify, watch};

use crate::upstream::Upstream;
use pool::Pool;

/// Why `serve` does not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server cannot be reached now: it is down, starting, or full.
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
    pool: Pool,
    agreement: Mutex<Arc<Agreement>>,
    lock_file: PathBuf,
    state_dir: PathBuf,
    keys: Arc<KeyCache>,
    published: watch::Sender<Arc<Protection>>,
    asked: Notify,
}

/// Connects, compares, loads. Of a server that cannot be reached `unreachable` says whether it is tried again, and when.
///
/// # Errors
/// See [`Error`]; nothing was changed, here or there.
pub async fn start(
    schema: Schema,
    mut lock: Option<Lock>,
    lock_file: &Path,
    upstream: &Upstream,
    state_dir: &Path,
    mut unreachable: impl AsyncFnMut(Error) -> Result<(), Error>,
) -> Result<Started, Error> {
    let pool = Pool::new(upstream.control())?;
    let snapshot = loop {
        match pool.snapshot(&schema).await {
            Ok(snapshot) => break snapshot,
            Err(error @ Error::Unreachable(_)) => unreachable(error).await?,
            Err(error) => return Err(error),
        }
        // It may have been written since.
        lock = Lock::read(lock_file)?;
    };
    let (agreement, protection) = Agreement::reach(schema, lock, &snapshot)?;
    let keys = Arc::new(KeyCache::new(DEFAULT_TTL));
    load_keys(&pool, &keys, &agreement, &protection, state_dir).await?;
    let (published, receiver) = watch::channel(Arc::new(protection));
    let control = Arc::new(Control {
        pool,
        agreement: Mutex::new(Arc::new(agreement)),
        lock_file: lock_file.to_owned(),
        state_dir: state_dir.to_owned(),
        keys: keys.clone(),
        published,
        asked: Notify::new(),
    });
    Ok(Started { protection: receiver, keys, control })
}

/// The keys of all protected tables.
async fn load_keys(
    pool: &Pool,
    keys: &KeyCache,
    agreement: &Agreement,
    protection: &Protection,
    state_dir: &Path,
) -> Result<(), Error> {
    if protection.tables.is_empty() {
        return Ok(());
    }
    let client = pool.client().await?;
    let store = PostgresStore::new(&**client);
    let (schema, lock) = (agreement.schema(), agreement.lock());
    let known = |id: &str| Ok((named::keyring_of(schema, id, state_dir)?, named::pins(lock, id)?));
    let ids = protection.tables.iter().map(|table| table.branch_key.as_str());
    named::load(keys, &store, ids, known).await.map_err(Error::Keys)
}

/// What is protected now, for a command that needs no keys.
///
/// # Errors
/// See [`Error`].
pub async fn protection(schema: Schema, lock: Option<Lock>, upstream: &Upstream) -> Result<Protection, Error> {
    let snapshot = Pool::new(upstream.control())?.snapshot(&schema).await?;
    Ok(Agreement::reach(schema, lock, &snapshot)?.1)
}

impl Control {
    /// Goes on until it is dropped: holds the catalog against the lock every minute, every second while a table is
    /// refused, and when asked; refreshes keys before they expire. While a table of the schema file is not applied it
    /// reads the lock every second, which costs the server nothing.
    pub async fn watch(self: Arc<Self>) {
        let mut tried = None;
        loop {
            let current = self.published.borrow().clone();
            let wake = self.agreement().next_look(Instant::now(), &current, self.keys.next_refresh());
            tokio::select! {
                () = tokio::time::sleep_until(wake.into()) => {}
                () = self.asked.notified() => {
                    // A burst of DDL is one look, and never more than one a second.
                    tokio::time::sleep(LOOK_AGAIN).await;
                }
                lock = self.new_lock(tried.as_ref()), if !current.pending.is_empty() => {
                    if let Err(error) = self.take_up(lock.clone()).await {
                        tracing::warn!(%error, "the new schema lock is not taken up");
                    }
                    tried = Some(lock);
                    continue;
                }
            }
            // What failed may have been the server or the key store: with every look it is tried again.
            tried = None;
            self.refresh_keys().await;
            if let Err(error) = self.look().await {
                tracing::warn!(%error, "the catalog could not be held against the lock; the last result stands");
            }
        }
    }

    /// Waits for a lock that is neither the one in force nor the one that was tried. One that cannot be read is not
    /// there yet: `schema apply` replaces it at once.
    async fn new_lock(&self, tried: Option<&Lock>) -> Lock {
        loop {
            tokio::time::sleep(LOOK_AGAIN).await;
            if let Ok(Some(lock)) = Lock::read(&self.lock_file)
                && lock != *self.agreement().lock()
                && Some(&lock) != tried
            {
                return lock;
            }
        }
    }

    /// Works with a lock that `schema apply` has written since, in which tables are new: their keys are loaded before
    /// anything is answered.
    async fn take_up(&self, lock: Lock) -> Result<(), Error> {
        let agreement = self.agreement();
        let snapshot = self.pool.snapshot(agreement.schema()).await?;
        let (agreement, protection) = agreement.renewed(lock, &snapshot)?;
        load_keys(&self.pool, &self.keys, &agreement, &protection, &self.state_dir).await?;
        *self.agreement.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(agreement);
        self.publish(protection);
        Ok(())
    }

    fn agreement(&self) -> Arc<Agreement> {
        Arc::clone(&self.agreement.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A session saw DDL: look soon.
    pub fn ask(&self) {
        self.asked.notify_one();
    }

    /// Holds the live catalog against the lock once, and publishes what changed.
    ///
    /// # Errors
    /// [`Error::Unreachable`], [`Error::Database`]
    pub async fn look(&self) -> Result<(), Error> {
        let agreement = self.agreement();
        let snapshot = self.pool.snapshot(agreement.schema()).await?;
        self.publish(agreement.protection(&snapshot)?);
        Ok(())
    }

    fn publish(&self, protection: Protection) {
        self.published.send_if_modified(|current| {
            let changed = drift::replaces(current, &protection);
            if changed {
                *current = Arc::new(protection);
            }
            changed
        });
    }

    /// Loads the key version that a cell names and the cache does not have.
    ///
    /// # Errors
    /// Why it is not to be had.
    pub async fn load_version(&self, id: &str, key_ref: KeyRef) -> Result<(), pgseal::keys::Error> {
        let client = self.pool.key_client().await?;
        self.keys.load_version(&PostgresStore::new(&**client), id, key_ref).await
    }

    async fn refresh_keys(&self) {
        if self.keys.next_refresh().is_none_or(|due| due > Instant::now()) {
            return;
        }
        match self.pool.key_client().await {
            Ok(client) => {
                for error in self.keys.refresh(&PostgresStore::new(&**client)).await {
                    tracing::warn!(%error, "a key was not refreshed; the loaded one is used until it expires");
                }
            }
            Err(error) => {
                tracing::warn!(%error, "keys were not refreshed; the loaded ones are used until they expire");
            }
        }
    }
}
