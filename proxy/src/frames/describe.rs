//! ParameterDescription and RowDescription in logical types.

use pgseal::exec::Error;
use pgseal::schema::ColumnId;
use pgseal::sql::{OutputSource, ParamRole, Plan, RowShape};
use pgseal::value::Format;

use crate::wire::compose;
use crate::wire::reader::{self, Field};

/// The client's ParameterDescription for the server's (`body`) of a planned statement.
pub fn parameters(body: &[u8], plan: &Plan, out: &mut Vec<u8>) -> Result<(), Error> {
    let physical = reader::parameter_description(body)?;
    let logical = plan
        .params
        .iter()
        .map(|role| match role {
            ParamRole::Plain { slot } => {
                physical.get(*slot).copied().ok_or(Error::Protocol("the server described fewer parameters than it has"))
            }
            ParamRole::Protected { oid } => Ok(*oid),
        })
        .collect::<Result<Vec<u32>, Error>>()?;
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
    let logical = shape
        .columns
        .iter()
        .enumerate()
        .map(|(index, output)| {
            let field = *physical
                .get(output.physical)
                .ok_or(Error::Protocol("the server described fewer columns than were asked for"))?;
            let format = formats.map_or(Some(Format::Text), |formats| formats.get(index).copied()).unwrap_or_default();
            let field = Field { format, ..field };
            match output.source {
                OutputSource::Pass => Ok(field),
                OutputSource::Open { row, column } | OutputSource::Verified { row, column } => {
                    protected(field, shape, &physical, row, column)
                }
            }
        })
        .collect::<Result<Vec<Field<'_>>, Error>>()?;
    compose::row_description(&logical, out);
    Ok(())
}

/// A column that arrives as bytea and leaves in its logical type. A verified column is an expression at the server,
/// which has no table: its table is that of any field of the same row that is a plain column.
fn protected<'b>(
    field: Field<'b>,
    shape: &RowShape,
    physical: &[Field<'b>],
    row: usize,
    column: ColumnId,
) -> Result<Field<'b>, Error> {
    const UNKNOWN: Error = Error::Protocol("a column of a row that is not read");
    let read = shape.rows.get(row).ok_or(UNKNOWN)?;
    let definition = read.table.columns.get(column).ok_or(UNKNOWN)?;
    let table_oid = if field.table_oid != 0 {
        field.table_oid
    } else {
        let positions = read.columns.iter().copied().flatten().chain(read.tags.iter().copied().flatten());
        let positions = positions.chain(read.signature);
        positions.filter_map(|at| physical.get(at)).map(|field| field.table_oid).find(|&oid| oid != 0).unwrap_or(0)
    };
    Ok(Field {
        table_oid,
        attnum: if table_oid == 0 { 0 } else { definition.attnum },
        type_oid: definition.type_oid,
        typlen: definition.typlen,
        typmod: definition.typmod,
        ..field
    })
}
