//! Answers that pass: of most that the server says nothing is learnt but that it came, and how the transaction is.
//!
//! As many as are there together are passed on together. What is not plainly one of them is left to what handles its kind.

use super::super::queue::Part;
use super::super::state::{Expected, State};
use crate::wire::frame::{HEADER, Header};
use crate::wire::reader;

/// Command tags that change nothing which is remembered.
const HARMLESS: [&[u8]; 4] = [b"SELECT ", b"INSERT ", b"UPDATE ", b"DELETE "];

impl State {
    /// How many bytes at the front are messages that pass, the last one perhaps not whole; they count as answers.
    pub(in crate::session) fn pass_server(&mut self, bytes: &[u8]) -> usize {
        let mut passed = 0;
        while let Some(rest) = bytes.get(passed..)
            && let Ok(Some(header)) = Header::peek(rest)
            && let Some(part) = self.answer_passes(header.tag, rest.get(HEADER..header.total))
        {
            self.queue.answered(part);
            passed += header.total;
        }
        if passed > 0 {
            self.server_failed = false;
            self.look_on();
        }
        passed
    }

    /// How a message that passes relates to the queue.
    fn answer_passes(&mut self, tag: u8, body: Option<&[u8]>) -> Option<Part> {
        let plain = match tag {
            b'1' | b'2' | b'3' | b't' | b'T' | b'n' | b'D' | b's' | b'I' => true,
            b'C' => body.is_some_and(|tag| HARMLESS.iter().any(|harmless| tag.starts_with(harmless))),
            b'Z' => return self.ready_passes(body),
            _ => false,
        };
        if !plain {
            return None;
        }
        self.queue.plain_answer(tag, Expected::is_forwarded)
    }

    /// ReadyForQuery, of a batch in which no error of ours stands.
    fn ready_passes(&mut self, body: Option<&[u8]>) -> Option<Part> {
        if self.spoiled {
            return None;
        }
        let part = self.queue.plain_answer(b'Z', Expected::is_forwarded)?;
        let status = reader::ready_for_query(body?).ok()?;
        self.ready(status);
        Some(part)
    }
}
