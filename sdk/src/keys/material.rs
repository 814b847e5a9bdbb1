//! Branch and beacon keys in memory, and what is derived from them (KEY-2, KEY-3).

use std::fmt;

/// The first eight bytes of a key's commitment: a hint which version sealed a cell (KEY-2).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyRef(pub [u8; 8]);

impl fmt::Display for KeyRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One version of a branch key with everything derived from it.
pub struct BranchKey {
    // Fields come with their first reader.
}

/// One epoch of a beacon key with its HMAC states.
pub struct BeaconKey {
    // Fields come with their first reader.
}
