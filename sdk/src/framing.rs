//! Every bounded read and every framed write: lengths are checked before anything is touched or allocated.
//!
//! [`Reader`] never reads past its slice; [`Reader::sub`] bounds a nested structure. The `put_*` functions write the
//! length-prefixed parts of which associated data, records and wrapping contexts consist (integers big-endian).

/// The bytes ended before the structure did, or went on after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed structure: {0}")]
pub struct Malformed(pub &'static str);

/// A cursor over foreign bytes.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads exactly `bytes`.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// How many bytes are left.
    pub const fn len(&self) -> usize {
        self.rest.len()
    }

    /// Whether nothing is left.
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next `n` bytes.
    pub fn take(&mut self, n: usize) -> Result<&'a [u8], Malformed> {
        let (head, rest) = self.rest.split_at_checked(n).ok_or(Malformed("it ends too early"))?;
        self.rest = rest;
        Ok(head)
    }

    /// The next `N` bytes as an array.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or(Malformed("it ends too early"))?;
        self.rest = rest;
        Ok(*head)
    }

    /// A reader over the next `n` bytes only.
    pub fn sub(&mut self, n: usize) -> Result<Reader<'a>, Malformed> {
        self.take(n).map(Reader::new)
    }

    /// One byte.
    pub fn u8(&mut self) -> Result<u8, Malformed> {
        self.array::<1>().map(|[b]| b)
    }

    /// Two bytes, unsigned.
    pub fn u16(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_be_bytes)
    }

    /// Two bytes, signed.
    pub fn i16(&mut self) -> Result<i16, Malformed> {
        self.array().map(i16::from_be_bytes)
    }

    /// Four bytes, unsigned.
    pub fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_be_bytes)
    }

    /// Four bytes, signed.
    pub fn i32(&mut self) -> Result<i32, Malformed> {
        self.array().map(i32::from_be_bytes)
    }

    /// Eight bytes, unsigned.
    pub fn u64(&mut self) -> Result<u64, Malformed> {
        self.array().map(u64::from_be_bytes)
    }

    /// Eight bytes, signed.
    pub fn i64(&mut self) -> Result<i64, Malformed> {
        self.array().map(i64::from_be_bytes)
    }

    /// The bytes up to the next zero byte, which is consumed and not returned.
    pub fn cstr(&mut self) -> Result<&'a [u8], Malformed> {
        let end = self.rest.iter().position(|&b| b == 0).ok_or(Malformed("a string has no terminator"))?;
        let text = self.take(end)?;
        self.take(1)?;
        Ok(text)
    }

    /// Everything that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    /// Nothing may be left.
    pub fn finish(self) -> Result<(), Malformed> {
        if self.rest.is_empty() { Ok(()) } else { Err(Malformed("it goes on after its end")) }
    }
}

/// What framed parts are written to: a buffer, or a hash that is fed as it goes.
pub trait Sink {
    /// Appends `bytes`.
    fn put(&mut self, bytes: &[u8]);
}

impl Sink for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// `u16 length ‖ bytes`. Callers pass names and identifiers, whose length the schema bounds; a longer one saturates
/// the prefix, which no reader accepts.
pub fn put_u16_part(sink: &mut (impl Sink + ?Sized), bytes: &[u8]) {
    sink.put(&u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_be_bytes());
    sink.put(bytes);
}

/// `u32 length ‖ bytes`, for values (PostgreSQL's own limit is 1 GiB).
pub fn put_u32_part(sink: &mut (impl Sink + ?Sized), bytes: &[u8]) {
    sink.put(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    sink.put(bytes);
}

/// `u64 length ‖ bytes`.
pub fn put_u64_part(sink: &mut (impl Sink + ?Sized), bytes: &[u8]) {
    sink.put(&(bytes.len() as u64).to_be_bytes());
    sink.put(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_never_leaves_its_slice() {
        let mut reader = Reader::new(&[0, 3, b'a', b'b']);
        let len = reader.u16().unwrap();
        assert_eq!(reader.sub(usize::from(len)).unwrap_err(), Malformed("it ends too early"));
        assert_eq!(reader.take(2).unwrap(), b"ab");
        reader.finish().unwrap();
    }

    #[test]
    fn a_string_without_terminator_is_malformed() {
        assert!(Reader::new(b"abc").cstr().is_err());
        let mut reader = Reader::new(b"abc\0d");
        assert_eq!(reader.cstr().unwrap(), b"abc");
        assert!(reader.finish().is_err());
    }
}
