//! From an understood query to its physical statement: edits of the client's bytes, and how the server's rows become the
//! client's. What may be answered was judged before; refused here is only what no edit can write.
//!
//! What the outermost list needs of a row (cells, encryption context, signature and what it covers) is asked for top down:
//! a query within another one carries it up in columns of its own behind its list.

mod fetch;
pub(super) mod guard;
mod insert;
mod list;
mod rows;
mod update;
mod write;

use std::collections::BTreeMap;
use std::ops::Range;

use super::infer::{Bundle, Statement, Typed, Use, unreadable};
use super::plan::draft::{Draft, Parts};
use super::plan::scope::physical_name;
use super::resolve::{RangeId, RangeKind, Ref};
use super::tree::{Body, Expr, JoinOn, QueryId, RelId, Relation, Root, TokenSpan};
use super::{PhysicalType, Plan, Recipe, Refusal, RowShape, Steps, Verb, WriteRow};
use crate::schema::ColumnId;
use crate::schema::names::{SIGNATURE, quote};

/// A part of a protected row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// The column itself: a cell, or a value in the clear.
    Column(ColumnId),
    /// S of a column in the clear (SQL-41).
    Stored(ColumnId),
    /// The tag of a beacon.
    Tag(usize),
    /// The row's signature.
    Signature,
}

/// A column that a query carries up beside those of its list.
#[derive(Debug)]
struct Carried {
    row: Vec<RangeId>,
    part: Part,
    /// What it is in the query.
    text: String,
    /// Under which name.
    name: String,
}

struct Lower<'a, 't> {
    statement: Statement<'a, 't>,
    typed: &'a Typed,
    draft: Draft,
    /// Bytes that are replaced, by their start.
    replaced: BTreeMap<usize, usize>,
    /// By [`QueryId`].
    carried: BTreeMap<usize, Vec<Carried>>,
    /// How many columns are carried so far.
    names: usize,
}

/// The plan of a statement on protected tables; its bytes are `range`.
pub(super) fn lower(statement: Statement<'_, '_>, mut typed: Typed, range: Range<usize>) -> Result<Plan, Refusal> {
    let write = typed.write.take();
    let mut lower = Lower {
        statement,
        typed: &typed,
        draft: Draft::default(),
        replaced: BTreeMap::new(),
        carried: BTreeMap::new(),
        names: 0,
    };
    for relation in statement.tree.relation_ids() {
        lower.relation(relation)?;
    }
    for (expr, found) in typed.uses() {
        lower.use_of(expr, found)?;
    }
    match (&statement.tree.root, &write) {
        (Root::Query(root), None) => lower.query(*root, range),
        (Root::Insert(insert), Some(write)) => lower.insert(insert, write, range),
        (Root::Update(update), Some(write)) => lower.update(update, write, range),
        (Root::Delete(delete), Some(write)) => lower.delete(delete, write, range),
        _ => Err(unreadable()),
    }
}

impl Lower<'_, '_> {
    /// The plan of a query.
    fn query(mut self, root: QueryId, range: Range<usize>) -> Result<Plan, Refusal> {
        self.counted(root)?;
        let block = self.typed.block(root).ok_or_else(unreadable)?;
        let (hidden, shape) = self.shape(block)?;
        let outermost = self.selecting(root);
        for query in self.statement.tree.query_ids() {
            self.list(query, query == outermost)?;
        }
        self.sort_keys(root)?;
        self.hidden(root, hidden)?;
        self.carry()?;
        self.qualified_columns(None)?;
        self.plan(Verb::Select, range, Vec::new(), Some(shape), Steps::One)
    }

    /// A plan of one statement, which is the client's with the edits in it.
    fn plan(
        self,
        verb: Verb,
        range: Range<usize>,
        rows: Vec<WriteRow>,
        output: Option<RowShape>,
        steps: Steps,
    ) -> Result<Plan, Refusal> {
        let Self { statement, typed, draft, .. } = self;
        let template = draft.finish(statement.source, Parts::default(), range, Parts::default())?;
        let (params, notes) = (typed.params.roles(&template)?, typed.notes.clone());
        Ok(Plan { verb, params, template, rows, output, steps, notes })
    }

    fn replace(&mut self, bytes: Range<usize>, parts: Parts) {
        self.replaced.insert(bytes.start, bytes.end);
        self.draft.replace(bytes, parts);
    }

    /// A protected table goes by its qualified physical name, with its own name as an alias (CAT-4); NATURAL by the columns
    /// that it means, since physical tables have more in common.
    fn relation(&mut self, id: RelId) -> Result<(), Refusal> {
        let Statement { tree, names, source, .. } = self.statement;
        match tree.relation(id) {
            Relation::Named { name, only, alias, sample: _ } => {
                let range = names.relation(id).ok_or_else(unreadable)?;
                let RangeKind::Table(table) = &names.range(range).kind else { return Ok(()) };
                let (Some(first), Some(last)) = (name.first(), name.last()) else { return Err(unreadable()) };
                let parenthesized = first.token.checked_sub(1).is_some_and(|before| source.is_symbol(before, b'('));
                let closes = *only && parenthesized && source.is_symbol(last.token + 1, b')');
                // `t *` is t with what inherits from it.
                let star = source.is_operator(last.token + 1, "*");
                let after = last.token + usize::from(closes || star);
                let end = self.statement.end(after);
                self.replace(
                    self.statement.at(first.token)..self.statement.end(last.token),
                    Parts::default().text(physical_name(table)),
                );
                if alias.is_none() {
                    let alias = format!(" AS {}", quote(&table.relation.name));
                    self.draft.insert(end, Parts::default().text(alias));
                }
            }
            Relation::Join { kind: _, left: _, right, on: JoinOn::Natural(keyword) } => {
                let columns = names.naturals.get(keyword).ok_or_else(unreadable)?;
                let columns: Vec<_> = columns.iter().map(|name| quote(name)).collect();
                let on = match columns.is_empty() {
                    true => " ON TRUE".to_owned(),
                    false => format!(" USING ({})", columns.join(", ")),
                };
                self.replace(self.statement.at(*keyword)..self.statement.end(*keyword), Parts::default());
                let end = self.statement.bytes(tree.extent(*right))?.end;
                self.draft.insert(end, Parts::default().text(on));
            }
            Relation::Join { .. } | Relation::Derived { .. } | Relation::Function { .. } | Relation::Aliased { .. } => {
            }
        }
        Ok(())
    }

    /// A protected table under its qualified physical name and the name of its range.
    fn physical(&self, range: RangeId) -> Result<String, Refusal> {
        let range = self.statement.names.range(range);
        match &range.kind {
            RangeKind::Table(table) => Ok(format!("{} AS {}", physical_name(table), quote(&range.name))),
            _ => Err(unreadable()),
        }
    }

    /// What stands for an expression.
    fn use_of(&mut self, expr: usize, found: &Use) -> Result<(), Refusal> {
        let id = self.statement.tree.expr_id(expr).ok_or_else(unreadable)?;
        let bytes = self.statement.bytes(self.statement.tree.span(id))?;
        let parts = match found {
            Use::Tag(bundle, beacon) => Parts::default().text(self.part(&bundle.row.0, Part::Tag(*beacon))?),
            Use::Cell(bundle) => Parts::default().text(self.shown(bundle)?),
            Use::TagOf(table, beacon, input) => {
                let recipe = Recipe::Tag { table: table.clone(), beacon: *beacon, input: input.clone() };
                Parts::default().slot(self.draft.slot(recipe, PhysicalType::Uuid))
            }
            Use::TagsOf(table, beacon, input) => {
                let recipe = Recipe::Tags { table: table.clone(), beacon: *beacon, input: input.clone() };
                Parts::default().slot(self.draft.slot(recipe, PhysicalType::UuidArray))
            }
            Use::TagArray(table, beacon, inputs) => {
                let mut parts = Parts::default().text("ARRAY[");
                for (index, input) in inputs.iter().enumerate() {
                    let recipe = Recipe::Tag { table: table.clone(), beacon: *beacon, input: input.clone() };
                    let slot = self.draft.slot(recipe, PhysicalType::Uuid);
                    parts = parts.text(if index == 0 { "" } else { ", " }).slot(slot);
                }
                parts.text("]")
            }
        };
        self.replace(bytes, parts);
        Ok(())
    }

    /// A column of a protected row where its range names it.
    fn shown(&mut self, bundle: &Bundle) -> Result<String, Refusal> {
        let (range, number) = bundle.named;
        let range = self.statement.names.range(range);
        let name = range.columns.get(number).ok_or_else(unreadable)?;
        if range.columns.iter().filter(|other| *other == name).count() > 1 {
            return self.part(&bundle.row.0, Part::Column(bundle.column));
        }
        Ok(format!("{}.{}", quote(&range.name), quote(name)))
    }

    /// A part of a protected row, in the query whose FROM brings it.
    fn part(&mut self, row: &[RangeId], part: Part) -> Result<String, Refusal> {
        let (range, inner) = row.split_first().ok_or_else(unreadable)?;
        let range = self.statement.names.range(*range);
        if range.name.is_empty() {
            return Err(unreadable());
        }
        match &range.kind {
            RangeKind::Table(table) if inner.is_empty() => {
                let own = |name: &str| format!("{}.{}", quote(&range.name), quote(name));
                let column = |id: ColumnId| table.columns.get(id).ok_or_else(unreadable);
                Ok(match part {
                    Part::Column(id) => own(&column(id)?.name),
                    Part::Stored(id) => {
                        let column = column(id)?;
                        column.ty.ok_or_else(unreadable)?.stored_expression(&own(&column.name))
                    }
                    Part::Tag(beacon) => own(&table.beacons.get(beacon).ok_or_else(unreadable)?.helper),
                    Part::Signature => own(SIGNATURE),
                })
            }
            RangeKind::Query(query) => {
                let name = self.carried(*query, inner, part)?;
                Ok(format!("{}.{}", quote(&range.name), quote(&name)))
            }
            _ => Err(unreadable()),
        }
    }

    /// The name under which a query carries a part of a row up.
    fn carried(&mut self, query: QueryId, row: &[RangeId], part: Part) -> Result<String, Refusal> {
        let query = self.selecting(query);
        let known = self.carried.get(&query.index()).into_iter().flatten();
        if let Some(known) = known.into_iter().find(|known| known.row == row && known.part == part) {
            return Ok(known.name.clone());
        }
        let text = self.part(row, part)?;
        self.names += 1;
        let name = format!("pgseal_{}", self.names);
        let carried = Carried { row: row.to_vec(), part, text, name: name.clone() };
        self.carried.entry(query.index()).or_default().push(carried);
        Ok(name)
    }

    /// The query that a query in parentheses is.
    fn selecting(&self, query: QueryId) -> QueryId {
        let mut query = query;
        while let Body::Nested(inner) = self.statement.tree.query(query).body {
            query = inner;
        }
        query
    }

    /// Puts the carried columns behind the lists of their queries.
    fn carry(&mut self) -> Result<(), Refusal> {
        for (query, carried) in std::mem::take(&mut self.carried) {
            let query = self.statement.tree.query_ids().nth(query).ok_or_else(unreadable)?;
            let text: String =
                carried.iter().map(|carried| format!(", {} AS {}", carried.text, quote(&carried.name))).collect();
            self.hidden(query, text)?;
        }
        Ok(())
    }

    /// Puts columns behind the list of a query.
    fn hidden(&mut self, query: QueryId, text: String) -> Result<(), Refusal> {
        if text.is_empty() {
            return Ok(());
        }
        let query = self.selecting(query);
        let end = match &self.statement.tree.query(query).body {
            Body::Select(select) => self.statement.bytes(select.list.last().ok_or_else(unreadable)?.span)?.end,
            // Behind the keyword, in whose place the list stands.
            Body::Table(name) => {
                let first = name.first().ok_or_else(unreadable)?;
                self.statement.end(first.token.checked_sub(1).ok_or_else(unreadable)?)
            }
            Body::Values(_) | Body::Set { .. } | Body::Nested(_) | Body::Write(_) => return Err(unreadable()),
        };
        self.draft.insert(end, Parts::default().text(text));
        Ok(())
    }

    /// `schema.table.column`: the table goes by its alias in the physical statement. So does every column in `all`, which
    /// stands in a statement with a second table.
    fn qualified_columns(&mut self, all: Option<TokenSpan>) -> Result<(), Refusal> {
        let Statement { tree, names, .. } = self.statement;
        for id in tree.expr_ids() {
            let (Expr::Column(name), Some(found)) = (tree.expr(id), names.reference(id)) else { continue };
            let Ref::Column(range, _) = found else { continue };
            let qualified = name.len() == 3 || all.is_some_and(|all| all.contains(tree.span(id).start));
            if !qualified || !matches!(names.range(range).kind, RangeKind::Table(_)) {
                continue;
            }
            let bytes = self.statement.bytes(tree.span(id))?;
            let covering = self.replaced.range(..=bytes.start).next_back();
            if covering.is_none_or(|(_, end)| *end <= bytes.start) {
                let text = self.reference(found)?;
                self.replace(bytes, Parts::default().text(text));
            }
        }
        Ok(())
    }

    /// A column as the physical statement names it.
    fn reference(&self, found: Ref) -> Result<String, Refusal> {
        let names = self.statement.names;
        match found {
            Ref::Column(range, number) => {
                let range = names.range(range);
                let column = range.columns.get(number).ok_or_else(unreadable)?;
                if range.name.is_empty() || range.columns.iter().filter(|other| *other == column).count() > 1 {
                    return Err(Refusal::new(format!("the column {column} of this star has the name of another one"))
                        .hint("name the columns"));
                }
                Ok(format!("{}.{}", quote(&range.name), quote(column)))
            }
            Ref::Merged(number) => {
                let merge = names.merges.get(number).ok_or_else(unreadable)?;
                // It has the type of neither side, and no name but its own.
                match (merge.left, merge.right) {
                    (Ref::Column(range, number), _) | (_, Ref::Column(range, number)) => {
                        names.range(range).columns.get(number).map(|name| quote(name)).ok_or_else(unreadable)
                    }
                    (Ref::Merged(_), _) => self.reference(merge.left),
                    _ => Err(unreadable()),
                }
            }
            Ref::Open(_) | Ref::System(_) | Ref::Row(_) | Ref::Output(_) => Err(unreadable()),
        }
    }
}
