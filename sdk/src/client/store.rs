//! A key store over the pool: a connection for a call, so that none is held for keys alone.

use std::time::Duration;

use deadpool_postgres::{Object, Pool, PoolError};
use tokio::time::timeout;

use super::error::with_causes;
use crate::keys::store::postgres::PostgresStore;
use crate::keys::store::{Inserted, Item};
use crate::keys::{BoxFuture, Error, KeyStore, Uuid};

/// How long a connection is waited for: whoever asks may hold the last one of the pool.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// How long an answer is waited for: somebody may hold the table, or the backend may have been stopped.
const ANSWER: Duration = Duration::from_secs(10);

/// Closes a connection that owes an answer, for which whoever had it next would wait.
fn silent(object: Object) -> Error {
    drop(Object::take(object));
    Error::Unavailable { what: "the key store".to_owned(), reason: format!("it did not answer within {ANSWER:?}") }
}

/// The key store in table `pgseal.keys` of the pool's database.
///
#[cfg_attr(feature = "testing", doc = "```")]
#[cfg_attr(not(feature = "testing"), doc = "```ignore")]
#[doc = include_str!("../sealer/database.txt")]
/// # example(async |database| {
/// # let pool = database.pool();
/// use pgseal::client::PoolStore;
/// use pgseal::keys::KeyStore;
///
/// let store = PoolStore::new(pool.clone());
/// let items = store.list("patients").await?;
/// assert_eq!(items.len(), 2, "a branch key and a beacon key, both wrapped");
/// # Ok(())
/// # });
/// ```
pub struct PoolStore(Pool);

impl PoolStore {
    /// Over this pool, which is cheap to clone. The role of its connections must be allowed to read the keys.
    pub fn new(pool: Pool) -> Self {
        Self(pool)
    }

    async fn connection(&self) -> Result<Object, Error> {
        let unavailable = |reason| Error::Unavailable { what: "the key store".to_owned(), reason };
        match timeout(PATIENCE, self.0.get()).await {
            Ok(Ok(object)) => Ok(object),
            Ok(Err(PoolError::Backend(error))) => Err(unavailable(format!("no connection: {}", with_causes(&error)))),
            Ok(Err(error)) => Err(unavailable(format!("no connection: {error}"))),
            Err(_) => Err(unavailable("no connection of the pool became free".to_owned())),
        }
    }
}

impl KeyStore for PoolStore {
    fn uuid(&self) -> BoxFuture<'_, Result<Uuid, Error>> {
        Box::pin(async {
            let object = self.connection().await?;
            let answer = timeout(ANSWER, PostgresStore::new(&**object).uuid()).await;
            answer.unwrap_or_else(|_| Err(silent(object)))
        })
    }

    fn list<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Vec<Item>, Error>> {
        Box::pin(async move {
            let object = self.connection().await?;
            let answer = timeout(ANSWER, PostgresStore::new(&**object).list(id)).await;
            answer.unwrap_or_else(|_| Err(silent(object)))
        })
    }

    fn insert<'a>(&'a self, items: &'a [Item]) -> BoxFuture<'a, Result<Inserted, Error>> {
        Box::pin(async move { PostgresStore::new(&**self.connection().await?).insert(items).await })
    }
}
