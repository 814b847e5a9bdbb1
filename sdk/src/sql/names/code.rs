//! Code in strings: the body of a DO block, which runs, and of a function, which is only defined (SQL-13).
//!
//! Whatever the text of code names counts, in constants and constants of constants too, and in constants that `||`
//! joins. Names that it puts together in other ways are not seen: SECURITY.md says so. Calling a routine that does so is
//! `call`'s.

use crate::sql::lex::{self, Kind, Token, continues_identifier, lex};

use super::statement::Statement;
use super::{MentionKind, Names};

/// Code inside strings inside code: deeper is not read.
const MAX_NESTING: usize = 4;

/// What the strings of a statement are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    /// Data.
    None,
    /// The body of a routine.
    Defines,
    /// A block that runs.
    Runs,
}

/// What the strings of the statement that these tokens begin with are.
pub(super) fn defined(text: &str, tokens: &[Token]) -> Code {
    let is = |at: usize, word: &str| tokens.get(at).is_some_and(|token| token.is_word(text, word));
    let routine = |at| is(at, "function") || is(at, "procedure");
    if is(0, "do") {
        Code::Runs
    } else if is(0, "create") && (routine(1) || is(1, "or") && is(2, "replace") && routine(3)) {
        Code::Defines
    } else {
        Code::None
    }
}

impl Statement<'_> {
    /// Whether the word at `index` makes a block run what is not read here: a language other than SQL and PL/pgSQL, or a
    /// constant that uses by its name what may have been planned here.
    pub(super) fn runs_unread(&self, index: usize) -> bool {
        let Self { text, tokens, nesting, code, .. } = *self;
        match nesting {
            _ if code != Code::Runs => false,
            0 => self.is_word(index, "language") && !is_known_language(text, tokens, index),
            _ => self.is_word(index, "execute") && executes_by_name(text, tokens, index),
        }
    }
}

fn is_known_language(text: &str, tokens: &[Token], index: usize) -> bool {
    let name = tokens.get(index + 1).and_then(|after| match after.name(text) {
        Some(name) => Some(name),
        None => lex::unescape(text, after).ok(),
    });
    name.is_some_and(|name| ["sql", "plpgsql"].iter().any(|known| name.eq_ignore_ascii_case(known)))
}

/// `EXECUTE 'EXECUTE …'`
fn executes_by_name(text: &str, tokens: &[Token], index: usize) -> bool {
    tokens.get(index + 1).filter(|operand| operand.is_string()).is_some_and(|operand| {
        let Ok(value) = lex::unescape(text, operand) else { return true };
        lex(&value).is_ok_and(|tokens| uses_by_name(&value, &tokens))
    })
}

/// The value of constants that `||` joins, if there are several and this is the first.
fn joined(text: &str, tokens: &[Token], index: usize) -> Option<String> {
    let is_join = |at: usize| tokens.get(at).is_some_and(|t| t.kind == Kind::Operator && t.text(text) == "||");
    let string = |at: usize| tokens.get(at).filter(|token| token.is_string());
    let goes_on = index.checked_sub(2).is_some_and(|before| is_join(before + 1) && string(before).is_some());
    if goes_on || !is_join(index + 1) {
        return None;
    }
    let mut value = lex::unescape(text, string(index)?).ok()?.into_owned();
    let mut at = index;
    while is_join(at + 1)
        && let Some(next) = string(at + 2)
    {
        value.push_str(&lex::unescape(text, next).ok()?);
        at += 2;
    }
    (at > index).then_some(value)
}

/// `… EXECUTE FUNCTION name (…)` of a trigger, `GRANT EXECUTE ON …`.
fn is_ddl(text: &str, tokens: &[Token], index: usize) -> bool {
    let is = |at: usize, word: &str| tokens.get(at).is_some_and(|token| token.is_word(text, word));
    let grants = is(index + 1, "on")
        && index.checked_sub(1).is_some_and(|at| is(at, "grant") || is(at, "revoke") || is(at, "for"));
    let name = tokens
        .get(index + 2)
        .is_some_and(|name| name.is_name() && !["into", "using", "loop"].iter().any(|word| name.is_word(text, word)));
    grants || name && (is(index + 1, "function") || is(index + 1, "procedure"))
}

/// Whether SQL in a constant uses by its name a statement or cursor, which may be what was planned here.
fn uses_by_name(text: &str, tokens: &[Token]) -> bool {
    let executes = |(index, token): (usize, &Token)| token.is_word(text, "execute") && !is_ddl(text, tokens, index);
    tokens.iter().any(|token| token.is_word(text, "fetch") || token.is_word(text, "move"))
        || tokens.iter().enumerate().any(executes)
}

/// Whether a call may stand behind a name: `rest` is what follows it.
pub(super) fn calls(rest: &str) -> bool {
    // A quoted name ends with its quote; a comment may stand before the parenthesis.
    let rest = rest.trim_start_matches(|char: char| char.is_ascii_whitespace() || char == '"');
    rest.starts_with('(') || rest.starts_with("/*") || rest.starts_with("--")
}

/// Whether a text that has no tokens here holds the word.
fn holds_word(text: &str, word: &str) -> bool {
    text.split(|char: char| char.is_ascii() && !continues_identifier(char as u8))
        .any(|part| part.eq_ignore_ascii_case(word))
}

impl Names<'_> {
    /// A string that is code, or a constant of code: its own constants are read as well.
    pub(super) fn in_code(&self, value: &str, nesting: usize, code: Code) -> Option<MentionKind> {
        if code == Code::None {
            return None;
        }
        match lex(value) {
            Ok(tokens) if nesting < MAX_NESTING => {
                self.read(value, &tokens, (nesting + 1, code), true).into_iter().next().map(|mention| mention.kind)
            }
            Ok(_) => Some(MentionKind::Unreadable),
            Err(_) => without_tokens(value, nesting, code),
        }
    }

    /// A name that constants of code make together, where code executes what it makes.
    pub(super) fn in_joined(&self, statement: &Statement<'_>, index: usize) -> Option<MentionKind> {
        if statement.nesting == 0 || !statement.executes {
            return None;
        }
        let joined = joined(statement.text, statement.tokens, index)?;
        self.in_text(&joined).is_some().then_some(MentionKind::Dynamic)
    }

    /// Whether a builtin may run the text of this constant: it names nothing, and runs nothing that cannot be read.
    pub(super) fn runs_harmless(&self, text: &str, constant: &Token, nesting: usize) -> bool {
        let Ok(value) = lex::unescape(text, constant) else { return false };
        let Ok(tokens) = lex(&value) else { return false };
        self.in_text(&value).is_none()
            && !uses_by_name(&value, &tokens)
            && nesting < MAX_NESTING
            && self.read(&value, &tokens, (nesting.max(1) + 1, Code::Runs), true).is_empty()
    }
}

/// What does not lex as SQL is data (a SQLSTATE, a message), and names in it were looked for word by word. It could still
/// run where the server reads strings by another rule: then escaped names and EXECUTE are looked for as words too.
fn without_tokens(value: &str, nesting: usize, code: Code) -> Option<MentionKind> {
    if value.as_bytes().windows(3).any(|bytes| bytes.eq_ignore_ascii_case(b"u&\"")) {
        return Some(MentionKind::Unreadable);
    }
    (nesting == 0 && code == Code::Runs && holds_word(value, "execute")).then_some(MentionKind::Dynamic)
}
