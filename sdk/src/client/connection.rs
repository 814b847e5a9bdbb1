//! What is known of one connection of the pool, as long as it lives: session facts and prepared statements.

/// One server connection.
#[derive(Default)]
pub(super) struct Connection {}

impl Connection {
    /// A client takes it. Between two clients of ours the pool may have handed it to anybody, which its count of
    /// recyclings tells.
    pub(super) fn checked_out(&self, recycled: usize) {
        let _ = recycled;
    }
}
