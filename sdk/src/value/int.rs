//! int2, int4, int8: PostgreSQL's integer input (22P02, 22003), big-endian in binary and in S.

use super::bool::is_space;
use super::codec::{Codec, Sent, Shape, Signed};
use super::{Error, Type, Value, exactly};
use crate::error::SqlState;

pub(super) const INT2: Codec = codec("int2send");
pub(super) const INT4: Codec = codec("int4send");
pub(super) const INT8: Codec = codec("int8send");

const fn codec(send: &'static str) -> Codec {
    Codec {
        shape: Shape::Integer,
        signed: Signed::Widened,
        widest: Some(Type::Int8),
        ..Codec::new(
            |ty, text, _| parse(ty, text).map(Value::Int),
            |ty, bytes| read(ty, bytes).map(Value::Int),
            Sent::By(send),
        )
    }
}

/// Decimal digits with an optional sign and blanks around.
///
/// # Errors
/// 22P02, 22003; 0A000 for 0x, 0o, 0b and underscores, which PostgreSQL reads since version 16.
pub(super) fn parse(ty: &Type, text: &str) -> Result<i64, Error> {
    let trimmed = text.trim_matches(is_space);
    let (negative, digits) = match trimmed.as_bytes() {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    let len = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if len == 0 || (len < digits.len() && might_be_read(digits)) {
        return Err(not_decimal(ty, digits));
    }
    let (digits, behind) = digits.split_at(len);
    // Counted downwards: the smallest integer has no positive counterpart.
    let value = digits.iter().try_fold(0i64, |sum, digit| sum.checked_mul(10)?.checked_sub(i64::from(digit - b'0')));
    value
        .and_then(|value| if negative { Some(value) } else { value.checked_neg() })
        .ok_or_else(|| out_of_range(ty))
        .and_then(|value| in_range(ty, value))
        // What is too large is found before what follows it.
        .and_then(|value| if behind.is_empty() { Ok(value) } else { Err(not_decimal(ty, behind)) })
}

/// The error for what is no plain decimal number; `digits` is what stands behind the sign.
pub(super) fn not_decimal(ty: &Type, digits: &[u8]) -> Error {
    if might_be_read(digits) {
        return Error::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            format!("a protected {ty} is read in plain decimal digits only"),
        );
    }
    Error::new(SqlState::INVALID_TEXT_REPRESENTATION, format!("invalid input syntax for type {ty}"))
}

/// Whether it may be one of the spellings that PostgreSQL reads since version 16.
fn might_be_read(digits: &[u8]) -> bool {
    let radix = matches!(
        digits,
        [b'0', b'x' | b'X' | b'o' | b'O' | b'b' | b'B', b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F' | b'_', ..]
    );
    let grouped = digits.windows(3).any(|part| matches!(part, [b'0'..=b'9', b'_', b'0'..=b'9']));
    (radix || grouped) && digits.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_.+-".contains(byte))
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
    match ty {
        Type::Int2 => exactly(bytes).map(i16::from_be_bytes).map(i64::from),
        Type::Int4 => exactly(bytes).map(i32::from_be_bytes).map(i64::from),
        _ => exactly(bytes).map(i64::from_be_bytes),
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
        for text in ["", " ", "-", "1.0", "1e3", "abc", "1 2", "--1"] {
            let error = parse(&Type::Int4, text).unwrap_err();
            assert_eq!(error.sqlstate, SqlState::INVALID_TEXT_REPRESENTATION, "{text}");
            assert_eq!(error.message, "invalid input syntax for type integer");
        }
    }

    #[test]
    fn what_is_too_large_is_found_before_what_follows_it() {
        for (text, state) in [("32768x", "22003"), ("32767x", "22P02"), ("-99999999999999999999 1", "22003")] {
            assert_eq!(parse(&Type::Int2, text).unwrap_err().sqlstate.code(), state, "{text}");
        }
    }

    #[test]
    fn spellings_of_newer_servers_are_refused() {
        for text in ["0x1F", "-0o17", "0b_1", "1_000"] {
            assert_eq!(parse(&Type::Int4, text).unwrap_err().sqlstate, SqlState::FEATURE_NOT_SUPPORTED, "{text}");
        }
        for text in ["0x", "_1", "1_", "1__0", "0xg", "1_0 0"] {
            assert_eq!(parse(&Type::Int4, text).unwrap_err().sqlstate, SqlState::INVALID_TEXT_REPRESENTATION, "{text}");
        }
    }

    #[test]
    fn binary_has_the_width_of_the_type() {
        let mut out = Vec::new();
        write(&Type::Int2, -2, &mut out);
        assert_eq!(out, [0xff, 0xfe]);
        assert_eq!(read(&Type::Int2, &out).unwrap(), -2);
        assert_eq!(read(&Type::Int4, &out).unwrap_err().sqlstate, SqlState::PROTOCOL_VIOLATION, "too short");
        assert_eq!(read(&Type::Int2, &[0; 3]).unwrap_err().sqlstate, SqlState::INVALID_BINARY_REPRESENTATION);
    }
}
