//! A throw-away PostgreSQL for tests, the demo and doctor: found or fetched, private, gone with the process. And eyes
//! on it: a tap for its wire, a search for values that should be nowhere.

pub mod leaks;
pub mod postgres;
pub mod tap;
