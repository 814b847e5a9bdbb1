//! oid and pg_lsn: unsigned numbers.

use super::bool::is_space;
use super::codec::{Codec, Sent, Shape};
use super::{Error, Type, Value, digits, exactly};
use crate::error::SqlState;

pub(super) const OID: Codec = Codec {
    shape: Shape::Number,
    ..Codec::new(
        |_, text, _| parse(text).map(Value::Oid),
        |_, bytes| exactly(bytes).map(|bytes| Value::Oid(u32::from_be_bytes(bytes))),
        Sent::By("oidsend"),
    )
};

pub(super) const PG_LSN: Codec = Codec::new(
    |_, text, _| parse_lsn(text).map(Value::Lsn),
    |_, bytes| exactly(bytes).map(|bytes| Value::Lsn(u64::from_be_bytes(bytes))),
    Sent::By("pg_lsn_send"),
);

/// Decimal digits; a negative number of an int4 is the oid with its bits.
///
/// # Errors
/// 22P02, 22003; 0A000 for digits that PostgreSQL reads otherwise since version 16.
fn parse(text: &str) -> Result<u32, Error> {
    let text = text.trim_matches(is_space);
    let (negative, digits) = match text.as_bytes() {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if let [b'0', b'0'..=b'9' | b'x' | b'X', ..] = digits {
        return Err(Error::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            "a protected oid is read in decimal digits without a leading zero only",
        ));
    }
    let (digits, behind) = digits.split_at(digits.iter().take_while(|byte| byte.is_ascii_digit()).count());
    let range = || Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "value is out of range for type oid");
    if digits.is_empty() || !behind.is_empty() {
        // More than C's unsigned long is found before what follows it.
        let fits = digits.is_empty() || std::str::from_utf8(digits).is_ok_and(|digits| digits.parse::<u64>().is_ok());
        let invalid = || Error::new(SqlState::INVALID_TEXT_REPRESENTATION, "invalid input syntax for type oid");
        return Err(if fits { invalid() } else { range() });
    }
    let number = digits.iter().try_fold(0i64, |sum, digit| sum.checked_mul(10)?.checked_add(i64::from(digit - b'0')));
    let number = number.map(|number| if negative { -number } else { number }).ok_or_else(range)?;
    match (u32::try_from(number), i32::try_from(number)) {
        (Ok(oid), _) => Ok(oid),
        (_, Ok(signed)) => Ok(signed.cast_unsigned()),
        _ => Err(range()),
    }
}

/// An integer as oid: of an int8 the number, of the others the bits of an int4.
pub(super) fn of_integer(value: i64, from: &Type) -> Result<u32, Error> {
    let range = || Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "OID out of range");
    match (from, i32::try_from(value)) {
        (Type::Int2 | Type::Int4, Ok(value)) => Ok(value.cast_unsigned()),
        _ => u32::try_from(value).map_err(|_| range()),
    }
}

/// Two hexadecimal numbers with a slash between.
fn parse_lsn(text: &str) -> Result<u64, Error> {
    let half = |digits: &str| match digits.len() {
        1..=8 if digits.bytes().all(|byte| byte.is_ascii_hexdigit()) => u64::from_str_radix(digits, 16).ok(),
        _ => None,
    };
    text.split_once('/')
        .and_then(|(high, low)| Some(half(high)? << 32 | half(low)?))
        .ok_or_else(|| Error::new(SqlState::INVALID_TEXT_REPRESENTATION, "invalid input syntax for type pg_lsn"))
}

/// Decimal.
pub(super) fn render(oid: u32, out: &mut Vec<u8>) {
    digits::push(oid.into(), out);
}

/// Upper-case digits.
pub(super) fn render_lsn(lsn: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("{:X}/{:X}", lsn >> 32, lsn & 0xffff_ffff).as_bytes());
}
