//! Types that a constant cannot have beside a column: PostgreSQL's errors of Parse, before there is a value (SQL-20).

use super::{Bundle, Infer};
use crate::error::SqlState;
use crate::sql::Refusal;
use crate::sql::constant::{Bare, Comparison};
use crate::sql::tree::{Expr, ExprId, TypeName};
use crate::value::Type;

impl<'t> Infer<'_, 't> {
    /// An error if there is no operator between a column and one of the constants.
    pub(super) fn comparable<'c>(
        &self,
        bundle: &Bundle,
        constants: impl IntoIterator<Item = &'c Bare>,
        comparison: &Comparison,
    ) -> Result<(), Refusal> {
        constants
            .into_iter()
            .filter_map(|constant| constant.type_of(&self.params))
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
                let types: Vec<Type> = items.iter().filter_map(|item| item.type_of(&self.params)).collect();
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
        comparison.check(&own, ty, self.statement.at(comparison.token))
    }
}
