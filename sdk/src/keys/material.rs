//! Branch and beacon keys in memory, and what is derived from them (KEY-2, KEY-3).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use super::Uuid;
use crate::crypto::hkdf;
use crate::crypto::mac::MacKey;
use crate::crypto::secret::Secret;
use crate::crypto::xaes::XaesKey;

/// The first eight bytes of a key's commitment: a hint which version sealed a cell (KEY-2).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyRef(pub [u8; 8]);

impl fmt::Display for KeyRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// 32 bytes that only this key can give: bound in the wrap, compared after every unwrap, recorded in the lock (KEY-2).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyCommit(pub [u8; 32]);

impl KeyCommit {
    /// The commitment to a key of any kind.
    pub fn of(key: &Secret<32>) -> Self {
        Self(*derive::<32>(key, Label::KeyCommit, "").expose())
    }

    /// Its first eight bytes.
    pub fn key_ref(&self) -> KeyRef {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.0[..8]);
        KeyRef(bytes)
    }
}

/// 64 hex digits.
impl fmt::Display for KeyCommit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyCommit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// How many derived keys one key version keeps. The names come from the schema file, so this is far above use; beyond
/// it a key is derived for every call instead of kept.
const MAX_DERIVED: usize = 4096;

/// One version of a branch key with everything derived from it.
pub struct BranchKey {
    id: String,
    version: Uuid,
    generation: u64,
    commit: KeyCommit,
    key_ref: KeyRef,
    created: i64,
    key: Secret<32>,
    tables: Derived<TableKeys>,
}

impl BranchKey {
    /// `created` in microseconds since 1970.
    pub fn new(id: String, version: Uuid, generation: u64, created: i64, key: Secret<32>) -> Self {
        let commit = KeyCommit::of(&key);
        let key_ref = commit.key_ref();
        Self { id, version, generation, commit, key_ref, created, key, tables: Derived::default() }
    }

    /// The id that schema and tenant demand.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Names this version in associated data and signatures.
    pub fn version(&self) -> Uuid {
        self.version
    }

    /// +1 with every version.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// What cells and signatures carry.
    pub fn key_ref(&self) -> KeyRef {
        self.key_ref
    }

    /// What the lock records.
    pub fn commit(&self) -> KeyCommit {
        self.commit
    }

    /// Microseconds since 1970.
    pub fn created(&self) -> i64 {
        self.created
    }

    /// The keys of one table, by its logical name; derived once.
    pub fn table(&self, logical: &str) -> Arc<TableKeys> {
        self.tables.get(logical, || TableKeys {
            cell: XaesKey::new(&derive(&self.key, Label::Cell, logical)),
            row_mac: MacKey::new(derive::<48>(&self.key, Label::RowMacSha384, logical).expose()),
        })
    }
}

/// What one table uses of one branch key version.
pub struct TableKeys {
    /// Seals cells 0x01.
    pub cell: XaesKey,
    /// Signs rows, suite 0x01.
    pub row_mac: MacKey,
}

/// One epoch of a beacon key with its HMAC states.
pub struct BeaconKey {
    id: String,
    version: Uuid,
    epoch: u64,
    commit: KeyCommit,
    key: Secret<32>,
    beacons: Derived<MacKey>,
}

impl BeaconKey {
    /// The epoch is the generation of the item (BCN-1).
    pub fn new(id: String, version: Uuid, epoch: u64, key: Secret<32>) -> Self {
        let commit = KeyCommit::of(&key);
        Self { id, version, epoch, commit, key, beacons: Derived::default() }
    }

    /// The id of its branch key.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The version's UUID.
    pub fn version(&self) -> Uuid {
        self.version
    }

    /// The generation, which is the epoch of the tags it makes.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// What the lock records.
    pub fn commit(&self) -> KeyCommit {
        self.commit
    }

    /// The HMAC key of the beacon of this full name (BCN-1); derived once.
    pub fn beacon(&self, full_name: &str) -> Arc<MacKey> {
        self.beacons.get(full_name, || beacon_mac(self.key.expose(), full_name))
    }
}

/// The HMAC key that the AWS Database Encryption SDK derives for a beacon of this name.
pub(crate) fn beacon_mac(beacon_key: &[u8], name: &str) -> MacKey {
    MacKey::new(hkdf::derive::<64>(beacon_key, &[b"AWS_DBE_SCAN_BEACON", name.as_bytes()]).expose())
}

/// What a derived key is for: one label, one primitive (KEY-3).
#[derive(Clone, Copy)]
enum Label {
    Cell,
    RowMacSha384,
    KeyCommit,
}

impl Label {
    const fn text(self) -> &'static str {
        match self {
            Label::Cell => "CELL",
            Label::RowMacSha384 => "ROWMAC-SHA384",
            Label::KeyCommit => "KEYCOMMIT",
        }
    }
}

/// The derivation of KEY-3. No key of this version belongs to a single column, so that part is empty.
fn derive<const N: usize>(key: &Secret<32>, label: Label, table: &str) -> Secret<N> {
    let mut info = b"pgseal v1".to_vec();
    crate::framing::put_u16_part(&mut info, label.text().as_bytes());
    crate::framing::put_u16_part(&mut info, table.as_bytes());
    crate::framing::put_u16_part(&mut info, b"");
    info.extend_from_slice(&(N as u16).to_be_bytes());
    hkdf::derive(key.expose(), &[&info])
}

/// The cell key and the row MAC key of a table, for the frozen vectors.
#[cfg(test)]
pub(crate) fn derivation_for_tests(key: &Secret<32>, table: &str) -> (Secret<32>, Secret<48>) {
    (derive(key, Label::Cell, table), derive(key, Label::RowMacSha384, table))
}

/// Derived keys by name. Few, and looked up with every cell: comparing is less work than hashing.
struct Derived<K>(RwLock<BTreeMap<String, Arc<K>>>);

impl<K> Default for Derived<K> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<K> Derived<K> {
    fn get(&self, name: &str, derive: impl FnOnce() -> K) -> Arc<K> {
        // A panic elsewhere cannot leave a half-made entry: entries are inserted whole.
        if let Some(key) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(name) {
            return Arc::clone(key);
        }
        let key = Arc::new(derive());
        let mut map = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if map.len() < MAX_DERIVED || map.contains_key(name) {
            return Arc::clone(map.entry(name.to_owned()).or_insert(key));
        }
        key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn branch() -> BranchKey {
        BranchKey::new("cards".into(), Uuid([1; 16]), 1, 0, Secret::new([7; 32]))
    }

    #[test]
    fn key_ref_is_the_head_of_the_commitment_key_2() {
        let key = branch();
        assert_eq!(key.key_ref().0, key.commit().0[..8]);
        assert_eq!(key.commit(), KeyCommit::of(&Secret::new([7; 32])));
        assert_ne!(key.commit(), KeyCommit::of(&Secret::new([8; 32])));
    }

    #[test]
    fn tables_have_keys_of_their_own_and_each_is_derived_once_key_3() {
        let key = branch();
        let (a, b) = (key.table("a"), key.table("b"));
        assert!(Arc::ptr_eq(&a, &key.table("a")));
        assert_ne!(a.row_mac.tag(b"x"), b.row_mac.tag(b"x"));
    }

    #[test]
    fn beacons_differ_by_name_and_each_is_derived_once() {
        let key = BeaconKey::new("cards".into(), Uuid([1; 16]), 1, Secret::new([7; 32]));
        assert!(Arc::ptr_eq(&key.beacon("a"), &key.beacon("a")));
        assert_ne!(key.beacon("a").tag(b"x"), key.beacon("b").tag(b"x"));
    }

    #[test]
    fn the_kept_keys_are_bounded() {
        let key = BeaconKey::new("cards".into(), Uuid([1; 16]), 1, Secret::new([7; 32]));
        for i in 0..=MAX_DERIVED {
            key.beacon(&i.to_string());
        }
        assert_eq!(key.beacons.0.read().unwrap().len(), MAX_DERIVED);
        assert_eq!(key.beacon("more").tag(b"x"), beacon_mac(&[7; 32], "more").tag(b"x"));
    }
}
