//! One statement as bytes, tokens and characters.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::ops::Range;

use sqlparser::ast::Ident;
use sqlparser::tokenizer::Span;

use super::Refusal;
use super::draft::param_number;
use crate::sql::Origin;
use crate::sql::lex::{Kind, Token};
use crate::sql::parse;

/// A statement of a text.
pub(in crate::sql) struct Source<'t> {
    /// The whole text: token ranges are byte offsets into it.
    pub text: &'t str,
    /// The statement's tokens, without the semicolon.
    pub tokens: &'t [Token],
    /// Where its first token stands: bytes, and characters.
    start: (usize, usize),
    /// Characters before each token, unless every one is a byte.
    characters: Vec<usize>,
    /// At how many places each parameter stands, once somebody asked.
    places: OnceCell<BTreeMap<usize, usize>>,
}

/// Token positions, half open.
pub(in crate::sql) type Extent = Range<usize>;

impl<'t> Source<'t> {
    /// `tokens` are those of one statement of `text`, before which it has so many characters.
    pub(in crate::sql) fn new(text: &'t str, tokens: &'t [Token], before: usize) -> Self {
        let bytes =
            tokens.first().map_or(0, |token| token.range.start)..tokens.last().map_or(0, |token| token.range.end);
        let mut characters = Vec::new();
        if !text.get(bytes.clone()).is_some_and(str::is_ascii) {
            let (mut counted, mut at) = (before, bytes.start);
            for token in tokens {
                counted += text.get(at..token.range.start).map_or(0, |gap| gap.chars().count());
                at = token.range.start;
                characters.push(counted);
            }
        }
        Self { text, tokens, start: (bytes.start, before), characters, places: OnceCell::new() }
    }

    /// At how many places a parameter stands. What stands nowhere but beside one column has its type from there.
    pub(in crate::sql) fn places(&self, number: usize) -> usize {
        let places = self.places.get_or_init(|| {
            let params = self.tokens.iter().filter(|token| token.kind == Kind::Param);
            params.filter_map(|token| param_number(token.text(self.text)).ok()).fold(
                BTreeMap::new(),
                |mut places, number| {
                    *places.entry(number).or_insert(0) += 1;
                    places
                },
            )
        });
        places.get(&number).copied().unwrap_or(0)
    }

    /// How many characters of the text come before a byte of this statement.
    pub(in crate::sql) fn characters(&self, byte: usize) -> usize {
        let (bytes, characters) = match self.tokens.partition_point(|token| token.range.start <= byte).checked_sub(1) {
            Some(token) => match (self.characters.get(token), self.tokens.get(token)) {
                (Some(characters), Some(token)) => (token.range.start, *characters),
                _ => return self.start.1 + byte.saturating_sub(self.start.0),
            },
            None => self.start,
        };
        characters + self.text.get(bytes..byte).map_or(0, |rest| rest.chars().count())
    }

    /// The same for where a part of a statement comes from.
    pub(in crate::sql) fn origin(&self, origin: Origin) -> Origin {
        match origin {
            Origin::Client(byte) => Origin::Client(self.characters(byte)),
            Origin::Ours(byte) => Origin::Ours(self.characters(byte)),
        }
    }

    /// The token at which a span starts.
    pub(in crate::sql) fn token(&self, span: Span) -> Result<usize, Refusal> {
        let bytes = parse::bytes(span).ok_or_else(unreadable)?;
        self.tokens.binary_search_by_key(&bytes.start, |token| token.range.start).map_err(|_| unreadable())
    }

    /// The token of an identifier. The parser takes strings for identifiers too, which PostgreSQL never does.
    pub(in crate::sql) fn ident(&self, ident: &Ident) -> Result<usize, Refusal> {
        let token = self.token(ident.span)?;
        if self.tokens.get(token).is_some_and(Token::is_name) { Ok(token) } else { Err(unreadable()) }
    }

    /// The bytes of some tokens, from the first one's start to the last one's end.
    pub(in crate::sql) fn bytes(&self, extent: &Extent) -> Result<Range<usize>, Refusal> {
        let tokens = self.tokens.get(extent.clone()).ok_or_else(unreadable)?;
        match (tokens.first(), tokens.last()) {
            (Some(first), Some(last)) => Ok(first.range.start..last.range.end),
            _ => Err(unreadable()),
        }
    }

    /// Whether token `index` is this symbol.
    pub(in crate::sql) fn is_symbol(&self, index: usize, symbol: u8) -> bool {
        self.tokens.get(index).is_some_and(|token| token.kind == Kind::Symbol(symbol))
    }

    /// Whether token `index` is this unquoted word.
    pub(in crate::sql) fn is_word(&self, index: usize, word: &str) -> bool {
        self.tokens.get(index).is_some_and(|token| token.is_word(self.text, word))
    }

    /// Whether token `index` is `$n`.
    pub(in crate::sql) fn is_param(&self, index: usize) -> bool {
        self.tokens.get(index).is_some_and(|token| token.kind == Kind::Param)
    }

    /// Whether token `index` is this operator.
    pub(in crate::sql) fn is_operator(&self, index: usize, operator: &str) -> bool {
        self.tokens.get(index).is_some_and(|token| token.kind == Kind::Operator && token.text(self.text) == operator)
    }
}

/// The refusal for a statement whose parse and tokens do not fit together.
pub(in crate::sql) fn unreadable() -> Refusal {
    Refusal::new("this statement names a protected table and could not be read with certainty")
        .hint("write it in a plainer way: without unusual casts, spelling or parentheses around columns and constants")
}
