//! Sealing the cells of one row: they share a derived key, and most of their associated data (CELL-1, CELL-4).

use super::{RowKey, column_at, malformed, type_of};
use crate::crypto::xaes::DerivedKey;
use crate::schema::{ColumnId, Table};
use crate::seal::Error;
use crate::seal::aad::Associated;
use crate::seal::cell::{self, Content, Nonces, VERSION};
use crate::value::Type;

/// The cells of one sealing.
pub(super) struct RowSealer<'a> {
    table: &'a Table,
    key: &'a RowKey,
    nonces: Nonces,
    derived: DerivedKey,
    associated: Associated,
}

impl<'a> RowSealer<'a> {
    /// For so many cells of one row under this context. Asks the operating system for their nonces (RND-1).
    pub(super) fn new(table: &'a Table, key: &'a RowKey, context: Vec<u8>, cells: usize) -> Result<Self, Error> {
        let nonces = Nonces::draw(cells)?;
        let derived = nonces.derive(&key.table.cell);
        let associated = Associated::new(VERSION, &key.branch, &table.logical, context);
        Ok(Self { table, key, nonces, derived, associated })
    }

    /// Appends the next cell to `out`; `write` appends S.
    pub(super) fn seal(
        &mut self,
        id: ColumnId,
        out: &mut Vec<u8>,
        write: impl FnOnce(&Type, &mut Vec<u8>),
    ) -> Result<(), Error> {
        let table = self.table;
        let column = column_at(table, id)?;
        let ty = type_of(table, column)?;
        if !column.is_sealed() {
            return Err(malformed(table, column, "this column holds no cells"));
        }
        let nonce =
            self.nonces.next().ok_or_else(|| malformed(table, column, "there are more cells than were counted"))?;
        let (associated, key_ref) = (self.associated.of(&column.logical, ty.family()), self.key.branch.key_ref());
        let content = Content::Value(|out: &mut Vec<u8>| write(ty, out));
        cell::seal_into(out, &self.derived, &nonce, key_ref, associated, content, column.pad)
            .map_err(|_| malformed(table, column, "the value is too long to be sealed"))
    }
}
