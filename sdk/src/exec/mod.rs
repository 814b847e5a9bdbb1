//! A plan at work: parameter values in, physical parameters out; physical rows in, logical rows out. No sockets: the
//! proxy drives it with wire frames, the SDK's client with tokio-postgres.
//!
#![cfg_attr(feature = "testing", doc = "```")]
#![cfg_attr(not(feature = "testing"), doc = "```ignore")]
#![doc = include_str!("../sql/doctest.txt")]
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! use pgseal::encoding::ClientEncoding;
//! use pgseal::exec::inputs::{self, Params, Physical};
//! use pgseal::sql::{self, Decision};
//! use pgseal::value::{Format, Settings};
//!
//! # use pgseal::keys::{KeyCache, create_key};
//! # let protection = protection()?;
//! # let (keyring, store) = (pgseal::testing::keyring()?, pgseal::testing::store()?);
//! # create_key("patients", &*keyring, &*store).await?;
//! # let keys = KeyCache::new(std::time::Duration::from_secs(300));
//! # keys.register("patients", keyring, pgseal::keys::cache::Pins::default());
//! # keys.load(&*store, &["patients"]).await?;
//! let text = "SELECT id FROM patient WHERE diagnosis = $1";
//! let Decision::Rewrite(plan) = &sql::plan(text, &[], &protection)[0].decision else { panic!("not understood") };
//! let params = Params { values: &[Some(b"J45.1")], formats: &[Format::Text], encoding: ClientEncoding::UTF8 };
//! let bound = inputs::bind(plan, &plan.template, params, &[], &keys, &Settings::default())?;
//! // What the server is asked for is a search tag.
//! assert!(matches!(&bound[0], Physical::Owned(Format::Binary, Some(tag)) if tag.len() == 16));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod array;
pub mod by_name;
pub mod cache;
mod conditions;
pub mod describe;
pub mod errors;
pub mod facts;
pub mod inputs;
pub mod outputs;
pub mod positions;
pub mod query;
mod reseal;
mod resolve;
pub mod session;
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
    /// A row that does not satisfy what the statement asked for (SQL-60), of this logical table.
    #[error("table {0}: the server answered with a row that the statement did not ask for")]
    NotAsked(String),
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
            Error::Value(_)
            | Error::NotNull(_)
            | Error::Seal(_)
            | Error::NotAsked(_)
            | Error::Refused(_)
            | Error::Protocol(_) => None,
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
            Error::NotAsked(_) => SqlState::DATA_CORRUPTED,
            Error::Refused(refusal) => refusal.sqlstate,
            Error::Protocol(_) => SqlState::PROTOCOL_VIOLATION,
        }
    }
    fn message(&self) -> String {
        match self {
            Error::Value(error) | Error::Literal { error, .. } => error.message(),
            Error::NotNull(_) | Error::NotAsked(_) => self.to_string(),
            Error::Seal(error) => error.message(),
            Error::Refused(refusal) => refusal.message.clone(),
            Error::Protocol(text) => (*text).to_owned(),
        }
    }
    fn hint(&self) -> Option<String> {
        match self {
            Error::Seal(error) => error.hint(),
            Error::Refused(refusal) => refusal.hint.clone(),
            Error::NotAsked(_) => Some(
                "Nothing of this statement was written or shown. Find out who can change operators, functions or rows \
                 at the server."
                    .to_owned(),
            ),
            Error::Value(_) | Error::Literal { .. } | Error::NotNull(_) | Error::Protocol(_) => None,
        }
    }
    fn column(&self) -> Option<&ColumnName> {
        match self {
            Error::NotNull(column) => Some(column),
            Error::Refused(refusal) => refusal.column(),
            Error::Value(_) | Error::Literal { .. } | Error::Seal(_) | Error::NotAsked(_) | Error::Protocol(_) => None,
        }
    }
}

#[cfg(test)]
mod tests;
