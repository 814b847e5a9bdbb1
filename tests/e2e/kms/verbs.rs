//! Every operation as a verb for files and pipes.

use serde_json::Value;

use super::House;

#[test]
fn what_is_encrypted_in_a_pipe_opens_with_its_context_alone() {
    let house = House::new("pipe");
    house.text(&["key", "create", "--alias", "alias/app"]);
    let sealed = house.ok(&["encrypt", "alias/app", "--context", "tenant=a"], b"secret");
    assert_eq!(house.ok(&["decrypt", "--context", "tenant=a"], &sealed), b"secret");
    let complaint = house.fails(&["decrypt", "--context", "tenant=b"], &sealed, 1);
    assert!(complaint.contains("InvalidCiphertextException"), "{complaint}");
    house.text(&["key", "rotate", "alias/app"]);
    assert_eq!(house.ok(&["decrypt", "--context", "tenant=a"], &sealed), b"secret");
    house.text(&["key", "disable", "alias/app"]);
    assert!(house.fails(&["decrypt", "--context", "tenant=a"], &sealed, 1).contains("DisabledException"));
}

#[test]
fn signatures_and_tags_go_through_files() {
    let house = House::new("signatures");
    let key = house.text(&["key", "create", "--key-spec", "ECC_NIST_P384", "--key-usage", "SIGN_VERIFY"]);
    let sign = ["sign", &key, "--algorithm", "ECDSA_SHA_384", "--out", "sig"];
    house.ok(&sign, b"message");
    let verify = ["verify", &key, "--algorithm", "ECDSA_SHA_384", "--signature", "sig"];
    house.ok(&verify, b"message");
    assert!(house.fails(&verify, b"massage", 1).contains("KMSInvalidSignatureException"));
    let key = house.text(&["key", "create", "--key-spec", "HMAC_256", "--key-usage", "GENERATE_VERIFY_MAC"]);
    house.ok(&["mac", &key, "--out", "tag"], b"message");
    house.ok(&["verify-mac", &key, "--mac", "tag"], b"message");
    assert!(house.fails(&["verify-mac", &key, "--mac", "tag"], b"massage", 1).contains("KMSInvalidMacException"));
    assert_eq!(house.ok(&["random", "32"], b"").len(), 32);
}

#[test]
fn a_caller_without_a_right_is_denied_until_a_grant_and_after_its_end() {
    let house = House::new("grant");
    let role = "arn:aws:iam::111122223333:role/app";
    house.text(&["key", "create", "--alias", "alias/app"]);
    house.text(&["caller", "add", "app", "--arn", role]);
    let sealed = house.ok(&["encrypt", "alias/app"], b"x");
    assert!(house.fails(&["decrypt", "--as", "app"], &sealed, 1).contains("AccessDeniedException"));
    let grant =
        house.text(&["grant", "create", "alias/app", "--grantee", role, "--operation", "Decrypt", "--for", "1h"]);
    assert_eq!(house.ok(&["decrypt", "--as", "app"], &sealed), b"x");
    let listed: Value = serde_json::from_str(&house.text(&["grant", "list", "alias/app", "--output", "json"])).unwrap();
    let (made, ends) = (&listed["Grants"][0]["CreationDate"], &listed["Grants"][0]["ExpirationDate"]);
    assert_eq!(ends.as_i64().unwrap() - made.as_i64().unwrap(), 3600);
    house.text(&["grant", "revoke", "alias/app", &grant]);
    assert!(house.fails(&["decrypt", "--as", "app"], &sealed, 1).contains("AccessDeniedException"));
}

#[test]
fn a_key_at_its_limit_is_refused_and_says_whose_limit_it_is() {
    let house = House::new("limit");
    house.text(&["key", "create", "--alias", "alias/app"]);
    house.text(&["key", "limit", "alias/app", "--uses", "5"]);
    for used in 1..=5 {
        let output = house.run(&["encrypt", "alias/app"], b"x");
        let warned = String::from_utf8_lossy(&output.stderr).contains("% of its limit");
        assert!(output.status.success() && warned == (used >= 4), "use {used}");
    }
    let complaint = house.fails(&["encrypt", "alias/app"], b"x", 1);
    assert!(complaint.contains("LimitExceededException") && complaint.contains("set by the owner of the key"));
    house.text(&["key", "rotate", "alias/app"]);
    house.ok(&["encrypt", "alias/app"], b"x");
}

#[test]
fn a_changed_audit_log_is_found_and_a_copied_back_store_refused() {
    let house = House::new("audit");
    house.text(&["key", "create", "--alias", "alias/app"]);
    let yesterday = std::fs::read(house.file("keys.kms")).unwrap();
    house.text(&["key", "rotate", "alias/app"]);
    assert!(house.text(&["audit", "verify"]).starts_with("the log holds"));
    let key = house.text(&["audit", "key"]);
    let offline: Vec<&str> =
        ["audit", "verify", "--log", "keys.kms.audit"].into_iter().chain(key.split_whitespace()).collect();
    house.text(&offline);
    let log = std::fs::read_to_string(house.file("keys.kms.audit")).unwrap();
    std::fs::write(house.file("keys.kms.audit"), log.replacen("RotateKeyOnDemand", "DescribeKey", 1)).unwrap();
    assert!(house.fails(&offline, b"", 1).contains("does not hold"));
    assert!(house.fails(&["audit", "verify"], b"", 1).contains("was cut or replaced"), "the anchor knows its length");
    std::fs::write(house.file("keys.kms.audit"), log).unwrap();
    std::fs::write(house.file("keys.kms"), yesterday).unwrap();
    assert!(house.fails(&["key", "list"], b"", 1).contains("older than its anchor knows"));
}

#[test]
fn policies_are_tested_shown_and_replaced() {
    let house = House::new("policy");
    let cases = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vectors/kms/authz.jsonl");
    assert!(house.text(&["policy", "test", "--cases", cases]).ends_with("900 agree, 0 differ"));
    let line = std::fs::read_to_string(cases).unwrap().lines().next().unwrap().to_owned();
    std::fs::write(house.file("wrong"), line.replacen("\"expect\": false", "\"expect\": true", 1)).unwrap();
    let output = house.run(&["policy", "test", "--cases", "wrong"], b"");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stdout).unwrap().ends_with("0 agree, 1 differ\n"));
    let key = house.text(&["key", "create"]);
    let policy = house.text(&["policy", "get", &key]);
    assert!(policy.contains("arn:aws:iam::111122223333:root"));
    std::fs::write(house.file("policy"), policy.replace("111122223333", "444455556666")).unwrap();
    let complaint = house.fails(&["policy", "put", &key, "--policy", "policy"], b"", 1);
    assert!(complaint.contains("will not allow you to update the key policy"), "{complaint}");
}

#[test]
fn a_passphrase_seals_a_store_as_well() {
    let house = House::new("passphrase");
    std::fs::write(house.file("phrase"), "correct horse battery staple\n").unwrap();
    assert!(house.fails(&["key", "list", "--passphrase-file", "phrase"], b"", 1).contains("chmod 600"));
    std::fs::set_permissions(house.file("phrase"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let with = ["--store", "other.kms", "--passphrase-file", "phrase"];
    let words = |words: &[&'static str]| [words, &with[..]].concat();
    house.text(&words(&["init"]));
    let key = house.text(&words(&["key", "create"]));
    assert!(house.text(&words(&["key", "list"])).starts_with(&key));
    assert!(
        house
            .fails(&["key", "list", "--store", "other.kms", "--key-file", "keys.kms.key"], b"", 1)
            .contains("a passphrase")
    );
}

#[test]
fn the_service_does_not_listen_beyond_this_machine_by_itself() {
    let house = House::new("loopback");
    let complaint = house.fails(&["serve", "--listen", "0.0.0.0:0"], b"", 64);
    assert!(complaint.contains("--clear-text-beyond-loopback"));
    assert!(house.fails(&["key", "list", "--store", "none.kms"], b"", 1).contains("none.kms"));
    assert!(house.fails(&["init"], b"", 1).contains("is there already"));
}
