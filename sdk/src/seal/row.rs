//! A whole row: which cells, beacons and signature belong to a set of values, and whether stored ones hold.

use super::Error;
use crate::keys::{KeyRef, KeySource};
use crate::schema::{ColumnId, Table};
use crate::value::Value;

/// What a whole new row becomes.
pub struct SealedRow {
    /// By [`ColumnId`]: the cell of a sealed column; `None` for SQL NULL and for columns that are not sealed.
    pub cells: Vec<Option<Vec<u8>>>,
    /// By index into [`Table::beacons`]: the exact tag; `None` for NULL.
    pub tags: Vec<Option<[u8; 16]>>,
    /// Content of `pgseal_signature`, for a signed table.
    pub signature: Option<Vec<u8>>,
}

/// A physical row of one protected table as it was read; positions that were not fetched are `None`.
pub struct StoredRow<'a> {
    /// By [`ColumnId`]: `None` if not fetched; `Some(None)` is SQL NULL. A sealed column holds its cell, every other
    /// one its S form (`pg_catalog.<type>send(col)`).
    pub columns: &'a [Option<Option<&'a [u8]>>],
    /// By index into [`Table::beacons`]: the 16 bytes of the uuid.
    pub tags: &'a [Option<Option<&'a [u8]>>],
    /// `pgseal_signature`.
    pub signature: Option<Option<&'a [u8]>>,
}

/// Seals a whole row: `values` by [`ColumnId`], `None` is SQL NULL; a DO_NOTHING column's value is ignored. Makes the
/// cells, the tags and, for a signed table, the signature over all of it.
pub fn seal_row(table: &Table, keys: &dyn KeySource, values: &[Option<Value<'_>>]) -> Result<SealedRow, Error> {
    let _ = (table, keys, values);
    todo!()
}

/// Seals some cells of one row whose whole context is known (SQL-50): `context` by [`ColumnId`] as in [`seal_row`],
/// only context columns are looked at. They share one derived key (CELL-1).
pub fn seal_cells(
    table: &Table,
    keys: &dyn KeySource,
    context: &[Option<Value<'_>>],
    cells: &[(ColumnId, Value<'_>)],
) -> Result<Vec<Vec<u8>>, Error> {
    let _ = (table, keys, context, cells);
    todo!()
}

/// The exact tag of a value for the beacon at this index of [`Table::beacons`]. The value has the column's type, or
/// one of the same equality family.
pub fn exact_tag(table: &Table, keys: &dyn KeySource, beacon: usize, value: &Value<'_>) -> Result<[u8; 16], Error> {
    let _ = (table, keys, beacon, value);
    todo!()
}

/// Verifies the signature of a row that was fetched whole (every column and tag of its signature set present).
pub fn verify_row(table: &Table, keys: &dyn KeySource, row: &StoredRow<'_>) -> Result<(), Error> {
    let _ = (table, keys, row);
    todo!()
}

/// Signs a row as it will be stored (SIG-2): every column and tag of the current set present in `row`.
pub fn sign_row(table: &Table, keys: &dyn KeySource, row: &StoredRow<'_>) -> Result<Vec<u8>, Error> {
    let _ = (table, keys, row);
    todo!()
}

/// Opens the cell of `column` under the context that `row` holds. `scratch` receives the plaintext, from which the
/// value borrows.
pub fn open_cell<'s>(
    table: &Table,
    keys: &dyn KeySource,
    row: &StoredRow<'_>,
    column: ColumnId,
    scratch: &'s mut Vec<u8>,
) -> Result<Value<'s>, Error> {
    let _ = (table, keys, row, column, scratch);
    todo!()
}

/// The key version that a cell or signature names, for a caller that must load it first; `None` if it is too short.
pub fn key_ref(envelope: &[u8]) -> Option<KeyRef> {
    let _ = envelope;
    todo!()
}
