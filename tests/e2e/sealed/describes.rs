//! What the client is told about statements is the logical table: types, names, formats.

use crate::harness::World;
use crate::harness::raw::{Frame, describe, kinds, parse, query, sync};

use super::{SCHEMA, TABLE};

/// Table OIDs differ between two databases; everything else must not.
fn without_table_oid(frame: &Frame) -> Vec<u8> {
    let mut body = frame.body.clone();
    let mut at = 2;
    while let Some(end) = body[at..].iter().position(|byte| *byte == 0) {
        body[at + end + 1..at + end + 5].fill(0);
        at += end + 19;
    }
    body
}

#[test]
fn parameters_and_columns_have_their_logical_types() {
    let world = World::sealed("types", TABLE, SCHEMA);
    let twin = World::twin("typestwin", TABLE);
    world.writes_no_secret("it only describes");
    let statements = [
        "SELECT * FROM person",
        "SELECT p.*, p.email AS mail, upper(team) FROM person p WHERE p.email = $1 AND p.team = $2 ORDER BY id LIMIT $3",
        "SELECT name n FROM person WHERE email IN ($1, $2) OR email IS NULL",
        "SELECT count(*), count(email) FROM person",
        "INSERT INTO person (id, name, email, born, balance, picture) VALUES ($1, $2, $3, $4, $5, $6)",
        "INSERT INTO person VALUES ($1, $2) RETURNING *",
        "UPDATE person SET born = $2, balance = $3 WHERE id = $1 RETURNING id, balance",
        "DELETE FROM person WHERE email = $1",
    ];
    for sql in statements {
        let script = [parse("", sql, &[]), describe(b'S', ""), sync()].concat();
        let (sealed, plain) = (world.raw().talk(&script, 1), twin.raw().talk(&script, 1));
        assert_eq!(kinds(&sealed), kinds(&plain), "{sql}: {:?}", sealed.iter().find_map(|frame| frame.field('M')));
        for (sealed, plain) in sealed.iter().zip(&plain) {
            match sealed.kind {
                'T' => assert_eq!(without_table_oid(sealed), without_table_oid(plain), "{sql}"),
                _ => assert_eq!(sealed, plain, "{sql}"),
            }
        }
    }
}

#[test]
fn wrong_sql_has_the_servers_sqlstate_and_position() {
    let world = World::sealed("wrongsql", TABLE, SCHEMA);
    let twin = World::twin("wrongtwin", TABLE);
    let email = world.secret();
    let statements = [
        "SELECT é_nope FROM person WHERE email = 'ada@x.org'",
        "SELECT name FROM person WHERE email = 'x' AND nope = 1",
        "INSERT INTO person (id, nope) VALUES (1, 'x')",
        "INSERT INTO person (id) VALUES (1)",
        "UPDATE person SET nope = 1 WHERE email = 'x'",
        "SELECT pgseal_eq_email FROM person",
    ];
    for sql in statements {
        let error = |world: &World, email| {
            let frames = world.raw().talk(&query(&sql.replace("ada@x.org", email)), 1);
            let error = frames.iter().find(|frame| frame.kind == 'E').unwrap_or_else(|| panic!("{sql} was answered"));
            (error.field('C'), error.field('P'))
        };
        assert_eq!(error(&world, &email), error(&twin, "ada@x.org"), "{sql}");
    }
}

/// The codec's own errors do not say yet where in the text the constant stands.
#[test]
fn a_constant_that_is_no_value_of_its_column_has_the_servers_sqlstate() {
    let world = World::sealed("constants", TABLE, SCHEMA);
    let twin = World::twin("constanttwin", TABLE);
    world.writes_no_secret("none of the constants is a value");
    for values in [
        "'abc', 'x', NULL, NULL",
        "1, 'x', '1990-02-30', NULL",
        "1, 'x', 'soon', NULL",
        "1, 'x', NULL, 12345678901",
        "1, 'x', NULL, '1e'",
    ] {
        let sql = format!("INSERT INTO person (id, name, born, balance) VALUES ({values})");
        let code = |world: &World| {
            let frames = world.raw().talk(&query(&sql), 1);
            frames.iter().find(|frame| frame.kind == 'E').and_then(|frame| frame.field('C'))
        };
        assert_eq!(code(&world), code(&twin), "{sql}");
    }
}

#[test]
fn a_violated_constraint_is_told_without_helpers_or_ciphertext() {
    let world = World::sealed("unique", TABLE, SCHEMA);
    let (mut raw, email) = (world.raw(), world.secret());
    raw.talk(&query(&format!("INSERT INTO person (id, name, email) VALUES (1, 'Ada', '{email}')")), 1);
    for sql in [
        &format!("INSERT INTO person (id, name, email) VALUES (2, 'Eve', '{email}')"),
        "INSERT INTO person (id, name) VALUES (3, NULL)",
    ] {
        let frames = raw.talk(&query(sql), 1);
        let error = frames.iter().find(|frame| frame.kind == 'E').unwrap();
        assert!(matches!(error.field('C').as_deref(), Some("23505" | "23502")), "{:?}", error.field('M'));
        let all = String::from_utf8_lossy(&error.body).into_owned();
        assert!(!all.contains("pgseal_eq") && !all.contains("\\x01"), "{all}");
    }
}

#[test]
fn a_null_where_none_may_be_names_schema_table_and_column_as_the_server_does() {
    let world = World::sealed("nulls", TABLE, SCHEMA);
    let twin = World::twin("nullstwin", TABLE);
    world.writes_no_secret("every statement fails");
    for sql in [
        "INSERT INTO person (id, name) VALUES (3, NULL)",
        "INSERT INTO person (id) VALUES (3)",
        "INSERT INTO person (id, name) VALUES (NULL, 'x')",
        "INSERT INTO person (id, name, team) VALUES (3, 'x', NULL)",
    ] {
        let fields = |world: &World| {
            let frames = world.raw().talk(&query(sql), 1);
            let error = frames.into_iter().find(|frame| frame.kind == 'E').unwrap();
            ['S', 'C', 'M', 's', 't', 'c', 'n'].map(|code| error.field(code))
        };
        assert_eq!(fields(&world), fields(&twin), "{sql}");
    }
}
