//! A key version that a row names and the cache does not have: another process may have made it a moment ago. It is
//! loaded once, and the row opened again.

use pgseal::keys::{self, KeyRef};
use pgseal::{exec, seal};

/// Different versions that a batch may ask for: rows are the server's, and each one costs a wait.
const MOST: usize = 16;

/// What was asked for since the last ReadyForQuery; the last one may still be to be loaded.
#[derive(Default)]
pub(super) struct Sought(Vec<(String, KeyRef)>);

impl Sought {
    /// Whether loading a key may help against this error. It may not if it was tried.
    pub(super) fn seek(&mut self, error: &exec::Error) -> bool {
        let exec::Error::Seal(seal::Error::Key(keys::Error::UnknownVersion { id, key_ref })) = error else {
            return false;
        };
        let version = (id.clone(), *key_ref);
        if self.0.len() >= MOST || self.0.contains(&version) {
            return false;
        }
        self.0.push(version);
        true
    }

    /// What [`Sought::seek`] found last.
    pub(super) fn last(&self) -> Option<(String, KeyRef)> {
        self.0.last().cloned()
    }

    /// The batch is over; the next one may ask again.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unknown(number: u8) -> exec::Error {
        let key_ref = KeyRef([number; 8]);
        exec::Error::Seal(seal::Error::Key(keys::Error::UnknownVersion { id: "cards".into(), key_ref }))
    }

    #[test]
    fn a_version_is_asked_for_once_a_batch_and_not_more_than_a_few_of_them() {
        let mut sought = Sought::default();
        assert!(sought.seek(&unknown(0)));
        assert_eq!(sought.last(), Some(("cards".into(), KeyRef([0; 8]))));
        assert!(!sought.seek(&unknown(0)), "it was tried");
        assert_eq!((1..=200).filter(|number| sought.seek(&unknown(*number))).count(), MOST - 1);
        sought.forget();
        assert!(sought.seek(&unknown(0)));
    }

    #[test]
    fn no_key_helps_against_any_other_error() {
        let missing = seal::Error::Key(keys::Error::Missing { id: "cards".into() });
        let tampered = seal::Error::Tampered { column: "card.pan".into() };
        assert!(![missing, tampered].into_iter().any(|error| Sought::default().seek(&error.into())));
    }
}
