//! The client's parameters of a statement of several steps, as PostgreSQL reads them at Bind.

use crate::error::SqlState;
use crate::exec::Error;
use crate::exec::inputs::Params;
use crate::exec::resolve::{Sources, known_type};
use crate::schema::{Column, ColumnId};
use crate::sql::{Condition, Input, Plan, Recipe, Steps, Verb};
use crate::value::{Settings, Type};

/// Reads the client's parameters as PostgreSQL does when it binds them and folds constants (`exec_bind_message` in
/// postgres.c): of a plan of several steps nothing is sent then that would find what is wrong with one. NOT NULL and
/// whatever needs a row is the execution's.
///
/// # Errors
/// 22P02, 22021, 22001 and what else PostgreSQL says about a value.
pub fn read(plan: &Plan, params: Params<'_>, settings: &Settings) -> Result<(), Error> {
    let sources = Sources { params, fetched: &[], settings };
    // What an UPDATE does not assign its WHERE compares: a blind one the context (SQL-50).
    let assigns = |id: ColumnId, column: &Column| match &plan.steps {
        Steps::ReadModifyWrite(work) => work.assigned.contains(&id),
        Steps::One | Steps::Fetch(_) => plan.verb == Verb::Insert || !column.is_context(),
    };
    for row in &plan.rows {
        for (id, (column, input)) in row.table.columns.iter().zip(&row.values).enumerate() {
            match (input, column.ty) {
                (Some(input @ Input::Param { .. }), Some(_)) if assigns(id, column) => {
                    drop(sources.assigned(input, column)?)
                }
                (Some(input @ Input::Param { .. }), Some(ty)) => drop(sources.compared(input, &ty)?),
                (Some(_) | None, _) => {}
            }
        }
    }
    let Steps::ReadModifyWrite(work) = &plan.steps else { return Ok(()) };
    work.read.conditions.iter().try_for_each(|condition| condition_params(condition, &sources))?;
    for slot in &work.lock.slots {
        if let Recipe::Tag { table, beacon, input } | Recipe::Tags { table, beacon, input } = &slot.recipe
            && let Some(column) = table.beacons.get(*beacon).and_then(|beacon| table.columns.get(beacon.column))
        {
            let ty = known_type(column)?;
            match slot.recipe {
                Recipe::Tags { .. } => drop(sources.compared_elements(input, &ty)?),
                _ => drop(sources.compared(input, &ty)?),
            }
        }
    }
    Ok(())
}

/// Parameters that a condition compares in the clear, where every value of their type is read here as PostgreSQL reads it.
fn condition_params(condition: &Condition, sources: &Sources<'_>) -> Result<(), Error> {
    match condition {
        // Those of a longer list have a type in common, which another one may widen.
        Condition::In { column: _, constants } => match constants.as_slice() {
            [constant] => clear(constant, sources),
            _ => Ok(()),
        },
        Condition::Same { column: _, constant } => clear(constant, sources),
        Condition::Not(inner) => condition_params(inner, sources),
        Condition::All(parts) | Condition::Any(parts) => {
            parts.iter().try_for_each(|part| condition_params(part, sources))
        }
        // Elements of an array are the server's to read.
        Condition::AnyOf { .. } | Condition::Unknown | Condition::IsNull(_) => Ok(()),
    }
}

fn clear(input: &Input, sources: &Sources<'_>) -> Result<(), Error> {
    let Input::Param { index: _, ty: ty @ (Type::Bool | Type::Int2 | Type::Int4 | Type::Int8 | Type::Uuid) } = input
    else {
        return Ok(());
    };
    match sources.compared(input, ty) {
        // A notation that only some versions of PostgreSQL read.
        Err(Error::Value(error)) if error.sqlstate == SqlState::FEATURE_NOT_SUPPORTED => Ok(()),
        Err(error) => Err(error),
        Ok(_) => Ok(()),
    }
}
