//! What a message is told about the prepared statement that it names.

use std::sync::Arc;

use super::super::by_name::{self, Named};
use super::super::single::{Single, single};
use super::names::unremembered;
use super::{Change, Refused, Session, Statement, names_protected};
use crate::error::SqlState;
use crate::schema::Protection;
use crate::sql::{self, Plan, Refusal};

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
    /// The server is asked for the search path ([`Path::asks`](super::path::Path::asks)), before the message is looked at again.
    Unplaced,
}

impl<P> Session<P> {
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

    /// The Parse that was the last message about this name cannot be sent: it is refused.
    pub fn unsent(&mut self, name: &[u8], text: &str) {
        self.names.take_back(name);
        self.refused(text);
        self.bar(name);
    }

    /// The Close and the Parse of [`Meaning::Again`] cannot be sent.
    pub fn unsent_again(&mut self, name: &[u8]) {
        self.names.take_back(name);
        self.names.take_back(name);
        self.bar(name);
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
    pub(super) fn decide(
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
                if let Some(refusal) = self.uses_by_name(text, statements, protection) {
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
                if !known.shows_as(&fresh) {
                    return Err(shows_others().into());
                }
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
            Some(statement) => self.runs(statement, protection)?,
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

    /// Whether a Bind of this name goes on as it is, whatever it brings, and nothing follows from it: so it is for nearly
    /// every one, and one look at the name tells. Otherwise [`Session::bind`] says what becomes of it.
    pub fn passes(&self, name: &[u8], protection: &Protection) -> bool {
        self.renaming == 0
            && self.portals.is_empty()
            && self.never_made.is_empty()
            && !self.facts.may_be_taken_back()
            && self.path.as_ref().is_none_or(|path| !path.is_open(protection) && !path.asks(protection))
            && self.names.passes(name, protection.epoch)
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
        self.names.close(name);
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
}

/// PostgreSQL's words for a statement that would give other columns than its client was told of.
fn shows_others() -> Refusal {
    Refusal::error(SqlState::FEATURE_NOT_SUPPORTED, "cached plan must not change result type")
}

/// PostgreSQL's words for a name that means nothing.
fn does_not_exist(name: &[u8]) -> Refusal {
    let message = match name {
        b"" => "unnamed prepared statement does not exist".to_owned(),
        name => format!("prepared statement \"{}\" does not exist", String::from_utf8_lossy(name)),
    };
    Refusal::error(SqlState::INVALID_SQL_STATEMENT_NAME, message)
}
