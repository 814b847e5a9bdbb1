//! The guard of CELL-8: a RETURNING column that fails the statement if the row does not hold what was signed.
//!
//! It is a net against accidents, an unknown trigger above all: the statement fails before it can commit. The failure
//! is a cast of [`GUARD_MARK`] to int4 at run time; it is no constant, so that the server cannot fold it away.

use super::{Lower, Part};
use crate::schema::Table;
use crate::sql::infer::Write;
use crate::sql::plan::draft::Parts;
use crate::sql::{PhysicalType, Recipe, Refusal};

/// SQLSTATE of the server's error when a guard fails.
pub const GUARD_SQLSTATE: &str = "22P02";

/// What stands in the message of that error, whatever the server's language.
pub const GUARD_MARK: &str = "pgseal_guard";

/// What precedes the condition that must hold: `CASE WHEN`.
pub const GUARD_HEAD: &str = "(CASE WHEN ";

/// What follows it.
pub const GUARD_TAIL: &str = " THEN '0' ELSE 'pgseal_guard' END)::pg_catalog.int4";

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
pub(super) fn insert(
    lower: &mut Lower<'_, '_>,
    write: &Write,
    rows: &[RowSlots],
    signatures: &[usize],
) -> Result<Option<Parts>, Refusal> {
    let table = &write.table;
    if !wanted(table) {
        return Ok(None);
    }
    let signature = lower.own(write, Part::Signature)?;
    let mut parts = Parts::default().text(format!("{GUARD_HEAD}CASE {signature}"));
    for (row, (slots, signature)) in rows.iter().zip(signatures).enumerate() {
        parts = parts.text(" WHEN ").slot(*signature).text(" THEN ");
        let mut conjunction = "";
        for (id, column) in table.columns.iter().enumerate().filter(|(_, column)| column.is_signed()) {
            let (part, slot) = if column.is_sealed() {
                (Part::Column(id), slots.columns.get(id).copied().flatten())
            } else {
                let slot = lower.draft.slot(Recipe::Signed { row, column: id }, PhysicalType::Bytea);
                (Part::Stored(id), Some(slot))
            };
            parts = holds(parts.text(conjunction), lower.own(write, part)?, slot);
            conjunction = " AND ";
        }
        for (beacon, slot) in slots.tags.iter().enumerate() {
            parts = holds(parts.text(conjunction), lower.own(write, Part::Tag(beacon))?, *slot);
            conjunction = " AND ";
        }
    }
    Ok(Some(parts.text(format!(" ELSE false END{GUARD_TAIL}"))))
}

/// What is stored is what was sent; without a slot nothing was.
fn holds(parts: Parts, stored: String, slot: Option<usize>) -> Parts {
    match slot {
        Some(slot) => parts.text(format!("{stored} IS NOT DISTINCT FROM ")).slot(slot),
        None => parts.text(format!("{stored} IS NULL")),
    }
}
