//! What the names of a [`Tree`] mean: every FROM item becomes a range with columns, every column reference one of them.
//!
//! The rules are PostgreSQL's (parse_relation.c, parse_clause.c, parse_target.c): scopes within scopes, LATERAL, the columns
//! that USING and NATURAL merge, names of output columns in ORDER BY and GROUP BY, common table expressions before tables.
//! Protected relations come from the lock. Of any other one the columns may be unknown: what an unqualified name means is then
//! told only where it could mean nothing else (SQL-10). The pass reads, and edits nothing.

mod from;
mod outputs;
mod scope;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use self::scope::Level;
use super::Refusal;
use super::lex::Token;
use super::stack::Stack;
use super::tree::{
    Arbiter, Assignment, Body, Cte, Distinct, Expr, ExprId, GroupKey, Name, Query, QueryId, RelId, Root, Select, Tree,
};
use crate::error::SqlState;
use crate::schema::{Protection, Relation, Table};

/// A relation within a statement, under the name that its columns are qualified with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RangeId(usize);

/// A relation within a statement.
#[derive(Debug)]
pub(super) struct Range<'t> {
    /// Its alias, else its own name.
    pub name: Cow<'t, str>,
    /// Whether the client gave the alias: then the table's own name means nothing here.
    pub aliased: bool,
    /// What it is.
    pub kind: RangeKind,
    /// Its columns, as the statement names them.
    pub columns: Vec<Cow<'t, str>>,
    /// It is on the nullable side of an outer join: all its columns may be NULL.
    pub nullable: bool,
    /// It has columns that are not known here.
    pub open: bool,
}

/// What a range is.
#[derive(Debug)]
#[allow(dead_code, reason = "each range says what it is of; no pass asks it of a function, nor of EXCLUDED so far")]
pub(super) enum RangeKind {
    /// A protected table.
    Table(Arc<Table>),
    /// The row that an upsert would have inserted into it.
    Excluded(Arc<Table>),
    /// Any other relation.
    Other(Relation),
    /// A subquery or a common table expression: its n-th column is the n-th output of this.
    Query(QueryId),
    /// A function.
    Function(ExprId),
    /// A join with an alias of its own.
    Join(Vec<Ref>),
}

/// What a column reference means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ref {
    /// A column of a range.
    Column(RangeId, usize),
    /// A column that USING or NATURAL made of two: index into [`Resolved::merges`].
    Merged(usize),
    /// A column of a range whose columns are not known.
    Open(RangeId),
    /// A system column of a range: `ctid` and its like.
    System(RangeId),
    /// A whole row.
    Row(RangeId),
    /// An output column of the query that it is a key of.
    Output(usize),
}

/// Two columns that are one to the statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Merge {
    /// That of the left side.
    pub left: Ref,
    /// That of the right side.
    pub right: Ref,
    /// Which of them it shows.
    pub shows: Shows,
}

/// Which of two merged columns is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shows {
    /// That of the left side: INNER, LEFT.
    Left,
    /// That of the right side: RIGHT.
    Right,
    /// The first that is not NULL: FULL.
    Either,
}

/// A column that a query gives.
#[derive(Debug)]
pub(super) struct Output<'t> {
    /// Its name.
    pub name: Cow<'t, str>,
    /// What it shows.
    pub shows: Shown,
}

impl Output<'_> {
    /// The range of which it is all columns, however many.
    pub(super) fn open(&self) -> Option<RangeId> {
        match self.shows {
            Shown::Open(range) => Some(range),
            Shown::Expr(_) | Shown::Ref(_) | Shown::Value(_) | Shown::Arms(_) => None,
        }
    }
}

/// What an output column shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// The expression of an item.
    Expr(ExprId),
    /// A column that a star stands for.
    Ref(Ref),
    /// The column of this number of every row of VALUES.
    Value(usize),
    /// The column of this number of both arms of a set operation, or of the query in parentheses.
    Arms(usize),
    /// All columns of a range that are not known: any number of them.
    Open(RangeId),
}

/// The names of a statement.
#[derive(Debug, Default)]
pub(super) struct Resolved<'t> {
    /// By [`RangeId`].
    pub ranges: Vec<Range<'t>>,
    /// Columns of USING and NATURAL.
    pub merges: Vec<Merge>,
    /// The target of each statement that writes, by the token of its name.
    pub targets: BTreeMap<usize, RangeId>,
    /// Columns that are written, by their tokens: their number in the target.
    pub written: BTreeMap<usize, usize>,
    /// What RETURNING of the whole statement gives.
    pub returning: Vec<Output<'t>>,
    refs: BTreeMap<usize, Ref>,
    outputs: BTreeMap<usize, Vec<Output<'t>>>,
    /// By [`RelId`]: all but joins without an alias.
    relations: BTreeMap<usize, RangeId>,
    /// By [`QueryId`]: the relation of `TABLE t`.
    tables: BTreeMap<usize, RangeId>,
    /// By its keyword: the columns that NATURAL merges.
    pub naturals: BTreeMap<usize, Vec<Cow<'t, str>>>,
    /// By the token of its `*` or of what qualifies it: the columns that a star of a list stands for.
    stars: BTreeMap<usize, std::ops::Range<usize>>,
}

impl<'t> Resolved<'t> {
    /// A relation of the statement.
    pub(super) fn range(&self, id: RangeId) -> &Range<'t> {
        &self.ranges[id.0]
    }

    /// What a column reference, or a key of ORDER BY or GROUP BY, means.
    pub(super) fn reference(&self, id: ExprId) -> Option<Ref> {
        self.refs.get(&id.index()).copied()
    }

    /// The columns that a query gives.
    pub(super) fn outputs(&self, id: QueryId) -> &[Output<'t>] {
        self.outputs.get(&id.index()).map_or(&[], Vec::as_slice)
    }

    /// The range that a FROM item is; `None` for a join without an alias.
    pub(super) fn relation(&self, id: RelId) -> Option<RangeId> {
        self.relations.get(&id.index()).copied()
    }

    /// The relation of `TABLE t`.
    pub(super) fn table(&self, id: QueryId) -> Option<RangeId> {
        self.tables.get(&id.index()).copied()
    }

    /// Which outputs of its query the item of a list that begins with this token stands for, if it is a star.
    pub(super) fn star(&self, token: usize) -> std::ops::Range<usize> {
        self.stars.get(&token).cloned().unwrap_or(0..0)
    }
}

/// The relations that are not protected.
pub(super) trait Catalog {
    /// The relation of this name, if it is known, and its columns. Of any other one no column is known: a name that could
    /// be one of them must be qualified where it could be another one as well.
    fn find(&self, name: &[&str]) -> Option<(Relation, Vec<String>)>;
}

/// Nothing is known of any of them.
pub(super) struct Unknown;

impl Catalog for Unknown {
    fn find(&self, _name: &[&str]) -> Option<(Relation, Vec<String>)> {
        None
    }
}

/// Resolves the names of a statement.
pub(super) fn resolve<'t>(
    tree: &Tree<'t>,
    tokens: &[Token],
    protection: &Protection,
    catalog: &dyn Catalog,
    stack: Stack,
) -> Result<Resolved<'t>, Refusal> {
    let mut resolver = Resolver {
        tree,
        tokens,
        protection,
        catalog,
        stack,
        done: Resolved::default(),
        levels: Vec::new(),
        ctes: Vec::new(),
        columns: 0,
    };
    let returning = resolver.root(&tree.root)?;
    Ok(Resolved { returning, ..resolver.done })
}

/// A common table expression that names can mean.
struct Visible<'t> {
    name: Cow<'t, str>,
    query: QueryId,
    columns: Columns<'t>,
}

/// What is known of the columns of a common table expression.
enum Columns<'t> {
    /// It stands further on: WITH RECURSIVE names it already.
    Ahead,
    /// Its query is being read. The list behind its name, for when its first arm is.
    Begun(Vec<Name<'t>>, Name<'t>),
    /// Their names.
    Known(Vec<Cow<'t, str>>),
}

struct Resolver<'a, 't> {
    tree: &'a Tree<'t>,
    tokens: &'a [Token],
    protection: &'a Protection,
    catalog: &'a dyn Catalog,
    stack: Stack,
    done: Resolved<'t>,
    /// Scopes, the innermost last.
    levels: Vec<Level<'t>>,
    /// Common table expressions, the innermost last.
    ctes: Vec<Visible<'t>>,
    /// Columns of all ranges so far.
    columns: usize,
}

impl<'t> Resolver<'_, 't> {
    fn at(&self, token: usize) -> usize {
        self.tokens.get(token).map_or(0, |token| token.range.start)
    }

    fn root(&mut self, root: &Root<'t>) -> Result<Vec<Output<'t>>, Refusal> {
        match root {
            Root::Query(query) => {
                self.query(*query)?;
                Ok(Vec::new())
            }
            Root::Insert(insert) => {
                let target = self.target(&insert.target)?;
                if let Some(source) = insert.source {
                    self.query(source)?;
                }
                for column in insert.columns.iter().flat_map(|(columns, _)| columns) {
                    self.written(target, column)?;
                }
                self.levels.push(self.level_of(target));
                if let Some(conflict) = &insert.conflict {
                    if let Some(Arbiter::Columns(columns, condition)) = &conflict.on {
                        columns.iter().try_for_each(|column| self.written(target, column))?;
                        self.exprs(condition.iter().copied())?;
                    }
                    if let Some((assignments, condition)) = &conflict.update {
                        let excluded = self.excluded(target)?;
                        let level = self.level_of(excluded);
                        self.top().join(level);
                        self.assignments(target, assignments)?;
                        self.exprs(condition.iter().copied())?;
                    }
                }
                self.levels.pop();
                self.levels.push(self.level_of(target));
                let outputs = self.returning(insert.returning.as_ref())?;
                self.levels.pop();
                Ok(outputs)
            }
            Root::Update(update) => {
                let target = self.target(&update.target)?;
                self.levels.push(self.level_of(target));
                self.from(&update.from)?;
                self.assignments(target, &update.assignments)?;
                self.exprs(update.condition)?;
                let outputs = self.returning(update.returning.as_ref())?;
                self.levels.pop();
                Ok(outputs)
            }
            Root::Delete(delete) => {
                let target = self.target(&delete.target)?;
                self.levels.push(self.level_of(target));
                self.from(&delete.using)?;
                self.exprs(delete.condition)?;
                let outputs = self.returning(delete.returning.as_ref())?;
                self.levels.pop();
                Ok(outputs)
            }
        }
    }

    fn assignments(&mut self, target: RangeId, assignments: &[Assignment<'t>]) -> Result<(), Refusal> {
        for assignment in assignments {
            assignment.columns.iter().try_for_each(|column| self.written(target, column))?;
            self.expr(assignment.value)?;
        }
        Ok(())
    }

    /// A column that a statement writes.
    fn written(&mut self, target: RangeId, column: &Name<'t>) -> Result<(), Refusal> {
        let range = self.done.range(target);
        let Some(number) = range.columns.iter().position(|name| *name == column.value) else {
            if range.open {
                return Ok(());
            }
            let own = match &range.kind {
                RangeKind::Table(table) => table.relation.name.as_str(),
                RangeKind::Other(relation) => relation.name.as_str(),
                RangeKind::Excluded(_) | RangeKind::Query(_) | RangeKind::Function(_) | RangeKind::Join(_) => {
                    &range.name
                }
            };
            let message = format!("column \"{}\" of relation \"{own}\" does not exist", column.value);
            let refusal = Refusal::error(SqlState::UNDEFINED_COLUMN, message).at(self.at(column.token));
            return Err(refusal);
        };
        self.done.written.insert(column.token, number);
        Ok(())
    }

    /// A query, with the names of its output columns.
    fn query(&mut self, id: QueryId) -> Result<(), Refusal> {
        self.stack.deeper()?;
        let Query { with, body, order, limit, offset, locks, span: _ } = self.tree.query(id);
        let visible = self.ctes.len();
        if let Some(with) = with {
            if with.recursive {
                let ahead =
                    |cte: &Cte<'t>| Visible { name: cte.name.value.clone(), query: cte.query, columns: Columns::Ahead };
                self.ctes.extend(with.ctes.iter().map(ahead));
            }
            for (place, cte) in with.ctes.iter().enumerate() {
                self.cte(cte, with.recursive.then_some(visible + place))?;
            }
        }
        match body {
            Body::Select(select) => self.select(id, select)?,
            // What sorts and cuts anything else has no columns but those of its output.
            Body::Values(_) | Body::Table(_) | Body::Set { .. } | Body::Nested(_) | Body::Write(_) => {
                self.levels.push(Level::default());
            }
        }
        match body {
            Body::Select(_) => {}
            Body::Values(rows) => {
                rows.iter().try_for_each(|row| self.exprs(row.iter().copied()))?;
                let width = rows.first().map_or(0, Vec::len);
                let column = |number: usize| Output {
                    name: Cow::Owned(format!("column{}", number + 1)),
                    shows: Shown::Value(number),
                };
                self.done.outputs.insert(id.index(), (0..width).map(column).collect());
            }
            Body::Table(name) => {
                let range = self.named(name, None)?;
                self.done.tables.insert(id.index(), range);
                let level = self.level_of(range);
                let outputs = self.shown(&level);
                self.done.outputs.insert(id.index(), outputs);
            }
            Body::Set { operator: _, all: _, left, right } => {
                self.query(*left)?;
                self.recursive(id, *left)?;
                self.query(*right)?;
                self.arms(id, *left);
            }
            Body::Nested(inner) => {
                self.query(*inner)?;
                self.arms(id, *inner);
            }
            Body::Write(root) => {
                let outputs = self.root(root)?;
                self.done.outputs.insert(id.index(), outputs);
            }
        }
        for key in order {
            self.sort_key(id, key.expr)?;
        }
        self.exprs(limit.and_then(|limit| limit.count))?;
        self.exprs(*offset)?;
        for name in locks.iter().flat_map(|lock| &lock.of) {
            self.locked(name)?;
        }
        self.levels.pop();
        self.ctes.truncate(visible);
        Ok(())
    }

    /// A SELECT. Its scope stays, for what sorts and cuts it.
    fn select(&mut self, id: QueryId, select: &Select<'t>) -> Result<(), Refusal> {
        self.levels.push(Level::default());
        self.from(&select.from)?;
        self.exprs(select.condition)?;
        let outputs = self.items(&select.list)?;
        self.done.outputs.insert(id.index(), outputs);
        for key in &select.group {
            match key {
                GroupKey::Expr(key) => self.group_key(id, *key)?,
                GroupKey::Rollup(sets) | GroupKey::Cube(sets) | GroupKey::Sets(sets) => {
                    sets.iter().flatten().try_for_each(|key| self.group_key(id, *key))?;
                }
            }
        }
        self.exprs(select.having)?;
        for (_, window) in &select.windows {
            self.exprs(window.exprs())?;
        }
        if let Distinct::On(keys) = &select.distinct {
            keys.iter().try_for_each(|key| self.sort_key(id, *key))?;
        }
        Ok(())
    }

    /// All column references of some expressions.
    fn exprs(&mut self, exprs: impl IntoIterator<Item = ExprId>) -> Result<(), Refusal> {
        exprs.into_iter().try_for_each(|expr| self.expr(expr))
    }

    /// All column references of an expression, without recursion but for its subqueries.
    fn expr(&mut self, expr: ExprId) -> Result<(), Refusal> {
        let mut waiting = vec![expr];
        while let Some(id) = waiting.pop() {
            match self.tree.expr(id) {
                Expr::Column(name) => {
                    let meaning = self.reference(name)?;
                    self.done.refs.insert(id.index(), meaning);
                }
                Expr::Star(name) => {
                    let range = self.qualified(name)?;
                    self.done.refs.insert(id.index(), Ref::Row(range));
                }
                other => {
                    let before = waiting.len();
                    other.each_part(&mut |part| waiting.push(part));
                    waiting[before..].reverse();
                    if let Some(query) = other.query() {
                        self.query(query)?;
                    }
                }
            }
        }
        Ok(())
    }
}
