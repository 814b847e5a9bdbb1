//! Transactions and savepoints.

use std::sync::Arc;

use futures_util::FutureExt;
use tokio_postgres::types::{BorrowToSql, ToSql, Type};
use tokio_postgres::{CancelToken, IsolationLevel};

use super::block::Block;
use super::failed::failed;
use super::run::{Runner, may_leave_a_block};
use super::verbs::verbs;
use super::{Client, Error, Row, RowCount, RowStream, Statement, ToStatement, commit};
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
    runner: Runner<'a>,
    cancel: &'a CancelToken,
    /// `None` for the transaction itself.
    savepoint: Option<Savepoint>,
    /// Its end was sent.
    ended: bool,
}

struct Savepoint {
    name: String,
    /// How many are around it, with itself.
    depth: u32,
}

impl Transaction<'_> {
    verbs!();

    /// Commits it; of a savepoint: keeps what was done since.
    ///
    /// # Errors
    /// [`Error::RolledBack`], with SQLSTATE 25P02, if a statement in it had failed, or was refused, or met a row that does
    /// not open. A constraint that is checked now, a conflict with another transaction, a lost connection: then it is not
    /// known whether it was committed.
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
        let Runner { client, connection, shared } = self.runner;
        connection.check()?;
        let wrote = connection.wrote();
        self.ends(Effect::None);
        let ended = match &self.savepoint {
            // It fails in a transaction that has failed.
            Some(Savepoint { name, .. }) => Ok(client.batch_execute(&format!("RELEASE {name}")).await),
            None => commit::commit(client, client.batch_execute("COMMIT")).await,
        };
        let ended = match ended {
            Ok(ended) => ended,
            Err(rolled_back) => {
                self.has_ended(&Ok(()));
                return Err(rolled_back);
            }
        };
        self.has_ended(&ended);
        ended.map_err(|error| failed(error, wrote.as_deref(), None, |_| None))?;
        shared.look_if(connection.has_defined());
        Ok(())
    }

    /// Rolls it back; of a savepoint: what was done since.
    ///
    /// # Errors
    /// A lost connection.
    pub async fn rollback(mut self) -> Result<(), Error> {
        let Runner { client, connection, .. } = self.runner;
        connection.check()?;
        self.ends(Effect::Opaque);
        let ended = client.batch_execute(&self.undoes()).await;
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
        self.runner.readable(&name).await?;
        let is_name = lex::lex(&name).is_ok_and(|tokens| matches!(&tokens[..], [token] if token.name(&name).is_some()));
        if is_name {
            return self.nested(Some(name)).await;
        }
        let refusal = Refusal::error(SqlState::SYNTAX_ERROR, "a savepoint is named by one identifier");
        Err(self.runner()?.refuse(Error::refused(refusal, "")).await)
    }

    /// What cancels the statement that is running.
    pub fn cancel_token(&self) -> CancelToken {
        self.runner.connection.may_be_cancelled();
        self.cancel.clone()
    }

    async fn nested(&mut self, name: Option<String>) -> Result<Transaction<'_>, Error> {
        let Runner { client, connection, .. } = self.runner;
        connection.check()?;
        let depth = self.savepoint.as_ref().map_or(0, |savepoint| savepoint.depth) + 1;
        let name = name.unwrap_or_else(|| format!("sp_{depth}"));
        connection.forwarded(Effect::None, None);
        client.batch_execute(&format!("SAVEPOINT {name}")).await?;
        let savepoint = Some(Savepoint { name, depth });
        Ok(Transaction { runner: self.runner, cancel: self.cancel, savepoint, ended: false })
    }

    fn runner(&self) -> Result<Runner<'_>, Error> {
        Ok(self.runner)
    }

    /// What takes back all that was done in it.
    fn undoes(&self) -> String {
        match &self.savepoint {
            Some(Savepoint { name, .. }) => format!("ROLLBACK TO {name}"),
            None => "ROLLBACK".to_owned(),
        }
    }

    /// The end is sent, and takes back settings perhaps.
    fn ends(&mut self, effect: Effect) {
        self.ended = true;
        self.runner.connection.forwarded(effect, None);
        if self.savepoint.is_none() {
            self.runner.connection.ends();
        }
    }

    /// It was answered.
    fn has_ended(&self, answer: &Result<(), tokio_postgres::Error>) {
        let left = answer.as_ref().is_err_and(may_leave_a_block);
        if self.savepoint.is_none() && !left {
            self.runner.connection.found_outside();
        }
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let Runner { client, connection, .. } = self.runner;
        // The driver sends at the first poll; nobody waits for the answer.
        drop(client.batch_execute(&self.undoes()).now_or_never());
        connection.forwarded(Effect::Opaque, None);
        if self.savepoint.is_none() {
            connection.ends_unheard();
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
        let begin = self.text()?;
        let client: &'a Client = self.client;
        let runner = client.runner()?;
        drop(runner.turn().await?);
        let moved = runner.connection.forwarded(Effect::None, Some(Block::Inside));
        // One that fails to start, or is dropped before it has, is rolled back.
        let transaction = Transaction { runner, cancel: &client.cancel, savepoint: None, ended: false };
        runner.client.batch_execute(&begin).await?;
        if let Some(moved) = moved {
            runner.connection.arrived(moved);
        }
        Ok(transaction)
    }

    fn text(&self) -> Result<String, Error> {
        let level = match self.isolation_level {
            None => None,
            Some(IsolationLevel::ReadUncommitted) => Some(" ISOLATION LEVEL READ UNCOMMITTED"),
            Some(IsolationLevel::ReadCommitted) => Some(" ISOLATION LEVEL READ COMMITTED"),
            Some(IsolationLevel::RepeatableRead) => Some(" ISOLATION LEVEL REPEATABLE READ"),
            Some(IsolationLevel::Serializable) => Some(" ISOLATION LEVEL SERIALIZABLE"),
            Some(_) => {
                return Err(Error::refused(Refusal::new("this isolation level is not known to this version"), ""));
            }
        };
        let read_only = self.read_only.map(|only| if only { " READ ONLY" } else { " READ WRITE" });
        let deferrable = self.deferrable.map(|deferrable| if deferrable { " DEFERRABLE" } else { " NOT DEFERRABLE" });
        let modes: Vec<&str> = [level, read_only, deferrable].into_iter().flatten().collect();
        Ok(format!("START TRANSACTION{}", modes.join(",")))
    }
}
