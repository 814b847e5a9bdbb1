//! EXECUTE, FETCH and MOVE reach by SQL what was prepared by message: the server keeps both under the same names (SQL-5).

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::SqlState;
use crate::sql::Refusal;
use crate::sql::lex::{self, Kind, LexError, Token};

/// The commands that run, or read from, what has a name.
const COMMANDS: [&str; 3] = ["execute", "fetch", "move"];

/// How many names of refused statements are remembered.
const MOST_NAMES: usize = 10_000;

/// The refusals so far: their numbers are in the order in which a session saw them, whichever list they went to.
static REFUSALS: AtomicU64 = AtomicU64::new(0);

/// A name as the server's own table of statements or portals has it: its keys end at 63 bytes (`NAMEDATALEN`, dynahash),
/// wherever in a character that is.
pub fn key(name: &[u8]) -> &[u8] {
    name.get(..lex::MAX_NAME).unwrap_or(name)
}

/// What the statements of a text do to names once the server has carried them out, in their order: each has a command
/// tag of its own.
#[derive(Debug, Clone, Default)]
pub struct Named {
    /// What DEALLOCATE takes away; `None` for a name that is not read.
    gone: VecDeque<Option<Box<[u8]>>>,
    /// What PREPARE or DECLARE gives a meaning; the same.
    made: VecDeque<Option<Box<[u8]>>>,
    /// How many names had been refused when the text was sent.
    refusals: u64,
}

/// What one command tag says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// The server has no statement of this name any more.
    Gone(Box<[u8]>),
    /// The name means what was passed on.
    Made(Box<[u8]>),
}

/// What a text does to names.
pub fn named(text: &str) -> Named {
    let mut named = Named::default();
    if !["deallocate", "prepare", "declare"].iter().any(|word| holds(text, word)) {
        return named;
    }
    let Ok(tokens) = lex::lex(text) else { return named };
    // UESCAPE behind a name with escapes changes how it is read.
    let name = |token: &Token| {
        let name = token.name(text).filter(|_| token.kind != Kind::UnicodeIdentifier)?;
        Some(key(name.as_bytes()).into())
    };
    for statement in tokens.split(|token| token.is_symbol(b';')) {
        match statement {
            // ALL has a tag of its own.
            [command, gone] | [command, _, gone]
                if command.is_word(text, "deallocate") && gone.is_word(text, "all") => {}
            [command, prepare, gone, ..] if command.is_word(text, "deallocate") && prepare.is_word(text, "prepare") => {
                named.gone.push_back(name(gone));
            }
            [command, gone, ..] if command.is_word(text, "deallocate") => named.gone.push_back(name(gone)),
            [command, transaction, id]
                if command.is_word(text, "prepare")
                    && transaction.is_word(text, "transaction")
                    && id.kind != Kind::Word => {}
            [command, made, _, ..] if command.is_word(text, "prepare") || command.is_word(text, "declare") => {
                named.made.push_back(name(made));
            }
            _ => {}
        }
    }
    named
}

impl Named {
    /// It names nothing.
    pub fn is_empty(&self) -> bool {
        self.gone.is_empty() && self.made.is_empty()
    }

    /// It is sent: what was refused before may be made again by it, what is refused from now on is not.
    pub fn sent(&self) -> Self {
        Self { refusals: REFUSALS.load(Ordering::Relaxed), ..self.clone() }
    }

    /// The server has carried out a statement of the text, with this command tag.
    pub fn told(&mut self, tag: &[u8]) -> Option<Told> {
        match tag {
            b"DEALLOCATE" => self.gone.pop_front().flatten().map(Told::Gone),
            b"PREPARE" | b"DECLARE CURSOR" => self.made.pop_front().flatten().map(Told::Made),
            _ => None,
        }
    }
}

/// The refusal of a text that goes on as it is, if it uses by name what `is_ours` knows: a planned statement or portal,
/// or one that was refused. Its literals would travel in the clear into the places of tags, and its rows would be cells.
pub fn uses(text: &str, is_ours: impl Fn(&[u8]) -> bool) -> Option<Refusal> {
    if !COMMANDS.iter().any(|command| holds(text, command)) {
        return None;
    }
    let tokens = match lex::lex(text) {
        Ok(tokens) => tokens,
        Err(error) => return Some(unreadable(error)),
    };
    if !tokens.iter().any(|token| COMMANDS.iter().any(|command| token.is_word(text, command))) {
        return None;
    }
    tokens.iter().find(|token| may_be(text, token, &is_ours)).map(refusal)
}

/// The same where only what stands behind EXECUTE counts.
pub fn executes(text: &str, is_ours: impl Fn(&[u8]) -> bool) -> Option<Refusal> {
    if !holds(text, "execute") {
        return None;
    }
    let tokens = match lex::lex(text) {
        Ok(tokens) => tokens,
        Err(error) => return Some(unreadable(error)),
    };
    let named = tokens.windows(2).filter_map(|pair| match pair {
        [command, name] if command.is_word(text, "execute") => Some(name),
        _ => None,
    });
    named.into_iter().find(|name| may_be(text, name, &is_ours)).map(refusal)
}

/// Whether a token may be a name that is ours. One with escapes could be any: UESCAPE behind it changes how it is read.
fn may_be(text: &str, token: &Token, is_ours: impl Fn(&[u8]) -> bool) -> bool {
    token.kind == Kind::UnicodeIdentifier || token.name(text).is_some_and(|name| is_ours(name.as_bytes()))
}

/// A text without tokens could name anything, and its literals would travel for nothing (SQL-5).
fn unreadable(error: LexError) -> Refusal {
    Refusal::error(SqlState::SYNTAX_ERROR, error.what).at(error.at)
}

fn refusal(found: &Token) -> Refusal {
    Refusal::new(
        "a statement on a protected table that was prepared by message, or whose PREPARE was refused, cannot be used by name in SQL",
    )
    .hint("Prepare, bind and execute it with messages.")
    .at(found.range.start)
}

fn holds(text: &str, word: &str) -> bool {
    text.as_bytes().windows(word.len()).any(|window| window.eq_ignore_ascii_case(word.as_bytes()))
}

/// Whether a text runs, or reads from, what has a name.
pub fn runs(text: &str) -> bool {
    uses(text, |_| true).is_some()
}

/// Names that were to mean something and do not, since what they name was refused: what uses them would travel for
/// nothing. A name is forgotten once the server has given it a meaning that was passed on.
#[derive(Debug, Default)]
pub struct RefusedNames {
    /// With the number of its last refusal.
    names: HashMap<Box<[u8]>, u64>,
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
        self.names.contains_key(key(name))
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
        if self.names.len() < MOST_NAMES || self.contains(name) {
            self.names.insert(key(name).into(), 1 + REFUSALS.fetch_add(1, Ordering::Relaxed));
        } else {
            self.overflowed = true;
        }
    }

    /// The name means something again.
    pub fn remove(&mut self, name: &[u8]) {
        self.names.remove(key(name));
    }

    /// A text was refused: what it would have made is not there.
    pub fn text(&mut self, text: &str) {
        for name in named(text).made {
            match name {
                Some(name) => self.insert(&name),
                // It could be any.
                None => self.overflowed = true,
            }
        }
    }

    /// The server has given a name of this text a meaning.
    pub fn made(&mut self, name: &[u8], text: &Named) {
        if self.names.get(key(name)).is_some_and(|refusal| *refusal <= text.refusals) {
            self.remove(name);
        }
    }

    /// The server has carried out every statement of a text.
    pub fn all_made(&mut self, text: &Named) {
        text.made.iter().flatten().for_each(|name| self.made(name, text));
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
        names.text("SELECT 1; PREPARE Mine AS SELECT 1");
        assert!(names.contains(b"mine"));
        let mut again = named("PREPARE mine AS SELECT 2").sent();
        assert_eq!(again.told(b"SELECT 1"), None);
        assert!(names.contains(b"mine"), "it may fail");
        let Some(Told::Made(name)) = again.told(b"PREPARE") else { panic!("it was not read") };
        names.made(&name, &again);
        assert!(names.is_empty());
    }

    #[test]
    fn what_is_refused_behind_a_prepare_that_is_under_way_stays_refused() {
        let mut names = RefusedNames::default();
        names.text("PREPARE mine AS SELECT 1");
        let sent = named("PREPARE mine AS SELECT 2").sent();
        names.text("PREPARE mine AS SELECT 1");
        names.all_made(&sent);
        assert!(names.contains(b"mine"));
        names.all_made(&named("PREPARE mine AS SELECT 2").sent());
        assert!(names.is_empty());
    }

    #[test]
    fn a_name_that_is_taken_away_means_nothing_again() {
        let mut names = RefusedNames::default();
        names.text("PREPARE mine AS SELECT 1");
        for gone in ["DEALLOCATE mine", "DEALLOCATE PREPARE mine", "DEALLOCATE ALL", "PREPARE TRANSACTION 'mine'"] {
            names.all_made(&named(gone).sent());
            assert!(names.contains(b"mine"), "{gone}");
        }
    }

    #[test]
    fn a_name_with_escapes_could_be_any_sql_5() {
        let ours = |name: &[u8]| name == b"a";
        for text in ["EXECUTE U&\"!0061\" UESCAPE '!' ('x')", "EXPLAIN EXECUTE U&\"\\0061\""] {
            assert!(uses(text, ours).is_some() && executes(text, ours).is_some(), "{text}");
        }
        let mut names = RefusedNames::default();
        names.text("PREPARE U&\"!0061\" UESCAPE '!' AS SELECT 1");
        assert!(names.may_hold(b"a"));
    }

    #[test]
    fn only_what_stands_behind_execute_is_executed() {
        let ours = |name: &[u8]| name == b"s1";
        assert!(executes("EXPLAIN ANALYZE EXECUTE S1('x')", ours).is_some());
        assert!(executes("SELECT s1 FROM t FETCH FIRST ROW ONLY", ours).is_none());
        assert!(executes("SELECT 'EXECUTE s1', \"execute\" s1", ours).is_none());
    }

    #[test]
    fn each_command_tag_is_about_the_next_name_of_its_kind() {
        let text = "PREPARE U&\"!0061\" UESCAPE '!' AS SELECT 1; DEALLOCATE b; DECLARE c CURSOR FOR SELECT 1;
                    PREPARE transaction AS SELECT 1";
        let mut names = named(text);
        assert_eq!(names.told(b"PREPARE"), None, "a name that is not read");
        assert_eq!(names.told(b"DECLARE CURSOR"), Some(Told::Made(b"c"[..].into())));
        assert_eq!(names.told(b"DEALLOCATE"), Some(Told::Gone(b"b"[..].into())));
        assert_eq!(names.told(b"PREPARE"), Some(Told::Made(b"transaction"[..].into())));
        assert_eq!(names.told(b"PREPARE"), None);
    }

    #[test]
    fn the_names_of_deallocate_are_read_as_the_server_reads_them() {
        let names = |text| -> Vec<String> {
            named(text).gone.into_iter().flatten().map(|name| String::from_utf8(name.into()).unwrap()).collect()
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
