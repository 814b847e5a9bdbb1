//! From an [`Input`] of a plan to a value: by assignment for what is written, carried for what is compared (SQL-20).

use std::borrow::Cow;

use super::Error;
use super::array::{self, Elements};
use super::inputs::Params;
use crate::error::{ColumnName, SqlState};
use crate::schema::{Column, Table};
use crate::sql::{Input, Literal, Refusal};
use crate::value::{self, Format, Settings, Type, Value};

/// Where the values of one execution come from.
#[derive(Clone, Copy)]
pub(super) struct Sources<'a> {
    /// The client's parameters.
    pub(super) params: Params<'a>,
    /// The values of the fetch step, in binary.
    pub(super) fetched: &'a [Option<Vec<u8>>],
    /// The session's settings.
    pub(super) settings: &'a Settings,
}

/// A constant of a predicate in the domain of its column.
pub(super) enum Compared<'a> {
    /// NULL: the comparison is NULL.
    Null,
    /// No value of the column equals it (VAL-4).
    Nowhere,
    /// This one.
    Value(Value<'a>),
}

impl<'a> Sources<'a> {
    /// The client's parameter of this number.
    pub(super) fn param(&self, index: usize) -> Result<(Format, Option<&'a [u8]>), Error> {
        match (self.params.formats.get(index), self.params.values.get(index)) {
            (Some(format), Some(value)) => Ok((*format, *value)),
            _ => Err(Error::Protocol("the statement has more parameters than values were bound")),
        }
    }

    /// What is inserted into a column: PostgreSQL's assignment, then NOT NULL of a protected column, which the server
    /// may not see (SQL-22). `None` is NULL.
    pub(super) fn inserted(
        &self,
        input: &'a Input,
        column: &Column,
        table: &Table,
    ) -> Result<Option<Value<'a>>, Error> {
        let value = self.assigned(input, column)?;
        if value.is_none() && column.not_null && column.is_signed() {
            return Err(not_null(column, table));
        }
        Ok(value)
    }

    /// PostgreSQL's assignment. `None` is NULL: whether that is an error shows only where a row is written.
    pub(super) fn assigned(&self, input: &'a Input, column: &Column) -> Result<Option<Value<'a>>, Error> {
        let to = known_type(column)?;
        let (from, value) = match input {
            Input::Null => return Ok(None),
            Input::Stored(stored) => return Ok(Some(Value::read_stored(&to, stored)?)),
            Input::Fetched(_) if column.is_sealed() => {
                return Err(Error::Protocol("a sealed column cannot take a value of the server"));
            }
            Input::Fetched(index) => match self.fetched.get(*index) {
                Some(Some(bytes)) => (to, self.value(&to, Format::Binary, bytes)?),
                Some(None) => return Ok(None),
                None => return Err(Error::Protocol("the server sent fewer values than were asked for")),
            },
            Input::Param { index, ty } => match self.param(*index)? {
                (_, None) => return Ok(None),
                (format, Some(bytes)) => (*ty, self.value(ty, format, bytes)?),
            },
            Input::Literal { literal, at } => return self.assigned_literal(literal, *at, &to).map(Some),
        };
        Ok(Some(if from == to { value } else { value.assign(&from, &to)? }))
    }

    /// PostgreSQL points at a literal that it cannot read, or that has no cast to the column's type; not at one that
    /// only the column's modifier does not take, which shows when the statement runs.
    fn assigned_literal(&self, literal: &'a Literal, at: usize, to: &Type) -> Result<Value<'a>, Error> {
        let (from, text) = match literal {
            Literal::Untyped(text) => (read_as(to), text),
            Literal::Typed(ty, text) => (*ty, text),
            Literal::Array(_) => return Err(Error::Protocol("an array for a column that is none")),
        };
        let here = |error| Error::Literal { error, at };
        let plain = read_as(&from);
        let value = Value::parse(&plain, Format::Text, text.as_bytes(), self.settings).map_err(here)?;
        let value = value.assign(&plain, &from)?;
        value.assign(&from, to).map_err(|error| match error.sqlstate {
            SqlState::DATATYPE_MISMATCH => here(error),
            _ => Error::Value(error),
        })
    }

    /// A constant that a predicate compares a column of type `to` with.
    pub(super) fn compared(&self, input: &'a Input, to: &Type) -> Result<Compared<'a>, Error> {
        match input {
            Input::Null => Ok(Compared::Null),
            Input::Param { index, ty } => match self.param(*index)? {
                (_, None) => Ok(Compared::Null),
                (format, Some(bytes)) => carry(self.value(ty, format, bytes)?, ty, to),
            },
            Input::Literal { literal, at } => self.compared_literal(literal, to).map_err(|error| pointed(error, *at)),
            Input::Stored(_) | Input::Fetched(_) => Err(Error::Protocol("a predicate over what is no constant")),
        }
    }

    fn compared_literal(&self, literal: &'a Literal, to: &Type) -> Result<Compared<'a>, Error> {
        match literal {
            Literal::Untyped(text) => self.carried(&to.operand(), Format::Text, text.as_bytes(), to),
            Literal::Typed(ty, text) => self.carried(ty, Format::Text, text.as_bytes(), to),
            Literal::Array(_) => Err(Error::Protocol("an array where one constant is compared")),
        }
    }

    /// The elements of an array that a predicate compares a column of type `to` with; `None` if it is NULL itself.
    pub(super) fn compared_elements(&self, input: &'a Input, to: &Type) -> Result<Option<Vec<Compared<'a>>>, Error> {
        match input {
            Input::Null => Ok(None),
            Input::Param { index, ty } => match self.param(*index)? {
                (_, None) => Ok(None),
                (format, Some(bytes)) => self.elements(ty, format, self.array(ty, format, bytes)?, to).map(Some),
            },
            Input::Literal { literal: Literal::Array(items), .. } => items
                .iter()
                .map(|item| item.as_ref().map_or(Ok(Compared::Null), |item| self.compared_literal(item, to)))
                .collect::<Result<_, _>>()
                .map(Some),
            Input::Literal { literal: Literal::Untyped(text), at } => {
                self.array_literal(&to.operand(), text, to).map_err(|error| pointed(error, *at)).map(Some)
            }
            Input::Literal { literal: Literal::Typed(ty, text), at } => {
                self.array_literal(ty, text, to).map_err(|error| pointed(error, *at)).map(Some)
            }
            Input::Stored(_) | Input::Fetched(_) => Err(Error::Protocol("a predicate over what is no constant")),
        }
    }

    /// A value of the client's, or of the fetch step, which speak client_encoding.
    fn value(&self, ty: &Type, format: Format, bytes: &'a [u8]) -> Result<Value<'a>, Error> {
        Ok(match value::decoded(self.params.encoding, ty, format, bytes)? {
            Cow::Borrowed(bytes) => Value::parse(ty, format, bytes, self.settings)?,
            Cow::Owned(bytes) => Value::parse(ty, format, &bytes, self.settings)?.into_owned(),
        })
    }

    /// The elements of an array of the client's, with their texts in UTF-8.
    fn array(&self, ty: &Type, format: Format, bytes: &'a [u8]) -> Result<Elements<'a>, Error> {
        let encoding = self.params.encoding;
        match format {
            Format::Text => match value::decoded(encoding, ty, format, bytes)? {
                Cow::Borrowed(text) => array::from_text(text),
                Cow::Owned(text) => {
                    let owned = |element: Cow<'_, [u8]>| Cow::Owned(element.into_owned());
                    Ok(array::from_text(&text)?.into_iter().map(|element| element.map(owned)).collect())
                }
            },
            Format::Binary => {
                let mut elements = array::from_binary(bytes, ty)?;
                for element in elements.iter_mut().flatten() {
                    if let Cow::Borrowed(bytes) = *element {
                        *element = value::decoded(encoding, ty, format, bytes)?;
                    }
                }
                Ok(elements)
            }
        }
    }

    fn array_literal(&self, ty: &Type, text: &'a str, to: &Type) -> Result<Vec<Compared<'a>>, Error> {
        self.elements(ty, Format::Text, array::from_text(text.as_bytes())?, to)
    }

    fn elements(
        &self,
        ty: &Type,
        format: Format,
        elements: Elements<'a>,
        to: &Type,
    ) -> Result<Vec<Compared<'a>>, Error> {
        elements
            .into_iter()
            .map(|element| match element {
                None => Ok(Compared::Null),
                Some(Cow::Borrowed(bytes)) => self.carried(ty, format, bytes, to),
                Some(Cow::Owned(bytes)) => {
                    let value = Value::parse(ty, format, &bytes, self.settings)?.into_owned();
                    carry(value, ty, to)
                }
            })
            .collect()
    }

    fn carried(&self, from: &Type, format: Format, bytes: &'a [u8], to: &Type) -> Result<Compared<'a>, Error> {
        carry(Value::parse(from, format, bytes, self.settings)?, from, to)
    }
}

/// An error of reading a literal, with its place. That there is no operator is not the literal's fault.
fn pointed(error: Error, at: usize) -> Error {
    match error {
        Error::Value(error) if error.sqlstate != SqlState::UNDEFINED_FUNCTION => Error::Literal { error, at },
        error => error,
    }
}

fn carry<'a>(value: Value<'a>, from: &Type, to: &Type) -> Result<Compared<'a>, Error> {
    Ok(value.carry(from, to)?.map_or(Compared::Nowhere, Compared::Value))
}

/// The type of a column; sealed, signed and context columns always have one.
pub(super) fn known_type(column: &Column) -> Result<Type, Error> {
    column.ty.ok_or_else(|| {
        Error::Refused(
            Refusal::new(format!("column {} has a type whose values are not read in this version", column.name))
                .hint("set this column in a statement of its own"),
        )
    })
}

pub(super) fn not_null(column: &Column, table: &Table) -> Error {
    Error::NotNull(Box::new(ColumnName {
        schema: table.relation.schema.clone(),
        table: table.relation.name.clone(),
        column: column.name.clone(),
    }))
}

/// The type as which the text of a constant is read before it is assigned. The fields of an interval say what a number
/// without a unit is (interval_in); any other modifier rounds, cuts or checks a value that was read.
fn read_as(ty: &Type) -> Type {
    match ty {
        Type::Interval(_) => *ty,
        ty => ty.unmodified(),
    }
}
