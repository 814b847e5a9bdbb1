//! EXECUTE, FETCH and MOVE reach by SQL what was prepared by message: the server keeps both under the same names (SQL-5).

use std::collections::{HashSet, VecDeque};

use crate::error::SqlState;
use crate::sql::Refusal;
use crate::sql::lex::{self, Kind};

/// The commands that run, or read from, what has a name.
const COMMANDS: [&str; 3] = ["execute", "fetch", "move"];

/// How many names of refused statements are remembered.
const MOST_NAMES: usize = 10_000;

/// A name as the server's own table of statements or portals has it: its keys end at 63 bytes (`NAMEDATALEN`, dynahash),
/// wherever in a character that is.
pub fn key(name: &[u8]) -> &[u8] {
    name.get(..lex::MAX_NAME).unwrap_or(name)
}

/// Names of statements that SQL takes away, one with each command tag.
pub type Deallocated = VecDeque<Box<[u8]>>;

/// What the DEALLOCATEs of a text take away.
pub fn deallocated(text: &str) -> Deallocated {
    if !holds(text, "deallocate") {
        return Deallocated::new();
    }
    let Ok(tokens) = lex::lex(text) else { return Deallocated::new() };
    let statements = tokens.split(|token| token.is_symbol(b';'));
    statements
        .filter_map(|statement| match statement {
            [command, prepare, name] if prepare.is_word(text, "prepare") => Some((command, name)),
            [command, name] => Some((command, name)),
            _ => None,
        })
        .filter(|(command, name)| command.is_word(text, "deallocate") && !name.is_word(text, "all"))
        .filter_map(|(_, name)| Some(name.name(text)?.as_bytes().into()))
        .collect()
}

/// The refusal of a text that goes on as it is, if it uses by name what `is_ours` knows: a planned statement or portal,
/// or one that was refused. Its literals would travel in the clear into the places of tags, and its rows would be cells.
pub fn uses(text: &str, is_ours: impl Fn(&[u8]) -> bool) -> Option<Refusal> {
    if !COMMANDS.iter().any(|command| holds(text, command)) {
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
        Some(name) => is_ours(name.as_bytes()),
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

fn holds(text: &str, word: &str) -> bool {
    text.as_bytes().windows(word.len()).any(|window| window.eq_ignore_ascii_case(word.as_bytes()))
}

/// Names that were to mean something and do not, since what they name was refused: what uses them would travel for
/// nothing.
#[derive(Debug, Default)]
pub struct RefusedNames {
    names: HashSet<Box<[u8]>>,
    /// A name was one too many to remember. It stays so: which one it was is not known.
    overflowed: bool,
}

impl RefusedNames {
    /// Nothing was refused.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty() && !self.overflowed
    }

    /// This very name is remembered.
    pub fn contains(&self, name: &[u8]) -> bool {
        self.names.contains(key(name))
    }

    /// Not all names are remembered: any other one may have been refused too.
    pub fn has_overflowed(&self) -> bool {
        self.overflowed
    }

    /// Whether what this name was to mean may have been refused.
    pub fn may_hold(&self, name: &[u8]) -> bool {
        self.overflowed || self.contains(name)
    }

    /// The name does not mean what it was to mean.
    pub fn insert(&mut self, name: &[u8]) {
        if self.names.len() < MOST_NAMES {
            self.names.insert(key(name).into());
        } else if !self.contains(name) {
            self.overflowed = true;
        }
    }

    /// The name means something again.
    pub fn remove(&mut self, name: &[u8]) {
        self.names.remove(key(name));
    }

    /// A text was refused, or passed on: names that it would have made with PREPARE or DECLARE are remembered, or
    /// forgotten again.
    pub fn text(&mut self, text: &str, refused: bool) {
        if !refused && self.is_empty() {
            return;
        }
        let Ok(tokens) = lex::lex(text) else { return };
        for pair in tokens.windows(2) {
            let [command, name] = pair else { continue };
            if let Some(name) = name.name(text)
                && ["prepare", "declare"].iter().any(|word| command.is_word(text, word))
            {
                match refused {
                    true => self.insert(name.as_bytes()),
                    false => self.remove(name.as_bytes()),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_executes_or_fetches_from_a_name_of_ours_is_refused_sql_5() {
        let ours = |name: &[u8]| name == b"s7";
        for text in ["EXECUTE s7('x')", "execute \"s7\" ('x')", "FETCH 1 FROM S7", "EXPLAIN EXECUTE s7('x')"] {
            assert!(uses(text, ours).is_some(), "{text}");
        }
        for text in ["EXECUTE s8('x')", "SELECT 's7'", "SELECT s7 FROM t", "EXECUTE \"S7\"('x')"] {
            assert!(uses(text, ours).is_none(), "{text}");
        }
        assert!(uses("EXECUTE U&\"\\0073\\0037\"('x')", ours).is_some(), "a name that is not read could be any");
        assert!(uses("EXECUTE s8('x", ours).is_some(), "a text without tokens");
    }

    #[test]
    fn the_name_of_a_refused_prepare_is_remembered_until_it_means_something() {
        let mut names = RefusedNames::default();
        names.text("PREPARE Mine AS SELECT 1", true);
        assert!(names.contains(b"mine"));
        names.text("PREPARE mine AS SELECT 2", false);
        assert!(names.is_empty());
    }

    #[test]
    fn the_names_of_deallocate_are_read_as_the_server_reads_them() {
        let names = |text| -> Vec<String> {
            deallocated(text).into_iter().map(|name| String::from_utf8(name.into()).unwrap()).collect()
        };
        assert_eq!(names("DEALLOCATE Find; SELECT 1; deallocate PREPARE \"Find\";"), ["find", "Find"]);
        assert_eq!(names("/* one */ DEALLOCATE prepare"), ["prepare"]);
        for none in ["DEALLOCATE ALL", "DEALLOCATE PREPARE ALL", "SELECT 'DEALLOCATE x'", "DEALLOCATE 'x"] {
            assert!(names(none).is_empty(), "{none}");
        }
    }

    #[test]
    fn names_end_at_63_bytes() {
        let long = "é".repeat(40);
        assert_eq!(key(long.as_bytes()).len(), 63);
        let mut names = RefusedNames::default();
        names.insert(long.as_bytes());
        assert!(names.contains(format!("{long}x").as_bytes()));
    }
}
