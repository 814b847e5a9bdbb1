//! A key store in one JSON file: read whole, written beside and renamed over, synced with its directory.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Inserted, Item, KeyStore, conflicts};
use crate::keys::keyring::local::{create_private_directory, write_private};
use crate::keys::{BoxFuture, Error, Uuid};

/// The file's format version.
const VERSION: u32 = 1;

/// A store in a file of mode 0600.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// # let dir = std::env::temp_dir().join(format!("pgseal-doctest-keys-{}", std::process::id()));
/// use pgseal::keys::keyring::raw::RawKeyring;
/// use pgseal::keys::{KeyStore, create_key, store::file::FileStore};
/// use pgseal::schema::keyring_uri::RawSource;
///
/// let (root_file, store_file) = (dir.join("root.key"), dir.join("keys.json"));
/// let store = FileStore::open_or_create(&store_file)?;
/// # std::fs::write(&root_file, "07".repeat(32))?;
/// let keyring = RawKeyring::from_source(&RawSource::File(root_file))?; // 64 hex digits
/// create_key("patients", &keyring, &store).await?;
///
/// let again = FileStore::open(&store_file)?;
/// assert_eq!(again.uuid().await?, store.uuid().await?);
/// assert_eq!(again.list("patients").await?.len(), 2);
/// # std::fs::remove_dir_all(&dir)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct FileStore {
    file: PathBuf,
}

impl FileStore {
    /// A store whose file is there already.
    pub fn open(file: &Path) -> Result<Self, Error> {
        let store = Self { file: file.to_owned() };
        store.read()?;
        Ok(store)
    }

    /// Opens the store, or makes an empty one with a random UUID.
    pub fn open_or_create(file: &Path) -> Result<Self, Error> {
        let store = Self { file: file.to_owned() };
        create_private_directory(store.directory()).map_err(|error| store.failed(&error))?;
        let _lock = store.lock()?;
        if fs::exists(file).map_err(|error| store.failed(&error))? {
            store.read()?;
        } else {
            let uuid = Uuid::random().map_err(|error| store.unavailable(&error.to_string()))?;
            store.write(&Stored { version: VERSION, store: uuid.to_string(), keys: Vec::new() })?;
        }
        Ok(store)
    }

    fn read(&self) -> Result<Stored, Error> {
        let bytes = fs::read(&self.file).map_err(|error| self.failed(&error))?;
        let stored: Stored = serde_json::from_slice(&bytes).map_err(|_| self.unavailable("it is not a key store"))?;
        if stored.version == VERSION { Ok(stored) } else { Err(self.unavailable("its version is unknown")) }
    }

    fn write(&self, stored: &Stored) -> Result<(), Error> {
        let bytes = serde_json::to_vec_pretty(stored).map_err(|error| self.unavailable(&error.to_string()))?;
        let draft = self.beside(".new");
        write_private(&draft, &bytes)
            .and_then(|()| fs::rename(&draft, &self.file))
            .and_then(|()| fs::File::open(self.directory())?.sync_all())
            .map_err(|error| self.failed(&error))
    }

    /// Held while the file is changed; it ends with the returned handle, also when the process is killed.
    fn lock(&self) -> Result<fs::File, Error> {
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options
            .open(self.beside(".lock"))
            .and_then(|lock| lock.lock().map(|()| lock))
            .map_err(|error| self.failed(&error))
    }

    fn directory(&self) -> &Path {
        match self.file.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        }
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        let mut name = self.file.clone().into_os_string();
        name.push(suffix);
        PathBuf::from(name)
    }

    fn failed(&self, error: &io::Error) -> Error {
        self.unavailable(&error.to_string())
    }

    fn unavailable(&self, reason: &str) -> Error {
        Error::Unavailable { what: format!("key store {}", self.file.display()), reason: reason.to_owned() }
    }

    fn items(&self, stored: &Stored, only: Option<&str>) -> Result<Vec<Item>, Error> {
        stored.keys.iter().filter(|key| only.is_none_or(|id| id == key.id)).map(StoredKey::item).collect()
    }

    fn insert_now(&self, new: &[Item]) -> Result<Inserted, Error> {
        let _lock = self.lock()?;
        let mut stored = self.read()?;
        if conflicts(&self.items(&stored, None)?, new) {
            return Ok(Inserted::Conflict);
        }
        stored.keys.extend(new.iter().map(StoredKey::from_item));
        self.write(&stored)?;
        Ok(Inserted::All)
    }
}

impl KeyStore for FileStore {
    fn uuid(&self) -> BoxFuture<'_, Result<Uuid, Error>> {
        Box::pin(async { self.read()?.store.parse().map_err(|_| self.unavailable("its own UUID is none")) })
    }

    fn list<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Vec<Item>, Error>> {
        Box::pin(async move { self.items(&self.read()?, Some(id)) })
    }

    fn insert<'a>(&'a self, items: &'a [Item]) -> BoxFuture<'a, Result<Inserted, Error>> {
        Box::pin(async move { self.insert_now(items) })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    version: u32,
    store: String,
    keys: Vec<StoredKey>,
}

/// The columns of `pgseal.keys`, bytes in hex.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredKey {
    id: String,
    kind: String,
    version: String,
    key_ref: String,
    generation: u64,
    state: String,
    wrapped: String,
    created_us: i64,
}

impl StoredKey {
    fn from_item(item: &Item) -> Self {
        Self {
            id: item.id.clone(),
            kind: item.kind.as_str().to_owned(),
            version: item.version.to_string(),
            key_ref: item.key_ref().to_string(),
            generation: item.generation,
            state: item.state.as_str().to_owned(),
            wrapped: item.wrapped().iter().map(|byte| format!("{byte:02x}")).collect(),
            created_us: item.created,
        }
    }

    fn item(&self) -> Result<Item, Error> {
        let hex = |text: &str| -> Result<Vec<u8>, Error> {
            let pairs = text.as_bytes().chunks(2).map(|pair| crate::keys::from_hex::<1>(pair).map(|[byte]| byte));
            pairs.collect::<Option<_>>().ok_or_else(|| Error::Inconsistent {
                id: self.id.clone(),
                reason: "its bytes are not written in hex".to_owned(),
            })
        };
        Item::from_stored(
            &self.id,
            &self.kind,
            &self.version,
            &hex(&self.key_ref)?,
            self.generation,
            &self.state,
            &hex(&self.wrapped)?,
            self.created_us,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::secret::Secret;
    use crate::keys::keyring::raw::RawKeyring;
    use crate::keys::test_dir::TestDir;
    use crate::keys::{Creation, create_key};

    #[tokio::test]
    async fn what_was_stored_is_read_by_the_next_process() {
        let dir = TestDir::new();
        let file = dir.path().join("keys/store.json");
        assert!(matches!(FileStore::open(&file), Err(Error::Unavailable { .. })));
        let store = FileStore::open_or_create(&file).unwrap();
        let keyring = RawKeyring::new(&Secret::new([1; 32]));
        assert!(matches!(create_key("cards", &keyring, &store).await.unwrap(), Creation::Created { .. }));
        assert_eq!(create_key("cards", &keyring, &store).await.unwrap(), Creation::Existed);
        create_key("other", &keyring, &store).await.unwrap();
        let again = FileStore::open(&file).unwrap();
        assert_eq!(again.uuid().await.unwrap(), store.uuid().await.unwrap());
        let items = again.list("cards").await.unwrap();
        assert_eq!(items.len(), 2);
        assert_eq!(items, store.list("cards").await.unwrap());
        assert_eq!(again.insert(&items[..1]).await.unwrap(), Inserted::Conflict);
        assert_eq!(again.list("nothing").await.unwrap(), []);
    }

    #[tokio::test]
    async fn a_damaged_file_is_refused_whole() {
        let dir = TestDir::new();
        let file = dir.path().join("store.json");
        let store = FileStore::open_or_create(&file).unwrap();
        create_key("cards", &RawKeyring::new(&Secret::new([1; 32])), &store).await.unwrap();
        let text = fs::read_to_string(&file).unwrap();
        for (from, to) in
            [("\"branch\"", "\"tree\""), ("\"active\"", "\"ok\""), ("\"key_ref\": \"", "\"key_ref\": \"0")]
        {
            fs::write(&file, text.replace(from, to)).unwrap();
            assert!(matches!(store.list("cards").await, Err(Error::Inconsistent { .. })), "{from}");
        }
        fs::write(&file, &text[..text.len() / 2]).unwrap();
        assert!(matches!(store.list("cards").await, Err(Error::Unavailable { .. })));
    }
}
