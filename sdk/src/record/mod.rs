//! Between a row and serde: what a record's fields are as values of their columns, and back. The sealer's records and the
//! client's rows both stand on it; their public names are in `sealer`.

pub(crate) mod cursor;
pub(crate) mod de;
mod kind;
pub(crate) mod names;
pub(crate) mod problem;
mod sealed;
pub(crate) mod ser;

pub use kind::Kind;
pub use sealed::SealedRecord;

use crate::seal;

/// Why a record was not sealed or not opened. No text of it holds a value.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// The sealer does not protect this table.
    #[error("table {0:?} is not one of this sealer's")]
    UnknownTable(String),
    /// The record's shape is not the table's.
    #[error("table {table}: {reason}")]
    Record {
        /// The logical table.
        table: String,
        /// What does not fit; names of columns at most.
        reason: String,
    },
    /// A field's value does not fit its column.
    #[error("column {column}: {reason}")]
    Field {
        /// `table.column`
        column: String,
        /// What does not fit.
        reason: String,
    },
    /// A record does not fit the Rust type that it is read as.
    #[error("the record does not fit the type: {0}")]
    Misfit(String),
    /// Sealing, opening or verifying failed.
    #[error(transparent)]
    Seal(#[from] seal::Error),
}

impl Error {
    /// What a caller can do about it.
    pub fn kind(&self) -> Kind {
        match self {
            Error::UnknownTable(_) | Error::Record { .. } | Error::Field { .. } | Error::Misfit(_) => Kind::Refused,
            Error::Seal(error) => Kind::of_seal(error),
        }
    }
}
