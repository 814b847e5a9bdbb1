//! Field-level encryption for PostgreSQL: everything that is not a socket or a terminal.
//!
//! The rooms stand in the order in which they may use each other: a line may use the lines above it, never one
//! below. Whatever decides is a pure function or a small state machine; only `keys::store::postgres`, `catalog`, `apply`,
//! `client` and `testing` talk to anything, each behind a feature.
#![forbid(unsafe_code)]

pub mod error;
pub mod framing;
pub mod value;

pub mod crypto;
pub mod schema;

pub mod keys;
pub mod seal;

#[cfg(feature = "sql")]
pub mod sql;

#[cfg(feature = "postgres")]
pub mod catalog;

#[cfg(feature = "postgres")]
pub mod apply;

#[cfg(feature = "sql")]
pub mod exec;

pub mod sealer;

#[cfg(feature = "client")]
pub mod client;

#[cfg(feature = "testing")]
pub mod testing;
