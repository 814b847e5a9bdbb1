//! Nothing of a protected value may be where the server or its administrator could read it: its log, its data files
//! and write-ahead log, the bytes on its link. Looked for in several encodings, and with a positive control: a value
//! that was not protected must be found in the same places, else the search itself is broken.

use std::fs;
use std::path::Path;

use super::cluster::cluster;
use super::scratch::random;
use super::world::World;

/// A value that occurs nowhere else.
pub(crate) fn canary() -> String {
    format!("Zq{}", random(18))
}

/// Looks for `secrets`; they must be nowhere. `control` is a text that this test wrote through the same proxy into an
/// unprotected column: it must be in all places.
pub(crate) fn assert_none(world: &World, secrets: &[&str], control: &str) {
    world.at_server("CHECKPOINT");
    let places = places(world);
    for (place, bytes) in &places {
        let control = [Needle { name: "control".into(), bytes: control.as_bytes().to_vec() }];
        assert!(
            !search(bytes, &control).is_empty(),
            "the control value is not in the {place}: the search sees nothing"
        );
    }
    let needles: Vec<Needle> =
        secrets.iter().enumerate().flat_map(|(number, secret)| needles(number, secret)).collect();
    for (place, bytes) in &places {
        let found = search(bytes, &needles);
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
    vec![("server log", log), ("data files", files), ("WAL", wal), ("server link", world.link().bytes())]
}

fn read_all(dir: &Path, into: &mut Vec<u8>) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        // A file can go away between listing and reading: segments are recycled.
        if let Ok(bytes) = fs::read(entry.path()) {
            into.extend(bytes);
        }
    }
}

struct Needle {
    name: String,
    bytes: Vec<u8>,
}

/// The forms in which a text could travel or lie about.
fn needles(number: usize, secret: &str) -> Vec<Needle> {
    let bytes = secret.as_bytes();
    let each = |form: &dyn Fn(u8) -> String| bytes.iter().map(|byte| form(*byte)).collect::<String>().into_bytes();
    let mut forms = vec![
        ("raw", bytes.to_vec()),
        ("upper case", secret.to_uppercase().into_bytes()),
        ("lower case", secret.to_lowercase().into_bytes()),
        ("hex", each(&|byte| format!("{byte:02x}"))),
        ("HEX", each(&|byte| format!("{byte:02X}"))),
        ("percent", each(&|byte| format!("%{byte:02X}"))),
        ("octal escapes", each(&|byte| format!("\\{byte:03o}"))),
        ("hex escapes", each(&|byte| format!("\\x{byte:02x}"))),
        ("unicode escapes", each(&|byte| format!("\\{byte:04x}"))),
        ("\\u escapes", each(&|byte| format!("\\u{byte:04x}"))),
        ("UTF-16LE", secret.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("UTF-16BE", secret.encode_utf16().flat_map(u16::to_be_bytes).collect()),
        ("reversed", bytes.iter().rev().copied().collect()),
    ];
    // Base64 depends on where in the stream the value starts; the first and last digits depend on its neighbours.
    for (name, shift) in [("base64", 0), ("base64 at 1", 1), ("base64 at 2", 2)] {
        let encoded = base64(&[&vec![0; shift], bytes].concat());
        let whole = encoded.len() - encoded.len() % 4;
        forms.push((name, encoded[(shift * 8).div_ceil(6)..whole - 4].to_vec()));
    }
    forms.into_iter().map(|(form, bytes)| Needle { name: format!("value {number} as {form}"), bytes }).collect()
}

fn base64(bytes: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut digits = Vec::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        let digit = |place: u32| DIGITS[(word >> (18 - 6 * place)) as usize & 63];
        digits.extend((0..=chunk.len() as u32).map(digit));
    }
    digits
}

/// The names of the needles that occur. One pass: a table of the first two bytes decides where to look closer.
fn search(haystack: &[u8], needles: &[Needle]) -> Vec<String> {
    let mut starts: Vec<Vec<usize>> = vec![Vec::new(); 0x1_0000];
    for (number, needle) in needles.iter().enumerate() {
        starts[usize::from(u16::from_be_bytes([needle.bytes[0], needle.bytes[1]]))].push(number);
    }
    let mut found = vec![false; needles.len()];
    for at in 0..haystack.len().saturating_sub(1) {
        for &number in &starts[usize::from(u16::from_be_bytes([haystack[at], haystack[at + 1]]))] {
            if haystack[at..].starts_with(&needles[number].bytes) {
                found[number] = true;
            }
        }
    }
    needles.iter().zip(found).filter(|(_, found)| *found).map(|(needle, _)| needle.name.clone()).collect()
}

#[test]
fn the_search_finds_every_form_that_it_knows() {
    let secret = "Zqabcdefghijk";
    for needle in needles(0, secret) {
        let haystack = [b"....", needle.bytes.as_slice(), b"...."].concat();
        assert!(search(&haystack, &needles(0, secret)).contains(&needle.name), "{}", needle.name);
    }
    assert!(search(b"nothing of the kind", &needles(0, secret)).is_empty());
    assert_eq!(base64(b"Man"), b"TWFu");
    for shift in 0..3 {
        let text = base64(&[&b"xyz"[..shift], secret.as_bytes(), b"tail"].concat());
        assert!(!search(&text, &needles(0, secret)).is_empty(), "base64 at {shift}");
    }
}
