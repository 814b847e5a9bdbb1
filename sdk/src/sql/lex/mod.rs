//! PostgreSQL's lexer (scan.l), ported: the tokens of a text with their bytes (SQL-6).

use std::borrow::Cow;
use std::ops::Range;

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
    /// One of `( ) [ ] , ; .` and the single `:`.
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

/// The tokens of `text` under `standard_conforming_strings = on`.
pub fn lex(text: &str) -> Result<Vec<Token>, LexError> {
    let _ = text;
    todo!()
}

impl Token {
    /// The bytes of the token.
    pub fn text<'t>(&self, text: &'t str) -> &'t str {
        text.get(self.range.clone()).unwrap_or("")
    }

    /// The name that a [`Kind::Word`], [`Kind::QuotedIdentifier`] or [`Kind::UnicodeIdentifier`] (with the default
    /// escape) stands for: folded, unquoted, cut to 63 bytes as PostgreSQL does. `None` for other kinds.
    pub fn name<'t>(&self, text: &'t str) -> Option<Cow<'t, str>> {
        let _ = text;
        todo!()
    }

    /// Whether it is this keyword (lower case), unquoted.
    pub fn is_word(&self, text: &str, keyword: &str) -> bool {
        self.kind == Kind::Word && self.text(text).eq_ignore_ascii_case(keyword)
    }
}
