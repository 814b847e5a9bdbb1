//! The proxy's own connections, a deadpool of two: catalog, lock digest, key store. Never client statements.
