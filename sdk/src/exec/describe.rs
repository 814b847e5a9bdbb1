//! Parameters and columns of a planned statement in logical types, from how the server describes the physical one.

use super::Error;
use crate::schema::ColumnId;
use crate::sql::{OutputSource, ParamRole, Plan, RowShape};

/// What a RowDescription says about a column, but for its name and format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Described {
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

/// The types of the client's parameters, by number from 0. `physical` are those of
/// [`described_template`](super::steps::described_template), `logical` gives the type of an OID.
pub fn parameters<T: Clone>(plan: &Plan, physical: &[T], logical: impl Fn(u32) -> T) -> Result<Vec<T>, Error> {
    let role = |role: &ParamRole| match role {
        ParamRole::Plain { slot } => {
            physical.get(*slot).cloned().ok_or(Error::Protocol("the server described fewer parameters than it has"))
        }
        ParamRole::Protected { oid } => Ok(logical(*oid)),
    };
    plan.params.iter().map(role).collect()
}

/// The client's columns, in order: the position of the server's column whose name each one has, and its description.
/// `physical` are the columns of [`described`](super::steps::described).
pub fn columns(shape: &RowShape, physical: &[Described]) -> Result<Vec<(usize, Described)>, Error> {
    let column = |at: usize, source: OutputSource| {
        let column =
            *physical.get(at).ok_or(Error::Protocol("the server described fewer columns than were asked for"))?;
        match source {
            OutputSource::Pass => Ok((at, column)),
            OutputSource::Open { row, column: id } | OutputSource::Verified { row, column: id } => {
                Ok((at, protected(column, shape, physical, row, id)?))
            }
        }
    };
    shape.columns.iter().map(|output| column(output.physical, output.source)).collect()
}

/// A column that arrives as bytea and leaves in its logical type. A verified column is an expression at the server,
/// which has no table: its table is that of any column of the same row that is a plain one.
fn protected(
    described: Described,
    shape: &RowShape,
    physical: &[Described],
    row: usize,
    column: ColumnId,
) -> Result<Described, Error> {
    const UNKNOWN: Error = Error::Protocol("a column of a row that is not read");
    let read = shape.rows.get(row).ok_or(UNKNOWN)?;
    let definition = read.table.columns.get(column).ok_or(UNKNOWN)?;
    let table_oid = if described.table_oid != 0 {
        described.table_oid
    } else {
        let positions = read.columns.iter().copied().flatten().chain(read.tags.iter().copied().flatten());
        let positions = positions.chain(read.signature);
        positions.filter_map(|at| physical.get(at)).map(|column| column.table_oid).find(|&oid| oid != 0).unwrap_or(0)
    };
    Ok(Described {
        table_oid,
        attnum: if table_oid == 0 { 0 } else { definition.attnum },
        type_oid: definition.type_oid,
        typlen: definition.typlen,
        typmod: definition.typmod,
    })
}
