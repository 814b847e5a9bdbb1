//! int2, int4, int8: PostgreSQL's integer input (22P02, 22003), big-endian in binary and in S.

use super::bool::is_space;
use super::{Error, Type};
use crate::error::SqlState;

/// Decimal digits with an optional sign and blanks around. PostgreSQL 16 on reads 0x, 0o, 0b and underscores as well;
/// older ones do not, so they are refused here.
pub(super) fn parse(ty: &Type, text: &str) -> Result<i64, Error> {
    let trimmed = text.trim_matches(is_space);
    let (negative, digits) = match trimmed.as_bytes().split_first() {
        Some((b'-', _)) => (true, &trimmed[1..]),
        Some((b'+', _)) => (false, &trimmed[1..]),
        _ => (false, trimmed),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Error::new(SqlState::INVALID_TEXT_REPRESENTATION, format!("invalid input syntax for type {ty}")));
    }
    let magnitude: i128 =
        digits.trim_start_matches('0').parse().or_else(|_| match digits.bytes().all(|b| b == b'0') {
            true => Ok(0),
            false => Err(out_of_range(ty)),
        })?;
    i64::try_from(if negative { -magnitude } else { magnitude })
        .map_err(|_| out_of_range(ty))
        .and_then(|value| in_range(ty, value))
}

/// The value, if an integer of this type can hold it.
pub(super) fn in_range(ty: &Type, value: i64) -> Result<i64, Error> {
    let fits = match ty {
        Type::Int2 => i16::try_from(value).is_ok(),
        Type::Int4 => i32::try_from(value).is_ok(),
        _ => true,
    };
    if fits { Ok(value) } else { Err(out_of_range(ty)) }
}

pub(super) fn out_of_range(ty: &Type) -> Error {
    Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, format!("value is out of range for type {ty}"))
}

/// Big-endian in the width of the type.
pub(super) fn write(ty: &Type, value: i64, out: &mut Vec<u8>) {
    let bytes = value.to_be_bytes();
    // The value is within its type's range, so the bytes that are cut hold only its sign.
    let width = usize::try_from(ty.typlen()).unwrap_or(8).min(8);
    out.extend_from_slice(&bytes[8 - width..]);
}

/// The reverse of [`write`]; the length must be the type's.
pub(super) fn read(ty: &Type, bytes: &[u8]) -> Result<i64, Error> {
    let wrong = || Error::new(SqlState::INVALID_BINARY_REPRESENTATION, format!("wrong length for type {ty}"));
    match ty {
        Type::Int2 => bytes.try_into().map(|bytes| i64::from(i16::from_be_bytes(bytes))).map_err(|_| wrong()),
        Type::Int4 => bytes.try_into().map(|bytes| i64::from(i32::from_be_bytes(bytes))).map_err(|_| wrong()),
        _ => bytes.try_into().map(i64::from_be_bytes).map_err(|_| wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_those_of_the_type() {
        assert_eq!(parse(&Type::Int2, " -32768 ").unwrap(), -32768);
        assert_eq!(parse(&Type::Int2, "32768").unwrap_err().sqlstate, SqlState::NUMERIC_VALUE_OUT_OF_RANGE);
        assert_eq!(parse(&Type::Int4, "+0002147483647").unwrap(), 2_147_483_647);
        assert_eq!(parse(&Type::Int4, "2147483648").unwrap_err().sqlstate, SqlState::NUMERIC_VALUE_OUT_OF_RANGE);
        assert_eq!(parse(&Type::Int8, "-9223372036854775808").unwrap(), i64::MIN);
        let long = "9".repeat(500);
        assert_eq!(parse(&Type::Int8, &long).unwrap_err().sqlstate, SqlState::NUMERIC_VALUE_OUT_OF_RANGE);
        assert_eq!(parse(&Type::Int8, &"0".repeat(500)).unwrap(), 0);
    }

    #[test]
    fn what_is_no_integer_is_22p02_without_the_text() {
        for text in ["", " ", "-", "1.0", "1e3", "0x10", "1_000", "abc", "1 2", "--1"] {
            let error = parse(&Type::Int4, text).unwrap_err();
            assert_eq!(error.sqlstate, SqlState::INVALID_TEXT_REPRESENTATION, "{text}");
            assert_eq!(error.message, "invalid input syntax for type integer");
        }
    }

    #[test]
    fn binary_has_the_width_of_the_type() {
        let mut out = Vec::new();
        write(&Type::Int2, -2, &mut out);
        assert_eq!(out, [0xff, 0xfe]);
        assert_eq!(read(&Type::Int2, &out).unwrap(), -2);
        assert!(read(&Type::Int4, &out).is_err());
    }
}
