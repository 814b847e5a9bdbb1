//! The key store table pgseal.keys in PostgreSQL.
