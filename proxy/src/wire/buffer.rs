//! Read as much as there is, handle every whole frame, write once: the two buffers of a direction.
//!
//! A direction that waits has none: they are borrowed from its thread while there is something in them. Where all that was
//! read passes, the buffer itself changes sides, and no byte is copied.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

/// What a buffer holds between two reads when nothing forces it to grow.
const USUAL: usize = 16 * 1024;

/// Empty buffers that a thread keeps: as many as are in use at once, and a few.
const SPARE: usize = 8;

thread_local! {
    static BUFFERS: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// An empty buffer of the usual size.
fn borrow() -> Vec<u8> {
    BUFFERS.with_borrow_mut(Vec::pop).unwrap_or_else(|| Vec::with_capacity(USUAL))
}

/// Leaves nothing behind; what grew far, or never was of the usual size, is freed.
fn give_back(buffer: &mut Vec<u8>) {
    let mut buffer = std::mem::take(buffer);
    if (USUAL..=2 * USUAL).contains(&buffer.capacity()) {
        buffer.clear();
        BUFFERS.with_borrow_mut(|buffers| {
            if buffers.len() < SPARE {
                buffers.push(buffer);
            }
        });
    }
}

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

    /// Moves the first `count` bytes behind what is in `out`.
    pub fn pass(&mut self, count: usize, out: &mut Vec<u8>) {
        if out.is_empty() && self.start == 0 && count >= self.bytes.len() {
            std::mem::swap(out, &mut self.bytes);
            return;
        }
        if out.capacity() == 0 {
            *out = borrow();
        }
        out.extend_from_slice(self.bytes().get(..count).unwrap_or(self.bytes()));
        self.consume(count);
    }

    /// Reads once, with room for a frame of `wanted` bytes at the front. 0 is the end of the stream. Cancelling it
    /// loses nothing: bytes are in the buffer or still in the socket.
    ///
    /// # Errors
    /// What the system says about the socket.
    pub async fn read(&mut self, from: &mut (impl AsyncRead + Unpin), wanted: usize) -> io::Result<usize> {
        poll_fn(|context| self.poll_read(from, context, wanted)).await
    }

    /// [`Inbound::read`], polled once.
    ///
    /// # Errors
    /// What the system says about the socket.
    pub fn poll_read(
        &mut self,
        from: &mut (impl AsyncRead + Unpin),
        context: &mut Context<'_>,
        wanted: usize,
    ) -> Poll<io::Result<usize>> {
        self.make_room(wanted);
        let read = pin!(from.read_buf(&mut self.bytes)).poll(context);
        if read.is_pending() && self.bytes.is_empty() {
            give_back(&mut self.bytes);
        }
        read
    }

    /// Appends bytes as if they had been read.
    #[cfg(test)]
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    fn make_room(&mut self, wanted: usize) {
        if self.bytes.capacity() == 0 {
            self.bytes = borrow();
        }
        if self.start > 0 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        let room = wanted.max(USUAL);
        if self.bytes.capacity() < room {
            // Grown step by step as bytes arrive: a length alone allocates nothing beyond twice what was sent.
            let room = room.min((self.bytes.len() * 2).max(USUAL));
            self.bytes.reserve_exact(room - self.bytes.len().min(room));
        } else if self.bytes.capacity() > room.max(2 * USUAL) && self.bytes.len() <= USUAL {
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
    /// Where to append. [`Outbound::write`] follows, also if nothing was: it gives the buffer back.
    pub fn bytes(&mut self) -> &mut Vec<u8> {
        if self.bytes.capacity() == 0 {
            self.bytes = borrow();
        }
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
        poll_fn(|context| self.poll_write(to, context)).await
    }

    fn poll_write(&mut self, to: &mut (impl AsyncWrite + Unpin), context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.bytes.get(self.written..).filter(|rest| !rest.is_empty()) {
            match ready!(Pin::new(&mut *to).poll_write(context, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.written += count,
            }
        }
        // TLS takes more than it has sent; of a plain socket there is nothing left to do.
        ready!(Pin::new(to).poll_flush(context))?;
        self.written = 0;
        give_back(&mut self.bytes);
        Poll::Ready(Ok(()))
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

    #[test]
    fn what_waits_has_no_buffer_and_what_grew_is_not_kept() {
        let (mut inbound, mut outbound) = (Inbound::default(), Outbound::default());
        let mut big: &[u8] = &vec![7_u8; 1 << 20];
        while !big.is_empty() {
            run(inbound.read(&mut big, 1 << 20)).unwrap();
        }
        inbound.pass(1 << 20, outbound.bytes());
        run(outbound.write(&mut tokio::io::sink())).unwrap();
        let (mut nothing, _open) = tokio::io::duplex(8);
        let mut context = Context::from_waker(std::task::Waker::noop());
        assert!(inbound.poll_read(&mut nothing, &mut context, 0).is_pending());
        assert_eq!((inbound.bytes.capacity(), outbound.bytes.capacity()), (0, 0));
        BUFFERS.with_borrow(|buffers| {
            assert!(buffers.iter().all(|buffer| buffer.is_empty() && buffer.capacity() <= 2 * USUAL));
        });
    }

    #[test]
    fn bytes_pass_behind_what_is_there_whether_or_not_the_buffer_changes_sides() {
        for (before, count) in [(&b""[..], 4), (b"", 2), (b"ab", 4), (b"ab", 2)] {
            let (mut inbound, mut out) = (Inbound::default(), before.to_vec());
            inbound.feed(b"cdef");
            inbound.pass(count, &mut out);
            assert_eq!(out, [before, &b"cdef"[..count]].concat());
            assert_eq!(inbound.bytes(), &b"cdef"[count..]);
        }
    }
}
