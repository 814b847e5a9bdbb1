//! An array column, as serde's sequences give it: of one dimension, each element as a column of its type would be.

use serde::ser::Serialize;

use super::{Problem, Written, write_field};
use crate::value::{Builder, Settings, Type};

/// A sequence for an array.
pub(super) struct List<'a> {
    array: Builder,
    settings: &'a Settings,
    out: &'a mut Vec<u8>,
}

impl<'a> List<'a> {
    pub(super) fn new(element: &Type, settings: &'a Settings, out: &'a mut Vec<u8>) -> Self {
        Self { array: Builder::new(element), settings, out }
    }

    /// One more.
    pub(super) fn push<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Problem> {
        let (element, settings) = (self.array.element(), self.settings);
        self.array.push(|out| write_field(Some(&element), settings, value, out))
    }

    pub(super) fn end(self) -> Written {
        self.array.finish()?.write_stored(self.out);
        Ok(true)
    }
}
