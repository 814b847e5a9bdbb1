//! Why a pool gave no connection.

use deadpool_postgres::TimeoutType;

use super::Error;

/// Why a pool gave no connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    /// Every connection is in use and none became free in time.
    #[error("the pool is exhausted: no connection became free within its wait timeout")]
    Exhausted,
    /// A connection was not opened in time.
    #[error("the pool opened no connection within its create timeout")]
    Connecting,
    /// A connection could not be made ready for use again in time.
    #[error("the pool made no connection ready again within its recycle timeout")]
    Recycling,
    /// The pool was closed.
    #[error("the pool is closed")]
    Closed,
    /// The pool has timeouts and no runtime to measure them.
    #[error("the pool has timeouts but no runtime")]
    NoRuntime,
    /// A hook of the pool rejected a connection.
    #[error("a hook of the pool rejected the connection: {0}")]
    Hook(String),
}

impl PoolError {
    /// What to do about it.
    pub(super) fn hint(&self) -> &'static str {
        match self {
            PoolError::Exhausted => {
                "Give connections back sooner, or raise max_size; a call that holds one while it waits for another can \
                 wait for itself."
            }
            PoolError::Connecting => "Is the server reachable, and does it take more connections?",
            PoolError::Recycling => "Is the server reachable?",
            PoolError::Closed => "It was closed by Pool::close, usually at shutdown.",
            PoolError::NoRuntime => "Build the pool with .runtime(Runtime::Tokio1).",
            PoolError::Hook(_) => "See the hooks that were given to the pool's builder.",
        }
    }
}

impl From<deadpool_postgres::PoolError> for Error {
    fn from(error: deadpool_postgres::PoolError) -> Self {
        use deadpool_postgres::{HookError, PoolError as Pool};
        match error {
            Pool::Timeout(TimeoutType::Wait) => PoolError::Exhausted.into(),
            Pool::Timeout(TimeoutType::Create) => PoolError::Connecting.into(),
            Pool::Timeout(TimeoutType::Recycle) => PoolError::Recycling.into(),
            Pool::Closed => PoolError::Closed.into(),
            Pool::NoRuntimeSpecified => PoolError::NoRuntime.into(),
            Pool::PostCreateHook(HookError::Message(message)) => PoolError::Hook(message.into_owned()).into(),
            Pool::Backend(error) | Pool::PostCreateHook(HookError::Backend(error)) => Error::connecting(error),
        }
    }
}
