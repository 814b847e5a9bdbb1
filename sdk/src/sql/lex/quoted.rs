//! Everything between quotes: where it ends. What it says is read in `sql::literal`.

use super::scan::Scanner;
use super::{Kind, LexError, Strings, continues_identifier, is_newline, is_space, starts_identifier};

impl Scanner<'_> {
    /// A constant or identifier whose opening quote stands `prefix` bytes ahead.
    pub(super) fn quoted(&mut self, kind: Kind, prefix: usize) -> Result<Kind, LexError> {
        let start = self.at;
        self.at += prefix;
        let identifier = matches!(kind, Kind::QuotedIdentifier | Kind::UnicodeIdentifier);
        let quote = if identifier { b'"' } else { b'\'' };
        // A bit string ends at its first quote.
        let doubles = !matches!(kind, Kind::BitString | Kind::HexString);
        // N'…' is the keyword NCHAR and a string (`xnstart`).
        let escapes = kind == Kind::EscapeString
            || self.strings == Strings::Escape && matches!(kind, Kind::String | Kind::NationalString);
        let unterminated = |what| LexError { what, at: start };
        self.at += 1;
        let body = self.at;
        loop {
            match self.peek(0) {
                None if identifier => return Err(unterminated("unterminated quoted identifier")),
                None if kind == Kind::BitString => return Err(unterminated("unterminated bit string literal")),
                None if kind == Kind::HexString => {
                    return Err(unterminated("unterminated hexadecimal string literal"));
                }
                None => return Err(unterminated("unterminated quoted string")),
                Some(b'\\') if escapes => self.at += 2,
                Some(byte) if byte == quote && doubles && self.peek(1) == Some(quote) => self.at += 2,
                Some(byte) if byte == quote => {
                    self.at += 1;
                    match continuation(self.bytes, self.at) {
                        Some(quote) if !identifier => self.at = quote + 1,
                        _ => break,
                    }
                }
                Some(_) => self.at += 1,
            }
        }
        if identifier && self.at == body + 1 {
            return Err(LexError { what: "zero-length delimited identifier", at: start });
        }
        Ok(kind)
    }

    /// A parameter, a dollar-quoted string, or a lone `$`.
    pub(super) fn dollar(&mut self) -> Result<Kind, LexError> {
        let start = self.at;
        if self.peek(1).is_some_and(|byte| byte.is_ascii_digit()) {
            return self.param();
        }
        let Some(length) = opening_dollar_quote(self.bytes.get(start..).unwrap_or_default()) else {
            return Ok(self.take(1, Kind::Symbol(b'$')));
        };
        let unterminated = LexError { what: "unterminated dollar-quoted string", at: start };
        let body = start + length;
        let delimiter = self.text.get(start..body).ok_or(unterminated)?;
        let rest = self.text.get(body..).ok_or(unterminated)?;
        let end = rest.find(delimiter).ok_or(unterminated)?;
        self.at = body + end + length;
        Ok(Kind::DollarString)
    }
}

/// The length of `$tag$` at the start of `bytes`.
pub(crate) fn opening_dollar_quote(bytes: &[u8]) -> Option<usize> {
    let tag = bytes.get(1..)?;
    let length = tag.iter().take_while(|&&byte| byte != b'$' && continues_identifier(byte)).count();
    let starts_well = length == 0 || tag.first().copied().is_some_and(starts_identifier);
    (starts_well && tag.get(length) == Some(&b'$')).then_some(length + 2)
}

/// Where the quote stands that continues a string closed just before `at`: after white space and `--` comments that
/// hold a newline (`quotecontinue` of scan.l). A comment before the first newline must end in that newline.
pub(crate) fn continuation(bytes: &[u8], at: usize) -> Option<usize> {
    let mut at = at;
    let mut newline = false;
    loop {
        match (bytes.get(at).copied()?, bytes.get(at + 1)) {
            (b'\'', _) => return newline.then_some(at),
            (byte, _) if is_space(byte) => {
                newline |= is_newline(byte);
                at += 1;
            }
            (b'-', Some(b'-')) => {
                at += bytes.get(at..)?.iter().position(|&byte| is_newline(byte))?;
            }
            _ => return None,
        }
    }
}
