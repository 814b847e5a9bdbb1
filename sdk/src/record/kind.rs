//! Failures by what a caller can do about them.

use crate::{keys, seal};

/// What a caller can do about an error, of records ([`Error`](super::Error)) and of SQL.
///
/// ```
/// use pgseal::sealer::Kind;
///
/// // The answer of an HTTP service.
/// let status = |kind| match kind {
///     Kind::Refused => 422,
///     Kind::Denied => 403,
///     Kind::KeyUnavailable => 503,
///     Kind::Tampered | Kind::WrongContext | Kind::Database => 500,
/// };
/// assert_eq!(status(Kind::KeyUnavailable), 503);
/// assert!(Kind::KeyUnavailable.is_retryable() && !Kind::Tampered.is_retryable());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// What was read is not what was written; do not use it.
    Tampered,
    /// What was read stands where its encryption context is missing, so that nothing can be said about it; do not use
    /// it. A value that was moved into another context cannot be told from a changed one and is [`Kind::Tampered`].
    WrongContext,
    /// No key just now; it may work later.
    KeyUnavailable,
    /// Who asks may not: the server's own privileges.
    Denied,
    /// The input is wrong; it will not work later either.
    Refused,
    /// The server, the link to it or the pool: see the error itself.
    Database,
}

impl Kind {
    /// Whether the very same call may succeed later, because only a key was missing. Of a failure of the database its
    /// SQLSTATE says so (40001, 40P01).
    pub fn is_retryable(self) -> bool {
        match self {
            Kind::KeyUnavailable => true,
            Kind::Tampered | Kind::WrongContext | Kind::Denied | Kind::Refused | Kind::Database => false,
        }
    }

    /// Of a failure to seal, open or verify.
    pub(crate) fn of_seal(error: &seal::Error) -> Self {
        match error {
            seal::Error::Malformed { .. } | seal::Error::Tampered { .. } | seal::Error::Signature { .. } => {
                Kind::Tampered
            }
            seal::Error::NullContext { writing: false, .. } => Kind::WrongContext,
            seal::Error::NullContext { writing: true, .. }
            | seal::Error::NotNull { .. }
            | seal::Error::Value { .. } => Kind::Refused,
            seal::Error::Key(error) => Self::of_keys(error),
            seal::Error::Randomness => Kind::KeyUnavailable,
        }
    }

    /// Of a key that is not there. A version that is not known here may have been made elsewhere a moment ago: it is
    /// no sign of tampering, and nothing is opened either way.
    fn of_keys(error: &keys::Error) -> Self {
        match error {
            keys::Error::Missing { .. } | keys::Error::UnknownVersion { .. } | keys::Error::Unavailable { .. } => {
                Kind::KeyUnavailable
            }
            keys::Error::Denied { .. } => Kind::Denied,
            keys::Error::Unwrap { .. } | keys::Error::Inconsistent { .. } => Kind::Tampered,
        }
    }

    /// Of a statement at work.
    #[cfg(feature = "client")]
    pub(crate) fn of_exec(error: &crate::exec::Error) -> Self {
        use crate::exec::Error;
        match error {
            Error::Seal(error) => Self::of_seal(error),
            Error::Value(_) | Error::Literal { .. } | Error::NotNull(_) | Error::Refused(_) => Kind::Refused,
            Error::NotAsked(_) => Kind::Tampered,
            Error::Protocol(_) => Kind::Database,
        }
    }
}
