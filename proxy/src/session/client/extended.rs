//! Parse, Bind, Describe, Execute, Close: which plan they mean, and what is sent in their place.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use pgseal::error::SqlState;
use pgseal::exec::by_name;
use pgseal::exec::inputs::Params;
use pgseal::exec::single::{Single, single};
use pgseal::sql::{Effect, Plan, Refusal};

use super::super::Core;
use super::super::fatal::Fatal;
use super::super::queue::Kind;
use super::super::state::{Answer, Bound, Change, Expected, Portal, RESERVED, SHOW_NAME, State, Statement};
use super::by_name::{Known, does_not_exist, unremembered};
use super::{Fate, Frame, malformed, not_utf8, position};
use crate::frames::{self, Columns};
use crate::wire::compose;
use crate::wire::frame::HEADER;
use crate::wire::reader::{self, Target};

/// Portals that do something to names and wait for their Execute.
const MOST_NAMING: usize = 64;

impl State {
    pub(super) fn parse(&mut self, core: &Core, frame: Frame<'_>, out: &mut Vec<u8>) -> Result<Fate, Fatal> {
        if !self.reads {
            return Ok(self.forward(Kind::Parse));
        }
        let Some(body) = frame.body else { return Ok(Fate::Whole) };
        let reader::Parse { statement: name, text, types } = reader::parse(body).map_err(malformed)?;
        let unnamed = name.is_empty();
        if name.starts_with(RESERVED) {
            return Ok(self.refuse(unnamed, &reserved(), None, out));
        }
        let Ok(text) = std::str::from_utf8(text) else { return Ok(self.refuse(unnamed, &not_utf8(), None, out)) };
        let (plan, effect) = match self.plan(core, text, &types) {
            Ok(planned) => planned,
            Err(refusal) => {
                self.refuses(text);
                self.refused.insert(name);
                let position = position(text, refusal.position);
                return Ok(self.refuse(unnamed, &refusal, position, out));
            }
        };
        let answer = match &plan {
            Some(plan) => {
                frames::bind::parse(name, plan, &types, out);
                Answer::Statement(Arc::clone(plan))
            }
            None => Answer::Forward,
        };
        let fate = if plan.is_some() { Fate::Replaced } else { Fate::Forward };
        let epoch = self.world.protection.epoch;
        let (named, runs) = (self.names_of(text), plan.is_none() && by_name::runs(text));
        let was_refused = self.refused.contains(name) || self.closed.contains(name);
        let statement =
            Statement { text: text.to_owned(), declared: types, epoch, plan, effect, named, runs, was_refused };
        self.refused.remove(name);
        self.closed.remove(name);
        self.statements.send(name, Some(Rc::new(statement)));
        self.expect(Kind::Parse, Expected::changing(answer, Change::Statement(name.into())));
        Ok(fate)
    }

    /// A Parse that is dropped with the rest of its batch: its name has no meaning, or an older one, and what it would have
    /// made is not there if it had been refused.
    pub(super) fn skip_parse(&mut self, core: &Core, frame: Frame<'_>) -> Fate {
        let Some(body) = frame.body else { return Fate::Whole };
        // One that is malformed the server would not notice either.
        if let Ok(reader::Parse { statement: name, text, types }) = reader::parse(body) {
            self.refused.insert(name);
            if let Ok(text) = std::str::from_utf8(text)
                && self.plan(core, text, &types).is_err()
            {
                self.refuses(text);
            }
        }
        Fate::Drop
    }

    /// What becomes of the one statement of a Parse.
    fn plan(&self, core: &Core, text: &str, declared: &[u32]) -> Result<(Option<Arc<Plan>>, Effect), Refusal> {
        let statements = core.plans.borrow_mut().plan(text, declared, &self.world.protection);
        let Single { plan, effect } = single(&statements)?;
        match self.uses_by_name(text) {
            Some(refusal) if plan.is_none() => Err(refusal),
            Some(_) | None => Ok((plan, effect)),
        }
    }

    /// The statement of this name, planned under the lock that is in force now (SQL-12). If its physical form has
    /// changed it is parsed again under its name, before the message that needs it.
    fn statement(&mut self, core: &Core, name: &[u8], out: &mut Vec<u8>) -> Result<Option<Rc<Statement>>, Refusal> {
        let Some(known) = self.statements.get(name).cloned() else {
            if self.unremembered && !self.texts.knows(name) {
                return Err(unremembered());
            }
            return Ok(None);
        };
        let epoch = self.world.protection.epoch;
        if known.epoch == epoch {
            return Ok(Some(known));
        }
        let (plan, effect) = self.plan(core, &known.text, &known.declared)?;
        let stays = plan.is_none() && known.plan.is_none();
        let (text, declared, named) = (known.text.clone(), known.declared.clone(), known.named.clone());
        let runs = plan.is_none() && by_name::runs(&text);
        let was_refused = known.was_refused;
        let fresh = Rc::new(Statement { text, declared, epoch, plan, effect, named, runs, was_refused });
        if !stays {
            compose::close(Target::Statement, name, out);
            match &fresh.plan {
                Some(plan) => frames::bind::parse(name, plan, &fresh.declared, out),
                None => compose::parse(name, &fresh.text, &fresh.declared, out),
            }
            self.statements.send(name, None);
            let change = || Change::Statement(name.into());
            self.expect(Kind::Close, Expected::changing(Answer::Swallow(None), change()));
            self.statements.send(name, Some(Rc::clone(&fresh)));
            let answer = Answer::Swallow(fresh.plan.clone());
            self.expect(Kind::Parse, Expected::changing(answer, change()));
        }
        Ok(Some(fresh))
    }

    pub(super) fn bind(&mut self, core: &Core, frame: Frame<'_>, out: &mut Vec<u8>) -> Result<Fate, Fatal> {
        if !self.reads {
            return Ok(self.forward(Kind::Bind));
        }
        let Some((portal, name)) = two_names(frame.seen) else {
            return if frame.body.is_some() { Err(Fatal::protocol("invalid message format")) } else { Ok(Fate::Whole) };
        };
        if portal.starts_with(RESERVED) || name.starts_with(RESERVED) {
            return Ok(self.refuse(false, &reserved(), None, out));
        }
        if self.statements.is_open(name) {
            return Ok(Fate::Name);
        }
        if let Some(fate) = self.awaits_names(out) {
            return Ok(fate);
        }
        // A Bind that goes on as it is need not be whole; most are.
        let body = frame.body;
        if body.is_none() && self.statements.get(name).is_some_and(|known| self.needs_whole_bind(known)) {
            return Ok(Fate::Whole);
        }
        let statement = match self.statement(core, name, out) {
            Ok(statement) => statement,
            Err(refusal) => return Ok(self.refuse(false, &refusal, None, out)),
        };
        let planned = statement.as_ref().and_then(|statement| statement.plan.as_ref());
        if planned.is_none() && self.is_refused(name) {
            // Its values may be those of a protected statement; what the server would say is known.
            return Ok(self.refuse(false, &does_not_exist(name), None, out));
        }
        if statement.is_none() {
            match self.known(name, frame, out) {
                Known::Harmless => {}
                Known::Refused(refusal) => return Ok(self.refuse(false, &refusal, None, out)),
                Known::Asked => return Ok(Fate::Wait),
                Known::Whole => return Ok(Fate::Whole),
            }
        }
        // What it runs or uses by name may have been refused since it was prepared.
        if let Some(statement) = statement.as_ref().filter(|statement| statement.plan.is_none())
            && let Some(refusal) = match statement.runs {
                true => self.uses_by_name(&statement.text),
                false => self.never_made.uses(&statement.text),
            }
        {
            self.refuses(&statement.text);
            return Ok(self.refuse(false, &refusal, position(&statement.text, refusal.position), out));
        }
        let (Some(plan), Some(body)) = (planned, body) else {
            return Ok(self.bind_forwarded(portal, statement.as_deref(), out));
        };
        let (effect, declared) =
            statement.as_ref().map_or((Effect::None, &[][..]), |statement| (statement.effect, &statement.declared));
        match self.bind_planned(body, plan, declared, out) {
            Ok(Fate::Replaced) => {
                self.facts.sent(effect);
                Ok(Fate::Replaced)
            }
            Ok(fate) => Ok(fate),
            Err(error) => Ok(self.refuse(false, &error, error.position(), out)),
        }
    }

    fn needs_whole_bind(&self, known: &Statement) -> bool {
        known.plan.is_some() || known.epoch != self.world.protection.epoch
    }

    fn bind_forwarded(&mut self, portal: &[u8], statement: Option<&Statement>, out: &mut Vec<u8>) -> Fate {
        let named = statement.map(|statement| &statement.named).filter(|named| !named.is_empty());
        self.naming.retain(|(other, _)| **other != *portal);
        if let Some(named) = named {
            if self.naming.len() >= MOST_NAMING {
                return self.refuse(false, &too_many_named(), None, out);
            }
            self.naming.push((portal.into(), named.clone()));
        }
        if let Some(statement) = statement {
            self.forwards(statement.effect);
        }
        if !self.portals.knows(portal) {
            return self.forward(Kind::Bind);
        }
        self.portals.send(portal, None);
        self.expect(Kind::Bind, Expected::changing(Answer::Forward, Change::Portal(portal.into())));
        Fate::Forward
    }

    fn bind_planned(
        &mut self,
        body: &[u8],
        plan: &Arc<Plan>,
        declared: &[u32],
        out: &mut Vec<u8>,
    ) -> Result<Fate, pgseal::exec::Error> {
        let client = reader::bind(body)?;
        let columns = Columns::extended(plan, &client.results)?;
        let shows = self.facts.shows(columns.depend_on_unreported(plan));
        if !shows.is_empty() && self.status != b'E' {
            self.ask(shows, out);
            return Ok(Fate::Wait);
        }
        self.facts.check(plan).map_err(pgseal::exec::Error::Refused)?;
        let formats = frames::bind::formats(&client)?;
        let params = Params { values: &client.values, formats: &formats };
        let portal = |columns: Columns, bound| {
            let opener = RefCell::new(columns.opener(plan, params));
            Rc::new(Portal { plan: Arc::clone(plan), columns, opener, bound })
        };
        let settings = self.facts.settings();
        if plan.is_stepped() {
            let columns = frames::bind::check(&client, plan, settings)?;
            let bound = Bound { body: Some(body.to_vec()), declared: declared.to_vec(), left: RefCell::default() };
            self.bind_steps(client.portal, portal(columns, Some(bound)), out);
        } else {
            let columns = frames::bind::bind(&client, plan, self.world.keys.as_ref(), settings, out)?;
            let portal = portal(columns, None);
            self.portals.send(client.portal, Some(Rc::clone(&portal)));
            let change = Change::Portal(client.portal.into());
            self.expect(Kind::Bind, Expected::changing(Answer::Portal(portal), change));
        }
        Ok(Fate::Replaced)
    }

    /// Asks for settings inside the client's batch. A Query would end the batch's transaction.
    fn ask(&mut self, settings: &'static [&'static str], out: &mut Vec<u8>) {
        for (number, asked) in settings.chunks(1).enumerate() {
            let name = asked.concat();
            compose::close(Target::Statement, SHOW_NAME, out);
            compose::parse(SHOW_NAME, &format!("SHOW {name}"), &[], out);
            compose::bind(SHOW_NAME, SHOW_NAME, &[], &[], out);
            compose::execute(SHOW_NAME, 0, out);
            compose::close(Target::Portal, SHOW_NAME, out);
            self.expect(Kind::Close, Expected::new(Answer::Swallow(None)));
            self.expect(Kind::Parse, Expected::new(Answer::Swallow(None)));
            self.expect(Kind::Bind, Expected::new(Answer::Swallow(None)));
            self.expect(Kind::Execute, Expected::new(Answer::Show(asked, number + 1 == settings.len())));
            self.expect(Kind::Close, Expected::new(Answer::Swallow(None)));
        }
        compose::flush(out);
        self.facts.asked();
    }

    pub(super) fn describe(&mut self, core: &Core, frame: Frame<'_>, out: &mut Vec<u8>) -> Result<Fate, Fatal> {
        let kind = match frame.seen.first() {
            Some(b'S') => Kind::DescribeStatement,
            Some(b'P') => Kind::DescribePortal,
            Some(_) => return Err(Fatal::protocol("invalid message format")),
            None if frame.body.is_some() => return Err(Fatal::protocol("invalid message format")),
            None => return Ok(Fate::Bytes(HEADER + 1)),
        };
        if !self.reads {
            return Ok(self.forward(kind));
        }
        let Some(body) = frame.body else { return Ok(Fate::Whole) };
        let (target, name) = reader::describe(body).map_err(malformed)?;
        if name.starts_with(RESERVED) {
            return Ok(self.refuse(false, &reserved(), None, out));
        }
        let open = match target {
            Target::Portal => self.portals.is_open(name),
            Target::Statement => self.statements.is_open(name),
        };
        if open {
            return Ok(Fate::Name);
        }
        if target == Target::Statement
            && let Some(fate) = self.awaits_names(out)
        {
            return Ok(fate);
        }
        let answer = match target {
            Target::Portal => match self.portals.get(name).cloned() {
                Some(portal) if portal.bound.is_some() => {
                    self.describe_steps(&portal, out);
                    return Ok(Fate::Replaced);
                }
                portal => portal.map(Answer::Portal),
            },
            Target::Statement => match self.statement(core, name, out) {
                Ok(statement) => statement.and_then(|found| found.plan.clone()).map(Answer::Statement),
                Err(refusal) => return Ok(self.refuse(false, &refusal, None, out)),
            },
        };
        self.expect(kind, Expected::new(answer.unwrap_or(Answer::Forward)));
        Ok(Fate::Forward)
    }

    pub(super) fn execute(&mut self, frame: Frame<'_>, out: &mut Vec<u8>) -> Result<Fate, Fatal> {
        if !self.reads {
            return Ok(self.forward(Kind::Execute));
        }
        let Some(body) = frame.body else { return Ok(Fate::Whole) };
        let (name, limit) = reader::execute(body).map_err(malformed)?;
        if name.starts_with(RESERVED) {
            return Ok(self.refuse(false, &reserved(), None, out));
        }
        if self.portals.is_open(name) {
            return Ok(Fate::Name);
        }
        let Some(portal) = self.portals.get(name).cloned() else {
            let at = self.naming.iter().position(|(portal, _)| **portal == *name);
            let named = at.map(|at| self.naming.remove(at).1.sent()).unwrap_or_default();
            if let Some(refusal) = self.texts.refusal(&named) {
                return Ok(self.refuse(false, &refusal, None, out));
            }
            self.sends(&named);
            self.expect(Kind::Execute, Expected::naming(Answer::Forward, named));
            return Ok(Fate::Forward);
        };
        self.executes(&portal.plan);
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

    pub(super) fn close(&mut self, frame: Frame<'_>, out: &mut Vec<u8>) -> Result<Fate, Fatal> {
        if !self.reads {
            return Ok(self.forward(Kind::Close));
        }
        let Some(body) = frame.body else { return Ok(Fate::Whole) };
        let (target, name) = reader::close(body).map_err(malformed)?;
        if name.starts_with(RESERVED) {
            return Ok(self.refuse(false, &reserved(), None, out));
        }
        let change = match target {
            Target::Statement if self.statements.knows(name) => {
                if self.statements.get(name).is_some_and(|statement| statement.plan.is_some()) {
                    self.closed.insert(name);
                }
                self.statements.send(name, None);
                Change::Statement(name.into())
            }
            Target::Portal if self.portals.knows(name) => {
                self.portals.send(name, None);
                Change::Portal(name.into())
            }
            Target::Statement | Target::Portal => return Ok(self.forward(Kind::Close)),
        };
        self.expect(Kind::Close, Expected::changing(Answer::Forward, change));
        Ok(Fate::Forward)
    }
}

/// Portal and statement at the front of a Bind, if both are there.
fn two_names(seen: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut parts = seen.splitn(3, |byte| *byte == 0);
    let (portal, name) = (parts.next()?, parts.next()?);
    parts.next().map(|_| (portal, name))
}

fn too_many_named() -> Refusal {
    let message = format!("more than {MOST_NAMING} portals that prepare or free statements, or define something");
    Refusal::error(SqlState::PROGRAM_LIMIT_EXCEEDED, message).hint("Execute them first.")
}

fn reserved() -> Refusal {
    Refusal::new("names that begin with pgseal_ are reserved")
}
