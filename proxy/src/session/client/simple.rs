//! Query: forwarded, spliced or refused as a whole.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use pgseal::exec::by_name::Named;
use pgseal::exec::inputs::{self, Params};
use pgseal::exec::positions::Traced;
use pgseal::exec::session::Refused;
use pgseal::sql::{Decision, Effect, Origin, Plan, Refusal, Statement, lex};

use super::super::Core;
use super::super::fatal::Fatal;
use super::super::queue::Kind;
use super::super::state::{Answer, Bound, Expected, Portal, Simple, State};
use super::{Fate, Frame, malformed, not_utf8};
use crate::frames::Columns;
use crate::wire::{compose, reader};

impl State {
    pub(super) fn query(&mut self, core: &Core, frame: Frame<'_>, out: &mut Vec<u8>) -> Result<Fate, Fatal> {
        if !self.reads {
            return Ok(self.forward(Kind::Query));
        }
        let Some(body) = frame.body else { return Ok(Fate::Whole) };
        let Ok(text) = std::str::from_utf8(reader::query(body).map_err(malformed)?) else {
            self.refuse_query(&not_utf8(), None, out);
            return Ok(Fate::Drop);
        };
        let statements = core.plans.borrow_mut().plan(text, &[], &self.world.protection);
        let refused = statements.iter().find_map(|statement| refusal(statement, statements.len()));
        let named = match refused.or_else(|| self.stale_within(text, &statements)) {
            Some(refusal) => Err(refusal),
            None => self.session.forwarded(text, &self.world.protection),
        };
        let named = match named {
            Ok(named) => named,
            Err(refusal) => {
                self.session.refused(text);
                let Refused { refusal, position } = Refused::of(refusal, text);
                self.refuse_query(&refusal, position, out);
                return Ok(Fate::Drop);
            }
        };
        let fate = match statements.iter().find_map(plan) {
            Some(plan) => self.spliced(text, &statements, plan, named, out),
            None => {
                let change = self.session.sends(named, self.world.protection.epoch);
                self.expect(Kind::Query, Expected::changing(Answer::Forward, change));
                Fate::Forward
            }
        };
        if !matches!(fate, Fate::Wait) {
            for statement in statements.iter() {
                match plan(statement) {
                    Some(_) => self.session.facts.sent(statement.effect),
                    None => self.session.sends_effect(statement.effect),
                }
            }
        }
        Ok(fate)
    }

    fn spliced(
        &mut self,
        text: &str,
        statements: &[Statement],
        any: &Arc<Plan>,
        named: Named,
        out: &mut Vec<u8>,
    ) -> Fate {
        let parts: Vec<Option<Portal>> = statements
            .iter()
            .map(|statement| {
                plan(statement).map(|plan| {
                    let columns = Columns::simple(plan);
                    let opener = RefCell::new(columns.opener(plan, Params::NONE));
                    Portal { plan: Arc::clone(plan), columns, opener, bound: None }
                })
            })
            .collect();
        let depends = parts.iter().flatten().any(|part| part.columns.depend_on_unreported(&part.plan));
        let shows = self.session.facts.shows(depends);
        if !shows.is_empty() && self.status != b'E' {
            self.ask_by_query(shows, out);
            return Fate::Wait;
        }
        if let Some(refusal) = parts.iter().flatten().find_map(|part| self.session.facts.check(&part.plan).err()) {
            self.refuse_query(&refusal, None, out);
            return Fate::Drop;
        }
        if any.is_stepped() {
            return self.pipeline(any, out);
        }
        match self.physical_text(text, statements, &parts) {
            Ok(physical) => {
                compose::query(&physical.text, out);
                parts.iter().flatten().for_each(|part| self.session.executes(&part.plan));
                let simple = Simple { plan: Arc::clone(any), parts, positions: physical.positions, current: 0 };
                let answer = Answer::Query(Box::new(simple));
                let change = self.session.sends(named, self.world.protection.epoch);
                self.expect(Kind::Query, Expected::changing(answer, change));
                Fate::Replaced
            }
            Err(error) => {
                self.refuse_query(&error, error.position(), out);
                Fate::Drop
            }
        }
    }

    /// A statement of several steps: a pipeline up to a Sync of ours, the answers being those of a Query (SQL-54).
    fn pipeline(&mut self, plan: &Arc<Plan>, out: &mut Vec<u8>) -> Fate {
        let columns = match Columns::extended(plan, &[]).and_then(|columns| {
            columns.check(plan, self.session.facts.settings())?;
            Ok(columns)
        }) {
            Ok(columns) => columns,
            Err(error) => {
                self.refuse_query(&error, error.position(), out);
                return Fate::Drop;
            }
        };
        let opener = RefCell::new(columns.opener(plan, Params::NONE));
        let bound = Some(Bound { body: None, declared: Vec::new(), left: RefCell::default() });
        self.session.executes(plan);
        self.run(b"", Rc::new(Portal { plan: Arc::clone(plan), columns, opener, bound }), 0, out);
        Fate::Replaced
    }

    /// The client's text with every planned statement in physical form.
    fn physical_text(
        &self,
        text: &str,
        statements: &[Statement],
        parts: &[Option<Portal>],
    ) -> Result<Traced, pgseal::exec::Error> {
        let (keys, settings) = (self.world.keys.as_ref(), self.session.facts.settings());
        let mut physical = Traced::default();
        let (mut end, mut characters) = (0, 0);
        for (statement, part) in statements.iter().zip(parts) {
            let Some(part) = part else { continue };
            let plan = &part.plan;
            part.columns.check(plan, settings)?;
            let before = text.get(end..statement.range.start).unwrap_or("");
            physical.push(before, Origin::Client(characters));
            inputs::splice(plan, &plan.template, keys, settings, &mut physical)?;
            let own = text.get(statement.range.clone()).unwrap_or("");
            characters += before.chars().count() + own.chars().count();
            end = statement.range.end;
        }
        physical.push(text.get(end..).unwrap_or(""), Origin::Client(characters));
        Ok(physical)
    }

    /// Settings that one statement of a Query changes are not known to us before the next one is made ready (SQL-12).
    fn stale_within(&self, text: &str, statements: &[Statement]) -> Option<Refusal> {
        let mut stale = false;
        for statement in statements {
            if stale && plan(statement).is_some() {
                return Some(
                    Refusal::new("a statement on a protected table behind one that may change settings, in one query")
                        .hint("Send it in a query of its own.")
                        .at(statement.range.start),
                );
            }
            let ends = || ends_transaction(text.get(statement.range.clone()).unwrap_or(""));
            stale |= statement.effect == Effect::Opaque || (self.session.facts.may_be_taken_back() && ends());
        }
        None
    }
}

fn plan(statement: &Statement) -> Option<&Arc<Plan>> {
    match &statement.decision {
        Decision::Rewrite(plan) => Some(plan),
        Decision::Forward | Decision::Refuse(_) => None,
    }
}

/// COMMIT takes back what SET LOCAL set; what else ends a transaction is opaque anyway.
fn ends_transaction(statement: &str) -> bool {
    let first = lex::lex(statement).ok().and_then(|tokens| tokens.into_iter().next());
    first.is_none_or(|token| ["commit", "end", "prepare"].iter().any(|word| token.is_word(statement, word)))
}

/// Why a statement cannot be part of a Query that is sent.
fn refusal(statement: &Statement, of: usize) -> Option<Refusal> {
    match &statement.decision {
        Decision::Forward => None,
        Decision::Refuse(refusal) => Some(refusal.clone()),
        Decision::Rewrite(plan) if of > 1 && plan.is_stepped() => Some(
            Refusal::new("a statement that takes several steps beside others in one query is not in this version")
                .hint("Send it in a query of its own."),
        ),
        Decision::Rewrite(_) => None,
    }
}
