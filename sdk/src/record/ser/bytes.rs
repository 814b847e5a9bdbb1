//! The bytes of a bytea column, as serde's sequences give them.

use serde::ser::{Serialize, SerializeSeq, SerializeTuple, SerializeTupleStruct};

use super::{FieldSerializer, Made, Problem};
use crate::value::{Settings, Type, Value};

/// A sequence for bytea: every element an integer from 0 to 255.
pub(super) struct Bytes(Vec<u8>);

impl Bytes {
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    fn push<T: Serialize + ?Sized>(&mut self, element: &T) -> Result<(), Problem> {
        const NO_BYTE: Problem = Problem::shape("an array for bytea consists of bytes");
        // Its time zone and styles play no part for an integer.
        let settings = Settings { date_style_iso: true, time_zone: None, bytea_hex: true };
        match element.serialize(FieldSerializer { ty: Some(&Type::Int2), settings: &settings }) {
            Ok(Some(Value::Int(byte))) => {
                self.0.push(u8::try_from(byte).map_err(|_| NO_BYTE)?);
                Ok(())
            }
            Ok(_) | Err(_) => Err(NO_BYTE),
        }
    }

    fn value(self) -> Value<'static> {
        Value::Bytea(self.0.into())
    }
}

impl SerializeSeq for Bytes {
    type Ok = Option<Value<'static>>;
    type Error = Problem;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, element: &T) -> Result<(), Problem> {
        self.push(element)
    }
    fn end(self) -> Made {
        Ok(Some(self.value()))
    }
}

impl SerializeTuple for Bytes {
    type Ok = Option<Value<'static>>;
    type Error = Problem;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, element: &T) -> Result<(), Problem> {
        self.push(element)
    }
    fn end(self) -> Made {
        Ok(Some(self.value()))
    }
}

impl SerializeTupleStruct for Bytes {
    type Ok = Option<Value<'static>>;
    type Error = Problem;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, element: &T) -> Result<(), Problem> {
        self.push(element)
    }
    fn end(self) -> Made {
        Ok(Some(self.value()))
    }
}
