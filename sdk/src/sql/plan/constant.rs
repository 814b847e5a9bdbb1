//! Constants of a statement, literals and parameters, with the casts around them (SQL-20).

use sqlparser::ast::{CastKind, Expr, TypedString, Value as AstValue};

use super::draft::param_number;
use super::source::{Extent, Source, unreadable};
use crate::sql::constant::{Bare, recast};
use crate::sql::parse::unnested;
use crate::sql::{Literal, Refusal, literal};
use crate::value::Type;

/// A constant and the tokens that it takes.
#[derive(Debug, Clone)]
pub(in crate::sql) struct Constant {
    /// What it is.
    pub value: Bare,
    /// With its casts, signs and parentheses.
    pub extent: Extent,
}

impl Constant {
    /// Reads an expression as a constant; `None` if it is something else.
    pub(in crate::sql) fn read(source: &Source<'_>, expr: &Expr) -> Result<Option<Self>, Refusal> {
        match bare(source, expr)? {
            Some(value) => Ok(Some(Self { value, extent: source.extent(expr)? })),
            None => Ok(None),
        }
    }
}

fn bare(source: &Source<'_>, expr: &Expr) -> Result<Option<Bare>, Refusal> {
    if let Some((number, cast)) = parameter(source, expr)? {
        return Ok(Some(Bare::Param { number, cast }));
    }
    Ok(match literal::constant(expr, &source.constants())? {
        None => None,
        Some(literal::Constant::Null) => Some(Bare::Null { cast: outer_type(expr) }),
        Some(literal::Constant::Value(Literal::Array(items))) => {
            let literal = literal::array_constant(&items).unwrap_or(Literal::Array(items));
            let start = source.offset(source.extent(expr)?.start);
            Some(Bare::Literal { literal, at: source.characters(start) })
        }
        Some(literal::Constant::Value(literal)) => {
            Some(Bare::Literal { literal, at: source.characters(place(source, expr)) })
        }
    })
}

/// The type of the outermost cast.
fn outer_type(expr: &Expr) -> Option<Type> {
    match unnested(expr) {
        Expr::Cast { data_type, .. } => literal::type_of(data_type),
        _ => None,
    }
}

/// The byte at which PostgreSQL sees a constant: that of the literal inside of its casts.
fn place(source: &Source<'_>, expr: &Expr) -> usize {
    let mut expr = expr;
    loop {
        expr = match expr {
            Expr::Nested(inner) | Expr::Cast { expr: inner, .. } | Expr::UnaryOp { expr: inner, .. } => inner,
            Expr::Value(value) | Expr::TypedString(TypedString { value, .. }) => {
                return source.token(value.span).map_or(0, |token| source.offset(token));
            }
            // An ARRAY, which has a place of another kind.
            _ => return 0,
        };
    }
}

/// A parameter under parentheses and casts that change nothing but its type.
fn parameter(source: &Source<'_>, expr: &Expr) -> Result<Option<(usize, Option<Type>)>, Refusal> {
    source.deeper()?;
    match expr {
        Expr::Nested(inner) => parameter(source, inner),
        Expr::Value(value) => match &value.value {
            AstValue::Placeholder(_) => {
                let token = source.tokens.get(source.token(value.span)?).ok_or_else(unreadable)?;
                Ok(Some((param_number(token.text(source.text))?, None)))
            }
            _ => Ok(None),
        },
        Expr::Cast { kind: CastKind::Cast | CastKind::DoubleColon, expr, data_type, format: None } => {
            let Some((number, inner)) = parameter(source, expr)? else { return Ok(None) };
            recast(number, inner, literal::type_of(data_type)).map(|to| Some((number, Some(to))))
        }
        _ => Ok(None),
    }
}
