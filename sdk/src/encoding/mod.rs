//! client_encoding: what the bytes of a client mean (SQL-7). The server stores UTF-8, and so do we.
//!
//! Names and aliases are PostgreSQL's (`pg_encname_tbl`), as are the tables of the single-byte encodings. SQL_ASCII is
//! no encoding: PostgreSQL converts nothing then and checks that the bytes are UTF-8, the encoding of the database. The
//! multi-byte encodings other than UTF8 are known by name and by the lengths of their characters; what they say is not
//! read here.

mod multibyte;
mod names;
mod tables;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

pub use self::multibyte::is_outline;

use self::multibyte::MultiByte;
use crate::error::{SqlState, UserFacing};

/// An encoding that a client can have.
#[derive(Clone, Copy)]
pub struct ClientEncoding {
    name: &'static str,
    kind: Kind,
}

/// How its bytes are read.
#[derive(Clone, Copy)]
enum Kind {
    Utf8,
    SqlAscii,
    /// ASCII, and the code points of the bytes from 0x80 on; 0 where there is none.
    SingleByte(&'static [u16; 128]),
    MultiByte(MultiByte),
    Unknown,
}

/// Why a text cannot be taken over from an encoding, or given out in it. The byte sequence, which PostgreSQL would
/// show, may be part of a sealed value and is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EncodingError {
    /// The bytes are no text.
    #[error("invalid byte sequence for encoding \"{0}\"")]
    Invalid(&'static str),
    /// One encoding has a character that the other has not.
    #[error("character in encoding \"{from}\" has no equivalent in encoding \"{to}\"")]
    Untranslatable {
        /// The encoding of the text.
        from: &'static str,
        /// What it was to be written in.
        to: &'static str,
    },
    /// A multi-byte encoding.
    #[error("a client_encoding of {0} is not read on protected tables in this version")]
    Unread(&'static str),
}

impl UserFacing for EncodingError {
    fn sqlstate(&self) -> SqlState {
        match self {
            EncodingError::Invalid(_) => SqlState::CHARACTER_NOT_IN_REPERTOIRE,
            EncodingError::Untranslatable { .. } => SqlState::UNTRANSLATABLE_CHARACTER,
            EncodingError::Unread(_) => SqlState::FEATURE_NOT_SUPPORTED,
        }
    }
    fn message(&self) -> String {
        self.to_string()
    }
    fn hint(&self) -> Option<String> {
        match self {
            EncodingError::Invalid(_) | EncodingError::Untranslatable { .. } => None,
            EncodingError::Unread(_) => Some("Set client_encoding to UTF8.".to_owned()),
        }
    }
}

impl ClientEncoding {
    /// What a database that we serve is in, and what a driver should ask for.
    pub const UTF8: Self = Self { name: "UTF8", kind: Kind::Utf8 };

    /// The encoding of this name, as PostgreSQL reads it: letters and digits count, in any case.
    pub fn of(name: &str) -> Option<Self> {
        names::lookup(name)
    }

    /// One of which nothing is known but that ASCII is ASCII in it.
    pub const UNKNOWN: Self = Self { name: "an unknown name", kind: Kind::Unknown };

    /// What the server reports. A name may be of a later version.
    pub fn reported(name: &str) -> Self {
        Self::of(name).unwrap_or(Self::UNKNOWN)
    }

    /// Its name, as the server reports it.
    pub fn name(self) -> &'static str {
        self.name
    }

    /// Whether texts are the bytes of UTF-8 themselves.
    pub fn is_utf8(self) -> bool {
        match self.kind {
            Kind::Utf8 | Kind::SqlAscii => true,
            Kind::SingleByte(_) | Kind::MultiByte(_) | Kind::Unknown => false,
        }
    }

    /// Whether values can be read and written in it.
    ///
    /// # Errors
    /// [`EncodingError::Unread`] of a multi-byte encoding other than UTF8.
    pub fn check(self) -> Result<(), EncodingError> {
        match self.kind {
            Kind::Utf8 | Kind::SqlAscii | Kind::SingleByte(_) => Ok(()),
            Kind::MultiByte(_) | Kind::Unknown => Err(EncodingError::Unread(self.name)),
        }
    }

    /// A text of the client. What is ASCII, or UTF-8 already, is borrowed.
    ///
    /// # Errors
    /// 22021 where the bytes are no text or hold a zero byte, 22P05 where one has no character, 0A000 for a multi-byte
    /// encoding other than UTF8.
    pub fn decode(self, bytes: &[u8]) -> Result<Cow<'_, str>, EncodingError> {
        self.check()?;
        if bytes.contains(&0) {
            return Err(EncodingError::Invalid(self.stored()));
        }
        match (self.kind, std::str::from_utf8(bytes)) {
            (Kind::Utf8 | Kind::SqlAscii, Ok(text)) => Ok(Cow::Borrowed(text)),
            (Kind::Utf8 | Kind::SqlAscii, Err(_)) => Err(EncodingError::Invalid(Self::UTF8.name)),
            (Kind::SingleByte(_), Ok(text)) if text.is_ascii() => Ok(Cow::Borrowed(text)),
            (Kind::SingleByte(table), _) => {
                let chars = bytes.iter().map(|byte| self.char(table, *byte));
                chars.collect::<Result<String, _>>().map(Cow::Owned)
            }
            (Kind::MultiByte(_) | Kind::Unknown, _) => Err(EncodingError::Unread(self.name)),
        }
    }

    /// A text for the client. What is ASCII, or wanted in UTF-8, is borrowed.
    ///
    /// # Errors
    /// 22P05 where the encoding lacks a character, 0A000 for what is not ASCII in a multi-byte encoding other than UTF8.
    pub fn encode(self, text: &str) -> Result<Cow<'_, [u8]>, EncodingError> {
        match self.kind {
            Kind::Utf8 | Kind::SqlAscii => Ok(Cow::Borrowed(text.as_bytes())),
            _ if text.is_ascii() => Ok(Cow::Borrowed(text.as_bytes())),
            Kind::SingleByte(table) => {
                let bytes = text.chars().map(|char| self.byte(table, char));
                bytes.collect::<Result<Vec<u8>, _>>().map(Cow::Owned)
            }
            Kind::MultiByte(_) | Kind::Unknown => Err(EncodingError::Unread(self.name)),
        }
    }

    /// A text of ours for the client: what it cannot be shown is a question mark, as in an error that PostgreSQL cannot
    /// convert (`pq_send_ascii_string`, pqformat.c).
    pub fn encode_lossy(self, text: &str) -> Cow<'_, [u8]> {
        self.encode(text).unwrap_or_else(|_| {
            let byte = |char: char| match self.kind {
                Kind::SingleByte(table) => self.byte(table, char).unwrap_or(b'?'),
                _ => u8::try_from(char).ok().filter(u8::is_ascii).unwrap_or(b'?'),
            };
            Cow::Owned(text.chars().map(byte).collect())
        })
    }

    /// The shape of a text in a multi-byte encoding whose characters are not read: ASCII as it is, everything else as
    /// characters that are not seen (SQL-64), equal only where the bytes are. `None` where the encoding is read, or
    /// where the bytes could be cut in two ways.
    pub fn outline(self, bytes: &[u8]) -> Option<Cow<'_, str>> {
        match self.kind {
            Kind::Utf8 | Kind::SqlAscii | Kind::SingleByte(_) | Kind::Unknown => None,
            Kind::MultiByte(lengths) => lengths.outline(bytes),
        }
    }

    /// The name in an error about bytes: of SQL_ASCII, the one that they are checked against.
    fn stored(self) -> &'static str {
        match self.kind {
            Kind::SqlAscii => Self::UTF8.name,
            Kind::Utf8 | Kind::SingleByte(_) | Kind::MultiByte(_) | Kind::Unknown => self.name,
        }
    }

    fn char(self, table: &[u16; 128], byte: u8) -> Result<char, EncodingError> {
        let Some(high) = byte.checked_sub(0x80) else { return Ok(char::from(byte)) };
        let point = table.get(usize::from(high)).copied().unwrap_or(0);
        char::from_u32(u32::from(point))
            .filter(|char| *char != '\0')
            .ok_or(EncodingError::Untranslatable { from: self.name, to: Self::UTF8.name })
    }

    fn byte(self, table: &[u16; 128], char: char) -> Result<u8, EncodingError> {
        if char.is_ascii() {
            return Ok(char as u8);
        }
        let point = u16::try_from(u32::from(char)).ok();
        let high = point.and_then(|point| table.iter().position(|known| *known == point));
        high.and_then(|high| u8::try_from(high + 0x80).ok())
            .ok_or(EncodingError::Untranslatable { from: Self::UTF8.name, to: self.name })
    }
}

impl Default for ClientEncoding {
    fn default() -> Self {
        Self::UTF8
    }
}

impl PartialEq for ClientEncoding {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for ClientEncoding {}

impl std::fmt::Debug for ClientEncoding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}
