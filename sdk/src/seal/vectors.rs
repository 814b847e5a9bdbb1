//! The frozen vectors under `tests/vectors/`: opened and reproduced, never regenerated. `tests/decoder/decode.py`
//! does the same without a line of this crate.

use serde_json::Value;

use super::aad::{self, ContextPart, Place};
use super::beacon;
use super::cell::{self, Content, Envelope, Nonces};
use super::signature::{self, Head};
use crate::crypto::secret::Secret;
use crate::keys::keyring::local::{LocalKeyring, RootKey};
use crate::keys::keyring::raw::RawKeyring;
use crate::keys::keyring::{Keyring, MultiKeyring, WrapContext, wrapped};
use crate::keys::material::{KeyCommit, derivation_for_tests};
use crate::keys::store::{Item, Kind, State};
use crate::keys::{BeaconKey, BranchKey, Uuid};
use crate::schema::names::{BeaconKind, beacon_full_name};
use crate::schema::{Action, Suite};
use crate::value::{self, Family, Format, Settings, Type};

/// The cases of one file of version 1.
macro_rules! cases {
    ($name:literal) => {{
        let file: Value =
            serde_json::from_str(include_str!(concat!("../../../tests/vectors/v1/", $name, ".json"))).unwrap();
        let cases = file["cases"].as_array().unwrap().clone();
        assert!(!cases.is_empty());
        cases
    }};
}

fn unhex(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap();
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn optional(value: &Value) -> Option<Vec<u8>> {
    (!value.is_null()).then(|| unhex(value))
}

fn array<const N: usize>(value: &Value) -> [u8; N] {
    unhex(value).try_into().unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn family(value: &Value) -> Family {
    Family(value.as_u64().unwrap().try_into().unwrap())
}

fn branch(case: &Value) -> BranchKey {
    let version: Uuid = text(&case["version"]).parse().unwrap();
    BranchKey::new(text(&case["id"]).into(), version, 1, 0, Secret::new(array(&case["key"])))
}

#[test]
fn values_are_frozen_val_1_val_2_val_3() {
    for case in cases!("values") {
        let ty = Type::from_name(text(&case["type"])).unwrap();
        assert_eq!(ty.family(), family(&case["family"]));
        assert_eq!(ty.equality().map(|family| u64::from(family.0)), case["equality_family"].as_u64());
        let settings = Settings::default();
        let Ok(value) = value::Value::parse(&ty, Format::Text, text(&case["text"]).as_bytes(), &settings) else {
            panic!("{} does not parse", case["what"]);
        };
        let (mut stored, mut equality, mut again) = (Vec::new(), Vec::new(), Vec::new());
        value.write_stored(&ty, &mut stored);
        assert_eq!(stored, unhex(&case["stored"]), "{}", case["what"]);
        if ty.equality().is_some() {
            value.write_equality(&ty, &mut equality);
        }
        assert_eq!(equality, optional(&case["equality"]).unwrap_or_default(), "{}", case["what"]);
        let Ok(read) = value::Value::read_stored(&ty, &stored) else {
            panic!("{} is not read back", case["what"]);
        };
        read.render(&ty, Format::Text, &settings, &mut again).unwrap();
        assert_eq!(String::from_utf8(again).unwrap(), text(&case["text"]));
    }
}

#[test]
fn key_derivation_is_frozen_key_2_key_3() {
    for case in cases!("derivation") {
        let commit = KeyCommit::of(&Secret::new(array(&case["key"])));
        assert_eq!(commit.0, array(&case["commit"]));
        assert_eq!(commit.key_ref().0, array(&case["key_ref"]));
        for table in case["tables"].as_array().unwrap() {
            let (cell, row_mac) = derivation_for_tests(&Secret::new(array(&case["key"])), text(&table["table"]));
            assert_eq!(*cell.expose(), array(&table["cell"]));
            assert_eq!(*row_mac.expose(), array(&table["row_mac"]));
        }
    }
}

#[tokio::test]
async fn wraps_are_frozen_key_1() {
    for case in cases!("wraps") {
        let stored = &case["item"];
        let bytes = unhex(&case["wrapped"]);
        let (commit, wraps) = wrapped::parse_list(&bytes).unwrap();
        let item = Item {
            id: text(&stored["id"]).into(),
            kind: Kind::parse(text(&stored["kind"])).unwrap(),
            version: text(&stored["version"]).parse().unwrap(),
            generation: stored["generation"].as_u64().unwrap(),
            state: State::Active,
            commit,
            wraps,
            created: stored["created"].as_i64().unwrap(),
        };
        let context = WrapContext::of(&item, text(&stored["store"]).parse().unwrap());
        let key = array::<32>(&case["key"]);
        let mut keyrings: Vec<std::sync::Arc<dyn Keyring>> = Vec::new();
        for keyring in case["keyrings"].as_array().unwrap() {
            let root = Secret::new(array(&keyring["root"]));
            let keyring: std::sync::Arc<dyn Keyring> = match keyring["provider"].as_u64().unwrap() {
                1 => std::sync::Arc::new(RawKeyring::new(&root)),
                _ => std::sync::Arc::new(LocalKeyring::new(text(&keyring["name"]), &RootKey::new(root))),
            };
            assert_eq!(*keyring.unwrap(&context, &item.wraps).await.unwrap().expose(), key);
            keyrings.push(keyring);
        }
        let all = MultiKeyring::new(keyrings.remove(0), keyrings);
        let again = all.wrap(&context, &Secret::new(key)).await.unwrap();
        assert_eq!(wrapped::write_list(KeyCommit::of(&Secret::new(key)), &again), bytes, "{}", case["what"]);
    }
}

#[test]
fn contexts_are_frozen_cell_5() {
    for case in cases!("contexts") {
        let parts = case["parts"].as_array().unwrap();
        let equalities: Vec<_> = parts.iter().map(|part| unhex(&part["equality"])).collect();
        let parts: Vec<_> = parts
            .iter()
            .zip(&equalities)
            .map(|(part, equality)| ContextPart {
                name: text(&part["name"]),
                family: family(&part["family"]),
                equality,
            })
            .collect();
        assert_eq!(aad::context(&parts), unhex(&case["context"]), "{}", case["what"]);
    }
}

#[test]
fn cells_are_frozen_cell_1_cell_3_cell_4() {
    for case in cases!("cells") {
        let (key, context, bytes) = (branch(&case), unhex(&case["context"]), unhex(&case["cell"]));
        let (table, column) = (text(&case["table"]), text(&case["column"]));
        let place = Place { key: &key, table, column, family: family(&case["family"]), context: &context };
        let stored = optional(&case["stored"]);

        let envelope = Envelope::parse(&bytes).unwrap();
        assert_eq!(envelope.key_ref(), key.key_ref());
        let derived = key.table(table).cell.derive(&envelope.prefix());
        let mut scratch = Vec::new();
        assert_eq!(envelope.open(&derived, &place, &mut scratch).unwrap(), stored.as_deref(), "{}", case["what"]);

        let mut nonces = Nonces::fixed(array(&case["nonce"]));
        let pad = case["pad"].as_u64().map(|pad| pad.try_into().unwrap());
        let derived = nonces.derive(&key.table(table).cell);
        let nonce = nonces.next().unwrap();
        let content = match &stored {
            None => Content::Null,
            Some(stored) => Content::Value(|out: &mut Vec<u8>| out.extend_from_slice(stored)),
        };
        assert_eq!(cell::seal(&derived, &nonce, &place, content, pad).unwrap(), bytes, "{}", case["what"]);
    }
}

#[test]
fn signatures_are_frozen_sig_1_sig_2() {
    for case in cases!("signatures") {
        let (key, table) = (branch(&case), text(&case["table"]));
        let columns = case["columns"].as_array().unwrap();
        let set = case["set"].as_u64().unwrap().try_into().unwrap();
        let mut record = Vec::new();
        Head { suite: Suite::HmacSha384, set, key: &key, table, columns: columns.len() }.put(&mut record);
        for column in columns {
            let action: Action = serde_json::from_value(column["action"].clone()).unwrap();
            let bytes = optional(&column["bytes"]);
            let (name, family) = (text(&column["name"]), family(&column["family"]));
            signature::put_column(&mut record, name, action, family, bytes.as_deref());
        }
        let beacons = case["beacons"].as_array().unwrap();
        signature::put_count(&mut record, beacons.len());
        for beacon in beacons {
            signature::put_beacon(&mut record, text(&beacon["name"]), optional(&beacon["tag"]).as_deref());
        }
        assert_eq!(record, unhex(&case["record"]), "{}", case["what"]);

        let tag = key.table(table).row_mac.tag(&record);
        let envelope = signature::Envelope { suite: 1, key_ref: key.key_ref(), set, tag };
        assert_eq!(envelope.to_bytes().as_slice(), unhex(&case["signature"]), "{}", case["what"]);
    }
}

#[test]
fn beacons_are_frozen_bcn_1_bcn_2() {
    for case in cases!("beacons") {
        let (table, name) = (text(&case["table"]), text(&case["name"]));
        let epoch = case["epoch"].as_u64().unwrap();
        let kind = match text(&case["kind"]) {
            "exact" => BeaconKind::Exact,
            _ => BeaconKind::Standard,
        };
        let full_name = beacon_full_name(table, name, kind, epoch);
        assert_eq!(full_name, text(&case["full_name"]));
        let key = BeaconKey::new("cards".into(), Uuid([0; 16]), epoch, Secret::new(array(&case["key"])));
        let (key, equality) = (key.beacon(&full_name), unhex(&case["equality"]));
        match kind {
            BeaconKind::Exact => assert_eq!(beacon::exact(&key, &equality), array(&case["tag"])),
            BeaconKind::Standard => {
                let length = case["length"].as_u64().unwrap().try_into().unwrap();
                assert_eq!(beacon::standard(&key, &equality, length), case["tag"].as_i64().unwrap());
            }
        }
    }
}
