//! Types that a constant cannot have beside a column: PostgreSQL's errors of Parse, before there is a value (SQL-20).

use super::constant::Bare;
use super::{Bundle, Infer};
use crate::error::SqlState;
use crate::sql::tree::{Expr, ExprId, TypeName};
use crate::sql::{Literal, Refusal};
use crate::value::Type;

/// A comparison of a column with constants, as the statement writes it.
pub(super) struct Comparison {
    /// The operator that decides it: `=` or `<>`.
    pub operator: &'static str,
    /// The token that PostgreSQL points at.
    pub token: usize,
    /// Whether the column is the left operand.
    pub column_first: bool,
}

impl<'t> Infer<'_, 't> {
    /// The type that a constant has without its neighbours.
    pub(super) fn constant_type(&self, constant: &Bare) -> Option<Type> {
        match constant {
            Bare::Literal { literal: Literal::Typed(ty, _), .. } => Some(*ty),
            Bare::Literal { literal: Literal::Untyped(_) | Literal::Array(_), .. } => None,
            Bare::Null { cast } => *cast,
            Bare::Param { number, cast } => {
                cast.or_else(|| self.params.declared(*number).and_then(|oid| Type::from_pg(oid, -1)))
            }
        }
    }

    /// An error if there is no operator between a column and one of the constants.
    pub(super) fn comparable<'c>(
        &self,
        bundle: &Bundle,
        constants: impl IntoIterator<Item = &'c Bare>,
        comparison: &Comparison,
    ) -> Result<(), Refusal> {
        constants
            .into_iter()
            .filter_map(|constant| self.constant_type(constant))
            .try_for_each(|ty| self.compares(bundle, &ty, comparison))
    }

    /// The same for the elements of an array; what is none and is declared as something else has no elements.
    pub(super) fn comparable_elements(
        &self,
        bundle: &Bundle,
        right: ExprId,
        comparison: &Comparison,
    ) -> Result<(), Refusal> {
        let (array, cast) = self.array_of(right);
        match (self.statement.tree.expr(array), cast.and_then(|to| to.element)) {
            (_, Some(element)) => self.compares(bundle, &element, comparison),
            (Expr::Array(items), None) => {
                let read = |item: &ExprId| self.statement.constant(*item).ok().flatten();
                let Some(items) = items.iter().map(read).collect::<Option<Vec<_>>>() else { return Ok(()) };
                let types: Vec<Type> = items.iter().filter_map(|item| self.constant_type(item)).collect();
                // Without any type PostgreSQL makes it an array of text.
                let untyped = (types.is_empty() && !items.is_empty()).then_some(Type::Text);
                types.iter().chain(&untyped).try_for_each(|ty| self.compares(bundle, ty, comparison))
            }
            (Expr::Param(number), None) => {
                match self.params.declared(*number).map(|oid| (Type::of_array(oid), Type::from_pg(oid, -1))) {
                    Some((Some(element), _)) => self.compares(bundle, &element, comparison),
                    Some((None, Some(_))) => {
                        let message = "op ANY/ALL (array) requires array on right side";
                        Err(Refusal::error(SqlState::WRONG_OBJECT_TYPE, message)
                            .at(self.statement.at(comparison.token)))
                    }
                    Some((None, None)) | None => Ok(()),
                }
            }
            (_, None) => Ok(()),
        }
    }

    /// An array under a cast to an array type. Under two casts it is none of the shapes that are read.
    pub(super) fn array_of(&self, expr: ExprId) -> (ExprId, Option<&TypeName<'t>>) {
        match self.statement.tree.expr(expr) {
            Expr::Cast { operand, to } if to.dimensions == 1 => (*operand, Some(to)),
            _ => (expr, None),
        }
    }

    fn compares(&self, bundle: &Bundle, ty: &Type, comparison: &Comparison) -> Result<(), Refusal> {
        let own = self.statement.type_of(bundle)?;
        if own.is_ambiguous_beside(ty) {
            return Err(Refusal::new(format!("a sealed {own} cannot be compared with {ty}"))
                .hint(format!("Write the constant as {own}.")));
        }
        if own.compares_with(ty) {
            return Ok(());
        }
        let (own, ty) = (own.sql_name(), ty.sql_name());
        let (left, right) = if comparison.column_first { (own, ty) } else { (ty, own) };
        let message = format!("operator does not exist: {left} {} {right}", comparison.operator);
        Err(Refusal::error(SqlState::UNDEFINED_FUNCTION, message)
            .hint("No operator matches the given name and argument types. You might need to add explicit type casts.")
            .at(self.statement.at(comparison.token)))
    }
}
