//! CreateGrant, ListGrants, ListRetirableGrants, RetireGrant, RevokeGrant.

use serde_json::{Value, json};

use super::{Asked, Done};
use crate::crypto::random;
use crate::kms::authz::Principal;
use crate::kms::authz::grant::{Constraint, OPERATIONS, Rights};
use crate::kms::error::{Code, KmsError};
use crate::kms::key::{Grant, Key};
use crate::kms::spec::{Spec, Usage};

/// Grants of one key: AWS's quota.
const MAX_GRANTS: usize = 50_000;
/// The longest time in seconds after which a grant ends by itself: ten years.
const LONGEST: i64 = 3650 * 86_400;
/// What a grant token begins with.
const TOKEN: &str = "pgseal-grant.";

impl Asked<'_> {
    pub(super) fn create_grant(&mut self) -> Done {
        let id = self.key_id("KeyId")?;
        let body = self.call.body;
        let grantee = principal(body.text("GranteePrincipal")?)?;
        let retiring = body.optional("RetiringPrincipal")?.map(principal).transpose()?;
        let operations = body.texts("Operations")?.unwrap_or_default();
        let name = body.optional("Name")?.map(str::to_owned);
        let (constraint, kind) = constraint(body.object("Constraints")?)?;
        let expires = body.number("ExpiresInSeconds", 1, LONGEST)?.map(|after| self.call.now + after);
        let rights = Rights { grantee, operations, constraint };
        self.check_operations(&id, &rights)?;
        self.authorize_child("CreateGrant", &id, Some(&rights), |keys| {
            keys.set_many("kms:GrantOperations", rights.operations.iter().cloned());
            keys.set("kms:GranteePrincipal", &rights.grantee);
            keys.set("kms:GrantIsForAWSResource", "false");
            if let Some(retiring) = &retiring {
                keys.set("kms:RetiringPrincipal", retiring);
            }
            if let Some(kind) = kind {
                keys.set("kms:GrantConstraintType", kind);
            }
        })?;
        self.enabled(&id)?;
        self.dry_run()?;
        let (now, issuer) = (self.call.now, self.call.identity.principal.arn().to_owned());
        let key = self.state.key_mut(&id)?;
        let same = |grant: &Grant| {
            name.is_some() && grant.name == name && grant.rights == rights && grant.retiring == retiring
        };
        if let (Some(old), None) = (key.grants.iter().find(|grant| same(grant)), expires) {
            return Ok(json!({ "GrantId": old.id, "GrantToken": token(&old.id) }));
        }
        if key.grants.len() >= MAX_GRANTS {
            return Err(KmsError::new(Code::LIMIT_EXCEEDED, format!("a key has at most {MAX_GRANTS} grants")).into());
        }
        let drawn: [u8; 32] = random::array()?;
        let grant_id: String = drawn.iter().map(|byte| format!("{byte:02x}")).collect();
        key.grants.push(Grant { id: grant_id.clone(), name, created: now, issuer, retiring, rights, expires });
        Ok(json!({ "GrantId": grant_id, "GrantToken": token(&grant_id) }))
    }

    pub(super) fn list_grants(&mut self) -> Done {
        let id = self.key_id("KeyId")?;
        let (grant, grantee) = (self.call.body.optional("GrantId")?, self.call.body.optional("GranteePrincipal")?);
        self.authorize("ListGrants", &id, |_| {})?;
        let key = self.state.key(&id)?;
        let shown = key
            .grants(self.call.now)
            .filter(|one| grant.is_none_or(|id| one.id == id) && grantee.is_none_or(|arn| one.rights.grantee == arn));
        let entries = shown.map(|grant| (grant.id.clone(), self.entry(key, grant)));
        self.page(entries.collect(), "Grants", 50, 100)
    }

    pub(super) fn list_retirable_grants(&mut self) -> Done {
        let retiring = self.call.body.text("RetiringPrincipal")?.to_owned();
        self.authorize_account("ListRetirableGrants", "*".into(), |_| {})?;
        let state = &self.state;
        let entries = state.keys.values().flat_map(|key| {
            let own = key.grants(self.call.now).filter(|grant| grant.retiring.as_ref() == Some(&retiring));
            own.map(|grant| (grant.id.clone(), self.entry(key, grant)))
        });
        self.page(entries.collect(), "Grants", 50, 100)
    }

    pub(super) fn retire_grant(&mut self) -> Done {
        let (id, grant) = match self.call.body.optional("GrantToken")? {
            Some(token) => {
                let invalid = || KmsError::new(Code::INVALID_GRANT_TOKEN, "the grant token names no grant");
                let grant = token.strip_prefix(TOKEN).ok_or_else(invalid)?;
                let holder = self.state.keys.values().find(|key| key.grants(self.call.now).any(|one| one.id == grant));
                (holder.ok_or_else(invalid)?.id.clone(), grant.to_owned())
            }
            None => (self.key_id("KeyId")?, self.call.body.text("GrantId")?.to_owned()),
        };
        let found = self.grant(&id, &grant)?;
        let caller = &self.call.identity.principal;
        let is = |arn: &String| arn == caller.arn() || caller.role_is(arn);
        let own = (caller.is_root() && caller.account() == self.state.account)
            || found.retiring.as_ref().is_some_and(is)
            || (is(&found.rights.grantee) && found.rights.operations.iter().any(|one| one == "RetireGrant"));
        if own {
            // The grant itself says who may retire it: AWS KMS Developer Guide, "Retiring and revoking grants".
            self.conclude("RetireGrant", self.state.key_arn(&id), crate::kms::authz::Decision::Grant)?;
        } else {
            self.authorize_without_grants("RetireGrant", &id)?;
        }
        self.remove(&id, &grant)
    }

    pub(super) fn revoke_grant(&mut self) -> Done {
        let id = self.key_id("KeyId")?;
        let grant = self.call.body.text("GrantId")?.to_owned();
        self.grant(&id, &grant)?;
        self.authorize("RevokeGrant", &id, |_| {})?;
        self.remove(&id, &grant)
    }

    /// A grant's RetireGrant is about that grant alone, so the others of the key do not count.
    fn authorize_without_grants(&mut self, operation: &str, id: &str) -> Result<(), KmsError> {
        let decision = match self.decide(operation, id, None, |_| {})? {
            crate::kms::authz::Decision::Grant => crate::kms::authz::Decision::NothingAllows,
            other => other,
        };
        self.conclude(operation, self.state.key_arn(id), decision)
    }

    fn remove(&mut self, id: &str, grant: &str) -> Done {
        self.dry_run()?;
        self.state.key_mut(id)?.grants.retain(|one| one.id != grant);
        Ok(json!({}))
    }

    fn grant(&self, id: &str, grant: &str) -> Result<&Grant, KmsError> {
        let found = self.state.key(id)?.grants(self.call.now).find(|one| one.id == grant);
        found.ok_or_else(|| KmsError::new(Code::NOT_FOUND, "Grant ID is not found"))
    }

    fn entry(&self, key: &Key, grant: &Grant) -> Value {
        let mut entry = json!({
            "KeyId": self.state.key_arn(&key.id),
            "GrantId": grant.id,
            "Name": grant.name.clone().unwrap_or_default(),
            "CreationDate": grant.created,
            "GranteePrincipal": grant.rights.grantee,
            "IssuingAccount": grant.issuer_account(),
            "Operations": grant.rights.operations,
        });
        if let Some(retiring) = &grant.retiring {
            entry["RetiringPrincipal"] = retiring.clone().into();
        }
        if let Some(constraint) = &grant.rights.constraint {
            entry["Constraints"] = match constraint {
                Constraint::Equals(pairs) => json!({ "EncryptionContextEquals": pairs }),
                Constraint::Subset(pairs) => json!({ "EncryptionContextSubset": pairs }),
            };
        }
        if let Some(end) = grant.expires {
            entry["ExpirationDate"] = end.into();
        }
        entry
    }

    /// Operations that the key can do, and a constraint only where each of them carries a context.
    fn check_operations(&self, id: &str, rights: &Rights) -> Result<(), KmsError> {
        if rights.operations.is_empty() {
            return Err(KmsError::validation("Operations must name at least one operation"));
        }
        let key = self.state.key(id)?;
        for operation in &rights.operations {
            if !OPERATIONS.contains(&operation.as_str()) {
                return Err(crate::kms::spec::not_one_of(operation, "operations", OPERATIONS.iter().copied()));
            }
            let fits = match operation.as_str() {
                "CreateGrant" | "DescribeKey" | "RetireGrant" => true,
                "Encrypt" | "Decrypt" | "ReEncryptFrom" | "ReEncryptTo" => key.usage == Usage::EncryptDecrypt,
                "Sign" | "Verify" => key.usage == Usage::SignVerify,
                "GenerateMac" | "VerifyMac" => key.usage == Usage::GenerateVerifyMac,
                "GetPublicKey" => key.spec.is_asymmetric(),
                "DeriveSharedSecret" => false,
                _ => key.spec == Spec::Symmetric,
            };
            if !fits {
                return Err(KmsError::validation(format!("{operation} is not an operation of {}", key.spec.name())));
            }
        }
        if rights.constraint.is_some() && key.spec != Spec::Symmetric {
            return Err(KmsError::validation("a constraint needs a symmetric encryption key"));
        }
        Ok(())
    }
}

fn token(id: &str) -> String {
    format!("{TOKEN}{id}")
}

fn principal(arn: &str) -> Result<String, KmsError> {
    match Principal::parse(arn) {
        Ok(_) => Ok(arn.to_owned()),
        Err(error) => Err(KmsError::new(Code::INVALID_ARN, error.to_string())),
    }
}

type Constrained = (Option<Constraint>, Option<&'static str>);

fn constraint(body: Option<super::Body>) -> Result<Constrained, KmsError> {
    let Some(body) = body else { return Ok((None, None)) };
    let pairs = |name| Ok::<_, KmsError>(body.texts_by_name(name)?.filter(|pairs| !pairs.is_empty()));
    match (pairs("EncryptionContextEquals")?, pairs("EncryptionContextSubset")?) {
        (Some(pairs), None) => Ok((Some(Constraint::Equals(pairs)), Some("EncryptionContextEquals"))),
        (None, Some(pairs)) => Ok((Some(Constraint::Subset(pairs)), Some("EncryptionContextSubset"))),
        (None, None) => Ok((None, None)),
        (Some(_), Some(_)) => Err(KmsError::validation("a grant has one constraint")),
    }
}
