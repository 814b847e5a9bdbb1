//! FROM items: ranges, and the scopes that they make.

use std::borrow::Cow;
use std::sync::Arc;

use super::scope::Level;
use super::{Columns, Merge, Range, RangeId, RangeKind, Ref, Resolver, Shows, Visible};
use crate::error::SqlState;
use crate::schema::Table;
use crate::sql::Refusal;
use crate::sql::parse::too_complex;
use crate::sql::plan::scope as lock;
use crate::sql::tree::{
    Alias, Body, Cte, Expr, JoinKind, JoinOn, Name, QualifiedName, QueryId, RelId, Relation, Target,
};

/// FROM items of one statement.
const MOST_RANGES: usize = 1_000;

/// Columns of all of them together.
const MOST_COLUMNS: usize = 20_000;

/// Functions that give one column, of the function's own name or of the alias'.
const SCALAR: [&str; 4] = ["generate_series", "generate_subscripts", "regexp_split_to_table", "string_to_table"];

impl<'t> Resolver<'_, 't> {
    /// The items of a FROM, into the scope on top.
    pub(super) fn from(&mut self, items: &[RelId]) -> Result<(), Refusal> {
        for item in items {
            let level = self.relation(*item)?;
            self.not_twice(&level)?;
            self.top().join(level);
        }
        Ok(())
    }

    /// One item, and the scope that it makes. What stands before it is in the scope on top: LATERAL sees it.
    fn relation(&mut self, id: RelId) -> Result<Level<'t>, Refusal> {
        self.stack.deeper()?;
        let range = match self.tree.relation(id) {
            Relation::Join { kind, left, right, on } => return self.join(*kind, *left, *right, on),
            Relation::Named { name, only: _, alias, sample } => {
                self.exprs(sample.iter().flatten().copied())?;
                self.named(name, alias.as_ref())?
            }
            Relation::Derived { lateral, query, alias } => {
                if *lateral {
                    self.query(*query)?;
                } else {
                    let hidden = self.levels.pop();
                    self.query(*query)?;
                    self.levels.extend(hidden);
                }
                let columns = self.output_names(*query);
                self.range(RangeKind::Query(*query), None, alias.as_ref(), columns, self.is_open(*query))?
            }
            Relation::Function { lateral: _, call, ordinality, alias } => {
                self.expr(*call)?;
                let own = match self.tree.expr(*call) {
                    Expr::Call(call) => call.name.last().cloned(),
                    _ => None,
                };
                let named = alias.as_ref().map(|alias| &alias.name).or(own.as_ref());
                let scalar = own.as_ref().is_some_and(|own| SCALAR.contains(&&*own.value));
                // What any other one returns is told by the catalog; here it has the columns that the statement names.
                let mut columns: Vec<_> = match alias {
                    Some(alias) if !alias.columns.is_empty() => {
                        alias.columns.iter().map(|name| name.value.clone()).collect()
                    }
                    Some(_) | None => named.map(|name| name.value.clone()).into_iter().filter(|_| scalar).collect(),
                };
                if *ordinality && alias.as_ref().is_none_or(|alias| alias.columns.len() < 2) {
                    columns.push(Cow::Borrowed("ordinality"));
                }
                let name = named.map_or(Cow::Borrowed(""), |name| name.value.clone());
                self.add(Range {
                    name,
                    aliased: alias.is_some(),
                    kind: RangeKind::Function(*call),
                    columns,
                    nullable: false,
                    open: !scalar,
                })?
            }
            Relation::Aliased { join, alias } => {
                let level = self.relation(*join)?;
                let open = self.open_in(&level).is_some();
                let (columns, refs) = level.columns.into_iter().unzip();
                self.range(RangeKind::Join(refs), None, Some(alias), columns, open)?
            }
        };
        self.done.relations.insert(id.index(), range);
        Ok(self.level_of(range))
    }

    fn join(&mut self, kind: JoinKind, left: RelId, right: RelId, on: &JoinOn<'t>) -> Result<Level<'t>, Refusal> {
        let left = self.relation(left)?;
        // The right side sees the left one if it is LATERAL.
        let outer = self.top().clone();
        self.top().join(left.clone());
        let right = self.relation(right);
        *self.top() = outer;
        let right = right?;
        for (nullable, side) in [
            (matches!(kind, JoinKind::Right | JoinKind::Full), &left),
            (matches!(kind, JoinKind::Left | JoinKind::Full), &right),
        ] {
            if nullable {
                side.ranges.iter().for_each(|range| self.done.ranges[range.0].nullable = true);
            }
        }
        let shared: Vec<Name<'t>> = match on {
            JoinOn::Using { columns, alias: _, span: _ } => columns.clone(),
            JoinOn::Natural(keyword) => {
                if [&left, &right].into_iter().any(|side| self.open_in(side).is_some()) {
                    return Err(Refusal::new("NATURAL beside a table that is not protected cannot be answered")
                        .hint("name the columns: USING (...)")
                        .at(self.at(*keyword)));
                }
                let common =
                    left.columns.iter().filter(|(name, _)| right.columns.iter().any(|(other, _)| other == name));
                common.map(|(name, _)| Name { value: name.clone(), token: *keyword }).collect()
            }
            JoinOn::All | JoinOn::Condition(_) => Vec::new(),
        };
        if let JoinOn::Natural(keyword) = on {
            self.done.naturals.insert(*keyword, shared.iter().map(|name| name.value.clone()).collect());
        }
        let mut level = Level::default();
        for name in &shared {
            let one = self.side(&left, name, "left")?;
            let other = self.side(&right, name, "right")?;
            let shows = match kind {
                JoinKind::Inner | JoinKind::Left | JoinKind::Cross => Shows::Left,
                JoinKind::Right => Shows::Right,
                JoinKind::Full => Shows::Either,
            };
            self.done.merges.push(Merge { left: one, right: other, shows });
            level.columns.push((name.value.clone(), Ref::Merged(self.done.merges.len() - 1)));
        }
        for side in [left, right] {
            level.ranges.extend(side.ranges);
            level
                .columns
                .extend(side.columns.into_iter().filter(|(name, _)| !shared.iter().any(|own| own.value == *name)));
        }
        match on {
            JoinOn::Condition(condition) => {
                // It sees the two sides of its own join, and none of the other items.
                let outer = std::mem::replace(self.top(), level.clone());
                self.expr(*condition)?;
                *self.top() = outer;
            }
            JoinOn::Using { columns, alias: Some(alias), span: _ } => {
                let (names, refs) = level.columns.iter().take(columns.len()).cloned().unzip();
                let range = self.add(Range {
                    name: alias.value.clone(),
                    aliased: true,
                    kind: RangeKind::Join(refs),
                    columns: names,
                    nullable: false,
                    open: false,
                })?;
                level.ranges.push(range);
            }
            JoinOn::All | JoinOn::Using { .. } | JoinOn::Natural(_) => {}
        }
        Ok(level)
    }

    /// The column of USING on one side. PostgreSQL's words (transformFromClauseItem).
    fn side(&self, level: &Level<'t>, name: &Name<'t>, side: &str) -> Result<Ref, Refusal> {
        let mut named = level.columns.iter().filter(|(column, _)| *column == name.value).map(|(_, found)| *found);
        match (named.next(), named.next()) {
            (Some(found), None) => Ok(found),
            (None, _) => {
                if let Some(open) = self.open_in(level) {
                    return Ok(Ref::Open(open));
                }
                let message =
                    format!("column \"{}\" specified in USING clause does not exist in {side} table", name.value);
                Err(self.refused(SqlState::UNDEFINED_COLUMN, message, name))
            }
            (Some(_), Some(_)) => {
                let message = format!("common column name \"{}\" appears more than once in {side} table", name.value);
                Err(self.refused(SqlState::AMBIGUOUS_COLUMN, message, name))
            }
        }
    }

    /// The relation of a name: a common table expression first, then a table.
    pub(super) fn named(&mut self, name: &QualifiedName<'t>, alias: Option<&Alias<'t>>) -> Result<RangeId, Refusal> {
        let Some(last) = name.last() else { return Err(crate::sql::tree::unreadable()) };
        if let [own] = name.as_slice()
            && let Some(cte) = self.ctes.iter().rev().find(|cte| cte.name == own.value)
        {
            let columns = match &cte.columns {
                Columns::Known(columns) => columns.clone(),
                Columns::Begun(..) => {
                    let message = format!("recursive reference to query \"{}\" must not appear here", own.value);
                    return Err(self.refused(SqlState::INVALID_RECURSION, message, own));
                }
                Columns::Ahead => {
                    return Err(Refusal::new(format!("{} is named before its query in WITH RECURSIVE", own.value))
                        .hint("put it before the one that names it")
                        .at(self.at(own.token)));
                }
            };
            let query = cte.query;
            return self.range(RangeKind::Query(query), Some(own), alias, columns, self.is_open(query));
        }
        let parts: Vec<&str> = name.iter().map(|part| &*part.value).collect();
        if let Some(table) = lock::table(self.protection, &parts)? {
            let columns = columns_of(&table);
            return self.range(RangeKind::Table(table), Some(last), alias, columns, false);
        }
        let (kind, columns, open) = self.other(&parts);
        self.range(kind, Some(last), alias, columns, open)
    }

    /// A relation that is not protected: its columns, and whether it has others.
    fn other(&self, parts: &[&str]) -> (RangeKind, Vec<Cow<'t, str>>, bool) {
        match self.catalog.find(parts) {
            Some((relation, columns)) => {
                (RangeKind::Other(relation), columns.into_iter().map(Cow::Owned).collect(), false)
            }
            None => {
                let part = |from_last: usize| parts.iter().rev().nth(from_last).copied().unwrap_or_default().to_owned();
                (RangeKind::Other(crate::schema::Relation { schema: part(1), name: part(0) }), Vec::new(), true)
            }
        }
    }

    /// The table that a statement writes.
    pub(super) fn target(&mut self, target: &Target<'t>) -> Result<RangeId, Refusal> {
        let parts: Vec<&str> = target.name.iter().map(|part| &*part.value).collect();
        let Some(last) = target.name.last() else { return Err(crate::sql::tree::unreadable()) };
        let (kind, columns, open) = match lock::table(self.protection, &parts)? {
            Some(table) => {
                let columns = columns_of(&table);
                (RangeKind::Table(table), columns, false)
            }
            None => self.other(&parts),
        };
        let name = target.alias.as_ref().unwrap_or(last).value.clone();
        let aliased = target.alias.is_some();
        let range = self.add(Range { name, aliased, kind, columns, nullable: false, open })?;
        self.done.targets.insert(last.token, range);
        Ok(range)
    }

    /// The row that an upsert would have inserted.
    pub(super) fn excluded(&mut self, target: RangeId) -> Result<RangeId, Refusal> {
        let Range { kind, columns, .. } = self.done.range(target);
        let columns = columns.clone();
        let kind = match kind {
            RangeKind::Table(table) => RangeKind::Excluded(table.clone()),
            RangeKind::Other(relation) => RangeKind::Other(relation.clone()),
            RangeKind::Excluded(_) | RangeKind::Query(_) | RangeKind::Function(_) | RangeKind::Join(_) => {
                RangeKind::Join(Vec::new())
            }
        };
        let open = self.done.range(target).open;
        self.add(Range { name: Cow::Borrowed("excluded"), aliased: true, kind, columns, nullable: false, open })
    }

    /// A common table expression, which the ones behind it and the query can name. `place` is that of a recursive one, which
    /// can name itself.
    pub(super) fn cte(&mut self, cte: &Cte<'t>, place: Option<usize>) -> Result<(), Refusal> {
        let Cte { name, columns, materialized: _, query } = cte;
        if let Some(own) = place.and_then(|place| self.ctes.get_mut(place)) {
            own.columns = Columns::Begun(columns.clone(), name.clone());
        }
        // Its query sees the scopes around it, but for a FROM that is not whole yet.
        self.query(*query)?;
        if self.is_open(*query) && !columns.is_empty() {
            return Err(self.list_over_open(name));
        }
        let known = Columns::Known(self.renamed(self.output_names(*query), columns, name)?);
        match place.and_then(|place| self.ctes.get_mut(place)) {
            Some(own) => own.columns = known,
            None => self.ctes.push(Visible { name: name.value.clone(), query: *query, columns: known }),
        }
        Ok(())
    }

    /// The columns of a recursive query are those of its first arm.
    pub(super) fn recursive(&mut self, query: QueryId, arm: QueryId) -> Result<(), Refusal> {
        let own = self.ctes.iter().rposition(|cte| cte.query == query);
        let Some((place, Columns::Begun(given, name))) = own.map(|place| (place, &self.ctes[place].columns)) else {
            return Ok(());
        };
        let names = self.renamed(self.output_names(arm), given, name)?;
        self.ctes[place].columns = Columns::Known(names);
        Ok(())
    }

    /// The refusal of a list of names over columns that are not known.
    fn list_over_open(&self, name: &Name<'t>) -> Refusal {
        let message = format!("the columns of {} are not known: they cannot be given names", name.value);
        Refusal::new(message).hint("name the columns instead of *").at(self.at(name.token))
    }

    fn range(
        &mut self,
        kind: RangeKind,
        own: Option<&Name<'t>>,
        alias: Option<&Alias<'t>>,
        columns: Vec<Cow<'t, str>>,
        open: bool,
    ) -> Result<RangeId, Refusal> {
        let columns = match alias {
            // Of a relation that is not known its own alias list tells the first columns.
            Some(alias) if open => {
                if !columns.is_empty() && !alias.columns.is_empty() {
                    return Err(self.list_over_open(&alias.name));
                }
                columns.into_iter().chain(alias.columns.iter().map(|name| name.value.clone())).collect()
            }
            Some(alias) => self.renamed(columns, &alias.columns, &alias.name)?,
            None => columns,
        };
        let name = alias.map(|alias| &alias.name).or(own).map_or(Cow::Borrowed(""), |name| name.value.clone());
        self.add(Range { name, aliased: alias.is_some(), kind, columns, nullable: false, open })
    }

    /// One range more, unless the statement means more than is read: a query that is named twice doubles what it brings.
    fn add(&mut self, range: Range<'t>) -> Result<RangeId, Refusal> {
        self.columns += range.columns.len();
        if self.done.ranges.len() >= MOST_RANGES || self.columns > MOST_COLUMNS {
            return Err(too_complex(
                "a statement that names a protected object may have 1,000 FROM items and 20,000 columns",
            ));
        }
        self.done.ranges.push(range);
        Ok(RangeId(self.done.ranges.len() - 1))
    }

    /// The first columns under the names that an alias gives them (42P10 if there are fewer).
    fn renamed(
        &self,
        mut columns: Vec<Cow<'t, str>>,
        given: &[Name<'t>],
        table: &Name<'t>,
    ) -> Result<Vec<Cow<'t, str>>, Refusal> {
        if given.len() > columns.len() {
            let message = format!(
                "table \"{}\" has {} columns available but {} columns specified",
                table.value,
                columns.len(),
                given.len()
            );
            return Err(Refusal::error(SqlState::INVALID_COLUMN_REFERENCE, message));
        }
        for (column, name) in columns.iter_mut().zip(given) {
            column.clone_from(&name.value);
        }
        Ok(columns)
    }

    /// Two items of one scope have two names (checkNameSpaceConflicts).
    fn not_twice(&mut self, level: &Level<'t>) -> Result<(), Refusal> {
        let name = |range: &RangeId| self.done.range(*range).name.clone();
        let before: Vec<_> = self.levels.last().map_or(&[][..], |top| &top.ranges).iter().map(name).collect();
        match level.ranges.iter().map(name).find(|name| !name.is_empty() && before.contains(name)) {
            None => Ok(()),
            Some(name) => {
                let message = format!("table name \"{name}\" specified more than once");
                Err(Refusal::error(SqlState::DUPLICATE_ALIAS, message))
            }
        }
    }

    /// The names of a query's output columns.
    pub(super) fn output_names(&self, query: QueryId) -> Vec<Cow<'t, str>> {
        self.done.outputs(query).iter().map(|output| output.name.clone()).collect()
    }

    /// Whether a query is a set operation, whose keys name outputs only.
    pub(super) fn is_select(&self, query: QueryId) -> bool {
        matches!(self.tree.query(query).body, Body::Select(_))
    }
}

fn columns_of<'t>(table: &Arc<Table>) -> Vec<Cow<'t, str>> {
    table.columns.iter().map(|column| Cow::Owned(column.name.clone())).collect()
}
