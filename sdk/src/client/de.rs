//! A row as serde sees it: a map from column names to logical values.

use std::any::type_name;

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;
use tokio_postgres::types::{Kind, Type};

use super::Error;
use super::row::{Column, Row};
use crate::framing::{Malformed, Reader};
use crate::record::de::{Blame, Field, Fields, deserialize, numbers};
use crate::record::problem::Problem;
use crate::value::{self, Value};

impl Row {
    /// The row as a Rust type that serde reads from a map: a struct whose fields have the names of the columns, or a map
    /// with string keys. It may borrow text and bytes from the row.
    ///
    /// Values look as those of records do (see [`crate::sealer`]); besides, float4 and float8 are floats, oid is an
    /// integer, and a one-dimensional array is a sequence. A type that is not named there, like interval, is read with
    /// [`Row::try_get`]; a column that the Rust type ignores may have any type.
    ///
    /// # Errors
    /// A field without column, a column that the field does not take, two columns of one name.
    ///
    /// ```
    /// use pgseal::client::{Error, Row};
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Card<'a> {
    ///     id: i64,
    ///     owner: Option<&'a str>,
    ///     limits: Vec<i32>,
    /// }
    ///
    /// fn card(row: &Row) -> Result<Card<'_>, Error> {
    ///     row.deserialize()
    /// }
    /// ```
    pub fn deserialize<'a, T: Deserialize<'a>>(&'a self) -> Result<T, Error> {
        let wrong = |problem| Error::Record { rust: type_name::<T>(), problem };
        if let Some(name) = named_twice(self.columns()) {
            return Err(wrong(format!("two columns are named {name}")));
        }
        let mut fields = RowFields { row: self, at: 0 };
        deserialize(&mut fields).map_err(|blame| match (blame, fields.column()) {
            (Blame::Field(problem), Some(column)) => {
                wrong(format!("column {} of type {}: {problem}", column.name(), column.type_()))
            }
            (Blame::Field(problem) | Blame::Row(problem), _) => wrong(problem.to_string()),
        })
    }
}

/// A name that two columns have.
fn named_twice(columns: &[Column]) -> Option<&str> {
    let mut names: Vec<&str> = columns.iter().map(Column::name).collect();
    names.sort_unstable();
    names.windows(2).find_map(|pair| match pair {
        [one, other] if one == other => Some(*one),
        _ => None,
    })
}

/// A row that stands at one of its columns.
struct RowFields<'a> {
    row: &'a Row,
    at: usize,
}

impl<'a> RowFields<'a> {
    fn column(&self) -> Option<&'a Column> {
        self.row.columns().get(self.at)
    }
}

impl<'a> Fields<'a> for RowFields<'a> {
    fn name(&self) -> Option<&str> {
        self.column().map(Column::name)
    }
    fn value<S: DeserializeSeed<'a>>(&mut self, seed: S) -> Result<S::Value, Problem> {
        let column = self.column().ok_or(Problem::shape("it has no more columns"))?;
        seed.deserialize(Cell { ty: column.type_(), bytes: self.row.bytes(self.at) })
    }
    fn advance(&mut self) {
        self.at += 1;
    }
}

/// What a type is to serde.
enum Shape<'a> {
    /// Its binary form is its text.
    Text,
    Bytea,
    Float4,
    Float8,
    Oid,
    /// With the type of its elements.
    Array(&'a Type),
    /// A type of our own, neither text nor bytea.
    Value(value::Type),
}

fn shape(ty: &Type) -> Result<Shape<'_>, Problem> {
    match ty.kind() {
        Kind::Domain(base) => return shape(base),
        Kind::Array(element) => return Ok(Shape::Array(element)),
        Kind::Enum(_) => return Ok(Shape::Text),
        _ => {}
    }
    Ok(match *ty {
        Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN => Shape::Text,
        Type::BYTEA => Shape::Bytea,
        Type::FLOAT4 => Shape::Float4,
        Type::FLOAT8 => Shape::Float8,
        Type::OID => Shape::Oid,
        // An extension's, so it has no fixed OID.
        _ if ty.name() == "citext" => Shape::Text,
        _ => match value::Type::from_pg(ty.oid(), -1) {
            Some(ty) => Shape::Value(ty),
            None => return Err(Problem::shape("this type is not read by deserialize, only by try_get")),
        },
    })
}

/// One value in PostgreSQL's binary format; `None` is NULL.
struct Cell<'a> {
    ty: &'a Type,
    bytes: Option<&'a [u8]>,
}

impl<'de> Deserializer<'de> for Cell<'de> {
    type Error = Problem;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        let Some(bytes) = self.bytes else { return visitor.visit_unit() };
        match shape(self.ty)? {
            Shape::Text => visitor.visit_borrowed_str(text(bytes)?),
            Shape::Bytea => numbers(bytes, visitor),
            Shape::Float4 => visitor.visit_f32(fixed(bytes).map(f32::from_be_bytes)?),
            Shape::Float8 => visitor.visit_f64(fixed(bytes).map(f64::from_be_bytes)?),
            Shape::Oid => visitor.visit_u32(fixed(bytes).map(u32::from_be_bytes)?),
            Shape::Array(element) => array(element, bytes, visitor),
            Shape::Value(ty) => field(&ty, bytes)?.deserialize_any(visitor),
        }
    }
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        let Some(bytes) = self.bytes else { return visitor.visit_none() };
        match shape(self.ty)? {
            // A document may be JSON's own null.
            Shape::Value(ty) if ty.shape() == value::Shape::Document => field(&ty, bytes)?.deserialize_option(visitor),
            _ => visitor.visit_some(self),
        }
    }
    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self.bytes {
            Some(bytes) if matches!(shape(self.ty)?, Shape::Bytea) => visitor.visit_borrowed_bytes(bytes),
            _ => self.deserialize_any(visitor),
        }
    }
    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        self.deserialize_bytes(visitor)
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
        let Some(bytes) = self.bytes else { return visitor.visit_unit() };
        match shape(self.ty)? {
            Shape::Text => visitor.visit_enum(BorrowedStrDeserializer::new(text(bytes)?)),
            Shape::Value(ty) => field(&ty, bytes)?.deserialize_enum(name, variants, visitor),
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

fn field<'v>(ty: &value::Type, bytes: &'v [u8]) -> Result<Field<'v>, Problem> {
    Ok(Field(Some(Value::read_stored(ty, bytes)?)))
}

fn text(bytes: &[u8]) -> Result<&str, Problem> {
    std::str::from_utf8(bytes).map_err(|_| Problem::shape("its text is not UTF-8"))
}

fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Problem> {
    bytes.try_into().map_err(|_| Problem::shape("it has another length than its type"))
}

/// array_send in arrayfuncs.c: dimensions, flags, element type, a length and lower bound a dimension, the elements.
fn array<'de, V: Visitor<'de>>(ty: &'de Type, bytes: &'de [u8], visitor: V) -> Result<V::Value, Problem> {
    let mut reader = Reader::new(bytes);
    let dimensions = reader.u32().map_err(malformed)?;
    let _has_nulls = reader.u32().map_err(malformed)?;
    let _element_type = reader.u32().map_err(malformed)?;
    let left = match dimensions {
        0 => 0,
        1 => {
            let length = reader.u32().map_err(malformed)?;
            let _lower_bound = reader.u32().map_err(malformed)?;
            length
        }
        _ => return Err(Problem::shape("it is an array of more than one dimension")),
    };
    let mut elements = Elements { ty, reader, left };
    let value = visitor.visit_seq(&mut elements)?;
    if elements.left > 0 {
        return Err(Problem::shape("the array has more elements than the type takes"));
    }
    elements.reader.finish().map_err(malformed)?;
    Ok(value)
}

fn malformed(malformed: Malformed) -> Problem {
    Problem::shape(malformed.0)
}

/// The elements of an array.
struct Elements<'a> {
    ty: &'a Type,
    reader: Reader<'a>,
    left: u32,
}

impl<'de> SeqAccess<'de> for Elements<'de> {
    type Error = Problem;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Problem> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let bytes = match self.reader.i32().map_err(malformed)? {
            -1 => None,
            length => {
                let length = usize::try_from(length).map_err(|_| malformed(Malformed("a negative length")))?;
                Some(self.reader.take(length).map_err(malformed)?)
            }
        };
        seed.deserialize(Cell { ty: self.ty, bytes }).map(Some)
    }

    /// Every element has a length at least, so no claim of an array reserves more than a part of its bytes.
    fn size_hint(&self) -> Option<usize> {
        Some(usize::try_from(self.left).unwrap_or(usize::MAX).min(self.reader.len() / 4))
    }
}

#[cfg(test)]
mod tests;
