//! Messages that pass: most of what a client sends touches nothing protected, and the server answers it as it came.
//!
//! Each is found out by one look, and as many as are there together are passed on together. What is not plainly one of
//! them is left to what handles its kind, which says the same of those that pass.

use super::super::queue::{self, Kind};
use super::super::state::{RESERVED, State};
use super::TURN;
use crate::wire::frame::{HEADER, Header, MAX_SMALL};

impl State {
    /// How many bytes at the front are whole messages that pass; they count as sent.
    pub(in crate::session) fn pass_client(&mut self, bytes: &[u8], done: &mut usize) -> usize {
        let mut passed = 0;
        while *done < TURN
            && self.queue.len() < queue::LIMIT
            && let Some(rest) = bytes.get(passed..)
            && let Ok(Some(header)) = Header::peek(rest)
            && header.total <= MAX_SMALL
            && let Some(body) = rest.get(HEADER..header.total)
            && let Some(kind) = self.message_passes(header.tag, body)
        {
            let _ = self.forward(kind);
            passed += header.total;
            *done += 1;
        }
        passed
    }

    /// What is expected for a message that passes.
    fn message_passes(&self, tag: u8, body: &[u8]) -> Option<Kind> {
        // Within a COPY nothing but its data goes on whole.
        if self.queue.skips() || (self.reads && self.queue.copies()) {
            return None;
        }
        let (kind, passes) = match (tag, body) {
            (b'S', _) => (Kind::Sync, body.is_empty()),
            (b'B', _) => (Kind::Bind, !self.reads || self.passes_bind(body)),
            (b'D', [b'P', portal @ ..]) => (Kind::DescribePortal, !self.reads || self.passes_portal(portal)),
            (b'E', [portal @ .., _, _, _, _]) => (Kind::Execute, !self.reads || self.passes_portal(portal)),
            (_, _) => return None,
        };
        passes.then_some(kind)
    }

    fn passes_bind(&self, body: &[u8]) -> bool {
        let Some((portal, rest)) = cstr(body) else { return false };
        let Some((statement, _)) = cstr(rest) else { return false };
        is_plain(portal) && is_plain(statement) && self.session.passes(statement, &self.world.protection)
    }

    /// Whether this is the name of a portal with its end, and no portal is known.
    fn passes_portal(&self, name: &[u8]) -> bool {
        self.session.has_no_portals() && matches!(cstr(name), Some((name, [])) if is_plain(name))
    }
}

/// What stands before the first zero byte, and behind it.
fn cstr(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (text, rest) = bytes.split_at_checked(bytes.iter().position(|byte| *byte == 0)?)?;
    Some((text, rest.get(1..)?))
}

/// A name that is the same in every encoding, and none of ours.
fn is_plain(name: &[u8]) -> bool {
    name.is_ascii() && !name.starts_with(RESERVED)
}
