//! The control connections: two, as the role in `--upstream`, for catalog and key store; never for client statements.
//!
//! [`start`] holds the lock against the live catalog before anything is served; [`Control::watch`] goes on doing so,
//! and publishes a new [`Protection`] whenever a table drifts, comes back, or something new depends on one (CAT-5).

mod pool;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pgseal::catalog::{self, Snapshot, drift};
use pgseal::keys::cache::{DEFAULT_TTL, Pins};
use pgseal::keys::store::Kind;
use pgseal::keys::store::postgres::PostgresStore;
use pgseal::keys::{KeyCache, KeyCommit, KeyRef, Uuid};
use pgseal::schema::checked::Schema;
use pgseal::schema::{Lock, Protection, lock};
use tokio::sync::{Notify, watch};

use crate::upstream::Upstream;
use pgseal::apply;
use pgseal::apply::keys::{describe, keyring_of};
use pool::Pool;

/// How often the live catalog is held against the lock.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// How often while a table is refused.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Why `serve` does not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server cannot be reached, or answered with an error.
    #[error("control connection: {0}")]
    Database(String),
    /// Database, schema file and lock do not agree; the text says what would make them.
    #[error("{0}")]
    Pending(String),
    /// Keys that are missing or cannot be opened, all of them.
    #[error("{}", .0.iter().map(describe).collect::<Vec<_>>().join("\n"))]
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
    schema: Schema,
    lock: Lock,
    keys: Arc<KeyCache>,
    published: watch::Sender<Arc<Protection>>,
    asked: Notify,
}

/// Connects, compares, loads.
///
/// # Errors
/// See [`Error`]; nothing was changed, here or there.
pub async fn start(
    schema: Schema,
    lock: Option<Lock>,
    upstream: &Upstream,
    state_dir: &Path,
) -> Result<Started, Error> {
    let pool = Pool::new(upstream.control())?;
    let (lock, protection) = compare(&pool, &schema, lock).await?;
    let keys = Arc::new(KeyCache::new(DEFAULT_TTL));
    load_keys(&pool, &keys, &schema, &lock, &protection, state_dir).await?;
    let (published, receiver) = watch::channel(Arc::new(protection));
    let control = Arc::new(Control { pool, schema, lock, keys: keys.clone(), published, asked: Notify::new() });
    Ok(Started { protection: receiver, keys, control })
}

/// What is protected now, for a command that needs no keys.
///
/// # Errors
/// See [`Error`].
pub async fn protection(schema: &Schema, lock: Option<Lock>, upstream: &Upstream) -> Result<Protection, Error> {
    let pool = Pool::new(upstream.control())?;
    compare(&pool, schema, lock).await.map(|(_, protection)| protection)
}

async fn compare(pool: &Pool, schema: &Schema, lock: Option<Lock>) -> Result<(Lock, Protection), Error> {
    let snapshot = pool.snapshot(schema).await?;
    let lock = agreed(schema, lock, &snapshot)?;
    let mut protection = Protection::from_lock(schema, &lock).map_err(|mismatch| pending(mismatch.to_string()))?;
    drift::judge(&mut protection, schema, &lock, &snapshot);
    Ok((lock, protection))
}

impl Control {
    /// Goes on until it is dropped: holds the catalog against the lock every minute, every second while a table is
    /// refused, and when asked; refreshes keys before they expire.
    pub async fn watch(self: Arc<Self>) {
        loop {
            let refused = self.published.borrow().drifted.keys().any(|name| self.applied(name));
            let now = Instant::now();
            let look = now + if refused { LOOK_AGAIN } else { LOOK_EVERY };
            // A refresh that is overdue because it fails must not spin.
            let wake = self.keys.next_refresh().map_or(look, |refresh| refresh.clamp(now + LOOK_AGAIN, look));
            tokio::select! {
                () = tokio::time::sleep_until(wake.into()) => {}
                () = self.asked.notified() => {
                    // A burst of DDL is one look, and never more than one a second.
                    tokio::time::sleep(LOOK_AGAIN).await;
                }
            }
            self.refresh_keys().await;
            if let Err(error) = self.look().await {
                tracing::warn!(%error, "the catalog could not be held against the lock; the last result stands");
            }
        }
    }

    /// A session saw DDL: look soon.
    pub fn ask(&self) {
        self.asked.notify_one();
    }

    /// Holds the live catalog against the lock once, and publishes what changed.
    ///
    /// # Errors
    /// [`Error::Database`]
    pub async fn look(&self) -> Result<(), Error> {
        let snapshot = self.pool.snapshot(&self.schema).await?;
        let mut protection =
            Protection::from_lock(&self.schema, &self.lock).map_err(|mismatch| pending(mismatch.to_string()))?;
        drift::judge(&mut protection, &self.schema, &self.lock, &snapshot);
        self.published.send_if_modified(|current| {
            let changed = current.epoch != protection.epoch;
            if changed {
                drift::log(current, &protection);
                *current = Arc::new(protection);
            }
            changed
        });
        Ok(())
    }

    /// Loads the key version that a cell names and the cache does not have.
    ///
    /// # Errors
    /// Why it is not to be had.
    pub async fn load_version(&self, id: &str, key_ref: KeyRef) -> Result<(), pgseal::keys::Error> {
        let client = self.pool.key_client().await?;
        self.keys.load_version(&PostgresStore::new(&**client), id, key_ref).await
    }

    fn applied(&self, name: &str) -> bool {
        self.lock.tables.values().any(|table| table.name == name)
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

/// The lock that database and schema file agree on; without one, one is made and trusted (CAT-2).
fn agreed(schema: &Schema, lock: Option<Lock>, snapshot: &Snapshot) -> Result<Lock, Error> {
    let changes = apply::plan(schema, snapshot, lock.as_ref());
    if !changes.refusals.is_empty() {
        let refusals: Vec<String> = changes.refusals.iter().map(ToString::to_string).collect();
        return Err(Error::Pending(refusals.join("\n")));
    }
    let nothing_there = changes.absent.len() == schema.tables.len();
    let steps: Vec<&str> =
        if nothing_there { Vec::new() } else { changes.steps.iter().map(|step| step.what.as_str()).collect() };
    if !steps.is_empty() {
        return Err(pending(format!("the database is not what the schema file says:\n  {}", steps.join("\n  "))));
    }
    let Some(lock) = lock else {
        if !nothing_there {
            tracing::warn!("there is no schema lock: what the database says now is trusted on first use");
        }
        return catalog::lock::build(schema, snapshot, None, &Default::default()).map_err(pending);
    };
    for spec in &schema.tables {
        let live = snapshot.tables.get(&spec.relation);
        match (live, lock.tables.get(&spec.logical)) {
            (None, None) => {}
            (Some(_), None) => return Err(pending(format!("table {} is not in the lock", spec.logical))),
            (None, Some(_)) => {
                return Err(pending(format!("table {} is in the lock and does not exist", spec.logical)));
            }
            (Some(live), Some(locked)) if catalog::digest(live) == locked.digest => {}
            (Some(_), Some(_)) => {
                return Err(pending(format!("table {} is not what its lock says", spec.logical)));
            }
        }
    }
    Ok(lock)
}

fn pending(what: String) -> Error {
    Error::Pending(format!("{what}\nSee `pgseal schema plan`, then run `pgseal schema apply`."))
}

async fn load_keys(
    pool: &Pool,
    keys: &KeyCache,
    schema: &Schema,
    lock: &Lock,
    protection: &Protection,
    state_dir: &Path,
) -> Result<(), Error> {
    let mut ids: Vec<&str> = protection.tables.iter().map(|table| table.branch_key.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    if ids.is_empty() {
        return Ok(());
    }
    let client = pool.client().await?;
    let store = PostgresStore::new(&**client);
    let mut failures = Vec::new();
    for id in ids {
        let loaded = match (keyring_of(schema, id, state_dir), pins(lock, id)) {
            (Ok(keyring), Ok(pins)) => {
                keys.register(id, keyring, pins);
                keys.load(&store, &[id]).await
            }
            (Err(error), _) | (_, Err(error)) => Err(error),
        };
        failures.extend(loaded.err());
    }
    if failures.is_empty() { Ok(()) } else { Err(Error::Keys(failures)) }
}

/// What the lock knows of a key.
fn pins(lock: &Lock, id: &str) -> Result<Pins, pgseal::keys::Error> {
    let malformed = |what: &str| pgseal::keys::Error::Inconsistent {
        id: id.to_owned(),
        reason: format!("the lock's {what} cannot be read"),
    };
    let store = lock.store.as_deref().map(str::parse::<Uuid>).transpose().map_err(|_| malformed("key store"))?;
    let Some(known) = lock.keys.get(id) else { return Ok(Pins { store, ..Pins::default() }) };
    let mut commits = Vec::new();
    for (kind, texts) in [(Kind::Branch, &known.key_commits), (Kind::Beacon, &known.beacon_commits)] {
        for (generation, text) in (1..).zip(texts) {
            commits.push((kind, generation, lock::commit(text).map(KeyCommit).ok_or_else(|| malformed("commitment"))?));
        }
    }
    Ok(Pins { store, min_generation: known.min_generation, beacon_epoch: Some(known.beacon_epoch), commits })
}
