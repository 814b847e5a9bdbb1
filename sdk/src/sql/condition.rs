//! What a row must satisfy to be one that was asked for (SQL-60): the part of a WHERE that can be evaluated again on a
//! row whose columns were verified or opened. The server chose the row; this says whether it had the right to.

use super::Input;
use crate::schema::ColumnId;

/// A condition over one row of a protected table. Its value is TRUE, FALSE or NULL, as in SQL. Columns are those of the
/// row's table, unless said otherwise.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition<C = ColumnId> {
    /// Anything that is not evaluated here: whatever the server made of it is taken.
    Unknown,
    /// `column = constant`, `column IN (constants)`: never empty.
    In {
        /// A column with an equality form.
        column: C,
        /// What it is compared with.
        constants: Vec<Input>,
    },
    /// `column = ANY (array)`.
    AnyOf {
        /// A column with an equality form.
        column: C,
        /// The array.
        array: Input,
    },
    /// `column IS NOT DISTINCT FROM constant`.
    Same {
        /// A column with an equality form.
        column: C,
        /// What it is compared with.
        constant: Input,
    },
    /// `column IS NULL`.
    IsNull(C),
    /// NOT.
    Not(Box<Condition<C>>),
    /// AND.
    All(Vec<Condition<C>>),
    /// OR.
    Any(Vec<Condition<C>>),
}

impl<C> Condition<C> {
    /// NOT.
    pub fn negated(self) -> Self {
        Condition::Not(Box::new(self))
    }

    /// Every column that is looked at.
    pub fn columns(&self) -> Vec<&C> {
        let (mut found, mut waiting) = (Vec::new(), vec![self]);
        while let Some(condition) = waiting.pop() {
            match condition {
                Condition::Unknown => {}
                Condition::In { column, .. }
                | Condition::AnyOf { column, .. }
                | Condition::Same { column, .. }
                | Condition::IsNull(column) => found.push(column),
                Condition::Not(inner) => waiting.push(inner),
                Condition::All(parts) | Condition::Any(parts) => waiting.extend(parts),
            }
        }
        found
    }

    /// The same over what `column` makes of each column.
    pub fn map<D>(&self, column: &dyn Fn(&C) -> D) -> Condition<D> {
        self.filter_map(&|found| Some(column(found)))
    }

    /// The same over what `column` makes of each column; what looks at one of which it makes nothing is unknown.
    pub fn filter_map<D>(&self, column: &dyn Fn(&C) -> Option<D>) -> Condition<D> {
        let all = |parts: &[Condition<C>]| parts.iter().map(|part| part.filter_map(column)).collect();
        let known = match self {
            Condition::Unknown => None,
            Condition::In { column: found, constants } => {
                column(found).map(|column| Condition::In { column, constants: constants.clone() })
            }
            Condition::AnyOf { column: found, array } => {
                column(found).map(|column| Condition::AnyOf { column, array: array.clone() })
            }
            Condition::Same { column: found, constant } => {
                column(found).map(|column| Condition::Same { column, constant: constant.clone() })
            }
            Condition::IsNull(found) => column(found).map(Condition::IsNull),
            Condition::Not(inner) => Some(Condition::Not(Box::new(inner.filter_map(column)))),
            Condition::All(parts) => Some(Condition::All(all(parts))),
            Condition::Any(parts) => Some(Condition::Any(all(parts))),
        };
        known.unwrap_or(Condition::Unknown)
    }
}
