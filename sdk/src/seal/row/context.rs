//! The encryption context of a row (CELL-5), of values that are about to be written or of columns as they are stored.

use super::{column_at, malformed, name, type_of, value_at};
use crate::schema::{Column, ColumnId, Table};
use crate::seal::Error;
use crate::seal::aad::Context;
use crate::value::{Type, Value};

/// Of values that are about to be written.
pub(super) fn new_context(table: &Table, values: &[Option<Value<'_>>]) -> Result<Vec<u8>, Error> {
    encode(table, |id, column, ty, out| {
        let value =
            value_at(values, id).ok_or_else(|| Error::NullContext { column: name(table, column), writing: true })?;
        value.write_equality(ty, out);
        Ok(())
    })
}

/// Of the stored columns that the function gives: `None` is one that was not fetched.
pub(super) fn stored_context<'r>(
    table: &Table,
    writing: bool,
    stored: impl Fn(ColumnId) -> Option<Option<&'r [u8]>>,
) -> Result<Vec<u8>, Error> {
    encode(table, |id, column, ty, out| match stored(id) {
        Some(Some(stored)) => {
            let value = Value::read_stored(ty, stored).map_err(|error| match writing {
                true => Error::Value { column: name(table, column), error },
                false => malformed(table, column, "this context column holds no value of its type"),
            })?;
            value.write_equality(ty, out);
            Ok(())
        }
        Some(None) => Err(Error::NullContext { column: name(table, column), writing }),
        None => Err(malformed(table, column, "this context column was not fetched")),
    })
}

/// CELL-5 over the table's context columns, whose E the function appends.
fn encode(
    table: &Table,
    mut write: impl FnMut(ColumnId, &Column, &Type, &mut Vec<u8>) -> Result<(), Error>,
) -> Result<Vec<u8>, Error> {
    let mut context = Context::new(table.context.len());
    for &id in &table.context {
        let column = column_at(table, id)?;
        let ty = type_of(table, column)?;
        let family = ty.equality().ok_or_else(|| malformed(table, column, "its type cannot stand in a context"))?;
        write(id, column, ty, context.start(&column.logical, family))?;
    }
    Ok(context.finish())
}
