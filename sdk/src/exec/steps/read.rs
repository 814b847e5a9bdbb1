//! The client's parameters of a statement of several steps, as PostgreSQL reads them at Bind.

use crate::error::SqlState;
use crate::exec::Error;
use crate::exec::inputs::Params;
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

/// Parameters that conditions compare in the clear, where every value of their type is read here as PostgreSQL reads it.
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
        let Input::Param { index, ty: ty @ (Type::Bool | Type::Int2 | Type::Int4 | Type::Int8 | Type::Uuid) } = input
        else {
            return Ok(());
        };
        if !self.stands_once(*index) {
            return Ok(());
        }
        match self.sources.compared(input, ty) {
            // A notation that only some versions of PostgreSQL read.
            Err(Error::Value(error)) if error.sqlstate == SqlState::FEATURE_NOT_SUPPORTED => Ok(()),
            Err(error) => Err(error),
            Ok(_) => Ok(()),
        }
    }

    /// Whether its type is that of the one place where it stands: PostgreSQL gives a parameter the type of its first one.
    fn stands_once(&self, index: usize) -> bool {
        let passes = |piece: &&Piece| match piece {
            Piece::Slot(slot) => {
                matches!(self.lock.slots.get(*slot), Some(Slot { recipe: Recipe::Pass(number), .. }) if *number == index)
            }
            Piece::Text(_) => false,
        };
        self.lock.pieces.iter().filter(passes).count() == 1
    }
}
