//! From serde's data model to the values of a table's columns, written at once as they are stored.

mod bytes;
mod list;
mod sequence;

use bytes::Bytes;
use list::List;
use sequence::Sequence;
use serde::ser::{Impossible, Serialize, SerializeMap, SerializeStruct, Serializer};

use super::Error;
use super::problem::Problem;
use crate::schema::{Column, Table};
use crate::seal::packed::Packed;
use crate::value::{Format, Settings, Shape, Type, Value};

/// The values of a record in their stored form (VAL-1), by column. A column that the record lacks is NULL; a field that
/// the table lacks is an error, because nobody would protect it.
pub(crate) fn stored<T: Serialize + ?Sized>(table: &Table, record: &T) -> Result<Packed, Error> {
    let columns = table.columns.len();
    let mut fields = Fields {
        table,
        settings: Settings::default(),
        values: Packed::new(columns, 256),
        given: vec![false; columns],
        next: 0,
        failure: None,
    };
    match (record.serialize(&mut fields), fields.failure) {
        (Ok(()), None) => Ok(fields.values),
        // A type that goes on after the failure of a field does not make it good.
        (_, Some(failure)) => Err(failure),
        (Err(problem), None) => Err(problem.of_record(table)),
    }
}

/// The values of a record, by column; see [`stored`].
pub(crate) fn values<T: Serialize + ?Sized>(table: &Table, record: &T) -> Result<Vec<Option<Value<'static>>>, Error> {
    let stored = stored(table, record)?;
    let value = |(id, column): (usize, &Column)| match (stored.get(id), &column.ty) {
        (Some(stored), Some(ty)) => read(ty, stored).map(Some).map_err(|problem| problem.of_field(table, column)),
        (Some(_), None) | (None, _) => Ok(None),
    };
    table.columns.iter().enumerate().map(value).collect()
}

/// One field as a value of `ty`; `None` is NULL. A type that is not known takes only NULL.
pub(crate) fn field<T: Serialize + ?Sized>(
    ty: Option<&Type>,
    settings: &Settings,
    value: &T,
) -> Result<Option<Value<'static>>, Problem> {
    let mut stored = Vec::new();
    match (write_field(ty, settings, value, &mut stored)?, ty) {
        (true, Some(ty)) => read(ty, &stored).map(Some),
        (true, None) | (false, _) => Ok(None),
    }
}

fn read(ty: &Type, stored: &[u8]) -> Result<Value<'static>, Problem> {
    Ok(Value::read_stored(ty, stored)?.into_owned())
}

/// Appends the stored form of one field; gives `false` for NULL, which has none.
fn write_field<T: Serialize + ?Sized>(ty: Option<&Type>, settings: &Settings, value: &T, out: &mut Vec<u8>) -> Written {
    match ty {
        Some(ty) if ty.shape() == Shape::Document => document(ty, settings, value, out),
        _ => value.serialize(FieldSerializer { ty, settings, out }),
    }
}

/// A whole document. The JSON `null` is SQL's NULL.
fn document<T: Serialize + ?Sized>(ty: &Type, settings: &Settings, value: &T, out: &mut Vec<u8>) -> Written {
    // Serde's own message may hold a value.
    let text = serde_json::to_string(value).map_err(|_| Problem::shape("it cannot be written as JSON"))?;
    if text == "null" {
        return Ok(false);
    }
    Value::parse(ty, Format::Text, text.as_bytes(), settings)?.write_stored(ty, out);
    Ok(true)
}

const NO_RECORD: Problem = Problem::shape("a record is a struct or a map with string keys");
const MISFIT: Problem = Problem::shape("the field's type does not fit the column's");

/// Takes a record apart.
struct Fields<'a> {
    table: &'a Table,
    settings: Settings,
    values: Packed,
    given: Vec<bool>,
    /// Where the next field most likely is: structs tend to have the order of their table.
    next: usize,
    /// What serde cannot carry: the error of one field.
    failure: Option<Error>,
}

impl Fields<'_> {
    fn put<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), Problem> {
        let columns = &self.table.columns;
        let named = |column: &Column| column.name == name;
        let id = match columns.get(self.next) {
            Some(column) if named(column) => Some(self.next),
            _ => columns.iter().position(named),
        };
        let place = id.and_then(|id| Some((id, columns.get(id)?, self.given.get_mut(id)?)));
        let Some((id, column, given)) = place else {
            return Err(Problem::shape("the record has a field that is no column"));
        };
        if std::mem::replace(given, true) {
            return Err(Problem::shape("the record has a field twice"));
        }
        self.next = id + 1;
        let written = self.values.write(id, |out| write_field(column.ty.as_ref(), &self.settings, value, out));
        written.map_err(|problem| {
            self.failure = Some(problem.of_field(self.table, column));
            MISFIT
        })
    }
}

type No = Impossible<(), Problem>;

impl<'f, 'a> Serializer for &'f mut Fields<'a> {
    type Ok = ();
    type Error = Problem;
    type SerializeSeq = No;
    type SerializeTuple = No;
    type SerializeTupleStruct = No;
    type SerializeTupleVariant = No;
    type SerializeMap = MapFields<'f, 'a>;
    type SerializeStruct = Self;
    type SerializeStructVariant = No;

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, Problem> {
        Ok(self)
    }
    fn serialize_map(self, _: Option<usize>) -> Result<MapFields<'f, 'a>, Problem> {
        Ok(MapFields { fields: self, name: Vec::new(), named: false })
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Problem> {
        value.serialize(self)
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Problem> {
        value.serialize(self)
    }
    fn serialize_bool(self, _: bool) -> Result<(), Problem> {
        Err(NO_RECORD)
    }
    fn serialize_i8(self, _: i8) -> Result<(), Problem> {
        Err(NO_RECORD)
    }
    fn serialize_i16(self, _: i16) -> Result<(), Problem> {
        Err(NO_RECORD)
    }
    fn serialize_i32(self, _: i32) -> Result<(), Problem> {
        Err(NO_RECORD)
    }
    fn serialize_i64(self, _: i64) -> Result<(), Problem> {
        Err(NO_RECORD)
    }
    fn serialize_u8(self, _: u8) -> Result<(), Problem> {
        Err(NO_RECORD)
    }
    fn serialize_u16(self, _: u16) -> Result<(), Problem> {
        Err(NO_RECORD)
    }
    fn serialize_u32(self, _: u32) -> Result<(), Problem> {
        Err(NO_RECORD)
    }
    fn serialize_u64(self, _: u64) -> Result<(), Problem> {
        Err(NO_RECORD)
    }
    fn serialize_f32(self, _: f32) -> Result<(), Problem> {
        Err(NO_RECORD)
    }
    fn serialize_f64(self, _: f64) -> Result<(), Problem> {
        Err(NO_RECORD)
    }
    fn serialize_char(self, _: char) -> Result<(), Problem> {
        Err(NO_RECORD)
    }
    fn serialize_str(self, _: &str) -> Result<(), Problem> {
        Err(NO_RECORD)
    }
    fn serialize_bytes(self, _: &[u8]) -> Result<(), Problem> {
        Err(NO_RECORD)
    }
    fn serialize_none(self) -> Result<(), Problem> {
        Err(NO_RECORD)
    }
    fn serialize_unit(self) -> Result<(), Problem> {
        Err(NO_RECORD)
    }
    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Problem> {
        Err(NO_RECORD)
    }
    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Result<(), Problem> {
        Err(NO_RECORD)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), Problem> {
        Err(NO_RECORD)
    }
    fn serialize_seq(self, _: Option<usize>) -> Result<No, Problem> {
        Err(NO_RECORD)
    }
    fn serialize_tuple(self, _: usize) -> Result<No, Problem> {
        Err(NO_RECORD)
    }
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<No, Problem> {
        Err(NO_RECORD)
    }
    fn serialize_tuple_variant(self, _: &'static str, _: u32, _: &'static str, _: usize) -> Result<No, Problem> {
        Err(NO_RECORD)
    }
    fn serialize_struct_variant(self, _: &'static str, _: u32, _: &'static str, _: usize) -> Result<No, Problem> {
        Err(NO_RECORD)
    }
}

impl SerializeStruct for &mut Fields<'_> {
    type Ok = ();
    type Error = Problem;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Problem> {
        self.put(name, value)
    }
    fn end(self) -> Result<(), Problem> {
        Ok(())
    }
}

/// The entries of a map.
struct MapFields<'f, 'a> {
    fields: &'f mut Fields<'a>,
    /// The last key, kept for its buffer.
    name: Vec<u8>,
    /// Whether the value of that key is to come.
    named: bool,
}

impl SerializeMap for MapFields<'_, '_> {
    type Ok = ();
    type Error = Problem;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Problem> {
        self.name.clear();
        // A key is what a text column would take.
        match write_field(Some(&Type::Text), &self.fields.settings, key, &mut self.name) {
            Ok(true) => {
                self.named = true;
                Ok(())
            }
            Ok(false) | Err(_) => Err(NO_RECORD),
        }
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Problem> {
        if !std::mem::take(&mut self.named) {
            return Err(NO_RECORD);
        }
        let name = std::str::from_utf8(&self.name).map_err(|_| NO_RECORD)?;
        self.fields.put(name, value)
    }
    fn end(self) -> Result<(), Problem> {
        Ok(())
    }
}

/// Writes the stored form of the value of one column.
struct FieldSerializer<'a> {
    ty: Option<&'a Type>,
    settings: &'a Settings,
    out: &'a mut Vec<u8>,
}

/// Whether there is a value; else it is NULL.
type Written = Result<bool, Problem>;

impl<'a> FieldSerializer<'a> {
    fn ty(&self) -> Result<&'a Type, Problem> {
        self.ty.ok_or(Problem::shape("its type is not known here"))
    }

    /// The column's type, and what it takes.
    fn takes(&self) -> Result<(&'a Type, Shape), Problem> {
        let ty = self.ty()?;
        Ok((ty, ty.shape()))
    }

    fn integer(self, value: i64) -> Written {
        match self.takes()? {
            (ty, Shape::Integer | Shape::Number) => self.value(ty, &Value::Int(value).assign(&Type::Int8, ty)?),
            (_, Shape::Float) => self.parsed(&value.to_string()),
            (_, Shape::Bool | Shape::Text | Shape::Bytes | Shape::Document | Shape::List) => Err(MISFIT),
        }
    }

    /// An integer that int8 does not hold.
    fn long_integer(self, digits: &str) -> Written {
        match self.takes()? {
            (_, Shape::Integer | Shape::Number | Shape::Float) => self.parsed(digits),
            (_, Shape::Bool | Shape::Text | Shape::Bytes | Shape::Document | Shape::List) => Err(MISFIT),
        }
    }

    fn text(self, text: &str) -> Written {
        match self.takes()? {
            (_, Shape::Number | Shape::Text | Shape::Bytes) => self.parsed(text),
            (_, Shape::Bool | Shape::Integer | Shape::Float | Shape::Document | Shape::List) => Err(MISFIT),
        }
    }

    fn float(self, value: f64) -> Written {
        match self.takes()? {
            (ty, Shape::Float) => self.value(ty, &Value::Float8(value.into()).assign(&Type::Float8, ty)?),
            (_, Shape::Number) => Err(Problem::shape("a float is not exact; give a numeric as a string")),
            (_, Shape::Bool | Shape::Integer | Shape::Text | Shape::Bytes | Shape::Document | Shape::List) => {
                Err(MISFIT)
            }
        }
    }

    fn bytes(self) -> Result<Bytes<'a>, Problem> {
        match self.sequence()? {
            Sequence::Bytes(bytes) => Ok(bytes),
            Sequence::List(_) => Err(MISFIT),
        }
    }

    fn sequence(self) -> Result<Sequence<'a>, Problem> {
        match self.takes()? {
            (_, Shape::Bytes) => Ok(Sequence::Bytes(Bytes::new(self.out))),
            (ty, Shape::List) => match ty.element() {
                Some(element) => Ok(Sequence::List(List::new(&element, self.settings, self.out))),
                None => Err(MISFIT),
            },
            (_, Shape::Bool | Shape::Integer | Shape::Number | Shape::Float | Shape::Text | Shape::Document) => {
                Err(MISFIT)
            }
        }
    }

    fn parsed(self, text: &str) -> Written {
        let ty = self.ty()?;
        let value = Value::parse(ty, Format::Text, text.as_bytes(), self.settings)?;
        self.value(ty, &value)
    }

    fn value(self, ty: &Type, value: &Value<'_>) -> Written {
        value.write_stored(ty, self.out);
        Ok(true)
    }

    fn misfit<T>(self) -> Result<T, Problem> {
        self.ty()?;
        Err(MISFIT)
    }
}

impl<'a> Serializer for FieldSerializer<'a> {
    type Ok = bool;
    type Error = Problem;
    type SerializeSeq = Sequence<'a>;
    type SerializeTuple = Sequence<'a>;
    type SerializeTupleStruct = Sequence<'a>;
    type SerializeTupleVariant = Impossible<Self::Ok, Problem>;
    type SerializeMap = Impossible<Self::Ok, Problem>;
    type SerializeStruct = Impossible<Self::Ok, Problem>;
    type SerializeStructVariant = Impossible<Self::Ok, Problem>;

    fn serialize_bool(self, value: bool) -> Written {
        match self.takes()? {
            (ty, Shape::Bool) => self.value(ty, &Value::Bool(value)),
            (
                _,
                Shape::Integer
                | Shape::Number
                | Shape::Float
                | Shape::Text
                | Shape::Bytes
                | Shape::Document
                | Shape::List,
            ) => Err(MISFIT),
        }
    }
    fn serialize_i8(self, value: i8) -> Written {
        self.integer(value.into())
    }
    fn serialize_i16(self, value: i16) -> Written {
        self.integer(value.into())
    }
    fn serialize_i32(self, value: i32) -> Written {
        self.integer(value.into())
    }
    fn serialize_i64(self, value: i64) -> Written {
        self.integer(value)
    }
    fn serialize_i128(self, value: i128) -> Written {
        match i64::try_from(value) {
            Ok(value) => self.integer(value),
            Err(_) => self.long_integer(&value.to_string()),
        }
    }
    fn serialize_u8(self, value: u8) -> Written {
        self.integer(value.into())
    }
    fn serialize_u16(self, value: u16) -> Written {
        self.integer(value.into())
    }
    fn serialize_u32(self, value: u32) -> Written {
        self.integer(value.into())
    }
    fn serialize_u64(self, value: u64) -> Written {
        self.serialize_u128(value.into())
    }
    fn serialize_u128(self, value: u128) -> Written {
        match i64::try_from(value) {
            Ok(value) => self.integer(value),
            Err(_) => self.long_integer(&value.to_string()),
        }
    }
    fn serialize_f32(self, value: f32) -> Written {
        self.float(value.into())
    }
    fn serialize_f64(self, value: f64) -> Written {
        self.float(value)
    }
    fn serialize_char(self, value: char) -> Written {
        self.text(value.encode_utf8(&mut [0; 4]))
    }
    fn serialize_str(self, value: &str) -> Written {
        self.text(value)
    }
    fn serialize_bytes(self, value: &[u8]) -> Written {
        self.bytes()?.extend(value)
    }
    fn serialize_none(self) -> Written {
        Ok(false)
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Written {
        value.serialize(self)
    }
    fn serialize_unit(self) -> Written {
        Ok(false)
    }
    fn serialize_unit_struct(self, _: &'static str) -> Written {
        Ok(false)
    }
    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Written {
        self.text(variant)
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Written {
        value.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Written {
        self.misfit()
    }
    fn serialize_seq(self, _: Option<usize>) -> Result<Sequence<'a>, Problem> {
        self.sequence()
    }
    fn serialize_tuple(self, _: usize) -> Result<Sequence<'a>, Problem> {
        self.sequence()
    }
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Sequence<'a>, Problem> {
        self.sequence()
    }
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Problem> {
        self.misfit()
    }
    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, Problem> {
        self.misfit()
    }
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeStruct, Problem> {
        self.misfit()
    }
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Problem> {
        self.misfit()
    }
}
