//! Nothing of a protected value may be where the server or its administrator could read it: its log, its data files
//! and write-ahead log, the bytes on its link. With a positive control: a value that was not protected must be found
//! in the same places, else the search itself is broken.

use std::fs;
use std::path::Path;

use pgseal::testing::leaks::{needles, plain, search};

use super::cluster::cluster;
use super::scratch::random;
use super::world::World;

/// A value that occurs nowhere else.
pub(crate) fn canary() -> String {
    format!("Zq{}", random(18))
}

/// Looks for `secrets`; they must be nowhere. `control` is a text that this test wrote through the same proxy into an
/// unprotected column: it must be in all places.
#[track_caller]
pub(crate) fn assert_none(world: &World, secrets: &[&str], control: &str) {
    world.at_server("CHECKPOINT");
    let needles = needles(secrets);
    for (place, bytes) in places(world) {
        assert!(!search(&bytes, &plain(control)).is_empty(), "the control value is not in the {place}");
        let found = search(&bytes, &needles);
        let found: Vec<_> = found.iter().map(|needle| format!("value {} as {}", needle.value, needle.form)).collect();
        assert!(found.is_empty(), "protected values in the {place}: {}", found.join(", "));
    }
}

/// What the server and its link hold, by name.
fn places(world: &World) -> Vec<(&'static str, Vec<u8>)> {
    let oid = world.at_server("SELECT oid FROM pg_database WHERE datname = current_database()");
    let data = cluster().data();
    let mut files = Vec::new();
    for dir in [data.join("base").join(oid.trim()), data.join("pg_stat"), data.join("pg_stat_tmp")] {
        read_all(&dir, &mut files);
    }
    let mut wal = Vec::new();
    read_all(&data.join("pg_wal"), &mut wal);
    let log = fs::read(cluster().log_file()).unwrap();
    vec![("server log", log), ("data files", files), ("WAL", wal), ("server link", world.link().since(0))]
}

fn read_all(dir: &Path, into: &mut Vec<u8>) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        // A file can go away between listing and reading: segments are recycled.
        if let Ok(bytes) = fs::read(entry.path()) {
            into.extend(bytes);
        }
    }
}
