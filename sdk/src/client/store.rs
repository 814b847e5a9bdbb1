//! A key store over the pool.
