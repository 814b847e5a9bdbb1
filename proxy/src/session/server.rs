//! From server to client: forward, translate, swallow.

mod passing;
mod steps;

use pgseal::error::SqlState;
use pgseal::exec;
use pgseal::exec::errors::{ClientValues, KnownParams};
use pgseal::exec::facts::Transaction;
use pgseal::exec::inputs::{self, Params};
use pgseal::exec::steps::described_positions;
use pgseal::framing::Malformed;
use pgseal::schema::Protection;
use pgseal::sql::client_text::{ClientText, depends_on_settings};
use pgseal::sql::lex::Strings;
use pgseal::sql::{Plan, Refusal};

use super::Core;
use super::cancel;
use super::fatal::Fatal;
use super::log;
use super::queue::{self, Kind, Part};
use super::relay::Need;
use super::state::{Answer, Defined, Expected, Outcome, Portal, REFUSAL, Rest, State, Waiting, is_refusal};
use super::world::World;
use crate::frames::{describe, errors, rows};
use crate::wire::buffer::Inbound;
use crate::wire::frame::{HEADER, Header};
use crate::wire::{compose, reader};

/// Rows that are opened before the other sessions of this core get their turn: about 50 µs of crypto.
const TURN: usize = 32;

/// How the command tags begin of what changes the catalog.
const DEFINES: [&[u8]; 4] = [b"CREATE ", b"ALTER ", b"DROP ", b"IMPORT "];

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
    /// It could not be opened: the client gets this error, and nothing more of the batch.
    Failed(exec::Error),
    /// It names a key version that must be loaded first; then it is handled again.
    Key,
}

impl State {
    /// Handles every whole frame of `inbound`; what goes to the client is appended to `out`.
    pub(super) fn handle_server(
        &mut self,
        core: &Core,
        inbound: &mut Inbound,
        out: &mut Vec<u8>,
    ) -> Result<Need, Fatal> {
        let mut opened = 0;
        loop {
            if !self.from_server.pass(inbound, out) {
                return Ok(Need::Bytes(0));
            }
            if opened >= TURN {
                return Ok(Need::Turn);
            }
            let bytes = inbound.bytes();
            let passed = self.pass_server(bytes);
            if passed > 0 {
                self.from_server = Rest { bytes: passed, dropped: false };
                self.tell_defined(core);
                continue;
            }
            let Some(header) = Header::peek(bytes).map_err(|_| nonsense())? else { return Ok(Need::Bytes(HEADER)) };
            let part = self.queue.classify(header.tag).map_err(|error| Fatal::protocol(error.to_string()))?;
            let held = header.total > core.context.limits.held_frame;
            let body = bytes.get(HEADER..header.total).filter(|_| !held);
            let fate = self.server_frame(core, header.tag, part, body, out)?;
            self.tell_defined(core);
            let fate = match fate {
                Fate::Whole if held => Fate::Failed(too_long()),
                Fate::Failed(error) if self.sought.seek(&error) => Fate::Key,
                fate => fate,
            };
            match fate {
                Fate::Whole => return Ok(Need::Bytes(header.total)),
                Fate::Key => return Ok(Need::Key),
                Fate::Forward => self.from_server = Rest { bytes: header.total, dropped: false },
                Fate::Drop => self.from_server = Rest { bytes: header.total, dropped: true },
                Fate::Replaced => {
                    opened += 1;
                    inbound.consume(header.total);
                }
                Fate::Failed(error) => {
                    self.fail_here(&error, out);
                    self.from_server = Rest { bytes: header.total, dropped: true };
                }
            }
            self.server_failed = header.tag == b'E';
            self.advance(part);
        }
    }

    /// The entry at the front has been answered so far.
    fn advance(&mut self, part: Part) {
        let mut dropped = Vec::new();
        let closed = self.queue.advance(part, |expected| dropped.push(expected));
        if let Some(expected) = closed {
            match part {
                Part::Error => self.withdraw(&expected),
                Part::Asynchronous | Part::More | Part::CopyIn | Part::Last | Part::ErrorWithin => {
                    self.confirm(&expected);
                    if matches!(
                        expected.answer,
                        Answer::Show(_, true) | Answer::Text(_) | Answer::Step(_) | Answer::LastStep(_)
                    ) {
                        self.resume();
                    }
                }
            }
        }
        dropped.iter().for_each(|expected| self.withdraw(expected));
        self.look_on();
    }

    /// What the client waits for may have come with an answer.
    fn look_on(&mut self) {
        if self.waiting == Waiting::Copy && (self.queue.copies() || !self.queue.may_copy()) {
            self.resume();
        }
        if self.waiting == Waiting::Batch && (!self.queue.may_skip() || self.queue.copies()) {
            self.resume();
        }
        if self.waiting == Waiting::Room && self.queue.len() < queue::LIMIT / 2 {
            self.resume();
        }
    }

    fn server_frame(
        &mut self,
        core: &Core,
        tag: u8,
        part: Part,
        body: Option<&[u8]>,
        out: &mut Vec<u8>,
    ) -> Result<Fate, Fatal> {
        match (part, tag) {
            (Part::Asynchronous, b'S') => return self.parameter_status(body),
            (Part::Asynchronous, b'N') => return self.notice(body, out),
            (Part::Asynchronous, _) => return Ok(Fate::Forward),
            (_, b'K') => {
                let Some(body) = body else { return Ok(Fate::Whole) };
                if cancel::is_key(body) {
                    self.key = body.to_vec();
                }
                return Ok(Fate::Forward);
            }
            (_, b'Z') => return self.ready_for_query(body, out),
            (_, _) => {}
        }
        if tag == b'E' {
            self.session.failed();
        }
        if matches!(tag, b'C' | b's')
            && let Some(plan) = self.queue.front().and_then(|entry| entry.payload.answer.executed())
        {
            self.session.executes(plan);
        }
        if tag == b'C' {
            let Some(body) = body else { return Ok(Fate::Whole) };
            let change = self.queue.front().and_then(|entry| entry.payload.change.as_mut());
            self.session.carried_out(change, body.strip_suffix(b"\0").unwrap_or(body));
            if DEFINES.iter().any(|verb| body.starts_with(verb)) {
                self.defined = Defined::Open;
            }
        }
        let cap = core.context.limits.held_frame;
        let opening = Opening { world: &self.world, facts: &self.session.facts, cap };
        let Some(expected) = self.queue.front() else { return Err(nonsense()) };
        match &mut expected.payload.answer {
            // A constraint that is checked at the commit.
            Answer::Forward if tag == b'E' && self.session.wrote().is_some() => {
                let Some(body) = body else { return Ok(Fate::Whole) };
                match self.session.wrote() {
                    Some(plan) if !opening.is_of_others(&self.protected, body)? => {
                        errors::translate(b'E', body, plan, None, Some, out).map_err(|_| nonsense())?;
                        Ok(Fate::Replaced)
                    }
                    Some(_) | None => Ok(Fate::Forward),
                }
            }
            Answer::Forward => Ok(Fate::Forward),
            Answer::Qualified(positions) if tag == b'E' => {
                let Some(body) = body else { return Ok(Fate::Whole) };
                errors::placed(body, |at| positions.client(at), out).map_err(|_| nonsense())?;
                Ok(Fate::Replaced)
            }
            Answer::Qualified(_) => Ok(Fate::Forward),
            // An error of what we inserted stands for one of what it was inserted for.
            Answer::Swallow(plan) if tag == b'E' => match plan {
                Some(plan) => translate_error(body, plan, None, |at| described_positions(plan).client(at), out),
                None => Ok(Fate::Forward),
            },
            Answer::Begins(_) if tag == b'E' => Ok(Fate::Forward),
            Answer::Swallow(_) | Answer::Begins(_) => Ok(Fate::Drop),
            Answer::Show(names, _) => match (tag, expected.kind) {
                (b'D', _) => {
                    let Some(body) = body else { return Ok(Fate::Whole) };
                    if let Some((name, rest)) = names.split_first()
                        && let [Some(value)] = reader::data_row(body).map_err(foreign)?.as_slice()
                    {
                        let encoding = self.session.facts.settings().encoding;
                        let value = encoding.decode(value).ok().or_else(|| encoding.outline(value));
                        // What is no text is no schema and no role either.
                        self.session.shown(name, &value.unwrap_or_default());
                        *names = rest;
                    }
                    Ok(Fate::Drop)
                }
                (b'E', Kind::Query) => {
                    self.session.not_shown();
                    Ok(Fate::Drop)
                }
                (b'E', _) => Ok(Fate::Forward),
                (_, _) => Ok(Fate::Drop),
            },
            Answer::Text(name) => {
                match tag {
                    b'D' => {
                        let Some(body) = body else { return Ok(Fate::Whole) };
                        if let [Some(text)] = reader::data_row(body).map_err(foreign)?.as_slice() {
                            // Under which setting it was prepared is not known.
                            let encoding = self.session.facts.settings().encoding;
                            let alike = !depends_on_settings(text);
                            for strings in [Strings::Standard, Strings::Escape].into_iter().skip(usize::from(alike)) {
                                if let Ok(text) = ClientText::read(text, encoding, strings) {
                                    self.session.learn(name, text.text());
                                }
                            }
                        }
                    }
                    b'C' => self.session.asked_for(name),
                    b'E' => return Ok(Fate::Forward),
                    _ => {}
                }
                Ok(Fate::Drop)
            }
            Answer::Refused(ours, first) => {
                let Some(body) = body else { return Ok(Fate::Whole) };
                if tag != b'E' {
                    return Err(Fatal::new(SqlState::INTERNAL_ERROR, "the server answered a refused statement"));
                }
                let fields = reader::fields(body).map_err(foreign)?;
                let had_failed = || fields.contains(&(b'C', SqlState::IN_FAILED_SQL_TRANSACTION.code().as_bytes()));
                if !(is_refusal(&fields) || *first && had_failed()) {
                    return Ok(Fate::Forward);
                }
                out.extend_from_slice(ours);
                Ok(Fate::Replaced)
            }
            Answer::Statement(plan) => match tag {
                b't' | b'T' => {
                    let Some(body) = body else { return Ok(Fate::Whole) };
                    Ok(done(match tag {
                        b't' => describe::parameters(body, plan, out),
                        _ => describe::columns(body, plan, None, out),
                    }))
                }
                b'E' => translate_error(body, plan, None, |at| described_positions(plan).client(at), out),
                _ => Ok(Fate::Forward),
            },
            Answer::Portal(portal) => portal_frame(tag, portal, false, body, &opening, out),
            Answer::Query(query) => match query.parts.get(query.current) {
                _ if tag == b'E' => {
                    let Some(body) = body else { return Ok(Fate::Whole) };
                    match &query.refused {
                        Some(ours) if is_refusal(&reader::fields(body).map_err(foreign)?) => {
                            out.extend_from_slice(ours);
                            Ok(Fate::Replaced)
                        }
                        _ => match query.plan().or(self.session.wrote()) {
                            Some(plan) if query.sends_written() || !opening.is_of_others(&self.protected, body)? => {
                                let sent = query.sends_written().then(|| opening.sent(Params::NONE));
                                translate_error(Some(body), plan, sent, |at| query.positions.client(at), out)
                            }
                            Some(_) | None => {
                                errors::placed(body, |at| query.positions.client(at), out).map_err(|_| nonsense())?;
                                Ok(Fate::Replaced)
                            }
                        },
                    }
                }
                Some(Some(portal)) => {
                    let fate = portal_frame(tag, portal, true, body, &opening, out)?;
                    query.current += usize::from(tag == b'C');
                    Ok(fate)
                }
                Some(None) => {
                    query.current += usize::from(tag == b'C');
                    Ok(Fate::Forward)
                }
                None if query.parts.is_empty() => Ok(Fate::Forward),
                // More results than statements: a rule, perhaps. Nothing says what they are.
                None => Err(nonsense()),
            },
            Answer::Prepared(portal) | Answer::Step(portal) if tag == b'E' => {
                let running = self.running.as_ref();
                translate_error(body, &portal.plan, None, |at| running?.execution.positions()?.client(at), out)
            }
            Answer::Prepared(_) => Ok(Fate::Drop),
            Answer::Step(_) if tag == b'D' => {
                let Some(body) = body else { return Ok(Fate::Whole) };
                let Some(running) = &mut self.running else { return Err(nonsense()) };
                let row = reader::data_row(body).map_err(foreign)?;
                if matches!(running.outcome, Outcome::Next)
                    && let Err(error) = running.execution.row(&row, self.world.keys.as_ref())
                {
                    if self.sought.seek(&error) {
                        return Ok(Fate::Key);
                    }
                    running.outcome = Outcome::Failed(error);
                }
                Ok(Fate::Replaced)
            }
            Answer::Step(_) => Ok(Fate::Drop),
            Answer::LastStep(portal) => {
                let Some(body) = body else { return Ok(Fate::Whole) };
                let Some(running) = &mut self.running else { return Err(nonsense()) };
                steps::last_step(tag, portal, running, &mut self.sought, body, &opening, out)
            }
            Answer::Left(portal, limit) => match tag {
                b'I' => {
                    portal.bound.iter().for_each(|bound| steps::show_left(bound, *limit, out));
                    Ok(Fate::Drop)
                }
                b'E' => translate_error(body, &portal.plan, None, |_| None, out),
                _ => Err(nonsense()),
            },
            Answer::Kept(portal) => match tag {
                b'E' => Ok(Fate::Forward),
                b'T' => {
                    let Some(body) = body else { return Ok(Fate::Whole) };
                    if let Some(bound) = portal.bound.as_ref().filter(|_| portal.plan.output.is_some()) {
                        bound.described.replace(Some(body.into()));
                    }
                    Ok(Fate::Drop)
                }
                _ => Ok(Fate::Drop),
            },
            // The empty statement has no columns.
            Answer::Described(portal) if !portal.is_query() => match tag {
                b'E' => translate_error(body, &portal.plan, None, |_| None, out),
                _ => match portal.bound.as_ref().and_then(|bound| bound.described.borrow().clone()) {
                    Some(body) => Ok(done(describe::columns(&body, &portal.plan, Some(portal.columns.client()), out))),
                    None => Ok(Fate::Forward),
                },
            },
            Answer::Described(portal) => match tag {
                b'E' => {
                    let position = |at| described_positions(&portal.plan).client(at);
                    translate_error(body, &portal.plan, None, position, out)
                }
                b't' => Ok(Fate::Drop),
                b'T' if portal.plan.output.is_some() => {
                    let Some(body) = body else { return Ok(Fate::Whole) };
                    let out = match &mut self.running {
                        Some(running) if running.simple => &mut running.description,
                        Some(_) | None => out,
                    };
                    Ok(done(describe::columns(body, &portal.plan, Some(portal.columns.client()), out)))
                }
                _ => Ok(Fate::Drop),
            },
            Answer::Pipeline(plan, tag_held) if tag == b'E' => {
                *tag_held = Box::default();
                translate_error(body, plan, None, |_| None, out)
            }
            Answer::Pipeline(..) => Err(nonsense()),
            Answer::Spoiled => Ok(Fate::Drop),
            Answer::Poison if tag == b'E' => Ok(Fate::Drop),
            Answer::Poison => Err(nonsense()),
        }
    }

    fn parameter_status(&mut self, body: Option<&[u8]>) -> Result<Fate, Fatal> {
        let Some(body) = body else { return Ok(Fate::Whole) };
        let (name, value) = reader::parameter_status(body).map_err(foreign)?;
        let (Ok(name), Ok(value)) = (std::str::from_utf8(name), std::str::from_utf8(value)) else {
            return Ok(Fate::Forward);
        };
        self.session.facts.parameter_status(name, value);
        Ok(Fate::Forward)
    }

    /// A notice may quote our SQL as an error may.
    fn notice(&mut self, body: Option<&[u8]>, out: &mut Vec<u8>) -> Result<Fate, Fatal> {
        let plan = match self.queue.front().map(|entry| &entry.payload.answer) {
            None | Some(Answer::Forward | Answer::Qualified(_)) => return Ok(Fate::Forward),
            Some(Answer::Statement(plan)) => plan,
            Some(
                Answer::Portal(portal)
                | Answer::Prepared(portal)
                | Answer::Step(portal)
                | Answer::LastStep(portal)
                | Answer::Left(portal, _)
                | Answer::Described(portal),
            ) => &portal.plan,
            Some(Answer::Pipeline(plan, _)) => plan,
            Some(Answer::Query(query)) => match query.plan() {
                Some(plan) => plan,
                None => return Ok(Fate::Forward),
            },
            Some(
                Answer::Swallow(_)
                | Answer::Begins(_)
                | Answer::Kept(_)
                | Answer::Show(..)
                | Answer::Text(_)
                | Answer::Refused(..)
                | Answer::Spoiled
                | Answer::Poison,
            ) => {
                return Ok(Fate::Drop);
            }
        };
        let Some(body) = body else { return Ok(Fate::Whole) };
        Ok(done(errors::translate(b'N', body, plan, None, |_| None, out)))
    }

    fn ready_for_query(&mut self, body: Option<&[u8]>, out: &mut Vec<u8>) -> Result<Fate, Fatal> {
        let Some(body) = body else { return Ok(Fate::Whole) };
        let status = reader::ready_for_query(body).map_err(foreign)?;
        self.ready(status);
        if std::mem::take(&mut self.spoiled) && status == reader::Status::InBlock {
            return self.poison();
        }
        match self.queue.front().map(|entry| &entry.payload.answer) {
            Some(Answer::Show(..)) => Ok(Fate::Drop),
            Some(Answer::Pipeline(_, tag)) => {
                out.extend_from_slice(tag);
                Ok(Fate::Forward)
            }
            _ => Ok(Fate::Forward),
        }
    }

    /// Wants the catalog looked at, once others see what was defined here.
    fn tell_defined(&mut self, core: &Core) {
        if self.defined == Defined::Committed {
            self.defined = Defined::No;
            if let Some(control) = &core.context.control {
                control.ask();
            }
        }
    }

    /// What follows from a ReadyForQuery, whatever it answers.
    fn ready(&mut self, status: reader::Status) {
        if self.defined == Defined::Open && status == reader::Status::Idle {
            self.defined = Defined::Committed;
        }
        self.status = status.code();
        self.sought.forget();
        let transaction = match status {
            reader::Status::Idle => Transaction::Idle,
            reader::Status::InBlock => Transaction::Block,
            reader::Status::Failed => Transaction::Failed,
        };
        if self.waiting == Waiting::Name {
            self.resume();
        }
        self.session.ready_for_query(transaction, self.queue.len() <= 1);
    }

    /// The client was told of an error inside a transaction block that goes on at the server: it must fail there too.
    /// The ReadyForQuery of a statement that fails takes the place of this one.
    fn poison(&mut self) -> Result<Fate, Fatal> {
        if self.queue.len() > 1 || self.from_client.bytes > 0 || !self.inject.is_empty() {
            let message = "a result could not be opened, and statements behind it were sent already";
            return Err(Fatal::new(SqlState::DATA_CORRUPTED, message));
        }
        compose::query(REFUSAL, &mut self.inject);
        // Behind the entry that this ReadyForQuery closes.
        let _ = self.queue.push(Kind::Query, Expected::new(Answer::Poison));
        self.wake = true;
        Ok(Fate::Drop)
    }

    /// An error of ours in place of the rest of the batch.
    fn fail_here(&mut self, error: &exec::Error, out: &mut Vec<u8>) {
        log::refusal(&self.span, error);
        errors::report(error, error.position(), self.session.facts.settings().encoding, out);
        let (mut shows, mut steps) = (false, false);
        let session = &mut self.session;
        let open = self.queue.spoil(|entry| {
            // The server goes on with it, and says at the commit what it wrote.
            if let Some(plan) = entry.payload.answer.executed() {
                session.executes(plan);
            }
            shows |= matches!(entry.payload.answer, Answer::Show(..));
            steps |= matches!(entry.payload.answer, Answer::Step(_) | Answer::LastStep(_));
            entry.payload.answer = Answer::Spoiled;
        });
        if steps && let Some(running) = &mut self.running {
            running.outcome = Outcome::Refused;
        }
        if open {
            self.queue.skip();
        }
        if shows {
            self.session.not_shown();
        }
        self.spoiled = true;
        self.resume();
    }
}

/// What rows are opened with.
struct Opening<'s> {
    world: &'s World,
    facts: &'s exec::facts::Facts,
    /// Bytes of rows that may be kept.
    cap: usize,
}

impl Opening<'_> {
    /// What the client sent, for an error that is told in its values.
    fn sent<'a>(&'a self, params: impl Into<KnownParams<'a>>) -> ClientValues<'a> {
        ClientValues { params: params.into(), keys: self.world.keys.as_ref(), settings: self.facts.settings() }
    }

    /// Whether an error of a statement that was forwarded is about nothing of ours.
    fn is_of_others(&self, protected: &Protection, body: &[u8]) -> Result<bool, Fatal> {
        let fields = reader::fields(body).map_err(foreign)?;
        Ok(exec::errors::is_of_others(&fields, protected, self.facts.settings().encoding))
    }

    /// An error of what a portal runs.
    fn error(
        &self,
        portal: &Portal,
        body: Option<&[u8]>,
        position: impl FnOnce(u32) -> Option<u32>,
        out: &mut Vec<u8>,
    ) -> Result<Fate, Fatal> {
        let told =
            |params: KnownParams<'_>| translate_error(body, &portal.plan, Some(self.sent(params)), position, out);
        match &portal.key {
            Some(key) => key.with(told),
            None => told(Params::NONE.into()),
        }
    }
}

/// An answer to a planned portal, or to a planned statement of a Query.
fn portal_frame(
    tag: u8,
    portal: &Portal,
    simple: bool,
    body: Option<&[u8]>,
    opening: &Opening<'_>,
    out: &mut Vec<u8>,
) -> Result<Fate, Fatal> {
    match tag {
        b'2' | b'n' | b'C' | b's' | b'I' => Ok(Fate::Forward),
        // Guard rows: they are ours.
        b'D' if portal.plan.output.is_none() => Ok(Fate::Drop),
        b'T' if portal.plan.output.is_none() && simple => Ok(Fate::Drop),
        b'T' => {
            let Some(body) = body else { return Ok(Fate::Whole) };
            Ok(done(describe::columns(body, &portal.plan, Some(portal.columns.client()), out)))
        }
        b'D' => {
            let Some(body) = body else { return Ok(Fate::Whole) };
            match portal.opener.borrow_mut().as_mut() {
                Some(opener) => {
                    Ok(done(rows::open(body, opener, opening.world.keys.as_ref(), opening.facts.settings(), out)))
                }
                None => Err(nonsense()),
            }
        }
        b'E' => opening.error(portal, body, |at| inputs::positions(&portal.plan.template).client(at), out),
        // A COPY is not planned.
        _ => Err(nonsense()),
    }
}

fn translate_error(
    body: Option<&[u8]>,
    plan: &Plan,
    sent: Option<ClientValues<'_>>,
    position: impl FnOnce(u32) -> Option<u32>,
    out: &mut Vec<u8>,
) -> Result<Fate, Fatal> {
    let Some(body) = body else { return Ok(Fate::Whole) };
    errors::translate(b'E', body, plan, sent, position, out).map_err(|_| nonsense())?;
    Ok(Fate::Replaced)
}

fn done(result: Result<(), exec::Error>) -> Fate {
    result.map_or_else(Fate::Failed, |()| Fate::Replaced)
}

fn nonsense() -> Fatal {
    Fatal::protocol("the server sent something unexpected")
}

fn foreign(_: Malformed) -> Fatal {
    nonsense()
}

fn too_long() -> exec::Error {
    let message = "a row that must be opened is longer than limits.held_frame_bytes";
    exec::Error::Refused(Refusal::error(SqlState::PROGRAM_LIMIT_EXCEEDED, message))
}
