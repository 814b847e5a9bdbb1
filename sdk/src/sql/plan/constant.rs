//! Constants of a statement, literals and parameters, with the casts around them (SQL-20).

use sqlparser::ast::{CastKind, CharacterLength, DataType, ExactNumberInfo, Expr, TimezoneInfo, Value as AstValue};

use super::draft::param_number;
use super::source::{Extent, Source, unreadable};
use crate::sql::{Literal, Refusal, literal};
use crate::value::{NumericModifier, Type};

/// A constant and the tokens that it takes.
#[derive(Debug, Clone)]
pub(super) struct Constant {
    /// What it is.
    pub value: Bare,
    /// With its casts, signs and parentheses.
    pub extent: Extent,
}

/// A constant without its place.
#[derive(Debug, Clone)]
pub(super) enum Bare {
    /// NULL, under whatever cast.
    Null,
    /// `$n`, numbered from 0, with the type that it is cast to.
    Param { number: usize, cast: Option<Type> },
    /// A literal.
    Literal(Literal),
}

impl Constant {
    /// Reads an expression as a constant; `None` if it is something else.
    pub(super) fn read(source: &Source<'_>, expr: &Expr) -> Result<Option<Self>, Refusal> {
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
    Ok(literal::constant(expr)?.map(|constant| match constant {
        literal::Constant::Null => Bare::Null,
        literal::Constant::Value(literal) => Bare::Literal(literal),
    }))
}

/// A parameter under parentheses and casts that change nothing but its type.
fn parameter(source: &Source<'_>, expr: &Expr) -> Result<Option<(usize, Option<Type>)>, Refusal> {
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
            match type_of(data_type) {
                // An explicit cast to varchar(n) cuts, where an assignment is an error.
                Some(to) if !matches!(to, Type::Varchar(Some(_))) && inner.is_none_or(|inner| inner == to) => {
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

fn is_int(ty: &Type) -> bool {
    matches!(ty, Type::Int2 | Type::Int4 | Type::Int8)
}

/// Whether the bytes of a parameter declared as `declared` may stand for `$n::cast`: no value changes.
pub(super) fn same_value(declared: &Type, cast: &Type) -> bool {
    let declared = &without_modifier(declared);
    declared == cast
        || (is_int(declared) && is_int(cast) && width(declared) <= width(cast))
        || (is_int(declared) && *cast == Type::Numeric(None))
        || (matches!(declared, Type::Text | Type::Varchar(None)) && matches!(cast, Type::Text | Type::Varchar(None)))
}

fn width(ty: &Type) -> u8 {
    match ty {
        Type::Int2 => 2,
        Type::Int4 => 4,
        _ => 8,
    }
}

/// The type under which PostgreSQL resolves an untyped parameter beside a column: a comparison or an assignment takes
/// the type, never the modifier.
pub(super) fn without_modifier(ty: &Type) -> Type {
    match ty {
        Type::Numeric(_) => Type::Numeric(None),
        Type::Varchar(_) => Type::Varchar(None),
        Type::Timestamp(_) => Type::Timestamp(None),
        Type::Timestamptz(_) => Type::Timestamptz(None),
        Type::Bool
        | Type::Int2
        | Type::Int4
        | Type::Int8
        | Type::Text
        | Type::Bytea
        | Type::Uuid
        | Type::Date
        | Type::Json
        | Type::Jsonb => *ty,
    }
}

/// `pg_type.oid` of the array type over a type.
pub(super) fn array_oid(ty: &Type) -> u32 {
    match ty {
        Type::Bool => 1000,
        Type::Int2 => 1005,
        Type::Int4 => 1007,
        Type::Int8 => 1016,
        Type::Numeric(_) => 1231,
        Type::Text => 1009,
        Type::Varchar(_) => 1015,
        Type::Bytea => 1001,
        Type::Uuid => 2951,
        Type::Date => 1182,
        Type::Timestamp(_) => 1115,
        Type::Timestamptz(_) => 1185,
        Type::Json => 199,
        Type::Jsonb => 3807,
    }
}

/// The element type of an array type that a parameter was declared as.
pub(super) fn element_of(oid: u32) -> Option<Type> {
    [
        Type::Bool,
        Type::Int2,
        Type::Int4,
        Type::Int8,
        Type::Numeric(None),
        Type::Text,
        Type::Varchar(None),
        Type::Bytea,
        Type::Uuid,
        Type::Date,
        Type::Timestamp(None),
        Type::Timestamptz(None),
        Type::Json,
        Type::Jsonb,
    ]
    .into_iter()
    .find(|ty| array_oid(ty) == oid)
}

/// A type name of a statement, with its modifier; `None` for one that no protected column can have.
pub(super) fn type_of(data_type: &DataType) -> Option<Type> {
    let precision = |p: &Option<u64>| match p {
        None => Some(None),
        Some(p) if *p <= 6 => u8::try_from(*p).ok().map(Some),
        Some(_) => None,
    };
    Some(match data_type {
        DataType::Text => Type::Text,
        DataType::Varchar(length) | DataType::CharacterVarying(length) | DataType::CharVarying(length) => {
            match length {
                None => Type::Varchar(None),
                Some(CharacterLength::IntegerLength { length, unit: None }) => {
                    Type::Varchar(Some(u32::try_from(*length).ok()?))
                }
                Some(CharacterLength::IntegerLength { .. } | CharacterLength::Max) => return None,
            }
        }
        DataType::SmallInt(None) | DataType::Int2(None) => Type::Int2,
        DataType::Int(None) | DataType::Integer(None) | DataType::Int4(None) => Type::Int4,
        DataType::BigInt(None) | DataType::Int8(None) => Type::Int8,
        DataType::Numeric(info) | DataType::Decimal(info) | DataType::Dec(info) => Type::Numeric(match info {
            ExactNumberInfo::None => None,
            ExactNumberInfo::Precision(precision) => {
                Some(NumericModifier { precision: u16::try_from(*precision).ok()?, scale: 0 })
            }
            ExactNumberInfo::PrecisionAndScale(precision, scale) => {
                Some(NumericModifier { precision: u16::try_from(*precision).ok()?, scale: i16::try_from(*scale).ok()? })
            }
        }),
        DataType::Bool | DataType::Boolean => Type::Bool,
        DataType::Bytea => Type::Bytea,
        DataType::Uuid => Type::Uuid,
        DataType::Date => Type::Date,
        DataType::Timestamp(p, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => Type::Timestamp(precision(p)?),
        DataType::Timestamp(p, TimezoneInfo::WithTimeZone | TimezoneInfo::Tz) => Type::Timestamptz(precision(p)?),
        DataType::JSON => Type::Json,
        DataType::JSONB => Type::Jsonb,
        _ => return None,
    })
}
