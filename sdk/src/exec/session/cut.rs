//! A Query of which one statement is refused: what stood before it is carried out, as PostgreSQL would have carried it out
//! before it came to an error; what stands behind it is not sent.
//!
//! PostgreSQL parses a whole Query before it runs any of it (`exec_simple_query` in postgres.c). So where a statement does not
//! parse nothing is sent.

use crate::error::SqlState;
use crate::sql;

/// How much of a Query is sent, in bytes from its beginning, if the statement at the byte `at` is refused with this error. It
/// ends before that statement, and is 0 if there is nothing before it.
pub fn cut(text: &str, error: SqlState, at: usize) -> usize {
    let Some(statements) = sql::ranges(text) else { return 0 };
    let index = statements.partition_point(|statement| statement.start <= at).saturating_sub(1);
    match statements.get(index) {
        Some(refused) if index > 0 && error != SqlState::SYNTAX_ERROR && sql::parses(text, index + 1) => refused.start,
        Some(_) | None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent<'t>(text: &'t str, refused: &str) -> &'t str {
        let at = text.find(refused).unwrap();
        &text[..cut(text, SqlState::FEATURE_NOT_SUPPORTED, at)]
    }

    #[test]
    fn a_query_is_cut_before_the_statement_that_is_refused() {
        assert_eq!(sent("BEGIN; SELECT bad", "bad"), "BEGIN; ");
        assert_eq!(
            sent("BEGIN; INSERT INTO t VALUES (';'); COMMIT; bad; SELECT 1", "bad"),
            "BEGIN; INSERT INTO t VALUES (';'); COMMIT; "
        );
        assert_eq!(sent("COMMIT;SELECT bad;", "SELECT"), "COMMIT;");
        assert_eq!(sent("bad; COMMIT", "bad"), "");
        assert_eq!(sent("; /* x */; bad", "bad"), "");
    }

    #[test]
    fn nothing_of_a_query_is_sent_if_a_later_statement_does_not_parse() {
        assert_eq!(sent("COMMIT; SELECT bad; SELEC 1", "bad"), "");
        assert_eq!(sent("COMMIT; SELECT bad; SELECT (1", "bad"), "");
        assert_eq!(sent("COMMIT; SELECT bad; SELECT 'x", "bad"), "");
    }

    #[test]
    fn what_stands_behind_takes_no_more_stack_than_there_is_sql_3() {
        let joins = format!("COMMIT; SELECT bad; SELECT 1 FROM {}", "x JOIN ".repeat(390) + "x");
        let nested = format!("COMMIT; SELECT bad; SELECT {}1{}", "(".repeat(100_000), ")".repeat(100_000));
        let look = move || [sent(&joins, "bad").len(), sent(&nested, "bad").len()];
        let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(look).unwrap();
        assert_eq!(thread.join().unwrap()[1], 0, "it is refused, and so is not known to parse");
    }

    #[test]
    fn a_syntax_error_is_found_before_anything_runs() {
        let text = "COMMIT; SELECT bad";
        assert_eq!(cut(text, SqlState::SYNTAX_ERROR, 15), 0);
    }
}
