//! The bytes of many columns in one buffer: a row costs two allocations instead of one a column.

use zeroize::Zeroize;

/// Bytes by position; a position may be empty, which is not the same as no bytes.
#[derive(Clone)]
pub(crate) struct Packed {
    bytes: Vec<u8>,
    /// Start and end.
    places: Vec<Option<(usize, usize)>>,
}

impl Zeroize for Packed {
    fn zeroize(&mut self) {
        self.bytes.zeroize();
        self.places.clear();
    }
}

impl Packed {
    /// So many empty positions, and room for so many bytes.
    pub(crate) fn new(positions: usize, capacity: usize) -> Self {
        Self { bytes: Vec::with_capacity(capacity), places: vec![None; positions] }
    }

    /// How many bytes all of them have.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Fills a position with what `write` appends; after its error, or if it gives `false`, the position is empty.
    /// A position that does not exist takes nothing.
    pub(crate) fn write<E>(
        &mut self,
        position: usize,
        write: impl FnOnce(&mut Vec<u8>) -> Result<bool, E>,
    ) -> Result<(), E> {
        let start = self.bytes.len();
        let written = write(&mut self.bytes);
        let place = matches!(written, Ok(true)).then_some((start, self.bytes.len()));
        match self.places.get_mut(position) {
            Some(slot) if place.is_some() => *slot = place,
            Some(_) | None => self.bytes.truncate(start),
        }
        written.map(drop)
    }

    /// Fills a position with a copy.
    pub(crate) fn put(&mut self, position: usize, bytes: &[u8]) {
        if let Some(place) = self.places.get_mut(position) {
            let start = self.bytes.len();
            self.bytes.extend_from_slice(bytes);
            *place = Some((start, self.bytes.len()));
        }
    }

    /// The bytes of a position; `None` if it is empty.
    pub(crate) fn get(&self, position: usize) -> Option<&[u8]> {
        let (start, end) = (*self.places.get(position)?)?;
        self.bytes.get(start..end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_position_has_its_own_bytes_and_empty_is_not_no_bytes() {
        let mut packed = Packed::new(4, 0);
        packed.put(2, b"two");
        packed.put(0, b"");
        packed.put(9, b"nowhere");
        packed
            .write(1, |out| -> Result<bool, ()> {
                out.extend_from_slice(b"one");
                Ok(true)
            })
            .unwrap();
        packed
            .write(3, |out| {
                out.extend_from_slice(b"half");
                Err(())
            })
            .unwrap_err();
        packed
            .write(3, |out| -> Result<bool, ()> {
                out.extend_from_slice(b"null");
                Ok(false)
            })
            .unwrap();
        let all: Vec<_> = (0..5).map(|position| packed.get(position)).collect();
        assert_eq!(all, [Some(&b""[..]), Some(b"one"), Some(b"two"), None, None]);
        assert_eq!(packed.len(), 6);
    }
}
