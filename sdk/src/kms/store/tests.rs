//! Stores on a disk.

use serde_json::json;

use super::*;
use crate::crypto::secret::Secret;
use crate::keys::test_dir::TestDir;
use crate::kms::audit;

const NOW: Seconds = 1_700_000_000;

fn root() -> Root {
    Root::Key(Secret::new([7; 32]))
}

fn create(dir: &TestDir) -> (Paths, Store) {
    let paths = Paths::beside(&dir.path().join("keys.kms"));
    let state = State::new("111122223333", "eu-central-1").unwrap();
    let store = Store::create(&paths, &root(), state, NOW).unwrap();
    (paths, store)
}

fn ask(store: &mut Store, action: &str, body: serde_json::Value) -> Result<serde_json::Value, KmsError> {
    let identity = store.state().root().unwrap();
    let serde_json::Value::Object(map) = body else { panic!("an object") };
    store.call(&identity, action, &Body::new(map), NOW, Origin::default()).unwrap().result
}

fn key(store: &mut Store) -> String {
    let made = ask(store, "CreateKey", json!({})).unwrap();
    made["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned()
}

fn copy(from: &Paths, to: &Path) -> Paths {
    let to = Paths::beside(to);
    for (from, to) in [(&from.store, &to.store), (&from.anchor, &to.anchor), (&from.audit, &to.audit)] {
        fs::copy(from, to).unwrap();
    }
    to
}

#[test]
fn what_was_made_is_there_when_the_store_is_opened_again() {
    let dir = TestDir::new();
    let (paths, mut store) = create(&dir);
    let id = key(&mut store);
    let sealed = ask(&mut store, "Encrypt", json!({ "KeyId": id, "Plaintext": "eA==" })).unwrap();
    drop(store);
    let mut store = Store::open(&paths, &root(), 1).unwrap();
    let opened = ask(&mut store, "Decrypt", json!({ "CiphertextBlob": sealed["CiphertextBlob"] })).unwrap();
    assert_eq!(opened["Plaintext"], "eA==");
    assert!(matches!(
        Store::create(&paths, &root(), State::new("111122223333", "x").unwrap(), NOW),
        Err(StoreError::Exists(_))
    ));
    #[cfg(unix)]
    for file in [&paths.store, &paths.anchor, &paths.audit] {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn a_store_that_was_copied_back_is_refused() {
    let dir = TestDir::new();
    let (paths, mut store) = create(&dir);
    key(&mut store);
    let yesterday = copy(&paths, &dir.path().join("yesterday"));
    key(&mut store);
    drop(store);
    fs::copy(&yesterday.store, &paths.store).unwrap();
    assert!(matches!(Store::open(&paths, &root(), 1), Err(StoreError::Older { found: 1, known: 2 })));
    fs::remove_file(&paths.anchor).unwrap();
    assert!(matches!(Store::open(&paths, &root(), 1), Err(StoreError::NoAnchor(_))));
    Store::anchor_anew(&paths, &root(), NOW).unwrap();
    assert_eq!(Store::open(&paths, &root(), 1).unwrap().state().keys.len(), 1, "a restore that was meant");
}

#[test]
fn a_running_service_does_not_take_up_an_older_store() {
    let dir = TestDir::new();
    let (paths, mut store) = create(&dir);
    let yesterday = copy(&paths, &dir.path().join("yesterday"));
    key(&mut store);
    fs::copy(&yesterday.store, &paths.store).unwrap();
    assert!(matches!(store.refresh(), Err(StoreError::Older { found: 0, known: 1 })));
}

#[test]
fn an_anchor_of_another_store_or_a_changed_one_is_refused() {
    let dir = TestDir::new();
    let (paths, _) = create(&dir);
    let text = fs::read_to_string(&paths.anchor).unwrap();
    fs::write(&paths.anchor, text.replace("\"audit_records\":1", "\"audit_records\":0")).unwrap();
    assert!(matches!(Store::open(&paths, &root(), 1), Err(StoreError::ForeignAnchor(_))));
}

#[test]
fn killed_before_the_rename_leaves_the_old_state_and_behind_it_the_new_one() {
    let dir = TestDir::new();
    let (paths, mut store) = create(&dir);
    key(&mut store);
    let (old, old_anchor) = (fs::read(&paths.store).unwrap(), fs::read(&paths.anchor).unwrap());
    key(&mut store);
    let new = fs::read(&paths.store).unwrap();
    drop(store);
    // Every length that the draft can have had.
    fs::write(&paths.store, &old).unwrap();
    fs::write(&paths.anchor, &old_anchor).unwrap();
    for len in [0, 1, 50, new.len() - 1, new.len()] {
        fs::write(with(&paths.store, ".new"), &new[..len]).unwrap();
        assert_eq!(Store::open(&paths, &root(), 1).unwrap().state().keys.len(), 1);
    }
    // Renamed, and the anchor not written.
    fs::write(&paths.store, &new).unwrap();
    let mut store = Store::open(&paths, &root(), 1).unwrap();
    assert_eq!(store.state().keys.len(), 2);
    key(&mut store);
}

#[test]
fn two_processes_use_one_store() {
    let dir = TestDir::new();
    let (paths, mut one) = create(&dir);
    let mut two = Store::open(&paths, &root(), 1000).unwrap();
    let id = key(&mut one);
    let sealed = ask(&mut two, "Encrypt", json!({ "KeyId": id, "Plaintext": "eA==" })).unwrap();
    ask(&mut two, "DisableKey", json!({ "KeyId": id })).unwrap();
    let refused = ask(&mut one, "Decrypt", json!({ "CiphertextBlob": sealed["CiphertextBlob"] })).unwrap_err();
    assert_eq!(refused.code, Code::DISABLED, "effective at once");
    assert_eq!(one.state().keys[&id].versions[0].counted.uses, 1000, "leased, so counted");
    one.checkpoint(NOW).unwrap();
    two.checkpoint(NOW).unwrap();
    let log = fs::read_to_string(&paths.audit).unwrap();
    let (state, head) = (two.state(), two.audit_head());
    let report = audit::verify(&log, &state.store, &state.audit_public, Some(head)).unwrap();
    assert_eq!((report.head.records, report.checkpoints, report.unsigned), (7, 3, 0));
}

#[test]
fn a_cut_log_is_refused_and_a_torn_line_goes() {
    let dir = TestDir::new();
    let (paths, mut store) = create(&dir);
    key(&mut store);
    store.checkpoint(NOW).unwrap();
    drop(store);
    let log = fs::read(&paths.audit).unwrap();
    fs::write(&paths.audit, [&log[..], b"0123 {\"n\":"].concat()).unwrap();
    drop(Store::open(&paths, &root(), 1).unwrap());
    assert_eq!(fs::read(&paths.audit).unwrap(), log);
    let lines = log.split_inclusive(|byte| *byte == b'\n').collect::<Vec<_>>();
    fs::write(&paths.audit, lines[..lines.len() - 1].concat()).unwrap();
    assert!(matches!(Store::open(&paths, &root(), 1), Err(StoreError::AuditCut { known: 3, .. })));
}

#[test]
fn every_decision_is_in_the_log_and_no_plaintext_is() {
    let dir = TestDir::new();
    let (paths, mut store) = create(&dir);
    let id = key(&mut store);
    let body = json!({ "KeyId": id, "Plaintext": "c2VjcmV0", "EncryptionContext": { "tenant": "a" } });
    ask(&mut store, "Encrypt", body).unwrap();
    ask(&mut store, "Decrypt", json!({ "CiphertextBlob": "c2VjcmV0" })).unwrap_err();
    let log = fs::read_to_string(&paths.audit).unwrap();
    let entries: Vec<serde_json::Value> =
        log.lines().map(|line| serde_json::from_str(line.split_once(' ').unwrap().1).unwrap()).collect();
    let encrypt = &entries[2];
    assert_eq!((&encrypt["action"], &encrypt["outcome"]), (&json!("Encrypt"), &json!("ok")));
    assert_eq!(encrypt["decisions"][0]["reason"], "key policy names the caller");
    assert_eq!(encrypt["context"], json!({ "tenant": "a" }));
    assert_eq!(entries[3]["outcome"], "InvalidCiphertextException");
    assert!(!log.contains("secret") && !log.contains("c2VjcmV0"));
}
