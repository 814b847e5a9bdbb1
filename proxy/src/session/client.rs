//! From client to server: forward, rewrite, refuse, insert.

mod extended;
mod passing;
mod questions;
mod simple;
mod steps;
mod text;

use pgseal::error::{SqlState, UserFacing};
use pgseal::exec::session::path::Path;
use pgseal::framing::Malformed;
use pgseal::sql::Refusal;

use super::Core;
use super::fatal::Fatal;
use super::log;
use super::queue::{self, Kind};
use super::relay::Need;
use super::state::{Answer, Expected, REFUSAL, REFUSAL_NAME, Rest, State, Waiting};
use crate::frames::errors;
use crate::wire::buffer::Inbound;
use crate::wire::compose;
use crate::wire::frame::{HEADER, Header, client_limit};

/// Work for which the other sessions of this core wait at most, in messages that are passed on.
const TURN: usize = 1024;

/// What a planned message counts for: 16 of them are about 50 µs of crypto.
const PLANNED: usize = TURN / 16;

/// What becomes of the frame at the front.
enum Fate {
    /// Its bytes go on as they are, as they come.
    Forward,
    /// Its bytes go nowhere.
    Drop,
    /// Other bytes went in its place.
    Replaced,
    /// It must be there whole first.
    Whole,
    /// So many bytes of it are needed.
    Bytes(usize),
    /// An answer of the server is needed first.
    Wait,
    /// The answer to what was sent about the name that it uses is needed first.
    Name,
    /// It is known first whether a COPY begins.
    Copy,
    /// All answers to the batch that it stands in are needed first.
    Batch,
}

/// A client frame, as far as it is there.
#[derive(Clone, Copy)]
struct Frame<'a> {
    /// The body, or its beginning.
    seen: &'a [u8],
    /// The body, if it is whole.
    body: Option<&'a [u8]>,
}

impl State {
    /// Handles every whole frame of `inbound`; what goes to the server is appended to `out`.
    pub(super) fn handle_client(
        &mut self,
        core: &Core,
        inbound: &mut Inbound,
        out: &mut Vec<u8>,
    ) -> Result<Need, Fatal> {
        self.adopt_world();
        let mut done = 0;
        loop {
            if !self.from_client.pass(inbound, out) {
                return Ok(Need::Bytes(0));
            }
            self.follow_path();
            out.append(&mut self.inject);
            self.partial = !inbound.bytes().is_empty();
            if self.waiting == Waiting::No && self.running.is_some() {
                self.go_on(out);
            }
            if self.waiting == Waiting::No && self.queue.len() >= queue::LIMIT {
                self.waiting = Waiting::Room;
            }
            if self.waiting != Waiting::No {
                return Ok(Need::Wait);
            }
            if done >= TURN {
                return Ok(Need::Turn);
            }
            let bytes = inbound.bytes();
            let passed = self.pass_client(bytes, &mut done);
            if passed > 0 {
                self.from_client = Rest { bytes: passed, dropped: false };
                continue;
            }
            let Some(header) = Header::peek(bytes).map_err(|_| Fatal::protocol("invalid message length"))? else {
                return Ok(Need::Bytes(HEADER));
            };
            let limit = client_limit(header.tag)
                .ok_or_else(|| Fatal::protocol(format!("invalid frontend message type {}", header.tag)))?;
            if header.total > limit + 1 {
                return Err(Fatal::protocol("invalid message length"));
            }
            let end = bytes.len().min(header.total);
            let seen = bytes.get(HEADER..end).unwrap_or(&[]);
            // What is too long to be held is not looked at whole either when it happens to be there.
            let whole = end == header.total && header.total <= core.context.limits.held_frame;
            let frame = Frame { seen, body: whole.then_some(seen) };
            let fate = match self.client_frame(core, header.tag, frame, out) {
                Ok(Fate::Whole) if header.total > core.context.limits.held_frame => {
                    self.refuse_frame(header.tag, seen, &too_long(), out)
                }
                Ok(fate) => fate,
                Err(Malformed(_)) => self.refuse_frame(header.tag, seen, &invalid_format(), out),
            };
            match fate {
                Fate::Forward => {
                    done += 1;
                    self.from_client = Rest { bytes: header.total, dropped: false };
                }
                Fate::Drop => {
                    done += 1;
                    self.from_client = Rest { bytes: header.total, dropped: true };
                }
                Fate::Replaced => {
                    done += PLANNED;
                    inbound.consume(header.total);
                }
                Fate::Whole => return Ok(Need::Bytes(header.total)),
                Fate::Bytes(count) => return Ok(Need::Bytes(count)),
                Fate::Wait => {
                    self.waiting = Waiting::Answer;
                    return Ok(Need::Wait);
                }
                Fate::Name => {
                    self.waiting = Waiting::Name;
                    return Ok(Need::Wait);
                }
                Fate::Copy => {
                    self.waiting = Waiting::Copy;
                    return Ok(Need::Wait);
                }
                Fate::Batch => {
                    self.waiting = Waiting::Batch;
                    return Ok(Need::Wait);
                }
            }
        }
    }

    fn client_frame(&mut self, core: &Core, tag: u8, frame: Frame<'_>, out: &mut Vec<u8>) -> Result<Fate, Malformed> {
        // What has no body and brings one all the same does not travel with it. PostgreSQL reads the end of a Sync and a
        // Flush (`pq_getmsgend`), and no further than the type of the others.
        if self.reads && matches!(tag, b'S' | b'H' | b'X' | b'c') && frame.body != Some(&[]) {
            if matches!(tag, b'S' | b'H') {
                return Err(Malformed("a message without a body has one"));
            }
            if frame.body.is_none() {
                return Ok(Fate::Whole);
            }
            let fate = self.client_frame(core, tag, Frame { seen: &[], body: Some(&[]) }, out)?;
            if matches!(fate, Fate::Forward) {
                compose::frame(tag, out, |_| {});
            }
            return Ok(if matches!(fate, Fate::Forward) { Fate::Drop } else { fate });
        }
        match tag {
            b'X' => {
                self.terminated = true;
                Ok(Fate::Forward)
            }
            b'S' => Ok(self.forward(Kind::Sync)),
            // The server ignores it; what is refused must not travel for nothing.
            b'P' if self.queue.skips() && self.reads => Ok(self.skip_parse(core, frame)),
            _ if self.queue.skips() => Ok(Fate::Drop),
            b'H' => Ok(Fate::Forward),
            b'd' | b'c' | b'f' if self.reads && !self.queue.copies() => Ok(self.copy_ahead(out)),
            b'd' => Ok(Fate::Forward),
            b'c' | b'f' => Ok(self.forward(Kind::CopyEnd)),
            _ if self.reads && self.queue.copies() => Ok(self.within_copy(tag, frame, out)),
            _ => self.statement_frame(core, tag, frame, out),
        }
    }

    /// Data of a COPY that has not begun. What may still be one is waited for; otherwise the server would throw it away
    /// (`PostgresMain`, tcop/postgres.c), and need not see it.
    fn copy_ahead(&self, out: &mut Vec<u8>) -> Fate {
        if !self.queue.may_copy() {
            return Fate::Drop;
        }
        compose::flush(out);
        Fate::Copy
    }

    /// What is no data of the COPY that takes it. PostgreSQL reads no more than its type, and ends the session
    /// (`CopyGetData`, commands/copyfromparse.c), so nothing else of it travels. A COPY that has failed meanwhile is not
    /// known here yet: then the server reads a malformed message.
    fn within_copy(&mut self, tag: u8, frame: Frame<'_>, out: &mut Vec<u8>) -> Fate {
        let (kind, extended) = match tag {
            b'Q' => (Kind::Query, false),
            b'F' => (Kind::Function, false),
            b'P' if frame.body.is_none() => return Fate::Whole,
            b'P' => (Kind::Parse, true),
            b'B' => (Kind::Bind, true),
            b'D' => (Kind::DescribePortal, true),
            b'E' => (Kind::Execute, true),
            _ => (Kind::Close, true),
        };
        if tag == b'P' {
            self.bar_name(frame.seen);
        }
        compose::frame(tag, out, |_| {});
        self.forward(kind);
        if extended {
            self.queue.skip();
        }
        Fate::Drop
    }

    /// A name that cannot be read is refused wherever it is used.
    fn bar_name(&mut self, parse: &[u8]) {
        let name = parse.split(|byte| *byte == 0).next().unwrap_or(&[]);
        if let Ok(name) = self.session.facts.settings().encoding.decode(name) {
            self.session.bar(name.as_bytes());
        }
    }

    /// A message that is a statement, or about one.
    fn statement_frame(
        &mut self,
        core: &Core,
        tag: u8,
        frame: Frame<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Fate, Malformed> {
        match tag {
            b'Q' => self.query(core, frame, out),
            b'F' => self.function_call(frame, out),
            b'P' => self.parse(core, frame, out),
            b'B' => self.bind(core, frame, out),
            b'D' => self.describe(core, frame, out),
            b'E' => self.execute(frame, out),
            b'C' => self.close(frame, out),
            _ => Err(Malformed("a message of no known type")),
        }
    }

    /// The fast path: it can run any function, so only those of large objects are passed on (SQL-13).
    fn function_call(&mut self, frame: Frame<'_>, out: &mut Vec<u8>) -> Result<Fate, Malformed> {
        if self.reads {
            let [a, b, c, d, ..] = *frame.seen else {
                let short = Malformed("a function call without a function");
                return if frame.body.is_some() { Err(short) } else { Ok(Fate::Bytes(HEADER + 4)) };
            };
            if !LARGE_OBJECTS.contains(&u32::from_be_bytes([a, b, c, d])) {
                let refusal = Refusal::new("a function call by message is passed on for large objects only")
                    .hint("Call the function with SELECT.");
                self.refuse_query(&refusal, None, out);
                return Ok(Fate::Drop);
            }
        }
        Ok(self.forward(Kind::Function))
    }

    /// A message that is the server's to answer, as it is.
    fn forward(&mut self, kind: Kind) -> Fate {
        // Ignored or expected: the bytes go on.
        if self.queue.push(kind, Expected::new(Answer::Forward)).is_ok() {
            self.ends(kind);
        }
        Fate::Forward
    }

    /// A message that does not go through as it is: its answer is worth reading.
    fn expect(&mut self, kind: Kind, expected: Expected) {
        match self.queue.push(kind, expected) {
            Ok(()) => self.ends(kind),
            Err(ignored) => self.withdraw(&ignored),
        }
    }

    /// ReadyForQuery answers what ends a batch.
    fn ends(&mut self, kind: Kind) {
        if matches!(kind, Kind::Sync | Kind::Query | Kind::Function) {
            self.session.path.iter_mut().for_each(Path::ended);
            self.session.facts.may_fail();
        }
        if kind == Kind::Sync {
            self.session.end_batch();
        }
    }

    /// Takes the place of a message that is not read, of which this much was seen.
    fn refuse_frame(&mut self, tag: u8, seen: &[u8], error: &Refusal, out: &mut Vec<u8>) -> Fate {
        if tag == b'P' {
            self.bar_name(seen);
        }
        match tag {
            // It ends the batch all the same, and is an error of its own there.
            b'S' => {
                compose::frame(b'S', out, |out| out.push(0));
                self.forward(Kind::Sync);
            }
            _ if self.queue.skips() => {}
            b'Q' | b'F' => self.refuse_query(error, None, out),
            b'P' => drop(self.refuse(seen.first().is_none_or(|byte| *byte == 0), error, None, out)),
            _ => drop(self.refuse(false, error, None, out)),
        }
        Fate::Drop
    }

    /// Takes the place of a Query.
    fn refuse_query(&mut self, error: &dyn UserFacing, position: Option<u32>, out: &mut Vec<u8>) {
        compose::query(REFUSAL, out);
        let refused = Answer::Refused(self.refused_frame(error, position), comes_first(error));
        self.expect(Kind::Query, Expected::new(refused));
    }

    /// Takes the place of a message of the extended protocol. The server will ignore everything up to Sync: it must
    /// not travel, least of all the parameters of what was refused (SQL-21).
    fn refuse(&mut self, unnamed: bool, error: &dyn UserFacing, position: Option<u32>, out: &mut Vec<u8>) -> Fate {
        compose::parse(if unnamed { b"" } else { REFUSAL_NAME }, REFUSAL, &[], out);
        let refused = Answer::Refused(self.refused_frame(error, position), comes_first(error));
        self.expect(Kind::Parse, Expected::new(refused));
        self.queue.skip();
        Fate::Drop
    }

    fn refused_frame(&self, error: &dyn UserFacing, position: Option<u32>) -> Box<[u8]> {
        log::refusal(&self.span, error);
        let mut frame = Vec::new();
        errors::report(error, position, self.session.facts.settings().encoding, &mut frame);
        frame.into()
    }
}

/// What PostgreSQL says before it looks whether the transaction has failed: what a message names, and whether it is one
/// (`exec_bind_message` in postgres.c).
fn comes_first(error: &dyn UserFacing) -> bool {
    [SqlState::INVALID_SQL_STATEMENT_NAME, SqlState::PROTOCOL_VIOLATION].contains(&error.sqlstate())
}

fn invalid_format() -> Refusal {
    Refusal::error(SqlState::PROTOCOL_VIOLATION, "invalid message format")
}

fn too_long() -> Refusal {
    let message = "a message that must be read is longer than limits.held_frame_bytes";
    Refusal::error(SqlState::PROGRAM_LIMIT_EXCEEDED, message).hint("Send less at once, or raise the limit.")
}

impl Rest {
    /// Passes on, or drops, what is under way. Whether all of it was there.
    pub(super) fn pass(&mut self, inbound: &mut Inbound, out: &mut Vec<u8>) -> bool {
        if self.bytes == 0 {
            return true;
        }
        let count = inbound.bytes().len().min(self.bytes);
        match self.dropped {
            true => inbound.consume(count),
            false => inbound.pass(count, out),
        }
        self.bytes -= count;
        self.bytes == 0
    }
}

/// The functions that libpq's large-object interface calls (fe-lobj.c): lo_create, lo_open, lo_close, loread,
/// lowrite, lo_lseek, lo_creat, lo_tell, lo_unlink, lo_truncate, lo_lseek64, lo_tell64, lo_truncate64.
const LARGE_OBJECTS: &[u32] = &[715, 952, 953, 954, 955, 956, 957, 958, 964, 1004, 3170, 3171, 3172];
