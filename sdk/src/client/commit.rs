//! COMMIT in a block that has failed is answered with success: the server rolls back and says so in a tag (manual, COMMIT)
//! that the driver does not pass on.

use std::future::Future;

use futures_util::future;
use tokio_postgres::{Client, Error as ServerError};

use super::Error;
use super::run::had_failed;
use crate::sql::lex::{self, Token};

/// What fails in a block that has failed, and is nothing else to anybody.
const CHECK: &str = "SHOW transaction_isolation";

/// Sends what commits, and just before it, in the same flight, what tells whether there is anything to commit.
///
/// # Errors
/// The block had failed, and is rolled back.
pub(super) async fn commit<T>(
    client: &Client,
    committed: impl Future<Output = Result<T, ServerError>>,
) -> Result<Result<T, ServerError>, Error> {
    // The first of the two is polled, and so sends, first.
    match future::join(client.batch_execute(CHECK), committed).await {
        (Err(failed), Ok(_)) if had_failed(&failed) => Err(Error::RolledBack),
        // A cancel request met it, and failed the block with it.
        (Err(failed), Ok(_)) => Ok(Err(failed)),
        (Ok(()) | Err(_), committed) => Ok(committed),
    }
}

/// Whether a text begins with a statement that is taken for a ROLLBACK in a block that has failed. Any other fails there,
/// and what stands behind it is not run.
pub(super) fn commits(text: &str) -> bool {
    // A text without tokens is an error at the server.
    let Ok(tokens) = lex::lex(text) else { return false };
    let mut statements = tokens.split(|token| token.is_symbol(b';')).filter(|statement| !statement.is_empty());
    let Some(first) = statements.next() else { return false };
    let is = |at: usize, word: &str| first.get(at).is_some_and(|token| token.is_word(text, word));
    match () {
        () if is(0, "commit") || is(0, "end") => !is(1, "prepared"),
        () => is(0, "prepare") && is(1, "transaction") && first.get(2).is_some_and(Token::is_string),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_statement_of_a_text_says_whether_it_commits() {
        for (text, expected) in [
            ("COMMIT", true),
            (" ; /* x */ end work; SELECT 1", true),
            ("commit and chain", true),
            ("PREPARE TRANSACTION 'x'", true),
            ("COMMIT PREPARED 'x'", false),
            ("PREPARE transaction AS SELECT 1", false),
            ("PREPARE p AS SELECT 1", false),
            ("ROLLBACK", false),
            ("SELECT 1; COMMIT", false),
            ("SELECT 'COMMIT'", false),
            ("", false),
        ] {
            assert_eq!(commits(text), expected, "{text}");
        }
    }
}
