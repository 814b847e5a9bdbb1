//! The only door of the hot path: keys that are loaded, refreshed in the background, and never fetched per statement.
//!
//! [`KeyCache::load`] and [`KeyCache::refresh`] do the I/O, at start and from a task of the caller. The methods of
//! [`KeySource`] look at memory only: the counters of [`KeyCache::counters`] stand still while statements run.

mod entry;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use entry::Entry;

use super::flight::Flights;
use super::keyring::Keyring;
use super::store::{KeyStore, Kind};
use super::{BeaconKey, BranchKey, Error, KeyCommit, KeyRef, KeySource, Uuid};
use crate::crypto::random;

/// How long a loaded key is used before the key service must have been asked again.
pub const DEFAULT_TTL: Duration = Duration::from_secs(300);
/// The longest time to live. It is also the delay with which a revocation takes effect, and how long old cells can
/// still be opened while the key service cannot be reached.
pub const MAX_TTL: Duration = Duration::from_secs(3600);
/// How long a failure is remembered instead of asking again.
const NEGATIVE: Duration = Duration::from_secs(5);

/// What the lock knows about a key; a store that says otherwise is refused (KEY-5).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pins {
    /// The UUID of the key store.
    pub store: Option<Uuid>,
    /// Below this generation a version opens and never seals.
    pub min_generation: u64,
    /// The epoch that beacons use; the newest if none.
    pub beacon_epoch: Option<u64>,
    /// Commitments by kind and generation.
    pub commits: Vec<(Kind, u64, KeyCommit)>,
}

/// How often the cache had to leave memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Ids read from the key store.
    pub store_reads: u64,
    /// Keys sent to a keyring to be unwrapped.
    pub unwraps: u64,
}

/// Branch and beacon keys by id.
///
#[cfg_attr(feature = "testing", doc = "```")]
#[cfg_attr(not(feature = "testing"), doc = "```ignore")]
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// use pgseal::keys::cache::{DEFAULT_TTL, KeyCache, Pins};
/// use pgseal::keys::{KeySource, create_key};
/// use pgseal::testing;
///
/// let (keyring, store) = (testing::keyring()?, testing::store()?);
/// let keys = KeyCache::new(DEFAULT_TTL);
/// keys.register("cards", keyring.clone(), Pins::default());
/// // It makes no key; a missing one is an error (KEY-6).
/// assert!(keys.load(&*store, &["cards"]).await.is_err());
///
/// let keys = KeyCache::new(DEFAULT_TTL);
/// keys.register("cards", keyring.clone(), Pins::default());
/// create_key("cards", &*keyring, &*store).await?;
/// keys.load(&*store, &["cards"]).await?;
/// assert_eq!(keys.sealing("cards")?.generation(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct KeyCache {
    ttl: Duration,
    clock: Box<dyn Fn() -> Instant + Send + Sync>,
    /// Few, and looked up with every cell: comparing is less work than hashing.
    slots: RwLock<BTreeMap<String, Slot>>,
    flights: Flights,
    store_reads: AtomicU64,
    unwraps: AtomicU64,
}

/// Everything about one id.
struct Slot {
    keyring: Arc<dyn Keyring>,
    pins: Arc<Pins>,
    /// The highest generation and epoch that this process has seen: it never steps back (KEY-5).
    seen: Seen,
    entry: Option<Arc<Entry>>,
    failure: Option<(Instant, Error)>,
    due: Instant,
}

/// Highest generations seen.
#[derive(Clone, Copy, Default)]
struct Seen {
    branch: u64,
    beacon: u64,
}

impl KeyCache {
    /// An empty cache; a longer `ttl` than [`MAX_TTL`] is cut to it.
    pub fn new(ttl: Duration) -> Self {
        Self::with_clock(ttl, Box::new(Instant::now))
    }

    fn with_clock(ttl: Duration, clock: Box<dyn Fn() -> Instant + Send + Sync>) -> Self {
        Self {
            ttl: ttl.min(MAX_TTL),
            clock,
            slots: RwLock::default(),
            flights: Flights::default(),
            store_reads: AtomicU64::new(0),
            unwraps: AtomicU64::new(0),
        }
    }

    /// Makes an id known, with the keyring that unwraps it. A known id takes the new keyring and pins over; what is
    /// loaded stays until its next refresh, which is due at once.
    pub fn register(&self, id: &str, keyring: Arc<dyn Keyring>, pins: Pins) {
        let due = (self.clock)();
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        match slots.get_mut(id) {
            Some(slot) => (slot.keyring, slot.pins, slot.due, slot.failure) = (keyring, Arc::new(pins), due, None),
            None => {
                let pins = Arc::new(pins);
                let slot = Slot { keyring, pins, seen: Seen::default(), entry: None, failure: None, due };
                slots.insert(id.to_owned(), slot);
            }
        }
    }

    /// Forgets an id and its keys, which are zeroized when their last user ends.
    pub fn forget(&self, id: &str) {
        self.slots.write().unwrap_or_else(PoisonError::into_inner).remove(id);
    }

    /// Loads every one of these ids that is not loaded and due. The first failure ends it.
    pub async fn load(&self, store: &dyn KeyStore, ids: &[&str]) -> Result<(), Error> {
        for id in ids {
            self.load_one(store, id, None).await?;
        }
        Ok(())
    }

    /// Loads an id again for a version that [`KeySource::opening`] did not know: another process may have rotated.
    /// A reference that is still unknown is not looked for again for some seconds, so foreign rows cannot make the
    /// cache ask without end.
    pub async fn load_version(&self, store: &dyn KeyStore, id: &str, key_ref: KeyRef) -> Result<(), Error> {
        self.load_one(store, id, Some(key_ref)).await?;
        self.opening(id, key_ref).map(drop)
    }

    /// Loads again what is due. A failure is kept with its id; keys that are still good go on opening cells.
    /// Returns the failures, for the log.
    pub async fn refresh(&self, store: &dyn KeyStore) -> Vec<Error> {
        let now = (self.clock)();
        let due: Vec<String> = {
            let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
            slots.iter().filter(|(_, slot)| slot.due <= now).map(|(id, _)| id.clone()).collect()
        };
        let mut failures = Vec::new();
        for id in due {
            failures.extend(self.load_one(store, &id, None).await.err());
        }
        failures
    }

    /// When [`KeyCache::refresh`] has something to do next; `None` while no id is registered.
    pub fn next_refresh(&self) -> Option<Instant> {
        self.slots.read().unwrap_or_else(PoisonError::into_inner).values().map(|slot| slot.due).min()
    }

    /// How often the cache left memory since it was made.
    pub fn counters(&self) -> Counters {
        Counters {
            store_reads: self.store_reads.load(Ordering::Relaxed),
            unwraps: self.unwraps.load(Ordering::Relaxed),
        }
    }

    async fn load_one(&self, store: &dyn KeyStore, id: &str, wanted: Option<KeyRef>) -> Result<(), Error> {
        let _flight = self.flights.enter(id).await;
        // Looked at only now: whoever was in flight before may have done it.
        let (keyring, pins, seen, old) = {
            let now = (self.clock)();
            let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
            let slot = slots.get(id).ok_or_else(|| Error::Missing { id: id.to_owned() })?;
            if let Some((at, error)) = &slot.failure
                && now.saturating_duration_since(*at) < NEGATIVE
            {
                return Err(error.clone());
            }
            match (&slot.entry, wanted) {
                (Some(_), None) if now < slot.due => return Ok(()),
                (Some(entry), Some(key_ref))
                    if entry.knows(key_ref) || now.saturating_duration_since(entry.loaded) < NEGATIVE =>
                {
                    return Ok(());
                }
                _ => (Arc::clone(&slot.keyring), Arc::clone(&slot.pins), slot.seen, slot.entry.clone()),
            }
        };
        let outcome = self.fetch(store, id, &*keyring, &pins, seen, old.as_deref()).await;
        self.settle(id, outcome)
    }

    async fn fetch(
        &self,
        store: &dyn KeyStore,
        id: &str,
        keyring: &dyn Keyring,
        pins: &Pins,
        seen: Seen,
        old: Option<&Entry>,
    ) -> Result<Entry, Error> {
        let loaded = (self.clock)();
        self.store_reads.fetch_add(1, Ordering::Relaxed);
        let uuid = store.uuid().await?;
        if pins.store.is_some_and(|pinned| pinned != uuid) {
            let reason = "this is not the key store that the lock names".to_owned();
            return Err(Error::Inconsistent { id: id.to_owned(), reason });
        }
        let items = store.list(id).await?;
        let entry = Entry::open(id, items, uuid, keyring, pins, old, loaded, &self.unwraps).await?;
        entry.check_generations(id, seen.branch, seen.beacon)?;
        Ok(entry)
    }

    fn settle(&self, id: &str, outcome: Result<Entry, Error>) -> Result<(), Error> {
        let now = (self.clock)();
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        let slot = slots.get_mut(id).ok_or_else(|| Error::Missing { id: id.to_owned() })?;
        match outcome {
            Ok(entry) => {
                slot.seen.branch = slot.seen.branch.max(entry.highest_branch());
                slot.seen.beacon = slot.seen.beacon.max(entry.highest_beacon());
                slot.due = entry.loaded + self.refresh_after();
                slot.entry = Some(Arc::new(entry));
                slot.failure = None;
                Ok(())
            }
            Err(error) => {
                match error {
                    // Out of reach: what is there goes on opening.
                    Error::Unavailable { .. } => {}
                    // Denied, disabled, gone or contradicted: purged at once.
                    Error::Missing { .. }
                    | Error::UnknownVersion { .. }
                    | Error::Unwrap { .. }
                    | Error::Denied { .. }
                    | Error::Inconsistent { .. } => slot.entry = None,
                }
                slot.failure = Some((now, error.clone()));
                slot.due = now + NEGATIVE;
                Err(error)
            }
        }
    }

    /// 80 % of the time to live, less a random tenth, so that many processes do not ask at once.
    fn refresh_after(&self) -> Duration {
        let [jitter] = random::array::<1>().unwrap_or([0]);
        self.ttl * 8 / 10 - self.ttl / 10 * u32::from(jitter) / 256
    }

    /// The entry of an id, if it is not older than `limit`.
    fn entry(&self, id: &str, limit: Duration) -> Result<Arc<Entry>, Error> {
        let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
        let slot = slots.get(id).ok_or_else(|| Error::Missing { id: id.to_owned() })?;
        let unavailable = |reason: &str| Error::Unavailable { what: format!("key {id:?}"), reason: reason.to_owned() };
        match (&slot.entry, &slot.failure) {
            (Some(entry), failure) if (self.clock)().saturating_duration_since(entry.loaded) > limit => {
                Err(failure.as_ref().map_or_else(|| unavailable("it was not refreshed"), |(_, error)| error.clone()))
            }
            (Some(entry), _) => Ok(Arc::clone(entry)),
            (None, Some((_, error))) => Err(error.clone()),
            (None, None) => Err(unavailable("it is not loaded yet")),
        }
    }
}

impl KeySource for KeyCache {
    fn sealing(&self, id: &str) -> Result<Arc<BranchKey>, Error> {
        self.entry(id, self.ttl)?.sealing(id)
    }

    fn opening(&self, id: &str, key_ref: KeyRef) -> Result<Arc<BranchKey>, Error> {
        self.entry(id, MAX_TTL)?.opening(id, key_ref)
    }

    fn beacon(&self, id: &str) -> Result<Arc<BeaconKey>, Error> {
        self.entry(id, self.ttl)?.beacon(id)
    }
}

#[cfg(test)]
mod tests;
