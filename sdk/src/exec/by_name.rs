//! EXECUTE, FETCH and MOVE reach by SQL what was prepared by message: the server keeps both under the same names (SQL-5).

mod never_made;
mod objects;

pub use never_made::NeverMade;

use std::collections::VecDeque;
use std::sync::Arc;

use crate::error::SqlState;
use crate::schema::Protection;
use crate::sql::lex::{self, Kind, LexError, Token};
use crate::sql::{self, Decision, PathEffect, Refusal};

/// The commands that run, or read from, what has a name.
const COMMANDS: [&str; 3] = ["execute", "fetch", "move"];

/// A name as the server's own table of statements or portals has it: its keys end at 63 bytes (`NAMEDATALEN`, dynahash),
/// wherever in a character that is.
pub fn key(name: &[u8]) -> &[u8] {
    name.get(..lex::MAX_NAME).unwrap_or(name)
}

/// What the statements of a text do to names once the server has carried them out, in their order: each has a command
/// tag of its own. It holds texts of the client, so it is never printed.
#[derive(Clone, Default)]
pub struct Named {
    /// What is not told yet, in the order of the text.
    acts: VecDeque<Act>,
    /// It changes what names of statements mean.
    statements: bool,
    /// What each statement makes in the catalog, if anybody asked ([`NeverMade::watch`]).
    objects: VecDeque<Vec<Box<[u8]>>>,
    /// What its statements do to the search path, if any does anything; taken out when it is sent.
    path: Vec<PathEffect>,
    /// The number of that among what was sent.
    path_number: Option<u64>,
    /// Its place among the events of its session, once it is sent.
    number: u64,
}

/// What one statement does to names; `None` for a name that is not read.
#[derive(Clone)]
enum Act {
    /// DEALLOCATE.
    Gone(Option<Box<[u8]>>),
    /// DEALLOCATE ALL or DISCARD ALL.
    AllGone,
    /// PREPARE, of this statement at this byte of the text.
    Made(Option<Box<[u8]>>, Arc<str>, usize),
    /// DECLARE.
    Declared(Option<Box<[u8]>>),
}

impl Act {
    fn told(self) -> Option<Told> {
        match self {
            Self::Gone(name) => name.map(Told::Gone),
            Self::AllGone => Some(Told::AllGone),
            Self::Made(name, ..) => name.map(Told::Made),
            Self::Declared(name) => name.map(Told::Declared),
        }
    }
}

/// What one command tag says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// The server has no statement of this name any more.
    Gone(Box<[u8]>),
    /// The server has no statement that has a name any more.
    AllGone,
    /// The statement of this name is the one that was passed on.
    Made(Box<[u8]>),
    /// The same of a cursor.
    Declared(Box<[u8]>),
}

/// What a text does to names.
pub fn named(text: &str) -> Named {
    let mut named = Named::default();
    if !holds(text, &["deallocate", "prepare", "declare", "discard"]) {
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
                if command.is_word(text, "deallocate") && gone.is_word(text, "all") =>
            {
                named.acts.push_back(Act::AllGone);
            }
            [command, all] if command.is_word(text, "discard") && all.is_word(text, "all") => {
                named.acts.push_back(Act::AllGone);
            }
            [command, prepare, gone, ..] if command.is_word(text, "deallocate") && prepare.is_word(text, "prepare") => {
                named.acts.push_back(Act::Gone(name(gone)));
            }
            [command, gone, ..] if command.is_word(text, "deallocate") => named.acts.push_back(Act::Gone(name(gone))),
            [command, transaction, id]
                if command.is_word(text, "prepare")
                    && transaction.is_word(text, "transaction")
                    && id.kind != Kind::Word => {}
            [command, made, .., last] if command.is_word(text, "prepare") => {
                let at = command.range.start;
                let statement = text.get(at..last.range.end).unwrap_or("");
                named.acts.push_back(Act::Made(name(made), statement.into(), at));
            }
            [command, made, _, ..] if command.is_word(text, "declare") => {
                named.acts.push_back(Act::Declared(name(made)));
            }
            _ => {}
        }
    }
    named.statements = named.acts.iter().any(|act| match act {
        Act::Gone(_) | Act::AllGone => true,
        Act::Made(name, ..) => name.is_some(),
        Act::Declared(_) => false,
    });
    named
}

impl std::fmt::Debug for Named {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Named").field("number", &self.number).finish_non_exhaustive()
    }
}

impl Named {
    /// It names nothing.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty() && !self.statements && self.acts.is_empty() && self.path.is_empty()
    }

    /// The same of a text whose statements do this to the search path (SQL-63).
    pub fn moving(mut self, path: Vec<PathEffect>) -> Self {
        self.path = path;
        self
    }

    /// Whether the values of parameters decide what it does.
    pub fn reads_parameters(&self) -> bool {
        self.path.iter().any(PathEffect::reads_parameters)
    }

    /// The same with the values of its parameters, by number.
    pub fn bound<'v>(mut self, value: impl Fn(usize) -> Option<Option<&'v str>>) -> Self {
        for effect in &mut self.path {
            *effect = effect.bound(&value);
        }
        self
    }

    /// The same executed with a row limit: whether a suspended portal has done what it does is not known.
    pub fn limited(mut self) -> Self {
        for effect in self.path.iter_mut().filter(|effect| !effect.is_none()) {
            *effect = PathEffect::Opaque { commits: false };
        }
        self
    }

    /// What it does to the search path, which is sent with it.
    pub(super) fn take_path(&mut self) -> Vec<PathEffect> {
        std::mem::take(&mut self.path)
    }

    /// The number of what it does to the search path.
    pub(super) fn path_number(&self) -> Option<u64> {
        self.path_number
    }

    pub(super) fn set_path_number(&mut self, number: Option<u64>) {
        self.path_number = number;
    }

    /// No name of a statement means anything once it is carried out.
    pub fn takes_all(&self) -> bool {
        self.acts.iter().any(|act| matches!(act, Act::AllGone))
    }

    /// What a statement's name means may be another thing afterwards.
    pub fn changes_statements(&self) -> bool {
        self.statements
    }

    /// It is sent, as this event of its session: what was refused before may be made again by it, what is refused from
    /// now on is not.
    pub fn sent(mut self, number: u64) -> Self {
        self.number = number;
        self
    }

    /// Its place among the events of its session, once it is sent.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The server has carried out a statement of the text, with this command tag.
    pub fn told(&mut self, tag: &[u8]) -> Option<Told> {
        let is: fn(&Act) -> bool = match tag {
            b"DEALLOCATE" => |act| matches!(act, Act::Gone(_)),
            b"DEALLOCATE ALL" | b"DISCARD ALL" => |act| matches!(act, Act::AllGone),
            b"PREPARE" => |act| matches!(act, Act::Made(..)),
            b"DECLARE CURSOR" => |act| matches!(act, Act::Declared(_)),
            _ => return None,
        };
        let at = self.acts.iter().position(is)?;
        self.acts.remove(at)?.told()
    }

    /// The server has carried out every statement of the text: what it says of the next one, until there is none.
    pub fn told_next(&mut self) -> Option<Told> {
        loop {
            if let Some(told) = self.acts.pop_front()?.told() {
                return Some(told);
            }
        }
    }

    /// The byte of the text at which it prepares a statement whose name `is_theirs` knows, if it does.
    pub fn prepares(&self, is_theirs: impl Fn(&[u8]) -> bool) -> Option<usize> {
        self.texts().find(|(name, ..)| is_theirs(name)).map(|(.., at)| at)
    }

    /// The names to which it gives a meaning; `None` for one that is not read.
    pub(super) fn made_names(&self) -> impl Iterator<Item = Option<&[u8]>> {
        self.acts.iter().filter_map(|act| match act {
            Act::Made(name, ..) | Act::Declared(name) => Some(name.as_deref()),
            Act::Gone(_) | Act::AllGone => None,
        })
    }

    /// The statements that it prepares and that are not confirmed, and the byte of the text at which each begins.
    pub(super) fn texts(&self) -> impl Iterator<Item = (&[u8], &Arc<str>, usize)> {
        self.acts.iter().filter_map(|act| match act {
            Act::Made(Some(name), text, at) => Some((&**name, text, *at)),
            Act::Made(None, ..) | Act::Gone(_) | Act::AllGone | Act::Declared(_) => None,
        })
    }
}

/// The refusal of a text that goes on as it is, if it uses by name what `is_ours` knows: a planned statement or portal,
/// or one that was refused. Its literals would travel in the clear into the places of tags, and its rows would be cells.
pub fn uses(text: &str, is_ours: impl Fn(&[u8]) -> bool) -> Option<Refusal> {
    if !holds(text, &COMMANDS) {
        return None;
    }
    let tokens = match lex::lex(text) {
        Ok(tokens) => tokens,
        Err(error) => return Some(unreadable(error)),
    };
    if !tokens.iter().any(|token| COMMANDS.iter().any(|command| token.is_word(text, command))) {
        return None;
    }
    tokens.iter().find(|token| may_be(text, token, &is_ours)).map(|token| refusal(token.range.start))
}

/// The same where only what stands behind EXECUTE counts.
pub fn executes(text: &str, is_ours: impl Fn(&[u8]) -> bool) -> Option<Refusal> {
    match executed(text) {
        Ok(names) => names
            .into_iter()
            .find(|name| name.name.as_ref().is_none_or(|name| is_ours(name)))
            .map(|name| refusal(name.at)),
        Err(error) => Some(unreadable(error)),
    }
}

/// The refusal to execute what `judge` says, told where its name stands.
pub fn executes_refused(text: &str, mut judge: impl FnMut(&[u8]) -> Option<Refusal>) -> Option<Refusal> {
    let names = executed(text).unwrap_or_default();
    names.into_iter().find_map(|name| judge(name.name.as_deref()?).map(|refusal| refusal.at(name.at)))
}

/// A name behind EXECUTE; `None` if it is not read.
struct Executed {
    name: Option<Box<[u8]>>,
    at: usize,
}

fn executed(text: &str) -> Result<Vec<Executed>, LexError> {
    if !holds(text, &["execute"]) {
        return Ok(Vec::new());
    }
    let tokens = lex::lex(text)?;
    // The privilege, and what a trigger runs.
    let other = |name: &Token, next: Option<&Token>| {
        let routine = name.is_word(text, "function") || name.is_word(text, "procedure");
        name.is_word(text, "on") || (routine && next.is_some_and(Token::is_name))
    };
    let names = tokens.iter().enumerate().filter_map(|(at, command)| {
        let name = tokens.get(at + 1).filter(|name| command.is_word(text, "execute") && name.is_name())?;
        (!other(name, tokens.get(at + 2))).then_some(name)
    });
    let read = |name: &Token| name.name(text).filter(|_| name.kind != Kind::UnicodeIdentifier);
    Ok(names
        .map(|name| Executed { name: read(name).map(|name| name.as_bytes().into()), at: name.range.start })
        .collect())
}

/// Whether a token may be a name that is ours. One with escapes could be any: UESCAPE behind it changes how it is read.
fn may_be(text: &str, token: &Token, is_ours: impl Fn(&[u8]) -> bool) -> bool {
    token.kind == Kind::UnicodeIdentifier || token.name(text).is_some_and(|name| is_ours(name.as_bytes()))
}

/// A text without tokens could name anything, and its literals would travel for nothing (SQL-5).
fn unreadable(error: LexError) -> Refusal {
    Refusal::error(SqlState::SYNTAX_ERROR, error.what).at(error.at)
}

fn refusal(at: usize) -> Refusal {
    Refusal::new(
        "a statement on a protected table that was prepared by message, or whose PREPARE was refused, cannot be used by name in SQL",
    )
    .hint("Prepare, bind and execute it with messages.")
    .at(at)
}

/// Whether one of these words (lower case) may be a token of the text.
fn holds(text: &str, words: &[&str]) -> bool {
    let bytes = text.as_bytes();
    let begins = |at: usize| at == 0 || bytes.get(at - 1).is_some_and(|before| !before.is_ascii_alphabetic());
    let is_at = |at: usize, word: &str| {
        bytes.get(at..at + word.len()).is_some_and(|found| found.eq_ignore_ascii_case(word.as_bytes()))
    };
    (0..bytes.len()).any(|at| begins(at) && words.iter().any(|word| is_at(at, word)))
}

/// Whether a text runs, or reads from, what has a name.
pub fn runs(text: &str) -> bool {
    uses(text, |_| true).is_some()
}

/// The refusal of a prepared text that was harmless once, if it is not any more.
pub fn names_protected(text: &str, protection: &Protection) -> Option<Refusal> {
    let forwarded = |statement: &sql::Statement| matches!(statement.decision, Decision::Forward);
    (!sql::plan(text, &[], protection).iter().all(forwarded)).then(|| {
        Refusal::new("a statement that was prepared in SQL names something that is protected now")
            .hint("Prepare it again with the extended protocol (Parse).")
    })
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
    fn a_name_with_escapes_could_be_any_sql_5() {
        let ours = |name: &[u8]| name == b"a";
        for text in ["EXECUTE U&\"!0061\" UESCAPE '!' ('x')", "EXPLAIN EXECUTE U&\"\\0061\""] {
            assert!(uses(text, ours).is_some() && executes(text, ours).is_some(), "{text}");
        }
        let named = named("PREPARE U&\"!0061\" UESCAPE '!' AS SELECT 1");
        assert!(named.made_names().eq([None]));
    }

    #[test]
    fn only_what_stands_behind_execute_is_executed() {
        let ours = |name: &[u8]| name == b"s1";
        assert!(executes("EXPLAIN ANALYZE EXECUTE S1('x')", ours).is_some());
        assert!(executes("SELECT s1 FROM t FETCH FIRST ROW ONLY", ours).is_none());
        assert!(executes("SELECT 'EXECUTE s1', \"execute\" s1", ours).is_none());
        for text in ["GRANT EXECUTE ON FUNCTION s1 TO a", "CREATE TRIGGER t BEFORE INSERT ON u EXECUTE FUNCTION s1()"] {
            assert!(executes(text, |_| true).is_none(), "{text}");
        }
        assert!(executes("EXECUTE function('x')", |name| name == b"function").is_some());
    }

    #[test]
    fn each_command_tag_is_about_the_next_name_of_its_kind() {
        let text = "PREPARE U&\"!0061\" UESCAPE '!' AS SELECT 1; DEALLOCATE b; DECLARE c CURSOR FOR SELECT 1;
                    PREPARE transaction AS SELECT 1";
        let mut names = named(text);
        assert_eq!(names.told(b"PREPARE"), None, "a name that is not read");
        assert_eq!(names.told(b"DECLARE CURSOR"), Some(Told::Declared(b"c"[..].into())));
        assert_eq!(names.told(b"DEALLOCATE"), Some(Told::Gone(b"b"[..].into())));
        assert_eq!(names.told(b"PREPARE"), Some(Told::Made(b"transaction"[..].into())));
        assert_eq!(names.told(b"PREPARE"), None);
    }

    #[test]
    fn what_a_text_does_to_names_is_told_in_its_order() {
        let mut names = named("PREPARE q AS SELECT 1; DEALLOCATE q; DECLARE c CURSOR FOR SELECT 1; DISCARD ALL");
        let name = |name: &[u8]| name.into();
        let told = [Told::Made(name(b"q")), Told::Gone(name(b"q")), Told::Declared(name(b"c")), Told::AllGone];
        assert!(std::iter::from_fn(|| names.told_next()).eq(told));
    }

    #[test]
    fn the_names_of_deallocate_are_read_as_the_server_reads_them() {
        let names = |text| -> Vec<String> {
            let gone = named(text).acts.into_iter().filter_map(|act| match act.told()? {
                Told::Gone(name) => Some(String::from_utf8(name.into()).unwrap()),
                Told::AllGone | Told::Made(_) | Told::Declared(_) => None,
            });
            gone.collect()
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
        assert_eq!(key(long.as_bytes()), key(format!("{long}x").as_bytes()));
    }
}
