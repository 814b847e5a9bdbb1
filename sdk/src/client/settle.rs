//! A connection that others may have used: it may be inside a transaction block which no client of ours began.
//!
//! Out of the pool, such a block has no owner any more, so it is rolled back, as its session would be had it been closed.
//! Of a connection that was handed over ([`Shared::wrap`](super::Shared::wrap)) the owner is there: their work is neither
//! joined, to be committed or thrown away with ours, nor ended, so nothing is sent.

use tokio_postgres::SimpleQueryMessage;

use super::Error;
use super::connection::{Origin, Turn};
use super::run::{Runner, had_failed};
use crate::error::SqlState;
use crate::sql::Refusal;

/// Outside a block a transaction begins with its statement; inside one it began before. Unlike a SAVEPOINT or a ROLLBACK
/// it leaves nothing in the server's log.
const INSIDE: &str =
    "SELECT pg_catalog.transaction_timestamp() OPERATOR(pg_catalog.<>) pg_catalog.statement_timestamp()";

impl<'a> Runner<'a> {
    /// Waits for the right to send, on a connection that is outside a block unless a client of ours began it.
    ///
    /// # Errors
    /// The connection was given up, or handed over inside a block.
    pub(super) async fn turn(self) -> Result<Turn<'a>, Error> {
        let turn = self.connection.turn().await?;
        match self.connection.origin() {
            Origin::Ours => {}
            Origin::Pool if self.is_in_a_foreign_block().await? => {
                self.client.batch_execute("ROLLBACK").await?;
                self.connection.found_outside();
            }
            Origin::Owner if self.is_in_a_foreign_block().await? => {
                self.connection.is_foreign();
                return Err(foreign());
            }
            Origin::Pool | Origin::Owner => self.connection.found_outside(),
            Origin::Foreign => return Err(foreign()),
        }
        Ok(turn)
    }

    async fn is_in_a_foreign_block(self) -> Result<bool, Error> {
        let messages = match self.client.simple_query(INSIDE).await {
            Ok(messages) => messages,
            Err(error) if had_failed(&error) => return Ok(true),
            Err(error) => return Err(error.into()),
        };
        let outside = |message: &SimpleQueryMessage| match message {
            SimpleQueryMessage::Row(row) => row.try_get(0).is_ok_and(|inside| inside == Some("f")),
            _ => false,
        };
        Ok(!messages.iter().any(outside))
    }
}

fn foreign() -> Error {
    let what = "the connection was handed over inside a transaction block, which no client of pgseal began";
    let refusal = Refusal::error(SqlState::ACTIVE_SQL_TRANSACTION, what);
    Error::refused(
        refusal.hint("End it before the connection is wrapped, and begin the transaction on the client."),
        "",
    )
}
