//! Queries.

use super::{Name, Operator, QualifiedName, Window};
use crate::sql::tree::{ExprId, QueryId, RelId, Root, TokenSpan};

/// A query, with the parentheses around it in `span` if it is a subquery.
#[derive(Debug)]
pub(in crate::sql) struct Query<'t> {
    /// WITH
    pub with: Option<With<'t>>,
    /// What it is made of.
    pub body: Body<'t>,
    /// ORDER BY
    pub order: Vec<SortKey<'t>>,
    /// LIMIT, or FETCH FIRST with its count: `None` is one row for FETCH, all of them for LIMIT.
    pub limit: Option<Limit>,
    /// OFFSET
    pub offset: Option<ExprId>,
    /// FOR UPDATE and its like, in the order of the text.
    pub locks: Vec<Lock<'t>>,
    /// All of it, without parentheses around.
    pub span: TokenSpan,
}

/// What rows a query ends after.
#[derive(Debug, Clone, Copy)]
pub(in crate::sql) struct Limit {
    /// How many; `None` for ALL, and for one row of FETCH.
    pub count: Option<ExprId>,
    /// FETCH FIRST … WITH TIES
    pub ties: bool,
}

/// What a query is made of.
#[derive(Debug)]
pub(in crate::sql) enum Body<'t> {
    /// SELECT
    Select(Box<Select<'t>>),
    /// VALUES
    Values(Vec<Vec<ExprId>>),
    /// TABLE t, which is SELECT * FROM t.
    Table(QualifiedName<'t>),
    /// UNION, INTERSECT, EXCEPT
    Set {
        /// Which.
        operator: SetOperator,
        /// ALL
        all: bool,
        /// The query before it.
        left: QueryId,
        /// The query behind it.
        right: QueryId,
    },
    /// A query in parentheses.
    Nested(QueryId),
    /// INSERT, UPDATE or DELETE behind WITH, or as a CTE.
    Write(Box<Root<'t>>),
}

/// A set operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sql) enum SetOperator {
    /// UNION
    Union,
    /// INTERSECT
    Intersect,
    /// EXCEPT
    Except,
}

/// A WITH clause.
#[derive(Debug)]
pub(in crate::sql) struct With<'t> {
    /// RECURSIVE
    pub recursive: bool,
    /// Its common table expressions.
    pub ctes: Vec<Cte<'t>>,
}

/// A common table expression.
#[derive(Debug)]
pub(in crate::sql) struct Cte<'t> {
    /// Its name.
    pub name: Name<'t>,
    /// Names of its columns.
    pub columns: Vec<Name<'t>>,
    /// MATERIALIZED or NOT MATERIALIZED, if said.
    pub materialized: Option<bool>,
    /// Its query.
    pub query: QueryId,
}

/// A SELECT.
#[derive(Debug)]
pub(in crate::sql) struct Select<'t> {
    /// DISTINCT
    pub distinct: Distinct,
    /// The select list.
    pub list: Vec<Item<'t>>,
    /// INTO, which makes a table.
    pub into: Option<TokenSpan>,
    /// FROM
    pub from: Vec<RelId>,
    /// WHERE
    pub condition: Option<ExprId>,
    /// GROUP BY
    pub group: Vec<GroupKey>,
    /// HAVING
    pub having: Option<ExprId>,
    /// WINDOW
    pub windows: Vec<(Name<'t>, Window<'t>)>,
}

/// DISTINCT of a SELECT. The span is that of the keyword.
#[derive(Debug)]
pub(in crate::sql) enum Distinct {
    /// Not said, or ALL.
    No,
    /// DISTINCT
    Yes(TokenSpan),
    /// DISTINCT ON
    On(Vec<ExprId>),
}

/// An item of a select list or of RETURNING.
#[derive(Debug)]
pub(in crate::sql) struct Item<'t> {
    /// What it is.
    pub kind: ItemKind<'t>,
    /// All of it, with its alias.
    pub span: TokenSpan,
}

/// What an item of a list is.
#[derive(Debug)]
pub(in crate::sql) enum ItemKind<'t> {
    /// An expression with its name, if it has one.
    Expr {
        /// What.
        expr: ExprId,
        /// Under which name.
        alias: Option<Name<'t>>,
    },
    /// `*`, `t.*`
    Star(QualifiedName<'t>),
}

/// A key of GROUP BY.
#[derive(Debug)]
pub(in crate::sql) enum GroupKey {
    /// An expression.
    Expr(ExprId),
    /// ROLLUP
    Rollup(Vec<Vec<ExprId>>),
    /// CUBE
    Cube(Vec<Vec<ExprId>>),
    /// GROUPING SETS
    Sets(Vec<Vec<ExprId>>),
}

/// A key of ORDER BY.
#[derive(Debug)]
pub(in crate::sql) struct SortKey<'t> {
    /// What is sorted by.
    pub expr: ExprId,
    /// How.
    pub direction: Direction<'t>,
    /// NULLS FIRST, if said.
    pub nulls_first: Option<bool>,
}

/// The order of a sort key.
#[derive(Debug)]
pub(in crate::sql) enum Direction<'t> {
    /// ASC, or not said.
    Ascending,
    /// DESC
    Descending,
    /// USING an operator.
    Using(Operator<'t>),
}

/// A locking clause.
#[derive(Debug)]
pub(in crate::sql) struct Lock<'t> {
    /// How strong.
    pub strength: LockStrength,
    /// The aliases behind OF; empty without it.
    pub of: Vec<Name<'t>>,
    /// What happens at a locked row.
    pub wait: LockWait,
    /// All of it.
    pub span: TokenSpan,
}

/// Strength of a row lock, strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sql) enum LockStrength {
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
pub(in crate::sql) enum LockWait {
    /// Neither word: it waits.
    Wait,
    /// NOWAIT
    NoWait,
    /// SKIP LOCKED
    SkipLocked,
}
