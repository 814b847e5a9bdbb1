//! How the proxy reaches database and keys, for what keeps them current.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::Object;
use pgseal::apply::Agreement;
use pgseal::apply::watch::Door;
use pgseal::catalog::Snapshot;
use pgseal::keys::store::postgres::PostgresStore;
use pgseal::keys::{self, KeyCache, KeyRef, named};
use pgseal::schema::{Protection, Schema};
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use super::Error;
use super::pool::Pool;

/// How long the key store may take for what it is asked at once.
const KEYS: Duration = Duration::from_secs(30);

pub(super) struct Database {
    pub(super) pool: Pool,
    pub(super) keys: Arc<KeyCache>,
    pub(super) state_dir: PathBuf,
    pub(super) published: watch::Sender<Arc<Protection>>,
    /// A session saw DDL.
    pub(super) asked: Notify,
}

/// The keys of all protected tables.
pub(super) async fn load(
    pool: &Pool,
    keys: &KeyCache,
    agreement: &Agreement,
    protection: &Protection,
    state_dir: &Path,
) -> Result<(), Error> {
    if protection.tables.is_empty() {
        return Ok(());
    }
    let client = pool.client().await?;
    let loaded = {
        let store = PostgresStore::new(&**client);
        let (schema, lock) = (agreement.schema(), agreement.lock());
        let known = |id: &str| Ok((named::keyring_of(schema, id, state_dir)?, named::pins(lock, id)?));
        let ids = protection.tables.iter().map(|table| table.branch_key.as_str());
        timeout(KEYS, named::load(keys, &store, ids, known)).await
    };
    match loaded {
        Ok(loaded) => loaded.map_err(Error::Keys),
        Err(_) => {
            give_up(client);
            Err(Error::Unreachable(format!("the key store did not answer within {KEYS:?}")))
        }
    }
}

impl Door for Database {
    type Error = Error;

    async fn snapshot(&self, schema: &Schema, limit: Duration) -> Result<Snapshot, Error> {
        self.pool.snapshot(schema, limit).await
    }

    async fn load(&self, keys: &KeyCache, agreement: &Agreement, protection: &Protection) -> Result<(), Error> {
        load(&self.pool, keys, agreement, protection, &self.state_dir).await
    }

    fn keys(&self) -> &KeyCache {
        &self.keys
    }

    async fn refresh(&self) {
        let failures = match self.pool.key_client().await {
            Ok(client) => {
                let refreshed = timeout(KEYS, self.keys.refresh(&PostgresStore::new(&**client))).await;
                refreshed.unwrap_or_else(|_| {
                    give_up(client);
                    vec![silent()]
                })
            }
            Err(error) => vec![error],
        };
        for error in failures {
            tracing::warn!(%error, "a key was not refreshed; the loaded one is used until it expires");
        }
    }

    async fn asked(&self) {
        self.asked.notified().await;
    }

    fn publish(&self, protection: Protection) {
        self.published.send_replace(Arc::new(protection));
    }
}

impl Database {
    pub(super) async fn load_version(&self, id: &str, key_ref: KeyRef) -> Result<(), keys::Error> {
        let client = self.pool.key_client().await?;
        let loaded = timeout(KEYS, self.keys.load_version(&PostgresStore::new(&**client), id, key_ref)).await;
        loaded.unwrap_or_else(|_| {
            give_up(client);
            Err(silent())
        })
    }
}

/// Closes a connection that owes an answer: whoever had it next would wait for that.
pub(super) fn give_up(client: Object) {
    drop(Object::take(client));
}

fn silent() -> keys::Error {
    keys::Error::Unavailable { what: "the key store".into(), reason: format!("it did not answer within {KEYS:?}") }
}
