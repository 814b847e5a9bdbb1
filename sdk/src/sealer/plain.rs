//! A plain record whose columns are only known at run time.

use std::fmt;

use serde::Serialize;
use serde::de::{DeserializeOwned, DeserializeSeed};

use super::{Error, Known, SealedRecord, Sealer};
use crate::record::cursor::Cursor;
use crate::record::de::{Blame, Field, Fields, deserialize};
use crate::record::problem::Problem;
use crate::record::ser;
use crate::schema::{Column, Table};
use crate::seal::packed::Packed;
use crate::value::{Format, Settings, Type, Value};

/// A plain record: values by physical column name, in the order in which they were set.
///
/// It holds plaintext, so it has no `Debug` of its values and does not serialise: [`Record::to`] makes a serde type of
/// it, [`Sealer::record`] makes one of a serde type. A sealed record is another type:
///
/// ```compile_fail
/// fn open(sealer: &pgseal::sealer::Sealer, plain: &pgseal::sealer::Record) {
///     let _ = sealer.open_record(plain);
/// }
/// ```
/// ```compile_fail
/// fn seal(sealer: &pgseal::sealer::Sealer, sealed: &pgseal::sealer::SealedRecord) {
///     let _ = sealer.seal_record("patient", sealed);
/// }
/// ```
#[derive(Clone, Default, PartialEq)]
pub struct Record {
    fields: Vec<(String, Option<Value<'static>>)>,
}

impl Record {
    /// One without fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a field; `None` is NULL. A name that is there keeps its place.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<Option<Value<'static>>>) {
        let (name, value) = (name.into(), value.into());
        match self.fields.iter_mut().find(|(other, _)| *other == name) {
            Some((_, place)) => *place = value,
            None => self.fields.push((name, value)),
        }
    }

    /// As [`Record::set`], for a record that is built in one expression.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Option<Value<'static>>>) -> Self {
        self.set(name, value);
        self
    }

    /// The value of a field; `None` is NULL, and also what has no field: see [`Record::contains`].
    pub fn get(&self, name: &str) -> Option<&Value<'static>> {
        self.fields.iter().find(|(other, _)| other == name)?.1.as_ref()
    }

    /// Whether there is a field of this name, NULL or not.
    pub fn contains(&self, name: &str) -> bool {
        self.fields.iter().any(|(other, _)| other == name)
    }

    /// Takes a field out, with its value.
    pub fn remove(&mut self, name: &str) -> Option<Value<'static>> {
        let at = self.fields.iter().position(|(other, _)| other == name)?;
        self.fields.remove(at).1
    }

    /// Every field in its order.
    pub fn fields(&self) -> impl Iterator<Item = (&str, Option<&Value<'static>>)> {
        self.fields.iter().map(|(name, value)| (name.as_str(), value.as_ref()))
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The record as a Rust type; values look as the table in [`crate::sealer`] has it.
    ///
    /// # Errors
    /// A field that the type does not take, or that it misses.
    ///
    /// ```
    /// use pgseal::sealer::Record;
    /// use pgseal::value::Value;
    ///
    /// let record = Record::new().with("id", Value::Int(7)).with("who", Value::Uuid([0; 16]));
    /// let json: serde_json::Value = record.to()?;
    /// assert_eq!(json, serde_json::json!({"id": 7, "who": "00000000-0000-0000-0000-000000000000"}));
    /// # Ok::<(), pgseal::sealer::Error>(())
    /// ```
    pub fn to<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let mut rest = Rest(&self.fields);
        deserialize(&mut rest).map_err(|blame| match (blame, rest.0) {
            (Blame::Field(problem), [(name, _), ..]) => {
                Error::Field { column: name.clone(), reason: problem.to_string() }
            }
            (Blame::Field(problem) | Blame::Row(problem), _) => Error::Misfit(problem.to_string()),
        })
    }
}

/// Names of fields only.
impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.fields.iter().map(|(name, _)| name)).finish()
    }
}

impl<N: Into<String>, V: Into<Option<Value<'static>>>> FromIterator<(N, V)> for Record {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(fields: I) -> Self {
        let mut record = Self::new();
        for (name, value) in fields {
            record.set(name, value);
        }
        record
    }
}

impl Sealer {
    /// Seals a record of a table, by the table's logical name. No I/O.
    ///
    /// # Errors
    /// As [`Sealer::seal`]. A value has the type of its column; besides, an integer may be given for a numeric, and a
    /// text for a varchar.
    ///
    /// ```
    #[doc = include_str!("doctest.txt")]
    /// # use pgseal::sealer::Record;
    /// # use pgseal::value::Value;
    /// # block_on(async {
    /// # let sealer = sealer().await?;
    /// let record = Record::new().with("id", Value::Int(7)).with("diagnosis", Value::Text("J45.1".into()));
    /// let sealed = sealer.seal_record("patient", &record)?;
    /// assert!(sealer.open_record(&sealed)? == record);
    /// # Ok(())
    /// # })
    /// ```
    pub fn seal_record(&self, table: &str, record: &Record) -> Result<SealedRecord, Error> {
        let Known { table, names } = &*self.known(table)?;
        let values = stored(table, record)?;
        SealedRecord::seal(table, names, self.key_source(), &values)
    }

    /// Verifies and opens a record, with a field for every column of its table. No I/O.
    ///
    /// # Errors
    /// As [`Sealer::open`].
    ///
    /// ```
    #[doc = include_str!("doctest.txt")]
    /// # use pgseal::value::Value;
    /// # block_on(async {
    /// # let sealer = sealer().await?;
    /// let sealed = sealer.seal("patient", &Patient { id: 7, diagnosis: "J45.1".into() })?;
    /// for (name, value) in sealer.open_record(&sealed)?.fields() {
    ///     match value {
    ///         Some(Value::Int(id)) => assert_eq!((name, *id), ("id", 7)),
    ///         Some(Value::Text(text)) => assert_eq!((name, &**text), ("diagnosis", "J45.1")),
    ///         Some(_) | None => unreachable!("the table has two columns"),
    ///     }
    /// }
    /// # Ok(())
    /// # })
    /// ```
    pub fn open_record(&self, sealed: &SealedRecord) -> Result<Record, Error> {
        let Known { table, names } = &*self.known(sealed.table())?;
        sealed.with_row(table, names, |row| {
            let mut cursor = Cursor::verified(table, self.key_source(), row)?;
            let mut fields = Vec::with_capacity(table.columns.len());
            while let Some(column) = cursor.column() {
                fields.push((column.name.clone(), cursor.value()?.map(Value::into_owned)));
                cursor.advance();
            }
            Ok(Record { fields })
        })
    }

    /// A record of a serde type, typed by the columns of a table: a string becomes a uuid, a date, a numeric. It has a
    /// field for every column.
    ///
    /// # Errors
    /// As [`Sealer::seal`]: a field that the table lacks, a value that does not fit.
    ///
    /// ```
    #[doc = include_str!("doctest.txt")]
    /// # use pgseal::value::Value;
    /// # block_on(async {
    /// # let sealer = sealer().await?;
    /// let mut record = sealer.record("patient", &Patient { id: 7, diagnosis: "J45.1".into() })?;
    /// record.set("diagnosis", Value::Text("J45.2".into()));
    /// assert!(record.to::<Patient>()? == Patient { id: 7, diagnosis: "J45.2".into() });
    /// # Ok(())
    /// # })
    /// ```
    pub fn record<T: Serialize + ?Sized>(&self, table: &str, record: &T) -> Result<Record, Error> {
        let table = &*self.table(table)?;
        let values = ser::values(table, record)?;
        let names = table.columns.iter().map(|column| column.name.clone());
        Ok(Record { fields: names.zip(values).collect() })
    }
}

/// The values of a record in their stored form, by column.
fn stored(table: &Table, record: &Record) -> Result<Packed, Error> {
    let known = |name: &str| table.columns.iter().any(|column| column.name == name);
    if !record.fields.iter().all(|(name, _)| known(name)) {
        return Err(Problem::shape("the record has a field that is no column").of_record(table));
    }
    let mut values = Packed::new(table.columns.len(), 256);
    for (id, column) in table.columns.iter().enumerate() {
        values.write(id, |out| write(column, record, out)).map_err(|problem| problem.of_field(table, column))?;
    }
    Ok(values)
}

/// Appends the stored form of a column's value; gives `false` for NULL, which has none.
fn write(column: &Column, record: &Record, out: &mut Vec<u8>) -> Result<bool, Problem> {
    let Some(value) = record.get(&column.name) else { return Ok(false) };
    let ty = column.ty.as_ref().ok_or(Problem::shape("its type is not known here"))?;
    let from = value.widest_type();
    if !from.same_base(&ty.widest()) && !matches!((&from, ty), (Type::Int8, Type::Numeric(_))) {
        return Err(Problem::shape("the value's type is not the column's"));
    }
    // A `Value` can be built that PostgreSQL does not have: a date out of range, a document that is none. What the
    // receive function of the type makes of it is what is sealed.
    let mut given = Vec::new();
    value.clone().assign(&from, ty)?.render(ty, Format::Binary, &Settings::default(), &mut given)?;
    Value::parse(ty, Format::Binary, &given, &Settings::default())?.write_stored(ty, out);
    Ok(true)
}

/// The fields that are left.
struct Rest<'a>(&'a [(String, Option<Value<'static>>)]);

impl<'de> Fields<'de> for Rest<'_> {
    fn name(&self) -> Option<&str> {
        self.0.first().map(|(name, _)| name.as_str())
    }
    fn value<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Problem> {
        let (_, value) = self.0.first().ok_or(Problem::shape("it has no more fields"))?;
        seed.deserialize(Field(value.clone()))
    }
    fn advance(&mut self) {
        self.0 = self.0.get(1..).unwrap_or_default();
    }
}
