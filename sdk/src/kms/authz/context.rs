//! The condition keys of one request, with their values.

use std::collections::BTreeMap;

use super::principal::Principal;

/// What the pairs of an encryption context are called in a policy.
const ENCRYPTION_CONTEXT: &str = "kms:encryptioncontext:";

/// Condition keys and their values. Names of condition keys have no case; names of pairs of an encryption context have
/// one, and are found by theirs first.
#[derive(Debug, Clone, Default)]
pub struct Context {
    keys: BTreeMap<String, Vec<String>>,
    encryption: BTreeMap<String, String>,
}

impl Context {
    /// What every request of this caller has.
    pub fn of(caller: &Principal) -> Self {
        let mut context = Self::default();
        context.set("kms:CallerAccount", caller.account());
        context.set("aws:PrincipalAccount", caller.account());
        context.set("aws:PrincipalArn", caller.principal_arn());
        context.set("aws:PrincipalType", caller.kind());
        if let Some(name) = caller.user_name() {
            context.set("aws:username", name);
        }
        context
    }

    /// Sets a key that has one value.
    pub fn set(&mut self, key: &str, value: impl Into<String>) {
        self.keys.insert(key.to_ascii_lowercase(), vec![value.into()]);
    }

    /// Sets a key that may have many; without any it is not there.
    pub fn set_many(&mut self, key: &str, values: impl IntoIterator<Item = String>) {
        let values: Vec<String> = values.into_iter().collect();
        if values.is_empty() {
            self.keys.remove(&key.to_ascii_lowercase());
        } else {
            self.keys.insert(key.to_ascii_lowercase(), values);
        }
    }

    /// Tags under `aws:ResourceTag`, `aws:PrincipalTag` or `aws:RequestTag`.
    pub fn set_tags<'t>(&mut self, prefix: &str, tags: impl IntoIterator<Item = (&'t str, &'t str)>) {
        for (name, value) in tags {
            self.set(&format!("{prefix}/{name}"), value);
        }
    }

    /// The request's encryption context: its pairs, and `kms:EncryptionContextKeys`.
    pub fn set_encryption(&mut self, pairs: &BTreeMap<String, String>) {
        self.set_many("kms:EncryptionContextKeys", pairs.keys().cloned());
        self.encryption = pairs.clone();
    }

    /// The pairs of the encryption context.
    pub fn encryption(&self) -> &BTreeMap<String, String> {
        &self.encryption
    }

    /// The values of a key; none if the request does not have it.
    pub fn get(&self, key: &str) -> Vec<&str> {
        let lower = key.to_ascii_lowercase();
        if !lower.starts_with(ENCRYPTION_CONTEXT) {
            return self.keys.get(&lower).into_iter().flatten().map(String::as_str).collect();
        }
        let name = &key[ENCRYPTION_CONTEXT.len()..];
        if let Some(value) = self.encryption.get(name) {
            return vec![value];
        }
        let folded = name.to_lowercase();
        let alike = self.encryption.iter().filter(|(other, _)| other.to_lowercase() == folded);
        alike.map(|(_, value)| value.as_str()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_found_by_its_own_case_first() {
        let mut context = Context::default();
        let pairs = [("Stage", "a"), ("stage", "b"), ("tenant", "c")];
        context.set_encryption(&pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
        assert_eq!(context.get("KMS:EncryptionContext:stage"), ["b"]);
        assert_eq!(context.get("kms:EncryptionContext:STAGE"), ["a", "b"]);
        assert_eq!(context.get("kms:EncryptionContext:TENANT"), ["c"]);
        assert!(context.get("kms:EncryptionContext:other").is_empty());
        assert_eq!(context.get("kms:encryptioncontextkeys").len(), 3);
    }
}
