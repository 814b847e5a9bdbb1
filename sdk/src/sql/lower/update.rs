//! UPDATE: cells, tags and all else in one step, or what is read first and what exec writes then (SQL-50, SQL-51).

use super::{Lower, Part};
use crate::schema::names::quote;
use crate::schema::{ColumnId, Table};
use crate::sql::infer::{Assigned, Change, Given, Place, Way, Write, unreadable};
use crate::sql::plan::draft::{Draft, Parts};
use crate::sql::plan::scope::physical_name;
use crate::sql::tree::{Returning, Update};
use crate::sql::{
    Condition, Input, PhysicalType, Piece, Plan, Presence, ReadModifyWrite, ReadRow, Recipe, Refusal, Steps, Template,
    Verb, WriteRow,
};
use std::ops::Range;

impl Lower<'_, '_> {
    pub(super) fn update(self, update: &Update<'_>, write: &Write, range: Range<usize>) -> Result<Plan, Refusal> {
        let Change::Update(assigned, way) = &write.change else { return Err(unreadable()) };
        match way {
            Way::InPlace { context } => self.in_place(update, write, assigned, context, range),
            Way::ReadFirst { asked } => self.read_first(update, write, assigned, asked, range),
        }
    }

    fn in_place(
        mut self,
        update: &Update<'_>,
        write: &Write,
        assigned: &[Assigned],
        context: &[(ColumnId, Input)],
        range: Range<usize>,
    ) -> Result<Plan, Refusal> {
        let table = &write.table;
        self.target(&update.target, write)?;
        let mut values = vec![None; table.columns.len()];
        for Assigned { column: id, span, given } in assigned {
            let Given::Value(input) = given else { continue };
            let name = quote(&table.columns.get(*id).ok_or_else(unreadable)?.name);
            let cell = self.draft.slot(Recipe::Cell { row: 0, column: *id }, PhysicalType::Bytea);
            let mut parts = Parts::default().text(format!("{name} = ")).slot(cell);
            if let Some((index, beacon)) = table.beacon(*id) {
                let tag = self.draft.slot(Recipe::RowTag { row: 0, beacon: index }, PhysicalType::Uuid);
                parts = parts.text(format!(", {} = ", quote(&beacon.helper))).slot(tag);
            }
            self.replace(self.statement.bytes(*span)?, parts);
            *values.get_mut(*id).ok_or_else(unreadable)? = Some(input.clone());
        }
        let seals = values.iter().any(Option::is_some);
        if seals {
            for (id, input) in context {
                *values.get_mut(*id).ok_or_else(unreadable)? = Some(input.clone());
            }
        }
        self.queries(None)?;
        let shape = self.returned(update.returning.as_ref(), write)?;
        self.qualified_columns(None)?;
        let rows = if seals { vec![WriteRow { table: table.clone(), values }] } else { Vec::new() };
        self.plan(Verb::Update, range, rows, shape, Steps::One)
    }

    fn read_first(
        mut self,
        update: &Update<'_>,
        write: &Write,
        assigned: &[Assigned],
        asked: &[Condition<Place>],
        range: Range<usize>,
    ) -> Result<Plan, Refusal> {
        let table = &write.table;
        let mut values = vec![None; table.columns.len()];
        for Assigned { column, span: _, given } in assigned {
            let Given::Value(input) = given else { return Err(unreadable()) };
            *values.get_mut(*column).ok_or_else(unreadable)? = Some(input.clone());
        }
        let assigned: Vec<ColumnId> = assigned.iter().map(|assigned| assigned.column).collect();
        let (list, read) = self.locked(write, asked)?;
        self.queries(None)?;
        let shape = self.returned(update.returning.as_ref(), write)?;
        self.qualified_columns(update.returning.as_ref().map(|returning| returning.span))?;

        let alias = quote(&self.statement.names.range(write.target).name);
        let only = if update.target.only { "ONLY " } else { "" };
        let head = format!("SELECT {list} FROM {only}{} AS {alias}", physical_name(table));
        let tail = Parts::default().text(format!(" FOR {} OF {alias}", lock_mode(table, &assigned)));
        let source = self.statement.source;
        let lock = match update.condition {
            // Nothing of the client's text, nor what stands behind its end.
            None => Draft::default().compose(source, Parts::default().text(head).extend(tail), range.end)?,
            Some(condition) => {
                let condition = self.statement.bytes(self.statement.tree.span(condition))?;
                self.draft.clone().finish(source, Parts::default().text(format!("{head} WHERE ")), condition, tail)?
            }
        };
        let returning = match &update.returning {
            Some(returning) => self.returning_text(returning)?,
            None => String::new(),
        };
        Ok(Plan {
            verb: Verb::Update,
            params: self.typed.params.roles(&lock)?,
            template: Template::default(),
            rows: vec![WriteRow { table: table.clone(), values }],
            output: shape,
            steps: Steps::ReadModifyWrite(Box::new(ReadModifyWrite { lock, read, assigned, returning, alias })),
            notes: self.typed.notes.clone(),
        })
    }

    /// The list of the locking SELECT: the address of the row, then all that verifying, or sealing anew, needs, and what
    /// tells whether the row is one that was asked for.
    fn locked(&mut self, write: &Write, asked: &[Condition<Place>]) -> Result<(String, ReadRow), Refusal> {
        let table = &write.table;
        let alias = quote(&self.statement.names.range(write.target).name);
        let conditions: Vec<Condition> =
            asked.iter().map(|condition| condition.filter_map(&|place: &Place| Some(place.column))).collect();
        let needs: Vec<ColumnId> = conditions.iter().flat_map(Condition::columns).copied().collect();
        let mut list = vec![format!("{alias}.\"tableoid\""), format!("{alias}.\"ctid\"")];
        let mut read = ReadRow {
            table: table.clone(),
            presence: Presence::Required,
            columns: vec![None; table.columns.len()],
            tags: vec![None; table.beacons.len()],
            signature: None,
            conditions,
        };
        let signed = table.signature.is_some();
        for ((id, column), place) in table.columns.iter().enumerate().zip(&mut read.columns) {
            let needed = if signed { column.is_signed() } else { column.is_context() };
            if needed || needs.contains(&id) {
                *place = Some(list.len());
                let part = if column.is_sealed() { Part::Column(id) } else { Part::Stored(id) };
                list.push(self.own(write, part)?);
            }
        }
        if signed {
            for (beacon, place) in read.tags.iter_mut().enumerate() {
                *place = Some(list.len());
                list.push(self.own(write, Part::Tag(beacon))?);
            }
            read.signature = Some(list.len());
            list.push(self.own(write, Part::Signature)?);
        }
        Ok((list.join(", "), read))
    }

    /// The RETURNING list of the UPDATE that exec writes: text alone.
    fn returning_text(&self, returning: &Returning<'_>) -> Result<String, Refusal> {
        let first = returning.list.first().ok_or_else(unreadable)?;
        let start = self.statement.bytes(first.span)?.start;
        let list = start..self.statement.bytes(returning.span)?.end;
        let template = self.draft.clone().finish(self.statement.source, Parts::default(), list, Parts::default())?;
        let mut text = String::new();
        for piece in &template.pieces {
            match piece {
                Piece::Text(part) => text.push_str(part),
                Piece::Slot(_) => {
                    return Err(Refusal::new(
                        "a parameter or a comparison of a sealed column in RETURNING cannot be answered here",
                    )
                    .hint("select it after the UPDATE"));
                }
            }
        }
        Ok(text)
    }
}

/// A key column under FOR NO KEY UPDATE would have its lock raised by the UPDATE: a deadlock between two of us.
fn lock_mode(table: &Table, assigned: &[ColumnId]) -> &'static str {
    let key = assigned.iter().any(|id| table.beacon(*id).is_some() || table.primary_key.contains(id));
    if key { "UPDATE" } else { "NO KEY UPDATE" }
}
