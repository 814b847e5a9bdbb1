//! Statements that write.

use super::{Item, Name, QualifiedName};
use crate::sql::tree::{ExprId, QueryId, RelId, TokenSpan};

/// An INSERT.
#[derive(Debug)]
pub(in crate::sql) struct Insert<'t> {
    /// The table.
    pub target: Target<'t>,
    /// The columns, if said, with the parentheses.
    pub columns: Option<(Vec<Name<'t>>, TokenSpan)>,
    /// OVERRIDING SYSTEM VALUE is true, OVERRIDING USER VALUE false.
    pub overriding: Option<bool>,
    /// The rows; `None` for DEFAULT VALUES.
    pub source: Option<QueryId>,
    /// ON CONFLICT
    pub conflict: Option<Conflict<'t>>,
    /// RETURNING
    pub returning: Option<Returning<'t>>,
    /// All of it.
    pub span: TokenSpan,
}

/// The table that a statement writes.
#[derive(Debug)]
pub(in crate::sql) struct Target<'t> {
    /// Its name.
    pub name: QualifiedName<'t>,
    /// ONLY
    pub only: bool,
    /// Its alias.
    pub alias: Option<Name<'t>>,
    /// With ONLY and alias.
    pub span: TokenSpan,
}

/// ON CONFLICT
#[derive(Debug)]
pub(in crate::sql) struct Conflict<'t> {
    /// Which conflict; `None` for any.
    pub on: Option<Arbiter<'t>>,
    /// DO UPDATE; `None` for DO NOTHING.
    pub update: Option<(Vec<Assignment<'t>>, Option<ExprId>)>,
    /// All of it.
    pub span: TokenSpan,
}

/// Which index decides about a conflict.
#[derive(Debug)]
pub(in crate::sql) enum Arbiter<'t> {
    /// One over these columns, and with this predicate.
    Columns(Vec<Name<'t>>, Option<ExprId>),
    /// That of a constraint.
    Constraint(QualifiedName<'t>),
}

/// An UPDATE.
#[derive(Debug)]
pub(in crate::sql) struct Update<'t> {
    /// The table.
    pub target: Target<'t>,
    /// SET
    pub assignments: Vec<Assignment<'t>>,
    /// FROM
    pub from: Vec<RelId>,
    /// WHERE
    pub condition: Option<ExprId>,
    /// RETURNING
    pub returning: Option<Returning<'t>>,
    /// All of it.
    pub span: TokenSpan,
}

/// What SET assigns.
#[derive(Debug)]
pub(in crate::sql) struct Assignment<'t> {
    /// One column, or several in parentheses.
    pub columns: Vec<Name<'t>>,
    /// The value; of several columns a row or a subquery.
    pub value: ExprId,
    /// All of it.
    pub span: TokenSpan,
}

/// A DELETE.
#[derive(Debug)]
pub(in crate::sql) struct Delete<'t> {
    /// The table.
    pub target: Target<'t>,
    /// USING
    pub using: Vec<RelId>,
    /// WHERE
    pub condition: Option<ExprId>,
    /// RETURNING
    pub returning: Option<Returning<'t>>,
    /// All of it.
    pub span: TokenSpan,
}

/// RETURNING
#[derive(Debug)]
pub(in crate::sql) struct Returning<'t> {
    /// What is returned.
    pub list: Vec<Item<'t>>,
    /// With the keyword.
    pub span: TokenSpan,
}
