//! The names of a record's columns: one list for all records of a table.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::schema::Table;
use crate::schema::names::SIGNATURE;

/// Which column stands at which position of a record.
pub(crate) struct Names {
    /// The logical table.
    table: String,
    /// The physical columns by position, no name twice.
    columns: Vec<String>,
    /// The positions in byte order of their names.
    sorted: Vec<usize>,
}

impl Names {
    /// Of a record from elsewhere.
    pub(crate) fn new(table: String, columns: Vec<String>) -> Arc<Self> {
        let mut sorted: Vec<usize> = (0..columns.len()).collect();
        sorted.sort_unstable_by_key(|&position| &columns[position]);
        Arc::new(Self { table, columns, sorted })
    }

    /// Of what is sealed for a table: its columns in their order, then its tags, then its signature.
    pub(crate) fn of(table: &Table) -> Arc<Self> {
        let columns = table.columns.iter().map(|column| column.name.clone());
        let tags = table.beacons.iter().map(|beacon| beacon.helper.clone());
        let signature = table.signature.iter().map(|_| SIGNATURE.to_owned());
        Self::new(table.logical.clone(), columns.chain(tags).chain(signature).collect())
    }

    pub(crate) fn table(&self) -> &str {
        &self.table
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.columns.len()
    }

    /// The position of a name.
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        let order =
            |position: &usize| self.columns.get(*position).map_or(Ordering::Less, |column| column.as_str().cmp(name));
        self.sorted.get(self.sorted.binary_search_by(order).ok()?).copied()
    }

    /// Names and positions in byte order.
    pub(crate) fn sorted(&self) -> impl Iterator<Item = (&str, usize)> {
        self.sorted.iter().filter_map(|&position| Some((self.columns.get(position)?.as_str(), position)))
    }
}
