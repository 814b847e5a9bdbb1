//! Errors at the message where PostgreSQL has them, and messages that are none.

use super::{codes, find, rows, run, world};
use crate::harness::World;
use crate::harness::raw::{bind, bind_formats, describe, execute, flush, kinds, message, parse, query, sync};

const SIGNED: &str = r#"
version = 1
[keyrings.prod]
generator = "local:customer-data"
[branch_keys.people]
keyring = "prod"
[tables.entry]
name = "public.entry"
branch_key = "people"
[tables.entry.columns]
id = "SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT"
day = { action = "ENCRYPT_AND_SIGN", type = "date" }
short = { action = "ENCRYPT_AND_SIGN", type = "varchar(3)" }
"#;

#[test]
fn a_malformed_message_is_an_error_and_the_session_goes_on() {
    let world = world("malformed");
    world.writes_no_secret("nothing here is written to a protected column");
    let mut raw = world.raw();
    let after = |codes_: Vec<String>| assert_eq!(codes_, ["08P01"]);
    for (bad, kind) in [
        (&b"no end"[..], b'P'),
        (b"\0no end", b'P'),
        (b"\0SELECT 1\0\0\x02\0\0\0\x17", b'P'),
        (b"no names", b'B'),
        (b"\0\0\0\x01", b'B'),
        (b"X\0", b'D'),
        (b"", b'D'),
        (b"Sno end", b'D'),
        (b"\0\0", b'E'),
        (b"X\0", b'C'),
        (b"x", b'H'),
    ] {
        after(codes(&raw.talk(&[message(kind, bad), sync()].concat(), 1)));
        let frames = raw.talk(&[run("SELECT 'on'"), sync()].concat(), 1);
        assert_eq!(rows(&frames), ["on"], "{} {bad:?}", char::from(kind));
    }
    for (bad, kind) in [(&b"no end"[..], b'Q'), (b"SELECT 1\0more", b'Q'), (b"ab", b'F'), (b"x", b'S')] {
        after(codes(&raw.talk(&message(kind, bad), 1)));
        assert_eq!(rows(&raw.talk(&query("SELECT 'on'"), 1)), ["on"], "{} {bad:?}", char::from(kind));
    }
}

#[test]
fn a_malformed_message_fails_a_block_and_ends_its_batch() {
    let world = world("malformedblock");
    world.writes_no_secret("nothing here is written to a protected column");
    let mut raw = world.raw();
    raw.talk(&query("BEGIN"), 1);
    let batch = [run("INSERT INTO note VALUES ('a')"), message(b'B', b"no names"), run("SELECT 1"), sync()].concat();
    assert_eq!(kinds(&raw.talk(&batch, 1)), "12CEZ");
    assert_eq!(codes(&raw.talk(&query("SELECT 1"), 1)), ["25P02"]);
}

#[test]
fn what_is_behind_a_malformed_parse_does_not_reach_an_older_statement() {
    let world = world("malformedname");
    let mut raw = world.raw();
    raw.talk(&[find("p1"), sync()].concat(), 1);
    raw.talk(&[message(b'P', b"p1\0SELECT $1\0\0\x05"), sync()].concat(), 1);
    let secret = world.secret();
    let frames = raw.talk(&[bind("", "p1", &[Some(&secret)], 0), execute("", 0), sync()].concat(), 1);
    assert!(codes(&frames).is_empty() || codes(&frames) == ["26000"], "{frames:?}");
}

#[test]
fn a_statement_of_several_steps_reads_its_values_at_bind() {
    let world =
        World::sealed("bindsteps", "CREATE TABLE entry (id int4 PRIMARY KEY, day date, short varchar(3))", SIGNED);
    let secret = world.secret();
    let mut raw = world.raw();
    raw.talk(&query("INSERT INTO entry VALUES (1, '2026-01-01', 'a')"), 1);
    let update = "UPDATE entry SET day = $1, short = $2 WHERE id = $3";
    let long = format!("{secret}long");
    for (values, code) in [
        ([Some(&*secret), Some("b"), Some("1")], "22007"),
        ([Some("2026-01-02"), Some(&*long), Some("1")], "22001"),
        ([Some("2026-01-02"), Some("b"), Some("one")], "22P02"),
        ([Some("2026-02-30"), Some("b"), Some("1")], "22008"),
    ] {
        let batch = [parse("", update, &[]), bind("", "", &values, 0), flush()].concat();
        let frames = raw.talk(&[batch, execute("", 0), sync()].concat(), 1);
        assert_eq!((kinds(&frames), codes(&frames)), ("1EZ".to_owned(), vec![code.to_owned()]), "{values:?}");
    }
    let short = bind_formats("", "", &[1], &[Some(b"\0\0".as_slice()), None, Some(b"\0\0\0\x01")], &[]);
    let frames = raw.talk(&[parse("", update, &[]), short, execute("", 0), sync()].concat(), 1);
    assert_eq!((kinds(&frames), codes(&frames)), ("1EZ".to_owned(), vec!["08P01".to_owned()]));
    let good = bind("", "", &[Some("2026-01-02"), Some("b"), Some("1")], 0);
    let frames = raw.talk(&[parse("", update, &[]), good, describe(b'P', ""), execute("", 0), sync()].concat(), 1);
    assert_eq!(kinds(&frames), "12nCZ");
}

#[test]
fn what_a_statement_of_several_steps_compares_in_the_clear_is_read_at_bind() {
    let sql = "CREATE TABLE entry (id int4 PRIMARY KEY, day date, short varchar(3), team int4, wide int8)";
    let signed = SIGNED.replace("[tables.entry.columns]", "row_signature = \"HMAC-SHA-384\"\n[tables.entry.columns]");
    let world = World::sealed("bindcondition", sql, &format!("{signed}team = \"SIGN_ONLY\"\nwide = \"DO_NOTHING\"\n"));
    world.writes_no_secret("nothing here is written to a protected column");
    let mut raw = world.raw();
    let update = "UPDATE entry SET day = $1 WHERE team = $2";
    for (team, code) in [("one", "22P02"), ("99999999999", "22003")] {
        let bound = bind("", "", &[Some("2026-01-02"), Some(team)], 0);
        let frames = raw.talk(&[parse("", update, &[]), bound, execute("", 0), sync()].concat(), 1);
        assert_eq!((kinds(&frames), codes(&frames)), ("1EZ".to_owned(), vec![code.to_owned()]), "{team}");
    }
    // A parameter has the type of its first place, which is wider than the other one's.
    let twice = "UPDATE entry SET day = $1 WHERE wide = $2 AND team = $2";
    for (update, team) in [(update, " 7"), (twice, "99999999999")] {
        let bound = bind("", "", &[Some("2026-01-02"), Some(team)], 0);
        let frames = raw.talk(&[parse("", update, &[]), bound, execute("", 0), sync()].concat(), 1);
        assert_eq!(kinds(&frames), "12CZ", "{update}");
    }
}

#[test]
fn what_an_update_of_several_steps_writes_or_compares_in_the_clear_is_read_at_bind() {
    let sql = "CREATE TABLE entry (id int4 PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY, day date, short varchar(3), \
               wide int8, plain date, num numeric(4,2), flag bool, words text, tags int4[], inet inet)";
    let names = ["wide", "plain", "num", "flag", "words", "tags", "inet"];
    let clear: String = names.iter().map(|name| format!("{name} = \"DO_NOTHING\"\n")).collect();
    let signed = SIGNED.replace("[tables.entry.columns]", "row_signature = \"HMAC-SHA-384\"\n[tables.entry.columns]");
    let world = World::sealed("bindclear", sql, &format!("{signed}{clear}"));
    let twin = World::twin("bindcleartwin", sql);
    world.writes_no_secret("nothing here is written to a protected column");
    let (mut raw, mut plain) = (world.raw(), twin.raw());
    let mut same = |what: &str, script: &[u8]| {
        let told = |raw: &mut crate::harness::raw::Raw| {
            let frames = raw.talk(script, 1);
            (kinds(&frames), codes(&frames))
        };
        let expected = told(&mut plain);
        assert_eq!(told(&mut raw), expected, "{what}");
    };
    same("a row", &query("INSERT INTO entry (id, day, short) VALUES (1, '2026-01-01', 'a')"));
    for (name, bad) in [
        ("wide", "one"),
        ("plain", "no date"),
        ("plain", "2026-02-30"),
        ("num", "1,5"),
        ("num", "1000"),
        ("flag", "maybe"),
        ("words", "fine"),
        ("tags", "{1,x}"),
        ("inet", "1.2.3.4.5"),
    ] {
        let sets = format!("UPDATE entry SET day = $1, {name} = $2 WHERE id = 1");
        let compares = format!("UPDATE entry SET day = $1 WHERE {name} = $2");
        // An array is not written beside a sealed column in this version.
        for sql in [sets, compares].into_iter().skip(usize::from(name == "tags")) {
            let bound = bind("", "", &[Some("2026-01-02"), Some(bad)], 0);
            let script = [parse("", &sql, &[]), bound, describe(b'P', ""), execute("", 0), sync()].concat();
            same(&format!("{sql}: {bad}"), &script);
        }
    }
}

#[test]
fn a_query_with_returning_describes_its_rows_when_it_has_run() {
    let sql = "CREATE TABLE entry (id int4 PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY, day date, short varchar(3), \
               other int4 UNIQUE)";
    let schema = format!("{SIGNED}other = \"DO_NOTHING\"\n");
    let world = World::sealed("returningorder", sql, &schema);
    world.writes_no_secret("dates only");
    let mut raw = world.raw();
    let insert = "INSERT INTO entry (day, other) VALUES ('2026-01-01', 7) RETURNING id, day";
    assert_eq!(kinds(&raw.talk(&query(insert), 1)), "TDCZ");
    let again = raw.talk(&query(insert), 1);
    assert_eq!((kinds(&again), codes(&again)), ("EZ".to_owned(), vec!["23505".to_owned()]));
    let update = |id| format!("UPDATE entry SET day = '2026-01-02' WHERE id = {id} RETURNING day");
    assert_eq!(kinds(&raw.talk(&query(&update(1)), 1)), "TDCZ");
    assert_eq!(kinds(&raw.talk(&query(&update(9)), 1)), "TCZ");
}
