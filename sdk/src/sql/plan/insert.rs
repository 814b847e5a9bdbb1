//! INSERT … VALUES into a protected table.

use sqlparser::ast::{
    ConflictTarget, Expr, Insert, InsertOverriding, OnConflict, OnConflictAction, OnInsert, TableAliasWithoutColumns,
    TableObject,
};

use super::constant::Constant;
use super::draft::Parts;
use super::expr::{self, unknown};
use super::fetch::Fetch;
use super::output;
use super::predicate::{no_operator, note, reveals_equality};
use super::scope::Scope;
use super::source::{Extent, unreadable};
use super::values::{Rows, targets};
use super::{Ctx, Statement, guard, types};
use crate::schema::names::{SIGNATURE, quote};
use crate::schema::{Column, ColumnDefault, ColumnId};
use crate::sql::constant::Bare;
use crate::sql::{Input, PhysicalType, Plan, Recipe, Refusal, Steps, Verb, WriteRow};

/// Plans an INSERT that mentions a protected table.
pub(super) fn plan(statement: &Statement<'_>, insert: &Insert) -> Result<Plan, Refusal> {
    let Insert {
        insert_token: _,
        optimizer_hints,
        or,
        ignore,
        into,
        table,
        table_alias,
        columns,
        by_name,
        overwrite,
        source: query,
        assignments,
        partitioned,
        after_columns,
        overriding,
        has_table_keyword,
        on,
        returning,
        output,
        replace_into,
        priority,
        insert_alias,
        settings,
        format_clause,
        multi_table_insert_type,
        multi_table_into_clauses,
        multi_table_when_clauses,
        multi_table_else_clause,
    } = insert;
    if !optimizer_hints.is_empty()
        || or.is_some()
        || *ignore
        || !*into
        || *by_name
        || *overwrite
        || !assignments.is_empty()
        || partitioned.is_some()
        || !after_columns.is_empty()
        || *has_table_keyword
        || output.is_some()
        || *replace_into
        || priority.is_some()
        || insert_alias.is_some()
        || settings.is_some()
        || format_clause.is_some()
        || multi_table_insert_type.is_some()
        || !multi_table_into_clauses.is_empty()
        || !multi_table_when_clauses.is_empty()
        || multi_table_else_clause.is_some()
    {
        return Err(unknown("an INSERT with this clause"));
    }
    let TableObject::TableName(name) = table else { return Err(unknown("an INSERT of this form")) };
    let Some((table, name)) = Scope::relation(statement.source, statement.protection, name)? else {
        return Err(Refusal::new("this INSERT names a protected table in its source or in an expression")
            .hint("read the rows first and insert them with VALUES"));
    };
    let alias = table_alias.as_ref().map(|TableAliasWithoutColumns { explicit: _, alias }| alias);
    let scope = Scope::new(table, alias);
    let mut ctx = Ctx::new(statement.source, scope, statement.declared);
    let bytes = ctx.source.bytes(&name)?;
    ctx.draft
        .replace(bytes, Parts::default().text(format!("{}{}", ctx.scope.physical_name(), ctx.scope.alias_clause())));
    // The token before which the column list stands.
    let head = match alias {
        Some(alias) => ctx.source.ident(alias)? + 1,
        None => name.end,
    };

    let rows = Rows::read(&ctx, head, query.as_deref())?;
    let targets = targets(&ctx, columns, &rows)?;
    let mut write = Write::new(&ctx, targets, &rows, overriding.is_some_and(|o| o == InsertOverriding::System));
    if overriding.is_some_and(|o| o == InsertOverriding::User) {
        return Err(unknown("OVERRIDING USER VALUE"));
    }
    write.given(&mut ctx, &rows)?;
    write.left_out(&mut ctx)?;
    write.companions(&mut ctx)?;
    write.splice(&mut ctx, head, columns.is_empty(), &rows)?;
    if let Some(on) = on {
        conflict(&mut ctx, on)?;
    }
    let guard = guard::insert(&mut ctx, &write.slots, &write.signatures)?;
    let shape = match returning {
        Some(items) => {
            let (extent, mut shape) = output::returning(&mut ctx, items)?;
            if let Some(guard) = guard {
                shape.physical += 1;
                let end = ctx.source.bytes(&extent)?.end;
                ctx.draft.insert(end, Parts::default().text(", ").extend(guard));
            }
            Some(shape)
        }
        None => {
            if let Some(guard) = guard {
                ctx.draft.insert(statement.range.end, Parts::default().text(" RETURNING ").extend(guard));
            }
            None
        }
    };
    let Ctx { draft, params, notes, scope, .. } = ctx;
    let template = draft.finish(statement.source, Parts::default(), statement.range.clone(), Parts::default())?;
    let steps = if write.fetch.is_empty() {
        Steps::One
    } else {
        Steps::Fetch(write.fetch.statement(statement.source, statement.range.start, &mut write.values)?)
    };
    let rows = write.values.into_iter().map(|values| WriteRow { table: scope.table.clone(), values }).collect();
    Ok(Plan { verb: Verb::Insert, params: params.roles(&template)?, template, rows, output: shape, steps, notes })
}

/// What the rows become.
struct Write {
    targets: Vec<ColumnId>,
    /// By row, by column: for [`WriteRow`].
    values: Vec<Vec<Option<Input>>>,
    /// By row, by column: the slot of a cell, tag (at the place of its column's) or clear value.
    slots: Vec<guard::RowSlots>,
    /// The signature's slot of each row of a signed table.
    signatures: Vec<usize>,
    /// Physical columns that the client did not name, and their slots by row.
    added: Vec<(String, Vec<usize>)>,
    /// What is fetched first (SQL-22).
    fetch: Fetch,
    /// An identity column GENERATED ALWAYS gets values that we fetched.
    overriding: bool,
    /// The client wrote OVERRIDING SYSTEM VALUE.
    overridden: bool,
}

impl Write {
    fn new(ctx: &Ctx<'_>, targets: Vec<ColumnId>, rows: &Rows<'_>, overridden: bool) -> Self {
        let columns = ctx.scope.table.columns.len();
        let slots = guard::RowSlots::new(columns, ctx.scope.table.beacons.len());
        Self {
            targets,
            values: vec![vec![None; columns]; rows.values.len()],
            slots: vec![slots; rows.values.len()],
            signatures: Vec::new(),
            added: Vec::new(),
            fetch: Fetch::default(),
            overriding: false,
            overridden,
        }
    }

    /// The values that the client gives.
    fn given(&mut self, ctx: &mut Ctx<'_>, rows: &Rows<'_>) -> Result<(), Refusal> {
        for (place, id) in self.targets.clone().into_iter().enumerate() {
            if !ctx.scope.column(id)?.is_sealed() {
                continue;
            }
            for (row, values) in rows.values.iter().enumerate() {
                let (expr, extent) = values.get(place).ok_or_else(unreadable)?;
                let input = match self.default(ctx, expr, extent) {
                    true => constant_default(ctx.scope.column(id)?)?,
                    false => match Constant::read(ctx.source, expr)? {
                        Some(constant) => {
                            types::assignable(ctx, id, &constant, expr)?;
                            ctx.protect(&constant.value, id)?
                        }
                        None => return Err(no_operator(ctx, id, "storing anything but a constant")),
                    },
                };
                let slot = ctx.draft.slot(Recipe::Cell { row, column: id }, PhysicalType::Bytea);
                let bytes = ctx.source.bytes(extent)?;
                ctx.draft.replace(bytes, Parts::default().slot(slot));
                self.set(row, id, input, Some(slot))?;
            }
        }
        for (place, id) in self.targets.clone().into_iter().enumerate() {
            let column = ctx.scope.column(id)?;
            if column.is_sealed() {
                continue;
            }
            // The signature and the context of the cells need it.
            let recorded = column.is_signed();
            let label = ctx.scope.label(id);
            for (row, values) in rows.values.iter().enumerate() {
                let (expr, extent) = values.get(place).ok_or_else(unreadable)?;
                ctx.beside = Some(label.clone());
                match (recorded, self.default(ctx, expr, extent)) {
                    (false, true) => {}
                    (false, false) => {
                        expr::walk(ctx, expr)?;
                    }
                    (true, true) => {
                        if let Some((input, slot)) = self.default_of(ctx, row, id)? {
                            let bytes = ctx.source.bytes(extent)?;
                            ctx.draft.replace(bytes, Parts::default().slot(slot));
                            self.set(row, id, input, Some(slot))?;
                        } else {
                            self.set(row, id, Input::Null, None)?;
                        }
                    }
                    (true, false) => self.clear(ctx, row, id, expr, extent)?,
                }
            }
        }
        Ok(())
    }

    /// The value of a signed or context column: it goes on in the clear, and is known.
    fn clear(
        &mut self,
        ctx: &mut Ctx<'_>,
        row: usize,
        id: ColumnId,
        expr: &Expr,
        extent: &Extent,
    ) -> Result<(), Refusal> {
        if let Some(constant) = Constant::read(ctx.source, expr)? {
            types::assignable(ctx, id, &constant, expr)?;
            let input = match constant.value {
                // The server reads it as it stands.
                Bare::Null { .. } => Input::Null,
                Bare::Literal { literal, at } => Input::Literal { literal, at },
                Bare::Param { number, cast } => {
                    let ty = ctx.param_type(number, cast, id)?;
                    let label = ctx.scope.label(id);
                    ctx.params.plain(number, Some(&label))?;
                    Input::Param { index: number, ty }
                }
            };
            return self.set(row, id, input, None);
        }
        // An expression that only the server can compute is fetched first (SQL-22).
        if extent.clone().any(|token| ctx.source.is_param(token)) {
            return Err(Refusal::new(format!(
                "an expression with a parameter cannot be stored in the signed column {}",
                ctx.scope.label(id)
            ))
            .of(ctx.scope.column_name(id))
            .hint("pass the value itself"));
        }
        let seen = expr::walk(ctx, expr)?;
        if seen.columns || seen.aggregate {
            return Err(unknown("a column in VALUES"));
        }
        let bytes = ctx.source.bytes(extent)?;
        let value = Parts::default().text("(").client(ctx.source, bytes.clone())?.text(")");
        let (input, slot) = self.fetched(ctx, row, id, value)?;
        ctx.draft.replace(bytes, Parts::default().slot(slot));
        self.set(row, id, input, Some(slot))
    }

    /// The columns that the statement leaves out.
    fn left_out(&mut self, ctx: &mut Ctx<'_>) -> Result<(), Refusal> {
        for id in 0..ctx.scope.table.columns.len() {
            if self.targets.contains(&id) {
                continue;
            }
            let column = ctx.scope.column(id)?;
            let (sealed, recorded, name) = (column.is_sealed(), column.is_signed(), column.name.clone());
            if !sealed && !recorded {
                continue;
            }
            let mut slots = Vec::new();
            for row in 0..self.values.len() {
                if sealed {
                    let input = constant_default(ctx.scope.column(id)?)?;
                    let slot = match input {
                        Input::Null => None,
                        _ => Some(ctx.draft.slot(Recipe::Cell { row, column: id }, PhysicalType::Bytea)),
                    };
                    slots.extend(slot);
                    self.set(row, id, input, slot)?;
                } else if let Some((input, slot)) = self.default_of(ctx, row, id)? {
                    slots.push(slot);
                    self.set(row, id, input, Some(slot))?;
                } else {
                    self.set(row, id, Input::Null, None)?;
                }
            }
            if !slots.is_empty() {
                self.added.push((name, slots));
            }
        }
        Ok(())
    }

    /// Tags and signatures of every row.
    fn companions(&mut self, ctx: &mut Ctx<'_>) -> Result<(), Refusal> {
        let table = ctx.scope.table.clone();
        for (index, beacon) in table.beacons.iter().enumerate() {
            let written = self.slots.iter().any(|slots| slots.columns.get(beacon.column).is_some_and(Option::is_some));
            if !written {
                continue;
            }
            let mut slots = Vec::new();
            for (row, row_slots) in self.slots.iter_mut().enumerate() {
                let slot = ctx.draft.slot(Recipe::RowTag { row, beacon: index }, PhysicalType::Uuid);
                if let Some(place) = row_slots.tags.get_mut(index) {
                    *place = Some(slot);
                }
                slots.push(slot);
            }
            reveals_equality(ctx, beacon.column);
            self.added.push((beacon.helper.clone(), slots));
        }
        if table.signature.is_some() {
            for row in 0..self.values.len() {
                self.signatures.push(ctx.draft.slot(Recipe::Signature { row }, PhysicalType::Bytea));
            }
            self.added.push((SIGNATURE.to_owned(), self.signatures.clone()));
        }
        Ok(())
    }

    /// The physical column list, and the added values of each row.
    fn splice(&self, ctx: &mut Ctx<'_>, head: usize, positional: bool, rows: &Rows<'_>) -> Result<(), Refusal> {
        let mut names = Vec::new();
        for id in &self.targets {
            names.push(quote(&ctx.scope.column(*id)?.name));
        }
        names.extend(self.added.iter().map(|(name, _)| quote(name)));
        if names.is_empty() {
            return Ok(());
        }
        let overriding = if self.overriding && !self.overridden { " OVERRIDING SYSTEM VALUE" } else { "" };
        let list = format!("({}){overriding}", names.join(", "));
        if rows.closing.is_empty() {
            // DEFAULT VALUES with values of ours.
            let mut parts = Parts::default().text(format!("{list} VALUES ("));
            for (index, (_, slots)) in self.added.iter().enumerate() {
                let slot = slots.first().ok_or_else(unreadable)?;
                parts = parts.text(if index == 0 { "" } else { ", " }).slot(*slot);
            }
            let bytes = ctx.source.bytes(&(rows.keyword..rows.keyword + 2))?;
            ctx.draft.replace(bytes, parts.text(")"));
            return Ok(());
        }
        if positional {
            let at = ctx.source.bytes(&(head - 1..head))?.end;
            ctx.draft.insert(at, Parts::default().text(format!(" {list}")));
        } else {
            if !ctx.source.is_symbol(head, b'(') {
                return Err(unreadable());
            }
            let bytes = ctx.source.bytes(&(head..ctx.source.closing(head)? + 1))?;
            ctx.draft.replace(bytes, Parts::default().text(list));
        }
        for (row, closing) in rows.closing.iter().enumerate() {
            let mut parts = Parts::default();
            for (_, slots) in &self.added {
                parts = parts.text(", ").slot(*slots.get(row).ok_or_else(unreadable)?);
            }
            let at = ctx.source.offset(*closing);
            ctx.draft.insert(at, parts);
        }
        Ok(())
    }

    fn default(&self, ctx: &Ctx<'_>, expr: &Expr, extent: &Extent) -> bool {
        matches!(expr, Expr::Identifier(_)) && extent.len() == 1 && ctx.source.is_word(extent.start, "default")
    }

    /// What the default of a recorded column in the clear is: `None` for NULL.
    fn default_of(&mut self, ctx: &mut Ctx<'_>, row: usize, id: ColumnId) -> Result<Option<(Input, usize)>, Refusal> {
        let ty = ctx.scope.column(id)?.ty.ok_or_else(unreadable)?;
        match ctx.scope.column(id)?.default.clone() {
            ColumnDefault::Null => Ok(None),
            ColumnDefault::Constant(stored) => {
                let slot = ctx.draft.slot(Recipe::Clear { row, column: id }, PhysicalType::Logical(ty));
                Ok(Some((Input::Stored(stored), slot)))
            }
            ColumnDefault::Server(expression) => {
                self.fetched(ctx, row, id, Parts::default().text(format!("({expression})"))).map(Some)
            }
            ColumnDefault::Identity { always, sequence } => {
                self.overriding |= always;
                let name = format!("{}.{}", quote(&sequence.schema), quote(&sequence.name));
                let name = name.replace('\'', "''");
                let next = format!("pg_catalog.nextval('{name}'::pg_catalog.regclass)");
                self.fetched(ctx, row, id, Parts::default().text(next)).map(Some)
            }
            ColumnDefault::Generated => Err(unreadable()),
        }
    }

    /// A value that the server computes first, in the type of its column.
    fn fetched(
        &mut self,
        ctx: &mut Ctx<'_>,
        row: usize,
        id: ColumnId,
        value: Parts,
    ) -> Result<(Input, usize), Refusal> {
        let ty = ctx.scope.column(id)?.ty.ok_or_else(unreadable)?;
        // The modifier is applied by the codec: an explicit cast to varchar(n) would cut.
        let cast = format!(" AS {})", ty.unmodified());
        self.fetch.add(row, id, Parts::default().text("CAST(").extend(value).text(cast));
        let slot = ctx.draft.slot(Recipe::Clear { row, column: id }, PhysicalType::Logical(ty));
        // Where it stands is known when all are.
        Ok((Input::Fetched(0), slot))
    }

    fn set(&mut self, row: usize, id: ColumnId, input: Input, slot: Option<usize>) -> Result<(), Refusal> {
        *self.values.get_mut(row).and_then(|values| values.get_mut(id)).ok_or_else(unreadable)? = Some(input);
        *self.slots.get_mut(row).and_then(|slots| slots.columns.get_mut(id)).ok_or_else(unreadable)? = slot;
        Ok(())
    }
}

/// The default of a sealed column: NULL or a constant of the lock, never the server's (SQL-22).
pub(super) fn constant_default(column: &Column) -> Result<Input, Refusal> {
    match &column.default {
        ColumnDefault::Null => Ok(Input::Null),
        ColumnDefault::Constant(stored) => Ok(Input::Stored(stored.clone())),
        ColumnDefault::Server(_) | ColumnDefault::Identity { .. } | ColumnDefault::Generated => {
            Err(Refusal::new(format!("the default of the sealed column {} is not a constant", column.name))
                .hint("give the value in the statement"))
        }
    }
}

/// ON CONFLICT DO NOTHING: an arbiter over a sealed column is the unique index of its tag.
fn conflict(ctx: &mut Ctx<'_>, on: &OnInsert) -> Result<(), Refusal> {
    let OnInsert::OnConflict(OnConflict { conflict_target, action: OnConflictAction::DoNothing }) = on else {
        return Err(Refusal::new("ON CONFLICT DO UPDATE on a protected table cannot be answered in this version")
            .hint("ON CONFLICT DO NOTHING is answered; update the row that is in the way in a second statement"));
    };
    match conflict_target {
        None | Some(ConflictTarget::OnConstraint(_)) => Ok(()),
        Some(ConflictTarget::Columns { columns, predicate: None }) => {
            for ident in columns {
                let at = ctx.source.ident(ident)?;
                let id = ctx.scope.named(&ident.value, false, ctx.source.offset(at))?;
                if !ctx.scope.column(id)?.is_sealed() {
                    continue;
                }
                let Some((_, beacon)) = ctx.scope.table.beacon(id) else {
                    return Err(no_operator(ctx, id, "ON CONFLICT"));
                };
                let helper = beacon.helper.clone();
                note(&mut ctx.notes.helpers, helper.clone());
                let bytes = ctx.source.bytes(&(at..at + 1))?;
                ctx.draft.replace(bytes, Parts::default().text(quote(&helper)));
            }
            Ok(())
        }
        Some(ConflictTarget::Columns { .. }) => Err(unknown("ON CONFLICT with a predicate")),
    }
}
