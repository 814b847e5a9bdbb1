//! Statements and what becomes of them, over the tables of the differential corpus.

mod apart;
mod asked;
pub(in crate::sql) mod corpus;
mod deep;
mod growth;
mod joined;
mod leak;
mod namesake;
mod pending;
mod read;
pub(in crate::sql) mod recorded;
mod refuse;
pub(in crate::sql) mod support;
mod write;
