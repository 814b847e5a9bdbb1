//! Frames of the protocol as a man in the middle needs them: read whole, taken apart where they are lied about, and put
//! together again (PostgreSQL's documentation, "Message Formats").

use std::io::{self, Read};

use crate::harness::raw::Frame;

/// `MaxAllocSize`: no server and no client sends more.
const LONGEST: usize = 0x3fff_ffff;

/// The next message; `None` at the end of the stream.
pub(super) fn read(from: &mut impl Read) -> io::Result<Option<Frame>> {
    let mut kind = [0];
    if from.read(&mut kind)? == 0 {
        return Ok(None);
    }
    Ok(Some(Frame { kind: char::from(kind[0]), body: read_body(from)? }))
}

/// What follows a length, which counts itself. A packet that has no type begins with it.
pub(super) fn read_body(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut len = [0; 4];
    from.read_exact(&mut len)?;
    let len = usize::try_from(u32::from_be_bytes(len)).map_err(io::Error::other)?;
    if !(4..=LONGEST).contains(&len) {
        return Err(io::Error::other(format!("a frame of {len} bytes")));
    }
    let mut body = vec![0; len - 4];
    from.read_exact(&mut body)?;
    Ok(body)
}

/// Reads a body from its front. What is not there reads as nothing: the server will say what is wrong with it.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn take(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// Up to a zero byte.
    pub(super) fn text(&mut self) -> String {
        let len = self.0.iter().position(|byte| *byte == 0).unwrap_or(self.0.len());
        let text = String::from_utf8_lossy(self.take(len)).into_owned();
        self.take(1);
        text
    }

    pub(super) fn count(&mut self) -> usize {
        self.take(2).iter().fold(0, |count, byte| count << 8 | usize::from(*byte))
    }

    /// A value with its length before it; -1 is NULL.
    pub(super) fn value(&mut self) -> Option<Vec<u8>> {
        let len = i32::from_be_bytes(self.take(4).try_into().unwrap_or([0xff; 4]));
        usize::try_from(len).ok().map(|len| self.take(len).to_vec())
    }
}

pub(super) fn text(text: &str) -> Vec<u8> {
    [text.as_bytes(), b"\0"].concat()
}

fn values(values: &[Option<Vec<u8>>]) -> Vec<u8> {
    let mut out = count(values.len()).to_vec();
    for value in values {
        match value {
            Some(bytes) => {
                out.extend(i32::try_from(bytes.len()).unwrap().to_be_bytes());
                out.extend_from_slice(bytes);
            }
            None => out.extend((-1_i32).to_be_bytes()),
        }
    }
    out
}

fn count(len: usize) -> [u8; 2] {
    u16::try_from(len).unwrap().to_be_bytes()
}

/// A DataRow of these fields.
pub(super) fn data_row(fields: &[Option<Vec<u8>>]) -> Frame {
    Frame { kind: 'D', body: values(fields) }
}

/// The columns of a RowDescription, each with its name and its 18 bytes of facts.
pub(super) fn described(frame: &Frame) -> Vec<Vec<u8>> {
    let mut rest = Fields(&frame.body);
    let columns = rest.count();
    let column = |_| {
        let name = rest.text();
        [text(&name), rest.take(18).to_vec()].concat()
    };
    (0..columns).map(column).collect()
}

/// A RowDescription of these columns.
pub(super) fn description(columns: &[Vec<u8>]) -> Frame {
    Frame { kind: 'T', body: [count(columns.len()).to_vec(), columns.concat()].concat() }
}

/// A Bind with the value of a parameter, counted from 1, changed. `None` if it has no such parameter.
pub(super) fn rebound(body: &[u8], number: usize, value: Option<&[u8]>) -> Option<Vec<u8>> {
    let mut rest = Fields(body);
    let (portal, statement) = (rest.text(), rest.text());
    let formats = rest.count();
    let formats = [count(formats).to_vec(), rest.take(2 * formats).to_vec()].concat();
    let len = rest.count();
    let mut parameters: Vec<_> = (0..len).map(|_| rest.value()).collect();
    *parameters.get_mut(number.checked_sub(1)?)? = value.map(<[u8]>::to_vec);
    Some([text(&portal), text(&statement), formats, values(&parameters), rest.0.to_vec()].concat())
}
