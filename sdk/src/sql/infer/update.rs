//! UPDATE: in place where the statement fixes the context of every cell that it writes (SQL-50), else the rows are read and
//! verified first (SQL-51).

use super::write::{Assigned, Change, Given, Way, Write, constant_default, own};
use super::{Infer, Place, note, unreadable};
use crate::error::SqlState;
use crate::schema::{ColumnDefault, ColumnId, Table};
use crate::sql::constant::Bare;
use crate::sql::resolve::{RangeId, Ref};
use crate::sql::tree::{Assignment, Expr, ExprId, Update, unknown};
use crate::sql::{Condition, Input, Literal, Refusal};
use crate::value::Type;

impl Infer<'_, '_> {
    pub(super) fn update(&mut self, update: &Update<'_>) -> Result<Write, Refusal> {
        let Update { target, assignments, from, condition, returning, span: _ } = update;
        let (target, table) = self.target(target)?;
        if !from.is_empty() {
            return Err(Refusal::new("UPDATE ... FROM with a protected table cannot be answered in this version")
                .hint("select the values first, then update row by row"));
        }
        let columns = self.columns(assignments)?;
        if let Some(id) = columns.iter().find(|id| table.columns.get(**id).is_some_and(|column| column.is_context())) {
            let bundle = own(target, *id);
            return Err(Refusal::new(format!(
                "column {} is part of the encryption context: it cannot be changed in this version",
                self.statement.label(&bundle)
            ))
            .of(self.statement.column_name(&bundle)?)
            .hint("delete the row and insert it anew"));
        }
        let context = self.fixed_context(target, &table, *condition)?;
        let in_place = self.in_place(&table, &columns, assignments, context.is_some())?;
        let mut assigned = Vec::with_capacity(columns.len());
        for (column, assignment) in columns.iter().zip(assignments) {
            let bundle = own(target, *column);
            let given = if self.statement.column(&bundle)?.is_sealed() {
                if table.beacon(*column).is_some() {
                    let label = self.statement.label(&bundle);
                    note(&mut self.notes.reveals, format!("which rows hold an equal value in {label}"));
                }
                Given::Value(self.sealed_value(assignment.value, &bundle)?)
            } else if !in_place {
                Given::Value(self.clear_value(target, *column, assignment.value)?)
            } else {
                self.plain_value(target, *column, assignment.value)?;
                Given::Plain
            };
            assigned.push(Assigned { column: *column, span: assignment.span, given });
        }
        let asked = self.found(target, *condition)?;
        let returning = self.returning(target, returning.as_ref(), after_write(&asked, &table, &columns))?;
        let way = match in_place {
            true => Way::InPlace { context: context.unwrap_or_default() },
            false => Way::ReadFirst { asked },
        };
        Ok(Write { target, table, change: Change::Update(assigned, way), returning })
    }

    /// The column of each assignment.
    fn columns(&self, assignments: &[Assignment<'_>]) -> Result<Vec<ColumnId>, Refusal> {
        let mut columns = Vec::with_capacity(assignments.len());
        for assignment in assignments {
            let [name] = assignment.columns.as_slice() else { return Err(unknown("SET of a list of columns")) };
            let column = self.written(name)?;
            if columns.contains(&column) {
                // The rewriter finds it, and points nowhere.
                let message = format!("multiple assignments to same column \"{}\"", name.value);
                return Err(Refusal::error(SqlState::SYNTAX_ERROR, message));
            }
            columns.push(column);
        }
        Ok(columns)
    }

    /// Whether the server can write the new values as they come: nothing signed, and every cell's context known.
    fn in_place(
        &self,
        table: &Table,
        columns: &[ColumnId],
        assignments: &[Assignment<'_>],
        context_known: bool,
    ) -> Result<bool, Refusal> {
        for (id, assignment) in columns.iter().zip(assignments) {
            let column = table.columns.get(*id).ok_or_else(unreadable)?;
            if table.signature.is_some() && column.is_signed() {
                return Ok(false);
            }
            if column.is_sealed() && !context_known {
                let null = match self.statement.tree.expr(assignment.value) {
                    Expr::Default => constant_default(column)? == Input::Null,
                    _ => matches!(self.statement.constant(assignment.value)?, Some(Bare::Null { .. })),
                };
                if !null {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// The values of all context columns, if the WHERE fixes each by `=` with a constant (SQL-50).
    fn fixed_context(
        &self,
        target: RangeId,
        table: &Table,
        condition: Option<ExprId>,
    ) -> Result<Option<Vec<(ColumnId, Input)>>, Refusal> {
        if table.context.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let tree = self.statement.tree;
        let mut fixed: Vec<(ColumnId, Input)> = Vec::new();
        let mut waiting: Vec<ExprId> = condition.into_iter().collect();
        while let Some(conjunct) = waiting.pop() {
            let (left, right) = match tree.expr(conjunct) {
                Expr::And(operands) => {
                    waiting.extend(operands.iter().rev());
                    continue;
                }
                Expr::Binary { left, operator, right } if operator.symbol == "=" => (*left, *right),
                _ => continue,
            };
            for (column, constant) in [(left, right), (right, left)] {
                let (Expr::Column(_), Some(Ref::Column(range, id))) =
                    (tree.expr(column), self.statement.names.reference(column))
                else {
                    continue;
                };
                if range != target || !table.context.contains(&id) || fixed.iter().any(|(known, _)| *known == id) {
                    continue;
                }
                if let Ok(Some(constant)) = self.statement.constant(constant)
                    && let Some(input) = self.context_value(target, id, constant)
                {
                    fixed.push((id, input));
                }
            }
        }
        Ok((fixed.len() == table.context.len()).then_some(fixed))
    }

    /// The constant as the context's value, where comparing and storing read it alike.
    fn context_value(&self, target: RangeId, id: ColumnId, value: Bare) -> Option<Input> {
        let bundle = own(target, id);
        let own = self.statement.type_of(&bundle).ok()?;
        let alike =
            |ty: &Type| ty.same_base(&own) || (ty.is_integer() && own.is_integer()) || (ty.is_text() && own.is_text());
        match value {
            Bare::Null { .. } => None,
            Bare::Literal { literal, at } => match &literal {
                Literal::Untyped(_) => Some(Input::Literal { literal, at }),
                Literal::Typed(ty, _) => alike(ty).then_some(Input::Literal { literal, at }),
                Literal::Array(_) => None,
            },
            Bare::Param { number, cast } => {
                let ty = self.param_type(number, cast, &bundle).ok()?;
                alike(&ty).then_some(Input::Param { index: number, ty })
            }
        }
    }

    /// The new value of a column in the clear that the server writes as it comes.
    fn plain_value(&mut self, target: RangeId, id: ColumnId, value: ExprId) -> Result<(), Refusal> {
        if let Expr::Default = self.statement.tree.expr(value) {
            self.taken(value);
            return Ok(());
        }
        self.goes_to(value, &own(target, id));
        if self.operand(value, "assigning it to an unprotected column")?.aggregate {
            return Err(unknown("an aggregate in SET"));
        }
        Ok(())
    }

    /// The new value of a column in the clear that is written together with protected ones.
    fn clear_value(&mut self, target: RangeId, id: ColumnId, value: ExprId) -> Result<Input, Refusal> {
        let bundle = own(target, id);
        let column = self.statement.column(&bundle)?;
        let refused = |what: &str| -> Result<Refusal, Refusal> {
            let message = format!("column {} cannot be set to {what} in this statement", self.statement.label(&bundle));
            Ok(Refusal::new(message).of(self.statement.column_name(&bundle)?).hint(
                "set it to a constant or parameter; columns that are not protected can be set in an UPDATE of their own",
            ))
        };
        if column.ty.is_none() {
            return Err(refused("anything")?);
        }
        let input = match self.statement.tree.expr(value) {
            Expr::Default => match &column.default {
                ColumnDefault::Null => Input::Null,
                ColumnDefault::Constant(stored) => Input::Stored(stored.clone()),
                ColumnDefault::Server(_) | ColumnDefault::Identity { .. } | ColumnDefault::Generated => {
                    return Err(refused("its default")?);
                }
            },
            _ => match self.assigned(value, &bundle)? {
                Some(constant) => self.render(&constant, &bundle)?,
                None => return Err(refused("an expression")?),
            },
        };
        self.taken(value);
        Ok(input)
    }
}

/// Those conditions that hold for a written row as well: `assigned` columns and, where a trigger may change what is
/// written, all columns have new values.
fn after_write(asked: &[Condition<Place>], table: &Table, assigned: &[ColumnId]) -> Vec<Condition<Place>> {
    if table.before_row_trigger {
        return Vec::new();
    }
    let stays =
        |condition: &&Condition<Place>| condition.columns().iter().all(|place| !assigned.contains(&place.column));
    asked.iter().filter(stays).cloned().collect()
}
