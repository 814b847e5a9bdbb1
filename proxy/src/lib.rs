//! The pgseal proxy: PostgreSQL's wire protocol in front of sealed tables, and the `pgseal` command.
//!
//! Everything here talks; what decides stands in the `pgseal` library. `session` keeps the queue of expected
//! responses and never reads SQL, `frames` applies a plan to frames, `wire` knows bytes only.
#![forbid(unsafe_code)]

pub mod cli;
pub mod config;
pub mod control;
pub mod demo;
pub mod endpoint;
pub mod frames;
pub mod kms;
pub mod listener;
pub mod service;
pub mod session;
pub mod tls;
pub mod upstream;
pub mod wire;

pub use endpoint::Endpoint;
