//! Operators, cut by PostgreSQL's rule (manual, "Operators": no comment start, no trailing `+` or `-` without one of
//! `~ ! @ # % ^ & | ` ?`).

use super::scan::Scanner;
use super::{Kind, LexError, MAX_NAME};

/// `op_chars` of scan.l.
pub(super) fn is_part(byte: u8) -> bool {
    matches!(
        byte,
        b'~' | b'!'
            | b'@'
            | b'#'
            | b'^'
            | b'&'
            | b'|'
            | b'`'
            | b'?'
            | b'+'
            | b'-'
            | b'*'
            | b'/'
            | b'%'
            | b'<'
            | b'>'
            | b'='
    )
}

/// The characters that allow an operator to end in `+` or `-`.
fn frees_the_end(byte: u8) -> bool {
    matches!(byte, b'~' | b'!' | b'@' | b'#' | b'^' | b'&' | b'|' | b'`' | b'?' | b'%')
}

impl Scanner<'_> {
    /// An operator; the caller saw its first character.
    pub(super) fn operator(&mut self) -> Result<Kind, LexError> {
        let start = self.at;
        if start < self.singles {
            return Ok(self.take(1, Kind::Operator));
        }
        while self.peek(0).is_some_and(is_part) && !self.at_comment() {
            self.at += 1;
        }
        let run = self.bytes.get(start..self.at).unwrap_or_default();
        let mut length = run.len();
        if !run.iter().any(|&byte| frees_the_end(byte)) {
            while length > 1 && matches!(run.get(length - 1), Some(b'+' | b'-')) {
                length -= 1;
            }
            // What was cut off holds only signs: each is an operator of its own. Remembered, so that a long run is
            // not looked at once per sign.
            self.singles = start + run.len();
        }
        self.at = start + length;
        match run.get(..length) {
            Some(b"=>") => Ok(Kind::EqualsGreater),
            _ if length > MAX_NAME => Err(LexError { what: "operator too long", at: start }),
            _ => Ok(Kind::Operator),
        }
    }
}
