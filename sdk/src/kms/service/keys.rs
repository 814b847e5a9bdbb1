//! Keys as things: made, described, listed, enabled, disabled, ended.

use serde_json::{Value, json};

use super::{Asked, Done};
use crate::keys::Uuid;
use crate::kms::asymmetric;
use crate::kms::authz::{Context, Decision, Policy, Question, Resource, decide};
use crate::kms::error::{Code, KmsError};
use crate::kms::key::{Count, DAY, Key, Origin, Seconds, State as KeyState, Version};
use crate::kms::secret::Material;
use crate::kms::spec::{Spec, Usage};
use crate::kms::state::State;

/// Keys of one store: AWS's quota.
const MAX_KEYS: usize = 100_000;

impl Asked<'_> {
    pub(super) fn create_key(&mut self) -> Done {
        let body = self.call.body;
        let spec = match body.optional("KeySpec")?.or(body.optional("CustomerMasterKeySpec")?) {
            Some(text) => Spec::parse(text)?,
            None => Spec::Symmetric,
        };
        let usage = match (body.optional("KeyUsage")?, spec) {
            (Some(text), _) => Usage::parse(text)?,
            (None, Spec::Symmetric) => Usage::EncryptDecrypt,
            (None, _) => {
                return Err(KmsError::validation(
                    "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.",
                )
                .into());
            }
        };
        if !spec.can(usage) {
            let text = format!("KeyUsage {} is not compatible with KeySpec {}", usage.name(), spec.name());
            return Err(KmsError::validation(text).into());
        }
        if body.optional("Origin")?.is_some_and(|origin| origin != "AWS_KMS")
            || body.has("CustomKeyStoreId")
            || body.has("XksKeyId")
            || body.flag("MultiRegion")?
        {
            let text =
                "custom key stores, imported material and multi-Region keys are not supported by this key service";
            return Err(KmsError::new(Code::UNSUPPORTED, text).into());
        }
        let description = body.long("Description")?.unwrap_or_default().to_owned();
        check_description(&description)?;
        let tags = super::tags::parse(body.list("Tags")?.unwrap_or_default())?;
        let own = body.long("Policy")?.map(str::to_owned);
        let about = |context: &mut Context| {
            context.set("kms:KeySpec", spec.name());
            context.set("kms:KeyUsage", usage.name());
            context.set("kms:KeyOrigin", "AWS_KMS");
            context.set("kms:MultiRegion", "false");
            context.set_tags("aws:RequestTag", tags.iter().map(|(name, value)| (name.as_str(), value.as_str())));
            context.set_many("aws:TagKeys", tags.keys().cloned());
        };
        self.authorize_account("CreateKey", "*".into(), about)?;
        if !tags.is_empty() {
            self.authorize_account("TagResource", "*".into(), about)?;
        }
        if self.state.keys.len() >= MAX_KEYS {
            return Err(KmsError::new(Code::LIMIT_EXCEEDED, format!("there are {MAX_KEYS} keys")).into());
        }
        let id = Uuid::random()?.to_string();
        let policy = own.unwrap_or_else(|| default_policy(&self.state.account));
        self.check_policy(&id, &policy)?;
        let now = self.call.now;
        let version = new_version(spec, 1, now, Origin::Created)?;
        let key = Key {
            id: id.clone(),
            spec,
            usage,
            created: now,
            description,
            enabled: true,
            deletion: None,
            policy,
            tags,
            versions: vec![version],
            rotation: None,
            on_demand: 0,
            grants: Vec::new(),
            limit: None,
        };
        let metadata = metadata(self.state, &key);
        self.state.keys.insert(id, key);
        Ok(json!({ "KeyMetadata": metadata }))
    }

    /// Refuses a policy that is not of the grammar, and one after which its author could not change it again.
    pub(super) fn check_policy(&self, id: &str, text: &str) -> Result<(), KmsError> {
        let malformed = |reason: String| KmsError::new(Code::MALFORMED_POLICY, reason);
        let policy = Policy::parse(text).map_err(|error| malformed(error.to_string()))?;
        policy.check_key_policy().map_err(|error| malformed(error.to_string()))?;
        if self.call.body.flag("BypassPolicyLockoutSafetyCheck")? {
            return Ok(());
        }
        let (context, arn) = (self.request_context(), self.state.key_arn(id));
        let decision = decide(&Question {
            caller: &self.call.identity.principal,
            action: "kms:PutKeyPolicy",
            resource: Resource::Key { arn: &arn, account: &self.state.account, policy: Some(&policy), grants: &[] },
            identity: &self.call.identity.policies,
            context: &context,
            child: None,
        });
        if matches!(decision, Decision::KeyPolicy | Decision::AccountPolicy) {
            return Ok(());
        }
        Err(malformed("The new key policy will not allow you to update the key policy in the future.".into()))
    }

    pub(super) fn describe_key(&mut self) -> Done {
        let id = self.key_id("KeyId")?;
        self.authorize("DescribeKey", &id, |_| {})?;
        let key = self.state.key(&id)?;
        Ok(json!({ "KeyMetadata": metadata(self.state, key) }))
    }

    pub(super) fn list_keys(&mut self) -> Done {
        self.authorize_account("ListKeys", "*".into(), |_| {})?;
        let state = &self.state;
        let entry = |id: &String| (id.clone(), json!({ "KeyId": id, "KeyArn": state.key_arn(id) }));
        let entries = state.keys.values().filter(|key| !key.is_gone(self.call.now)).map(|key| entry(&key.id));
        self.page(entries.collect(), "Keys", 100, 1000)
    }

    pub(super) fn set_enabled(&mut self, enabled: bool) -> Done {
        let id = self.key_id("KeyId")?;
        self.authorize(self.call.action, &id, |_| {})?;
        self.not_ending(&id)?;
        self.state.key_mut(&id)?.enabled = enabled;
        Ok(json!({}))
    }

    pub(super) fn update_key_description(&mut self) -> Done {
        let id = self.key_id("KeyId")?;
        let description = self.call.body.long("Description")?.unwrap_or_default().to_owned();
        check_description(&description)?;
        self.authorize("UpdateKeyDescription", &id, |_| {})?;
        self.not_ending(&id)?;
        self.state.key_mut(&id)?.description = description;
        Ok(json!({}))
    }

    pub(super) fn schedule_key_deletion(&mut self) -> Done {
        let id = self.key_id("KeyId")?;
        let days = self.call.body.number("PendingWindowInDays", 7, 30)?.unwrap_or(30);
        self.authorize("ScheduleKeyDeletion", &id, |context| {
            context.set("kms:ScheduleKeyDeletionPendingWindowInDays", days.to_string());
        })?;
        self.not_ending(&id)?;
        let end = self.call.now + days * DAY;
        let key = self.state.key_mut(&id)?;
        key.deletion = Some(end);
        key.enabled = false;
        let state = key.state().name();
        let arn = self.state.key_arn(&id);
        Ok(json!({ "KeyId": arn, "DeletionDate": end, "KeyState": state, "PendingWindowInDays": days }))
    }

    pub(super) fn cancel_key_deletion(&mut self) -> Done {
        let id = self.key_id("KeyId")?;
        self.authorize("CancelKeyDeletion", &id, |_| {})?;
        let arn = self.state.key_arn(&id);
        let key = self.state.key_mut(&id)?;
        if key.state() != KeyState::PendingDeletion {
            return Err(KmsError::new(Code::INVALID_STATE, format!("{arn} is not pending deletion.")).into());
        }
        // As AWS: it comes back disabled.
        key.deletion = None;
        Ok(json!({ "KeyId": arn }))
    }
}

/// A new version of material.
pub(super) fn new_version(spec: Spec, number: u32, now: Seconds, origin: Origin) -> Result<Version, KmsError> {
    let (material, public) = match spec {
        Spec::Symmetric | Spec::Hmac256 => (Material::random(32)?, None),
        Spec::Hmac224 => (Material::random(28)?, None),
        Spec::Hmac384 => (Material::random(48)?, None),
        Spec::Hmac512 => (Material::random(64)?, None),
        Spec::Rsa2048 | Spec::Rsa3072 | Spec::Rsa4096 | Spec::P256 | Spec::P384 | Spec::Ed25519 => {
            let pair = asymmetric::generate(spec)?;
            (pair.private, Some(pair.public))
        }
    };
    Ok(Version { number, created: now, origin, material, public, counted: Count::default(), lease: Count::default() })
}

/// What AWS gives a key that is made by an API call without a policy: the account decides.
fn default_policy(account: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Id":"key-default-1","Statement":[{{"Sid":"Enable IAM User Permissions","Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::{account}:root"}},"Action":"kms:*","Resource":"*"}}]}}"#
    )
}

fn check_description(text: &str) -> Result<(), KmsError> {
    if text.chars().count() <= 8192 {
        return Ok(());
    }
    Err(KmsError::validation(
        "1 validation error detected: Value at 'description' failed to satisfy constraint: Member must have length less \
         than or equal to 8192",
    ))
}

/// AWS's KeyMetadata.
pub(super) fn metadata(state: &State, key: &Key) -> Value {
    let mut metadata = json!({
        "AWSAccountId": state.account,
        "Arn": state.key_arn(&key.id),
        "KeyId": key.id,
        "CreationDate": key.created,
        "Description": key.description,
        "Enabled": key.state() == KeyState::Enabled,
        "KeyManager": "CUSTOMER",
        "KeySpec": key.spec.name(),
        "CustomerMasterKeySpec": key.spec.name(),
        "KeyState": key.state().name(),
        "KeyUsage": key.usage.name(),
        "MultiRegion": false,
        "Origin": "AWS_KMS",
    });
    if let Some(end) = key.deletion {
        metadata["DeletionDate"] = end.into();
    }
    match key.usage {
        Usage::EncryptDecrypt => {
            metadata["EncryptionAlgorithms"] = key.spec.encryption().iter().map(|one| one.name()).collect();
        }
        Usage::SignVerify => metadata["SigningAlgorithms"] = key.spec.signing().iter().map(|one| one.name()).collect(),
        Usage::GenerateVerifyMac => metadata["MacAlgorithms"] = key.spec.mac().iter().map(|one| one.name()).collect(),
    }
    metadata
}
