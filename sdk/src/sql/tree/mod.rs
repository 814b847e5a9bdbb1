//! A statement as the planner reads it: our own tree, made of sqlparser's and of the tokens together.
//!
//! The tree is read in the order of the text, and every token is accounted for by exactly one node (SQL-4, SQL-6): where
//! the parser's tree and the tokens do not say the same, or a construct has no node here, the statement is refused. So this
//! is the only place that knows how far an expression reaches, with which parentheses, casts and keywords; whatever comes
//! after it has spans.
//!
//! Nodes live in arenas and name each other by number: walking and dropping a tree takes no stack. Chains of AND and of OR
//! are one node with many operands. What PostgreSQL's grammar makes one construct of is one construct: `ISNULL`, `!=`,
//! `SOME`, parentheses. A span remembers how it was written.

mod call;
mod cursor;
mod expr;
mod parts;
mod query;
mod relation;
#[cfg(test)]
mod tests;
mod types;
mod write;

use std::borrow::Cow;

use sqlparser::ast;

pub(super) use types::TypeName;

use self::cursor::Cursor;
use super::Refusal;
use super::lex::Token;
use super::stack::Stack;
use crate::error::SqlState;

/// Tokens of the statement, half open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TokenSpan {
    /// The first.
    pub start: usize,
    /// The one behind the last.
    pub end: usize,
}

/// A query of a [`Tree`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct QueryId(usize);

/// A FROM item of a [`Tree`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RelId(usize);

/// An expression of a [`Tree`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ExprId(usize);

/// One statement that reads or writes rows.
#[derive(Debug)]
pub(super) struct Tree<'t> {
    exprs: Vec<(Expr<'t>, TokenSpan)>,
    queries: Vec<Query<'t>>,
    relations: Vec<(Relation<'t>, TokenSpan)>,
    text: &'t str,
    tokens: &'t [Token],
    /// What it does.
    pub root: Root<'t>,
}

/// What a statement does.
#[derive(Debug)]
pub(super) enum Root<'t> {
    /// SELECT, VALUES, TABLE
    Query(QueryId),
    /// INSERT
    Insert(Box<Insert<'t>>),
    /// UPDATE
    Update(Box<Update<'t>>),
    /// DELETE
    Delete(Box<Delete<'t>>),
}

/// An identifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name<'t> {
    /// As PostgreSQL reads it: folded if unquoted, cut to 63 bytes.
    pub value: Cow<'t, str>,
    /// Its token.
    pub token: usize,
}

/// A name with its qualifiers.
pub(super) type QualifiedName<'t> = Vec<Name<'t>>;

/// A query, with the parentheses around it in `span` if it is a subquery.
#[derive(Debug)]
pub(super) struct Query<'t> {
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
pub(super) struct Limit {
    /// How many; `None` for ALL, and for one row of FETCH.
    pub count: Option<ExprId>,
    /// FETCH FIRST … WITH TIES
    pub ties: bool,
}

/// What a query is made of.
#[derive(Debug)]
pub(super) enum Body<'t> {
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
pub(super) enum SetOperator {
    /// UNION
    Union,
    /// INTERSECT
    Intersect,
    /// EXCEPT
    Except,
}

/// A WITH clause.
#[derive(Debug)]
pub(super) struct With<'t> {
    /// RECURSIVE
    pub recursive: bool,
    /// Its common table expressions.
    pub ctes: Vec<Cte<'t>>,
}

/// A common table expression.
#[derive(Debug)]
pub(super) struct Cte<'t> {
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
pub(super) struct Select<'t> {
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
pub(super) enum Distinct {
    /// Not said, or ALL.
    No,
    /// DISTINCT
    Yes(TokenSpan),
    /// DISTINCT ON
    On(Vec<ExprId>),
}

/// An item of a select list or of RETURNING.
#[derive(Debug)]
pub(super) struct Item<'t> {
    /// What it is.
    pub kind: ItemKind<'t>,
    /// All of it, with its alias.
    pub span: TokenSpan,
}

/// What an item of a list is.
#[derive(Debug)]
pub(super) enum ItemKind<'t> {
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
pub(super) enum GroupKey {
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
pub(super) struct SortKey<'t> {
    /// What is sorted by.
    pub expr: ExprId,
    /// How.
    pub direction: Direction<'t>,
    /// NULLS FIRST, if said.
    pub nulls_first: Option<bool>,
}

/// The order of a sort key.
#[derive(Debug)]
pub(super) enum Direction<'t> {
    /// ASC, or not said.
    Ascending,
    /// DESC
    Descending,
    /// USING an operator.
    Using(Operator<'t>),
}

/// A locking clause.
#[derive(Debug)]
pub(super) struct Lock<'t> {
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
pub(super) enum LockStrength {
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
pub(super) enum LockWait {
    /// Neither word: it waits.
    Wait,
    /// NOWAIT
    NoWait,
    /// SKIP LOCKED
    SkipLocked,
}

/// A FROM item.
#[derive(Debug)]
pub(super) enum Relation<'t> {
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
pub(super) struct Alias<'t> {
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
pub(super) enum JoinKind {
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
pub(super) enum JoinOn<'t> {
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

/// An operator as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Operator<'t> {
    /// `=`, `<>` (for `!=` too), `@>` …
    pub symbol: &'t str,
    /// Its token.
    pub token: usize,
}

/// An expression. Its span has the parentheses around it.
#[derive(Debug)]
pub(super) enum Expr<'t> {
    /// A column, or a whole row.
    Column(QualifiedName<'t>),
    /// `t.*` as a value: a whole row.
    Star(QualifiedName<'t>),
    /// `$n`, from 0.
    Param(usize),
    /// A string, a number or a bit string; its token has the value.
    Constant(usize),
    /// `TRUE`, `FALSE`
    Bool(bool),
    /// `NULL`
    Null,
    /// `DEFAULT`, in the place of a value that is written.
    Default,
    /// `x::t`, `CAST(x AS t)`, `t 'x'`
    Cast {
        /// What is cast.
        operand: ExprId,
        /// To which type.
        to: TypeName<'t>,
    },
    /// `INTERVAL 'x' …`: what it is of, and the words around it are in the span.
    Interval(ExprId),
    /// AND
    And(Vec<ExprId>),
    /// OR
    Or(Vec<ExprId>),
    /// NOT
    Not(ExprId),
    /// A binary operator.
    Binary {
        /// The left operand.
        left: ExprId,
        /// Which.
        operator: Operator<'t>,
        /// The right operand.
        right: ExprId,
    },
    /// A prefix operator.
    Prefix {
        /// Which.
        operator: Operator<'t>,
        /// Its operand.
        operand: ExprId,
    },
    /// IS [NOT] NULL
    IsNull {
        /// Of what.
        operand: ExprId,
        /// NOT
        negated: bool,
    },
    /// IS [NOT] TRUE, FALSE, UNKNOWN
    IsTruth {
        /// Of what.
        operand: ExprId,
        /// TRUE, FALSE; `None` for UNKNOWN.
        truth: Option<bool>,
        /// NOT
        negated: bool,
    },
    /// IS [NOT] DISTINCT FROM
    IsDistinct {
        /// The left operand.
        left: ExprId,
        /// The right operand.
        right: ExprId,
        /// NOT
        negated: bool,
    },
    /// [NOT] IN a list
    In {
        /// What.
        operand: ExprId,
        /// Never empty.
        items: Vec<ExprId>,
        /// NOT
        negated: bool,
    },
    /// [NOT] IN a subquery
    InQuery {
        /// What.
        operand: ExprId,
        /// Whose one column.
        query: QueryId,
        /// NOT
        negated: bool,
    },
    /// `x = ANY (array)`, `x <> ALL (array)`
    Quantified {
        /// What.
        operand: ExprId,
        /// How each element is compared.
        operator: Operator<'t>,
        /// ALL, else ANY or SOME.
        all: bool,
        /// The array.
        array: ExprId,
    },
    /// The same over a subquery.
    QuantifiedQuery {
        /// What.
        operand: ExprId,
        /// How each row is compared.
        operator: Operator<'t>,
        /// ALL, else ANY or SOME.
        all: bool,
        /// The query.
        query: QueryId,
    },
    /// [NOT] BETWEEN
    Between {
        /// What.
        operand: ExprId,
        /// The one bound.
        low: ExprId,
        /// The other.
        high: ExprId,
        /// SYMMETRIC
        symmetric: bool,
        /// NOT
        negated: bool,
    },
    /// [NOT] LIKE, ILIKE, SIMILAR TO
    Pattern {
        /// Which.
        kind: PatternKind,
        /// What.
        operand: ExprId,
        /// The pattern.
        pattern: ExprId,
        /// ESCAPE
        escape: Option<ExprId>,
        /// NOT
        negated: bool,
    },
    /// CASE
    Case {
        /// What every branch is compared with.
        operand: Option<ExprId>,
        /// WHEN, THEN
        branches: Vec<(ExprId, ExprId)>,
        /// ELSE
        otherwise: Option<ExprId>,
    },
    /// A function.
    Call(Box<Call<'t>>),
    /// A function whose arguments the grammar separates by words.
    Form {
        /// Which.
        form: Form,
        /// Its arguments, in the order of the text.
        operands: Vec<ExprId>,
    },
    /// COLLATE
    Collate {
        /// What.
        operand: ExprId,
        /// The collation.
        collation: QualifiedName<'t>,
    },
    /// `(a, b)`
    Row(Vec<ExprId>),
    /// `ARRAY[…]`, and an array in one.
    Array(Vec<ExprId>),
    /// EXISTS
    Exists(QueryId),
    /// A scalar subquery.
    Scalar(QueryId),
    /// `x[1]`, `x[1:2]`
    Subscript {
        /// Of what.
        operand: ExprId,
        /// The bounds.
        bounds: Vec<ExprId>,
    },
    /// `(x).field`
    Field {
        /// Of what.
        operand: ExprId,
        /// Which; `None` for `*`.
        field: Option<Name<'t>>,
    },
}

/// Matching of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PatternKind {
    /// LIKE
    Like,
    /// ILIKE
    ILike,
    /// SIMILAR TO
    SimilarTo,
}

/// Functions whose arguments the grammar separates by words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// AT TIME ZONE
    AtTimeZone,
    /// CEIL
    Ceil,
    /// EXTRACT
    Extract,
    /// FLOOR
    Floor,
    /// OVERLAY
    Overlay,
    /// POSITION
    Position,
    /// SUBSTRING
    Substring,
    /// TRIM
    Trim,
}

/// A call of a function.
#[derive(Debug)]
pub(super) struct Call<'t> {
    /// Which.
    pub name: QualifiedName<'t>,
    /// Its arguments.
    pub arguments: Arguments<'t>,
    /// WITHIN GROUP
    pub within_group: Vec<SortKey<'t>>,
    /// FILTER
    pub filter: Option<ExprId>,
    /// OVER
    pub over: Option<Window<'t>>,
}

/// The arguments of a call.
#[derive(Debug)]
pub(super) enum Arguments<'t> {
    /// Not even parentheses: `current_date`.
    None,
    /// `count(*)`
    Star,
    /// Any number of them.
    List {
        /// DISTINCT
        distinct: bool,
        /// In order.
        items: Vec<Argument<'t>>,
        /// ORDER BY inside of the parentheses.
        order: Vec<SortKey<'t>>,
    },
    /// `ARRAY(SELECT …)`
    Query(QueryId),
}

/// An argument of a call.
#[derive(Debug)]
pub(super) struct Argument<'t> {
    /// `name => …`
    pub name: Option<Name<'t>>,
    /// Its value.
    pub value: ExprId,
}

/// A window, by its name or as it is.
#[derive(Debug)]
pub(super) struct Window<'t> {
    /// The window that it names.
    pub base: Option<Name<'t>>,
    /// PARTITION BY
    pub partition: Vec<ExprId>,
    /// ORDER BY
    pub order: Vec<SortKey<'t>>,
    /// The bounds of its frame that are expressions.
    pub frame: Vec<ExprId>,
}

/// An INSERT.
#[derive(Debug)]
pub(super) struct Insert<'t> {
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
pub(super) struct Target<'t> {
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
pub(super) struct Conflict<'t> {
    /// Which conflict; `None` for any.
    pub on: Option<Arbiter<'t>>,
    /// DO UPDATE; `None` for DO NOTHING.
    pub update: Option<(Vec<Assignment<'t>>, Option<ExprId>)>,
    /// All of it.
    pub span: TokenSpan,
}

/// Which index decides about a conflict.
#[derive(Debug)]
pub(super) enum Arbiter<'t> {
    /// One over these columns, and with this predicate.
    Columns(Vec<Name<'t>>, Option<ExprId>),
    /// That of a constraint.
    Constraint(QualifiedName<'t>),
}

/// An UPDATE.
#[derive(Debug)]
pub(super) struct Update<'t> {
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
pub(super) struct Assignment<'t> {
    /// One column, or several in parentheses.
    pub columns: Vec<Name<'t>>,
    /// The value; of several columns a row or a subquery.
    pub value: ExprId,
    /// All of it.
    pub span: TokenSpan,
}

/// A DELETE.
#[derive(Debug)]
pub(super) struct Delete<'t> {
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
pub(super) struct Returning<'t> {
    /// What is returned.
    pub list: Vec<Item<'t>>,
    /// With the keyword.
    pub span: TokenSpan,
}

impl QueryId {
    /// Its place among the queries of its tree.
    pub(super) fn index(self) -> usize {
        self.0
    }
}

impl RelId {
    /// Its place among the FROM items of its tree.
    pub(super) fn index(self) -> usize {
        self.0
    }
}

impl ExprId {
    /// Its place among the expressions of its tree.
    pub(super) fn index(self) -> usize {
        self.0
    }
}

impl<'t> Tree<'t> {
    /// The tree of one statement that reads or writes rows. `tokens` are its own.
    ///
    /// # Errors
    /// A construct that has no node; a tree of the parser that does not fit the tokens.
    pub(super) fn read(
        text: &'t str,
        tokens: &'t [Token],
        statement: &ast::Statement,
        stack: Stack,
    ) -> Result<Self, Refusal> {
        let mut reader = Reader {
            cursor: Cursor::new(text, tokens),
            stack,
            exprs: Vec::with_capacity(tokens.len() / 2),
            queries: Vec::new(),
            relations: Vec::new(),
        };
        let root = reader.statement(statement)?;
        reader.cursor.end()?;
        let Reader { exprs, queries, relations, .. } = reader;
        Ok(Self { exprs, queries, relations, text, tokens, root })
    }

    /// The text of a token.
    pub(super) fn word(&self, token: usize) -> &'t str {
        self.tokens.get(token).map_or("", |token| token.text(self.text))
    }

    /// An expression.
    pub(super) fn expr(&self, id: ExprId) -> &Expr<'t> {
        &self.exprs[id.0].0
    }

    /// The number of the parameter that the expression at this place is.
    pub(super) fn param(&self, index: usize) -> Option<usize> {
        match self.exprs.get(index) {
            Some((Expr::Param(number), _)) => Some(*number),
            _ => None,
        }
    }

    /// All expressions.
    pub(super) fn expr_ids(&self) -> impl Iterator<Item = ExprId> {
        (0..self.exprs.len()).map(ExprId)
    }

    /// How far an expression reaches, with the parentheses around it.
    pub(super) fn span(&self, id: ExprId) -> TokenSpan {
        self.exprs[id.0].1
    }

    /// A query.
    pub(super) fn query(&self, id: QueryId) -> &Query<'t> {
        &self.queries[id.0]
    }

    /// All FROM items.
    pub(super) fn relation_ids(&self) -> impl Iterator<Item = RelId> {
        (0..self.relations.len()).map(RelId)
    }

    /// All queries.
    pub(super) fn query_ids(&self) -> impl Iterator<Item = QueryId> {
        (0..self.queries.len()).map(QueryId)
    }

    /// An expression by its place.
    pub(super) fn expr_id(&self, index: usize) -> Option<ExprId> {
        (index < self.exprs.len()).then_some(ExprId(index))
    }

    /// A FROM item.
    pub(super) fn relation(&self, id: RelId) -> &Relation<'t> {
        &self.relations[id.0].0
    }

    /// How far a FROM item reaches.
    pub(super) fn extent(&self, id: RelId) -> TokenSpan {
        self.relations[id.0].1
    }
}

/// Reads a statement from its beginning to its end.
struct Reader<'t> {
    cursor: Cursor<'t>,
    stack: Stack,
    exprs: Vec<(Expr<'t>, TokenSpan)>,
    queries: Vec<Query<'t>>,
    relations: Vec<(Relation<'t>, TokenSpan)>,
}

impl<'t> Reader<'t> {
    fn statement(&mut self, statement: &ast::Statement) -> Result<Root<'t>, Refusal> {
        match statement {
            ast::Statement::Query(query) => self.query(query).map(Root::Query),
            ast::Statement::Insert(insert) => Ok(Root::Insert(Box::new(self.insert(insert)?))),
            ast::Statement::Update(update) => Ok(Root::Update(Box::new(self.update(update)?))),
            ast::Statement::Delete(delete) => Ok(Root::Delete(Box::new(self.delete(delete)?))),
            _ => Err(unknown("a statement of this kind")),
        }
    }

    /// The one reading if it fits the tokens, else the other: where the parser's tree is the same for both.
    fn either<T>(
        &mut self,
        one: impl FnOnce(&mut Self) -> Result<T, Refusal>,
        other: impl FnOnce(&mut Self) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let before = (self.cursor.at(), self.exprs.len(), self.queries.len(), self.relations.len());
        one(self).or_else(|_| {
            let (at, exprs, queries, relations) = before;
            self.cursor.back(at);
            self.exprs.truncate(exprs);
            self.queries.truncate(queries);
            self.relations.truncate(relations);
            other(self)
        })
    }

    fn add(&mut self, expr: Expr<'t>, start: usize) -> ExprId {
        self.exprs.push((expr, self.cursor.since(start)));
        ExprId(self.exprs.len() - 1)
    }

    fn add_query(&mut self, query: Query<'t>) -> QueryId {
        self.queries.push(query);
        QueryId(self.queries.len() - 1)
    }

    fn add_relation(&mut self, relation: Relation<'t>, start: usize) -> RelId {
        self.relations.push((relation, self.cursor.since(start)));
        RelId(self.relations.len() - 1)
    }
}

/// The refusal of a construct that has no node.
fn unknown(what: &str) -> Refusal {
    Refusal::new(format!("{what} cannot be used in a statement on a protected table"))
        .hint("protected tables take SELECT, INSERT ... VALUES, and UPDATE and DELETE of one table")
}

/// The refusal of a statement whose tree and tokens do not fit together.
pub(super) fn unreadable() -> Refusal {
    Refusal::new("this statement names a protected table and could not be read with certainty")
        .hint("write it in a plainer way: without unusual casts, spelling or parentheses around columns and constants")
}

/// The number from 0 of `$n`.
fn param_number(text: &str) -> Result<usize, Refusal> {
    text.strip_prefix('$')
        .and_then(|digits| digits.parse::<u16>().ok())
        .and_then(|number| usize::from(number).checked_sub(1))
        .ok_or_else(|| Refusal::error(SqlState::UNDEFINED_PARAMETER, format!("there is no parameter {text}")))
}
