//! The unwrapped versions of one id: which one seals, which ones open.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::Pins;
use crate::keys::keyring::{Keyring, WrapContext};
use crate::keys::store::{Item, Kind, State};
use crate::keys::{BeaconKey, BranchKey, Error, KeyCommit, KeyRef, Uuid};

/// More versions of one id than this are not believed: the store could make us unwrap without end.
const MAX_ITEMS: usize = 10_000;

/// One id, loaded at one time.
pub(super) struct Entry {
    /// When the store was asked.
    pub(super) loaded: Instant,
    /// By generation, ascending.
    branches: Vec<Arc<BranchKey>>,
    /// The one that seals, if the floor allows it.
    sealing: Option<Arc<BranchKey>>,
    beacons: Vec<Arc<BeaconKey>>,
    beacon: Option<Arc<BeaconKey>>,
    /// Versions that the keyring did not open, or that are disabled, with the reason.
    closed: Vec<(KeyRef, Error)>,
}

impl Entry {
    /// Unwraps every item. What `old` has of the same key is kept, with all that was derived from it; its wrap is
    /// still opened again, because that is how a revocation shows.
    #[allow(clippy::too_many_arguments, reason = "one call site; each is a separate authority")]
    pub(super) async fn open(
        id: &str,
        items: Vec<Item>,
        store: Uuid,
        keyring: &dyn Keyring,
        pins: &Pins,
        old: Option<&Entry>,
        loaded: Instant,
        unwraps: &AtomicU64,
    ) -> Result<Self, Error> {
        let inconsistent = |reason: &str| Error::Inconsistent { id: id.to_owned(), reason: reason.to_owned() };
        if items.is_empty() {
            return Err(Error::Missing { id: id.to_owned() });
        }
        if items.len() > MAX_ITEMS {
            return Err(inconsistent("the key store holds too many versions of it"));
        }
        let mut entry = Self { loaded, branches: vec![], sealing: None, beacons: vec![], beacon: None, closed: vec![] };
        for item in items {
            if item.id != id {
                return Err(inconsistent("the key store answered with another id"));
            }
            if item.state == State::Disabled {
                let error = Error::Unwrap { id: id.to_owned(), reason: "this version is disabled".to_owned() };
                entry.closed.push((item.key_ref(), error));
                continue;
            }
            unwraps.fetch_add(1, Ordering::Relaxed);
            match keyring.unwrap(&WrapContext::of(&item, store), &item.wraps).await {
                Ok(key) => {
                    if KeyCommit::of(&key) != item.commit {
                        return Err(inconsistent("the unwrapped key does not give its commitment"));
                    }
                    check_pin(pins, &item).map_err(inconsistent)?;
                    match item.kind {
                        Kind::Branch => entry.branches.push(match old.and_then(|old| old.branch_of(&item)) {
                            Some(kept) => kept,
                            None => Arc::new(BranchKey::new(item.id, item.version, item.generation, item.created, key)),
                        }),
                        Kind::Beacon => entry.beacons.push(match old.and_then(|old| old.beacon_of(&item)) {
                            Some(kept) => kept,
                            None => Arc::new(BeaconKey::new(item.id, item.version, item.generation, key)),
                        }),
                    }
                }
                Err(error @ Error::Unwrap { .. }) => entry.closed.push((item.key_ref(), error)),
                Err(error) => return Err(error),
            }
        }
        entry.choose(pins).map_err(inconsistent)?;
        entry.or_first_reason(id)
    }

    /// Picks what seals: the highest generation, not below the floor.
    fn choose(&mut self, pins: &Pins) -> Result<(), &'static str> {
        self.branches.sort_by_key(|key| key.generation());
        self.beacons.sort_by_key(|key| key.epoch());
        let twice = |pair: &[u64]| matches!(pair, [a, b] if a == b);
        let generations: Vec<u64> = self.branches.iter().map(|key| key.generation()).collect();
        let epochs: Vec<u64> = self.beacons.iter().map(|key| key.epoch()).collect();
        if generations.windows(2).any(twice) || epochs.windows(2).any(twice) {
            return Err("two of its versions have one generation");
        }
        self.sealing = self.branches.last().filter(|key| key.generation() >= pins.min_generation).cloned();
        self.beacon = match pins.beacon_epoch {
            Some(epoch) => self.beacons.iter().find(|key| key.epoch() == epoch).cloned(),
            None => self.beacons.last().cloned(),
        };
        Ok(())
    }

    /// An id of which nothing opened is an error as a whole: most likely the wrong root key.
    fn or_first_reason(self, id: &str) -> Result<Self, Error> {
        if !self.branches.is_empty() || !self.beacons.is_empty() {
            return Ok(self);
        }
        let first = self.closed.into_iter().next().map(|(_, error)| error);
        Err(first.unwrap_or_else(|| Error::Missing { id: id.to_owned() }))
    }

    /// A process never steps back a generation (KEY-5).
    pub(super) fn check_generations(&self, id: &str, branch: u64, beacon: u64) -> Result<(), Error> {
        if self.highest_branch() < branch || self.highest_beacon() < beacon {
            let reason = "the key store serves an older generation than before".to_owned();
            return Err(Error::Inconsistent { id: id.to_owned(), reason });
        }
        Ok(())
    }

    pub(super) fn highest_branch(&self) -> u64 {
        self.branches.last().map_or(0, |key| key.generation())
    }

    pub(super) fn highest_beacon(&self) -> u64 {
        self.beacons.last().map_or(0, |key| key.epoch())
    }

    /// Whether this version is here, opened or refused.
    pub(super) fn knows(&self, key_ref: KeyRef) -> bool {
        self.branches.iter().any(|key| key.key_ref() == key_ref) || self.closed.iter().any(|(at, _)| *at == key_ref)
    }

    pub(super) fn sealing(&self, id: &str) -> Result<Arc<BranchKey>, Error> {
        self.sealing.clone().ok_or_else(|| match self.branches.last() {
            Some(_) => {
                let reason = "its newest version is below the generation that the lock demands".to_owned();
                Error::Inconsistent { id: id.to_owned(), reason }
            }
            None => self.closed_or_missing(id),
        })
    }

    pub(super) fn opening(&self, id: &str, key_ref: KeyRef) -> Result<Arc<BranchKey>, Error> {
        if let Some(key) = self.branches.iter().find(|key| key.key_ref() == key_ref) {
            return Ok(Arc::clone(key));
        }
        match self.closed.iter().find(|(at, _)| *at == key_ref) {
            Some((_, error)) => Err(error.clone()),
            None => Err(Error::UnknownVersion { id: id.to_owned(), key_ref }),
        }
    }

    pub(super) fn beacon(&self, id: &str) -> Result<Arc<BeaconKey>, Error> {
        self.beacon.clone().ok_or_else(|| match self.beacons.last() {
            Some(_) => {
                let reason = "the key store lacks the beacon epoch that the lock demands".to_owned();
                Error::Inconsistent { id: id.to_owned(), reason }
            }
            None => self.closed_or_missing(id),
        })
    }

    fn closed_or_missing(&self, id: &str) -> Error {
        self.closed.first().map_or_else(|| Error::Missing { id: id.to_owned() }, |(_, error)| error.clone())
    }

    fn branch_of(&self, item: &Item) -> Option<Arc<BranchKey>> {
        let same = |key: &&Arc<BranchKey>| {
            key.commit() == item.commit && key.version() == item.version && key.generation() == item.generation
        };
        self.branches.iter().find(same).cloned()
    }

    fn beacon_of(&self, item: &Item) -> Option<Arc<BeaconKey>> {
        let same = |key: &&Arc<BeaconKey>| {
            key.commit() == item.commit && key.version() == item.version && key.epoch() == item.generation
        };
        self.beacons.iter().find(same).cloned()
    }
}

fn check_pin(pins: &Pins, item: &Item) -> Result<(), &'static str> {
    let pinned = pins.commits.iter().find(|(kind, generation, _)| *kind == item.kind && *generation == item.generation);
    match pinned {
        Some((_, _, commit)) if *commit != item.commit => Err("it is not the key that the lock records"),
        _ => Ok(()),
    }
}
