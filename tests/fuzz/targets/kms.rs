//! Requests to the key service: an operation and a JSON body of the fuzzer's, on keys of every kind.
//!
//! Without durability nothing that is stored changes; a plaintext is in no error.
#![no_main]

use std::cell::LazyCell;

use libfuzzer_sys::fuzz_target;
use pgseal::kms::service::{Body, Call, answer};
use pgseal::kms::state::State;
use pgseal_fuzz::{Choices, seeds};
use serde_json::{Value, json};

const NOW: i64 = 1_700_000_000;
/// `canary`, as a body holds it.
const CANARY: &str = "Y2FuYXJ5";
const ACTIONS: &[&str] = &[
    "CancelKeyDeletion",
    "CreateAlias",
    "CreateGrant",
    "CreateKey",
    "Decrypt",
    "DeleteAlias",
    "DescribeKey",
    "DisableKey",
    "DisableKeyRotation",
    "EnableKey",
    "EnableKeyRotation",
    "Encrypt",
    "GenerateDataKey",
    "GenerateDataKeyWithoutPlaintext",
    "GenerateMac",
    "GenerateRandom",
    "GetKeyPolicy",
    "GetKeyRotationStatus",
    "GetPublicKey",
    "ListAliases",
    "ListGrants",
    "ListKeyPolicies",
    "ListKeyRotations",
    "ListKeys",
    "ListResourceTags",
    "ListRetirableGrants",
    "PutKeyPolicy",
    "ReEncrypt",
    "RetireGrant",
    "RevokeGrant",
    "RotateKeyOnDemand",
    "ScheduleKeyDeletion",
    "Sign",
    "TagResource",
    "UntagResource",
    "UpdateAlias",
    "UpdateKeyDescription",
    "Verify",
    "VerifyMac",
    "ImportKeyMaterial",
];

thread_local! {
    static STATE: LazyCell<State> = LazyCell::new(state);
}

/// A state with a key of each kind under an alias.
fn state() -> State {
    let mut state = State::new("111122223333", "us-east-1").expect("a state");
    state.durable = true;
    for (spec, usage) in [
        ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"),
        ("HMAC_256", "GENERATE_VERIFY_MAC"),
        ("ECC_NIST_P256", "SIGN_VERIFY"),
        ("RSA_2048", "ENCRYPT_DECRYPT"),
    ] {
        let made = ask(&mut state, "CreateKey", json!({ "KeySpec": spec, "KeyUsage": usage })).expect("a key");
        let alias = format!("alias/{}", spec.split('_').next().expect("a word"));
        let body = json!({ "AliasName": alias, "TargetKeyId": made["KeyMetadata"]["KeyId"] });
        ask(&mut state, "CreateAlias", body).expect("an alias");
    }
    state
}

fn ask(state: &mut State, action: &str, body: Value) -> Option<Value> {
    call(state, action, body.to_string().as_bytes()).and_then(|result| result.ok())
}

fn call(state: &mut State, action: &str, body: &[u8]) -> Option<Result<Value, String>> {
    let body = match Body::parse(body) {
        Ok(body) => body,
        Err(error) => return Some(Err(error.to_string())),
    };
    let identity = state.root().expect("the root");
    let call = Call { identity: &identity, action, body: &body, now: NOW, source: None, secure: false };
    Some(answer(state, &call)?.result.map_err(|error| error.to_string()))
}

fuzz_target!(init: seeds::offer(seeds), |data: &[u8]| {
    let mut choices = Choices::new(data);
    let action = *choices.of(ACTIONS);
    let body = choices.rest();
    // Making an RSA key takes long, and is not about what is read.
    if action == "CreateKey" && body.windows(3).any(|word| word == b"RSA") {
        return;
    }
    let mut state = STATE.with(|state| (**state).clone());
    state.durable = false;
    let before = serde_json::to_string(&state).expect("a state");
    let now = call(&mut state, action, body);
    assert!(before == serde_json::to_string(&state).expect("a state"), "{action} changed what was not to be stored");
    let result = match now {
        Some(result) => result,
        None => {
            state.durable = true;
            call(&mut state, action, body).expect("a durable state is enough")
        }
    };
    if let Err(text) = result {
        assert!(!text.contains(CANARY) && !text.contains("canary"));
    }
});

fn seeds() -> Vec<Vec<u8>> {
    let bodies = [
        json!({ "KeyId": "alias/SYMMETRIC", "Plaintext": CANARY, "EncryptionContext": { "a": "b" } }),
        json!({ "KeyId": "alias/HMAC", "Message": CANARY, "MacAlgorithm": "HMAC_SHA_256", "Mac": CANARY }),
        json!({ "KeyId": "alias/ECC", "Message": CANARY, "SigningAlgorithm": "ECDSA_SHA_256", "Signature": CANARY }),
        json!({ "KeyId": "alias/RSA", "Plaintext": CANARY, "EncryptionAlgorithm": "RSAES_OAEP_SHA_256" }),
        json!({ "KeyId": "alias/SYMMETRIC", "GranteePrincipal": "arn:aws:iam::111122223333:role/a", "Operations": ["Decrypt"],
            "Constraints": { "EncryptionContextSubset": { "a": "b" } }, "Name": "n", "ExpiresInSeconds": 5 }),
        json!({ "KeyId": "alias/SYMMETRIC", "Tags": [{ "TagKey": "a", "TagValue": "b" }], "TagKeys": ["a"] }),
        json!({ "KeyId": "alias/SYMMETRIC", "NumberOfBytes": 32, "Limit": 1, "Marker": "x", "PendingWindowInDays": 7 }),
    ];
    let numbers = 0..ACTIONS.len() as u8;
    numbers
        .flat_map(|action| bodies.iter().map(move |body| [&[action], body.to_string().as_bytes()].concat()))
        .collect()
}
