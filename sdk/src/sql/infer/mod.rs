//! What every expression of a statement holds, from the leaves up: a value in the clear, or a sealed column.
//!
//! A sealed column moves as a [`Bundle`]: its cell is worth nothing without the row that it was sealed in (SQL-40). Where
//! a construct takes one, what is to stand in the physical statement is noted as a [`Use`] of the expression; where none
//! does, the statement is refused (SQL-4). Constants and parameters that no use takes are sent as they are, so each must
//! belong to a plain context (SQL-21). The pass reads, and edits nothing.
//!
//! Expressions are walked without recursion; queries within each other are as deep as the stack is (SQL-3).

mod asked;
mod atom;
mod block;
mod call;
mod compare;
mod constant;
mod expr;
mod insert;
mod update;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

pub(super) use self::asked::Place;
pub(super) use self::write::{Assigned, Change, Given, Rows, Way, Write, constant_default};
use super::constant as beside;
use super::constant::Bare;
use super::lex::Token;
use super::plan::draft::Params;
use super::plan::source::Source;
use super::resolve::{RangeId, RangeKind, Ref, Resolved};
use super::stack::Stack;
use super::tree::{ExprId, QueryId, Root, TokenSpan, Tree};
use super::{Condition, Input, Literal, Notes, Refusal};
use crate::error::ColumnName;
use crate::schema::{Column, ColumnId, Table};
use crate::value::Type;

pub(super) use super::tree::unreadable;

/// A row of a protected table as a query sees it: the range of its FROM that brings it, then the range of that range's own
/// FROM, down to the table's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RowPath(pub Vec<RangeId>);

impl RowPath {
    /// The same row, one query further out.
    pub(super) fn through(&self, range: RangeId) -> Self {
        Self(std::iter::once(range).chain(self.0.iter().copied()).collect())
    }
}

/// A column of a protected table, with the row that it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bundle {
    /// Of which row.
    pub row: RowPath,
    /// Which column.
    pub column: ColumnId,
    /// The range that names it, and its number among that range's columns.
    pub named: (RangeId, usize),
}

/// What an expression holds.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    /// A sealed column.
    Sealed(Bundle),
    /// A sealed column as the value of a subquery: its cell has left its row.
    Picked(Bundle),
    /// A column of a protected table that is not sealed, as it is.
    Clear(Bundle),
    /// Anything else, in the clear.
    Other(Seen),
}

/// What an expression in the clear is made of.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    /// A column in the clear, outside of an aggregate: the value belongs to one row.
    pub columns: bool,
    /// A column in the clear, anywhere, or a predicate over a sealed one with its constants.
    pub beside: bool,
    /// The token of a string or parameter that stands beside no column yet.
    pub loose: Option<usize>,
    /// An aggregate.
    pub aggregate: bool,
}

impl Seen {
    /// A column of one row.
    const COLUMN: Seen = Seen { columns: true, beside: true, loose: None, aggregate: false };

    /// What two parts of an expression hold together.
    fn and(self, other: Seen) -> Seen {
        Seen {
            columns: self.columns || other.columns,
            beside: self.beside || other.beside,
            loose: self.loose.or(other.loose),
            aggregate: self.aggregate || other.aggregate,
        }
    }
}

impl Kind {
    /// What it is made of, if it is in the clear.
    pub(super) fn seen(&self) -> Seen {
        match self {
            Kind::Sealed(_) | Kind::Picked(_) | Kind::Clear(_) => Seen::COLUMN,
            Kind::Other(seen) => *seen,
        }
    }
}

/// What stands in the physical statement for an expression.
#[derive(Debug, Clone)]
pub(super) enum Use {
    /// The exact tag of a sealed column.
    Tag(Bundle, usize),
    /// Its cell.
    Cell(Bundle),
    /// The tag of a constant, by the beacon of a table.
    TagOf(Arc<Table>, usize, Input),
    /// The tags of the elements of an array.
    TagsOf(Arc<Table>, usize, Input),
    /// `ARRAY[…]` of tags.
    TagArray(Arc<Table>, usize, Vec<Input>),
}

/// A query of the statement.
#[derive(Debug, Default)]
pub(super) struct Block {
    /// What its output columns hold.
    pub outputs: Vec<Kind>,
    /// The rows of protected tables that each row of it is made of.
    pub rows: Vec<RowPath>,
    /// Its FROM has protected rows: a star over it names columns that no statement may name.
    pub expands: bool,
    /// What a row of it is.
    pub grain: Grain,
    /// What each of its rows satisfies, as far as that can be told of one (SQL-60).
    pub conditions: Vec<Condition<Place>>,
}

/// What a row of a query is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Grain {
    /// A row of its FROM.
    Row,
    /// A group of them: GROUP BY or HAVING.
    Group,
    /// All of them: an aggregate in its list or order.
    Aggregate,
    /// What several have in common, or none: DISTINCT, a set operation, VALUES.
    #[default]
    Value,
}

/// A statement of which every expression is understood.
#[derive(Debug)]
pub(super) struct Typed {
    /// By [`ExprId`].
    uses: BTreeMap<usize, Use>,
    /// By [`QueryId`].
    blocks: BTreeMap<usize, Block>,
    /// Queries whose one output is asked for as a tag, because it is compared with one.
    tagged: BTreeSet<usize>,
    /// What the statement writes.
    pub write: Option<Write>,
    /// Sort keys that name an output column by its number or name, and the column that stands there instead.
    pub keys: BTreeMap<usize, Bundle>,
    /// What the client's parameters are used for.
    pub params: Params,
    /// For `explain`.
    pub notes: Notes,
}

impl Typed {
    /// A query of the statement.
    pub(super) fn block(&self, id: QueryId) -> Option<&Block> {
        self.blocks.get(&id.index())
    }

    /// Whether the one output of a query is asked for as a tag.
    pub(super) fn is_tagged(&self, id: QueryId) -> bool {
        self.tagged.contains(&id.index())
    }

    /// What stands for expressions.
    pub(super) fn uses(&self) -> impl Iterator<Item = (usize, &Use)> {
        self.uses.iter().map(|(expr, found)| (*expr, found))
    }
}

/// One statement as the passes before this one leave it.
#[derive(Clone, Copy)]
pub(super) struct Statement<'a, 't> {
    /// Its tree.
    pub tree: &'a Tree<'t>,
    /// What its names mean.
    pub names: &'a Resolved<'t>,
    /// Where its bytes and characters are.
    pub source: &'a Source<'t>,
    /// The whole text.
    pub text: &'t str,
    /// Its tokens.
    pub tokens: &'t [Token],
    /// How far its walks may go.
    pub stack: Stack,
}

impl<'t> Statement<'_, 't> {
    /// The byte at which a token stands.
    pub(super) fn at(&self, token: usize) -> usize {
        self.tokens.get(token).map_or(0, |token| token.range.start)
    }

    /// The byte behind a token.
    pub(super) fn end(&self, token: usize) -> usize {
        self.tokens.get(token).map_or(0, |token| token.range.end)
    }

    /// The bytes of some tokens.
    pub(super) fn bytes(&self, span: TokenSpan) -> Result<Range<usize>, Refusal> {
        let last = span.end.checked_sub(1).ok_or_else(unreadable)?;
        match (self.tokens.get(span.start), self.tokens.get(last)) {
            (Some(first), Some(last)) if first.range.start < last.range.end => Ok(first.range.start..last.range.end),
            _ => Err(unreadable()),
        }
    }

    /// The table that a row is one of.
    pub(super) fn table(&self, row: &RowPath) -> Result<&Arc<Table>, Refusal> {
        match row.0.last().map(|range| &self.names.range(*range).kind) {
            Some(RangeKind::Table(table)) => Ok(table),
            _ => Err(unreadable()),
        }
    }

    /// The column that a bundle is of.
    pub(super) fn column(&self, bundle: &Bundle) -> Result<&Column, Refusal> {
        self.table(&bundle.row)?.columns.get(bundle.column).ok_or_else(unreadable)
    }

    /// The type of a protected column.
    pub(super) fn type_of(&self, bundle: &Bundle) -> Result<Type, Refusal> {
        self.column(bundle)?.ty.ok_or_else(unreadable)
    }

    /// `table.column` for messages.
    pub(super) fn label(&self, bundle: &Bundle) -> String {
        match (self.table(&bundle.row), self.column(bundle)) {
            (Ok(table), Ok(column)) => format!("{}.{}", table.relation.name, column.name),
            _ => String::new(),
        }
    }

    /// The column, as errors name it beside their message.
    pub(super) fn column_name(&self, bundle: &Bundle) -> Result<ColumnName, Refusal> {
        let (table, column) = (self.table(&bundle.row)?, self.column(bundle)?);
        let (schema, table) = (table.relation.schema.clone(), table.relation.name.clone());
        Ok(ColumnName { schema, table, column: column.name.clone() })
    }

    /// The refusal of a construct over a sealed column.
    pub(super) fn no_operator(&self, bundle: &Bundle, construct: &str) -> Refusal {
        let beacon = self.table(&bundle.row).is_ok_and(|table| table.beacon(bundle.column).is_some());
        let hint = if beacon {
            "=, <>, IN, = ANY, IS [NOT] DISTINCT FROM constants and IS [NOT] NULL are answered on this column"
        } else {
            "IS [NOT] NULL is answered on this column; with an exact beacon also =, <>, IN and = ANY with constants"
        };
        let refusal =
            Refusal::new(format!("column {} is sealed: {construct} cannot be answered", self.label(bundle))).hint(hint);
        match self.column_name(bundle) {
            Ok(name) => refusal.of(name),
            Err(_) => refusal,
        }
    }

    /// The exact beacon of a column, for a construct that needs it.
    pub(super) fn beacon(&self, bundle: &Bundle, construct: &str) -> Result<usize, Refusal> {
        match self.table(&bundle.row)?.beacon(bundle.column) {
            Some((index, _)) => Ok(index),
            None => Err(Refusal::new(format!(
                "column {} is sealed and has no exact beacon: {construct} cannot be answered",
                self.label(bundle)
            ))
            .of(self.column_name(bundle)?)
            .hint("give the column an exact beacon in the schema file")),
        }
    }
}

/// Infers what every expression of a statement holds. `declared` are the OIDs of the Parse message.
pub(super) fn infer(statement: Statement<'_, '_>, declared: &[u32]) -> Result<Typed, Refusal> {
    let mut infer = Infer {
        statement,
        params: Params::new(declared),
        notes: Notes::default(),
        uses: BTreeMap::new(),
        covered: BTreeSet::new(),
        kinds: BTreeMap::new(),
        blocks: BTreeMap::new(),
        tagged: BTreeSet::new(),
        keys: BTreeMap::new(),
        beside: BTreeMap::new(),
    };
    let write = match &statement.tree.root {
        Root::Query(root) => infer.query(*root).map(|()| None)?,
        Root::Insert(insert) => infer.insert(insert).map(Some)?,
        Root::Update(update) => infer.update(update).map(Some)?,
        Root::Delete(delete) => infer.delete(delete).map(Some)?,
    };
    infer.accounted_for()?;
    infer.plain_params()?;
    let Infer { uses, blocks, tagged, keys, params, notes, .. } = infer;
    Ok(Typed { uses, blocks, tagged, write, keys, params, notes })
}

struct Infer<'a, 't> {
    statement: Statement<'a, 't>,
    params: Params,
    notes: Notes,
    uses: BTreeMap<usize, Use>,
    /// Expressions that are part of one for which something else stands.
    covered: BTreeSet<usize>,
    kinds: BTreeMap<usize, Kind>,
    blocks: BTreeMap<usize, Block>,
    tagged: BTreeSet<usize>,
    keys: BTreeMap<usize, Bundle>,
    /// Columns in the clear beside which a parameter stands, for messages.
    beside: BTreeMap<usize, String>,
}

impl Infer<'_, '_> {
    /// Something else stands for an expression, and for all that it is made of.
    fn stands(&mut self, expr: ExprId, use_: Use) {
        self.uses.insert(expr.index(), use_);
        self.cover(expr);
    }

    /// Nothing of an expression is sent as it is.
    fn cover(&mut self, expr: ExprId) {
        let mut waiting = vec![expr];
        while let Some(id) = waiting.pop() {
            self.covered.insert(id.index());
            self.statement.tree.expr(id).each_part(&mut |part| waiting.push(part));
        }
    }

    /// Every expression was looked at, or is a key that names an output (SQL-4).
    fn accounted_for(&self) -> Result<(), Refusal> {
        let Statement { tree, names, .. } = self.statement;
        let is_key = |id| matches!(names.reference(id), Some(Ref::Output(_)));
        match tree.expr_ids().find(|id| !self.kinds.contains_key(&id.index()) && !is_key(*id)) {
            None => Ok(()),
            Some(_) => Err(unreadable()),
        }
    }

    /// Every parameter that nothing else stands for is sent as it is (SQL-21).
    fn plain_params(&mut self) -> Result<(), Refusal> {
        let walked: Vec<_> = self.kinds.keys().copied().filter(|id| !self.covered.contains(id)).collect();
        for id in walked {
            if let Some(number) = self.statement.tree.param(id) {
                self.params.plain(number, self.beside.get(&id).map(String::as_str))?;
            }
        }
        Ok(())
    }

    /// A constant that is sealed, or turned into a tag, as an input.
    fn protect(&mut self, value: &Bare, bundle: &Bundle) -> Result<Input, Refusal> {
        self.input(value, bundle, Params::protected)
    }

    /// A constant that we send in the clear, as the value of a column that is not sealed.
    fn render(&mut self, value: &Bare, bundle: &Bundle) -> Result<Input, Refusal> {
        self.input(value, bundle, Params::rendered)
    }

    fn input(
        &mut self,
        value: &Bare,
        bundle: &Bundle,
        note: fn(&mut Params, usize, u32, &str) -> Result<(), Refusal>,
    ) -> Result<Input, Refusal> {
        match value {
            Bare::Null { cast } => self.null_of(*cast, bundle),
            Bare::Literal { literal: Literal::Array(_), .. } => {
                Err(beside::untyped_array(&self.statement.label(bundle)).of(self.statement.column_name(bundle)?))
            }
            Bare::Literal { literal, at } => Ok(Input::Literal { literal: literal.clone(), at: *at }),
            Bare::Param { number, cast } => {
                let ty = self.param_type(*number, *cast, bundle)?;
                let label = self.statement.label(bundle);
                note(&mut self.params, *number, ty.oid(), &label)?;
                Ok(Input::Param { index: *number, ty })
            }
        }
    }

    /// NULL, unless it is one of another type.
    fn null_of(&self, cast: Option<Type>, bundle: &Bundle) -> Result<Input, Refusal> {
        let own = self.statement.type_of(bundle)?;
        match cast.filter(|cast| !beside::is_null_of(cast, &own)) {
            None => Ok(Input::Null),
            Some(cast) => {
                let label = self.statement.label(bundle);
                Err(Refusal::new(format!("a NULL of type {cast} is not one of the protected column {label}"))
                    .hint("leave the cast out, or cast to the type of the column"))
            }
        }
    }

    /// The type that a parameter's bytes have: the declared one, else that of its cast, else the column's.
    fn param_type(&self, number: usize, cast: Option<Type>, bundle: &Bundle) -> Result<Type, Refusal> {
        let own = self.statement.type_of(bundle)?.unmodified();
        let refused = || -> Result<Refusal, Refusal> {
            let label = self.statement.label(bundle);
            let message = format!("parameter ${} for column {label} has a type that cannot be read here", number + 1);
            Ok(Refusal::new(message)
                .of(self.statement.column_name(bundle)?)
                .hint("declare it with the type of the column, or without a type"))
        };
        match (self.params.declared(number), cast) {
            (None, cast) => Ok(cast.unwrap_or(own)),
            (Some(oid), cast) => {
                let Some(declared) = Type::from_pg(oid, -1) else { return Err(refused()?) };
                match cast {
                    Some(cast) if !beside::same_value(&declared, &cast) => Err(refused()?),
                    Some(_) | None => Ok(declared),
                }
            }
        }
    }
}

/// Adds a note that is not there yet.
fn note(notes: &mut Vec<String>, text: String) {
    if !notes.contains(&text) {
        notes.push(text);
    }
}
