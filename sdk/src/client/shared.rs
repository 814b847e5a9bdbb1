//! What all clients of one sealer share: the protection in force, plans, keys, and what is known of each connection.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};

use deadpool_postgres::{Object, Pool, StatementCache};

use tokio::sync::Notify;

use super::connection::Connection;
use super::{Client, Error};
use crate::exec::cache::PlanCache;
use crate::keys::{KeyCache, KeyStore};
use crate::schema::Protection;
use crate::sql::Statement;
use crate::sql::client_text::ClientText;

/// From here clients are made. One for a database; cheap to hand around in its [`Arc`]. `Sealer::client` is what a service
/// uses; this is for who holds the database against the lock in a way of its own.
///
#[cfg_attr(feature = "testing", doc = "```")]
#[cfg_attr(not(feature = "testing"), doc = "```ignore")]
#[doc = include_str!("../sealer/database.txt")]
/// # example(async |database| {
/// use std::sync::Arc;
///
/// use pgseal::client::Shared;
/// use pgseal::keys::cache::{DEFAULT_TTL, KeyCache};
/// use pgseal::schema::Protection;
///
/// let (keys, store) = (Arc::new(KeyCache::new(DEFAULT_TTL)), pgseal::testing::store()?);
/// let shared = Shared::new(Protection::default(), keys, store); // nothing is protected
/// let client = shared.client(database.pool()).await?;
/// assert_eq!(client.query_one("SELECT 1", &[]).await?.get::<_, i32>(0), 1);
/// # Ok(())
/// # });
/// ```
pub struct Shared {
    protection: RwLock<Arc<Protection>>,
    plans: PlanCache,
    connections: Mutex<Connections>,
    keys: Arc<KeyCache>,
    store: Arc<dyn KeyStore>,
    asked: Notify,
}

/// By the address of the statement cache that deadpool keeps with a connection: no other connection can have it as long
/// as the [`Weak`] is held.
type Connections = HashMap<usize, (Weak<StatementCache>, Arc<Connection>)>;

impl Shared {
    /// `keys` holds the branch keys of the protected tables; a version that it lacks is loaded from `store`.
    pub fn new(protection: Protection, keys: Arc<KeyCache>, store: Arc<dyn KeyStore>) -> Arc<Self> {
        Arc::new(Self {
            protection: RwLock::new(Arc::new(protection)),
            plans: PlanCache::default(),
            connections: Mutex::default(),
            keys,
            store,
            asked: Notify::new(),
        })
    }

    /// The protection in force.
    pub fn protection(&self) -> Arc<Protection> {
        Arc::clone(&self.protection.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Its epoch.
    pub(super) fn epoch(&self) -> u64 {
        self.protection.read().unwrap_or_else(PoisonError::into_inner).epoch
    }

    /// Puts another one into force: statements that begin from now on are planned under it, prepared ones again
    /// (SQL-12). Its epoch must be another one, unless only [`Protection::namesakes`] are.
    pub fn set_protection(&self, protection: Protection) {
        *self.protection.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(protection);
    }

    /// A client on a connection of the pool.
    ///
    /// # Errors
    /// The pool gives none: it is exhausted, or the server does not answer.
    pub async fn client(self: &Arc<Self>, pool: &Pool) -> Result<Client, Error> {
        Ok(self.taken(pool.get().await?, true))
    }

    /// A client on a connection that was taken from a pool already.
    pub fn wrap(self: &Arc<Self>, object: Object) -> Client {
        self.taken(object, false)
    }

    fn taken(self: &Arc<Self>, object: Object, pooled: bool) -> Client {
        let connection = self.connection(&object);
        connection.taken(Object::metrics(&object).recycle_count, pooled);
        Client::new(object, connection, Arc::clone(self))
    }

    /// The catalog should be held against the lock soon: something was defined in it.
    pub(super) fn look_if(&self, defined: bool) {
        if defined {
            self.asked.notify_one();
        }
    }

    /// Waits until a client has defined something.
    pub(crate) async fn asked(&self) {
        self.asked.notified().await;
    }

    /// The keys.
    pub(super) fn keys(&self) -> &KeyCache {
        &self.keys
    }

    /// Where keys are loaded from.
    pub(super) fn store(&self) -> &dyn KeyStore {
        &*self.store
    }

    /// The plans of a text under the protection in force.
    pub(super) fn plan(&self, text: &ClientText<'_>, declared: &[u32], protection: &Protection) -> Arc<[Statement]> {
        self.plans.plan_client(text, declared, protection)
    }

    /// What is known of the connection behind this object.
    fn connection(&self, object: &Object) -> Arc<Connection> {
        let cache = &object.statement_cache;
        let address = Arc::as_ptr(cache).addr();
        let mut connections = lock(&self.connections);
        match connections.get(&address) {
            Some((alive, connection)) if alive.strong_count() > 0 => Arc::clone(connection),
            Some(_) | None => {
                connections.retain(|_, (alive, _)| alive.strong_count() > 0);
                let connection = Arc::new(Connection::new());
                connections.insert(address, (Arc::downgrade(cache), Arc::clone(&connection)));
                connection
            }
        }
    }
}

/// What is locked is never left half changed: a panic elsewhere does not spoil it.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(feature = "testing")]
#[cfg(test)]
mod tests {

    use super::*;
    use crate::keys::cache::DEFAULT_TTL;
    use crate::schema::{Source, parse};

    const SCHEMA: &str = r#"
        version = 1
        keyrings.test.generator = "local:test"
        branch_keys.patients.keyring = "test"
        [tables.patient]
        name = "public.patient"
        branch_key = "patients"
        columns.id        = { action = "SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT", type = "bigint" }
        columns.diagnosis = { action = "ENCRYPT_AND_SIGN", type = "text" }
    "#;

    fn shared() -> Arc<Shared> {
        let schema = parse::parse(vec![Source { path: "clinic.toml".into(), text: SCHEMA.into() }]).unwrap();
        let lock = crate::testing::lock(&schema).unwrap();
        let protection = Protection::from_lock(&schema, &lock).unwrap();
        Shared::new(protection, Arc::new(KeyCache::new(DEFAULT_TTL)), crate::testing::store().unwrap())
    }

    #[test]
    fn nobody_waits_for_a_plan_that_another_client_makes() {
        const SELECT: &str = "SELECT diagnosis FROM patient WHERE id = $1";
        let shared = shared();
        let rows: Vec<_> = (0..20_000).map(|row| format!("({row}, 'J45')")).collect();
        let long = format!("INSERT INTO patient (id, diagnosis) VALUES {}", rows.join(", "));
        let other = Arc::clone(&shared);
        let planner = std::thread::spawn(move || other.plan(&ClientText::of(&long), &[], &other.protection()));
        let mut answered = 0;
        while !planner.is_finished() {
            shared.plan(&ClientText::of(SELECT), &[], &shared.protection());
            answered += 1;
        }
        // One before it begins, and one that waits for its end, could be had under a lock too.
        assert!(answered > 2, "{answered}");
    }
}
