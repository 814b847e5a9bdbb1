//! A sealed record: what each physical column of its row holds.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::ser::{SerializeMap, SerializeStruct, Serializer};
use serde::{Deserialize, Serialize};

use super::Error;
use super::names::Names;
use crate::keys::KeySource;
use crate::schema::names::SIGNATURE;
use crate::schema::{Column, ColumnId, Table};
use crate::seal::packed::Packed;
use crate::seal::row::{self, SealedParts, StoredRow};
use crate::seal::signature;
use crate::value::{self, Type};

/// One sealed row, by physical column: cells, search tags and signature, and the unsealed columns in the form in
/// which PostgreSQL's binary protocol carries them, in UTF-8: S of `docs/formats.md`, but an array as `array_send` gives it.
///
/// It serialises for storage elsewhere than in a table. Its fields are not those of the record that was sealed, so
/// it cannot be read as one by accident.
///
/// ```
#[doc = include_str!("../sealer/doctest.txt")]
/// # use pgseal::sealer::SealedRecord;
/// # block_on(async {
/// # let sealer = sealer().await?;
/// let sealed = sealer.seal("patient", &Patient { id: 7, diagnosis: "J45.1".into() })?;
/// let stored = serde_json::to_string(&sealed)?;
/// assert!(!stored.contains("J45.1"));
/// // The stored text is no patient, it is a sealed one.
/// assert!(serde_json::from_str::<Patient>(&stored).is_err());
/// let read: SealedRecord = serde_json::from_str(&stored)?;
/// assert_eq!(sealer.open::<Patient>(&read)?.diagnosis, "J45.1");
/// # Ok(())
/// # })
/// ```
#[derive(Clone, Deserialize)]
#[serde(from = "Form")]
pub struct SealedRecord {
    names: Arc<Names>,
    contents: Packed,
}

impl SealedRecord {
    /// A record as it was read from a table: every column, helper columns and signature included. `None` is NULL.
    pub fn from_columns(logical_table: &str, columns: impl IntoIterator<Item = (String, Option<Vec<u8>>)>) -> Self {
        Form { table: logical_table.to_owned(), columns: columns.into_iter().collect() }.into()
    }

    /// The logical table.
    pub fn table(&self) -> &str {
        self.names.table()
    }

    /// Every physical column with its binary content, `None` for NULL: what an INSERT into the table writes. In byte order
    /// of their names.
    pub fn columns(&self) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
        self.names.sorted().map(|(name, position)| (name, self.contents.get(position)))
    }

    /// The content of one physical column; `None` also for a column that is not there.
    pub fn bytes(&self, column: &str) -> Option<&[u8]> {
        self.contents.get(self.names.position(column)?)
    }

    /// Replaces the content of one physical column, for tests of what opening makes of it.
    pub fn set_bytes(&mut self, column: &str, bytes: Option<&[u8]>) {
        let owned = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
        let mut columns: BTreeMap<_, _> = self.columns().map(|(name, bytes)| (name.to_owned(), owned(bytes))).collect();
        columns.insert(column.to_owned(), owned(bytes));
        *self = Form { table: self.table().to_owned(), columns }.into();
    }

    /// Seals a row whose values are there in their stored form, by column of the table. `names` are those of the table.
    pub(crate) fn seal(table: &Table, names: &Arc<Names>, keys: &dyn KeySource, clear: &Packed) -> Result<Self, Error> {
        let others = signature::LEN + table.beacons.len() * 16;
        let mut contents = Packed::new(names.len(), row::sealed_len(table, clear) + others);
        let SealedParts { tags, signature } = row::seal_stored(table, keys, clear, &mut contents)?;
        for (id, column) in table.columns.iter().enumerate() {
            match (clear.get(id).filter(|_| !column.is_sealed()), clear_array(column)) {
                (Some(stored), Some(ty)) => {
                    contents.put(id, &ty.sent_array(stored).map_err(|error| unsent(table, column, &error))?)
                }
                (Some(stored), None) => contents.put(id, stored),
                (None, _) => {}
            }
        }
        for (position, tag) in (table.columns.len()..).zip(&tags) {
            if let Some(tag) = tag {
                contents.put(position, tag);
            }
        }
        if let Some(signature) = signature {
            contents.put(table.columns.len() + tags.len(), &signature);
        }
        Ok(Self { names: Arc::clone(names), contents })
    }

    /// The row as verifying and opening see it; `names` are those of the table. A name that the table does not have is
    /// refused.
    pub(crate) fn with_row<T>(
        &self,
        table: &Table,
        names: &Arc<Names>,
        then: impl FnOnce(StoredRow<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let (columns, tags) = (table.columns.len(), table.beacons.len());
        if Arc::ptr_eq(&self.names, names) {
            // Sealed here: everything stands where the table has it.
            let at = |position| Some(self.contents.get(position));
            let signature = table.signature.as_ref().and_then(|_| at(columns + tags));
            let tags: Vec<_> = (columns..columns + tags).map(at).collect();
            let mut columns: Vec<_> = (0..columns).map(at).collect();
            let arrays = stored_arrays(table, &columns);
            put(&mut columns, &arrays);
            return then(StoredRow { columns: &columns, tags: &tags, signature });
        }
        let mut known = 0;
        let mut at = |name: &str| {
            let position = self.names.position(name)?;
            known += 1;
            Some(self.contents.get(position))
        };
        let mut columns: Vec<_> = table.columns.iter().map(|column| at(&column.name)).collect();
        let tags: Vec<_> = table.beacons.iter().map(|beacon| at(&beacon.helper)).collect();
        let signature = at(SIGNATURE);
        // Names of a table are distinct, so whatever was not asked for by name is no column.
        if known < self.names.len() {
            let reason = "the sealed record has a column that the table does not have".to_owned();
            return Err(Error::Record { table: table.logical.clone(), reason });
        }
        let arrays = stored_arrays(table, &columns);
        put(&mut columns, &arrays);
        then(StoredRow { columns: &columns, tags: &tags, signature })
    }
}

/// The type of an array that is not sealed: its content is not S.
fn clear_array(column: &Column) -> Option<Type> {
    column.ty.filter(|ty| ty.element().is_some() && !column.is_sealed())
}

fn unsent(table: &Table, column: &Column, error: &value::Error) -> Error {
    Error::Field { column: format!("{}.{}", table.logical, column.logical), reason: error.to_string() }
}

/// Of every array in the clear that is there, its position and S. What is no array of its type has an S that no array has:
/// whether that is tampering is for the signature to say.
fn stored_arrays(table: &Table, columns: &[Option<Option<&[u8]>>]) -> Vec<(ColumnId, Vec<u8>)> {
    let contents = table.columns.iter().zip(columns).enumerate();
    let arrays = contents.filter_map(|(id, (column, content))| Some((id, clear_array(column)?, (*content)??)));
    arrays.map(|(id, ty, sent)| (id, ty.stored_array(sent).unwrap_or_default())).collect()
}

fn put<'a>(columns: &mut [Option<Option<&'a [u8]>>], arrays: &'a [(ColumnId, Vec<u8>)]) {
    for (id, stored) in arrays {
        if let Some(content) = columns.get_mut(*id) {
            *content = Some(Some(stored));
        }
    }
}

/// Equal tables, names and contents, wherever they stand.
impl PartialEq for SealedRecord {
    fn eq(&self, other: &Self) -> bool {
        self.table() == other.table() && self.columns().eq(other.columns())
    }
}

impl Eq for SealedRecord {}

/// How a record is stored elsewhere.
#[derive(Deserialize)]
#[serde(rename = "SealedRecord", deny_unknown_fields)]
struct Form {
    #[serde(rename = "pgseal_table")]
    table: String,
    #[serde(rename = "pgseal_columns")]
    columns: BTreeMap<String, Option<Vec<u8>>>,
}

impl From<Form> for SealedRecord {
    fn from(form: Form) -> Self {
        let len = form.columns.values().flatten().map(Vec::len).sum();
        let mut contents = Packed::new(form.columns.len(), len);
        for (position, bytes) in form.columns.values().enumerate() {
            if let Some(bytes) = bytes {
                contents.put(position, bytes);
            }
        }
        Self { names: Names::new(form.table, form.columns.into_keys().collect()), contents }
    }
}

impl Serialize for SealedRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut form = serializer.serialize_struct("SealedRecord", 2)?;
        form.serialize_field("pgseal_table", self.table())?;
        form.serialize_field("pgseal_columns", &Columns(self))?;
        form.end()
    }
}

/// The columns of a record as a map.
struct Columns<'a>(&'a SealedRecord);

impl Serialize for Columns<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.names.len()))?;
        for (name, bytes) in self.0.columns() {
            map.serialize_entry(name, &bytes)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(columns: &[(&str, Option<&[u8]>)]) -> SealedRecord {
        let columns = columns.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.map(<[u8]>::to_vec)));
        SealedRecord::from_columns("card", columns)
    }

    #[test]
    fn its_stored_form_names_table_and_columns_in_byte_order() {
        let sealed = record(&[("b", Some(&[1, 255])), ("B", Some(&[])), ("a", None)]);
        let stored = serde_json::to_string(&sealed).unwrap();
        assert_eq!(stored, r#"{"pgseal_table":"card","pgseal_columns":{"B":[],"a":null,"b":[1,255]}}"#);
        assert!(serde_json::from_str::<SealedRecord>(&stored).unwrap() == sealed);
        for foreign in [
            r#"{"pgseal_table":"card","pgseal_columns":{},"more":1}"#,
            r#"{"pgseal_table":"card"}"#,
            r#"{"pgseal_columns":{}}"#,
        ] {
            assert!(serde_json::from_str::<SealedRecord>(foreign).is_err(), "{foreign}");
        }
    }

    #[test]
    fn a_changed_column_is_that_one_and_a_new_one_takes_its_place() {
        let mut sealed = record(&[("b", Some(b"old")), ("a", None)]);
        let copy = sealed.clone();
        sealed.set_bytes("b", Some(b"longer than before"));
        sealed.set_bytes("c", Some(b"new"));
        sealed.set_bytes("a", None);
        assert!(copy == record(&[("a", None), ("b", Some(b"old"))]) && copy != sealed);
        let all: Vec<_> = sealed.columns().collect();
        assert_eq!(all, [("a", None), ("b", Some(&b"longer than before"[..])), ("c", Some(b"new"))]);
        assert_eq!((sealed.bytes("c"), sealed.bytes("d")), (Some(&b"new"[..]), None));
    }

    #[test]
    fn empty_is_not_null_and_another_table_is_another_record() {
        assert!(record(&[("a", None)]) != record(&[("a", Some(b""))]));
        assert!(record(&[]) != SealedRecord::from_columns("iban", []));
    }
}
