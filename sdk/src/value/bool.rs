//! bool: input spellings of PostgreSQL's boolin, one byte in binary.

use super::codec::{Codec, Sent, Shape};
use super::{Error, Value, exactly};
use crate::error::SqlState;

pub(super) const CODEC: Codec = Codec {
    shape: Shape::Bool,
    // boolrecv takes any byte that is not zero for true.
    ..Codec::new(
        |_, text, _| parse(text).map(Value::Bool),
        |_, bytes| Ok(Value::Bool(exactly(bytes)? != [0])),
        Sent::By("boolsend"),
    )
};

/// Any unique prefix of true, false, yes, no, on, off, or 1 and 0; any case, blanks around.
pub(super) fn parse(text: &str) -> Result<bool, Error> {
    let word = text.trim_matches(is_space);
    let is_prefix = |full: &str, shortest: usize| {
        word.len() >= shortest && full.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
    };
    if is_prefix("true", 1) || is_prefix("yes", 1) || is_prefix("on", 2) || word == "1" {
        Ok(true)
    } else if is_prefix("false", 1) || is_prefix("no", 1) || is_prefix("off", 2) || word == "0" {
        Ok(false)
    } else {
        Err(Error::new(SqlState::INVALID_TEXT_REPRESENTATION, "invalid input syntax for type boolean"))
    }
}

/// Blanks as C's isspace has them, which most input functions skip.
pub(super) fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn postgresqls_spellings_are_read() {
        for text in ["t", "TRUE", " tr ", "y", "yes", "on", "1"] {
            assert!(parse(text).unwrap(), "{text}");
        }
        for text in ["f", "False", "n", "NO", "of", "off", "0\n"] {
            assert!(!parse(text).unwrap(), "{text}");
        }
        for text in ["", "o", "2", "truee", "tru e", "10"] {
            assert_eq!(parse(text).unwrap_err().sqlstate, SqlState::INVALID_TEXT_REPRESENTATION, "{text}");
        }
    }
}
