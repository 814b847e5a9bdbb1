//! What can go wrong between a statement and its rows.

use crate::error::SqlState;
use crate::sealer::Kind;
use crate::sql::Refusal;

/// Why a statement was not answered. No text of it holds a value.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The statement was refused, as the proxy refuses it; nothing of it was sent.
    #[error("{}", .0.message)]
    Refused(Refusal),
    /// Sealing, opening or verifying failed, or a value does not fit its column.
    #[error(transparent)]
    Exec(#[from] crate::exec::Error),
    /// The server's error, without what shows ciphertext or helper columns.
    #[error("{}", .0.message)]
    Database(Box<DbError>),
    /// The pool gave no connection.
    #[error("no connection from the pool: {0}")]
    Pool(#[source] deadpool_postgres::PoolError),
    /// The connection was lost, or the server said what the driver does not expect.
    #[error("{0}")]
    Connection(#[source] tokio_postgres::Error),
    /// An earlier call on this connection was cancelled when it had not yet ended its transaction.
    #[error("a call on this connection was cancelled in the middle of a transaction; take another one from the pool")]
    Broken,
    /// Another number of parameters than the statement has.
    #[error("the statement has {expected} parameters, and {given} were given")]
    ParamCount {
        /// As the statement has.
        expected: usize,
        /// As were given.
        given: usize,
    },
    /// A Rust value that its type cannot send as this parameter.
    #[error("parameter ${number} cannot be sent as {ty}")]
    Param {
        /// From 1.
        number: usize,
        /// The parameter's type.
        ty: tokio_postgres::types::Type,
        /// What its type says.
        #[source]
        source: Box<dyn std::error::Error + Sync + Send>,
    },
    /// `query_one` or `query_opt` and another number of rows.
    #[error("the statement gave another number of rows than were asked for")]
    RowCount,
}

/// An error that the server reported, in the client's terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DbError {
    pub(super) message: String,
}

impl Error {
    /// What a caller can do about it.
    pub fn kind(&self) -> Kind {
        todo!()
    }

    /// The SQLSTATE that an application behind the proxy would have seen.
    pub fn code(&self) -> Option<SqlState> {
        todo!()
    }
}
