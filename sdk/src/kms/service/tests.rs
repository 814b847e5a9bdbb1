//! Requests against a state in memory.

mod limits;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::*;
use crate::kms::key::DAY;
use crate::kms::state::Caller;

const NOW: Seconds = 1_700_000_000;
const APP: &str = "arn:aws:iam::111122223333:role/app";

struct House {
    state: State,
    now: Seconds,
}

impl House {
    fn new() -> Self {
        let mut state = State::new("111122223333", "eu-central-1").unwrap();
        state.durable = true;
        Self { state, now: NOW }
    }

    /// A caller with these statements of a policy of its own.
    fn caller(&mut self, name: &str, arn: &str, statements: Value) {
        let policy = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
        let caller = Caller {
            arn: arn.into(),
            policies: vec![policy],
            tags: BTreeMap::new(),
            organization: None,
            access_keys: BTreeMap::new(),
        };
        self.state.callers.insert(name.into(), caller);
    }

    fn full(&mut self, who: &str, action: &str, body: Value) -> Option<Answer> {
        let identity = if who == "root" { self.state.root().unwrap() } else { self.state.caller(who).unwrap() };
        let Value::Object(map) = body else { panic!("an object") };
        let body = Body::new(map);
        let call = Call { identity: &identity, action, body: &body, now: self.now, source: None, secure: false };
        answer(&mut self.state, &call)
    }

    fn ask(&mut self, who: &str, action: &str, body: Value) -> Result<Value, KmsError> {
        self.full(who, action, body).unwrap().result
    }

    fn ok(&mut self, action: &str, body: Value) -> Value {
        self.ask("root", action, body).unwrap()
    }

    fn fails(&mut self, action: &str, body: Value, code: Code, text: &str) {
        let error = self.ask("root", action, body).unwrap_err();
        assert_eq!((error.code, error.message.as_str()), (code, text));
    }

    fn key(&mut self, spec: &str, usage: &str) -> String {
        let made = self.ok("CreateKey", json!({ "KeySpec": spec, "KeyUsage": usage }));
        made["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned()
    }

    fn symmetric(&mut self) -> String {
        self.key("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT")
    }

    fn seal(&mut self, key: &str, text: &str, context: Value) -> Value {
        let body = json!({ "KeyId": key, "Plaintext": STANDARD.encode(text), "EncryptionContext": context });
        self.ok("Encrypt", body)["CiphertextBlob"].clone()
    }
}

fn text(response: &Value) -> String {
    String::from_utf8(STANDARD.decode(response["Plaintext"].as_str().unwrap()).unwrap()).unwrap()
}

#[test]
fn what_was_encrypted_opens_with_its_context_alone() {
    let mut house = House::new();
    let key = house.symmetric();
    let blob = house.seal(&key, "secret", json!({ "tenant": "a" }));
    let opened = house.ok("Decrypt", json!({ "CiphertextBlob": blob, "EncryptionContext": { "tenant": "a" } }));
    assert_eq!(text(&opened), "secret");
    assert_eq!(opened["KeyId"], house.state.key_arn(&key));
    for context in [json!({}), json!({ "tenant": "b" }), json!({ "Tenant": "a" }), json!({ "tenant": "a", "x": "" })] {
        house.fails(
            "Decrypt",
            json!({ "CiphertextBlob": blob, "EncryptionContext": context }),
            Code::INVALID_CIPHERTEXT,
            "",
        );
    }
    let mut altered = STANDARD.decode(blob.as_str().unwrap()).unwrap();
    for at in 0..altered.len() {
        altered[at] ^= 1;
        let forged = json!({ "CiphertextBlob": STANDARD.encode(&altered), "EncryptionContext": { "tenant": "a" } });
        house.fails("Decrypt", forged, Code::INVALID_CIPHERTEXT, "");
        altered[at] ^= 1;
    }
    let other = house.symmetric();
    house.fails(
        "Decrypt",
        json!({ "CiphertextBlob": blob, "KeyId": other, "EncryptionContext": { "tenant": "a" } }),
        Code::INCORRECT_KEY,
        "The key ID in the request does not identify a CMK that can perform this operation.",
    );
}

#[test]
fn data_keys_open_and_re_encrypt_moves_them_under_another_context() {
    let mut house = House::new();
    let (from, to) = (house.symmetric(), house.symmetric());
    let made =
        house.ok("GenerateDataKey", json!({ "KeyId": from, "KeySpec": "AES_256", "EncryptionContext": { "a": "1" } }));
    let moved = house.ok(
        "ReEncrypt",
        json!({ "CiphertextBlob": made["CiphertextBlob"], "SourceEncryptionContext": { "a": "1" },
            "DestinationKeyId": to, "DestinationEncryptionContext": { "b": "2" } }),
    );
    let opened =
        house.ok("Decrypt", json!({ "CiphertextBlob": moved["CiphertextBlob"], "EncryptionContext": { "b": "2" } }));
    assert_eq!(opened["Plaintext"], made["Plaintext"]);
    assert_eq!(STANDARD.decode(opened["Plaintext"].as_str().unwrap()).unwrap().len(), 32);
    let without = house.ok("GenerateDataKeyWithoutPlaintext", json!({ "KeyId": from, "NumberOfBytes": 64 }));
    assert!(without.get("Plaintext").is_none() && without["CiphertextBlob"].is_string());
    house.fails(
        "GenerateDataKey",
        json!({ "KeyId": from, "KeySpec": "AES_256", "NumberOfBytes": 1 }),
        Code::VALIDATION,
        "Please specify either number of bytes or key spec.",
    );
}

#[test]
fn a_rotated_key_opens_what_older_material_sealed() {
    let mut house = House::new();
    let key = house.symmetric();
    let old = house.seal(&key, "old", json!({}));
    let arn = house.ok("RotateKeyOnDemand", json!({ "KeyId": key }));
    assert_eq!(arn["KeyId"], house.state.key_arn(&key));
    let new = house.seal(&key, "new", json!({}));
    let version =
        |blob: &Value| crate::kms::blob::named(&STANDARD.decode(blob.as_str().unwrap()).unwrap()).unwrap().version;
    assert_eq!((version(&old), version(&new)), (1, 2));
    assert_eq!(text(&house.ok("Decrypt", json!({ "CiphertextBlob": old }))), "old");
    assert_eq!(text(&house.ok("Decrypt", json!({ "CiphertextBlob": new }))), "new");
    for _ in 1..25 {
        house.ok("RotateKeyOnDemand", json!({ "KeyId": key }));
    }
    let arn = house.state.key_arn(&key);
    house.fails(
        "RotateKeyOnDemand",
        json!({ "KeyId": key }),
        Code::LIMIT_EXCEEDED,
        &format!("The on-demand rotations limit has been reached for the given keyId. No more on-demand rotations can be performed for this key: {arn}"),
    );
    assert_eq!(house.ok("ListKeyRotations", json!({ "KeyId": key }))["Rotations"].as_array().unwrap().len(), 25);
}

#[test]
fn a_key_with_a_period_rotates_when_it_is_due_and_only_durably() {
    let mut house = House::new();
    let key = house.symmetric();
    house.ok("EnableKeyRotation", json!({ "KeyId": key, "RotationPeriodInDays": 90 }));
    let status = house.ok("GetKeyRotationStatus", json!({ "KeyId": key }));
    assert_eq!((&status["KeyRotationEnabled"], &status["RotationPeriodInDays"]), (&json!(true), &json!(90)));
    house.now += 90 * DAY;
    house.state.durable = false;
    assert!(house.full("root", "DescribeKey", json!({ "KeyId": key })).is_none(), "rotating must be stored");
    assert_eq!(house.state.keys[&key].versions.len(), 1);
    house.state.durable = true;
    house.ok("DescribeKey", json!({ "KeyId": key }));
    assert_eq!(house.state.keys[&key].versions.len(), 2);
    let mac = house.key("HMAC_256", "GENERATE_VERIFY_MAC");
    house.fails("EnableKeyRotation", json!({ "KeyId": mac }), Code::UNSUPPORTED, "");
}

#[test]
fn states_decide_what_a_key_does() {
    let mut house = House::new();
    let key = house.symmetric();
    let arn = house.state.key_arn(&key);
    let blob = house.seal(&key, "x", json!({}));
    house.ok("DisableKey", json!({ "KeyId": key }));
    house.fails("Decrypt", json!({ "CiphertextBlob": blob }), Code::DISABLED, &format!("{arn} is disabled."));
    house.fails("RotateKeyOnDemand", json!({ "KeyId": key }), Code::DISABLED, &format!("{arn} is disabled."));
    house.ok("EnableKey", json!({ "KeyId": key }));
    house.ok("CreateAlias", json!({ "AliasName": "alias/x", "TargetKeyId": key }));
    let ending = house.ok("ScheduleKeyDeletion", json!({ "KeyId": key, "PendingWindowInDays": 7 }));
    assert_eq!((&ending["KeyState"], &ending["DeletionDate"]), (&json!("PendingDeletion"), &json!(NOW + 7 * DAY)));
    let pending = format!("{arn} is pending deletion.");
    house.fails("Decrypt", json!({ "CiphertextBlob": blob }), Code::INVALID_STATE, &pending);
    house.fails("EnableKey", json!({ "KeyId": key }), Code::INVALID_STATE, &pending);
    house.ok("CancelKeyDeletion", json!({ "KeyId": key }));
    house.fails("Decrypt", json!({ "CiphertextBlob": blob }), Code::DISABLED, &format!("{arn} is disabled."));
    house.ok("ScheduleKeyDeletion", json!({ "KeyId": key, "PendingWindowInDays": 7 }));
    house.now += 7 * DAY;
    house.fails("DescribeKey", json!({ "KeyId": arn }), Code::NOT_FOUND, &format!("Key '{arn}' does not exist"));
    house.fails("Decrypt", json!({ "CiphertextBlob": blob }), Code::INVALID_CIPHERTEXT, "");
    assert!(house.state.keys.is_empty() && house.state.aliases.is_empty(), "its material is gone");
}

#[test]
fn keys_are_named_by_id_arn_alias_and_alias_arn() {
    let mut house = House::new();
    let key = house.symmetric();
    house.ok("CreateAlias", json!({ "AliasName": "alias/cards", "TargetKeyId": key }));
    for named in [key.clone(), house.state.key_arn(&key), "alias/cards".into(), house.state.alias_arn("alias/cards")] {
        assert_eq!(house.ok("DescribeKey", json!({ "KeyId": named }))["KeyMetadata"]["KeyId"], json!(key));
    }
    house.fails("DescribeKey", json!({ "KeyId": "fake" }), Code::NOT_FOUND, "Invalid keyId 'fake'");
    let elsewhere = format!("arn:aws:kms:us-east-1:111122223333:key/{key}");
    house.fails("DescribeKey", json!({ "KeyId": elsewhere }), Code::NOT_FOUND, "Invalid arn us-east-1");
    let twice = json!({ "AliasName": "alias/cards", "TargetKeyId": key });
    assert_eq!(house.ask("root", "CreateAlias", twice).unwrap_err().code, Code::ALREADY_EXISTS);
    let other = house.symmetric();
    house.ok("UpdateAlias", json!({ "AliasName": "alias/cards", "TargetKeyId": other }));
    assert_eq!(house.ok("ListAliases", json!({ "KeyId": other }))["Aliases"][0]["AliasName"], "alias/cards");
    house.ok("DeleteAlias", json!({ "AliasName": "alias/cards" }));
    assert_eq!(house.ask("root", "DescribeKey", json!({ "KeyId": "alias/cards" })).unwrap_err().code, Code::NOT_FOUND);
}

#[test]
fn a_caller_needs_the_policy_and_a_grant_gives_until_it_is_revoked() {
    let mut house = House::new();
    let key = house.symmetric();
    let blob = house.seal(&key, "x", json!({ "tenant": "a", "table": "t" }));
    house.caller("app", APP, json!([]));
    let open = json!({ "CiphertextBlob": blob, "EncryptionContext": { "tenant": "a", "table": "t" } });
    let denied = house.ask("app", "Decrypt", open.clone()).unwrap_err();
    assert_eq!(denied.code, Code::ACCESS_DENIED);
    assert!(
        denied
            .message
            .starts_with(&format!("User: {APP} is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:"))
    );
    let grant = house.ok(
        "CreateGrant",
        json!({ "KeyId": key, "GranteePrincipal": APP, "Operations": ["Decrypt"],
            "Constraints": { "EncryptionContextSubset": { "tenant": "a" } } }),
    );
    assert_eq!(text(&house.ask("app", "Decrypt", open.clone()).unwrap()), "x");
    let encrypt = json!({ "KeyId": key, "Plaintext": "eA==", "EncryptionContext": { "tenant": "a" } });
    assert_eq!(house.ask("app", "Encrypt", encrypt).unwrap_err().code, Code::ACCESS_DENIED);
    let revoke = json!({ "KeyId": key, "GrantId": grant["GrantId"] });
    assert_eq!(
        house.ask("app", "RetireGrant", json!({ "GrantToken": grant["GrantToken"] })).unwrap_err().code,
        Code::ACCESS_DENIED
    );
    house.ok("RevokeGrant", revoke.clone());
    assert_eq!(house.ask("app", "Decrypt", open).unwrap_err().code, Code::ACCESS_DENIED);
    house.fails("RevokeGrant", revoke, Code::NOT_FOUND, "Grant ID is not found");
}

#[test]
fn a_grant_ends_by_itself() {
    let mut house = House::new();
    let key = house.symmetric();
    house.caller("app", APP, json!([]));
    let blob = house.seal(&key, "x", json!({}));
    let body = json!({ "KeyId": key, "GranteePrincipal": APP, "Operations": ["Decrypt"], "ExpiresInSeconds": 3600 });
    house.ok("CreateGrant", body);
    let open = json!({ "CiphertextBlob": blob });
    house.now += 3599;
    assert!(house.ask("app", "Decrypt", open.clone()).is_ok());
    house.now += 1;
    assert_eq!(house.ask("app", "Decrypt", open).unwrap_err().code, Code::ACCESS_DENIED);
    assert!(house.state.keys[&key].grants.is_empty());
}

#[test]
fn a_policy_that_locks_its_author_out_is_refused() {
    let mut house = House::new();
    let key = house.symmetric();
    let only = |arn: &str| {
        json!({ "Version": "2012-10-17", "Statement": [
            { "Effect": "Allow", "Principal": { "AWS": arn }, "Action": "kms:*", "Resource": "*" }] })
        .to_string()
    };
    house.fails(
        "PutKeyPolicy",
        json!({ "KeyId": key, "Policy": only(APP) }),
        Code::MALFORMED_POLICY,
        "The new key policy will not allow you to update the key policy in the future.",
    );
    house.ok("PutKeyPolicy", json!({ "KeyId": key, "Policy": only(APP), "BypassPolicyLockoutSafetyCheck": true }));
    assert_eq!(house.ok_policy_denied(&key), Code::ACCESS_DENIED, "the root of the account has no right of its own");
    house.caller("app", APP, json!([]));
    let read = house.ask("app", "GetKeyPolicy", json!({ "KeyId": key })).unwrap();
    assert_eq!(read["Policy"], json!(only(APP)));
    let bad = json!({ "KeyId": key, "Policy": "{}" });
    assert_eq!(house.ask("app", "PutKeyPolicy", bad).unwrap_err().code, Code::MALFORMED_POLICY);
}

impl House {
    fn ok_policy_denied(&mut self, key: &str) -> Code {
        self.ask("root", "GetKeyPolicy", json!({ "KeyId": key })).unwrap_err().code
    }
}

#[test]
fn tags_and_conditions_on_them_decide() {
    let mut house = House::new();
    let key = house.symmetric();
    let condition = json!({ "StringEquals": { "aws:ResourceTag/env": "prod" } });
    house.caller(
        "app",
        APP,
        json!([{ "Effect": "Allow", "Action": "kms:DescribeKey", "Resource": "*", "Condition": condition }]),
    );
    let describe = json!({ "KeyId": key });
    assert_eq!(house.ask("app", "DescribeKey", describe.clone()).unwrap_err().code, Code::ACCESS_DENIED);
    let tag = |name: &str| json!({ "KeyId": key, "Tags": [{ "TagKey": name, "TagValue": "prod" }] });
    house.ok("TagResource", tag("env"));
    assert!(house.ask("app", "DescribeKey", describe).is_ok());
    assert_eq!(house.ok("ListResourceTags", json!({ "KeyId": key }))["Tags"][0]["TagValue"], "prod");
    house.fails("TagResource", tag("AWS:x"), Code::TAG, "Tags beginning with aws: are reserved");
    let twice = json!({ "KeyId": key, "Tags": [{ "TagKey": "a", "TagValue": "" }, { "TagKey": "a", "TagValue": "" }] });
    house.fails("TagResource", twice, Code::TAG, "Duplicate tag keys");
    house.ok("UntagResource", json!({ "KeyId": key, "TagKeys": ["env"] }));
    assert!(house.state.keys[&key].tags.is_empty());
}

#[test]
fn signatures_and_tags_hold_and_wrong_ones_do_not() {
    let mut house = House::new();
    for (spec, algorithm) in [
        ("ECC_NIST_P256", "ECDSA_SHA_256"),
        ("ECC_NIST_P384", "ECDSA_SHA_384"),
        ("ECC_NIST_EDWARDS25519", "ED25519_SHA_512"),
    ] {
        let key = house.key(spec, "SIGN_VERIFY");
        let signed = house.ok("Sign", json!({ "KeyId": key, "Message": "bXNn", "SigningAlgorithm": algorithm }));
        let verify = |message: &str| json!({ "KeyId": key, "Message": message, "SigningAlgorithm": algorithm, "Signature": signed["Signature"] });
        assert_eq!(house.ok("Verify", verify("bXNn"))["SignatureValid"], true);
        house.fails("Verify", verify("bXNo"), Code::INVALID_SIGNATURE, "");
        assert_eq!(house.ok("GetPublicKey", json!({ "KeyId": key }))["SigningAlgorithms"], json!([algorithm]));
        let arn = house.state.key_arn(&key);
        house.fails(
            "Encrypt",
            json!({ "KeyId": key, "Plaintext": "eA==" }),
            Code::INVALID_KEY_USAGE,
            &format!("{arn} key usage is SIGN_VERIFY which is not valid for Encrypt."),
        );
    }
    let key = house.key("HMAC_256", "GENERATE_VERIFY_MAC");
    let made = house.ok("GenerateMac", json!({ "KeyId": key, "Message": "bXNn", "MacAlgorithm": "HMAC_SHA_256" }));
    let verify =
        |message: &str| json!({ "KeyId": key, "Message": message, "MacAlgorithm": "HMAC_SHA_256", "Mac": made["Mac"] });
    assert_eq!(house.ok("VerifyMac", verify("bXNn"))["MacValid"], true);
    house.fails("VerifyMac", verify("bXNo"), Code::INVALID_MAC, "");
    house.fails(
        "GenerateMac",
        json!({ "KeyId": key, "Message": "bXNn", "MacAlgorithm": "HMAC_SHA_512" }),
        Code::INVALID_KEY_USAGE,
        "Algorithm HMAC_SHA_512 is incompatible with key spec HMAC_256.",
    );
    house.fails("GetPublicKey", json!({ "KeyId": key }), Code::UNSUPPORTED, "");
}

#[test]
fn an_rsa_key_encrypts_and_decrypts() {
    let mut house = House::new();
    let key = house.key("RSA_2048", "ENCRYPT_DECRYPT");
    let with =
        |name: &str, value: Value| json!({ "KeyId": key, name: value, "EncryptionAlgorithm": "RSAES_OAEP_SHA_256" });
    let sealed = house.ok("Encrypt", with("Plaintext", "eA==".into()));
    assert_eq!(text(&house.ok("Decrypt", with("CiphertextBlob", sealed["CiphertextBlob"].clone()))), "x");
    let long = STANDARD.encode(vec![0; 191]);
    let most = "Algorithm RSAES_OAEP_SHA_256 and key spec RSA_2048 cannot encrypt data larger than 190 bytes.";
    house.fails("Encrypt", with("Plaintext", long.into()), Code::VALIDATION, most);
}
