//! The fetch step of an INSERT (SQL-22): values of signed and context columns that only the server can compute, before
//! anything of their rows is sealed.

use std::collections::{BTreeMap, BTreeSet};

use crate::schema::ColumnId;
use crate::sql::plan::draft::{Draft, Parts};
use crate::sql::plan::source::{Source, unreadable};
use crate::sql::{Input, Refusal, Template};

/// Expressions by row and column.
#[derive(Default)]
pub(super) struct Fetch(BTreeMap<(usize, ColumnId), Parts>);

impl Fetch {
    /// The value of this column of this row, in the type of the column.
    pub(super) fn add(&mut self, row: usize, column: ColumnId, value: Parts) {
        self.0.insert((row, column), value);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The statement, in the place of what stands at the byte `at`; and tells `values` where in its answer each of them
    /// stands. Rows are computed one after another, as INSERT does it.
    pub(super) fn statement(
        mut self,
        source: &Source<'_>,
        at: usize,
        values: &mut [Vec<Option<Input>>],
    ) -> Result<Template, Refusal> {
        let rows: BTreeSet<usize> = self.0.keys().map(|(row, _)| *row).collect();
        let columns: BTreeSet<ColumnId> = self.0.keys().map(|(_, column)| *column).collect();
        let several = rows.len() > 1;
        let mut parts = Parts::default().text(if several { "VALUES " } else { "SELECT " });
        let mut place = 0;
        for (number, row) in rows.iter().enumerate() {
            parts = parts.text(if number == 0 { "" } else { ", " }).text(if several { "(" } else { "" });
            for (number, column) in columns.iter().enumerate() {
                parts = parts.text(if number == 0 { "" } else { ", " });
                parts = match self.0.remove(&(*row, *column)) {
                    Some(value) => {
                        let known = values.get_mut(*row).and_then(|values| values.get_mut(*column));
                        *known.ok_or_else(unreadable)? = Some(Input::Fetched(place));
                        parts.extend(value)
                    }
                    None => parts.text("NULL"),
                };
                place += 1;
            }
            parts = parts.text(if several { ")" } else { "" });
        }
        Draft::default().compose(source, parts, at)
    }
}
