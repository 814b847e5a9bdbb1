//! INSERT … VALUES: what the rows are given.

use super::write::{Change, Given, Rows, Write, own};
use super::{Infer, note, unreadable};
use crate::error::SqlState;
use crate::schema::{ColumnId, Table};
use crate::sql::constant::Bare;
use crate::sql::resolve::RangeId;
use crate::sql::tree::{Arbiter, Body, Conflict, Expr, ExprId, Insert, Query, QueryId, unknown};
use crate::sql::{Input, Refusal};

impl<'a> Infer<'a, '_> {
    pub(super) fn insert(&mut self, insert: &Insert<'_>) -> Result<Write, Refusal> {
        let Insert { target, columns, overriding, source, conflict, returning, span: _ } = insert;
        let (target, table) = self.target(target)?;
        let rows = match source {
            Some(source) => self.rows(*source)?,
            // DEFAULT VALUES
            None => &[],
        };
        if *overriding == Some(false) {
            return Err(unknown("OVERRIDING USER VALUE"));
        }
        let columns = match columns {
            Some((columns, _)) => {
                let mut written: Vec<ColumnId> = Vec::with_capacity(columns.len());
                for name in columns {
                    let id = self.written(name)?;
                    if written.contains(&id) {
                        let message = format!("column \"{}\" specified more than once", name.value);
                        return Err(
                            Refusal::error(SqlState::DUPLICATE_COLUMN, message).at(self.statement.at(name.token))
                        );
                    }
                    written.push(id);
                }
                let width = rows.first().map_or(0, Vec::len);
                if let Some(name) = columns.get(width) {
                    return Err(more("target columns than expressions").at(self.statement.at(name.token)));
                }
                written
            }
            None => (0..rows.first().map_or(0, Vec::len).min(table.columns.len())).collect(),
        };
        if let Some(value) = rows.first().and_then(|row| row.get(columns.len())) {
            let at = self.statement.at(self.statement.tree.span(*value).start);
            return Err(more("expressions than target columns").at(at));
        }
        let rows = match source {
            Some(_) => self.given(target, &table, &columns, rows)?,
            None => vec![Vec::new()],
        };
        if let Some(conflict) = conflict {
            self.conflict(target, conflict)?;
        }
        let returning = self.returning(target, returning.as_ref(), Vec::new())?;
        Ok(Write { target, table, change: Change::Insert(Rows { columns, rows }), returning })
    }

    /// The rows of VALUES, all as long as the first.
    fn rows(&self, source: QueryId) -> Result<&'a [Vec<ExprId>], Refusal> {
        let tree = self.statement.tree;
        let Query { with, body, order, limit, offset, locks, span: _ } = tree.query(source);
        if with.is_some() || !order.is_empty() || limit.is_some() || offset.is_some() || !locks.is_empty() {
            return Err(unknown("VALUES with this clause"));
        }
        let Body::Values(rows) = body else {
            return Err(Refusal::new("INSERT ... SELECT into a protected table cannot be answered in this version")
                .hint("read the rows first and insert them with VALUES"));
        };
        let width = rows.first().map_or(0, Vec::len);
        if let Some(row) = rows.iter().find(|row| row.len() != width) {
            let at = row.first().map_or(0, |value| self.statement.at(tree.span(*value).start));
            return Err(Refusal::error(SqlState::SYNTAX_ERROR, "VALUES lists must all be the same length").at(at));
        }
        Ok(rows)
    }

    fn given(
        &mut self,
        target: RangeId,
        table: &Table,
        columns: &[ColumnId],
        rows: &[Vec<ExprId>],
    ) -> Result<Vec<Vec<(ExprId, Given)>>, Refusal> {
        let mut given: Vec<Vec<_>> = rows.iter().map(|row| Vec::with_capacity(row.len())).collect();
        for (place, id) in columns.iter().enumerate() {
            let column = table.columns.get(*id).ok_or_else(unreadable)?;
            for (values, given) in rows.iter().zip(&mut given) {
                let value = *values.get(place).ok_or_else(unreadable)?;
                let bundle = own(target, *id);
                let is_default = matches!(self.statement.tree.expr(value), Expr::Default);
                let what = if column.is_sealed() {
                    Given::Value(self.sealed_value(value, &bundle)?)
                } else if is_default {
                    self.taken(value);
                    if column.is_signed() { Given::Default } else { Given::Plain }
                } else if column.is_signed() {
                    // The signature and the context of the cells need it.
                    self.recorded(target, *id, value)?
                } else {
                    self.goes_to(value, &bundle);
                    self.operand(value, "its use in this expression")?;
                    Given::Plain
                };
                given.push((value, what));
            }
        }
        Ok(given)
    }

    /// The value of a signed or context column: it goes on in the clear, and is known.
    fn recorded(&mut self, target: RangeId, id: ColumnId, value: ExprId) -> Result<Given, Refusal> {
        let bundle = own(target, id);
        if let Some(constant) = self.assigned(value, &bundle)? {
            self.goes_to(value, &bundle);
            self.expr(value)?;
            return Ok(Given::Value(match constant {
                // The server reads it as it stands.
                Bare::Null { .. } => Input::Null,
                Bare::Literal { literal, at } => Input::Literal { literal, at },
                Bare::Param { number, cast } => {
                    let ty = self.param_type(number, cast, &bundle)?;
                    Input::Param { index: number, ty }
                }
            }));
        }
        let span = self.statement.tree.span(value);
        if (span.start..span.end).any(|token| self.statement.source.is_param(token)) {
            return Err(Refusal::new(format!(
                "an expression with a parameter cannot be stored in the signed column {}",
                self.statement.label(&bundle)
            ))
            .of(self.statement.column_name(&bundle)?)
            .hint("pass the value itself"));
        }
        // It is computed by itself, ahead of the statement: as it is written, without what stands around it.
        let mut parts = vec![value];
        while let Some(part) = parts.pop() {
            let expr = self.statement.tree.expr(part);
            if expr.query().is_some() {
                return Err(unknown("a subquery for a signed column"));
            }
            expr.each_part(&mut |part| parts.push(part));
        }
        let seen = self.operand(value, "its use in this expression")?;
        if seen.columns || seen.aggregate {
            return Err(unknown("a column in VALUES"));
        }
        Ok(Given::Computed)
    }

    /// ON CONFLICT DO NOTHING: an arbiter over a sealed column is the unique index of its tag.
    fn conflict(&mut self, target: RangeId, conflict: &Conflict<'_>) -> Result<(), Refusal> {
        let Conflict { on, update, span: _ } = conflict;
        if update.is_some() {
            return Err(Refusal::new("ON CONFLICT DO UPDATE on a protected table cannot be answered in this version")
                .hint("ON CONFLICT DO NOTHING is answered; update the row that is in the way in a second statement"));
        }
        match on {
            None | Some(Arbiter::Constraint(_)) => Ok(()),
            Some(Arbiter::Columns(_, Some(_))) => Err(unknown("ON CONFLICT with a predicate")),
            Some(Arbiter::Columns(names, None)) => {
                for name in names {
                    let bundle = own(target, self.written(name)?);
                    if !self.statement.column(&bundle)?.is_sealed() {
                        continue;
                    }
                    let Some((_, beacon)) = self.statement.table(&bundle.row)?.beacon(bundle.column) else {
                        return Err(self.statement.no_operator(&bundle, "ON CONFLICT"));
                    };
                    let helper = beacon.helper.clone();
                    note(&mut self.notes.helpers, helper);
                }
                Ok(())
            }
        }
    }
}

fn more(what: &str) -> Refusal {
    Refusal::error(SqlState::SYNTAX_ERROR, format!("INSERT has more {what}"))
}
