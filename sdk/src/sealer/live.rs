//! A [`Sealer`] over a database: its catalog held against the lock, its keys kept fresh, and clients for statements.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool_postgres::{Object, Pool, PoolError};
use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::builder::{BuildError, Builder};
use super::status::Status;
use super::tables::Tables;
use super::{Inner, Sealer};
use crate::apply::sight::Pace;
use crate::apply::watch::{self, Door};
use crate::apply::{Agreement, describe};
use crate::catalog::{Memory, Snapshot, queries};
use crate::client::{self, Client, PATIENCE, PoolStore, Shared};
use crate::keys::cache::DEFAULT_TTL;
use crate::keys::{KeyCache, KeyStore};
use crate::schema::{Lock, Protection, Schema, Table};

impl Sealer {
    /// A client for statements, on a connection of the pool, which leads to the database that this sealer was built
    /// over ([`Builder::pool`]).
    ///
    /// # Errors
    /// The pool gives none: it is exhausted, or the server does not answer.
    ///
    #[cfg_attr(feature = "testing", doc = "```")]
    #[cfg_attr(not(feature = "testing"), doc = "```ignore")]
    #[doc = include_str!("database.txt")]
    /// # example(async |database| {
    /// # let (sealer, pool) = (database.sealer(), database.pool());
    /// let client = sealer.client(pool).await?;
    /// client.execute("INSERT INTO patient VALUES (7, $1)", &[&"J45.1"]).await?;
    /// let row = client.query_one("SELECT diagnosis FROM patient WHERE id = 7", &[]).await?;
    /// assert_eq!(row.try_get::<_, &str>("diagnosis")?, "J45.1");
    /// # Ok(())
    /// # });
    /// ```
    pub async fn client(&self, pool: &Pool) -> Result<Client, client::Error> {
        self.0.shared.client(pool).await
    }

    /// A client on a connection that was taken from the pool already.
    ///
    #[cfg_attr(feature = "testing", doc = "```")]
    #[cfg_attr(not(feature = "testing"), doc = "```ignore")]
    #[doc = include_str!("database.txt")]
    /// # example(async |database| {
    /// # let (sealer, pool) = (database.sealer(), database.pool());
    /// // The service sets its connections up itself; what it set holds for the client.
    /// let object = pool.get().await?;
    /// object.batch_execute("SET application_name = 'ward'").await?;
    /// let client = sealer.wrap(object);
    /// let row = client.query_one("SELECT current_setting('application_name')", &[]).await?;
    /// assert_eq!(row.try_get::<_, &str>(0)?, "ward");
    /// # Ok(())
    /// # });
    /// ```
    pub fn wrap(&self, object: Object) -> Client {
        self.0.shared.wrap(object)
    }

    /// Holds the database's catalog against the lock now, as a task does every minute, and says what it found: for
    /// whoever has just changed a table. What drifted is refused from then on, what came back is answered again. A sealer
    /// that was built without a pool has nothing to look at.
    ///
    /// # Errors
    /// [`BuildError::Database`], also after some seconds where somebody's lock is in the way: the last result stands, for
    /// two minutes from the last look that gave an answer.
    ///
    #[cfg_attr(feature = "testing", doc = "```")]
    #[cfg_attr(not(feature = "testing"), doc = "```ignore")]
    #[doc = include_str!("database.txt")]
    /// # example(async |database| {
    /// # let (sealer, pool) = (database.sealer(), database.pool());
    /// assert!(sealer.look_again().await?.is_healthy());
    /// // Somebody changes the table behind the lock's back.
    /// database.at_server("ALTER TABLE patient ADD COLUMN ward text").await?;
    /// let status = sealer.look_again().await?;
    /// assert_eq!(status.refused[0].table, "patient");
    /// let client = sealer.client(pool).await?;
    /// assert_eq!(client.query("SELECT id FROM patient", &[]).await.unwrap_err().code(), Some("55000"));
    /// # Ok(())
    /// # });
    /// ```
    pub async fn look_again(&self) -> Result<Status, BuildError> {
        if let Some(watch) = &self.0.watch {
            watch.live.look_now().await?;
        }
        Ok(self.status())
    }

    /// What is answered and what is refused, without a look: for a health page.
    ///
    #[cfg_attr(feature = "testing", doc = "```")]
    #[cfg_attr(not(feature = "testing"), doc = "```ignore")]
    #[doc = include_str!("database.txt")]
    /// # example(async |database| {
    /// # let sealer = database.sealer();
    /// let status = sealer.status();
    /// assert!(status.refused.is_empty() && status.in_sight && status.last_look.is_some());
    /// # Ok(())
    /// # });
    /// ```
    pub fn status(&self) -> Status {
        let sight = self.0.watch.as_ref().map(|watch| watch.live.sight());
        // Who watches could be gone, and its runtime with it.
        let now = Instant::now();
        let in_sight = sight.as_ref().is_none_or(|sight| sight.is_in_sight() && now < sight.trusted_until());
        Status::of(&self.0.shared.protection(), in_sight, sight.map(|sight| sight.last().elapsed()))
    }

    /// Works with a schema file and a lock that were written since, in a service that goes on: whole or not at all. The
    /// catalog must agree with both and every key must open before anything is answered under them; a table that is
    /// protected now must be in both.
    ///
    /// # Errors
    /// As [`Builder::build`]; what was in force still is.
    ///
    #[cfg_attr(feature = "testing", doc = "```")]
    #[cfg_attr(not(feature = "testing"), doc = "```ignore")]
    #[doc = include_str!("database.txt")]
    /// # example(async |database| {
    /// # let sealer = database.sealer();
    /// use pgseal::schema::{Lock, parse};
    ///
    /// // `pgseal schema apply` has written the lock anew.
    /// let schema_file = database.schema_file();
    /// let lock = Lock::read(&Lock::path_for(&schema_file))?.ok_or("no lock")?;
    /// let status = sealer.reload(parse::load(&schema_file)?, lock).await?;
    /// assert!(status.is_healthy());
    /// # Ok(())
    /// # });
    /// ```
    pub async fn reload(&self, schema: Schema, lock: Lock) -> Result<Status, BuildError> {
        let watch = self.0.watch.as_ref().ok_or(BuildError::Incomplete("a pool, to take up a lock while it works"))?;
        watch.live.take_up(schema, lock).await?;
        Ok(self.status())
    }

    /// What is protected now: what [`explain`](crate::sql::explain) asks for.
    ///
    #[cfg_attr(feature = "testing", doc = "```")]
    #[cfg_attr(not(feature = "testing"), doc = "```ignore")]
    #[doc = include_str!("database.txt")]
    /// # example(async |database| {
    /// # let sealer = database.sealer();
    /// let protection = sealer.protection();
    /// assert_eq!(protection.tables[0].logical, "patient");
    /// let text = pgseal::sql::explain::explain("SELECT id FROM patient ORDER BY diagnosis", &protection);
    /// assert!(text.contains("refuse"));
    /// # Ok(())
    /// # });
    /// ```
    pub fn protection(&self) -> Arc<Protection> {
        self.0.shared.protection()
    }
}

/// What a sealer compares with its database, and the task that does so; it ends when this is dropped.
pub(super) struct Watch {
    live: Arc<watch::Watch<Live>>,
    task: JoinHandle<()>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// How a sealer reaches its database and keys, for what keeps them current.
struct Live {
    pool: Pool,
    /// What it was built with, but for schema, lock and pool.
    builder: Builder,
    tables: Arc<Tables>,
    shared: Arc<Shared>,
    keys: Arc<KeyCache>,
    store: Arc<dyn KeyStore>,
    /// What the last look read.
    memory: Mutex<Memory>,
}

/// Compares schema, lock and database, loads the keys, and goes on doing so.
pub(super) async fn build(
    mut builder: Builder,
    pool: Pool,
    loaded: Option<(Schema, Lock)>,
) -> Result<Sealer, BuildError> {
    let runtime = Handle::try_current().map_err(|_| BuildError::Incomplete("a tokio runtime for its pool"))?;
    let (schema, lock) = loaded.ok_or(BuildError::Incomplete("a schema file to hold the database against"))?;
    let (pace, seen) = (Pace::default(), Instant::now());
    let mut memory = Memory::default();
    let snapshot = snapshot(&pool, &schema, &mut memory, pace.limit(schema.tables.len())).await?;
    let (agreement, protection) = Agreement::reach(schema, Some(lock), &snapshot)?;
    let store = builder.store.take().unwrap_or_else(|| Arc::new(PoolStore::new(pool.clone())));
    let tables = builder.tables(&protection)?;
    let keys = Arc::new(KeyCache::new(DEFAULT_TTL));
    builder.load_keys(&keys, &tables, &*store, Some((agreement.schema(), agreement.lock()))).await?;
    let tables = Arc::new(Tables::new(tables));
    let shared = Shared::new(protection.clone(), Arc::clone(&keys), Arc::clone(&store));
    let live = Live {
        pool,
        builder,
        tables: Arc::clone(&tables),
        shared: Arc::clone(&shared),
        keys: Arc::clone(&keys),
        store: Arc::clone(&store),
        memory: Mutex::new(memory),
    };
    let live = Arc::new(watch::Watch::new(live, pace, agreement, protection, seen));
    let watching = Arc::clone(&live);
    let task = runtime.spawn(async move { watching.run(None).await });
    Ok(Sealer(Arc::new(Inner { tables, keys, store, shared, watch: Some(Watch { live, task }) })))
}

/// What clients of a sealer share that never saw the database: whether a table is what the lock says is not known, so
/// every statement that names one is refused.
pub(super) fn unseen(
    tables: &BTreeMap<String, Arc<Table>>,
    keys: &Arc<KeyCache>,
    store: &Arc<dyn KeyStore>,
) -> Arc<Shared> {
    let mut protection = Protection { tables: tables.values().cloned().collect(), ..Protection::default() };
    for (at, table) in protection.tables.iter().enumerate() {
        let name = &table.relation.name;
        protection.by_name.insert(name.clone(), at);
        let reason = "the sealer was built without a pool, so the database was not held against the lock";
        protection.drifted.insert(name.clone(), reason.into());
    }
    protection.seal_epoch();
    Shared::new(protection, Arc::clone(keys), Arc::clone(store))
}

impl Door for Live {
    type Error = BuildError;

    async fn snapshot(&self, schema: &Schema, limit: Duration) -> Result<Snapshot, BuildError> {
        snapshot(&self.pool, schema, &mut *self.memory.lock().await, limit).await
    }

    async fn load(&self, keys: &KeyCache, agreement: &Agreement, protection: &Protection) -> Result<(), BuildError> {
        let tables = self.builder.tables(protection)?;
        self.builder.load_keys(keys, &tables, &*self.store, Some((agreement.schema(), agreement.lock()))).await
    }

    fn keys(&self) -> &KeyCache {
        &self.keys
    }

    async fn refresh(&self) {
        for error in self.keys.refresh(&*self.store).await {
            tracing::warn!(%error, "a key was not refreshed; the loaded one is used until it expires");
        }
    }

    async fn asked(&self) {
        self.shared.asked().await;
    }

    fn publish(&self, protection: Protection) {
        // It was asked for its tables before it came here: none is given twice.
        if let Ok(tables) = self.builder.tables(&protection) {
            self.tables.replace(tables);
        }
        self.shared.set_protection(protection);
    }
}

async fn snapshot(pool: &Pool, schema: &Schema, memory: &mut Memory, limit: Duration) -> Result<Snapshot, BuildError> {
    let object = timeout(PATIENCE, pool.get()).await;
    let none = |_| BuildError::Database("no connection of the pool became free".to_owned());
    let mut object = object.map_err(none)?.map_err(no_connection)?;
    let unreadable = |reason: String| BuildError::Database(format!("cannot read the catalog: {reason}"));
    let Ok(snapshot) = timeout(limit, queries::read(&mut object, schema, memory)).await else {
        // It owes an answer, for which whoever had it next would wait.
        drop(Object::take(object));
        return Err(unreadable(format!("no answer within {limit:?}")));
    };
    snapshot.map_err(|error| unreadable(describe(&error)))
}

fn no_connection(error: PoolError) -> BuildError {
    BuildError::Database(match error {
        PoolError::Backend(error) => format!("cannot connect: {}", describe(&error)),
        other => format!("no connection from the pool: {other}"),
    })
}

impl From<crate::apply::Disagreement> for BuildError {
    fn from(disagreement: crate::apply::Disagreement) -> Self {
        BuildError::Disagreement(disagreement.to_string())
    }
}
