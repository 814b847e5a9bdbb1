//! A key store in memory, for tests and records without a database.
