//! Constants of a statement, literals and parameters, with the casts around them (SQL-20).

use sqlparser::ast::{CastKind, Expr, TypedString, Value as AstValue};

use super::draft::param_number;
use super::source::{Extent, Source, unreadable};
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

/// A constant without its place.
#[derive(Debug, Clone)]
pub(in crate::sql) enum Bare {
    /// NULL, with the type that it is cast to.
    Null { cast: Option<Type> },
    /// `$n`, numbered from 0, with the type that it is cast to.
    Param { number: usize, cast: Option<Type> },
    /// A literal, and where it stands, in characters.
    Literal { literal: Literal, at: usize },
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

/// The refusal of an ARRAY in which nothing has a type, or not all have one: what PostgreSQL makes of it depends on what
/// stands around it, or each element has a modifier of its own.
pub(in crate::sql) fn untyped_array(label: &str) -> Refusal {
    Refusal::new(format!("an ARRAY whose elements have no type, or several, cannot be used with column {label}"))
        .hint("Write the array in quotes: '{1.01,1.005}', '{NULL}', '{}'.")
}

/// The type of the outermost cast.
fn outer_type(expr: &Expr) -> Option<Type> {
    match unnested(expr) {
        Expr::Cast { data_type, .. } => literal::type_of(data_type),
        _ => None,
    }
}

/// Whether PostgreSQL compares and stores a NULL of this type as one of the column's: where it does not, it has no
/// operator or no cast, and says so before it looks at a value.
pub(in crate::sql) fn is_null_of(cast: &Type, column: &Type) -> bool {
    cast.same_base(column) || (cast.is_number() && column.is_number()) || (cast.is_text() && column.is_text())
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
            match literal::type_of(data_type) {
                // An explicit cast to varchar(n) cuts, where an assignment is an error.
                Some(to) if !to.is_cut_by_casts() && inner.is_none_or(|inner| inner == to) => {
                    Ok(Some((number, Some(to))))
                }
                _ => Err(Refusal::new(format!(
                    "parameter ${} of a protected column is cast to a type that cannot be applied here",
                    number + 1
                ))
                .hint("leave the cast out, or cast to the type of the column")),
            }
        }
        _ => Ok(None),
    }
}

/// Whether the bytes of a parameter declared as `declared` may stand for `$n::cast`: no value changes.
pub(in crate::sql) fn same_value(declared: &Type, cast: &Type) -> bool {
    let (declared, cast) = (&declared.unmodified(), *cast);
    *declared == cast
        || (declared.is_integer() && cast == cast.unmodified() && cast.outranks(declared))
        || (declared.is_text() && cast.is_text() && cast == cast.unmodified())
}
