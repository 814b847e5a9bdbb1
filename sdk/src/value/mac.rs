//! macaddr and macaddr8: every spelling that PostgreSQL takes, one output with colons.

use super::bool::is_space;
use super::bytea::digit;
use super::codec::{Codec, Sent};
use super::{Error, Value, exactly};
use crate::error::SqlState;

pub(super) const MACADDR: Codec = Codec::new(
    |_, text, _| parse(text).map(Value::Macaddr),
    |_, bytes| exactly(bytes).map(Value::Macaddr),
    Sent::By("macaddr_send"),
);

pub(super) const MACADDR8: Codec = Codec::new(
    |_, text, _| parse8(text).map(Value::Macaddr8),
    |_, bytes| match <[u8; 6]>::try_from(bytes) {
        Ok(short) => Ok(Value::Macaddr8(widened(short))),
        Err(_) => exactly(bytes).map(Value::Macaddr8),
    },
    Sent::By("macaddr8_send"),
);

/// Six octets with colons or hyphens, of one digit or more; or of two digits in groups of three, two or six.
fn parse(text: &str) -> Result<[u8; 6], Error> {
    let invalid = || Error::new(SqlState::INVALID_TEXT_REPRESENTATION, "invalid input syntax for type macaddr");
    let text = text.trim_matches(is_space);
    // What sscanf takes for a hexadecimal number and nobody writes.
    let signed = ["--", ":-", ".-"].iter().any(|sign| text.contains(sign));
    if signed
        || text.starts_with('-')
        || text.bytes().any(|byte| is_space(byte.into()) || matches!(byte, b'x' | b'X' | b'+'))
    {
        let message = "a protected macaddr is read in hexadecimal digits with one kind of separator only";
        return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message));
    }
    for separator in [':', '-'] {
        let groups: Vec<&str> = text.split(separator).collect();
        if groups.len() == 6 {
            return octets(&groups).ok_or_else(invalid)?;
        }
    }
    for (separator, count) in [(':', 2), ('-', 2), ('.', 3), ('-', 3), ('\0', 1)] {
        let groups: Vec<&str> = text.split(separator).collect();
        if groups.len() == count {
            return pairs(&groups).ok_or_else(invalid);
        }
    }
    Err(invalid())
}

/// `None` if one is no number.
fn octets(groups: &[&str]) -> Option<Result<[u8; 6], Error>> {
    let mut address = [0; 6];
    let mut fits = true;
    for (octet, group) in address.iter_mut().zip(groups) {
        if group.is_empty() || !group.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        match u8::from_str_radix(group, 16) {
            Ok(value) => *octet = value,
            Err(_) => fits = false,
        }
    }
    let range = || Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "invalid octet value in \"macaddr\" value");
    Some(if fits { Ok(address) } else { Err(range()) })
}

/// Pairs of digits, of which the last of a group may be one digit.
fn pairs(groups: &[&str]) -> Option<[u8; 6]> {
    let mut address = [0; 6];
    let mut places = address.iter_mut();
    let per_group = 6 / groups.len();
    for group in groups {
        if !group.bytes().all(|byte| byte.is_ascii_hexdigit()) || group.len().div_ceil(2) != per_group {
            return None;
        }
        for pair in group.as_bytes().chunks(2) {
            *places.next()? = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
    }
    Some(address)
}

/// Six or eight pairs of digits, with one kind of separator where there is any.
fn parse8(text: &str) -> Result<[u8; 8], Error> {
    read8(text.trim_start_matches(is_space).as_bytes())
        .ok_or_else(|| Error::new(SqlState::INVALID_TEXT_REPRESENTATION, "invalid input syntax for type macaddr8"))
}

/// As macaddr8_in reads it: a single byte at the end is not looked at.
fn read8(mut rest: &[u8]) -> Option<[u8; 8]> {
    let mut address = [0; 8];
    let (mut count, mut separator) = (0, None);
    while let [high, low, tail @ ..] = rest {
        let nibble = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        *address.get_mut(count)? = nibble(*high)? << 4 | nibble(*low)?;
        count += 1;
        rest = tail;
        if let [mark @ (b':' | b'-' | b'.'), tail @ ..] = rest {
            if *separator.get_or_insert(*mark) != *mark {
                return None;
            }
            rest = tail;
        }
        if matches!(count, 6 | 8)
            && let [first, ..] = rest
            && is_space(char::from(*first))
        {
            rest = rest.trim_ascii_start();
            while let [b'\x0b', tail @ ..] = rest {
                rest = tail.trim_ascii_start();
            }
            if !rest.is_empty() {
                return None;
            }
        }
    }
    match (count, address) {
        (6, [a, b, c, d, e, f, ..]) => Some(widened([a, b, c, d, e, f])),
        (8, address) => Some(address),
        _ => None,
    }
}

/// A macaddr as macaddr8 has it (EUI-64).
pub(super) fn widened([a, b, c, d, e, f]: [u8; 6]) -> [u8; 8] {
    [a, b, c, 0xff, 0xfe, d, e, f]
}

/// The macaddr that a macaddr8 is, if it is one.
pub(super) fn narrowed(address: [u8; 8]) -> Option<[u8; 6]> {
    match address {
        [a, b, c, 0xff, 0xfe, d, e, f] => Some([a, b, c, d, e, f]),
        _ => None,
    }
}

/// Lower-case pairs with colons.
pub(super) fn render(address: &[u8], out: &mut Vec<u8>) {
    for (index, octet) in address.iter().enumerate() {
        if index > 0 {
            out.push(b':');
        }
        out.extend_from_slice(&[digit(octet >> 4), digit(octet & 15)]);
    }
}
