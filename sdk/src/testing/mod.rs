//! A throw-away PostgreSQL for tests, the demo and doctor: found or fetched, private, gone with the process.

pub mod postgres;
