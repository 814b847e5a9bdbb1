//! Constants as PostgreSQL types them: unescaping, numbers, typed literals and casts of literals (SQL-20).

use std::borrow::Cow;

use sqlparser::ast::Expr;

use super::lex::{LexError, Token};
use super::{Literal, Refusal};

/// A constant of the statement.
#[derive(Debug, Clone, PartialEq)]
pub enum Constant {
    /// NULL, also cast: `NULL::text`.
    Null,
    /// Anything else.
    Value(Literal),
}

/// Reads an expression as a constant. `Ok(None)`: it is none (a column, a parameter, a function call, …). An error:
/// it is a constant that this version does not carry into a protected column (`B'…'`, a cast to an unknown type), or
/// one that PostgreSQL rejects.
pub fn constant(expr: &Expr) -> Result<Option<Constant>, Refusal> {
    let _ = expr;
    todo!()
}

/// The value of a string constant of any kind (the `$` quotes, continuation lines and escapes taken away), or of a
/// quoted identifier. `U&` is read with the default escape. Other tokens are their own value.
pub fn unescape<'t>(text: &'t str, token: &Token) -> Result<Cow<'t, str>, LexError> {
    let _ = (text, token);
    todo!()
}
