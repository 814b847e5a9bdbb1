//! An array as PostgreSQL sends it, in place of S: it has flags and the type of its elements behind the number of dimensions.

use super::Array;
use crate::value::{Error, Settings, Type};

impl Type {
    /// `array_send` in UTF-8 of an array's S.
    pub(crate) fn sent_array(&self, stored: &[u8]) -> Result<Vec<u8>, Error> {
        let mut sent = Vec::with_capacity(stored.len() + 8);
        Array::read_stored(self, stored)?.send(&Settings::default(), &mut sent)?;
        Ok(sent)
    }

    /// S of what `array_send` gave in UTF-8; `None` if that is no array of this type. What follows its type is as it was.
    pub(crate) fn stored_array(&self, sent: &[u8]) -> Option<Vec<u8>> {
        let (dimensions, rest) = sent.split_first_chunk::<4>()?;
        let (flags, rest) = rest.split_first_chunk::<4>()?;
        let (element, rest) = rest.split_first_chunk::<4>()?;
        let known = u32::from_be_bytes(*flags) <= 1 && u32::from_be_bytes(*element) == self.element()?.oid();
        known.then(|| [dimensions.as_slice(), rest].concat())
    }
}
