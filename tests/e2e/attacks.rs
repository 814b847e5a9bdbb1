//! What an adversarial reader tried: statements that go around the planner, and settings that change under a plan.

use crate::harness::World;
use crate::harness::raw::{Frame, Raw, bind, close, describe, execute, kinds, parse, query, sync};

const SQL: &str = "CREATE TABLE person (id int4 PRIMARY KEY, plain text, t text UNIQUE, seen timestamptz)";

const SCHEMA: &str = r#"
version = 1
[keyrings.prod]
generator = "local:customer-data"
[branch_keys.people]
keyring = "prod"
[tables.person]
name = "public.person"
branch_key = "people"
row_signature = "none"
[tables.person.columns]
id = "SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT"
plain = "DO_NOTHING"
t = { action = "ENCRYPT_AND_SIGN", type = "text" }
seen = { action = "ENCRYPT_AND_SIGN", type = "timestamptz" }
[tables.person.beacons]
standard = [{ name = "t", length = "exact" }]
"#;

fn rows(frames: &[Frame]) -> Vec<Vec<Option<String>>> {
    let text = |value: Option<Vec<u8>>| value.map(|bytes| String::from_utf8(bytes).unwrap());
    frames
        .iter()
        .filter(|frame| frame.kind == 'D')
        .map(|frame| frame.columns().into_iter().map(text).collect())
        .collect()
}

fn sqlstate(frames: &[Frame]) -> Option<String> {
    frames.iter().find(|frame| frame.kind == 'E').and_then(|frame| frame.field('C'))
}

fn one(raw: &mut Raw, sql: &str) -> Option<String> {
    let frames = raw.talk(&query(sql), 1);
    assert_eq!(sqlstate(&frames), None, "{sql}");
    rows(&frames).into_iter().flatten().flatten().next()
}

#[test]
fn sql_cannot_run_by_name_what_was_planned_by_message_sql_5() {
    let world = World::sealed("byname", SQL, SCHEMA);
    world.keep_secret("ZqSecretInClear");
    let mut raw = world.raw();
    one(&mut raw, "INSERT INTO person (id, t) VALUES (1, 'a')");
    let script = [parse("Find", "SELECT id, t FROM person WHERE t = $1", &[]), sync()].concat();
    assert_eq!(kinds(&raw.talk(&script, 1)), "1Z");
    for sql in [
        "EXECUTE \"Find\"('ZqSecretInClear')",
        "EXPLAIN EXECUTE \"Find\"('ZqSecretInClear')",
        "CREATE TEMP TABLE copied AS EXECUTE \"Find\"('ZqSecretInClear')",
        "EXECUTE U&\"F\\0069nd\"('ZqSecretInClear')",
    ] {
        let frames = raw.talk(&query(sql), 1);
        assert_eq!(sqlstate(&frames).as_deref(), Some("0A000"), "{sql}");
        let script = [parse("", sql, &[]), sync()].concat();
        assert_eq!(sqlstate(&raw.talk(&script, 1)).as_deref(), Some("0A000"), "{sql}");
    }

    one(&mut raw, "BEGIN");
    let script = [parse("", "SELECT id, t FROM person", &[]), bind("cur", "", &[], 0), sync()].concat();
    assert_eq!(kinds(&raw.talk(&script, 1)), "12Z");
    assert_eq!(sqlstate(&raw.talk(&query("FETCH ALL FROM cur"), 1)).as_deref(), Some("0A000"));
    one(&mut raw, "ROLLBACK");
    // A PREPARE that was refused: its EXECUTE does not travel.
    for sql in ["PREPARE p1(text) AS SELECT id FROM person WHERE t = $1", "EXECUTE p1('ZqSecretInClear')"] {
        assert_eq!(sqlstate(&raw.talk(&query(sql), 1)).as_deref(), Some("0A000"), "{sql}");
    }
    let unread = raw.talk(&query("EXECUTE p1('ZqSecretInClear"), 1);
    assert_eq!(sqlstate(&unread).as_deref(), Some("42601"), "a text that cannot be read does not travel either");
    one(&mut raw, "PREPARE p1 AS SELECT 8");
    assert_eq!(one(&mut raw, "EXECUTE p1").as_deref(), Some("8"));
    // What was prepared in SQL, or is planned under no such name, is the server's business.
    one(&mut raw, "PREPARE other AS SELECT 7");
    assert_eq!(one(&mut raw, "EXECUTE other").as_deref(), Some("7"));
}

#[test]
fn the_values_of_a_refused_statement_do_not_travel_behind_it_sql_21() {
    let world = World::sealed("behind", SQL, SCHEMA);
    world.keep_secret("ZqRefusedValue");
    let mut raw = world.raw();
    let batch = |name: &str, sql: &str, value: &str| {
        [parse(name, sql, &[]), bind("", name, &[Some(value)], 0), execute("", 0), sync()].concat()
    };
    for name in ["", "named"] {
        let frames = raw.talk(&batch(name, "SELECT max(t) FROM person WHERE t = $1", "ZqRefusedValue"), 1);
        assert_eq!(kinds(&frames), "EZ");
        assert_eq!(sqlstate(&frames).as_deref(), Some("0A000"));
    }
    // Refused at Bind: nothing behind it travels.
    let both = [
        parse("", "SELECT id FROM person WHERE seen = $1", &[]),
        parse("s", "SELECT id FROM person WHERE t = $1", &[]),
        bind("", "s", &[Some("a"), Some("b")], 0),
        batch("", "SELECT $1::text", "ZqRefusedValue"),
    ];
    assert_eq!(sqlstate(&raw.talk(&both.concat(), 1)).as_deref(), Some("0A000"));
    // A name that the server forgot.
    let named = [parse("s", "SELECT id FROM person WHERE t = $1", &[]), sync()].concat();
    assert_eq!(kinds(&raw.talk(&named, 1)), "1Z");
    one(&mut raw, "DISCARD ALL");
    let frames = raw.talk(&[bind("", "s", &[Some("ZqRefusedValue")], 0), execute("", 0), sync()].concat(), 1);
    assert_eq!(sqlstate(&frames).as_deref(), Some("26000"));
    // The session goes on.
    assert_eq!(rows(&raw.talk(&batch("", "SELECT $1::text", "plain"), 1)), [[Some("plain".to_owned())]]);
}

#[test]
fn a_setting_that_changes_within_a_batch_is_the_one_that_a_sealed_value_is_read_under_sql_12() {
    let world = World::sealed("stale", SQL, SCHEMA);
    world.writes_no_secret("a timestamp in the server's log is nothing to look for");
    let mut raw = world.raw();
    let insert = "INSERT INTO person (id, seen) VALUES ($1, $2) RETURNING seen";
    let batch = |before: &str, id: &str| {
        let when = [Some(id), Some("2020-01-01 00:00:00")];
        let before = [parse("", before, &[]), bind("", "", &[], 0), execute("", 0)].concat();
        [before, parse("", insert, &[]), bind("", "", &when, 0), execute("", 0)].concat()
    };
    let script = [batch("SET timezone = 'Asia/Tokyo'", "1"), sync()].concat();
    assert_eq!(rows(&raw.talk(&script, 1)), [[Some("2020-01-01 00:00:00+09".to_owned())]]);
    one(&mut raw, "SET timezone = 'UTC'");
    assert_eq!(one(&mut raw, "SELECT seen FROM person WHERE id = 1").as_deref(), Some("2019-12-31 15:00:00+00"));

    // A SET LOCAL ends with its transaction, also when nobody waited for it.
    one(&mut raw, "BEGIN");
    let script = [batch("SET LOCAL timezone = 'Asia/Tokyo'", "2"), batch("COMMIT", "3"), sync()].concat();
    let expected = ["2020-01-01 00:00:00+09", "2020-01-01 00:00:00+00"].map(|row| [Some(row.to_owned())]);
    assert_eq!(rows(&raw.talk(&script, 1)), expected);
}

#[test]
fn a_sealed_value_behind_a_set_in_one_query_is_refused_and_nothing_of_the_query_runs_sql_12() {
    let world = World::sealed("behind", SQL, SCHEMA);
    world.writes_no_secret("a timestamp in the server's log is nothing to look for");
    let mut raw = world.raw();
    let insert = "INSERT INTO person (id, seen) VALUES (1, '2020-01-01 00:00:00')";
    for before in ["SET timezone = 'Asia/Tokyo'", "SELECT set_config('timezone', 'Asia/Tokyo', false)", "ROLLBACK"] {
        let frames = raw.talk(&query(&format!("{before}; {insert}")), 1);
        assert_eq!(sqlstate(&frames).as_deref(), Some("0A000"), "{before}");
    }
    one(&mut raw, "BEGIN");
    one(&mut raw, "SET LOCAL timezone = 'Asia/Tokyo'");
    assert_eq!(sqlstate(&raw.talk(&query(&format!("COMMIT; {insert}")), 1)).as_deref(), Some("0A000"));
    one(&mut raw, "ROLLBACK");
    assert_eq!(one(&mut raw, "SELECT count(*) FROM person").as_deref(), Some("0"));
}

#[test]
fn bytea_output_is_asked_again_after_a_transaction_that_set_it_locally_sql_12() {
    let world = World::sealed("local", SQL, SCHEMA);
    let (mut raw, secret) = (world.raw(), world.secret());
    one(&mut raw, &format!("INSERT INTO person (id, t) VALUES (1, '{secret}')"));
    one(&mut raw, "SET bytea_output = escape");
    one(&mut raw, "BEGIN");
    one(&mut raw, "SET LOCAL bytea_output = hex");
    assert_eq!(one(&mut raw, "SELECT t FROM person"), Some(secret));
    one(&mut raw, "COMMIT");
    // Refused before it is sent, as a setting that is not supported: not an error in the middle of the answer.
    assert_eq!(sqlstate(&raw.talk(&query("SELECT t FROM person"), 1)).as_deref(), Some("0A000"));
}

#[test]
fn null_is_written_without_a_context_and_a_context_of_null_reaches_no_row_sql_50() {
    let world = World::sealed("nulls", SQL, SCHEMA);
    let (mut raw, a) = (world.raw(), world.secret());
    one(&mut raw, &format!("INSERT INTO person (id, t, seen) VALUES (1, '{a}', '2020-01-01'), (2, 'b', NULL)"));
    let script =
        [parse("", "UPDATE person SET t = 'z' WHERE id = $1", &[]), bind("", "", &[None], 0), execute("", 0), sync()];
    let frames = raw.talk(&script.concat(), 1);
    assert_eq!(kinds(&frames), "12CZ");
    assert_eq!(frames[2].body, b"UPDATE 0\0");
    for id in ["NULL", "99999999999"] {
        let frames = raw.talk(&query(&format!("UPDATE person SET t = 'z', plain = 'z' WHERE id = {id}")), 1);
        assert_eq!(kinds(&frames), "CZ", "{id}");
    }
    let frames = raw.talk(&query(&format!("UPDATE person SET t = NULL WHERE t = '{a}' RETURNING id, t")), 1);
    assert_eq!(rows(&frames), [[Some("1".to_owned()), None]]);
    let frames = raw.talk(&query("UPDATE person SET t = NULL, seen = DEFAULT"), 1);
    assert_eq!(sqlstate(&frames), None);
    assert_eq!(one(&mut raw, "SELECT count(t) FROM person").as_deref(), Some("0"));
}

/// The server keeps statements and portals in tables whose keys end at 63 bytes (`NAMEDATALEN`, `string_hash`): two
/// longer names with the same beginning are one.
#[test]
fn names_that_the_server_takes_for_one_are_one_sql_5() {
    let world = World::sealed("longnames", SQL, SCHEMA);
    let (mut raw, secret) = (world.raw(), world.secret());
    let name = |tail: &str| format!("{}{tail}", "n".repeat(63));
    one(&mut raw, &format!("INSERT INTO person (id, t) VALUES (7, '{secret}')"));
    let script = |sql: &str, value: Option<&str>| {
        let bind = bind(&name("c"), &name("b"), &[value], 0);
        [parse(&name("a"), sql, &[]), bind, execute(&name("d"), 0), sync()].concat()
    };
    let plain = world.raw_direct().talk(&script("SELECT 7 WHERE $1::text IS NOT NULL", Some("x")), 1);
    assert_eq!(kinds(&plain), "12DCZ", "the server cuts names");
    let frames = raw.talk(&script("SELECT id FROM person WHERE t = $1", Some(&secret)), 1);
    assert_eq!(rows(&frames), [[Some("7".to_owned())]]);
    // Refused under one name, used under the other.
    let refused = [parse(&name("e"), "SELECT max(t) FROM person WHERE t = $1", &[]), sync()].concat();
    assert_eq!(sqlstate(&raw.talk(&refused, 1)).as_deref(), Some("0A000"));
}

#[test]
fn deallocate_frees_a_prepared_statement_and_its_values_stay_here_all_the_same() {
    let world = World::sealed("deallocate", SQL, SCHEMA);
    let (mut raw, secret) = (world.raw(), world.secret());
    let planned = |name: &str| [parse(name, "SELECT id FROM person WHERE t = $1", &[]), sync()].concat();
    let run = |sql: &str| [parse("", sql, &[]), bind("", "", &[], 0), execute("", 0), sync()].concat();
    for (number, free) in [query("DEALLOCATE Find"), run("DEALLOCATE PREPARE \"find\"")].iter().enumerate() {
        assert_eq!(kinds(&raw.talk(&planned("find"), 1)), "1Z");
        assert_eq!(sqlstate(&raw.talk(free, 1)), None);
        // Its values do not travel to learn that it is gone.
        let frames = raw.talk(&[bind("", "find", &[Some(&secret)], 0), execute("", 0), sync()].concat(), 1);
        assert_eq!(sqlstate(&frames).as_deref(), Some("26000"));
        // The name is free for another statement, which SQL may run.
        one(&mut raw, &format!("PREPARE find AS SELECT {number}"));
        assert_eq!(one(&mut raw, "EXECUTE find"), Some(number.to_string()));
        let frames = raw.talk(&[bind("", "find", &[], 0), execute("", 0), sync()].concat(), 1);
        assert_eq!(rows(&frames), [[Some(number.to_string())]]);
        one(&mut raw, "DEALLOCATE find");
    }
    // What was not freed is as it was: an error, a block that failed.
    assert_eq!(kinds(&raw.talk(&planned("find"), 1)), "1Z");
    one(&mut raw, "BEGIN");
    assert!(sqlstate(&raw.talk(&query("DEALLOCATE nobody; DEALLOCATE find"), 1)).is_some());
    assert!(sqlstate(&raw.talk(&query("DEALLOCATE find"), 1)).is_some());
    one(&mut raw, "ROLLBACK");
    let frames = raw.talk(&[bind("", "find", &[Some(&secret)], 0), execute("", 0), sync()].concat(), 1);
    assert_eq!(kinds(&frames), "2CZ");
    assert_eq!(sqlstate(&raw.talk(&query("EXECUTE find('x')"), 1)).as_deref(), Some("0A000"));
}

#[test]
fn the_values_that_are_bound_to_a_statement_which_the_client_closed_do_not_travel_sql_21() {
    let world = World::sealed("closed", SQL, SCHEMA);
    let (mut raw, secret) = (world.raw(), world.secret());
    let planned = |name: &str| parse(name, "SELECT id FROM person WHERE t = $1", &[]);
    let bound = |name: &str| [bind("", name, &[Some(&secret)], 0), execute("", 0), sync()].concat();
    let frames = raw.talk(&[planned("a"), sync(), close(b'S', "a"), sync(), bound("a")].concat(), 3);
    assert_eq!((kinds(&frames).as_str(), sqlstate(&frames).as_deref()), ("1Z3ZEZ", Some("26000")));
    let frames = raw.talk(&[planned("b"), close(b'S', "b"), bound("b")].concat(), 1);
    assert_eq!((kinds(&frames).as_str(), sqlstate(&frames).as_deref()), ("13EZ", Some("26000")));
    assert_eq!(sqlstate(&raw.talk(&query(&format!("EXECUTE a('{secret}')")), 1)).as_deref(), Some("0A000"));
    // The name is free for other statements, by SQL and by message.
    one(&mut raw, "PREPARE a AS SELECT 1");
    assert_eq!(one(&mut raw, "EXECUTE a").as_deref(), Some("1"));
    let frames = raw.talk(&[parse("b", "SELECT $1::text", &[]), bind("", "b", &[Some("x")], 0), sync()].concat(), 1);
    assert_eq!(kinds(&frames), "12Z");
}

/// The second Parse of a name is an error, and the first one's statement lives on. Who sends the next batch before
/// reading that is answered by the first one all the same.
#[test]
fn a_name_that_is_parsed_twice_keeps_its_first_statement_for_the_batches_behind_the_error() {
    let world = World::sealed("twice", SQL, SCHEMA);
    let (mut raw, secret) = (world.raw(), world.secret());
    one(&mut raw, &format!("INSERT INTO person (id, plain, t) VALUES (1, 'p', '{secret}')"));
    let (sealed, clear) = ("SELECT t FROM person", "SELECT plain FROM person LIMIT 1");
    let unprotected = "SELECT 'u'";
    let run = |name: &str| [bind("", name, &[], 0), describe(b'P', ""), execute("", 0), sync()].concat();
    for (number, (first, second, expected)) in
        [(sealed, clear, secret.as_str()), (sealed, unprotected, &secret), (clear, sealed, "p")].into_iter().enumerate()
    {
        let name = format!("s{number}");
        let script = [parse(&name, first, &[]), sync(), parse(&name, second, &[]), sync(), run(&name)].concat();
        let frames = raw.talk(&script, 3);
        assert_eq!(kinds(&frames), "1ZEZ2TDCZ", "{first}; {second}");
        assert_eq!(sqlstate(&frames).as_deref(), Some("42P05"));
        assert_eq!(rows(&frames), [[Some(expected.to_owned())]], "{first}; {second}");
        // A Close that an error before it has dropped; and the description of what it left.
        let script = [parse("", "SELEC", &[]), close(b'S', &name), sync(), describe(b'S', &name), run(&name)].concat();
        let frames = raw.talk(&script, 2);
        assert_eq!(kinds(&frames), "EZtT2TDCZ", "{first}");
        assert_eq!(rows(&frames), [[Some(expected.to_owned())]], "{first}");
    }
    // Values for the sealed one would reach the other.
    let script = [parse("u", unprotected, &[]), sync(), parse("u", sealed, &[]), sync(), run("u")].concat();
    assert_eq!(kinds(&raw.talk(&script, 3)), "1ZEZEZ");
}
