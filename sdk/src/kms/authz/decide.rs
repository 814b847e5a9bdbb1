//! One question, one decision.
//!
//! 1. An explicit Deny, of the key policy or of the caller's own policies, ends it.
//! 2. In the key's account: a key policy's Allow that names the caller; or one that names the account, plus an Allow
//!    of the caller's own policies; or a grant. Being the root of the account, or having made the key, is no right.
//! 3. From another account: only operations that KMS knows across accounts, and both sides must allow.

use super::context::Context;
use super::grant::Rights;
use super::policy::{Effect, Policy};
use super::principal::{Named, Principal};

/// What is asked.
pub struct Question<'a> {
    /// Who asks.
    pub caller: &'a Principal,
    /// For example `kms:Decrypt`.
    pub action: &'a str,
    /// On what.
    pub resource: Resource<'a>,
    /// The caller's own (IAM) policies.
    pub identity: &'a [Policy],
    /// The condition keys of the request.
    pub context: &'a Context,
    /// The grant that a CreateGrant would make.
    pub child: Option<&'a Rights>,
}

/// What an action is about.
pub enum Resource<'a> {
    /// A key, with what its owner says of it.
    Key {
        /// Its ARN.
        arn: &'a str,
        /// The account that it is in.
        account: &'a str,
        /// Its policy; None if it could not be understood, which allows nothing.
        policy: Option<&'a Policy>,
        /// Its grants that have not ended.
        grants: &'a [&'a Rights],
    },
    /// No key (`kms:CreateKey` with `*`), or an alias by its ARN: only the caller's own policies say anything.
    Account {
        /// `*`, or the ARN of an alias.
        arn: &'a str,
    },
}

/// What is answered, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// A statement of the key policy names the caller.
    KeyPolicy,
    /// The key policy leaves it to the account, whose policies allow it.
    AccountPolicy,
    /// A grant.
    Grant,
    /// The key policy and the policies of the other account.
    BothAccounts,
    /// The key policy denies.
    DeniedByKeyPolicy,
    /// A policy of the caller denies.
    DeniedByIdentityPolicy,
    /// The operation is not known across accounts.
    NotAcrossAccounts,
    /// Nothing allows.
    NothingAllows,
}

impl Decision {
    /// Whether the request may go on.
    pub fn allowed(self) -> bool {
        match self {
            Self::KeyPolicy | Self::AccountPolicy | Self::Grant | Self::BothAccounts => true,
            Self::DeniedByKeyPolicy | Self::DeniedByIdentityPolicy | Self::NotAcrossAccounts | Self::NothingAllows => {
                false
            }
        }
    }

    /// In words.
    pub fn reason(self) -> &'static str {
        match self {
            Self::KeyPolicy => "key policy names the caller",
            Self::AccountPolicy => "key policy delegates to the account and IAM allows",
            Self::Grant => "grant",
            Self::BothAccounts => "cross-account: key policy + IAM",
            Self::DeniedByKeyPolicy => "explicit deny in key policy",
            Self::DeniedByIdentityPolicy => "explicit deny in IAM policy",
            Self::NotAcrossAccounts => "not usable cross-account",
            Self::NothingAllows => "implicit deny",
        }
    }
}

/// Operations on a key of another account: *AWS KMS Developer Guide*, "Allowing users in other accounts to use a KMS
/// key".
const ACROSS_ACCOUNTS: &[&str] = &[
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
    "GetKeyRotationStatus",
    "GetPublicKey",
    "ListGrants",
    "ReEncryptFrom",
    "ReEncryptTo",
    "RetireGrant",
    "RevokeGrant",
    "Sign",
    "Verify",
    "VerifyMac",
];

/// Decides.
pub fn decide(question: &Question<'_>) -> Decision {
    let Question { caller, action, ref resource, identity, context, child } = *question;
    let own = |effect, resource: &str| identity.iter().any(|policy| policy.identity(effect, action, resource, context));
    let (arn, account, policy, grants) = match *resource {
        Resource::Account { arn } => {
            return if own(Effect::Deny, arn) {
                Decision::DeniedByIdentityPolicy
            } else if caller.is_root() || own(Effect::Allow, arn) {
                // IAM gives the root of an account every right that its policies give.
                Decision::AccountPolicy
            } else {
                Decision::NothingAllows
            };
        }
        Resource::Key { arn, account, policy, grants } => (arn, account, policy, grants),
    };
    let Some(policy) = policy else { return Decision::NothingAllows };
    let named = |effect| policy.matching(effect, caller, action, arn, context).max().unwrap_or(Named::No);
    if named(Effect::Deny) > Named::No {
        return Decision::DeniedByKeyPolicy;
    }
    if own(Effect::Deny, arn) {
        return Decision::DeniedByIdentityPolicy;
    }
    let named = named(Effect::Allow);
    // The root of an account is not only in it: it is named where the account is.
    let named = if named == Named::Account && caller.is_root() { Named::Caller } else { named };
    let operation = action.strip_prefix("kms:").unwrap_or(action);
    if caller.account() != account {
        return if !ACROSS_ACCOUNTS.contains(&operation) {
            Decision::NotAcrossAccounts
        } else if named > Named::No && own(Effect::Allow, arn) {
            Decision::BothAccounts
        } else {
            Decision::NothingAllows
        };
    }
    if named == Named::Caller {
        Decision::KeyPolicy
    } else if named == Named::Account && own(Effect::Allow, arn) {
        Decision::AccountPolicy
    } else if grants.iter().any(|grant| grant.allow(caller, operation, context.encryption(), child)) {
        Decision::Grant
    } else {
        Decision::NothingAllows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/k";

    fn ask(caller: &str, action: &str, key_policy: &str, identity: &[&str]) -> Decision {
        let caller = Principal::parse(caller).unwrap();
        let parse = |statement: &str| {
            Policy::parse(&format!(r#"{{"Version":"2012-10-17","Statement":[{statement}]}}"#)).unwrap()
        };
        let (policy, identity) = (parse(key_policy), identity.iter().map(|text| parse(text)).collect::<Vec<_>>());
        let context = Context::of(&caller);
        let resource = Resource::Key { arn: KEY, account: "111122223333", policy: Some(&policy), grants: &[] };
        decide(&Question { caller: &caller, action, resource, identity: &identity, context: &context, child: None })
    }

    const DELEGATE: &str = r#"{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"kms:*","Resource":"*"}"#;
    const ALICE: &str = "arn:aws:iam::111122223333:user/alice";

    #[test]
    fn an_account_that_is_named_leaves_it_to_its_own_policies() {
        assert_eq!(ask(ALICE, "kms:Encrypt", DELEGATE, &[]), Decision::NothingAllows);
        let own = r#"{"Effect":"Allow","Action":"kms:Enc*","Resource":"arn:aws:kms:*:111122223333:key/*"}"#;
        assert_eq!(ask(ALICE, "kms:Encrypt", DELEGATE, &[own]), Decision::AccountPolicy);
        let deny = r#"{"Effect":"Deny","NotAction":"kms:Decrypt","Resource":"*"}"#;
        assert_eq!(ask(ALICE, "kms:Encrypt", DELEGATE, &[own, deny]), Decision::DeniedByIdentityPolicy);
    }

    #[test]
    fn the_root_of_the_account_has_no_right_of_its_own() {
        let root = "arn:aws:iam::111122223333:root";
        assert_eq!(ask(root, "kms:Encrypt", DELEGATE, &[]), Decision::KeyPolicy);
        let alice = format!(r#"{{"Effect":"Allow","Principal":{{"AWS":"{ALICE}"}},"Action":"kms:*","Resource":"*"}}"#);
        let own = r#"{"Effect":"Allow","Action":"kms:*","Resource":"*"}"#;
        assert_eq!(ask(root, "kms:PutKeyPolicy", &alice, &[own]), Decision::NothingAllows);
    }

    #[test]
    fn a_deny_for_an_account_is_for_everybody_in_it() {
        let deny = r#"{"Effect":"Deny","Principal":{"AWS":"111122223333"},"Action":"kms:Encrypt","Resource":"*"}"#;
        let both = format!(r#"{{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*"}},{deny}"#);
        assert_eq!(ask(ALICE, "kms:Encrypt", &both, &[]), Decision::DeniedByKeyPolicy);
        assert_eq!(ask(ALICE, "kms:Decrypt", &both, &[]), Decision::KeyPolicy);
    }

    #[test]
    fn not_principal_leaves_out_only_who_is_listed_with_the_account() {
        let policy = |listed: &str| {
            format!(
                r#"{{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*"}},
                {{"Effect":"Deny","NotPrincipal":{{"AWS":[{listed}]}},"Action":"kms:*","Resource":"*"}}"#
            )
        };
        let whole = policy(&format!(r#""{ALICE}","111122223333""#));
        assert_eq!(ask(ALICE, "kms:Encrypt", &whole, &[]), Decision::KeyPolicy);
        assert_eq!(ask("arn:aws:iam::111122223333:user/bob", "kms:Encrypt", &whole, &[]), Decision::DeniedByKeyPolicy);
        let half = policy(&format!(r#""{ALICE}""#));
        assert_eq!(ask(ALICE, "kms:Encrypt", &half, &[]), Decision::DeniedByKeyPolicy);
    }

    #[test]
    fn another_account_needs_both_sides() {
        let carol = "arn:aws:iam::444455556666:user/carol";
        let policy = format!(r#"{{"Effect":"Allow","Principal":{{"AWS":"{carol}"}},"Action":"kms:*","Resource":"*"}}"#);
        let own = r#"{"Effect":"Allow","Action":"kms:*","Resource":"*"}"#;
        assert_eq!(ask(carol, "kms:Encrypt", &policy, &[]), Decision::NothingAllows);
        assert_eq!(ask(carol, "kms:Encrypt", &policy, &[own]), Decision::BothAccounts);
        assert_eq!(ask(carol, "kms:PutKeyPolicy", &policy, &[own]), Decision::NotAcrossAccounts);
    }

    #[test]
    fn without_a_resource_a_statement_is_about_no_key() {
        let policy = r#"{"Effect":"Allow","Principal":"*","Action":"kms:*"}"#;
        assert_eq!(ask(ALICE, "kms:Encrypt", policy, &[]), Decision::NothingAllows);
        let not = r#"{"Effect":"Allow","Principal":"*","Action":"kms:*","NotResource":"arn:aws:kms:*:*:key/other"}"#;
        assert_eq!(ask(ALICE, "kms:Encrypt", not, &[]), Decision::KeyPolicy);
    }
}
