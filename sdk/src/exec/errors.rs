//! What the server says about a statement that we rewrote, as its client may see it (SQL-56).
//!
//! Fields: PostgreSQL 18 manual, 54.8. An error may quote our SQL, a beacon, a helper column or a physical row. A field
//! reaches the client only if it shows none of these; positions and parameter numbers are the client's own again.

mod detail;
mod others;
mod row;
mod shown;
#[cfg(test)]
mod tests;
mod values;

use std::borrow::Cow;

pub use others::is_of_others;
pub use values::{ClientValues, KeyParams, KnownParams};

use self::shown::Shown;
use crate::error::SqlState;
use crate::schema::Table;
use crate::sql::plan::{GUARD_MARK, GUARD_SQLSTATE};
use crate::sql::{Plan, Recipe, Refusal, Steps};

/// A field of an ErrorResponse: code and text.
type Field<'f> = (u8, Cow<'f, [u8]>);

/// The client's fields for those of the server's ErrorResponse or NoticeResponse (`fields`: code and text, in its
/// order), which answers a statement rewritten by `plan`. `sent` is what the client sent with it, where that is at hand.
/// Field P is mapped by `position`; where that gives none, it is dropped.
pub fn translate<'f>(
    fields: &[(u8, &'f [u8])],
    plan: &Plan,
    sent: Option<ClientValues<'_>>,
    position: impl FnOnce(u32) -> Option<u32>,
) -> Vec<Field<'f>> {
    let text = |code: u8| fields.iter().find(|(field, _)| *field == code).map(|(_, text)| *text);
    // A notice fails nothing, whatever it says.
    let error = matches!(text(b'V'), None | Some(b"ERROR" | b"FATAL" | b"PANIC"));
    let (sqlstate, message) = (text(b'C').unwrap_or_default(), text(b'M').unwrap_or_default());
    let fatal = text(b'V') == Some(b"FATAL");
    if error && sqlstate == GUARD_SQLSTATE.as_bytes() && shown::contains(message, GUARD_MARK.as_bytes()) {
        return guard_failed(fatal);
    }
    let shown = Shown::new(fields, plan);
    if error && has_drifted(sqlstate, message, plan) {
        let table = tables(plan).next().map_or("of this statement", |table| &table.relation.name);
        return report(fatal, &drifted(table));
    }
    // What plpgsql raises says what its author wrote.
    let constraint = sqlstate.starts_with(b"23") && text(b'R') != Some(b"exec_stmt_raise");
    let table = text(b's').zip(text(b't'));
    let nested = text(b'W').is_some();
    let mut physical = None;
    let mut kept: Vec<Field<'f>> = Vec::with_capacity(fields.len());
    for &(code, text) in fields {
        match code {
            b'S' | b'V' | b'C' => kept.push((code, text.into())),
            b'M' => kept.push((code, shown.text(text).unwrap_or(WITHHELD.as_bytes().into()))),
            b'D' if constraint => {
                kept.extend(detail::of_constraint(text, sqlstate, table, nested, plan, sent).map(|text| (code, text)));
            }
            b'P' => physical = std::str::from_utf8(text).ok().and_then(|at| at.parse().ok()),
            // Position and text of a query inside the server's own code.
            b'p' | b'q' if fields.iter().any(|(field, text)| *field == b'q' && shown.is_internal(text)) => {}
            _ => kept.extend(shown.text(text).map(|text| (code, text))),
        }
    }
    let client = physical.and_then(position).map(|at| at.to_string());
    kept.extend(client.map(|at| (b'P', at.into_bytes().into())));
    kept
}

/// Field P for a byte offset into the client's text ([`Refusal::position`](crate::sql::Refusal)).
pub fn position(text: &str, byte: usize) -> Option<u32> {
    u32::try_from(text.get(..byte)?.chars().count() + 1).ok()
}

const WITHHELD: &str = "the server refused the statement; its message names what the client cannot see and is withheld";

/// A trigger or rule changed a row after it was signed, and the statement failed before it could commit.
fn guard_failed<'f>(fatal: bool) -> Vec<Field<'f>> {
    const MESSAGE: &str = "the server would have stored another row than the one that was signed";
    const HINT: &str = "Is there a trigger or rule on this table that the schema lock does not list, or a trigger that \
                        changes a column which its `writes` in the schema file leaves out?";
    report(fatal, &Refusal::error(SqlState::DATA_CORRUPTED, MESSAGE).hint(HINT))
}

/// Whether the server misses what every table of the lock has: a helper column, a type of ours, or the type of a sealed
/// column. The client cannot have named them.
fn has_drifted(sqlstate: &[u8], message: &[u8], plan: &Plan) -> bool {
    match sqlstate {
        // undefined_column, undefined_object
        b"42703" | b"42704" => shown::is_named(message),
        // datatype_mismatch: the planner has checked the client's own types.
        b"42804" => tables(plan)
            .flat_map(|table| &table.columns)
            .any(|column| column.is_sealed() && shown::contains(message, format!("\"{}\"", column.name).as_bytes())),
        _ => false,
    }
}

/// A table that was dropped and made again, or altered, since its catalog was looked at (CAT-2).
pub(super) fn drifted(table: &str) -> Refusal {
    let message = format!("table {table} no longer matches the schema lock: it was altered, or dropped and made again");
    Refusal::error(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message).hint("run `pgseal schema plan`")
}

fn report<'f>(fatal: bool, refusal: &Refusal) -> Vec<Field<'f>> {
    let severity = if fatal { "FATAL" } else { "ERROR" };
    let code = refusal.sqlstate.code();
    let told = [(b'S', severity), (b'V', severity), (b'C', code), (b'M', &refusal.message)];
    let hint = refusal.hint.iter().map(|hint| (b'H', hint.as_str()));
    told.into_iter().chain(hint).map(|(code, text)| (code, Cow::Owned(text.as_bytes().to_vec()))).collect()
}

/// The protected tables of a plan, some of them more than once; a DELETE without RETURNING may show none.
fn tables(plan: &Plan) -> impl Iterator<Item = &Table> {
    let read = plan.output.iter().flat_map(|shape| &shape.rows).map(|row| &*row.table);
    let locked = match &plan.steps {
        Steps::ReadModifyWrite(work) => Some(&*work.read.table),
        Steps::One | Steps::Fetch(_) => None,
    };
    let compared = plan.template.slots.iter().filter_map(|slot| match &slot.recipe {
        Recipe::Tag { table, .. } | Recipe::Tags { table, .. } => Some(&**table),
        Recipe::Pass(_)
        | Recipe::Clear { .. }
        | Recipe::Cell { .. }
        | Recipe::RowTag { .. }
        | Recipe::Signature { .. }
        | Recipe::Signed { .. } => None,
    });
    plan.rows.iter().map(|row| &*row.table).chain(read).chain(locked).chain(compared)
}
