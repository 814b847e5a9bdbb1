//! Objects that a refused statement would have made: what uses them would travel for nothing, with its values (SQL-64).

use std::collections::{HashMap, HashSet, VecDeque};

use super::objects::{Uses, makes, would_make};
use super::{Named, key};
use crate::error::SqlState;
use crate::sql::Refusal;
use crate::sql::lex;

/// How many names a session remembers.
const MOST_OBJECTS: usize = 256;

/// The names of such objects, by their last part.
#[derive(Debug, Default)]
pub struct NeverMade {
    /// With the number of the event that refused it last.
    names: HashMap<Box<[u8]>, u64>,
    /// A name was one too many to remember, or was not read. It stays so: which one it was is not known.
    overflowed: bool,
    /// Names that were made since, in a transaction that may still be rolled back.
    taken: Vec<Box<[u8]>>,
    /// Names that were made since there were too many to remember.
    made: HashSet<Box<[u8]>>,
}

impl NeverMade {
    /// Nothing was refused, or everything was made since.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty() && !self.overflowed && self.taken.is_empty()
    }

    /// A text was refused, as this event: what it would have made is not there.
    pub fn text(&mut self, text: &str, event: u64) {
        if !super::holds(text, &["create", "rename", "into"]) {
            return;
        }
        for name in would_make(text, 0) {
            match name {
                Some(name) => self.refuse(name.as_bytes(), event),
                // It could be any.
                None => self.overflowed = true,
            }
        }
    }

    /// The refusal of a text that goes on as it is, if it uses one of the names and carries values.
    pub fn uses(&self, text: &str) -> Option<Refusal> {
        self.uses_beside(text, |_| false)
    }

    /// The same of a text of which the statements at these bytes do not go on as they are: a planned one names what is
    /// protected, whatever was to have its name, and its values do not travel.
    pub fn uses_beside(&self, text: &str, planned: impl Fn(usize) -> bool) -> Option<Refusal> {
        if self.names.is_empty() && !self.overflowed {
            return None;
        }
        // A text without tokens is an error at the server, which would have its literals.
        let tokens = match lex::lex(text) {
            Ok(tokens) => tokens,
            Err(error) => return Some(Refusal::error(SqlState::SYNTAX_ERROR, error.what).at(error.at)),
        };
        tokens.split(|token| token.is_symbol(b';')).find_map(|statement| {
            if statement.first().is_some_and(|token| planned(token.range.start)) {
                return None;
            }
            let uses = Uses::of(text, statement);
            if !uses.carries() {
                return None;
            }
            let known = uses.first(|name| self.names.contains_key(key(name.as_bytes()))).map(|(at, name)| {
                Refusal::new(format!(
                    "{name} was to be made by a statement that was refused, and is not used with values"
                ))
                .hint("Make it at the database; a new session looks for it there.")
                .at(at)
            });
            let any = || uses.first_relation(|name| self.made.contains(name.as_bytes())).filter(|_| self.overflowed);
            known.or_else(|| {
                any().map(|(at, name)| {
                    let message = format!(
                        "too many statements were refused in this session to know that none of them was to make {name}"
                    );
                    Refusal::new(message).hint("Use a new session.").at(at)
                })
            })
        })
    }

    /// What the statements of a text make, to be told with their tags. Only of interest once something was refused.
    pub fn watch(&self, named: &mut Named, text: &str) {
        if self.is_empty() || !super::holds(text, &["create", "alter", "into"]) {
            return;
        }
        let Ok(tokens) = lex::lex(text) else { return };
        // The semicolons of a body BEGIN ATOMIC end no statement.
        if tokens.iter().any(|token| token.is_word(text, "atomic")) {
            return;
        }
        let statements = tokens.split(|token| token.is_symbol(b';')).filter(|statement| !statement.is_empty());
        let objects: VecDeque<Vec<Box<[u8]>>> = statements
            .map(|statement| {
                let made = makes(text, statement).into_iter().filter_map(|made| made.name);
                made.map(|name| key(name.as_bytes()).into()).collect()
            })
            .collect();
        if objects.iter().any(|made| !made.is_empty()) {
            named.objects = objects;
        }
    }

    /// The server has carried out the next statement of this text.
    pub fn made(&mut self, named: &mut Named) {
        for name in named.objects.pop_front().into_iter().flatten() {
            let taken = self.names.get(&name).is_some_and(|refusal| *refusal <= named.number);
            if self.overflowed && self.made.len() < MOST_OBJECTS {
                self.made.insert(name.clone());
            }
            if taken {
                self.names.remove(&name);
                self.taken.push(name);
            }
        }
    }

    /// The server has carried out every statement of a text.
    pub fn all_made(&mut self, named: &Named) {
        let mut named = named.clone();
        while !named.objects.is_empty() {
            self.made(&mut named);
        }
    }

    /// What was made stays: no transaction is open.
    pub fn settle(&mut self) {
        self.taken.clear();
    }

    /// What was made since the last transaction may be gone again, as this event says.
    pub fn undo(&mut self, event: u64) {
        self.made.clear();
        for name in std::mem::take(&mut self.taken) {
            self.refuse(&name, event);
        }
    }

    fn refuse(&mut self, name: &[u8], event: u64) {
        if self.names.len() < MOST_OBJECTS || self.names.contains_key(key(name)) {
            self.names.insert(key(name).into(), event);
        } else {
            self.overflowed = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::named;
    use super::*;

    fn refused(texts: &[&str]) -> NeverMade {
        let mut never = NeverMade::default();
        texts.iter().for_each(|text| never.text(text, 1));
        never
    }

    fn uses(never: &NeverMade, text: &str) -> bool {
        never.uses(text).is_some()
    }

    fn sent(never: &NeverMade, text: &str) -> Named {
        let mut named = named(text).sent(2);
        never.watch(&mut named, text);
        named
    }

    #[test]
    fn what_a_refused_text_would_have_made_is_remembered_by_its_last_name_sql_64() {
        for text in [
            "CREATE VIEW v AS SELECT 1",
            "create or replace temp recursive view \"v\" (a) as select 1",
            "CREATE UNLOGGED TABLE IF NOT EXISTS s.v (LIKE t)",
            "CREATE TABLE db.s.V () INHERITS (t)",
            "CREATE MATERIALIZED VIEW v AS TABLE t",
            "CREATE FOREIGN TABLE v () SERVER s",
            "CREATE OR REPLACE FUNCTION s.v(int) RETURNS int LANGUAGE sql AS $$ SELECT 1 $$",
            "CREATE TYPE v AS (t t)",
            "EXPLAIN ANALYZE CREATE TABLE v AS SELECT 1",
            "ALTER TABLE IF EXISTS t RENAME TO v",
            "SELECT * INTO TEMP TABLE v FROM t",
            "WITH x AS (INSERT INTO u SELECT 1 RETURNING 1) SELECT 1 INTO v",
            "SELECT 1; CREATE VIEW v AS SELECT 1; SELECT 2",
            "CREATE SCHEMA s CREATE VIEW v AS SELECT 1",
            "DO $$ BEGIN EXECUTE 'CREATE VIEW v AS SELECT 1'; END $$",
        ] {
            assert!(uses(&refused(&[text]), "INSERT INTO v VALUES ('x')"), "{text}");
        }
        for text in [
            "CREATE INDEX v ON t (a)",
            "ALTER TABLE t RENAME COLUMN a TO v",
            "INSERT INTO v SELECT 1",
            "MERGE INTO v USING t ON true WHEN MATCHED THEN DELETE",
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'CREATE TABLE v ()'",
            "CREATE VIEW V2 AS SELECT 1",
        ] {
            assert!(!uses(&refused(&[text]), "INSERT INTO v VALUES ('x')"), "{text}");
        }
    }

    #[test]
    fn a_name_counts_where_an_object_stands_and_only_beside_values_sql_64() {
        let never = refused(&["CREATE VIEW v AS SELECT 1"]);
        for text in [
            "INSERT INTO s.v(a) SELECT $1",
            "SELECT 1 FROM t a, LATERAL (SELECT 1) b, v WHERE x = 'x'",
            "SELECT 1 FROM (t JOIN (v CROSS JOIN u) ON true) WHERE x = 1.5",
            "SELECT 1 FROM t JOIN u ON t.a = u.a, v WHERE x = 'x'",
            "UPDATE ONLY v SET a = 'x'",
            "DELETE FROM t USING (v JOIN u ON true) WHERE a = 'x'",
            "SELECT v('x')",
            "SELECT CAST('x' AS v), 'x'::v",
            "SELECT v '(x)'",
            "COPY v FROM STDIN",
            "TABLE v LIMIT 1",
            "LOCK TABLE t, v; SELECT 1 FROM v WHERE a = 2",
            "CREATE TABLE u (LIKE v)",
            "CREATE TABLE u (a v DEFAULT 'x')",
            "CREATE VIEW u AS SELECT * FROM v",
            "CREATE INDEX ON v ((a || 'x'))",
            "COMMENT ON COLUMN s.v.a IS 'x'",
            "DO $$ BEGIN INSERT INTO V VALUES ('x'); END $$",
            "ALTER VIEW v RENAME TO u",
            "SELECT 1; INSERT INTO v VALUES (1)",
            "PREPARE p AS SELECT 1 FROM v WHERE a = $1",
            "INSERT INTO v VALUES ('x",
        ] {
            assert!(uses(&never, text), "{text}");
        }
        for text in [
            "SELECT * FROM v",
            "DROP VIEW IF EXISTS v",
            "SELECT 'x'; SELECT * FROM v",
            "SELECT v FROM t v WHERE v.a = 'x' AND v = 1 GROUP BY v, v.b HAVING v > 1 ORDER BY v",
            "SELECT 1 AS v, n.v, (v), f(v, 1) FROM t AS v",
            "INSERT INTO t (a, v) VALUES ('x', 1) ON CONFLICT (v) DO UPDATE SET v = 'x'",
            "SELECT 1 FROM t JOIN u USING (v) WHERE a = 'x'",
            "SELECT 'v', 'INSERT INTO v'",
            "UPDATE t SET v = 'x' WHERE a IN (1, v)",
            "INSERT INTO \"V\" VALUES ('x')",
        ] {
            assert!(!uses(&never, text), "{text}");
        }
    }

    #[test]
    fn a_name_that_was_made_is_used_again_until_its_transaction_is_rolled_back_sql_64() {
        let insert = "INSERT INTO v VALUES ('x')";
        for (text, tags) in [
            ("CREATE TABLE v (a varchar(10) DEFAULT 'x')", 1),
            ("SELECT 1; ALTER TABLE t RENAME TO v", 2),
            ("SELECT 'x' INTO v", 1),
        ] {
            let mut never = refused(&["CREATE VIEW v AS SELECT 1"]);
            assert!(!uses(&never, text), "{text}");
            let mut named = sent(&never, text);
            assert!(uses(&never, insert), "it may fail");
            (0..tags).for_each(|_| never.made(&mut named));
            assert!(!uses(&never, insert), "{text}");
            never.undo(1);
            assert!(uses(&never, insert), "{text}");
            never.all_made(&sent(&never, text));
            never.settle();
            never.undo(3);
            assert!(!uses(&never, insert) && never.is_empty(), "{text}");
        }
        let mut never = refused(&["CREATE VIEW v AS SELECT 1"]);
        let mut named = sent(&never, "CREATE TABLE v (); SELECT 1");
        never.text("CREATE VIEW v AS SELECT 1", 3);
        never.made(&mut named);
        assert!(uses(&never, insert), "it was refused again behind what was sent");
    }

    #[test]
    fn past_the_limit_any_relation_may_be_one_sql_64() {
        let texts: Vec<String> =
            (0..=MOST_OBJECTS).map(|number| format!("CREATE VIEW v{number} AS SELECT 1")).collect();
        let mut never = refused(&texts.iter().map(String::as_str).collect::<Vec<_>>());
        for text in
            ["INSERT INTO other VALUES ('x')", "SELECT 1 FROM a, other WHERE b = 'x'", "DELETE FROM other WHERE a = 1"]
        {
            assert!(uses(&never, text), "{text}");
        }
        for text in
            ["SELECT * FROM other", "SELECT 'x'", "SELECT 1 FROM pg_class, pg_catalog.pg_type", "SET a = 'x'", "BEGIN"]
        {
            assert!(!uses(&never, text), "{text}");
        }
        never.all_made(&sent(&never, "CREATE TABLE other (a text); CREATE TABLE v256 (a text)"));
        assert!(!uses(&never, "COPY v256 FROM STDIN"));
        never.settle();
        for name in ["other", "v256"] {
            assert!(!uses(&never, &format!("INSERT INTO {name} VALUES ('x')")), "{name} was made since");
        }
        assert!(uses(&never, "INSERT INTO another VALUES ('x')"));
    }

    #[test]
    fn a_columns_name_is_none_of_an_object_where_something_is_defined_either_sql_64() {
        let never = refused(&["CREATE VIEW v AS SELECT 1", "CREATE FUNCTION lower(x) RETURNS int LANGUAGE sql AS '1'"]);
        for text in [
            "CREATE TABLE t (v int DEFAULT 5, CHECK (v > 0), CONSTRAINT v UNIQUE (v))",
            "ALTER TABLE t ADD COLUMN v int DEFAULT 5",
            "ALTER TABLE t ADD v int DEFAULT 5",
            "CREATE VIEW u AS SELECT v FROM t WHERE v = 1 AND v > 2",
            "CREATE INDEX ON t (v) WHERE v = 1",
            "SELECT lower('x')",
        ] {
            assert!(!uses(&never, text), "{text}");
        }
    }
}
