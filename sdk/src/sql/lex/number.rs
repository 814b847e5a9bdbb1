//! Numbers and parameters.

use super::scan::Scanner;
use super::{Kind, LexError, continues_identifier, starts_identifier};

impl Scanner<'_> {
    /// A number; it begins with a digit, or with a point and a digit.
    pub(super) fn number(&mut self) -> Result<Kind, LexError> {
        let start = self.at;
        let kind = match (self.peek(0), self.peek(1)) {
            (Some(b'0'), Some(b'x' | b'X')) => self.radix(|b| b.is_ascii_hexdigit())?,
            (Some(b'0'), Some(b'o' | b'O')) => self.radix(|b| matches!(b, b'0'..=b'7'))?,
            (Some(b'0'), Some(b'b' | b'B')) => self.radix(|b| matches!(b, b'0' | b'1'))?,
            _ => self.decimal()?,
        };
        match self.peek(0) {
            Some(byte) if starts_identifier(byte) || (byte == b'$' && self.ends_like_an_identifier(start)) => {
                Err(LexError { what: "trailing junk after numeric literal", at: start })
            }
            _ => Ok(kind),
        }
    }

    /// In `1e5$2` the digit and the identifier `e5$2` are longer than the number `1e5`, and junk; in `15$2` and
    /// `1e+5$2` no identifier could begin.
    fn ends_like_an_identifier(&self, start: usize) -> bool {
        let number = self.bytes.get(start..self.at).unwrap_or_default();
        number.iter().rev().take_while(|&&byte| continues_identifier(byte)).any(|&byte| starts_identifier(byte))
    }

    /// `$1`; the caller saw the dollar and a digit.
    pub(super) fn param(&mut self) -> Result<Kind, LexError> {
        let start = self.at;
        self.at += 1;
        self.take_while(|byte| byte.is_ascii_digit());
        match self.peek(0) {
            Some(byte) if starts_identifier(byte) => Err(LexError { what: "trailing junk after parameter", at: start }),
            _ => Ok(Kind::Param),
        }
    }

    fn decimal(&mut self) -> Result<Kind, LexError> {
        let start = self.at;
        let mut kind = Kind::Integer;
        self.digits();
        // `1..10` is an integer, `..`, an integer.
        if self.peek(0) == Some(b'.') && self.peek(1) != Some(b'.') {
            kind = Kind::Float;
            self.at += 1;
            if self.peek(0).is_some_and(|byte| byte.is_ascii_digit()) {
                self.digits();
            }
        }
        if matches!(self.peek(0), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(self.peek(1), Some(b'+' | b'-')));
            if !self.peek(1 + sign).is_some_and(|byte| byte.is_ascii_digit()) {
                return Err(LexError { what: "trailing junk after numeric literal", at: start });
            }
            kind = Kind::Float;
            self.at += 1 + sign;
            self.digits();
        }
        Ok(kind)
    }

    /// Decimal digits, single underscores between them.
    fn digits(&mut self) {
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some(b'0'..=b'9'), _) => self.at += 1,
                (Some(b'_'), Some(b'0'..=b'9')) => self.at += 2,
                _ => return,
            }
        }
    }

    /// `0x_1F`: the prefix, then digits, each with an optional underscore before it.
    fn radix(&mut self, digit: impl Fn(u8) -> bool) -> Result<Kind, LexError> {
        let start = self.at;
        self.at += 2;
        let first = self.at;
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some(byte), _) if digit(byte) => self.at += 1,
                (Some(b'_'), Some(byte)) if digit(byte) => self.at += 2,
                _ if self.at == first => return Err(LexError { what: "invalid integer", at: start }),
                _ => return Ok(Kind::Integer),
            }
        }
    }
}
