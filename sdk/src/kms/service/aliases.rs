//! Aliases: a permission on the alias (the caller's own policies) and one on each key that it names.

use serde_json::json;

use super::{Asked, Done};
use crate::kms::error::{Code, KmsError};
use crate::kms::key::State as KeyState;
use crate::kms::state::{Alias, plain};

/// Aliases of one key: AWS's quota.
const MAX_ALIASES: usize = 50;

impl Asked<'_> {
    pub(super) fn create_alias(&mut self) -> Done {
        let name = self.alias_name()?;
        let key = self.key_id("TargetKeyId")?;
        self.authorize_account("CreateAlias", self.state.alias_arn(&name), |_| {})?;
        self.authorize("CreateAlias", &key, |_| {})?;
        self.not_ending(&key)?;
        if self.state.aliases.contains_key(&name) {
            let text = format!("An alias with the name {} already exists", self.state.alias_arn(&name));
            return Err(KmsError::new(Code::ALREADY_EXISTS, text).into());
        }
        self.check_room(&key)?;
        let now = self.call.now;
        self.state.aliases.insert(name, Alias { key, created: now, updated: now });
        Ok(json!({}))
    }

    pub(super) fn update_alias(&mut self) -> Done {
        let name = self.alias_name()?;
        let key = self.key_id("TargetKeyId")?;
        let old = self.aliased(&name)?;
        self.authorize_account("UpdateAlias", self.state.alias_arn(&name), |_| {})?;
        self.authorize("UpdateAlias", &old, |_| {})?;
        self.authorize("UpdateAlias", &key, |_| {})?;
        self.not_ending(&key)?;
        let (from, to) = (self.state.key(&old)?, self.state.key(&key)?);
        if (from.spec, from.usage) != (to.spec, to.usage) {
            let text = format!("Alias {} must be updated to a KMS key of the same type and usage.", plain(&name));
            return Err(KmsError::validation(text).into());
        }
        if old != key {
            self.check_room(&key)?;
        }
        let now = self.call.now;
        if let Some(alias) = self.state.aliases.get_mut(&name) {
            (alias.key, alias.updated) = (key, now);
        }
        Ok(json!({}))
    }

    pub(super) fn delete_alias(&mut self) -> Done {
        let name = self.alias_name()?;
        let key = self.aliased(&name)?;
        self.authorize_account("DeleteAlias", self.state.alias_arn(&name), |_| {})?;
        self.authorize("DeleteAlias", &key, |_| {})?;
        self.state.aliases.remove(&name);
        Ok(json!({}))
    }

    pub(super) fn list_aliases(&mut self) -> Done {
        let only = match self.call.body.has("KeyId") {
            true => Some(self.key_id("KeyId")?),
            false => None,
        };
        self.authorize_account("ListAliases", "*".into(), |_| {})?;
        let shown = self.state.aliases.iter().filter(|(_, alias)| only.as_ref().is_none_or(|key| *key == alias.key));
        let entries = shown.map(|(name, alias)| {
            let entry = json!({
                "AliasName": name,
                "AliasArn": self.state.alias_arn(name),
                "TargetKeyId": alias.key,
                "CreationDate": alias.created,
                "LastUpdatedDate": alias.updated,
            });
            (name.clone(), entry)
        });
        self.page(entries.collect(), "Aliases", 50, 100)
    }

    fn aliased(&self, name: &str) -> Result<String, KmsError> {
        let missing = || KmsError::new(Code::NOT_FOUND, format!("Alias {} is not found.", self.state.alias_arn(name)));
        let alias = self.state.aliases.get(name).ok_or_else(missing)?;
        Ok(alias.key.clone())
    }

    fn check_room(&self, key: &str) -> Result<(), KmsError> {
        if self.state.key(key)?.state() == KeyState::PendingDeletion
            || self.state.aliases.values().filter(|alias| alias.key == key).count() < MAX_ALIASES
        {
            return Ok(());
        }
        Err(KmsError::new(Code::LIMIT_EXCEEDED, format!("a key has at most {MAX_ALIASES} aliases")))
    }

    fn alias_name(&self) -> Result<String, KmsError> {
        let name = self.call.body.text("AliasName")?;
        let Some(rest) = name.strip_prefix("alias/") else {
            return Err(KmsError::validation(
                "Alias must start with the prefix \"alias/\". Please see \
                 https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html",
            ));
        };
        let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_' | b'-');
        if rest.is_empty() || !rest.bytes().all(known) || name.len() > 256 {
            let text = "an alias is alias/ and 1 to 250 letters, digits, slashes, underscores and hyphens";
            return Err(KmsError::new(Code::INVALID_ALIAS_NAME, text));
        }
        if rest.starts_with("aws/") {
            return Err(KmsError::new(Code::INVALID_ALIAS_NAME, "alias/aws/ is reserved"));
        }
        Ok(name.to_owned())
    }
}
