//! Scopes, and what a name means in them.

use std::borrow::Cow;

use super::{RangeId, RangeKind, Ref, Resolver};
use crate::error::SqlState;
use crate::sql::Refusal;
use crate::sql::tree::{Name, QualifiedName};

/// System columns of a table.
const SYSTEM_COLUMNS: [&str; 6] = ["tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"];

/// What can be named at one place of a statement.
#[derive(Debug, Clone, Default)]
pub(super) struct Level<'t> {
    /// Relations by whose names columns can be qualified.
    pub ranges: Vec<RangeId>,
    /// Columns that can be named alone, as `*` shows them.
    pub columns: Vec<(Cow<'t, str>, Ref)>,
}

impl<'t> Level<'t> {
    /// Both, this one first.
    pub(super) fn join(&mut self, other: Level<'t>) {
        self.ranges.extend(other.ranges);
        self.columns.extend(other.columns);
    }
}

impl<'t> Resolver<'_, 't> {
    /// The scope in which names are looked up first.
    pub(super) fn top(&mut self) -> &mut Level<'t> {
        if self.levels.is_empty() {
            self.levels.push(Level::default());
        }
        let top = self.levels.len() - 1;
        &mut self.levels[top]
    }

    /// The scope that one relation is.
    pub(super) fn level_of(&self, range: RangeId) -> Level<'t> {
        let columns = self.done.range(range).columns.iter().enumerate();
        let columns = columns.map(|(number, name)| (name.clone(), Ref::Column(range, number))).collect();
        Level { ranges: vec![range], columns }
    }

    /// What a column reference means.
    pub(super) fn reference(&self, name: &QualifiedName<'t>) -> Result<Ref, Refusal> {
        let [column] = name.as_slice() else { return self.qualified_column(name) };
        for (depth, level) in self.levels.iter().enumerate().rev() {
            if let Some(found) = self.unique(level, column)? {
                return self.visible(found, depth, column);
            }
            if let Some(open) = self.open_in(level) {
                return self.open_column(open, depth, column);
            }
        }
        for level in self.levels.iter().rev() {
            if SYSTEM_COLUMNS.contains(&&*column.value) {
                let table = |range: &&RangeId| matches!(self.done.range(**range).kind, RangeKind::Table(_));
                match (level.ranges.as_slice(), level.ranges.iter().find(table)) {
                    ([range], _) | (_, Some(range)) => return Ok(Ref::System(*range)),
                    (_, None) => {}
                }
            }
            if let Some(range) = self.range_named(level, &column.value) {
                return Ok(Ref::Row(range));
            }
        }
        let message = format!("column \"{}\" does not exist", column.value);
        Err(self.refused(SqlState::UNDEFINED_COLUMN, message, column))
    }

    /// What was found in an outer scope must be there under its own name in the physical statement.
    fn visible(&self, found: Ref, depth: usize, column: &Name<'t>) -> Result<Ref, Refusal> {
        let Ref::Column(range, _) = found else { return Ok(found) };
        let name = &self.done.range(range).name;
        let inner = self.levels.get(depth + 1..).unwrap_or(&[]);
        if inner.iter().any(|level| self.range_named(level, name).is_some()) {
            let message = format!("column {} is of an outer {name}, which an inner {name} hides", column.value);
            let refusal = Refusal::new(message).hint("give the tables different aliases");
            return Err(refusal.at(self.at(column.token)));
        }
        Ok(found)
    }

    /// A relation of a scope whose columns are not known.
    pub(super) fn open_in(&self, level: &Level<'t>) -> Option<RangeId> {
        level.ranges.iter().copied().find(|range| self.done.range(*range).open)
    }

    /// What a name means that may be a column of an open range at this depth. If it could mean something else further out,
    /// nothing is certain.
    fn open_column(&self, open: RangeId, depth: usize, column: &Name<'t>) -> Result<Ref, Refusal> {
        let own = self.levels.get(depth).and_then(|level| self.range_named(level, &column.value));
        match own {
            // A function's one column has the function's name.
            Some(range) if matches!(self.done.range(range).kind, RangeKind::Function(_)) => {
                return Ok(Ref::Open(range));
            }
            Some(range) => return Ok(Ref::Row(range)),
            None => {}
        }
        let outer = self.levels.get(..depth).unwrap_or(&[]);
        let elsewhere = outer.iter().any(|level| {
            level.columns.iter().any(|(name, _)| *name == column.value)
                || self.range_named(level, &column.value).is_some()
        });
        if elsewhere {
            let name = &column.value;
            return Err(Refusal::new(format!("it is not known which column {name} means: it is not qualified"))
                .hint("write the name of its table before it")
                .at(self.at(column.token)));
        }
        Ok(Ref::Open(open))
    }

    /// The only column of this name in a scope.
    pub(super) fn unique(&self, level: &Level<'t>, name: &Name<'t>) -> Result<Option<Ref>, Refusal> {
        let mut named = level.columns.iter().filter(|(column, _)| *column == name.value).map(|(_, found)| *found);
        match (named.next(), named.next()) {
            (found, None) => Ok(found),
            (_, Some(_)) => {
                let message = format!("column reference \"{}\" is ambiguous", name.value);
                Err(self.refused(SqlState::AMBIGUOUS_COLUMN, message, name))
            }
        }
    }

    fn qualified_column(&self, name: &QualifiedName<'t>) -> Result<Ref, Refusal> {
        let Some((column, qualifier)) = name.split_last() else {
            return Err(super::super::tree::unreadable());
        };
        let range = self.qualified(qualifier)?;
        let columns = &self.done.range(range).columns;
        let mut named = columns.iter().enumerate().filter(|(_, name)| **name == column.value).map(|(number, _)| number);
        match (named.next(), named.next()) {
            (Some(number), None) => Ok(Ref::Column(range, number)),
            (Some(_), Some(_)) => {
                let message = format!("column reference \"{}\" is ambiguous", column.value);
                Err(self.refused(SqlState::AMBIGUOUS_COLUMN, message, column))
            }
            (None, _) if SYSTEM_COLUMNS.contains(&&*column.value) => Ok(Ref::System(range)),
            (None, _) if self.done.range(range).open => Ok(Ref::Open(range)),
            (None, _) => {
                let message = format!("column {}.{} does not exist", self.done.range(range).name, column.value);
                Err(self.refused_at(SqlState::UNDEFINED_COLUMN, message, name))
            }
        }
    }

    /// The relation that a qualifier means: `t`, or `schema.t` where it has no alias.
    pub(super) fn qualified(&self, name: &[Name<'t>]) -> Result<RangeId, Refusal> {
        let found = self.levels.iter().rev().find_map(|level| match name {
            [table] => self.range_named(level, &table.value),
            [schema, table] => level.ranges.iter().copied().find(|range| {
                let range = self.done.range(*range);
                let relation = match &range.kind {
                    RangeKind::Table(table) => &table.relation,
                    RangeKind::Other(relation) => relation,
                    RangeKind::Excluded(_) | RangeKind::Query(_) | RangeKind::Function(_) | RangeKind::Join(_) => {
                        return false;
                    }
                };
                // Where a relation that is not protected is, the server knows.
                let there = relation.schema == schema.value || relation.schema.is_empty();
                !range.aliased && there && relation.name == table.value
            }),
            _ => None,
        });
        found.ok_or_else(|| self.missing(name))
    }

    fn range_named(&self, level: &Level<'t>, name: &str) -> Option<RangeId> {
        level.ranges.iter().copied().find(|range| self.done.range(*range).name == name)
    }

    /// PostgreSQL's words (errorMissingRTE in parse_relation.c).
    fn missing(&self, name: &[Name<'t>]) -> Refusal {
        let Some(table) = name.last() else { return super::super::tree::unreadable() };
        let hidden = self.done.ranges.iter().find(|range| {
            let own = match &range.kind {
                RangeKind::Table(own) => &own.relation.name,
                RangeKind::Other(relation) => &relation.name,
                RangeKind::Excluded(_) | RangeKind::Query(_) | RangeKind::Function(_) | RangeKind::Join(_) => {
                    return false;
                }
            };
            range.aliased && *own == table.value
        });
        let what = if hidden.is_some() { "invalid reference to" } else { "missing" };
        let message = format!("{what} FROM-clause entry for table \"{}\"", table.value);
        let error = Refusal::error(SqlState::UNDEFINED_TABLE, message).at(self.at(name[0].token));
        match hidden {
            Some(range) => error.hint(format!("Perhaps you meant to reference the table alias \"{}\".", range.name)),
            None => error,
        }
    }

    /// A name of `FOR UPDATE OF`, which must be one of a relation of this query.
    pub(super) fn locked(&self, name: &Name<'t>) -> Result<(), Refusal> {
        let found = self.levels.last().and_then(|level| self.range_named(level, &name.value));
        match found {
            Some(_) => Ok(()),
            None => {
                let message = format!("relation \"{}\" in FOR UPDATE clause not found in FROM clause", name.value);
                Err(self.refused(SqlState::UNDEFINED_TABLE, message, name))
            }
        }
    }

    pub(super) fn refused(&self, sqlstate: SqlState, message: String, name: &Name<'t>) -> Refusal {
        Refusal::error(sqlstate, message).at(self.at(name.token))
    }

    fn refused_at(&self, sqlstate: SqlState, message: String, name: &[Name<'t>]) -> Refusal {
        Refusal::error(sqlstate, message).at(name.first().map_or(0, |first| self.at(first.token)))
    }
}
