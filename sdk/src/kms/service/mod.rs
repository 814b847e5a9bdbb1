//! One request, one answer: a pure function of the state, the request and the time (and randomness for what it seals).
//!
//! [`answer`] is called twice where something must be kept: first on the state in memory, where whatever needs a write
//! ends without an answer before anything is changed; then on a copy that the caller stores before the answer
//! leaves. What only seals and opens takes the first way.

mod aliases;
mod body;
mod crypt;
mod grants;
mod keys;
mod policies;
mod rotation;
mod signatures;
mod tags;

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::Value;

pub use body::Body;

use super::authz::grant::Rights;
use super::authz::{Context, Decision, Policy, Question, Resource, decide};
use super::error::{Code, KmsError};
use super::key::{Key, Seconds, State as KeyState};
use super::spec::Usage;
use super::state::{Identity, State};

/// A request.
pub struct Call<'a> {
    /// Who asks: established before, by a signature or by who holds the store's file.
    pub identity: &'a Identity,
    /// For example `Encrypt`.
    pub action: &'a str,
    /// Its parameters.
    pub body: &'a Body,
    /// The time.
    pub now: Seconds,
    /// Where the request comes from, if from a network.
    pub source: Option<IpAddr>,
    /// Whether it came through TLS.
    pub secure: bool,
}

/// One decision that a request needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// For example `kms:ReEncryptFrom`.
    pub action: String,
    /// The ARN.
    pub resource: String,
    /// What was decided.
    pub decision: Decision,
}

/// What became of a request.
pub struct Answer {
    /// The response, or AWS's error.
    pub result: Result<Value, KmsError>,
    /// Every decision on the way, for the audit log.
    pub decided: Vec<Decided>,
    /// The encryption context that was authorized (of a ReEncrypt, the destination's).
    pub context: BTreeMap<String, String>,
    /// For whoever operates the service.
    pub warnings: Vec<String>,
}

/// Why there is no response.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stop {
    Refused(KmsError),
    NotDurable,
}

impl From<KmsError> for Stop {
    fn from(error: KmsError) -> Self {
        Self::Refused(error)
    }
}

impl From<crate::crypto::random::NoRandomness> for Stop {
    fn from(_: crate::crypto::random::NoRandomness) -> Self {
        Self::Refused(KmsError::internal())
    }
}

type Done = Result<Value, Stop>;

/// What handlers work with.
struct Asked<'a> {
    state: &'a mut State,
    call: &'a Call<'a>,
    decided: Vec<Decided>,
    context: BTreeMap<String, String>,
    warnings: Vec<String>,
}

/// Percent of a limit from which on it is warned about.
const WARN_AT: u64 = 80;

/// Operations that change what is stored, whatever comes of them.
const CHANGES: &[&str] = &[
    "CancelKeyDeletion",
    "CreateAlias",
    "CreateGrant",
    "CreateKey",
    "DeleteAlias",
    "DisableKey",
    "DisableKeyRotation",
    "EnableKey",
    "EnableKeyRotation",
    "PutKeyPolicy",
    "RetireGrant",
    "RevokeGrant",
    "RotateKeyOnDemand",
    "ScheduleKeyDeletion",
    "TagResource",
    "UntagResource",
    "UpdateAlias",
    "UpdateKeyDescription",
];

/// Operations of AWS KMS that are not done here.
const UNSUPPORTED: &[&str] = &[
    "ConnectCustomKeyStore",
    "CreateCustomKeyStore",
    "DeleteCustomKeyStore",
    "DeleteImportedKeyMaterial",
    "DeriveSharedSecret",
    "DescribeCustomKeyStores",
    "DisconnectCustomKeyStore",
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
    "GetParametersForImport",
    "ImportKeyMaterial",
    "ReplicateKey",
    "UpdateCustomKeyStore",
    "UpdatePrimaryRegion",
];

/// Answers, or says (None) that the state must be one that is stored. Without durability nothing was changed then.
pub fn answer(state: &mut State, call: &Call<'_>) -> Option<Answer> {
    if state.is_due(call.now) {
        if !state.durable {
            return None;
        }
        state.expire(call.now);
        rotation::rotate_due(state, call.now);
    }
    let mut asked = Asked { state, call, decided: Vec::new(), context: BTreeMap::new(), warnings: Vec::new() };
    let result = match asked.dispatch() {
        Ok(response) => Ok(response),
        Err(Stop::Refused(error)) => Err(error),
        Err(Stop::NotDurable) => return None,
    };
    let Asked { decided, context, warnings, .. } = asked;
    Some(Answer { result, decided, context, warnings })
}

/// Does what is due by itself: ends keys and grants, rotates. The state is one that is stored afterwards.
pub fn housekeep(state: &mut State, now: Seconds) {
    state.expire(now);
    rotation::rotate_due(state, now);
}

impl Asked<'_> {
    fn dispatch(&mut self) -> Done {
        let action = self.call.action;
        if CHANGES.contains(&action) && !self.state.durable {
            return Err(Stop::NotDurable);
        }
        match action {
            "CancelKeyDeletion" => self.cancel_key_deletion(),
            "CreateAlias" => self.create_alias(),
            "CreateGrant" => self.create_grant(),
            "CreateKey" => self.create_key(),
            "Decrypt" => self.decrypt(),
            "DeleteAlias" => self.delete_alias(),
            "DescribeKey" => self.describe_key(),
            "DisableKey" => self.set_enabled(false),
            "DisableKeyRotation" => self.disable_key_rotation(),
            "EnableKey" => self.set_enabled(true),
            "EnableKeyRotation" => self.enable_key_rotation(),
            "Encrypt" => self.encrypt(),
            "GenerateDataKey" => self.generate_data_key(true),
            "GenerateDataKeyWithoutPlaintext" => self.generate_data_key(false),
            "GenerateMac" => self.generate_mac(),
            "GenerateRandom" => self.generate_random(),
            "GetKeyPolicy" => self.get_key_policy(),
            "GetKeyRotationStatus" => self.get_key_rotation_status(),
            "GetPublicKey" => self.get_public_key(),
            "ListAliases" => self.list_aliases(),
            "ListGrants" => self.list_grants(),
            "ListKeyPolicies" => self.list_key_policies(),
            "ListKeyRotations" => self.list_key_rotations(),
            "ListKeys" => self.list_keys(),
            "ListResourceTags" => self.list_resource_tags(),
            "ListRetirableGrants" => self.list_retirable_grants(),
            "PutKeyPolicy" => self.put_key_policy(),
            "ReEncrypt" => self.re_encrypt(),
            "RetireGrant" => self.retire_grant(),
            "RevokeGrant" => self.revoke_grant(),
            "RotateKeyOnDemand" => self.rotate_key_on_demand(),
            "ScheduleKeyDeletion" => self.schedule_key_deletion(),
            "Sign" => self.sign(),
            "TagResource" => self.tag_resource(),
            "UntagResource" => self.untag_resource(),
            "UpdateAlias" => self.update_alias(),
            "UpdateKeyDescription" => self.update_key_description(),
            "Verify" => self.verify(),
            "VerifyMac" => self.verify_mac(),
            other if UNSUPPORTED.contains(&other) => {
                Err(KmsError::new(Code::UNSUPPORTED, format!("{other} is not supported by this key service")).into())
            }
            _ => Err(KmsError::new(Code::UNKNOWN_OPERATION, "").into()),
        }
    }

    /// The id of the key that the parameter names.
    fn key_id(&self, parameter: &str) -> Result<String, KmsError> {
        self.state.find(self.call.body.text(parameter)?, self.call.now)
    }

    /// Condition keys of every request.
    fn request_context(&self) -> Context {
        let Call { identity, now, source, secure, .. } = self.call;
        let mut context = Context::of(&identity.principal);
        context.set("aws:CurrentTime", now.to_string());
        context.set("aws:EpochTime", now.to_string());
        context.set("aws:SecureTransport", secure.to_string());
        context.set("aws:RequestedRegion", &self.state.region);
        if let Some(source) = source {
            context.set("aws:SourceIp", source.to_string());
        }
        if let Some(organization) = &identity.organization {
            context.set("aws:PrincipalOrgID", organization);
        }
        context.set_tags("aws:PrincipalTag", identity.tags.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        context
    }

    /// Whether the caller may do this with the key; `about` adds what this operation says of itself.
    fn authorize(&mut self, operation: &str, id: &str, about: impl FnOnce(&mut Context)) -> Result<(), KmsError> {
        self.authorize_child(operation, id, None, about)
    }

    fn authorize_child(
        &mut self,
        operation: &str,
        id: &str,
        child: Option<&Rights>,
        about: impl FnOnce(&mut Context),
    ) -> Result<(), KmsError> {
        let decision = self.decide(operation, id, child, about)?;
        self.conclude(operation, self.state.key_arn(id), decision)
    }

    /// What the policies and grants say, without a record of it.
    fn decide(
        &self,
        operation: &str,
        id: &str,
        child: Option<&Rights>,
        about: impl FnOnce(&mut Context),
    ) -> Result<Decision, KmsError> {
        let key = self.state.key(id)?;
        let mut context = self.request_context();
        context.set_tags("aws:ResourceTag", key.tags.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        context.set("kms:KeySpec", key.spec.name());
        context.set("kms:KeyUsage", key.usage.name());
        context.set("kms:KeyOrigin", "AWS_KMS");
        context.set("kms:MultiRegion", "false");
        let aliases = self.state.aliases.iter().filter(|(_, alias)| alias.key == id).map(|(name, _)| name.clone());
        context.set_many("kms:ResourceAliases", aliases);
        if let Ok(Some(named)) = self.call.body.optional("KeyId")
            && let Some(at) = named.find("alias/")
        {
            context.set("kms:RequestAlias", &named[at..]);
        }
        about(&mut context);
        let policy = Policy::parse(&key.policy).ok();
        let grants: Vec<&Rights> = key.grants(self.call.now).map(|grant| &grant.rights).collect();
        let arn = self.state.key_arn(id);
        Ok(decide(&Question {
            caller: &self.call.identity.principal,
            action: &format!("kms:{operation}"),
            resource: Resource::Key {
                arn: &arn,
                account: &self.state.account,
                policy: policy.as_ref(),
                grants: &grants,
            },
            identity: &self.call.identity.policies,
            context: &context,
            child,
        }))
    }

    /// As [`Asked::authorize`], about no key: `*`, or the ARN of an alias.
    fn authorize_account(
        &mut self,
        operation: &str,
        arn: String,
        about: impl FnOnce(&mut Context),
    ) -> Result<(), KmsError> {
        let mut context = self.request_context();
        about(&mut context);
        // Keys and aliases of this store belong to its account: another account has nothing to say here. Random bytes
        // belong to nobody.
        let own = self.call.identity.principal.account() == self.state.account;
        let decision = if own || operation == "GenerateRandom" {
            decide(&Question {
                caller: &self.call.identity.principal,
                action: &format!("kms:{operation}"),
                resource: Resource::Account { arn: &arn },
                identity: &self.call.identity.policies,
                context: &context,
                child: None,
            })
        } else {
            Decision::NotAcrossAccounts
        };
        self.conclude(operation, arn, decision)
    }

    fn conclude(&mut self, operation: &str, resource: String, decision: Decision) -> Result<(), KmsError> {
        let caller = self.call.identity.principal.arn();
        let because = match decision {
            Decision::DeniedByKeyPolicy => "with an explicit deny in a resource-based policy",
            Decision::DeniedByIdentityPolicy => "with an explicit deny in an identity-based policy",
            Decision::NotAcrossAccounts => "because the operation is not known across accounts",
            _ => "because no resource-based policy, no identity-based policy and no grant allows it",
        };
        let refused = || {
            let text = format!(
                "User: {caller} is not authorized to perform: kms:{operation} on resource: {resource} {because}"
            );
            KmsError::new(Code::ACCESS_DENIED, text)
        };
        let result = if decision.allowed() { Ok(()) } else { Err(refused()) };
        self.decided.push(Decided { action: format!("kms:{operation}"), resource, decision });
        result
    }

    /// The key, if it is enabled.
    fn enabled(&self, id: &str) -> Result<&Key, KmsError> {
        let key = self.state.key(id)?;
        let arn = self.state.key_arn(id);
        match key.state() {
            KeyState::Enabled => Ok(key),
            KeyState::Disabled => Err(KmsError::new(Code::DISABLED, format!("{arn} is disabled."))),
            KeyState::PendingDeletion => Err(KmsError::new(Code::INVALID_STATE, format!("{arn} is pending deletion."))),
        }
    }

    /// The key, if its end is not scheduled.
    fn not_ending(&self, id: &str) -> Result<&Key, KmsError> {
        let key = self.state.key(id)?;
        match key.state() {
            KeyState::PendingDeletion => {
                Err(KmsError::new(Code::INVALID_STATE, format!("{} is pending deletion.", self.state.key_arn(id))))
            }
            KeyState::Enabled | KeyState::Disabled => Ok(key),
        }
    }

    /// The key, if it is enabled and for that.
    fn usable(&self, id: &str, usage: Usage) -> Result<&Key, KmsError> {
        let key = self.enabled(id)?;
        if key.usage == usage {
            return Ok(key);
        }
        let (arn, own, action) = (self.state.key_arn(id), key.usage.name(), self.call.action);
        let text = format!("{arn} key usage is {own} which is not valid for {action}.");
        Err(KmsError::new(Code::INVALID_KEY_USAGE, text))
    }

    /// DryRun: everything was checked, and nothing is done.
    fn dry_run(&self) -> Result<(), KmsError> {
        if self.call.body.flag("DryRun")? {
            let text = "The request would have succeeded, but the DryRun option is set.";
            return Err(KmsError::new(Code::DRY_RUN, text));
        }
        Ok(())
    }

    /// Counts one use of `bytes` by the key; each lease from 80 % of its limit on is warned about, and none is given at it.
    fn count(&mut self, id: &str, bytes: usize) -> Result<(), Stop> {
        let (durable, ahead, arn) = (self.state.durable, self.state.ahead, self.state.key_arn(id));
        let key = self.state.key_mut(id)?;
        if key.take(bytes as u64) {
            return Ok(());
        }
        if !durable {
            return Err(Stop::NotDurable);
        }
        key.lease(ahead, bytes as u64, &arn)?;
        if !key.take(bytes as u64) {
            return Err(KmsError::internal().into());
        }
        // With each lease, not with each use: a busy service would say nothing else.
        if let Some(percent) = key.percent().filter(|percent| *percent >= WARN_AT) {
            let source = key.limit().source;
            self.warnings.push(format!("{arn} has used {percent} % of its limit ({source}); rotate it"));
        }
        Ok(())
    }

    /// The encryption context of the request, which the audit log will show.
    fn encryption_context(&mut self, parameter: &str) -> Result<BTreeMap<String, String>, KmsError> {
        let context = self.call.body.context(parameter)?;
        self.context.clone_from(&context);
        Ok(context)
    }

    /// One page of a list: `Limit` (1 to `most`) entries from the one that `Marker` names on.
    fn page(&self, entries: Vec<(String, Value)>, list: &str, usual: usize, most: usize) -> Done {
        let limit = self.call.body.number("Limit", 1, most as i64)?.map_or(usual, |limit| limit as usize);
        let start = match self.call.body.optional("Marker")? {
            None => 0,
            Some(marker) => {
                let found = entries.iter().position(|(name, _)| name == marker);
                found.ok_or_else(|| KmsError::new(Code::INVALID_MARKER, "the marker names no entry of this list"))?
            }
        };
        let next = entries.get(start + limit).map(|(name, _)| name.clone());
        let shown: Vec<Value> = entries.into_iter().skip(start).take(limit).map(|(_, entry)| entry).collect();
        let mut response = serde_json::json!({ "Truncated": next.is_some() });
        response[list] = Value::Array(shown);
        if let Some(next) = next {
            response["NextMarker"] = next.into();
        }
        Ok(response)
    }
}

#[cfg(test)]
mod tests;
