//! Constants as PostgreSQL types them: numbers, typed literals and casts of literals (SQL-20).
//!
//! A constant takes a type here only where PostgreSQL would give it one, and a cast is applied only where the text
//! stays what the input function of the new type reads. Everything else is refused, not guessed.

#[cfg(test)]
mod tests;

use sqlparser::ast::{
    self, ArrayElemTypeDef, CastKind, DataType, Expr, ObjectNamePart, UnaryOperator, Value, ValueWithSpan,
};

pub use super::lex::unescape;
use super::parse::{Constants, unnested};
use super::{Literal, Refusal};
use crate::error::SqlState;
use crate::value::Type;

/// Casts, signs and parentheses around one constant.
const MAX_DEPTH: usize = 32;

/// A constant of the statement. Its Debug shows no value.
#[derive(Debug, Clone, PartialEq)]
pub enum Constant {
    /// NULL, also cast: `NULL::text`.
    Null,
    /// Anything else.
    Value(Literal),
}

/// Reads an expression as a constant. `Ok(None)`: it is none (a column, a parameter, a function call, …). An error:
/// it is a constant that this version does not carry into a protected column (`B'…'`, a cast to an unknown type), or
/// one that PostgreSQL rejects. The tree has the place of a value only: `constants` are those of its statement.
pub fn constant(expr: &Expr, constants: &Constants<'_>) -> Result<Option<Constant>, Refusal> {
    read(expr, constants, 0)
}

/// The type that a statement names, with its modifier; `None` for one that no protected column can have.
pub fn type_of(data_type: &DataType) -> Option<Type> {
    if let DataType::Custom(name, modifiers) = data_type
        && let [ObjectNamePart::Identifier(schema), ObjectNamePart::Identifier(name)] = name.0.as_slice()
    {
        let of_catalog = schema.value == "pg_catalog" && modifiers.is_empty();
        return Type::from_pg_name(&name.value).filter(|_| of_catalog);
    }
    // The names of the table are those by which sqlparser prints the types that PostgreSQL has; those of other dialects
    // are not in it. A type's name holds nothing of the client's values.
    Type::from_name(&data_type.to_string())
}

fn read(expr: &Expr, constants: &Constants<'_>, depth: usize) -> Result<Option<Constant>, Refusal> {
    if depth > MAX_DEPTH {
        return Err(Refusal::error(SqlState::STATEMENT_TOO_COMPLEX, "too many casts around one constant"));
    }
    if let Some(number) = number(expr, constants)? {
        return Ok(Some(numeric(number)));
    }
    match expr {
        Expr::Nested(inner) => read(inner, constants, depth + 1),
        Expr::Value(value) => scalar(value, constants),
        Expr::TypedString(typed) if typed.uses_odbc_syntax => Err(not_carried("an ODBC literal")),
        Expr::TypedString(typed) => match scalar(&typed.value, constants)? {
            Some(constant) => cast(constant, type_of(&typed.data_type)).map(Some),
            None => Ok(None),
        },
        Expr::Interval(interval) => match (interval, interval.value.as_ref()) {
            (
                ast::Interval {
                    value: _,
                    leading_field: None,
                    leading_precision: None,
                    last_field: None,
                    fractional_seconds_precision: None,
                },
                Expr::Value(value),
            ) => match scalar(value, constants)? {
                Some(Constant::Value(Literal::Untyped(text))) => Ok(Some(typed(Type::Interval(None), text))),
                _ => Ok(None),
            },
            // With fields behind it: an expression like any other.
            _ => Ok(None),
        },
        Expr::Cast { kind: CastKind::Cast | CastKind::DoubleColon, expr, data_type, format: None } => {
            if let (Expr::Array(array), DataType::Array(_)) = (unnested(expr), data_type) {
                return list(&array.elem, Some(data_type), constants, depth);
            }
            match read(expr, constants, depth + 1)? {
                Some(constant) => cast(constant, type_of(data_type)).map(Some),
                None => Ok(None),
            }
        }
        Expr::Array(array) if array.named => list(&array.elem, None, constants, depth),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => match read(expr, constants, depth + 1)? {
            Some(constant) => negate(constant).map(Some),
            None => Ok(None),
        },
        Expr::UnaryOp { op: UnaryOperator::Plus, expr } => match read(expr, constants, depth + 1)? {
            Some(constant) => plus(constant).map(Some),
            None => Ok(None),
        },
        // Not a constant in any reading of this file.
        _ => Ok(None),
    }
}

/// A numeric constant with the minus signs directly before it: PostgreSQL folds them before it gives a type, so that
/// -2147483648 is int4 though 2147483648 is int8 (`doNegate`, `make_const`).
fn number(expr: &Expr, constants: &Constants<'_>) -> Result<Option<String>, Refusal> {
    let mut negative = false;
    let mut expr = expr;
    loop {
        match expr {
            Expr::Nested(inner) => expr = inner,
            Expr::UnaryOp { op: UnaryOperator::Minus, expr: inner } => {
                negative = !negative;
                expr = inner;
            }
            Expr::Value(value) => match &value.value {
                Value::Number(_, false) => return Ok(Some(signed(negative, &constants.value(value.span)?))),
                _ => return Ok(None),
            },
            _ => return Ok(None),
        }
    }
}

/// A number as it is written, with its sign.
pub(super) fn numeric(text: String) -> Constant {
    typed(number_type(&text), text)
}

/// TRUE or FALSE.
pub(super) fn boolean(value: bool) -> Constant {
    typed(Type::Bool, value.to_string())
}

fn number_type(text: &str) -> Type {
    match text.parse::<i64>() {
        Ok(number) if i32::try_from(number).is_ok() => Type::Int4,
        Ok(_) => Type::Int8,
        Err(_) => Type::Numeric(None),
    }
}

fn scalar(value: &ValueWithSpan, constants: &Constants<'_>) -> Result<Option<Constant>, Refusal> {
    let text = || constants.value(value.span).map(|text| text.into_owned());
    match &value.value {
        Value::SingleQuotedString(_)
        | Value::EscapedStringLiteral(_)
        | Value::UnicodeStringLiteral(_)
        | Value::DollarQuotedString(_) => Ok(Some(Constant::Value(Literal::Untyped(text()?)))),
        Value::Number(_, _) => Ok(Some(numeric(text()?))),
        Value::Boolean(value) => Ok(Some(boolean(*value))),
        Value::Null => Ok(Some(Constant::Null)),
        Value::Placeholder(_) => Ok(None),
        Value::SingleQuotedByteStringLiteral(_) | Value::HexStringLiteral(_) => Err(not_carried("a bit string")),
        Value::NationalStringLiteral(_) => Err(not_carried("a national character string")),
        Value::TripleSingleQuotedString(_)
        | Value::TripleDoubleQuotedString(_)
        | Value::DoubleQuotedByteStringLiteral(_)
        | Value::TripleSingleQuotedByteStringLiteral(_)
        | Value::TripleDoubleQuotedByteStringLiteral(_)
        | Value::SingleQuotedRawStringLiteral(_)
        | Value::DoubleQuotedRawStringLiteral(_)
        | Value::TripleSingleQuotedRawStringLiteral(_)
        | Value::TripleDoubleQuotedRawStringLiteral(_)
        | Value::QuoteDelimitedStringLiteral(_)
        | Value::NationalQuoteDelimitedStringLiteral(_)
        | Value::DoubleQuotedString(_) => Err(not_carried("a constant that PostgreSQL does not have")),
    }
}

/// An explicit cast, to a type that a protected column can have.
pub(super) fn cast(constant: Constant, to: Option<Type>) -> Result<Constant, Refusal> {
    let Some(to) = to else { return Err(not_carried("a cast to this type")) };
    // What is cut, or of another length, inside of an array is not reproduced.
    let cut_inside = to.element().is_some() && to.is_cut_by_casts();
    if cut_inside || matches!(to, Type::Bit(Some(_)) | Type::Varbit(Some(_))) {
        return Err(not_carried("a cast to this type"));
    }
    match constant {
        Constant::Null => Ok(Constant::Null),
        Constant::Value(Literal::Untyped(text)) => Ok(cast_text(to, text)),
        Constant::Value(Literal::Typed(from, text)) => cast_typed(from, to, text),
        Constant::Value(Literal::Array(_)) => Err(not_carried("a cast of an array")),
    }
}

/// From an untyped or text constant: the input function of the type reads it. An explicit cast to varchar(n) cuts
/// what is too long, where an assignment is an error.
fn cast_text(to: Type, text: String) -> Constant {
    match to {
        Type::Varchar(Some(length)) | Type::Bpchar(Some(length)) => {
            let most = usize::try_from(length).unwrap_or(usize::MAX);
            let text = match text.char_indices().nth(most) {
                Some((end, _)) => text.get(..end).unwrap_or("").to_owned(),
                None => text,
            };
            typed(to, text)
        }
        to => typed(to, text),
    }
}

fn cast_typed(from: Type, to: Type, text: String) -> Result<Constant, Refusal> {
    match (from, to) {
        (from, to) if from == to => Ok(typed(to, text)),
        (from, to) if from.is_integer() && to.is_integer() => {
            fits(&to, &text)?;
            Ok(typed(to, text))
        }
        (from, Type::Numeric(_)) if from.is_integer() => Ok(typed(to, text)),
        // A number goes to a float by way of its text.
        (from, to) if is_plain_number(&from) && to.is_float() => Ok(typed(to, text)),
        (from, Type::Text | Type::Varchar(_)) if from.is_integer() => match text.parse::<i64>() {
            // As the output function prints it: without the zeros of `007`.
            Ok(number) => Ok(cast_text(to, number.to_string())),
            Err(_) => Err(not_carried("a cast of this constant")),
        },
        // What the modifier of the first cast rounds or cuts must not be lost: only from a type without one.
        (Type::Numeric(None), Type::Numeric(Some(_)))
        | (Type::Timestamp(None), Type::Timestamp(Some(_)))
        | (Type::Timestamptz(None), Type::Timestamptz(Some(_))) => Ok(typed(to, text)),
        (Type::Text | Type::Varchar(_), to) => Ok(cast_text(to, text)),
        _ => Err(not_carried("a cast between these types")),
    }
}

/// A minus before it.
pub(super) fn negate(constant: Constant) -> Result<Constant, Refusal> {
    match constant {
        Constant::Null => Ok(Constant::Null),
        Constant::Value(Literal::Typed(ty, text)) if ty.is_integer() || ty == Type::Numeric(None) => {
            let text = match text.strip_prefix('-') {
                Some(positive) => positive.to_owned(),
                None => signed(true, &text),
            };
            if ty.is_integer() {
                fits(&ty, &text)?;
            }
            Ok(typed(ty, text))
        }
        Constant::Value(_) => Err(not_carried("a sign before anything but a number")),
    }
}

/// A plus before it.
pub(super) fn plus(constant: Constant) -> Result<Constant, Refusal> {
    match constant {
        Constant::Value(Literal::Typed(ty, text)) if ty.is_number() => Ok(typed(ty, text)),
        Constant::Value(_) | Constant::Null => Err(not_carried("a sign before anything but a number")),
    }
}

/// What an array is cast to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cast {
    /// Nothing.
    None,
    /// An array of this type; `None` for one that no protected column can have.
    To(Option<Type>),
}

fn list(
    items: &[Expr],
    to: Option<&DataType>,
    constants: &Constants<'_>,
    depth: usize,
) -> Result<Option<Constant>, Refusal> {
    let mut elements = Vec::with_capacity(items.len());
    for item in items {
        match read(item, constants, depth + 1)? {
            Some(constant) => elements.push(constant),
            None => return Ok(None),
        }
    }
    let to = match to {
        Some(DataType::Array(ArrayElemTypeDef::SquareBracket(element, _))) => Cast::To(type_of(element)),
        Some(_) => Cast::To(None),
        None => Cast::None,
    };
    array(elements, to).map(Some)
}

/// `ARRAY[…]`, under a cast or not. PostgreSQL gives all elements one type: that of the cast; else that of the typed
/// ones; else text.
pub(super) fn array(elements: Vec<Constant>, to: Cast) -> Result<Constant, Refusal> {
    let to = match to {
        Cast::To(element) => {
            let cast = |element_of: Constant| cast(element_of, element);
            return elements.into_iter().map(cast).collect::<Result<Vec<_>, _>>().map(collected);
        }
        Cast::None => common_type(&elements)?,
    };
    let element = |element| match element {
        // The elements have a type in common and no modifier (transformArrayExpr): that of one rounds or cuts no other.
        Constant::Value(Literal::Untyped(text)) => Ok(cast_text(to.unmodified(), text)),
        Constant::Value(Literal::Typed(from, text)) => cast_typed(from, to, text),
        Constant::Value(Literal::Array(_)) => Err(not_carried("an array of arrays")),
        Constant::Null => Ok(Constant::Null),
    };
    elements.into_iter().map(element).collect::<Result<Vec<_>, _>>().map(collected)
}

/// An array of constants as the constant that it is beside a column: its own text under the type that PostgreSQL gives
/// it. `None`: nothing in it has a type, or its elements have several modifiers.
pub fn array_constant(items: &[Option<Literal>]) -> Option<Literal> {
    let mut text = String::from("{");
    let mut element = None;
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        match item {
            None => text.push_str("NULL"),
            // What one of them was rounded or cut to says nothing of the others.
            Some(Literal::Typed(ty, _)) if element.is_some_and(|known| known != *ty) => return None,
            Some(Literal::Typed(ty, item)) => {
                element = Some(*ty);
                text.push('"');
                for character in item.chars() {
                    if matches!(character, '"' | '\\') {
                        text.push('\\');
                    }
                    text.push(character);
                }
                text.push('"');
            }
            Some(Literal::Untyped(_) | Literal::Array(_)) => return None,
        }
    }
    text.push('}');
    Some(Literal::Typed(element?.array()?, text))
}

fn collected(elements: Vec<Constant>) -> Constant {
    let literal = |element| match element {
        Constant::Null => None,
        Constant::Value(literal) => Some(literal),
    };
    Constant::Value(Literal::Array(elements.into_iter().map(literal).collect()))
}

/// The type of an ARRAY: integers and numbers are widened; other types must be the same.
fn common_type(elements: &[Constant]) -> Result<Type, Refusal> {
    let mut common: Option<Type> = None;
    for element in elements {
        let Constant::Value(Literal::Typed(ty, _)) = element else { continue };
        common = Some(match common {
            None => *ty,
            Some(common) if common == *ty => common,
            Some(common) if is_plain_number(&common) && is_plain_number(ty) => {
                if ty.outranks(&common) {
                    *ty
                } else {
                    common
                }
            }
            Some(_) => return Err(not_carried("an array of several types")),
        });
    }
    Ok(common.unwrap_or(Type::Text))
}

fn fits(ty: &Type, text: &str) -> Result<(), Refusal> {
    let number = text.parse::<i64>().ok();
    let fits = match ty {
        Type::Int2 => number.is_some_and(|number| i16::try_from(number).is_ok()),
        Type::Int4 => number.is_some_and(|number| i32::try_from(number).is_ok()),
        _ => number.is_some(),
    };
    match (fits, ty) {
        (true, _) => Ok(()),
        (false, Type::Int2) => Err(Refusal::error(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "smallint out of range")),
        (false, Type::Int4) => Err(Refusal::error(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "integer out of range")),
        (false, _) => Err(Refusal::error(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "bigint out of range")),
    }
}

/// An exact number without a modifier.
fn is_plain_number(ty: &Type) -> bool {
    ty.is_number() && *ty == ty.unmodified()
}

fn signed(negative: bool, digits: &str) -> String {
    let sign = if negative { "-" } else { "" };
    format!("{sign}{digits}")
}

fn typed(ty: Type, text: String) -> Constant {
    Constant::Value(Literal::Typed(ty, text))
}

pub(super) fn not_carried(what: &str) -> Refusal {
    Refusal::new(format!("{what} cannot be used with a protected column"))
        .hint("Write the constant in quotes, without a cast: it takes the column's type.")
}
