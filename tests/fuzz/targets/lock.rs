//! Schema locks, and the proxy's own configuration file.
//!
//! A lock that is read is written and read again as the same lock; whatever it says, it makes a protection with the
//! fixture's schema or is refused by name. Planning over such a protection does not panic.
#![no_main]

use std::cell::LazyCell;
use std::path::PathBuf;

use libfuzzer_sys::fuzz_target;
use pgseal::keys::named;
use pgseal::schema::{Lock, Protection, Schema};
use pgseal::sql;
use pgseal_fuzz::{Choices, fixture, seeds};
use pgseal_proxy::config::File;

thread_local! {
    static SCHEMA: LazyCell<Schema> = LazyCell::new(fixture::schema);
    static CONFIG: LazyCell<PathBuf> = LazyCell::new(|| {
        std::env::temp_dir().join(format!("pgseal-fuzz-config-{}.toml", std::process::id()))
    });
}

fuzz_target!(init: seeds::offer(seeds), |data: &[u8]| {
    let mut choices = Choices::new(data);
    let config = choices.below(4) == 0;
    let Ok(text) = std::str::from_utf8(choices.rest()) else { return };
    if config {
        CONFIG.with(|path| {
            std::fs::write(&**path, text).expect("a file");
            match File::read(path) {
                Ok(file) => drop(file.limits.resolve()),
                Err(error) => assert!(!error.to_string().is_empty()),
            }
        });
        return;
    }
    let lock = match Lock::from_toml("fuzz.lock".as_ref(), text) {
        Ok(lock) => lock,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let written = lock.to_string();
    let again = Lock::from_toml("fuzz.lock".as_ref(), &written).expect("a lock of ours");
    assert!(again == lock && again.to_string() == written);
    for id in lock.keys.keys() {
        let _ = named::pins(&lock, id);
    }
    SCHEMA.with(|schema| {
        let Ok(protection) = Protection::from_lock(schema, &lock) else { return };
        for table in &protection.tables {
            for text in [
                format!("SELECT * FROM {}", table.relation.name),
                format!("INSERT INTO {} DEFAULT VALUES", table.relation.name),
                format!("INSERT INTO {} (id) VALUES (1) RETURNING *", table.relation.name),
                format!("UPDATE {} SET email = 'a' WHERE id = 1 RETURNING *", table.relation.name),
                format!("DELETE FROM {} WHERE email = 'a'", table.relation.name),
            ] {
                let _ = sql::plan(&text, &[], &protection);
            }
        }
    });
});

fn seeds() -> Vec<Vec<u8>> {
    let mut lock = fixture::lock();
    let whole = lock.to_string();
    lock.tables.retain(|name, _| name == "shift");
    lock.store = Some("01234567-89ab-cdef-0123-456789abcdef".into());
    let key = pgseal::schema::lock::Key {
        generation: 1,
        min_generation: 1,
        beacon_epoch: 1,
        key_commits: vec!["ab".repeat(32)],
        beacon_commits: vec!["cd".repeat(32)],
    };
    lock.keys.insert("fuzz".into(), key);
    let shift = lock.to_string();
    let config = "listen = \"127.0.0.1:6432\"\nupstream = \"postgresql://u@h/d\"\nschema = \"s.toml\"\nthreads = 2\n\
        trust_database_authentication = true\npass_databases = [\"a\", \"b\"]\nauth = \"relay\"\n[limits]\n\
        authentication_seconds = 5\ndrain_seconds = 1\nheld_frame_bytes = 1000000\n";
    let empty = Lock::default().to_string();
    let mut seeds: Vec<Vec<u8>> =
        [whole, shift, empty].iter().map(|text| [b"\x01", text.as_bytes()].concat()).collect();
    seeds.push([b"\0", config.as_bytes()].concat());
    seeds
}
