//! Whether a text can name a protected object, decided on tokens and never on bytes (SQL-5).
//!
//! [`Names::first`] is the question that every statement is asked. A scan over the bytes answers most of them
//! without allocation; only a text that holds something like a protected name is read token by token. What the scan
//! calls harmless is harmless under any reading of the tokens, so a text without tokens needs no more than the scan.

mod alike;
mod effect;
#[cfg(test)]
mod tests;

pub use effect::effect;

use crate::schema::Protection;

use super::lex::{self, Kind, Token, continues_identifier, is_space, lex};

/// Code inside strings inside code: deeper is not read.
const MAX_NESTING: usize = 4;

/// Functions of PostgreSQL and its usual extensions that run SQL given as text (SQL-13); also every `dblink…`,
/// `crosstab…`.
const RUNS_SQL: [&str; 18] = [
    "connectby",
    "cursor_to_xml",
    "cursor_to_xmlschema",
    "database_to_xml",
    "database_to_xml_and_xmlschema",
    "database_to_xmlschema",
    "query_to_xml",
    "query_to_xml_and_xmlschema",
    "query_to_xmlschema",
    "schema_to_xml",
    "schema_to_xml_and_xmlschema",
    "schema_to_xmlschema",
    "table_to_xml",
    "table_to_xml_and_xmlschema",
    "table_to_xmlschema",
    "ts_rewrite",
    "ts_stat",
    "xpath_table",
];

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
    /// Code that builds SQL at run time: EXECUTE inside a body, `dblink`, `query_to_xml`, a language other than SQL
    /// and PL/pgSQL (SQL-13).
    Dynamic,
    /// The text has no tokens and may hold a protected name.
    NoTokens,
}

impl<'p> Names<'p> {
    /// The names of `protection`: its tables, those that are not applied, dependents and drifted tables.
    pub fn of(protection: &'p Protection) -> Self {
        let mut names = Self { protection, first_bytes: [false; 256], mixed: Vec::new(), quoted_only: Vec::new() };
        let dependents = protection.dependents.keys().chain(protection.drifted.keys()).chain(protection.pending.keys());
        for name in protection.by_name.keys().chain(dependents) {
            let Some(first) = name.bytes().next() else { continue };
            names.first_bytes[usize::from(first.to_ascii_lowercase())] = true;
            if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
                names.mixed.push(name);
            }
            if first.is_ascii_digit() || !name.bytes().all(continues_identifier) {
                let folded = name.to_ascii_lowercase();
                names.quoted_only.extend([(folded.replace('"', "\"\""), name.as_str()), (folded, name.as_str())]);
            }
        }
        names
    }

    /// Whether `text` can name a protected object: `None` means that it cannot, and that it may be forwarded.
    pub fn first(&self, text: &str) -> Option<Mention> {
        if self.is_empty() || !self.scan(text) {
            return None;
        }
        match lex(text) {
            Ok(tokens) => self.read(text, &tokens, 0, true).into_iter().next(),
            Err(error) => Some(Mention { at: error.at, kind: MentionKind::NoTokens }),
        }
    }

    /// Every mention among `tokens` (those of one statement, or of a whole text), in order.
    pub fn mentions(&self, text: &str, tokens: &[Token]) -> Vec<Mention> {
        match self.is_empty() {
            true => Vec::new(),
            false => self.read(text, tokens, 0, false),
        }
    }

    fn is_empty(&self) -> bool {
        !self.first_bytes.contains(&true)
    }

    /// Whether the bytes hold anything for which tokens must be read.
    fn scan(&self, text: &str) -> bool {
        if !self.quoted_only.is_empty() && text.contains(['"', '\'', '$']) {
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
        self.in_word(word).is_some()
            || alike::hides(word)
            || ["execute", "language"].iter().any(|suspect| word.eq_ignore_ascii_case(suspect))
            || runs_sql(word)
    }

    fn read(&self, text: &str, tokens: &[Token], nesting: usize, only_first: bool) -> Vec<Mention> {
        let mut found = Vec::new();
        // Code nested in code stays code.
        let mut code = nesting > 0;
        for (index, token) in tokens.iter().enumerate() {
            let begins = index == 0 || tokens.get(index - 1).is_some_and(|before| before.is_symbol(b';'));
            if begins && nesting == 0 {
                code = defines_code(text, tokens.get(index..).unwrap_or_default());
            }
            let kind = match token.kind {
                Kind::Word | Kind::QuotedIdentifier => {
                    self.identifier(text, tokens, index).or_else(|| foreign_language(text, tokens, index, code))
                }
                Kind::UnicodeIdentifier => Some(MentionKind::Unreadable),
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
                    Ok(value) => self.in_text(&value).or_else(|| code.then(|| self.in_code(&value, nesting)).flatten()),
                    Err(_) => Some(MentionKind::Unreadable),
                },
                Kind::Integer
                | Kind::Float
                | Kind::Param
                | Kind::Operator
                | Kind::Symbol(_)
                | Kind::TypeCast
                | Kind::DotDot
                | Kind::ColonEquals
                | Kind::EqualsGreater => None,
            };
            let executes = nesting > 0 && token.is_word(text, "execute");
            found.extend(
                kind.or(executes.then_some(MentionKind::Dynamic)).map(|kind| Mention { at: token.range.start, kind }),
            );
            if only_first && !found.is_empty() {
                break;
            }
        }
        found
    }

    fn identifier(&self, text: &str, tokens: &[Token], index: usize) -> Option<MentionKind> {
        let name = tokens.get(index)?.name(text)?;
        let called = tokens.get(index + 1).is_some_and(|next| next.is_symbol(b'('));
        match self.catalog_name(&name) {
            Some(name) => Some(MentionKind::Identifier(name.to_owned())),
            None if is_reserved(&name) => Some(MentionKind::Reserved),
            None if called && runs_sql(&name) => Some(MentionKind::Dynamic),
            None => self.alike(&name).map(|name| MentionKind::Alike(name.to_owned())),
        }
    }

    /// The name that this one only looks like.
    fn alike(&self, name: &str) -> Option<&'p str> {
        let Protection { by_name, dependents, drifted, .. } = self.protection;
        let mut names = by_name.keys().chain(dependents.keys()).chain(drifted.keys()).map(String::as_str);
        if alike::hides(name) { names.find(|other| alike::looks_like(name, other)) } else { None }
    }

    /// The name as the catalog has it, if it is one of ours.
    fn catalog_name(&self, name: &str) -> Option<&'p str> {
        let Protection { by_name, dependents, drifted, pending, .. } = self.protection;
        let table = by_name.get_key_value(name).map(|(name, _)| name);
        let other = || dependents.get_key_value(name).or_else(|| drifted.get_key_value(name)).map(|(name, _)| name);
        let pending = || pending.get_key_value(name).map(|(name, _)| name);
        table.or_else(other).or_else(pending).map(String::as_str)
    }

    /// A name as a word of a string's value.
    fn in_text(&self, value: &str) -> Option<MentionKind> {
        let mut words = value.split(|char: char| char.is_ascii() && !continues_identifier(char as u8));
        if let Some(kind) = words.find_map(|word| self.in_word(word)) {
            return Some(kind);
        }
        if self.quoted_only.is_empty() {
            return None;
        }
        let value = value.to_ascii_lowercase();
        let found = self.quoted_only.iter().find(|(folded, _)| value.contains(folded.as_str()));
        found.map(|(_, name)| MentionKind::Body((*name).to_owned()))
    }

    /// A string that is code: a DO block or the body of a function. Its own constants are read as well.
    fn in_code(&self, value: &str, nesting: usize) -> Option<MentionKind> {
        match lex(value) {
            Ok(tokens) if nesting < MAX_NESTING => {
                self.read(value, &tokens, nesting + 1, true).into_iter().next().map(|mention| mention.kind)
            }
            Ok(_) | Err(_) => Some(MentionKind::Unreadable),
        }
    }

    /// A name in a run of identifier bytes that stands in a string, or anywhere in a text whose tokens are not known:
    /// in any case, between dollars (`$q$customers$q$`), and directly after a number (`1customers` and `1e5customers`
    /// were two tokens before PostgreSQL 15).
    fn in_word(&self, word: &str) -> Option<MentionKind> {
        let whole = self.in_piece(word);
        match word.bytes().any(|byte| byte == b'$' || byte.is_ascii_digit()) {
            true => whole.or_else(|| word.split('$').find_map(|piece| self.in_piece_after_number(piece))),
            false => whole,
        }
    }

    fn in_piece_after_number(&self, piece: &str) -> Option<MentionKind> {
        let digits = |text: &'_ str| text.len() - text.trim_start_matches(|char: char| char.is_ascii_digit()).len();
        let rest = piece.get(digits(piece)..)?;
        let exponent = rest.strip_prefix(['e', 'E']).filter(|power| rest.len() < piece.len() && digits(power) > 0);
        self.in_piece(piece)
            .or_else(|| self.in_piece(rest))
            .or_else(|| exponent.and_then(|power| self.in_piece(power.get(digits(power)..)?)))
    }

    fn in_piece(&self, word: &str) -> Option<MentionKind> {
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
        self.catalog_name(folded).or_else(mixed).map(|name| MentionKind::Body(name.to_owned()))
    }
}

/// Names that belong to this product: its schema, its helper columns.
fn is_reserved(name: &str) -> bool {
    name == "pgseal" || name.starts_with("pgseal_")
}

fn runs_sql(name: &str) -> bool {
    let begins = |prefix: &str| name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    begins("dblink") || begins("crosstab") || RUNS_SQL.iter().any(|function| name.eq_ignore_ascii_case(function))
}

/// Whether the statement that these tokens begin with holds code in its strings: DO, CREATE FUNCTION or PROCEDURE.
fn defines_code(text: &str, tokens: &[Token]) -> bool {
    let is = |at: usize, word: &str| tokens.get(at).is_some_and(|token| token.is_word(text, word));
    let routine = |at| is(at, "function") || is(at, "procedure");
    is(0, "do") || is(0, "create") && (routine(1) || is(1, "or") && is(2, "replace") && routine(3))
}

/// A language in which code cannot be read here, after the word LANGUAGE.
fn foreign_language(text: &str, tokens: &[Token], index: usize, code: bool) -> Option<MentionKind> {
    let language = tokens.get(index).filter(|token| code && token.is_word(text, "language"))?;
    let after = tokens.iter().find(|token| token.range.start >= language.range.end)?;
    let name = match after.name(text) {
        Some(name) => name,
        None => lex::unescape(text, after).ok()?,
    };
    (!["sql", "plpgsql"].iter().any(|known| name.eq_ignore_ascii_case(known))).then_some(MentionKind::Dynamic)
}
