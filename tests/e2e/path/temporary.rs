//! An own temporary relation of a protected name comes first in PostgreSQL's path, and is declared nowhere.

use super::{Both, Pair, TABLES};
use crate::doors::door::{Door, Session as _};
use crate::doors::param::Form;
use crate::doors::scenario::{Actor, Expect, Step};
use crate::doors::sdk::Sdk;
use crate::harness::World;
use crate::harness::raw::query;

const SCHEMA: &str = r#"
version = 1
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
"#;

/// All make a relation that PostgreSQL finds before public.member.
const MADE: [&str; 12] = [
    "SELECT 1::bigint AS id, 'one@temp.test' AS email, 'n' AS note INTO TEMP member",
    "SELECT 1::bigint AS id, 'one@temp.test' AS email, 'n' AS note INTO TEMPORARY TABLE member",
    "SELECT 1::bigint AS id, 'one@temp.test' AS email, 'n' AS note INTO pg_temp.member",
    "CREATE TEMP VIEW member AS SELECT 1::bigint AS id, 'one@temp.test' AS email, 'n' AS note",
    "CREATE OR REPLACE TEMPORARY VIEW member AS SELECT 1::bigint AS id, 'one@temp.test' AS email, 'n' AS note",
    "CREATE VIEW pg_temp.member AS SELECT 1::bigint AS id, 'one@temp.test' AS email, 'n' AS note",
    "CREATE TEMP RECURSIVE VIEW member (id, email, note) AS VALUES (1::bigint, 'one@temp.test', 'n')",
    "CREATE TEMP TABLE member (id bigint, email text, note text)",
    "CREATE LOCAL TEMPORARY TABLE pg_temp.member (id bigint, email text, note text)",
    "CREATE TEMP TABLE member AS SELECT 1::bigint AS id, 'one@temp.test' AS email, 'n' AS note",
    "CREATE TABLE pg_temp.member AS SELECT 1::bigint AS id, 'one@temp.test' AS email, 'n' AS note",
    "CREATE TEMP TABLE \"member\" (id bigint, email text, note text) ON COMMIT PRESERVE ROWS",
];

/// The answer of the twin, or a refusal.
#[track_caller]
fn same_or_refused(both: &mut Both, sql: &str) -> bool {
    let frames = both.sealed.talk(&query(sql), 1);
    let refused = frames.iter().any(|frame| frame.field('C').as_deref() == Some("0A000"));
    if !refused {
        let twin = super::shown(&both.twin.talk(&query(sql), 1));
        assert_eq!(super::shown(&frames), twin, "{sql}");
    }
    refused
}

#[test]
fn an_own_temporary_relation_that_is_not_declared_is_never_taken_for_the_protected_table_sql_63() {
    let sealed = World::sealed("temporary", TABLES, SCHEMA);
    let secret = sealed.secret();
    let pair = Pair { sealed, twin: World::twin("temporarytwin", TABLES) };
    pair.same(&["INSERT INTO public.member VALUES (1, 'one@public.test', 'p')"]);
    for made in MADE {
        for path in ["SET search_path TO public", "SET search_path TO pg_temp, public"] {
            let mut both = pair.sessions();
            both.same(path);
            let refused = same_or_refused(&mut both, made);
            for sql in
                ["SELECT email FROM member", "SELECT count(*) FROM member", "UPDATE member SET note = 'x' WHERE id = 1"]
            {
                let refused_too = same_or_refused(&mut both, sql);
                // A write with constants may be meant for what was not made.
                let reads = sql.starts_with("SELECT");
                assert!(!(refused && refused_too && reads), "nothing stands before the table: {made}; {sql}");
            }
            // Whatever stands first, the secret does not travel; the twin never hears of it.
            both.sealed.talk(&query(&format!("INSERT INTO member VALUES (9, '{secret}', 'x')")), 1);
            both.sealed.talk(&query("DELETE FROM public.member WHERE id = 9"), 1);
            both.same("SELECT email FROM public.member ORDER BY id");
        }
    }
}

#[tokio::test]
async fn the_protected_name_wins_over_a_temporary_one_in_the_sdk_sql_63() {
    let world = World::sealed("temporarysdk", TABLES, SCHEMA);
    let secret = world.secret();
    let sdk = Sdk::new(&world, Form::Text).await;
    for made in MADE {
        let mut session = sdk.connect().await;
        let step = |sql: &str| Step {
            line: 0,
            actor: Actor::Session('a'),
            sql: sql.to_owned(),
            params: vec![],
            expect: Expect::Twin,
            standard: false,
        };
        session.run(&step("DELETE FROM public.member")).await;
        let answer = session.run(&step(made)).await;
        let refused = answer.error.as_ref().is_some_and(|error| error.code == "0A000");
        assert!(refused || answer.error.is_none(), "{made}: {:?}", answer.error);
        session.run(&step(&format!("INSERT INTO member VALUES (1, '{secret}', 'x')"))).await;
        let read = session.run(&step("SELECT email FROM member")).await;
        match &read.error {
            Some(error) => assert_eq!(error.code, "0A000", "{made}"),
            None => assert_eq!(read.rows, [[Some(secret.clone())]], "{made}"),
        }
        session.run(&step("DISCARD TEMP")).await;
    }
}
