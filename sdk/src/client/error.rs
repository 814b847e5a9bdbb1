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
