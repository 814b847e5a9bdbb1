//! Serde's errors without serde's words, which may hold a value.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Expected, Unexpected};
use serde::{de, ser};

use super::Error;
use crate::schema::{Column, Table};
use crate::{seal, value};

/// Why a value and a Rust type do not fit. It says what the type expects and never what it met: the names of fields and
/// variants that it met may be data (a key of a JSON document), so they are left out too.
#[derive(Debug)]
pub(crate) enum Problem {
    /// The shape.
    Shape(Cow<'static, str>),
    /// A value that PostgreSQL would not take for the column.
    Value(value::Error),
}

impl Problem {
    /// A problem of the shape.
    pub(crate) const fn shape(reason: &'static str) -> Self {
        Problem::Shape(Cow::Borrowed(reason))
    }

    fn wants(met: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Problem::Shape(match met {
            Unexpected::Unit | Unexpected::Option => format!("it is NULL, and the type expects {expected}").into(),
            _ => format!("the type expects {expected}").into(),
        })
    }

    /// As the error of a field.
    pub(crate) fn of_field(self, table: &Table, column: &Column) -> Error {
        match self {
            Problem::Shape(reason) => Error::Field { column: name(table, column), reason: reason.into_owned() },
            Problem::Value(error) => seal::Error::Value { column: name(table, column), error }.into(),
        }
    }

    /// As the error of a whole record.
    pub(crate) fn of_record(self, table: &Table) -> Error {
        Error::Record { table: table.logical.clone(), reason: self.to_string() }
    }
}

/// `table.column`, as errors name a field.
fn name(table: &Table, column: &Column) -> String {
    format!("{}.{}", table.relation.name, column.name)
}

impl From<value::Error> for Problem {
    fn from(error: value::Error) -> Self {
        Problem::Value(error)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Shape(reason) => f.write_str(reason),
            Problem::Value(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Problem {}

impl ser::Error for Problem {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Problem::shape("the type's own serialisation failed")
    }
}

impl de::Error for Problem {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Problem::shape("the type does not accept it")
    }
    fn invalid_type(met: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::wants(met, expected)
    }
    fn invalid_value(met: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::wants(met, expected)
    }
    fn invalid_length(_: usize, expected: &dyn Expected) -> Self {
        Problem::Shape(format!("the type expects {expected}").into())
    }
    fn unknown_variant(_: &str, _: &'static [&'static str]) -> Self {
        Problem::shape("it is none of the type's variants")
    }
    fn unknown_field(_: &str, _: &'static [&'static str]) -> Self {
        Problem::shape("the type has no such field")
    }
    fn missing_field(field: &'static str) -> Self {
        Problem::Shape(format!("there is no column for the field {field}").into())
    }
    fn duplicate_field(field: &'static str) -> Self {
        Problem::Shape(format!("two columns are for the field {field}").into())
    }
}
