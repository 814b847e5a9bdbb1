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
#[allow(dead_code, reason = "a node is all that its construct says, also what no pass asks for")]
mod node;
mod parts;
mod query;
mod relation;
#[cfg(test)]
mod tests;
mod types;
mod write;

use sqlparser::ast;

pub(super) use node::{
    Alias, Arbiter, Argument, Arguments, Assignment, Body, Call, Conflict, Cte, Delete, Direction, Distinct, Expr,
    Form, GroupKey, Insert, Item, ItemKind, JoinKind, JoinOn, Limit, Lock, LockStrength, LockWait, Name, Operator,
    PatternKind, QualifiedName, Query, Relation, Returning, Select, SetOperator, SortKey, Target, Update, Window, With,
};
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

impl TokenSpan {
    /// Whether it has this token.
    pub(super) fn contains(self, token: usize) -> bool {
        (self.start..self.end).contains(&token)
    }
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

    /// The tree of `TABLE t`, a command that the parser does not know by itself.
    ///
    /// # Errors
    /// Something stands behind the name.
    pub(super) fn table(text: &'t str, tokens: &'t [Token]) -> Result<Self, Refusal> {
        let name = |token: usize| {
            let value = tokens.get(token)?.name(text)?;
            Some(Name { value, token })
        };
        let name: QualifiedName<'t> = match tokens.len() {
            2 => name(1).into_iter().collect(),
            4 if tokens.get(2).is_some_and(|dot| dot.is_symbol(b'.')) => name(1).into_iter().chain(name(3)).collect(),
            _ => Vec::new(),
        };
        if name.is_empty() {
            return Err(unknown("TABLE of this form").hint("write SELECT * FROM instead"));
        }
        let (with, order, limit, offset, locks) = (None, Vec::new(), None, None, Vec::new());
        let span = TokenSpan { start: 0, end: tokens.len() };
        let query = Query { with, body: Body::Table(name), order, limit, offset, locks, span };
        let (exprs, relations) = (Vec::new(), Vec::new());
        Ok(Self { exprs, queries: vec![query], relations, text, tokens, root: Root::Query(QueryId(0)) })
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
pub(super) fn unknown(what: &str) -> Refusal {
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
