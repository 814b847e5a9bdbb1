//! What a statement writes: to which table, which values, and what of them is known (SQL-22, SQL-50).

use super::{Block, Bundle, Grain, Infer, Kind, Place, RowPath, unreadable};
use crate::error::SqlState;
use crate::schema::{Column, ColumnDefault, ColumnId, Table};
use crate::sql::constant::Bare;
use crate::sql::resolve::{RangeId, RangeKind};
use crate::sql::tree::{Delete, Expr, ExprId, Name, Returning, Target, TokenSpan, unknown};
use crate::sql::{Condition, Input, Refusal};
use std::sync::Arc;

/// What a statement writes.
#[derive(Debug)]
pub(in crate::sql) struct Write {
    /// The range of its table.
    pub target: RangeId,
    /// The table.
    pub table: Arc<Table>,
    /// What it does to the rows.
    pub change: Change,
    /// What RETURNING gives, if the statement has it, of rows as they are afterwards.
    pub returning: Option<Block>,
}

/// What a statement does to rows.
#[derive(Debug)]
pub(in crate::sql) enum Change {
    /// INSERT
    Insert(Rows),
    /// UPDATE
    Update(Vec<Assigned>, Way),
    /// DELETE
    Delete,
}

/// The rows of an INSERT.
#[derive(Debug)]
pub(in crate::sql) struct Rows {
    /// The columns that values are given for, in their order.
    pub columns: Vec<ColumnId>,
    /// The values of each row, and their expressions.
    pub rows: Vec<Vec<(ExprId, Given)>>,
}

/// What a statement gives a column of a row.
#[derive(Debug)]
pub(in crate::sql) enum Given {
    /// What only the server cares for stays as it is written.
    Plain,
    /// What is sealed, or recorded by context or signature.
    Value(Input),
    /// The default of a column that is recorded.
    Default,
    /// An expression for a column that is recorded: only the server can compute it (SQL-22).
    Computed,
}

/// An assignment of an UPDATE.
#[derive(Debug)]
pub(in crate::sql) struct Assigned {
    /// The column.
    pub column: ColumnId,
    /// All of it.
    pub span: TokenSpan,
    /// Its new value.
    pub given: Given,
}

/// How an UPDATE writes.
#[derive(Debug)]
pub(in crate::sql) enum Way {
    /// In place: nothing is signed, and the context of every cell is known (SQL-50).
    InPlace {
        /// The columns of the context, and their values.
        context: Vec<(ColumnId, Input)>,
    },
    /// The rows are locked, read and verified first (SQL-51).
    ReadFirst {
        /// What the rows that are read satisfy.
        asked: Vec<Condition<Place>>,
    },
}

impl Infer<'_, '_> {
    /// The protected table that a statement writes.
    pub(super) fn target(&self, target: &Target<'_>) -> Result<(RangeId, Arc<Table>), Refusal> {
        let last = target.name.last().ok_or_else(unreadable)?;
        let range = *self.statement.names.targets.get(&last.token).ok_or_else(unreadable)?;
        match &self.statement.names.range(range).kind {
            RangeKind::Table(table) => Ok((range, table.clone())),
            _ => Err(Refusal::new(
                "this statement writes to a table that is not protected and names one that is: this cannot be answered \
                 in this version",
            )
            .hint("read the rows first, then write them")),
        }
    }

    /// DELETE: one step, whatever is signed.
    pub(super) fn delete(&mut self, delete: &Delete<'_>) -> Result<Write, Refusal> {
        let Delete { target, using, condition, returning, span: _ } = delete;
        let (target, table) = self.target(target)?;
        if !using.is_empty() {
            return Err(Refusal::new("DELETE ... USING with a protected table cannot be answered in this version")
                .hint("select the keys first, then delete by them"));
        }
        let asked = self.found(target, *condition)?;
        let returning = self.returning(target, returning.as_ref(), asked)?;
        Ok(Write { target, table, change: Change::Delete, returning })
    }

    /// The WHERE of a statement that writes: what every row that it finds satisfies (SQL-60).
    pub(super) fn found(
        &mut self,
        target: RangeId,
        condition: Option<ExprId>,
    ) -> Result<Vec<Condition<Place>>, Refusal> {
        let Some(condition) = condition else { return Ok(Vec::new()) };
        if self.condition(condition)?.aggregate {
            return Err(unknown("an aggregate in WHERE"));
        }
        let mut block = Block { rows: vec![RowPath(vec![target])], ..Block::default() };
        self.asked(&[condition], &mut block);
        Ok(block.conditions)
    }

    /// RETURNING, of rows of the target that satisfy `asked`.
    pub(super) fn returning(
        &mut self,
        target: RangeId,
        returning: Option<&Returning<'_>>,
        asked: Vec<Condition<Place>>,
    ) -> Result<Option<Block>, Refusal> {
        let Some(returning) = returning else { return Ok(None) };
        let outputs = self.shown(&self.statement.names.returning, returning.span.start)?;
        if outputs.iter().any(|output| output.seen().aggregate) {
            return Err(unknown("an aggregate in RETURNING"));
        }
        let rows = vec![RowPath(vec![target])];
        let block = Block { outputs, rows, expands: true, grain: Grain::Row, conditions: asked };
        if block.outputs.iter().any(Kind::is_expression) {
            self.signed_note(&block, "the value of an expression");
        }
        Ok(Some(block))
    }

    /// The column that a statement writes by a name.
    pub(super) fn written(&self, name: &Name<'_>) -> Result<ColumnId, Refusal> {
        self.statement.names.written.get(&name.token).copied().ok_or_else(unreadable)
    }

    /// A constant that is written as the value of a column: one that PostgreSQL assigns to it.
    pub(super) fn assigned(&self, expr: ExprId, bundle: &Bundle) -> Result<Option<Bare>, Refusal> {
        let Some(constant) = self.statement.constant(expr)? else { return Ok(None) };
        let column = self.statement.column(bundle)?;
        if let (Some(own), Some(ty)) = (column.ty, constant.type_of(&self.params))
            && !own.takes(&ty)
        {
            let (own, ty) = (own.sql_name(), ty.sql_name());
            let message = format!("column \"{}\" is of type {own} but expression is of type {ty}", column.name);
            return Err(Refusal::error(SqlState::DATATYPE_MISMATCH, message)
                .hint("You will need to rewrite or cast the expression.")
                .at(self.statement.at(self.token_of(expr))));
        }
        Ok(Some(constant))
    }

    /// The token where PostgreSQL says that a constant stands: one under casts counts where it is itself, but `CAST(x AS t)`
    /// over a number, a parameter or a truth value where the cast is.
    fn token_of(&self, expr: ExprId) -> usize {
        let tree = self.statement.tree;
        let mut expr = expr;
        loop {
            let mut start = tree.span(expr).start;
            while self.statement.source.is_symbol(start, b'(') {
                start += 1;
            }
            let Expr::Cast { operand, to: _ } = tree.expr(expr) else { return start };
            if self.statement.source.is_word(start, "cast") && !self.is_text_or_null(*operand) {
                return start;
            }
            expr = *operand;
        }
    }

    /// Whether a string or NULL stands under these casts.
    fn is_text_or_null(&self, expr: ExprId) -> bool {
        match self.statement.tree.expr(expr) {
            Expr::Cast { operand, to: _ } => self.is_text_or_null(*operand),
            Expr::Constant(token) => !self.statement.is_number(*token),
            Expr::Null => true,
            _ => false,
        }
    }

    /// A value whose expression is a constant, or DEFAULT, that we take whole: nothing else need be known of its parts.
    pub(super) fn taken(&mut self, expr: ExprId) {
        let mut waiting = vec![expr];
        while let Some(id) = waiting.pop() {
            self.kinds.insert(id.index(), Kind::Other(Default::default()));
            self.statement.tree.expr(id).each_part(&mut |part| waiting.push(part));
        }
        self.cover(expr);
    }

    /// The value of a sealed column that a statement gives.
    pub(super) fn sealed_value(&mut self, expr: ExprId, bundle: &Bundle) -> Result<Input, Refusal> {
        let input = match self.statement.tree.expr(expr) {
            Expr::Default => constant_default(self.statement.column(bundle)?)?,
            _ => match self.assigned(expr, bundle)? {
                Some(constant) => self.protect(&constant, bundle)?,
                None => return Err(self.statement.no_operator(bundle, "storing anything but a constant")),
            },
        };
        self.taken(expr);
        Ok(input)
    }

    /// Names, for a message, the column that the parameter which an expression is goes to.
    pub(super) fn goes_to(&mut self, expr: ExprId, bundle: &Bundle) {
        let tree = self.statement.tree;
        let mut inner = expr;
        while let Expr::Cast { operand, to: _ } = tree.expr(inner) {
            inner = *operand;
        }
        if let Expr::Param(_) = tree.expr(inner) {
            self.beside.insert(inner.index(), self.statement.label(bundle));
        }
    }
}

/// The default of a sealed column: NULL or a constant of the lock, never the server's (SQL-22).
pub(in crate::sql) fn constant_default(column: &Column) -> Result<Input, Refusal> {
    match &column.default {
        ColumnDefault::Null => Ok(Input::Null),
        ColumnDefault::Constant(stored) => Ok(Input::Stored(stored.clone())),
        ColumnDefault::Server(_) | ColumnDefault::Identity { .. } | ColumnDefault::Generated => {
            Err(Refusal::new(format!("the default of the sealed column {} is not a constant", column.name))
                .hint("give the value in the statement"))
        }
    }
}

/// A column of the target.
pub(super) fn own(target: RangeId, column: ColumnId) -> Bundle {
    Bundle { row: RowPath(vec![target]), column, named: (target, column) }
}
