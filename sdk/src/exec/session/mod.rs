//! What one session must remember, and what follows from it: a state machine without I/O, for both doors.
//!
//! The proxy tells it of messages and of the server's answers, the SDK's client of its driver's calls and of what became
//! of them. Every question about a text or a name is answered with what is to be done; what was sent is a [`Change`] that
//! counts only when it comes back, by [`Session::confirm`] or [`Session::withdraw`], in the order in which it was sent.
//!
//! * `names`: what the names of prepared statements mean, whoever prepared them;
//! * `versions`: a name means what was sent last, until the server drops that;
//! * `statement`: what a message prepared;
//! * `cut`: what is sent of a Query of which a statement is refused;
//! * [`path`]: what unqualified names of protected tables mean by the search path;
//! * [`facts`](super::facts): the settings by which texts and values are read.

mod cut;
mod names;
pub mod path;
mod statement;
#[cfg(test)]
mod tests;
mod versions;

use std::sync::Arc;

pub use cut::cut;
pub use statement::Statement;
pub use versions::Portals;

use super::by_name::{self, Named, NeverMade, Told};
use super::facts::{Facts, Transaction};
use super::single::{Single, single};
use crate::encoding::is_outline;
use crate::error::SqlState;
use crate::schema::Protection;
use crate::sql::client_text::unread_text;
use crate::sql::{self, Decision, Effect, Plan, Refusal, Verb};
use names::{Names, unremembered};
use path::Path;

/// The session. `P`: what a portal of a planned statement is for the door that has it.
pub struct Session<P = ()> {
    /// Settings and transaction.
    pub facts: Facts,
    /// The search path, where every statement of the session is seen: unqualified names follow it. Where others use the
    /// connection too, protected names win (SQL-63).
    pub path: Option<Path>,
    names: Names,
    portals: Portals<Portal<P>>,
    never_made: NeverMade,
    /// Refusals and texts that were sent, so far: their numbers are in the order of the session.
    events: u64,
    /// How many messages are under way that may change what names of statements mean.
    renaming: usize,
    /// The server was asked for a statement of this name.
    looked_for: Option<Box<[u8]>>,
    /// Statements may have been forwarded without being remembered, and something is protected since.
    unremembered: bool,
    /// A plan that wrote in this transaction: errors of its commit are told in its terms.
    wrote: Option<Arc<Plan>>,
}

/// A portal.
#[derive(Debug, Clone)]
pub enum Portal<P> {
    /// Of a planned statement.
    Planned(P),
    /// Of one that is forwarded and does something to names.
    Naming(Box<Named>),
}

/// What was sent and changes what is known, once the server confirms it.
pub enum Change {
    /// A Parse or Close of a statement of this name.
    Statement(Box<[u8]>),
    /// A Bind or Close of a portal of this name.
    Portal(Box<[u8]>),
    /// SQL that gives names a meaning or takes them away, one with each command tag.
    Named(Box<Named>),
}

/// A refusal, and the character of the statement's text that it is about.
#[derive(Debug, Clone)]
pub struct Refused {
    /// Why.
    pub refusal: Refusal,
    /// Field P of an ErrorResponse.
    pub position: Option<u32>,
}

impl Refused {
    /// A refusal of this text.
    pub fn of(refusal: Refusal, text: &str) -> Self {
        let position = refusal.position.and_then(|byte| position(text, byte));
        Self { refusal, position }
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, position: None }
    }
}

/// Characters of `text` before this byte, plus one.
fn position(text: &str, byte: usize) -> Option<u32> {
    u32::try_from(text.get(..byte)?.chars().count() + 1).ok()
}

/// What the name of a statement means to the message that uses it.
pub enum Meaning {
    /// The server's to say: it touches nothing protected.
    Forwarded(Option<Arc<Statement>>),
    /// A planned statement, and its plan.
    Planned(Arc<Statement>, Arc<Plan>),
    /// The lock has changed, and with it the statement's physical form: it is parsed again, before the message is looked at
    /// again. Two changes are under way for it, of a Close and of a Parse.
    Again(Arc<Statement>),
    /// The answer to what was sent about the name is needed first.
    Open,
    /// The server is asked for the text of the statement ([`Session::asked_for`]), before the message is looked at again.
    Unknown,
    /// The server is asked for the search path ([`Path::asks`]), before the message is looked at again.
    Unplaced,
}

impl<P> Session<P> {
    /// A session that begins under this protection.
    pub fn new(facts: Facts) -> Self {
        Self {
            facts,
            path: None,
            names: Names::default(),
            portals: Portals::default(),
            never_made: NeverMade::default(),
            events: 0,
            renaming: 0,
            looked_for: None,
            unremembered: false,
            wrote: None,
        }
    }

    /// Something is protected from now on, and nothing was: what was prepared before is not known.
    pub fn remembers_from_now_on(&mut self) {
        self.unremembered = true;
        self.path.iter_mut().for_each(Path::unseen);
    }

    fn event(&mut self) -> u64 {
        self.events += 1;
        self.events
    }

    // Texts.

    /// What a text that touches nothing protected does to names.
    ///
    /// # Errors
    /// It uses by name what is planned or protected, or was refused, or it prepares more than is kept.
    pub fn forwarded(&mut self, text: &str, protection: &Protection) -> Result<Named, Refusal> {
        if let Some(refusal) = self.uses_by_name(text, protection) {
            return Err(refusal);
        }
        let mut named = by_name::named(text);
        self.watch(&mut named, text);
        match self.names.too_much(&named) {
            Some(refusal) => Err(refusal),
            None => Ok(named),
        }
    }

    /// Notes what the statements of a text make, if anything was refused that they may make again.
    pub fn watch(&self, named: &mut Named, text: &str) {
        self.never_made.watch(named, text);
    }

    /// The refusal of a text that goes on as it is, if it uses by name what is planned or protected, or was refused.
    pub fn uses_by_name(&mut self, text: &str, protection: &Protection) -> Option<Refusal> {
        let portal = |name: &[u8]| self.portals.all(name).any(|portal| matches!(portal, Portal::Planned(_)));
        let harmless = self.names.is_harmless() && self.portals.is_empty();
        // A name whose characters were not read may be any.
        let unread = |name: &[u8]| std::str::from_utf8(name).is_ok_and(is_outline);
        let uses = || by_name::uses(text, |name| self.names.is_ours(name) || portal(name) || unread(name));
        let uses = if harmless { None } else { uses() };
        uses.or_else(|| self.never_made.uses(text))
            .or_else(|| (!self.never_made.is_empty() && is_outline(text)).then(unread_text))
            .or_else(|| by_name::executes_refused(text, |name| self.stale(name, protection)))
    }

    /// The refusal to run what has this name, if it may name something that is protected only now (SQL-66), or uses what was
    /// to be made by a statement that was refused since.
    fn stale(&mut self, name: &[u8], protection: &Protection) -> Option<Refusal> {
        if self.unremembered && !self.names.is_prepared(name) && !self.names.is_sql(name) {
            return Some(unremembered());
        }
        self.names.stale(name, protection).or_else(|| {
            let mut texts = self.names.forwarded(name).filter(|_| !self.never_made.is_empty());
            texts.find_map(|text| self.never_made.uses(text))
        })
    }

    /// A text was refused, or dropped unread: what it would have made is not there.
    pub fn refused(&mut self, text: &str) {
        let event = self.event();
        self.names.refused(&by_name::named(text), event);
        self.never_made.text(text, event);
    }

    /// A text that goes on as it is, is sent.
    pub fn sends(&mut self, named: Named, epoch: u64) -> Option<Change> {
        if named.is_empty() {
            return None;
        }
        let mut named = Box::new(named.sent(self.event()));
        let effects = named.take_path();
        if let Some(path) = self.path.as_mut().filter(|_| !effects.is_empty()) {
            named.set_path_number(Some(path.sent(effects)));
        }
        self.renaming += usize::from(named.changes_statements());
        self.names.sent(&named, epoch);
        Some(Change::Named(named))
    }

    /// A statement with this effect is sent as it is.
    pub fn sends_effect(&mut self, effect: Effect) {
        self.facts.forwarded(effect);
        if effect == Effect::Opaque {
            self.names.unlearn();
        }
    }

    /// A planned statement is executed.
    pub fn executes(&mut self, plan: &Arc<Plan>) {
        if plan.verb != Verb::Select {
            self.wrote = Some(Arc::clone(plan));
        }
    }

    /// The plan in whose terms an error of a forwarded statement, or of a commit, is told.
    pub fn wrote(&self) -> Option<&Arc<Plan>> {
        self.wrote.as_ref()
    }

    /// Whatever comes next belongs to a transaction in which nothing of ours has written.
    pub fn forgets_writes(&mut self) {
        self.wrote = None;
    }

    /// What a text means must wait: it names something protected, and what is under way may set the path.
    pub fn awaits_path(&self, text: &str, protection: &Protection) -> bool {
        self.path.as_ref().is_some_and(|path| path.is_open(protection)) && names_protected(text, protection)
    }

    /// Whether the server is to be asked for the path before this text, planned as `statements`, is sent.
    pub fn asks_path(&self, statements: &[sql::Statement], protection: &Protection) -> bool {
        let touched = || statements.iter().any(|statement| !matches!(statement.decision, Decision::Forward));
        self.path.as_ref().is_some_and(|path| path.asks(protection)) && touched()
    }

    /// The server has answered a question for a setting.
    pub fn shown(&mut self, name: &str, value: &str) {
        self.facts.shown(name, value);
        self.path.iter_mut().for_each(|path| path.shown(name, value));
    }

    /// It has not.
    pub fn not_shown(&mut self) {
        self.facts.not_shown();
        self.path.iter_mut().for_each(Path::not_shown);
    }

    // Names of statements.

    /// A Parse: what is sent in its place, and the change that it is.
    ///
    /// # Errors
    /// It is refused, and so is what uses its name.
    pub fn parse(
        &mut self,
        name: &[u8],
        text: &str,
        declared: &[u32],
        statements: &[sql::Statement],
        protection: &Protection,
    ) -> Result<(Arc<Statement>, Change), Refused> {
        match self.decide(text, declared, statements, protection) {
            Ok(statement) => Ok((self.names.prepare(name, statement), Change::Statement(name.into()))),
            Err(refusal) => {
                self.refused(text);
                self.bar(name);
                Err(Refused::of(refusal, text))
            }
        }
    }

    /// A Parse that the server will not see: its name has no meaning, or an older one. What is planned or would have been
    /// refused is not there for its values.
    pub fn skipped(&mut self, name: &[u8], text: &str, statements: &[sql::Statement], protection: &Protection) {
        match self.decide(text, &[], statements, protection) {
            Ok(statement) if statement.plan.is_none() => {}
            Ok(_) => self.bar(name),
            Err(_) => {
                self.bar(name);
                self.refused(text);
            }
        }
    }

    /// What uses this name travels for nothing.
    pub fn bar(&mut self, name: &[u8]) {
        let event = self.event();
        self.names.bar(name, event);
    }

    /// What becomes of the one statement of a Parse.
    fn decide(
        &mut self,
        text: &str,
        declared: &[u32],
        statements: &[sql::Statement],
        protection: &Protection,
    ) -> Result<Statement, Refusal> {
        let Single { plan, qualified, effect, path } = single(statements)?;
        let named = match &plan {
            Some(_) => Named::default(),
            None => {
                if let Some(refusal) = self.uses_by_name(text, protection) {
                    return Err(refusal);
                }
                let mut named = by_name::named(text);
                self.watch(&mut named, text);
                named.moving(path.into())
            }
        };
        Ok(Statement::new(text, declared, protection.epoch, (plan, qualified), effect, named))
    }

    /// What the statement of this name means to a message that uses it. `plan` plans a text.
    ///
    /// # Errors
    /// Nothing is sent for it: it cannot be planned any more, or uses what was refused since.
    pub fn statement(
        &mut self,
        name: &[u8],
        protection: &Protection,
        plan: impl FnOnce(&str, &[u32]) -> Arc<[sql::Statement]>,
    ) -> Result<Meaning, Refused> {
        if self.names.is_open(name) || self.renaming > 0 {
            return Ok(Meaning::Open);
        }
        let Some(known) = self.names.get(name).cloned() else {
            if self.unremembered && !self.names.is_sql(name) {
                return Err(unremembered().into());
            }
            return Ok(Meaning::Forwarded(None));
        };
        if let Some(path) = &self.path
            && (path.is_open(protection) || path.asks(protection))
            && known.text().is_none_or(|text| names_protected(text, protection))
        {
            return Ok(if path.is_open(protection) { Meaning::Open } else { Meaning::Unplaced });
        }
        if known.epoch != protection.epoch {
            let Some(text) = known.text() else { return Err(unremembered().into()) };
            let statements = plan(text, &known.declared);
            let fresh = self.decide(text, &known.declared, &statements, protection);
            let fresh = fresh.map_err(|refusal| Refused::of(refusal, text))?;
            let is_text = |statement: &Statement| statement.plan.is_none() && statement.qualified.is_none();
            if !is_text(&known) || !is_text(&fresh) {
                return Ok(Meaning::Again(self.names.prepare_again(name, fresh)));
            }
            let fresh = self.names.renew(name, fresh);
            return Ok(Meaning::Forwarded(Some(fresh)));
        }
        Ok(match &known.plan {
            Some(plan) => Meaning::Planned(Arc::clone(&known), Arc::clone(plan)),
            None => Meaning::Forwarded(Some(known)),
        })
    }

    /// What the statement of this name means to a Bind. `values`: whether it brings any; `failed`: the transaction has
    /// failed, and the server answers no question.
    ///
    /// # Errors
    /// As [`Session::statement`]; and where nothing has this name, in PostgreSQL's words: the values may be those of a
    /// protected statement, and do not travel to find that out.
    pub fn bind(
        &mut self,
        name: &[u8],
        values: impl Fn() -> bool,
        failed: bool,
        protection: &Protection,
        plan: impl FnOnce(&str, &[u32]) -> Arc<[sql::Statement]>,
    ) -> Result<Meaning, Refused> {
        let statement = match self.statement(name, protection, plan)? {
            Meaning::Forwarded(statement) => statement,
            // The values are those of what was refused since, perhaps, and a planned statement passes some on as they are.
            Meaning::Planned(..) if self.names.is_barred(name) => return Err(does_not_exist(name).into()),
            meaning => return Ok(meaning),
        };
        if self.names.is_barred(name) {
            return Err(does_not_exist(name).into());
        }
        match &statement {
            // What it runs or uses by name may have been refused since it was prepared.
            Some(statement) => {
                let text = statement.text().unwrap_or("");
                let refusal = match statement.runs {
                    true => self.uses_by_name(text, protection),
                    false => self.never_made.uses(text),
                };
                if let Some(refusal) = refusal {
                    self.refused(text);
                    return Err(Refused::of(refusal, text));
                }
            }
            None if self.names.is_sql(name) => {
                if let Some(refusal) = self.stale(name, protection) {
                    return Err(refusal.into());
                }
            }
            // Without values it is the server's to answer.
            None if !values() => {}
            None => {
                let asked = self.looked_for.take().is_some_and(|asked| *asked == *name);
                if asked || failed || name.is_empty() || std::str::from_utf8(name).is_err() {
                    return Err(does_not_exist(name).into());
                }
                return Ok(Meaning::Unknown);
            }
        }
        Ok(Meaning::Forwarded(statement))
    }

    /// Whether a Bind of this name must be there whole to be looked at.
    pub fn needs_values(&self, name: &[u8], protection: &Protection) -> bool {
        match self.names.get(name) {
            Some(statement) => {
                let reads = || statement.named().is_some_and(Named::reads_parameters);
                statement.plan.is_some() || statement.epoch != protection.epoch || reads()
            }
            None => !self.names.is_sql(name),
        }
    }

    /// Whether something is under way that may give names of statements another meaning.
    pub fn renames(&self) -> bool {
        self.renaming > 0
    }

    /// A Close of a statement is sent.
    pub fn close(&mut self, name: &[u8]) -> Option<Change> {
        if !self.names.is_prepared(name) {
            return None;
        }
        let event = self.event();
        self.names.close(name, event);
        Some(Change::Statement(name.into()))
    }

    /// The server told the text of the statement that it was asked for.
    pub fn learn(&mut self, name: &[u8], text: &str) {
        self.names.learn(name, text);
    }

    /// The server has answered what it has under this name.
    pub fn asked_for(&mut self, name: &[u8]) {
        self.looked_for = Some(name.into());
    }

    // Portals.

    /// What a Bind of this portal leads to, once it is sent.
    pub fn portal(&mut self, name: &[u8], portal: Portal<P>) -> Change {
        self.portals.send(name, Some(portal));
        Change::Portal(name.into())
    }

    /// A Bind of a forwarded statement, or a Close, is sent: the name means nothing of ours any more.
    pub fn no_portal(&mut self, name: &[u8]) -> Option<Change> {
        self.portals.knows(name).then(|| {
            self.portals.send(name, None);
            Change::Portal(name.into())
        })
    }

    /// What a portal of this name is to a message that uses it.
    pub fn open_portal(&self, name: &[u8]) -> Option<&Portal<P>> {
        self.portals.get(name)
    }

    /// Whether only the server's answer tells what the portal's name means.
    pub fn is_open_portal(&self, name: &[u8]) -> bool {
        self.portals.is_open(name)
    }

    /// The refusal to execute what prepares more than is kept.
    pub fn too_much(&self, named: &Named) -> Option<Refusal> {
        self.names.too_much(named)
    }

    // Answers.

    /// What comes next is not dropped by an error in what was sent so far.
    pub fn end_batch(&mut self) {
        self.names.end_batch();
        self.portals.end_batch();
    }

    /// The server has carried out a statement, with this command tag, of the text that `change` is.
    pub fn carried_out(&mut self, change: Option<&mut Change>, tag: &[u8]) {
        match tag {
            b"CLOSE CURSOR ALL" => self.portals.forget(),
            // What a prepared transaction made is not there, and may never be.
            b"ROLLBACK" | b"PREPARE TRANSACTION" => self.undone(),
            _ => {}
        }
        if let (Some(Change::Named(named)), Some(path)) = (&change, &mut self.path)
            && let Some(number) = named.path_number()
        {
            path.confirmed(number, tag);
        }
        let Some(Change::Named(named)) = change else {
            if matches!(tag, b"DISCARD ALL" | b"DEALLOCATE ALL" | b"DEALLOCATE") {
                let event = self.event();
                self.names.all_deallocated(None, event);
            }
            return;
        };
        self.never_made.made(named);
        if let Some(told) = named.told(tag) {
            self.told(told, named);
        }
    }

    /// The server has carried out every statement of the text that `change` is: the driver hides the tags.
    pub fn all_carried_out(&mut self, change: &mut Change) {
        let Change::Named(named) = change else { return };
        self.never_made.all_made(named);
        for told in named.told_all() {
            self.told(told, named);
        }
    }

    fn told(&mut self, told: Told, named: &Named) {
        match told {
            Told::Gone(name) => self.names.deallocated(&name, named),
            Told::AllGone => self.names.all_deallocated(Some(named), named.number()),
            Told::Made(name) => self.names.made(&name, named),
            Told::Declared(name) => {
                // A cursor of the server's own.
                self.portals.remove(&name);
                self.names.declared(&name, named);
            }
        }
    }

    /// The server confirmed what was sent. Whether a name has one message less under way.
    pub fn confirm(&mut self, change: &Change) {
        match change {
            Change::Statement(name) => self.names.confirm(name),
            Change::Portal(name) => self.portals.confirm(name),
            Change::Named(named) => self.settle(named),
        }
    }

    /// The server dropped what was sent, or answered it with an error.
    pub fn withdraw(&mut self, change: &Change) {
        match change {
            Change::Statement(name) => {
                let event = self.event();
                self.names.withdraw(name, event);
            }
            Change::Portal(name) => self.portals.withdraw(name),
            Change::Named(named) => self.settle(named),
        }
    }

    fn settle(&mut self, named: &Named) {
        self.names.settle(named);
        if let (Some(number), Some(path)) = (named.path_number(), &mut self.path) {
            path.closed(number);
        }
        self.renaming = self.renaming.saturating_sub(usize::from(named.changes_statements()));
    }

    /// An error of the server.
    pub fn failed(&mut self) {
        self.path.iter_mut().for_each(Path::failed);
        self.undone();
    }

    /// What was made in this transaction may be gone.
    fn undone(&mut self) {
        let event = self.event();
        self.never_made.undo(event);
    }

    /// No transaction is open any more: what was made stays, and portals are gone.
    pub fn idle(&mut self) {
        self.portals.forget();
        self.never_made.settle();
        self.wrote = None;
    }

    /// ReadyForQuery. `last`: nothing was sent behind the message that it answers.
    pub fn ready_for_query(&mut self, transaction: Transaction, last: bool) {
        self.facts.ready_for_query(transaction, last);
        self.path.iter_mut().for_each(|path| path.ready(transaction, last));
        if transaction == Transaction::Idle {
            self.idle();
        }
    }
}

/// Whether a text may name something protected.
fn names_protected(text: &str, protection: &Protection) -> bool {
    sql::names::Names::of(protection).first(text).is_some()
}

/// PostgreSQL's words for a name that means nothing.
fn does_not_exist(name: &[u8]) -> Refusal {
    let message = match name {
        b"" => "unnamed prepared statement does not exist".to_owned(),
        name => format!("prepared statement \"{}\" does not exist", String::from_utf8_lossy(name)),
    };
    Refusal::error(SqlState::INVALID_SQL_STATEMENT_NAME, message)
}
