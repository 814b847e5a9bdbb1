//! Whether a call hands constants to a routine that runs SQL of its own making, and what builtins run (SQL-13).

use crate::schema::dependents::runs_sql;
use crate::sql::functions;
use crate::sql::lex::{self, Kind, Token, first_part};

use super::statement::Statement;

/// A call with more tokens is not read.
const MAX_ARGUMENTS: usize = 1024;

impl<'t> Statement<'t> {
    /// Whether what is called at `index` may be handed a constant or parameter of the statement. A routine that gets none
    /// reads only what the server has already. None may be among the arguments, and none may become a column that is.
    /// Code assigns constants to variables, so there every argument counts.
    pub(super) fn hands_constants(&self, index: usize) -> bool {
        if self.names_routine(index) {
            return false;
        }
        let (code, constants) = (self.nesting > 0, self.constants());
        if !self.is_called(index) {
            // `(row).name`: the row is in the brackets before it, or a column.
            return code || constants.any;
        }
        match arguments(self.tokens, index) {
            Some([]) => false,
            Some(arguments) => {
                code || constants.in_columns || constants.any && arguments.iter().any(Token::is_constant)
            }
            None => true,
        }
    }

    /// What a call of a builtin runs. A constant's words are looked at as any string's are.
    pub(super) fn builtin(&self, index: usize, name: &str) -> Builtin<'t> {
        if !runs_sql(name) || self.names_routine(index) {
            return Builtin::Nothing;
        }
        let Some(arguments) = arguments(self.tokens, index).map(split) else { return Builtin::Unread };
        let place = match name {
            // The one with three arguments substitutes and runs nothing.
            "ts_rewrite" if arguments.len() == 3 => return Builtin::Nothing,
            "ts_rewrite" => 1,
            "query_to_xml"
            | "query_to_xmlschema"
            | "query_to_xml_and_xmlschema"
            | "table_to_xml"
            | "table_to_xmlschema"
            | "table_to_xml_and_xmlschema"
            | "ts_stat" => 0,
            // Cursors, which may be ours, whole schemas and databases, functions of extensions.
            _ => return Builtin::Unread,
        };
        match arguments.get(place).copied() {
            Some([constant]) if is_text(constant) => Builtin::Text(constant),
            Some([constant, cast, ty]) if is_text(constant) && cast.kind == Kind::TypeCast && ty.is_name() => {
                Builtin::Text(constant)
            }
            Some(_) | None => Builtin::Unread,
        }
    }
}

/// What a call of a builtin runs.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Builtin<'t> {
    /// No SQL.
    Nothing,
    /// The SQL in this constant.
    Text(&'t Token),
    /// Something that cannot be read here.
    Unread,
}

/// The first of the constants at these places, which are in order, that is handed to a function that is not PostgreSQL's
/// own and reads as a statement.
pub fn statement_for_a_function(text: &str, tokens: &[Token], places: impl Iterator<Item = usize>) -> Option<usize> {
    let mut places = places.peekable();
    // For each parenthesis that is open: whether such a function is called there.
    let (mut open, mut foreign) = (Vec::new(), 0_usize);
    for (index, token) in tokens.iter().enumerate() {
        match token.kind {
            Kind::Symbol(b'(') => {
                let name = index.checked_sub(1).filter(|name| tokens.get(*name).is_some_and(Token::is_name));
                let calls = name.is_some_and(|name| !is_builtin(text, tokens, name));
                foreign += usize::from(calls);
                open.push(calls);
            }
            Kind::Symbol(b')') => foreign -= usize::from(open.pop().unwrap_or(false)),
            _ => {}
        }
        let reads = || lex::unescape(text, token).is_ok_and(|value| is_statement(&value));
        if places.next_if_eq(&token.range.start).is_some() && foreign > 0 && reads() {
            return Some(token.range.start);
        }
    }
    None
}

/// Whether the name is a function of the table of builtins, or a word of the grammar before a parenthesis.
fn is_builtin(text: &str, tokens: &[Token], index: usize) -> bool {
    let Some(token) = tokens.get(index) else { return false };
    let Some(name) = token.name(text) else { return false };
    let first = first_part(tokens, index);
    let known = functions::lookup(&name).is_some() || runs_sql(&name);
    match first == index {
        true => known || super::effect::is_grammar(text, token),
        false => known && tokens.get(first).and_then(|schema| schema.name(text)).as_deref() == Some("pg_catalog"),
    }
}

/// Whether a text, or what stands behind a semicolon in it, begins as a statement does.
fn is_statement(value: &str) -> bool {
    value.split(';').any(begins_statement)
}

fn begins_statement(value: &str) -> bool {
    const VERBS: [&str; 23] = [
        "alter", "analyze", "call", "copy", "create", "declare", "delete", "do", "drop", "execute", "explain", "grant",
        "insert", "lock", "merge", "prepare", "refresh", "select", "table", "truncate", "update", "values", "with",
    ];
    let begin = value.trim_start_matches(|char: char| char.is_ascii_whitespace() || char == '\u{b}' || char == '(');
    // A comment may hide the verb: in doubt it is a statement.
    if begin.starts_with("--") || begin.starts_with("/*") {
        return true;
    }
    let word = begin.split(|char: char| !char.is_ascii_alphabetic()).next().unwrap_or("");
    VERBS.iter().any(|verb| word.eq_ignore_ascii_case(verb))
}

/// What stands between the parenthesis behind `index` and its partner, if that is not too much.
fn arguments(tokens: &[Token], index: usize) -> Option<&[Token]> {
    let inside = tokens.get(index + 2..)?;
    let mut depth = 0_usize;
    for (at, token) in inside.iter().enumerate().take(MAX_ARGUMENTS) {
        match token.kind {
            Kind::Symbol(b'(') => depth += 1,
            Kind::Symbol(b')') if depth == 0 => return inside.get(..at),
            Kind::Symbol(b')') => depth -= 1,
            _ => {}
        }
    }
    None
}

/// At the commas that stand in no further parenthesis or bracket.
fn split(arguments: &[Token]) -> Vec<&[Token]> {
    let mut depth = 0_usize;
    arguments
        .split(|token| {
            match token.kind {
                Kind::Symbol(b'(' | b'[') => depth += 1,
                Kind::Symbol(b')' | b']') => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth == 0 && token.is_symbol(b',')
        })
        .collect()
}

fn is_text(token: &Token) -> bool {
    matches!(token.kind, Kind::String | Kind::EscapeString | Kind::DollarString)
}
