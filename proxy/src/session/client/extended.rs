//! Parse, Bind, Describe, Execute, Close: which plan they mean, and what is sent in their place.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use pgseal::exec::errors::KeyParams;
use pgseal::exec::inputs::{self, Params};
use pgseal::exec::session::{self, Meaning, Refused, Statement};
use pgseal::exec::steps;
use pgseal::framing::Malformed;
use pgseal::sql::{Plan, Refusal};

use super::super::Core;
use super::super::queue::Kind;
use super::super::state::{Answer, Bound, Expected, Portal, RESERVED, State};
use super::steps::other_encoding;
use super::{Fate, Frame};
use crate::frames;
use crate::frames::bind::Checked;
use crate::frames::held::Held;
use crate::wire::compose;
use crate::wire::frame::HEADER;
use crate::wire::reader::{self, Target};

impl State {
    pub(super) fn parse(&mut self, core: &Core, frame: Frame<'_>, out: &mut Vec<u8>) -> Result<Fate, Malformed> {
        if !self.reads {
            return Ok(self.forward(Kind::Parse));
        }
        let Some(body) = frame.body else { return Ok(named(core, frame)) };
        let reader::Parse { statement: name, text, types } = reader::parse(body)?;
        let unnamed = name.is_empty();
        if name.starts_with(RESERVED) {
            return Ok(self.refuse(unnamed, &reserved(), None, out));
        }
        let key = match self.name(name, out) {
            Ok(key) => key,
            Err(fate) => return Ok(fate),
        };
        let text = match self.parse_text(unnamed, text, out) {
            Ok(text) => text,
            Err(fate) => {
                if matches!(fate, Fate::Drop) {
                    self.session.bar(&key);
                }
                return Ok(fate);
            }
        };
        if self.session.awaits_path(text.text(), &self.world.protection) {
            return Ok(self.awaits_name(out));
        }
        let statements = core.plans.borrow_mut().plan_client(&text, &types, &self.world.protection);
        if self.status != b'E' && self.session.asks_path(&statements, &self.world.protection) {
            self.ask_path(out);
            return Ok(Fate::Wait);
        }
        let parsed = self.session.parse(&key, text.text(), &types, &statements, &self.world.protection);
        let (statement, change) = match parsed {
            Ok(parsed) => parsed,
            Err(Refused { refusal, position: _ }) => {
                let position = text.position(refusal.position);
                return Ok(self.refuse(unnamed, &refusal, position, out));
            }
        };
        let (answer, fate) = match (statement.plan(), statement.qualified()) {
            (Some(plan), _) => {
                if let Err(error) = frames::bind::parse(name, plan, &types, self.encoding(), out) {
                    self.session.unsent(&key, text.text());
                    return Ok(self.refuse(unnamed, &error, None, out));
                }
                (Answer::Statement(Arc::clone(plan)), Fate::Replaced)
            }
            (None, Some(template)) => {
                let qualified = inputs::traced(template);
                match frames::bind::encoded(&qualified.text, self.encoding()) {
                    Ok(physical) => compose::parse(name, physical, &types, out),
                    Err(error) => {
                        self.session.unsent(&key, text.text());
                        return Ok(self.refuse(unnamed, &error, None, out));
                    }
                }
                (Answer::Qualified(qualified.positions), Fate::Replaced)
            }
            (None, None) => (Answer::Forward, Fate::Forward),
        };
        self.expect(Kind::Parse, Expected::changing(answer, change));
        Ok(fate)
    }

    /// A Parse that is dropped with the rest of its batch.
    pub(super) fn skip_parse(&mut self, core: &Core, frame: Frame<'_>) -> Fate {
        let Some(body) = frame.body else { return named(core, frame) };
        // One that is malformed the server would not notice either.
        if let Ok(reader::Parse { statement: name, text, types }) = reader::parse(body) {
            let name = self.session.facts.settings().encoding.decode(name).unwrap_or_default();
            match self.skipped_text(text) {
                Ok(text) => {
                    let statements = core.plans.borrow_mut().plan_client(&text, &types, &self.world.protection);
                    self.session.skipped(name.as_bytes(), text.text(), &statements, &self.world.protection);
                }
                Err(_) => self.session.bar(name.as_bytes()),
            }
        }
        Fate::Drop
    }

    /// The statement of this name is parsed again, before the message that needs it: its physical form has changed
    /// (SQL-12).
    fn parse_again(
        &mut self,
        name: &[u8],
        key: &[u8],
        statement: &Statement,
        out: &mut Vec<u8>,
    ) -> Result<(), pgseal::exec::Error> {
        let change = || session::Change::Statement(key.into());
        let encoding = self.encoding();
        let mut again = Vec::new();
        compose::close(Target::Statement, name, &mut again);
        let parsed = match (statement.plan(), statement.qualified()) {
            (Some(plan), _) => frames::bind::parse(name, plan, statement.declared(), encoding, &mut again),
            (None, Some(template)) => frames::bind::encoded(&inputs::traced(template).text, encoding)
                .map(|text| compose::parse(name, text, statement.declared(), &mut again)),
            (None, None) => statement
                .text()
                .ok_or(pgseal::exec::Error::Protocol("a text that is not kept cannot be parsed again"))
                .and_then(|text| frames::bind::encoded(text, encoding))
                .map(|text| compose::parse(name, text, statement.declared(), &mut again)),
        };
        if let Err(error) = parsed {
            self.session.unsent_again(key);
            return Err(error);
        }
        out.append(&mut again);
        self.expect(Kind::Close, Expected::changing(Answer::Swallow(None), change()));
        self.expect(Kind::Parse, Expected::changing(Answer::Swallow(statement.plan().cloned()), change()));
        Ok(())
    }

    /// The answer to what was sent about a name is needed first.
    pub(super) fn awaits_name(&self, out: &mut Vec<u8>) -> Fate {
        // What it waits for may stand in this batch: the server is made to answer it.
        if self.session.renames() || self.session.path.as_ref().is_some_and(|path| path.is_open(&self.protected)) {
            compose::flush(out);
        }
        Fate::Name
    }

    /// The server is asked for the path; in a failed transaction it answers nothing but that.
    fn unplaced(&mut self, out: &mut Vec<u8>) -> Fate {
        if self.status == b'E' {
            return self.refuse(false, &Refusal::new("the search path is not known"), None, out);
        }
        self.ask_path(out);
        Fate::Wait
    }

    pub(super) fn bind(&mut self, core: &Core, frame: Frame<'_>, out: &mut Vec<u8>) -> Result<Fate, Malformed> {
        if !self.reads {
            return Ok(self.forward(Kind::Bind));
        }
        let Some((portal, name)) = two_names(frame.seen) else {
            return match frame.body {
                Some(_) => Err(Malformed("names without an end")),
                None => Ok(more(core, frame)),
            };
        };
        if portal.starts_with(RESERVED) || name.starts_with(RESERVED) {
            return Ok(self.refuse(false, &reserved(), None, out));
        }
        let portal = match self.name(portal, out) {
            Ok(portal) => portal,
            Err(fate) => return Ok(fate),
        };
        let key = match self.name(name, out) {
            Ok(key) => key,
            Err(fate) => return Ok(fate),
        };
        // A Bind that goes on as it is need not be whole; most are.
        if frame.body.is_none() && self.session.needs_values(&key, &self.world.protection) {
            return Ok(Fate::Whole);
        }
        let values = || !frame.body.is_some_and(|body| reader::bind(body).is_ok_and(|bind| bind.values.is_empty()));
        let meaning = loop {
            let protection = &self.world.protection;
            let plan = |text: &str, declared: &[u32]| core.plans.borrow_mut().plan(text, declared, protection);
            match self.session.bind(&key, values, self.status == b'E', protection, plan) {
                Ok(Meaning::Again(statement)) => {
                    if let Err(error) = self.parse_again(name, &key, &statement, out) {
                        return Ok(self.refuse(false, &error, None, out));
                    }
                }
                Ok(meaning) => break meaning,
                Err(Refused { refusal, position }) => return Ok(self.refuse(false, &refusal, position, out)),
            }
        };
        let (statement, plan) = match (meaning, frame.body) {
            (Meaning::Planned(statement, plan), Some(_)) => (statement, plan),
            (Meaning::Planned(..), None) => return Ok(Fate::Whole),
            (Meaning::Forwarded(statement), body) => {
                return Ok(self.bind_forwarded(&portal, statement.as_deref(), body));
            }
            (Meaning::Unplaced, _) => return Ok(self.unplaced(out)),
            (Meaning::Unknown, _) => {
                self.ask_for_text(name, &key, out);
                return Ok(Fate::Wait);
            }
            (Meaning::Open | Meaning::Again(_), _) => return Ok(self.awaits_name(out)),
        };
        match self.bind_planned(frame.body.unwrap_or(&[]), &portal, &plan, statement.declared(), out) {
            Ok(Fate::Replaced) => {
                self.session.facts.sent(statement.effect());
                Ok(Fate::Replaced)
            }
            Ok(fate) => Ok(fate),
            Err(error) => Ok(self.refuse(false, &error, error.position(), out)),
        }
    }

    fn bind_forwarded(&mut self, portal: &[u8], statement: Option<&Statement>, body: Option<&[u8]>) -> Fate {
        let mut named = statement.and_then(Statement::named).cloned();
        if let Some(own) = named.take_if(|named| named.reads_parameters()) {
            let values = body.and_then(|body| reader::bind(body).ok()).map(|bind| bind.values).unwrap_or_default();
            // Text is the same in both formats.
            let encoding = self.session.facts.settings().encoding;
            let texts: Vec<_> =
                values.iter().map(|value| value.map(|value| encoding.decode(value)).transpose().ok()).collect();
            named = Some(own.bound(|number| texts.get(number)?.as_ref().map(Option::as_deref)));
        }
        if let Some(statement) = statement {
            self.session.sends_effect(statement.effect());
        }
        let change = match named {
            Some(named) => Some(self.session.portal(portal, session::Portal::Naming(Box::new(named)))),
            None => self.session.no_portal(portal),
        };
        self.expect(Kind::Bind, Expected::changing(Answer::Forward, change));
        Fate::Forward
    }

    fn bind_planned(
        &mut self,
        body: &[u8],
        key: &[u8],
        plan: &Arc<Plan>,
        declared: &[u32],
        out: &mut Vec<u8>,
    ) -> Result<Fate, pgseal::exec::Error> {
        let client = reader::bind(body)?;
        let Checked { params: formats, columns } = frames::bind::check(&client, plan)?;
        let shows = self.session.facts.shows(columns.depend_on_unreported(plan));
        if !shows.is_empty() && self.status != b'E' {
            self.ask(shows, out);
            return Ok(Fate::Wait);
        }
        self.session.facts.check(plan).map_err(pgseal::exec::Error::Refused)?;
        let settings = self.session.facts.settings();
        columns.check(plan, settings)?;
        let params = Params { values: &client.values, formats: &formats, encoding: settings.encoding };
        let bound = if plan.is_stepped() {
            steps::read(plan, params, settings)?;
            Some(Bound::new(Some(Held::new(params)), declared, settings.encoding))
        } else {
            frames::bind::bind(&client, params, &columns, plan, self.world.keys.as_ref(), settings, out)?;
            None
        };
        let opener = RefCell::new(columns.opener(plan, params));
        let portal =
            Rc::new(Portal { plan: Arc::clone(plan), columns, opener, bound, key: KeyParams::of(plan, params) });
        if plan.is_stepped() {
            self.bind_steps(&client, params, key, portal, out);
        } else {
            let change = self.session.portal(key, session::Portal::Planned(Rc::clone(&portal)));
            self.expect(Kind::Bind, Expected::changing(Answer::Portal(portal), change));
        }
        Ok(Fate::Replaced)
    }

    pub(super) fn describe(&mut self, core: &Core, frame: Frame<'_>, out: &mut Vec<u8>) -> Result<Fate, Malformed> {
        let kind = match frame.seen.first() {
            Some(b'S') => Kind::DescribeStatement,
            Some(b'P') => Kind::DescribePortal,
            Some(_) => return Err(Malformed("neither a statement nor a portal is meant")),
            None if frame.body.is_some() => return Err(Malformed("neither a statement nor a portal is meant")),
            None => return Ok(Fate::Bytes(HEADER + 1)),
        };
        if !self.reads {
            return Ok(self.forward(kind));
        }
        let Some(body) = frame.body else { return Ok(Fate::Whole) };
        let (target, name) = reader::describe(body)?;
        if name.starts_with(RESERVED) {
            return Ok(self.refuse(false, &reserved(), None, out));
        }
        let key = match self.name(name, out) {
            Ok(key) => key,
            Err(fate) => return Ok(fate),
        };
        let answer = match target {
            Target::Portal if self.session.is_open_portal(&key) => return Ok(Fate::Name),
            Target::Portal => match self.session.open_portal(&key) {
                Some(session::Portal::Planned(portal)) => match &portal.bound {
                    Some(bound) if bound.encoding != self.session.facts.settings().encoding => {
                        return Ok(self.refuse(false, &other_encoding(), None, out));
                    }
                    Some(_) => Answer::Described(Rc::clone(portal)),
                    None => Answer::Portal(Rc::clone(portal)),
                },
                Some(session::Portal::Naming(_)) | None => Answer::Forward,
            },
            Target::Statement => loop {
                let protection = &self.world.protection;
                let plan = |text: &str, declared: &[u32]| core.plans.borrow_mut().plan(text, declared, protection);
                match self.session.statement(&key, protection, plan) {
                    Ok(Meaning::Planned(_, plan)) => break Answer::Statement(plan),
                    Ok(Meaning::Forwarded(_) | Meaning::Unknown) => break Answer::Forward,
                    Ok(Meaning::Open) => return Ok(self.awaits_name(out)),
                    Ok(Meaning::Unplaced) => return Ok(self.unplaced(out)),
                    Ok(Meaning::Again(statement)) => {
                        if let Err(error) = self.parse_again(name, &key, &statement, out) {
                            return Ok(self.refuse(false, &error, None, out));
                        }
                    }
                    Err(Refused { refusal, position }) => return Ok(self.refuse(false, &refusal, position, out)),
                }
            },
        };
        self.expect(kind, Expected::new(answer));
        Ok(Fate::Forward)
    }

    pub(super) fn execute(&mut self, frame: Frame<'_>, out: &mut Vec<u8>) -> Result<Fate, Malformed> {
        if !self.reads {
            return Ok(self.forward(Kind::Execute));
        }
        let Some(body) = frame.body else { return Ok(Fate::Whole) };
        let (name, limit) = reader::execute(body)?;
        if name.starts_with(RESERVED) {
            return Ok(self.refuse(false, &reserved(), None, out));
        }
        let key = match self.name(name, out) {
            Ok(key) => key,
            Err(fate) => return Ok(fate),
        };
        if self.session.is_open_portal(&key) {
            return Ok(Fate::Name);
        }
        let portal = match self.session.open_portal(&key).cloned() {
            None => return Ok(self.forward(Kind::Execute)),
            Some(session::Portal::Naming(named)) => {
                if let Some(refusal) = self.session.too_much(&named) {
                    return Ok(self.refuse(false, &refusal, None, out));
                }
                let named = if limit == 0 { *named } else { named.limited() };
                let change = self.session.sends(named, self.world.protection.epoch);
                self.expect(Kind::Execute, Expected::changing(Answer::Forward, change));
                return Ok(Fate::Forward);
            }
            Some(session::Portal::Planned(portal)) => portal,
        };
        // Its rows are shown under the settings of now, not of its Bind.
        let shows = self.session.facts.shows(false);
        if !shows.is_empty() && self.status != b'E' {
            self.ask(shows, out);
            return Ok(Fate::Wait);
        }
        if portal.bound.is_some() {
            let limit = usize::try_from(limit).unwrap_or(0);
            self.run(name, portal, limit, out);
            return Ok(Fate::Replaced);
        }
        // Guard rows are ours: no row limit of the client may suspend them.
        let fate = if portal.plan.output.is_none() {
            compose::execute(name, 0, out);
            Fate::Replaced
        } else {
            Fate::Forward
        };
        self.expect(Kind::Execute, Expected::new(Answer::Portal(portal)));
        Ok(fate)
    }

    pub(super) fn close(&mut self, frame: Frame<'_>, out: &mut Vec<u8>) -> Result<Fate, Malformed> {
        if !self.reads {
            return Ok(self.forward(Kind::Close));
        }
        let Some(body) = frame.body else { return Ok(Fate::Whole) };
        let (target, name) = reader::close(body)?;
        if name.starts_with(RESERVED) {
            return Ok(self.refuse(false, &reserved(), None, out));
        }
        let key = match self.name(name, out) {
            Ok(key) => key,
            Err(fate) => return Ok(fate),
        };
        let change = match target {
            Target::Statement => self.session.close(&key),
            Target::Portal => self.session.no_portal(&key),
        };
        self.expect(Kind::Close, Expected::changing(Answer::Forward, change));
        Ok(Fate::Forward)
    }
}

/// All of a Parse, but its name first: whatever becomes of it is about that.
fn named(core: &Core, frame: Frame<'_>) -> Fate {
    if frame.seen.contains(&0) { Fate::Whole } else { more(core, frame) }
}

/// One byte more than was seen, up to what may be held.
fn more(core: &Core, frame: Frame<'_>) -> Fate {
    match frame.seen.len() < core.context.limits.held_frame {
        true => Fate::Bytes(HEADER + frame.seen.len() + 1),
        false => Fate::Whole,
    }
}

/// Portal and statement at the front of a Bind, if both are there.
fn two_names(seen: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut parts = seen.splitn(3, |byte| *byte == 0);
    let (portal, name) = (parts.next()?, parts.next()?);
    parts.next().map(|_| (portal, name))
}

fn reserved() -> Refusal {
    Refusal::new("names that begin with pgseal_ are reserved")
}
