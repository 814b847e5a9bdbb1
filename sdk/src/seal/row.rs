//! A whole row: which cells, beacons and signature belong to a set of values, and whether stored ones hold.

use std::borrow::Cow;
use std::sync::Arc;

use super::aad::{self, ContextPart, Place};
use super::cell::{self, Content, Nonces, OpenError};
use super::{Error, beacon, signature};
use crate::crypto::mac::Tagger;
use crate::crypto::random::NoRandomness;
use crate::crypto::xaes::{DerivedKey, PREFIX_LEN};
use crate::framing::Sink;
use crate::keys::{BranchKey, KeyRef, KeySource};
use crate::schema::{Column, ColumnDefault, ColumnId, SignatureSet, Table};
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
    /// one its S form (`pg_catalog.<type>send(col)`).
    pub columns: &'a [Option<Option<&'a [u8]>>],
    /// By index into [`Table::beacons`]: the 16 bytes of the uuid.
    pub tags: &'a [Option<Option<&'a [u8]>>],
    /// `pgseal_signature`.
    pub signature: Option<Option<&'a [u8]>>,
}

/// Seals a whole row: `values` by [`ColumnId`], `None` is SQL NULL; a DO_NOTHING column's value is ignored. Makes the
/// cells, the tags and, for a signed table, the signature over all of it.
///
/// # Errors
/// NULL in a context column, in the primary key or in a NOT NULL column (23502), no key, no randomness.
pub fn seal_row(table: &Table, keys: &dyn KeySource, values: &[Option<Value<'_>>]) -> Result<SealedRow, Error> {
    // A shorter row would seal NULL where a value was meant.
    if values.len() != table.columns.len() {
        return Err(unknown(table));
    }
    check_not_null(table, values)?;
    let sealed: Vec<(ColumnId, &Value<'_>)> = table
        .columns
        .iter()
        .enumerate()
        .filter(|(_, column)| column.is_sealed())
        .filter_map(|(id, _)| Some((id, value_at(values, id)?)))
        .collect();
    let key = keys.sealing(&table.branch_key)?;
    let context = new_context(table, values)?;
    let mut cells: Vec<Option<Vec<u8>>> = vec![None; table.columns.len()];
    for (slot, cell) in seal_under(table, &key, &context, &sealed)? {
        cells[slot] = Some(cell);
    }
    let tags = (0..table.beacons.len())
        .map(|index| {
            let value = table.beacons.get(index).and_then(|beacon| value_at(values, beacon.column));
            value.map(|value| exact_tag(table, keys, index, value)).transpose()
        })
        .collect::<Result<Vec<_>, Error>>()?;
    let signature = match &table.signature {
        None => None,
        Some(set) => Some(sign_new(table, &key, set, values, &cells, &tags)?),
    };
    Ok(SealedRow { cells, tags, signature })
}

/// Seals some cells of one row whose whole context is known (SQL-50): `context` by [`ColumnId`] as in [`seal_row`],
/// only context columns are looked at. They share one derived key (CELL-1). No cell needs no context: NULL is written
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
    if cells.is_empty() {
        return Ok(Vec::new());
    }
    let key = keys.sealing(&table.branch_key)?;
    let context = new_context(table, context)?;
    let cells: Vec<_> = cells.iter().map(|(id, value)| (*id, value)).collect();
    Ok(seal_under(table, &key, &context, &cells)?.into_iter().map(|(_, cell)| cell).collect())
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

/// Verifies the signature of a row that was fetched whole (every column and tag of its signature set present).
///
/// # Errors
/// XX001 for a signature that is missing, malformed, of an unknown set, or does not hold; for a table without
/// signatures, of which nothing can be verified; for a row of which a signed part was not fetched.
pub fn verify_row(table: &Table, keys: &dyn KeySource, row: &StoredRow<'_>) -> Result<(), Error> {
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
    let key = keys.opening(&table.branch_key, envelope.key_ref)?;
    if !stored_record(table, &key, set, row)?.verify(&envelope.tag) {
        return Err(problem(table, "does not hold: the row was changed outside of pgseal"));
    }
    if set.id == current.id { Ok(()) } else { check_newer_parts(table, current, set, row) }
}

/// Signs a row as it will be stored (SIG-2): every column and tag of the current set present in `row`.
pub fn sign_row(table: &Table, keys: &dyn KeySource, row: &StoredRow<'_>) -> Result<Vec<u8>, Error> {
    let set = table.signature.as_ref().ok_or_else(|| problem(table, "is not part of this table"))?;
    let key = keys.sealing(&table.branch_key)?;
    let tag = stored_record(table, &key, set, row)?.finish();
    Ok(envelope(set, &key, tag))
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

/// Opens the cells of one row: the context is encoded once, and cells that were sealed together share their derived
/// key (CELL-1).
pub struct RowOpener<'a> {
    table: &'a Table,
    keys: &'a dyn KeySource,
    row: StoredRow<'a>,
    context: Option<Vec<u8>>,
    last: Option<(Arc<BranchKey>, [u8; PREFIX_LEN], DerivedKey)>,
}

impl<'a> RowOpener<'a> {
    /// For one row.
    pub fn new(table: &'a Table, keys: &'a dyn KeySource, row: StoredRow<'a>) -> Self {
        Self { table, keys, row, context: None, last: None }
    }

    /// Opens one cell, which must have been fetched and is not SQL NULL.
    pub fn open<'s>(&mut self, id: ColumnId, scratch: &'s mut Vec<u8>) -> Result<Value<'s>, Error> {
        let table = self.table;
        let column = column_at(table, id)?;
        let ty = type_of(table, column)?;
        if !column.is_sealed() {
            return Err(malformed(table, column, "this column holds no cells"));
        }
        let bytes = match self.row.columns.get(id) {
            Some(Some(Some(bytes))) => *bytes,
            Some(Some(None)) => return Err(malformed(table, column, "it is NULL")),
            Some(None) | None => return Err(malformed(table, column, "it was not fetched")),
        };
        let envelope = cell::Envelope::parse(bytes).map_err(|error| malformed(table, column, error.0))?;
        let context = match self.context.take() {
            Some(context) => context,
            None => stored_context(table, &self.row)?,
        };
        let context = &*self.context.insert(context);
        let (key_ref, prefix) = (envelope.key_ref(), envelope.prefix());
        let shared = self.last.take().filter(|(key, last, _)| key.key_ref() == key_ref && *last == prefix);
        let (key, _, derived) = &*self.last.insert(match shared {
            Some(shared) => shared,
            None => {
                let key = self.keys.opening(&table.branch_key, key_ref)?;
                let derived = key.table(&table.logical).cell.derive(&prefix);
                (key, prefix, derived)
            }
        });
        let place = Place { key, table: &table.logical, column: &column.logical, family: ty.family(), context };
        match envelope.open(derived, &place, scratch) {
            Ok(Some(stored)) => {
                Value::read_stored(ty, stored).map_err(|_| malformed(table, column, "it holds no value of its type"))
            }
            // No column of this version hides its NULLs in cells.
            Ok(None) => Err(malformed(table, column, "it holds a NULL")),
            Err(OpenError::Tag) => Err(Error::Tampered { column: name(table, column) }),
            Err(OpenError::Form(reason)) => Err(malformed(table, column, reason)),
        }
    }
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

/// NULL where the table does not allow it, met before anything is sealed.
fn check_not_null(table: &Table, values: &[Option<Value<'_>>]) -> Result<(), Error> {
    for (id, column) in table.columns.iter().enumerate().filter(|(_, column)| column.is_signed()) {
        if value_at(values, id).is_some() {
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

/// The cells of one sealing, each with its column, in the order given.
fn seal_under(
    table: &Table,
    key: &BranchKey,
    context: &[u8],
    values: &[(ColumnId, &Value<'_>)],
) -> Result<Vec<(ColumnId, Vec<u8>)>, Error> {
    if values.is_empty() {
        return Ok(Vec::new());
    }
    let nonces = Nonces::draw()?;
    let derived = nonces.derive(&key.table(&table.logical).cell);
    values
        .iter()
        .enumerate()
        .map(|(ordinal, &(id, value))| {
            let column = column_at(table, id)?;
            let ty = type_of(table, column)?;
            if !column.is_sealed() {
                return Err(malformed(table, column, "this column holds no cells"));
            }
            let too_many = || malformed(table, column, "a row has at most 65536 cells");
            let nonce = nonces.nth(u16::try_from(ordinal).map_err(|_| too_many())?);
            let place = Place { key, table: &table.logical, column: &column.logical, family: ty.family(), context };
            let content = Content::Value(|out: &mut Vec<u8>| value.write_stored(ty, out));
            let sealed = cell::seal(&derived, &nonce, &place, content, column.pad);
            sealed.map(|cell| (id, cell)).map_err(|_| malformed(table, column, "the value is too long to be sealed"))
        })
        .collect()
}

/// The encryption context of values that are about to be written.
fn new_context(table: &Table, values: &[Option<Value<'_>>]) -> Result<Vec<u8>, Error> {
    encode_context(table, |id, column, ty, out| {
        let value =
            value_at(values, id).ok_or_else(|| Error::NullContext { column: name(table, column), writing: true })?;
        value.write_equality(ty, out);
        Ok(())
    })
}

/// The encryption context of a row that was read.
fn stored_context(table: &Table, row: &StoredRow<'_>) -> Result<Vec<u8>, Error> {
    encode_context(table, |id, column, ty, out| match row.columns.get(id) {
        Some(Some(Some(stored))) => {
            let value = Value::read_stored(ty, stored)
                .map_err(|_| malformed(table, column, "this context column holds no value of its type"))?;
            value.write_equality(ty, out);
            Ok(())
        }
        Some(Some(None)) => Err(Error::NullContext { column: name(table, column), writing: false }),
        Some(None) | None => Err(malformed(table, column, "this context column was not fetched")),
    })
}

/// CELL-5 over the table's context columns, whose E the function appends.
fn encode_context(
    table: &Table,
    mut write: impl FnMut(ColumnId, &Column, &Type, &mut Vec<u8>) -> Result<(), Error>,
) -> Result<Vec<u8>, Error> {
    let mut equalities = Vec::with_capacity(table.context.len());
    for &id in &table.context {
        let column = column_at(table, id)?;
        let ty = type_of(table, column)?;
        let family = ty.equality().ok_or_else(|| malformed(table, column, "its type cannot stand in a context"))?;
        let mut equality = Vec::with_capacity(16);
        write(id, column, ty, &mut equality)?;
        equalities.push((column, family, equality));
    }
    let parts: Vec<_> = equalities
        .iter()
        .map(|(column, family, equality)| ContextPart { name: &column.logical, family: *family, equality })
        .collect();
    Ok(aad::context(&parts))
}

/// The signature of a new row.
fn sign_new(
    table: &Table,
    key: &BranchKey,
    set: &SignatureSet,
    values: &[Option<Value<'_>>],
    cells: &[Option<Vec<u8>>],
    tags: &[Option<[u8; 16]>],
) -> Result<Vec<u8>, Error> {
    let mut clear = Vec::with_capacity(128);
    let mut places = Vec::with_capacity(cells.len());
    for (id, column) in table.columns.iter().enumerate() {
        let start = clear.len();
        places.push(match value_at(values, id) {
            Some(value) if column.is_signed() && !column.is_sealed() => {
                value.write_stored(type_of(table, column)?, &mut clear);
                Some(start..clear.len())
            }
            Some(_) | None => None,
        });
    }
    let columns: Vec<_> = places
        .into_iter()
        .zip(cells)
        .map(|(place, cell)| Some(place.and_then(|place| clear.get(place)).or(cell.as_deref())))
        .collect();
    let tags: Vec<_> = tags.iter().map(|tag| Some(tag.as_ref().map(|tag| tag.as_slice()))).collect();
    let row = StoredRow { columns: &columns, tags: &tags, signature: None };
    let tag = stored_record(table, key, set, &row)?.finish();
    Ok(envelope(set, key, tag))
}

fn envelope(set: &SignatureSet, key: &BranchKey, tag: [u8; 48]) -> Vec<u8> {
    signature::Envelope { suite: set.suite as u8, key_ref: key.key_ref(), set: set.id, tag }.to_bytes()
}

/// The record of SIG-2, fed to the MAC of this key as it is made.
fn stored_record(table: &Table, key: &BranchKey, set: &SignatureSet, row: &StoredRow<'_>) -> Result<Tagger, Error> {
    let missing = || problem(table, "cannot be computed: a part that it covers was not fetched");
    // Gathered first: the hash takes one long piece much faster than a hundred short ones.
    let mut record = Vec::with_capacity(1024);
    let columns = set.columns.len();
    signature::Head { suite: set.suite, set: set.id, key, table: &table.logical, columns }.put(&mut record);
    for &id in &set.columns {
        let column = column_at(table, id)?;
        let ty = type_of(table, column)?;
        let stored = row.columns.get(id).copied().flatten().ok_or_else(missing)?;
        let bytes = match stored {
            Some(stored) if !column.is_sealed() => Some(signed_form(table, column, ty, stored)?),
            stored => stored.map(Cow::Borrowed),
        };
        signature::put_column(&mut record, &column.logical, column.action, ty.family(), bytes.as_deref());
    }
    signature::put_count(&mut record, set.beacons.len());
    for &index in &set.beacons {
        let beacon = table.beacons.get(index).ok_or_else(|| unknown(table))?;
        let tag = row.tags.get(index).copied().flatten().ok_or_else(missing)?;
        signature::put_beacon(&mut record, &beacon.full_name, tag);
    }
    let mut tagger = key.table(&table.logical).row_mac.start();
    tagger.put(&record);
    Ok(tagger)
}

/// S as it is signed: integers widened to eight bytes, so that a wider type needs no new signatures (CELL-9).
fn signed_form<'b>(table: &Table, column: &Column, ty: &Type, stored: &'b [u8]) -> Result<Cow<'b, [u8]>, Error> {
    let wrong = || malformed(table, column, "this signed column holds no value of its type");
    let widened = match ty {
        Type::Int2 => i64::from(i16::from_be_bytes(stored.try_into().map_err(|_| wrong())?)),
        Type::Int4 => i64::from(i32::from_be_bytes(stored.try_into().map_err(|_| wrong())?)),
        Type::Int8 => i64::from_be_bytes(stored.try_into().map_err(|_| wrong())?),
        Type::Bool
        | Type::Numeric(_)
        | Type::Text
        | Type::Varchar(_)
        | Type::Bytea
        | Type::Uuid
        | Type::Date
        | Type::Timestamp(_)
        | Type::Timestamptz(_)
        | Type::Json
        | Type::Jsonb => return Ok(Cow::Borrowed(stored)),
    };
    Ok(Cow::Owned(widened.to_be_bytes().to_vec()))
}

/// What a row of an older set does not cover must be what ADD COLUMN gave it: NULL, or the constant of the lock
/// (SIG-3). A sealed column or a tag got NULL: the server cannot make either.
fn check_newer_parts(
    table: &Table,
    current: &SignatureSet,
    set: &SignatureSet,
    row: &StoredRow<'_>,
) -> Result<(), Error> {
    let changed = || problem(table, "is older than a column that was changed since");
    let missing = || problem(table, "cannot be checked: a newer column was not fetched");
    for &id in current.columns.iter().filter(|id| !set.columns.contains(id)) {
        let column = column_at(table, id)?;
        let stored = row.columns.get(id).copied().flatten().ok_or_else(missing)?;
        let expected = match &column.default {
            ColumnDefault::Constant(constant) if !column.is_sealed() => Some(constant.as_slice()),
            ColumnDefault::Constant(_)
            | ColumnDefault::Null
            | ColumnDefault::Server(_)
            | ColumnDefault::Identity { .. }
            | ColumnDefault::Generated => None,
        };
        if stored != expected {
            return Err(changed());
        }
    }
    for index in current.beacons.iter().filter(|index| !set.beacons.contains(index)) {
        if row.tags.get(*index).copied().flatten().ok_or_else(missing)?.is_some() {
            return Err(changed());
        }
    }
    Ok(())
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
