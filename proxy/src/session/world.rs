//! What is protected, and the keys for it: replaced as a whole when the lock changes.

use std::fmt;
use std::sync::Arc;

use pgseal::keys::{self, BeaconKey, BranchKey, KeyRef, KeySource};
use pgseal::schema::Protection;

/// One state of the world. Sessions take the next one over between two messages.
#[derive(Clone)]
pub struct World {
    /// Decides about every statement.
    pub protection: Arc<Protection>,
    /// No I/O, no waiting.
    pub keys: Arc<dyn KeySource>,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("epoch", &self.protection.epoch).finish_non_exhaustive()
    }
}

impl World {
    /// Nothing is protected.
    pub fn nothing() -> Arc<Self> {
        Arc::new(Self { protection: Arc::default(), keys: Arc::new(NoKeys) })
    }
}

/// The keys of a world without protected tables.
struct NoKeys;

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
