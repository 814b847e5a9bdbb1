//! Whatever holds keys: wrapped keys, the key store in a file, files and URIs of wrapping keys.
//!
//! What is parsed is written again as the same bytes. A store that somebody edited gives the key that was put into it,
//! or none.
#![no_main]

use std::cell::LazyCell;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use pgseal::crypto::secret::Secret;
use pgseal::keys::cache::Pins;
use pgseal::keys::keyring::local::{LocalKeyring, RootKey};
use pgseal::keys::keyring::raw::RawKeyring;
use pgseal::keys::keyring::wrapped::{self, Wrapped};
use pgseal::keys::keyring::{Keyring, MultiKeyring, WrapContext};
use pgseal::keys::store::file::FileStore;
use pgseal::keys::store::{Item, Kind, State};
use pgseal::keys::{KeyCache, KeyCommit, KeySource, KeyStore, Uuid};
use pgseal::schema::keyring_uri::{KeyringUri, RawSource};
use pgseal_fuzz::{Choices, seeds};

const ID: &str = "cards";
const BRANCH: [u8; 32] = [3; 32];
const BEACON: [u8; 32] = [4; 32];

struct World {
    runtime: tokio::runtime::Runtime,
    directory: PathBuf,
    keyring: Arc<dyn Keyring>,
}

thread_local! {
    static WORLD: LazyCell<World> = LazyCell::new(|| {
        let directory = std::env::temp_dir().join(format!("pgseal-fuzz-keys-{}", std::process::id()));
        std::fs::create_dir_all(&directory).expect("a folder");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        World { runtime, directory, keyring: keyring() }
    });
}

fn keyring() -> Arc<dyn Keyring> {
    let local = LocalKeyring::new("one", &RootKey::new(Secret::new([6; 32])));
    Arc::new(MultiKeyring::new(Arc::new(RawKeyring::new(&Secret::new([5; 32]))), vec![Arc::new(local)]))
}

fuzz_target!(init: seeds::offer(seeds), |data: &[u8]| {
    let mut choices = Choices::new(data);
    match choices.below(6) {
        0 => wraps(choices.rest()),
        1 => uri(choices.rest()),
        2 => WORLD.with(|world| key_file(choices.rest(), world)),
        3 => WORLD.with(|world| unwrap(&mut choices, world)),
        _ => WORLD.with(|world| store(choices.rest(), world)),
    }
});

fn wraps(bytes: &[u8]) {
    if let Ok((commit, wraps)) = wrapped::parse_list(bytes) {
        assert_eq!(wrapped::write_list(commit, &wraps), bytes);
    }
    if let Ok(wrap) = Wrapped::parse(bytes) {
        assert_eq!(wrap.to_bytes(), bytes);
    }
}

fn uri(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match text.parse::<KeyringUri>() {
        Ok(uri) => assert_eq!(uri.to_string(), text),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    if let Ok(uuid) = text.parse::<Uuid>() {
        assert_eq!(uuid.to_string(), text);
    }
}

/// A wrapping key as bytes or hex, and a root key.
fn key_file(bytes: &[u8], world: &World) {
    let file = world.directory.join("a.key");
    std::fs::write(&file, bytes).expect("a file");
    if RawKeyring::from_source(&RawSource::File(file.clone())).is_ok() {
        assert!(bytes.len() == 32 || bytes.trim_ascii().len() == 64);
    }
    assert!(!RootKey::open(&file).is_ok_and(|_| bytes.len() != 32));
}

/// Wraps of the fuzzer's under a context of the fuzzer's.
fn unwrap(choices: &mut Choices<'_>, world: &World) {
    let mut item = item(Kind::Branch, BRANCH);
    let genuine = item.clone();
    if choices.yes() {
        item.id = String::from_utf8_lossy(choices.part()).into_owned();
    }
    if choices.yes() {
        item.generation = choices.word() as u64;
    }
    if choices.yes() {
        item.kind = Kind::Beacon;
    }
    if let Ok((commit, wraps)) = wrapped::parse_list(choices.rest()) {
        item.commit = commit;
        item.wraps = wraps;
    }
    let context = WrapContext::of(&item, STORE);
    if let Ok(key) = world.runtime.block_on(world.keyring.unwrap(&context, &item.wraps)) {
        assert!(*key.expose() == BRANCH && context == WrapContext::of(&genuine, STORE));
    }
}

/// A key store whose file is foreign.
fn store(bytes: &[u8], world: &World) {
    let file = world.directory.join("store.json");
    std::fs::write(&file, bytes).expect("a file");
    let Ok(store) = FileStore::open(&file) else { return };
    world.runtime.block_on(async {
        let _ = store.uuid().await;
        if let Ok(items) = store.list(ID).await {
            for item in &items {
                let (commit, wraps) = wrapped::parse_list(&item.wrapped()).expect("what was written");
                assert!(commit == item.commit && wraps == item.wraps);
            }
        }
        let cache = KeyCache::new(Duration::from_secs(300));
        cache.register(ID, Arc::clone(&world.keyring), Pins::default());
        if cache.load(&store, &[ID]).await.is_ok() {
            let commits = [BRANCH, BEACON].map(|key| KeyCommit::of(&Secret::new(key)));
            assert!(cache.sealing(ID).map_or(true, |key| key.commit() == commits[0]));
            assert!(cache.beacon(ID).map_or(true, |key| key.commit() == commits[1]));
        }
    });
}

const STORE: Uuid = Uuid([7; 16]);

/// The item of a key, wrapped by both members of the keyring: SIV draws nothing, so it is the same every time.
fn item(kind: Kind, key: [u8; 32]) -> Item {
    let key = Secret::new(key);
    let mut item = Item {
        id: ID.to_owned(),
        kind,
        version: Uuid(if kind == Kind::Branch { [1; 16] } else { [2; 16] }),
        generation: 1,
        state: State::Active,
        commit: KeyCommit::of(&key),
        wraps: Vec::new(),
        created: 1_700_000_000_000_000,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    item.wraps = runtime.block_on(keyring().wrap(&WrapContext::of(&item, STORE), &key)).expect("wraps");
    item
}

/// The file of a store that holds both keys.
fn stored() -> String {
    let keys: Vec<serde_json::Value> = [item(Kind::Branch, BRANCH), item(Kind::Beacon, BEACON)]
        .iter()
        .map(|item| {
            serde_json::json!({
                "id": item.id,
                "kind": item.kind.as_str(),
                "version": item.version.to_string(),
                "key_ref": item.key_ref().to_string(),
                "generation": item.generation,
                "state": item.state.as_str(),
                "wrapped": item.wrapped().iter().map(|byte| format!("{byte:02x}")).collect::<String>(),
                "created_us": item.created,
            })
        })
        .collect();
    serde_json::json!({ "version": 1, "store": STORE.to_string(), "keys": keys }).to_string()
}

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = seeds::vectors(include_str!("../../vectors/v1/wraps.json"))
        .iter()
        .map(|case| [&[0], &seeds::unhex(&case["wrapped"])[..]].concat())
        .collect();
    let genuine = item(Kind::Branch, BRANCH);
    seeds.push([&[0], &genuine.wraps[1].to_bytes()[..]].concat());
    seeds.push([&[3, 0, 0, 0], &genuine.wrapped()[..]].concat());
    seeds.push([&[3, 1, 2, b'n', b'o', 0, 1], &genuine.wrapped()[..]].concat());
    for uri in ["local:customer-data", "raw:file=/etc/key", "raw:env=KEY", "aws-kms:arn:aws:kms:x", "local:"] {
        seeds.push([b"\x01", uri.as_bytes()].concat());
    }
    seeds.push([&[1], STORE.to_string().as_bytes()].concat());
    seeds.push([&[2], &[9; 32][..]].concat());
    seeds.push([&[2], "aB".repeat(32).as_bytes(), b"\n"].concat());
    let store = stored();
    seeds.push([b"\x04", store.as_bytes()].concat());
    for (from, to) in [("\"active\"", "\"disabled\""), ("\"branch\"", "\"beacon\""), ("\"cards\"", "\"other\"")] {
        seeds.push([b"\x04", store.replace(from, to).as_bytes()].concat());
    }
    seeds
}
