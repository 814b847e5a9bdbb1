//! Opening the cells of one row: the context is encoded once, and cells that were sealed together share their derived
//! key (CELL-1).

use super::{RowKey, StoredRow, column_at, malformed, name, stored_context, type_of, verify};
use zeroize::Zeroizing;

use crate::crypto::xaes::{DerivedKey, PREFIX_LEN};
use crate::keys::{KeyRef, KeySource};
use crate::schema::{ColumnId, Table};
use crate::seal::Error;
use crate::seal::aad::Associated;
use crate::seal::cell::{Envelope, OpenError, VERSION};
use crate::value::Value;

/// Opens the cells of one row.
pub struct RowOpener<'a> {
    table: &'a Table,
    keys: &'a dyn KeySource,
    row: StoredRow<'a>,
    /// The key that the verified signature named: cells most likely name it too.
    signing: Option<RowKey>,
    /// Kept in one place: a derived key leaves no copies behind.
    current: Option<Box<Current>>,
    /// Cells that were opened to be looked at, and may have to be shown.
    seen: Vec<(ColumnId, Zeroizing<Vec<u8>>)>,
}

/// What the last cell was opened with.
struct Current {
    key: RowKey,
    associated: Associated,
    derived: Option<([u8; PREFIX_LEN], DerivedKey)>,
}

impl<'a> RowOpener<'a> {
    /// For one row.
    pub fn new(table: &'a Table, keys: &'a dyn KeySource, row: StoredRow<'a>) -> Self {
        Self { table, keys, row, signing: None, current: None, seen: Vec::new() }
    }

    /// For one row of a signed table, whose signature is verified here: one look at the keys for both.
    ///
    /// # Errors
    /// Those of [`verify_row`](super::verify_row).
    pub fn verified(table: &'a Table, keys: &'a dyn KeySource, row: StoredRow<'a>) -> Result<Self, Error> {
        let signing = Some(verify(table, keys, &row)?);
        Ok(Self { table, keys, row, signing, current: None, seen: Vec::new() })
    }

    /// Opens one cell, which must have been fetched and is not SQL NULL.
    pub fn open<'s>(&mut self, id: ColumnId, scratch: &'s mut Vec<u8>) -> Result<Value<'s>, Error> {
        let stored = match self.seen.iter().find(|(seen, _)| *seen == id) {
            Some((_, stored)) => {
                scratch.clear();
                scratch.extend_from_slice(stored);
                scratch
            }
            None => self.stored(id, scratch)?,
        };
        self.value(id, stored)
    }

    /// As [`RowOpener::open`], of a cell that may be asked for again.
    #[cfg(feature = "sql")]
    pub(crate) fn look<'s>(&mut self, id: ColumnId, scratch: &'s mut Vec<u8>) -> Result<Value<'s>, Error> {
        if self.seen.iter().any(|(seen, _)| *seen == id) {
            return self.open(id, scratch);
        }
        let stored = self.stored(id, scratch)?;
        self.seen.push((id, Zeroizing::new(stored.to_vec())));
        self.value(id, stored)
    }

    fn value<'s>(&self, id: ColumnId, stored: &'s [u8]) -> Result<Value<'s>, Error> {
        let column = column_at(self.table, id)?;
        let ty = type_of(self.table, column)?;
        Value::read_stored(ty, stored).map_err(|_| malformed(self.table, column, "it holds no value of its type"))
    }

    /// S of one cell.
    fn stored<'s>(&mut self, id: ColumnId, scratch: &'s mut Vec<u8>) -> Result<&'s [u8], Error> {
        let table = self.table;
        let column = column_at(table, id)?;
        let ty = type_of(table, column)?;
        if !column.is_sealed() {
            return Err(malformed(table, column, "this column holds no cells"));
        }
        let bytes = match self.row.column(id) {
            Some(Some(bytes)) => bytes,
            Some(None) => return Err(malformed(table, column, "it is NULL")),
            None => return Err(malformed(table, column, "it was not fetched")),
        };
        let envelope = Envelope::parse(bytes).map_err(|error| malformed(table, column, error.0))?;
        let key_ref = envelope.key_ref();
        let current = match &mut self.current {
            Some(current) if current.key.branch.key_ref() == key_ref => current,
            current => {
                let signing = self.signing.take().filter(|key| key.branch.key_ref() == key_ref);
                current.insert(Box::new(Current::new(table, self.keys, &self.row, signing, key_ref)?))
            }
        };
        let Current { key, associated, derived } = &mut **current;
        let prefix = envelope.prefix();
        let (_, derived) = match derived {
            Some(last) if last.0 == prefix => last,
            derived => derived.insert((prefix, key.table.cell.derive(&prefix))),
        };
        match envelope.open_with(derived, associated.of(&column.logical, ty.family()), scratch) {
            Ok(Some(stored)) => Ok(stored),
            // No column of this version hides its NULLs in cells.
            Ok(None) => Err(malformed(table, column, "it holds a NULL")),
            Err(OpenError::Tag) => Err(Error::Tampered { column: name(table, column) }),
            Err(OpenError::Form(reason)) => Err(malformed(table, column, reason)),
        }
    }
}

impl Current {
    /// For cells under this version of the key, which may be there already.
    fn new(
        table: &Table,
        keys: &dyn KeySource,
        row: &StoredRow<'_>,
        known: Option<RowKey>,
        key_ref: KeyRef,
    ) -> Result<Self, Error> {
        let context = stored_context(table, false, |id| row.column(id))?;
        let key = match known {
            Some(key) => key,
            None => RowKey::new(table, keys.opening(&table.branch_key, key_ref)?),
        };
        let associated = Associated::new(VERSION, &key.branch, &table.logical, context);
        Ok(Self { key, associated, derived: None })
    }
}
