//! Out of file descriptors: whoever comes is told so, whoever is there goes on, and the log does not fill.

use std::process::Command;

use crate::harness::World;
use crate::harness::proxy::{Proxy, pgseal, state_dir};
use crate::harness::raw::{Frame, Raw, SSL_REQUEST, encryption_request, kinds, query, startup};
use crate::harness::world::direct_url;

/// A proxy with few descriptors in front of the world's database.
fn narrow(world: &World, descriptors: u32) -> Proxy {
    let real = pgseal(&state_dir(world.scratch().path()));
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("ulimit -n {descriptors}; exec \"$0\" \"$@\"")).arg(real.get_program());
    for (name, value) in real.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    Proxy::start_as(command, world.schema(), &direct_url(world.database()), &["--threads", "1"])
}

fn refused(frames: &[Frame]) -> bool {
    frames.iter().any(|frame| frame.field('C').as_deref() == Some("53300"))
}

/// Processor time of a process, in ticks.
fn ticks(proxy: &Proxy) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", proxy.pid())).unwrap();
    let fields: Vec<_> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

#[test]
fn out_of_descriptors_is_53300_in_postgresqls_words_with_one_line_in_the_log() {
    let world = World::plain("descriptors");
    // A session takes two: it is the client's or the server's that is missing.
    for descriptors in [48, 49] {
        is_told_and_logged_once(&world, &narrow(&world, descriptors));
    }
}

fn is_told_and_logged_once(world: &World, proxy: &Proxy) {
    let dial = || Raw::dial(proxy.address());
    let hello = startup(&[("user", "postgres"), ("database", world.database())]);
    let mut open = Vec::new();
    let first = loop {
        assert!(open.len() < 48, "the limit is not felt");
        let mut raw = dial();
        raw.send(&hello);
        let frames = raw.until('Z');
        match frames.last().map(|frame| frame.kind) {
            Some('Z') => open.push(raw),
            _ => break frames,
        }
    };
    assert!(refused(&first), "{first:?}");
    let before = ticks(proxy);
    for asks in [false, true].repeat(10) {
        let mut raw = dial();
        if asks {
            raw.send(&encryption_request(SSL_REQUEST));
            assert_eq!(raw.byte(), Some(b'N'));
        }
        raw.send(&hello);
        let frames = raw.until('-');
        assert_eq!(kinds(&frames), "E");
        assert_eq!(frames[0].field('C').as_deref(), Some("53300"));
        assert_eq!(frames[0].field('M').as_deref(), Some("sorry, too many clients already"));
    }
    // Whoever says nothing holds up nobody for long.
    let silent: Vec<_> = (0..3).map(|_| dial()).collect();
    let mut raw = dial();
    raw.send(&hello);
    assert!(refused(&raw.until('-')));
    assert!(ticks(proxy) - before < 100, "a busy loop");
    drop(silent);
    for raw in &mut open {
        assert_eq!(kinds(&raw.talk(&query("SELECT 1"), 1)), "TDCZ");
    }
    drop(open);
    loop {
        let mut raw = dial();
        raw.send(&hello);
        if kinds(&raw.until('Z')).ends_with('Z') {
            break;
        }
    }
    let log = proxy.log();
    assert_eq!(log.lines().filter(|line| line.contains("descriptors")).count(), 1, "{log}");
    assert!(!log.contains("cannot be reached") && !log.contains("not accepted"), "{log}");
}
