//! The schema lock: what `schema apply` found and fixed, as TOML that people review and commit (CAT-1).

/// One database's lock.
#[derive(Debug, Clone)]
pub struct Lock {
    // Fields come with their first reader.
}
