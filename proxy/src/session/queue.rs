//! The queue of expected responses: one entry for each thing that the server will answer.
//!
//! A table without I/O: it knows which messages answer which, what an error drops, and what COPY swallows, as
//! `PostgresMain` (tcop/postgres.c) does it. What an answer *means* is the payload's business. Entries live until
//! their closing message; every answer is attributed to the entry at the front, never to "the last statement".

use std::collections::VecDeque;

/// Entries of one session at most: beyond it the client is not read until the server has answered half of them. It is more
/// than the server keeps back unflushed (8 kB of answers of at least 5 bytes, `PQ_SEND_BUFFER_SIZE` in pqcomm.c).
pub(super) const LIMIT: usize = 1 << 13;

/// Entries for which an idle session keeps room.
const KEPT: usize = 16;

/// What was sent, and so what comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The start-up packet: everything up to the first ReadyForQuery.
    Startup,
    /// Parse: ParseComplete.
    Parse,
    /// Bind: BindComplete.
    Bind,
    /// Close: CloseComplete.
    Close,
    /// Describe of a statement: ParameterDescription, then RowDescription or NoData.
    DescribeStatement,
    /// Describe of a portal: RowDescription or NoData.
    DescribePortal,
    /// Execute: rows or a COPY, then CommandComplete, EmptyQueryResponse or PortalSuspended.
    Execute,
    /// Query: any number of results, an error at most, then ReadyForQuery.
    Query,
    /// FunctionCall: FunctionCallResponse or an error, then ReadyForQuery.
    Function,
    /// Sync: ReadyForQuery, before it perhaps an error (the commit failed).
    Sync,
    /// CopyDone or CopyFail: no answer of its own; it ends the copy-in before it, or is ignored.
    CopyEnd,
}

/// How a message of the server relates to the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// NoticeResponse, NotificationResponse, ParameterStatus: belongs to nothing.
    Asynchronous,
    /// Belongs to the entry at the front, which goes on.
    More,
    /// The entry at the front asks for data of the client: CopyInResponse.
    CopyIn,
    /// Closes the entry at the front.
    Last,
    /// An error that closes the entry at the front and drops everything up to the next Sync.
    Error,
    /// An error inside an entry that ReadyForQuery closes.
    ErrorWithin,
}

/// A message that answers nothing that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the server sent an unexpected message of type {:?}", char::from(*.tag))]
pub(super) struct Unexpected {
    /// Its type.
    pub(super) tag: u8,
}

/// One entry.
#[derive(Debug)]
pub(super) struct Entry<T> {
    /// What was sent.
    pub(super) kind: Kind,
    /// What to do with the answer.
    pub(super) payload: T,
}

/// The queue.
#[derive(Debug)]
pub(super) struct Queue<T> {
    entries: VecDeque<Entry<T>>,
    /// An error came and the Sync that ends the skipping has not been sent yet.
    skipping: bool,
    /// CopyInResponse came and neither CopyDone nor CopyFail has been sent yet.
    copying: bool,
    /// Messages of the extended protocol were sent behind the last Sync.
    batch: bool,
}

impl<T> Queue<T> {
    /// A session whose start-up packet was sent.
    pub(super) fn new(startup: T) -> Self {
        let entries = VecDeque::from([Entry { kind: Kind::Startup, payload: startup }]);
        Self { entries, skipping: false, copying: false, batch: false }
    }

    /// Whether nothing is expected.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many entries wait.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether the client's messages are ignored until it sends Sync.
    pub(super) fn skips(&self) -> bool {
        self.skipping
    }

    /// Whether the server is in a batch, whose transaction a Query would end.
    pub(super) fn is_in_batch(&self) -> bool {
        self.batch
    }

    /// Whether an error may yet come that drops what is sent now.
    pub(super) fn may_skip(&self) -> bool {
        let batch = self.entries.iter().rev().take_while(|entry| entry.kind != Kind::Sync);
        batch.map(|entry| entry.kind).any(is_extended)
    }

    /// Whether the server takes data of the client's.
    pub(super) fn copies(&self) -> bool {
        self.copying
    }

    /// Whether something is under way that may begin to take data.
    pub(super) fn may_copy(&self) -> bool {
        self.entries.iter().any(|entry| matches!(entry.kind, Kind::Query | Kind::Execute))
    }

    /// A message was sent. If it is ignored the payload comes back.
    pub(super) fn push(&mut self, kind: Kind, payload: T) -> Result<(), T> {
        let ignored = match kind {
            Kind::Sync if self.copying => true,
            Kind::Sync => {
                self.skipping = false;
                false
            }
            Kind::CopyEnd if self.copying => {
                self.copying = false;
                true
            }
            // Outside a COPY it is ignored too, but it may turn out that one begins.
            Kind::CopyEnd => self.skipping || self.entries.is_empty(),
            Kind::Startup
            | Kind::Parse
            | Kind::Bind
            | Kind::Close
            | Kind::DescribeStatement
            | Kind::DescribePortal
            | Kind::Execute
            | Kind::Query
            | Kind::Function => self.skipping,
        };
        if ignored {
            return Err(payload);
        }
        self.batch = is_extended(kind) || (self.batch && kind == Kind::CopyEnd);
        self.entries.push_back(Entry { kind, payload });
        Ok(())
    }

    /// The entry whose answer comes next.
    pub(super) fn front(&mut self) -> Option<&mut Entry<T>> {
        self.drop_copy_ends();
        self.entries.front_mut()
    }

    /// How a message of type `tag` relates to the queue. It changes nothing: [`Queue::advance`] does.
    ///
    /// # Errors
    /// [`Unexpected`] if it answers nothing that was sent.
    pub(super) fn classify(&mut self, tag: u8) -> Result<Part, Unexpected> {
        match (tag, self.front().map(|entry| entry.kind)) {
            (b'N' | b'A' | b'S', _) => Ok(Part::Asynchronous),
            // A server that ends a session says so in between.
            (b'E', None) => Ok(Part::Asynchronous),
            (_, None) => Err(Unexpected { tag }),
            (tag, Some(kind)) => part(kind, tag).ok_or(Unexpected { tag }),
        }
    }

    /// The message was handled: entries that it closes or drops leave the queue, the dropped ones through `dropped`.
    /// The payload of the closed entry is returned.
    pub(super) fn advance(&mut self, part: Part, mut dropped: impl FnMut(T)) -> Option<T> {
        match part {
            Part::Asynchronous | Part::More => None,
            Part::ErrorWithin => {
                self.copying = false;
                None
            }
            Part::Last => {
                let answered = self.entries.pop_front().map(|entry| entry.payload);
                self.shrink();
                answered
            }
            Part::CopyIn => {
                self.begin_copy(dropped);
                None
            }
            Part::Error => {
                self.copying = false;
                let failed = self.entries.pop_front().map(|entry| entry.payload);
                while let Some(entry) = self.entries.pop_front_if(|entry| entry.kind != Kind::Sync) {
                    dropped(entry.payload);
                }
                self.skipping = self.entries.is_empty();
                failed
            }
        }
    }

    /// How a message that is no error and begins no COPY relates to the entry at the front, if that is one of these.
    /// [`Queue::answered`] follows.
    pub(super) fn plain_answer(&mut self, tag: u8, of: impl FnOnce(&T) -> bool) -> Option<Part> {
        let entry = self.front().filter(|entry| of(&entry.payload))?;
        part(entry.kind, tag).filter(|part| matches!(part, Part::More | Part::Last))
    }

    /// The message of [`Queue::plain_answer`] was handled.
    pub(super) fn answered(&mut self, part: Part) {
        if part == Part::Last {
            self.entries.pop_front();
            self.shrink();
        }
    }

    /// Gives back what a long pipeline took, when it is answered.
    fn shrink(&mut self) {
        if self.entries.is_empty() && self.entries.capacity() > KEPT {
            self.entries = VecDeque::new();
        }
    }

    /// From here on the client's messages are ignored until it sends Sync.
    pub(super) fn skip(&mut self) {
        self.skipping = true;
    }

    /// An error of ours took the place of the server's answer to the entry at the front: calls `spoil` for it and
    /// for every entry that a server's error would have dropped. Returns whether the client must still send Sync.
    pub(super) fn spoil(&mut self, mut spoil: impl FnMut(&mut Entry<T>)) -> bool {
        for entry in &mut self.entries {
            if entry.kind == Kind::Sync {
                return false;
            }
            spoil(entry);
            if matches!(entry.kind, Kind::Query | Kind::Function) {
                return false;
            }
        }
        true
    }

    /// During copy-in the server ignores Sync and Flush, those too that were sent before it said so
    /// (`CopyGetData`, commands/copyfromparse.c).
    fn begin_copy(&mut self, mut dropped: impl FnMut(T)) {
        self.copying = true;
        let mut index = 1;
        while let Some(kind) = self.entries.get(index).map(|entry| entry.kind) {
            match kind {
                Kind::Sync | Kind::CopyEnd => {
                    if let Some(entry) = self.entries.remove(index) {
                        dropped(entry.payload);
                    }
                    if kind == Kind::CopyEnd {
                        self.copying = false;
                        return;
                    }
                }
                // The server will fail the COPY over it.
                _ => index += 1,
            }
        }
    }

    fn drop_copy_ends(&mut self) {
        while self.entries.front().is_some_and(|entry| entry.kind == Kind::CopyEnd) {
            self.entries.pop_front();
        }
    }
}

/// Whether an error in its answer drops what follows up to the next Sync.
fn is_extended(kind: Kind) -> bool {
    match kind {
        Kind::Parse | Kind::Bind | Kind::Close | Kind::DescribeStatement | Kind::DescribePortal | Kind::Execute => true,
        Kind::Startup | Kind::Query | Kind::Function | Kind::Sync | Kind::CopyEnd => false,
    }
}

/// The table: which message means what for which entry.
fn part(kind: Kind, tag: u8) -> Option<Part> {
    let part = match (kind, tag) {
        (Kind::Startup, b'K' | b'R' | b'v') => Part::More,
        (Kind::Startup | Kind::Query | Kind::Function | Kind::Sync, b'Z') => Part::Last,
        (Kind::Startup | Kind::Query | Kind::Function | Kind::Sync, b'E') => Part::ErrorWithin,
        (Kind::Parse, b'1') | (Kind::Bind, b'2') | (Kind::Close, b'3') => Part::Last,
        (Kind::DescribeStatement, b't') => Part::More,
        (Kind::DescribeStatement | Kind::DescribePortal, b'T' | b'n') => Part::Last,
        (Kind::Execute, b'C' | b'I' | b's') => Part::Last,
        (Kind::Execute | Kind::Query, b'D' | b'H' | b'd' | b'c') => Part::More,
        (Kind::Query, b'T' | b'C' | b'I') => Part::More,
        (Kind::Execute | Kind::Query, b'G') => Part::CopyIn,
        (Kind::Function, b'V') => Part::More,
        (
            Kind::Parse | Kind::Bind | Kind::Close | Kind::DescribeStatement | Kind::DescribePortal | Kind::Execute,
            b'E',
        ) => Part::Error,
        (
            Kind::Startup
            | Kind::Parse
            | Kind::Bind
            | Kind::Close
            | Kind::DescribeStatement
            | Kind::DescribePortal
            | Kind::Execute
            | Kind::Query
            | Kind::Function
            | Kind::Sync
            | Kind::CopyEnd,
            _,
        ) => return None,
    };
    Some(part)
}

#[cfg(test)]
mod tests;
