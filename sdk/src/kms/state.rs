//! Everything the service knows, as one value: read whole from the sealed file and written whole.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::authz::{Policy, Principal};
use super::error::{Code, KmsError};
use super::key::{Key, Seconds};
use super::secret::{self, Material};
use super::spec::Spec;
use crate::crypto::random::NoRandomness;
use crate::keys::Uuid;

/// The state.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// The UUID of this store.
    pub store: String,
    /// Twelve digits: the account that keys are made in.
    pub account: String,
    /// For ARNs and signatures, for example `eu-central-1`.
    pub region: String,
    /// Keys by id.
    pub keys: BTreeMap<String, Key>,
    /// Aliases by name (`alias/…`).
    pub aliases: BTreeMap<String, Alias>,
    /// Who may call, by name.
    pub callers: BTreeMap<String, Caller>,
    /// Signs the checkpoints of the audit log: Ed25519, PKCS#8.
    #[serde(with = "secret::hex")]
    pub audit_key: Material,
    /// Its public half.
    pub audit_public: Vec<u8>,
    /// One more with every write.
    pub generation: u64,
    /// Whether this value will be stored before its answer leaves.
    #[serde(skip)]
    pub durable: bool,
    /// How many uses of a key are counted ahead.
    #[serde(skip)]
    pub ahead: u64,
}

/// An alias.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alias {
    /// The id of its key.
    pub key: String,
    /// When it was made.
    pub created: Seconds,
    /// When it was last pointed elsewhere.
    pub updated: Seconds,
}

/// Somebody who may call.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Caller {
    /// Who that is.
    pub arn: String,
    /// Texts of the IAM policies of this identity.
    pub policies: Vec<String>,
    /// For `aws:PrincipalTag`.
    pub tags: BTreeMap<String, String>,
    /// For `aws:PrincipalOrgID`.
    pub organization: Option<String>,
    /// Access keys by id.
    pub access_keys: BTreeMap<String, AccessKey>,
}

/// What signs the requests of a caller.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessKey {
    /// The text of the secret access key.
    #[serde(with = "secret::hex")]
    pub secret: Material,
    /// When it was made.
    pub created: Seconds,
}

/// Who calls, with the policies that go with that.
pub struct Identity {
    /// Who.
    pub principal: Principal,
    /// The identity's own policies.
    pub policies: Vec<Policy>,
    /// For `aws:PrincipalTag`.
    pub tags: BTreeMap<String, String>,
    /// For `aws:PrincipalOrgID`.
    pub organization: Option<String>,
}

impl State {
    /// An empty one.
    ///
    /// # Errors
    /// KMSInternalException without randomness, ValidationException if the account is not twelve digits or the region
    /// no name of one.
    pub fn new(account: &str, region: &str) -> Result<Self, KmsError> {
        if !super::authz::principal::is_account(account) {
            return Err(KmsError::validation("an account is twelve digits"));
        }
        if region.is_empty()
            || !region.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        {
            return Err(KmsError::validation("a region is lower-case letters, digits and hyphens"));
        }
        let audit = super::asymmetric::generate(Spec::Ed25519)?;
        Ok(Self {
            store: Uuid::random()?.to_string(),
            account: account.to_owned(),
            region: region.to_owned(),
            keys: BTreeMap::new(),
            aliases: BTreeMap::new(),
            callers: BTreeMap::new(),
            audit_key: audit.private,
            audit_public: audit.public,
            generation: 0,
            durable: false,
            ahead: 1,
        })
    }

    /// The ARN of a key of this store.
    pub fn key_arn(&self, id: &str) -> String {
        format!("arn:aws:kms:{}:{}:key/{id}", self.region, self.account)
    }

    /// The ARN of an alias (`alias/…`) of this store.
    pub fn alias_arn(&self, name: &str) -> String {
        format!("arn:aws:kms:{}:{}:{name}", self.region, self.account)
    }

    /// Who the root of the account is.
    ///
    /// # Errors
    /// KMSInternalException if the store's account is none.
    pub fn root(&self) -> Result<Identity, KmsError> {
        Ok(Identity {
            principal: Principal::root(&self.account).map_err(|_| KmsError::internal())?,
            policies: Vec::new(),
            tags: BTreeMap::new(),
            organization: None,
        })
    }

    /// A caller by name.
    pub fn caller(&self, name: &str) -> Option<Identity> {
        identity(self.callers.get(name)?)
    }

    /// Who an access key belongs to, with its secret.
    pub fn access_key(&self, id: &str) -> Option<(Identity, &Material)> {
        let caller = self.callers.values().find(|caller| caller.access_keys.contains_key(id))?;
        Some((identity(caller)?, &caller.access_keys.get(id)?.secret))
    }

    /// The id of a key that is named by its id, its ARN, an alias or an alias's ARN.
    ///
    /// # Errors
    /// NotFoundException or InvalidArnException, as AWS.
    pub fn find(&self, named: &str, now: Seconds) -> Result<String, KmsError> {
        let not_found = |message: String| KmsError::new(Code::NOT_FOUND, message);
        let (resource, full) = match named.strip_prefix("arn:") {
            Some(rest) => {
                let parts: Vec<&str> = rest.splitn(5, ':').collect();
                let &[_, "kms", region, account, resource] = parts.as_slice() else {
                    return Err(KmsError::new(Code::INVALID_ARN, "Invalid arn"));
                };
                if region != self.region {
                    return Err(not_found(format!("Invalid arn {}", plain(region))));
                }
                let resource = resource.strip_prefix("key/").unwrap_or(resource);
                if account != self.account {
                    return Err(not_found(format!("Key '{}' does not exist", plain(named))));
                }
                (resource, named.to_owned())
            }
            None if named.starts_with("alias/") => (named, self.alias_arn(named)),
            None => (named, self.key_arn(named)),
        };
        if resource.starts_with("alias/") {
            let alias = self.aliases.get(resource);
            let alias = alias.ok_or_else(|| not_found(format!("Alias {} is not found.", plain(&full))))?;
            return Ok(alias.key.clone());
        }
        if resource.parse::<Uuid>().is_err() {
            return Err(not_found(format!("Invalid keyId '{}'", plain(resource))));
        }
        match self.keys.get(resource) {
            Some(key) if !key.is_gone(now) => Ok(key.id.clone()),
            Some(_) | None => Err(not_found(format!("Key '{}' does not exist", plain(&full)))),
        }
    }

    /// A key by its id.
    ///
    /// # Errors
    /// KMSInternalException: the id comes from [`State::find`].
    pub fn key(&self, id: &str) -> Result<&Key, KmsError> {
        self.keys.get(id).ok_or_else(KmsError::internal)
    }

    /// As [`State::key`], to be changed.
    ///
    /// # Errors
    /// As [`State::key`].
    pub fn key_mut(&mut self, id: &str) -> Result<&mut Key, KmsError> {
        self.keys.get_mut(id).ok_or_else(KmsError::internal)
    }

    /// Drops what has ended by `now`: keys whose window is over, with their aliases, and grants.
    pub fn expire(&mut self, now: Seconds) {
        self.keys.retain(|_, key| !key.is_gone(now));
        let keys = &self.keys;
        self.aliases.retain(|_, alias| keys.contains_key(&alias.key));
        for key in self.keys.values_mut() {
            key.grants.retain(|grant| grant.expires.is_none_or(|end| end > now));
        }
    }

    /// Whether [`State::expire`] or a rotation has something to do.
    pub fn is_due(&self, now: Seconds) -> bool {
        self.keys.values().any(|key| {
            key.is_gone(now)
                || key.grants.iter().any(|grant| grant.expires.is_some_and(|end| end <= now))
                || (key.state() == super::key::State::Enabled
                    && key.rotation.is_some_and(|rotation| rotation.next <= now))
        })
    }

    /// Makes an access key for a caller and gives it away once.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub fn new_access_key(now: Seconds) -> Result<(String, String, AccessKey), NoRandomness> {
        const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        let id: [u8; 16] = crate::crypto::random::array()?;
        let id =
            format!("AKIA{}", id.map(|byte| char::from(LETTERS[usize::from(byte & 31)])).iter().collect::<String>());
        let secret: [u8; 30] = crate::crypto::random::array()?;
        let text = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, secret);
        let secret = Material::new(zeroize::Zeroizing::new(text.clone().into_bytes()));
        Ok((id, text, AccessKey { secret, created: now }))
    }
}

/// The identity of a caller. A policy that is no longer understood makes it nobody: it might have denied.
fn identity(caller: &Caller) -> Option<Identity> {
    Some(Identity {
        principal: Principal::parse(&caller.arn).ok()?,
        policies: caller.policies.iter().map(|text| Policy::parse(text)).collect::<Result<_, _>>().ok()?,
        tags: caller.tags.clone(),
        organization: caller.organization.clone(),
    })
}

/// What a caller sent, short and without control characters, for a text that goes back to the caller.
pub(super) fn plain(text: &str) -> String {
    text.chars().filter(|one| !one.is_control()).take(256).collect()
}
