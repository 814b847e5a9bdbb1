//! Between serde's data model and the values of a table's columns, by way of JSON values.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json};

use super::Error;
use crate::keys::KeySource;
use crate::schema::{Column, Table};
use crate::seal;
use crate::seal::row::{RowOpener, StoredRow};
use crate::value::{Format, Settings, Type, Value};

/// The values of a record, by column. A column that the record lacks is NULL; a field that the table lacks is an
/// error, because nobody would protect it.
pub(super) fn values(table: &Table, record: &impl Serialize) -> Result<Vec<Option<Value<'static>>>, Error> {
    // Serde's own message may hold a value.
    let json = serde_json::to_value(record).map_err(|_| shape(table, "the record cannot be serialised"))?;
    let Json::Object(mut fields) = json else {
        return Err(shape(table, "a record is a struct or a map with string keys"));
    };
    let values = table
        .columns
        .iter()
        .map(|column| match fields.remove(&column.name) {
            None | Some(Json::Null) => Ok(None),
            Some(json) => value(table, column, json).map(Some),
        })
        .collect::<Result<_, _>>()?;
    if fields.is_empty() { Ok(values) } else { Err(shape(table, "the record has a field that is no column")) }
}

/// The record that a row holds. Whoever calls it has verified the row.
pub(super) fn record<T: DeserializeOwned>(table: &Table, keys: &dyn KeySource, row: StoredRow<'_>) -> Result<T, Error> {
    let (mut fields, mut scratch) = (Map::new(), Vec::new());
    let mut opener = RowOpener::new(table, keys, row);
    for (id, column) in table.columns.iter().enumerate() {
        let stored = row.columns.get(id).copied().flatten();
        let stored = stored.ok_or_else(|| field(table, column, "the sealed record lacks it"))?;
        let json = match (stored, &column.ty) {
            (None, _) => Json::Null,
            (Some(_), None) => return Err(field(table, column, "its type is not known here")),
            (Some(_), Some(ty)) if column.is_sealed() => json(table, column, ty, opener.open(id, &mut scratch)?)?,
            (Some(stored), Some(ty)) => {
                let value = Value::read_stored(ty, stored)
                    .map_err(|_| field(table, column, "it holds no value of its type"))?;
                json(table, column, ty, value)?
            }
        };
        fields.insert(column.name.clone(), json);
    }
    // Serde's own message may hold a value.
    serde_json::from_value(Json::Object(fields)).map_err(|_| shape(table, "the row does not fit the record's type"))
}

fn value(table: &Table, column: &Column, json: Json) -> Result<Value<'static>, Error> {
    let ty = column.ty.as_ref().ok_or_else(|| field(table, column, "its type is not known here"))?;
    let text = match (ty, json) {
        (Type::Bool, Json::Bool(value)) => return Ok(Value::Bool(value)),
        (Type::Int2 | Type::Int4 | Type::Int8 | Type::Numeric(_), Json::Number(number)) if !number.is_f64() => {
            number.to_string()
        }
        (
            Type::Numeric(_)
            | Type::Text
            | Type::Varchar(_)
            | Type::Bytea
            | Type::Uuid
            | Type::Date
            | Type::Timestamp(_)
            | Type::Timestamptz(_),
            Json::String(text),
        ) => text,
        (Type::Bytea, Json::Array(bytes)) => {
            let byte = |json: &Json| json.as_u64().and_then(|byte| u8::try_from(byte).ok());
            let bytes = bytes.iter().map(byte).collect::<Option<Vec<u8>>>();
            let bytes = bytes.ok_or_else(|| field(table, column, "an array for bytea consists of bytes"))?;
            return Ok(Value::Bytea(bytes.into()));
        }
        (Type::Json | Type::Jsonb, json) => json.to_string(),
        (Type::Numeric(_), Json::Number(_)) => {
            return Err(field(table, column, "a float is not exact; give a numeric as a string"));
        }
        (
            Type::Bool
            | Type::Int2
            | Type::Int4
            | Type::Int8
            | Type::Numeric(_)
            | Type::Text
            | Type::Varchar(_)
            | Type::Bytea
            | Type::Uuid
            | Type::Date
            | Type::Timestamp(_)
            | Type::Timestamptz(_),
            _,
        ) => return Err(field(table, column, "the field's type does not fit the column's")),
    };
    match Value::parse(ty, Format::Text, text.as_bytes(), &Settings::default()) {
        Ok(value) => Ok(value.into_owned()),
        Err(error) => Err(seal::Error::Value { column: name(table, column), error }.into()),
    }
}

fn json(table: &Table, column: &Column, ty: &Type, value: Value<'_>) -> Result<Json, Error> {
    match value {
        Value::Bool(value) => Ok(value.into()),
        Value::Int(value) => Ok(value.into()),
        Value::Text(value) => Ok(value.into_owned().into()),
        Value::Bytea(bytes) => Ok(Json::Array(bytes.iter().map(|&byte| byte.into()).collect())),
        Value::Json(text) | Value::Jsonb(text) => {
            serde_json::from_str(&text).map_err(|_| field(table, column, "it holds JSON that cannot be represented"))
        }
        Value::Numeric(_) | Value::Uuid(_) | Value::Date(_) => rendered(table, column, ty, &value).map(Json::String),
        Value::Timestamp(_) | Value::Timestamptz(_) => {
            rendered(table, column, ty, &value).map(|text| Json::String(iso_8601(text)))
        }
    }
}

/// PostgreSQL's text of a value in UTC.
fn rendered(table: &Table, column: &Column, ty: &Type, value: &Value<'_>) -> Result<String, Error> {
    let mut text = Vec::new();
    value
        .render(ty, Format::Text, &Settings::default(), &mut text)
        .map_err(|error| seal::Error::Value { column: name(table, column), error })?;
    String::from_utf8(text).map_err(|_| field(table, column, "its text is not UTF-8"))
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

fn name(table: &Table, column: &Column) -> String {
    format!("{}.{}", table.relation.name, column.name)
}

fn field(table: &Table, column: &Column, reason: &str) -> Error {
    Error::Field { column: name(table, column), reason: reason.to_owned() }
}

fn shape(table: &Table, reason: &str) -> Error {
    Error::Record { table: table.logical.clone(), reason: reason.to_owned() }
}
