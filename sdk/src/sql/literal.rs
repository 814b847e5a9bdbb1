//! Constants as PostgreSQL types them: unescaping, numbers, typed literals and casts of literals (SQL-20).

use sqlparser::ast::Expr;

pub use super::lex::unescape;
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
