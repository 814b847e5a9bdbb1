//! psql: one script on both sides; what it printed, step by step.

use std::fs::File;

use serde_json::{Value, json};

use super::REFUSED;
use super::sides::{Side, Sides, file};
use crate::harness::world;

#[test]
fn psql_sees_plain_postgresql() {
    let sides = Sides::new("psql");
    let plain = observe(&sides, &sides.plain);
    let sealed = observe(&sides, &sides.sealed);
    sides.compare(&sealed, &plain, REFUSED);
}

/// What stands between two `\echo step NAME`; `error` is the first error in it.
fn observe(sides: &Sides, side: &Side) -> Vec<Value> {
    let path = sides.world().scratch().path().join(&side.database);
    // psql flushes its output before it complains: one file shows both in their order.
    let out = File::create(&path).unwrap();
    let mut psql = world::psql(&side.database, side.port);
    psql.args(["-v", "ON_ERROR_STOP=0", "-v", "VERBOSITY=sqlstate", "-v", &format!("word={}", side.word)]);
    psql.args(["-v", &format!("number={}", side.number), "-v", &format!("control={}", side.control)]);
    psql.arg("-f").arg(file("psql.sql")).env("PGCLIENTENCODING", "UTF8");
    let status = psql.stdout(out.try_clone().unwrap()).stderr(out).status().unwrap();
    assert!(status.success());
    let said = std::fs::read_to_string(&path).unwrap();
    said.split("step ").skip(1).map(step).collect()
}

fn step(said: &str) -> Value {
    let (name, shown) = said.split_once('\n').unwrap();
    let error = shown.lines().find_map(|line| line.split_once("ERROR:  ")).map(|(_, code)| code);
    json!({ "step": name, "error": error, "shown": shown.lines().collect::<Vec<_>>() })
}
