//! A frame: type, length, body; its limits, checked before anything is allocated.
//!
//! PostgreSQL 18 manual, 55.7: one type byte, then a big-endian length that counts itself but not the type.

/// Bytes of type and length.
pub const HEADER: usize = 5;

/// The longest start-up packet that PostgreSQL takes (`MAX_STARTUP_PACKET_LENGTH`, libpq/pqcomm.h), and its length.
pub const MAX_STARTUP: usize = 10_004;

/// The longest message of an authentication exchange (`PG_MAX_AUTH_TOKEN_LENGTH`, libpq/auth.h).
pub const MAX_AUTHENTICATION: usize = 65_535;

/// The longest message of any kind: below palloc's limit (`PQ_LARGE_MESSAGE_LIMIT`, libpq/libpq.h).
pub const MAX_LARGE: usize = 0x3fff_fffe;

/// The longest message that carries names and numbers only (`PQ_SMALL_MESSAGE_LIMIT`, libpq/libpq.h).
pub const MAX_SMALL: usize = 10_000;

/// The first bytes of a frame that is at the front of a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The type byte.
    pub tag: u8,
    /// Bytes of the whole frame, header included.
    pub total: usize,
}

/// A length that no frame has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("invalid message length")]
pub struct BadLength;

impl Header {
    /// The header at the front of `bytes`; `None` if it is not whole yet.
    ///
    /// # Errors
    /// [`BadLength`] for a length below 4 or above PostgreSQL's own limit.
    pub fn peek(bytes: &[u8]) -> Result<Option<Self>, BadLength> {
        let [tag, a, b, c, d, ..] = *bytes else { return Ok(None) };
        let length = i32::from_be_bytes([a, b, c, d]);
        let length = usize::try_from(length).map_err(|_| BadLength)?;
        if !(4..=MAX_LARGE).contains(&length) {
            return Err(BadLength);
        }
        Ok(Some(Self { tag, total: length + 1 }))
    }
}

/// The longest message that PostgreSQL takes from a client under this type byte; `None` for a type it does not know
/// (`SocketBackend`, tcop/postgres.c).
pub fn client_limit(tag: u8) -> Option<usize> {
    match tag {
        b'Q' | b'P' | b'B' | b'F' | b'd' => Some(MAX_LARGE),
        b'C' | b'D' | b'E' | b'H' | b'S' | b'X' | b'c' | b'f' => Some(MAX_SMALL),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_outside_the_limits_is_an_error_before_anything_else() {
        assert_eq!(Header::peek(b"Q\0\0\0"), Ok(None));
        assert_eq!(Header::peek(b"S\0\0\0\x04"), Ok(Some(Header { tag: b'S', total: 5 })));
        for bad in [0_u32, 3, 0x3fff_ffff, 0x7fff_ffff, 0x8000_0004, u32::MAX] {
            let mut bytes = vec![b'Q'];
            bytes.extend(bad.to_be_bytes());
            assert_eq!(Header::peek(&bytes), Err(BadLength), "{bad:#x}");
        }
    }
}
