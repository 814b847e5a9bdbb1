//! `serve` before its server: the port is bound, clients are told, and it serves once it could look at the catalog.

use std::time::Instant;

use pgseal::testing::tap::{Cut, Tap, Target};

use crate::harness::World;
use crate::harness::cluster::cluster;
use crate::harness::proxy::{Proxy, state_dir};
use crate::harness::raw::{Frame, Raw, SSL_REQUEST, encryption_request, kinds, query, startup};
use crate::harness::scratch::{Scratch, random};
use crate::harness::world::{apply, database, unix_url};

const TABLE: &str = "CREATE TABLE note (id int PRIMARY KEY, text text)";

const SCHEMA: &str = r#"
version = 1
[keyrings.main]
generator = "local:awaiting"
[branch_keys.notes]
keyring = "main"
[tables.note]
name = "public.note"
branch_key = "notes"
[tables.note.columns]
id = "SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT"
text = { action = "ENCRYPT_AND_SIGN", type = "text" }
"#;

/// A proxy whose server does not answer yet.
struct Stage {
    proxy: Proxy,
    database: String,
    scratch: Scratch,
}

impl Stage {
    fn new(name: &str, applied: bool) -> Self {
        let (scratch, database) = (Scratch::new(name), database(name, TABLE));
        let (state, schema) = (state_dir(scratch.path()), scratch.write("pgseal.toml", SCHEMA));
        if applied {
            apply(&state, &schema, &database);
        }
        let proxy = Proxy::start(&state, &schema, &unix_url(scratch.path(), &database), &[]);
        Self { proxy, database, scratch }
    }

    /// The server is there from now on.
    fn server(&self) -> Tap {
        let socket = cluster().socket_dir().join(format!(".s.PGSQL.{}", cluster().port()));
        Tap::start(self.scratch.path(), cluster().port(), Target::Unix(socket), Cut::Whole).unwrap()
    }

    fn log_in(&self) -> (Raw, Vec<Frame>) {
        let mut raw = Raw::dial(self.proxy.address());
        let frames = raw.log_in(&self.database);
        (raw, frames)
    }
}

fn not_yet(frames: &[Frame]) -> bool {
    let error = frames.iter().find(|frame| frame.kind == 'E');
    error.is_some_and(|error| error.field('C').as_deref() == Some("57P03"))
}

#[test]
fn serve_starts_before_its_server_says_so_and_serves_once_it_is_there() {
    let stage = Stage::new("before", true);
    for _ in 0..3 {
        let (mut raw, frames) = stage.log_in();
        assert!(not_yet(&frames) && frames.len() == 1, "{frames:?}");
        assert_eq!(frames[0].field('V').as_deref(), Some("FATAL"));
        assert!(frames[0].field('M').unwrap().contains("database server"), "{frames:?}");
        assert!(raw.frame().is_none());
    }
    let mut asking = Raw::dial(stage.proxy.address());
    asking.send(&encryption_request(SSL_REQUEST));
    assert_eq!(asking.byte(), Some(b'N'));
    asking.send(&startup(&[("user", "postgres"), ("database", &stage.database)]));
    assert!(not_yet(&asking.until('-')));
    let log = stage.proxy.log();
    assert_eq!(log.lines().filter(|line| line.contains("WARN")).count(), 1, "{log}");

    let _server = stage.server();
    let started = Instant::now();
    let mut raw = loop {
        let (raw, frames) = stage.log_in();
        if !not_yet(&frames) {
            assert!(kinds(&frames).ends_with('Z'), "{frames:?}");
            break raw;
        }
        assert!(started.elapsed().as_secs() < 30, "{}", stage.proxy.log());
    };
    let secret = random(20);
    raw.talk(&query(&format!("INSERT INTO note VALUES (1, '{secret}')")), 1);
    assert_eq!(kinds(&raw.talk(&query("SELECT text FROM note"), 1)), "TDCZ");
    let held = cluster().psql(&stage.database, "SELECT text FROM note").unwrap();
    assert!(held.starts_with("\\x01") && !held.contains(&secret), "{held}");
    let log = stage.proxy.log();
    assert_eq!(log.lines().filter(|line| line.contains("WARN")).count(), 1, "{log}");
    assert!(log.contains("serving"), "{log}");
}

#[test]
fn a_server_that_is_there_at_last_and_does_not_agree_ends_it_with_the_reason() {
    let mut stage = Stage::new("disagree", false);
    assert!(not_yet(&stage.log_in().1));
    let _server = stage.server();
    assert_eq!(stage.proxy.wait().code(), Some(1));
    let log = stage.proxy.log();
    assert!(log.contains("run `pgseal schema apply`"), "{log}");
}

#[test]
fn signals_are_heard_while_the_server_is_awaited() {
    let mut stage = Stage::new("awaitsignal", true);
    stage.proxy.signal("HUP");
    assert!(not_yet(&stage.log_in().1));
    stage.proxy.signal("TERM");
    assert_eq!(stage.proxy.wait().code(), Some(0));
}

#[test]
fn a_hangup_ends_nothing_and_is_one_line_in_the_log() {
    let world = World::plain("hangup");
    let mut session = world.raw();
    world.proxy().signal("HUP");
    let started = Instant::now();
    while !world.proxy().log().contains("SIGHUP") {
        assert!(started.elapsed().as_secs() < 30, "{}", world.proxy().log());
    }
    session.talk(&query("SELECT 1"), 1);
    world.raw().talk(&query("SELECT 1"), 1);
    assert_eq!(world.proxy().log().matches("SIGHUP").count(), 1);
}
