//! Predicates over sealed columns: what becomes a comparison of exact tags, and what is refused.
//!
//! An exact tag is equal exactly when the values are, and NULL exactly when the value is: so an atom may be rewritten
//! wherever it stands, under NOT, CASE or in a select list (the pair calculus of sql.md, first row).

use sqlparser::ast::{ArrayElemTypeDef, BinaryOperator, CastKind, DataType, Expr, InTarget, Value as AstValue};

use super::constant::Constant;
use super::draft::Parts;
use super::source::{Extent, unreadable};
use super::types;
use super::{Ctx, work};
use crate::error::SqlState;
use crate::schema::ColumnId;
use crate::sql::constant::{Bare, Comparison, is_mixed, same_value};
use crate::sql::{Input, Literal, PhysicalType, Recipe, Refusal, literal};
use crate::value::{Format, Settings, Type, Value};

/// A sealed column as an operand.
struct Operand {
    column: ColumnId,
    extent: Extent,
}

/// Rewrites `expr` if it is a predicate whose operand is a sealed column. `Ok(false)` if none of its direct operands
/// is one: then the caller looks further into it.
pub(super) fn rewrite(ctx: &mut Ctx<'_>, expr: &Expr) -> Result<bool, Refusal> {
    match expr {
        Expr::BinaryOp { left, op, right } => {
            let (operand, other, column_first) = match (sealed(ctx, left)?, sealed(ctx, right)?) {
                (None, None) => return Ok(false),
                (Some(left), Some(right)) => {
                    return Err(Refusal::new(format!(
                        "the sealed columns {} and {} cannot be compared with each other in this version",
                        ctx.scope.label(left.column),
                        ctx.scope.label(right.column)
                    ))
                    .hint("compare a sealed column with a constant"));
                }
                (Some(left), None) => (left, right, true),
                (None, Some(right)) => (right, left, false),
            };
            match op {
                BinaryOperator::Eq => compare(ctx, &operand, other, ("=", "="), column_first)?,
                BinaryOperator::NotEq => compare(ctx, &operand, other, ("<>", "<>"), column_first)?,
                other => return Err(no_operator(ctx, operand.column, operator_name(other))),
            }
            Ok(true)
        }
        Expr::IsDistinctFrom(left, right) | Expr::IsNotDistinctFrom(left, right) => {
            let (operand, other, column_first) = match (sealed(ctx, left)?, sealed(ctx, right)?) {
                (None, None) => return Ok(false),
                (Some(operand), None) => (operand, right, true),
                (None, Some(operand)) => (operand, left, false),
                (Some(operand), Some(_)) => return Err(no_operator(ctx, operand.column, "IS DISTINCT FROM another")),
            };
            compare(ctx, &operand, other, ("=", "IS [NOT] DISTINCT FROM"), column_first)?;
            Ok(true)
        }
        Expr::IsNull(inner) | Expr::IsNotNull(inner) => {
            let Some(operand) = sealed(ctx, inner)? else { return Ok(false) };
            // NULL is the NULL of the cell column itself.
            let column = ctx.scope.physical_column(operand.column)?;
            let bytes = ctx.source.bytes(&operand.extent)?;
            ctx.draft.replace(bytes, Parts::default().text(column));
            let label = ctx.scope.label(operand.column);
            note(&mut ctx.notes.decided_by_server, format!("{label} IS [NOT] NULL"));
            Ok(true)
        }
        Expr::In { expr, target, negated, global } => {
            let Some(operand) = sealed(ctx, expr)? else { return Ok(false) };
            match target {
                InTarget::List(items) if !*global => in_list(ctx, &operand, items, if *negated { "<>" } else { "=" })?,
                InTarget::List(_) | InTarget::Subquery(_) | InTarget::Unnest(_) | InTarget::Table { .. } => {
                    return Err(no_operator(ctx, operand.column, "IN over a subquery"));
                }
            }
            Ok(true)
        }
        Expr::AnyOp { left, compare_op, right, is_some: _ } | Expr::AllOp { left, compare_op, right } => {
            let Some(operand) = sealed(ctx, left)? else { return Ok(false) };
            match compare_op {
                BinaryOperator::Eq => any(ctx, &operand, right, "=")?,
                BinaryOperator::NotEq => any(ctx, &operand, right, "<>")?,
                other => return Err(no_operator(ctx, operand.column, operator_name(other))),
            }
            Ok(true)
        }
        _ => Ok(false),
    }
}

/// The sealed column that an expression is, through parentheses and casts to its own type and modifier (SQL-20).
pub(super) fn sealed_column(ctx: &Ctx<'_>, expr: &Expr) -> Result<Option<ColumnId>, Refusal> {
    let Some((id, casts)) = named_column(ctx, expr)? else { return Ok(None) };
    let column = ctx.scope.column(id)?;
    if !column.is_sealed() {
        return Ok(None);
    }
    if casts.into_iter().any(|to| to.is_none() || to != column.ty) {
        return Err(no_operator(ctx, id, "a cast to another type"));
    }
    Ok(Some(id))
}

/// The column that stands in an expression alone, and the types that it is cast to, as far as they are known.
#[allow(clippy::type_complexity, reason = "a type of its own would say less")]
pub(super) fn named_column(ctx: &Ctx<'_>, expr: &Expr) -> Result<Option<(ColumnId, Vec<Option<Type>>)>, Refusal> {
    let mut casts = Vec::new();
    let mut expr = expr;
    loop {
        work::step();
        expr = match expr {
            Expr::Identifier(ident) => {
                return Ok(Some((ctx.scope.resolve(ctx.source, std::slice::from_ref(ident))?, casts)));
            }
            Expr::CompoundIdentifier(parts) => return Ok(Some((ctx.scope.resolve(ctx.source, parts)?, casts))),
            Expr::Nested(inner) => inner,
            Expr::Cast { kind: CastKind::Cast | CastKind::DoubleColon, expr, data_type, format: None } => {
                casts.push(literal::type_of(data_type));
                expr
            }
            _ => return Ok(None),
        }
    }
}

fn sealed(ctx: &Ctx<'_>, expr: &Expr) -> Result<Option<Operand>, Refusal> {
    match sealed_column(ctx, expr)? {
        Some(column) => Ok(Some(Operand { column, extent: ctx.source.extent(expr)? })),
        None => Ok(None),
    }
}

/// `column = constant` becomes `tag = tag of the constant`. The operator: the one that decides, and how it is written.
fn compare(
    ctx: &mut Ctx<'_>,
    operand: &Operand,
    other: &Expr,
    (operator, spelled): (&'static str, &str),
    column_first: bool,
) -> Result<(), Refusal> {
    let Some(mut constant) = Constant::read(ctx.source, other)? else {
        return Err(no_operator(ctx, operand.column, &format!("{spelled} with anything but a constant")));
    };
    let token = if column_first { operand.extent.end } else { constant.extent.end };
    types::comparable(ctx, operand.column, [&constant], &Comparison { operator, token, column_first })?;
    let beacon = use_tag(ctx, operand, spelled)?;
    read_by_operator(ctx, operand.column, &mut constant)?;
    tag(ctx, operand.column, beacon, &constant)
}

/// The type of an untyped parameter beside a column.
pub(super) fn operator_type(ty: &Type) -> Type {
    ty.operand()
}

/// Gives an untyped parameter the type that it has as the other operand of the column.
fn read_by_operator(ctx: &Ctx<'_>, column: ColumnId, constant: &mut Constant) -> Result<(), Refusal> {
    if let Bare::Param { number, cast: cast @ None } = &mut constant.value
        && ctx.params.declared(*number).is_none()
    {
        let own = ctx.scope.column(column)?.ty.ok_or_else(unreadable)?;
        *cast = Some(operator_type(&own));
    }
    Ok(())
}

fn in_list(ctx: &mut Ctx<'_>, operand: &Operand, items: &[Expr], operator: &'static str) -> Result<(), Refusal> {
    let mut constants = Vec::with_capacity(items.len());
    for item in items {
        match Constant::read(ctx.source, item)? {
            Some(constant) => constants.push(constant),
            None => return Err(no_operator(ctx, operand.column, "IN with anything but constants")),
        }
    }
    let comparison = Comparison { operator, token: operand.extent.end, column_first: true };
    let own = ctx.scope.column(operand.column)?.ty.ok_or_else(unreadable)?;
    // That a constant without a type cannot be read PostgreSQL finds before it comes to the next one.
    let is_read = |constant: &&Constant| match &constant.value {
        Bare::Literal { literal: Literal::Untyped(text), .. } => {
            Value::parse(&own.operand(), Format::Text, text.as_bytes(), &Settings::default()).is_ok()
        }
        Bare::Literal { .. } | Bare::Param { .. } | Bare::Null { .. } => true,
    };
    types::comparable(ctx, operand.column, constants.iter().take_while(is_read), &comparison)?;
    if is_mixed(constants.iter().map(|constant| &constant.value), &own, &ctx.params) {
        return Err(no_operator(ctx, operand.column, "IN with constants of several types"));
    }
    let beacon = use_tag(ctx, operand, "IN")?;
    // A list of one is `=`; a longer one is an array of the column's own type.
    if let [constant] = constants.as_mut_slice() {
        read_by_operator(ctx, operand.column, constant)?;
    }
    for constant in &constants {
        tag(ctx, operand.column, beacon, constant)?;
    }
    Ok(())
}

/// `column = ANY (array)`: the array becomes one of tags.
fn any(ctx: &mut Ctx<'_>, operand: &Operand, right: &Expr, operator: &'static str) -> Result<(), Refusal> {
    // operator ANY ( … )
    let open = operand.extent.end + 2;
    if !["any", "some", "all"].iter().any(|word| ctx.source.is_word(open - 1, word))
        || !ctx.source.is_symbol(open, b'(')
    {
        return Err(unreadable());
    }
    let bytes = ctx.source.bytes(&(open + 1..ctx.source.closing(open)?))?;
    let comparison = Comparison { operator, token: operand.extent.end, column_first: true };
    types::comparable_elements(ctx, operand.column, right, &comparison)?;
    if ctx.scope.column(operand.column)?.ty.is_some_and(|ty| ty.element().is_some()) {
        return Err(no_operator(ctx, operand.column, "= ANY over whole arrays"));
    }
    let beacon = use_tag(ctx, operand, "= ANY")?;
    let table = ctx.scope.table.clone();
    let own = ctx.scope.column(operand.column)?.ty.ok_or_else(unreadable)?.unmodified();
    let (label, name) = (ctx.scope.label(operand.column), ctx.scope.column_name(operand.column));
    let refused = || {
        Refusal::new(format!("column {label} is sealed: = ANY works with a parameter or an ARRAY of constants only"))
            .of(name.clone())
            .hint("pass the list as one array parameter, or write IN (...)")
    };
    let (array, element) = array_of(right);
    // A cast to varchar(n)[] cuts.
    let readable = |data_type| literal::type_of(data_type).filter(|ty| !ty.is_cut_by_casts());
    let element = element.map(|data_type| readable(data_type).ok_or_else(refused)).transpose()?;
    let input = match array {
        Expr::Value(value) => match &value.value {
            AstValue::Placeholder(_) => {
                let Some(Constant { value: Bare::Param { number, .. }, .. }) = Constant::read(ctx.source, array)?
                else {
                    return Err(unreadable());
                };
                let ty = match (ctx.params.declared(number), element) {
                    (None, cast) => cast.unwrap_or(operator_type(&own)),
                    (Some(oid), cast) => {
                        let declared = Type::of_array(oid).ok_or_else(refused)?;
                        if cast.is_some_and(|cast| !same_value(&declared, &cast)) {
                            return Err(refused());
                        }
                        declared
                    }
                };
                ctx.params.protected(number, ty.array_oid(), &label)?;
                Input::Param { index: number, ty }
            }
            _ => match Constant::read(ctx.source, array)? {
                Some(Constant { value: Bare::Literal { literal: Literal::Untyped(text), at }, .. }) => {
                    let literal = match element {
                        Some(ty) => Literal::Typed(ty, text),
                        None => Literal::Untyped(text),
                    };
                    Input::Literal { literal, at }
                }
                Some(Constant { value: Bare::Null { cast: None }, .. }) => ctx.null_of(element, operand.column)?,
                _ => return Err(refused()),
            },
        },
        // Its elements take a type from each other, under which blanks count or do not.
        Expr::Array(_) if element.is_none() && matches!(own, Type::Bpchar(_)) => return Err(refused()),
        Expr::Array(array) if array.named => match literal::constant(right, &ctx.source.constants())? {
            Some(literal::Constant::Value(Literal::Array(items))) if element.is_none() && items.is_empty() => {
                return Err(Refusal::error(SqlState::INDETERMINATE_DATATYPE, "cannot determine type of empty array")
                    .hint("Explicitly cast to the desired type, for example ARRAY[]::integer[]."));
            }
            Some(literal::Constant::Value(literal @ Literal::Array(_))) => {
                Input::Literal { literal, at: ctx.source.characters(bytes.start) }
            }
            Some(_) => return Err(unreadable()),
            None => {
                let mut parts = Parts::default().text("ARRAY[");
                for (index, item) in array.elem.iter().enumerate() {
                    let constant = Constant::read(ctx.source, item)?.ok_or_else(refused)?;
                    let input = ctx.protect(&constant.value.in_array(element), operand.column)?;
                    let recipe = Recipe::Tag { table: table.clone(), beacon, input };
                    let slot = ctx.draft.slot(recipe, PhysicalType::Uuid);
                    parts = parts.text(if index == 0 { "" } else { ", " }).slot(slot);
                }
                ctx.draft.replace(bytes, parts.text("]"));
                return Ok(());
            }
        },
        _ => return Err(refused()),
    };
    let slot = ctx.draft.slot(Recipe::Tags { table, beacon, input }, PhysicalType::UuidArray);
    ctx.draft.replace(bytes, Parts::default().slot(slot));
    Ok(())
}

/// An array under parentheses and a cast to an array type, with the element type of that cast. Under two casts it is
/// none of the shapes that are read.
pub(super) fn array_of(expr: &Expr) -> (&Expr, Option<&DataType>) {
    let (mut expr, mut cast) = (expr, None);
    loop {
        expr = match expr {
            Expr::Nested(inner) => inner,
            Expr::Cast {
                kind: CastKind::Cast | CastKind::DoubleColon,
                expr: inner,
                data_type: DataType::Array(ArrayElemTypeDef::SquareBracket(element, None)),
                format: None,
            } if cast.is_none() => {
                let mut element = &**element;
                // Any number of brackets means the same.
                while let DataType::Array(ArrayElemTypeDef::SquareBracket(inner, None)) = element {
                    element = inner;
                }
                cast = Some(element);
                inner
            }
            _ => return (expr, cast),
        }
    }
}

/// Puts the tag column in the place of the sealed column.
fn use_tag(ctx: &mut Ctx<'_>, operand: &Operand, operator: &str) -> Result<usize, Refusal> {
    let helper = match ctx.scope.table.beacon(operand.column) {
        Some((index, beacon)) => (index, beacon.helper.clone()),
        None => {
            return Err(Refusal::new(format!(
                "column {} is sealed and has no exact beacon: {operator} cannot be answered",
                ctx.scope.label(operand.column)
            ))
            .of(ctx.scope.column_name(operand.column))
            .hint("give the column an exact beacon in the schema file"));
        }
    };
    let bytes = ctx.source.bytes(&operand.extent)?;
    let qualified = ctx.scope.qualified(&helper.1);
    ctx.draft.replace(bytes, Parts::default().text(qualified));
    let label = ctx.scope.label(operand.column);
    note(
        &mut ctx.notes.reveals,
        format!("which rows hold the value that {label} is compared with, and how often it is asked for"),
    );
    note(&mut ctx.notes.decided_by_server, format!("{label} {operator}"));
    note(&mut ctx.notes.helpers, helper.1);
    Ok(helper.0)
}

/// Puts the tag of a constant in its place.
fn tag(ctx: &mut Ctx<'_>, column: ColumnId, beacon: usize, constant: &Constant) -> Result<(), Refusal> {
    let input = ctx.protect(&constant.value, column)?;
    let bytes = ctx.source.bytes(&constant.extent)?;
    let recipe = Recipe::Tag { table: ctx.scope.table.clone(), beacon, input };
    let slot = ctx.draft.slot(recipe, PhysicalType::Uuid);
    ctx.draft.replace(bytes, Parts::default().slot(slot));
    Ok(())
}

pub(super) fn note(notes: &mut Vec<String>, text: String) {
    if !notes.contains(&text) {
        notes.push(text);
    }
}

/// A tag of this column is written.
pub(super) fn reveals_equality(ctx: &mut Ctx<'_>, column: ColumnId) {
    let label = ctx.scope.label(column);
    note(&mut ctx.notes.reveals, format!("which rows hold an equal value in {label}"));
}

/// The refusal of a construct over a sealed column.
pub(super) fn no_operator(ctx: &Ctx<'_>, column: ColumnId, construct: &str) -> Refusal {
    let hint = if ctx.scope.table.beacon(column).is_some() {
        "=, <>, IN, = ANY, IS [NOT] DISTINCT FROM constants and IS [NOT] NULL are answered on this column"
    } else {
        "IS [NOT] NULL is answered on this column; with an exact beacon also =, <>, IN and = ANY with constants"
    };
    Refusal::new(format!("column {} is sealed: {construct} cannot be answered", ctx.scope.label(column)))
        .of(ctx.scope.column_name(column))
        .hint(hint)
}

/// How an operator is spelled in a message.
fn operator_name(op: &BinaryOperator) -> &'static str {
    match op {
        BinaryOperator::Lt | BinaryOperator::LtEq | BinaryOperator::Gt | BinaryOperator::GtEq => "a range comparison",
        BinaryOperator::StringConcat => "concatenation (||)",
        BinaryOperator::Plus
        | BinaryOperator::Minus
        | BinaryOperator::Multiply
        | BinaryOperator::Divide
        | BinaryOperator::Modulo => "arithmetic",
        BinaryOperator::And | BinaryOperator::Or => "its use as a condition",
        BinaryOperator::PGRegexMatch
        | BinaryOperator::PGRegexIMatch
        | BinaryOperator::PGRegexNotMatch
        | BinaryOperator::PGRegexNotIMatch
        | BinaryOperator::PGLikeMatch
        | BinaryOperator::PGILikeMatch
        | BinaryOperator::PGNotLikeMatch
        | BinaryOperator::PGNotILikeMatch => "pattern matching",
        _ => "this operator",
    }
}

/// `count(column)` counts cells, `count(DISTINCT column)` tags.
pub(super) fn counted(ctx: &mut Ctx<'_>, column: ColumnId, expr: &Expr, distinct: bool) -> Result<(), Refusal> {
    let operand = Operand { column, extent: ctx.source.extent(expr)? };
    if distinct {
        use_tag(ctx, &operand, "count(DISTINCT)")?;
    } else {
        let bytes = ctx.source.bytes(&operand.extent)?;
        let column = ctx.scope.physical_column(column)?;
        ctx.draft.replace(bytes, Parts::default().text(column));
    }
    Ok(())
}
