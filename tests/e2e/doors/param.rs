//! A parameter of a step, sent in text or in the binary form of the type that the statement asks for.

use std::error::Error;

use pgseal::value::{self, Settings, Value};
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{Format, IsNull, Kind, ToSql, Type, to_sql_checked};

/// As the scenario has it: PostgreSQL's text form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Param {
    Null,
    Text(String),
    Array(Vec<Option<String>>),
}

/// In which form parameters travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Text,
    /// Text for what has no binary form here, and for what is no value of its type.
    Binary,
}

impl Param {
    /// Reads a JSON array; objects are JSON values, arrays inside of it arrays of PostgreSQL.
    pub(super) fn list(json: &str) -> Option<Vec<Self>> {
        let values: Vec<serde_json::Value> = serde_json::from_str(json).ok()?;
        Some(values.iter().map(Self::from_json).collect())
    }

    pub(crate) fn from_json(value: &serde_json::Value) -> Self {
        match value {
            serde_json::Value::Array(values) => Self::Array(values.iter().map(scalar).collect()),
            other => scalar(other).map_or(Self::Null, Self::Text),
        }
    }

    /// With every text changed.
    pub(super) fn map(&self, change: impl Fn(&str) -> String) -> Self {
        match self {
            Param::Null => Param::Null,
            Param::Text(text) => Param::Text(change(text)),
            Param::Array(items) => Param::Array(items.iter().map(|item| item.as_deref().map(&change)).collect()),
        }
    }

    /// As PostgreSQL reads it.
    pub(crate) fn text(&self) -> Option<String> {
        match self {
            Param::Null => None,
            Param::Text(text) => Some(text.clone()),
            Param::Array(items) => {
                let items = items.iter().map(|item| match item {
                    Some(text) => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
                    None => "NULL".to_owned(),
                });
                Some(format!("{{{}}}", items.collect::<Vec<_>>().join(",")))
            }
        }
    }

    fn binary(&self, ty: &Type) -> Option<Vec<u8>> {
        match (self, ty.kind()) {
            (Param::Text(text), _) => binary(text, ty),
            (Param::Array(items), Kind::Array(member)) => array(items, member),
            (Param::Null | Param::Array(_), _) => None,
        }
    }
}

/// A JSON value as PostgreSQL's text input.
fn scalar(value: &serde_json::Value) -> Option<String> {
    match value {
        serde_json::Value::Null => None,
        serde_json::Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// What the type's send function gives.
fn binary(text: &str, ty: &Type) -> Option<Vec<u8>> {
    let ty = value::Type::from_pg(ty.oid(), -1)?;
    let value = Value::parse(&ty, value::Format::Text, text.as_bytes(), &Settings::default()).ok()?;
    let mut bytes = Vec::new();
    value.render(&ty, value::Format::Binary, &Settings::default(), &mut bytes).ok()?;
    Some(bytes)
}

/// array_send: dimensions, whether there are NULLs, the members' type; length and lower bound; the members.
fn array(items: &[Option<String>], member: &Type) -> Option<Vec<u8>> {
    let nulls = items.iter().any(Option::is_none);
    let dimensions = i32::from(!items.is_empty());
    let mut bytes = [dimensions.to_be_bytes(), i32::from(nulls).to_be_bytes(), member.oid().to_be_bytes()].concat();
    if !items.is_empty() {
        bytes.extend([i32::try_from(items.len()).ok()?.to_be_bytes(), 1_i32.to_be_bytes()].concat());
    }
    for item in items {
        match item {
            None => bytes.extend((-1_i32).to_be_bytes()),
            Some(text) => {
                let item = binary(text, member)?;
                bytes.extend(i32::try_from(item.len()).ok()?.to_be_bytes());
                bytes.extend(item);
            }
        }
    }
    Some(bytes)
}

/// A parameter on its way.
#[derive(Debug)]
pub(crate) struct Sent<'a> {
    pub(crate) param: &'a Param,
    pub(crate) form: Form,
}

impl Sent<'_> {
    fn binary(&self, ty: &Type) -> Option<Vec<u8>> {
        match self.form {
            Form::Text => None,
            Form::Binary => self.param.binary(ty),
        }
    }
}

impl ToSql for Sent<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        let Some(text) = self.param.text() else { return Ok(IsNull::Yes) };
        out.extend_from_slice(&self.binary(ty).unwrap_or_else(|| text.into_bytes()));
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, ty: &Type) -> Format {
        if self.binary(ty).is_some() { Format::Binary } else { Format::Text }
    }

    to_sql_checked!();
}
