//! text and varchar(n): UTF-8 without NUL; n counts characters, trailing blanks are cut as PostgreSQL does.

use std::borrow::Cow;

use super::codec::{Codec, Sent, Signed};
use super::{Error, Type, Value};
use crate::error::SqlState;

pub(super) const TEXT: Codec = Codec::new(
    |_, text, _| Ok(Value::Text(Cow::Borrowed(text))),
    |_, bytes| utf8(bytes).map(|text| Value::Text(Cow::Borrowed(text))),
    Sent::Utf8,
);

pub(super) const VARCHAR: Codec = Codec {
    limit: |value, ty| match (value, ty) {
        (Value::Text(text), Type::Varchar(Some(n))) => limit(text, *n).map(Value::Text),
        (value, _) => Ok(value),
    },
    widest: Some(Type::Text),
    ..TEXT
};

pub(super) const BPCHAR: Codec = Codec {
    limit: |value, ty| match (value, ty) {
        (Value::Text(text), Type::Bpchar(Some(n))) => padded(text, *n).map(Value::Text),
        (value, _) => Ok(value),
    },
    sent: Sent::PaddedUtf8,
    signed: Signed::Trimmed,
    bare: Some("bpchar"),
    widest: Some(Type::Text),
    ..TEXT
};

pub(super) const NAME: Codec = Codec {
    read: |_, bytes| match utf8(bytes)? {
        text if text.len() > MOST_OF_NAME => Err(Error::new(SqlState::NAME_TOO_LONG, "identifier too long")),
        text => Ok(Value::Text(Cow::Borrowed(text))),
    },
    limit: |value, _| match value {
        Value::Text(text) if text.len() > MOST_OF_NAME => {
            let end = (0..=MOST_OF_NAME).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
            Ok(Value::Text(cut(text, end)))
        }
        value => Ok(value),
    },
    widest: Some(Type::Text),
    ..TEXT
};

/// NAMEDATALEN - 1.
pub(super) const MOST_OF_NAME: usize = 63;

/// Bytes as text of the server's encoding.
pub(super) fn utf8(bytes: &[u8]) -> Result<&str, Error> {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => Ok(text),
        _ => Err(Error::new(SqlState::CHARACTER_NOT_IN_REPERTOIRE, "invalid byte sequence for encoding \"UTF8\"")),
    }
}

/// At most `n` characters: an excess of blanks is cut, any other is 22001 (SQL:2016 4.2.1, as PostgreSQL does on
/// assignment).
fn limit<'a>(text: Cow<'a, str>, n: u32) -> Result<Cow<'a, str>, Error> {
    limit_of(text, n, "character varying")
}

/// The same of char(n), and no fewer: blanks are added.
fn padded<'a>(text: Cow<'a, str>, n: u32) -> Result<Cow<'a, str>, Error> {
    let text = limit_of(text, n, "character")?;
    let missing = usize::try_from(n).unwrap_or(usize::MAX).saturating_sub(text.chars().count());
    Ok(match missing {
        0 => text,
        missing => Cow::Owned(text.into_owned() + &" ".repeat(missing)),
    })
}

fn limit_of<'a>(text: Cow<'a, str>, n: u32, ty: &str) -> Result<Cow<'a, str>, Error> {
    let n = usize::try_from(n).unwrap_or(usize::MAX);
    // A character has at least one byte, so most texts need no count.
    if text.len() <= n {
        return Ok(text);
    }
    let Some((end, _)) = text.char_indices().nth(n) else { return Ok(text) };
    if text[end..].bytes().any(|byte| byte != b' ') {
        return Err(Error::new(SqlState::STRING_DATA_RIGHT_TRUNCATION, format!("value too long for type {ty}({n})")));
    }
    Ok(cut(text, end))
}

fn cut(text: Cow<'_, str>, end: usize) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[..end]),
        Cow::Owned(mut text) => {
            text.truncate(end);
            Cow::Owned(text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_counts_characters_and_forgives_blanks() {
        assert_eq!(limit("äöü".into(), 3).unwrap(), "äöü");
        assert_eq!(limit("äöü   ".into(), 4).unwrap(), "äöü ");
        let error = limit("äöüx".into(), 3).unwrap_err();
        assert_eq!(error.sqlstate, SqlState::STRING_DATA_RIGHT_TRUNCATION);
        assert_eq!(error.message, "value too long for type character varying(3)");
    }

    #[test]
    fn what_is_not_utf8_or_holds_nul_is_22021() {
        for bytes in [&b"\xff"[..], b"a\0b", b"\xed\xa0\x80"] {
            assert_eq!(utf8(bytes).unwrap_err().sqlstate, SqlState::CHARACTER_NOT_IN_REPERTOIRE);
        }
    }
}
