//! How sessions end: drain, a client that vanishes, a server that goes away.

use crate::harness::World;
use crate::harness::cluster::cluster;
use crate::harness::raw::{kinds, query};
use crate::harness::world::url;

/// Waits for a fact that a query at the server will show.
fn until(world: &World, sql: &str, expected: &str) {
    let started = std::time::Instant::now();
    while world.at_server(sql).trim() != expected {
        assert!(started.elapsed().as_secs() < 30, "{sql} never became {expected}");
    }
}

const OTHERS: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()";

#[test]
fn sigterm_ends_idle_sessions_and_lets_active_ones_finish() {
    let mut world = World::plain("drain");
    let mut idle = world.raw();
    let mut active = world.raw();
    active.send(&query("SELECT pg_sleep(1), 'finished'"));
    until(&world, OTHERS, "1");
    world.proxy().signal("TERM");
    let farewell = idle.until('-');
    assert!(farewell.iter().any(|frame| frame.field('C').as_deref() == Some("57P01")), "{farewell:?}");
    assert!(kinds(&active.until('Z')).starts_with("TDCZ"), "the query that was running got its answer");
    active.until('-');
    assert_eq!(world.proxy_mut().wait().code(), Some(0));
}

#[test]
fn a_second_signal_ends_active_sessions_too() {
    let mut world = World::plain("drain2");
    let mut active = world.raw();
    active.send(&query("SELECT pg_sleep(600)"));
    until(&world, OTHERS, "1");
    world.proxy().signal("TERM");
    // The listener closes first; only then is the second signal a second one.
    while std::net::TcpStream::connect(world.proxy().address()).is_ok() {}
    world.proxy().signal("TERM");
    active.until('-');
    assert!(world.proxy_mut().wait().code().is_some());
    until(&world, OTHERS, "0");
}

#[test]
fn the_query_of_a_client_that_vanished_is_cancelled() {
    let world = World::plain("vanish");
    let mut raw = world.raw();
    raw.send(&query("SELECT pg_sleep(600)"));
    until(&world, OTHERS, "1");
    drop(raw);
    until(
        &world,
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%' AND state = 'active' AND pid <> pg_backend_pid() AND datname = current_database()",
        "0",
    );
}

#[test]
fn a_half_closed_client_still_gets_its_answer() {
    let world = World::plain("half");
    let mut raw = world.raw();
    raw.send(&query("SELECT repeat('x', 1000000)"));
    raw.half_close();
    assert_eq!(kinds(&raw.until('Z')), "TDCZ");
}

#[test]
fn a_terminated_backend_says_57p01_to_the_client() {
    let world = World::plain("killed");
    let mut raw = world.raw();
    world.at_server("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()");
    let frames = raw.until('-');
    assert!(frames.iter().any(|frame| frame.field('C').as_deref() == Some("57P01")), "{frames:?}");
    // The proxy itself goes on.
    world.raw().talk(&query("SELECT 1"), 1);
}

#[test]
fn the_clients_own_password_and_sql_are_not_in_the_log() {
    let world = World::plain("quiet");
    let mut psql = world.psql();
    psql.args(["-c", "SELECT 'Zqsecretliteral' FROM nowhere"]);
    let output = psql.output().unwrap();
    assert!(!output.status.success() && url(world.database(), 1).contains(cluster().password()));
    let log = world.proxy().log();
    assert!(!log.contains("Zqsecretliteral") && !log.contains(cluster().password()), "{log}");
}
