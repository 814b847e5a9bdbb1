//! What the signature of a row covers (SIG-2, SIG-3).

use super::{RowKey, StoredRow, column_at, malformed, problem, type_of, unknown};
use crate::crypto::mac::Tagger;
use crate::schema::{Column, ColumnDefault, ColumnId, SignatureSet, Table};
use crate::seal::{Error, signature};
use crate::value::Type;

/// The record of SIG-2, fed to the MAC of this key as it is made. The functions give stored columns and tags: `None` is
/// one that was not fetched, `Some(None)` is NULL.
pub(super) fn signed_record<'r>(
    table: &Table,
    key: &RowKey,
    set: &SignatureSet,
    stored_column: impl Fn(ColumnId) -> Option<Option<&'r [u8]>>,
    stored_tag: impl Fn(usize) -> Option<Option<&'r [u8]>>,
) -> Result<Tagger, Error> {
    let missing = || problem(table, "cannot be computed: a part that it covers was not fetched");
    let mut record = key.table.row_mac.start();
    let columns = set.columns.len();
    signature::Head { suite: set.suite, set: set.id, key: &key.branch, table: &table.logical, columns }
        .put(&mut record);
    for &id in &set.columns {
        let column = column_at(table, id)?;
        let ty = type_of(table, column)?;
        let mut wide = [0; 8];
        let bytes = match stored_column(id).ok_or_else(missing)? {
            Some(stored) if !column.is_sealed() => Some(signed_form(table, column, ty, stored, &mut wide)?),
            stored => stored,
        };
        signature::put_column(&mut record, &column.logical, column.action, ty.family(), bytes);
    }
    signature::put_count(&mut record, set.beacons.len());
    for &index in &set.beacons {
        let beacon = table.beacons.get(index).ok_or_else(|| unknown(table))?;
        signature::put_beacon(&mut record, &beacon.full_name, stored_tag(index).ok_or_else(missing)?);
    }
    Ok(record)
}

/// S as it is signed: integers widened to eight bytes, which go to `wide`, so that a wider type needs no new signatures
/// (CELL-9).
fn signed_form<'b>(
    table: &Table,
    column: &Column,
    ty: &Type,
    stored: &'b [u8],
    wide: &'b mut [u8; 8],
) -> Result<&'b [u8], Error> {
    let wrong = || malformed(table, column, "this signed column holds no value of its type");
    ty.signed_form(stored, wide).ok_or_else(wrong)
}

/// What a row of an older set does not cover must be what ADD COLUMN gave it: NULL, or the constant of the lock
/// (SIG-3). A sealed column or a tag got NULL: the server cannot make either.
pub(super) fn check_newer_parts(
    table: &Table,
    current: &SignatureSet,
    set: &SignatureSet,
    row: &StoredRow<'_>,
) -> Result<(), Error> {
    let changed = || problem(table, "is older than a column that was changed since");
    let missing = || problem(table, "cannot be checked: a newer column was not fetched");
    for &id in current.columns.iter().filter(|id| !set.columns.contains(id)) {
        let column = column_at(table, id)?;
        let stored = row.column(id).ok_or_else(missing)?;
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
        if row.tag(*index).ok_or_else(missing)?.is_some() {
            return Err(changed());
        }
    }
    Ok(())
}
