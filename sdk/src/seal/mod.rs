//! Cells, beacons, row signatures and whole rows: a chapter of docs/formats.md is a file here.
//! No SQL and no I/O.

pub mod aad;
pub mod beacon;
pub mod cell;
pub(crate) mod packed;
pub mod row;
pub mod signature;
#[cfg(test)]
mod vectors;

use crate::error::{SqlState, UserFacing};
use crate::keys;

/// Why something could not be sealed, or why what was read is not what was written.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// A cell that is no envelope of this version.
    #[error("column {column}: this is not a sealed value: {reason}")]
    Malformed {
        /// `table.column`
        column: String,
        /// What is wrong with its form.
        reason: &'static str,
    },
    /// A tag that does not hold: edited, or moved here from another row, column or table.
    #[error("column {column}: the sealed value does not belong here or was changed")]
    Tampered {
        /// `table.column`
        column: String,
    },
    /// A row signature that does not hold or is missing.
    #[error("table {table}: the row signature {problem}")]
    Signature {
        /// The logical table.
        table: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A context column is NULL: 23502 on write, XX001 on read (CELL-5).
    #[error("column {column} is part of the encryption context and must not be null")]
    NullContext {
        /// `table.column`
        column: String,
        /// Met on a write.
        writing: bool,
    },
    /// NULL for a NOT NULL column.
    #[error("null value in column {column} violates not-null constraint")]
    NotNull {
        /// `table.column`
        column: String,
    },
    /// A value that does not fit its column.
    #[error("column {column}: {error}")]
    Value {
        /// `table.column`
        column: String,
        /// PostgreSQL's error.
        error: crate::value::Error,
    },
    /// No key.
    #[error(transparent)]
    Key(#[from] keys::Error),
    /// The operating system's generator failed.
    #[error("the operating system gave no randomness")]
    Randomness,
}

impl Error {
    /// The `table.column` that it is about.
    pub fn place(&self) -> Option<&str> {
        match self {
            Error::Malformed { column, .. }
            | Error::Tampered { column }
            | Error::NullContext { column, .. }
            | Error::NotNull { column }
            | Error::Value { column, .. } => Some(column),
            Error::Signature { .. } | Error::Key(_) | Error::Randomness => None,
        }
    }
}

impl UserFacing for Error {
    fn sqlstate(&self) -> SqlState {
        match self {
            Error::Malformed { .. } | Error::Tampered { .. } | Error::Signature { .. } => SqlState::DATA_CORRUPTED,
            Error::NullContext { writing: true, .. } | Error::NotNull { .. } => SqlState::NOT_NULL_VIOLATION,
            Error::NullContext { writing: false, .. } => SqlState::DATA_CORRUPTED,
            Error::Value { error, .. } => error.sqlstate,
            Error::Key(error) => error.sqlstate(),
            Error::Randomness => SqlState::INTERNAL_ERROR,
        }
    }
    fn message(&self) -> String {
        match self {
            // PostgreSQL's own wording of a value error does not name the column either.
            Error::Value { error, .. } => error.message(),
            other => other.to_string(),
        }
    }
    fn hint(&self) -> Option<String> {
        match self {
            Error::Key(error) => error.hint(),
            _ => None,
        }
    }
}
