//! From client to server: forward, rewrite, refuse, insert.
