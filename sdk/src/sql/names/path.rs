//! What a statement does to the search path of its session, where it can be read (SQL-63).

use crate::schema::{Protection, Relation};
use crate::sql::lex::{self, Kind, Token};
use crate::sql::names::effect::is_opaque;

/// What a statement does, once it is carried out, to what unqualified names mean.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum PathEffect {
    /// Nothing.
    #[default]
    None,
    /// SET, RESET or `set_config` of what counts, in this order.
    Sets(Vec<Assignment>),
    /// RESET ALL
    ResetAll,
    /// DISCARD ALL
    DiscardAll,
    /// DISCARD TEMP
    DiscardTemporary,
    /// COMMIT, END, PREPARE TRANSACTION
    Commit,
    /// ROLLBACK, ABORT
    Rollback,
    /// SAVEPOINT
    Savepoint(Box<str>),
    /// ROLLBACK TO
    RollbackTo(Box<str>),
    /// RELEASE
    Release(Box<str>),
    /// CREATE TABLE `schema.name`, of a protected name in another schema.
    Made(Relation),
    /// DROP TABLE of one.
    Dropped(Relation),
    /// It runs code that is not read here, which may set anything.
    Opaque {
        /// A procedure or a block, which may end transactions too.
        commits: bool,
    },
}

/// One variable gets a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// Which.
    pub variable: Variable,
    /// Its value.
    pub value: Given,
    /// SET LOCAL: to the end of the transaction.
    pub local: bool,
}

/// The variables on which names depend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variable {
    /// `search_path`
    SearchPath,
    /// `role`, which `"$user"` follows.
    Role,
    /// `session_authorization`
    SessionAuthorization,
}

impl Variable {
    /// All of them.
    pub const ALL: [Variable; 3] = [Variable::SearchPath, Variable::Role, Variable::SessionAuthorization];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Variable::SearchPath => "search_path",
            Variable::Role => "role",
            Variable::SessionAuthorization => "session_authorization",
        }
    }

    /// The variable of this name, in any case, as `guc_name_compare` has it.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|variable| variable.name().eq_ignore_ascii_case(name))
    }
}

/// What a variable is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    /// DEFAULT, NONE, NULL: what it was when the session began.
    Default,
    /// The schemas of a path in order, or the one name of a role.
    Names(Vec<String>),
    /// The value of a client parameter, from 0.
    Param(usize),
}

impl Given {
    /// The value of `set_config`, of a start-up parameter or of an answer to SHOW; `None` if the server takes none like it.
    pub fn of(variable: Variable, value: Option<&str>) -> Option<Self> {
        let Some(value) = value else { return Some(Given::Default) };
        Some(match variable {
            Variable::SearchPath => Given::Names(identifiers(value)?),
            Variable::Role if value == "none" => Given::Default,
            Variable::Role | Variable::SessionAuthorization => Given::Names(vec![value.to_owned()]),
        })
    }
}

impl PathEffect {
    /// Whether it is worth remembering.
    pub fn is_none(&self) -> bool {
        *self == PathEffect::None
    }

    /// Whether the value of a parameter decides what it does.
    pub fn reads_parameters(&self) -> bool {
        let PathEffect::Sets(assignments) = self else { return false };
        assignments.iter().any(|assignment| matches!(assignment.value, Given::Param(_)))
    }

    /// The same with the values of its parameters: `value` says them by number, `Some(None)` is NULL.
    #[must_use]
    pub fn bound<'v>(&self, value: impl Fn(usize) -> Option<Option<&'v str>>) -> Self {
        let PathEffect::Sets(assignments) = self else { return self.clone() };
        let given = |assignment: &Assignment| {
            let Given::Param(number) = assignment.value else { return Some(assignment.clone()) };
            let value = Given::of(assignment.variable, value(number)?)?;
            Some(Assignment { value, ..assignment.clone() })
        };
        // What cannot be read is rejected by the server, or else means something that is not known.
        assignments
            .iter()
            .map(given)
            .collect::<Option<_>>()
            .map_or(PathEffect::Opaque { commits: false }, PathEffect::Sets)
    }
}

/// What one statement does to the path, and whether it does nothing to other settings.
pub(in crate::sql) fn path_effect(text: &str, tokens: &[Token], protection: &Protection) -> (PathEffect, bool) {
    let read = Words { text, tokens };
    let opaque = |commits| (PathEffect::Opaque { commits }, false);
    let name = |at: usize| read.name(at).map_or(PathEffect::Opaque { commits: false }, PathEffect::Savepoint);
    let effect = match read.first() {
        Some("set") => return read.set().map_or(opaque(false), |sets| only(sets, true)),
        Some("reset") => match read.reset() {
            Some(assignment) => return only(assignment.into_iter().collect(), true),
            None => PathEffect::ResetAll,
        },
        Some("discard") => match tokens.get(1) {
            Some(all) if all.is_word(text, "all") => PathEffect::DiscardAll,
            Some(temp) if temp.is_word(text, "temp") || temp.is_word(text, "temporary") => PathEffect::DiscardTemporary,
            Some(_) | None => return (PathEffect::None, false),
        },
        Some("commit" | "end" | "rollback" | "abort") if read.is(1, "prepared") => return (PathEffect::None, false),
        Some("commit" | "end") => PathEffect::Commit,
        Some("prepare") if read.is(1, "transaction") => PathEffect::Commit,
        Some("rollback" | "abort") => {
            let to = 1 + usize::from(read.is(1, "work") || read.is(1, "transaction"));
            match read.is(to, "to") {
                false => PathEffect::Rollback,
                true => match name(to + 1 + usize::from(tokens.len() > to + 2 && read.is(to + 1, "savepoint"))) {
                    PathEffect::Savepoint(name) => PathEffect::RollbackTo(name),
                    other => other,
                },
            }
        }
        Some("savepoint") => name(1),
        Some("release") => match name(1 + usize::from(tokens.len() > 2 && read.is(1, "savepoint"))) {
            PathEffect::Savepoint(name) => PathEffect::Release(name),
            other => other,
        },
        Some("call" | "do" | "execute") => PathEffect::Opaque { commits: true },
        // What a cursor calls it calls now.
        Some("fetch" | "move") => PathEffect::Opaque { commits: false },
        Some("create") => read.namesake(protection).map_or(PathEffect::None, PathEffect::Made),
        Some("drop") => read.namesake(protection).map_or(PathEffect::None, PathEffect::Dropped),
        Some("select") => match read.set_config() {
            Some((sets, all)) => return only(sets, all),
            None => PathEffect::None,
        },
        Some(_) | None => PathEffect::None,
    };
    match effect {
        PathEffect::None if is_opaque(text, tokens) => opaque(false),
        effect => (effect, false),
    }
}

/// Nothing if no variable counts. `all`: nothing else is set.
fn only(sets: Vec<Assignment>, all: bool) -> (PathEffect, bool) {
    match sets.is_empty() {
        true => (PathEffect::None, false),
        false => (PathEffect::Sets(sets), all),
    }
}

/// The tokens of one statement.
struct Words<'t> {
    text: &'t str,
    tokens: &'t [Token],
}

impl<'t> Words<'t> {
    /// The command.
    fn first(&self) -> Option<&'static str> {
        const COMMANDS: [&str; 16] = [
            "set",
            "reset",
            "discard",
            "commit",
            "end",
            "rollback",
            "abort",
            "prepare",
            "savepoint",
            "release",
            "call",
            "do",
            "execute",
            "fetch",
            "move",
            "create",
        ];
        let first = self.tokens.first()?;
        COMMANDS.into_iter().chain(["drop", "select"]).find(|command| first.is_word(self.text, command))
    }

    fn is(&self, at: usize, word: &str) -> bool {
        self.tokens.get(at).is_some_and(|token| token.is_word(self.text, word))
    }

    fn is_symbol(&self, at: usize, symbol: u8) -> bool {
        self.tokens.get(at).is_some_and(|token| token.is_symbol(symbol))
    }

    /// The identifier here; UESCAPE behind one with escapes would make another one of it.
    fn name(&self, at: usize) -> Option<Box<str>> {
        let token = self.tokens.get(at).filter(|_| !self.is(at + 1, "uescape"))?;
        Some(token.name(self.text)?.into())
    }

    /// The value of the string constant here. How a backslash in a plain one is read depends on a setting.
    fn string(&self, at: usize) -> Option<String> {
        let token = self.tokens.get(at).filter(|token| token.is_string() && !self.is(at + 1, "uescape"))?;
        if token.kind == Kind::String && token.text(self.text).contains('\\') {
            return None;
        }
        lex::unescape(self.text, token).ok().map(|value| value.into_owned())
    }

    /// `NonReservedWord_or_Sconst`, `opt_boolean_or_string` and `NumericOnly` (gram.y).
    fn word(&self, at: usize) -> Option<String> {
        let token = self.tokens.get(at)?;
        match token.kind {
            Kind::Integer | Kind::Float => Some(token.text(self.text).to_owned()),
            _ if token.is_name() => self.name(at).map(String::from),
            _ => self.string(at),
        }
    }

    /// What SET assigns of what counts; `None` if that is not read.
    fn set(&self) -> Option<Vec<Assignment>> {
        let scope = usize::from(self.is(1, "local") || (self.is(1, "session") && !self.is(2, "authorization")));
        let (at, local) = (1 + scope, self.is(1, "local"));
        let rest = self.tokens.len().saturating_sub(at);
        let one = |variable, value| Some(vec![Assignment { variable, value, local }]);
        let role = |at| self.word(at).map(|name| Given::Names(vec![name]));
        if self.is(at, "schema") && rest == 2 {
            return one(Variable::SearchPath, Given::Names(vec![self.string(at + 1)?]));
        }
        if self.is(at, "role") && rest == 2 {
            let none = self.word(at + 1)? == "none";
            return one(Variable::Role, if none { Given::Default } else { role(at + 1)? });
        }
        if self.is(at, "session") && self.is(at + 1, "authorization") && rest == 3 {
            let value = if self.is(at + 2, "default") { Given::Default } else { role(at + 2)? };
            return one(Variable::SessionAuthorization, value);
        }
        let assigns =
            self.is(at + 1, "to") || self.tokens.get(at + 1).is_some_and(|equals| equals.text(self.text) == "=");
        let Some(variable) = self.name(at).and_then(|name| Variable::of(&name)) else {
            // A name with escapes may be any.
            return (self.tokens.get(at)?.kind != Kind::UnicodeIdentifier).then(Vec::new);
        };
        if !assigns {
            return None;
        }
        if self.is(at + 2, "default") && rest == 3 {
            return one(variable, Given::Default);
        }
        let mut names = Vec::new();
        let mut at = at + 2;
        loop {
            names.push(lex::cut(&self.word(at)?).to_owned());
            match self.tokens.get(at + 1) {
                None => break,
                Some(comma) if comma.is_symbol(b',') => at += 2,
                Some(_) => return None,
            }
        }
        match (variable, names.as_slice()) {
            (Variable::SearchPath, _) => one(variable, Given::Names(names)),
            (Variable::Role, [none]) if none == "none" => one(variable, Given::Default),
            (Variable::Role | Variable::SessionAuthorization, [_]) => one(variable, Given::Names(names)),
            (Variable::Role | Variable::SessionAuthorization, _) => None,
        }
    }

    /// What RESET gives back of what counts, if it is one variable; `None` for RESET ALL.
    fn reset(&self) -> Option<Option<Assignment>> {
        if self.is(1, "all") {
            return None;
        }
        let variable = match self.is(1, "session") && self.is(2, "authorization") {
            true => Some(Variable::SessionAuthorization),
            false => self.name(1).and_then(|name| Variable::of(&name)),
        };
        Some(variable.map(|variable| Assignment { variable, value: Given::Default, local: false }))
    }

    /// `SELECT set_config(…), …` and nothing else: what it sets of what counts, and whether that is all.
    fn set_config(&self) -> Option<(Vec<Assignment>, bool)> {
        let (mut at, mut sets, mut all) = (1, Vec::new(), true);
        loop {
            if self.name(at).as_deref() == Some("pg_catalog") && self.is_symbol(at + 1, b'.') {
                at += 2;
            }
            if self.name(at).as_deref() != Some("set_config") || !self.is_symbol(at + 1, b'(') {
                return None;
            }
            let name = self.string(at + 2)?;
            at = self.cast(at + 3);
            let value = self.tokens.get(at + 1).filter(|_| self.is_symbol(at, b','))?;
            let variable = Variable::of(&name);
            let given = match (variable, value.kind) {
                (None, _) => None,
                (Some(_), Kind::Param) => {
                    Some(Given::Param(value.text(self.text).get(1..)?.parse::<usize>().ok()?.checked_sub(1)?))
                }
                (Some(_), Kind::Word) if value.is_word(self.text, "null") => Some(Given::Default),
                (Some(variable), _) => Some(Given::of(variable, Some(&self.string(at + 1)?))?),
            };
            if variable.is_none() && !(value.is_constant() || value.is_word(self.text, "null")) {
                return None;
            }
            at = self.cast(at + 2);
            let local = match (self.is_symbol(at, b','), self.is(at + 1, "true"), self.is(at + 1, "false")) {
                (true, true, false) => true,
                (true, false, true) => false,
                _ => return None,
            };
            at = self.cast(at + 2);
            if !self.is_symbol(at, b')') {
                return None;
            }
            all &= variable.is_some();
            sets.extend(variable.zip(given).map(|(variable, value)| Assignment { variable, value, local }));
            at += 1;
            if self.is(at, "as") && self.tokens.get(at + 1).is_some_and(Token::is_name) {
                at += 2;
            }
            match self.tokens.get(at) {
                None => return Some((sets, all)),
                Some(comma) if comma.is_symbol(b',') => at += 1,
                Some(_) => return None,
            }
        }
    }

    /// Behind a cast to what the argument is anyway.
    fn cast(&self, at: usize) -> usize {
        let casts = self.tokens.get(at).is_some_and(|token| token.kind == Kind::TypeCast);
        let known = ["text", "varchar", "bool", "boolean"].iter().any(|ty| self.is(at + 1, ty));
        if casts && known { at + 2 } else { at }
    }

    /// The table that is made or dropped, qualified, if it shares a protected name.
    fn namesake(&self, protection: &Protection) -> Option<Relation> {
        let table = self.tokens.iter().take(4).position(|token| token.is_word(self.text, "table"))?;
        let exists = if self.is(table + 2, "not") { 3 } else { 2 };
        let at = table + 1 + if self.is(table + 1, "if") { exists } else { 0 };
        let (schema, name) = (self.name(at)?, self.name(at + 2).filter(|_| self.is_symbol(at + 1, b'.'))?);
        let relation = Relation { schema: schema.into(), name: name.into() };
        protection
            .relations()
            .any(|known| known.name == relation.name && known.schema != relation.schema)
            .then_some(relation)
    }
}

/// `SplitIdentifierString` (varlena.c): names between commas, folded unless they are quoted, cut to 63 bytes.
fn identifiers(text: &str) -> Option<Vec<String>> {
    let is_space = |char: char| matches!(char, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c');
    let mut rest = text.trim_start_matches(is_space);
    let mut names = Vec::new();
    if rest.is_empty() {
        return Some(names);
    }
    loop {
        let name = match rest.strip_prefix('"') {
            Some(inside) => {
                let mut name = String::new();
                let mut chars = inside.char_indices();
                loop {
                    match chars.next()? {
                        (at, '"') if inside.get(at + 1..)?.starts_with('"') => {
                            name.push('"');
                            chars.next();
                        }
                        (at, '"') => {
                            rest = inside.get(at + 1..)?;
                            break;
                        }
                        (_, char) => name.push(char),
                    }
                }
                name
            }
            None => {
                let end = rest.find(|char| char == ',' || is_space(char)).unwrap_or(rest.len());
                let (name, after) = rest.split_at(end);
                rest = after;
                (!name.is_empty()).then(|| name.to_ascii_lowercase())?
            }
        };
        names.push(lex::cut(&name).to_owned());
        rest = rest.trim_start_matches(is_space);
        match rest.strip_prefix(',') {
            Some(more) => rest = more.trim_start_matches(is_space),
            None if rest.is_empty() => return Some(names),
            None => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::lex::lex;

    fn member(schema: &str) -> Relation {
        Relation { schema: schema.to_owned(), name: "member".to_owned() }
    }

    fn read(text: &str) -> PathEffect {
        let mut protection = Protection::default();
        protection.pending.insert("member".to_owned(), member("public"));
        path_effect(text, &lex(text).unwrap(), &protection).0
    }

    fn path(names: &[&str]) -> Given {
        Given::Names(names.iter().map(|name| (*name).to_owned()).collect())
    }

    fn set(variable: Variable, value: Given, local: bool) -> PathEffect {
        PathEffect::Sets(vec![Assignment { variable, value, local }])
    }

    #[test]
    fn what_a_client_says_of_its_path_is_read_as_postgresql_reads_it_sql_63() {
        use Variable::{Role, SearchPath, SessionAuthorization};
        for (text, expected) in [
            ("SET search_path TO branch, public", set(SearchPath, path(&["branch", "public"]), false)),
            ("set session Search_Path = \"Branch\", 'a, b'", set(SearchPath, path(&["Branch", "a, b"]), false)),
            ("SET LOCAL search_path TO ''", set(SearchPath, path(&[""]), true)),
            ("SET search_path = \"$user\", on, 1", set(SearchPath, path(&["$user", "on", "1"]), false)),
            ("SET search_path TO DEFAULT", set(SearchPath, Given::Default, false)),
            ("SET \"SEARCH_PATH\" = x", set(SearchPath, path(&["x"]), false)),
            ("RESET search_path", set(SearchPath, Given::Default, false)),
            ("SET SCHEMA 'Branch'", set(SearchPath, path(&["Branch"]), false)),
            ("SET LOCAL SCHEMA $$x$$", set(SearchPath, path(&["x"]), true)),
            ("SET ROLE NONE", set(Role, Given::Default, false)),
            ("SET LOCAL ROLE 'none'", set(Role, Given::Default, true)),
            ("SET role TO Nurse", set(Role, path(&["nurse"]), false)),
            ("RESET ROLE", set(Role, Given::Default, false)),
            ("SET SESSION AUTHORIZATION \"N\"", set(SessionAuthorization, path(&["N"]), false)),
            ("SET SESSION SESSION AUTHORIZATION DEFAULT", set(SessionAuthorization, Given::Default, false)),
            ("SET LOCAL SESSION AUTHORIZATION x", set(SessionAuthorization, path(&["x"]), true)),
            ("RESET SESSION AUTHORIZATION", set(SessionAuthorization, Given::Default, false)),
            ("SELECT set_config('search_path', 'a, \"B\"', false)", set(SearchPath, path(&["a", "B"]), false)),
            ("SELECT pg_catalog.set_config('Search_Path', '', true)", set(SearchPath, path(&[]), true)),
            (
                "select set_config('search_path'::text, $2::text, true), set_config('x.y', $1, true) AS y",
                set(SearchPath, Given::Param(1), true),
            ),
            ("SELECT set_config('search_path', NULL, false)", set(SearchPath, Given::Default, false)),
            ("SELECT set_config('role', 'none', false)", set(Role, Given::Default, false)),
            ("RESET ALL", PathEffect::ResetAll),
            ("DISCARD ALL", PathEffect::DiscardAll),
            ("DISCARD TEMP", PathEffect::DiscardTemporary),
            ("DISCARD PLANS", PathEffect::None),
            ("BEGIN", PathEffect::None),
            ("END", PathEffect::Commit),
            ("COMMIT AND CHAIN", PathEffect::Commit),
            ("COMMIT PREPARED 'x'", PathEffect::None),
            ("PREPARE TRANSACTION 'x'", PathEffect::Commit),
            ("ABORT", PathEffect::Rollback),
            ("ROLLBACK PREPARED 'x'", PathEffect::None),
            ("SAVEPOINT \"A\"", PathEffect::Savepoint("A".into())),
            ("ROLLBACK TRANSACTION TO SAVEPOINT a", PathEffect::RollbackTo("a".into())),
            ("ROLLBACK TO savepoint", PathEffect::RollbackTo("savepoint".into())),
            ("RELEASE savepoint", PathEffect::Release("savepoint".into())),
            ("RELEASE SAVEPOINT A", PathEffect::Release("a".into())),
            ("CREATE TEMP TABLE IF NOT EXISTS pg_temp.member (a int)", PathEffect::Made(member("pg_temp"))),
            ("CREATE TABLE \"B\".member (a int)", PathEffect::Made(member("B"))),
            ("CREATE TABLE pg_temp.other (a int)", PathEffect::None),
            ("DROP TABLE IF EXISTS pg_temp.member", PathEffect::Dropped(member("pg_temp"))),
            ("SET TimeZone = 'UTC'", PathEffect::None),
            ("SET TIME ZONE 'UTC'", PathEffect::None),
            ("SET TRANSACTION READ ONLY", PathEffect::None),
            ("RESET TimeZone", PathEffect::None),
            ("SELECT 1", PathEffect::None),
            ("SELECT set_config('bytea_output', 'hex', false)", PathEffect::None),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_not_read_may_have_set_any_path_sql_63() {
        for text in [
            "SELECT my_function()",
            "SELECT set_config('search_path', 'a' || 'b', false)",
            "SELECT set_config('search_path', 'a', false) FROM t",
            "SELECT set_config('search_path', 'a', false) WHERE false",
            "SELECT set_config($1, 'a', false)",
            "SELECT set_config('search_path', 'a,,b', false)",
            "SELECT set_config('search_path', 'a', $1)",
            "SELECT set_config('x', lower(f()), true)",
            "SET search_path FROM CURRENT",
            "SET U&\"search!005fpath\" UESCAPE '!' = x",
            "SET search_path = 'a\\b'",
            "FETCH ALL FROM c",
            "LOAD 'x'",
            "WITH x AS (SELECT set_config('search_path', 'a', false)) SELECT 1",
        ] {
            assert_eq!(read(text), PathEffect::Opaque { commits: false }, "{text}");
        }
        for text in ["DO $$BEGIN END$$", "CALL p()", "EXECUTE p"] {
            assert_eq!(read(text), PathEffect::Opaque { commits: true }, "{text}");
        }
    }

    #[test]
    fn a_list_of_names_is_split_as_the_server_splits_it() {
        assert_eq!(identifiers(" A , \"B\"\"c\",d ").unwrap(), ["a", "B\"c", "d"]);
        assert_eq!(identifiers("").unwrap(), [""; 0]);
        assert_eq!(identifiers("\"\", \"$user\"").unwrap(), ["", "$user"]);
        assert_eq!(identifiers(&"x".repeat(70)).unwrap(), ["x".repeat(63)]);
        for text in ["a,", ",a", "a b", "\"a", "a,,b", "\"a\"b"] {
            assert_eq!(identifiers(text), None, "{text}");
        }
    }

    #[test]
    fn the_value_of_a_parameter_is_the_clients_word_and_what_is_no_list_is_not_sql_63() {
        let effect = read("SELECT set_config('search_path', $1, true)");
        assert!(effect.reads_parameters());
        let bound = |value: Option<Option<&'static str>>| effect.bound(|_| value);
        assert_eq!(bound(Some(Some("a, B"))), set(Variable::SearchPath, path(&["a", "b"]), true));
        assert_eq!(bound(Some(None)), set(Variable::SearchPath, Given::Default, true));
        for unread in [Some(Some("a b")), None] {
            assert_eq!(bound(unread), PathEffect::Opaque { commits: false });
        }
    }
}
