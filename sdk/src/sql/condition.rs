//! What a row must satisfy to be one that was asked for (SQL-60): the part of a WHERE that can be evaluated again on a
//! row whose columns were verified or opened. The server chose the row; this says whether it had the right to.

use super::Input;
use crate::schema::ColumnId;

/// A condition over one row of a protected table. Its value is TRUE, FALSE or NULL, as in SQL; columns are those of the
/// row's table.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// Anything that is not evaluated here: whatever the server made of it is taken.
    Unknown,
    /// `column = constant`, `column IN (constants)`: never empty.
    In {
        /// A column with an equality form.
        column: ColumnId,
        /// What it is compared with.
        constants: Vec<Input>,
    },
    /// `column = ANY (array)`.
    AnyOf {
        /// A column with an equality form.
        column: ColumnId,
        /// The array.
        array: Input,
    },
    /// `column IS NOT DISTINCT FROM constant`.
    Same {
        /// A column with an equality form.
        column: ColumnId,
        /// What it is compared with.
        constant: Input,
    },
    /// `column IS NULL`.
    IsNull(ColumnId),
    /// NOT.
    Not(Box<Condition>),
    /// AND.
    All(Vec<Condition>),
    /// OR.
    Any(Vec<Condition>),
}

impl Condition {
    /// NOT.
    pub fn negated(self) -> Self {
        Condition::Not(Box::new(self))
    }

    /// Every column that is looked at.
    pub fn columns(&self) -> Vec<ColumnId> {
        let (mut found, mut waiting) = (Vec::new(), vec![self]);
        while let Some(condition) = waiting.pop() {
            match condition {
                Condition::Unknown => {}
                Condition::In { column, .. }
                | Condition::AnyOf { column, .. }
                | Condition::Same { column, .. }
                | Condition::IsNull(column) => found.push(*column),
                Condition::Not(inner) => waiting.push(inner),
                Condition::All(parts) | Condition::Any(parts) => waiting.extend(parts),
            }
        }
        found
    }
}
