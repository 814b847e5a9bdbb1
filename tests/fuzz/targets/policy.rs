//! Key policies, IAM policies, and whole authorization cases.
//!
//! A document that is not of the grammar allows nothing; the same question has the same answer; text is never in an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pgseal::kms::authz::{Context, Policy, Principal, Question, Resource, cases, decide};
use pgseal_fuzz::seeds;

const CASES: &str = include_str!("../../vectors/kms/authz.jsonl");
const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

fuzz_target!(init: seeds::offer(seeds), |data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(outcome) = cases::run(text) {
        assert_eq!(cases::run(text).map(|again| again.decision), Ok(outcome.decision));
    }
    let caller = Principal::parse("arn:aws:sts::111122223333:assumed-role/app/s1").expect("a caller");
    let policy = Policy::parse(text);
    let mut context = Context::of(&caller);
    context.set_encryption(&[("Stage".to_owned(), "a".to_owned())].into());
    let decision = decide(&Question {
        caller: &caller,
        action: "kms:Decrypt",
        resource: Resource::Key { arn: KEY, account: "111122223333", policy: policy.as_ref().ok(), grants: &[] },
        identity: &[],
        context: &context,
        child: None,
    });
    match policy {
        Ok(policy) => drop(policy.check_key_policy()),
        Err(_) => assert!(!decision.allowed()),
    }
});

fn seeds() -> Vec<Vec<u8>> {
    let lines = CASES.lines().step_by(9);
    let policies = CASES.lines().step_by(5).map(|line| {
        let case: serde_json::Value = serde_json::from_str(line).expect("a case");
        case["policy"].to_string().into_bytes()
    });
    lines.map(|line| line.as_bytes().to_vec()).chain(policies).collect()
}
