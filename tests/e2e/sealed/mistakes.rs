//! A client's own mistake is told in PostgreSQL's words, with its place, at the message where PostgreSQL tells it.

use crate::harness::World;
use crate::harness::raw::{Frame, bind_formats, execute, parse, query, sync};

use super::{SCHEMA, TABLE};

/// OIDs of types.
const BOOL: u32 = 16;
const INT4: u32 = 23;
const TEXT: u32 = 25;
const VARCHAR: u32 = 1043;
const TIMESTAMP: u32 = 1114;
const TEXT_ARRAY: u32 = 1009;
const INT4_ARRAY: u32 = 1007;

fn worlds(name: &str) -> (World, World) {
    let world = World::sealed(name, TABLE, SCHEMA);
    world.writes_no_secret("every statement fails");
    (world, World::twin(&format!("{name}twin"), TABLE))
}

/// What came before an error, and all of it that says something about the statement.
fn told(frames: &[Frame]) -> (String, [Option<String>; 7]) {
    let at = frames.iter().position(|frame| frame.kind == 'E').unwrap_or(frames.len());
    let before = frames[..at].iter().map(|frame| frame.kind).collect();
    (before, ['S', 'C', 'M', 'D', 'H', 'P', 'n'].map(|code| frames.get(at).and_then(|error| error.field(code))))
}

fn same(world: &World, twin: &World, script: &[u8], what: &str) {
    let plain = told(&twin.raw().talk(script, 1));
    assert!(plain.1[1].is_some(), "{what}: no mistake");
    assert_eq!(told(&world.raw().talk(script, 1)), plain, "{what}");
}

#[test]
fn a_constant_whose_type_has_no_operator_for_the_column_is_an_error_of_parse_sql_20() {
    let (world, twin) = worlds("operators");
    for (sql, types) in [
        ("SELECT id FROM person WHERE email = $1", &[INT4][..]),
        ("SELECT id FROM person WHERE $1 = (email)", &[BOOL]),
        ("SELECT id FROM person p WHERE /* é */ p.email <> $1", &[INT4]),
        ("SELECT id FROM person WHERE name = $1", &[INT4]),
        ("SELECT id FROM person WHERE born = $1", &[INT4]),
        ("SELECT id FROM person WHERE balance = $1", &[TEXT]),
        ("SELECT id FROM person WHERE email IN ($1, 'x')", &[INT4]),
        ("SELECT id FROM person WHERE email NOT IN ($1, $2)", &[TEXT, INT4]),
        ("SELECT id FROM person WHERE email IN ($1)", &[INT4]),
        ("SELECT id FROM person WHERE email IS DISTINCT FROM $1", &[INT4]),
        ("SELECT id FROM person WHERE $1 IS NOT DISTINCT FROM email", &[INT4]),
        ("SELECT id FROM person WHERE email = ANY($1)", &[INT4_ARRAY]),
        ("SELECT id FROM person WHERE email <> ALL($1)", &[INT4_ARRAY]),
        ("SELECT id FROM person WHERE email = ANY($1)", &[TEXT]),
        ("SELECT id FROM person WHERE email = ANY($1::int[])", &[]),
        ("SELECT id FROM person WHERE email = ANY(ARRAY[1, 2])", &[]),
        ("SELECT id FROM person WHERE email = ANY(ARRAY[1, $1])", &[]),
        ("SELECT id FROM person WHERE email = 5", &[]),
        ("SELECT id FROM person WHERE 5 = email", &[]),
        ("SELECT id FROM person WHERE (email) = (5::int4)", &[]),
        ("SELECT id FROM person WHERE email = $1::int4", &[]),
        ("SELECT id FROM person WHERE email = NULL::int4", &[]),
        ("SELECT id FROM person WHERE born = true", &[]),
        ("DELETE FROM person WHERE email = 5", &[]),
        ("UPDATE person SET name = 'x' WHERE email = $1", &[INT4]),
    ] {
        same(&world, &twin, &[parse("", sql, types), sync()].concat(), sql);
        if types.is_empty() && !sql.contains('$') {
            same(&world, &twin, &query(sql), sql);
        }
    }
}

#[test]
fn a_value_whose_type_has_no_assignment_to_the_column_is_an_error_of_parse_sql_20() {
    let (world, twin) = worlds("assignments");
    for (sql, types) in [
        ("UPDATE person SET born = $1", &[INT4][..]),
        ("UPDATE person SET born = 5 WHERE id = 1", &[]),
        ("UPDATE person SET born = ( ($1)) WHERE id = 1", &[INT4]),
        ("UPDATE person SET name = 'é', born = $1::int WHERE id = 1", &[]),
        ("UPDATE person SET born = CAST($1 AS int)", &[]),
        ("UPDATE person SET born = CAST('7' AS int)", &[]),
        ("UPDATE person SET born = NULL::int", &[]),
        ("UPDATE person SET born = -5", &[]),
        ("UPDATE person SET balance = $1", &[TEXT]),
        ("UPDATE person SET balance = date '2024-01-01'", &[]),
        ("UPDATE person SET picture = $1", &[TIMESTAMP]),
        ("INSERT INTO person (id, name, born) VALUES (1, 'x', $1)", &[BOOL]),
        ("INSERT INTO person (id, name, born) VALUES (1, 'x', 'a'::text), (2, 'y', $1)", &[]),
        ("INSERT INTO person VALUES (1, 'x', 'y', 5)", &[]),
    ] {
        same(&world, &twin, &[parse("", sql, types), sync()].concat(), sql);
        if types.is_empty() && !sql.contains('$') {
            same(&world, &twin, &query(sql), sql);
        }
    }
}

#[test]
fn types_that_postgresql_takes_are_taken() {
    let (world, twin) = worlds("taken");
    for (sql, types) in [
        ("SELECT id FROM person WHERE email = $1", &[VARCHAR][..]),
        ("SELECT id FROM person WHERE email = ANY($1)", &[TEXT_ARRAY]),
        ("UPDATE person SET name = $1", &[INT4]),
        ("UPDATE person SET balance = $1", &[INT4]),
        ("INSERT INTO person (id, name, born) VALUES (1, $2, $1)", &[TIMESTAMP, BOOL]),
    ] {
        let script = [parse("", sql, types), sync()].concat();
        for world in [&world, &twin] {
            assert_eq!(told(&world.raw().talk(&script, 1)).1[2], None, "{sql}");
        }
    }
}

#[test]
fn formats_and_numbers_of_a_bind_that_do_not_fit_are_told_as_the_server_tells_them() {
    let (world, twin) = worlds("formats");
    const FIND: &str = "SELECT name, email FROM person WHERE email = $1";
    let stepped = "UPDATE person SET name = $1 WHERE team = $2";
    let value = Some(&b"x"[..]);
    for (sql, formats, values, results) in [
        (FIND, &[7_u16][..], &[value][..], &[][..]),
        (FIND, &[u16::MAX], &[value], &[]),
        (FIND, &[0, 7], &[value], &[]),
        (FIND, &[0, 0], &[value], &[]),
        (FIND, &[], &[value, value], &[]),
        (FIND, &[], &[], &[]),
        (FIND, &[], &[value], &[0, 0, 0]),
        (FIND, &[], &[value], &[7, 0, 1]),
        (stepped, &[0, 7], &[value, value], &[]),
        (stepped, &[0, 1, 0], &[value, value], &[]),
        (stepped, &[], &[value], &[]),
    ] {
        for name in ["", "finds"] {
            let bound = bind_formats("", name, formats, values, results);
            let script = [parse(name, sql, &[]), bound, execute("", 0), sync()].concat();
            same(&world, &twin, &script, &format!("{sql} {formats:?} {} {results:?}", values.len()));
        }
    }
}

/// PostgreSQL looks at the formats of a result when its first row comes; here they are needed before.
#[test]
fn a_result_format_that_is_none_is_22023() {
    let (world, _) = worlds("resultformat");
    let bound = bind_formats("", "", &[], &[], &[7]);
    let script = [parse("", "SELECT name FROM person", &[]), bound, execute("", 0), sync()].concat();
    let (before, error) = told(&world.raw().talk(&script, 1));
    assert_eq!((before.as_str(), error[1].as_deref()), ("1", Some("22023")));
    assert_eq!(error[2].as_deref(), Some("unsupported format code: 7"));
}

#[test]
fn a_statement_that_the_grammar_rejects_is_a_syntax_error_at_its_place() {
    let (world, twin) = worlds("syntax");
    for sql in [
        "SELEC name FROM person",
        "person",
        "CREAT TABLE person (id int)",
        "REPLACE INTO person VALUES (1)",
        "SELECT name FRO person",
        "SELECT name, FROM person",
        "SELECT name AS FROM person",
        "SELECT name person. FROM note",
        "SELECT TOP $1 name FROM person",
        "SELECT `name` FROM person",
        "SELECT name FROM [person]",
        "SELECT name FROM , person",
        "SELECT name FROM person p q",
        "SELECT name FROM person WERE id = 1",
        "SELECT name FROM person WHERE",
        "SELECT name FROM person WHERE;",
        "SELECT name FROM person WHERE /* é */ id = ",
        "SELECT name FROM person WHERE id = é  ;",
        "SELECT name FROM person WHERE id = 1)",
        "SELECT name FROM person WHERE (id = 1",
        "SELECT name FROM person WHERE (id = 1; SELECT 1",
        "SELECT name FROM person WHERE id = 1 AND",
        "SELECT name FROM person WHERE (id = 1 AND )",
        "SELECT name FROM person WHERE AND id = 1",
        "SELECT name FROM person WHERE id = 1 é",
        "SELECT name FROM person WHERE id = 1 team = 'x'",
        "SELECT name FROM person WHERE team = $1 $2",
        "SELECT name FROM person WHERE id = :id",
        "SELECT name FROM person WHERE id = %s",
        "SELECT name FROM person WHERE id = ?",
        "SELECT name FROM person WHERE id = IN (1)",
        "SELECT name FROM person WHERE id IN ()",
        "SELECT name FROM person WHERE id IN (1,)",
        "SELECT name FROM person WHERE team LIKE",
        "SELECT name FROM person WHERE NOT",
        "SELECT name FROM person WHERE id BETWEEN 1 AND",
        "SELECT name FROM person WHERE born = {d '2020-01-01'}",
        "SELECT name FROM person ORDER id",
        "SELECT name FROM person ORDER BY",
        "SELECT name FROM person ORDER BY id team",
        "SELECT name FROM person GROUP id",
        "SELECT name FROM person LIMIT",
        "SELECT name FROM person LIMIT 1, 2",
        "INSERT person (id) VALUES (1)",
        "INSERT INTO person (id,) VALUES (1)",
        "INSERT INTO person (id) VALUES (1,)",
        "INSERT INTO person (id) VALUE (1)",
        "INSERT INTO person SET id = 1",
        "UPDATE person name = 'x'",
        "UPDATE person SETT name = 'x'",
        "UPDATE person SET name = WHERE id = 1",
        "UPDATE person SET name = 'x' WERE id = 1",
        "DELETE person WHERE id = 1",
        "DELETE FROM person p q",
    ] {
        same(&world, &twin, &query(sql), sql);
        if !sql.contains(';') {
            same(&world, &twin, &[parse("", sql, &[]), sync()].concat(), sql);
        }
    }
}

#[test]
fn a_syntax_error_at_a_constant_does_not_repeat_it() {
    let (world, twin) = worlds("syntaxconstant");
    for sql in [
        "SELECT name FROM person WHERE team = 'a' 'hush'",
        "SELECT name FROM person WHERE id = 1 73519",
        "INSERT INTO person VALUES 73519",
        "SELECT TOP 73519 name FROM person",
    ] {
        let [(_, sealed), (_, plain)] = [&world, &twin].map(|world| told(&world.raw().talk(&query(sql), 1)));
        assert_eq!((&sealed[1], &sealed[5]), (&plain[1], &plain[5]), "{sql}");
        assert_eq!(sealed[2].as_deref(), Some("syntax error at or near a constant"), "{sql}");
    }
}
