//! What can go wrong between a statement and its rows.

mod db;
mod pool;

use std::borrow::Cow;
use std::error::Error as _;
use std::sync::Arc;
use std::{fmt, io, iter};

use tokio_postgres::types::{Type, WrongType};

pub use db::DbError;
pub use pool::PoolError;

use crate::error::{SqlState, UserFacing};
use crate::framing::Malformed;
use crate::record::Kind;
use crate::sql::Refusal;
use crate::sql::client_text::ClientText;
use crate::{exec, seal};

/// Why a statement was not answered. No text of it holds a value of a protected column but [`DbError::detail`], which
/// tells of a violated key the value that this call sent; what the server says about a statement may quote one that went
/// to it in clear, as it does without pgseal.
///
#[cfg_attr(feature = "testing", doc = "```")]
#[cfg_attr(not(feature = "testing"), doc = "```ignore")]
#[doc = include_str!("doctest.txt")]
/// # example(async |client| {
/// use pgseal::sealer::Kind;
///
/// let insert = "INSERT INTO patient VALUES (7, 'B2', $1)";
/// let error = client.execute(insert, &[&"J45.1"]).await.unwrap_err();
/// let answer = match (error.kind(), error.code()) {
///     (kind, _) if kind.is_retryable() => "later",
///     (Kind::Database, Some("40001" | "40P01")) => "again",
///     (Kind::Database, Some("23505")) => "there is one already",
///     _ => "failed",
/// };
/// assert_eq!(answer, "there is one already");
/// # Ok(())
/// # });
/// ```
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The statement was refused, as the proxy refuses it; nothing of it was sent. Made by [`Error::refused`].
    #[error("{}", .refusal.message)]
    Refused {
        /// Why, with a byte offset into the statement.
        refusal: Refusal,
        /// The place in the statement, from 1, in characters.
        position: Option<u32>,
    },
    /// Sealing, opening or verifying failed, or a value does not fit its column.
    #[error(transparent)]
    Exec(#[from] exec::Error),
    /// The server's error, without what shows ciphertext or helper columns.
    #[error("{}", .0.message())]
    Database(Box<DbError>),
    /// The link to the server failed. Whether the statement was carried out is not known.
    #[error("{problem}: {what}")]
    Connection {
        /// What became of it.
        problem: Link,
        /// What tokio-postgres says of it, with its causes unless they could quote a value.
        what: String,
        /// The cause, unless it could quote a value. It is said already, so that it is no
        /// [`source`](std::error::Error::source): who prints a chain would say it twice.
        cause: Option<Box<tokio_postgres::Error>>,
    },
    /// The pool gave no connection; nothing was sent.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// Another number of parameters than the statement has; nothing was sent.
    #[error("the statement has {expected} parameters, and {given} were given")]
    Parameters {
        /// How many the statement has.
        expected: usize,
        /// How many were given.
        given: usize,
    },
    /// A parameter whose Rust type or value cannot be encoded as the parameter's type; nothing was sent.
    #[error("parameter ${} cannot be encoded as {ty}{}", .index + 1, because(.wrong.as_deref()))]
    Parameter {
        /// Its position, from 0.
        index: usize,
        /// Its type, as the statement wants it.
        ty: Type,
        /// The Rust type that cannot be it. Any other cause may quote the value.
        wrong: Option<Arc<WrongType>>,
    },
    /// A row that has no such column.
    #[error("the row has no column {column}")]
    NoColumn {
        /// What was asked for: a name, or a position from 0.
        column: String,
    },
    /// A column that cannot be read as the Rust type.
    #[error("column {column} of type {ty} cannot be read as {rust}: {problem}")]
    Column {
        /// Its name.
        column: String,
        /// Its logical type.
        ty: Type,
        /// The Rust type.
        rust: &'static str,
        /// What does not fit.
        problem: &'static str,
    },
    /// A row whose columns do not make up the Rust type.
    #[error("the row cannot be read as {rust}: {problem}")]
    Record {
        /// The Rust type.
        rust: &'static str,
        /// What does not fit; names of columns and fields at most.
        problem: String,
    },
    /// Another number of rows than the call is for.
    #[error("the statement returned {0}, where {expected} expected", expected = .0.expected())]
    RowCount(RowCount),
    /// What was to be committed was rolled back: a statement before had failed the transaction. The server takes the COMMIT
    /// for a ROLLBACK then.
    #[error("the transaction was rolled back instead of committed, because a statement in it had failed")]
    RolledBack,
    /// A call on this connection was dropped where the connection could not be brought back to a known state.
    #[error("this connection was given up because a call on it was cancelled midway")]
    Broken,
}

/// What became of a link to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// It could not be opened.
    Refused,
    /// It failed, or what came over it is not the protocol.
    Lost,
    /// It was closed before the call.
    Closed,
}

/// What `query_one` and `query_opt` met instead of one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowCount {
    /// No row, for `query_one`.
    None,
    /// More than one.
    Several,
}

impl Error {
    /// A refusal of this statement.
    pub fn refused(refusal: Refusal, sql: &str) -> Self {
        let before = refusal.position.and_then(|byte| sql.get(..byte));
        let position = before.and_then(|before| u32::try_from(before.chars().count() + 1).ok());
        Error::Refused { refusal, position }
    }

    /// A refusal of a statement that says this.
    pub(super) fn refused_in(refusal: Refusal, text: &ClientText<'_>) -> Self {
        let position = text.position(refusal.position);
        Error::Refused { refusal, position }
    }

    /// What a caller can do about it.
    ///
    #[cfg_attr(feature = "testing", doc = "```")]
    #[cfg_attr(not(feature = "testing"), doc = "```ignore")]
    #[doc = include_str!("doctest.txt")]
    /// # example(async |client| {
    /// use pgseal::sealer::Kind;
    ///
    /// let error = client.query("SELECT id FROM patient ORDER BY diagnosis", &[]).await.unwrap_err();
    /// assert_eq!((error.kind(), error.code()), (Kind::Refused, Some("0A000")));
    /// assert!(error.message().contains("patient.diagnosis"));
    ///
    /// let again = "INSERT INTO patient VALUES ($1, $2, $3)";
    /// let error = client.execute(again, &[&7_i64, &"B2", &"none"]).await.unwrap_err();
    /// assert_eq!((error.kind(), error.code()), (Kind::Database, Some("23505")));
    /// assert_eq!(error.as_db_error().and_then(|error| error.constraint()), Some("patient_pkey"));
    /// # Ok(())
    /// # });
    /// ```
    pub fn kind(&self) -> Kind {
        match self {
            Error::Refused { .. } => Kind::Refused,
            Error::Exec(error) => Kind::of_exec(error),
            Error::Database(error) => error.kind(),
            Error::Connection { .. } | Error::Pool(_) | Error::RowCount(_) | Error::RolledBack | Error::Broken => {
                Kind::Database
            }
            Error::Parameters { .. }
            | Error::Parameter { .. }
            | Error::NoColumn { .. }
            | Error::Column { .. }
            | Error::Record { .. } => Kind::Refused,
        }
    }

    /// The SQLSTATE that an application behind the proxy would have seen; `None` where the mistake never reaches the
    /// wire: in a call, a row's column, the pool.
    pub fn code(&self) -> Option<&str> {
        match self {
            Error::Refused { refusal, .. } => Some(refusal.sqlstate.code()),
            Error::Exec(error) => Some(error.sqlstate().code()),
            Error::Database(error) => Some(error.code()),
            Error::Connection { problem: Link::Refused, .. } => Some(SqlState::CANNOT_CONNECT.code()),
            Error::Connection { problem: Link::Lost | Link::Closed, .. } => Some(SqlState::CONNECTION_FAILURE.code()),
            Error::RolledBack => Some(SqlState::IN_FAILED_SQL_TRANSACTION.code()),
            Error::Pool(_)
            | Error::Parameters { .. }
            | Error::Parameter { .. }
            | Error::NoColumn { .. }
            | Error::Column { .. }
            | Error::Record { .. }
            | Error::RowCount(_)
            | Error::Broken => None,
        }
    }

    /// One line: what failed, in the words that an application behind the proxy would have seen.
    pub fn message(&self) -> Cow<'_, str> {
        match self {
            Error::Refused { refusal, .. } => Cow::Borrowed(&refusal.message),
            Error::Exec(error) => Cow::Owned(error.message()),
            Error::Database(error) => Cow::Borrowed(error.message()),
            other => Cow::Owned(other.to_string()),
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<Cow<'_, str>> {
        match self {
            Error::Refused { refusal, .. } => refusal.hint.as_deref().map(Cow::Borrowed),
            Error::Exec(error) => error.hint().map(Cow::Owned),
            Error::Database(error) => error.hint().map(Cow::Borrowed),
            Error::Pool(error) => Some(Cow::Borrowed(error.hint())),
            Error::Connection { .. }
            | Error::Parameters { .. }
            | Error::Parameter { .. }
            | Error::NoColumn { .. }
            | Error::Column { .. }
            | Error::Record { .. }
            | Error::RowCount(_)
            | Error::RolledBack
            | Error::Broken => None,
        }
    }

    /// The place in the statement's text that is to blame, from 1, in characters.
    pub fn position(&self) -> Option<u32> {
        match self {
            Error::Refused { position, .. } => *position,
            Error::Exec(error) => error.position(),
            Error::Database(error) => error.position(),
            Error::Connection { .. }
            | Error::Pool(_)
            | Error::Parameters { .. }
            | Error::Parameter { .. }
            | Error::NoColumn { .. }
            | Error::Column { .. }
            | Error::Record { .. }
            | Error::RowCount(_)
            | Error::RolledBack
            | Error::Broken => None,
        }
    }

    /// The column that is to blame, by its name alone: the server's where it names one, as it does for 23502; ours where
    /// a refusal, a NULL, or a value that does not open is about one column. A value of the wrong form (class 22) has
    /// none, as at the server.
    ///
    #[cfg_attr(feature = "testing", doc = "```")]
    #[cfg_attr(not(feature = "testing"), doc = "```ignore")]
    #[doc = include_str!("doctest.txt")]
    /// # example(async |client| {
    /// let update = "UPDATE patient SET diagnosis = upper(diagnosis) WHERE id = $1";
    /// let refused = client.execute(update, &[&7_i64]).await.unwrap_err();
    /// assert_eq!((refused.code(), refused.column()), (Some("0A000"), Some("diagnosis")));
    ///
    /// // What is NULL and must not be: the server's error and ours are told alike.
    /// client.batch_execute("CREATE TEMP TABLE visitor (name text NOT NULL)").await?;
    /// let error = client.execute("INSERT INTO visitor VALUES (NULL)", &[]).await.unwrap_err();
    /// assert_eq!((error.code(), error.column()), (Some("23502"), Some("name")));
    /// let error = client.execute("INSERT INTO patient VALUES (NULL, 'B2', 'none')", &[]).await.unwrap_err();
    /// assert_eq!((error.code(), error.column()), (Some("23502"), Some("id")));
    /// # Ok(())
    /// # });
    /// ```
    pub fn column(&self) -> Option<&str> {
        match self {
            Error::Refused { refusal, .. } => refusal.column().map(|name| name.column.as_str()),
            Error::Exec(exec::Error::Seal(error)) => match error.place()?.split('.').collect::<Vec<_>>()[..] {
                [_, column] => Some(column),
                // A name with a point in it: which part is which is not known.
                _ => None,
            },
            Error::Exec(error) => error.column().map(|name| name.column.as_str()),
            Error::Database(error) => error.column(),
            Error::Column { column, .. } => Some(column),
            Error::Connection { .. }
            | Error::Pool(_)
            | Error::Parameters { .. }
            | Error::Parameter { .. }
            | Error::NoColumn { .. }
            | Error::Record { .. }
            | Error::RowCount(_)
            | Error::RolledBack
            | Error::Broken => None,
        }
    }

    /// The server's own error.
    pub fn as_db_error(&self) -> Option<&DbError> {
        match self {
            Error::Database(error) => Some(error),
            _ => None,
        }
    }

    /// An error of tokio-postgres while a connection was opened: no parameter was sent yet, so all of it may be shown.
    pub(super) fn connecting(error: tokio_postgres::Error) -> Self {
        match error.as_db_error() {
            Some(db) => db.into(),
            None => Error::Connection { problem: Link::Refused, what: with_causes(&error), cause: Some(error.into()) },
        }
    }
}

/// An error of tokio-postgres while a statement ran. What the conversion of a parameter says may quote it, so that
/// cause is dropped; its own text says at which parameter it was.
impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        if let Some(db) = error.as_db_error() {
            return db.into();
        }
        let problem = if error.is_closed() { Link::Closed } else { Link::Lost };
        let harmless = error.source().is_none_or(|cause| cause.is::<io::Error>());
        let what = if harmless { with_causes(&error) } else { error.to_string() };
        Error::Connection { problem, what, cause: harmless.then(|| error.into()) }
    }
}

/// What an error says, and what each cause behind it says.
pub(super) fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = iter::successors(Some(error), |error: &&(dyn std::error::Error + 'static)| (*error).source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn because(cause: Option<&WrongType>) -> String {
    cause.map(|cause| format!(": {cause}")).unwrap_or_default()
}

impl From<DbError> for Error {
    fn from(error: DbError) -> Self {
        Error::Database(error.into())
    }
}

impl From<&tokio_postgres::error::DbError> for Error {
    fn from(error: &tokio_postgres::error::DbError) -> Self {
        DbError::from(error).into()
    }
}

impl From<seal::Error> for Error {
    fn from(error: seal::Error) -> Self {
        Error::Exec(error.into())
    }
}

impl From<Malformed> for Error {
    fn from(malformed: Malformed) -> Self {
        Error::Exec(malformed.into())
    }
}

impl RowCount {
    fn expected(self) -> &'static str {
        match self {
            RowCount::None => "one was",
            RowCount::Several => "at most one was",
        }
    }
}

impl fmt::Display for RowCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RowCount::None => "no row",
            RowCount::Several => "more than one row",
        })
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Link::Refused => "no connection to the server",
            Link::Lost => "the connection to the server was lost",
            Link::Closed => "the connection to the server is closed",
        })
    }
}

#[cfg(test)]
mod tests;
