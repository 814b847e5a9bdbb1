//! What a session must remember to read the next statement: settings, transaction status, resolution epoch. It is
//! kept without SQL text: from ParameterStatus, ReadyForQuery, the answers to our own SHOWs, and the effects of plans.
//!
//! A driver may hide ParameterStatus and ReadyForQuery ([`Facts::hidden`]). Then nothing is known that was not asked, and
//! it is asked only for statements that depend on it ([`reads_settings`]).

use crate::sql::client_text;
use crate::sql::lex::Strings;
use crate::sql::settings::Setting;
use crate::sql::{Effect, Input, Literal, Plan, Recipe, Refusal, Steps, Template};
use crate::value::{Format, Settings, Type};

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

/// What values and texts depend on and the server never reports: asked for together, in one round trip.
const UNREPORTED: &[&str] =
    &["bytea_output", "extra_float_digits", "transform_null_equals", "array_nulls", "backslash_quote"];

/// The others are reported, but only with ReadyForQuery: within a batch they must be asked for as well.
const ALL: &[&str] = &[
    "bytea_output",
    "extra_float_digits",
    "transform_null_equals",
    "array_nulls",
    "backslash_quote",
    "TimeZone",
    "IntervalStyle",
    "DateStyle",
    "client_encoding",
    "standard_conforming_strings",
];

/// What is asked of a session that reports nothing: how its texts are read.
pub const HIDDEN: &[&str] = &[
    "standard_conforming_strings",
    "client_encoding",
    "TimeZone",
    "IntervalStyle",
    "transform_null_equals",
    "array_nulls",
    "backslash_quote",
];

/// What is known of one session.
#[derive(Debug, Clone)]
pub struct Facts {
    settings: Settings,
    strings: Strings,
    transaction: Transaction,
    unreported_known: bool,
    /// Settings that the server said have a harmful value.
    harmful: Vec<Setting>,
    /// Something opaque was sent, and the server has not yet been ready for a query since.
    unreported: bool,
    /// All settings were asked for since then.
    asked: bool,
    /// Something opaque was sent in this transaction: its end may take back what was learnt.
    taken_back: bool,
    /// How often what was known became unknown.
    changes: u64,
    epoch: u64,
}

/// The settings were asked for when this was known; it comes back with the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked(u64);

impl Facts {
    /// A session that begins under this protection epoch. What is not reported may come from the role or the database,
    /// so it is not known.
    pub fn new(epoch: u64) -> Self {
        Self {
            settings: Settings::default(),
            strings: Strings::Standard,
            transaction: Transaction::default(),
            unreported_known: false,
            harmful: Vec::new(),
            unreported: false,
            asked: false,
            taken_back: false,
            changes: 0,
            epoch,
        }
    }

    /// A session over a driver that hides what the server reports.
    pub fn hidden(epoch: u64) -> Self {
        let mut facts = Self::new(epoch);
        facts.renew();
        facts
    }

    /// A hidden session was out of sight: nothing is known of it, not even whether a transaction has settings of its own.
    pub fn renew(&mut self) {
        self.sent(Effect::Opaque);
    }

    /// A hidden session is outside a transaction block.
    pub fn idle(&mut self) {
        self.taken_back = false;
    }

    /// The settings of a hidden session must be asked for ([`HIDDEN`]), before a statement that depends on them.
    pub fn must_ask(&self) -> Option<Asked> {
        (self.unreported && !self.asked).then_some(Asked(self.changes))
    }

    /// How often what is known of a hidden session became unknown: while it stays, so do the settings.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// The answer to what [`Facts::must_ask`] said, by name. It counts for nothing if something opaque was sent meanwhile.
    pub fn answer<'v>(&mut self, asked: Asked, values: impl IntoIterator<Item = (&'v str, &'v str)>) {
        for (name, value) in values {
            self.shown(name, value);
        }
        self.asked |= asked == Asked(self.changes);
    }

    /// What values are read and rendered under.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The transaction status.
    pub fn transaction(&self) -> Transaction {
        self.transaction
    }

    /// The resolution epoch: a plan made in another one is made again (SQL-12). It is that of what is protected under the
    /// search path of the session ([`Protection::under`](crate::schema::Protection::under)).
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// A new lock is in force.
    pub fn set_epoch(&mut self, epoch: u64) {
        self.epoch = epoch;
    }

    /// How the server reads strings (SQL-7).
    pub fn strings(&self) -> Strings {
        self.strings
    }

    /// What must be asked with SHOW before these bytes are read: a text of the client's, or a name.
    pub fn shows_for(&self, bytes: &[u8]) -> &'static [&'static str] {
        match self.unreported && !self.asked && client_text::depends_on_settings(bytes) {
            true => ALL,
            false => &[],
        }
    }

    /// Takes over a ParameterStatus.
    pub fn parameter_status(&mut self, name: &str, value: &str) {
        self.settings.set(name, value);
        if name == "standard_conforming_strings" {
            self.strings = if value == "on" { Strings::Standard } else { Strings::Escape };
        }
    }

    /// Takes over a ReadyForQuery. `last`: nothing was sent behind the message that it answers, so that the settings
    /// which the server reports are those of the next statement.
    pub fn ready_for_query(&mut self, transaction: Transaction, last: bool) {
        self.transaction = transaction;
        self.unreported &= !last;
        self.asked &= !last;
        if transaction == Transaction::Idle && self.taken_back {
            self.unreported_known = false;
            // What was sent behind it may have set something in the next transaction already.
            self.taken_back = !last;
        }
    }

    /// A statement with this effect was sent. From here on the next statement that depends on it must ask.
    pub fn sent(&mut self, effect: Effect) {
        match effect {
            Effect::None => {}
            Effect::Opaque => {
                self.unreported_known = false;
                self.taken_back = true;
                self.unknown();
            }
        }
    }

    fn unknown(&mut self) {
        self.unreported = true;
        self.asked = false;
        self.changes += 1;
    }

    /// A statement that is not planned was sent: also COMMIT, which takes back a SET LOCAL.
    pub fn forwarded(&mut self, effect: Effect) {
        self.sent(effect);
        self.may_fail();
    }

    /// What was sent may fail, as a refusal does. PostgreSQL takes settings back at the error (`AbortTransaction`), and so
    /// reads the text behind it under those from before, though a ROLLBACK may stand at its front.
    pub fn may_fail(&mut self) {
        if self.taken_back {
            self.unknown();
        }
    }

    /// Whether the end of the transaction may change settings.
    pub fn may_be_taken_back(&self) -> bool {
        self.taken_back
    }

    /// What must be asked with SHOW before a statement that does or does not depend on what is not reported: on
    /// `bytea_output` ([`depends_on_bytea_output`](super::outputs::depends_on_bytea_output)), or on a setting of
    /// [`Notes::depends_on`](crate::sql::Notes). Whoever sends the SHOW calls [`Facts::asked`], so that pipelined
    /// statements behind it do not ask again.
    pub fn shows(&self, depends: bool) -> &'static [&'static str] {
        match (self.unreported && !self.asked, depends && !self.unreported_known) {
            (true, _) => ALL,
            (false, true) => UNREPORTED,
            (false, false) => &[],
        }
    }

    /// Refuses a plan whose statement means something else under this session's settings, once they are shown (SQL-7).
    pub fn check(&self, plan: &Plan) -> Result<(), Refusal> {
        self.settings.encoding.check().map_err(|unread| client_text::refused(&unread))?;
        match plan.notes.depends_on.iter().find(|setting| self.harmful.contains(setting)) {
            Some(setting) => Err(setting.refusal()),
            None => Ok(()),
        }
    }

    /// The SHOWs were sent.
    pub fn asked(&mut self) {
        self.unreported_known = true;
        self.asked = true;
    }

    /// A SHOW was answered.
    pub fn shown(&mut self, name: &str, value: &str) {
        self.parameter_status(name, value);
        if let Some(setting) = Setting::of(name) {
            self.harmful.retain(|harmful| *harmful != setting);
            self.harmful.extend((!setting.is_harmless(value)).then_some(setting));
        }
    }

    /// A SHOW was not answered (an error before it in its batch, a failed transaction).
    pub fn not_shown(&mut self) {
        self.unreported_known = false;
        self.asked = false;
    }
}

/// Whether a hidden session's settings must be known before a statement is sent, apart from those that its text is read by
/// ([`client_text::depends_on_settings`]): a timestamptz in text is read by `TimeZone` (the only setting that values in
/// text are read by), and a plan says what else it depends on. `formats` are those of the client's parameters; results are
/// binary.
pub fn reads_settings(plan: &Plan, formats: &[Format]) -> bool {
    !plan.notes.depends_on.is_empty() || reads_zone(plan, formats)
}

fn reads_zone(plan: &Plan, formats: &[Format]) -> bool {
    let written = plan.rows.iter().any(|row| {
        let inputs = row.values.iter().zip(&row.table.columns);
        inputs.into_iter().any(|(input, column)| input.as_ref().is_some_and(|input| zoned(input, column.ty, formats)))
    });
    let tagged = |template: &Template| {
        template.slots.iter().any(|slot| match &slot.recipe {
            Recipe::Tag { table, beacon, input } | Recipe::Tags { table, beacon, input } => {
                let column = table.beacons.get(*beacon).and_then(|beacon| table.columns.get(beacon.column));
                zoned(input, column.and_then(|column| column.ty), formats)
            }
            Recipe::Pass(_)
            | Recipe::Clear { .. }
            | Recipe::Cell { .. }
            | Recipe::RowTag { .. }
            | Recipe::Signature { .. }
            | Recipe::Signed { .. } => false,
        })
    };
    let stepped = match &plan.steps {
        Steps::One => false,
        Steps::Fetch(fetch) => tagged(fetch),
        Steps::ReadModifyWrite(work) => tagged(&work.lock),
    };
    written || tagged(&plan.template) || stepped
}

/// Whether a value comes as a text that is read by a setting, such as that of a timestamptz. `column`: the type that an untyped constant takes.
fn zoned(input: &Input, column: Option<Type>, formats: &[Format]) -> bool {
    let zoned = |ty: Option<Type>| ty.is_some_and(|ty| ty.reads_settings());
    match input {
        Input::Param { index, ty } => formats.get(*index) != Some(&Format::Binary) && zoned(Some(*ty)),
        Input::Literal { literal, at: _ } => reads_zone_of(literal, zoned(column)),
        Input::Stored(_) | Input::Null | Input::Fetched(_) => false,
    }
}

fn reads_zone_of(literal: &Literal, column: bool) -> bool {
    match literal {
        Literal::Untyped(_) => column,
        Literal::Typed(ty, _) => ty.reads_settings(),
        Literal::Array(items) => items.iter().flatten().any(|item| reads_zone_of(item, column)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::SqlState;
    use crate::sql::{Notes, Steps, Template, Verb};

    #[test]
    fn a_hidden_session_is_asked_once_and_again_after_anything_opaque_sql_12() {
        let mut facts = Facts::hidden(1);
        facts.idle();
        let asked = facts.must_ask().unwrap();
        facts.answer(asked, [("TimeZone", "UTC")]);
        assert_eq!(facts.must_ask(), None);
        facts.forwarded(Effect::None);
        assert_eq!(facts.must_ask(), None);
        facts.forwarded(Effect::Opaque);
        assert!(facts.must_ask().is_some());
    }

    #[test]
    fn an_answer_from_before_something_opaque_counts_for_nothing_sql_12() {
        let mut facts = Facts::hidden(1);
        let asked = facts.must_ask().unwrap();
        facts.forwarded(Effect::Opaque);
        facts.answer(asked, []);
        assert!(facts.must_ask().is_some());
    }

    #[test]
    fn a_hidden_session_asks_again_behind_whatever_may_end_a_transaction_sql_12() {
        let mut facts = Facts::hidden(1);
        let asked = facts.must_ask().unwrap();
        facts.answer(asked, []);
        facts.forwarded(Effect::None);
        assert!(facts.must_ask().is_some(), "it may have been a COMMIT, behind a SET LOCAL of somebody else");
        facts.idle();
        let asked = facts.must_ask().unwrap();
        facts.answer(asked, []);
        facts.forwarded(Effect::None);
        assert_eq!(facts.must_ask(), None);
    }

    #[test]
    fn an_error_takes_back_what_was_set_in_its_transaction_at_once_sql_7_sql_12() {
        let mut facts = Facts::hidden(1);
        facts.idle();
        facts.may_fail();
        let asked = facts.must_ask().unwrap();
        facts.answer(asked, []);
        facts.may_fail();
        assert_eq!(facts.must_ask(), None, "nothing was set");
        facts.forwarded(Effect::Opaque);
        let asked = facts.must_ask().unwrap();
        facts.answer(asked, []);
        facts.may_fail();
        assert!(facts.must_ask().is_some());
    }

    #[test]
    fn a_set_local_that_is_sent_before_another_transaction_has_ended_is_remembered_sql_12() {
        let mut facts = Facts::new(1);
        facts.forwarded(Effect::Opaque);
        facts.ready_for_query(Transaction::Idle, false);
        facts.ready_for_query(Transaction::Block, true);
        facts.may_fail();
        assert_eq!(facts.shows_for(b"SELECT '\\'"), ALL);
        facts.ready_for_query(Transaction::Idle, true);
        facts.may_fail();
        assert_eq!(facts.shows_for(b"SELECT '\\'"), &[] as &[&str]);
    }

    #[test]
    fn a_constant_is_read_by_the_time_zone_where_it_becomes_a_timestamptz() {
        let timestamptz = Some(Type::Timestamptz(None));
        let literal = |literal| Input::Literal { literal, at: 0 };
        let untyped = || Literal::Untyped("2026-01-01".into());
        assert!(zoned(&literal(untyped()), timestamptz, &[]));
        assert!(!zoned(&literal(untyped()), Some(Type::Date), &[]));
        assert!(zoned(&literal(Literal::Array(vec![None, Some(untyped())])), timestamptz, &[]));
        assert!(zoned(&literal(Literal::Typed(Type::Timestamptz(None), String::new())), None, &[]));
        let param = Input::Param { index: 0, ty: Type::Timestamptz(None) };
        assert!(zoned(&param, timestamptz, &[Format::Text]));
        assert!(!zoned(&param, timestamptz, &[Format::Binary]));
    }

    #[test]
    fn how_texts_are_read_is_known_from_reports_and_answers_sql_7() {
        let mut facts = Facts::new(1);
        facts.parameter_status("standard_conforming_strings", "off");
        facts.parameter_status("client_encoding", "LATIN1");
        assert_eq!((facts.strings(), facts.settings().encoding.name()), (Strings::Escape, "LATIN1"));
        assert_eq!(facts.shows_for(b"SELECT '\\'"), &[] as &[&str]);
        facts.forwarded(Effect::Opaque);
        for text in [&b"SELECT '\\'"[..], b"SELECT '\xe9'", b"SELECT U&'a'"] {
            assert_eq!(facts.shows_for(text), ALL);
        }
        assert_eq!(facts.shows_for(b"SELECT 'a'"), &[] as &[&str], "read alike under every setting");
        facts.asked();
        facts.shown("standard_conforming_strings", "on");
        facts.shown("client_encoding", "UTF8");
        assert_eq!((facts.strings(), facts.settings().encoding.is_utf8()), (Strings::Standard, true));
    }

    #[test]
    fn what_is_not_reported_is_asked_at_first_and_after_anything_opaque_sql_12() {
        let mut facts = Facts::new(1);
        assert_eq!(facts.shows(false), &[] as &[&str]);
        assert_eq!(facts.shows(true), UNREPORTED);
        facts.asked();
        facts.shown("bytea_output", "hex");
        assert_eq!(facts.shows(true), &[] as &[&str]);
        facts.sent(Effect::None);
        assert_eq!(facts.shows(true), &[] as &[&str]);
        facts.sent(Effect::Opaque);
        facts.ready_for_query(Transaction::Idle, true);
        assert_eq!(facts.shows(true), UNREPORTED);
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
        assert_eq!(facts.shows(true), UNREPORTED);
    }

    #[test]
    fn a_show_that_failed_is_asked_again() {
        let mut facts = Facts::new(1);
        facts.asked();
        facts.not_shown();
        assert_eq!(facts.shows(true), UNREPORTED);
    }

    #[test]
    fn a_plan_is_refused_only_if_it_depends_on_a_setting_that_is_shown_to_be_harmful_sql_7() {
        let mut plan = Plan {
            verb: Verb::Select,
            template: Template::default(),
            params: Vec::new(),
            rows: Vec::new(),
            output: None,
            steps: Steps::One,
            notes: Notes::default(),
        };
        let mut facts = Facts::new(1);
        for (name, value) in [("array_nulls", "off"), ("transform_null_equals", "off"), ("bytea_output", "hex")] {
            facts.shown(name, value);
        }
        assert_eq!(facts.check(&plan), Ok(()));
        facts.parameter_status("client_encoding", "SJIS");
        assert_eq!(facts.check(&plan).unwrap_err().sqlstate, SqlState::FEATURE_NOT_SUPPORTED);
        facts.parameter_status("client_encoding", "LATIN1");
        plan.notes.depends_on = vec![Setting::TransformNullEquals];
        assert_eq!(facts.check(&plan), Ok(()));
        plan.notes.depends_on.push(Setting::ArrayNulls);
        let refusal = facts.check(&plan).unwrap_err();
        assert_eq!(refusal.sqlstate, SqlState::FEATURE_NOT_SUPPORTED);
        assert!(refusal.message.starts_with("array_nulls must be on"), "{}", refusal.message);
        facts.shown("array_nulls", "on");
        assert_eq!(facts.check(&plan), Ok(()));
    }
}
