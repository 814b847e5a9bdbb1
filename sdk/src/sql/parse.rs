//! sqlparser as the analyser: it is fed our own tokens, after its own tokenizer has agreed with them (SQL-3, SQL-6).
//!
//! Because the parser reads our tokens, an [`Ident::value`](sqlparser::ast::Ident) is the name as PostgreSQL reads
//! it (folded if unquoted, cut to 63 bytes), every string value is unescaped, and a span is a byte range of the
//! client's text: see [`bytes`]. What the grammar of sqlparser lacks is taken out of the token stream and handed to
//! the planner as a [`Fact`].

use std::ops::Range;

use sqlparser::ast::{BinaryOperator, Expr, Ident, Statement};
use sqlparser::tokenizer::Span;

use super::Refusal;
use super::lex::Token;

/// One statement of a text, before parsing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its tokens, as indexes into the tokens of the text; never empty, without the semicolon.
    pub tokens: Range<usize>,
    /// Its bytes in the text: from the first byte of the first token to the last byte of the last.
    pub range: Range<usize>,
}

/// One parsed statement.
#[derive(Debug)]
pub struct Parsed {
    /// Where it stands.
    pub part: Part,
    /// What sqlparser makes of it. Spans are to be read with [`bytes`].
    pub statement: Statement,
    /// What was taken out before parsing, in order.
    pub facts: Vec<Fact>,
}

/// A clause that sqlparser does not know, taken out of its tokens; the original bytes still hold it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// Its bytes in the text.
    pub range: Range<usize>,
    /// What it says.
    pub kind: FactKind,
}

/// What a taken-out clause says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FactKind {
    /// A whole locking clause `FOR …`: the tree holds none (`Query::locks` is empty). It belongs to the innermost
    /// query whose parentheses enclose it.
    Lock(Lock),
    /// SYMMETRIC after this BETWEEN: the tree shows a plain BETWEEN.
    BetweenSymmetric,
}

/// A locking clause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// How strong.
    pub strength: LockStrength,
    /// The names after OF (each the byte range and the parts of a possibly qualified name); empty without OF.
    pub of: Vec<(Range<usize>, Vec<String>)>,
    /// What happens at a locked row.
    pub wait: LockWait,
    /// Depth of parentheses around it: 0 for the outermost query.
    pub depth: usize,
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
    let _ = (text, tokens);
    todo!()
}

/// Parses one statement. `tokens` are those of the whole text, as [`split`] got them.
pub fn parse(text: &str, tokens: &[Token], part: &Part) -> Result<Parsed, Refusal> {
    let _ = (text, tokens, part);
    todo!()
}

/// The bytes in the client's text of a token's span (`Ident::span`, `ValueWithSpan::span`, `AttachedToken`); `None`
/// for an empty span. Never ask a compound expression for its span (SQL-3).
pub fn bytes(span: Span) -> Option<Range<usize>> {
    let _ = span;
    todo!()
}

/// The first byte of the leftmost token of `expr` that has a span, found without recursion.
pub fn ident_bytes(ident: &Ident) -> Option<Range<usize>> {
    bytes(ident.span)
}

/// The operands of a chain `a AND b AND c` (or OR), left to right, looking through parentheses, without recursion. An
/// expression that is no such chain is its own only operand.
pub fn operands<'e>(expr: &'e Expr, op: &BinaryOperator) -> Vec<&'e Expr> {
    let _ = (expr, op);
    todo!()
}
