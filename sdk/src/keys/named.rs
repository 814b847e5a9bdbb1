//! The keys that a schema file and its lock name: what opens each of them, and what a key store must say of it.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use super::cache::{KeyCache, Pins};
use super::keyring::{self, Keyring};
use super::store::{KeyStore, Kind};
use super::{Error, KeyCommit, Uuid};
use crate::error::UserFacing as _;
use crate::schema::keyring_uri::KeyringUri;
use crate::schema::{Lock, Schema, lock};

/// The keyring of a branch key. `state_dir` is where `local:` keys have their root key.
///
/// # Errors
/// What is missing, by name.
pub fn keyring_of(schema: &Schema, id: &str, state_dir: &Path) -> Result<Arc<dyn Keyring>, Error> {
    let (generator, children) = uris(schema, id)?;
    keyring::open_all(&generator, &children, state_dir)
}

/// What the lock knows of a key.
///
/// # Errors
/// [`Error::Inconsistent`] if it cannot be read.
pub fn pins(lock: &Lock, id: &str) -> Result<Pins, Error> {
    let malformed = |what: &str| inconsistent(id, format!("the lock's {what} cannot be read"));
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

/// Registers and loads these keys; `known` says what opens one and what the lock knows of it. Nothing is made (KEY-6).
///
/// # Errors
/// Every key that is missing or does not open, not only the first.
pub async fn load<'a>(
    cache: &KeyCache,
    store: &dyn KeyStore,
    ids: impl IntoIterator<Item = &'a str>,
    known: impl Fn(&str) -> Result<(Arc<dyn Keyring>, Pins), Error>,
) -> Result<(), Vec<Error>> {
    let ids: BTreeSet<&str> = ids.into_iter().collect();
    let mut failures = Vec::new();
    for id in ids {
        let loaded = match known(id) {
            Ok((keyring, pins)) => {
                cache.register(id, keyring, pins);
                cache.load(store, &[id]).await
            }
            Err(error) => Err(error),
        };
        failures.extend(loaded.err());
    }
    if failures.is_empty() { Ok(()) } else { Err(failures) }
}

/// A key's error with what to do about it.
pub fn describe(error: &Error) -> String {
    match error.hint() {
        Some(hint) => format!("{error}\n  help: {hint}"),
        None => error.to_string(),
    }
}

/// Several keys' errors, each with what to do about it.
pub fn describe_all(errors: &[Error]) -> String {
    errors.iter().map(describe).collect::<Vec<_>>().join("\n")
}

/// The wrapping keys of a branch key: its generator and the children.
pub(crate) fn uris(schema: &Schema, id: &str) -> Result<(KeyringUri, Vec<KeyringUri>), Error> {
    let keyring = schema
        .branch_keys
        .get(id)
        .and_then(|key| schema.keyrings.get(&key.keyring))
        .ok_or_else(|| inconsistent(id, "the schema file does not say what wraps it".into()))?;
    let parse = |uri: &String| uri.parse::<KeyringUri>().map_err(|error| inconsistent(id, error.to_string()));
    Ok((parse(&keyring.generator)?, keyring.children.iter().map(parse).collect::<Result<_, _>>()?))
}

fn inconsistent(id: &str, reason: String) -> Error {
    Error::Inconsistent { id: id.to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock(commit: &str) -> Lock {
        let key = lock::Key {
            generation: 1,
            min_generation: 1,
            beacon_epoch: 1,
            key_commits: vec![commit.to_owned()],
            beacon_commits: vec!["cd".repeat(32)],
        };
        let store = Some("01234567-89ab-cdef-0123-456789abcdef".to_owned());
        Lock { store, keys: [("cards".to_owned(), key)].into(), ..Lock::default() }
    }

    #[test]
    fn the_lock_pins_store_generation_and_commitments_of_a_key_key_5() {
        let pins = pins(&lock(&"ab".repeat(32)), "cards").unwrap();
        assert_eq!(pins.store, Some("01234567-89ab-cdef-0123-456789abcdef".parse().unwrap()));
        assert_eq!((pins.min_generation, pins.beacon_epoch), (1, Some(1)));
        let commits = [(Kind::Branch, 1, KeyCommit([0xab; 32])), (Kind::Beacon, 1, KeyCommit([0xcd; 32]))];
        assert_eq!(pins.commits, commits);
    }

    #[test]
    fn a_key_that_the_lock_does_not_know_is_pinned_to_its_store_alone() {
        let pins = pins(&lock(&"ab".repeat(32)), "payments").unwrap();
        assert!(pins.store.is_some() && pins.commits.is_empty() && pins.beacon_epoch.is_none());
    }

    #[test]
    fn a_commitment_or_store_that_cannot_be_read_is_an_error_and_no_missing_pin() {
        for commit in ["", "ab", &"zz".repeat(32)] {
            assert!(matches!(pins(&lock(commit), "cards"), Err(Error::Inconsistent { .. })), "{commit}");
        }
        let mut other = lock(&"ab".repeat(32));
        other.store = Some("no uuid".into());
        assert!(matches!(pins(&other, "cards"), Err(Error::Inconsistent { .. })));
    }
}
