//! Authorization cases as JSON lines, for `pgseal kms policy test` and for tests.
//!
//! A line has `policy` (the key policy), `iam` (statements of the caller's own policies), `grants`, `req` and `expect`
//! (allowed or not). A field that is not known makes a case one that is not understood, never one that agrees.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::grant::{Constraint, Rights};
use super::{Context, Decision, Policy, Principal, Question, Resource, decide};

/// A line is no case.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoCase(String);

/// One line, decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What the line expects.
    pub expected: bool,
    /// What was decided.
    pub decision: Decision,
    /// The line's own reason, if it has one.
    pub why: Option<String>,
}

impl Outcome {
    /// Whether they are the same.
    pub fn agrees(&self) -> bool {
        self.expected == self.decision.allowed()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    policy: Value,
    #[serde(default)]
    iam: Vec<Value>,
    #[serde(default)]
    grants: Vec<Written>,
    req: Request,
    expect: bool,
    why: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    grantee: String,
    ops: Vec<String>,
    eq: Option<BTreeMap<String, String>>,
    sub: Option<BTreeMap<String, String>>,
    /// What the constraint of a grant that is asked for is called; the pairs say the same.
    ctype: Option<String>,
    retiring: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    caller: String,
    action: String,
    key: String,
    #[serde(default)]
    ec: Option<BTreeMap<String, String>>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    via: Option<String>,
    grant_req: Option<Written>,
    /// The caller's organization and tags.
    org: Option<String>,
    #[serde(default)]
    principal_tags: BTreeMap<String, String>,
    #[serde(default)]
    request_tags: BTreeMap<String, String>,
    /// Any other condition key, with its value or values.
    #[serde(default)]
    context: BTreeMap<String, Values>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Values {
    One(String),
    Many(Vec<String>),
}

impl Written {
    fn rights(&self) -> Result<Rights, NoCase> {
        let constraint = match (&self.eq, &self.sub) {
            (Some(pairs), None) => Some(Constraint::Equals(pairs.clone())),
            (None, Some(pairs)) => Some(Constraint::Subset(pairs.clone())),
            (None, None) => None,
            (Some(_), Some(_)) => return Err(NoCase("a grant has one constraint".into())),
        };
        Ok(Rights { grantee: self.grantee.clone(), operations: self.ops.clone(), constraint })
    }
}

/// Decides one line.
///
/// # Errors
/// [`NoCase`] if the line is not understood; the text quotes no value of it.
pub fn run(line: &str) -> Result<Outcome, NoCase> {
    let case: Case = serde_json::from_str(line).map_err(|_| NoCase("it is not a case".into()))?;
    let request = &case.req;
    let caller = Principal::parse(&request.caller).map_err(|error| NoCase(error.to_string()))?;
    let account = request.key.split(':').nth(4).unwrap_or_default();
    // A policy that is not of the grammar allows nothing, whatever else the line says.
    let policy = Policy::from_value(&case.policy).ok();
    let own = Policy::from_value(&serde_json::json!({ "Version": "2012-10-17", "Statement": case.iam })).ok();
    let (policy, identity) = match own {
        Some(own) => (policy, vec![own]),
        None => (None, Vec::new()),
    };
    let rights = case.grants.iter().map(Written::rights).collect::<Result<Vec<_>, _>>()?;
    let child = request.grant_req.as_ref().map(Written::rights).transpose()?;
    let grants: Vec<&Rights> = rights.iter().collect();
    let context = context(&caller, request);
    let decision = decide(&Question {
        caller: &caller,
        action: &request.action,
        resource: Resource::Key { arn: &request.key, account, policy: policy.as_ref(), grants: &grants },
        identity: &identity,
        context: &context,
        child: child.as_ref(),
    });
    Ok(Outcome { expected: case.expect, decision, why: case.why })
}

fn context(caller: &Principal, request: &Request) -> Context {
    let mut context = Context::of(caller);
    let pairs = |tags: &BTreeMap<String, String>| tags.clone();
    for (prefix, tags) in [
        ("aws:ResourceTag", pairs(&request.tags)),
        ("aws:PrincipalTag", pairs(&request.principal_tags)),
        ("aws:RequestTag", pairs(&request.request_tags)),
    ] {
        context.set_tags(prefix, tags.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    }
    context.set_many("aws:TagKeys", request.request_tags.keys().cloned());
    if let Some(org) = &request.org {
        context.set("aws:PrincipalOrgID", org);
    }
    if let Some(pairs) = &request.ec {
        context.set_encryption(pairs);
    }
    if let Some(service) = &request.via {
        context.set("kms:ViaService", service);
    }
    if let Some(grant) = &request.grant_req {
        context.set_many("kms:GrantOperations", grant.ops.iter().cloned());
        context.set("kms:GranteePrincipal", &grant.grantee);
        if let Some(retiring) = &grant.retiring {
            context.set("kms:RetiringPrincipal", retiring);
        }
        if let Some(kind) = &grant.ctype {
            context.set("kms:GrantConstraintType", kind);
        }
        // A grant is for a resource of AWS when one of its services asks for it on somebody's behalf.
        context.set("kms:GrantIsForAWSResource", request.via.is_some().to_string());
    }
    for (key, values) in &request.context {
        match values {
            Values::One(value) => context.set(key, value),
            Values::Many(values) => context.set_many(key, values.iter().cloned()),
        }
    }
    context
}

#[cfg(test)]
mod tests {
    use super::*;

    const CASES: &str = include_str!("../../../../tests/vectors/kms/authz.jsonl");

    #[test]
    fn every_recorded_case_is_decided_alike_and_for_the_same_reason() {
        let mut reasons = BTreeMap::new();
        for (number, line) in CASES.lines().enumerate() {
            let outcome = run(line).unwrap();
            assert!(outcome.agrees(), "line {}: {:?} for {:?}", number + 1, outcome.decision, outcome.why);
            assert_eq!(outcome.why.as_deref(), Some(outcome.decision.reason()), "line {}", number + 1);
            *reasons.entry(outcome.decision.reason()).or_insert(0) += 1;
        }
        assert_eq!(reasons.len(), 8, "each reason occurs: {reasons:?}");
        assert_eq!(reasons.values().sum::<usize>(), 900);
    }

    #[test]
    fn a_line_with_an_unknown_field_is_no_case() {
        let line = CASES.lines().next().unwrap();
        assert!(run(&line.replacen("\"req\": {", "\"req\": {\"scp\": [], ", 1)).is_err());
        assert!(run("{}").is_err() && run("").is_err());
    }
}
