//! One statement as bytes and tokens: where an AST node stands, and how far it reaches.
//!
//! Compound spans of sqlparser leave out parentheses, casts and NOT (SQL-1), so only the spans of identifiers and
//! values are used, and an extent grows from such a leaf over the tokens that its wrappers must have. Whatever does
//! not look as expected is refused.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::ops::Range;

use sqlparser::ast::{CastKind, DataType, Expr, Ident, TypedString, UnaryOperator};
use sqlparser::tokenizer::Span;

use super::draft::param_number;
use super::{Refusal, work};
use crate::sql::Origin;
use crate::sql::lex::{Kind, Token};
use crate::sql::parse::{self, Constants};
use crate::sql::stack::Stack;

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
    /// What walks over its tree may use.
    stack: Stack,
    /// At how many places each parameter stands, once somebody asked.
    places: OnceCell<BTreeMap<usize, usize>>,
}

/// Token positions, half open.
pub(in crate::sql) type Extent = Range<usize>;

impl<'t> Source<'t> {
    /// `tokens` are those of one statement of `text`, before which it has so many characters.
    pub(in crate::sql) fn new(text: &'t str, tokens: &'t [Token], before: usize, stack: Stack) -> Self {
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
        Self { text, tokens, start: (bytes.start, before), characters, stack, places: OnceCell::new() }
    }

    /// Whether a walk may go one level deeper.
    pub(in crate::sql) fn deeper(&self) -> Result<(), Refusal> {
        self.stack.deeper()
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

    /// The values of its constants.
    pub(in crate::sql) fn constants(&self) -> Constants<'t> {
        Constants::new(self.text, self.tokens)
    }

    /// The bytes of some tokens, from the first one's start to the last one's end.
    pub(in crate::sql) fn bytes(&self, extent: &Extent) -> Result<Range<usize>, Refusal> {
        let tokens = self.tokens.get(extent.clone()).ok_or_else(unreadable)?;
        match (tokens.first(), tokens.last()) {
            (Some(first), Some(last)) => Ok(first.range.start..last.range.end),
            _ => Err(unreadable()),
        }
    }

    /// Byte offset of a token.
    pub(in crate::sql) fn offset(&self, token: usize) -> usize {
        self.tokens.get(token).map_or(0, |token| token.range.start)
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

    /// Splits a list at its commas outside of parentheses and brackets. An empty extent is an empty list.
    pub(in crate::sql) fn split_commas(&self, extent: Extent) -> Result<Vec<Extent>, Refusal> {
        if extent.is_empty() {
            return Ok(Vec::new());
        }
        let mut parts = Vec::new();
        let (mut depth, mut start) = (0usize, extent.start);
        for index in extent.clone() {
            work::step();
            match self.tokens.get(index).ok_or_else(unreadable)?.kind {
                Kind::Symbol(b'(' | b'[') => depth += 1,
                Kind::Symbol(b')' | b']') => depth = depth.checked_sub(1).ok_or_else(unreadable)?,
                Kind::Symbol(b',') if depth == 0 => {
                    parts.push(start..index);
                    start = index + 1;
                }
                _ => {}
            }
        }
        parts.push(start..extent.end);
        if depth != 0 || parts.iter().any(Range::is_empty) {
            return Err(unreadable());
        }
        Ok(parts)
    }

    /// The first token from `from` on that is this word outside of parentheses.
    pub(in crate::sql) fn find_word(&self, from: usize, word: &str) -> Option<usize> {
        let mut depth = 0usize;
        for (index, token) in self.tokens.iter().enumerate().skip(from) {
            work::step();
            match token.kind {
                Kind::Symbol(b'(' | b'[') => depth += 1,
                Kind::Symbol(b')' | b']') => depth = depth.saturating_sub(1),
                Kind::Word if depth == 0 && token.is_word(self.text, word) => return Some(index),
                _ => {}
            }
        }
        None
    }

    /// The parenthesis that closes the one at `open`.
    pub(in crate::sql) fn closing(&self, open: usize) -> Result<usize, Refusal> {
        let mut depth = 0usize;
        for (index, token) in self.tokens.iter().enumerate().skip(open) {
            work::step();
            match token.kind {
                Kind::Symbol(b'(' | b'[') => depth += 1,
                Kind::Symbol(b')' | b']') => {
                    depth = depth.checked_sub(1).ok_or_else(unreadable)?;
                    if depth == 0 {
                        return Ok(index);
                    }
                }
                _ => {}
            }
        }
        Err(unreadable())
    }

    /// How far a column or constant reaches, with the parentheses, casts and signs around it.
    pub(in crate::sql) fn extent(&self, expr: &Expr) -> Result<Extent, Refusal> {
        self.deeper()?;
        match expr {
            Expr::Identifier(ident) => self.ident(ident).map(|at| at..at + 1),
            Expr::CompoundIdentifier(parts) => match (parts.first(), parts.last()) {
                (Some(first), Some(last)) => Ok(self.ident(first)?..self.ident(last)? + 1),
                _ => Err(unreadable()),
            },
            Expr::Value(value) => self.token(value.span).map(|at| at..at + 1),
            Expr::Nested(inner) => {
                let inner = self.extent(inner)?;
                self.wrapped(&inner, b'(', b')')
            }
            Expr::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, expr } => {
                let inner = self.extent(expr)?;
                let sign = inner.start.checked_sub(1).ok_or_else(unreadable)?;
                match self.tokens.get(sign) {
                    Some(token) if token.kind == Kind::Operator && matches!(token.text(self.text), "-" | "+") => {
                        Ok(sign..inner.end)
                    }
                    _ => Err(unreadable()),
                }
            }
            Expr::Cast { kind: CastKind::DoubleColon, expr, data_type: _, format: None } => {
                let inner = self.extent(expr)?;
                match self.tokens.get(inner.end) {
                    Some(token) if token.kind == Kind::TypeCast => Ok(inner.start..self.type_end(inner.end + 1)?),
                    _ => Err(unreadable()),
                }
            }
            Expr::Cast { kind: CastKind::Cast, expr, data_type: _, format: None } => {
                let inner = self.extent(expr)?;
                let start = inner.start.checked_sub(2).ok_or_else(unreadable)?;
                let end = self.type_end(inner.end + 1)?;
                if self.is_word(start, "cast")
                    && self.is_symbol(start + 1, b'(')
                    && self.is_word(inner.end, "as")
                    && self.is_symbol(end, b')')
                {
                    Ok(start..end + 1)
                } else {
                    Err(unreadable())
                }
            }
            Expr::TypedString(TypedString { data_type, value, uses_odbc_syntax: false }) => {
                let at = self.token(value.span)?;
                let start = at.checked_sub(words_of(data_type)).ok_or_else(unreadable)?;
                if self.type_end(start)? == at { Ok(start..at + 1) } else { Err(unreadable()) }
            }
            Expr::Array(array) if array.named => self.array(&array.elem),
            _ => Err(unreadable()),
        }
    }

    /// `ARRAY[…]` of these elements. One without any has nothing by which it is found.
    fn array(&self, elements: &[Expr]) -> Result<Extent, Refusal> {
        let mut found: Option<Extent> = None;
        for element in elements {
            let next = self.extent(element)?;
            found = Some(match found {
                None => next,
                Some(before) if self.is_symbol(before.end, b',') && next.start == before.end + 1 => {
                    before.start..next.end
                }
                Some(_) => return Err(unreadable()),
            });
        }
        let brackets = self.wrapped(&found.ok_or_else(unreadable)?, b'[', b']')?;
        let start = brackets.start.checked_sub(1).ok_or_else(unreadable)?;
        if self.is_word(start, "array") { Ok(start..brackets.end) } else { Err(unreadable()) }
    }

    fn wrapped(&self, inner: &Extent, open: u8, close: u8) -> Result<Extent, Refusal> {
        let start = inner.start.checked_sub(1).ok_or_else(unreadable)?;
        if self.is_symbol(start, open) && self.is_symbol(inner.end, close) {
            Ok(start..inner.end + 1)
        } else {
            Err(unreadable())
        }
    }

    /// The token after the type name that starts at `at`: `text`, `pg_catalog.int8`, `character varying(20)`,
    /// `timestamp(3) with time zone`, `uuid[]`.
    fn type_end(&self, at: usize) -> Result<usize, Refusal> {
        let is_name = |index: usize| {
            self.tokens.get(index).is_some_and(|token| matches!(token.kind, Kind::Word | Kind::QuotedIdentifier))
        };
        if !is_name(at) {
            return Err(unreadable());
        }
        let mut end = at + 1;
        while self.is_symbol(end, b'.') && is_name(end + 1) {
            end += 2;
        }
        if end == at + 1
            && ((self.is_word(at, "character") && self.is_word(end, "varying"))
                || (self.is_word(at, "double") && self.is_word(end, "precision")))
        {
            end += 1;
        }
        if self.is_symbol(end, b'(') {
            end = self.closing(end)? + 1;
        }
        if (self.is_word(at, "timestamp") || self.is_word(at, "time"))
            && (self.is_word(end, "with") || self.is_word(end, "without"))
            && self.is_word(end + 1, "time")
            && self.is_word(end + 2, "zone")
        {
            end += 3;
        }
        while self.is_symbol(end, b'[') {
            end = self.closing(end)? + 1;
        }
        Ok(end)
    }
}

/// How many tokens the type name of a typed string has; those of more than one are only read where it is certain.
fn words_of(data_type: &DataType) -> usize {
    use sqlparser::ast::TimezoneInfo;
    match data_type {
        DataType::Timestamp(None, TimezoneInfo::WithTimeZone | TimezoneInfo::WithoutTimeZone) => 4,
        _ => 1,
    }
}

/// The refusal for a statement whose parse and tokens do not fit together.
pub(in crate::sql) fn unreadable() -> Refusal {
    Refusal::new("this statement names a protected table and could not be read with certainty")
        .hint("write it in a plainer way: without unusual casts, spelling or parentheses around columns and constants")
}
