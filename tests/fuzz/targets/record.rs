//! Records: what serde gives to seal, and what comes back from wherever a sealed record was stored.
//!
//! What is sealed opens to what was sealed. A stored record opens only if it is one that was sealed, byte for byte; one
//! of a table without signatures may also be put together from cells of the same row.
#![no_main]

use std::cell::LazyCell;
use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use pgseal::crypto::secret::Secret;
use pgseal::keys::create_key;
use pgseal::keys::keyring::raw::RawKeyring;
use pgseal::keys::store::memory::MemoryStore;
use pgseal::sealer::{SealedRecord, Sealer};
use pgseal_fuzz::{Choices, fixture, seeds};
use serde_json::{Value, json};

struct World {
    sealer: Sealer,
    staff: [SealedRecord; 2],
}

thread_local! {
    static WORLD: LazyCell<World> = LazyCell::new(|| {
        let sealer = sealer();
        let staff = [
            json!({ "id": 1, "email": "ada@x.org", "pay": "12.50", "team": "red", "ref": { "a": [1, null] } }),
            json!({ "id": 2, "email": "bob@x.org", "code": "b", "since": "2020-01-01", "mark": "m" }),
        ];
        World { staff: staff.map(|record| sealer.seal("staff", &record).expect("a record")), sealer }
    });
}

fn sealer() -> Sealer {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let keyring = Arc::new(RawKeyring::new(&Secret::new([1; 32])));
        let store = Arc::new(MemoryStore::new().expect("randomness"));
        create_key(fixture::KEY, &*keyring, &*store).await.expect("a key");
        let builder = Sealer::builder().schema(fixture::schema(), fixture::lock());
        builder.keyring(keyring).store(store).build().await.expect("a sealer")
    })
}

fuzz_target!(init: seeds::offer(seeds), |data: &[u8]| {
    let mut choices = Choices::new(data);
    WORLD.with(|world| match choices.below(4) {
        0 => stored(choices.rest(), world),
        1 => changed(&mut choices, world),
        _ => {
            let table = *choices.of(&["customers", "accounts", "messages", "staff", "shift"]);
            plain(table, choices.rest(), world);
        }
    });
});

/// A record of the fuzzer's.
fn plain(table: &str, bytes: &[u8], world: &World) {
    let Ok(json) = serde_json::from_slice::<Value>(bytes) else { return };
    let sealer = &world.sealer;
    let sealed = match sealer.seal(table, &json) {
        Ok(sealed) => sealed,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let record = sealer.record(table, &json).expect("it was sealed");
    assert!(sealer.open_record(&sealed).expect("it was sealed") == record);
    let text = serde_json::to_string(&sealed).expect("a sealed record");
    let read: SealedRecord = serde_json::from_str(&text).expect("a sealed record");
    assert!(read == sealed);
    // JSON cannot hold every number of numeric and jsonb; what it holds is sealed again to the same values.
    if let Ok(opened) = sealer.open::<Value>(&read) {
        let again = sealer.seal(table, &opened);
        assert!(again.is_err() || again.and_then(|again| sealer.open_record(&again)).is_ok());
    }
    let again = sealer.seal_record(table, &record).expect("it was sealed");
    assert!(sealer.open_record(&again).expect("it was sealed") == record);
}

/// A sealed record of the fuzzer's.
fn stored(bytes: &[u8], world: &World) {
    if let Ok(record) = serde_json::from_slice::<SealedRecord>(bytes) {
        let opened = world.sealer.open::<Value>(&record);
        let listed = world.sealer.open_record(&record);
        // Keys are drawn anew in every process: of a signed table nothing opens.
        if matches!(record.table(), "staff" | "shift") {
            assert!(opened.is_err() && listed.is_err());
        }
    }
}

/// A genuine record with parts changed. Only the plain column `mark` may change.
fn changed(choices: &mut Choices<'_>, world: &World) {
    let genuine = &world.staff[0];
    let mut record = genuine.clone();
    let names: Vec<String> = genuine.columns().map(|(name, _)| name.to_owned()).collect();
    for _ in 0..=choices.below(3) {
        let name = choices.of(&names);
        match choices.below(4) {
            0 => record.set_bytes(name, None),
            1 => {
                let other = world.staff[1].bytes(name).map(<[u8]>::to_vec);
                record.set_bytes(name, other.as_deref());
            }
            2 => record.set_bytes(name, Some(choices.part())),
            _ => {
                let mut bytes = record.bytes(name).unwrap_or_default().to_vec();
                let (at, bit) = (choices.word(), choices.below(8));
                let length = bytes.len().max(1);
                if let Some(byte) = bytes.get_mut(at % length) {
                    *byte ^= 1 << bit;
                }
                record.set_bytes(name, Some(&bytes));
            }
        }
    }
    let opened = world.sealer.open_record(&record).is_ok();
    if let Ok(record) = &world.sealer.open::<Value>(&record) {
        assert!(record.is_object());
    }
    let mark = record.bytes("mark").map(<[u8]>::to_vec);
    record.set_bytes("mark", genuine.bytes("mark"));
    let valid = mark.is_none_or(|mark| std::str::from_utf8(&mark).is_ok_and(|text| !text.contains('\0')));
    assert_eq!(opened, valid && record == *genuine);
}

fn seeds() -> Vec<Vec<u8>> {
    let records = [
        (0, json!({ "id": 1, "ssn": "1", "dob": "1990-05-17", "is_vip": true, "notes": "", "tenant_id": null })),
        (0, json!({ "id": 1, "ext_id": "00000000-0000-4000-8000-000000000001", "created_at": "2026-01-01T00:00:00Z" })),
        (1, json!({ "id": 1, "iban": "DE00", "pin": [1, 2, 255], "balance": "12.345", "credit_limit": -7 })),
        (2, json!({ "id": "00000000-0000-4000-8000-000000000001", "room": "a", "meta": { "a": [1.5, "x"] } })),
        (2, json!({ "id": "00000000-0000-4000-8000-000000000001", "room": "a", "raw": [1], "noted": "infinity" })),
        (3, json!({ "id": 1, "email": "a", "code": "b", "grade": 3, "pay": 12, "team": "red", "since": "2020-01-01" })),
        (4, json!({ "id": 1, "staff_id": 2, "email": "a", "hours": 8 })),
    ];
    let mut seeds: Vec<Vec<u8>> =
        records.iter().map(|(table, json)| [&[2, *table], json.to_string().as_bytes()].concat()).collect();
    let sealed =
        json!({ "pgseal_table": "staff", "pgseal_columns": { "id": [0, 0, 0, 0, 0, 0, 0, 1], "email": null } });
    seeds.push([b"\0", sealed.to_string().as_bytes()].concat());
    seeds.push(b"\x01\x00\x03\x03\x00\x05\x02".to_vec());
    seeds.push(b"\x01\x01\x02\x01\x04\x02\x02hi".to_vec());
    seeds
}
