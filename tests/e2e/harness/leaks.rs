//! What is looked for after every test on sealed tables, when its [`World`] goes: no secret of the test where the
//! server or its administrator could read it (log, data files, write-ahead log, link), nor in the proxy's log; no
//! ciphertext in what a raw client heard. With a positive control: a value that is written through the same proxy into
//! an unprotected column must be found in the same places, else the search itself is broken.
//!
//! Only what was written since the world began is read: before, nobody knew its secrets.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, SystemTime};

use pgseal::testing::leaks::{needles, plain, search};

use super::cluster::cluster;
use super::raw::{Raw, query};
use super::scratch::random;
use super::world::World;

/// A value that occurs nowhere else.
pub(crate) fn canary() -> String {
    format!("Zq{}", random(18))
}

/// Everything that raw clients of one world heard from its proxy.
pub(crate) type Heard = Arc<Mutex<Vec<u8>>>;

/// The eyes on one sealed world.
pub(crate) struct Watch {
    secrets: Mutex<Vec<String>>,
    excuse: OnceLock<&'static str>,
    heard: Heard,
    /// Where the log ended, in bytes, and the write-ahead log (an LSN).
    log: u64,
    wal: u64,
    /// Files that were last written before hold nothing new. The clock of files lags by a tick.
    begun: SystemTime,
}

impl Watch {
    pub(crate) fn new(database: &str) -> Self {
        let begun = SystemTime::now() - Duration::from_secs(1);
        let log = fs::metadata(cluster().log_file()).unwrap().len();
        let wal = position(&mut server(database), "pg_current_wal_insert_lsn()");
        let (secrets, excuse, heard) = (Mutex::default(), OnceLock::new(), Heard::default());
        Self { secrets, excuse, heard, log, wal, begun }
    }

    /// What raw clients hear goes here.
    pub(crate) fn heard(&self) -> Heard {
        Arc::clone(&self.heard)
    }

    /// This text is written into a protected column, and must be nowhere.
    pub(crate) fn keep_secret(&self, secret: &str) {
        self.secrets.lock().unwrap().push(secret.to_owned());
    }

    /// Why there is nothing to look for.
    pub(crate) fn excuse(&self, why: &'static str) {
        self.excuse.set(why).unwrap();
    }

    /// Fails the test if anything is where it should not be.
    pub(crate) fn check(&self, world: &World) {
        let mut server = server(world.database());
        self.no_ciphertext(&mut server);
        let secrets = self.secrets.lock().unwrap();
        match self.excuse.get() {
            Some(why) => assert!(secrets.is_empty(), "a test with secrets said that it has none: {why}"),
            None => {
                let what = "this test writes no secret: take one from world.secret(), or say why with writes_no_secret";
                assert!(!secrets.is_empty(), "{what}");
                self.no_plaintext(world, &mut server, &secrets);
            }
        }
    }

    fn no_plaintext(&self, world: &World, server: &mut Raw, secrets: &[String]) {
        let control = write_control(world);
        answers(server, "CHECKPOINT");
        let needles = needles(secrets);
        let leaks = |place: &str, bytes: &[u8]| {
            let found = search(bytes, &needles);
            let found: Vec<_> =
                found.iter().map(|needle| format!("value {} as {}", needle.value, needle.form)).collect();
            assert!(found.is_empty(), "protected values in the {place}: {}", found.join(", "));
        };
        let wal = self.wal..position(server, "pg_current_wal_lsn()");
        for (place, bytes) in [
            ("server log", read_from(&cluster().log_file(), self.log)),
            ("data files", self.files(world)),
            ("WAL", read_wal(wal)),
            ("server link", world.link().since(0)),
        ] {
            assert!(!search(&bytes, &plain(&control)).is_empty(), "the control value is not in the {place}");
            leaks(place, &bytes);
        }
        leaks("proxy's log", world.proxy().log().as_bytes());
    }

    /// Files of the database that were written since, and the statistics that all databases share.
    fn files(&self, world: &World) -> Vec<u8> {
        let data = cluster().data();
        let own = format!("SELECT oid::text FROM pg_database WHERE datname = '{}'", world.database());
        let own = answers(&mut server(world.database()), &own).concat();
        let mut files = Vec::new();
        for dir in [data.join("base").join(own), data.join("pg_stat"), data.join("pg_stat_tmp")] {
            for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
                let written = entry.metadata().and_then(|metadata| metadata.modified());
                // A file can go away between listing and reading.
                if written.is_ok_and(|written| written >= self.begun) {
                    files.extend(fs::read(entry.path()).unwrap_or_default());
                }
            }
        }
        files
    }

    /// Every cell and every signature holds the reference of its key (formats.md, CELL and SIG), and no row of a client
    /// ever does; nor does it hold a tag.
    fn no_ciphertext(&self, server: &mut Raw) {
        let heard = self.heard.lock().unwrap();
        let mut needles = answers(server, "SELECT encode(key_ref, 'hex') FROM pgseal.keys");
        assert!(!needles.is_empty(), "a sealed world has keys");
        let tags = "SELECT format('SELECT %I::text FROM %s WHERE %1$I IS NOT NULL', attname, attrelid::regclass) \
                    FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid AND relkind = 'r' \
                    WHERE attname LIKE 'pgseal!_%' ESCAPE '!' AND atttypid = 'uuid'::regtype";
        for tags in answers(server, tags) {
            needles.extend(answers(server, &tags));
        }
        for needle in needles {
            let binary = binary(&needle);
            let found = [needle.as_bytes(), &binary].into_iter().any(|form| holds(&heard, form));
            assert!(!found, "a client heard ciphertext: it holds {needle}");
        }
    }
}

/// Bytes of hexadecimal digits, hyphens apart.
fn binary(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.chars().filter_map(|char| char.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

/// A value that nothing protects, written as the application writes: by the proxy of this world.
fn write_control(world: &World) -> String {
    let control = format!("Zc{}", random(18));
    let sql = format!("CREATE TABLE leak_control (text text); INSERT INTO leak_control VALUES ('{control}')");
    let said = world.raw().talk(&query(&sql), 1);
    assert!(said.iter().all(|frame| frame.kind != 'E'), "{said:?}");
    control
}

fn server(database: &str) -> Raw {
    let mut raw = Raw::dial_unix(cluster().socket_dir(), cluster().port());
    raw.log_in(database);
    raw
}

/// The first column of what a statement answers.
fn answers(server: &mut Raw, sql: &str) -> Vec<String> {
    let frames = server.talk(&query(sql), 1);
    assert!(frames.iter().all(|frame| frame.kind != 'E'), "{sql}: {frames:?}");
    let rows = frames.iter().filter(|frame| frame.kind == 'D');
    rows.map(|row| String::from_utf8(row.columns().swap_remove(0).unwrap()).unwrap()).collect()
}

/// An LSN as a number.
fn position(server: &mut Raw, lsn: &str) -> u64 {
    answers(server, &format!("SELECT ({lsn} - '0/0')::text")).concat().parse().unwrap()
}

fn read_from(path: &Path, start: u64) -> Vec<u8> {
    let file = fs::File::open(path).unwrap();
    let mut bytes = vec![0; usize::try_from(file.metadata().unwrap().len() - start).unwrap()];
    file.read_exact_at(&mut bytes, start).unwrap();
    bytes
}

/// Bytes of a segment and of a page of the write-ahead log.
const SEGMENT: u64 = 16 << 20;
const PAGE: usize = 8192;

/// The write-ahead log between two positions, without the headers of its pages, which would cut a value in two
/// (`XLogPageHeaderData`: 24 bytes; 40 where a segment begins).
fn read_wal(range: std::ops::Range<u64>) -> Vec<u8> {
    let mut records = Vec::new();
    for segment in range.start / SEGMENT..=range.end / SEGMENT {
        let begin = (range.start.max(segment * SEGMENT) - segment * SEGMENT) / PAGE as u64 * PAGE as u64;
        let end = (range.end - segment * SEGMENT).min(SEGMENT);
        let name = format!("00000001{:08X}{:08X}", segment / 256, segment % 256);
        let bytes = match fs::File::open(cluster().data().join("pg_wal").join(&name)) {
            Ok(file) => {
                let mut bytes = vec![0; usize::try_from(end - begin).unwrap()];
                file.read_exact_at(&mut bytes, begin).unwrap();
                bytes
            }
            // The position is that of the first byte of a segment that is not there yet.
            Err(_) if end == 0 => continue,
            Err(error) => panic!("the WAL segment {name} is gone: {error}"),
        };
        for (number, page) in bytes.chunks(PAGE).enumerate() {
            let header = if begin == 0 && number == 0 { 40 } else { 24 };
            records.extend_from_slice(page.get(header..).unwrap_or_default());
        }
    }
    records
}
