//! What is protected, and the keys for it, as one session knows it between two messages.

use std::sync::Arc;

use pgseal::keys::{self, BeaconKey, BranchKey, KeyRef, KeySource};
use pgseal::schema::Protection;

/// One state of the world.
pub(super) struct World {
    /// Decides about every statement.
    pub(super) protection: Arc<Protection>,
    /// No I/O, no waiting.
    pub(super) keys: Arc<dyn KeySource>,
}

impl World {
    /// Nothing is protected, and there are no keys.
    pub(super) fn nothing() -> Self {
        Self { protection: Arc::default(), keys: Arc::new(NoKeys) }
    }
}

/// The keys of a database without protected tables.
pub(super) struct NoKeys;

impl KeySource for NoKeys {
    fn sealing(&self, id: &str) -> Result<Arc<BranchKey>, keys::Error> {
        Err(keys::Error::Missing { id: id.to_owned() })
    }
    fn opening(&self, id: &str, _: KeyRef) -> Result<Arc<BranchKey>, keys::Error> {
        Err(keys::Error::Missing { id: id.to_owned() })
    }
    fn beacon(&self, id: &str) -> Result<Arc<BeaconKey>, keys::Error> {
        Err(keys::Error::Missing { id: id.to_owned() })
    }
}
