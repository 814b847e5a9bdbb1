//! EXECUTE, FETCH and MOVE reach by SQL what was prepared by message: the server keeps both under the same names (SQL-5).

use pgseal::error::SqlState;
use pgseal::sql::Refusal;
use pgseal::sql::lex::{self, Kind};

use super::super::state::State;

/// The commands that run, or read from, what has a name.
const COMMANDS: [&str; 3] = ["execute", "fetch", "move"];

/// How many names of refused statements are remembered.
const MOST_NAMES: usize = 10_000;

/// PostgreSQL cuts names to this many bytes (NAMEDATALEN - 1).
const MAX_NAME: usize = 63;

impl State {
    /// The refusal of a text that goes on as it is, if it uses a planned statement or portal by name: its literals would
    /// travel in the clear into the places of tags, and its rows would be cells.
    pub(super) fn uses_by_name(&self, text: &str) -> Option<Refusal> {
        let mut planned = self.statements.meanings().filter(|(_, statement)| statement.plan.is_some());
        if planned.next().is_none() && self.portals.meanings().next().is_none() && self.refused.is_empty() {
            return None;
        }
        let has = |command: &str| {
            text.as_bytes().windows(command.len()).any(|word| word.eq_ignore_ascii_case(command.as_bytes()))
        };
        if !COMMANDS.iter().any(|command| has(command)) {
            return None;
        }
        // A text without tokens could name anything, and its literals would travel for nothing (SQL-5).
        let tokens = match lex::lex(text) {
            Ok(tokens) => tokens,
            Err(error) => return Some(Refusal::error(SqlState::SYNTAX_ERROR, error.what).at(error.at)),
        };
        if !tokens.iter().any(|token| COMMANDS.iter().any(|command| token.is_word(text, command))) {
            return None;
        }
        let found = tokens.iter().find(|token| match token.name(text) {
            Some(name) => self.is_planned(name.as_bytes()),
            None => token.kind == Kind::UnicodeIdentifier,
        })?;
        Some(
            Refusal::new(
                "a statement on a protected table that was prepared by message, or whose PREPARE was refused, cannot be used by name in SQL",
            )
            .hint("Prepare, bind and execute it with messages.")
            .at(found.range.start),
        )
    }

    fn is_planned(&self, name: &[u8]) -> bool {
        let same = |known: &[u8]| known.get(..MAX_NAME).unwrap_or(known) == name;
        self.statements.meanings().any(|(known, statement)| statement.plan.is_some() && same(known))
            || self.portals.meanings().any(|(known, _)| same(known))
            || self.refused.contains(name)
    }

    /// The name was to mean something, and does not: what uses it would travel for nothing.
    pub(in super::super) fn remember(&mut self, name: &[u8]) {
        if self.refused.len() < MOST_NAMES {
            self.refused.insert(name.into());
        }
    }

    /// Whether a Bind of this name, which has no plan, could bring the values of a statement that was refused. Where
    /// not all such names are remembered, every name that means nothing counts.
    pub(super) fn is_refused(&self, name: &[u8]) -> bool {
        self.refused.contains(name) || (self.refused.len() >= MOST_NAMES && self.statements.get(name).is_none())
    }

    /// A text was refused, or passed on: names that it would have made with PREPARE or DECLARE are remembered, or
    /// forgotten again.
    pub(super) fn remember_names(&mut self, text: &str, refused: bool) {
        if !refused && self.refused.is_empty() {
            return;
        }
        let Ok(tokens) = lex::lex(text) else { return };
        for pair in tokens.windows(2) {
            let [command, name] = pair else { continue };
            if let Some(name) = name.name(text)
                && ["prepare", "declare"].iter().any(|word| command.is_word(text, word))
            {
                match refused {
                    true => self.remember(name.as_bytes()),
                    false => drop(self.refused.remove(name.as_bytes())),
                }
            }
        }
    }
}
