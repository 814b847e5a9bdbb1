//! The row signature: the signed record and its MAC (SIG-1, SIG-2).
//!
//! ```text
//! 0x01 ‖ suite (1) ‖ key_ref (8) ‖ set id (4) ‖ tag
//! ```

use crate::crypto::mac::TAG_LEN;
use crate::framing::{Malformed, Reader, Sink, put_u16_part, put_u64_part};
use crate::keys::{BranchKey, KeyRef};
use crate::schema::{Action, Suite};
use crate::value::Family;

/// The format version.
const VERSION: u8 = 0x01;
/// Length in bytes: version, suite, key reference, set and tag.
pub const LEN: usize = 1 + 1 + 8 + 4 + TAG_LEN;

/// A signature taken apart, not yet believed.
pub struct Envelope {
    /// The suite that it claims; the one of its set counts (SIG-3).
    pub suite: u8,
    /// Which key version made it.
    pub key_ref: KeyRef,
    /// Which set of columns it covers.
    pub set: u32,
    /// The MAC.
    pub tag: [u8; TAG_LEN],
}

impl Envelope {
    /// Takes it apart.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        if reader.u8()? != VERSION {
            return Err(Malformed("its version is not known here"));
        }
        let envelope =
            Self { suite: reader.u8()?, key_ref: KeyRef(reader.array()?), set: reader.u32()?, tag: reader.array()? };
        reader.finish()?;
        Ok(envelope)
    }

    /// Puts it together.
    pub fn to_bytes(&self) -> [u8; LEN] {
        let mut bytes = [0; LEN];
        bytes[0] = VERSION;
        bytes[1] = self.suite;
        bytes[2..10].copy_from_slice(&self.key_ref.0);
        bytes[10..14].copy_from_slice(&self.set.to_be_bytes());
        bytes[14..].copy_from_slice(&self.tag);
        bytes
    }
}

/// What stands before the columns.
pub struct Head<'a> {
    /// The suite of the set.
    pub suite: Suite,
    /// The id of the set.
    pub set: u32,
    /// The key version that signs.
    pub key: &'a BranchKey,
    /// The logical table.
    pub table: &'a str,
    /// How many columns follow.
    pub columns: usize,
}

impl Head<'_> {
    /// Feeds it.
    pub fn put(&self, record: &mut impl Sink) {
        put_u16_part(record, b"pgseal row");
        record.put(&[self.suite as u8]);
        record.put(&self.key.key_ref().0);
        record.put(&self.set.to_be_bytes());
        put_u16_part(record, self.key.id().as_bytes());
        record.put(&self.key.version().0);
        put_u16_part(record, self.table.as_bytes());
        put_count(record, self.columns);
    }
}

/// Feeds one signed column: the cell, or S in its signed form; `None` is NULL.
pub fn put_column(record: &mut impl Sink, name: &str, action: Action, family: Family, bytes: Option<&[u8]>) {
    put_u16_part(record, name.as_bytes());
    let [high, low] = family.0.to_be_bytes();
    record.put(&[action_code(action), high, low]);
    put_optional(record, bytes);
}

/// Feeds the number of elements that follow; PostgreSQL allows 1600 columns.
pub fn put_count(record: &mut impl Sink, count: usize) {
    record.put(&(count as u16).to_be_bytes());
}

/// Feeds one beacon column by the beacon's full name.
pub fn put_beacon(record: &mut impl Sink, full_name: &str, tag: Option<&[u8]>) {
    put_u16_part(record, full_name.as_bytes());
    put_optional(record, tag);
}

fn put_optional(record: &mut impl Sink, bytes: Option<&[u8]>) {
    record.put(&[u8::from(bytes.is_some())]);
    put_u64_part(record, bytes.unwrap_or_default());
}

/// DO_NOTHING is never signed; its code is one that no signed column has.
const fn action_code(action: Action) -> u8 {
    match action {
        Action::ENCRYPT_AND_SIGN => 1,
        Action::SIGN_ONLY => 2,
        Action::SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT => 3,
        Action::DO_NOTHING => 0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_signature_round_trips_and_no_cut_of_it_is_read() {
        let envelope = Envelope { suite: 1, key_ref: KeyRef([2; 8]), set: 3, tag: [4; 48] };
        let bytes = envelope.to_bytes();
        assert_eq!(bytes.len(), 62);
        assert_eq!(Envelope::parse(&bytes).unwrap().to_bytes(), bytes);
        for len in 0..bytes.len() {
            assert!(Envelope::parse(&bytes[..len]).is_err());
        }
        assert!(Envelope::parse(&[&bytes[..], &[0]].concat()).is_err());
    }

    #[test]
    fn null_and_empty_differ_sig_2() {
        let (mut null, mut empty) = (Vec::new(), Vec::new());
        put_column(&mut null, "a", Action::SIGN_ONLY, Family(3), None);
        put_column(&mut empty, "a", Action::SIGN_ONLY, Family(3), Some(b""));
        assert_ne!(null, empty);
    }

    proptest! {
        #[test]
        fn foreign_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = Envelope::parse(&bytes);
        }
    }
}
