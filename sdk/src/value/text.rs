//! text and varchar(n): UTF-8 without NUL; n counts characters, trailing blanks are cut as PostgreSQL does.

use std::borrow::Cow;

use super::codec::{Codec, Sent};
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

/// Bytes as text of the server's encoding.
pub(super) fn utf8(bytes: &[u8]) -> Result<&str, Error> {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => Ok(text),
        _ => Err(Error::new(SqlState::CHARACTER_NOT_IN_REPERTOIRE, "invalid byte sequence for encoding \"UTF8\"")),
    }
}

/// At most `n` characters: an excess of blanks is cut, any other is 22001 (SQL:2016 4.2.1, as PostgreSQL does on
/// assignment).
pub(super) fn limit<'a>(text: Cow<'a, str>, n: u32) -> Result<Cow<'a, str>, Error> {
    let n = usize::try_from(n).unwrap_or(usize::MAX);
    // A character has at least one byte, so most texts need no count.
    if text.len() <= n {
        return Ok(text);
    }
    let Some((end, _)) = text.char_indices().nth(n) else { return Ok(text) };
    if text[end..].bytes().any(|byte| byte != b' ') {
        return Err(Error::new(
            SqlState::STRING_DATA_RIGHT_TRUNCATION,
            format!("value too long for type character varying({n})"),
        ));
    }
    Ok(match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[..end]),
        Cow::Owned(mut text) => {
            text.truncate(end);
            Cow::Owned(text)
        }
    })
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
