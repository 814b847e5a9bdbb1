//! Transactions and savepoints.

use std::sync::Arc;

use tokio_postgres::types::{BorrowToSql, ToSql, Type};
use tokio_postgres::{CancelToken, IsolationLevel};

use super::block::Block;
use super::connection::Connection;
use super::failed::failed;
use super::run::{Runner, may_leave_a_block};
use super::shared::Shared;
use super::verbs::verbs;
use super::{Client, Error, Row, RowCount, RowStream, Statement, ToStatement};
use crate::error::SqlState;
use crate::sql::{Effect, Refusal, lex};

/// A transaction, or a savepoint in one. Dropped without [`Transaction::commit`] it is rolled back.
///
/// A refused statement fails it, as one that the server does not take would: what follows gets 25P02.
///
#[cfg_attr(feature = "testing", doc = "```")]
#[cfg_attr(not(feature = "testing"), doc = "```ignore")]
#[doc = include_str!("doctest.txt")]
/// # example(async |client| {
/// let transaction = client.transaction().await?;
/// let refused = transaction.query("SELECT upper(diagnosis) FROM patient", &[]).await.unwrap_err();
/// assert_eq!(refused.code(), Some("0A000"));
/// let failed = transaction.query("SELECT ward FROM patient", &[]).await.unwrap_err();
/// assert_eq!(failed.code(), Some("25P02"), "in_failed_sql_transaction");
/// transaction.rollback().await?;
/// # Ok(())
/// # });
/// ```
pub struct Transaction<'a> {
    /// Gone once its end was sent.
    inner: Option<tokio_postgres::Transaction<'a>>,
    connection: &'a Arc<Connection>,
    shared: &'a Shared,
    cancel: &'a CancelToken,
    /// It is a savepoint.
    nested: bool,
}

impl Transaction<'_> {
    verbs!();

    /// Commits it; of a savepoint: keeps what was done since.
    ///
    /// # Errors
    /// A constraint that is checked now, a conflict with another transaction, a lost connection: then it is not known
    /// whether it was committed.
    ///
    #[cfg_attr(feature = "testing", doc = "```")]
    #[cfg_attr(not(feature = "testing"), doc = "```ignore")]
    #[doc = include_str!("doctest.txt")]
    /// # example(async |client| {
    /// let transaction = client.transaction().await?;
    /// transaction.execute("UPDATE patient SET ward = $2 WHERE id = $1", &[&7_i64, &"C1"]).await?;
    /// transaction.commit().await?;
    /// let row = client.query_one("SELECT ward FROM patient WHERE id = $1", &[&7_i64]).await?;
    /// assert_eq!(row.get::<_, &str>("ward"), "C1");
    /// # Ok(())
    /// # });
    /// ```
    pub async fn commit(mut self) -> Result<(), Error> {
        self.connection.check()?;
        let Some(inner) = self.inner.take() else { return Err(Error::Broken) };
        let wrote = self.connection.wrote();
        self.ends(Effect::None);
        let ended = inner.commit().await;
        self.has_ended(&ended);
        ended.map_err(|error| failed(error, wrote.as_deref(), None, |_| None))?;
        self.shared.look_if(self.connection.has_defined());
        Ok(())
    }

    /// Rolls it back; of a savepoint: what was done since.
    ///
    /// # Errors
    /// A lost connection.
    pub async fn rollback(mut self) -> Result<(), Error> {
        self.connection.check()?;
        let Some(inner) = self.inner.take() else { return Err(Error::Broken) };
        self.ends(Effect::Opaque);
        let ended = inner.rollback().await;
        self.has_ended(&ended);
        Ok(ended?)
    }

    /// Begins a savepoint.
    ///
    /// # Errors
    /// The transaction has failed; a lost connection.
    ///
    #[cfg_attr(feature = "testing", doc = "```")]
    #[cfg_attr(not(feature = "testing"), doc = "```ignore")]
    #[doc = include_str!("doctest.txt")]
    /// # example(async |client| {
    /// let mut transaction = client.transaction().await?;
    /// let savepoint = transaction.transaction().await?;
    /// assert!(savepoint.execute("INSERT INTO patient VALUES ($1, $2, $3)", &[&7_i64, &"C1", &"none"]).await.is_err());
    /// savepoint.rollback().await?; // the key is taken; what was done before goes on
    /// transaction.execute("UPDATE patient SET ward = $2 WHERE id = $1", &[&7_i64, &"C1"]).await?;
    /// transaction.commit().await?;
    /// # Ok(())
    /// # });
    /// ```
    pub async fn transaction(&mut self) -> Result<Transaction<'_>, Error> {
        self.nested(None).await
    }

    /// Begins a savepoint of this name: an identifier as in SQL, which may be quoted.
    ///
    /// # Errors
    /// As [`Transaction::transaction`]; what is no name.
    ///
    #[cfg_attr(feature = "testing", doc = "```")]
    #[cfg_attr(not(feature = "testing"), doc = "```ignore")]
    #[doc = include_str!("doctest.txt")]
    /// # example(async |client| {
    /// let mut transaction = client.transaction().await?;
    /// let savepoint = transaction.savepoint("before_discharge").await?;
    /// savepoint.execute("DELETE FROM patient WHERE id = $1", &[&7_i64]).await?;
    /// savepoint.commit().await?; // keeps it, within the transaction
    /// transaction.rollback().await?;
    /// assert_eq!(client.query("SELECT id FROM patient", &[]).await?.len(), 2);
    /// # Ok(())
    /// # });
    /// ```
    pub async fn savepoint(&mut self, name: impl Into<String>) -> Result<Transaction<'_>, Error> {
        let name = name.into();
        let is_name = lex::lex(&name).is_ok_and(|tokens| matches!(&tokens[..], [token] if token.name(&name).is_some()));
        if is_name {
            return self.nested(Some(name)).await;
        }
        let refusal = Refusal::error(SqlState::SYNTAX_ERROR, "a savepoint is named by one identifier");
        Err(self.runner()?.refuse(Error::refused(refusal, "")).await)
    }

    /// What cancels the statement that is running.
    pub fn cancel_token(&self) -> CancelToken {
        self.connection.may_be_cancelled();
        self.cancel.clone()
    }

    async fn nested(&mut self, name: Option<String>) -> Result<Transaction<'_>, Error> {
        let Self { inner, connection, shared, cancel, nested: _ } = self;
        connection.check()?;
        let inner = inner.as_mut().ok_or(Error::Broken)?;
        connection.forwarded(Effect::None, None);
        let inner = match name {
            Some(name) => inner.savepoint(name).await?,
            None => inner.transaction().await?,
        };
        Ok(Transaction { inner: Some(inner), connection, shared, cancel, nested: true })
    }

    fn runner(&self) -> Result<Runner<'_>, Error> {
        let inner = self.inner.as_ref().ok_or(Error::Broken)?;
        Ok(Runner { client: inner.client(), connection: self.connection, shared: self.shared })
    }

    /// The end is sent, and takes back settings perhaps.
    fn ends(&self, effect: Effect) {
        self.connection.forwarded(effect, None);
        if !self.nested {
            self.connection.ends();
        }
    }

    /// It was answered.
    fn has_ended(&self, answer: &Result<(), tokio_postgres::Error>) {
        let left = answer.as_ref().is_err_and(may_leave_a_block);
        if !self.nested && !left {
            self.connection.found_outside();
        }
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if let Some(inner) = self.inner.take() {
            // The driver rolls back.
            drop(inner);
            self.connection.forwarded(Effect::Opaque, None);
            if !self.nested {
                self.connection.ends_unheard();
            }
        }
    }
}

/// A transaction in the making.
#[must_use = "nothing is sent before it is started"]
pub struct TransactionBuilder<'a> {
    client: &'a mut Client,
    isolation_level: Option<IsolationLevel>,
    read_only: Option<bool>,
    deferrable: Option<bool>,
}

impl<'a> TransactionBuilder<'a> {
    pub(super) fn new(client: &'a mut Client) -> Self {
        Self { client, isolation_level: None, read_only: None, deferrable: None }
    }

    /// What it sees of others.
    pub fn isolation_level(mut self, level: IsolationLevel) -> Self {
        self.isolation_level = Some(level);
        self
    }

    /// Whether it may only read.
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.read_only = Some(read_only);
        self
    }

    /// Whether it waits until it can run without conflicts; for one that is serializable and only reads.
    pub fn deferrable(mut self, deferrable: bool) -> Self {
        self.deferrable = Some(deferrable);
        self
    }

    /// Begins it.
    ///
    /// # Errors
    /// A lost connection, or one that was given up.
    pub async fn start(self) -> Result<Transaction<'a>, Error> {
        let Client { object, connection, shared, cancel } = self.client;
        connection.check()?;
        let client: &mut tokio_postgres::Client = object.as_mut().ok_or(Error::Broken)?;
        let mut builder = client.build_transaction();
        if let Some(level) = self.isolation_level {
            builder = builder.isolation_level(level);
        }
        if let Some(read_only) = self.read_only {
            builder = builder.read_only(read_only);
        }
        if let Some(deferrable) = self.deferrable {
            builder = builder.deferrable(deferrable);
        }
        let moved = connection.forwarded(Effect::None, Some(Block::Inside));
        let starting = Starting(Some(connection));
        let inner = builder.start().await?;
        starting.succeeded();
        if let Some(moved) = moved {
            connection.arrived(moved);
        }
        Ok(Transaction { inner: Some(inner), connection, shared, cancel, nested: false })
    }
}

/// A start that fails or is dropped is rolled back by the driver.
struct Starting<'a>(Option<&'a Connection>);

impl Starting<'_> {
    fn succeeded(mut self) {
        self.0 = None;
    }
}

impl Drop for Starting<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.0 {
            connection.ends_unheard();
        }
    }
}
