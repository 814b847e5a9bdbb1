//! The encryption context that a wrap is bound to: text pairs, as AWS KMS takes them (KEY-1).

use crate::framing::put_u16_part;
use crate::keys::material::KeyCommit;
use crate::keys::store::{Item, Kind};
use crate::keys::{KeyRef, Uuid};

/// Which key of which store a wrap belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrapContext {
    pub(super) id: String,
    pub(super) purpose: Kind,
    pub(super) version: Uuid,
    pub(super) generation: u64,
    pub(super) created: i64,
    pub(super) commit: KeyCommit,
    pub(super) store: Uuid,
}

impl WrapContext {
    /// The context of an item of the store with this UUID.
    pub fn of(item: &Item, store: Uuid) -> Self {
        Self {
            id: item.id.clone(),
            purpose: item.kind,
            version: item.version,
            generation: item.generation,
            created: item.created,
            commit: item.commit,
            store,
        }
    }

    /// The id of the branch key.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The commitment that the unwrapped key must give.
    pub fn commit(&self) -> KeyCommit {
        self.commit
    }

    /// The head of the commitment.
    pub fn key_ref(&self) -> KeyRef {
        self.commit.key_ref()
    }

    /// The pairs in byte order of their names.
    pub fn pairs(&self) -> [(&'static str, String); 7] {
        [
            ("commit", self.commit.to_string()),
            ("created", self.created.to_string()),
            ("generation", self.generation.to_string()),
            ("id", self.id.clone()),
            ("purpose", self.purpose.as_str().to_owned()),
            ("store", self.store.to_string()),
            ("version", self.version.to_string()),
        ]
    }

    /// u16 count, then per pair u16 len ‖ name ‖ u16 len ‖ value.
    pub fn write(&self, out: &mut Vec<u8>) {
        let pairs = self.pairs();
        out.extend_from_slice(&(pairs.len() as u16).to_be_bytes());
        for (name, value) in &pairs {
            put_u16_part(out, name.as_bytes());
            put_u16_part(out, value.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pairs_stand_in_byte_order_key_1() {
        let context = WrapContext {
            id: "cards".into(),
            purpose: Kind::Branch,
            version: Uuid([1; 16]),
            generation: 1,
            created: 1,
            commit: KeyCommit([2; 32]),
            store: Uuid([3; 16]),
        };
        let pairs = context.pairs();
        assert!(pairs.is_sorted_by(|a, b| a.0.as_bytes() < b.0.as_bytes()));
    }
}
