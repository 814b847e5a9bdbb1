//! Where a statement makes an object of the catalog, and where it uses one: told from tokens, since what the server would
//! answer with "does not exist" need not parse here (SQL-64).

use std::borrow::Cow;

use crate::sql::functions;
use crate::sql::lex::{self, Kind, Token, first_part};

/// What CREATE makes that is used by its name beside values.
const KINDS: [&str; 8] = ["aggregate", "domain", "function", "procedure", "sequence", "table", "type", "view"];

/// What may stand between CREATE and the kind.
const BEFORE_KIND: [&str; 10] =
    ["or", "replace", "global", "local", "temp", "temporary", "unlogged", "foreign", "materialized", "recursive"];

/// What may stand between INTO and the table that SELECT makes.
const BEFORE_TARGET: [&str; 6] = ["global", "local", "temp", "temporary", "unlogged", "table"];

/// Code inside strings inside code: deeper is not read.
const MAX_NESTING: usize = 4;

/// Behind these words stands a relation.
const RELATION: [&str; 21] = [
    "from",
    "join",
    "into",
    "update",
    "only",
    "table",
    "using",
    "copy",
    "lateral",
    "exists",
    "view",
    "sequence",
    "function",
    "procedure",
    "type",
    "domain",
    "aggregate",
    "truncate",
    "lock",
    "binary",
    "call",
];

/// Behind these stands an expression, a column or nothing that a value could reach, also where something is defined.
const EXPRESSION: &[&str] = &[
    "add",
    "and",
    "between",
    "by",
    "case",
    "check",
    "column",
    "constraint",
    "default",
    "distinct",
    "else",
    "having",
    "in",
    "is",
    "not",
    "or",
    "returning",
    "select",
    "set",
    "then",
    "when",
    "where",
];

/// A list of relations begins.
const BEGINS_LIST: [&str; 10] =
    ["from", "join", "into", "update", "table", "only", "using", "inherits", "truncate", "lock"];

/// It ends.
const ENDS_LIST: [&str; 14] = [
    "where",
    "group",
    "having",
    "order",
    "limit",
    "offset",
    "fetch",
    "set",
    "select",
    "values",
    "returning",
    "window",
    "union",
    "intersect",
];

/// Words in the place of a relation that are none.
const NO_RELATION: [&str; 13] =
    ["select", "values", "with", "table", "lateral", "only", "rows", "set", "of", "nowait", "skip", "stdin", "program"];

/// Statements that define something.
const DEFINES: [&str; 7] = ["create", "alter", "drop", "comment", "grant", "revoke", "security"];

/// The token of a name that a statement makes, and the name; `None` for one that is not read.
pub(super) struct Made<'t> {
    pub(super) at: usize,
    pub(super) name: Option<Cow<'t, str>>,
}

/// What the server makes once it has carried out this statement: nothing when in doubt.
pub(super) fn makes<'t>(text: &'t str, statement: &[Token]) -> Vec<Made<'t>> {
    let is = |word: &str| statement.first().is_some_and(|first| first.is_word(text, word));
    let made = match () {
        () if is("create") => created(text, statement, 0),
        () if is("alter") => renamed(text, statement),
        () if is("select") || is("with") => selected_into(text, statement),
        () => None,
    };
    made.into_iter().collect()
}

/// What a refused text may have been about to make: everything that looks so.
pub(super) fn would_make(text: &str, nesting: usize) -> Vec<Option<String>> {
    let Ok(tokens) = lex::lex(text) else { return Vec::new() };
    let mut made: Vec<Option<String>> = Vec::new();
    for statement in tokens.split(|token| token.is_symbol(b';')) {
        let created = (0..statement.len()).filter_map(|at| created(text, statement, at));
        let other = renamed(text, statement).into_iter().chain(selected_into(text, statement).filter(|_| nesting == 0));
        made.extend(created.chain(other).map(|made| made.name.map(Cow::into_owned)));
        let runs = nesting > 0 || statement.first().is_some_and(|first| first.is_word(text, "do"));
        if runs && nesting < MAX_NESTING {
            let bodies = statement.iter().filter(|token| is_string(token));
            made.extend(
                bodies
                    .filter_map(|body| lex::unescape(text, body).ok())
                    .flat_map(|body| would_make(&body, nesting + 1)),
            );
        }
    }
    made
}

/// The name behind the CREATE at `at`.
fn created<'t>(text: &'t str, statement: &[Token], at: usize) -> Option<Made<'t>> {
    let is = |at: usize, words: &[&str]| {
        statement.get(at).is_some_and(|token| words.iter().any(|word| token.is_word(text, word)))
    };
    if !is(at, &["create"]) {
        return None;
    }
    let mut kind = at + 1;
    while is(kind, &BEFORE_KIND) {
        kind += 1;
    }
    if !is(kind, &KINDS) {
        return None;
    }
    let routine = is(kind, &["aggregate", "function", "procedure"]);
    let unless = is(kind + 1, &["if"]) && is(kind + 2, &["not"]) && is(kind + 3, &["exists"]);
    // Calls of a builtin function's name reach the builtin one.
    let builtin = |made: &Made<'_>| made.name.as_ref().is_some_and(|name| functions::lookup(name).is_some());
    last_part(text, statement, kind + if unless { 4 } else { 1 }).filter(|made| !(routine && builtin(made)))
}

fn renamed<'t>(text: &'t str, statement: &[Token]) -> Option<Made<'t>> {
    let to = statement
        .windows(2)
        .position(|pair| matches!(pair, [rename, to] if rename.is_word(text, "rename") && to.is_word(text, "to")))?;
    last_part(text, statement, to + 2)
}

fn selected_into<'t>(text: &'t str, statement: &[Token]) -> Option<Made<'t>> {
    let writes = |at: usize| {
        let before = at.checked_sub(1).and_then(|before| statement.get(before));
        before.is_some_and(|before| before.is_word(text, "insert") || before.is_word(text, "merge"))
    };
    let into = (0..statement.len())
        .find(|at| statement.get(*at).is_some_and(|into| into.is_word(text, "into")) && !writes(*at))?;
    let mut at = into + 1;
    while statement.get(at).is_some_and(|token| BEFORE_TARGET.iter().any(|word| token.is_word(text, word))) {
        at += 1;
    }
    // INSERT and MERGE have their INTO in the second place.
    if into == 0 { None } else { last_part(text, statement, at) }
}

/// The last part of the qualified name that begins here.
fn last_part<'t>(text: &'t str, statement: &[Token], mut at: usize) -> Option<Made<'t>> {
    while statement.get(at + 1).is_some_and(|dot| dot.is_symbol(b'.')) {
        at += 2;
    }
    let token = statement.get(at).filter(|token| token.is_name())?;
    Some(Made { at, name: token.name(text).filter(|_| token.kind != Kind::UnicodeIdentifier) })
}

/// One statement, in which names of objects are looked for.
pub(super) struct Uses<'t> {
    pub(super) text: &'t str,
    pub(super) statement: &'t [Token],
    made: Vec<usize>,
    /// For each token: it stands in a list of relations, and it stands in CAST.
    lists: Vec<(bool, bool)>,
}

impl<'t> Uses<'t> {
    pub(super) fn of(text: &'t str, statement: &'t [Token]) -> Self {
        let made = makes(text, statement).into_iter().map(|made| made.at).collect();
        let mut uses = Self { text, statement, made, lists: Vec::with_capacity(statement.len()) };
        uses.follow();
        uses
    }

    /// Whether it carries values, or leads to a name that others will use with values.
    pub(super) fn carries(&self) -> bool {
        let value = Token::is_constant;
        self.statement.iter().any(value) || !self.made.is_empty() || self.begins(&["copy"])
    }

    /// The first use of a name that `is_sought` says, as an object or in code.
    pub(super) fn first(&self, is_sought: impl Fn(&str) -> bool) -> Option<(usize, String)> {
        let named = |at: usize, token: &Token| {
            let name = token.name(self.text).filter(|name| is_sought(name))?;
            (!self.made.contains(&at) && self.is_object(at)).then(|| (token.range.start, name.into_owned()))
        };
        let own = |word: &str| {
            let mut made = self.made.iter().filter_map(|at| self.statement.get(*at));
            made.any(|token| token.name(self.text).is_some_and(|name| name == word))
        };
        let in_code = |token: &Token| {
            let body = lex::unescape(self.text, token).ok().filter(|_| self.is_code() && is_string(token))?;
            let words = body.split(|char: char| char.is_ascii() && !lex::continues_identifier(char as u8));
            let found =
                words.map(|word| lex::cut(word).to_ascii_lowercase()).find(|word| is_sought(word) && !own(word));
            found.map(|name| (token.range.start, name))
        };
        self.statement.iter().enumerate().find_map(|(at, token)| named(at, token).or_else(|| in_code(token)))
    }

    /// The first name that can be nothing but a relation, and none that is known or the server's own.
    pub(super) fn first_relation(&self, is_known: impl Fn(&str) -> bool) -> Option<(usize, String)> {
        let own = |name: &str| name.starts_with("pg_") || name == "information_schema" || is_known(name);
        self.statement.iter().enumerate().find_map(|(at, token)| {
            let name = token.name(self.text)?;
            let no_relation = NO_RELATION.iter().any(|word| token.is_word(self.text, word));
            let (first, last) = (first_part(self.statement, at), !self.is_symbol(at + 1, b'.'));
            let first_name = self.statement.get(first).and_then(|token| token.name(self.text))?;
            let place = self.before(first).is_some_and(|before| self.begins_list(before) || self.continues_list(first));
            let called = self.is_symbol(at + 1, b'(') && !self.is_before(first, &["into"]);
            let relation = last && place && !called && !no_relation && !self.made.contains(&at);
            (relation && !own(&name) && !own(&first_name)).then(|| (token.range.start, name.into_owned()))
        })
    }

    /// Which tokens stand in a list of relations.
    fn follow(&mut self) {
        let mut open = vec![(false, false)];
        for (at, token) in self.statement.iter().enumerate() {
            let list = open.last().is_some_and(|(list, _)| *list);
            self.lists.push(open.last().copied().unwrap_or_default());
            if token.is_symbol(b'(') {
                let place = self.before(at).is_some_and(|before| self.begins_list(before)) || self.continues_list(at);
                let columns = self.is_before(at, &["using"]) && !self.begins(&["delete", "merge"]);
                open.push((place && !columns, self.is_before(at, &["cast"])));
            } else if token.is_symbol(b')') {
                open.pop();
            } else if let Some((last, _)) = open.last_mut() {
                let is = |words: &[&str]| words.iter().any(|word| token.is_word(self.text, word));
                *last = (list || is(&BEGINS_LIST)) && !is(&ENDS_LIST);
            }
        }
    }

    /// Whether the name at `at` is in the place of a relation, a function or a type.
    fn is_object(&self, at: usize) -> bool {
        let first = first_part(self.statement, at);
        let defines = self.begins(&DEFINES);
        if self.is_symbol(at + 1, b'.') {
            return self.is_before(first, &["column"]);
        }
        let Some(before) = self.before(first) else { return false };
        let is = |words: &[&str]| words.iter().any(|word| before.is_word(self.text, word));
        if is(&["as"]) {
            return self.lists.get(first).is_some_and(|(_, cast)| *cast);
        }
        // A call, or a type before its constant.
        if self.is_symbol(at + 1, b'(') || self.statement.get(at + 1).is_some_and(is_string) {
            return true;
        }
        match before.kind {
            Kind::TypeCast => true,
            Kind::Symbol(b',' | b'(') => self.continues_list(first),
            Kind::Word | Kind::QuotedIdentifier | Kind::UnicodeIdentifier => {
                is(&RELATION) || (defines && !is(EXPRESSION))
            }
            Kind::String
            | Kind::EscapeString
            | Kind::UnicodeString
            | Kind::DollarString
            | Kind::BitString
            | Kind::HexString
            | Kind::NationalString
            | Kind::Integer
            | Kind::Float
            | Kind::Param
            | Kind::Operator
            | Kind::Symbol(_)
            | Kind::DotDot
            | Kind::ColonEquals
            | Kind::EqualsGreater => false,
        }
    }

    fn before(&self, at: usize) -> Option<&Token> {
        at.checked_sub(1).and_then(|before| self.statement.get(before))
    }

    fn is_before(&self, at: usize, words: &[&str]) -> bool {
        self.before(at).is_some_and(|before| words.iter().any(|word| before.is_word(self.text, word)))
    }

    fn is_symbol(&self, at: usize, symbol: u8) -> bool {
        self.statement.get(at).is_some_and(|token| token.is_symbol(symbol))
    }

    fn begins(&self, words: &[&str]) -> bool {
        self.statement.first().is_some_and(|first| words.iter().any(|word| first.is_word(self.text, word)))
    }

    fn begins_list(&self, token: &Token) -> bool {
        BEGINS_LIST.iter().chain(&["copy"]).any(|word| token.is_word(self.text, word))
    }

    /// Behind a comma or parenthesis of a list of relations.
    fn continues_list(&self, at: usize) -> bool {
        let before = self.before(at).is_some_and(|before| before.is_symbol(b',') || before.is_symbol(b'('));
        before && self.lists.get(at).is_some_and(|(list, _)| *list)
    }

    fn is_code(&self) -> bool {
        let routine = |token: &Token| ["function", "procedure"].iter().any(|word| token.is_word(self.text, word));
        self.begins(&["do"]) || (self.begins(&["create"]) && self.statement.iter().take(4).any(routine))
    }
}

fn is_string(token: &Token) -> bool {
    token.is_string() || matches!(token.kind, Kind::BitString | Kind::HexString)
}
