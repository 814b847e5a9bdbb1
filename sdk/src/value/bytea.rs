//! bytea: hex and escape input, hex output.

use std::borrow::Cow;

use super::codec::{Codec, Sent, Shape, ShownBy};
use super::{Error, Value};
use crate::error::SqlState;

pub(super) const CODEC: Codec = Codec {
    shape: Shape::Bytes,
    shown_by: ShownBy::ByteaOutput,
    ..Codec::new(
        |_, text, _| parse(text).map(|bytes| Value::Bytea(Cow::Owned(bytes))),
        |_, bytes| Ok(Value::Bytea(Cow::Borrowed(bytes))),
        Sent::By("byteasend"),
    )
};

/// `\x` and pairs of hex digits with blanks between the pairs, or the escape format (`\\`, `\ooo`).
pub(super) fn parse(text: &str) -> Result<Vec<u8>, Error> {
    match text.strip_prefix("\\x") {
        Some(digits) => hex(digits),
        None => escape(text.as_bytes()),
    }
}

fn hex(text: &str) -> Result<Vec<u8>, Error> {
    let invalid = || Error::new(SqlState::INVALID_PARAMETER_VALUE, "invalid hexadecimal data");
    let mut out = Vec::with_capacity(text.len() / 2);
    let mut chars = text.chars();
    while let Some(high) = chars.next() {
        // Fewer than C's isspace has.
        if matches!(high, ' ' | '\n' | '\t' | '\r') {
            continue;
        }
        let low = chars.next().and_then(|c| c.to_digit(16)).ok_or_else(invalid)?;
        let high = high.to_digit(16).ok_or_else(invalid)?;
        out.push(u8::try_from(high << 4 | low).map_err(|_| invalid())?);
    }
    Ok(out)
}

fn escape(mut bytes: &[u8]) -> Result<Vec<u8>, Error> {
    let mut out = Vec::with_capacity(bytes.len());
    while let [first, rest @ ..] = bytes {
        (bytes, _) = match (first, rest) {
            (b'\\', [b'\\', rest @ ..]) => (rest, out.push(b'\\')),
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', rest @ ..]) => {
                (rest, out.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0')))
            }
            (b'\\', _) => {
                return Err(Error::new(SqlState::INVALID_TEXT_REPRESENTATION, "invalid input syntax for type bytea"));
            }
            (byte, rest) => (rest, out.push(*byte)),
        };
    }
    Ok(out)
}

/// `\x` and lower-case hex digits.
pub(super) fn render(bytes: &[u8], out: &mut Vec<u8>) {
    out.reserve(2 + 2 * bytes.len());
    out.extend_from_slice(b"\\x");
    out.extend(bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]));
}

/// A lower-case hex digit.
pub(super) fn digit(nibble: u8) -> u8 {
    nibble + if nibble < 10 { b'0' } else { b'a' - 10 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_input_formats_are_read() {
        assert_eq!(parse("\\xDEad Be ef").unwrap(), b"\xde\xad\xbe\xef");
        assert_eq!(parse("\\x").unwrap(), b"");
        assert_eq!(parse("a\\\\b\\000\\377é").unwrap(), [b"a\\b\0\xff".as_slice(), "é".as_bytes()].concat());
        for (text, state) in
            [("\\xa", "22023"), ("\\xa g", "22023"), ("\\x00\x0b", "22023"), ("\\400", "22P02"), ("a\\", "22P02")]
        {
            assert_eq!(parse(text).unwrap_err().sqlstate.code(), state, "{text}");
        }
    }

    #[test]
    fn output_is_hex() {
        let mut out = Vec::new();
        render(b"\0\xab", &mut out);
        assert_eq!(out, b"\\x00ab");
    }
}
