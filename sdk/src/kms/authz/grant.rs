//! Grants: what one principal may do with one key without any policy.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::principal::Principal;

/// What binds a grant to encryption contexts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Constraint {
    /// The request's context is exactly this.
    #[serde(rename = "EncryptionContextEquals")]
    Equals(BTreeMap<String, String>),
    /// The request's context has at least these pairs.
    #[serde(rename = "EncryptionContextSubset")]
    Subset(BTreeMap<String, String>),
}

/// The part of a grant that decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rights {
    /// The ARN of who may.
    pub grantee: String,
    /// Names of operations, without `kms:`.
    pub operations: Vec<String>,
    /// None: any context.
    pub constraint: Option<Constraint>,
}

/// Operations that a grant can give: *AWS KMS Developer Guide*, "Grant operations".
pub const OPERATIONS: &[&str] = &[
    "CreateGrant",
    "Decrypt",
    "DeriveSharedSecret",
    "DescribeKey",
    "Encrypt",
    "GenerateDataKey",
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
    "GenerateDataKeyWithoutPlaintext",
    "GenerateMac",
    "GetPublicKey",
    "ReEncryptFrom",
    "ReEncryptTo",
    "RetireGrant",
    "Sign",
    "Verify",
    "VerifyMac",
];

/// Operations whose requests carry no encryption context on any key: a constraint does not concern them.
const WITHOUT_CONTEXT: &[&str] = &["DescribeKey", "GetPublicKey", "RetireGrant"];

impl Rights {
    /// Whether this grant lets the caller do the operation with this context. `child` is the grant that a CreateGrant
    /// asks for: a grant makes only grants that give no more than itself.
    pub fn allow(
        &self,
        caller: &Principal,
        operation: &str,
        context: &BTreeMap<String, String>,
        child: Option<&Self>,
    ) -> bool {
        let grantee = self.grantee == caller.arn() || caller.role_is(&self.grantee);
        if !grantee || !self.operations.iter().any(|own| own == operation) {
            return false;
        }
        if operation == "CreateGrant" {
            return child.is_some_and(|child| self.covers(child));
        }
        if WITHOUT_CONTEXT.contains(&operation) {
            return true;
        }
        match &self.constraint {
            None => true,
            Some(Constraint::Equals(pairs)) => pairs == context,
            Some(Constraint::Subset(pairs)) => contains(context, pairs),
        }
    }

    /// Whether the child gives no more than this one.
    fn covers(&self, child: &Self) -> bool {
        let narrower = match (&self.constraint, &child.constraint) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(Constraint::Equals(own)), Some(Constraint::Equals(pairs))) => own == pairs,
            (Some(Constraint::Equals(_)), Some(Constraint::Subset(_))) => false,
            (Some(Constraint::Subset(own)), Some(Constraint::Equals(pairs) | Constraint::Subset(pairs))) => {
                contains(pairs, own)
            }
        };
        narrower && child.operations.iter().all(|operation| self.operations.contains(operation))
    }
}

fn contains(whole: &BTreeMap<String, String>, part: &BTreeMap<String, String>) -> bool {
    part.iter().all(|(name, value)| whole.get(name) == Some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    fn rights(operations: &[&str], constraint: Option<Constraint>) -> Rights {
        let operations = operations.iter().map(|&operation| operation.to_owned()).collect();
        Rights { grantee: "arn:aws:iam::111122223333:role/app".into(), operations, constraint }
    }

    #[test]
    fn a_child_gives_no_more_than_its_parent() {
        let app = Principal::parse("arn:aws:sts::111122223333:assumed-role/app/s1").unwrap();
        let parent = rights(&["CreateGrant", "Decrypt"], Some(Constraint::Subset(pairs(&[("a", "1")]))));
        let may = |child: &Rights| parent.allow(&app, "CreateGrant", &pairs(&[]), Some(child));
        assert!(may(&rights(&["Decrypt"], Some(Constraint::Equals(pairs(&[("a", "1"), ("b", "2")]))))));
        assert!(may(&rights(&["Decrypt"], Some(Constraint::Subset(pairs(&[("a", "1")]))))));
        assert!(!may(&rights(&["Decrypt"], None)));
        assert!(!may(&rights(&["Decrypt"], Some(Constraint::Subset(pairs(&[("b", "2")]))))));
        assert!(!may(&rights(&["Decrypt", "Encrypt"], parent.constraint.clone())));
        assert!(!parent.allow(&app, "CreateGrant", &pairs(&[]), None));
    }

    #[test]
    fn a_constraint_binds_what_carries_a_context() {
        let app = Principal::parse("arn:aws:iam::111122223333:role/app").unwrap();
        let grant = rights(&["Decrypt", "DescribeKey"], Some(Constraint::Equals(pairs(&[("a", "1")]))));
        assert!(grant.allow(&app, "Decrypt", &pairs(&[("a", "1")]), None));
        assert!(!grant.allow(&app, "Decrypt", &pairs(&[("a", "1"), ("b", "2")]), None));
        assert!(!grant.allow(&app, "Decrypt", &pairs(&[]), None));
        assert!(grant.allow(&app, "DescribeKey", &pairs(&[]), None));
        assert!(!grant.allow(&app, "Encrypt", &pairs(&[("a", "1")]), None));
    }
}
