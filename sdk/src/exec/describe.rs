//! ParameterDescription and RowDescription in logical types: what the server describes is the rewritten statement.

use super::Error;
use super::errors::drifted;
use crate::schema::ColumnId;
use crate::sql::{OutputColumn, OutputSource, ParamRole, Plan, RowShape};
use crate::value::Type;

/// A column of a result as a RowDescription has it, without its format. The name `N` goes through as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column<N> {
    /// Column name.
    pub name: N,
    /// `pg_class.oid` of its table, 0 if it is no table's column.
    pub table_oid: u32,
    /// `pg_attribute.attnum`, 0 likewise.
    pub attnum: i16,
    /// `pg_type.oid`
    pub type_oid: u32,
    /// `pg_type.typlen`
    pub typlen: i16,
    /// `pg_attribute.atttypmod`
    pub typmod: i32,
}

/// Type OIDs of the client's parameters; `physical` are those that the server described.
///
/// # Errors
/// [`Error::Protocol`] if the server described fewer than the plan has.
pub fn parameters(physical: &[u32], plan: &Plan) -> Result<Vec<u32>, Error> {
    let logical = |role: &ParamRole| match role {
        ParamRole::Plain { slot } => {
            physical.get(*slot).copied().ok_or(Error::Protocol("the server described fewer parameters than it has"))
        }
        ParamRole::Protected { oid } => Ok(*oid),
    };
    plan.params.iter().map(logical).collect()
}

/// The client's columns; `physical` are those that the server described.
///
/// # Errors
/// [`Error::Protocol`] if the server described fewer than `shape` reads; 55000 if a column is none that holds cells.
pub fn columns<N: Copy>(physical: &[Column<N>], shape: &RowShape) -> Result<Vec<Column<N>>, Error> {
    let logical = |output: &OutputColumn| {
        let column = *physical
            .get(output.physical)
            .ok_or(Error::Protocol("the server described fewer columns than were asked for"))?;
        match output.source {
            OutputSource::Pass => Ok(column),
            OutputSource::Open { row, column: id } | OutputSource::Verified { row, column: id } => {
                protected(column, shape, physical, row, id)
            }
        }
    };
    shape.columns.iter().map(logical).collect()
}

/// A column that arrives as bytea and leaves in its logical type. A verified column is an expression at the server,
/// which has no table: its table is that of any column of the same row that is a plain one.
fn protected<N: Copy>(
    column: Column<N>,
    shape: &RowShape,
    physical: &[Column<N>],
    row: usize,
    id: ColumnId,
) -> Result<Column<N>, Error> {
    const UNKNOWN: Error = Error::Protocol("a column of a row that is not read");
    let read = shape.rows.get(row).ok_or(UNKNOWN)?;
    let definition = read.table.columns.get(id).ok_or(UNKNOWN)?;
    if column.type_oid != Type::Bytea.oid() {
        return Err(Error::Refused(drifted(&read.table.relation.name)));
    }
    let table_oid = if column.table_oid != 0 {
        column.table_oid
    } else {
        let positions = read.columns.iter().copied().flatten().chain(read.tags.iter().copied().flatten());
        let positions = positions.chain(read.signature);
        positions.filter_map(|at| physical.get(at)).map(|column| column.table_oid).find(|&oid| oid != 0).unwrap_or(0)
    };
    Ok(Column {
        name: column.name,
        table_oid,
        attnum: if table_oid == 0 { 0 } else { definition.attnum },
        type_oid: definition.type_oid,
        typlen: definition.typlen,
        typmod: definition.typmod,
    })
}
