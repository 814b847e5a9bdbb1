//! What the log says of a session: every line carries its number, of a statement at most names, and no value.

use std::sync::atomic::{AtomicU64, Ordering};

use pgseal::error::UserFacing;
use tracing::Span;
use tracing::field::Empty;

use crate::upstream::Stream;

/// How much of a name is shown: as much as PostgreSQL keeps of one (`NAMEDATALEN`).
const NAME: usize = 63;

/// The span of one session. At the highest level, so that whatever is logged at all says to whom it belongs. It is
/// entered only where something is logged, since entering costs more than relaying a frame.
pub(super) fn session(client: &Stream) -> Span {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let id = LAST.fetch_add(1, Ordering::Relaxed) + 1;
    tracing::error_span!("session", id, peer = client.peer(), user = Empty, database = Empty)
}

/// Who the client says it is, and what it wants to see. Bytes, as in its start-up packet.
pub(super) fn asks(user: Option<&[u8]>, database: &[u8]) {
    let shown = |name: &[u8]| String::from_utf8_lossy(name.get(..NAME).unwrap_or(name)).into_owned();
    let span = Span::current();
    span.record("user", shown(user.unwrap_or(&[])));
    span.record("database", shown(database));
}

/// The one line of something that is refused: called where the refusal is made.
pub(super) fn refusal(session: &Span, error: &dyn UserFacing) {
    let column = error.column().map(|of| format!("{}.{}.{}", of.schema, of.table, of.column));
    tracing::info!(parent: session, sqlstate = error.sqlstate().code(), column, reason = error.message(), "refused");
}

/// Says that a session ended by a panic, when it is dropped by one. The hook of `serve` has logged its place, and nothing
/// of its message.
pub(super) struct Panic<'s>(pub(super) &'s Span);

impl Drop for Panic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!(parent: self.0, "the session ended by an internal error");
        }
    }
}
