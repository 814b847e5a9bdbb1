//! An array that is made element by element.

use super::{Array, build, put_null, put_sized};
use crate::value::{Error, Type};

/// An array of one dimension, made element by element.
pub(crate) struct Builder {
    element: Type,
    body: Vec<u8>,
    count: i32,
}

impl Builder {
    /// One without elements so far.
    pub(crate) fn new(element: &Type) -> Self {
        Self { element: *element, body: Vec::new(), count: 0 }
    }

    /// The type of its elements.
    pub(crate) fn element(&self) -> Type {
        self.element
    }

    /// One more: `write` appends its S, or gives `false` for NULL.
    pub(crate) fn push<E>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> Result<bool, E>) -> Result<(), E> {
        let start = self.body.len();
        let mut written = Ok(false);
        put_sized(&mut self.body, |body| written = write(body));
        if !matches!(written, Ok(true)) {
            self.body.truncate(start);
        }
        if !written? {
            put_null(&mut self.body);
        }
        // So many elements do not fit into an array, which `finish` says.
        self.count = self.count.saturating_add(1);
        Ok(())
    }

    /// The array.
    ///
    /// # Errors
    /// Too many elements, or elements that are arrays themselves.
    pub(crate) fn finish(self) -> Result<Array<'static>, Error> {
        build(&self.element, &[(self.count, 1)], &self.body)
    }
}
