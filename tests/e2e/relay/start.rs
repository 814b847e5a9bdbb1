//! From the first byte to ReadyForQuery: encryption requests, foreign bytes, passwords, the wrong database.

use std::time::Instant;

use crate::harness::World;
use crate::harness::cluster::cluster;
use crate::harness::proxy::{Proxy, state_dir};
use crate::harness::raw::{Frame, GSS_REQUEST, Raw, SSL_REQUEST, encryption_request, kinds, message, query, startup};
use crate::harness::scratch::Scratch;
use crate::harness::world::{database, url};

#[test]
fn encryption_requests_are_answered_n_in_any_order_and_the_session_goes_on() {
    let world = World::plain("sslrequest");
    for order in [[SSL_REQUEST, GSS_REQUEST], [GSS_REQUEST, SSL_REQUEST]] {
        let mut raw = world.raw_unauthenticated();
        for code in order {
            raw.send(&encryption_request(code));
            assert_eq!(raw.byte(), Some(b'N'));
        }
        raw.log_in(world.database());
        assert_eq!(raw.talk(&query("SELECT 1"), 1).len(), 4);
    }
}

#[test]
fn bytes_that_are_no_start_up_message_end_the_connection_without_growth() {
    let world = World::plain("malformed");
    let before = world.proxy().resident_kib();
    let oversized = 0x7fff_ffff_u32.to_be_bytes().to_vec();
    let bad: [(&str, Vec<u8>); 8] = [
        ("an HTTP request", b"GET / HTTP/1.1\r\n\r\n".to_vec()),
        ("a TLS hello", vec![0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]),
        ("a length of two gigabytes", [oversized.clone(), vec![0; 64]].concat()),
        ("a length of zero", vec![0; 16]),
        ("an unknown protocol", [12_u32.to_be_bytes(), 0x0009_0000_u32.to_be_bytes(), [0; 4]].concat()),
        (
            "a name without an end",
            [13_u32.to_be_bytes().to_vec(), 0x0003_0000_u32.to_be_bytes().to_vec(), b"user\0".to_vec()].concat(),
        ),
        ("no user", startup(&[("database", world.database())])),
        ("a cancel request that is too short", [[0, 0, 0, 8], 80_877_102_u32.to_be_bytes()].concat()),
    ];
    for (what, bytes) in bad {
        for _ in 0..50 {
            let mut raw = world.raw_unauthenticated();
            raw.send(&bytes);
            let frames = raw.until('Z');
            assert!(frames.iter().all(|frame| frame.kind == 'E'), "{what}: {frames:?}");
        }
    }
    // Messages with absurd lengths where a password is expected.
    for kind in *b"pQX\0" {
        let mut raw = world.raw_unauthenticated();
        raw.send(&startup(&[("user", "postgres"), ("database", world.database())]));
        raw.send(&[&[kind], oversized.as_slice(), &[0; 32]].concat());
        raw.until('-');
    }
    let grown = world.proxy().resident_kib().saturating_sub(before);
    assert!(grown < 20_000, "{grown} KiB more");
    world.raw().talk(&query("SELECT 1"), 1);
}

fn codes(frames: &[Frame]) -> Vec<String> {
    frames.iter().filter_map(|frame| frame.field('C')).collect()
}

#[test]
fn malformed_frames_after_log_in_never_end_the_proxy() {
    let world = World::plain("frames");
    let bad = [
        message(b'B', b"no end"),
        message(b'P', &[0]),
        message(b'D', b""),
        message(b'Q', b"SELECT 1"),
        message(b'E', b"\0"),
        vec![b'Q', 0, 0, 0, 3],
        vec![b'Q', 0, 0, 0, 0],
        vec![b'Q', 0xff, 0xff, 0xff, 0xff],
        message(0, b""),
        message(0xff, b"x"),
    ];
    for bytes in bad {
        let mut relayed = world.raw();
        relayed.send(&[bytes.clone(), message(b'X', b"")].concat());
        let relayed = relayed.until('-');
        let mut direct = world.raw_direct();
        direct.send(&[bytes.clone(), message(b'X', b"")].concat());
        let direct = direct.until('-');
        // To an impossible length the server answers with silence; we say why.
        let (relayed, direct) = (codes(&relayed), codes(&direct));
        assert!(relayed == direct || (direct.is_empty() && relayed == ["08P01"]), "{bytes:?}: {relayed:?} {direct:?}");
    }
    world.raw().talk(&query("SELECT 1"), 1);
}

/// What an ErrorResponse says to a user; not where in whose source it was made.
fn said(frames: &[Frame]) -> Vec<Vec<Option<String>>> {
    let errors = frames.iter().filter(|frame| frame.kind == 'E');
    errors.map(|error| "SVCMDH".chars().map(|field| error.field(field)).collect()).collect()
}

/// The first bytes of a connection to the proxy and of one to the server, and all that comes back.
fn both(world: &World, talk: impl Fn(&mut Raw) -> Vec<Frame>) -> [Vec<Frame>; 2] {
    let direct = Raw::dial_unix(cluster().socket_dir(), cluster().port());
    [world.raw_unauthenticated(), direct].map(|mut raw| talk(&mut raw))
}

#[test]
fn a_database_that_is_not_served_is_3d000_to_whom_the_server_lets_in_and_both_sides_close() {
    let world = World::plain("otherdb");
    let other = database("otherdb", "");
    let mut raw = world.raw_unauthenticated();
    let frames = raw.log_in(&other);
    assert_eq!(kinds(&frames), "RE", "authenticated, as the server says it before it looks for the database");
    let error = &frames[1];
    assert_eq!(error.field('V').as_deref(), Some("FATAL"));
    assert_eq!(error.field('C').as_deref(), Some("3D000"));
    assert_eq!(error.field('M'), Some(format!("database \"{other}\" does not exist")));
    assert!(error.field('D').unwrap().contains(world.database()), "which one is served: {error:?}");
    assert!(error.field('H').unwrap().contains("pass_databases"), "{error:?}");
    assert!(raw.frame().is_none());
    let sessions = format!("SELECT count(*) FROM pg_stat_activity WHERE datname = '{other}'");
    while world.at_server(&sessions).trim() != "0" {}
    // The database defaults to the user's name, as in the server.
    let frames = world.raw_unauthenticated().talk(&startup(&[("user", "postgres")]), 1);
    assert_eq!(codes(&frames), ["3D000"]);
}

#[test]
fn what_the_server_itself_refuses_of_another_database_it_refuses_in_its_own_words() {
    let world = World::plain("otherrefused");
    world.at_server("CREATE ROLE otherrefused LOGIN");
    let closed = database("otherclosed", "");
    world.at_server(&format!("REVOKE CONNECT ON DATABASE {closed} FROM PUBLIC"));
    for (user, database) in [
        ("no_such_role", closed.as_str()),
        ("otherrefused", closed.as_str()),
        ("postgres", "no_such_database"),
        ("no_such_role", ""),
    ] {
        let hello = startup(&[("user", user), ("database", database)]);
        let [relayed, direct] = both(&world, |raw| raw.talk(&hello, 1));
        assert!(direct.iter().any(|frame| frame.kind == 'E'), "{user} {database}");
        assert_eq!(relayed, direct, "{user} {database}");
    }
}

#[test]
fn plaintext_behind_an_encryption_request_is_refused_as_the_server_refuses_it() {
    let world = World::plain("injected");
    let hello = startup(&[("user", "postgres"), ("database", world.database())]);
    for code in [SSL_REQUEST, GSS_REQUEST] {
        let script = [encryption_request(code), hello.clone()].concat();
        let [relayed, direct] = both(&world, |raw| {
            raw.send(&script);
            assert_eq!(raw.byte(), Some(b'N'));
            raw.until('-')
        });
        assert_eq!(codes(&direct), ["08P01"]);
        assert_eq!(said(&relayed), said(&direct));
    }
}

#[test]
fn what_is_no_start_up_packet_is_closed_without_a_word_as_the_server_closes_it() {
    let world = World::plain("nopacket");
    let of_length = |length: u32| [length.to_be_bytes().to_vec(), vec![0; 16]].concat();
    let cancel = |length: u32| [&length.to_be_bytes()[..], &80_877_102_u32.to_be_bytes(), &[0; 12]].concat();
    let hello = startup(&[("user", "postgres"), ("database", world.database())]);
    let nothing = [
        ("nothing at all", vec![]),
        ("half a length", vec![0, 0]),
        ("half a packet", hello[..20].to_vec()),
        ("an HTTP request", b"GET / HTTP/1.1\r\nHost: db\r\n\r\n".to_vec()),
        ("an early Terminate", message(b'X', b"")),
        ("an early Query", query("SELECT 1")),
        ("a length below that of its own header", of_length(7)),
        ("a length of zero", of_length(0)),
        ("a packet that is too long", of_length(10_005)),
        ("a length of four gigabytes", of_length(u32::MAX)),
        ("a cancel request without a key", cancel(8)),
        ("a request to encrypt and then none of both", [encryption_request(SSL_REQUEST)].concat()),
    ];
    for (what, bytes) in nothing {
        let [relayed, direct] = both(&world, |raw| {
            raw.send(&bytes);
            raw.half_close();
            raw.rest().into_iter().map(|byte| Frame { kind: char::from(byte), body: Vec::new() }).collect()
        });
        assert_eq!(kinds(&relayed), kinds(&direct), "{what}");
        assert!(kinds(&direct).len() <= 1, "{what}: {direct:?}");
    }
    let log = world.proxy().log();
    assert!(!log.contains("refused") && !log.contains("ended"), "{log}");
}

#[test]
fn the_longest_start_up_packet_of_postgresql_is_taken() {
    let world = World::plain("longest");
    let hello =
        |name: &str| startup(&[("user", "postgres"), ("database", world.database()), ("application_name", name)]);
    let room = 10_004 - hello("").len();
    let [relayed, direct] = both(&world, |raw| raw.talk(&hello(&"n".repeat(room)), 1));
    assert_eq!((kinds(&relayed).chars().last(), kinds(&direct).chars().last()), (Some('Z'), Some('Z')));
}

#[tokio::test]
async fn scram_is_relayed_and_a_wrong_password_is_the_servers_28p01() {
    let (scratch, database) = (Scratch::new("scram"), database("scram", ""));
    let schema = scratch.write("pgseal.toml", "version = 1\n");
    let upstream = format!("{}?sslmode=disable", url(&database, cluster().port()));
    let proxy = Proxy::start(&state_dir(scratch.path()), &schema, &upstream, &[]);
    let mut config = tokio_postgres::Config::new();
    config.host("127.0.0.1").port(proxy.address().port()).user("postgres").dbname(&database);
    let right = config.clone().password(cluster().password()).connect(tokio_postgres::NoTls).await;
    assert!(right.is_ok());
    let wrong = config.clone().password("wrong").connect(tokio_postgres::NoTls).await.err().unwrap();
    assert_eq!(wrong.code().map(|state| state.code()), Some("28P01"));
    // Who may know which databases are served is the server's to say.
    for (password, code) in [("wrong", "28P01"), (cluster().password(), "3D000")] {
        let mut other = config.clone();
        let error = other.dbname("postgres").password(password).connect(tokio_postgres::NoTls).await.err().unwrap();
        assert_eq!(error.code().map(|state| state.code()), Some(code));
    }
    assert!(!proxy.log().contains(cluster().password()));
}

#[test]
fn serve_says_what_is_wrong_when_the_server_refuses() {
    let (scratch, database) = (Scratch::new("down"), database("down", ""));
    let schema = scratch.write("pgseal.toml", "version = 1\n");
    let cases = [
        (format!("postgresql://postgres:wrong@127.0.0.1:{}/{database}?sslmode=disable", cluster().port()), "password"),
        (format!("{}?sslmode=disable", url("no_such_db", cluster().port())), "no_such_db"),
        (format!("{}?sslmode=require", url(&database, cluster().port())), "sslmode"),
    ];
    for (upstream, expected) in cases {
        let started = Instant::now();
        let output = Proxy::try_start(&state_dir(scratch.path()), &schema, &upstream, &[]).err().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(output.stdout.is_empty() && said.contains(expected), "{expected}: {said}");
        assert!(!said.contains(cluster().password()) && started.elapsed().as_secs() < 20, "{said}");
    }
}

#[test]
fn a_taken_port_is_an_error_at_start() {
    let world = World::plain("taken");
    let taken = world.proxy().address().to_string();
    let upstream = crate::harness::world::direct_url(world.database());
    let more = ["--listen", taken.as_str()];
    let output = Proxy::try_start(&state_dir(world.scratch().path()), world.schema(), &upstream, &more).err().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains(&taken), "{said}");
}

#[test]
fn a_schema_file_with_an_unknown_key_is_refused_at_start() {
    let world = World::plain("unknown");
    let schema = world.scratch().write("bad.toml", "version = 1\ntabels = 1\n");
    let upstream = crate::harness::world::direct_url(world.database());
    let output = Proxy::try_start(&state_dir(world.scratch().path()), &schema, &upstream, &[]).err().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_ne!(output.status.code(), Some(0));
    assert!(said.contains("tabels"), "{said}");
}

#[test]
fn a_listener_beyond_this_machine_needs_a_word_about_trust() {
    let world = World::plain("trust");
    let upstream = crate::harness::world::direct_url(world.database());
    let start = |more: &[&str]| Proxy::try_start(&state_dir(world.scratch().path()), world.schema(), &upstream, more);
    let output = start(&["--listen", "0.0.0.0:0"]).err().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("trust"));
    let proxy = start(&["--listen", "0.0.0.0:0", "--trust-database-authentication"])
        .unwrap_or_else(|output| panic!("{output:?}"));
    let mut raw = Raw::dial(([127, 0, 0, 1], proxy.address().port()).into());
    raw.log_in(world.database());
}
