//! End-to-end tests against a real PostgreSQL: one binary, one private cluster, one database a test.

fn main() {}
