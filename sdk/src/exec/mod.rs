//! A plan at work: parameter values in, physical parameters out; physical rows in, logical rows out. No sockets: the
//! proxy drives it with wire frames, the SDK's client with tokio-postgres.

mod array;
pub mod by_name;
pub mod cache;
pub mod describe;
pub mod errors;
pub mod facts;
pub mod inputs;
pub mod outputs;
pub mod positions;
mod reseal;
mod resolve;
pub mod single;
pub mod steps;
mod update;
mod write;

use crate::error::{ColumnName, SqlState, UserFacing};
use crate::framing::Malformed;
use crate::sql::Refusal;
use crate::{seal, value};

/// Why a planned statement failed at work.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// A value that PostgreSQL itself would not take.
    #[error(transparent)]
    Value(#[from] value::Error),
    /// The same of a literal of the statement.
    #[error("{error}")]
    Literal {
        /// What is wrong with it.
        error: value::Error,
        /// Where it stands in the client's text, from 0, in characters.
        at: usize,
    },
    /// NULL for a protected NOT NULL column, in PostgreSQL's words (`ExecConstraints`, execMain.c) without its DETAIL,
    /// which shows the row.
    #[error("null value in column \"{}\" of relation \"{}\" violates not-null constraint", .0.column, .0.table)]
    NotNull(Box<ColumnName>),
    /// Sealing or opening failed.
    #[error(transparent)]
    Seal(#[from] seal::Error),
    /// Only at work it shows that the statement cannot be answered.
    #[error("{}", .0.message)]
    Refused(Refusal),
    /// The server or client sent something that does not fit the plan.
    #[error("{0}")]
    Protocol(&'static str),
}

impl Error {
    /// The place in the client's text that is to blame, as field P of ErrorResponse counts it.
    pub fn position(&self) -> Option<u32> {
        match self {
            Error::Literal { at, .. } => u32::try_from(at + 1).ok(),
            Error::Value(_) | Error::NotNull(_) | Error::Seal(_) | Error::Refused(_) | Error::Protocol(_) => None,
        }
    }
}

impl From<Malformed> for Error {
    fn from(malformed: Malformed) -> Self {
        Error::Protocol(malformed.0)
    }
}

impl UserFacing for Error {
    fn sqlstate(&self) -> SqlState {
        match self {
            Error::Value(error) | Error::Literal { error, .. } => error.sqlstate(),
            Error::NotNull(_) => SqlState::NOT_NULL_VIOLATION,
            Error::Seal(error) => error.sqlstate(),
            Error::Refused(refusal) => refusal.sqlstate,
            Error::Protocol(_) => SqlState::PROTOCOL_VIOLATION,
        }
    }
    fn message(&self) -> String {
        match self {
            Error::Value(error) | Error::Literal { error, .. } => error.message(),
            Error::NotNull(_) => self.to_string(),
            Error::Seal(error) => error.message(),
            Error::Refused(refusal) => refusal.message.clone(),
            Error::Protocol(text) => (*text).to_owned(),
        }
    }
    fn hint(&self) -> Option<String> {
        match self {
            Error::Seal(error) => error.hint(),
            Error::Refused(refusal) => refusal.hint.clone(),
            Error::Value(_) | Error::Literal { .. } | Error::NotNull(_) | Error::Protocol(_) => None,
        }
    }
    fn column(&self) -> Option<&ColumnName> {
        match self {
            Error::NotNull(column) => Some(column),
            Error::Value(_) | Error::Literal { .. } | Error::Seal(_) | Error::Refused(_) | Error::Protocol(_) => None,
        }
    }
}

#[cfg(test)]
mod tests;
