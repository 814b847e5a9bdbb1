//! The scanner: skips white space and comments, looks at the first bytes of a token and hands over to its kind.

use super::{
    Kind, LexError, Strings, Token, UNSAFE_UNICODE, continues_identifier, is_newline, is_space, operator,
    starts_identifier,
};

/// Reads one token after another.
pub(super) struct Scanner<'t> {
    pub(super) bytes: &'t [u8],
    pub(super) text: &'t str,
    pub(super) at: usize,
    pub(super) strings: Strings,
    /// Up to here a run of operator characters is known to consist of operators of one character each.
    pub(super) singles: usize,
}

impl<'t> Scanner<'t> {
    pub(super) fn new(text: &'t str, strings: Strings) -> Self {
        Self { bytes: text.as_bytes(), text, at: 0, strings, singles: 0 }
    }

    /// The next token, `None` at the end of the text.
    pub(super) fn next(&mut self) -> Result<Option<Token>, LexError> {
        self.skip()?;
        let start = self.at;
        let Some(first) = self.peek(0) else { return Ok(None) };
        let kind = match first {
            b'\'' => self.quoted(Kind::String, 0)?,
            b'"' => self.quoted(Kind::QuotedIdentifier, 0)?,
            b'e' | b'E' if self.peek(1) == Some(b'\'') => self.quoted(Kind::EscapeString, 1)?,
            b'b' | b'B' if self.peek(1) == Some(b'\'') => self.quoted(Kind::BitString, 1)?,
            b'x' | b'X' if self.peek(1) == Some(b'\'') => self.quoted(Kind::HexString, 1)?,
            b'n' | b'N' if self.peek(1) == Some(b'\'') => self.quoted(Kind::NationalString, 1)?,
            b'u' | b'U' if self.peek(1) == Some(b'&') && self.peek(2) == Some(b'\'') => match self.strings {
                Strings::Standard => self.quoted(Kind::UnicodeString, 2)?,
                Strings::Escape => return Err(LexError { what: UNSAFE_UNICODE, at: start }),
            },
            b'u' | b'U' if self.peek(1) == Some(b'&') && self.peek(2) == Some(b'"') => {
                self.quoted(Kind::UnicodeIdentifier, 2)?
            }
            b'$' => self.dollar()?,
            b'0'..=b'9' => self.number()?,
            b'.' if self.peek(1).is_some_and(|b| b.is_ascii_digit()) => self.number()?,
            b'.' if self.peek(1) == Some(b'.') => self.take(2, Kind::DotDot),
            b':' if self.peek(1) == Some(b':') => self.take(2, Kind::TypeCast),
            b':' if self.peek(1) == Some(b'=') => self.take(2, Kind::ColonEquals),
            _ if starts_identifier(first) => {
                self.take_while(continues_identifier);
                Kind::Word
            }
            _ if operator::is_part(first) => self.operator()?,
            _ => self.take(1, Kind::Symbol(first)),
        };
        Ok(Some(Token { kind, range: start..self.at }))
    }

    pub(super) fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    pub(super) fn take_while(&mut self, accepts: impl Fn(u8) -> bool) {
        while self.peek(0).is_some_and(&accepts) {
            self.at += 1;
        }
    }

    pub(super) fn take(&mut self, bytes: usize, kind: Kind) -> Kind {
        self.at += bytes;
        kind
    }

    /// Whether a comment begins here.
    pub(super) fn at_comment(&self) -> bool {
        matches!((self.peek(0), self.peek(1)), (Some(b'-'), Some(b'-')) | (Some(b'/'), Some(b'*')))
    }

    /// White space and comments.
    fn skip(&mut self) -> Result<(), LexError> {
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some(byte), _) if is_space(byte) => self.at += 1,
                (Some(b'-'), Some(b'-')) => self.take_while(|byte| !is_newline(byte)),
                (Some(b'/'), Some(b'*')) => self.block_comment()?,
                _ => return Ok(()),
            }
        }
    }

    /// A comment `/* … */`, nested.
    fn block_comment(&mut self) -> Result<(), LexError> {
        let start = self.at;
        let mut depth = 0_usize;
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some(b'/'), Some(b'*')) => {
                    depth += 1;
                    self.at += 2;
                }
                (Some(b'*'), Some(b'/')) => {
                    depth -= 1;
                    self.at += 2;
                    if depth == 0 {
                        return Ok(());
                    }
                }
                (Some(_), _) => self.at += 1,
                (None, _) => return Err(LexError { what: "unterminated /* comment", at: start }),
            }
        }
    }
}
