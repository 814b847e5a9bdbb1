//! End to end: the real `pgseal` binary between real clients and a real PostgreSQL.
//!
//! One binary, one private cluster for all tests of a run, one database and one proxy a test. `harness` makes a test
//! ten lines long; the other modules are arranged by behaviour.
#![forbid(unsafe_code)]
// The helpers of tests are tests too: what goes wrong in them should stop the test where it stands.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod harness;

mod attacks;
mod building;
mod client;
mod code;
mod corpus;
mod doors;
mod drivers;
mod encodings;
mod endpoint;
mod generated;
mod kms;
mod lying;
mod path;
mod relay;
mod rotation;
mod sealed;
mod session;
mod signed;
mod tls;
mod values;
