//! The search path of one session, and so what unqualified names of protected tables mean in it (SQL-63).
//!
//! Only the client's own word sets it. What it says counts once the server has carried it out, and is taken back with
//! its transaction. After anything that may have set it otherwise the server is asked ([`Path::asks`]); its answer can
//! only make a name refused, never move it.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use super::super::cache::PlanCache;
use super::super::facts::Transaction;
use crate::schema::{Meaning, Meanings, Protection, Relation, TEMPORARY};
use crate::sql::client_text::ClientText;
use crate::sql::names::{Assignment, Given, Variable};
use crate::sql::{self, PathEffect, Statement};

/// Savepoints whose path is remembered.
const MOST_SAVEPOINTS: usize = 1_000;

/// Own tables of protected names that are remembered: one in each schema of many.
const MOST_MADE: usize = 1_000;

/// The schemas of a path. `"$user"` stands in it as it was said.
type Schemas = Arc<[String]>;

/// A path and what its meaning depends on, as one session knows it.
#[derive(Debug, Clone)]
pub struct Path {
    /// Whom the client logged in as.
    user: Arc<str>,
    /// What it said of the path then; `None` leaves it to the server.
    start: Option<Schemas>,
    /// When the transaction began.
    base: Settings,
    now: Settings,
    savepoints: Vec<(Box<str>, Settings)>,
    /// Messages that were sent and not answered, and what is left of what their statements do.
    sent: VecDeque<(u64, VecDeque<PathEffect>)>,
    /// The number of the last of them.
    number: u64,
    /// Queries and Syncs that were sent and not answered: what stands before them may be taken back by an error.
    ends: usize,
    /// A statement of the transaction failed.
    failed: bool,
    /// Something opaque ran in the transaction: its end may take back what was shown.
    opaque: bool,
    shown: Shown,
    /// The server was asked since something changed.
    asked: bool,
    /// How often something changed on which meanings depend.
    changes: u64,
    /// Something changed since the transaction began: what is now may differ from what was then.
    moved: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Settings {
    /// `None`: what the server made of it for role, database or cluster.
    path: Scoped<Option<Schemas>>,
    /// `None`: the session's user.
    role: Scoped<Option<Arc<str>>>,
    /// `None`: who logged in.
    user: Scoped<Option<Arc<str>>>,
    /// Tables of protected names that the client has made: the catalog was seen before, and says of none whose temporary
    /// table it is.
    made: BTreeSet<Relation>,
}

/// A variable: what it is to the end of the session, and to the end of the transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Scoped<T> {
    session: Word<T>,
    local: Option<Word<T>>,
}

/// What the client said last.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Word<T> {
    value: T,
    /// Something may have set it since.
    doubted: bool,
}

/// What the server says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Shown {
    path: Option<Schemas>,
    /// `Some(None)`: none.
    role: Option<Option<Arc<str>>>,
    user: Option<Arc<str>>,
}

/// Which relation comes first.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Found {
    Protected,
    Other(Relation),
    Nothing,
}

impl<T: Clone> Scoped<T> {
    fn new(value: T, doubted: bool) -> Self {
        Self { session: Word { value, doubted }, local: None }
    }

    fn in_force(&self) -> &Word<T> {
        self.local.as_ref().unwrap_or(&self.session)
    }

    fn set(&mut self, value: T, local: bool) {
        let word = Word { value, doubted: false };
        match local {
            true => self.local = Some(word),
            false => *self = Self { session: word, local: None },
        }
    }

    /// It is again what it was when the session began, which nobody here has said: what a role, a database or the start-up
    /// packet sets comes back.
    fn reset(&mut self, value: T, local: bool) {
        self.set(value, local);
        self.local.as_mut().unwrap_or(&mut self.session).doubted = true;
    }

    fn doubt(&mut self) {
        self.session.doubted = true;
        self.local.iter_mut().for_each(|local| local.doubted = true);
    }
}

impl Settings {
    fn doubt(&mut self) {
        self.path.doubt();
        self.role.doubt();
        self.user.doubt();
    }

    /// The transaction ends well: what was local to it is gone.
    fn commit(&mut self) {
        self.path.local = None;
        self.role.local = None;
        self.user.local = None;
    }

    fn assign(&mut self, Assignment { variable, value, local }: &Assignment, start: Option<&Schemas>) {
        let name = || match value {
            Given::Names(names) => names.first().map(|name| Arc::from(name.as_str())),
            Given::Default | Given::Param(_) => None,
        };
        match (variable, value) {
            // Nobody said what it is.
            (_, Given::Param(_)) => self.doubt(),
            (Variable::SearchPath, Given::Default) => self.path.set(start.cloned(), *local),
            (Variable::SearchPath, Given::Names(names)) => self.path.set(Some(names.as_slice().into()), *local),
            (Variable::Role, Given::Default) => self.role.reset(None, *local),
            (Variable::Role, _) => self.role.set(name(), *local),
            (Variable::SessionAuthorization, _) => {
                self.user.set(name(), *local);
                // `SetSessionUserId` (miscinit.c) takes the role away.
                match value {
                    Given::Default => self.role.reset(None, *local),
                    Given::Names(_) | Given::Param(_) => self.role.set(None, *local),
                }
            }
        }
    }

    /// Whether the client's word is the same, without asking the server.
    fn says_as(&self, other: &Self) -> bool {
        self.path.in_force().value == other.path.in_force().value
            && self.role.in_force().value == other.role.in_force().value
            && self.user.in_force().value == other.user.in_force().value
            && self.made == other.made
    }

    /// Whether all that the meaning of names depends on is the client's own word.
    fn is_certain(&self) -> bool {
        let path = self.path.in_force();
        let doubted = path.doubted || {
            let role = self.role.in_force();
            let user = || role.value.is_none() && self.user.in_force().doubted;
            path.value.iter().flat_map(|schemas| schemas.iter()).any(|schema| schema == "$user")
                && (role.doubted || user())
        };
        path.value.is_some() && !doubted
    }
}

impl Path {
    /// The session of this user. `start` are the settings of its start-up packet that it is told of, in their order
    /// ([`startup`](crate::sql::settings::startup)).
    pub fn new<'s>(user: &str, start: impl IntoIterator<Item = (&'s str, &'s str)>) -> Self {
        let settings = Settings {
            path: Scoped::new(None, false),
            role: Scoped::new(None, true),
            user: Scoped::new(None, false),
            made: BTreeSet::new(),
        };
        let mut path = Self {
            user: user.into(),
            start: None,
            base: settings.clone(),
            now: settings,
            savepoints: Vec::new(),
            sent: VecDeque::new(),
            number: 0,
            ends: 0,
            failed: false,
            opaque: false,
            shown: Shown::default(),
            asked: false,
            changes: 0,
            moved: false,
        };
        for (name, value) in start {
            let Some(variable) = Variable::of(name) else { continue };
            match Given::of(variable, Some(value)) {
                Some(value) => path.now.assign(&Assignment { variable, value, local: false }, None),
                // The server will not begin the session.
                None => path.now.doubt(),
            }
        }
        path.start.clone_from(&path.now.path.session.value);
        path.base = path.now.clone();
        path
    }

    /// Statements were carried out that nobody looked at.
    pub fn unseen(&mut self) {
        self.now.doubt();
        self.base.doubt();
        self.savepoints.iter_mut().for_each(|(_, settings)| settings.doubt());
        self.unshow();
    }

    /// A message was sent whose statements do this, in their order. Its number: [`Path::closed`] follows.
    pub fn sent(&mut self, effects: impl IntoIterator<Item = PathEffect>) -> u64 {
        self.number += 1;
        self.sent.push_back((self.number, effects.into_iter().collect()));
        self.number
    }

    /// A Query or a Sync was sent. [`Path::ready`] follows.
    pub fn ended(&mut self) {
        self.ends += 1;
    }

    /// The server has carried out the next statement of this message, with this command tag.
    pub fn confirmed(&mut self, number: u64, tag: &[u8]) {
        let message = self.sent.iter_mut().find(|(known, _)| *known == number);
        let Some(effect) = message.and_then(|(_, effects)| effects.pop_front()) else { return };
        // COMMIT of a block that has failed.
        let effect = if tag == b"ROLLBACK" && effect == PathEffect::Commit { PathEffect::Rollback } else { effect };
        self.carry_out(&effect);
    }

    /// The message is answered, or was dropped.
    pub fn closed(&mut self, number: u64) {
        if let Some(at) = self.sent.iter().position(|(known, _)| *known == number) {
            self.sent.remove(at);
        }
    }

    /// A statement failed.
    pub fn failed(&mut self) {
        self.failed = true;
    }

    /// The server is ready for a query. `last`: nothing was sent behind the message that it answers.
    pub fn ready(&mut self, transaction: Transaction, last: bool) {
        self.ends = if last { 0 } else { self.ends.saturating_sub(1) };
        match transaction {
            Transaction::Idle if self.failed => self.roll_back(),
            Transaction::Idle => self.commit(),
            Transaction::Block | Transaction::Failed => {}
        }
    }

    fn commit(&mut self) {
        if self.moved && self.base != self.now {
            self.now.commit();
            self.base.clone_from(&self.now);
            self.unshow();
        }
        self.end();
    }

    fn roll_back(&mut self) {
        if self.moved && self.base != self.now {
            self.now.clone_from(&self.base);
            self.unshow();
        }
        self.end();
    }

    fn end(&mut self) {
        if std::mem::take(&mut self.opaque) {
            self.unshow();
        }
        self.savepoints.clear();
        self.failed = false;
        self.moved = false;
    }

    /// Something may be another thing now.
    fn unshow(&mut self) {
        self.shown = Shown::default();
        self.asked = false;
        self.changes += 1;
        self.moved = true;
    }

    fn carry_out(&mut self, effect: &PathEffect) {
        match effect {
            PathEffect::None => return,
            PathEffect::Sets(assignments) => {
                assignments.iter().for_each(|assignment| self.now.assign(assignment, self.start.as_ref()));
            }
            PathEffect::ResetAll => self.now.path.set(self.start.clone(), false),
            PathEffect::DiscardAll => {
                self.now.path.set(self.start.clone(), false);
                self.now.role.reset(None, false);
                self.now.user.set(None, false);
                self.now.made.retain(|made| made.schema != TEMPORARY);
            }
            PathEffect::DiscardTemporary => self.now.made.retain(|made| made.schema != TEMPORARY),
            PathEffect::Commit => return self.commit(),
            PathEffect::Rollback => return self.roll_back(),
            PathEffect::Savepoint(name) => {
                if self.savepoints.len() < MOST_SAVEPOINTS {
                    self.savepoints.push((name.clone(), self.now.clone()));
                }
                return;
            }
            PathEffect::RollbackTo(name) => {
                self.failed = false;
                match self.savepoints.iter().rposition(|(known, _)| known == name) {
                    Some(at) if self.savepoints.len() < MOST_SAVEPOINTS => {
                        self.savepoints.truncate(at + 1);
                        self.now = self.savepoints.last().map_or_else(|| self.base.clone(), |(_, then)| then.clone());
                    }
                    // It is one that was not remembered, perhaps.
                    Some(_) | None => {
                        self.now.path.set(None, true);
                        self.now.doubt();
                    }
                }
            }
            PathEffect::Release(name) => {
                if let Some(at) = self.savepoints.iter().rposition(|(known, _)| known == name) {
                    self.savepoints.truncate(at);
                }
                return;
            }
            PathEffect::Made(relation) => {
                if self.now.made.len() < MOST_MADE {
                    self.now.made.insert(relation.clone());
                }
            }
            PathEffect::Dropped(relation) => drop(self.now.made.remove(relation)),
            PathEffect::Opaque { commits } => {
                self.now.doubt();
                self.opaque = true;
                if *commits {
                    self.base.doubt();
                }
            }
        }
        self.unshow();
    }

    /// Whether the meaning of a name may change by what is under way: a statement that names something protected waits
    /// for its answer.
    pub fn is_open(&self, protection: &Protection) -> bool {
        let movable = self.is_movable(protection);
        let differs = |one: &Settings, other: &Settings| {
            !one.says_as(other) || (movable && one.is_certain() != other.is_certain())
        };
        if self.ends > 0 && self.moved && differs(&self.base, &self.now) {
            return true;
        }
        let mut ahead = None;
        self.sent.iter().flat_map(|(_, effects)| effects).filter(|effect| !effect.is_none()).any(|effect| {
            let ahead = ahead.get_or_insert_with(|| self.alone());
            ahead.carry_out(effect);
            (movable && matches!(effect, PathEffect::Opaque { .. })) || differs(&ahead.now, &self.now)
        })
    }

    /// Whether a path could lead to another relation than the protected one.
    fn is_movable(&self, protection: &Protection) -> bool {
        !protection.namesakes.is_empty() || !self.now.made.is_empty()
    }

    /// The same path with nothing under way.
    fn alone(&self) -> Self {
        Self { sent: VecDeque::new(), ..self.clone() }
    }

    /// Whether the server is to be asked for [`Variable::ALL`] before a statement that names something protected. Where
    /// no other relation has a protected name, no path can lead to one.
    pub fn asks(&self, protection: &Protection) -> bool {
        !self.asked && self.is_movable(protection) && !self.now.is_certain()
    }

    /// The questions were sent.
    pub fn asked(&mut self) {
        self.asked = true;
    }

    /// They were not answered.
    pub fn not_shown(&mut self) {
        self.asked = false;
    }

    /// An answer of the server to what [`Path::asks`] said, by the name of the variable.
    pub fn shown(&mut self, name: &str, value: &str) {
        let Some(variable) = Variable::of(name) else { return };
        self.changes += 1;
        match (variable, Given::of(variable, Some(value))) {
            (Variable::SearchPath, Some(Given::Names(schemas))) => self.shown.path = Some(schemas.into()),
            (Variable::Role, Some(Given::Default)) => self.shown.role = Some(None),
            (Variable::Role, Some(Given::Names(_))) => self.shown.role = Some(Some(value.into())),
            (Variable::SessionAuthorization, Some(_)) => self.shown.user = Some(value.into()),
            (Variable::SearchPath | Variable::Role, _) | (Variable::SessionAuthorization, None) => {}
        }
    }

    /// What names of `protection` mean in this session.
    pub fn meanings(&self, protection: &Protection) -> Meanings {
        let path = self.now.path.in_force().value.as_ref();
        if path.is_none() && !self.is_movable(protection) {
            return Meanings::new();
        }
        let user = self.now.user.in_force().value.as_ref().unwrap_or(&self.user);
        let user = self.now.role.in_force().value.as_ref().unwrap_or(user);
        let certain = self.now.is_certain();
        let meaning = |relation: &Relation| {
            let said = match path {
                Some(schemas) => self.first(schemas, user, relation, protection),
                None if self.now.made.contains(&temporary(relation)) => Found::Other(temporary(relation)),
                None => Found::Protected,
            };
            let meaning = match said.clone() {
                Found::Protected => None,
                Found::Nothing => Some(Meaning::Missing),
                Found::Other(other) if protection.unprotected.contains(&other) => Some(Meaning::Unprotected(other)),
                Found::Other(other) => Some(Meaning::Other(other)),
            };
            let made = || self.now.made.iter().any(|made| made.name == relation.name);
            if certain || !(protection.namesakes.contains_key(&relation.name) || made()) {
                return meaning;
            }
            match self.seen(relation, protection) {
                None => Some(Meaning::Unknown),
                Some(seen) if seen == said => meaning,
                Some(Found::Nothing) => Some(Meaning::Missing),
                Some(Found::Other(other)) => Some(Meaning::Moved(other)),
                Some(Found::Protected) => Some(Meaning::Moved(relation.clone())),
            }
        };
        protection.relations().filter_map(|relation| Some((relation.name.clone(), meaning(relation)?))).collect()
    }

    /// Which relation comes first by the server's word.
    fn seen(&self, relation: &Relation, protection: &Protection) -> Option<Found> {
        let Shown { path: Some(schemas), role: Some(role), user: Some(user) } = &self.shown else { return None };
        Some(self.first(schemas, role.as_ref().unwrap_or(user), relation, protection))
    }

    /// Which relation of this protected one's name comes first (`RelnameGetRelid`, `recomputeNamespacePath` in
    /// namespace.c). Schemas that do not exist hold none; what the role may not use is not known here.
    fn first(&self, schemas: &[String], user: &str, relation: &Relation, protection: &Protection) -> Found {
        let namesakes = protection.namesakes.get(&relation.name);
        let implicit = [TEMPORARY, "pg_catalog"];
        let implicit = implicit.into_iter().filter(|implicit| !schemas.iter().any(|schema| schema == implicit));
        let explicit = schemas.iter().map(|schema| if schema == "$user" { user } else { schema });
        for schema in implicit.chain(explicit) {
            if schema == relation.schema {
                return Found::Protected;
            }
            let other = Relation { schema: schema.to_owned(), name: relation.name.clone() };
            if namesakes.is_some_and(|namesakes| namesakes.contains(schema)) || self.now.made.contains(&other) {
                return Found::Other(other);
            }
        }
        Found::Nothing
    }

    /// The plans of a text under `view`, which is `base` under this path: a statement that sets the path counts for those
    /// behind it (SQL-63).
    pub fn plan(
        &self,
        plans: &mut PlanCache,
        text: &ClientText<'_>,
        view: &Protection,
        base: &Protection,
    ) -> Arc<[Statement]> {
        let planned = plans.plan_client(text, &[], view);
        let before = planned.split_last().map_or(&[][..], |(_, before)| before);
        if before.iter().all(|statement| statement.path.is_empty()) {
            return planned;
        }
        let mut ahead = self.alone();
        let then = |effect: &PathEffect| {
            ahead.carry_out(effect);
            Some(Arc::new(base.under(ahead.meanings(base))))
        };
        text.located(sql::plan_each(text.text(), &[], view, then)).into()
    }
}

fn temporary(relation: &Relation) -> Relation {
    Relation { schema: TEMPORARY.to_owned(), name: relation.name.clone() }
}

/// What the statements of a message do, for [`Path::sent`]: one for each command tag. Nothing if none does anything.
pub fn effects(statements: &[Statement]) -> Vec<PathEffect> {
    if statements.iter().all(|statement| statement.path.is_empty()) {
        return Vec::new();
    }
    let each = statements.iter().flat_map(|statement| match &*statement.path {
        [] => vec![PathEffect::None],
        effects => effects.to_vec(),
    });
    each.collect()
}

/// What is protected under the path of one session.
#[derive(Debug, Default)]
pub struct View {
    /// Whatever the path is.
    base: Arc<Protection>,
    /// Of the path.
    changes: u64,
    meanings: Meanings,
    view: Arc<Protection>,
}

impl View {
    /// Whether it was made of this, and nothing has changed since.
    pub fn is_of(&self, base: &Arc<Protection>, path: &Path) -> bool {
        Arc::ptr_eq(base, &self.base) && self.changes == path.changes
    }

    /// Of this protection, under this path.
    pub fn under(&mut self, base: &Arc<Protection>, path: &Path) -> Arc<Protection> {
        if !self.is_of(base, path) {
            let meanings = path.meanings(base);
            if !Arc::ptr_eq(base, &self.base) || meanings != self.meanings {
                self.view = match meanings.is_empty() {
                    true => Arc::clone(base),
                    false => Arc::new(base.under(meanings.clone())),
                };
                (self.base, self.meanings) = (Arc::clone(base), meanings);
            }
            self.changes = path.changes;
        }
        Arc::clone(&self.view)
    }
}

#[cfg(test)]
mod tests;
