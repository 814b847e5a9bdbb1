//! The values of a Bind that stays here until its portal is executed.

use std::ops::Range;

use pgseal::encoding::ClientEncoding;
use pgseal::exec::inputs::Params;
use pgseal::value::Format;
use zeroize::Zeroizing;

/// A client's parameters, read once. Overwritten when dropped.
pub struct Held {
    bytes: Zeroizing<Vec<u8>>,
    /// Where each stands in `bytes`; `None` is NULL.
    places: Vec<Option<Range<usize>>>,
    formats: Vec<Format>,
    encoding: ClientEncoding,
}

impl Held {
    /// A copy of them.
    pub fn new(params: Params<'_>) -> Self {
        // Never moved while it grows: what is left behind would not be overwritten.
        let room = params.values.iter().flatten().map(|value| value.len()).sum();
        let mut bytes = Zeroizing::new(Vec::with_capacity(room));
        let places = params.values.iter().map(|value| {
            let start = bytes.len();
            bytes.extend_from_slice((*value)?);
            Some(start..bytes.len())
        });
        let places = places.collect();
        Self { bytes, places, formats: params.formats.to_vec(), encoding: params.encoding }
    }

    /// Calls `then` with them.
    pub fn with<R>(&self, then: impl FnOnce(Params<'_>) -> R) -> R {
        let value = |place: &Option<Range<usize>>| self.bytes.get(place.clone()?);
        let values: Vec<_> = self.places.iter().map(value).collect();
        then(Params { values: &values, formats: &self.formats, encoding: self.encoding })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn held_values_are_what_was_bound() {
        let values = [Some(&b"ab"[..]), None, Some(b""), Some(b"c")];
        let formats = [Format::Text, Format::Text, Format::Text, Format::Binary];
        let held = Held::new(Params { values: &values, formats: &formats, encoding: ClientEncoding::UTF8 });
        held.with(|params| assert!(params.values == values && params.formats == formats));
    }
}
