//! ParameterDescription and RowDescription in logical types.

use pgseal::exec::Error;
use pgseal::exec::describe::{self, Described};
use pgseal::sql::Plan;
use pgseal::value::Format;

use crate::wire::compose;
use crate::wire::reader::{self, Field};

/// The client's ParameterDescription for the server's (`body`) of a planned statement.
pub fn parameters(body: &[u8], plan: &Plan, out: &mut Vec<u8>) -> Result<(), Error> {
    let physical = reader::parameter_description(body)?;
    let logical = describe::parameters(plan, &physical, |oid| oid)?;
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
    let physical = reader::row_description(body)?;
    let described: Vec<Described> = physical.iter().map(described).collect();
    let columns = describe::columns(shape, &described)?.into_iter().enumerate();
    let logical: Vec<Field<'_>> = columns
        .filter_map(|(index, (at, Described { table_oid, attnum, type_oid, typlen, typmod }))| {
            let format = formats.map_or(Some(Format::Text), |formats| formats.get(index).copied()).unwrap_or_default();
            physical.get(at).map(|field| Field { table_oid, attnum, type_oid, typlen, typmod, format, ..*field })
        })
        .collect();
    compose::row_description(&logical, out);
    Ok(())
}

fn described(field: &Field<'_>) -> Described {
    let Field { table_oid, attnum, type_oid, typlen, typmod, .. } = *field;
    Described { table_oid, attnum, type_oid, typlen, typmod }
}
