//! Where the relations of a statement that is not parsed are named, so that their schemas can be spliced in (SQL-63).
//!
//! Only reserved words end a FROM clause here: any other one may be an alias. What is in doubt is unclear.

use std::borrow::Cow;

use crate::sql::lex::{Kind, Token};

/// What an unqualified name is, by where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sql) enum Stands {
    /// A relation that the statement reads or writes.
    Relation,
    /// A column, an alias, a qualifier of one of these: no relation is looked up by it.
    Elsewhere,
    /// It may be either, or a name that is made or kept.
    Unclear,
}

/// What the name at each of these places, which are in order, is in the one statement of `tokens`.
pub(in crate::sql) fn stands(text: &str, tokens: &[Token], places: &[usize]) -> Vec<Stands> {
    let mut reader = Reader { text, tokens, frames: vec![Frame::default()], names: None };
    let mut found = Vec::with_capacity(places.len());
    let mut places = places.iter().copied().peekable();
    for at in 0..tokens.len() {
        let stands = reader.step(at);
        if places.next_if_eq(&at).is_some() {
            found.push(stands);
        }
    }
    found
}

/// What comes next within one pair of parentheses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Clause {
    /// The command.
    Begin,
    /// A name here is none of a relation.
    Other,
    /// An item of FROM, USING or JOIN.
    Item,
    /// Behind one: a comma is followed by the next.
    AfterItem,
    /// The target of a command that has one, or a list of them.
    Target { more: bool },
    /// Not read.
    Unclear,
}

#[derive(Debug, Clone, Copy)]
struct Frame {
    clause: Clause,
    /// A query or a command begins in it, so FROM is one of its clauses and not a word of `extract (… FROM …)`.
    reads: bool,
    /// USING is followed by relations.
    using: bool,
}

impl Default for Frame {
    fn default() -> Self {
        Self { clause: Clause::Begin, reads: false, using: false }
    }
}

struct Reader<'t> {
    text: &'t str,
    tokens: &'t [Token],
    frames: Vec<Frame>,
    /// Names that WITH gives to queries, once there is one.
    names: Option<Vec<Cow<'t, str>>>,
}

/// Reserved words that end a FROM clause.
const ENDS_FROM: [&str; 13] = [
    "where",
    "group",
    "having",
    "window",
    "order",
    "limit",
    "offset",
    "fetch",
    "for",
    "union",
    "intersect",
    "except",
    "returning",
];

/// Commands whose relations are found here.
const READ: [&str; 6] = ["select", "insert", "update", "delete", "merge", "values"];

/// Commands that name a list of tables, or one.
const LISTS: [&str; 5] = ["truncate", "lock", "copy", "analyze", "vacuum"];

/// Words between such a command and its tables.
const BEFORE_LIST: [&str; 7] = ["table", "only", "full", "freeze", "verbose", "analyze", "binary"];

impl<'t> Reader<'t> {
    fn is(&self, at: usize, word: &str) -> bool {
        self.tokens.get(at).is_some_and(|token| token.is_word(self.text, word))
    }

    fn among(&self, at: usize, words: &[&str]) -> bool {
        words.iter().any(|word| self.is(at, word))
    }

    fn is_symbol(&self, at: usize, symbol: u8) -> bool {
        self.tokens.get(at).is_some_and(|token| token.is_symbol(symbol))
    }

    /// Reads one token, and says what it is if it is a name.
    fn step(&mut self, at: usize) -> Stands {
        let Some(token) = self.tokens.get(at) else { return Stands::Unclear };
        let before = at.checked_sub(1);
        if token.is_symbol(b'(') || token.is_symbol(b'[') {
            self.open(before);
            return Stands::Elsewhere;
        }
        if token.is_symbol(b')') || token.is_symbol(b']') {
            if self.frames.len() > 1 {
                self.frames.pop();
            }
            return Stands::Elsewhere;
        }
        let Some(mut frame) = self.frames.pop() else { return Stands::Unclear };
        let stands = self.read(at, before, &mut frame);
        self.frames.push(frame);
        stands
    }

    /// A parenthesis of FROM holds an item of its own; one of ONLY too.
    fn open(&mut self, before: Option<usize>) {
        let around = self.frames.last().copied().unwrap_or_default();
        let clause = match around.clause {
            Clause::Item => Clause::Item,
            Clause::Target { .. } if before.is_some_and(|before| self.is(before, "only")) => {
                Clause::Target { more: false }
            }
            Clause::Unclear => Clause::Unclear,
            // `TRUNCATE`, `VACUUM (FULL)`: options.
            Clause::Begin | Clause::Other | Clause::AfterItem | Clause::Target { .. } => Clause::Begin,
        };
        // In an item of FROM there is a query only if a command begins it.
        let frame = Frame { clause, reads: clause == Clause::Item, using: false };
        let options = before.is_some_and(|before| self.is(before, "explain"));
        if let Some(last) = self.frames.last_mut() {
            last.clause = match last.clause {
                Clause::Item => Clause::AfterItem,
                Clause::Begin if !options => Clause::Other,
                clause => clause,
            };
        }
        self.frames.push(frame);
    }

    fn read(&mut self, at: usize, before: Option<usize>, frame: &mut Frame) -> Stands {
        let Some(token) = self.tokens.get(at) else { return Stands::Unclear };
        let is_label = before.is_some_and(|before| self.is(before, "as") || self.is_symbol(before, b'.'));
        let is_type = before
            .and_then(|before| self.tokens.get(before))
            .is_some_and(|before| before.kind == Kind::TypeCast || (before.is_word(self.text, "as") && !frame.reads));
        if frame.clause == Clause::Unclear || is_type {
            return Stands::Unclear;
        }
        if token.is_symbol(b',') {
            frame.clause = match frame.clause {
                Clause::AfterItem => Clause::Item,
                Clause::Target { more: false } | Clause::Item => Clause::Unclear,
                clause => clause,
            };
            return Stands::Elsewhere;
        }
        if !token.is_name() {
            // What is no name in the place of one is not read.
            if matches!(frame.clause, Clause::Item | Clause::Target { .. }) && !token.is_symbol(b'.') {
                frame.clause = Clause::Unclear;
            } else if frame.clause == Clause::Begin {
                frame.clause = Clause::Other;
            }
            return Stands::Elsewhere;
        }
        if !is_label && self.keyword(at, frame) {
            return Stands::Elsewhere;
        }
        self.name(at, frame)
    }

    /// Whether the word is one of the grammar that says what comes next.
    fn keyword(&mut self, at: usize, frame: &mut Frame) -> bool {
        let begins = frame.clause == Clause::Begin;
        let is = |word: &str| self.is(at, word);
        if begins && is("explain") {
            return true;
        }
        if begins && at > 0 && self.among(at, &["analyze", "verbose"]) && self.is(at - 1, "explain")
            || begins && at > 1 && is("verbose") && self.is(at - 2, "explain")
        {
            return true;
        }
        if self.is(at, "with") {
            self.learn_names();
            // Else it stands behind the target of an INSERT, in DECLARE, or is WITH ORDINALITY or WITH TIME ZONE.
            if matches!(frame.clause, Clause::Begin | Clause::Item) {
                frame.clause = Clause::Other;
                return true;
            }
        }
        let is = |word: &str| self.is(at, word);
        if begins && self.frames.is_empty() && self.among(at, &LISTS) {
            frame.clause = Clause::Target { more: true };
            return true;
        }
        if begins && self.frames.is_empty() && is("declare") {
            frame.clause = Clause::Other;
            return true;
        }
        if self.among(at, &READ) {
            return self.command(at, begins, frame);
        }
        if is("table") && !matches!(frame.clause, Clause::Target { .. }) {
            (frame.clause, frame.reads) = (Clause::Target { more: false }, true);
            return true;
        }
        if begins && self.frames.is_empty() {
            // Another command: it may make what it names, or keep its name.
            frame.clause = Clause::Unclear;
            return false;
        }
        self.clause(at, frame)
    }

    fn command(&self, at: usize, begins: bool, frame: &mut Frame) -> bool {
        let before = |word: &str| at.checked_sub(1).is_some_and(|before| self.is(before, word));
        // `FOR UPDATE`, `DO UPDATE`, `THEN INSERT` and their like write no other relation.
        let starts = begins || self.is(at, "select") || self.is(at, "values") || self.follows_with(at);
        if !starts {
            return true;
        }
        frame.reads = true;
        frame.using = self.is(at, "delete") || self.is(at, "merge");
        frame.clause = match self.is(at, "update") && !before("for") && !before("do") {
            true => Clause::Target { more: false },
            false => Clause::Other,
        };
        true
    }

    /// Whether a command at this place is the one that WITH introduces.
    fn follows_with(&self, at: usize) -> bool {
        let closed = at.checked_sub(1).is_some_and(|before| self.is_symbol(before, b')'));
        closed && self.names.is_some() && self.among(at, &["insert", "update", "delete", "merge"])
    }

    /// A word that begins or ends a clause in which relations are named.
    fn clause(&self, at: usize, frame: &mut Frame) -> bool {
        let is = |word: &str| self.is(at, word);
        let before = |word: &str| at.checked_sub(1).is_some_and(|before| self.is(before, word));
        if is("from") && frame.reads && frame.clause != Clause::Item {
            // `IS DISTINCT FROM`
            if !before("distinct") {
                frame.clause = Clause::Item;
            } else if at.checked_sub(2).is_none_or(|is| !self.among(is, &["is", "not"])) {
                frame.clause = Clause::Unclear;
            }
            return true;
        }
        if is("join") || (is("using") && frame.using) {
            frame.clause = Clause::Item;
            return true;
        }
        if is("into") {
            frame.clause =
                if before("insert") || before("merge") { Clause::Target { more: false } } else { Clause::Unclear };
            return true;
        }
        if self.among(at, &ENDS_FROM) {
            if matches!(frame.clause, Clause::AfterItem | Clause::Begin) {
                frame.clause = Clause::Other;
            }
            return true;
        }
        // Its SET is a list, in which no item of FROM is.
        if is("on") && self.is(at + 1, "conflict") && frame.clause == Clause::AfterItem {
            frame.clause = Clause::Unclear;
            return true;
        }
        if is("when") && frame.using && frame.clause == Clause::AfterItem {
            frame.clause = Clause::Unclear;
            return true;
        }
        match frame.clause {
            Clause::Item => self.among(at, &["lateral", "only"]),
            Clause::Target { more } => is("only") || (more && self.among(at, &BEFORE_LIST)),
            Clause::Begin | Clause::Other | Clause::AfterItem | Clause::Unclear => false,
        }
    }

    /// A name that is no word of the grammar.
    fn name(&self, at: usize, frame: &mut Frame) -> Stands {
        if matches!(frame.clause, Clause::Begin) {
            frame.clause = Clause::Other;
        }
        let target = match frame.clause {
            Clause::Item => Some(Clause::AfterItem),
            Clause::Target { more: true } => Some(Clause::AfterItem),
            Clause::Target { more: false } => Some(Clause::Other),
            Clause::Begin | Clause::Other | Clause::AfterItem => None,
            Clause::Unclear => return Stands::Unclear,
        };
        let Some(after) = target else { return Stands::Elsewhere };
        if self.is_symbol(at + 1, b'.') {
            return Stands::Elsewhere;
        }
        let (item, qualified) = (frame.clause == Clause::Item, at > 0 && self.is_symbol(at - 1, b'.'));
        frame.clause = after;
        // A function in FROM. Behind the target of an INSERT its columns follow.
        if qualified || (item && self.is_symbol(at + 1, b'(')) {
            return Stands::Elsewhere;
        }
        match self.tokens.get(at).and_then(|token| token.name(self.text)) {
            Some(name) if !self.names.iter().flatten().any(|known| *known == name) => Stands::Relation,
            Some(_) | None => Stands::Unclear,
        }
    }

    /// Names directly before AS and a parenthesis, or before a list of columns: in doubt they are of WITH.
    fn learn_names(&mut self) {
        if self.names.is_some() {
            return;
        }
        let names = (1..self.tokens.len()).filter(|at| {
            let begins = || self.among(at - 1, &["with", "recursive"]) || self.is_symbol(at - 1, b',');
            let query = || self.is_symbol(at + 2, b'(') || self.among(at + 2, &["not", "materialized"]);
            self.is(at + 1, "as") && query() || self.is_symbol(at + 1, b'(') && begins()
        });
        self.names = Some(names.filter_map(|at| self.tokens.get(at)?.name(self.text)).collect());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::lex::lex;

    /// `=` for each `member` that is a relation, `.` for one that is none, `?` for one that is not clear.
    fn read(text: &str) -> String {
        let tokens = lex(text).unwrap();
        let named = |at: &usize| tokens[*at].name(text).as_deref() == Some("member");
        let places: Vec<usize> = (0..tokens.len()).filter(named).collect();
        let found = stands(text, &tokens, &places);
        assert_eq!(found.len(), places.len(), "{text}");
        let shown = |stands: &Stands| match stands {
            Stands::Relation => '=',
            Stands::Elsewhere => '.',
            Stands::Unclear => '?',
        };
        found.iter().map(shown).collect()
    }

    #[test]
    fn relations_are_told_from_columns_and_aliases_sql_63() {
        for (text, expected) in [
            ("SELECT member.email FROM member WHERE member.id = 1 ORDER BY member.id", ".=.."),
            ("SELECT member FROM a, member, b x", ".="),
            ("SELECT * FROM a JOIN member ON member.id = a.id, member AS m", "=.="),
            ("SELECT * FROM a JOIN b ON CASE WHEN true THEN true END, member", "="),
            ("SELECT * FROM ONLY member, ONLY (member)", "=="),
            ("SELECT * FROM (a CROSS JOIN member)", "="),
            ("SELECT * FROM (SELECT * FROM member) member", "=."),
            ("SELECT (SELECT max(id) FROM member), member FROM a", "=."),
            ("SELECT * FROM a WHERE EXISTS (SELECT FROM member WHERE member.id = a.id)", "=."),
            ("(SELECT 1) UNION (SELECT id FROM member) UNION TABLE member", "=="),
            ("SELECT 1 FROM a WHERE x IS DISTINCT FROM member", "."),
            ("SELECT extract(year FROM member), substring(member FROM 2 FOR member) FROM a", "..."),
            ("SELECT x AS member, x AS join, member FROM a AS member (member)", "...."),
            ("SELECT x.from, member FROM a", "."),
            ("SELECT * FROM a JOIN b USING (member)", "."),
            ("SELECT * FROM x.member, member.x", ".."),
            ("SELECT * FROM member(1) f, LATERAL member(2)", ".."),
            ("SELECT * FROM member FOR UPDATE OF member", "=."),
            ("INSERT INTO member (id, member) SELECT id, member FROM member", "=..="),
            ("INSERT INTO member AS m VALUES (1)", "="),
            ("INSERT INTO a VALUES (1) ON CONFLICT (member) DO UPDATE SET member = 1", ".."),
            ("UPDATE member SET member = 1 FROM member m WHERE member.id = m.id", "=.=."),
            ("UPDATE ONLY member SET a = 1, member = 2 RETURNING member.id", "=.."),
            ("DELETE FROM member USING member x WHERE member.id = x.id", "==."),
            ("MERGE INTO member USING member s ON member.id = s.id", "==."),
            ("WITH x AS (DELETE FROM member RETURNING id) INSERT INTO member SELECT id FROM x", "=="),
            ("WITH x (a) AS (SELECT 1) UPDATE member SET a = 1", "="),
            ("TABLE member", "="),
            ("TRUNCATE TABLE a, ONLY member, b", "="),
            ("LOCK member, a IN SHARE MODE", "="),
            ("COPY member (member) FROM STDIN", "=."),
            ("COPY (SELECT * FROM member) TO STDOUT", "="),
            ("ANALYZE VERBOSE member (member)", "=."),
            ("VACUUM (FULL) member", "="),
            ("EXPLAIN ANALYZE VERBOSE UPDATE member SET a = 1", "="),
            ("EXPLAIN (COSTS off) DELETE FROM member", "="),
            ("DECLARE c CURSOR FOR SELECT * FROM member", "="),
            ("SELECT CASE WHEN member THEN 1 END FROM a WHERE member", ".."),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn what_may_be_a_relation_or_not_is_unclear_sql_63() {
        for text in [
            "WITH member AS (SELECT 1) SELECT * FROM member",
            "WITH member (a) AS (SELECT 1) SELECT * FROM member",
            "INSERT INTO a WITH member AS (SELECT 1) SELECT * FROM member",
            "SELECT * FROM (WITH member AS (SELECT 1) SELECT * FROM member) x",
            "DECLARE c CURSOR FOR WITH member AS (SELECT 1) SELECT * FROM member",
            "SELECT * INTO member FROM a",
            "CREATE TABLE member (id int)",
            "DROP TABLE member",
            "ALTER TABLE a RENAME TO member",
            "GRANT SELECT ON member TO x",
            "PREPARE p AS SELECT * FROM member",
            "CREATE VIEW v AS SELECT * FROM member",
            "SELECT NULL::member",
            "SELECT CAST(NULL AS member)",
            "SELECT DISTINCT FROM member",
            "MERGE INTO a USING b ON true WHEN MATCHED THEN UPDATE SET x = 1, member = 2",
            "INSERT INTO a SELECT * FROM b ON CONFLICT DO UPDATE SET x = 1, member = 2",
        ] {
            assert!(read(text).contains('?'), "{text}: {}", read(text));
        }
    }
}
