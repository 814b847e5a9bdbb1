//! An error has the SQLSTATE and the place in the client's text that it would have without a proxy; and where
//! PostgreSQL has none there is none.

use crate::harness::World;
use crate::harness::cluster::cluster;
use crate::harness::raw::{Frame, Raw, bind, describe, execute, parse, query, sync};
use crate::harness::world::database;

use super::{SCHEMA, TABLE};

/// A signed table beside `person`.
const LEDGER: &str = "CREATE TABLE ledger (id bigint PRIMARY KEY, amount int, memo text, seen timestamp(0));";

const LEDGER_SCHEMA: &str = r#"
[tables.ledger]
name = "public.ledger"
branch_key = "people"
row_signature = "HMAC-SHA-384"
[tables.ledger.columns]
id = "SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT"
amount = "SIGN_ONLY"
memo = { action = "ENCRYPT_AND_SIGN", type = "text" }
seen = "SIGN_ONLY"
"#;

/// What is wrong at the server, and what is wrong here; each with a name that is not ASCII before the place.
const WRONG: &[&str] = &[
    // Said by the server about the physical text.
    "SELECT name AS \"ü\", team + 1 FROM person",
    "SELECT id FROM person WHERE email = 'é' AND team = 1",
    "SELECT name, id FROM person WHERE email IN ('a', 'ß') AND upper(team, team) = 'x' -- é",
    "INSERT INTO person (id, name, team) VALUES (1, 'é', 1 + true)",
    "UPDATE person SET name = 'é', team = team + 1 WHERE id = 1",
    "DELETE FROM person WHERE email = 'é' AND id = true",
    "SELECT * FROM person WHERE id = 'é'",
    "SELECT 'é' AS \"é\"; SELECT name FROM person WHERE id = 1; SELECT nope FROM note",
    "SELECT 'é'; SELECT name FROM person WHERE email = 'é' AND team = 7; SELECT 1",
    "SELECT count(*), name FROM person WHERE email = 'é' GROUP BY nope",
    "SELECT amount, memo FROM ledger WHERE memo IS NULL AND id = 'é'",
    "INSERT INTO ledger (id, amount, memo) VALUES (1, 2 + true, 'é')",
    "UPDATE ledger SET memo = 'é' WHERE amount = true",
    "UPDATE ledger SET memo = 'é' WHERE id = 'é'",
    // Said by the codec.
    "SELECT 'é', public.other.name FROM person",
    "INSERT INTO person (id, name, born) VALUES (1, 'é', 'no date')",
    "INSERT INTO person (id, name, born) VALUES (1, 'é', '2020-02-30')",
    "INSERT INTO person (id, name, balance) VALUES (1, 'é', 'x')",
    "INSERT INTO person (id, name, balance) VALUES (1, 'é', 99999999999.99)",
    "INSERT INTO person (id, name, balance) VALUES (1, 'é', '99999999999.99')",
    "INSERT INTO person (id, name, balance) VALUES (1, 'é', (('x'))::numeric)",
    "INSERT INTO person (id, name, born) VALUES (1, 'é', date 'x')",
    "INSERT INTO person (id, name, picture) VALUES (1, 'é', '\\xzz')",
    "INSERT INTO person (id, name, born) VALUES (1, 'é', true)",
    "INSERT INTO person (id, name, born) VALUES (1, 'é', 'x'::text)",
    "UPDATE person SET born = 'x' WHERE id = 1 AND team = 'é'",
    "UPDATE ledger SET memo = 'é', amount = 'x'",
    "UPDATE ledger SET memo = 'é', seen = 'x' WHERE id = 1",
    "INSERT INTO ledger (id, memo, seen) VALUES (1, 'é', 'x')",
    "SELECT 'é'; INSERT INTO person (id, name, balance) VALUES (1, 'é', 'x')",
    // Said by the planner.
    "SELECT 'é', nope FROM person",
    "SELECT 'é', other.name FROM person",
    "SELECT 'é', person.name FROM person p",
    "SELECT 'é', person.nope FROM person",
    "SELECT 'é' FROM person WHERE other.name = 'x'",
    "INSERT INTO person (id, name, nope) VALUES (1, 'é', 'x')",
    "INSERT INTO person (id, name, id) VALUES (1, 'é', 2)",
    "INSERT INTO person (id, name) VALUES (1, 'é', 'x')",
    "INSERT INTO person (id, name, team) VALUES (1, 'é')",
    "INSERT INTO person (id, name) VALUES (1, 'é'), (1)",
    "INSERT INTO person VALUES (1, 'é', 'a', NULL, 1, NULL, 'red', 8)",
    "UPDATE person SET name = 'é', nope = 'x' WHERE id = 1",
    "UPDATE person SET name = 'é', name = 'x' WHERE id = 1",
    "SELECT name AS \"é\" FROM person ORDER BY 5",
    "SELECT 'é', pgseal_exact_email FROM person",
    "SELECT name FROM person WHERE team = 'é' ORDER BY nope",
];

struct Pair {
    plain: Raw,
    sealed: Raw,
    _world: World,
}

fn pair(name: &str) -> Pair {
    let tables = format!("{TABLE}{LEDGER}");
    let world = World::sealed(name, &tables, &format!("{SCHEMA}{LEDGER_SCHEMA}"));
    let secret = world.secret();
    let mut plain = Raw::dial_unix(cluster().socket_dir(), cluster().port());
    plain.log_in(&database("plain", &tables));
    let mut pair = Pair { plain, sealed: world.raw(), _world: world };
    let fill = "INSERT INTO person (id, name, email) VALUES (1, 'Ada', 'ada@x.org'); \
                INSERT INTO ledger (id, amount, memo) VALUES (1, 2, 'x')";
    for statement in fill.split("; ") {
        assert_eq!(error(&pair.sealed.talk(&query(&statement.replace("Ada", &secret)), 1)), None);
        assert_eq!(error(&pair.plain.talk(&query(statement), 1)), None);
    }
    pair
}

/// SQLSTATE and position of the error.
fn error(frames: &[Frame]) -> Option<(String, Option<String>)> {
    let error = frames.iter().find(|frame| frame.kind == 'E')?;
    Some((error.field('C').unwrap(), error.field('P')))
}

fn differ(pair: &mut Pair, script: impl Fn(&str) -> Vec<u8>, statements: &[&str]) -> Vec<String> {
    let mut different = Vec::new();
    for statement in statements {
        let expected = pair.plain.talk(&script(statement), 1);
        let got = pair.sealed.talk(&script(statement), 1);
        assert!(error(&expected).is_some(), "not wrong at the server: {statement}");
        if error(&expected) != error(&got) {
            let words =
                |frames: &[Frame]| frames.iter().find_map(|frame| (frame.kind == 'E').then(|| frame.field('M')));
            different.push(format!(
                "{statement}\n    {:?} {:?}\n    {:?} {:?}",
                error(&expected),
                words(&expected),
                error(&got),
                words(&got)
            ));
        }
    }
    different
}

#[test]
fn errors_of_a_simple_query_point_where_the_servers_own_would() {
    let mut pair = pair("places");
    let different = differ(&mut pair, query, WRONG);
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn errors_of_the_extended_protocol_point_where_the_servers_own_would() {
    let mut pair = pair("placesx");
    let script = |statement: &str| {
        [parse("", statement, &[]), bind("", "", &[], 0), describe(b'P', ""), execute("", 0), sync()].concat()
    };
    let single: Vec<_> = WRONG.iter().copied().filter(|statement| !statement.contains("; ")).collect();
    let different = differ(&mut pair, script, &single);
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn an_update_that_no_row_can_match_is_no_error_and_one_that_breaks_a_constraint_is() {
    let mut pair = pair("norow");
    for (statement, params) in [
        ("UPDATE person SET name = 'x' WHERE id = $1", vec![None]),
        ("UPDATE person SET name = 'x' WHERE id = 99999999999999999999", vec![]),
        ("UPDATE person SET name = NULL WHERE id = 99", vec![]),
        ("UPDATE person SET name = NULL WHERE id = 1", vec![]),
        ("UPDATE person SET name = $2 WHERE id = $1", vec![Some("1"), None]),
        ("UPDATE person SET name = $2 WHERE id = $1", vec![None, None]),
        ("UPDATE ledger SET memo = 'x' WHERE id = $1", vec![None]),
        ("UPDATE person SET name = NULL", vec![]),
        ("UPDATE person SET email = NULL WHERE team = 'red'", vec![]),
        ("UPDATE person SET name = NULL WHERE team = 'none'", vec![]),
    ] {
        let script =
            [parse("", statement, &[]), describe(b'S', ""), bind("", "", &params, 0), execute("", 0), sync()].concat();
        let said = |raw: &mut Raw| {
            let frames = raw.talk(&script, 1);
            let tag = frames.iter().find(|frame| frame.kind == 'C').map(|frame| frame.body.clone());
            (error(&frames), tag)
        };
        assert_eq!(said(&mut pair.sealed), said(&mut pair.plain), "{statement}");
    }
}
