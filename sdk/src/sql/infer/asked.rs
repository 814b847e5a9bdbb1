//! The conjuncts of conditions that a row can be held against when it comes back (SQL-60).
//!
//! What is left out is decided by the server alone; a reading that could differ from PostgreSQL's is left out too, since
//! a row that was rightly found must never be taken for a wrong one.

use std::collections::BTreeMap;

use super::constant::{Bare, is_null_of, same_value};
use super::{Block, Infer, Kind, RowPath};
use crate::schema::ColumnId;
use crate::sql::tree::{Expr, ExprId};
use crate::sql::{Condition, Input, Literal, literal};
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
        // PostgreSQL gives the list one type: an untyped constant beside one of another type is read as that, which for
        // numbers and texts makes no difference.
        let untyped = |input: &Input| matches!(input, Input::Literal { literal: Literal::Untyped(_), .. });
        let typed = |input: &Input| match input {
            Input::Param { ty, .. } | Input::Literal { literal: Literal::Typed(ty, _), .. } => Some(*ty),
            Input::Literal { .. } | Input::Null | Input::Stored(_) | Input::Fetched(_) => None,
        };
        let foreign = |input: &Input| typed(input).is_some_and(|ty| !is_null_of(&ty, &own));
        let another = |input: &Input| typed(input).is_some_and(|ty| own.is_another_in_lists(&ty));
        let undeclared = items.iter().any(|item| match self.statement.constant(*item) {
            Ok(Some(Bare::Param { number, cast: None })) => self.params.declared(number).is_none(),
            Ok(_) | Err(_) => false,
        });
        let mixed = ((undeclared || constants.iter().any(untyped)) && constants.iter().any(foreign))
            || (constants.len() > 1 && (own.is_another_in_lists(&own.operand()) || constants.iter().any(another)));
        (!mixed && !constants.is_empty()).then_some(Condition::In { column: place, constants })
    }

    fn any_of(&self, left: ExprId, right: ExprId) -> Condition<Place> {
        let known = self.place(left).and_then(|(place, own)| {
            let array = self.compared_array(&own, &place, right)?;
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
    fn compared_array(&self, column: &Type, place: &Place, expr: ExprId) -> Option<Input> {
        let own = column.operand();
        let (array, cast) = self.array_of(expr);
        let element = match cast {
            // A cast to varchar(n)[] cuts.
            Some(to) => Some(to.element.filter(|ty| !ty.is_cut_by_casts())?),
            None => None,
        };
        if let Expr::Array(_) = self.statement.tree.expr(array) {
            return match self.statement.literal(expr, 0).ok()?? {
                literal::Constant::Value(Literal::Array(items)) => {
                    let carried = |item: &Literal| match item {
                        Literal::Typed(ty, _) => own.carries(ty),
                        Literal::Untyped(_) | Literal::Array(_) => true,
                    };
                    let all = items.iter().flatten().all(carried);
                    all.then_some(Input::Literal { literal: Literal::Array(items), at: 0 })
                }
                literal::Constant::Value(_) | literal::Constant::Null => None,
            };
        }
        match self.statement.constant(array).ok()?? {
            Bare::Param { number, cast: None } => {
                let declared = match self.params.declared(number) {
                    Some(oid) => Some(Type::of_array(oid)?),
                    None => None,
                };
                let ty = match (declared, element) {
                    (Some(declared), Some(cast)) => same_value(&declared, &cast).then_some(declared)?,
                    (Some(ty), None) | (None, Some(ty)) => ty,
                    (None, None) if place.sealed || self.statement.source.places(number) == 1 => own,
                    (None, None) => return None,
                };
                Some(Input::Param { index: number, ty })
            }
            Bare::Literal { literal: Literal::Untyped(text), at } => {
                let literal = match element {
                    Some(ty) => Literal::Typed(ty, text),
                    None => Literal::Untyped(text),
                };
                Some(Input::Literal { literal, at })
            }
            Bare::Null { cast: None } if element.is_none_or(|cast| is_null_of(&cast, &own)) => Some(Input::Null),
            Bare::Param { .. } | Bare::Literal { .. } | Bare::Null { .. } => None,
        }
    }
}
