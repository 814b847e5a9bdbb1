//! Two connections, handed out one at a time.

use std::error::Error as _;
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Object, PoolError, RecyclingMethod, Runtime, Timeouts};
use pgseal::apply::describe;
use pgseal::catalog::{Memory, Snapshot, queries};
use pgseal::schema::Schema;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

use super::Error;
use super::door::give_up;
use crate::tls::server::Mode;
use crate::upstream::Upstream;

/// How long a caller waits for a connection.
const WAIT: Duration = Duration::from_secs(30);

pub(super) struct Pool {
    connections: deadpool_postgres::Pool,
    mode: Mode,
    /// What the last look at the catalog read.
    memory: Mutex<Memory>,
}

impl Pool {
    pub(super) fn new(upstream: &Upstream) -> Result<Self, Error> {
        let fast = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_config(upstream.control(), upstream.connector(), fast);
        let timeouts = Timeouts { wait: Some(WAIT), create: Some(WAIT), recycle: Some(WAIT) };
        deadpool_postgres::Pool::builder(manager)
            .max_size(2)
            .timeouts(timeouts)
            .runtime(Runtime::Tokio1)
            .build()
            .map(|connections| Self { connections, mode: upstream.ssl_mode(), memory: Mutex::default() })
            .map_err(|error| Error::Database(error.to_string()))
    }

    pub(super) async fn client(&self) -> Result<Object, Error> {
        self.connections.get().await.map_err(|error| match &error {
            PoolError::Backend(cause) if !is_passing(cause) => Error::Database(self.with_mode(reason(&error))),
            PoolError::Backend(_) | PoolError::Timeout(_) => Error::Unreachable(reason(&error)),
            PoolError::Closed | PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => {
                Error::Database(reason(&error))
            }
        })
    }

    /// What the driver says of TLS, with the setting that asked for it.
    fn with_mode(&self, reason: String) -> String {
        match reason.contains("TLS handshake") {
            true => format!("{reason} (sslmode={} of the upstream asks for it)", self.mode.word()),
            false => reason,
        }
    }

    /// For the key store, whose errors are those of keys.
    pub(super) async fn key_client(&self) -> Result<Object, pgseal::keys::Error> {
        self.connections
            .get()
            .await
            .map_err(|error| pgseal::keys::Error::Unavailable { what: "the key store".into(), reason: reason(&error) })
    }

    /// Everything about the tables of a schema file, of one moment. What comes later than `limit` is not waited for.
    pub(super) async fn snapshot(&self, schema: &Schema, limit: Duration) -> Result<Snapshot, Error> {
        let mut memory = self.memory.lock().await;
        let late = || Error::Unreachable(format!("the catalog was not read within {limit:?}"));
        let deadline = Instant::now() + limit;
        let mut client = timeout_at(deadline, self.client()).await.map_err(|_| late())??;
        let Ok(snapshot) = timeout_at(deadline, queries::read(&mut client, schema, &mut memory)).await else {
            give_up(client);
            return Err(late());
        };
        snapshot.map_err(|error| match is_passing(&error) {
            true => Error::Unreachable(describe(&error)),
            false => Error::Database(describe(&error)),
        })
    }
}

/// Whether the server may answer a later try: it did not answer this one, or it said that it is starting, stopping or
/// full, that it waited for a lock, or that somebody or its own time limit ended the question.
fn is_passing(error: &tokio_postgres::Error) -> bool {
    match error.code() {
        Some(code) => ["57P", "53", "08", "55P03", "57014"].iter().any(|class| code.code().starts_with(class)),
        None => error.is_closed() || error.source().is_some_and(|cause| cause.is::<std::io::Error>()),
    }
}

fn reason(error: &PoolError) -> String {
    match error {
        PoolError::Backend(error) => describe(error),
        PoolError::Timeout(_) => "no control connection came free in time".into(),
        other => other.to_string(),
    }
}
