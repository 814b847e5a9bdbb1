//! INSERT … VALUES: cells in the place of values, and behind them tags, signatures and what the statement leaves out.

use super::fetch::Fetch;
use super::guard::RowSlots;
use super::{Lower, guard};
use crate::schema::names::{SIGNATURE, quote};
use crate::schema::{Column, ColumnDefault, ColumnId};
use crate::sql::infer::{Change, Given, Rows, Write, constant_default, unreadable};
use crate::sql::plan::draft::Parts;
use crate::sql::tree::{Arbiter, ExprId, Insert};
use crate::sql::{Input, PhysicalType, Plan, Recipe, Refusal, Steps, Verb, WriteRow};
use std::ops::Range;

impl Lower<'_, '_> {
    pub(super) fn insert(mut self, insert: &Insert<'_>, write: &Write, range: Range<usize>) -> Result<Plan, Refusal> {
        let Change::Insert(rows) = &write.change else { return Err(unreadable()) };
        self.target(&insert.target, write)?;
        let mut written = Written::new(write, rows.rows.len());
        written.given(&mut self, write, rows)?;
        written.left_out(&mut self, write, rows)?;
        written.companions(&mut self, write);
        written.splice(&mut self, insert, write, rows)?;
        self.arbiter(insert, write)?;
        self.queries(insert.source)?;
        let mut shape = self.returned(insert.returning.as_ref(), write)?;
        if let Some(guard) = guard::insert(&mut self, write, &written.slots, &written.signatures)? {
            match (&mut shape, &insert.returning) {
                (Some(shape), Some(returning)) => {
                    shape.physical += 1;
                    let end = self.statement.bytes(returning.span)?.end;
                    self.draft.insert(end, Parts::default().text(", ").extend(guard));
                }
                _ => self.draft.insert(range.end, Parts::default().text(" RETURNING ").extend(guard)),
            }
        }
        self.qualified_columns(None)?;
        let steps = match written.fetch.is_empty() {
            true => Steps::One,
            false => Steps::Fetch(written.fetch.statement(self.statement.source, range.start, &mut written.values)?),
        };
        let row = |values| WriteRow { table: write.table.clone(), values };
        let rows = written.values.into_iter().map(row).collect();
        self.plan(Verb::Insert, range, rows, shape, steps)
    }

    /// An arbiter over a sealed column is the unique index of its tag.
    fn arbiter(&mut self, insert: &Insert<'_>, write: &Write) -> Result<(), Refusal> {
        let Some(Arbiter::Columns(names, _)) = insert.conflict.as_ref().and_then(|conflict| conflict.on.as_ref())
        else {
            return Ok(());
        };
        for name in names {
            let id = *self.statement.names.written.get(&name.token).ok_or_else(unreadable)?;
            if column(write, id)?.is_sealed() {
                let (_, beacon) = write.table.beacon(id).ok_or_else(unreadable)?;
                let bytes = self.statement.at(name.token)..self.statement.end(name.token);
                self.replace(bytes, Parts::default().text(quote(&beacon.helper)));
            }
        }
        Ok(())
    }
}

/// What the rows become.
struct Written {
    /// By row, by column: for [`WriteRow`].
    values: Vec<Vec<Option<Input>>>,
    /// By row, by column: the slot of a cell, tag (at the place of its column's) or clear value.
    slots: Vec<RowSlots>,
    /// The signature's slot of each row of a signed table.
    signatures: Vec<usize>,
    /// Physical columns that the client did not name, and their slots by row.
    added: Vec<(String, Vec<usize>)>,
    /// What is fetched first (SQL-22).
    fetch: Fetch,
    /// An identity column GENERATED ALWAYS gets values that we fetched.
    overriding: bool,
}

impl Written {
    fn new(write: &Write, rows: usize) -> Self {
        let columns = write.table.columns.len();
        Self {
            values: vec![vec![None; columns]; rows],
            slots: vec![RowSlots::new(columns, write.table.beacons.len()); rows],
            signatures: Vec::new(),
            added: Vec::new(),
            fetch: Fetch::default(),
            overriding: false,
        }
    }

    /// The values that the client gives.
    fn given(&mut self, lower: &mut Lower<'_, '_>, write: &Write, rows: &Rows) -> Result<(), Refusal> {
        for (place, id) in rows.columns.iter().enumerate() {
            let sealed = column(write, *id)?.is_sealed();
            for (row, values) in rows.rows.iter().enumerate() {
                let (expr, given) = values.get(place).ok_or_else(unreadable)?;
                let stands = match given {
                    Given::Plain => continue,
                    Given::Value(input) if sealed => {
                        let slot = lower.draft.slot(Recipe::Cell { row, column: *id }, PhysicalType::Bytea);
                        Some((input.clone(), slot))
                    }
                    // The server reads it as it stands.
                    Given::Value(input) => {
                        self.set(row, *id, input.clone(), None)?;
                        continue;
                    }
                    Given::Default => self.default_of(lower, write, row, *id)?,
                    Given::Computed => Some(self.computed(lower, write, row, *id, *expr)?),
                };
                match stands {
                    Some((input, slot)) => {
                        let bytes = lower.statement.bytes(lower.statement.tree.span(*expr))?;
                        lower.replace(bytes, Parts::default().slot(slot));
                        self.set(row, *id, input, Some(slot))?;
                    }
                    None => self.set(row, *id, Input::Null, None)?,
                }
            }
        }
        Ok(())
    }

    /// The columns that the statement leaves out.
    fn left_out(&mut self, lower: &mut Lower<'_, '_>, write: &Write, rows: &Rows) -> Result<(), Refusal> {
        for (id, column) in write.table.columns.iter().enumerate() {
            if rows.columns.contains(&id) || !(column.is_sealed() || column.is_signed()) {
                continue;
            }
            let mut slots = Vec::new();
            for row in 0..self.values.len() {
                if column.is_sealed() {
                    let input = constant_default(column)?;
                    let slot = match input {
                        Input::Null => None,
                        _ => Some(lower.draft.slot(Recipe::Cell { row, column: id }, PhysicalType::Bytea)),
                    };
                    slots.extend(slot);
                    self.set(row, id, input, slot)?;
                } else if let Some((input, slot)) = self.default_of(lower, write, row, id)? {
                    slots.push(slot);
                    self.set(row, id, input, Some(slot))?;
                } else {
                    self.set(row, id, Input::Null, None)?;
                }
            }
            if !slots.is_empty() {
                self.added.push((column.name.clone(), slots));
            }
        }
        Ok(())
    }

    /// Tags and signatures of every row.
    fn companions(&mut self, lower: &mut Lower<'_, '_>, write: &Write) {
        let table = &write.table;
        for (index, beacon) in table.beacons.iter().enumerate() {
            let written = self.slots.iter().any(|slots| slots.columns.get(beacon.column).is_some_and(Option::is_some));
            if !written {
                continue;
            }
            let mut slots = Vec::new();
            for (row, row_slots) in self.slots.iter_mut().enumerate() {
                let slot = lower.draft.slot(Recipe::RowTag { row, beacon: index }, PhysicalType::Uuid);
                if let Some(place) = row_slots.tags.get_mut(index) {
                    *place = Some(slot);
                }
                slots.push(slot);
            }
            self.added.push((beacon.helper.clone(), slots));
        }
        if table.signature.is_some() {
            for row in 0..self.values.len() {
                self.signatures.push(lower.draft.slot(Recipe::Signature { row }, PhysicalType::Bytea));
            }
            self.added.push((SIGNATURE.to_owned(), self.signatures.clone()));
        }
    }

    /// The physical column list, and the added values of each row.
    fn splice(
        &self,
        lower: &mut Lower<'_, '_>,
        insert: &Insert<'_>,
        write: &Write,
        rows: &Rows,
    ) -> Result<(), Refusal> {
        let mut names = Vec::new();
        for id in &rows.columns {
            names.push(quote(&column(write, *id)?.name));
        }
        names.extend(self.added.iter().map(|(name, _)| quote(name)));
        if names.is_empty() {
            return Ok(());
        }
        let overriding = match insert.overriding {
            None if self.overriding => " OVERRIDING SYSTEM VALUE",
            None | Some(_) => "",
        };
        let list = format!("({}){overriding}", names.join(", "));
        if insert.source.is_none() {
            // DEFAULT VALUES with values of ours.
            let mut parts = Parts::default().text(format!("{list} VALUES ("));
            for (index, (_, slots)) in self.added.iter().enumerate() {
                let slot = slots.first().ok_or_else(unreadable)?;
                parts = parts.text(if index == 0 { "" } else { ", " }).slot(*slot);
            }
            let behind = insert.conflict.as_ref().map(|conflict| conflict.span.start);
            let behind = behind.or(insert.returning.as_ref().map(|returning| returning.span.start));
            let end = behind.unwrap_or(insert.span.end).checked_sub(1).ok_or_else(unreadable)?;
            let start = end.checked_sub(1).ok_or_else(unreadable)?;
            lower.replace(lower.statement.at(start)..lower.statement.end(end), parts.text(")"));
            return Ok(());
        }
        match &insert.columns {
            Some((_, span)) => lower.replace(lower.statement.bytes(*span)?, Parts::default().text(list)),
            None => {
                let end = lower.statement.bytes(insert.target.span)?.end;
                lower.draft.insert(end, Parts::default().text(format!(" {list}")));
            }
        }
        for (row, values) in rows.rows.iter().enumerate() {
            let mut parts = Parts::default();
            for (_, slots) in &self.added {
                parts = parts.text(", ").slot(*slots.get(row).ok_or_else(unreadable)?);
            }
            let (last, _) = values.last().ok_or_else(unreadable)?;
            let closing = lower.statement.tree.span(*last).end;
            if !lower.statement.source.is_symbol(closing, b')') {
                return Err(unreadable());
            }
            lower.draft.insert(lower.statement.at(closing), parts);
        }
        Ok(())
    }

    /// What the default of a recorded column in the clear is: `None` for NULL.
    fn default_of(
        &mut self,
        lower: &mut Lower<'_, '_>,
        write: &Write,
        row: usize,
        id: ColumnId,
    ) -> Result<Option<(Input, usize)>, Refusal> {
        let column = column(write, id)?;
        let ty = column.ty.ok_or_else(unreadable)?;
        match &column.default {
            ColumnDefault::Null => Ok(None),
            ColumnDefault::Constant(stored) => {
                let slot = lower.draft.slot(Recipe::Clear { row, column: id }, PhysicalType::Logical(ty));
                Ok(Some((Input::Stored(stored.clone()), slot)))
            }
            ColumnDefault::Server(expression) => {
                self.fetched(lower, write, row, id, Parts::default().text(format!("({expression})"))).map(Some)
            }
            ColumnDefault::Identity { always, sequence } => {
                self.overriding |= always;
                let name = format!("{}.{}", quote(&sequence.schema), quote(&sequence.name));
                let name = name.replace('\'', "''");
                let next = format!("pg_catalog.nextval('{name}'::pg_catalog.regclass)");
                self.fetched(lower, write, row, id, Parts::default().text(next)).map(Some)
            }
            ColumnDefault::Generated => Err(unreadable()),
        }
    }

    /// An expression of the client that only the server can compute.
    fn computed(
        &mut self,
        lower: &mut Lower<'_, '_>,
        write: &Write,
        row: usize,
        id: ColumnId,
        expr: ExprId,
    ) -> Result<(Input, usize), Refusal> {
        let bytes = lower.statement.bytes(lower.statement.tree.span(expr))?;
        let value = Parts::default().text("(").client(lower.statement.source, bytes)?.text(")");
        self.fetched(lower, write, row, id, value)
    }

    /// A value that the server computes first, in the type of its column.
    fn fetched(
        &mut self,
        lower: &mut Lower<'_, '_>,
        write: &Write,
        row: usize,
        id: ColumnId,
        value: Parts,
    ) -> Result<(Input, usize), Refusal> {
        let ty = column(write, id)?.ty.ok_or_else(unreadable)?;
        // The modifier is applied by the codec: an explicit cast to varchar(n) would cut.
        let cast = format!(" AS {})", ty.unmodified());
        self.fetch.add(row, id, Parts::default().text("CAST(").extend(value).text(cast));
        let slot = lower.draft.slot(Recipe::Clear { row, column: id }, PhysicalType::Logical(ty));
        // Where it stands is known when all are.
        Ok((Input::Fetched(0), slot))
    }

    fn set(&mut self, row: usize, id: ColumnId, input: Input, slot: Option<usize>) -> Result<(), Refusal> {
        *self.values.get_mut(row).and_then(|values| values.get_mut(id)).ok_or_else(unreadable)? = Some(input);
        *self.slots.get_mut(row).and_then(|slots| slots.columns.get_mut(id)).ok_or_else(unreadable)? = slot;
        Ok(())
    }
}

fn column(write: &Write, id: ColumnId) -> Result<&Column, Refusal> {
    write.table.columns.get(id).ok_or_else(unreadable)
}
