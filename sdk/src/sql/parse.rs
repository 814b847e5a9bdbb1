//! sqlparser as the analyser: it is fed our own tokens, after its own tokenizer has agreed with them (SQL-3, SQL-6).
//!
//! Because the parser reads our tokens and not its own, there is nothing left to mask in the text: operators are split
//! by PostgreSQL's rule, continued strings are one constant, an [`Ident::value`](sqlparser::ast::Ident) is the name as
//! PostgreSQL reads it (folded if unquoted, cut to 63 bytes), and a span is a byte range of the client's text
//! ([`bytes()`]). What the grammar of sqlparser lacks is taken out of the token stream and handed to the planner as a
//! [`Fact`].
//!
//! The parser logs what it reads, at level debug, in whatever logger the application has. So it gets no value: each
//! constant is a placeholder with a place, and [`Constants`] has what stands there. Its tokenizer, the witness, gets the
//! text and logs nothing.

mod agree;
mod constants;
mod convert;
mod depth;
mod keywords;
mod limits;
pub(super) mod syntax;
#[cfg(test)]
mod tests;

use std::ops::Range;

pub use constants::Constants;

use sqlparser::ast::{BinaryOperator, Expr, Statement};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Span;

use super::lex::Token;
use super::{Refusal, stack};
use crate::error::SqlState;

/// Depth to which expressions and queries may nest for the parser. Operator chains are no nesting to it.
const RECURSION_LIMIT: usize = 250;

/// One statement of a text, before parsing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its tokens, as indexes into the tokens of the text; never empty, without the semicolon.
    pub tokens: Range<usize>,
    /// Its bytes in the text: from the first byte of the first token to the last byte of the last.
    pub range: Range<usize>,
    /// Characters of the text before it.
    pub before: usize,
}

/// One parsed statement.
#[derive(Debug)]
pub struct Parsed {
    /// Where it stands.
    pub part: Part,
    /// What sqlparser makes of it. Spans are to be read with [`bytes()`].
    pub statement: Statement,
    /// What the tree does not show, in the order of the text.
    pub facts: Vec<Fact>,
}

/// Something that the original bytes say and the tree does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// Its bytes in the text.
    pub range: Range<usize>,
    /// What it says.
    pub kind: FactKind,
}

/// What a clause says that the tree does not show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FactKind {
    /// A locking clause `FOR …`, one fact for each. The tree (`Query::locks`) has the clause with the strength rounded
    /// up to UPDATE or SHARE and with the first of the names only: the facts count, in the same order.
    Lock(Lock),
    /// SYMMETRIC after BETWEEN; the tree shows a plain BETWEEN.
    BetweenSymmetric,
}

/// A locking clause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// How strong.
    pub strength: LockStrength,
    /// The names after OF; empty without OF.
    pub of: Vec<LockedName>,
    /// What happens at a locked row.
    pub wait: LockWait,
    /// Number of parentheses around it: 0 for the outermost query.
    pub depth: usize,
}

/// A name in `FOR UPDATE OF …`. PostgreSQL allows only the alias of a FROM item there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockedName {
    /// Its bytes in the text.
    pub range: Range<usize>,
    /// The name as PostgreSQL reads it.
    pub name: String,
}

/// Strength of a row lock, strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockStrength {
    /// FOR UPDATE
    Update,
    /// FOR NO KEY UPDATE
    NoKeyUpdate,
    /// FOR SHARE
    Share,
    /// FOR KEY SHARE
    KeyShare,
}

/// What happens at a locked row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockWait {
    /// Neither word: it waits.
    Wait,
    /// NOWAIT
    NoWait,
    /// SKIP LOCKED
    SkipLocked,
}

/// Splits a text at its semicolons outside parentheses; empty statements are left out. A body `BEGIN ATOMIC` is
/// refused: its semicolons do not end the statement.
pub fn split(text: &str, tokens: &[Token]) -> Result<Vec<Part>, Refusal> {
    let mut parts = Vec::new();
    let mut depth = 0_usize;
    let mut start = 0;
    for (index, token) in tokens.iter().enumerate() {
        if token.is_symbol(b'(') {
            depth += 1;
        } else if token.is_symbol(b')') {
            depth = depth.saturating_sub(1);
        } else if token.is_symbol(b';') && depth == 0 {
            parts.extend(part(text, tokens, start..index, parts.last()));
            start = index + 1;
        } else if token.is_word(text, "atomic")
            && index.checked_sub(1).and_then(|before| tokens.get(before)).is_some_and(|t| t.is_word(text, "begin"))
        {
            return Err(Refusal::new("a function body BEGIN ATOMIC is not read here")
                .hint("Create the function with a string body, or over a direct connection.")
                .at(token.range.start));
        }
    }
    parts.extend(part(text, tokens, start..tokens.len(), parts.last()));
    Ok(parts)
}

/// Whether one statement, by its tokens, nests so little that any thread can parse it and drop what comes of it; else
/// both need a stack of 64 MiB.
pub(super) fn is_shallow(text: &str, tokens: &[Token]) -> bool {
    depth::Depth::of(text, tokens).is_shallow()
}

/// Parses one statement. `tokens` are those of the whole text, as [`split`] got them. What nests deeply takes stack, and
/// so does dropping it.
pub fn parse(text: &str, tokens: &[Token], part: &Part) -> Result<Parsed, Refusal> {
    let own = tokens.get(part.tokens.clone()).unwrap_or_default();
    limits::check(text, own)?;
    let (stream, facts) = convert::convert(text, own)?;
    agree::check(text, own, part)?;
    let mut parser =
        Parser::new(&PostgreSqlDialect {}).with_recursion_limit(RECURSION_LIMIT).with_tokens_with_locations(stream);
    // sqlparser knows TABLE within a query, but not as the beginning of a statement.
    let statement = match own.first().is_some_and(|first| first.is_word(text, "table")) {
        true => parser.parse_query().map(Statement::Query),
        false => parser.parse_statement(),
    };
    let statement = statement.map_err(|error| refuse(&error, part))?;
    match bytes(parser.peek_token_ref().span) {
        None => Ok(Parsed { part: part.clone(), statement, facts }),
        Some(rest) => Err(not_understood().at(rest.start)),
    }
}

/// The bytes in the client's text of a token's span (`Ident::span`, `ValueWithSpan::span`, `AttachedToken`); `None`
/// for an empty span. Never ask a compound expression for its span: it recurses and leaves out parentheses (SQL-3).
pub fn bytes(span: Span) -> Option<Range<usize>> {
    let byte = |column: u64| usize::try_from(column).ok()?.checked_sub(1);
    Some(byte(span.start.column)?..byte(span.end.column)?)
}

/// The operands of a chain `a AND b AND c` (or OR), left to right, looking through parentheses, without recursion. An
/// expression that is no such chain is its own only operand.
pub fn operands<'e>(expr: &'e Expr, op: &BinaryOperator) -> Vec<&'e Expr> {
    let mut operands = Vec::new();
    let mut waiting = vec![expr];
    while let Some(next) = waiting.pop() {
        match unnested(next) {
            Expr::BinaryOp { left, op: other, right } if other == op => {
                waiting.push(right);
                waiting.push(left);
            }
            _ => operands.push(next),
        }
    }
    operands
}

/// The expression inside any parentheses.
pub fn unnested(expr: &Expr) -> &Expr {
    let mut expr = expr;
    while let Expr::Nested(inner) = expr {
        expr = inner;
    }
    expr
}

fn part(text: &str, tokens: &[Token], range: Range<usize>, last: Option<&Part>) -> Option<Part> {
    let own = tokens.get(range.clone())?;
    let bytes = own.first()?.range.start..own.last()?.range.end;
    let (counted, before) = last.map_or((0, 0), |last| (last.range.start, last.before));
    let before = before + text.get(counted..bytes.start)?.chars().count();
    Some(Part { tokens: range, range: bytes, before })
}

/// sqlparser's own texts may quote a value, so none of it is passed on but the place.
fn refuse(error: &ParserError, part: &Part) -> Refusal {
    match error {
        ParserError::RecursionLimitExceeded => stack::too_deep().at(part.range.start),
        ParserError::TokenizerError(text) | ParserError::ParserError(text) => {
            let column = text.rsplit_once("Column: ").and_then(|(_, column)| column.parse::<usize>().ok());
            not_understood().at(column.and_then(|column| column.checked_sub(1)).unwrap_or(part.range.start))
        }
    }
}

fn not_understood() -> Refusal {
    Refusal::new("a statement that names a protected object was not understood")
        .hint("Check its syntax; a construct that is not supported here can be moved to a statement of its own.")
}

pub(super) fn too_complex(message: &str) -> Refusal {
    Refusal::error(SqlState::STATEMENT_TOO_COMPLEX, message)
        .hint("Split the statement; a long list of values can be one array parameter, column = ANY ($1).")
}
