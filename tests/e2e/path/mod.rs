//! Which table an unqualified name is follows the session's search path, as the client itself set it (SQL-63).

mod asked;
mod moved;
mod prepared;
mod roles;
mod set;
mod temporary;

use crate::harness::World;
use crate::harness::raw::{Frame, Raw, bind, execute, parse, query, startup, sync};

const TABLES: &str = "
    CREATE SCHEMA branch; CREATE SCHEMA other; CREATE SCHEMA \"Quoted\"; CREATE SCHEMA nurse; CREATE SCHEMA \"New\";
    CREATE TABLE member (id bigint PRIMARY KEY, email text UNIQUE, note text);
    CREATE TABLE vault (id bigint PRIMARY KEY, secret text);
    CREATE TABLE branch.member (id bigint PRIMARY KEY, email text UNIQUE, note text);
    CREATE TABLE \"Quoted\".member (id bigint PRIMARY KEY, email text, note text);
    CREATE TABLE nurse.member (id bigint PRIMARY KEY, email text, note text);
    CREATE TABLE other.member (id bigint PRIMARY KEY, email text, note text);
    CREATE TABLE diary (id bigint, member text);
    INSERT INTO branch.member VALUES (1, 'one@branch.test', 'b');
    INSERT INTO \"Quoted\".member VALUES (1, 'one@quoted.test', 'q');
    INSERT INTO nurse.member VALUES (1, 'one@nurse.test', 'n');
    INSERT INTO diary VALUES (1, 'x');
    CREATE FUNCTION opaque() RETURNS int LANGUAGE sql AS 'SELECT 1';
    CREATE FUNCTION quietly(text) RETURNS text LANGUAGE sql AS $$SELECT set_config('search_path', $1, false)$$;";

const SCHEMA: &str = r#"
version = 1
[settings]
unprotected = ["branch.member", "Quoted.member", "nurse.member", "pg_temp.member", "New.member"]
[keyrings.test]
generator = "local:test"
[branch_keys.people]
keyring = "test"
[tables.member]
name = "public.member"
branch_key = "people"
unlisted_columns = "DO_NOTHING"
[tables.member.columns]
id = "SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT"
email = { action = "ENCRYPT_AND_SIGN", type = "text" }
[tables.member.beacons]
standard = [{ name = "email", length = "exact" }]
[tables.vault]
name = "public.vault"
branch_key = "people"
[tables.vault.columns]
id = "SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT"
secret = { action = "ENCRYPT_AND_SIGN", type = "text" }
"#;

/// A sealed database and the same one plain, with one member each.
struct Pair {
    sealed: World,
    twin: World,
}

impl Pair {
    fn new(name: &str) -> Self {
        let sealed = World::sealed(name, TABLES, SCHEMA);
        sealed.writes_no_secret("the twin, on the same server, holds the same values in the clear");
        let pair = Self { sealed, twin: World::twin(&format!("{name}_twin"), TABLES) };
        pair.same(&["INSERT INTO public.member VALUES (1, 'one@public.test', 'p')"]);
        pair
    }

    fn sessions(&self) -> Both {
        self.sessions_with(&[])
    }

    /// With these start-up parameters.
    fn sessions_with(&self, parameters: &[(&str, &str)]) -> Both {
        let begin = |world: &World| {
            let mut raw = world.raw_unauthenticated();
            let own = [("user", "postgres"), ("database", world.database())];
            raw.send(&startup(&[&own[..], parameters].concat()));
            raw.until('Z');
            raw
        };
        Both { sealed: begin(&self.sealed), twin: begin(&self.twin) }
    }

    /// A script of simple queries, in a session of its own, has the same answers in both.
    fn same(&self, script: &[&str]) {
        let mut both = self.sessions();
        for sql in script {
            both.same(sql);
        }
    }
}

/// A session of each.
struct Both {
    sealed: Raw,
    twin: Raw,
}

impl Both {
    /// One simple query has the same answer in both; that answer.
    #[track_caller]
    fn same(&mut self, sql: &str) -> Vec<String> {
        let sealed = shown(&self.sealed.talk(&query(sql), 1));
        let twin = shown(&self.twin.talk(&query(sql), 1));
        assert_eq!(sealed, twin, "{sql}");
        sealed
    }

    /// The same of messages, with so many ReadyForQuery.
    #[track_caller]
    fn same_messages(&mut self, script: &[Vec<u8>], count: usize) -> Vec<String> {
        let script = script.concat();
        let sealed = shown(&self.sealed.talk(&script, count));
        let twin = shown(&self.twin.talk(&script, count));
        assert_eq!(sealed, twin);
        sealed
    }

    /// One simple query is the same, and so is the text as a prepared statement.
    #[track_caller]
    fn same_twice(&mut self, sql: &str) -> Vec<String> {
        let answer = self.same(sql);
        let script = [parse("", sql, &[]), bind("", "", &[], 0), execute("", 0), sync()];
        self.same_messages(&script, 1);
        answer
    }

    /// One simple query is refused by us; our message.
    #[track_caller]
    fn refused(&mut self, sql: &str) -> String {
        let frames = self.sealed.talk(&query(sql), 1);
        let error = frames.iter().find(|frame| frame.kind == 'E').unwrap_or_else(|| panic!("answered: {sql}"));
        assert_eq!(error.field('C').as_deref(), Some("0A000"), "{sql}: {:?}", error.field('M'));
        error.field('M').unwrap()
    }
}

/// A role, once in the whole cluster, that has a schema of its name.
fn nurse(world: &World) {
    world.at_server(
        "DO $$BEGIN CREATE ROLE nurse SUPERUSER LOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN END$$",
    );
}

/// Rows, tags, errors with their place, and the transaction status.
fn shown(frames: &[Frame]) -> Vec<String> {
    frames
        .iter()
        .filter_map(|frame| match frame.kind {
            'D' => Some(format!(
                "{:?}",
                frame.columns().iter().map(|c| c.as_deref().map(String::from_utf8_lossy)).collect::<Vec<_>>()
            )),
            'C' | 'Z' => Some(format!("{} {}", frame.kind, String::from_utf8_lossy(&frame.body))),
            'E' => Some(format!("E {:?} {:?} at {:?}", frame.field('C'), frame.field('M'), frame.field('P'))),
            _ => None,
        })
        .collect()
}
