//! What a session must remember to read the next statement: settings, transaction status, resolution epoch. It is
//! kept without SQL text: from ParameterStatus, ReadyForQuery, the answers to our own SHOWs, and the effects of plans.

use crate::error::{SqlState, UserFacing};
use crate::sql::Effect;
use crate::value::Settings;

/// Whether the session is in a transaction block, as ReadyForQuery last said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Transaction {
    /// Outside a block.
    #[default]
    Idle,
    /// In a block.
    Block,
    /// In a block that failed: only ROLLBACK works.
    Failed,
}

/// A setting under which texts would be read otherwise than we read them. The session ends (SQL-7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the session's {name} must stay {value}")]
pub struct BrokenPin {
    /// The setting.
    pub name: &'static str,
    /// The only value that pgseal reads.
    pub value: &'static str,
}

impl UserFacing for BrokenPin {
    fn sqlstate(&self) -> SqlState {
        SqlState::FEATURE_NOT_SUPPORTED
    }
    fn message(&self) -> String {
        self.to_string()
    }
    fn hint(&self) -> Option<String> {
        Some(format!("Connect with {}={}.", self.name, self.value))
    }
}

/// The one setting that values depend on and that the server never reports.
const BYTEA_OUTPUT: &str = "bytea_output";

/// The others are reported, but only with ReadyForQuery: within a batch they must be asked for as well.
const ALL: &[&str] = &[BYTEA_OUTPUT, "TimeZone", "DateStyle"];

/// What is known of one session.
#[derive(Debug, Clone)]
pub struct Facts {
    settings: Settings,
    transaction: Transaction,
    bytea_output_known: bool,
    /// Something opaque was sent, and the server has not yet been ready for a query since.
    unreported: bool,
    /// All settings were asked for since then.
    asked: bool,
    /// Something opaque was sent in this transaction: its end may take back what was learnt.
    taken_back: bool,
    epoch: u64,
}

impl Facts {
    /// A session that begins under this protection epoch. `bytea_output` may come from the role or the database, so
    /// it is not known.
    pub fn new(epoch: u64) -> Self {
        Self {
            settings: Settings::default(),
            transaction: Transaction::default(),
            bytea_output_known: false,
            unreported: false,
            asked: false,
            taken_back: false,
            epoch,
        }
    }

    /// What values are read and rendered under.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The transaction status.
    pub fn transaction(&self) -> Transaction {
        self.transaction
    }

    /// The resolution epoch: a plan made in another one is made again (SQL-12). Protected names are spliced in
    /// qualified, so neither search_path nor the role moves them: it is the protection's epoch.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// A new lock is in force.
    pub fn set_epoch(&mut self, epoch: u64) {
        self.epoch = epoch;
    }

    /// Takes over a ParameterStatus.
    pub fn parameter_status(&mut self, name: &str, value: &str) -> Result<(), BrokenPin> {
        // Spelling varies with what the client asked for: PostgreSQL reports client_encoding canonically, yet a
        // pooler in between may not.
        match name {
            "client_encoding" if !matches!(value.to_ascii_uppercase().as_str(), "UTF8" | "UTF-8" | "UNICODE") => {
                return Err(BrokenPin { name: "client_encoding", value: "UTF8" });
            }
            "standard_conforming_strings" if value != "on" => {
                return Err(BrokenPin { name: "standard_conforming_strings", value: "on" });
            }
            _ => self.settings.set(name, value),
        }
        Ok(())
    }

    /// Takes over a ReadyForQuery. `last`: nothing was sent behind the message that it answers, so that the settings
    /// which the server reports are those of the next statement.
    pub fn ready_for_query(&mut self, transaction: Transaction, last: bool) {
        self.transaction = transaction;
        self.unreported &= !last;
        self.asked &= !last;
        if transaction == Transaction::Idle && std::mem::take(&mut self.taken_back) {
            self.bytea_output_known = false;
        }
    }

    /// A statement with this effect was sent. From here on the next statement that depends on it must ask.
    pub fn sent(&mut self, effect: Effect) {
        match effect {
            Effect::None => {}
            Effect::Opaque => {
                self.bytea_output_known = false;
                self.unreported = true;
                self.asked = false;
                self.taken_back = true;
            }
        }
    }

    /// A statement that is not planned was sent: also COMMIT, which takes back a SET LOCAL.
    pub fn forwarded(&mut self, effect: Effect) {
        self.sent(effect);
        if self.taken_back {
            self.unreported = true;
            self.asked = false;
        }
    }

    /// Whether the end of the transaction may change settings.
    pub fn may_be_taken_back(&self) -> bool {
        self.taken_back
    }

    /// What must be asked with SHOW before a statement whose values do or do not depend on `bytea_output`
    /// ([`depends_on_bytea_output`](super::outputs::depends_on_bytea_output)). Whoever sends the SHOW calls
    /// [`Facts::asked`], so that pipelined statements behind it do not ask again.
    pub fn shows(&self, bytea_output: bool) -> &'static [&'static str] {
        match (self.unreported && !self.asked, bytea_output && !self.bytea_output_known) {
            (true, _) => ALL,
            (false, true) => &[BYTEA_OUTPUT],
            (false, false) => &[],
        }
    }

    /// The SHOWs were sent.
    pub fn asked(&mut self) {
        self.bytea_output_known = true;
        self.asked = true;
    }

    /// A SHOW was answered.
    pub fn shown(&mut self, name: &str, value: &str) {
        self.settings.set(name, value);
    }

    /// A SHOW was not answered (an error before it in its batch, a failed transaction).
    pub fn not_shown(&mut self) {
        self.bytea_output_known = false;
        self.asked = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contradicted_pin_ends_the_session_sql_7() {
        let mut facts = Facts::new(1);
        assert_eq!(facts.parameter_status("client_encoding", "UTF8"), Ok(()));
        assert_eq!(facts.parameter_status("standard_conforming_strings", "on"), Ok(()));
        let broken = facts.parameter_status("client_encoding", "LATIN1").unwrap_err();
        assert_eq!(broken.message(), "the session's client_encoding must stay UTF8");
        assert!(facts.parameter_status("standard_conforming_strings", "off").is_err());
        assert_eq!(facts.parameter_status("application_name", "psql"), Ok(()));
    }

    #[test]
    fn bytea_output_is_asked_at_first_and_after_anything_opaque_sql_12() {
        let mut facts = Facts::new(1);
        assert_eq!(facts.shows(false), &[] as &[&str]);
        assert_eq!(facts.shows(true), &["bytea_output"]);
        facts.asked();
        facts.shown("bytea_output", "hex");
        assert_eq!(facts.shows(true), &[] as &[&str]);
        facts.sent(Effect::None);
        assert_eq!(facts.shows(true), &[] as &[&str]);
        facts.sent(Effect::Opaque);
        facts.ready_for_query(Transaction::Idle, true);
        assert_eq!(facts.shows(true), &["bytea_output"]);
        assert_eq!(facts.shows(false), &[] as &[&str]);
    }

    #[test]
    fn behind_an_opaque_statement_of_the_same_batch_every_setting_is_asked_sql_12() {
        let mut facts = Facts::new(1);
        facts.forwarded(Effect::Opaque);
        assert_eq!(facts.shows(false), ALL);
        facts.asked();
        assert_eq!(facts.shows(false), &[] as &[&str]);
        facts.ready_for_query(Transaction::Block, false);
        facts.forwarded(Effect::None);
        assert_eq!(facts.shows(false), ALL, "a COMMIT, perhaps");
        facts.ready_for_query(Transaction::Idle, true);
        assert_eq!(facts.shows(false), &[] as &[&str]);
    }

    #[test]
    fn what_was_learnt_after_a_set_local_is_forgotten_when_its_transaction_ends_sql_12() {
        let mut facts = Facts::new(1);
        facts.forwarded(Effect::Opaque);
        facts.ready_for_query(Transaction::Block, true);
        facts.asked();
        facts.shown("bytea_output", "hex");
        assert_eq!(facts.shows(true), &[] as &[&str]);
        facts.ready_for_query(Transaction::Idle, true);
        assert_eq!(facts.shows(true), &["bytea_output"]);
    }

    #[test]
    fn a_show_that_failed_is_asked_again() {
        let mut facts = Facts::new(1);
        facts.asked();
        facts.not_shown();
        assert_eq!(facts.shows(true), &["bytea_output"]);
    }
}
