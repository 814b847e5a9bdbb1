//! The one UPDATE of a read-modify-write: our own identifiers and `$n` only (SQL-2), rows by (tableoid, ctid).

use std::fmt::Write as _;

use super::inputs::Physical;
use super::reseal::{NewRow, Reseal};
use super::steps::{Step, StepRows};
use crate::schema::names::{SIGNATURE, quote};
use crate::schema::{ColumnId, SignatureSet, Table};
use crate::sql::ReadModifyWrite;
use crate::sql::plan::{GUARD_HEAD, GUARD_TAIL};
use crate::value::Format;

const BYTEA: u32 = 17;
const OID: u32 = 26;
const TID: u32 = 27;
const UUID: u32 = 2950;

/// How many rows one statement can write: a Bind has at most 65,535 parameters.
pub(super) fn most_rows(table: &Table, cells: usize, shared: usize) -> usize {
    let signed = usize::from(table.signature.is_some());
    let guarded = usize::from(table.signature.is_some() && table.write_guard);
    usize::from(u16::MAX).saturating_sub(shared) / (2 + cells + signed + guarded)
}

/// The UPDATE of the locked rows. Without any it updates no row, and is sent all the same: statement triggers fire,
/// privileges are checked, and the tag says 0.
pub(super) fn statement(work: &ReadModifyWrite, mut reseal: Reseal) -> Step {
    if reseal.rows().is_empty() {
        let text = of_no_row(work);
        return Step { text, types: Vec::new(), params: Vec::new(), rows: StepRows::Client { guards: 0 } };
    }
    let table = &*work.read.table;
    let mut made = Made::default();
    let mut set = Vec::new();
    for assigned in reseal.take_assigned() {
        let param = made.param(assigned.oid, assigned.format, assigned.bytes);
        set.push(format!("{} = {param}", column(table, assigned.column)));
    }
    for (beacon, tag) in reseal.tags() {
        let param = made.param(UUID, Format::Binary, tag.map(Vec::from));
        set.push(format!("{} = {param}", helper(table, beacon)));
    }
    for (index, &id) in reseal.cells().iter().enumerate() {
        set.push(format!("{} = \"pgseal_v\".\"c{index}\"", column(table, id)));
    }
    if table.signature.is_some() {
        set.push(format!("{} = \"pgseal_v\".\"s\"", quote(SIGNATURE)));
    }
    let guard = table.signature.as_ref().filter(|_| table.write_guard).map(|set| guard(work, set));
    let rows: Vec<String> = reseal.take_rows().into_iter().map(|row| made.row(row)).collect();
    let mut names = vec!["\"o\"".to_owned(), "\"t\"".to_owned()];
    names.extend((0..reseal.cells().len()).map(|index| format!("\"c{index}\"")));
    names.extend(table.signature.as_ref().map(|_| "\"s\"".to_owned()));
    names.extend(guard.as_ref().map(|_| "\"g\"".to_owned()));
    let mut text = format!(
        "{} SET {} FROM (VALUES {}) AS \"pgseal_v\" ({}) \
         WHERE {alias}.tableoid OPERATOR(pg_catalog.=) \"pgseal_v\".\"o\" \
         AND {alias}.ctid OPERATOR(pg_catalog.=) \"pgseal_v\".\"t\"",
        target(work),
        set.join(", "),
        rows.join(", "),
        names.join(", "),
        alias = work.alias,
    );
    push_returning(work, guard.as_deref(), &mut text);
    let guards = usize::from(guard.is_some());
    Step { text, types: made.types, params: made.params, rows: StepRows::Client { guards } }
}

/// The same UPDATE for no row: the same SET columns, so that the same triggers and privileges count.
pub(super) fn of_no_row(work: &ReadModifyWrite) -> String {
    let table = &*work.read.table;
    let moves = table.context.iter().any(|id| work.assigned.contains(id));
    let columns = table.columns.iter().enumerate();
    let written = columns.filter(|(id, c)| work.assigned.contains(id) || (moves && c.is_sealed())).map(|(id, _)| id);
    let tags = table.beacons.iter().enumerate().filter(|(_, beacon)| work.assigned.contains(&beacon.column));
    let mut set: Vec<String> = written.map(|id| column(table, id)).collect();
    set.extend(tags.map(|(index, _)| helper(table, index)));
    set.extend(table.signature.as_ref().map(|_| quote(SIGNATURE)));
    let set: Vec<String> = set.into_iter().map(|column| format!("{column} = NULL")).collect();
    let mut text = format!("{} SET {} WHERE false", target(work), set.join(", "));
    push_returning(work, None, &mut text);
    text
}

/// Parameters in the making.
#[derive(Default)]
struct Made {
    types: Vec<u32>,
    params: Vec<Physical>,
}

impl Made {
    fn param(&mut self, oid: u32, format: Format, bytes: Option<Vec<u8>>) -> String {
        self.types.push(oid);
        self.params.push(Physical::Owned(format, bytes));
        format!("${}", self.params.len())
    }

    fn row(&mut self, row: NewRow) -> String {
        let mut text = String::from("(");
        text.push_str(&self.param(OID, Format::Binary, Some(row.tableoid.to_vec())));
        // Writing to a String cannot fail.
        let _ = write!(text, ", {}", self.param(TID, Format::Binary, Some(row.ctid.to_vec())));
        for cell in row.cells {
            let _ = write!(text, ", {}", self.param(BYTEA, Format::Binary, cell));
        }
        if let Some(signature) = row.signature {
            let _ = write!(text, ", {}", self.param(BYTEA, Format::Binary, Some(signature)));
        }
        if let Some(guard) = &row.guard {
            let _ = write!(text, ", {}", self.param(BYTEA, Format::Binary, Some(guard.to_vec())));
        }
        text.push(')');
        text
    }
}

fn target(work: &ReadModifyWrite) -> String {
    let relation = &work.read.table.relation;
    format!("UPDATE {}.{} AS {}", quote(&relation.schema), quote(&relation.name), work.alias)
}

fn push_returning(work: &ReadModifyWrite, guard: Option<&str>, text: &mut String) {
    let list: Vec<&str> = [work.returning.as_str(), guard.unwrap_or_default()]
        .into_iter()
        .filter(|part| !part.trim().is_empty())
        .collect();
    if !list.is_empty() {
        text.push_str(" RETURNING ");
        text.push_str(&list.join(", "));
    }
}

/// The guard of CELL-8: an error unless the row that was written hashes to what was signed. Operators are qualified:
/// a search_path must not choose them.
fn guard(work: &ReadModifyWrite, set: &SignatureSet) -> String {
    let table = &*work.read.table;
    let field = |bytes: String| {
        format!(
            "COALESCE(pg_catalog.int4send(pg_catalog.octet_length({bytes})) OPERATOR(pg_catalog.||) {bytes}, \
             E'\\\\xffffffff'::pg_catalog.bytea)"
        )
    };
    let mut fields: Vec<String> = set
        .columns
        .iter()
        .filter_map(|&id| table.columns.get(id).map(|definition| (id, definition)))
        .map(|(id, definition)| {
            let name = format!("{}.{}", work.alias, column(table, id));
            field(match definition.ty {
                Some(ty) if !definition.is_sealed() => ty.stored_expression(&name),
                Some(_) | None => format!("({name})::pg_catalog.bytea"),
            })
        })
        .collect();
    fields.extend(
        set.beacons
            .iter()
            .map(|&beacon| field(format!("pg_catalog.uuid_send({}.{})", work.alias, helper(table, beacon)))),
    );
    fields.push(field(format!("({}.{})::pg_catalog.bytea", work.alias, quote(SIGNATURE))));
    let hash = fields.join(" OPERATOR(pg_catalog.||) ");
    format!("{GUARD_HEAD}pg_catalog.sha256({hash}) OPERATOR(pg_catalog.=) \"pgseal_v\".\"g\"{GUARD_TAIL}")
}

fn column(table: &Table, id: ColumnId) -> String {
    table.columns.get(id).map(|column| quote(&column.name)).unwrap_or_default()
}

fn helper(table: &Table, beacon: usize) -> String {
    table.beacons.get(beacon).map(|beacon| quote(&beacon.helper)).unwrap_or_default()
}
