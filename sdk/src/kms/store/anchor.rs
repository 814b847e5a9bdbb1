//! The anchor: which state is the newest, and how far the audit log goes (KMS-4 of docs/formats.md).

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::StoreError;
use super::files::{self, Log};
use super::seal::FileKey;
use crate::crypto::mac::MacKey;
use crate::kms::audit::{Hash, Head};
use crate::kms::state::State;

/// What an anchor says.
pub(super) struct Anchor {
    store: String,
    generation: u64,
    digest: Hash,
    /// Length of the log in bytes, and its head there.
    pub(super) audit: (u64, Head),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    said: Said,
    mac: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    store: String,
    generation: u64,
    digest: String,
    audit_bytes: u64,
    audit_records: u64,
    audit_hash: String,
}

impl Anchor {
    pub(super) fn of(state: &State, file: &[u8], log: &Log) -> Self {
        Self {
            store: state.store.clone(),
            generation: state.generation,
            digest: Hash(*blake3::hash(file).as_bytes()),
            audit: (log.len(), log.head()),
        }
    }

    pub(super) fn read(path: &Path, key: &FileKey) -> Result<Self, StoreError> {
        if !std::fs::exists(path).map_err(|error| files::failed(path, &error))? {
            return Err(StoreError::NoAnchor(path.to_owned()));
        }
        let (bytes, _) = files::read(path)?;
        let read = || {
            let written: Written = serde_json::from_slice(&bytes).ok()?;
            let said = written.said;
            if tag(&said, key)? != written.mac {
                return None;
            }
            let head = Head { records: said.audit_records, hash: Hash::parse(&said.audit_hash)? };
            Some(Self {
                digest: Hash::parse(&said.digest)?,
                store: said.store,
                generation: said.generation,
                audit: (said.audit_bytes, head),
            })
        };
        read().ok_or_else(|| StoreError::ForeignAnchor(path.to_owned()))
    }

    pub(super) fn write(&self, path: &Path, key: &FileKey) -> Result<(), StoreError> {
        let (bytes, head) = self.audit;
        let said = Said {
            store: self.store.clone(),
            generation: self.generation,
            digest: self.digest.to_string(),
            audit_bytes: bytes,
            audit_records: head.records,
            audit_hash: head.hash.to_string(),
        };
        let mac = tag(&said, key).ok_or(StoreError::NotAStore)?;
        let text = serde_json::to_vec(&Written { said, mac }).map_err(|_| StoreError::NotAStore)?;
        files::write(path, &text).map(|_| ())
    }

    /// Refuses a store that is older than this anchor, and another one of the same age. A newer one was written by
    /// somebody who was killed before the anchor was.
    pub(super) fn check(&self, path: &Path, state: &State, file: &[u8]) -> Result<(), StoreError> {
        if state.store != self.store {
            return Err(StoreError::ForeignAnchor(path.to_owned()));
        }
        let same = Hash(*blake3::hash(file).as_bytes()) == self.digest;
        if state.generation < self.generation || (state.generation == self.generation && !same) {
            return Err(StoreError::Older { found: state.generation, known: self.generation });
        }
        Ok(())
    }
}

fn tag(said: &Said, key: &FileKey) -> Option<String> {
    let text = serde_json::to_vec(said).ok()?;
    Some(MacKey::new(key.anchor.expose()).tag(&text).iter().map(|byte| format!("{byte:02x}")).collect())
}
