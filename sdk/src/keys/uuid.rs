//! UUIDs of key versions and key stores: 16 raw bytes in formats, RFC 9562 text in wrapping contexts and tables.

use std::fmt;
use std::str::FromStr;

use crate::crypto::random::{self, NoRandomness};

/// A UUID.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Uuid(pub [u8; 16]);

impl Uuid {
    /// A random one (version 4).
    pub fn random() -> Result<Self, NoRandomness> {
        let mut bytes = random::array::<16>()?;
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        Ok(Self(bytes))
    }
}

/// Lower case with hyphens.
impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, byte) in self.0.iter().enumerate() {
            if matches!(i, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not a UUID as [`Uuid`] prints it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not a UUID")]
pub struct NotAUuid;

/// Only the spelling of [`Uuid`]'s `Display`.
impl FromStr for Uuid {
    type Err = NotAUuid;

    fn from_str(text: &str) -> Result<Self, NotAUuid> {
        let hex: String = text.split('-').collect();
        let uuid = crate::keys::from_hex::<16>(hex.as_bytes()).map(Self).ok_or(NotAUuid)?;
        if uuid.to_string() == text { Ok(uuid) } else { Err(NotAUuid) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_bytes_round_trip() {
        let text = "01234567-89ab-cdef-0123-456789abcdef";
        assert_eq!(text.parse::<Uuid>().unwrap().to_string(), text);
        for wrong in ["", "0123456789abcdef0123456789abcdef", "01234567-89AB-cdef-0123-456789abcdef", "é"] {
            assert!(wrong.parse::<Uuid>().is_err(), "{wrong}");
        }
        let random = Uuid::random().unwrap();
        assert_eq!(random.to_string().parse::<Uuid>().unwrap(), random);
        assert_eq!(random.to_string().as_bytes()[14], b'4');
    }
}
