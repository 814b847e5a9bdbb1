//! PutKeyPolicy, GetKeyPolicy, ListKeyPolicies.

use serde_json::json;

use super::{Asked, Done};
use crate::kms::error::{Code, KmsError};

impl Asked<'_> {
    pub(super) fn put_key_policy(&mut self) -> Done {
        let id = self.key_id("KeyId")?;
        self.check_policy_name()?;
        let policy = self.call.body.long("Policy")?.unwrap_or_default().to_owned();
        let bypass = self.call.body.flag("BypassPolicyLockoutSafetyCheck")?.to_string();
        self.authorize("PutKeyPolicy", &id, |keys| keys.set("kms:BypassPolicyLockoutSafetyCheck", bypass))?;
        self.check_policy(&id, &policy)?;
        self.state.key_mut(&id)?.policy = policy;
        Ok(json!({}))
    }

    pub(super) fn get_key_policy(&mut self) -> Done {
        let id = self.key_id("KeyId")?;
        self.check_policy_name()?;
        self.authorize("GetKeyPolicy", &id, |_| {})?;
        Ok(json!({ "Policy": self.state.key(&id)?.policy, "PolicyName": "default" }))
    }

    pub(super) fn list_key_policies(&mut self) -> Done {
        let id = self.key_id("KeyId")?;
        self.authorize("ListKeyPolicies", &id, |_| {})?;
        Ok(json!({ "PolicyNames": ["default"], "Truncated": false }))
    }

    /// A key has one policy, and AWS calls it `default`.
    fn check_policy_name(&self) -> Result<(), KmsError> {
        match self.call.body.optional("PolicyName")? {
            None | Some("default") => Ok(()),
            Some(_) => Err(KmsError::new(Code::NOT_FOUND, "No such policy exists")),
        }
    }
}
