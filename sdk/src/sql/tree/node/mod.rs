//! The nodes of a tree: one for each construct that the planner knows. What has none here is refused (SQL-4).

mod expr;
mod query;
mod relation;
mod write;

use std::borrow::Cow;

pub(in crate::sql) use expr::{Argument, Arguments, Call, Expr, Form, Operator, PatternKind, Window};
pub(in crate::sql) use query::{
    Body, Cte, Direction, Distinct, GroupKey, Item, ItemKind, Limit, Lock, LockStrength, LockWait, Query, Select,
    SetOperator, SortKey, With,
};
pub(in crate::sql) use relation::{Alias, JoinKind, JoinOn, Relation};
pub(in crate::sql) use write::{Arbiter, Assignment, Conflict, Delete, Insert, Returning, Target, Update};

/// An identifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sql) struct Name<'t> {
    /// As PostgreSQL reads it: folded if unquoted, cut to 63 bytes.
    pub value: Cow<'t, str>,
    /// Its token.
    pub token: usize,
}

/// A name with its qualifiers.
pub(in crate::sql) type QualifiedName<'t> = Vec<Name<'t>>;
