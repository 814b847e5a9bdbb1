//! A text that touches nothing, and is large.

use super::{rows, world};
use crate::harness::raw::query;

const BYTES: usize = 80 << 20;

#[test]
fn a_query_of_80_megabytes_that_touches_nothing_passes_and_is_not_held_three_times() {
    let world = world("largequery");
    world.writes_no_secret("nothing here is written to a protected column");
    let peak = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", world.proxy().pid())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        peak.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
    };
    let mut raw = world.raw();
    let before = peak();
    let answer = raw.talk(&query(&format!("SELECT length('{}')", "x".repeat(BYTES))), 1);
    assert_eq!(rows(&answer), [BYTES.to_string()]);
    let grown = peak() - before;
    println!("{} MB more at most", grown >> 20);
    assert!(grown < BYTES * 5 / 2, "{} MB", grown >> 20);
    assert_eq!(rows(&raw.talk(&query("SELECT 'on'"), 1)), ["on"]);
}
