//! PostgreSQL's lexer (scan.l), ported: the tokens of a text with their bytes (SQL-6).
//!
//! The rules are those of PostgreSQL 15 to 18 (manual, chapter "Lexical Structure"). Where the versions differ, a text
//! that one of them rejects is either rejected here (`1abc`) or given the reading of the version that accepts it
//! (`1_000`, `0x1F`), and refused later. `lex` takes time and memory linear in the text and does not recurse.

mod number;
mod operator;
mod quoted;
mod scan;
#[cfg(test)]
mod tests;
mod value;

use std::borrow::Cow;
use std::ops::Range;

pub(super) use quoted::opening_dollar_quote;
pub use value::unescape;

/// NAMEDATALEN - 1: PostgreSQL cuts longer identifiers, in bytes.
pub const MAX_NAME: usize = 63;

/// What `U&'…'` is while `standard_conforming_strings` is off (`xusstart`, scan.l).
pub(super) const UNSAFE_UNICODE: &str = "unsafe use of string constant with Unicode escapes";

/// A token with its bytes in the text. White space and comments are no tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// Where it stands, in bytes.
    pub range: Range<usize>,
}

/// Kinds of tokens, as scan.l has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `abc`: a keyword or an identifier.
    Word,
    /// `"Abc"`
    QuotedIdentifier,
    /// `U&"d\0061t"`
    UnicodeIdentifier,
    /// `'…'`, possibly continued over a newline.
    String,
    /// `E'…'`
    EscapeString,
    /// `U&'…'`
    UnicodeString,
    /// `$tag$…$tag$`
    DollarString,
    /// `B'…'`
    BitString,
    /// `X'…'`
    HexString,
    /// `N'…'`
    NationalString,
    /// Digits only (or 0x, 0o, 0b and underscores of PostgreSQL 16 on).
    Integer,
    /// With a point or an exponent.
    Float,
    /// `$1`
    Param,
    /// An operator, split by PostgreSQL's own rule: `=`, `<>`, `@>`, `->>`, …
    Operator,
    /// One of `( ) [ ] , ; .` and the single `:`; also an ASCII character that begins no token (`{`, `\`, a lone
    /// `$`), which PostgreSQL's grammar rejects wherever it stands.
    Symbol(u8),
    /// `::`
    TypeCast,
    /// `..`
    DotDot,
    /// `:=`
    ColonEquals,
    /// `=>`
    EqualsGreater,
}

/// Why a text has no tokens: PostgreSQL would reject it as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct LexError {
    /// PostgreSQL's wording: `unterminated quoted string`, …
    pub what: &'static str,
    /// Byte offset.
    pub at: usize,
}

/// The tokens of `text` under `standard_conforming_strings = on`. They cover the text in order without overlap;
/// between them there is only white space and comments.
pub fn lex(text: &str) -> Result<Vec<Token>, LexError> {
    let mut tokens = Vec::with_capacity(text.len() / 4);
    read(text, Strings::Standard, &mut tokens).map(|()| tokens)
}

/// `standard_conforming_strings`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strings {
    /// On, the default: a backslash in `'…'` is a character.
    #[default]
    Standard,
    /// Off: `'…'` is read like `E'…'`, and there is no `U&'…'`.
    Escape,
}

/// The tokens of `text` up to its first error.
pub(super) fn read(text: &str, strings: Strings, tokens: &mut Vec<Token>) -> Result<(), LexError> {
    if let Some(at) = text.find('\0') {
        return Err(LexError { what: "a text cannot hold a zero byte", at });
    }
    let mut scanner = scan::Scanner::new(text, strings);
    while let Some(token) = scanner.next()? {
        tokens.push(token);
    }
    Ok(())
}

impl Token {
    /// The bytes of the token.
    pub fn text<'t>(&self, text: &'t str) -> &'t str {
        text.get(self.range.clone()).unwrap_or("")
    }

    /// The name that a [`Kind::Word`], [`Kind::QuotedIdentifier`] or [`Kind::UnicodeIdentifier`] (with the default
    /// escape) stands for: folded, unquoted, cut to 63 bytes as PostgreSQL does. `None` for other kinds, and for a
    /// unicode identifier whose escapes are wrong.
    pub fn name<'t>(&self, text: &'t str) -> Option<Cow<'t, str>> {
        match self.kind {
            Kind::Word => {
                let word = cut(self.text(text));
                Some(match word.bytes().any(|b| b.is_ascii_uppercase()) {
                    true => Cow::Owned(word.to_ascii_lowercase()),
                    false => Cow::Borrowed(word),
                })
            }
            Kind::QuotedIdentifier | Kind::UnicodeIdentifier => Some(match unescape(text, self).ok()? {
                Cow::Borrowed(name) => Cow::Borrowed(cut(name)),
                Cow::Owned(name) => Cow::Owned(cut(&name).to_owned()),
            }),
            Kind::String
            | Kind::EscapeString
            | Kind::UnicodeString
            | Kind::DollarString
            | Kind::BitString
            | Kind::HexString
            | Kind::NationalString
            | Kind::Integer
            | Kind::Float
            | Kind::Param
            | Kind::Operator
            | Kind::Symbol(_)
            | Kind::TypeCast
            | Kind::DotDot
            | Kind::ColonEquals
            | Kind::EqualsGreater => None,
        }
    }

    /// Whether it is a string constant, in any notation. Bit strings are none.
    pub fn is_string(&self) -> bool {
        match self.kind {
            Kind::String | Kind::EscapeString | Kind::UnicodeString | Kind::DollarString | Kind::NationalString => true,
            Kind::Word
            | Kind::QuotedIdentifier
            | Kind::UnicodeIdentifier
            | Kind::BitString
            | Kind::HexString
            | Kind::Integer
            | Kind::Float
            | Kind::Param
            | Kind::Operator
            | Kind::Symbol(_)
            | Kind::TypeCast
            | Kind::DotDot
            | Kind::ColonEquals
            | Kind::EqualsGreater => false,
        }
    }

    /// Whether it is a value of the client's: a constant of any kind, or a parameter.
    pub fn is_constant(&self) -> bool {
        self.is_string()
            || matches!(self.kind, Kind::BitString | Kind::HexString | Kind::Integer | Kind::Float | Kind::Param)
    }

    /// Whether it is this keyword (lower case), unquoted.
    pub fn is_word(&self, text: &str, keyword: &str) -> bool {
        self.kind == Kind::Word && self.text(text).eq_ignore_ascii_case(keyword)
    }

    /// Whether it is this symbol.
    pub fn is_symbol(&self, symbol: u8) -> bool {
        self.kind == Kind::Symbol(symbol)
    }

    /// Whether it is an identifier or a keyword, quoted or not.
    pub fn is_name(&self) -> bool {
        matches!(self.kind, Kind::Word | Kind::QuotedIdentifier | Kind::UnicodeIdentifier)
    }
}

/// The place of the first part of the qualified name whose last part is at `index`. None has more than four parts: a
/// chain of a million is not followed from each of them.
pub fn first_part(tokens: &[Token], index: usize) -> usize {
    let mut first = index;
    for _ in 0..4 {
        if first < 2 || !tokens.get(first - 1).is_some_and(|dot| dot.is_symbol(b'.')) {
            break;
        }
        first -= 2;
    }
    first
}

/// The first 63 bytes of a name, without a broken character at the end (`truncate_identifier`).
pub fn cut(name: &str) -> &str {
    match name.len() <= MAX_NAME {
        true => name,
        false => name.get(..name.floor_char_boundary(MAX_NAME)).unwrap_or(name),
    }
}

/// `ident_start` of scan.l.
pub(crate) fn starts_identifier(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

/// `ident_cont` of scan.l.
pub(crate) fn continues_identifier(byte: u8) -> bool {
    starts_identifier(byte) || byte.is_ascii_digit() || byte == b'$'
}

/// `space` of scan.l; the vertical tab counts from PostgreSQL 16 on, before it is an error.
pub(crate) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

fn is_newline(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}
