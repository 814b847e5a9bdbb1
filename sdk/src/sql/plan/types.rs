//! Types that a constant cannot have beside a column: PostgreSQL's errors of Parse, before there is a value (SQL-20).

use sqlparser::ast::{CastKind, Expr, TypedString, Value as AstValue};

use super::Ctx;
use super::constant::Constant;
use super::predicate::array_of;
use super::source::{Extent, Source, unreadable};
use crate::error::SqlState;
use crate::schema::ColumnId;
use crate::sql::constant::{Bare, Comparison};
use crate::sql::{Refusal, literal};
use crate::value::Type;

/// An error if there is no operator between a column and one of the constants.
pub(super) fn comparable<'c>(
    ctx: &Ctx<'_>,
    column: ColumnId,
    constants: impl IntoIterator<Item = &'c Constant>,
    comparison: &Comparison,
) -> Result<(), Refusal> {
    constants
        .into_iter()
        .filter_map(|constant| constant.value.type_of(&ctx.params))
        .try_for_each(|ty| compares(ctx, column, &ty, comparison))
}

/// The same for the elements of an array; what is none and is declared as something else has no elements.
pub(super) fn comparable_elements(
    ctx: &Ctx<'_>,
    column: ColumnId,
    right: &Expr,
    comparison: &Comparison,
) -> Result<(), Refusal> {
    let (array, cast) = array_of(right);
    let cast = cast.and_then(literal::type_of);
    match (array, cast) {
        (_, Some(element)) => compares(ctx, column, &element, comparison),
        (Expr::Array(items), None) => {
            let read = |item| Constant::read(ctx.source, item).ok().flatten();
            let Some(items) = items.elem.iter().map(read).collect::<Option<Vec<_>>>() else { return Ok(()) };
            let types: Vec<Type> = items.iter().filter_map(|item| item.value.type_of(&ctx.params)).collect();
            // Without any type PostgreSQL makes it an array of text.
            let untyped = (types.is_empty() && !items.is_empty()).then_some(Type::Text);
            types.iter().chain(&untyped).try_for_each(|ty| compares(ctx, column, ty, comparison))
        }
        (Expr::Value(_), None) => {
            let Ok(Some(Constant { value: Bare::Param { number, .. }, .. })) = Constant::read(ctx.source, array) else {
                return Ok(());
            };
            match ctx.params.declared(number).map(|oid| (Type::of_array(oid), Type::from_pg(oid, -1))) {
                Some((Some(element), _)) => compares(ctx, column, &element, comparison),
                Some((None, Some(_))) => {
                    Err(Refusal::error(SqlState::WRONG_OBJECT_TYPE, "op ANY/ALL (array) requires array on right side")
                        .at(ctx.source.offset(comparison.token)))
                }
                Some((None, None)) | None => Ok(()),
            }
        }
        (_, None) => Ok(()),
    }
}

/// An error if PostgreSQL does not assign a constant, which `expr` is, to a column.
pub(super) fn assignable(ctx: &Ctx<'_>, id: ColumnId, constant: &Constant, expr: &Expr) -> Result<(), Refusal> {
    let column = ctx.scope.column(id)?;
    let (Some(own), Some(ty)) = (column.ty, constant.value.type_of(&ctx.params)) else { return Ok(()) };
    if own.takes(&ty) {
        return Ok(());
    }
    let (own, ty) = (own.sql_name(), ty.sql_name());
    let message = format!("column \"{}\" is of type {own} but expression is of type {ty}", column.name);
    Err(Refusal::error(SqlState::DATATYPE_MISMATCH, message)
        .hint("You will need to rewrite or cast the expression.")
        .at(ctx.source.offset(place(ctx.source, expr, &constant.extent)?)))
}

fn compares(ctx: &Ctx<'_>, column: ColumnId, ty: &Type, comparison: &Comparison) -> Result<(), Refusal> {
    let own = ctx.scope.column(column)?.ty.ok_or_else(unreadable)?;
    comparison.check(&own, ty, ctx.source.offset(comparison.token))
}

/// The token where PostgreSQL says that an expression stands: parentheses do not count, and a string or NULL under
/// casts counts where it is itself.
fn place(source: &Source<'_>, expr: &Expr, extent: &Extent) -> Result<usize, Refusal> {
    match expr {
        Expr::Nested(inner) => place(source, inner, &source.extent(inner)?),
        Expr::Cast { kind: CastKind::DoubleColon, expr: inner, .. } => place(source, inner, &source.extent(inner)?),
        Expr::Cast { expr: inner, .. } => Ok(untyped(source, inner)?.unwrap_or(extent.start)),
        Expr::TypedString(TypedString { value, .. }) => source.token(value.span),
        _ => Ok(extent.start),
    }
}

/// The token of a string or NULL under parentheses and casts.
fn untyped(source: &Source<'_>, expr: &Expr) -> Result<Option<usize>, Refusal> {
    match expr {
        Expr::Nested(inner) | Expr::Cast { expr: inner, .. } => untyped(source, inner),
        Expr::Value(value) => match value.value {
            AstValue::Number(..) | AstValue::Placeholder(_) | AstValue::Boolean(_) => Ok(None),
            _ => source.token(value.span).map(Some),
        },
        _ => Ok(None),
    }
}
