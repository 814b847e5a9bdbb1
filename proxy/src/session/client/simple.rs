//! Query: forwarded, or spliced, up to a statement that is refused.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use pgseal::error::{SqlState, UserFacing};
use pgseal::exec::inputs::Params;
use pgseal::exec::query::{self, plan};
use pgseal::exec::session::{cut, path};
use pgseal::framing::Malformed;
use pgseal::sql::client_text::ClientText;
use pgseal::sql::{Decision, Origin, Plan, Refusal, Statement};

use super::super::Core;
use super::super::queue::Kind;
use super::super::state::{Answer, Bound, Expected, Portal, REFUSAL, Simple, State};
use super::{Fate, Frame};
use crate::frames::{self, Columns};
use crate::wire::{compose, reader};

impl State {
    pub(super) fn query(&mut self, core: &Core, frame: Frame<'_>, out: &mut Vec<u8>) -> Result<Fate, Malformed> {
        if !self.reads {
            return Ok(self.forward(Kind::Query));
        }
        let Some(body) = frame.body else { return Ok(Fate::Whole) };
        let mut sent = match self.query_text(reader::query(body)?, out) {
            Ok(text) => text,
            Err(fate) => return Ok(fate),
        };
        let mut stopped = None;
        // What is not sent is refused behind what is: a PREPARE that is sent must not give its names a meaning.
        let mut unsent = String::new();
        loop {
            let stop = match self.simple(core, &sent, stopped.as_ref(), out) {
                Ok(fate) => {
                    // What waits is looked at again from its beginning.
                    if matches!(fate, Fate::Replaced) {
                        self.session.refused(&unsent);
                    }
                    return Ok(fate);
                }
                Err(stop) => stop,
            };
            let end = cut(sent.text(), stop.error.sqlstate(), stop.at);
            unsent.insert_str(0, sent.text().get(end..).unwrap_or(""));
            sent.truncate(end);
            if end == 0 {
                self.session.refused(&unsent);
                self.refuse_query(&*stop.error, stop.position, out);
                return Ok(Fate::Drop);
            }
            stopped = Some(stop);
        }
    }

    /// A Query up to a statement that is refused, if one is.
    fn simple(
        &mut self,
        core: &Core,
        client: &ClientText<'_>,
        stopped: Option<&Stop>,
        out: &mut Vec<u8>,
    ) -> Result<Fate, Stop> {
        let text = client.text();
        if self.session.awaits_path(text, &self.world.protection) {
            return Ok(self.awaits_name(out));
        }
        let statements = {
            let mut plans = core.plans.borrow_mut();
            match &self.session.path {
                Some(path) => path.plan(&mut plans, client, &self.world.protection, &self.protected),
                None => plans.plan_client(client, &[], &self.world.protection),
            }
        };
        if self.status != b'E' && self.session.asks_path(&statements, &self.world.protection) {
            return Ok(self.ask_path_by_query(out));
        }
        let count = statements.len() + usize::from(stopped.is_some());
        let refusals = || statements.iter().filter_map(|found| Some((found, query::refusal(found, count)?)));
        // What does not parse comes first, as at the server.
        let syntax = || refusals().find(|(_, refusal)| refusal.sqlstate == SqlState::SYNTAX_ERROR);
        if let Some((statement, refusal)) = syntax().or_else(|| refusals().next()) {
            return Err(Stop::refused(refusal, client, statement.range.start));
        }
        if let Some(refusal) = query::stale_within(text, &statements, &self.session.facts) {
            return Err(Stop::refused(refusal, client, 0));
        }
        let named = self.session.forwarded(text, &statements, &self.world.protection);
        let named = named.map_err(|refusal| Stop::refused(refusal, client, 0))?.moving(path::effects(&statements));
        let parts: Vec<Option<Portal>> = statements.iter().map(part).collect();
        let planned = || parts.iter().flatten();
        let qualifies = statements.iter().any(|statement| matches!(statement.decision, Decision::Qualify(_)));
        if planned().next().is_none() && !qualifies && stopped.is_none() {
            let change = self.session.sends(named, self.world.protection.epoch);
            self.expect(Kind::Query, Expected::changing(Answer::Forward, change));
            self.sent(&statements);
            return Ok(Fate::Forward);
        }
        let depends = planned().any(|part| part.columns.depend_on_unreported(&part.plan));
        let shows = self.session.facts.shows(depends);
        if !shows.is_empty() && planned().next().is_some() && self.status != b'E' {
            return Ok(self.ask_by_query(shows, out));
        }
        for statement in statements.iter() {
            let check = plan(statement).map_or(Ok(()), |plan| self.session.facts.check(plan));
            check.map_err(|refusal| Stop::refused(refusal, client, statement.range.start))?;
        }
        if let Some(stepped) = planned().find(|part| part.plan.is_stepped()) {
            // The Sync behind it would end what an error in the client's batch drops.
            if self.queue.may_skip() {
                compose::flush(out);
                return Ok(Fate::Batch);
            }
            let plan = Arc::clone(&stepped.plan);
            self.pipeline(&plan, text, out)?;
            self.sent(&statements);
            return Ok(Fate::Replaced);
        }
        let (keys, settings) = (self.world.keys.as_ref(), self.session.facts.settings());
        let check = |number: usize| match parts.get(number) {
            Some(Some(part)) => part.columns.check(&part.plan, settings),
            Some(None) | None => Ok(()),
        };
        let start = |number: usize| statements.get(number).map_or(0, |statement| statement.range.start);
        let physical = query::physical(client, &statements, keys, settings, check);
        let mut physical = physical.map_err(|(error, number)| Stop::failed(error, start(number)))?;
        if stopped.is_some() {
            physical.push(REFUSAL, Origin::Ours(client.places().client(text.chars().count())));
        }
        let encoded = frames::bind::encoded(&physical.text, self.encoding());
        compose::query(encoded.map_err(|error| Stop::failed(error, 0))?, out);
        let plan = parts.iter().flatten().next().map(|part| Arc::clone(&part.plan));
        let parts = if plan.is_some() { parts } else { Vec::new() };
        let positions = physical.positions;
        let refused = stopped.map(|stop| self.refused_frame(&*stop.error, stop.position));
        let answer = Simple { plan, parts, positions, current: 0, refused };
        let change = self.session.sends(named, self.world.protection.epoch);
        self.expect(Kind::Query, Expected::changing(Answer::Query(Box::new(answer)), change));
        self.sent(&statements);
        Ok(Fate::Replaced)
    }

    /// What the statements of a Query change in the session.
    fn sent(&mut self, statements: &[Statement]) {
        for statement in statements {
            match plan(statement) {
                Some(_) => self.session.facts.sent(statement.effect),
                None => self.session.sends_effect(statement.effect),
            }
        }
    }

    /// A statement of several steps: a pipeline up to a Sync of ours, the answers being those of a Query (SQL-54).
    fn pipeline(&mut self, plan: &Arc<Plan>, text: &str, out: &mut Vec<u8>) -> Result<(), Stop> {
        let columns = Columns::extended(plan, &[]).and_then(|columns| {
            columns.check(plan, self.session.facts.settings())?;
            Ok(columns)
        });
        let columns = columns.map_err(|error| Stop::failed(error, text.len()))?;
        let opener = RefCell::new(columns.opener(plan, Params::NONE));
        let encoding = self.session.facts.settings().encoding;
        let bound = Some(Bound::new(None, &[], encoding));
        self.run(b"", Rc::new(Portal { plan: Arc::clone(plan), columns, opener, bound, key: None }), 0, out);
        Ok(())
    }
}

/// Why a Query is not sent whole.
struct Stop {
    error: Box<dyn UserFacing>,
    /// Field P of its ErrorResponse.
    position: Option<u32>,
    /// The byte of the statement that it is about.
    at: usize,
}

impl Stop {
    fn refused(refusal: Refusal, client: &ClientText<'_>, start: usize) -> Self {
        let (at, position) = (refusal.position.unwrap_or(start), client.position(refusal.position));
        Self { error: Box::new(refusal), position, at }
    }

    fn failed(error: pgseal::exec::Error, at: usize) -> Self {
        Self { position: error.position(), error: Box::new(error), at }
    }
}

/// What a statement's rows are read with, if it is planned.
fn part(statement: &Statement) -> Option<Portal> {
    let plan = plan(statement)?;
    let columns = Columns::simple(plan);
    let opener = RefCell::new(columns.opener(plan, Params::NONE));
    Some(Portal { plan: Arc::clone(plan), columns, opener, bound: None, key: None })
}
