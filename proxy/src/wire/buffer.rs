//! Read as much as there is, handle every whole frame, write once: the two buffers of a direction.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// What a buffer holds between two reads when nothing forces it to grow.
const USUAL: usize = 16 * 1024;

/// Bytes that were read and not yet handled.
#[derive(Debug, Default)]
pub struct Inbound {
    bytes: Vec<u8>,
    start: usize,
}

impl Inbound {
    /// What is there.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or(&[])
    }

    /// Drops the first `count` bytes.
    pub fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.bytes.len());
        if self.start == self.bytes.len() {
            self.bytes.clear();
            self.start = 0;
        }
    }

    /// Reads once, with room for a frame of `wanted` bytes at the front. 0 is the end of the stream. Cancelling it
    /// loses nothing: bytes are in the buffer or still in the socket.
    ///
    /// # Errors
    /// What the system says about the socket.
    pub async fn read(&mut self, from: &mut (impl AsyncRead + Unpin), wanted: usize) -> io::Result<usize> {
        self.make_room(wanted);
        from.read_buf(&mut self.bytes).await
    }

    /// Appends bytes as if they had been read.
    #[cfg(test)]
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    fn make_room(&mut self, wanted: usize) {
        if self.start > 0 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        let room = wanted.max(USUAL);
        if self.bytes.capacity() < room {
            // Grown step by step as bytes arrive: a length alone allocates nothing beyond twice what was sent.
            let room = room.min((self.bytes.len() * 2).max(USUAL));
            self.bytes.reserve_exact(room - self.bytes.len().min(room));
        } else if self.bytes.capacity() > room && self.bytes.len() <= USUAL {
            self.bytes.shrink_to(room);
        }
        if self.bytes.capacity() == self.bytes.len() {
            self.bytes.reserve(USUAL);
        }
    }
}

/// Bytes that are to be written.
#[derive(Debug, Default)]
pub struct Outbound {
    bytes: Vec<u8>,
    written: usize,
}

impl Outbound {
    /// Where to append.
    pub fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// How many bytes wait.
    pub fn len(&self) -> usize {
        self.bytes.len() - self.written
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Writes everything. Cancelled, it keeps what was not written.
    ///
    /// # Errors
    /// What the system says about the socket.
    pub async fn write(&mut self, to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        while let Some(rest) = self.bytes.get(self.written..).filter(|rest| !rest.is_empty()) {
            match to.write(rest).await? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                count => self.written += count,
            }
        }
        self.bytes.clear();
        self.written = 0;
        if self.bytes.capacity() > 4 * USUAL {
            self.bytes.shrink_to(USUAL);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    #[test]
    fn a_claimed_length_alone_does_not_allocate() {
        let mut inbound = Inbound::default();
        let mut source: &[u8] = b"Qabc";
        run(inbound.read(&mut source, 1 << 29)).unwrap();
        assert_eq!(inbound.bytes(), b"Qabc");
        run(inbound.read(&mut source, 1 << 29)).unwrap();
        assert!(inbound.bytes.capacity() <= 4 * USUAL);
    }

    #[test]
    fn a_buffer_that_grew_for_one_frame_is_given_back() {
        let mut inbound = Inbound::default();
        let big = vec![7_u8; 1 << 20];
        let mut source: &[u8] = &big;
        while inbound.bytes().len() < big.len() {
            run(inbound.read(&mut source, big.len())).unwrap();
        }
        inbound.consume(big.len());
        let mut more: &[u8] = b"x";
        run(inbound.read(&mut more, 0)).unwrap();
        assert!(inbound.bytes.capacity() <= 2 * USUAL);
        assert_eq!(inbound.bytes(), b"x");
    }
}
