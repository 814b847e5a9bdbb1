//! The store's file (KMS-1 of docs/formats.md): a state as JSON, sealed under a root.

use std::io;

use argon2::{Algorithm, Argon2, Params, Version};
use zeroize::Zeroizing;

use super::StoreError;
use crate::crypto::hkdf;
use crate::crypto::random;
use crate::crypto::secret::Secret;
use crate::crypto::xaes::{self, NONCE_LEN, TAG_LEN, XaesKey};
use crate::framing::{Malformed, Reader};
use crate::kms::state::State;

const MAGIC: &[u8; 10] = b"pgseal-kms";
const VERSION: u8 = 1;
/// Magic, version, root, three costs, salt, nonce.
const HEAD: usize = 10 + 1 + 1 + 12 + 32 + NONCE_LEN;

/// What a store is sealed under.
pub enum Root {
    /// The 32 bytes of a key file.
    Key(Secret<32>),
    /// A passphrase, stretched with Argon2id.
    Passphrase(Zeroizing<String>),
}

/// How a passphrase is stretched: memory in KiB, passes, lanes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    memory: u32,
    passes: u32,
    lanes: u32,
}

/// RFC 9106, section 4, the second recommended option.
const COST: Cost = Cost { memory: 1 << 16, passes: 3, lanes: 4 };
/// A key file is not stretched.
const NO_COST: Cost = Cost { memory: 0, passes: 0, lanes: 0 };

impl Cost {
    /// What a file may ask of the machine that opens it: 1 GiB, 16 passes.
    fn is_sane(self) -> bool {
        (8..=1 << 20).contains(&self.memory) && (1..=16).contains(&self.passes) && (1..=16).contains(&self.lanes)
    }
}

/// The key of one file, derived once from root and salt.
pub(super) struct FileKey {
    kind: u8,
    cost: Cost,
    salt: [u8; 32],
    key: XaesKey,
    /// Authenticates the anchor.
    pub(super) anchor: Secret<32>,
}

impl FileKey {
    /// For a new file.
    pub(super) fn create(root: &Root) -> Result<Self, StoreError> {
        let salt = random::array().map_err(|_| StoreError::NoRandomness)?;
        let cost = match root {
            Root::Key(_) => NO_COST,
            Root::Passphrase(_) => COST,
        };
        Self::derive(root, cost, salt)
    }

    fn derive(root: &Root, cost: Cost, salt: [u8; 32]) -> Result<Self, StoreError> {
        let (kind, input) = match root {
            Root::Key(key) => (1, Secret::new(*key.expose())),
            Root::Passphrase(phrase) => (2, stretch(phrase, cost, &salt)?),
        };
        let key = XaesKey::new(&hkdf::derive(input.expose(), &[b"pgseal kms store v1", &salt]));
        let anchor = hkdf::derive(input.expose(), &[b"pgseal kms anchor v1", &salt]);
        Ok(Self { kind, cost, salt, key, anchor })
    }

    /// The file of a state.
    pub(super) fn seal(&self, state: &State) -> Result<Vec<u8>, StoreError> {
        let mut plaintext = Wiped(Zeroizing::new(Vec::with_capacity(1 << 16)));
        serde_json::to_writer(&mut plaintext, state).map_err(|_| StoreError::NotAStore)?;
        let mut buffer = plaintext.0;
        let nonce = random::array().map_err(|_| StoreError::NoRandomness)?;
        let head = self.head(&nonce);
        let (prefix, tail) = xaes::split(&nonce);
        let tag = self.key.derive(&prefix).seal(&tail, &head, &mut buffer).map_err(|_| StoreError::NotAStore)?;
        Ok([&head[..], &buffer, &tag].concat())
    }

    fn head(&self, nonce: &[u8; NONCE_LEN]) -> Vec<u8> {
        let mut head = Vec::with_capacity(HEAD);
        head.extend_from_slice(MAGIC);
        head.extend_from_slice(&[VERSION, self.kind]);
        for cost in [self.cost.memory, self.cost.passes, self.cost.lanes] {
            head.extend_from_slice(&cost.to_be_bytes());
        }
        head.extend_from_slice(&self.salt);
        head.extend_from_slice(nonce);
        head
    }

    /// Whether a file has the salt that this key is of: then it needs no stretching.
    pub(super) fn is_of(&self, file: &[u8]) -> bool {
        read_head(file).is_ok_and(|head| (head.kind, head.cost, head.salt) == (self.kind, self.cost, self.salt))
    }

    /// Opens a file.
    pub(super) fn open(&self, file: &[u8]) -> Result<State, StoreError> {
        let head = read_head(file).map_err(|_| StoreError::NotAStore)?;
        let (associated, rest) = file.split_at_checked(HEAD).ok_or(StoreError::NotAStore)?;
        let (sealed, tag) = rest.split_last_chunk::<TAG_LEN>().ok_or(StoreError::NotAStore)?;
        let mut buffer = Zeroizing::new(sealed.to_vec());
        let (prefix, tail) = xaes::split(&head.nonce);
        self.key.derive(&prefix).open(&tail, associated, &mut buffer, tag).map_err(|_| StoreError::WrongRoot)?;
        // What opened was written by this program: another version of it.
        serde_json::from_slice(&buffer).map_err(|_| StoreError::OtherVersion)
    }
}

/// Opens a file whose key is not known yet. For anything that is not a store, an error and no stretching.
pub(super) fn open(file: &[u8], root: &Root) -> Result<(FileKey, State), StoreError> {
    let head = read_head(file).map_err(|_| StoreError::NotAStore)?;
    let key = match (head.kind, root) {
        (1, Root::Key(_)) if head.cost == NO_COST => FileKey::derive(root, head.cost, head.salt)?,
        (2, Root::Passphrase(_)) if head.cost.is_sane() => FileKey::derive(root, head.cost, head.salt)?,
        (1, Root::Passphrase(_)) => return Err(StoreError::OtherRoot("a key file")),
        (2, Root::Key(_)) => return Err(StoreError::OtherRoot("a passphrase")),
        _ => return Err(StoreError::NotAStore),
    };
    let state = key.open(file)?;
    Ok((key, state))
}

/// Reads a file's head and opens it under a key: for fuzzing, where nothing else of a file is of interest.
pub fn probe(file: &[u8], root: &Root) -> Result<(), StoreError> {
    open(file, root).map(|_| ())
}

struct Head {
    kind: u8,
    cost: Cost,
    salt: [u8; 32],
    nonce: [u8; NONCE_LEN],
}

fn read_head(file: &[u8]) -> Result<Head, Malformed> {
    let mut reader = Reader::new(file);
    if reader.array::<10>()? != *MAGIC || reader.u8()? != VERSION {
        return Err(Malformed("it is not a store of this version"));
    }
    let kind = reader.u8()?;
    let cost = Cost { memory: reader.u32()?, passes: reader.u32()?, lanes: reader.u32()? };
    Ok(Head { kind, cost, salt: reader.array()?, nonce: reader.array()? })
}

fn stretch(phrase: &str, cost: Cost, salt: &[u8; 32]) -> Result<Secret<32>, StoreError> {
    let params = Params::new(cost.memory, cost.passes, cost.lanes, Some(32)).map_err(|_| StoreError::NotAStore)?;
    let mut out = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(phrase.as_bytes(), salt, out.as_mut_slice())
        .map_err(|_| StoreError::NoMemory)?;
    Ok(Secret::new(*out))
}

/// A buffer that overwrites what it outgrows.
struct Wiped(Zeroizing<Vec<u8>>);

impl io::Write for Wiped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.capacity() - self.0.len() < bytes.len() {
            let mut larger = Zeroizing::new(Vec::with_capacity((self.0.len() + bytes.len()) * 2));
            larger.extend_from_slice(&self.0);
            self.0 = larger;
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(byte: u8) -> Root {
        Root::Key(Secret::new([byte; 32]))
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_refused() {
        let state = State::new("111122223333", "eu-central-1").unwrap();
        let file = FileKey::create(&root(1)).unwrap().seal(&state).unwrap();
        assert_eq!(open(&file, &root(1)).unwrap().1.store, state.store);
        assert!(matches!(open(&file, &root(2)), Err(StoreError::WrongRoot)));
        for at in 0..file.len() {
            let mut forged = file.clone();
            forged[at] ^= 1;
            assert!(open(&forged, &root(1)).is_err(), "byte {at}");
            assert!(open(&file[..at], &root(1)).is_err());
        }
    }

    #[test]
    fn a_passphrase_opens_its_store_and_no_other_does() {
        let phrase = |text: &str| Root::Passphrase(Zeroizing::new(text.to_owned()));
        let state = State::new("111122223333", "eu-central-1").unwrap();
        let file = FileKey::create(&phrase("correct horse")).unwrap().seal(&state).unwrap();
        assert_eq!(open(&file, &phrase("correct horse")).unwrap().1.store, state.store);
        assert!(matches!(open(&file, &phrase("correct hors")), Err(StoreError::WrongRoot)));
        assert!(matches!(open(&file, &root(1)), Err(StoreError::OtherRoot("a passphrase"))));
    }

    #[test]
    fn a_file_that_asks_for_too_much_memory_is_refused_before_it_gets_it() {
        let state = State::new("111122223333", "eu-central-1").unwrap();
        let phrase = Root::Passphrase(Zeroizing::new("x".into()));
        let mut file = FileKey::create(&phrase).unwrap().seal(&state).unwrap();
        file[12..16].copy_from_slice(&u32::MAX.to_be_bytes());
        assert!(matches!(open(&file, &phrase), Err(StoreError::NotAStore)));
    }
}
