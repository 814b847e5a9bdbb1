//! EXECUTE, FETCH and MOVE reach by SQL what was prepared by message: the server keeps both under the same names (SQL-5).

use pgseal::sql::Refusal;
use pgseal::sql::lex::{self, Kind};

use super::super::state::State;

/// The commands that run, or read from, what has a name.
const COMMANDS: [&str; 3] = ["execute", "fetch", "move"];

/// PostgreSQL cuts names to this many bytes (NAMEDATALEN - 1).
const MAX_NAME: usize = 63;

impl State {
    /// The refusal of a text that goes on as it is, if it uses a planned statement or portal by name: its literals would
    /// travel in the clear into the places of tags, and its rows would be cells.
    pub(super) fn uses_by_name(&self, text: &str) -> Option<Refusal> {
        let mut planned = self.statements.meanings().filter(|(_, statement)| statement.plan.is_some());
        if planned.next().is_none() && self.portals.meanings().next().is_none() {
            return None;
        }
        let has = |command: &&str| {
            text.as_bytes().windows(command.len()).any(|word| word.eq_ignore_ascii_case(command.as_bytes()))
        };
        if !COMMANDS.iter().any(|command| has(&command)) {
            return None;
        }
        // A text without tokens is a syntax error at the server, whatever it names.
        let tokens = lex::lex(text).ok()?;
        if !tokens.iter().any(|token| COMMANDS.iter().any(|command| token.is_word(text, command))) {
            return None;
        }
        let found = tokens.iter().find(|token| match token.name(text) {
            Some(name) => self.is_planned(name.as_bytes()),
            None => token.kind == Kind::UnicodeIdentifier,
        })?;
        Some(
            Refusal::new(
                "a statement or portal on a protected table was prepared by message: SQL cannot use it by name",
            )
            .hint("Bind and execute it with messages.")
            .at(found.range.start),
        )
    }

    fn is_planned(&self, name: &[u8]) -> bool {
        let same = |known: &[u8]| known.get(..MAX_NAME).unwrap_or(known) == name;
        self.statements.meanings().any(|(known, statement)| statement.plan.is_some() && same(known))
            || self.portals.meanings().any(|(known, _)| same(known))
    }
}
