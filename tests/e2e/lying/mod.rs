//! A lying server as a library of the tests: a frame proxy between us and a real PostgreSQL, with scripted lies; and what
//! we do when we are lied to (SQL-60).
//!
//! [`World::lying`](crate::harness::World::lying) is a world whose server lies when it is told to, for the proxy and for
//! the SDK's client alike. It stands behind the tap of the link, which so keeps what we said and what we were told.
//!
//! ```text
//! let world = World::lying("name", TABLES, SCHEMA);
//! world.liar().lie(When::every(" UPDATE OF "), Lie::Where("id = 2".into()));
//! … UPDATE customers SET dept = 'admin' WHERE id = 1 …
//! assert_ne!(world.liar().repent(), 0);
//! ```
//!
//! A [`Lie`] is told about every statement, or the n-th, whose text contains a text ([`When`]). The best lies are those
//! that the real server tells: it is asked another question, and answers with genuine rows. What it is asked and what it
//! says is followed message by message through start-up, both protocols, pipelines, errors and COPY, so that an answer
//! is known by its statement. SQL-level PREPARE and EXECUTE are statements of their own; nothing is looked for in them.

mod frames;
mod liar;
mod lie;
mod question;
mod track;

mod alone;
mod honest;
mod locks;
mod once;
mod operators;
mod reads;
mod rows;
mod stage;

pub(crate) use liar::Liar;
pub(crate) use lie::{Lie, When};
