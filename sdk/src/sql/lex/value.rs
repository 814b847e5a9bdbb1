//! What a quoted token says: quotes, continuation lines and escapes taken away.

use std::borrow::Cow;

use super::quoted::{continuation, opening_dollar_quote};
use super::{Kind, LexError, Token};

const BAD_ESCAPE: &str = "invalid Unicode escape";
const BAD_VALUE: &str = "invalid Unicode escape value";
const BAD_PAIR: &str = "invalid Unicode surrogate pair";
const BAD_BYTES: &str = "invalid byte sequence for encoding \"UTF8\"";

/// The value of a string constant of any kind (the `$` quotes, continuation lines and escapes taken away), or of a
/// quoted identifier (not cut to 63 bytes). `U&` is read with the default escape. Other tokens are their own value.
pub fn unescape<'t>(text: &'t str, token: &Token) -> Result<Cow<'t, str>, LexError> {
    let source = token.text(text);
    let error = |what| LexError { what, at: token.range.start };
    match token.kind {
        Kind::String => Ok(unquote(source, 0, b'\'')),
        // A bit string holds no doubled quote: it ends at the first one.
        Kind::BitString | Kind::HexString | Kind::NationalString => Ok(unquote(source, 1, b'\'')),
        Kind::QuotedIdentifier => Ok(unquote(source, 0, b'"')),
        Kind::EscapeString => backslashes(source).map(Cow::Owned).map_err(error),
        Kind::UnicodeString => code_points(&unquote(source, 2, b'\'')).map(Cow::Owned).map_err(error),
        Kind::UnicodeIdentifier => code_points(&unquote(source, 2, b'"')).map(Cow::Owned).map_err(error),
        Kind::DollarString => {
            let quote = opening_dollar_quote(source.as_bytes()).unwrap_or(0);
            Ok(Cow::Borrowed(source.get(quote..source.len() - quote).unwrap_or("")))
        }
        Kind::Word
        | Kind::Integer
        | Kind::Float
        | Kind::Param
        | Kind::Operator
        | Kind::Symbol(_)
        | Kind::TypeCast
        | Kind::DotDot
        | Kind::ColonEquals
        | Kind::EqualsGreater => Ok(Cow::Borrowed(source)),
    }
}

/// The text between the quotes; a doubled quote is one, and a continuation joins two texts.
fn unquote(source: &str, prefix: usize, quote: u8) -> Cow<'_, str> {
    let inside = source.get(prefix + 1..source.len().saturating_sub(1)).unwrap_or("");
    if !inside.as_bytes().contains(&quote) {
        return Cow::Borrowed(inside);
    }
    let bytes = source.as_bytes();
    let mut value = String::with_capacity(inside.len());
    let mut at = prefix + 1;
    let mut copied = at;
    while let Some(&byte) = bytes.get(at) {
        if byte != quote {
            at += 1;
            continue;
        }
        value.push_str(source.get(copied..at).unwrap_or(""));
        if bytes.get(at + 1) == Some(&quote) {
            value.push(char::from(quote));
            at += 2;
        } else if let Some(next) = continuation(bytes, at + 1) {
            at = next + 1;
        } else {
            break;
        }
        copied = at;
    }
    Cow::Owned(value)
}

/// The value of `E'…'`.
fn backslashes(source: &str) -> Result<String, &'static str> {
    let bytes = source.as_bytes();
    let mut value = Vec::with_capacity(bytes.len());
    let mut pair = Surrogates::default();
    let mut at = 2;
    while let Some(&byte) = bytes.get(at) {
        match (byte, bytes.get(at + 1).copied()) {
            (b'\\', Some(escape @ (b'u' | b'U'))) => {
                let digits = if escape == b'u' { 4 } else { 8 };
                let unit = hexadecimal(bytes, at + 2, digits).ok_or(BAD_ESCAPE)?;
                if let Some(char) = pair.push(unit)? {
                    value.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
                }
                at += 2 + digits;
                continue;
            }
            _ if pair.is_open() => return Err(BAD_PAIR),
            (b'\\', Some(escape)) => {
                at += 2;
                at += escaped_byte(bytes, at, escape, &mut value)?;
            }
            (b'\'', Some(b'\'')) => {
                value.push(b'\'');
                at += 2;
            }
            (b'\'', _) => match continuation(bytes, at + 1) {
                Some(next) => at = next + 1,
                None => break,
            },
            (_, _) => {
                value.push(byte);
                at += 1;
            }
        }
    }
    match String::from_utf8(value) {
        Ok(value) if !value.contains('\0') => Ok(value),
        _ => Err(BAD_BYTES),
    }
}

/// Writes the byte of a backslash escape that is not `\u`; `at` is just after `escape`. Returns how many more bytes
/// belong to it.
fn escaped_byte(bytes: &[u8], at: usize, escape: u8, value: &mut Vec<u8>) -> Result<usize, &'static str> {
    let digits = |from: usize, most: usize, radix: u32| {
        let is_digit = |byte: &&u8| char::from(**byte).is_digit(radix);
        let digits = bytes.get(from..).unwrap_or_default().iter().take(most).take_while(is_digit);
        digits.fold((0, 0_u32), |(count, number), &byte| {
            (count + 1, number * radix + char::from(byte).to_digit(radix).unwrap_or(0))
        })
    };
    match escape {
        b'b' => value.push(0x08),
        b'f' => value.push(0x0c),
        b'n' => value.push(b'\n'),
        b'r' => value.push(b'\r'),
        b't' => value.push(b'\t'),
        // PostgreSQL's versions do not agree whether this is a vertical tab or a letter.
        b'v' => return Err("the escape \\v has no one meaning"),
        b'0'..=b'7' => {
            let (count, number) = digits(at - 1, 3, 8);
            value.push(number.to_le_bytes()[0]);
            return Ok(count - 1);
        }
        b'x' => match digits(at, 2, 16) {
            (0, _) => value.push(b'x'),
            (count, number) => {
                value.push(number.to_le_bytes()[0]);
                return Ok(count);
            }
        },
        _ => value.push(escape),
    }
    Ok(0)
}

/// The value of the inside of `U&'…'`, with the escape character `\`.
fn code_points(inside: &str) -> Result<String, &'static str> {
    let bytes = inside.as_bytes();
    let mut value = String::with_capacity(inside.len());
    let mut pair = Surrogates::default();
    let mut at = 0;
    while let Some(rest) = inside.get(at..).filter(|rest| !rest.is_empty()) {
        let (digits, prefix) = match (bytes.get(at), bytes.get(at + 1)) {
            (Some(b'\\'), Some(b'+')) => (6, 2),
            (Some(b'\\'), Some(b'\\')) => (0, 2),
            (Some(b'\\'), _) => (4, 1),
            _ => (0, 0),
        };
        if digits > 0 {
            let unit = hexadecimal(bytes, at + prefix, digits).ok_or(BAD_ESCAPE)?;
            value.extend(pair.push(unit)?);
            at += prefix + digits;
        } else if pair.is_open() {
            return Err(BAD_PAIR);
        } else if prefix > 0 {
            value.push('\\');
            at += prefix;
        } else {
            let plain = rest.find('\\').unwrap_or(rest.len());
            value.push_str(rest.get(..plain).unwrap_or(""));
            at += plain;
        }
    }
    match pair.is_open() {
        true => Err(BAD_PAIR),
        false => Ok(value),
    }
}

/// Exactly `digits` hexadecimal digits.
fn hexadecimal(bytes: &[u8], from: usize, digits: usize) -> Option<u32> {
    bytes
        .get(from..from + digits)?
        .iter()
        .try_fold(0_u32, |number, &byte| Some(number.checked_mul(16)? + char::from(byte).to_digit(16)?))
}

/// Joins UTF-16 surrogate pairs that are written as two escapes.
#[derive(Default)]
struct Surrogates {
    high: Option<u32>,
}

impl Surrogates {
    fn is_open(&self) -> bool {
        self.high.is_some()
    }

    fn push(&mut self, unit: u32) -> Result<Option<char>, &'static str> {
        match (self.high.take(), unit) {
            (Some(high), 0xdc00..=0xdfff) => {
                char::from_u32(0x10000 + ((high - 0xd800) << 10) + (unit - 0xdc00)).map(Some).ok_or(BAD_PAIR)
            }
            (Some(_), _) | (None, 0xdc00..=0xdfff) => Err(BAD_PAIR),
            (None, 0xd800..=0xdbff) => {
                self.high = Some(unit);
                Ok(None)
            }
            (None, 0) => Err(BAD_VALUE),
            (None, _) => char::from_u32(unit).map(Some).ok_or(BAD_VALUE),
        }
    }
}
