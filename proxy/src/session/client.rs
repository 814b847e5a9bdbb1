//! From client to server: forward, rewrite, refuse, insert.

use super::fatal::Fatal;
use super::relay::Need;
use crate::wire::buffer::Inbound;
use crate::wire::frame::{HEADER, Header, client_limit};

/// What is known of the client's side.
#[derive(Debug, Default)]
pub(super) struct Client {
    /// ReadyForQuery messages that were asked for, start-up included.
    pub(super) questions: u64,
    /// Terminate was sent.
    pub(super) terminated: bool,
    passing: usize,
    partial: bool,
}

impl Client {
    /// Whether no frame is half sent.
    pub(super) fn at_boundary(&self) -> bool {
        self.passing == 0 && !self.partial
    }

    /// Handles every whole frame of `inbound`.
    pub(super) fn handle(&mut self, inbound: &mut Inbound, out: &mut Vec<u8>) -> Result<Need, Fatal> {
        if self.questions == 0 {
            // Start-up itself is answered with a ReadyForQuery.
            self.questions = 1;
        }
        loop {
            let bytes = inbound.bytes();
            if self.passing > 0 {
                let now = self.passing.min(bytes.len());
                out.extend(bytes.iter().take(now));
                inbound.consume(now);
                self.passing -= now;
                if self.passing > 0 {
                    return Ok(Need::Bytes(0));
                }
                continue;
            }
            self.partial = !bytes.is_empty();
            let Some(header) = Header::peek(bytes).map_err(|_| Fatal::protocol("invalid message length"))? else {
                return Ok(Need::Bytes(HEADER));
            };
            let limit = client_limit(header.tag)
                .ok_or_else(|| Fatal::protocol(format!("invalid frontend message type {}", header.tag)))?;
            if header.total > limit + 1 {
                return Err(Fatal::protocol("invalid message length"));
            }
            match header.tag {
                b'Q' | b'S' | b'F' => self.questions += 1,
                b'X' => self.terminated = true,
                _ => {}
            }
            self.passing = header.total;
        }
    }
}
