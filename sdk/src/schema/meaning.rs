//! What an unqualified name of a protected table means in a session whose search path was set (SQL-63).

use std::collections::{BTreeMap, BTreeSet};

use super::{Protection, Relation};

/// The schema of the session's own temporary relations.
pub const TEMPORARY: &str = "pg_temp";

/// Schemas with a relation that shares the last part of a protected name, by that name. Temporary schemas are not among
/// them: whose they are the catalog does not say.
pub type Namesakes = BTreeMap<String, BTreeSet<String>>;

/// By the last part of a protected name: what it means unqualified, where that is not the protected table.
pub type Meanings = BTreeMap<String, Meaning>;

/// What an unqualified name of a protected table means instead of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Meaning {
    /// By the client's own path this relation comes first, and it is declared harmless.
    Unprotected(Relation),
    /// The same of one that is not declared harmless.
    Other(Relation),
    /// The path holds no relation of this name.
    Missing,
    /// The path is not, or not only, what the client made it: by the server's word this relation comes first.
    Moved(Relation),
    /// It is not known which relation comes first: a statement of the same text may have set the path, or the server was
    /// not asked yet.
    Unknown,
}

impl Protection {
    /// The same for a session in which some names mean something else.
    pub fn under(&self, meanings: Meanings) -> Self {
        let mut hash = blake3::Hasher::new();
        hash.update(&self.epoch.to_be_bytes());
        hash.update(format!("{meanings:?}").as_bytes());
        let mut first = [0; 8];
        first.copy_from_slice(&hash.finalize().as_bytes()[..8]);
        Self { epoch: u64::from_be_bytes(first), meanings, ..self.clone() }
    }

    /// The last parts of all protected names, and the relation that each is protected as.
    pub fn relations(&self) -> impl Iterator<Item = &Relation> {
        self.tables.iter().map(|table| &table.relation).chain(self.pending.values())
    }
}
