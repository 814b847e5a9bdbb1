//! From server to client: forward, translate, swallow.

use super::cancel;
use super::fatal::Fatal;
use super::relay::Need;
use crate::wire::buffer::Inbound;
use crate::wire::frame::{HEADER, Header};

/// What is known of the server's side.
#[derive(Debug, Default)]
pub(super) struct Server {
    /// ReadyForQuery messages seen.
    pub(super) answers: u64,
    /// Transaction status of the last one.
    pub(super) status: u8,
    /// Process id and secret.
    pub(super) key: Vec<u8>,
    /// Type of the last frame.
    pub(super) last: u8,
    passing: usize,
}

impl Server {
    /// Whether no frame is half passed on.
    pub(super) fn at_boundary(&self) -> bool {
        self.passing == 0
    }

    /// Handles every whole frame of `inbound`.
    pub(super) fn handle(&mut self, inbound: &mut Inbound, out: &mut Vec<u8>) -> Result<Need, Fatal> {
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
            let header = Header::peek(bytes).map_err(|_| Fatal::protocol("the server sent a frame without sense"))?;
            let Some(header) = header else { return Ok(Need::Bytes(HEADER)) };
            if matches!(header.tag, b'Z' | b'K') {
                let Some(body) = bytes.get(HEADER..header.total) else { return Ok(Need::Bytes(header.total)) };
                match header.tag {
                    b'Z' => {
                        self.answers += 1;
                        self.status = body.first().copied().unwrap_or(0);
                    }
                    _ if cancel::is_key(body) => self.key = body.to_vec(),
                    _ => {}
                }
            }
            self.last = header.tag;
            self.passing = header.total;
        }
    }
}
