//! The conjuncts of conditions that a row can be held against when it comes back (SQL-60).
//!
//! What is left out is decided by the server alone; a reading that could differ from PostgreSQL's is left out too, since
//! a row that was rightly found must never be taken for a wrong one.

use std::collections::BTreeMap;

use super::{Block, Infer, Kind, RowPath};
use crate::schema::ColumnId;
use crate::sql::constant::{Bare, compared_array, compared_elements, is_null_of, reads_otherwise};
use crate::sql::tree::{Expr, ExprId};
use crate::sql::{Condition, Input, Literal};
use crate::value::Type;

/// A column of one of the rows that a row of a query is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sql) struct Place {
    /// Of which row.
    pub row: RowPath,
    /// Which column.
    pub column: ColumnId,
    /// Whether it holds cells.
    pub sealed: bool,
}

/// AND and OR within each other, for a condition to be evaluated again. What is deeper is the server's word.
const MAX_DEPTH: usize = 64;

impl Infer<'_, '_> {
    /// What every row of a query satisfies, by conditions that were looked at.
    pub(super) fn asked(&self, exprs: &[ExprId], block: &mut Block) {
        // A row of a query around this one is none of its own.
        let own = |place: &Place| block.rows.contains(&place.row).then(|| place.clone());
        let mut known = Vec::new();
        let mut waiting: Vec<ExprId> = exprs.iter().rev().copied().collect();
        while let Some(expr) = waiting.pop() {
            if let Expr::And(operands) = self.statement.tree.expr(expr) {
                waiting.extend(operands.iter().rev());
                continue;
            }
            let condition = self.condition_of(expr, 0).filter_map(&own);
            if !condition.columns().is_empty() {
                known.push(condition);
            }
        }
        block.conditions.extend(known);
    }

    fn condition_of(&self, expr: ExprId, depth: usize) -> Condition<Place> {
        if depth > MAX_DEPTH {
            return Condition::Unknown;
        }
        let negated =
            |condition: Condition<Place>, negated: bool| if negated { condition.negated() } else { condition };
        let all = |operands: &[ExprId]| operands.iter().map(|part| self.condition_of(*part, depth + 1)).collect();
        match self.statement.tree.expr(expr) {
            Expr::And(operands) => Condition::All(all(operands)),
            Expr::Or(operands) => Condition::Any(all(operands)),
            Expr::Not(operand) => self.condition_of(*operand, depth + 1).negated(),
            Expr::Binary { left, operator, right } => match operator.symbol {
                "=" => self.equal(*left, *right, depth),
                "<>" => self.equal(*left, *right, depth).negated(),
                // Order comparisons, patterns and whatever else there is: the server's word.
                _ => Condition::Unknown,
            },
            Expr::IsDistinct { left, right, negated: not_same } => {
                let same = match self.sides(*left, *right) {
                    Some((place, ty, other)) => match self.compared_with(&ty, &place, other, &|_| 1) {
                        Some(constant) => Condition::Same { column: place, constant },
                        None => Condition::Unknown,
                    },
                    None => Condition::Unknown,
                };
                // IS NOT DISTINCT FROM is the negated one.
                negated(same, !*not_same)
            }
            Expr::IsNull { operand, negated: not } => {
                negated(self.place(*operand).map_or(Condition::Unknown, |(place, _)| Condition::IsNull(place)), *not)
            }
            Expr::In { operand, items, negated: not } => {
                negated(self.in_constants(*operand, items).unwrap_or(Condition::Unknown), *not)
            }
            Expr::Quantified { operand, operator, all, array } => match (operator.symbol, all) {
                ("=", false) => self.any_of(*operand, *array),
                ("<>", true) => self.any_of(*operand, *array).negated(),
                _ => Condition::Unknown,
            },
            _ => Condition::Unknown,
        }
    }

    /// The column that an operand is, if equality over it is that of E: it has one, and no collation of its own under which
    /// different texts may be equal.
    fn place(&self, expr: ExprId) -> Option<(Place, Type)> {
        let bundle = match self.kinds.get(&expr.index())? {
            Kind::Sealed(bundle) => bundle,
            // A cast makes another value of it.
            Kind::Clear(bundle) if matches!(self.statement.tree.expr(expr), Expr::Column(_)) => bundle,
            Kind::Clear(_) | Kind::Picked(_) | Kind::Other(_) => return None,
        };
        let column = self.statement.column(bundle).ok()?;
        let signed = self.statement.table(&bundle.row).ok()?.signature.is_some();
        let authentic = column.is_sealed() || column.is_context() || (signed && column.is_signed());
        let known = column.ty.filter(|ty| ty.equality().is_some() && column.collation.is_none());
        let place = Place { row: bundle.row.clone(), column: bundle.column, sealed: column.is_sealed() };
        known.filter(|_| authentic).map(|ty| (place, ty))
    }

    /// The column and the constant of a comparison, whichever stands first.
    fn sides(&self, left: ExprId, right: ExprId) -> Option<(Place, Type, ExprId)> {
        match self.place(left) {
            Some((place, ty)) => Some((place, ty, right)),
            None => self.place(right).map(|(place, ty)| (place, ty, left)),
        }
    }

    fn equal(&self, left: ExprId, right: ExprId, depth: usize) -> Condition<Place> {
        if depth > MAX_DEPTH {
            return Condition::Unknown;
        }
        // A comparison of rows is one of their fields.
        if let (Expr::Row(left), Expr::Row(right)) = (self.statement.tree.expr(left), self.statement.tree.expr(right))
            && left.len() == right.len()
        {
            let fields = left.iter().zip(right);
            return Condition::All(fields.map(|(left, right)| self.equal(*left, *right, depth + 1)).collect());
        }
        match self.sides(left, right) {
            Some((place, ty, other)) => match self.compared_with(&ty, &place, other, &|_| 1) {
                Some(constant) => Condition::In { column: place, constants: vec![constant] },
                None => Condition::Unknown,
            },
            None => Condition::Unknown,
        }
    }

    fn in_constants(&self, left: ExprId, items: &[ExprId]) -> Option<Condition<Place>> {
        let (place, own) = self.place(left)?;
        let mut places = BTreeMap::new();
        for item in items {
            if let Expr::Param(number) = self.statement.tree.expr(*item) {
                *places.entry(*number).or_insert(0) += 1;
            }
        }
        let beside = |number| places.get(&number).copied().unwrap_or(0);
        let constants = items.iter().map(|item| self.compared_with(&own, &place, *item, &beside));
        let constants = constants.collect::<Option<Vec<_>>>()?;
        let undeclared = items.iter().any(|item| match self.statement.constant(*item) {
            Ok(Some(constant)) => constant.is_undeclared(&self.params),
            Ok(None) | Err(_) => false,
        });
        let mixed = reads_otherwise(&constants, undeclared, &own);
        (!mixed && !constants.is_empty()).then_some(Condition::In { column: place, constants })
    }

    fn any_of(&self, left: ExprId, right: ExprId) -> Condition<Place> {
        let known = self.place(left).and_then(|(place, own)| {
            let array = self.array_compared_with(&own, &place, right)?;
            Some(Condition::AnyOf { column: place, array })
        });
        known.unwrap_or(Condition::Unknown)
    }

    /// The constant that a column is compared with, as PostgreSQL types it. `beside`: at how many places of the comparison a
    /// parameter stands.
    fn compared_with(&self, own: &Type, place: &Place, expr: ExprId, beside: &dyn Fn(usize) -> usize) -> Option<Input> {
        match self.statement.constant(expr).ok()?? {
            Bare::Null { cast } => cast.is_none_or(|cast| is_null_of(&cast, own)).then_some(Input::Null),
            Bare::Literal { literal: Literal::Array(_), .. } => None,
            Bare::Literal { literal: Literal::Typed(ty, _), .. } if !own.carries(&ty) => None,
            Bare::Literal { literal, at } => Some(Input::Literal { literal, at }),
            Bare::Param { number, cast } => {
                // Beside a column an untyped parameter is what the column's operator takes.
                let cast = match (self.params.declared(number), cast) {
                    (None, None) if place.sealed || self.statement.source.places(number) == beside(number) => {
                        Some(own.operand())
                    }
                    // What stands somewhere else may have given it a type.
                    (None, None) => return None,
                    (_, cast) => cast,
                };
                let named = *place.row.0.first()?;
                let bundle = super::Bundle { row: place.row.clone(), column: place.column, named: (named, 0) };
                let ty = self.param_type(number, cast, &bundle).ok().filter(|ty| own.carries(ty))?;
                Some(Input::Param { index: number, ty })
            }
        }
    }

    /// The array of `= ANY`: a parameter, or a literal without parameters in it.
    fn array_compared_with(&self, column: &Type, place: &Place, expr: ExprId) -> Option<Input> {
        let own = column.operand();
        let (array, cast) = self.array_of(expr);
        let element = match cast {
            // A cast to varchar(n)[] cuts.
            Some(to) => Some(to.element.filter(|ty| !ty.is_cut_by_casts())?),
            None => None,
        };
        if let Expr::Array(_) = self.statement.tree.expr(array) {
            return compared_elements(self.statement.literal(expr, 0).ok()??, &own);
        }
        let array = self.statement.constant(array).ok()??;
        let source = self.statement.source;
        compared_array(array, element, own, &self.params, |number| place.sealed || source.places(number) == 1)
    }
}
