//! Statements of several steps: driven at Execute, with messages of our own, while the client is not read.
//!
//! At the server the client's portal is one over the empty statement, so that its name is taken, closed and lost with
//! the transaction exactly as the client expects. Steps are sent only together with the Execute that needs them.

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use pgseal::error::SqlState;
use pgseal::exec;
use pgseal::exec::inputs::Params;
use pgseal::exec::session;
use pgseal::exec::steps::{self, Execution, StepRows, described};
use pgseal::sql::Refusal;

use super::super::queue::Kind;
use super::super::state::{Answer, Bound, Expected, Left, Outcome, Portal, Running, State, Waiting};
use crate::frames;
use crate::wire::compose;
use crate::wire::reader::{self, Target};

/// The empty statement under a client's portal.
const EMPTY: &[u8] = b"pgseal_empty";

/// What a Query of several steps is described with.
const DESCRIBED: &[u8] = b"pgseal_described";

impl State {
    /// Takes the place of the Bind of a portal of several steps. Values that only the server can read it reads now, as it would
    /// have (SQL-54). `key`: its name in UTF-8.
    pub(super) fn bind_steps(
        &mut self,
        client: &reader::Bind<'_>,
        params: Params<'_>,
        key: &[u8],
        portal: Rc<Portal>,
        out: &mut Vec<u8>,
    ) {
        // Whether there still is such a statement is the server's to say, and how the portal is described.
        compose::describe(Target::Statement, client.statement, out);
        self.expect(Kind::DescribeStatement, Expected::new(Answer::Kept(Rc::clone(&portal))));
        if steps::leaves_unread(&portal.plan, params) {
            frames::bind::read(client, params, &portal.plan, out);
            compose::close(Target::Portal, client.portal, out);
            self.expect(Kind::Bind, Expected::new(Answer::Swallow(Some(Arc::clone(&portal.plan)))));
            self.expect(Kind::Close, Expected::new(Answer::Swallow(None)));
        }
        compose::close(Target::Statement, EMPTY, out);
        compose::parse(EMPTY, "", &[], out);
        compose::bind(client.portal, EMPTY, &[], &[], out);
        self.expect(Kind::Close, Expected::new(Answer::Swallow(None)));
        self.expect(Kind::Parse, Expected::new(Answer::Swallow(None)));
        let change = self.session.portal(key, session::Portal::Planned(Rc::clone(&portal)));
        self.expect(Kind::Bind, Expected::changing(Answer::Portal(portal), change));
    }

    /// Asks for what a Query is described with.
    fn describe_steps(&mut self, portal: &Rc<Portal>, out: &mut Vec<u8>) -> Result<(), exec::Error> {
        let declared = portal.bound.as_ref().map_or(&[][..], |bound| &bound.declared);
        let (text, types) = described(&portal.plan, declared);
        let text = frames::bind::encoded(&text, self.encoding())?;
        compose::close(Target::Statement, DESCRIBED, out);
        compose::parse(DESCRIBED, text, &types, out);
        compose::describe(Target::Statement, DESCRIBED, out);
        self.expect(Kind::Close, Expected::new(Answer::Swallow(None)));
        self.expect(Kind::Parse, Expected::new(Answer::Swallow(Some(Arc::clone(&portal.plan)))));
        self.expect(Kind::DescribeStatement, Expected::new(Answer::Described(Rc::clone(portal))));
        Ok(())
    }

    /// Takes the place of its Execute, or of a Query. `limit` 0 is none.
    pub(super) fn run(&mut self, name: &[u8], portal: Rc<Portal>, limit: usize, out: &mut Vec<u8>) {
        let Some(bound) = &portal.bound else { return };
        match &*bound.left.borrow() {
            Left::All => {}
            Left::Rows(..) => {
                // The empty statement under its name holds the place.
                compose::execute(name, 0, out);
                self.expect(Kind::Execute, Expected::new(Answer::Left(Rc::clone(&portal), limit)));
                return;
            }
            Left::Nothing => {
                // It may be gone with its savepoint.
                compose::execute(name, 0, out);
                self.expect(Kind::Execute, Expected::new(Answer::Swallow(None)));
                let message = "the portal cannot be run anymore";
                let refusal = Refusal::error(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message);
                self.refuse(false, &refusal, None, out);
                return;
            }
        }
        let simple = bound.query;
        if simple {
            // A Query takes away what has no name.
            for target in [Target::Statement, Target::Portal] {
                compose::close(target, b"", out);
                self.expect(Kind::Close, Expected::new(Answer::Swallow(None)));
            }
        } else {
            // Whether there still is such a portal is the server's to say.
            compose::execute(name, 0, out);
            self.expect(Kind::Execute, Expected::new(Answer::Begins(Rc::clone(&portal))));
        }
        if simple && let Err(error) = self.describe_steps(&portal, out) {
            self.refuse_query(&error, None, out);
            return;
        }
        let execution = Execution::new(&portal.plan, portal.bound.as_ref().map_or(&[], |bound| &bound.declared));
        self.running = Some(Running {
            execution,
            portal,
            simple,
            tag: Vec::new(),
            description: Vec::new(),
            limit,
            shown: 0,
            kept: VecDeque::new(),
            kept_bytes: 0,
            outcome: Outcome::Next,
        });
        self.go_on(out);
    }

    /// Sends what follows on the step that was answered.
    pub(super) fn go_on(&mut self, out: &mut Vec<u8>) {
        let Some(mut running) = self.running.take() else { return };
        match std::mem::replace(&mut running.outcome, Outcome::Next) {
            Outcome::Next => match self.next_step(&mut running, out) {
                Ok(()) => {
                    self.running = Some(running);
                    self.waiting = Waiting::Answer;
                    return;
                }
                Err(error) => {
                    self.refuse(false, &error, error.position(), out);
                }
            },
            Outcome::Failed(error) => {
                self.refuse(false, &error, error.position(), out);
            }
            Outcome::Done | Outcome::Refused => {}
        }
        if running.simple {
            compose::sync(out);
            let answer = Answer::Pipeline(Arc::clone(&running.portal.plan), running.tag.into());
            self.expect(Kind::Sync, Expected::new(answer));
        }
    }

    /// The server has come to the Execute of this portal. One that it skips, behind an error, leaves the portal as it was:
    /// a savepoint may bring it back.
    pub(in super::super) fn begun(&mut self, portal: &Rc<Portal>) {
        let Some(bound) = &portal.bound else { return };
        bound.left.replace(Left::Nothing);
        let running = self.running.as_ref().filter(|running| Rc::ptr_eq(&running.portal, portal));
        if !running.is_some_and(|running| running.execution.reads_params()) {
            bound.wipe();
        }
    }

    fn next_step(&mut self, running: &mut Running, out: &mut Vec<u8>) -> Result<(), exec::Error> {
        let Running { execution, portal, .. } = running;
        let settings = self.session.facts.settings();
        let encoding = portal.bound.as_ref().map_or(settings.encoding, |bound| bound.encoding);
        if encoding != settings.encoding {
            return Err(other_encoding());
        }
        let keys = self.world.keys.as_ref();
        let mut send = |params: Params<'_>| {
            let step = execution.next(params, keys, settings)?;
            frames::bind::step(&step, params, &portal.columns, out)?;
            Ok::<_, exec::Error>(step.rows)
        };
        let rows = match portal
            .bound
            .as_ref()
            .and_then(|bound| bound.values.borrow().as_ref().map(|held| held.with(&mut send)))
        {
            Some(rows) => rows?,
            None => send(Params { encoding, ..Params::NONE })?,
        };
        if !execution.reads_params() {
            portal.bound.iter().for_each(Bound::wipe);
        }
        self.expect(Kind::Close, Expected::new(Answer::Swallow(None)));
        self.expect(Kind::Close, Expected::new(Answer::Swallow(None)));
        self.expect(Kind::Parse, Expected::new(Answer::Prepared(Rc::clone(portal))));
        self.expect(Kind::Bind, Expected::new(Answer::Prepared(Rc::clone(portal))));
        let answer = match rows {
            StepRows::Ours => Answer::Step(Rc::clone(portal)),
            StepRows::Client { guards: _ } => Answer::LastStep(Rc::clone(portal)),
        };
        self.expect(Kind::Execute, Expected::new(answer));
        Ok(())
    }
}

/// A portal of several steps has values and names of its Bind.
pub(super) fn other_encoding() -> exec::Error {
    let refusal = Refusal::new("a portal of several steps whose values were bound in another client_encoding");
    exec::Error::Refused(refusal.hint("Bind it again."))
}
