//! Makes a key: the one door through which a new id enters a key store (KEY-6).

use std::time::{SystemTime, UNIX_EPOCH};

use zeroize::Zeroizing;

use super::keyring::{Keyring, WrapContext};
use super::store::{Inserted, Item, KeyStore, Kind, State};
use super::{Error, KeyCommit, Uuid};
use crate::crypto::random::{self, NoRandomness};
use crate::crypto::secret::Secret;

/// What [`create_key`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Creation {
    /// Both keys are new: the branch key's and the beacon key's commitment, for the lock.
    Created {
        /// Generation 1 of the branch key.
        branch: KeyCommit,
        /// Epoch 1 of the beacon key.
        beacon: KeyCommit,
    },
    /// The store had the key already; nothing was changed.
    Existed,
}

/// Makes the branch key and the beacon key of `id`, wrapped by `keyring`, both or neither.
///
/// # Errors
/// [`Error::Inconsistent`] for an id that KEY-4 does not allow.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// use pgseal::crypto::secret::Secret;
/// use pgseal::keys::{Creation, KeyStore, create_key, keyring::raw::RawKeyring, store::memory::MemoryStore};
///
/// let (keyring, store) = (RawKeyring::new(&Secret::new([1; 32])), MemoryStore::new()?);
/// assert!(matches!(create_key("patients", &keyring, &store).await?, Creation::Created { .. }));
/// assert_eq!(create_key("patients", &keyring, &store).await?, Creation::Existed);
/// assert_eq!(store.list("patients").await?.len(), 2);
/// assert!(create_key("no blanks", &keyring, &store).await.is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub async fn create_key(id: &str, keyring: &dyn Keyring, store: &dyn KeyStore) -> Result<Creation, Error> {
    check_id(id)?;
    if !store.list(id).await?.is_empty() {
        return Ok(Creation::Existed);
    }
    let store_uuid = store.uuid().await?;
    let created = now_micros();
    let branch = new_item(id, Kind::Branch, created, store_uuid, keyring).await?;
    let beacon = new_item(id, Kind::Beacon, created, store_uuid, keyring).await?;
    let creation = Creation::Created { branch: branch.commit, beacon: beacon.commit };
    match store.insert(&[branch, beacon]).await? {
        Inserted::All => Ok(creation),
        Inserted::Conflict => Ok(Creation::Existed),
    }
}

async fn new_item(id: &str, kind: Kind, created: i64, store: Uuid, keyring: &dyn Keyring) -> Result<Item, Error> {
    let mut bytes = Zeroizing::new([0; 32]);
    random::fill(bytes.as_mut_slice()).map_err(no_randomness)?;
    let key = Secret::new(*bytes);
    let mut item = Item {
        id: id.to_owned(),
        kind,
        version: Uuid::random().map_err(no_randomness)?,
        generation: 1,
        state: State::Active,
        commit: KeyCommit::of(&key),
        wraps: Vec::new(),
        created,
    };
    item.wraps = keyring.wrap(&WrapContext::of(&item, store), &key).await?;
    Ok(item)
}

/// 1–128 bytes of `[A-Za-z0-9_./%-]` (KEY-4).
fn check_id(id: &str) -> Result<(), Error> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'/' | b'%' | b'-');
    if (1..=128).contains(&id.len()) && id.bytes().all(allowed) {
        Ok(())
    } else {
        Err(Error::Inconsistent { id: id.to_owned(), reason: "an id has 1 to 128 of A-Z a-z 0-9 _ . / % -".to_owned() })
    }
}

fn no_randomness(error: NoRandomness) -> Error {
    Error::Unavailable { what: "the random generator".to_owned(), reason: error.to_string() }
}

/// A clock before 1970 counts as 1970: the time only describes the key.
fn now_micros() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_micros()).ok())
        .unwrap_or(0)
}
