//! Expressions: predicates over sealed columns are rewritten, everything else must be plain in all its parts.
//!
//! A construct that is not listed here is refused (SQL-4). What an expression holds is told by [`Seen`]; the leak
//! rule (SQL-21) is kept by letting a string or parameter through only beside an unprotected column, or where its
//! value goes straight into one or back to the client.

use sqlparser::ast::{
    BinaryOperator, CaseWhen, CastKind, DataType, Expr, Ident, InTarget, OrderByExpr, OrderByOptions, OrderBySort,
    TypedString, UnaryOperator, Value as AstValue, ValueWithSpan,
};

use super::draft::{Parts, param_number};
use super::predicate::{self, no_operator, sealed_column};
use super::source::unreadable;
use super::{Ctx, call, work};
use crate::sql::Refusal;

/// What an expression holds.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    /// A column in the clear, outside of an aggregate: the value belongs to one row.
    pub columns: bool,
    /// A column in the clear, anywhere, or a predicate over a sealed one that was rewritten with its constants.
    pub beside: bool,
    /// Byte offset of a string or parameter that stands beside no column yet.
    pub loose: Option<usize>,
    /// An aggregate.
    pub aggregate: bool,
}

impl Seen {
    /// What two parts of an expression hold together.
    pub(super) fn and(self, other: Seen) -> Seen {
        Seen {
            columns: self.columns || other.columns,
            beside: self.beside || other.beside,
            loose: self.loose.or(other.loose),
            aggregate: self.aggregate || other.aggregate,
        }
    }

    /// A condition is complete: strings and parameters in it must have stood beside an unprotected column (SQL-21).
    pub(super) fn settled(self) -> Result<Seen, Refusal> {
        match self.loose {
            Some(at) if !self.beside => Err(Refusal::new(
                "a constant or parameter is compared with no column: it cannot be told whether it may be seen",
            )
            .hint("compare it with a column, or leave the condition out")
            .at(at)),
            Some(_) | None => Ok(Seen { loose: None, ..self }),
        }
    }
}

/// Walks a whole condition.
pub(super) fn condition(ctx: &mut Ctx<'_>, expr: &Expr) -> Result<Seen, Refusal> {
    operand(ctx, expr, "its use as a condition")?.settled()
}

/// Walks an operand of a construct that no sealed column can stand in.
pub(super) fn operand(ctx: &mut Ctx<'_>, expr: &Expr, construct: &str) -> Result<Seen, Refusal> {
    match sealed_column(ctx, expr)? {
        Some(column) => Err(no_operator(ctx, column, construct)),
        None => walk(ctx, expr),
    }
}

/// Walks any expression. Chains of operators are walked without recursion (SQL-3).
pub(super) fn walk(ctx: &mut Ctx<'_>, expr: &Expr) -> Result<Seen, Refusal> {
    ctx.source.deeper()?;
    let mut chain = Vec::new();
    let mut current = expr;
    let mut seen = loop {
        work::step();
        let Expr::BinaryOp { left, op, right } = current else { break leaf(ctx, current)? };
        if !is_logical(op) && predicate::rewrite(ctx, current)? {
            break Seen { columns: true, beside: true, ..Seen::default() };
        }
        chain.push((op, right));
        current = left;
    };
    while let Some((op, right)) = chain.pop() {
        allowed(op)?;
        if is_logical(op) {
            ctx.beside = None;
            seen = seen.settled()?.and(operand(ctx, right, "its use as a condition")?.settled()?);
        } else {
            seen = seen.and(operand(ctx, right, "this operator")?);
            if is_comparison(op) {
                seen = seen.settled()?;
            }
        }
    }
    Ok(seen)
}

fn leaf(ctx: &mut Ctx<'_>, expr: &Expr) -> Result<Seen, Refusal> {
    if predicate::rewrite(ctx, expr)? {
        return Ok(Seen { columns: true, beside: true, ..Seen::default() });
    }
    match expr {
        Expr::Identifier(ident) => column(ctx, std::slice::from_ref(ident)),
        Expr::CompoundIdentifier(parts) => column(ctx, parts),
        Expr::Value(value) => constant(ctx, value),
        Expr::TypedString(TypedString { data_type, value, uses_odbc_syntax: false }) => {
            builtin(data_type)?;
            constant(ctx, value)
        }
        Expr::Interval(interval) => walk(ctx, &interval.value),
        Expr::Nested(inner) => wrapped(ctx, inner, "its use here"),
        Expr::Cast { kind: CastKind::Cast | CastKind::DoubleColon, expr, data_type, format: None } => {
            builtin(data_type)?;
            wrapped(ctx, expr, "a cast")
        }
        Expr::UnaryOp { op, expr } => match op {
            UnaryOperator::Not => Ok(operand(ctx, expr, "its use as a condition")?.settled()?),
            UnaryOperator::Minus | UnaryOperator::Plus | UnaryOperator::BitwiseNot => operand(ctx, expr, "arithmetic"),
            UnaryOperator::AtDashAt
            | UnaryOperator::BangNot
            | UnaryOperator::DoubleAt
            | UnaryOperator::Hash
            | UnaryOperator::PGAbs
            | UnaryOperator::PGCubeRoot
            | UnaryOperator::PGPostfixFactorial
            | UnaryOperator::PGPrefixFactorial
            | UnaryOperator::PGSquareRoot
            | UnaryOperator::QuestionDash
            | UnaryOperator::QuestionPipe => Err(unknown("this prefix operator")),
        },
        Expr::IsTrue(inner)
        | Expr::IsNotTrue(inner)
        | Expr::IsFalse(inner)
        | Expr::IsNotFalse(inner)
        | Expr::IsUnknown(inner)
        | Expr::IsNotUnknown(inner) => operand(ctx, inner, "its use as a condition")?.settled(),
        Expr::IsNull(inner) | Expr::IsNotNull(inner) => operand(ctx, inner, "IS NULL")?.settled(),
        Expr::IsDistinctFrom(left, right) | Expr::IsNotDistinctFrom(left, right) => {
            let left = operand(ctx, left, "IS DISTINCT FROM")?;
            left.and(operand(ctx, right, "IS DISTINCT FROM")?).settled()
        }
        Expr::Between { expr, negated: _, low, high } => all(ctx, [&**expr, low, high], "BETWEEN")?.settled(),
        Expr::Like { negated: _, any: false, expr, pattern, escape_char } => {
            all(ctx, [&**expr, pattern].into_iter().chain(escape_char.as_deref()), "LIKE")?.settled()
        }
        Expr::ILike { negated: _, any: false, expr, pattern, escape_char } => {
            all(ctx, [&**expr, pattern].into_iter().chain(escape_char.as_deref()), "ILIKE")?.settled()
        }
        Expr::SimilarTo { negated: _, expr, pattern, escape_char } => {
            all(ctx, [&**expr, pattern].into_iter().chain(escape_char.as_deref()), "SIMILAR TO")?.settled()
        }
        Expr::In { expr, target: InTarget::List(items), negated: _, global: false } => {
            all(ctx, std::iter::once(&**expr).chain(items), "IN")?.settled()
        }
        Expr::AnyOp { left, compare_op, right, is_some: _ } | Expr::AllOp { left, compare_op, right } => {
            allowed(compare_op)?;
            all(ctx, [&**left, right], "ANY or ALL")?.settled()
        }
        Expr::Case { case_token: _, end_token: _, operand: tested, conditions, else_result } => {
            let mut seen = Seen::default();
            for CaseWhen { condition, result } in conditions {
                seen = seen.and(operand(ctx, condition, "CASE")?).and(operand(ctx, result, "CASE")?);
            }
            seen = seen.and(all(ctx, tested.as_deref().into_iter().chain(else_result.as_deref()), "CASE")?);
            Ok(seen)
        }
        Expr::Function(function) => call::call(ctx, function),
        Expr::Extract { field: _, syntax: _, expr } => operand(ctx, expr, "EXTRACT"),
        Expr::Ceil { expr, field: _ } | Expr::Floor { expr, field: _ } => operand(ctx, expr, "arithmetic"),
        Expr::Position { expr, r#in } => all(ctx, [&**expr, r#in], "POSITION"),
        Expr::Substring { expr, substring_from, substring_for, special: _, shorthand: _ } => all(
            ctx,
            std::iter::once(&**expr).chain(substring_from.as_deref()).chain(substring_for.as_deref()),
            "SUBSTRING",
        ),
        Expr::Trim { trim_where: _, trim_what, expr, trim_characters } => all(
            ctx,
            std::iter::once(&**expr).chain(trim_what.as_deref()).chain(trim_characters.iter().flatten()),
            "TRIM",
        ),
        Expr::Overlay { expr, overlay_what, overlay_from, overlay_for } => {
            all(ctx, [&**expr, overlay_what, overlay_from].into_iter().chain(overlay_for.as_deref()), "OVERLAY")
        }
        Expr::AtTimeZone { timestamp, time_zone } => all(ctx, [&**timestamp, time_zone], "AT TIME ZONE"),
        Expr::Collate { expr, collation: _ } => operand(ctx, expr, "COLLATE"),
        Expr::Array(array) => all(ctx, &array.elem, "ARRAY"),
        Expr::Tuple(items) => all(ctx, items, "a row comparison"),
        Expr::In { target: InTarget::List(_) | InTarget::Subquery(_), .. }
        | Expr::Exists { .. }
        | Expr::Subquery(_) => Err(subquery()),
        Expr::BinaryOp { .. }
        | Expr::TypedString(_)
        | Expr::Cast { .. }
        | Expr::Like { .. }
        | Expr::ILike { .. }
        | Expr::In { .. }
        | Expr::CompoundFieldAccess { .. }
        | Expr::JsonAccess { .. }
        | Expr::IsJson { .. }
        | Expr::IsNormalized { .. }
        | Expr::RLike { .. }
        | Expr::Convert { .. }
        | Expr::Prefixed { .. }
        | Expr::GroupingSets(_)
        | Expr::Cube(_)
        | Expr::Rollup(_)
        | Expr::Struct { .. }
        | Expr::Named { .. }
        | Expr::Dictionary(_)
        | Expr::Map(_)
        | Expr::MatchAgainst { .. }
        | Expr::Wildcard(_)
        | Expr::QualifiedWildcard(..)
        | Expr::OuterJoin(_)
        | Expr::Prior(_)
        | Expr::Lambda(_)
        | Expr::MemberOf(_) => Err(unknown("an expression of this kind")),
    }
}

/// Walks what stands in parentheses or under a cast. Of those inside of each other the outermost tells whether a sealed
/// column is in them.
fn wrapped(ctx: &mut Ctx<'_>, expr: &Expr, construct: &str) -> Result<Seen, Refusal> {
    if let Some(column) = sealed_column(ctx, expr)? {
        return Err(no_operator(ctx, column, construct));
    }
    let mut expr = expr;
    loop {
        expr = match expr {
            Expr::Nested(inner) => inner,
            Expr::Cast { kind: CastKind::Cast | CastKind::DoubleColon, expr, data_type, format: None } => {
                builtin(data_type)?;
                expr
            }
            _ => return walk(ctx, expr),
        }
    }
}

/// Walks all operands of a construct.
pub(super) fn all<'e>(
    ctx: &mut Ctx<'_>,
    items: impl IntoIterator<Item = &'e Expr>,
    construct: &str,
) -> Result<Seen, Refusal> {
    items.into_iter().try_fold(Seen::default(), |seen, item| Ok(seen.and(operand(ctx, item, construct)?)))
}

/// A column in the clear.
fn column(ctx: &mut Ctx<'_>, parts: &[Ident]) -> Result<Seen, Refusal> {
    let id = ctx.scope.resolve(ctx.source, parts)?;
    if ctx.scope.column(id)?.is_sealed() {
        return Err(no_operator(ctx, id, "its use in this expression"));
    }
    ctx.beside = Some(ctx.scope.label(id));
    if let (Some(first), Some(last)) = (parts.first(), parts.last())
        && (ctx.qualify || parts.len() == 3)
    {
        // schema.table.column: the table goes by its alias in the physical statement.
        let bytes = ctx.source.bytes(&(ctx.source.ident(first)?..ctx.source.ident(last)? + 1))?;
        let column = ctx.scope.physical_column(id)?;
        ctx.draft.replace(bytes, Parts::default().text(column));
    }
    Ok(Seen { columns: true, beside: true, ..Seen::default() })
}

/// A constant that stays as it is.
fn constant(ctx: &mut Ctx<'_>, value: &ValueWithSpan) -> Result<Seen, Refusal> {
    let token = ctx.source.token(value.span)?;
    let loose = Seen { loose: Some(ctx.source.offset(token)), ..Seen::default() };
    match &value.value {
        AstValue::Number(_, _) | AstValue::Boolean(_) | AstValue::Null => Ok(Seen::default()),
        AstValue::SingleQuotedString(_)
        | AstValue::DollarQuotedString(_)
        | AstValue::EscapedStringLiteral(_)
        | AstValue::UnicodeStringLiteral(_)
        | AstValue::NationalStringLiteral(_)
        | AstValue::SingleQuotedByteStringLiteral(_)
        | AstValue::HexStringLiteral(_) => Ok(loose),
        AstValue::Placeholder(_) => {
            let text = ctx.source.tokens.get(token).map_or("", |token| token.text(ctx.source.text));
            let beside = ctx.beside.clone();
            ctx.params.plain(param_number(text)?, beside.as_deref())?;
            Ok(loose)
        }
        AstValue::TripleSingleQuotedString(_)
        | AstValue::TripleDoubleQuotedString(_)
        | AstValue::DoubleQuotedByteStringLiteral(_)
        | AstValue::TripleSingleQuotedByteStringLiteral(_)
        | AstValue::TripleDoubleQuotedByteStringLiteral(_)
        | AstValue::SingleQuotedRawStringLiteral(_)
        | AstValue::DoubleQuotedRawStringLiteral(_)
        | AstValue::TripleSingleQuotedRawStringLiteral(_)
        | AstValue::TripleDoubleQuotedRawStringLiteral(_)
        | AstValue::QuoteDelimitedStringLiteral(_)
        | AstValue::NationalQuoteDelimitedStringLiteral(_)
        | AstValue::DoubleQuotedString(_) => Err(unreadable()),
    }
}

/// Walks the keys of an ORDER BY inside of a call.
pub(super) fn order(ctx: &mut Ctx<'_>, items: &[OrderByExpr]) -> Result<Seen, Refusal> {
    items.iter().try_fold(Seen::default(), |seen, item| Ok(seen.and(operand(ctx, sort_key(item)?, "ORDER BY")?)))
}

/// The expression of a sort key without ClickHouse's and others' additions.
pub(super) fn sort_key(item: &OrderByExpr) -> Result<&Expr, Refusal> {
    let OrderByExpr { expr, options: OrderByOptions { sort, nulls_first: _ }, with_fill } = item;
    match sort {
        None | Some(OrderBySort::Asc | OrderBySort::Desc) if with_fill.is_none() => Ok(expr),
        None | Some(OrderBySort::Asc | OrderBySort::Desc | OrderBySort::Using(_)) => {
            Err(unknown("an ORDER BY of this form"))
        }
    }
}

fn is_logical(op: &BinaryOperator) -> bool {
    matches!(op, BinaryOperator::And | BinaryOperator::Or)
}

fn is_comparison(op: &BinaryOperator) -> bool {
    matches!(
        op,
        BinaryOperator::Eq
            | BinaryOperator::NotEq
            | BinaryOperator::Lt
            | BinaryOperator::LtEq
            | BinaryOperator::Gt
            | BinaryOperator::GtEq
    )
}

/// Operators of pg_catalog over plain operands. The table of `functions` goes by symbol; the parser names these.
fn allowed(op: &BinaryOperator) -> Result<(), Refusal> {
    match op {
        BinaryOperator::Plus
        | BinaryOperator::Minus
        | BinaryOperator::Multiply
        | BinaryOperator::Divide
        | BinaryOperator::Modulo
        | BinaryOperator::StringConcat
        | BinaryOperator::Gt
        | BinaryOperator::Lt
        | BinaryOperator::GtEq
        | BinaryOperator::LtEq
        | BinaryOperator::Eq
        | BinaryOperator::NotEq
        | BinaryOperator::And
        | BinaryOperator::Or
        | BinaryOperator::BitwiseOr
        | BinaryOperator::BitwiseAnd
        | BinaryOperator::PGBitwiseXor
        | BinaryOperator::PGBitwiseShiftLeft
        | BinaryOperator::PGBitwiseShiftRight
        | BinaryOperator::PGExp
        | BinaryOperator::PGOverlap
        | BinaryOperator::PGRegexMatch
        | BinaryOperator::PGRegexIMatch
        | BinaryOperator::PGRegexNotMatch
        | BinaryOperator::PGRegexNotIMatch
        | BinaryOperator::PGLikeMatch
        | BinaryOperator::PGILikeMatch
        | BinaryOperator::PGNotLikeMatch
        | BinaryOperator::PGNotILikeMatch
        | BinaryOperator::PGStartsWith
        | BinaryOperator::Arrow
        | BinaryOperator::LongArrow
        | BinaryOperator::HashArrow
        | BinaryOperator::HashLongArrow
        | BinaryOperator::AtAt
        | BinaryOperator::AtArrow
        | BinaryOperator::ArrowAt
        | BinaryOperator::HashMinus
        | BinaryOperator::AtQuestion
        | BinaryOperator::Question
        | BinaryOperator::QuestionAnd
        | BinaryOperator::QuestionPipe
        | BinaryOperator::Overlaps => Ok(()),
        BinaryOperator::Spaceship
        | BinaryOperator::Xor
        | BinaryOperator::BitwiseXor
        | BinaryOperator::DuckIntegerDivide
        | BinaryOperator::MyIntegerDivide
        | BinaryOperator::Match
        | BinaryOperator::Regexp
        | BinaryOperator::Glob
        | BinaryOperator::Custom(_)
        | BinaryOperator::PGCustomBinaryOperator(_)
        | BinaryOperator::DoubleHash
        | BinaryOperator::LtDashGt
        | BinaryOperator::AndLt
        | BinaryOperator::AndGt
        | BinaryOperator::LtLtPipe
        | BinaryOperator::PipeGtGt
        | BinaryOperator::AndLtPipe
        | BinaryOperator::PipeAndGt
        | BinaryOperator::LtCaret
        | BinaryOperator::GtCaret
        | BinaryOperator::QuestionHash
        | BinaryOperator::QuestionDash
        | BinaryOperator::QuestionDashPipe
        | BinaryOperator::QuestionDoublePipe
        | BinaryOperator::At
        | BinaryOperator::TildeEq
        | BinaryOperator::Assignment
        | BinaryOperator::Is
        | BinaryOperator::IsNot => Err(unknown("an operator of this kind")),
    }
}

/// A type that a plain value may be cast to: a cast to a type of the user's own can run the user's code.
fn builtin(data_type: &DataType) -> Result<(), Refusal> {
    let mut element = data_type;
    while let DataType::Array(sqlparser::ast::ArrayElemTypeDef::SquareBracket(of, _)) = element {
        element = of;
    }
    match element {
        DataType::Custom(name, _) => {
            let parts = super::scope::idents(name)?;
            let known = ["bpchar", "name", "oid", "inet", "cidr", "macaddr", "money", "timetz", "tsvector", "xml"];
            match parts.as_slice() {
                [name] if known.contains(&name.value.as_str()) => Ok(()),
                [schema, _] if schema.value == "pg_catalog" => Ok(()),
                _ => Err(unknown("a cast to a type that is not builtin")),
            }
        }
        _ => Ok(()),
    }
}

/// The refusal of a subquery.
pub(super) fn subquery() -> Refusal {
    Refusal::new("a subquery in a statement on a protected table cannot be answered in this version")
        .hint("run the subquery first and pass its result as parameters")
}

/// The refusal of a construct that nobody looked at.
pub(super) fn unknown(what: &str) -> Refusal {
    Refusal::new(format!("{what} cannot be used in a statement on a protected table"))
        .hint("protected tables take single-table SELECT, INSERT ... VALUES, UPDATE and DELETE")
}
