//! FROM items.

use super::{Name, QualifiedName};
use crate::sql::tree::{ExprId, QueryId, RelId, TokenSpan};

/// A FROM item.
#[derive(Debug)]
pub(in crate::sql) enum Relation<'t> {
    /// A name: of a table, a view, a CTE.
    Named {
        /// Which.
        name: QualifiedName<'t>,
        /// ONLY
        only: bool,
        /// Its alias.
        alias: Option<Alias<'t>>,
        /// TABLESAMPLE, whose arguments are these.
        sample: Option<Vec<ExprId>>,
    },
    /// A subquery.
    Derived {
        /// LATERAL
        lateral: bool,
        /// Which.
        query: QueryId,
        /// Its alias.
        alias: Option<Alias<'t>>,
    },
    /// A function.
    Function {
        /// LATERAL
        lateral: bool,
        /// The call.
        call: ExprId,
        /// WITH ORDINALITY
        ordinality: bool,
        /// Its alias.
        alias: Option<Alias<'t>>,
    },
    /// A join.
    Join {
        /// Which rows it keeps.
        kind: JoinKind,
        /// What stands before it.
        left: RelId,
        /// What stands behind it.
        right: RelId,
        /// Which rows match.
        on: JoinOn<'t>,
    },
    /// A join in parentheses with an alias of its own.
    Aliased {
        /// The join.
        join: RelId,
        /// Its alias.
        alias: Alias<'t>,
    },
}

/// An alias of a FROM item.
#[derive(Debug)]
pub(in crate::sql) struct Alias<'t> {
    /// The name.
    pub name: Name<'t>,
    /// Names of its columns.
    pub columns: Vec<Name<'t>>,
    /// Whether the columns have types as well, as those of a function that returns any row.
    pub typed: bool,
    /// With AS and parentheses.
    pub span: TokenSpan,
}

/// Which rows a join keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sql) enum JoinKind {
    /// JOIN, INNER JOIN
    Inner,
    /// LEFT JOIN
    Left,
    /// RIGHT JOIN
    Right,
    /// FULL JOIN
    Full,
    /// CROSS JOIN
    Cross,
}

/// Which rows of a join match.
#[derive(Debug)]
pub(in crate::sql) enum JoinOn<'t> {
    /// All: CROSS JOIN.
    All,
    /// ON
    Condition(ExprId),
    /// USING
    Using {
        /// The columns.
        columns: Vec<Name<'t>>,
        /// The alias behind AS.
        alias: Option<Name<'t>>,
        /// With the keyword.
        span: TokenSpan,
    },
    /// NATURAL, whose keyword is this token.
    Natural(usize),
}
