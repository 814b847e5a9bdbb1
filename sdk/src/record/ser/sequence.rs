//! What a column takes as a sequence.

use serde::ser::{Serialize, SerializeSeq, SerializeTuple, SerializeTupleStruct};

use super::{Bytes, List, Problem, Written};

/// A sequence of serde's.
pub(super) enum Sequence<'a> {
    /// For bytea.
    Bytes(Bytes<'a>),
    /// For an array.
    List(List<'a>),
}

impl Sequence<'_> {
    fn push<T: Serialize + ?Sized>(&mut self, element: &T) -> Result<(), Problem> {
        match self {
            Self::Bytes(bytes) => bytes.push(element),
            Self::List(list) => list.push(element),
        }
    }

    fn finish(self) -> Written {
        match self {
            // They are written as they come.
            Self::Bytes(_) => Ok(true),
            Self::List(list) => list.end(),
        }
    }
}

impl SerializeSeq for Sequence<'_> {
    type Ok = bool;
    type Error = Problem;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, element: &T) -> Result<(), Problem> {
        self.push(element)
    }
    fn end(self) -> Written {
        self.finish()
    }
}

impl SerializeTuple for Sequence<'_> {
    type Ok = bool;
    type Error = Problem;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, element: &T) -> Result<(), Problem> {
        self.push(element)
    }
    fn end(self) -> Written {
        self.finish()
    }
}

impl SerializeTupleStruct for Sequence<'_> {
    type Ok = bool;
    type Error = Problem;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, element: &T) -> Result<(), Problem> {
        self.push(element)
    }
    fn end(self) -> Written {
        self.finish()
    }
}
