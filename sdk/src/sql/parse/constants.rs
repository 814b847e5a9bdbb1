//! The texts of constants, which the parser never gets: it logs the tokens and expressions that it reads.

use std::borrow::Cow;
use std::ops::Range;

use sqlparser::tokenizer::Span;

use super::{Refusal, bytes, not_understood};
use crate::error::SqlState;
use crate::sql::lex::{Kind, Token, unescape};

/// What the parser is given for a string, and for the value of any other constant in quotes.
const STRING: &str = "";
/// What it is given for a number: none that is a length, a precision or a scale of any type, should it take it for one.
const NUMBER: &str = "4294967296";
/// How many digits a modifier of a type has at most: `varchar(10485760)`.
const MODIFIER_DIGITS: usize = 8;
/// Types whose modifiers [`crate::sql::literal::type_of`] reads from the tree. As keywords of PostgreSQL they name no
/// function, so that a number in parentheses behind one is a modifier and no value; but for `timestamptz`.
const MODIFIED: [&str; 11] =
    ["bit", "char", "character", "dec", "decimal", "numeric", "time", "timestamp", "timestamptz", "varchar", "varying"];

/// The constants of one statement.
#[derive(Clone, Copy)]
pub struct Constants<'t> {
    text: &'t str,
    tokens: &'t [Token],
}

impl<'t> Constants<'t> {
    /// `tokens` are those of one statement of `text`.
    pub fn new(text: &'t str, tokens: &'t [Token]) -> Self {
        Self { text, tokens }
    }

    /// The value of the constant with this span: a string without quotes and escapes, a number as it is written.
    pub fn value(&self, span: Span) -> Result<Cow<'t, str>, Refusal> {
        let Range { start, .. } = bytes(span).ok_or_else(not_understood)?;
        let found = self.tokens.binary_search_by_key(&start, |token| token.range.start);
        let token = found.ok().and_then(|at| self.tokens.get(at)).ok_or_else(not_understood)?;
        value(self.text, token)
    }
}

/// What stands for a string of any kind. One that PostgreSQL cannot read is refused here, before its value is asked for.
pub(super) fn string(text: &str, token: &Token) -> Result<String, Refusal> {
    value(text, token).map(|_| STRING.to_owned())
}

/// What stands for the number at `at`.
pub(super) fn number(text: &str, tokens: &[Token], at: usize) -> String {
    match tokens.get(at) {
        Some(token) if is_modifier(text, tokens, at) => token.text(text).to_owned(),
        _ => NUMBER.to_owned(),
    }
}

fn value<'t>(text: &'t str, token: &Token) -> Result<Cow<'t, str>, Refusal> {
    unescape(text, token).map_err(|error| Refusal::error(SqlState::SYNTAX_ERROR, error.what).at(error.at))
}

/// Whether the number at `at` belongs to a type: `varchar(n)`, `numeric(n, n)`, `numeric(n, -n)`.
fn is_modifier(text: &str, tokens: &[Token], at: usize) -> bool {
    let before = |count: usize| at.checked_sub(count).and_then(|at| tokens.get(at));
    let is_word = |count, word| before(count).is_some_and(|token| token.is_word(text, word));
    let is_symbol = |count, symbol| before(count).is_some_and(|token| token.is_symbol(symbol));
    let is_sign = |count| before(count).is_some_and(|token| matches!(token.text(text), "-" | "+"));
    if tokens.get(at).is_none_or(|token| token.kind != Kind::Integer || token.range.len() > MODIFIER_DIGITS) {
        return false;
    }
    let mut open = 1 + usize::from(is_sign(1));
    if is_symbol(open, b',') && before(open + 1).is_some_and(|token| token.kind == Kind::Integer) {
        open += 2;
    }
    if !is_symbol(open, b'(') || !MODIFIED.iter().any(|word| is_word(open + 1, word)) {
        return false;
    }
    let is_cast = before(open + 2).is_some_and(|token| token.kind == Kind::TypeCast) || is_word(open + 2, "as");
    match before(open + 1).map(|token| token.text(text).to_ascii_lowercase()).as_deref() {
        Some("varying") => ["character", "char"].iter().any(|word| is_word(open + 2, word)),
        // No keyword, and a function's name as well.
        Some("timestamptz") => is_cast,
        // `pg_catalog.varchar(…)` is a function.
        _ => !is_symbol(open + 2, b'.'),
    }
}
