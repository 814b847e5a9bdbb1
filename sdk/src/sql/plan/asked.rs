//! The conjuncts of a WHERE that the row can be held against when it comes back (SQL-60).
//!
//! What is left out is decided by the server alone; a reading that could differ from PostgreSQL's is left out too, since
//! a row that was rightly found must never be taken for a wrong one.

use std::collections::BTreeMap;

use sqlparser::ast::{BinaryOperator, Expr, InTarget, UnaryOperator};

use super::constant::Constant;
use super::predicate::{array_of, operator_type, sealed_column};
use super::{Ctx, work};
use crate::schema::{ColumnId, Table};
use crate::sql::constant::{Bare, compared_array, compared_elements, is_null_of, reads_otherwise};
use crate::sql::parse::{operands, unnested};
use crate::sql::{Condition, Input, Literal, literal};

/// What every row that the statement finds must satisfy.
pub(super) fn conditions(ctx: &Ctx<'_>, selection: Option<&Expr>) -> Vec<Condition> {
    let Some(selection) = selection else { return Vec::new() };
    operands(selection, &BinaryOperator::And)
        .into_iter()
        .map(|conjunct| condition(ctx, conjunct))
        .filter(|condition| !condition.columns().is_empty())
        .collect()
}

/// Those of them that hold for a written row as well: `assigned` columns and, where a trigger may change what is
/// written, all columns have new values.
pub(super) fn after_write(conditions: &[Condition], table: &Table, assigned: &[ColumnId]) -> Vec<Condition> {
    if table.before_row_trigger {
        return Vec::new();
    }
    let stays = |condition: &&Condition| condition.columns().iter().all(|column| !assigned.contains(column));
    conditions.iter().filter(stays).cloned().collect()
}

fn condition(ctx: &Ctx<'_>, expr: &Expr) -> Condition {
    // Whatever is too deep for this is too deep for the walk that follows, which refuses it.
    if ctx.source.deeper().is_err() {
        return Condition::Unknown;
    }
    work::step();
    let expr = unnested(expr);
    match expr {
        Expr::BinaryOp { op: op @ (BinaryOperator::And | BinaryOperator::Or), .. } => {
            let parts = operands(expr, op).into_iter().map(|part| condition(ctx, part)).collect();
            if *op == BinaryOperator::And { Condition::All(parts) } else { Condition::Any(parts) }
        }
        Expr::UnaryOp { op: UnaryOperator::Not, expr } => condition(ctx, expr).negated(),
        Expr::BinaryOp { left, op: BinaryOperator::Eq, right } => equal(ctx, left, right),
        Expr::BinaryOp { left, op: BinaryOperator::NotEq, right } => equal(ctx, left, right).negated(),
        Expr::IsNotDistinctFrom(left, right) => same(ctx, left, right),
        Expr::IsDistinctFrom(left, right) => same(ctx, left, right).negated(),
        Expr::IsNull(inner) => column(ctx, inner).map_or(Condition::Unknown, Condition::IsNull),
        Expr::IsNotNull(inner) => {
            column(ctx, inner).map_or(Condition::Unknown, |column| Condition::IsNull(column).negated())
        }
        Expr::In { expr, target: InTarget::List(items), negated, global: false } => {
            let list = in_list(ctx, expr, items).unwrap_or(Condition::Unknown);
            if *negated { list.negated() } else { list }
        }
        Expr::AnyOp { left, compare_op: BinaryOperator::Eq, right, is_some: _ } => any_of(ctx, left, right),
        Expr::AllOp { left, compare_op: BinaryOperator::NotEq, right } => any_of(ctx, left, right).negated(),
        // Order comparisons, patterns, functions and whatever else there is: the server's word.
        _ => Condition::Unknown,
    }
}

/// The column that an operand is, if equality over it is that of E: it has one, and no collation of its own under which
/// different texts may be equal.
fn column(ctx: &Ctx<'_>, expr: &Expr) -> Option<ColumnId> {
    let sealed = sealed_column(ctx, expr).ok()?;
    let id = match (sealed, unnested(expr)) {
        (Some(id), _) => id,
        (None, Expr::Identifier(ident)) => ctx.scope.resolve(ctx.source, std::slice::from_ref(ident)).ok()?,
        (None, Expr::CompoundIdentifier(parts)) => ctx.scope.resolve(ctx.source, parts).ok()?,
        (None, _) => return None,
    };
    let column = ctx.scope.column(id).ok()?;
    let authentic = column.is_sealed() || column.is_context() || (ctx.scope.is_signed() && column.is_signed());
    let known = column.ty.is_some_and(|ty| ty.equality().is_some()) && column.collation.is_none();
    (authentic && known).then_some(id)
}

/// The column and the constant of a comparison, whichever stands first.
fn sides<'e>(ctx: &Ctx<'_>, left: &'e Expr, right: &'e Expr) -> Option<(ColumnId, &'e Expr)> {
    match column(ctx, left) {
        Some(column) => Some((column, right)),
        None => column(ctx, right).map(|column| (column, left)),
    }
}

fn equal(ctx: &Ctx<'_>, left: &Expr, right: &Expr) -> Condition {
    if ctx.source.deeper().is_err() {
        return Condition::Unknown;
    }
    // A comparison of rows is one of their fields.
    if let (Expr::Tuple(left), Expr::Tuple(right)) = (unnested(left), unnested(right))
        && left.len() == right.len()
    {
        return Condition::All(left.iter().zip(right).map(|(left, right)| equal(ctx, left, right)).collect());
    }
    sides(ctx, left, right)
        .and_then(|(column, other)| {
            Some(Condition::In { column, constants: vec![constant(ctx, column, other, &|_| 1)?] })
        })
        .unwrap_or(Condition::Unknown)
}

fn same(ctx: &Ctx<'_>, left: &Expr, right: &Expr) -> Condition {
    sides(ctx, left, right)
        .and_then(|(column, other)| Some(Condition::Same { column, constant: constant(ctx, column, other, &|_| 1)? }))
        .unwrap_or(Condition::Unknown)
}

fn in_list(ctx: &Ctx<'_>, left: &Expr, items: &[Expr]) -> Option<Condition> {
    let column = column(ctx, left)?;
    let mut places = BTreeMap::new();
    for item in items {
        if let Ok(Some(Constant { value: Bare::Param { number, cast: None }, .. })) = Constant::read(ctx.source, item) {
            *places.entry(number).or_insert(0) += 1;
        }
    }
    let beside = |number| places.get(&number).copied().unwrap_or(0);
    let constants = items.iter().map(|item| constant(ctx, column, item, &beside)).collect::<Option<Vec<_>>>()?;
    let own = ctx.scope.column(column).ok()?.ty?;
    let undeclared = items.iter().any(|item| match Constant::read(ctx.source, item) {
        Ok(Some(constant)) => constant.value.is_undeclared(&ctx.params),
        Ok(None) | Err(_) => false,
    });
    let mixed = reads_otherwise(&constants, undeclared, &own);
    (!mixed && !constants.is_empty()).then_some(Condition::In { column, constants })
}

fn any_of(ctx: &Ctx<'_>, left: &Expr, right: &Expr) -> Condition {
    column(ctx, left)
        .and_then(|column| Some(Condition::AnyOf { column, array: array(ctx, column, right)? }))
        .unwrap_or(Condition::Unknown)
}

/// The constant that a column is compared with, as PostgreSQL types it. `beside`: at how many places of the comparison a
/// parameter stands.
fn constant(ctx: &Ctx<'_>, column: ColumnId, expr: &Expr, beside: &dyn Fn(usize) -> usize) -> Option<Input> {
    let is_sealed = ctx.scope.column(column).ok()?.is_sealed();
    let own = ctx.scope.column(column).ok()?.ty?;
    match Constant::read(ctx.source, expr).ok()??.value {
        Bare::Null { cast } => cast.is_none_or(|cast| is_null_of(&cast, &own)).then_some(Input::Null),
        Bare::Literal { literal: Literal::Array(_), .. } => None,
        Bare::Literal { literal: Literal::Typed(ty, _), .. } if !own.carries(&ty) => None,
        Bare::Literal { literal, at } => Some(Input::Literal { literal, at }),
        Bare::Param { number, cast } => {
            // Beside a column an untyped parameter is what the column's operator takes.
            let cast = match (ctx.params.declared(number), cast) {
                (None, None) if is_sealed || ctx.source.places(number) == beside(number) => Some(operator_type(&own)),
                // What stands somewhere else may have given it a type.
                (None, None) => return None,
                (_, cast) => cast,
            };
            let ty = ctx.param_type(number, cast, column).ok().filter(|ty| own.carries(ty))?;
            Some(Input::Param { index: number, ty })
        }
    }
}

/// The array of `= ANY`: a parameter, or a literal without parameters in it.
fn array(ctx: &Ctx<'_>, column: ColumnId, expr: &Expr) -> Option<Input> {
    let is_sealed = ctx.scope.column(column).ok()?.is_sealed();
    let own = operator_type(&ctx.scope.column(column).ok()?.ty?);
    let (array, element) = array_of(expr);
    let element = match element {
        // A cast to varchar(n)[] cuts.
        Some(data_type) => Some(literal::type_of(data_type).filter(|ty| !ty.is_cut_by_casts())?),
        None => None,
    };
    if let Expr::Array(_) = array {
        return compared_elements(literal::constant(expr, &ctx.source.constants()).ok()??, &own);
    }
    let array = Constant::read(ctx.source, array).ok()??.value;
    compared_array(array, element, own, &ctx.params, |number| is_sealed || ctx.source.places(number) == 1)
}
