//! The client's parameters of a statement of several steps, as PostgreSQL reads them at Bind.

use crate::error::SqlState;
use crate::exec::Error;
use crate::exec::inputs::{Params, fits};
use crate::exec::resolve::{Sources, known_type};
use crate::schema::{Column, ColumnId};
use crate::sql::{Condition, Input, Piece, Plan, Recipe, Slot, Steps, Template, Verb};
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
    let conditions = Conditions { lock: &work.lock, sources: &sources };
    work.read.conditions.iter().try_for_each(|condition| conditions.read(condition))?;
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

/// Whether the lock step has a value of the client's as it is that [`read`] does not read: then only the server tells whether
/// it is one. It can be asked with a Bind of the statement that it describes, with NULL for whatever is ours. Not with that of
/// an INSERT: of NULLs it computes a guard's failure when it plans.
pub fn leaves_unread(plan: &Plan, params: Params<'_>) -> bool {
    let Steps::ReadModifyWrite(work) = &plan.steps else { return false };
    let read = |index: usize| {
        stands_once(&work.lock, index) && work.read.conditions.iter().any(|condition| reads(condition, index))
    };
    let unread = |slot: &Slot| match slot.recipe {
        Recipe::Pass(index) => matches!(params.values.get(index), Some(Some(_))) && !read(index),
        Recipe::Clear { .. }
        | Recipe::Cell { .. }
        | Recipe::RowTag { .. }
        | Recipe::Signature { .. }
        | Recipe::Signed { .. }
        | Recipe::Tag { .. }
        | Recipe::Tags { .. } => false,
    };
    // With more of them than a Bind can carry there is no such statement.
    fits(&work.lock).is_ok() && work.lock.slots.iter().any(unread)
}

/// Whether [`Conditions::read`] comes to this parameter.
fn reads(condition: &Condition, number: usize) -> bool {
    let is = |input: &Input| matches!(input, Input::Param { index, ty } if *index == number && is_read(ty));
    match condition {
        Condition::In { column: _, constants } => matches!(constants.as_slice(), [constant] if is(constant)),
        Condition::Same { column: _, constant } => is(constant),
        Condition::Not(inner) => reads(inner, number),
        Condition::All(parts) | Condition::Any(parts) => parts.iter().any(|part| reads(part, number)),
        Condition::AnyOf { .. } | Condition::Unknown | Condition::IsNull(_) => false,
    }
}

/// Whether every value of this type is read here as PostgreSQL reads it.
fn is_read(ty: &Type) -> bool {
    matches!(ty, Type::Bool | Type::Int2 | Type::Int4 | Type::Int8 | Type::Uuid)
}

/// Whether the type of a parameter is that of the one place where it stands: PostgreSQL gives it the type of its first one.
fn stands_once(lock: &Template, index: usize) -> bool {
    let passes = |piece: &&Piece| match piece {
        Piece::Slot(slot) => {
            matches!(lock.slots.get(*slot), Some(Slot { recipe: Recipe::Pass(number), .. }) if *number == index)
        }
        Piece::Text(_) => false,
    };
    lock.pieces.iter().filter(passes).count() == 1
}

/// Parameters that conditions compare in the clear, of types that are read here ([`is_read`]).
struct Conditions<'a> {
    /// The statement in which the server reads them.
    lock: &'a Template,
    sources: &'a Sources<'a>,
}

impl Conditions<'_> {
    fn read(&self, condition: &Condition) -> Result<(), Error> {
        match condition {
            // Those of a longer list have a type in common, which another one may widen.
            Condition::In { column: _, constants } => match constants.as_slice() {
                [constant] => self.clear(constant),
                _ => Ok(()),
            },
            Condition::Same { column: _, constant } => self.clear(constant),
            Condition::Not(inner) => self.read(inner),
            Condition::All(parts) | Condition::Any(parts) => parts.iter().try_for_each(|part| self.read(part)),
            // Elements of an array are the server's to read.
            Condition::AnyOf { .. } | Condition::Unknown | Condition::IsNull(_) => Ok(()),
        }
    }

    fn clear(&self, input: &Input) -> Result<(), Error> {
        let Input::Param { index, ty } = input else { return Ok(()) };
        if !is_read(ty) || !stands_once(self.lock, *index) {
            return Ok(());
        }
        match self.sources.compared(input, ty) {
            // A notation that only some versions of PostgreSQL read.
            Err(Error::Value(error)) if error.sqlstate == SqlState::FEATURE_NOT_SUPPORTED => Ok(()),
            Err(error) => Err(error),
            Ok(_) => Ok(()),
        }
    }
}
