//! The bytes of a bytea column, as serde's sequences give them.

use serde::ser::Serialize;

use super::{FieldSerializer, Problem, Written};
use crate::value::{Settings, Type};

/// A sequence for bytea: every element an integer from 0 to 255. Its stored form is the bytes themselves.
pub(super) struct Bytes<'a>(&'a mut Vec<u8>);

impl<'a> Bytes<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>) -> Self {
        Self(out)
    }

    /// All of them at once.
    pub(super) fn extend(self, bytes: &[u8]) -> Written {
        self.0.extend_from_slice(bytes);
        Ok(true)
    }

    /// One more.
    pub(super) fn push<T: Serialize + ?Sized>(&mut self, element: &T) -> Result<(), Problem> {
        const NO_BYTE: Problem = Problem::shape("an array for bytea consists of bytes");
        // Its time zone and styles play no part for an integer.
        let settings = Settings { time_zone: None, ..Settings::default() };
        let start = self.0.len();
        let written = element.serialize(FieldSerializer { ty: Some(&Type::Int2), settings: &settings, out: self.0 });
        // An int2 that is a byte, which takes its place.
        let byte = match (written, self.0.get(start..)) {
            (Ok(true), Some(&[0, byte])) => Ok(byte),
            (Ok(_) | Err(_), _) => Err(NO_BYTE),
        };
        self.0.truncate(start);
        self.0.push(byte?);
        Ok(())
    }
}
