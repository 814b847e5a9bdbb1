//! What one session must remember, and what follows from it: a state machine without I/O, for both doors.
//!
//! The proxy tells it of messages and of the server's answers, the SDK's client of its driver's calls and of what became
//! of them. Every question about a text or a name is answered with what is to be done; what was sent is a [`Change`] that
//! counts only when it comes back, by [`Session::confirm`] or [`Session::withdraw`], in the order in which it was sent.
//!
//! * `meaning`: what a Parse, a Bind, a Describe are told about the statement that they name;
//! * `answers`: what the server's answers change;
//! * `names`: what the names of prepared statements mean, whoever prepared them;
//! * `versions`: a name means what was sent last, until the server drops that;
//! * `statement`: what a message prepared;
//! * `cut`: what is sent of a Query of which a statement is refused;
//! * [`path`]: what unqualified names of protected tables mean by the search path;
//! * [`facts`](super::facts): the settings by which texts and values are read.

mod answers;
mod cut;
mod hash;
mod meaning;
mod names;
pub mod path;
mod statement;
#[cfg(test)]
mod tests;
mod versions;

use std::sync::Arc;

pub use cut::cut;
pub use meaning::Meaning;
pub use statement::Statement;
pub use versions::Portals;

use super::by_name::{self, Named, NeverMade};
use super::facts::Facts;
use crate::encoding::is_outline;
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

    /// What a text does to names, as far as it goes on as it is: planned as `statements`.
    ///
    /// # Errors
    /// It uses by name what is planned or protected, or was refused, or it prepares more than is kept.
    pub fn forwarded(
        &mut self,
        text: &str,
        statements: &[sql::Statement],
        protection: &Protection,
    ) -> Result<Named, Refusal> {
        if let Some(refusal) = self.uses_by_name(text, statements, protection) {
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

    /// The refusal of a text, planned as `statements`, if what goes on of it as it is uses by name what is planned or
    /// protected, or was refused.
    pub fn uses_by_name(
        &mut self,
        text: &str,
        statements: &[sql::Statement],
        protection: &Protection,
    ) -> Option<Refusal> {
        let portal = |name: &[u8]| self.portals.all(name).any(|portal| matches!(portal, Portal::Planned(_)));
        let harmless = self.names.is_harmless() && self.portals.is_empty();
        // A name whose characters were not read may be any.
        let unread = |name: &[u8]| std::str::from_utf8(name).is_ok_and(is_outline);
        let uses = || by_name::uses(text, |name| self.names.is_ours(name) || portal(name) || unread(name));
        let uses = if harmless { None } else { uses() };
        let planned = |at| {
            let mut planned = statements.iter().filter(|statement| matches!(statement.decision, Decision::Rewrite(_)));
            planned.any(|statement| statement.range.contains(&at))
        };
        uses.or_else(|| self.never_made.uses_beside(text, planned))
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
            texts.find_map(|text| text.map_or_else(|| Some(unremembered()), |text| self.never_made.uses(text)))
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

    /// A planned statement was executed, or is: what the server says from now on may be about what it wrote. Nothing that the
    /// server says before may be, so a door that does not wait for answers says this when they come.
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

    /// Whether no portal is known: the server's to answer is whatever names one.
    pub fn has_no_portals(&self) -> bool {
        self.portals.is_empty()
    }

    /// The refusal to execute what prepares more than is kept.
    pub fn too_much(&self, named: &Named) -> Option<Refusal> {
        self.names.too_much(named)
    }
}

/// Whether a text may name something protected.
fn names_protected(text: &str, protection: &Protection) -> bool {
    sql::names::Names::of(protection).first(text).is_some()
}
