//! UPDATE of a protected table: blind where the statement fixes the context of every cell it writes (SQL-50), else
//! read, verify and write back (SQL-51).

use sqlparser::ast::{Assignment, AssignmentTarget, BinaryOperator, Expr, SelectItem, Update};

use super::constant::Constant;
use super::draft::Parts;
use super::expr::{self, operand, unknown};
use super::insert::constant_default;
use super::output;
use super::predicate::{no_operator, reveals_equality};
use super::scope;
use super::select::{Place, rename, target};
use super::source::{Extent, unreadable};
use super::{Ctx, Statement, asked, types};
use crate::error::SqlState;
use crate::schema::names::{SIGNATURE, quote};
use crate::schema::{Column, ColumnDefault, ColumnId};
use crate::sql::constant::Bare;
use crate::sql::parse::operands;
use crate::sql::{
    Condition, Input, Literal, PhysicalType, Piece, Plan, Presence, ReadModifyWrite, ReadRow, Recipe, Refusal,
    RowShape, Steps, Template, Verb, WriteRow,
};
use crate::value::Type;

/// Plans an UPDATE that mentions a protected table.
pub(super) fn plan(statement: &Statement<'_>, update: &Update) -> Result<Plan, Refusal> {
    let Update {
        update_token: _,
        optimizer_hints,
        table,
        on_cluster,
        assignments,
        from,
        selection,
        returning,
        output,
        or,
        order_by,
        limit,
        settings,
    } = update;
    if from.is_some() {
        return Err(Refusal::new("UPDATE ... FROM with a protected table cannot be answered in this version")
            .hint("select the values first, then update row by row"));
    }
    if !optimizer_hints.is_empty()
        || on_cluster.is_some()
        || output.is_some()
        || or.is_some()
        || !order_by.is_empty()
        || limit.is_some()
        || settings.is_some()
    {
        return Err(unknown("an UPDATE with this clause"));
    }
    let (scope, place) = target(statement, table)?;
    let mut ctx = Ctx::new(statement.source, scope, statement.declared);
    let sets = assigned(&ctx, assignments, &place)?;
    let selection = selection.as_ref();
    if let Some(set) = sets.iter().find(|set| ctx.scope.column(set.column).is_ok_and(Column::is_context)) {
        return Err(Refusal::new(format!(
            "column {} is part of the encryption context: it cannot be changed in this version",
            ctx.scope.label(set.column)
        ))
        .of(ctx.scope.column_name(set.column))
        .hint("delete the row and insert it anew"));
    }
    let context = fixed_context(&mut ctx, selection)?;
    if in_place(&ctx, &sets, context.is_some())? {
        blind(statement, ctx, &place, &sets, selection, returning.as_deref(), context.unwrap_or_default())
    } else {
        read_modify_write(statement, ctx, &place, &sets, selection, returning.as_deref())
    }
}

/// One assignment.
struct Set<'q> {
    column: ColumnId,
    /// The token of the target.
    target: usize,
    value: &'q Expr,
    /// The tokens of the value.
    extent: Extent,
    is_default: bool,
}

fn assigned<'q>(ctx: &Ctx<'_>, assignments: &'q [Assignment], place: &Place) -> Result<Vec<Set<'q>>, Refusal> {
    let source = ctx.source;
    let set = source.find_word(place.from + 1, "set").ok_or_else(unreadable)?;
    let end =
        source.find_word(set, "where").or_else(|| source.find_word(set, "returning")).unwrap_or(source.tokens.len());
    let items = source.split_commas(set + 1..end)?;
    if items.len() != assignments.len() {
        return Err(unreadable());
    }
    let mut sets: Vec<Set<'q>> = Vec::with_capacity(items.len());
    for (Assignment { target, value }, item) in assignments.iter().zip(items) {
        let AssignmentTarget::ColumnName(name) = target else { return Err(unknown("SET of a list of columns")) };
        let idents = scope::idents(name)?;
        let [ident] = idents.as_slice() else { return Err(unknown("SET of a part of a column")) };
        let at = source.ident(ident)?;
        if at != item.start || !source.is_operator(at + 1, "=") || item.len() < 3 {
            return Err(unreadable());
        }
        let Some((column, _)) = ctx.scope.table.column(&ident.value) else {
            return Err(Refusal::error(
                SqlState::UNDEFINED_COLUMN,
                format!("column \"{}\" of relation \"{}\" does not exist", ident.value, ctx.scope.table.relation.name),
            )
            .at(source.offset(at)));
        };
        if sets.iter().any(|set| set.column == column) {
            // The rewriter finds it, and points nowhere.
            return Err(Refusal::error(
                SqlState::SYNTAX_ERROR,
                format!("multiple assignments to same column \"{}\"", ident.value),
            ));
        }
        let extent = at + 2..item.end;
        let is_default =
            matches!(value, Expr::Identifier(_)) && extent.len() == 1 && source.is_word(extent.start, "default");
        sets.push(Set { column, target: at, value, extent, is_default });
    }
    Ok(sets)
}

/// Whether the server can write the new values as they come: nothing signed, and every cell's context known.
fn in_place(ctx: &Ctx<'_>, sets: &[Set<'_>], context_known: bool) -> Result<bool, Refusal> {
    for set in sets {
        let column = ctx.scope.column(set.column)?;
        if ctx.scope.is_signed() && column.is_signed() {
            return Ok(false);
        }
        if column.is_sealed() && !context_known {
            let null = match set.is_default {
                true => constant_default(column)? == Input::Null,
                false => {
                    matches!(Constant::read(ctx.source, set.value)?, Some(Constant { value: Bare::Null { .. }, .. }))
                }
            };
            if !null {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// The values of all context columns, if the WHERE fixes each by `=` with a constant (SQL-50).
fn fixed_context(ctx: &mut Ctx<'_>, selection: Option<&Expr>) -> Result<Option<Vec<(ColumnId, Input)>>, Refusal> {
    let table = ctx.scope.table.clone();
    if table.context.is_empty() {
        return Ok(Some(Vec::new()));
    }
    let Some(selection) = selection else { return Ok(None) };
    let mut fixed: Vec<(ColumnId, Input)> = Vec::new();
    for conjunct in operands(selection, &BinaryOperator::And) {
        let Expr::BinaryOp { left, op: BinaryOperator::Eq, right } = conjunct else { continue };
        for (column, constant) in [(left, right), (right, left)] {
            let id = match &**column {
                Expr::Identifier(ident) => ctx.scope.resolve(ctx.source, std::slice::from_ref(ident)).ok(),
                Expr::CompoundIdentifier(parts) => ctx.scope.resolve(ctx.source, parts).ok(),
                _ => None,
            };
            let Some(id) = id.filter(|id| table.context.contains(id) && fixed.iter().all(|(fixed, _)| fixed != id))
            else {
                continue;
            };
            if let Ok(Some(constant)) = Constant::read(ctx.source, constant)
                && let Some(input) = context_value(ctx, id, constant.value)
            {
                fixed.push((id, input));
            }
        }
    }
    Ok((fixed.len() == table.context.len()).then_some(fixed))
}

/// The constant as the context's value, where comparing and storing read it alike.
fn context_value(ctx: &Ctx<'_>, id: ColumnId, value: Bare) -> Option<Input> {
    let own = ctx.scope.column(id).ok()?.ty?;
    let alike =
        |ty: &Type| ty.same_base(&own) || (ty.is_integer() && own.is_integer()) || (ty.is_text() && own.is_text());
    match value {
        Bare::Null { .. } => None,
        Bare::Literal { literal, at } => match &literal {
            Literal::Untyped(_) => Some(Input::Literal { literal, at }),
            Literal::Typed(ty, _) => alike(ty).then_some(Input::Literal { literal, at }),
            Literal::Array(_) => None,
        },
        Bare::Param { number, cast } => {
            let ty = ctx.param_type(number, cast, id).ok()?;
            alike(&ty).then_some(Input::Param { index: number, ty })
        }
    }
}

fn blind(
    statement: &Statement<'_>,
    mut ctx: Ctx<'_>,
    place: &Place,
    sets: &[Set<'_>],
    selection: Option<&Expr>,
    returning: Option<&[SelectItem]>,
    context: Vec<(ColumnId, Input)>,
) -> Result<Plan, Refusal> {
    rename(&mut ctx, place)?;
    let mut values = vec![None; ctx.scope.table.columns.len()];
    let mut sealed = false;
    for set in sets {
        let column = ctx.scope.column(set.column)?;
        if !column.is_sealed() {
            ctx.beside = Some(ctx.scope.label(set.column));
            if !set.is_default && operand(&mut ctx, set.value, "assigning it to an unprotected column")?.aggregate {
                return Err(unknown("an aggregate in SET"));
            }
            continue;
        }
        let name = quote(&column.name);
        let input = sealed_value(&mut ctx, set)?;
        let cell = ctx.draft.slot(Recipe::Cell { row: 0, column: set.column }, PhysicalType::Bytea);
        let mut parts = Parts::default().text(format!("{name} = ")).slot(cell);
        if let Some((index, beacon)) = ctx.scope.table.clone().beacon(set.column) {
            let tag = ctx.draft.slot(Recipe::RowTag { row: 0, beacon: index }, PhysicalType::Uuid);
            parts = parts.text(format!(", {} = ", quote(&beacon.helper))).slot(tag);
            reveals_equality(&mut ctx, set.column);
        }
        let bytes = ctx.source.bytes(&(set.target..set.extent.end))?;
        ctx.draft.replace(bytes, parts);
        *values.get_mut(set.column).ok_or_else(unreadable)? = Some(input);
        sealed = true;
    }
    if sealed {
        for (id, input) in context {
            *values.get_mut(id).ok_or_else(unreadable)? = Some(input);
        }
    }
    let written: Vec<ColumnId> = sets.iter().map(|set| set.column).collect();
    ctx.asked = asked::after_write(&asked::conditions(&ctx, selection), &ctx.scope.table, &written);
    filter(&mut ctx, selection)?;
    let shape = match returning {
        Some(items) => Some(output::returning(&mut ctx, items)?.1),
        None => None,
    };
    let Ctx { draft, params, notes, scope, .. } = ctx;
    let template = draft.finish(statement.source, Parts::default(), statement.range.clone(), Parts::default())?;
    let rows = if sealed { vec![WriteRow { table: scope.table, values }] } else { Vec::new() };
    Ok(Plan {
        verb: Verb::Update,
        params: params.roles(&template)?,
        template,
        rows,
        output: shape,
        steps: Steps::One,
        notes,
    })
}

fn read_modify_write(
    statement: &Statement<'_>,
    mut ctx: Ctx<'_>,
    place: &Place,
    sets: &[Set<'_>],
    selection: Option<&Expr>,
    returning: Option<&[SelectItem]>,
) -> Result<Plan, Refusal> {
    let table = ctx.scope.table.clone();
    let mut values = vec![None; table.columns.len()];
    for set in sets {
        let input = if ctx.scope.column(set.column)?.is_sealed() {
            sealed_value(&mut ctx, set)?
        } else {
            clear_value(&mut ctx, set)?
        };
        *values.get_mut(set.column).ok_or_else(unreadable)? = Some(input);
        if table.beacon(set.column).is_some() {
            reveals_equality(&mut ctx, set.column);
        }
    }
    let assigned: Vec<ColumnId> = sets.iter().map(|set| set.column).collect();
    let conditions = asked::conditions(&ctx, selection);
    ctx.asked = asked::after_write(&conditions, &table, &assigned);
    let (list, read) = locked(&ctx, conditions)?;
    filter(&mut ctx, selection)?;
    // A key column under FOR NO KEY UPDATE would have its lock raised by the UPDATE: a deadlock between two of us.
    let key = assigned.iter().any(|id| table.beacon(*id).is_some() || table.primary_key.contains(id));
    let alias = quote(&ctx.scope.alias);
    let mode = if key { "UPDATE" } else { "NO KEY UPDATE" };
    let head =
        format!("SELECT {list} FROM {}{} AS {alias}", if place.only { "ONLY " } else { "" }, ctx.scope.physical_name());
    let tail = Parts::default().text(format!(" FOR {mode} OF {alias}"));
    let draft = std::mem::take(&mut ctx.draft);
    let (before, range) = match selection {
        None => (head, statement.range.end..statement.range.end),
        Some(_) => {
            let keyword = ctx.source.find_word(place.from, "where").ok_or_else(unreadable)?;
            let end = ctx.source.find_word(keyword, "returning").unwrap_or(ctx.source.tokens.len());
            (format!("{head} "), ctx.source.bytes(&(keyword..end))?)
        }
    };
    let lock = draft.finish(statement.source, Parts::default().text(before), range, tail)?;
    let (returning, shape) = match returning {
        Some(items) => {
            let (text, shape) = returning_text(&mut ctx, items)?;
            (text, Some(shape))
        }
        None => (String::new(), None),
    };
    Ok(Plan {
        verb: Verb::Update,
        params: ctx.params.roles(&lock)?,
        template: Template::default(),
        rows: vec![WriteRow { table, values }],
        output: shape,
        steps: Steps::ReadModifyWrite(Box::new(ReadModifyWrite { lock, read, assigned, returning, alias })),
        notes: ctx.notes,
    })
}

/// The list of the locking SELECT: the address of the row, then all that verifying, or sealing anew, needs, and what
/// tells whether the row is one that was asked for.
fn locked(ctx: &Ctx<'_>, conditions: Vec<Condition>) -> Result<(String, ReadRow), Refusal> {
    let table = &ctx.scope.table;
    let asked: Vec<ColumnId> = conditions.iter().flat_map(Condition::columns).copied().collect();
    let mut list = vec![ctx.scope.qualified("tableoid"), ctx.scope.qualified("ctid")];
    let mut read = ReadRow {
        table: table.clone(),
        presence: Presence::Required,
        columns: vec![None; table.columns.len()],
        tags: vec![None; table.beacons.len()],
        signature: None,
        conditions,
    };
    let signed = ctx.scope.is_signed();
    for ((id, column), place) in table.columns.iter().enumerate().zip(&mut read.columns) {
        let needed = if signed { column.is_signed() } else { column.is_context() };
        if needed || asked.contains(&id) {
            *place = Some(list.len());
            list.push(if column.is_sealed() { ctx.scope.physical_column(id)? } else { ctx.scope.stored(id)? });
        }
    }
    if signed {
        for (beacon, place) in table.beacons.iter().zip(&mut read.tags) {
            *place = Some(list.len());
            list.push(ctx.scope.qualified(&beacon.helper));
        }
        read.signature = Some(list.len());
        list.push(ctx.scope.qualified(SIGNATURE));
    }
    Ok((list.join(", "), read))
}

/// The RETURNING list of the UPDATE that exec writes: text alone, every column qualified.
fn returning_text(ctx: &mut Ctx<'_>, items: &[SelectItem]) -> Result<(String, RowShape), Refusal> {
    ctx.qualify = true;
    let (extent, shape) = output::returning(ctx, items)?;
    let draft = std::mem::take(&mut ctx.draft);
    let template = draft.finish(ctx.source, Parts::default(), ctx.source.bytes(&extent)?, Parts::default())?;
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
    Ok((text, shape))
}

fn filter(ctx: &mut Ctx<'_>, selection: Option<&Expr>) -> Result<(), Refusal> {
    match selection {
        Some(selection) if expr::condition(ctx, selection)?.aggregate => Err(unknown("an aggregate in WHERE")),
        Some(_) | None => Ok(()),
    }
}

fn sealed_value(ctx: &mut Ctx<'_>, set: &Set<'_>) -> Result<Input, Refusal> {
    if set.is_default {
        return constant_default(ctx.scope.column(set.column)?);
    }
    match Constant::read(ctx.source, set.value)? {
        Some(constant) => {
            types::assignable(ctx, set.column, &constant, set.value)?;
            ctx.protect(&constant.value, set.column)
        }
        None => Err(no_operator(ctx, set.column, "storing anything but a constant")),
    }
}

/// The new value of a column in the clear that is written together with protected ones.
fn clear_value(ctx: &mut Ctx<'_>, set: &Set<'_>) -> Result<Input, Refusal> {
    let refused = |what: &str, ctx: &Ctx<'_>| {
        Refusal::new(format!("column {} cannot be set to {what} in this statement", ctx.scope.label(set.column)))
            .of(ctx.scope.column_name(set.column))
            .hint(
            "set it to a constant or parameter; columns that are not protected can be set in an UPDATE of their own",
        )
    };
    let column = ctx.scope.column(set.column)?;
    if column.ty.is_none() {
        return Err(refused("anything", ctx));
    }
    if set.is_default {
        return match &column.default {
            ColumnDefault::Null => Ok(Input::Null),
            ColumnDefault::Constant(stored) => Ok(Input::Stored(stored.clone())),
            ColumnDefault::Server(_) | ColumnDefault::Identity { .. } | ColumnDefault::Generated => {
                Err(refused("its default", ctx))
            }
        };
    }
    match Constant::read(ctx.source, set.value)? {
        Some(constant) => {
            types::assignable(ctx, set.column, &constant, set.value)?;
            ctx.render(&constant.value, set.column)
        }
        None => Err(refused("an expression", ctx)),
    }
}
