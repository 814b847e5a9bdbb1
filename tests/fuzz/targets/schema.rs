//! Schema files.
//!
//! What is wrong is told with places that lie in the text, and drawn; a schema that is right has a lock, which is
//! written and read back, and both make one protection.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pgseal::schema::{Lock, Protection, Source, diagnostics, parse};
use pgseal::sql::names::Names;
use pgseal::testing;
use pgseal_fuzz::{fixture, seeds};

fuzz_target!(init: seeds::offer(seeds), |data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let source = Source { path: "fuzz.toml".into(), text: text.to_owned() };
    let schema = match parse::parse(vec![source]) {
        Ok(schema) => schema,
        Err(problems) => {
            assert!(!problems.list.is_empty() && !problems.to_string().is_empty());
            for place in problems.list.iter().filter_map(|problem| problem.place.as_ref()) {
                assert!(place.file == 0 && place.span.start <= place.span.end && place.span.end <= text.len());
                assert!(text.get(place.span.clone()).is_some(), "a place inside of a character");
            }
            assert!(!diagnostics::render(&problems, false).is_empty());
            return;
        }
    };
    let Ok(lock) = testing::lock(&schema) else { return };
    let written = lock.to_string();
    let read = Lock::from_toml("fuzz.lock".as_ref(), &written).expect("a lock of ours");
    assert!(read == lock && read.to_string() == written);
    if let Ok(protection) = Protection::from_lock(&schema, &lock) {
        assert_eq!(protection.tables.len(), schema.tables.len());
        for table in &protection.tables {
            assert!(protection.table(&table.relation.name).is_some());
            let quoted = format!("\"{}\"", table.relation.name.replace('"', "\"\""));
            assert!(Names::of(&protection).first(&quoted).is_some(), "{quoted} is not found");
            for &id in &table.context {
                assert!(table.columns[id].is_context());
            }
        }
    }
});

fn seeds() -> Vec<Vec<u8>> {
    let record = include_str!("../../../examples/record/clinic.toml");
    let corpus = include_str!("../../corpus/pgseal.toml");
    let scenarios = include_str!("../../scenarios/tables.toml");
    let small = "version = 1\nkeyrings.k.generator = \"local:x\"\nbranch_keys.b.keyring = \"k\"\n[tables.card]\n\
        name = \"public.\\\"Karte ä\\\"\"\nbranch_key = \"b\"\nrow_signature = \"HMAC-SHA-384\"\nunlisted_columns = \
        \"DO_NOTHING\"\nwrite_guard = false\n[tables.card.columns]\nid = { action = \
        \"SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT\", type = \"bigint\" }\npan = { action = \"ENCRYPT_AND_SIGN\", type = \
        \"varchar(19)\", pad = 32, name = \"pan2\" }\n[tables.card.beacons]\nstandard = [{ name = \"pan\", length = \
        \"exact\" }]\n";
    [fixture::SCHEMA, record, corpus, scenarios, small].map(|text| text.as_bytes().to_vec()).into()
}
