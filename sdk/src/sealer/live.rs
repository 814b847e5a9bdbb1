//! A [`Sealer`] over a database: its catalog held against the lock, its keys kept fresh, and clients for statements.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use deadpool_postgres::{Object, Pool, PoolError};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::builder::{BuildError, Builder};
use super::{Inner, Sealer};
use crate::apply::{Agreement, describe};
use crate::catalog::{Snapshot, drift, queries};
use crate::client::{self, Client, PoolStore, Shared};
use crate::keys::{KeyCache, KeyStore};
use crate::schema::{Lock, Protection, Schema, Table};

impl Sealer {
    /// A client for statements, on a connection of the pool, which leads to the database that this sealer was built
    /// over ([`Builder::pool`]).
    ///
    /// # Errors
    /// The pool gives none: it is exhausted, or the server does not answer.
    pub async fn client(&self, pool: &Pool) -> Result<Client, client::Error> {
        self.0.shared.client(pool).await
    }

    /// A client on a connection that was taken from the pool already.
    pub fn wrap(&self, object: Object) -> Client {
        self.0.shared.wrap(object)
    }

    /// What is protected now: what [`explain`](crate::sql::explain) asks for.
    pub fn protection(&self) -> Arc<Protection> {
        self.0.shared.protection()
    }
}

/// A task that ends when this is dropped.
pub(super) struct Watch(JoinHandle<()>);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Compares schema, lock and database, loads the keys, and goes on doing so.
pub(super) async fn build(
    mut builder: Builder,
    pool: Pool,
    loaded: Option<(Schema, Lock)>,
) -> Result<Sealer, BuildError> {
    let runtime = Handle::try_current().map_err(|_| BuildError::Incomplete("a tokio runtime for its pool"))?;
    let (schema, lock) = loaded.ok_or(BuildError::Incomplete("a schema file to hold the database against"))?;
    let snapshot = look(&pool, &schema).await?;
    let (agreement, protection) = Agreement::reach(schema, Some(lock), &snapshot)?;
    let store = builder.store.take().unwrap_or_else(|| Arc::new(PoolStore::new(pool.clone())));
    let tables = builder.tables(&protection)?;
    let keys = builder.keys(&tables, &*store, Some((agreement.schema(), agreement.lock()))).await?;
    let shared = Shared::new(protection, Arc::clone(&keys), Arc::clone(&store));
    let watch = watch(pool, agreement, Arc::clone(&shared), Arc::clone(&keys), Arc::clone(&store));
    let _watch = Some(Watch(runtime.spawn(watch)));
    Ok(Sealer(Arc::new(Inner { tables, keys, store, shared, _watch })))
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

/// Goes on for ever: holds the catalog against the lock, and refreshes keys before they expire.
async fn watch(pool: Pool, agreement: Agreement, shared: Arc<Shared>, keys: Arc<KeyCache>, store: Arc<dyn KeyStore>) {
    loop {
        let current = shared.protection();
        let wake = agreement.next_look(Instant::now(), &current, keys.next_refresh());
        tokio::time::sleep_until(wake.into()).await;
        for error in keys.refresh(&*store).await {
            tracing::warn!(%error, "a key was not refreshed; the loaded one is used until it expires");
        }
        let looked = look(&pool, agreement.schema()).await;
        match looked.and_then(|snapshot| Ok(agreement.protection(&snapshot)?)) {
            Ok(protection) if drift::replaces(&current, &protection) => shared.set_protection(protection),
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, "the catalog could not be held against the lock; the last result stands");
            }
        }
    }
}

async fn look(pool: &Pool, schema: &Schema) -> Result<Snapshot, BuildError> {
    let mut object = pool.get().await.map_err(no_connection)?;
    let snapshot = queries::read(&mut object, schema).await;
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
