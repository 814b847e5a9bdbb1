//! How a sealer stands with its database: for a health page, and for whoever changed a table.

use std::time::Duration;

use crate::schema::Protection;

/// What a sealer answers now, and what it refuses: [`Sealer::status`](super::Sealer::status). Names of tables and
/// reasons, nothing of keys or values.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// The tables of the schema file of which every statement is refused, ordered by name.
    pub refused: Vec<Refused>,
    /// Whether the catalog is in sight: not if three looks in a row gave no answer. The last result stands then, until
    /// the last look is two minutes old: from then on all tables are refused.
    pub in_sight: bool,
    /// How long ago the last look at the catalog began that gave an answer; nothing for a sealer without a pool.
    pub last_look: Option<Duration>,
}

/// A table that is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refused {
    /// Its physical name, without its schema.
    pub table: String,
    /// Why, as the log has it.
    pub reason: String,
}

impl Status {
    /// Whether nothing is refused and the catalog is in sight.
    pub fn is_healthy(&self) -> bool {
        self.refused.is_empty() && self.in_sight
    }

    pub(super) fn of(protection: &Protection, in_sight: bool, last_look: Option<Duration>) -> Self {
        let refused = |table: &String, reason: &str| Refused { table: table.clone(), reason: reason.to_owned() };
        let pending = protection.pending.keys().map(|table| refused(table, "it is in the schema file and not applied"));
        let drifted = protection.drifted.iter().map(|(table, reason)| refused(table, reason));
        let mut refused: Vec<Refused> = pending.chain(drifted).collect();
        refused.sort_by(|a, b| a.table.cmp(&b.table));
        Self { refused, in_sight, last_look }
    }
}
