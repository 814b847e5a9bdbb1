//! A whole row: which cells, beacons and signature belong to a set of values, and whether stored ones hold.

mod context;
mod open;
mod seal;
mod signed;

use std::sync::Arc;

use zeroize::Zeroizing;

use context::{new_context, stored_context};
pub use open::RowOpener;
use seal::RowSealer;
use signed::{check_newer_parts, signed_record};

use super::cell;
use super::packed::Packed;
use super::{Error, beacon, signature};
use crate::crypto::random::NoRandomness;
use crate::keys::material::TableKeys;
use crate::keys::{BranchKey, KeyRef, KeySource};
use crate::schema::{Column, ColumnId, SignatureSet, Table};
use crate::value::{Type, Value};

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
#[derive(Clone, Copy)]
pub struct StoredRow<'a> {
    /// By [`ColumnId`]: `None` if not fetched; `Some(None)` is SQL NULL. A sealed column holds its cell, every other
    /// one its S form ([`Type::stored_expression`]).
    pub columns: &'a [Option<Option<&'a [u8]>>],
    /// By index into [`Table::beacons`]: the 16 bytes of the uuid.
    pub tags: &'a [Option<Option<&'a [u8]>>],
    /// `pgseal_signature`.
    pub signature: Option<Option<&'a [u8]>>,
}

impl<'a> StoredRow<'a> {
    fn column(&self, id: ColumnId) -> Option<Option<&'a [u8]>> {
        self.columns.get(id).copied().flatten()
    }

    fn tag(&self, index: usize) -> Option<Option<&'a [u8]>> {
        self.tags.get(index).copied().flatten()
    }
}

/// Seals a whole row: `values` by [`ColumnId`], `None` is SQL NULL; a DO_NOTHING column's value is ignored. Makes the
/// cells, the tags and, for a signed table, the signature over all of it.
///
/// # Errors
/// NULL in a context column, in the primary key or in a NOT NULL column (23502), no key, no randomness.
pub fn seal_row(table: &Table, keys: &dyn KeySource, values: &[Option<Value<'_>>]) -> Result<SealedRow, Error> {
    let (cells, SealedParts { tags, signature }) = seal_values(table, keys, values)?;
    let cells = (0..table.columns.len()).map(|id| cells.get(id).map(<[u8]>::to_vec)).collect();
    Ok(SealedRow { cells, tags, signature: signature.map(|signature| signature.to_vec()) })
}

/// As [`seal_row`]; the cells by [`ColumnId`], in one buffer.
pub(crate) fn seal_values(
    table: &Table,
    keys: &dyn KeySource,
    values: &[Option<Value<'_>>],
) -> Result<(Packed, SealedParts), Error> {
    // A shorter row would seal NULL where a value was meant.
    if values.len() != table.columns.len() {
        return Err(unknown(table));
    }
    // Never moved while it grows: what is left behind would not be overwritten.
    let room = values.iter().flatten().map(Value::stored_room).sum();
    let mut clear = Zeroizing::new(Packed::new(table.columns.len(), room));
    for (id, column) in table.columns.iter().enumerate().filter(|(_, column)| column.is_signed()) {
        if let Some(value) = value_at(values, id) {
            let ty = type_of(table, column)?;
            clear.write(id, |out| -> Result<bool, Error> {
                value.write_stored(ty, out);
                Ok(true)
            })?;
        }
    }
    let mut cells = Packed::new(table.columns.len(), sealed_len(table, &clear));
    let parts = seal_stored(table, keys, &clear, &mut cells)?;
    Ok((cells, parts))
}

/// What a row gets besides its cells.
pub(crate) struct SealedParts {
    /// By index into [`Table::beacons`]: the exact tag; `None` for NULL.
    pub(crate) tags: Vec<Option<[u8; 16]>>,
    /// Content of `pgseal_signature`, for a signed table.
    pub(crate) signature: Option<[u8; signature::LEN]>,
}

/// How many bytes the cells of a row have at most, so that none moves, in the clear still, while it is written.
pub(crate) fn sealed_len(table: &Table, clear: &Packed) -> usize {
    let sealed = table.columns.iter().filter(|column| column.is_sealed());
    clear.len() + sealed.map(cell_room).sum::<usize>()
}

/// What a cell of this column has beside its value.
fn cell_room(column: &Column) -> usize {
    cell::OVERHEAD + column.pad.map_or(0, |pad| pad as usize)
}

/// As [`seal_row`], of values in their stored form by [`ColumnId`]. The cells go to `out`, by [`ColumnId`] too.
pub(crate) fn seal_stored(
    table: &Table,
    keys: &dyn KeySource,
    clear: &Packed,
    out: &mut Packed,
) -> Result<SealedParts, Error> {
    check_not_null(table, clear)?;
    let key = RowKey::new(table, keys.sealing(&table.branch_key)?);
    let context = stored_context(table, true, |id| Some(clear.get(id)))?;
    let sealed = table.columns.iter().enumerate().filter(|(_, column)| column.is_sealed());
    let sealed = sealed.filter_map(|(id, _)| Some((id, clear.get(id)?)));
    let cells = sealed.clone().count();
    // A row without cells needs no nonce.
    if cells > 0 {
        let mut sealer = RowSealer::new(table, &key, context, cells)?;
        for (id, stored) in sealed {
            out.write(id, |out| sealer.seal(id, out, |_, out| out.extend_from_slice(stored)).map(|()| true))?;
        }
    }
    let tags = (0..table.beacons.len())
        .map(|index| stored_tag(table, keys, index, clear))
        .collect::<Result<Vec<_>, Error>>()?;
    let signature = match &table.signature {
        None => None,
        Some(set) => {
            let column = |id| Some(if is_sealed(table, id) { out.get(id) } else { clear.get(id) });
            let tag = |index: usize| tags.get(index).map(|tag| tag.as_ref().map(<[u8; 16]>::as_slice));
            Some(sign(table, &key, set, column, tag)?)
        }
    };
    Ok(SealedParts { tags, signature })
}

/// Seals some cells of one row whose whole context is known (SQL-50): `context` by [`ColumnId`] as in [`seal_row`],
/// only context columns are looked at. Each column stands in `cells` once. They share one derived key (CELL-1). No cell needs no context: NULL is written
/// as NULL wherever the row is.
///
/// # Errors
/// NULL in a context column (23502), no key, no randomness; a column that is not sealed.
pub fn seal_cells(
    table: &Table,
    keys: &dyn KeySource,
    context: &[Option<Value<'_>>],
    cells: &[(ColumnId, Value<'_>)],
) -> Result<Vec<Vec<u8>>, Error> {
    let some: Vec<_> = cells.iter().map(|(id, value)| (*id, value)).collect();
    let packed = seal_some(table, keys, context, &some)?;
    Ok(cells.iter().map(|(id, _)| packed.get(*id).map(<[u8]>::to_vec).unwrap_or_default()).collect())
}

/// As [`seal_cells`]; the cells by [`ColumnId`], in one buffer.
pub(crate) fn seal_some(
    table: &Table,
    keys: &dyn KeySource,
    context: &[Option<Value<'_>>],
    cells: &[(ColumnId, &Value<'_>)],
) -> Result<Packed, Error> {
    let room =
        cells.iter().map(|(id, value)| table.columns.get(*id).map_or(cell::OVERHEAD, cell_room) + value.stored_room());
    let room = room.sum();
    let mut out = Packed::new(table.columns.len(), room);
    if cells.is_empty() {
        return Ok(out);
    }
    let key = RowKey::new(table, keys.sealing(&table.branch_key)?);
    let context = new_context(table, context)?;
    let mut sealer = RowSealer::new(table, &key, context, cells.len())?;
    for (id, value) in cells {
        if out.get(*id).is_some() {
            return Err(malformed(table, column_at(table, *id)?, "it is sealed twice"));
        }
        out.write(*id, |out| sealer.seal(*id, out, |ty, out| value.write_stored(ty, out)).map(|()| true))?;
    }
    Ok(out)
}

/// The exact tag of a value for the beacon at this index of [`Table::beacons`]. The value has the column's type, or
/// one of the same equality family.
pub fn exact_tag(table: &Table, keys: &dyn KeySource, beacon: usize, value: &Value<'_>) -> Result<[u8; 16], Error> {
    let named = table.beacons.get(beacon).ok_or_else(|| unknown(table))?;
    let column = column_at(table, named.column)?;
    let ty = type_of(table, column)?;
    if ty.equality().is_none() {
        return Err(malformed(table, column, "its type has no equality form"));
    }
    let key = keys.beacon(&table.branch_key)?;
    let mut equality = Vec::with_capacity(32);
    value.write_equality(ty, &mut equality);
    Ok(beacon::exact(&key.beacon(&named.full_name), &equality))
}

/// The same for the stored form of the value of its column; NULL has no tag (BCN-5).
fn stored_tag(table: &Table, keys: &dyn KeySource, beacon: usize, clear: &Packed) -> Result<Option<[u8; 16]>, Error> {
    let named = table.beacons.get(beacon).ok_or_else(|| unknown(table))?;
    let column = column_at(table, named.column)?;
    let Some(stored) = clear.get(named.column) else { return Ok(None) };
    let value = Value::read_stored(type_of(table, column)?, stored)
        .map_err(|error| Error::Value { column: name(table, column), error })?;
    exact_tag(table, keys, beacon, &value).map(Some)
}

/// Verifies the signature of a row that was fetched whole (every column and tag of its signature set present).
///
/// # Errors
/// XX001 for a signature that is missing, malformed, of an unknown set, or does not hold; for a table without
/// signatures, of which nothing can be verified; for a row of which a signed part was not fetched.
pub fn verify_row(table: &Table, keys: &dyn KeySource, row: &StoredRow<'_>) -> Result<(), Error> {
    verify(table, keys, row).map(drop)
}

/// As [`verify_row`]; gives the key that the signature names, under which the cells most likely are too.
fn verify(table: &Table, keys: &dyn KeySource, row: &StoredRow<'_>) -> Result<RowKey, Error> {
    let current = table.signature.as_ref().ok_or_else(|| problem(table, "is not part of this table"))?;
    let bytes = match row.signature {
        Some(Some(bytes)) => bytes,
        Some(None) => return Err(problem(table, "is missing")),
        None => return Err(problem(table, "was not fetched")),
    };
    let envelope =
        signature::Envelope::parse(bytes).map_err(|_| problem(table, "is not a signature of this version"))?;
    let set = std::iter::once(current)
        .chain(&table.older_sets)
        .find(|set| set.id == envelope.set)
        .ok_or_else(|| problem(table, "covers a set of columns that is not accepted"))?;
    // The suite comes from the set, never from the row (SIG-3).
    if envelope.suite != set.suite as u8 {
        return Err(problem(table, "is of another suite than its set"));
    }
    let key = RowKey::new(table, keys.opening(&table.branch_key, envelope.key_ref)?);
    if !signed_record(table, &key, set, |id| row.column(id), |index| row.tag(index))?.verify(&envelope.tag) {
        return Err(problem(table, "does not hold: the row was changed outside of pgseal"));
    }
    if set.id != current.id {
        check_newer_parts(table, current, set, row)?;
    }
    Ok(key)
}

/// Signs a row as it will be stored (SIG-2): every column and tag of the current set present in `row`.
pub fn sign_row(table: &Table, keys: &dyn KeySource, row: &StoredRow<'_>) -> Result<Vec<u8>, Error> {
    let set = table.signature.as_ref().ok_or_else(|| problem(table, "is not part of this table"))?;
    let key = RowKey::new(table, keys.sealing(&table.branch_key)?);
    Ok(sign(table, &key, set, |id| row.column(id), |index| row.tag(index))?.to_vec())
}

/// Opens the cell of `column` under the context that `row` holds. `scratch` receives the plaintext, from which the
/// value borrows. For several cells of one row [`RowOpener`] is cheaper.
pub fn open_cell<'s>(
    table: &Table,
    keys: &dyn KeySource,
    row: &StoredRow<'_>,
    column: ColumnId,
    scratch: &'s mut Vec<u8>,
) -> Result<Value<'s>, Error> {
    RowOpener::new(table, keys, *row).open(column, scratch)
}

/// The key version that a cell names, for a caller that must load it first; `None` if it is too short. A signature
/// has it elsewhere: [`signature_key_ref`].
pub fn key_ref(cell: &[u8]) -> Option<KeyRef> {
    cell.get(1..9)?.try_into().ok().map(KeyRef)
}

/// The key version that a signature names.
pub fn signature_key_ref(signature: &[u8]) -> Option<KeyRef> {
    signature::Envelope::parse(signature).ok().map(|envelope| envelope.key_ref)
}

/// A version of a branch key with what it has for one table, looked up once for a row.
struct RowKey {
    branch: Arc<BranchKey>,
    table: Arc<TableKeys>,
}

impl RowKey {
    fn new(table: &Table, branch: Arc<BranchKey>) -> Self {
        let table = branch.table(&table.logical);
        Self { branch, table }
    }
}

/// NULL where the table does not allow it, met before anything is sealed.
fn check_not_null(table: &Table, clear: &Packed) -> Result<(), Error> {
    for (id, column) in table.columns.iter().enumerate().filter(|(_, column)| column.is_signed()) {
        if clear.get(id).is_some() {
            continue;
        }
        if column.is_context() {
            return Err(Error::NullContext { column: name(table, column), writing: true });
        }
        if column.not_null || table.primary_key.contains(&id) {
            return Err(Error::NotNull { column: name(table, column) });
        }
    }
    Ok(())
}

/// The signature of a row whose stored columns and tags these functions give.
fn sign<'r>(
    table: &Table,
    key: &RowKey,
    set: &SignatureSet,
    column: impl Fn(ColumnId) -> Option<Option<&'r [u8]>>,
    tag: impl Fn(usize) -> Option<Option<&'r [u8]>>,
) -> Result<[u8; signature::LEN], Error> {
    let tag = signed_record(table, key, set, column, tag)?.finish();
    Ok(signature::Envelope { suite: set.suite as u8, key_ref: key.branch.key_ref(), set: set.id, tag }.to_bytes())
}

fn value_at<'v, 'a>(values: &'v [Option<Value<'a>>], id: ColumnId) -> Option<&'v Value<'a>> {
    values.get(id).and_then(Option::as_ref)
}

fn column_at(table: &Table, id: ColumnId) -> Result<&Column, Error> {
    table.columns.get(id).ok_or_else(|| unknown(table))
}

fn type_of<'t>(table: &Table, column: &'t Column) -> Result<&'t Type, Error> {
    column.ty.as_ref().ok_or_else(|| malformed(table, column, "its type is not known here"))
}

fn is_sealed(table: &Table, id: ColumnId) -> bool {
    table.columns.get(id).is_some_and(Column::is_sealed)
}

/// `table.column` as people know them.
fn name(table: &Table, column: &Column) -> String {
    format!("{}.{}", table.relation.name, column.name)
}

fn malformed(table: &Table, column: &Column, reason: &'static str) -> Error {
    Error::Malformed { column: name(table, column), reason }
}

fn problem(table: &Table, problem: &'static str) -> Error {
    Error::Signature { table: table.logical.clone(), problem }
}

/// A position that the table does not have: a mistake of ours, told as an error and not as a panic.
fn unknown(table: &Table) -> Error {
    Error::Malformed { column: table.relation.name.clone(), reason: "there is no such column or beacon" }
}

impl From<NoRandomness> for Error {
    fn from(_: NoRandomness) -> Self {
        Error::Randomness
    }
}

#[cfg(test)]
mod tests;
