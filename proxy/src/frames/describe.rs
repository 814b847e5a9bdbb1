//! ParameterDescription and RowDescription in logical types, as frames.

use pgseal::exec::Error;
use pgseal::exec::describe::{self, Column};
use pgseal::sql::Plan;
use pgseal::value::Format;

use crate::wire::compose;
use crate::wire::reader::{self, Field};

/// The client's ParameterDescription for the server's (`body`) of a planned statement.
pub fn parameters(body: &[u8], plan: &Plan, out: &mut Vec<u8>) -> Result<(), Error> {
    let logical = describe::parameters(&reader::parameter_description(body)?, plan)?;
    compose::parameter_description(&logical, out);
    Ok(())
}

/// The client's RowDescription, or NoData, for the server's RowDescription (`body`) of a planned statement.
/// `formats`: one a logical column, from the portal; `None` in the answer to a Describe of a statement, which says
/// text for all.
pub fn columns(body: &[u8], plan: &Plan, formats: Option<&[Format]>, out: &mut Vec<u8>) -> Result<(), Error> {
    let Some(shape) = &plan.output else {
        compose::no_data(out);
        return Ok(());
    };
    let physical: Vec<Column<&[u8]>> = reader::row_description(body)?.into_iter().map(column).collect();
    let logical = describe::columns(&physical, shape)?;
    let format = |index: usize| match formats {
        Some(formats) => formats.get(index).copied().unwrap_or_default(),
        None => Format::Text,
    };
    let logical: Vec<Field<'_>> =
        logical.into_iter().enumerate().map(|(index, column)| field(column, format(index))).collect();
    compose::row_description(&logical, out);
    Ok(())
}

fn column(field: Field<'_>) -> Column<&[u8]> {
    let Field { name, table_oid, attnum, type_oid, typlen, typmod, format: _ } = field;
    Column { name, table_oid, attnum, type_oid, typlen, typmod }
}

fn field(column: Column<&[u8]>, format: Format) -> Field<'_> {
    let Column { name, table_oid, attnum, type_oid, typlen, typmod } = column;
    Field { name, table_oid, attnum, type_oid, typlen, typmod, format }
}
