//! A sealed record: what each physical column of its row holds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Error;
use crate::schema::Table;
use crate::schema::names::SIGNATURE;
use crate::seal::row::{SealedRow, StoredRow};
use crate::value::Value;

/// One sealed row, by physical column: cells, search tags and signature, and the unsealed columns in the form in
/// which PostgreSQL's binary protocol carries them (S of `docs/formats.md`).
///
/// It serialises for storage elsewhere than in a table. Its fields are not those of the record that was sealed, so
/// it cannot be read as one by accident.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedRecord {
    #[serde(rename = "pgseal_table")]
    table: String,
    #[serde(rename = "pgseal_columns")]
    columns: BTreeMap<String, Option<Vec<u8>>>,
}

impl SealedRecord {
    /// A record as it was read from a table: every column, helper columns and signature included. `None` is NULL.
    pub fn from_columns(logical_table: &str, columns: impl IntoIterator<Item = (String, Option<Vec<u8>>)>) -> Self {
        Self { table: logical_table.to_owned(), columns: columns.into_iter().collect() }
    }

    /// The logical table.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// Every physical column with its binary content, `None` for NULL: what an INSERT into the table writes.
    pub fn columns(&self) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
        self.columns.iter().map(|(name, bytes)| (name.as_str(), bytes.as_deref()))
    }

    /// The content of one physical column; `None` also for a column that is not there.
    pub fn bytes(&self, column: &str) -> Option<&[u8]> {
        self.columns.get(column)?.as_deref()
    }

    /// Replaces the content of one physical column, for tests of what opening makes of it.
    pub fn set_bytes(&mut self, column: &str, bytes: Option<&[u8]>) {
        self.columns.insert(column.to_owned(), bytes.map(<[u8]>::to_vec));
    }

    /// From the values and what they became.
    pub(crate) fn new(table: &Table, values: &[Option<Value<'_>>], row: SealedRow) -> Self {
        let cells = table.columns.iter().zip(values).zip(row.cells).map(|((column, value), cell)| {
            let bytes = match (value, &column.ty) {
                _ if column.is_sealed() => cell,
                (Some(value), Some(ty)) => {
                    let mut stored = Vec::with_capacity(16);
                    value.write_stored(ty, &mut stored);
                    Some(stored)
                }
                (None, _) | (_, None) => None,
            };
            (&column.name, bytes)
        });
        let tags = table.beacons.iter().zip(row.tags).map(|(beacon, tag)| (&beacon.helper, tag.map(Vec::from)));
        let mut columns: BTreeMap<_, _> = cells.chain(tags).map(|(name, bytes)| (name.clone(), bytes)).collect();
        if let Some(signature) = row.signature {
            columns.insert(SIGNATURE.to_owned(), Some(signature));
        }
        Self { table: table.logical.clone(), columns }
    }

    /// The row as verifying and opening see it. A name that the table does not have is refused.
    pub(crate) fn with_row<T>(
        &self,
        table: &Table,
        then: impl FnOnce(StoredRow<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut known = 0;
        let mut at = |name: &str| {
            let bytes = self.columns.get(name);
            known += usize::from(bytes.is_some());
            bytes.map(Option::as_deref)
        };
        let columns: Vec<_> = table.columns.iter().map(|column| at(&column.name)).collect();
        let tags: Vec<_> = table.beacons.iter().map(|beacon| at(&beacon.helper)).collect();
        let signature = at(SIGNATURE);
        // Names of a table are distinct, so whatever was not asked for by name is no column.
        if known < self.columns.len() {
            let reason = "the sealed record has a column that the table does not have".to_owned();
            return Err(Error::Record { table: table.logical.clone(), reason });
        }
        then(StoredRow { columns: &columns, tags: &tags, signature })
    }
}
