//! What a session of the proxy knows of names, and frames that the server would only throw away.

mod copies;
mod large;
mod messages;
mod simple;

use crate::harness::World;
use crate::harness::raw::{
    Frame, bind, close, copy_data, copy_done, copy_fail, describe, execute, flush, kinds, message, parse, query, sync,
};

const SQL: &str = "
    CREATE TABLE person (id int4 PRIMARY KEY, t text UNIQUE);
    CREATE TABLE note (text text)";

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
t = { action = "ENCRYPT_AND_SIGN", type = "text" }
[tables.person.beacons]
standard = [{ name = "t", length = "exact" }]
"#;

fn world(name: &str) -> World {
    World::sealed(name, SQL, SCHEMA)
}

fn rows(frames: &[Frame]) -> Vec<String> {
    let rows = frames.iter().filter(|frame| frame.kind == 'D');
    rows.map(|row| String::from_utf8(row.columns().swap_remove(0).unwrap_or_default()).unwrap()).collect()
}

fn codes(frames: &[Frame]) -> Vec<String> {
    frames.iter().filter(|frame| frame.kind == 'E').filter_map(|frame| frame.field('C')).collect()
}

fn find(name: &str) -> Vec<u8> {
    parse(name, "SELECT id FROM person WHERE t = $1", &[])
}

fn run(sql: &str) -> Vec<u8> {
    [parse("", sql, &[]), bind("", "", &[], 0), execute("", 0)].concat()
}

fn bound(name: &str, value: &str) -> Vec<u8> {
    [bind("", name, &[Some(value)], 0), execute("", 0)].concat()
}

#[test]
fn what_discard_all_and_deallocate_free_means_what_is_prepared_afterwards_sql_66() {
    let world = world("discards");
    world.writes_no_secret("every value here belongs to an unprotected statement");
    let own = "PREPARE p1 AS SELECT $1::bytea";
    for free in ["DISCARD ALL", "DEALLOCATE ALL", "DEALLOCATE PREPARE ALL", "DEALLOCATE p1"] {
        for by_message in [false, true] {
            let mut raw = world.raw();
            assert_eq!(kinds(&raw.talk(&[find("p1"), sync()].concat(), 1)), "1Z");
            for sql in [free, own] {
                let script = if by_message { [run(sql), sync()].concat() } else { query(sql) };
                assert_eq!(codes(&raw.talk(&script, 1)), [""; 0], "{sql}");
            }
            let frames = raw.talk(&[bound("p1", "\\x616263"), sync()].concat(), 1);
            assert_eq!(rows(&frames), ["\\x616263"], "{free}, by message: {by_message}");
            assert_eq!(rows(&raw.talk(&query("EXECUTE p1('\\x616263')"), 1)), ["\\x616263"], "{free}");
        }
    }
}

#[test]
fn a_bind_waits_for_what_is_under_way_about_its_name_sql_66() {
    let world = world("discardpipe");
    let secret = world.secret();
    let own = "PREPARE p1 AS SELECT $1::bytea";
    for free in ["DISCARD ALL", "DEALLOCATE ALL", "DEALLOCATE p1"] {
        // All in one batch; DISCARD ALL is refused there, since it is one transaction by then.
        let mut raw = world.raw();
        raw.talk(&[find("p1"), sync()].concat(), 1);
        let frames = raw.talk(&[run(free), run(own), bound("p1", "\\x616263"), sync()].concat(), 1);
        match free {
            "DISCARD ALL" => assert_eq!(codes(&frames).len() + rows(&frames).len(), 1, "{frames:?}"),
            _ => assert_eq!(rows(&frames), ["\\x616263"], "{free}"),
        }
        // A batch each, none awaited.
        let mut raw = world.raw();
        raw.talk(&[find("p1"), sync()].concat(), 1);
        let script = [query(free), query(own), bound("p1", "\\x616263"), sync()].concat();
        assert_eq!(rows(&raw.talk(&script, 3)), ["\\x616263"], "{free}");
        // Both portals bound before either is executed.
        let mut raw = world.raw();
        raw.talk(&[find("p1"), sync()].concat(), 1);
        if free != "DISCARD ALL" {
            let portals = [
                [parse("", free, &[]), bind("a", "", &[], 0), parse("", own, &[]), bind("b", "", &[], 0)].concat(),
                [execute("a", 0), execute("b", 0), bound("p1", "\\x616263"), sync()].concat(),
            ];
            assert_eq!(rows(&raw.talk(&portals.concat(), 1)), ["\\x616263"], "{free}");
        }
        // What is freed and not made again.
        let mut raw = world.raw();
        raw.talk(&[find("p1"), sync()].concat(), 1);
        let frames = raw.talk(&[query(free), bound("p1", &secret), sync()].concat(), 2);
        assert_eq!(codes(&frames), ["26000"], "{free}");
    }
}

#[test]
fn what_was_not_freed_is_as_it_was_sql_66() {
    let world = world("discardnot");
    let secret = world.secret();
    let mut raw = world.raw();
    raw.talk(&query(&format!("INSERT INTO person VALUES (7, '{secret}')")), 1);
    raw.talk(&[find("p1"), sync(), query("BEGIN")].concat(), 2);
    assert_eq!(codes(&raw.talk(&query("DISCARD ALL"), 1)), ["25001"]);
    raw.talk(&query("ROLLBACK"), 1);
    assert_eq!(codes(&raw.talk(&query("SELECT 1; DISCARD ALL"), 1)), ["25001"]);
    for sql in ["DISCARD PLANS", "DISCARD TEMP", "DISCARD SEQUENCES", "CLOSE ALL", "RESET ALL"] {
        assert_eq!(codes(&raw.talk(&query(sql), 1)), [""; 0], "{sql}");
        assert_eq!(rows(&raw.talk(&[bound("p1", &secret), sync()].concat(), 1)), ["7"], "{sql}");
    }
    // Freed by a statement that the server never got to.
    let script = [run("SELECT 1/0"), run("DEALLOCATE p1"), sync(), bound("p1", &secret), sync()].concat();
    assert_eq!(rows(&raw.talk(&script, 2)), ["7"]);
}

#[test]
fn a_cursor_that_was_closed_by_sql_is_the_servers_again() {
    let world = world("closeall");
    let secret = world.secret();
    let mut raw = world.raw();
    raw.talk(&query(&format!("INSERT INTO person VALUES (7, '{secret}')")), 1);
    raw.talk(&[query("BEGIN"), parse("", "SELECT t FROM person", &[]), bind("c", "", &[], 0), sync()].concat(), 2);
    raw.talk(&query("CLOSE ALL"), 1);
    raw.talk(&query("DECLARE c CURSOR FOR SELECT 'mine'"), 1);
    assert_eq!(rows(&raw.talk(&query("FETCH ALL FROM c"), 1)), ["mine"]);
}

#[test]
fn values_that_are_bound_to_a_name_which_nobody_made_do_not_travel_wire() {
    let world = world("unknown");
    let secret = world.secret();
    let mut raw = world.raw();
    for name in ["", "nobody"] {
        let frames = raw.talk(&[bound(name, &secret), sync()].concat(), 1);
        let plain = world.raw_direct().talk(&[bound(name, "x"), sync()].concat(), 1);
        assert_eq!(kinds(&frames), kinds(&plain));
        assert_eq!((frames[0].field('C'), frames[0].field('M')), (plain[0].field('C'), plain[0].field('M')));
    }
    // In a block it fails the block, and what is behind it in the batch is skipped.
    let script = [run("BEGIN"), bound("nobody", &secret), run("SELECT 'skipped'"), sync(), query("SELECT 1")].concat();
    let frames = raw.talk(&script, 2);
    assert_eq!((codes(&frames), rows(&frames)), (vec!["26000".to_owned(), "25P02".to_owned()], vec![]));
    raw.talk(&query("ROLLBACK"), 1);
    // What has no values goes to the server.
    let frames = raw.talk(&[bind("", "nobody", &[], 0), sync()].concat(), 1);
    assert_eq!(codes(&frames), ["26000"]);
    // Neither do those for a Parse that is known to have failed.
    let late = [parse("late", "SELECT nothing FROM note WHERE text = $1", &[]), sync()].concat();
    assert_eq!(codes(&raw.talk(&late, 1)), ["42703"]);
    assert_eq!(codes(&raw.talk(&[bound("late", &secret), sync()].concat(), 1)), ["26000"]);
}

#[test]
fn names_that_sql_or_a_function_made_are_bound_by_message_wire() {
    let world = world("knownnames");
    let secret = world.secret();
    // Nobody has looked at the catalog since.
    world.at_server(
        "CREATE FUNCTION prepares(name text, sql text) RETURNS void LANGUAGE plpgsql
         AS $$ BEGIN EXECUTE 'PREPARE ' || name || ' AS ' || sql; END $$",
    );
    let mut raw = world.raw();
    raw.talk(&query("PREPARE by_sql AS SELECT $1::text"), 1);
    assert_eq!(rows(&raw.talk(&[bound("by_sql", "x"), sync()].concat(), 1)), ["x"]);
    let pipeline = [run("PREPARE by_pipe AS SELECT $1::text"), bound("by_pipe", "y"), sync()].concat();
    assert_eq!(rows(&raw.talk(&pipeline, 1)), ["y"]);
    raw.talk(&query("SELECT prepares('by_function', 'SELECT $1::text')"), 1);
    assert_eq!(rows(&raw.talk(&[bound("by_function", "z"), sync()].concat(), 1)), ["z"]);
    let again = [describe(b'S', "by_function"), bound("by_function", "z"), bound("nobody", &secret), sync()].concat();
    assert_eq!(kinds(&raw.talk(&again, 1)), "tT2DCEZ");
    // Over a protected table: its text is read as if it came by here.
    raw.talk(&query("SELECT prepares('sealed', 'SELECT id FROM per' || 'son WHERE t = $1')"), 1);
    assert_eq!(codes(&raw.talk(&[bound("sealed", &secret), sync()].concat(), 1)), ["0A000"]);
}

#[test]
fn copy_data_outside_of_a_copy_does_not_travel_wire() {
    let world = world("copystray");
    let secret = world.secret();
    let mut raw = world.raw();
    let stray = [copy_data(secret.as_bytes()), copy_fail(&secret), copy_data(secret.as_bytes()), copy_done()].concat();
    let plain = |script: &[u8], count: usize| kinds(&world.raw_direct().talk(script, count));
    for (script, count) in [
        (vec![stray.clone(), query("SELECT 1")], 1),
        (vec![query("SELECT 1"), stray.clone(), query("SELECT 2")], 2),
        (vec![run("SELECT 1"), stray.clone(), sync()], 1),
        (vec![run("SELECT 1"), stray.clone(), run("SELECT 2"), sync(), stray.clone(), query("SELECT 3")], 2),
        (vec![query("COPY nowhere FROM STDIN"), stray.clone(), query("SELECT 1")], 2),
        (vec![query("SELECT 1; COPY nowhere FROM STDIN"), stray.clone(), sync()], 2),
        (vec![run("COPY nowhere FROM STDIN"), stray.clone(), sync(), stray.clone(), query("SELECT 1")], 2),
    ] {
        let script = script.concat();
        assert_eq!(kinds(&raw.talk(&script, count)), plain(&script, count));
    }
    // Behind one that was refused.
    let script = [query("COPY person FROM STDIN"), stray.clone(), query("SELECT 1")].concat();
    assert_eq!(kinds(&raw.talk(&script, 2)), "EZTDCZ");
    let script = [run("COPY person FROM STDIN"), stray.clone(), sync(), stray.clone(), query("SELECT 1")].concat();
    assert_eq!(kinds(&raw.talk(&script, 2)), "EZTDCZ");
}

#[test]
fn a_copy_takes_its_data_also_before_the_server_asked_for_it_wire() {
    let world = world("copyearly");
    world.writes_no_secret("the table of the COPY is not protected");
    let copy = "COPY note FROM STDIN";
    let data = [copy_data(b"a\nb\n"), copy_data(b"c\n"), copy_done()].concat();
    for (number, (script, count)) in [
        (vec![query(copy), data.clone()], 1),
        (vec![query("SELECT 1; COPY note FROM STDIN; SELECT 2"), data.clone(), query("SELECT 3")], 2),
        (vec![run(copy), data.clone(), sync()], 1),
        (vec![run(copy), sync(), data.clone(), sync()], 1),
        (vec![run("SELECT 1"), run(copy), flush(), data.clone(), run("SELECT 2"), sync()], 1),
        (vec![query(copy), copy_data(b"a\n"), copy_fail("enough"), query("SELECT 1")], 2),
        (vec![query("COPY note FROM STDIN; COPY note FROM STDIN"), data.clone(), data.clone()], 1),
    ]
    .into_iter()
    .enumerate()
    {
        let script = script.concat();
        let plain = world.raw_direct().talk(&script, count);
        assert_eq!(kinds(&world.raw().talk(&script, count)), kinds(&plain), "script {number}");
    }
    // As often as directly.
    let counted = world.at_server("SELECT count(*) % 2 FROM note");
    assert_eq!(counted.trim(), "0");
}

#[test]
fn a_body_in_a_frame_that_has_none_does_not_travel_wire() {
    let world = world("bodies");
    let secret = world.secret();
    let body = secret.as_bytes();
    let mut raw = world.raw();
    for (script, wanted) in [
        ([run("SELECT 1"), message(b'S', body)].concat(), "12DCEZ"),
        ([message(b'H', body), run("SELECT 1"), sync()].concat(), "EZ"),
        ([message(b'c', body), run("SELECT 1"), sync()].concat(), "12DCZ"),
        // Within a COPY, and while everything is skipped until Sync.
        ([query("COPY note FROM STDIN"), copy_data(b"a\n"), message(b'c', body)].concat(), "GCZ"),
        ([run("SELECT 1/0"), message(b'H', body), message(b'c', body), message(b'S', body)].concat(), "1EEZ"),
    ] {
        assert_eq!(kinds(&raw.talk(&script, 1)), wanted);
    }
    // A Sync that is malformed is an error of its own, directly too.
    let skipped = [run("SELECT 1/0"), message(b'S', b"x")].concat();
    assert_eq!(kinds(&world.raw_direct().talk(&skipped, 1)), "1EEZ");
    raw.send(&message(b'X', body));
    assert!(raw.frame().is_none(), "the session ends");
}

#[test]
fn what_would_have_been_made_behind_an_error_of_its_batch_is_not_used_sql_64() {
    let world = world("madeskipped");
    let secret = world.secret();
    let mut raw = world.raw();
    let view = "CREATE VIEW v AS SELECT t FROM person";
    let insert = parse("", "INSERT INTO v VALUES ($1)", &[]);
    // In the same pipeline, in the next batch, later.
    let batch = [insert.clone(), bound("", &secret), sync()].concat();
    let script = [parse("", view, &[]), batch.clone(), batch.clone()].concat();
    assert_eq!(codes(&raw.talk(&script, 2)), ["0A000", "0A000"]);
    assert_eq!(codes(&raw.talk(&batch, 1)), ["0A000"]);
    // Skipped, not refused.
    let mut raw = world.raw();
    let batch = [parse("", "SELECT 1/0", &[]), bind("", "", &[], 0), execute("", 0), flush()].concat();
    raw.send(&batch);
    raw.until('E');
    let script =
        [parse("", view, &[]), sync(), parse("", "INSERT INTO v VALUES ($1)", &[]), bound("", &secret), sync()];
    assert_eq!(codes(&raw.talk(&script.concat(), 2)), ["0A000"]);
    // In the same Query, and in one behind it that was not awaited.
    let mut raw = world.raw();
    let both = format!("{view}; INSERT INTO v VALUES ('{secret}')");
    let script = [query(&both), query(&format!("INSERT INTO v VALUES ('{secret}')"))].concat();
    assert_eq!(codes(&raw.talk(&script, 2)), ["0A000", "0A000"]);
    raw.talk(&close(b'S', "v"), 0);
}

#[test]
fn what_was_prepared_before_its_table_was_to_become_a_view_is_not_bound_sql_64() {
    let world = world("preparedbefore");
    let secret = world.secret();
    let mut raw = world.raw();
    raw.talk(&query("CREATE TABLE v (t text)"), 1);
    raw.talk(&[parse("p", "INSERT INTO v VALUES ($1)", &[]), sync()].concat(), 1);
    raw.talk(&query("DROP TABLE v"), 1);
    assert_eq!(codes(&raw.talk(&query("CREATE VIEW v AS SELECT t FROM person"), 1)), ["0A000"]);
    assert_eq!(codes(&raw.talk(&[bound("p", &secret), sync()].concat(), 1)), ["0A000"]);
}

#[test]
#[ignore = "a function may have prepared the name: EXECUTE in SQL is the server's to answer, values and all"]
fn an_execute_of_a_name_that_nothing_made_does_not_travel_with_its_values() {
    let world = world("executenone");
    let secret = world.secret();
    let mut raw = world.raw();
    assert_eq!(codes(&raw.talk(&query(&format!("EXECUTE nothing ('{secret}')")), 1)), ["26000"]);
}

#[test]
fn what_is_rolled_back_by_its_prepared_transaction_is_not_there_sql_64() {
    let world = world("twophase");
    let secret = world.secret();
    let mut raw = world.raw();
    assert_eq!(codes(&raw.talk(&query("CREATE VIEW v AS SELECT t FROM person"), 1)), ["0A000"]);
    let prepared = [query("BEGIN"), query("CREATE TABLE v (t text)"), query("PREPARE TRANSACTION 'v'")].concat();
    if codes(&raw.talk(&prepared, 3)).is_empty() {
        raw.talk(&query("ROLLBACK PREPARED 'v'"), 1);
        assert_eq!(codes(&raw.talk(&query(&format!("INSERT INTO v VALUES ('{secret}')")), 1)), ["0A000"]);
    }
}

#[test]
fn a_refused_temporary_table_leaves_the_protected_one_of_its_name_in_use_sql_64() {
    let world = world("nevertemp");
    let secret = world.secret();
    let mut raw = world.raw();
    for text in ["CREATE TEMP TABLE person AS SELECT id, t FROM person", "CREATE TEMP TABLE person (LIKE person)"] {
        assert_eq!(codes(&raw.talk(&query(text), 1)), ["0A000"], "{text}");
    }
    for text in [
        format!("INSERT INTO person VALUES (1, '{secret}')"),
        format!("SELECT 1; UPDATE person SET t = '{secret}2' WHERE id = 1; SELECT 1"),
        format!("SELECT id FROM person WHERE t = '{secret}2'"),
    ] {
        assert_eq!(codes(&raw.talk(&query(&text), 1)), [""; 0], "{}", text.replace(&secret, "…"));
    }
    assert_eq!(rows(&raw.talk(&query("SELECT t FROM person"), 1)), [format!("{secret}2")]);
    // What is not the protected one is not there.
    for text in ["INSERT INTO pg_temp.person VALUES (1, 'x')", "SELECT 1; INSERT INTO nowhere.person VALUES (2, 'x')"] {
        assert_eq!(codes(&raw.talk(&query(&text.replace("'x'", &format!("'{secret}'"))), 1)), ["0A000"], "{text}");
    }
}
