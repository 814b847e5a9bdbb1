//! From the values of columns to serde's data model.

use std::borrow::Cow;

use serde::de::value::{SeqDeserializer, StrDeserializer};
use serde::de::{
    Deserialize, DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::Value as Json;

use super::Error;
use super::cursor::Cursor;
use super::problem::Problem;
use crate::schema::Table;
use crate::value::{self, Array, Format, Settings, Value};

/// A row that is read field by field. It stands at one of them.
pub(crate) trait Fields<'de> {
    /// The name of the field that it stands at; `None` behind the last one.
    fn name(&self) -> Option<&str>;
    /// The value of this field.
    fn value<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Problem>;
    /// Goes to the next field.
    fn advance(&mut self);
}

/// Where a problem is.
pub(crate) enum Blame {
    /// In the field that the row stands at.
    Field(Problem),
    /// In the row as a whole.
    Row(Problem),
}

/// A row as a map from names to values.
pub(crate) fn deserialize<'de, T, F>(fields: &mut F) -> Result<T, Blame>
where
    T: Deserialize<'de>,
    F: Fields<'de>,
{
    let mut inside = false;
    let row = T::deserialize(RowDeserializer { fields, inside: &mut inside });
    row.map_err(if inside { Blame::Field } else { Blame::Row })
}

/// The record that a stored row holds.
pub(crate) fn record<T: DeserializeOwned>(table: &Table, cursor: Cursor<'_>) -> Result<T, Error> {
    let mut opening = Opening { cursor, failure: None };
    let record = deserialize(&mut opening);
    let Opening { mut cursor, failure } = opening;
    if let Some(failure) = failure {
        return Err(failure);
    }
    match (record, cursor.column()) {
        (Ok(record), _) => {
            // A type may stop early. What it did not look at must open nevertheless.
            while cursor.column().is_some() {
                cursor.value()?;
                cursor.advance();
            }
            Ok(record)
        }
        (Err(Blame::Field(problem)), Some(column)) => Err(problem.of_field(table, column)),
        (Err(Blame::Field(problem) | Blame::Row(problem)), _) => Err(problem.of_record(table)),
    }
}

/// A stored row whose cells are opened as they are read.
struct Opening<'a> {
    cursor: Cursor<'a>,
    /// Why a column was not opened.
    failure: Option<Error>,
}

impl<'de> Fields<'de> for Opening<'_> {
    fn name(&self) -> Option<&str> {
        self.cursor.column().map(|column| column.name.as_str())
    }
    fn value<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Problem> {
        match self.cursor.value() {
            Ok(value) => seed.deserialize(Field(value)),
            Err(error) => {
                self.failure = Some(error);
                Err(Problem::shape("it was not opened"))
            }
        }
    }
    fn advance(&mut self) {
        self.cursor.advance();
    }
}

struct RowDeserializer<'f, F> {
    fields: &'f mut F,
    /// Whether it is busy with the field that it stands at.
    inside: &'f mut bool,
}

impl<'de, F: Fields<'de>> Deserializer<'de> for RowDeserializer<'_, F> {
    type Error = Problem;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        visitor.visit_map(self)
    }
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        visitor.visit_some(self)
    }
    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Problem> {
        visitor.visit_newtype_struct(self)
    }
    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de, F: Fields<'de>> MapAccess<'de> for RowDeserializer<'_, F> {
    type Error = Problem;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Problem> {
        let Some(name) = self.fields.name() else { return Ok(None) };
        *self.inside = true;
        let name: StrDeserializer<'_, Problem> = name.into_deserializer();
        seed.deserialize(name).map(Some)
    }
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Problem> {
        let value = self.fields.value(seed)?;
        *self.inside = false;
        self.fields.advance();
        Ok(value)
    }
}

/// One value, `None` for NULL, as the table in [`crate::sealer`] has it.
pub(crate) struct Field<'v>(pub(crate) Option<Value<'v>>);

impl<'de> Deserializer<'de> for Field<'_> {
    type Error = Problem;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self.0 {
            None => visitor.visit_unit(),
            Some(Value::Bool(value)) => visitor.visit_bool(value),
            Some(Value::Int(value)) => visitor.visit_i64(value),
            Some(Value::Oid(value)) => visitor.visit_u32(value),
            Some(Value::Float4(value)) => visitor.visit_f32(value.get()),
            Some(Value::Float8(value)) => visitor.visit_f64(value.get()),
            Some(Value::Text(Cow::Owned(text))) => visitor.visit_string(text),
            Some(Value::Text(Cow::Borrowed(text))) => visitor.visit_str(text),
            Some(Value::Bytea(bytes)) => numbers(&bytes, visitor),
            Some(Value::Array(array)) => list(&array, visitor),
            Some(Value::Json(text) | Value::Jsonb(text)) => {
                document(&text)?.deserialize_any(visitor).map_err(|_| UNFIT_DOCUMENT)
            }
            Some(value) => visitor.visit_string(rendered(&value)?),
        }
    }
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self.0 {
            None => visitor.visit_none(),
            Some(Value::Json(text) | Value::Jsonb(text)) => {
                document(&text)?.deserialize_option(visitor).map_err(|_| UNFIT_DOCUMENT)
            }
            Some(_) => visitor.visit_some(self),
        }
    }
    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self.0 {
            Some(Value::Bytea(bytes)) => visitor.visit_bytes(&bytes),
            _ => self.deserialize_any(visitor),
        }
    }
    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self.0 {
            Some(Value::Bytea(bytes)) => visitor.visit_byte_buf(bytes.into_owned()),
            _ => self.deserialize_any(visitor),
        }
    }
    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Problem> {
        visitor.visit_newtype_struct(self)
    }
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        match self.0 {
            Some(Value::Text(text)) => visitor.visit_enum(IntoDeserializer::<Problem>::into_deserializer(&*text)),
            Some(Value::Json(text) | Value::Jsonb(text)) => {
                document(&text)?.deserialize_enum(name, variants, visitor).map_err(|_| UNFIT_DOCUMENT)
            }
            _ => self.deserialize_any(visitor),
        }
    }
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        visitor.visit_unit()
    }
    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string unit unit_struct seq tuple tuple_struct map
        struct identifier
    }
}

/// Bytes as a sequence, of which the type must take every one.
pub(crate) fn numbers<'de, V: Visitor<'de>>(bytes: &[u8], visitor: V) -> Result<V::Value, Problem> {
    let mut numbers = SeqDeserializer::<_, Problem>::new(bytes.iter().copied());
    let value = visitor.visit_seq(&mut numbers)?;
    numbers.end()?;
    Ok(value)
}

/// An array of one dimension as a sequence, of which the type must take every element.
fn list<'de, V: Visitor<'de>>(array: &Array<'_>, visitor: V) -> Result<V::Value, Problem> {
    if array.dimensions().count() > 1 {
        return Err(Problem::shape("it is an array of more than one dimension"));
    }
    // Sealed again it would be another array.
    if array.dimensions().any(|(_, lower)| lower != 1) {
        return Err(Problem::shape("it is an array that does not begin at 1"));
    }
    let mut elements = Elements { left: array.len(), elements: array.elements() };
    let value = visitor.visit_seq(&mut elements)?;
    if elements.left > 0 {
        return Err(Problem::shape("the array has more elements than the type takes"));
    }
    Ok(value)
}

/// The elements of an array that are left.
struct Elements<I> {
    elements: I,
    left: usize,
}

impl<'de, 'v, I> SeqAccess<'de> for Elements<I>
where
    I: Iterator<Item = Result<Option<Value<'v>>, value::Error>>,
{
    type Error = Problem;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Problem> {
        let Some(element) = self.elements.next() else { return Ok(None) };
        self.left = self.left.saturating_sub(1);
        seed.deserialize(Field(element?)).map(Some)
    }

    /// The array was read, so that there are as many.
    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

/// Serde_json's own message may hold a part of the document.
const UNFIT_DOCUMENT: Problem = Problem::shape("the JSON document does not fit the type");

fn document(text: &str) -> Result<Json, Problem> {
    serde_json::from_str(text).map_err(|_| Problem::shape("it holds JSON that cannot be represented"))
}

/// PostgreSQL's text of a value in UTC; with a time, as ISO 8601 has it.
fn rendered(value: &Value<'_>) -> Result<String, Problem> {
    let mut text = Vec::with_capacity(40);
    value.render(&value.widest_type(), Format::Text, &Settings::default(), &mut text)?;
    let text = String::from_utf8(text).map_err(|_| Problem::shape("its text is not UTF-8"))?;
    Ok(match value {
        Value::Timestamp(_) | Value::Timestamptz(_) => iso_8601(text),
        _ => text,
    })
}

/// `2024-01-31 12:00:00+00` becomes `2024-01-31T12:00:00Z`, as RFC 3339 has it. `infinity` and years before Christ,
/// for which it has no spelling, stay as PostgreSQL writes them.
fn iso_8601(text: String) -> String {
    match text.split_once(' ') {
        Some((date, time)) if !time.contains(' ') => match time.strip_suffix("+00") {
            Some(time) => format!("{date}T{time}Z"),
            None => format!("{date}T{time}"),
        },
        Some(_) | None => text,
    }
}
