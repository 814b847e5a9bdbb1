//! bit(n) and varbit(n): strings of bits, in binary or hexadecimal digits.

use std::borrow::Cow;

use super::codec::{Codec, Sent};
use super::{Error, Type, Value, too_long, too_short};
use crate::error::SqlState;
use crate::framing::Reader;

pub(super) const BIT: Codec = Codec {
    limit: |value, ty| match (&value, ty) {
        (Value::Bits(bits), Type::Bit(Some(n))) if bits.len != n.get() => Err(Error::new(
            SqlState::STRING_DATA_LENGTH_MISMATCH,
            format!("bit string length {} does not match type bit({n})", bits.len),
        )),
        _ => Ok(value),
    },
    bare: Some("\"bit\""),
    widest: Some(Type::Varbit(None)),
    ..codec("bit_send")
};

pub(super) const VARBIT: Codec = Codec {
    limit: |value, ty| match (&value, ty) {
        (Value::Bits(bits), Type::Varbit(Some(n))) if bits.len > n.get() => Err(Error::new(
            SqlState::STRING_DATA_RIGHT_TRUNCATION,
            format!("bit string too long for type bit varying({n})"),
        )),
        _ => Ok(value),
    },
    ..codec("varbit_send")
};

const fn codec(send: &'static str) -> Codec {
    Codec::new(|_, text, _| parse(text).map(Value::Bits), |_, bytes| read(bytes).map(Value::Bits), Sent::By(send))
}

/// A string of bits. Those of the last byte that are not used are 0.
#[derive(Clone, PartialEq, Eq)]
pub struct Bits<'a> {
    len: u32,
    bytes: Cow<'a, [u8]>,
}

impl Bits<'_> {
    /// How many bits there are.
    pub fn len(&self) -> u32 {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The first bit is the highest one of the first byte.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn into_owned(self) -> Bits<'static> {
        Bits { len: self.len, bytes: Cow::Owned(self.bytes.into_owned()) }
    }

    /// Appends S.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.len.to_be_bytes());
        out.extend_from_slice(&self.bytes);
    }

    /// How much [`write`](Self::write) appends.
    pub(super) fn stored_room(&self) -> usize {
        4 + self.bytes.len()
    }

    /// A digit a bit.
    pub(super) fn render(&self, out: &mut Vec<u8>) {
        let bits = self.bytes.iter().flat_map(|byte| (0..8).rev().map(move |place| b'0' + (byte >> place & 1)));
        out.extend(bits.take(usize::try_from(self.len).unwrap_or(usize::MAX)));
    }
}

/// Binary digits, a b in front allowed; hexadecimal ones behind an x.
fn parse(text: &str) -> Result<Bits<'static>, Error> {
    let (digits, width) = match text.as_bytes() {
        [b'x' | b'X', digits @ ..] => (digits, 4),
        [b'b' | b'B', digits @ ..] => (digits, 1),
        digits => (digits, 1),
    };
    let wrong = |what| Error::new(SqlState::INVALID_TEXT_REPRESENTATION, format!("invalid {what} digit"));
    let radix = 1 << width;
    let mut bytes = Vec::with_capacity((digits.len() * width).div_ceil(8));
    for part in digits.chunks(8 / width) {
        let mut byte = 0;
        for digit in part {
            let value = char::from(*digit).to_digit(radix).and_then(|value| u8::try_from(value).ok());
            byte = byte << width | value.ok_or_else(|| wrong(if width == 4 { "hexadecimal" } else { "binary" }))?;
        }
        bytes.push(byte << (8 - width * part.len()));
    }
    let len = u32::try_from(digits.len() * width).ok().filter(|len| *len <= MOST).ok_or_else(too_many)?;
    Ok(Bits { len, bytes: Cow::Owned(bytes) })
}

/// VARBITMAXLEN.
const MOST: u32 = i32::MAX as u32 - 7;

fn too_many() -> Error {
    Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "bit string length exceeds the maximum allowed")
}

fn read(bytes: &[u8]) -> Result<Bits<'_>, Error> {
    let mut reader = Reader::new(bytes);
    let len = reader.u32().map_err(|_| too_short())?;
    if len > MOST {
        return Err(Error::new(SqlState::INVALID_BINARY_REPRESENTATION, "invalid length in external bit string"));
    }
    let needed = usize::try_from(len).unwrap_or(usize::MAX).div_ceil(8);
    let bytes = reader.take(needed).map_err(|_| too_short())?;
    reader.finish().map_err(|_| too_long())?;
    let unused = (8 - len % 8) % 8;
    let bytes = match bytes.split_last() {
        Some((last, _)) if last.trailing_zeros() < unused => {
            let mut cleared = bytes.to_vec();
            if let Some(last) = cleared.last_mut() {
                *last = *last >> unused << unused;
            }
            Cow::Owned(cleared)
        }
        _ => Cow::Borrowed(bytes),
    };
    Ok(Bits { len, bytes })
}
