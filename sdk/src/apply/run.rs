//! Runs a plan in one transaction and writes the lock; a second run finds nothing to do.

use std::fmt;
use std::path::{Path, PathBuf};
use std::pin::Pin;

use crate::catalog::{self, Memory, Snapshot, queries};
use crate::keys::named;
use crate::schema::checked::Schema;
use crate::schema::lock::LockError;
use crate::schema::{Lock, Protection, Relation};
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{Client, NoTls, Socket};

use super::keys::{self, KeyReport};
use super::plan::{self, Changes, Refusal, Step};

/// Key of the advisory lock against two runs at once: "pgseal" as a number.
const ADVISORY: i64 = 0x7067_7365_616c;

/// How long a lock is waited for: behind us everybody else would queue up.
const PATIENCE: &str = "SET LOCAL lock_timeout = '5s'";

/// What to apply, and where.
#[derive(Debug)]
pub struct Request<'a> {
    /// The checked schema file.
    pub schema: &'a Schema,
    /// How to reach the database, as the owner of its tables: a [`tokio_postgres::Config`], in the clear, or a [`Connect`]
    /// of the caller's own.
    pub database: &'a dyn Connect,
    /// Where the lock is.
    pub lock: &'a Path,
    /// Make the keys that neither store nor lock knows.
    pub create_keys: bool,
    /// Where `local:` keyrings have their root key.
    pub state_dir: &'a Path,
}

/// What was done.
#[derive(Debug)]
pub struct Outcome {
    /// Statements, skipped tables, notes.
    pub changes: Changes,
    /// What became of each key.
    pub keys: Vec<KeyReport>,
    /// The lock was written, because it changed.
    pub lock_written: bool,
}

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database cannot be reached, or answered with an error; never holds a value or a password.
    #[error("{what}: {reason}")]
    Database {
        /// What was tried.
        what: String,
        /// The server's words.
        reason: String,
    },
    /// Something stands in the way; everything of it at once.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Refused(Vec<Refusal>),
    /// The lock cannot be read or written.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A key cannot be made or opened.
    #[error("{}", named::describe(.0))]
    Key(#[from] crate::keys::Error),
    /// Two runs at once, or a table that changed under our eyes.
    #[error("{0}")]
    Busy(&'static str),
    /// The result is not what the schema file says.
    #[error("{0}")]
    Result(String),
}

impl Error {
    pub(super) fn database(what: impl Into<String>) -> impl FnOnce(tokio_postgres::Error) -> Self {
        let what = what.into();
        move |error| Error::Database { what, reason: describe(&error) }
    }
}

/// PostgreSQL's message, code and hint; without DETAIL, which may show a row.
pub fn describe(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(db) => {
            let locked = *db.code() == SqlState::LOCK_NOT_AVAILABLE;
            let ours = locked.then_some("somebody holds what this waits for: pg_locks says who");
            let hint = db.hint().or(ours).map(|hint| format!(" ({hint})")).unwrap_or_default();
            format!("{} [{}]{hint}", db.message(), db.code().code())
        }
        None => {
            let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
            format!("{error}{cause}")
        }
    }
}

/// A connection that is being made.
pub type Connecting<'a> = Pin<Box<dyn Future<Output = Result<Client, tokio_postgres::Error>> + Send + 'a>>;

/// How a database is reached. A caller that wants TLS implements it with [`connect_over`].
pub trait Connect: fmt::Debug + Send + Sync {
    /// One connection, driven by a task of its own.
    fn connect(&self) -> Connecting<'_>;
}

impl Connect for tokio_postgres::Config {
    fn connect(&self) -> Connecting<'_> {
        Box::pin(connect_over(self, NoTls))
    }
}

/// Connects with the TLS that is given, and lets the connection run.
///
/// # Errors
/// The driver's.
pub async fn connect_over<T>(config: &tokio_postgres::Config, tls: T) -> Result<Client, tokio_postgres::Error>
where
    T: MakeTlsConnect<Socket> + Send,
    T::Stream: Send + 'static,
    T::TlsConnect: Send,
    <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
{
    let (client, connection) = config.connect(tls).await?;
    tokio::spawn(async move {
        // Every failure reaches the client as an error of its next call.
        let _ = connection.await;
    });
    Ok(client)
}

/// Connects.
///
/// # Errors
/// [`Error::Database`]
pub(crate) async fn connect(database: &dyn Connect) -> Result<Client, Error> {
    database.connect().await.map_err(Error::database("cannot connect"))
}

/// Looks, and changes nothing: what `run` would do, and which tables of the lock would be written anew although no
/// statement is needed.
///
/// # Errors
/// See [`Error`]; refusals stand in the changes.
pub async fn read(request: &Request<'_>) -> Result<(Changes, Vec<String>), Error> {
    let lock = Lock::read(request.lock)?;
    let client = connect(request.database).await?;
    begin(&client, "START TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    let snapshot = snapshot(&client, request.schema).await?;
    let mut changes = plan::plan(request.schema, &snapshot, lock.as_ref());
    for relation in changes.must_be_empty.clone() {
        empty(&client, &mut changes.refusals, &relation).await?;
    }
    let mut stale = Vec::new();
    if changes.steps.is_empty() && changes.refusals.is_empty() {
        let new =
            catalog::lock::build(request.schema, &snapshot, lock.as_ref(), &changes.moved).map_err(Error::Result)?;
        let old = lock.unwrap_or_default();
        stale.extend(
            new.tables.iter().filter(|(name, table)| old.tables.get(*name) != Some(table)).map(|(n, _)| n.clone()),
        );
    }
    Ok((changes, stale))
}

/// Applies the schema file: all of it or nothing.
///
/// # Errors
/// See [`Error`]
///
#[cfg_attr(all(feature = "client", feature = "testing"), doc = "```")]
#[cfg_attr(not(all(feature = "client", feature = "testing")), doc = "```ignore")]
#[doc = include_str!("../sealer/database.txt")]
/// # example(async |database| {
/// # let (schema_file, state_dir) = (database.schema_file(), database.state_dir());
/// use pgseal::apply::{self, Request};
/// use pgseal::schema::{Lock, parse};
///
/// let schema = parse::load(&schema_file)?;
/// let lock = &Lock::path_for(&schema_file);
/// let database = &database.config();
/// let request = Request { schema: &schema, database, lock, create_keys: true, state_dir };
/// // Here it has run once already: nothing is left to do.
/// let outcome = apply::run(&request).await?;
/// assert!(outcome.changes.steps.is_empty() && !outcome.lock_written);
/// # Ok(())
/// # });
/// ```
pub async fn run(request: &Request<'_>) -> Result<Outcome, Error> {
    let previous = Lock::read(request.lock)?;
    let client = connect(request.database).await?;
    begin(&client, "START TRANSACTION ISOLATION LEVEL READ COMMITTED").await?;
    exclusive(&client).await?;
    let changes = locked_plan(&client, request.schema, previous.as_ref()).await?;
    for Step { what, sql } in &changes.steps {
        client.batch_execute(sql).await.map_err(Error::database(format!("{what}: {sql}")))?;
    }
    let after = snapshot(&client, request.schema).await?;
    let mut lock =
        catalog::lock::build(request.schema, &after, previous.as_ref(), &changes.moved).map_err(Error::Result)?;
    let keys = keys::settle(&client, request, &mut lock).await?;
    verify(request.schema, &after, &lock)?;
    let lock_written = previous.as_ref() != Some(&lock);
    // The lock's new text is on disk before the database changes for good: a default that moved into it is never lost.
    let staged = if lock_written { Some(lock.stage(request.lock)?) } else { None };
    client.batch_execute("COMMIT").await.map_err(Error::database("COMMIT"))?;
    if let Some(staged) = staged {
        staged.publish()?;
    }
    Ok(Outcome { changes, keys, lock_written })
}

/// Begins a transaction with the settings under which the catalog is read.
pub(super) async fn begin(client: &Client, sql: &str) -> Result<(), Error> {
    client.batch_execute(sql).await.map_err(Error::database(sql))?;
    client.batch_execute(queries::SETTINGS).await.map_err(Error::database("cannot set up the session"))?;
    client.batch_execute(PATIENCE).await.map_err(Error::database("cannot set up the session"))
}

/// One writer of schema, keys and lock at a time.
pub(super) async fn exclusive(client: &Client) -> Result<(), Error> {
    let row = client
        .query_one("SELECT pg_catalog.pg_try_advisory_xact_lock($1)", &[&ADVISORY])
        .await
        .map_err(Error::database("advisory lock"))?;
    match row.try_get::<_, bool>(0) {
        Ok(true) => Ok(()),
        _ => Err(Error::Busy("another pgseal is changing this database; try again when it is done")),
    }
}

async fn snapshot(client: &Client, schema: &Schema) -> Result<Snapshot, Error> {
    queries::snapshot(client, schema, &mut Memory::default()).await.map_err(Error::database("cannot read the catalog"))
}

/// Plans, locks what is to change, and plans again: what counts is what stands under the locks.
async fn locked_plan(client: &Client, schema: &Schema, lock: Option<&Lock>) -> Result<Changes, Error> {
    let first = plan::plan(schema, &snapshot(client, schema).await?, lock);
    if !first.refusals.is_empty() {
        return Err(Error::Refused(first.refusals));
    }
    for relation in &first.must_be_empty {
        let sql = format!("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", plan::quoted(relation));
        client.batch_execute(&sql).await.map_err(Error::database(sql.clone()))?;
    }
    let mut second = plan::plan(schema, &snapshot(client, schema).await?, lock);
    if second.steps != first.steps {
        return Err(Error::Busy("a table changed while pgseal looked at it; run it again"));
    }
    for relation in &second.must_be_empty {
        empty(client, &mut second.refusals, relation).await?;
    }
    if second.refusals.is_empty() { Ok(second) } else { Err(Error::Refused(second.refusals)) }
}

async fn empty(client: &Client, refusals: &mut Vec<Refusal>, relation: &Relation) -> Result<(), Error> {
    let table = format!("{}.{}", relation.schema, relation.name);
    let holds = queries::holds_rows(client, relation)
        .await
        .map_err(Error::database(format!("cannot look whether {table} is empty")))?;
    if holds {
        refusals.push(Refusal {
            table,
            what: "it holds rows, and online migration is not in this version".into(),
            way_out: "apply to an empty table, then load the rows through the proxy".into(),
        });
    }
    Ok(())
}

/// A second run would have nothing to do, and the lock makes a protection.
fn verify(schema: &Schema, after: &Snapshot, lock: &Lock) -> Result<(), Error> {
    let left = plan::plan(schema, after, Some(lock));
    if let Some(step) = left.steps.first() {
        return Err(Error::Result(format!("not finished, so nothing was changed: {}", step.sql)));
    }
    if !left.refusals.is_empty() {
        return Err(Error::Refused(left.refusals));
    }
    Protection::from_lock(schema, lock).map(drop).map_err(|error| Error::Result(error.to_string()))
}

/// The lock of a schema file, or the one that was named.
pub fn lock_path(schema: &Path, given: Option<&Path>) -> PathBuf {
    given.map_or_else(|| Lock::path_for(schema), Path::to_owned)
}
