//! Dry runs, limits, bad parameters, pages.

use super::*;

#[test]
fn a_dry_run_checks_everything_and_does_nothing() {
    let mut house = House::new();
    let key = house.symmetric();
    let text = "The request would have succeeded, but the DryRun option is set.";
    house.fails("GenerateDataKey", json!({ "KeyId": key, "KeySpec": "AES_256", "DryRun": true }), Code::DRY_RUN, text);
    house.fails(
        "CreateGrant",
        json!({ "KeyId": key, "GranteePrincipal": APP, "Operations": ["Decrypt"], "DryRun": true }),
        Code::DRY_RUN,
        text,
    );
    assert!(house.state.keys[&key].grants.is_empty());
    house.caller("app", APP, json!([]));
    let denied = house.ask("app", "GenerateDataKey", json!({ "KeyId": key, "KeySpec": "AES_256", "DryRun": true }));
    assert_eq!(denied.unwrap_err().code, Code::ACCESS_DENIED);
}

#[test]
fn a_key_is_warned_about_from_80_percent_and_refused_at_its_limit() {
    let mut house = House::new();
    let key = house.symmetric();
    house.state.key_mut(&key).unwrap().limit = Some(10);
    let body = json!({ "KeyId": key, "Plaintext": "eA==" });
    for used in 1..=10 {
        let answer = house.full("root", "Encrypt", body.clone()).unwrap();
        assert!(answer.result.is_ok());
        assert_eq!(answer.warnings.is_empty(), used < 8, "use {used}");
    }
    let refused = house.ask("root", "Encrypt", body.clone()).unwrap_err();
    assert_eq!(refused.code, Code::LIMIT_EXCEEDED);
    assert!(refused.message.contains("limit of 10 uses (set by the owner of the key)"));
    assert_eq!(house.state.keys[&key].versions[0].counted, crate::kms::key::Count { uses: 10, bytes: 10 });
    house.ok("RotateKeyOnDemand", json!({ "KeyId": key }));
    assert!(house.ask("root", "Encrypt", body).is_ok(), "new material, new count");
}

#[test]
fn uses_are_counted_ahead_so_that_most_need_no_write() {
    let mut house = House::new();
    house.state.ahead = 100;
    let key = house.symmetric();
    let body = json!({ "KeyId": key, "Plaintext": "eA==" });
    house.state.durable = false;
    assert!(house.full("root", "Encrypt", body.clone()).is_none(), "the first takes a lease, which is stored");
    house.state.durable = true;
    house.ok("Encrypt", body.clone());
    house.state.durable = false;
    for _ in 1..100 {
        assert!(house.full("root", "Encrypt", body.clone()).is_some());
    }
    assert!(house.full("root", "Encrypt", body).is_none());
    assert_eq!(house.state.keys[&key].versions[0].counted.uses, 100);
}

#[test]
fn aws_texts_of_bad_parameters() {
    let mut house = House::new();
    let key = house.symmetric();
    let number = |value: i64, word: &str| {
        format!(
            "1 validation error detected: Value '{value}' at 'numberOfBytes' failed to satisfy constraint: Member must have value {word}"
        )
    };
    house.fails("GenerateRandom", json!({}), Code::VALIDATION, "NumberOfBytes is required.");
    house.fails(
        "GenerateRandom",
        json!({ "NumberOfBytes": 0 }),
        Code::VALIDATION,
        &number(0, "greater than or equal to 1"),
    );
    house.fails(
        "GenerateRandom",
        json!({ "NumberOfBytes": 1025 }),
        Code::VALIDATION,
        &number(1025, "less than or equal to 1024"),
    );
    house.fails(
        "Encrypt",
        json!({ "KeyId": key, "Plaintext": STANDARD.encode(vec![0; 4097]) }),
        Code::VALIDATION,
        "1 validation error detected: Value at 'plaintext' failed to satisfy constraint: Member must have length less than or equal to 4096",
    );
    house.fails(
        "CreateKey",
        json!({ "KeySpec": "RSA_2048" }),
        Code::VALIDATION,
        "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.",
    );
    house.fails(
        "CreateAlias",
        json!({ "AliasName": "x", "TargetKeyId": key }),
        Code::VALIDATION,
        "Alias must start with the prefix \"alias/\". Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html",
    );
    house.fails(
        "ImportKeyMaterial",
        json!({}),
        Code::UNSUPPORTED,
        "ImportKeyMaterial is not supported by this key service",
    );
    house.fails("Nonsense", json!({}), Code::UNKNOWN_OPERATION, "");
    assert_eq!(house.ask("root", "Encrypt", json!({ "KeyId": 1 })).unwrap_err().code, Code::SERIALIZATION);
}

#[test]
fn lists_come_in_pages() {
    let mut house = House::new();
    let keys: std::collections::BTreeSet<String> = (0..5).map(|_| house.symmetric()).collect();
    let mut seen = std::collections::BTreeSet::new();
    let mut marker = Value::Null;
    loop {
        let page = house.ok("ListKeys", json!({ "Limit": 2, "Marker": marker }));
        seen.extend(page["Keys"].as_array().unwrap().iter().map(|key| key["KeyId"].as_str().unwrap().to_owned()));
        if page["Truncated"] == false {
            break;
        }
        marker = page["NextMarker"].clone();
    }
    assert_eq!(seen, keys);
    house.fails("ListKeys", json!({ "Marker": "x" }), Code::INVALID_MARKER, "the marker names no entry of this list");
}

#[test]
fn another_account_does_not_manage_keys_here() {
    let mut house = House::new();
    house.caller(
        "carol",
        "arn:aws:iam::444455556666:user/carol",
        json!([{ "Effect": "Allow", "Action": "*", "Resource": "*" }]),
    );
    for action in ["CreateKey", "ListKeys"] {
        assert_eq!(house.ask("carol", action, json!({})).unwrap_err().code, Code::ACCESS_DENIED);
    }
    assert!(house.ask("carol", "GenerateRandom", json!({ "NumberOfBytes": 1 })).is_ok());
}
