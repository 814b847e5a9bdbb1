//! SQL on sealed tables over a deadpool-postgres pool: the planner, the plan cache, the execution state machine and the
//! session state are those that the proxy drives; here tokio-postgres carries them.
//!
#![cfg_attr(feature = "testing", doc = "```")]
#![cfg_attr(not(feature = "testing"), doc = "```ignore")]
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # let database = pgseal::testing::Database::sealed(
//! #     "CREATE TABLE patient (id bigint PRIMARY KEY, ward text, diagnosis text)",
//! #     r#"
//! #     version = 1
//! #     keyrings.test.generator = "local:test"
//! #     branch_keys.patients.keyring = "test"
//! #     [tables.patient]
//! #     name = "public.patient"
//! #     branch_key = "patients"
//! #     row_signature = "HMAC-SHA-384"
//! #     [tables.patient.columns]
//! #     id        = "SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT"
//! #     ward      = "SIGN_ONLY"
//! #     diagnosis = { action = "ENCRYPT_AND_SIGN", type = "text" }
//! #     "#,
//! # )
//! # .await?;
//! # let (sealer, pool) = (database.sealer(), database.pool());
//! // `pool` is the application's own deadpool_postgres::Pool; `sealer` was built over it.
//! let mut client = sealer.client(pool).await?;
//! client.execute("INSERT INTO patient VALUES ($1, $2, $3)", &[&7_i64, &"B2", &"J45.1"]).await?;
//!
//! let transaction = client.transaction().await?;
//! // The row is signed: it is locked, verified, sealed anew and signed again.
//! transaction.execute("UPDATE patient SET ward = $1 WHERE id = $2", &[&"C1", &7_i64]).await?;
//! transaction.commit().await?;
//!
//! let row = client.query_one("SELECT ward, diagnosis FROM patient WHERE id = $1", &[&7_i64]).await?;
//! assert_eq!((row.get("ward"), row.get("diagnosis")), ("C1", "J45.1"));
//!
//! let refused = client.query("SELECT upper(diagnosis) FROM patient", &[]).await.unwrap_err();
//! assert_eq!(refused.code(), Some("0A000"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Shared`] makes clients: [`Shared::client`] takes a connection from a pool, [`Shared::wrap`] one that was taken
//! already. [`Client`] and [`Transaction`] have the calls of tokio-postgres' types of the same names, in logical types.
//! Several calls of one client may be under way at the same time; they reach the server in the order in which they get to
//! send. Only one of them sends at a time, so all of them must be polled: in a `select!` that goes on to call the client
//! again while it keeps a call that it does not poll, that call holds back the new one for ever. It can be dropped, or
//! made on a client of its own.
//!
//! COPY to and from the client is not offered. The pool's own connections have it for tables that are not protected.
//!
//! Any call may be dropped before its end. What it had sent takes place, as with tokio-postgres. A statement of several
//! steps (an UPDATE of signed rows) that is dropped in the middle takes place as a whole or not at all, and its
//! connection is given up: what runs on it is cancelled and rolled back, later calls on the same client fail, and its slot
//! of the pool is free when its backend has ended. So a pool never has more backends than its size, however many calls
//! time out on a lock.
//!
//! The driver hides from us what a server reports of its session. So settings that decide how texts are read are asked
//! for, once for each time that a connection is taken from the pool, and only for statements that depend on them: those
//! that hold a backslash, characters beyond ASCII, or a literal of a sealed timestamptz. Parameters and results are binary
//! and depend on none.

mod batch;
mod block;
mod commit;
mod connection;
mod constants;
mod copy;
mod ddl;
mod de;
mod error;
mod failed;
mod give_up;
mod lookups;
mod params;
mod prepared;
mod row;
mod run;
mod settle;
mod shared;
mod statement;
mod steps;
mod store;
mod stream;
mod transaction;
mod verbs;

use std::sync::Arc;

use deadpool_postgres::Object;
use tokio_postgres::CancelToken;
use tokio_postgres::types::{BorrowToSql, ToSql, Type};

use connection::Connection;
pub use error::{DbError, Error, Link, PoolError, RowCount};
pub use row::{Column, Row, RowIndex};
use run::Runner;
pub use shared::Shared;
pub use statement::{Statement, ToStatement};
pub(crate) use store::PATIENCE;
pub use store::PoolStore;
pub use stream::RowStream;
pub use transaction::{Transaction, TransactionBuilder};
use verbs::verbs;

/// A connection of the pool on which sealed tables look as if nothing were sealed. Dropped, it goes back to its pool,
/// unless a transaction was left open on it: then it is closed, and its slot is free when its backend has ended.
pub struct Client {
    /// Gone at the end only.
    object: Option<Object>,
    connection: Arc<Connection>,
    shared: Arc<Shared>,
    cancel: CancelToken,
}

impl Client {
    verbs!();

    /// Begins a transaction.
    ///
    /// # Errors
    /// A lost connection, or one that was given up.
    ///
    #[cfg_attr(feature = "testing", doc = "```")]
    #[cfg_attr(not(feature = "testing"), doc = "```ignore")]
    #[doc = include_str!("doctest.txt")]
    /// # example(async |client| {
    /// let transaction = client.transaction().await?;
    /// transaction.execute("DELETE FROM patient WHERE id = $1", &[&7_i64]).await?;
    /// drop(transaction); // rolled back: nobody said commit
    /// assert_eq!(client.query("SELECT id FROM patient", &[]).await?.len(), 2);
    /// # Ok(())
    /// # });
    /// ```
    pub async fn transaction(&mut self) -> Result<Transaction<'_>, Error> {
        self.build_transaction().start().await
    }

    /// A transaction with properties of its own.
    ///
    #[cfg_attr(feature = "testing", doc = "```")]
    #[cfg_attr(not(feature = "testing"), doc = "```ignore")]
    #[doc = include_str!("doctest.txt")]
    /// # example(async |client| {
    /// use tokio_postgres::IsolationLevel;
    ///
    /// let builder = client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true);
    /// let transaction = builder.start().await?;
    /// let error = transaction.execute("DELETE FROM patient", &[]).await.unwrap_err();
    /// assert_eq!(error.code(), Some("25006"), "read_only_sql_transaction");
    /// # Ok(())
    /// # });
    /// ```
    pub fn build_transaction(&mut self) -> TransactionBuilder<'_> {
        TransactionBuilder::new(self)
    }

    /// What cancels the statement that is running.
    ///
    #[cfg_attr(feature = "testing", doc = "```")]
    #[cfg_attr(not(feature = "testing"), doc = "```ignore")]
    #[doc = include_str!("doctest.txt")]
    /// # example(async |client| {
    /// let cancel = client.cancel_token();
    /// // A request that comes before the statement is lost: it is sent until it hits.
    /// let canceller = async { while cancel.cancel_query(tokio_postgres::NoTls).await.is_ok() {} };
    /// let error = tokio::select! {
    ///     answer = client.query("SELECT pg_sleep(600)", &[]) => answer.unwrap_err(),
    ///     () = canceller => return Err("no connection for the cancel request".into()),
    /// };
    /// assert_eq!(error.code(), Some("57014"), "query_canceled");
    /// # Ok(())
    /// # });
    /// ```
    pub fn cancel_token(&self) -> CancelToken {
        self.connection.may_be_cancelled();
        self.cancel.clone()
    }

    /// Whether the connection is lost, or given up.
    pub fn is_closed(&self) -> bool {
        self.connection.check().is_err() || self.object.as_ref().is_none_or(|object| object.is_closed())
    }

    fn new(object: Object, connection: Arc<Connection>, shared: Arc<Shared>) -> Self {
        let cancel = object.cancel_token();
        Self { object: Some(object), connection, shared, cancel }
    }

    fn runner(&self) -> Result<Runner<'_>, Error> {
        let object = self.object.as_ref().ok_or(Error::Broken)?;
        Ok(Runner { client: object, connection: &self.connection, shared: &self.shared })
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if !self.connection.may_be_returned()
            && let Some(object) = self.object.take()
        {
            tracing::debug!("a connection is not returned to its pool: a call or a transaction on it did not end");
            give_up::give_up(object);
        }
    }
}
