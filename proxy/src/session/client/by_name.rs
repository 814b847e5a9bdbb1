//! Which names of this session mean planned statements and portals, or were to mean refused ones (SQL-5).

use std::rc::Rc;

use pgseal::error::SqlState;
use pgseal::exec::by_name::{self, Named, names_protected};
use pgseal::sql::Refusal;
use pgseal::value::Format;

use super::super::queue::Kind;
use super::super::state::{Answer, Expected, SHOW_NAME, State, Statement};
use super::{Fate, Frame};
use crate::wire::compose;
use crate::wire::reader::{self, Target};

/// The text of a prepared statement, as the client or a function gave it.
const TEXT: &str =
    "SELECT statement FROM pg_catalog.pg_prepared_statements WHERE name OPERATOR(pg_catalog.=) $1::pg_catalog.text";

/// What may have this name at the server.
pub(super) enum Known {
    /// A statement that names nothing protected.
    Harmless,
    /// Nothing that is meant for this client's values.
    Refused(Refusal),
    /// It is not known before the server was asked.
    Asked,
    /// The message must be there whole to say.
    Whole,
}

impl State {
    /// The refusal of a text that goes on as it is, if it uses by name what is planned or protected, or was refused.
    pub(super) fn uses_by_name(&self, text: &str) -> Option<Refusal> {
        let mut planned = self.statements.meanings().filter(|(_, statement)| statement.plan.is_some());
        let none = self.refused.is_empty() && self.closed.is_empty();
        let uses = match none && planned.next().is_none() && self.portals.meanings().next().is_none() {
            true => None,
            false => by_name::uses(text, |name| self.is_planned(name)),
        };
        uses.or_else(|| self.never_made.uses(text)).or_else(|| by_name::executes_refused(text, |name| self.stale(name)))
    }

    /// What a text does to names.
    pub(super) fn names_of(&self, text: &str) -> Named {
        let mut named = by_name::named(text);
        self.never_made.watch(&mut named, text);
        named
    }

    /// A text was refused, or dropped unread.
    pub(super) fn refuses(&mut self, text: &str) {
        self.refused.text(text);
        self.never_made.text(text);
    }

    fn is_planned(&self, name: &[u8]) -> bool {
        let overflowed = self.refused.has_overflowed() || self.closed.has_overflowed();
        self.statements.meanings().any(|(known, statement)| statement.plan.is_some() && known == name)
            || self.portals.meanings().any(|(known, _)| known == name)
            || self.refused.contains(name)
            || self.closed.contains(name)
            || (overflowed && !self.texts.knows(name))
    }

    /// The refusal to run what has this name, if it may name something that is protected only now (SQL-66).
    fn stale(&self, name: &[u8]) -> Option<Refusal> {
        if self.unremembered && !self.statements.knows(name) && !self.texts.knows(name) {
            return Some(unremembered());
        }
        let protection = &self.world.protection;
        let harmless = |statement: &Rc<Statement>| statement.plan.is_none() && statement.epoch != protection.epoch;
        let mut own = self.statements.meanings().filter(|(known, statement)| *known == name && harmless(statement));
        let own = own.find_map(|(_, statement)| names_protected(&statement.text, protection));
        own.or_else(|| self.texts.stale(name, protection)).or_else(|| self.never_made_by(name))
    }

    /// The refusal to run what has this name, if it uses what was to be made by a statement that was refused since.
    fn never_made_by(&self, name: &[u8]) -> Option<Refusal> {
        if self.never_made.is_empty() {
            return None;
        }
        let harmless = |statement: &Rc<Statement>| statement.plan.is_none();
        let mut own = self.statements.meanings().filter(|(known, statement)| *known == name && harmless(statement));
        own.find_map(|(_, statement)| self.never_made.uses(&statement.text))
            .or_else(|| self.texts.of(name).find_map(|text| self.never_made.uses(text)))
    }

    /// Whether a Bind of this name, which has no plan, could bring the values of a statement that was refused, or of a
    /// planned one that is gone. Where not all such names are remembered, every name that means nothing counts.
    pub(super) fn is_refused(&self, name: &[u8]) -> bool {
        let overflowed = self.refused.has_overflowed() || self.closed.has_overflowed();
        let knows = || self.statements.get(name).is_some() || self.texts.knows(name);
        self.refused.contains(name) || self.closed.contains(name) || (overflowed && !knows())
    }

    /// What a Bind to a name is told that no message has made. SQL may have, or a function; else the values belong to
    /// something that is not there, and do not travel to find that out.
    pub(super) fn known(&mut self, name: &[u8], frame: Frame<'_>, out: &mut Vec<u8>) -> Known {
        if self.texts.knows(name) {
            return self.stale(name).map_or(Known::Harmless, Known::Refused);
        }
        let Some(body) = frame.body else { return Known::Whole };
        // Without values it is the server's to answer.
        if reader::bind(body).is_ok_and(|bind| bind.values.is_empty()) {
            return Known::Harmless;
        }
        let asked = self.looked_for.take().is_some_and(|asked| *asked == *name);
        match std::str::from_utf8(name) {
            Ok(name) if !name.is_empty() && !asked && self.status != b'E' => {
                self.ask_for_text(name.as_bytes(), out);
                Known::Asked
            }
            Ok(_) | Err(_) => Known::Refused(does_not_exist(name)),
        }
    }

    /// Asks for a statement's text inside the client's batch.
    fn ask_for_text(&mut self, name: &[u8], out: &mut Vec<u8>) {
        compose::close(Target::Statement, SHOW_NAME, out);
        compose::parse(SHOW_NAME, TEXT, &[], out);
        compose::bind(SHOW_NAME, SHOW_NAME, &[(Format::Text, Some(name))], &[], out);
        compose::execute(SHOW_NAME, 0, out);
        compose::close(Target::Portal, SHOW_NAME, out);
        compose::flush(out);
        self.expect(Kind::Close, Expected::new(Answer::Swallow(None)));
        self.expect(Kind::Parse, Expected::new(Answer::Swallow(None)));
        self.expect(Kind::Bind, Expected::new(Answer::Swallow(None)));
        self.expect(Kind::Execute, Expected::new(Answer::Text(name.into())));
        self.expect(Kind::Close, Expected::new(Answer::Swallow(None)));
    }

    /// Something is under way that may give names of statements another meaning: the server is made to answer it.
    pub(super) fn awaits_names(&self, out: &mut Vec<u8>) -> Option<Fate> {
        (self.renaming > 0).then(|| {
            compose::flush(out);
            Fate::Name
        })
    }
}

/// PostgreSQL's words for a name that means nothing.
pub(super) fn does_not_exist(name: &[u8]) -> Refusal {
    let message = match name {
        b"" => "unnamed prepared statement does not exist".to_owned(),
        name => format!("prepared statement \"{}\" does not exist", String::from_utf8_lossy(name)),
    };
    Refusal::error(SqlState::INVALID_SQL_STATEMENT_NAME, message)
}

pub(super) fn unremembered() -> Refusal {
    let message = "the schema has changed since this statement was prepared";
    Refusal::error(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message).hint("Prepare it again, or connect again.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_name_that_is_one_too_many_to_remember_is_not_executed_by_sql_either_sql_5() {
        let mut state = State::new(None);
        for number in 0..=10_000 {
            state.refused.insert(format!("p{number}").as_bytes());
        }
        assert!(state.uses_by_name("EXECUTE p10000('x')").is_some());
        state.refused.remove(b"p0");
        assert!(state.uses_by_name("EXECUTE p10000('x')").is_some(), "what was not remembered stays unknown");
        assert!(state.is_refused(b"p10000"));
        assert!(state.uses_by_name("SELECT 'x'").is_none());
    }
}
