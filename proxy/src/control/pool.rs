//! Two connections, handed out one at a time, with the settings under which the catalog is read.

use std::collections::BTreeSet;
use std::time::Duration;

use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Object, PoolError, RecyclingMethod, Runtime, Timeouts,
};
use pgseal::catalog::{Snapshot, queries};
use pgseal::schema::Relation;
use pgseal::schema::checked::Schema;
use tokio_postgres::NoTls;

use super::Error;
use pgseal::apply::describe;

/// How long a caller waits for a connection.
const WAIT: Duration = Duration::from_secs(30);

pub(super) struct Pool(deadpool_postgres::Pool);

impl Pool {
    pub(super) fn new(config: tokio_postgres::Config) -> Result<Self, Error> {
        let manager = Manager::from_config(config, NoTls, ManagerConfig { recycling_method: RecyclingMethod::Fast });
        let timeouts = Timeouts { wait: Some(WAIT), create: Some(WAIT), recycle: Some(WAIT) };
        let set_up = Hook::async_fn(|client, _| {
            Box::pin(async move { client.batch_execute(queries::SESSION).await.map_err(HookError::Backend) })
        });
        deadpool_postgres::Pool::builder(manager)
            .max_size(2)
            .timeouts(timeouts)
            .runtime(Runtime::Tokio1)
            .post_create(set_up)
            .build()
            .map(Self)
            .map_err(|error| Error::Database(error.to_string()))
    }

    pub(super) async fn client(&self) -> Result<Object, Error> {
        self.0.get().await.map_err(|error| Error::Database(reason(&error)))
    }

    /// For the key store, whose errors are those of keys.
    pub(super) async fn key_client(&self) -> Result<Object, pgseal::keys::Error> {
        self.0
            .get()
            .await
            .map_err(|error| pgseal::keys::Error::Unavailable { what: "the key store".into(), reason: reason(&error) })
    }

    /// Everything about the tables of a schema file, of one moment.
    pub(super) async fn snapshot(&self, schema: &Schema) -> Result<Snapshot, Error> {
        let failed = |error: tokio_postgres::Error| Error::Database(describe(&error));
        let client = self.client().await?;
        let relations: BTreeSet<Relation> = schema.tables.iter().map(|table| table.relation.clone()).collect();
        client.batch_execute("START TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY").await.map_err(failed)?;
        let snapshot = queries::snapshot(&client, &relations).await;
        // A connection whose transaction cannot be ended is not handed out again.
        if let Err(error) = client.batch_execute("ROLLBACK").await {
            drop(Object::take(client));
            return Err(failed(error));
        }
        snapshot.map_err(failed)
    }
}

fn reason(error: &PoolError) -> String {
    match error {
        PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error)) => describe(error),
        PoolError::Timeout(_) => "no control connection came free in time".into(),
        other => other.to_string(),
    }
}
