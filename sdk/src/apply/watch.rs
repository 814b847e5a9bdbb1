//! What keeps protection and keys current while somebody works with them, the same for every door: looks at the catalog,
//! glances at schema file and lock, key refresh. Each goes on by itself, so that none waits for another that waits.

use std::fmt::Display;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex as Turn, Notify};
use tokio::time::{sleep, sleep_until};

use super::agree::{Agreement, Disagreement};
use super::files::Files;
use super::sight::{Missed, Pace, Sight, unseen};
use crate::catalog::{Snapshot, drift};
use crate::keys::KeyCache;
use crate::keys::cache::DEFAULT_TTL;
use crate::schema::{Lock, Protection, Schema};

/// How long schema file and lock that were not taken up are left alone, unless they change again.
const TRIED: Duration = Duration::from_secs(10);

/// How a door reaches database and keys, and what it does with a new protection.
pub trait Door: Send + Sync + 'static {
    /// Why something was not to be had.
    type Error: Display + From<Disagreement> + Send;

    /// Looks at the catalog. After `limit` it gives up, and the connection with it: nobody knows when it answers.
    fn snapshot(&self, schema: &Schema, limit: Duration) -> impl Future<Output = Result<Snapshot, Self::Error>> + Send;

    /// Loads the keys of a protection into a cache: all of them, or it fails.
    fn load(
        &self,
        keys: &KeyCache,
        agreement: &Agreement,
        protection: &Protection,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// The keys in use.
    fn keys(&self) -> &KeyCache;

    /// Loads again the keys that are due, within a time of its own; what fails is logged.
    fn refresh(&self) -> impl Future<Output = ()> + Send;

    /// Waits until somebody wants the catalog looked at soon.
    fn asked(&self) -> impl Future<Output = ()> + Send;

    /// Puts a protection into force.
    fn publish(&self, protection: Protection);
}

/// Holds the catalog against the lock, and goes on doing so.
pub struct Watch<D> {
    door: D,
    pace: Pace,
    state: Mutex<State>,
    /// One look at a time, so that an older one never takes the place of a newer one.
    looking: Turn<()>,
    /// Somebody else looked: when to look again may be another time now.
    looked: Notify,
}

struct State {
    agreement: Arc<Agreement>,
    /// What the last look came to.
    seen: Arc<Protection>,
    sight: Sight,
}

impl<D: Door> Watch<D> {
    /// `protection` is what the look came to that began at `seen`, and is in force.
    pub fn new(door: D, pace: Pace, agreement: Agreement, protection: Protection, seen: Instant) -> Self {
        let sight = Sight::new(pace, seen);
        let state = State { agreement: Arc::new(agreement), seen: Arc::new(protection), sight };
        Self { door, pace, state: Mutex::new(state), looking: Turn::default(), looked: Notify::new() }
    }

    /// The door.
    pub fn door(&self) -> &D {
        &self.door
    }

    /// When the last look began that saw the catalog, and whether it is in sight still.
    pub fn sight(&self) -> Sight {
        self.state().sight
    }

    /// Goes on until it is dropped: looks every [`Pace::every`], sooner while a table is refused or the server did not
    /// answer, and when asked; refreshes keys before they expire; takes up `files` when they change.
    pub async fn run(&self, files: Option<Files>) {
        tokio::join!(self.keep_looking(), self.keep_keys(), self.keep_trust(), self.follow(files));
    }

    async fn keep_looking(&self) {
        loop {
            let wake = self.next_look(Instant::now());
            tokio::select! {
                () = sleep_until(wake.into()) => {}
                () = self.looked.notified() => continue,
                // A burst of DDL is one look.
                () = self.door.asked() => sleep(self.pace.again).await,
            }
            // Whether it saw anything is logged, and decides when to look again.
            drop(self.look().await);
        }
    }

    fn next_look(&self, now: Instant) -> Instant {
        let state = self.state();
        let lock = state.agreement.lock();
        let applied = |name: &String| lock.tables.values().any(|table| table.name == *name);
        state.sight.next_look(now, state.seen.drifted.keys().any(applied))
    }

    async fn keep_keys(&self) {
        loop {
            // The keys of a new lock may be due sooner than those that are waited for.
            let now = Instant::now();
            let latest = now + self.pace.every;
            let due = self.door.keys().next_refresh().map_or(latest, |due| due.clamp(now + self.pace.again, latest));
            sleep_until(due.into()).await;
            if self.door.keys().next_refresh().is_some_and(|due| due <= Instant::now()) {
                self.door.refresh().await;
            }
        }
    }

    async fn keep_trust(&self) {
        loop {
            let until = self.state().sight.trusted_until();
            // Once lost it is over with the next look that sees something.
            sleep_until(until.max(Instant::now() + self.pace.again).into()).await;
            let mut state = self.state();
            if state.sight.lose(Instant::now()) {
                tracing::error!(
                    trusted = ?self.pace.trust,
                    "the catalog has not been seen for too long: every statement that names a protected table is refused \
                     until it is"
                );
                // Under the lock of the state: what is in force has the order in which it was seen.
                self.door.publish(unseen(&state.seen, &self.pace));
            }
        }
    }

    async fn follow(&self, files: Option<Files>) {
        let Some(mut files) = files else { return };
        let mut failed: Option<Instant> = None;
        loop {
            sleep(self.pace.again).await;
            let changed = files.changed();
            if !changed && failed.is_none_or(|at| at.elapsed() < TRIED) {
                continue;
            }
            let taken = match files.read() {
                Ok(Some((schema, lock))) => self.take_up(schema, lock).await.map_err(|error| error.to_string()),
                // `schema apply` has not written it yet.
                Ok(None) => Ok(()),
                Err(reason) => Err(reason),
            };
            match taken {
                Ok(()) => failed = None,
                Err(reason) => {
                    if changed {
                        tracing::warn!(%reason, "schema file and lock have changed and are not taken up: the old ones stand");
                    }
                    failed = Some(Instant::now());
                }
            }
        }
    }

    /// Holds the live catalog against the lock once, and puts into force what changed.
    ///
    /// # Errors
    /// The catalog could not be looked at; the last result stands, for as long as [`Pace::trust`] says.
    pub async fn look(&self) -> Result<(), D::Error> {
        let _turn = self.looking.lock().await;
        let (began, agreement) = (Instant::now(), self.agreement());
        let looked = self.door.snapshot(agreement.schema(), self.limit(agreement.schema())).await;
        let judged = looked.and_then(|snapshot| Ok(agreement.protection(&snapshot)?));
        match judged {
            Ok(protection) => {
                self.saw(began, protection, None);
                Ok(())
            }
            Err(error) => {
                self.missed(&error);
                Err(error)
            }
        }
    }

    /// Works with a schema file and a lock that were written since, whole or not at all: the catalog must agree with
    /// both, and all keys must open, before anything is answered under them.
    ///
    /// # Errors
    /// Why they are not taken up; what was in force still is.
    pub async fn take_up(&self, schema: Schema, lock: Lock) -> Result<(), D::Error> {
        let _turn = self.looking.lock().await;
        let began = Instant::now();
        let snapshot = self.door.snapshot(&schema, self.limit(&schema)).await?;
        let (agreement, protection) = self.agreement().renewed(schema, lock, &snapshot)?;
        // What does not open must not spoil the keys that are in use.
        self.door.load(&KeyCache::new(DEFAULT_TTL), &agreement, &protection).await?;
        self.door.load(self.door.keys(), &agreement, &protection).await?;
        self.saw(began, protection, Some(agreement));
        tracing::info!("schema file and lock have changed and are taken up");
        Ok(())
    }

    /// [`Watch::look`] by whoever has changed something, or asks.
    ///
    /// # Errors
    /// As there.
    pub async fn look_now(&self) -> Result<(), D::Error> {
        let looked = self.look().await;
        self.looked.notify_one();
        looked
    }

    fn saw(&self, began: Instant, protection: Protection, renewed: Option<Agreement>) {
        let mut state = self.state();
        let was_lost = state.sight.is_lost();
        if state.sight.seen(began) {
            tracing::info!("the catalog is in sight again");
        }
        if let Some(agreement) = renewed {
            state.agreement = Arc::new(agreement);
        }
        let replaces = drift::replaces(&state.seen, &protection);
        if replaces {
            state.seen = Arc::new(protection);
        }
        if replaces || was_lost {
            self.door.publish(Protection::clone(&state.seen));
        }
    }

    fn missed(&self, error: &D::Error) {
        match self.state().sight.missed() {
            Missed::First => {
                tracing::warn!(%error, "the catalog could not be held against the lock; the last result stands");
            }
            Missed::Again => tracing::debug!(%error, "the catalog could not be held against the lock"),
            Missed::OutOfSight => tracing::error!(
                %error,
                trusted = ?self.pace.trust,
                "not ready: the catalog could not be held against the lock three times in a row"
            ),
        }
    }

    fn agreement(&self) -> Arc<Agreement> {
        Arc::clone(&self.state().agreement)
    }

    fn limit(&self, schema: &Schema) -> Duration {
        self.pace.limit(schema.tables.len())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
