//! A key as the store holds it: what it is, its material by version, its policy, grants and tags, and how much it was
//! used.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::authz::grant::Rights;
use super::error::{Code, KmsError};
use super::secret::{self, Material};
use super::spec::{Spec, Usage};
use crate::keys::Uuid;

/// Seconds since 1970.
pub type Seconds = i64;

/// One day in seconds.
pub const DAY: Seconds = 86_400;

/// A key.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// A UUID as text.
    pub id: String,
    /// What it is made of.
    pub spec: Spec,
    /// What it is for.
    pub usage: Usage,
    /// When it was made.
    pub created: Seconds,
    /// What its maker wrote of it.
    pub description: String,
    /// False while it is disabled.
    pub enabled: bool,
    /// When it ends, if that was scheduled.
    pub deletion: Option<Seconds>,
    /// The text of its policy.
    pub policy: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Its material: the last one seals, all open.
    pub versions: Vec<Version>,
    /// Periodic rotation.
    pub rotation: Option<Rotation>,
    /// How often it was rotated on demand.
    pub on_demand: u32,
    /// Its grants.
    pub grants: Vec<Grant>,
    /// How often one version may seal, where its owner says less than the algorithm's limit.
    pub limit: Option<u64>,
}

/// Periodic rotation.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rotation {
    /// 90 to 2560.
    pub days: u32,
    /// When the next is due.
    pub next: Seconds,
}

/// How a version of material came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origin {
    /// With the key.
    #[serde(rename = "CREATED")]
    Created,
    /// By its period.
    #[serde(rename = "AUTOMATIC")]
    Automatic,
    /// By hand.
    #[serde(rename = "ON_DEMAND")]
    OnDemand,
}

/// One version of a key's material.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Version {
    /// From 1.
    pub number: u32,
    /// When it was made.
    pub created: Seconds,
    /// How.
    pub origin: Origin,
    /// The secret: random bytes, or PKCS#8.
    #[serde(with = "secret::hex")]
    pub material: Material,
    /// SubjectPublicKeyInfo, for keys that have a public half.
    pub public: Option<Vec<u8>>,
    /// Uses and bytes that the store has counted. It counts a lease ahead, so that a use costs no write: what a killed
    /// process had left of its lease counts as used.
    pub counted: Count,
    /// What this process may still use of what is counted.
    #[serde(skip)]
    pub lease: Count,
}

/// Uses, and bytes of plaintext.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Count {
    /// Calls that sealed, signed or tagged.
    pub uses: u64,
    /// Bytes that they were given.
    pub bytes: u64,
}

/// A grant.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// 64 hex digits.
    pub id: String,
    /// What its maker calls it; a second CreateGrant with the same name and content gives this one.
    pub name: Option<String>,
    /// When it was made.
    pub created: Seconds,
    /// The ARN of who made it.
    pub issuer: String,
    /// The ARN of who may retire it.
    pub retiring: Option<String>,
    /// What it gives.
    pub rights: Rights,
    /// When it ends by itself.
    pub expires: Option<Seconds>,
}

impl Grant {
    /// The ARN of the root of the account that made it, which is all that AWS shows.
    pub fn issuer_account(&self) -> String {
        format!("arn:aws:iam::{}:root", self.issuer.split(':').nth(4).unwrap_or_default())
    }
}

/// AWS's states of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Usable.
    Enabled,
    /// Not usable, until it is enabled.
    Disabled,
    /// Not usable, and soon gone.
    PendingDeletion,
}

impl State {
    /// AWS's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Enabled => "Enabled",
            Self::Disabled => "Disabled",
            Self::PendingDeletion => "PendingDeletion",
        }
    }
}

/// How often one version of material may be used, and who says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// None: no limit is known that a service could reach.
    pub uses: Option<u64>,
    /// Where it is from.
    pub source: &'static str,
}

impl Key {
    /// Its state.
    pub fn state(&self) -> State {
        match (self.deletion, self.enabled) {
            (Some(_), _) => State::PendingDeletion,
            (None, true) => State::Enabled,
            (None, false) => State::Disabled,
        }
    }

    /// Whether its scheduled end has come.
    pub fn is_gone(&self, now: Seconds) -> bool {
        self.deletion.is_some_and(|end| end <= now)
    }

    /// The key's UUID.
    ///
    /// # Errors
    /// KMSInternalException if the store holds none.
    pub fn uuid(&self) -> Result<Uuid, KmsError> {
        self.id.parse().map_err(|_| KmsError::internal())
    }

    /// The version that seals.
    ///
    /// # Errors
    /// KMSInternalException if there is none.
    pub fn current(&self) -> Result<&Version, KmsError> {
        self.versions.last().ok_or_else(KmsError::internal)
    }

    /// Grants that have not ended.
    pub fn grants(&self, now: Seconds) -> impl Iterator<Item = &Grant> {
        self.grants.iter().filter(move |grant| grant.expires.is_none_or(|end| end > now))
    }

    /// The limit of one version.
    pub fn limit(&self) -> Limit {
        // Of a derived key no two messages come under one nonce before two salts of 128 bits are equal: below 2^-32 up to
        // 2^48 calls, the bound that SP 800-38D, 8.3 sets for random IVs.
        let own = match self.spec {
            Spec::Symmetric => Limit {
                uses: Some(1 << 48),
                source: "NIST SP 800-38D, section 8.3: a nonce repeats with a probability below 2^-32",
            },
            Spec::Hmac224 | Spec::Hmac256 | Spec::Hmac384 | Spec::Hmac512 => Limit {
                uses: Some(1 << 62),
                source: "RFC 2104, section 6: the birthday bound of the hash is beyond any count",
            },
            _ => Limit { uses: None, source: "none is published: RFC 8017, FIPS 186-5" },
        };
        match self.limit {
            Some(uses) if own.uses.is_none_or(|own| uses < own) => {
                Limit { uses: Some(uses), source: "set by the owner of the key" }
            }
            Some(_) | None => own,
        }
    }

    /// Takes one use of `bytes` from the lease of the current version; false if the lease does not reach.
    pub fn take(&mut self, bytes: u64) -> bool {
        let Some(version) = self.versions.last_mut() else { return false };
        let lease = &mut version.lease;
        if lease.uses == 0 || lease.bytes < bytes {
            return false;
        }
        lease.uses -= 1;
        lease.bytes -= bytes;
        true
    }

    /// Leases up to `uses` more of the current version, enough for one of `bytes`. To be stored before it is used.
    ///
    /// # Errors
    /// LimitExceededException when nothing is left below the limit.
    pub fn lease(&mut self, uses: u64, bytes: u64, arn: &str) -> Result<(), KmsError> {
        let limit = self.limit();
        let Some(version) = self.versions.last_mut() else { return Err(KmsError::internal()) };
        let left = limit.uses.map_or(u64::MAX, |limit| limit.saturating_sub(version.counted.uses));
        let taken = uses.min(left);
        if taken == 0 {
            return Err(KmsError::new(
                Code::LIMIT_EXCEEDED,
                format!(
                    "{arn} has reached its limit of {} uses ({}). Rotate it; what it sealed still opens.",
                    version.counted.uses, limit.source
                ),
            ));
        }
        let room = bytes.max(if taken == 1 { bytes } else { taken.saturating_mul(4096) });
        version.counted.uses += taken;
        version.counted.bytes = version.counted.bytes.saturating_add(room);
        version.lease = Count { uses: taken, bytes: room };
        Ok(())
    }

    /// Percent of the limit that the current version has used, rounded down.
    pub fn percent(&self) -> Option<u64> {
        let (limit, used) = (self.limit().uses?, self.versions.last()?.counted.uses);
        Some((u128::from(used) * 100 / u128::from(limit.max(1))) as u64)
    }
}
