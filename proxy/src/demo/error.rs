//! Why the demo stopped.

/// What was tried and what came of it.
#[derive(Debug, thiserror::Error)]
#[error("demo: {what}: {reason}")]
pub struct Error {
    what: String,
    reason: String,
}

impl Error {
    pub(super) fn new(what: impl Into<String>, reason: impl std::fmt::Display) -> Self {
        Self { what: what.into(), reason: reason.to_string() }
    }

    /// Something else than what the demo shows.
    pub(super) fn expected(what: impl Into<String>, wanted: &str, got: impl std::fmt::Display) -> Self {
        Self::new(what, format!("expected {wanted}, got {got}"))
    }

    /// A database error with its SQLSTATE, which `Display` of the driver leaves out.
    pub(super) fn sql(what: impl Into<String>, error: &tokio_postgres::Error) -> Self {
        match error.as_db_error() {
            Some(said) => Self::new(what, format!("{}: {}", said.code().code(), said.message())),
            None => Self::new(what, error),
        }
    }
}
