//! What cannot be answered is refused: 0A000, a reason, a hint, and nothing of it reaches the server.

use crate::harness::raw::{Frame, bind, execute, kinds, parse, query, sync};

use super::world;

fn error(frames: &[Frame]) -> &Frame {
    frames.iter().find(|frame| frame.kind == 'E').unwrap_or_else(|| panic!("{}", kinds(frames)))
}

#[test]
fn a_refusal_names_the_column_and_repeats_no_value() {
    let world = world("refusal");
    let secret = world.secret();
    let mut raw = world.raw();
    for sql in [
        format!("SELECT id FROM person WHERE name LIKE '{secret}%'"),
        format!("SELECT id FROM person WHERE name = '{secret}'"),
        format!("SELECT id FROM person WHERE lower(email) = '{secret}'"),
        format!("SELECT id FROM person WHERE email = '{secret}' || team"),
        format!("UPDATE person SET name = name || '{secret}'"),
        format!("SELECT id FROM person WHERE email = (SELECT '{secret}')"),
        format!("SELECT p.id FROM person p JOIN (VALUES ('{secret}')) v (x) ON v.x = p.email"),
    ] {
        let frames = raw.talk(&query(&sql), 1);
        let error = error(&frames);
        assert_eq!(error.field('C').as_deref(), Some("0A000"), "{sql}");
        assert!(!String::from_utf8_lossy(&error.body).contains(&secret), "{sql}");
        assert_eq!(frames.last().unwrap().body, b"I");
    }
    // The session goes on.
    assert_eq!(kinds(&raw.talk(&query("SELECT name FROM person"), 1)), "TCZ");
}

#[test]
fn a_refusal_inside_a_transaction_fails_the_transaction() {
    let world = world("failed");
    let (mut raw, secret) = (world.raw(), world.secret());
    raw.talk(&query(&format!("BEGIN; INSERT INTO person (id, name) VALUES (1, '{secret}')")), 1);
    let frames = raw.talk(&query("SELECT max(name) FROM person"), 1);
    assert_eq!(error(&frames).field('C').as_deref(), Some("0A000"));
    assert_eq!(frames.last().unwrap().body, b"E");
    let frames = raw.talk(&query("SELECT 1"), 1);
    assert_eq!(error(&frames).field('C').as_deref(), Some("25P02"));
    assert_eq!(kinds(&raw.talk(&query("COMMIT"), 1)), "CZ");
    assert_eq!(world.at_server("SELECT count(*) FROM person"), "0\n", "the transaction was rolled back");
}

#[test]
fn a_savepoint_recovers_from_a_refusal() {
    let world = world("savepoint");
    let (mut raw, secret) = (world.raw(), world.secret());
    raw.talk(&query("BEGIN; SAVEPOINT s"), 1);
    raw.talk(&query("SELECT max(name) FROM person"), 1);
    let frames = raw.talk(&query("ROLLBACK TO s"), 1);
    assert_eq!(frames.last().unwrap().body, b"T");
    raw.talk(&query(&format!("INSERT INTO person (id, name) VALUES (1, '{secret}')")), 1);
    raw.talk(&query("COMMIT"), 1);
    assert_eq!(world.at_server("SELECT count(*) FROM person"), "1\n");
}

#[test]
fn a_refusal_inside_a_pipeline_takes_its_place_and_drops_the_rest_until_sync() {
    let world = world("pipelined");
    let secret = world.secret();
    let one = |id: &str| {
        [
            parse("", "INSERT INTO person (id, name) VALUES ($1, $2)", &[]),
            bind("", "", &[Some(id), Some(&secret)], 0),
            execute("", 0),
        ]
        .concat()
    };
    let refused = parse("", "SELECT max(name) FROM person", &[]);
    let script =
        [one("1"), sync(), one("2"), refused, bind("", "", &[], 0), execute("", 0), one("3"), sync(), one("4"), sync()]
            .concat();
    let frames = world.raw().talk(&script, 3);
    assert_eq!(kinds(&frames), "12CZ12CEZ12CZ");
    assert_eq!(world.at_server("SELECT id FROM person ORDER BY id"), "1\n4\n", "the implicit transaction of 2 failed");
}

#[test]
fn a_refusal_in_a_simple_query_of_several_statements_undoes_the_others() {
    let world = world("several");
    let secret = world.secret();
    let script =
        format!("INSERT INTO person (id, name) VALUES (1, '{secret}'); SELECT max(name) FROM person; SELECT 2");
    let frames = world.raw().talk(&query(&script), 1);
    assert_eq!(error(&frames).field('C').as_deref(), Some("0A000"));
    assert_eq!(world.at_server("SELECT count(*) FROM person"), "0\n");
}
