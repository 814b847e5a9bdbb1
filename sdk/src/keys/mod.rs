//! Keys: what wraps them, where they are stored, and the cache from which the hot path takes them without I/O.

pub mod cache;
mod create;
mod flight;
pub mod keyring;
pub mod material;
pub mod named;
pub mod store;
#[cfg(test)]
pub(crate) mod test_dir;
mod uuid;

use std::pin::Pin;
use std::sync::Arc;

pub use cache::KeyCache;
pub use create::{Creation, create_key};
pub use keyring::Keyring;
pub use material::{BeaconKey, BranchKey, KeyCommit, KeyRef};
pub use store::KeyStore;
pub use uuid::{NotAUuid, Uuid};

use crate::error::{SqlState, UserFacing};

/// Why a key is not there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The store has no key of this id: only `keys create` makes one (KEY-6).
    #[error("key {id:?} is not in the key store")]
    Missing {
        /// The branch key id.
        id: String,
    },
    /// A cell names a version that the cache does not hold; the caller may load and try once more.
    #[error("key {id:?} has no version {key_ref} here")]
    UnknownVersion {
        /// The branch key id.
        id: String,
        /// The reference from the cell.
        key_ref: KeyRef,
    },
    /// The wrapping key does not open what the store holds: wrong root key, or a tampered item.
    #[error("key {id:?} cannot be unwrapped: {reason}")]
    Unwrap {
        /// The branch key id.
        id: String,
        /// What is known of the cause; no key bytes.
        reason: String,
    },
    /// The key service or the store cannot be reached, read or written.
    #[error("{what} is not available: {reason}")]
    Unavailable {
        /// The key service or store, by name.
        what: String,
        /// What is known of the cause.
        reason: String,
    },
    /// The key service answered, and does not let this caller use the key. Asking again does not help.
    #[error("key {id:?} is denied: {reason}")]
    Denied {
        /// The branch key id.
        id: String,
        /// What the key service said; no key bytes.
        reason: String,
    },
    /// The store or the lock contradicts what is known (an older generation, another commitment).
    #[error("key {id:?}: {reason}")]
    Inconsistent {
        /// The branch key id.
        id: String,
        /// What contradicts what.
        reason: String,
    },
}

impl UserFacing for Error {
    fn sqlstate(&self) -> SqlState {
        match self {
            Error::Missing { .. } | Error::Unavailable { .. } => SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
            Error::UnknownVersion { .. } | Error::Unwrap { .. } | Error::Inconsistent { .. } => {
                SqlState::DATA_CORRUPTED
            }
            Error::Denied { .. } => SqlState::INSUFFICIENT_PRIVILEGE,
        }
    }
    fn message(&self) -> String {
        self.to_string()
    }
    fn hint(&self) -> Option<String> {
        match self {
            Error::Missing { id } => Some(format!("Create it with: pgseal keys create {id}")),
            Error::Unwrap { .. } => Some("Is this the root key under which the key was created?".into()),
            Error::Denied { .. } => Some("May this caller use the wrapping key, and is that key enabled?".into()),
            Error::UnknownVersion { .. } | Error::Unavailable { .. } | Error::Inconsistent { .. } => None,
        }
    }
}

/// Where the hot path takes keys from: no I/O, no waiting.
pub trait KeySource: Send + Sync {
    /// The version that new cells and signatures use: the highest active generation (KEY-5).
    fn sealing(&self, id: &str) -> Result<Arc<BranchKey>, Error>;
    /// The one version that `key_ref` names (KEY-2, KEY-8).
    fn opening(&self, id: &str, key_ref: KeyRef) -> Result<Arc<BranchKey>, Error>;
    /// The current beacon key.
    fn beacon(&self, id: &str) -> Result<Arc<BeaconKey>, Error>;
}

/// A future of a `dyn` trait.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// `N` bytes from exactly `2 * N` hex digits of either case.
fn from_hex<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if text.len() != 2 * N {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        let digit = |at: usize| pair.get(at).and_then(|&digit| char::from(digit).to_digit(16));
        *byte = u8::try_from(digit(0)? << 4 | digit(1)?).ok()?;
    }
    Some(bytes)
}
