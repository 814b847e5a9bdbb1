//! A [`Sealer`] over a database: its catalog held against the lock, its keys kept fresh, and clients for statements.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use deadpool_postgres::{Object, Pool, PoolError};
use tokio::runtime::Handle;
use tokio::sync::{Mutex, Notify};
use tokio::task::JoinHandle;

use super::builder::{BuildError, Builder};
use super::{Inner, Sealer};
use crate::apply::agree::LOOK_AGAIN;
use crate::apply::{Agreement, describe};
use crate::catalog::{Memory, Snapshot, drift, queries};
use crate::client::{self, Client, PATIENCE, PoolStore, Shared};
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

    /// Holds the database's catalog against the lock now, as a task does every minute: for whoever has just changed a
    /// table. What drifted is refused from then on, what came back is answered again. Does nothing for a sealer that was
    /// built without a pool.
    ///
    /// # Errors
    /// [`BuildError::Database`]; the last result stands then.
    ///
    #[cfg_attr(feature = "testing", doc = "```")]
    #[cfg_attr(not(feature = "testing"), doc = "```ignore")]
    #[doc = include_str!("database.txt")]
    /// # example(async |database| {
    /// # let (sealer, pool) = (database.sealer(), database.pool());
    /// // Somebody changes the table behind the lock's back.
    /// database.at_server("ALTER TABLE patient ADD COLUMN ward text").await?;
    /// sealer.look_again().await?;
    /// let client = sealer.client(pool).await?;
    /// assert_eq!(client.query("SELECT id FROM patient", &[]).await.unwrap_err().code(), Some("55000"));
    /// # Ok(())
    /// # });
    /// ```
    pub async fn look_again(&self) -> Result<(), BuildError> {
        match &self.0.watch {
            Some(watch) => {
                watch.live.look().await?;
                watch.live.looked.notify_one();
                Ok(())
            }
            None => Ok(()),
        }
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
    live: Arc<Live>,
    task: JoinHandle<()>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Live {
    pool: Pool,
    agreement: Agreement,
    shared: Arc<Shared>,
    keys: Arc<KeyCache>,
    store: Arc<dyn KeyStore>,
    /// What the last look read. One look at a time, so that an older one never takes the place of a newer one.
    looking: Mutex<Memory>,
    /// Somebody else looked: when the task is to look again may be another time now.
    looked: Notify,
}

/// Compares schema, lock and database, loads the keys, and goes on doing so.
pub(super) async fn build(
    mut builder: Builder,
    pool: Pool,
    loaded: Option<(Schema, Lock)>,
) -> Result<Sealer, BuildError> {
    let runtime = Handle::try_current().map_err(|_| BuildError::Incomplete("a tokio runtime for its pool"))?;
    let (schema, lock) = loaded.ok_or(BuildError::Incomplete("a schema file to hold the database against"))?;
    let mut memory = Memory::default();
    let snapshot = snapshot(&pool, &schema, &mut memory).await?;
    let (agreement, protection) = Agreement::reach(schema, Some(lock), &snapshot)?;
    let store = builder.store.take().unwrap_or_else(|| Arc::new(PoolStore::new(pool.clone())));
    let tables = builder.tables(&protection)?;
    let keys = builder.keys(&tables, &*store, Some((agreement.schema(), agreement.lock()))).await?;
    let shared = Shared::new(protection, Arc::clone(&keys), Arc::clone(&store));
    let live = Arc::new(Live {
        pool,
        agreement,
        shared: Arc::clone(&shared),
        keys: Arc::clone(&keys),
        store: Arc::clone(&store),
        looking: Mutex::new(memory),
        looked: Notify::new(),
    });
    let task = runtime.spawn(Arc::clone(&live).watch());
    Ok(Sealer(Arc::new(Inner { tables: super::known(tables), keys, store, shared, watch: Some(Watch { live, task }) })))
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

impl Live {
    /// Goes on for ever: holds the catalog against the lock, and refreshes keys before they expire.
    async fn watch(self: Arc<Self>) {
        loop {
            let (now, current) = (Instant::now(), self.shared.protection());
            let wake = self.agreement.next_look(now, &current, self.keys.next_refresh());
            tokio::select! {
                () = tokio::time::sleep_until(wake.into()) => {}
                () = self.looked.notified() => continue,
                // A burst of DDL is one look, and never more than one a second.
                () = self.shared.asked() => tokio::time::sleep(LOOK_AGAIN).await,
            }
            for error in self.keys.refresh(&*self.store).await {
                tracing::warn!(%error, "a key was not refreshed; the loaded one is used until it expires");
            }
            if let Err(error) = self.look().await {
                tracing::warn!(%error, "the catalog could not be held against the lock; the last result stands");
            }
        }
    }

    async fn look(&self) -> Result<(), BuildError> {
        let mut memory = self.looking.lock().await;
        let snapshot = snapshot(&self.pool, self.agreement.schema(), &mut memory).await?;
        let protection = self.agreement.protection(&snapshot)?;
        if drift::replaces(&self.shared.protection(), &protection) {
            self.shared.set_protection(protection);
        }
        Ok(())
    }
}

async fn snapshot(pool: &Pool, schema: &Schema, memory: &mut Memory) -> Result<Snapshot, BuildError> {
    let object = tokio::time::timeout(PATIENCE, pool.get()).await;
    let none = |_| BuildError::Database("no connection of the pool became free".to_owned());
    let mut object = object.map_err(none)?.map_err(no_connection)?;
    let snapshot = queries::read(&mut object, schema, memory).await;
    snapshot.map_err(|error| BuildError::Database(format!("cannot read the catalog: {}", describe(&error))))
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
