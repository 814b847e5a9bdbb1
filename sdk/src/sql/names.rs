//! Whether a text can name a protected object, decided on tokens and never on bytes (SQL-5).
//!
//! [`Names::first`] is the question that every statement is asked. A scan over the bytes answers most of them
//! without allocation; only a text that holds something like a protected name is read token by token. What the scan
//! calls harmless is harmless under any reading of the tokens, so a text without tokens needs no more than the scan.

mod alike;
mod call;
mod code;
mod effect;
mod path;
mod place;
mod relation;
mod statement;
#[cfg(test)]
mod tests;

pub use call::statement_for_a_function;
pub use effect::effect;
pub(super) use path::path_effect;
pub use path::{Assignment, Given, PathEffect, Variable};
pub(super) use relation::{Stands, stands};

use crate::schema::dependents::runs_sql;
use crate::schema::{DependentKind, Protection};

use self::call::Builtin;
use self::code::Code;
use self::statement::Statement;
use super::lex::{self, Kind, Token, continues_identifier, is_space, lex};

/// The names whose mention makes a statement touch a protected object.
#[derive(Debug, Clone)]
pub struct Names<'p> {
    protection: &'p Protection,
    /// The first bytes of all names, lower case: most words end here.
    first_bytes: [bool; 256],
    /// Names with capitals: inside of strings they are found in any case.
    mixed: Vec<&'p str>,
    /// Names that are written in double quotes only (`order lines`, `a"b`): inside of strings they are looked for as
    /// text, lower case.
    quoted_only: Vec<(String, &'p str)>,
}

/// A protected name that a text mentions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention {
    /// Byte offset of the token that mentions it (of the string, for a name inside one).
    pub at: usize,
    /// How.
    pub kind: MentionKind,
}

/// How a text mentions a protected object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MentionKind {
    /// An identifier of this name, as the catalog spells it.
    Identifier(String),
    /// What is no table depends on one or names one, and is named where its kind can stand (SQL-65).
    Dependent(DependentKind, String),
    /// The name stands inside a string constant or a dollar-quoted body.
    Body(String),
    /// An identifier that only looks like this name (SQL-64).
    Alike(String),
    /// An identifier `pgseal` or `pgseal_…`: the client has no business there (SQL-11).
    Reserved,
    /// The same inside of a string constant or body.
    ReservedBody,
    /// `U&"…"`, or a constant whose value cannot be read here: it may be any name.
    Unreadable,
    /// SQL that is built at run time: constants of code that together name a protected object, `dblink`, `query_to_xml`,
    /// a block in a language other than SQL and PL/pgSQL (SQL-13).
    Dynamic,
    /// The text has no tokens and may hold a protected name.
    NoTokens,
}

impl<'p> Names<'p> {
    /// The names of `protection`: its tables, those that are not applied, dependents and drifted tables.
    pub fn of(protection: &'p Protection) -> Self {
        let mut names = Self { protection, first_bytes: [false; 256], mixed: Vec::new(), quoted_only: Vec::new() };
        let Protection { by_name, drifted, pending, .. } = protection;
        let tables = by_name.keys().chain(drifted.keys()).chain(pending.keys()).map(String::as_str);
        for name in tables.chain(protection.dependents.names()) {
            let Some(first) = name.bytes().next() else { continue };
            names.first_bytes[usize::from(first.to_ascii_lowercase())] = true;
            if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
                names.mixed.push(name);
            }
            if first.is_ascii_digit() || !name.bytes().all(continues_identifier) {
                let folded = name.to_ascii_lowercase();
                names.quoted_only.extend([(folded.replace('"', "\"\""), name), (folded, name)]);
            }
        }
        names
    }

    /// Whose they are.
    pub(super) fn protection(&self) -> &'p Protection {
        self.protection
    }

    /// Whether `text` can name a protected object: `None` means that it cannot, and that it may be forwarded.
    pub fn first(&self, text: &str) -> Option<Mention> {
        if self.is_empty() || !self.scan(text) {
            return None;
        }
        match lex(text) {
            Ok(tokens) => self.read(text, &tokens, (0, Code::None), true).into_iter().next(),
            Err(error) => Some(Mention { at: error.at, kind: MentionKind::NoTokens }),
        }
    }

    /// Every mention among `tokens` (those of one statement, or of a whole text), in order.
    pub fn mentions(&self, text: &str, tokens: &[Token]) -> Vec<Mention> {
        match self.is_empty() {
            true => Vec::new(),
            false => self.read(text, tokens, (0, Code::None), false),
        }
    }

    /// Whether every name is found in a text of which only the ASCII is read.
    pub(super) fn are_ascii(&self) -> bool {
        let Protection { by_name, drifted, pending, dependents, .. } = self.protection;
        let tables = by_name.keys().chain(drifted.keys()).chain(pending.keys()).map(String::as_str);
        tables.chain(dependents.names()).all(str::is_ascii)
    }

    fn is_empty(&self) -> bool {
        !self.first_bytes.contains(&true)
    }

    /// Whether the bytes hold anything for which tokens must be read.
    fn scan(&self, text: &str) -> bool {
        if self.protection.dependents.operators().any(|symbol| text.contains(symbol)) {
            return true;
        }
        if !self.quoted_only.is_empty() && text.contains(['"', '\'', '$']) {
            return true;
        }
        // Characters that are not seen are none of ASCII.
        if !text.is_ascii() && alike::hides(text) {
            return true;
        }
        let bytes = text.as_bytes();
        let mut at = 0;
        // Only white space since the last newline: a quote there may continue a string of an earlier line.
        let mut fresh_line = false;
        while let Some(&byte) = bytes.get(at) {
            if continues_identifier(byte) {
                let start = at;
                while bytes.get(at).is_some_and(|&byte| continues_identifier(byte)) {
                    at += 1;
                }
                if self.is_suspect(text.get(start..at).unwrap_or("")) {
                    return true;
                }
                fresh_line = false;
                continue;
            }
            match byte {
                // Any constant with an escape may spell a name.
                b'\\' => return true,
                b'\'' if fresh_line => return true,
                // `U&"…"`, and `U&'…'` with an escape character of its own.
                b'"' | b'\''
                    if bytes.get(..at).is_some_and(|before| before.ends_with(b"U&") || before.ends_with(b"u&")) =>
                {
                    return true;
                }
                b'\n' | b'\r' => fresh_line = true,
                _ if is_space(byte) => {}
                _ => fresh_line = false,
            }
            at += 1;
        }
        false
    }

    fn is_suspect(&self, word: &str) -> bool {
        self.in_word(word, true).is_some()
            || ["execute", "language"].iter().any(|suspect| word.eq_ignore_ascii_case(suspect))
            || runs_sql(word)
    }

    /// The mentions among `tokens`, which stand in `nesting` strings; `within` is the code that these are.
    fn read(&self, text: &str, tokens: &[Token], (nesting, within): (usize, Code), only_first: bool) -> Vec<Mention> {
        let mut found = Vec::new();
        let mut statement = Statement::new(text, tokens, (nesting, within));
        for (index, token) in tokens.iter().enumerate() {
            if index == 0 || tokens.get(index - 1).is_some_and(|before| before.is_symbol(b';')) {
                statement.begin(index);
            }
            let kind = match token.kind {
                Kind::Word | Kind::QuotedIdentifier => self
                    .identifier(&statement, index)
                    .or_else(|| statement.runs_unread(index).then_some(MentionKind::Dynamic)),
                // Read with the default escape: another one may make any name of it.
                Kind::UnicodeIdentifier => {
                    let escape = tokens.get(index + 1).is_some_and(|next| next.is_word(text, "uescape"));
                    let named = token.name(text).is_none() || self.identifier(&statement, index).is_some();
                    (escape || named).then_some(MentionKind::Unreadable)
                }
                Kind::UnicodeString if tokens.get(index + 1).is_some_and(|next| next.is_word(text, "uescape")) => {
                    Some(MentionKind::Unreadable)
                }
                Kind::String
                | Kind::EscapeString
                | Kind::UnicodeString
                | Kind::DollarString
                | Kind::BitString
                | Kind::HexString
                | Kind::NationalString => match lex::unescape(text, token) {
                    Ok(value) => self
                        .in_text(&value)
                        .or_else(|| self.in_code(&value, nesting, statement.code))
                        .or_else(|| self.in_joined(&statement, index)),
                    // A constant of a constant is data; no version of PostgreSQL gives it another meaning.
                    Err(_) if nesting > 1 => self.in_text(token.text(text)),
                    Err(_) => Some(MentionKind::Unreadable),
                },
                Kind::Operator => self.operator(token.text(text)),
                Kind::Integer
                | Kind::Float
                | Kind::Param
                | Kind::Symbol(_)
                | Kind::TypeCast
                | Kind::DotDot
                | Kind::ColonEquals
                | Kind::EqualsGreater => None,
            };
            found.extend(kind.map(|kind| Mention { at: token.range.start, kind }));
            if only_first && !found.is_empty() {
                break;
            }
        }
        found
    }

    fn identifier(&self, statement: &Statement<'_>, index: usize) -> Option<MentionKind> {
        let Statement { text, tokens, nesting, .. } = *statement;
        let name = tokens.get(index)?.name(text)?;
        if let Some(name) = self.table_name(&name) {
            return Some(MentionKind::Identifier(name.to_owned()));
        }
        if is_reserved(&name) {
            return Some(MentionKind::Reserved);
        }
        // What is defined is not run.
        let runs = statement.code != Code::Defines;
        if let Some((name, kinds)) = self.protection.dependents.named(&name) {
            let counts = |kind: &DependentKind| {
                statement.can_be(*kind, index)
                    && match kind {
                        DependentKind::SqlRoutine | DependentKind::SqlRowRoutine => {
                            runs && statement.hands_constants(index)
                        }
                        DependentKind::Relation
                        | DependentKind::Type
                        | DependentKind::Routine
                        | DependentKind::RowRoutine
                        | DependentKind::Operator => true,
                    }
            };
            if let Some(kind) = kinds.keys().copied().find(counts) {
                return Some(MentionKind::Dependent(kind, name.to_owned()));
            }
        }
        let runs_text = match runs && statement.is_called(index) {
            true => statement.builtin(index, &name),
            false => Builtin::Nothing,
        };
        match runs_text {
            Builtin::Nothing => self.alike(&name).map(|name| MentionKind::Alike(name.to_owned())),
            Builtin::Text(constant) if self.runs_harmless(text, constant, nesting) => None,
            Builtin::Text(_) | Builtin::Unread => Some(MentionKind::Dynamic),
        }
    }

    fn operator(&self, symbol: &str) -> Option<MentionKind> {
        let known = self.protection.dependents.reason(DependentKind::Operator, symbol).is_some();
        known.then(|| MentionKind::Dependent(DependentKind::Operator, symbol.to_owned()))
    }

    /// A table's name as the catalog has it, if it is one of ours.
    fn table_name(&self, name: &str) -> Option<&'p str> {
        let Protection { by_name, drifted, pending, .. } = self.protection;
        let table = by_name.get_key_value(name).map(|(name, _)| name);
        let drifted = || drifted.get_key_value(name).map(|(name, _)| name);
        let pending = || pending.get_key_value(name).map(|(name, _)| name);
        table.or_else(drifted).or_else(pending).map(String::as_str)
    }

    /// The name that this one only looks like.
    fn alike(&self, name: &str) -> Option<&'p str> {
        let Protection { by_name, drifted, pending, dependents, .. } = self.protection;
        let tables = by_name.keys().chain(drifted.keys()).chain(pending.keys()).map(String::as_str);
        let mut names = tables.chain(dependents.names());
        if alike::hides(name) { names.find(|other| alike::looks_like(name, other)) } else { None }
    }

    /// The name as the catalog has it, if it can be a mention in a text whose tokens are not read: a routine only where
    /// it is called.
    fn catalog_name(&self, name: &str, called: bool) -> Option<&'p str> {
        self.table_name(name).or_else(|| {
            let (name, kinds) = self.protection.dependents.named(name)?;
            let stands = |kind: &DependentKind| match kind {
                DependentKind::Relation | DependentKind::Type => true,
                DependentKind::Routine
                | DependentKind::RowRoutine
                | DependentKind::SqlRoutine
                | DependentKind::SqlRowRoutine => called,
                DependentKind::Operator => false,
            };
            kinds.keys().any(stands).then_some(name)
        })
    }

    /// A name as a word of a string's value. A routine that runs SQL does no harm by being named: only its call in code
    /// counts, which is read by its tokens.
    fn in_text(&self, value: &str) -> Option<MentionKind> {
        let mut words = value.split(|char: char| char.is_ascii() && !continues_identifier(char as u8));
        let mut at = 0;
        let found = words.find_map(|word| {
            let rest = value.get(at + word.len()..).unwrap_or("");
            // What separates words is one byte.
            at += word.len() + 1;
            let found = self.in_word(word, code::calls(rest))?;
            (!self.is_sql_routine(&found)).then_some(found)
        });
        if found.is_some() || self.quoted_only.is_empty() {
            return found;
        }
        let value = value.to_ascii_lowercase();
        let found = self.quoted_only.iter().find(|(folded, _)| value.contains(folded.as_str()));
        found.map(|(_, name)| MentionKind::Body((*name).to_owned()))
    }

    fn is_sql_routine(&self, found: &MentionKind) -> bool {
        let MentionKind::Body(name) = found else { return false };
        let only = |kinds: &std::collections::BTreeMap<DependentKind, String>| {
            kinds.keys().all(|kind| matches!(kind, DependentKind::SqlRoutine | DependentKind::SqlRowRoutine))
        };
        self.table_name(name).is_none() && self.protection.dependents.named(name).is_some_and(|(_, kinds)| only(kinds))
    }

    /// A name in a run of identifier bytes that stands in a string, or anywhere in a text whose tokens are not known:
    /// in any case, between dollars (`$q$customers$q$`), and directly after a number (`1customers` and `1e5customers`
    /// were two tokens before PostgreSQL 15).
    fn in_word(&self, word: &str, called: bool) -> Option<MentionKind> {
        let whole = self.in_piece(word, called);
        match word.bytes().any(|byte| byte == b'$' || byte.is_ascii_digit()) {
            true => whole.or_else(|| word.split('$').find_map(|piece| self.in_piece_after_number(piece, called))),
            false => whole,
        }
    }

    fn in_piece_after_number(&self, piece: &str, called: bool) -> Option<MentionKind> {
        let digits = |text: &'_ str| text.len() - text.trim_start_matches(|char: char| char.is_ascii_digit()).len();
        let rest = piece.get(digits(piece)..)?;
        let exponent = rest.strip_prefix(['e', 'E']).filter(|power| rest.len() < piece.len() && digits(power) > 0);
        self.in_piece(piece, called)
            .or_else(|| self.in_piece(rest, called))
            .or_else(|| exponent.and_then(|power| self.in_piece(power.get(digits(power)..)?, called)))
    }

    fn in_piece(&self, word: &str, called: bool) -> Option<MentionKind> {
        let first = word.bytes().next()?.to_ascii_lowercase();
        if first != b'p' && !self.first_bytes[usize::from(first)] {
            return None;
        }
        let word = lex::cut(word);
        let mut folded = [0; lex::MAX_NAME];
        let folded = folded.get_mut(..word.len())?;
        folded.copy_from_slice(word.as_bytes());
        folded.make_ascii_lowercase();
        let folded = std::str::from_utf8(folded).ok()?;
        if is_reserved(folded) {
            return Some(MentionKind::ReservedBody);
        }
        let mixed = || self.mixed.iter().copied().find(|name| name.eq_ignore_ascii_case(folded));
        self.catalog_name(folded, called).or_else(mixed).map(|name| MentionKind::Body(name.to_owned()))
    }
}

/// Names that belong to this product: its schema, its helper columns.
fn is_reserved(name: &str) -> bool {
    name == "pgseal" || name.starts_with("pgseal_")
}
