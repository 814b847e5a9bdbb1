//! A connection that is given up keeps its slot of the pool until its backend is gone. Were the slot free at once, the
//! pool would connect anew beside a backend that waits for a lock, perhaps for ever, and a server would see as many of
//! them as calls have timed out.

use std::pin::pin;
use std::time::Duration;

use deadpool_postgres::Object;
use futures_util::{FutureExt, future};
use tokio::runtime::Handle;
use tokio::time;
use tokio_postgres::error::SqlState;
use tokio_postgres::{CancelToken, Client, NoTls};

/// What ends a session from within. The server closes a connection when its backend has left everything (socket_close in
/// pqcomm.c): who closes from here does not know when that is.
const END: &str = "ROLLBACK; SELECT pg_catalog.pg_terminate_backend(pg_catalog.pg_backend_pid())";

/// A cancel request that comes before its statement is lost: it is sent again after this time, then after twice of it.
const AGAIN: Duration = Duration::from_millis(200);

/// How long a backend is waited for that neither ends nor lets itself be cancelled.
const PATIENCE: Duration = Duration::from_secs(60);

/// Gives up a connection that nobody uses any more.
pub(super) fn give_up(object: Object) {
    let given_up = GivenUp(Some(object));
    // Without a runtime nobody can wait, and the driver's own task is gone.
    if let Ok(runtime) = Handle::try_current() {
        runtime.spawn(given_up.ended());
    }
}

/// Cancels what was dropped in the middle, and rolls it back, so that its locks are free though its client is kept. No
/// statement of the application's is sent on this connection any more.
pub(super) fn cancel(client: &Client) {
    // The driver sends at the first poll; nobody waits for the answer.
    drop(client.batch_execute("ROLLBACK").now_or_never());
    if let (false, Ok(runtime)) = (client.is_closed(), Handle::try_current()) {
        let token = client.cancel_token();
        runtime.spawn(async move { cancel_query(&token).await });
    }
}

/// The connection, which never goes back to the pool: also where its task ends with its runtime.
struct GivenUp(Option<Object>);

impl GivenUp {
    async fn ended(self) {
        if let Some(object) = &self.0 {
            let token = object.cancel_token();
            let (ends, cancels) = (pin!(end(object)), pin!(cancel_until_ended(&token)));
            if time::timeout(PATIENCE, future::select(ends, cancels)).await.is_err() {
                tracing::warn!("a connection was given up, and its backend did not end");
            }
        }
    }
}

impl Drop for GivenUp {
    fn drop(&mut self) {
        if let Some(object) = self.0.take() {
            drop(Object::take(object));
        }
    }
}

async fn end(client: &Client) {
    while !client.is_closed() {
        match client.batch_execute(END).await {
            Ok(()) => {}
            // The cancel request met this statement, or the backend is about to go.
            Err(error)
                if error
                    .code()
                    .is_some_and(|code| [SqlState::QUERY_CANCELED, SqlState::ADMIN_SHUTDOWN].contains(code)) => {}
            // The connection is closed; or this role may not end its backend, which does nothing any more.
            Err(_) => return,
        }
    }
}

async fn cancel_until_ended(token: &CancelToken) {
    let mut again = AGAIN;
    loop {
        cancel_query(token).await;
        time::sleep(again).await;
        again *= 2;
    }
}

/// The pool does not give its TLS out. The server takes a cancel request without it, unless the driver was told to
/// require TLS: then the statement is waited for.
async fn cancel_query(token: &CancelToken) {
    if let Err(error) = token.cancel_query(NoTls).await {
        tracing::debug!("a statement cannot be cancelled: {error}");
    }
}
