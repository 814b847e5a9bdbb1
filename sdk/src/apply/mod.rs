//! `schema apply`: what a schema file asks of a database, as SQL. `plan` decides and is pure, `run` talks; `agree` says
//! whether it was done, and `watch` goes on asking.

pub mod agree;
mod carry;
mod constant;
pub mod files;
pub mod keys;
mod plan;
mod refuse;
mod run;
pub mod sight;
#[cfg(test)]
mod tests;
pub mod watch;
mod weaker;

pub use agree::{Agreement, Disagreement};
pub use plan::{Changes, Refusal, Step, plan};
pub use run::{Connect, Connecting, Error, Outcome, Request, connect_over, describe, lock_path, read, run};
