//! A stored row, opened column by column.

use super::Error;
use super::problem::Problem;
use crate::keys::KeySource;
use crate::schema::{Column, ColumnId, Table};
use crate::seal::row::{RowOpener, StoredRow};
use crate::value::{Type, Value};

/// Stands at one column of a row.
pub(crate) struct Cursor<'a> {
    table: &'a Table,
    row: StoredRow<'a>,
    opener: RowOpener<'a>,
    scratch: Vec<u8>,
    at: ColumnId,
}

impl<'a> Cursor<'a> {
    /// At the first column of a row, which is verified here if its table has signatures.
    pub(crate) fn verified(table: &'a Table, keys: &'a dyn KeySource, row: StoredRow<'a>) -> Result<Self, Error> {
        let opener = match table.signature {
            Some(_) => RowOpener::verified(table, keys, row)?,
            None => RowOpener::new(table, keys, row),
        };
        Ok(Self { table, row, opener, scratch: Vec::new(), at: 0 })
    }

    /// The column that it stands at; `None` behind the last one.
    pub(crate) fn column(&self) -> Option<&'a Column> {
        self.table.columns.get(self.at)
    }

    /// Goes to the next column.
    pub(crate) fn advance(&mut self) {
        self.at += 1;
    }

    /// The value of this column, opened. `None` is NULL.
    pub(crate) fn value(&mut self) -> Result<Option<Value<'_>>, Error> {
        let Self { table, row, opener, scratch, at } = self;
        let column = table.columns.get(*at).ok_or_else(|| Problem::shape("it has no more columns").of_record(table))?;
        let wrong = |reason| Problem::shape(reason).of_field(table, column);
        let stored = row.columns.get(*at).copied().flatten();
        let stored = stored.ok_or_else(|| wrong("the sealed record lacks it"))?;
        match (stored, &column.ty) {
            (None, _) => Ok(None),
            (Some(_), None) => Err(wrong("its type is not known here")),
            (Some(_), Some(_)) if column.is_sealed() => Ok(Some(opener.open(*at, scratch)?)),
            (Some(stored), Some(ty)) => plain(ty, stored).map(Some).map_err(|problem| problem.of_field(table, column)),
        }
    }
}

/// The value of a column that is not sealed.
fn plain<'v>(ty: &Type, stored: &'v [u8]) -> Result<Value<'v>, Problem> {
    Value::read_stored(ty, stored).map_err(|_| Problem::shape("it holds no value of its type"))
}
