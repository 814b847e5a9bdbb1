//! What stands in a COPY that takes data and is none of it.

use super::{bound, codes, find, run};
use crate::harness::World;
use crate::harness::raw::{Frame, Raw, bind, copy_data, describe, execute, flush, kinds, message, parse, query, sync};

/// One table is signed: an UPDATE of it takes several steps.
const SQL: &str = "
    CREATE TABLE entry (id int4 PRIMARY KEY, day date, short text, other int4);
    CREATE TABLE person (id int4 PRIMARY KEY, t text UNIQUE);
    CREATE TABLE note (text text)";

const SCHEMA: &str = r#"
version = 1
[keyrings.prod]
generator = "local:customer-data"
[branch_keys.people]
keyring = "prod"
[tables.entry]
name = "public.entry"
row_signature = "HMAC-SHA-384"
branch_key = "people"
[tables.entry.columns]
id = "SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT"
day = { action = "ENCRYPT_AND_SIGN", type = "date" }
short = { action = "ENCRYPT_AND_SIGN", type = "text" }
other = "DO_NOTHING"
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

/// A COPY that has begun and got a line, by a Query or by messages without a Sync.
fn begun(mut raw: Raw, by_message: bool) -> Raw {
    let begin = match by_message {
        false => query("COPY note FROM STDIN"),
        true => [parse("", "COPY note FROM STDIN", &[]), bind("", "", &[], 0), execute("", 0), flush()].concat(),
    };
    raw.send(&begin);
    raw.until('G');
    raw.send(&copy_data(b"a\n"));
    raw
}

/// Everything to the end of the session, which must come.
fn told(raw: &mut Raw, script: &[u8]) -> (String, Vec<[Option<String>; 3]>) {
    raw.send(script);
    let frames: Vec<Frame> = std::iter::from_fn(|| raw.frame()).collect();
    (kinds(&frames), frames.iter().map(|frame| ['S', 'C', 'M'].map(|code| frame.field(code))).collect())
}

#[test]
fn a_message_within_a_copy_ends_the_session_as_postgresql_ends_it_and_brings_nothing_wire() {
    let world = World::sealed("copywithin", SQL, SCHEMA);
    let secret = world.secret();
    let scripts = |value: &str| {
        [
            query("SELECT 1"),
            query(&format!("INSERT INTO person VALUES (1, '{value}')")),
            // It asks for settings before it is sent.
            query("INSERT INTO entry (id, day) VALUES (1, '01.02.2026')"),
            query(&format!("SELECT '\\{value}' FROM person")),
            // It takes steps.
            query(&format!("UPDATE entry SET short = '{value}' WHERE id = 1")),
            query(&format!("SELECT upper(t) FROM person WHERE t = '{value}'")),
            [find("p"), bound("p", value), sync()].concat(),
            [parse("", "UPDATE entry SET short = $1", &[]), bound("", value), sync()].concat(),
            bound("p", value),
            describe(b'P', ""),
            execute("", 0),
            message(b'C', b"S\0"),
            message(b'F', value.as_bytes()),
            [sync(), flush(), query(&format!("SELECT '{value}'"))].concat(),
        ]
    };
    for by_message in [true, false] {
        for (number, (script, plain)) in scripts(&secret).iter().zip(scripts("a")).enumerate() {
            let mut raw = world.raw();
            // Now its settings are not known.
            raw.talk(
                &query("SET DateStyle = 'German'; SELECT set_config('standard_conforming_strings', 'off', false)"),
                1,
            );
            let ours = told(&mut begun(raw, by_message), script);
            let theirs = told(&mut begun(world.raw_direct(), by_message), &plain);
            assert_eq!(ours, theirs, "script {number}, by message: {by_message}");
        }
    }
    assert_eq!(world.at_server("SELECT count(*) FROM note"), "0\n");
}

#[test]
fn a_query_that_takes_steps_behind_a_copy_that_begins_only_then_ends_the_session_too_wire() {
    let world = World::sealed("copybehind", SQL, SCHEMA);
    world.writes_no_secret("the values stand in statements that the server never reads");
    let mut raw = world.raw();
    let copy = [parse("", "COPY note FROM STDIN", &[]), bind("", "", &[], 0), execute("", 0)].concat();
    let frames = told(&mut raw, &[copy, query("UPDATE entry SET short = 'x' WHERE id = 1")].concat());
    assert_eq!(frames.0, "12GEE");
    // One that fails ends no session: it never takes data.
    let mut raw = world.raw();
    let copy = [run("COPY nowhere FROM STDIN"), sync(), query("UPDATE entry SET short = 'x' WHERE id = 1")].concat();
    assert_eq!(codes(&raw.talk(&copy, 2)), ["42P01"]);
}
