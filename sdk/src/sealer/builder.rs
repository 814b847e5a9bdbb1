//! How a [`Sealer`] is put together: from a schema file and its lock, or from single tables.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

#[cfg(feature = "client")]
use super::live;
use super::tables::Tables;
use super::{Inner, Kind, Sealer};
use crate::keys::cache::{DEFAULT_TTL, Pins};
use crate::keys::keyring::local;
use crate::keys::{self, KeyCache, KeyStore, Keyring, named};
use crate::schema::lock::LockError;
use crate::schema::{Lock, Problems, Protection, Schema, Table, parse};

/// Why a [`Sealer`] was not built. No text of it holds a value or a key.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// use pgseal::sealer::{BuildError, Kind, Sealer};
///
/// let schema_file = "../examples/record/clinic.toml";
/// let error = Sealer::builder().schema_file(schema_file).lock_file("nowhere.lock").build().await.unwrap_err();
/// assert!(matches!(&error, BuildError::NoLock(path) if path.ends_with("nowhere.lock")));
/// assert_eq!(error.kind(), Kind::Refused);
/// assert!(error.to_string().contains("pgseal schema apply"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A part is missing.
    #[error("the sealer needs {0}")]
    Incomplete(&'static str),
    /// Everything that is wrong with the schema file, with its places; `schema::diagnostics` (feature `config`) draws it.
    #[error("the schema cannot be used\n{0}")]
    Schema(Box<Problems>),
    /// The lock cannot be read.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// There is no lock, and without one nothing says where a plaintext may go (CAT-1).
    #[error("there is no schema lock {}: `pgseal schema apply` writes it, to be committed beside the schema file", .0.display())]
    NoLock(PathBuf),
    /// Schema file, lock and database do not say the same; the text says what would make them.
    #[error("{0}")]
    Disagreement(String),
    /// A table is given by the schema file and by [`Builder::table`].
    #[error("table {0:?} is given twice: by the schema file, and by itself")]
    Twice(String),
    /// Keys that are missing or cannot be opened, all of them.
    #[error("{}", named::describe_all(.0))]
    Keys(Vec<keys::Error>),
    /// The pool gives no connection, or the server answered with an error.
    #[error("{0}")]
    Database(String),
}

impl BuildError {
    /// What a caller can do about it.
    pub fn kind(&self) -> Kind {
        match self {
            // One that will not work later decides.
            BuildError::Keys(errors) => errors
                .iter()
                .map(|error| Kind::of_seal(&error.clone().into()))
                .find(|kind| !kind.is_retryable())
                .unwrap_or(Kind::KeyUnavailable),
            BuildError::Incomplete(_)
            | BuildError::Schema(_)
            | BuildError::Lock(_)
            | BuildError::NoLock(_)
            | BuildError::Disagreement(_)
            | BuildError::Twice(_) => Kind::Refused,
            BuildError::Database(_) => Kind::Database,
        }
    }
}

/// Where schema and lock come from.
#[derive(Default)]
enum Source {
    #[default]
    None,
    File(PathBuf),
    Loaded(Box<(Schema, Lock)>),
}

/// The parts of a [`Sealer`]: a schema with its lock ([`Builder::schema_file`]), and where the wrapped keys are: a store
/// ([`Builder::store`]), or the database (`pool`, with feature `client`). What wraps them, the schema file says.
///
/// ```
/// # #[cfg(all(feature = "client", feature = "testing"))]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// # let database = pgseal::testing::Database::sealed(
/// #     "CREATE TABLE patient (id bigint PRIMARY KEY, diagnosis text)",
/// #     r#"
/// #     version = 1
/// #     keyrings.test.generator = "local:test"
/// #     branch_keys.patients.keyring = "test"
/// #     [tables.patient]
/// #     name = "public.patient"
/// #     branch_key = "patients"
/// #     [tables.patient.columns]
/// #     id        = "SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT"
/// #     diagnosis = { action = "ENCRYPT_AND_SIGN", type = "text" }
/// #     "#,
/// # )
/// # .await?;
/// # let (schema_toml, state_dir, pool) = (database.schema_file(), database.state_dir(), database.pool());
/// use pgseal::sealer::Sealer;
///
/// // `pgseal schema apply` has made keys and lock; the pool is the service's own.
/// let sealer = Sealer::builder().schema_file(schema_toml).state_dir(state_dir).pool(pool).build().await?;
/// let client = sealer.client(pool).await?;
/// client.execute("INSERT INTO patient VALUES (7, 'J45.1')", &[]).await?;
/// let row = client.query_one("SELECT diagnosis FROM patient WHERE id = 7", &[]).await?;
/// assert_eq!(row.get::<_, &str>("diagnosis"), "J45.1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Without a database, from a schema and a lock that the program has already ([`Builder::schema`]):
///
#[cfg_attr(feature = "testing", doc = "```")]
#[cfg_attr(not(feature = "testing"), doc = "```ignore")]
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// use pgseal::keys::create_key;
/// use pgseal::schema::{Source, parse};
/// use pgseal::sealer::Sealer;
/// use pgseal::testing;
///
/// # let text = r#"
/// # version = 1
/// # keyrings.test.generator = "local:test"
/// # branch_keys.patients.keyring = "test"
/// # [tables.patient]
/// # name = "public.patient"
/// # branch_key = "patients"
/// # columns.id        = { action = "SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT", type = "bigint" }
/// # columns.diagnosis = { action = "ENCRYPT_AND_SIGN", type = "text" }
/// # "#.to_owned();
/// let schema = parse::parse(vec![Source { path: "clinic.toml".into(), text }])?;
/// let lock = testing::lock(&schema)?; // in production `Lock::read`
/// let (keyring, store) = (testing::keyring()?, testing::store()?);
/// create_key("patients", &*keyring, &*store).await?;
/// let sealer = Sealer::builder().schema(schema, lock).keyring(keyring).store(store).build().await?;
/// let sealed = sealer.seal("patient", &serde_json::json!({ "id": 7, "diagnosis": "J45.1" }))?;
/// assert_eq!(sealed.table(), "patient");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Default)]
#[must_use]
pub struct Builder {
    source: Source,
    lock_file: Option<PathBuf>,
    state_dir: Option<PathBuf>,
    tables: BTreeMap<String, Arc<Table>>,
    keyring: Option<Arc<dyn Keyring>>,
    pub(super) store: Option<Arc<dyn KeyStore>>,
    #[cfg(feature = "client")]
    pool: Option<deadpool_postgres::Pool>,
    pins: BTreeMap<String, Pins>,
}

impl Builder {
    /// The schema file, or a directory of them. Its lock stands beside it: `FILE.lock`, or `DIR/pgseal.lock`.
    pub fn schema_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.source = Source::File(path.into());
        self
    }

    /// Where the lock is if not beside the schema file.
    pub fn lock_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.lock_file = Some(path.into());
        self
    }

    /// A schema and its lock that are loaded already, for example from text in the program.
    pub fn schema(mut self, schema: Schema, lock: Lock) -> Self {
        self.source = Source::Loaded(Box::new((schema, lock)));
        self
    }

    /// Where `local:` keyrings of the schema file have their root key; by default where `pgseal` looks too:
    /// `$XDG_STATE_HOME/pgseal`, else `~/.local/state/pgseal`, for root `/var/lib/pgseal`.
    pub fn state_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.state_dir = Some(path.into());
        self
    }

    /// What unwraps all branch keys, whatever the schema file says.
    pub fn keyring(mut self, keyring: Arc<dyn Keyring>) -> Self {
        self.keyring = Some(keyring);
        self
    }

    /// Where the wrapped branch keys are.
    pub fn store(mut self, store: Arc<dyn KeyStore>) -> Self {
        self.store = Some(store);
        self
    }

    /// Adds a table that no schema file describes; it needs [`Builder::keyring`].
    pub fn table(mut self, table: Arc<Table>) -> Self {
        self.tables.insert(table.logical.clone(), table);
        self
    }

    /// What is known about the branch key of this id, instead of what the lock says; a store that contradicts it is
    /// refused.
    pub fn pins(mut self, id: &str, pins: Pins) -> Self {
        self.pins.insert(id.to_owned(), pins);
        self
    }

    /// The database: its key store is where the keys are unless [`Builder::store`] says otherwise, and its catalog is
    /// held against the lock, now and from then on, by a task that ends with the last handle of the [`Sealer`]. The task
    /// needs a connection of the pool for a moment every minute, every second while a table is refused, and keeps the
    /// keys fresh. The role of the connections must be allowed to read the key store, see `pgseal schema apply`.
    ///
    /// With it, [`Sealer::client`] answers statements; without it, it refuses them.
    #[cfg(feature = "client")]
    pub fn pool(mut self, pool: &deadpool_postgres::Pool) -> Self {
        self.pool = Some(pool.clone());
        self
    }

    /// Compares schema and lock, with `Builder::pool` the database too, and loads the keys. With a pool it must run on
    /// a tokio runtime with timers and I/O.
    ///
    /// # Errors
    /// See [`BuildError`]: also a key that the store lacks or the keyring does not open, because nothing is created
    /// here (KEY-6).
    pub async fn build(mut self) -> Result<Sealer, BuildError> {
        let loaded = self.load()?;
        #[cfg(feature = "client")]
        if let Some(pool) = self.pool.take() {
            return live::build(self, pool, loaded).await;
        }
        let protection = match &loaded {
            Some((schema, lock)) => compared(schema, lock)?,
            None => Protection::default(),
        };
        let store = self.store.take().ok_or(BuildError::Incomplete("a key store"))?;
        let tables = self.tables(&protection)?;
        let loaded = loaded.as_ref().map(|(schema, lock)| (schema, lock));
        let keys = Arc::new(KeyCache::new(DEFAULT_TTL));
        self.load_keys(&keys, &tables, &*store, loaded).await?;
        #[cfg(feature = "client")]
        let shared = live::unseen(&tables, &keys, &store);
        Ok(Sealer(Arc::new(Inner {
            tables: Arc::new(Tables::new(tables)),
            keys,
            store,
            #[cfg(feature = "client")]
            shared,
            #[cfg(feature = "client")]
            watch: None,
        })))
    }

    fn load(&mut self) -> Result<Option<(Schema, Lock)>, BuildError> {
        match std::mem::take(&mut self.source) {
            Source::None if self.tables.is_empty() => Err(BuildError::Incomplete("a schema file, or a table")),
            Source::None if self.keyring.is_none() => Err(BuildError::Incomplete("a keyring")),
            Source::None => Ok(None),
            Source::Loaded(loaded) => Ok(Some(*loaded)),
            Source::File(path) => {
                let schema = parse::load(&path).map_err(|problems| BuildError::Schema(Box::new(problems)))?;
                let lock_file = self.lock_file.take().unwrap_or_else(|| Lock::path_for(&path));
                let lock = Lock::read(&lock_file)?.ok_or(BuildError::NoLock(lock_file))?;
                Ok(Some((schema, lock)))
            }
        }
    }

    /// The tables of the schema, and those that were added by themselves.
    pub(super) fn tables(&self, protection: &Protection) -> Result<BTreeMap<String, Arc<Table>>, BuildError> {
        let mut tables = self.tables.clone();
        for table in &protection.tables {
            if tables.insert(table.logical.clone(), Arc::clone(table)).is_some() {
                return Err(BuildError::Twice(table.logical.clone()));
            }
        }
        Ok(tables)
    }

    /// Loads the keys of these tables.
    pub(super) async fn load_keys(
        &self,
        keys: &KeyCache,
        tables: &BTreeMap<String, Arc<Table>>,
        store: &dyn KeyStore,
        loaded: Option<(&Schema, &Lock)>,
    ) -> Result<(), BuildError> {
        let ids = tables.values().map(|table| table.branch_key.as_str());
        named::load(keys, store, ids, |id| self.known(id, loaded)).await.map_err(BuildError::Keys)
    }

    /// What opens a branch key, and what is known of it.
    fn known(&self, id: &str, loaded: Option<(&Schema, &Lock)>) -> Result<(Arc<dyn Keyring>, Pins), keys::Error> {
        let keyring = match (&self.keyring, loaded) {
            (Some(keyring), _) => Arc::clone(keyring),
            (None, Some((schema, _))) => named::keyring_of(schema, id, &local::state_dir(self.state_dir.as_deref())?)?,
            (None, None) => {
                let reason = "nothing says what wraps it".to_owned();
                return Err(keys::Error::Inconsistent { id: id.to_owned(), reason });
            }
        };
        let pins = match (self.pins.get(id), loaded) {
            (Some(pins), _) => pins.clone(),
            (None, Some((_, lock))) => named::pins(lock, id)?,
            (None, None) => Pins::default(),
        };
        Ok((keyring, pins))
    }
}

/// What schema and lock protect, without a look at a database.
fn compared(schema: &Schema, lock: &Lock) -> Result<Protection, BuildError> {
    let way_out = "See `pgseal schema plan`, then run `pgseal schema apply`.";
    let disagree = |what: String| BuildError::Disagreement(format!("{what}\n{way_out}"));
    let protection = Protection::from_lock(schema, lock).map_err(|mismatch| disagree(mismatch.to_string()))?;
    match schema.tables.iter().find(|spec| !lock.tables.contains_key(&spec.logical)) {
        Some(spec) => Err(disagree(format!("table {} is not in the lock", spec.logical))),
        None => Ok(protection),
    }
}
