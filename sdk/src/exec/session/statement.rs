//! A statement that a message prepared, or a driver for its application.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::super::by_name::{self, Named};
use super::names::unremembered;
use super::{Refused, Session};
use crate::schema::{Column, Protection};
use crate::sql::{self, Effect, Plan, ReadRow, Template};

/// A prepared statement, as long as anything is protected. It holds texts of the client, so it is never printed.
pub struct Statement {
    /// As the client wrote it; `None` if the session keeps too much already, and then it cannot be planned again.
    pub(super) text: Option<Zeroizing<Box<str>>>,
    /// The types that the client declared.
    pub(super) declared: Box<[u32]>,
    /// Of the protection under which it was planned.
    pub(super) epoch: u64,
    /// `None` if it is forwarded.
    pub(super) plan: Option<Arc<Plan>>,
    /// What is forwarded in the place of its text, if it is not that.
    pub(super) qualified: Option<Arc<Template>>,
    pub(super) effect: Effect,
    /// What it does to names.
    pub(super) named: Option<Box<Named>>,
    /// It is forwarded, and runs or reads from what has a name.
    pub(super) runs: bool,
    /// Its name was barred before: unless the server takes it, it still is.
    pub(super) was_barred: bool,
}

impl Statement {
    /// Whether `fresh`, the same text planned again, shows what the client was told of this plan's rows: as many columns,
    /// and where both read a table, its columns have the types that they had. What is forwarded now may show anything.
    pub(super) fn shows_as(&self, fresh: &Self) -> bool {
        let (Some(known), Some(fresh)) = (&self.plan, &fresh.plan) else { return true };
        match (&known.output, &fresh.output) {
            (None, None) => true,
            (Some(known), Some(fresh)) => {
                let same =
                    |old: &ReadRow, new: &ReadRow| old.table.relation != new.table.relation || has_kept(old, new);
                known.columns.len() == fresh.columns.len()
                    && known.rows.iter().all(|old| fresh.rows.iter().all(|new| same(old, new)))
            }
            (Some(_), None) | (None, Some(_)) => false,
        }
    }

    pub(super) fn new(
        text: &str,
        declared: &[u32],
        epoch: u64,
        (plan, qualified): (Option<Arc<Plan>>, Option<Arc<Template>>),
        effect: Effect,
        named: Named,
    ) -> Self {
        Self {
            text: Some(Zeroizing::new(text.into())),
            declared: declared.into(),
            epoch,
            effect,
            named: (!named.is_empty()).then(|| Box::new(named)),
            runs: plan.is_none() && by_name::runs(text),
            plan,
            qualified,
            was_barred: false,
        }
    }

    /// `None` if it is forwarded.
    pub fn plan(&self) -> Option<&Arc<Plan>> {
        self.plan.as_ref()
    }

    /// What is forwarded in the place of its text, if it is not that (SQL-63).
    pub fn qualified(&self) -> Option<&Template> {
        self.qualified.as_deref()
    }

    /// The types that the client declared.
    pub fn declared(&self) -> &[u32] {
        &self.declared
    }

    /// The epoch of the protection under which it was planned.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// What running it changes in the session.
    pub fn effect(&self) -> Effect {
        self.effect
    }

    /// What running it does to names.
    pub fn named(&self) -> Option<&Named> {
        self.named.as_deref()
    }

    /// The client's text, if it is kept.
    pub fn text(&self) -> Option<&str> {
        self.text.as_deref().map(|text| &**text)
    }

    /// Whether it is forwarded in this epoch, whatever a Bind brings, and does nothing that is remembered.
    pub(super) fn passes(&self, epoch: u64) -> bool {
        self.plan.is_none() && self.epoch == epoch && self.named.is_none() && !self.runs && self.effect == Effect::None
    }

    pub(super) fn bytes(&self) -> usize {
        self.text.as_ref().map_or(0, |text| text.len())
    }
}

/// Whether every column of the one table has its type still in the other.
fn has_kept(old: &ReadRow, new: &ReadRow) -> bool {
    let kept = |was: &Column| {
        let is = new.table.columns.iter().find(|is| is.logical == was.logical);
        is.is_some_and(|is| (is.type_oid, is.typmod) == (was.type_oid, was.typmod))
    };
    old.table.columns.iter().all(kept)
}

impl<P> Session<P> {
    /// The one statement of a text, for who prepares it under a name that no application knows.
    ///
    /// # Errors
    /// It is refused.
    pub fn prepare(
        &mut self,
        text: &str,
        declared: &[u32],
        statements: &[sql::Statement],
        protection: &Protection,
    ) -> Result<Statement, Refused> {
        self.decide(text, declared, statements, protection).map_err(|refusal| {
            self.refused(text);
            Refused::of(refusal, text)
        })
    }

    /// A forwarded statement is run.
    ///
    /// # Errors
    /// What it runs or uses by name was refused since it was prepared.
    pub fn runs(&mut self, statement: &Statement, protection: &Protection) -> Result<(), Refused> {
        let Some(text) = statement.text() else {
            return match statement.runs || !self.never_made.is_empty() {
                true => Err(unremembered().into()),
                false => Ok(()),
            };
        };
        let refusal = match statement.runs {
            true => self.uses_by_name(text, &[], protection),
            false => self.never_made.uses(text),
        };
        match refusal {
            None => Ok(()),
            Some(refusal) => {
                self.refused(text);
                Err(Refused::of(refusal, text))
            }
        }
    }
}
