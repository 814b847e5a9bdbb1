//! Whether a session is in a transaction block, told from the statements that were sent: the driver hides what the
//! server says about it.

use crate::sql::lex::{self, Token};

/// What asks: outside a block it fails harmlessly with 25P01, in a failed one with 25P02. The implicit block of a query
/// of two statements is none to SAVEPOINT (DefineSavepoint in xact.c).
pub(super) const PROBE: &str = "SAVEPOINT pgseal_probe; RELEASE SAVEPOINT pgseal_probe";

/// Where the next statement runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Block {
    /// In a transaction of its own.
    Outside,
    /// In a block, which may have failed.
    Inside,
    /// It is not known.
    Unknown,
}

/// Where a session is after every statement of this text has succeeded; `None` if none of them begins or ends a block.
pub(super) fn after(text: &str) -> Option<Block> {
    // A text without tokens is an error at the server.
    let tokens = lex::lex(text).ok()?;
    let found = tokens.rsplit(|token| token.is_symbol(b';')).find_map(|tokens| moves(text, tokens))?;
    // The body of a function may be statements, of which END is one (CREATE FUNCTION … BEGIN ATOMIC).
    let atomic = tokens.iter().any(|token| token.is_word(text, "atomic"));
    Some(if atomic { Block::Unknown } else { found })
}

fn moves(text: &str, tokens: &[Token]) -> Option<Block> {
    let is = |at: usize, word: &str| tokens.get(at).is_some_and(|token| token.is_word(text, word));
    let has = |word: &str| tokens.iter().any(|token| token.is_word(text, word));
    let chained = || if has("chain") && !has("no") { Block::Inside } else { Block::Outside };
    match () {
        () if is(0, "begin") || is(0, "start") => Some(Block::Inside),
        () if is(1, "prepared") => None,
        () if is(0, "prepare") && is(1, "transaction") && tokens.get(2).is_some_and(Token::is_string) => {
            Some(Block::Outside)
        }
        () if is(0, "commit") || is(0, "end") || is(0, "abort") => Some(chained()),
        () if is(0, "rollback") && has("to") => Some(Block::Inside),
        () if is(0, "rollback") => Some(chained()),
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_words_of_statements_say_where_the_session_is() {
        for (text, block) in [
            ("BEGIN", Some(Block::Inside)),
            ("start transaction read only", Some(Block::Inside)),
            ("/* x */ COMMIT WORK", Some(Block::Outside)),
            ("END", Some(Block::Outside)),
            ("COMMIT AND CHAIN", Some(Block::Inside)),
            ("ROLLBACK AND NO CHAIN", Some(Block::Outside)),
            ("ABORT", Some(Block::Outside)),
            ("ROLLBACK TO SAVEPOINT a", Some(Block::Inside)),
            ("ROLLBACK WORK TO a", Some(Block::Inside)),
            ("PREPARE TRANSACTION 'x'", Some(Block::Outside)),
            ("COMMIT PREPARED 'x'", None),
            ("ROLLBACK PREPARED 'x'", None),
            ("PREPARE p AS SELECT 1", None),
            ("PREPARE transaction AS SELECT 1", None),
            ("SAVEPOINT a", None),
            ("RELEASE a", None),
            ("SELECT 'BEGIN'", None),
            ("BEGIN; SELECT 1; COMMIT;", Some(Block::Outside)),
            ("COMMIT; BEGIN", Some(Block::Inside)),
            ("CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END", Some(Block::Unknown)),
        ] {
            assert_eq!(after(text), block, "{text}");
        }
    }
}
