//! A client that is gone, and one that only said that it will send nothing more: which of both it is shows when it is
//! sent something (wire.md, "ends").

use std::time::{Duration, Instant};

use crate::harness::World;
use crate::harness::raw::{Raw, bind, copy_data, execute, kinds, parse, query, terminate};

const SQL: &str = "CREATE TABLE account (id int PRIMARY KEY, holder text, amount int);";

const SCHEMA: &str = r#"
version = 1
[keyrings.main]
generator = "local:vanished"
[branch_keys.accounts]
keyring = "main"
[tables.account]
name = "public.account"
branch_key = "accounts"
row_signature = "HMAC-SHA-384"
[tables.account.columns]
id = "SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT"
holder = { action = "ENCRYPT_AND_SIGN", type = "text" }
amount = "SIGN_ONLY"
"#;

fn world(name: &str) -> World {
    let world = World::sealed(name, SQL, SCHEMA);
    let secret = world.secret();
    world.raw().talk(&query(&format!("INSERT INTO account VALUES (1, '{secret}', 10)")), 1);
    world
}

/// Sessions of this database that a condition holds for, but the one that asks.
fn count(world: &World, condition: &str) -> String {
    let sql = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND {condition}"
    );
    world.at_server(&sql).trim().to_owned()
}

#[track_caller]
fn until(world: &World, condition: &str, expected: &str) {
    let started = Instant::now();
    while count(world, condition) != expected {
        assert!(started.elapsed() < Duration::from_secs(30), "{condition} never became {expected}");
    }
}

/// Drops the client and waits until its backend is gone.
#[track_caller]
fn vanishes(world: &World, raw: Raw, pid: &str, seconds: u64) {
    let started = Instant::now();
    drop(raw);
    until(world, &format!("pid = {pid}"), "0");
    // A busy machine gets some seconds more than what is promised.
    assert!(started.elapsed() < Duration::from_secs(seconds + 4), "{:?}", started.elapsed());
}

fn pid(raw: &mut Raw) -> String {
    let frames = raw.talk(&query("SELECT pg_backend_pid()"), 1);
    let row = frames.iter().find(|frame| frame.kind == 'D').unwrap();
    String::from_utf8(row.columns().swap_remove(0).unwrap()).unwrap()
}

/// Somebody else's transaction that holds the only row.
fn holder(world: &World) -> Raw {
    let mut holder = world.raw_direct();
    holder.talk(&query("BEGIN; SELECT FROM account WHERE id = 1 FOR UPDATE"), 1);
    holder
}

const LOCKED: &str = "wait_event_type = 'Lock'";

#[test]
fn a_client_that_vanishes_during_a_statement_of_several_steps_is_noticed_and_its_locks_are_released() {
    let world = world("vsteps");
    let _holder = holder(&world);
    let update = query("UPDATE account SET amount = 11 WHERE id = 1");
    // With nothing behind it, and with statements that were not read yet.
    for behind in [0, 1, 500] {
        let mut raw = world.raw();
        let pid = pid(&mut raw);
        raw.talk(&query("BEGIN; SELECT pg_advisory_xact_lock(7)"), 1);
        raw.send(&[update.clone(), query("SELECT repeat('x', 1000)").repeat(behind)].concat());
        until(&world, LOCKED, "1");
        vanishes(&world, raw, &pid, 1);
        assert_eq!(world.at_server("SELECT pg_try_advisory_lock(7)").trim(), "t");
    }
}

#[test]
fn a_client_that_vanishes_while_data_waits_for_a_copy_is_noticed() {
    let world = world("vcopy");
    let mut raw = world.raw();
    let pid = pid(&mut raw);
    raw.send(&[query("SELECT pg_sleep(600)"), copy_data(b"1\n")].concat());
    until(&world, "wait_event = 'PgSleep'", "1");
    vanishes(&world, raw, &pid, 1);
}

#[test]
fn a_client_that_vanishes_while_the_server_takes_nothing_more_is_noticed() {
    let world = World::plain("vfull");
    let mut raw = world.raw();
    let pid = pid(&mut raw);
    raw.send(&query("SELECT pg_sleep(600)"));
    until(&world, "wait_event = 'PgSleep'", "1");
    raw.send_what_fits(&query(&format!("SELECT '{}'", "x".repeat(1 << 20))).repeat(64));
    // Its FIN is hidden behind what nobody reads.
    vanishes(&world, raw, &pid, 6);
}

#[test]
fn what_a_client_that_vanished_had_sent_behind_its_query_does_not_hold_the_server_either() {
    let world = World::plain("vnext");
    let mut raw = world.raw();
    let pid = pid(&mut raw);
    raw.send(&query("SELECT pg_sleep(600)").repeat(3));
    until(&world, "wait_event = 'PgSleep'", "1");
    vanishes(&world, raw, &pid, 1);
}

#[test]
fn a_client_that_closed_only_its_side_is_served_to_the_end_and_asked_whether_it_is_there() {
    let world = World::plain("vhalf");
    let mut raw = world.raw_unauthenticated();
    let greeting = raw.log_in(world.database());
    raw.send(&[query("SELECT pg_sleep(3), 'served'"), query("SELECT 'and the next'")].concat());
    raw.half_close();
    let frames = raw.until('-');
    let (repeated, answers): (Vec<_>, Vec<_>) = frames.into_iter().partition(|frame| frame.kind == 'S');
    assert_eq!(kinds(&answers), "TDCZTDCZ");
    assert!(!repeated.is_empty() && repeated.iter().all(|status| greeting.contains(status)), "{repeated:?}");
}

#[test]
fn a_half_closed_client_is_told_what_the_server_would_tell_it_and_no_more() {
    let world = World::plain("vbatch");
    world.at_server("CREATE TABLE sink (v text)");
    let unsynced = [parse("", "INSERT INTO sink VALUES ('unsynced')", &[]), bind("", "", &[], 0), execute("", 0)];
    let cut = query("SELECT 1");
    let scripts = [
        ("a batch without its Sync", unsynced.concat()),
        ("a COPY without its end", [query("COPY sink FROM STDIN"), copy_data(b"in a COPY\n")].concat()),
        ("half a frame", [query("SELECT 2"), cut[..7].to_vec()].concat()),
        ("an open transaction", query("BEGIN; INSERT INTO sink VALUES ('in a block')")),
        ("a good-bye behind a query", [query("SELECT pg_sleep(1), 'bye'"), terminate()].concat()),
        ("nothing", Vec::new()),
    ];
    for (what, script) in scripts {
        let [relayed, direct] = [world.raw(), world.raw_direct()].map(|mut raw| {
            raw.send(&script);
            raw.half_close();
            raw.until('-')
        });
        assert_eq!(kinds(&relayed), kinds(&direct), "{what}: {relayed:?} {direct:?}");
        assert_eq!(world.at_server("SELECT * FROM sink"), "", "{what}");
    }
}
