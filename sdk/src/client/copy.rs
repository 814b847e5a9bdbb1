//! COPY to and from the client. The driver has calls of its own for it, and takes it nowhere else: a server that waits
//! for data reads the next statement as such, and from then on every answer would be that of the statement before.

use crate::sql::Refusal;
use crate::sql::lex::{self, Token};

/// The refusal of a text that copies through the connection. PostgreSQL's grammar takes either word in either direction
/// (`copy_file_name` in gram.y).
pub(super) fn refusal(text: &str) -> Option<Refusal> {
    // A text without tokens is an error at the server.
    let tokens = lex::lex(text).ok()?;
    let copy = tokens.split(|token| token.is_symbol(b';')).find(|statement| copies(text, statement))?;
    let refusal = Refusal::new("COPY FROM STDIN and COPY TO STDOUT cannot be answered by this client in this version");
    let refusal = refusal.hint("Use a connection of the pool directly: the table is not protected.");
    Some(copy.iter().take(1).fold(refusal, |refusal, token| refusal.at(token.range.start)))
}

fn copies(text: &str, statement: &[Token]) -> bool {
    let through = |token: &Token| token.is_word(text, "stdin") || token.is_word(text, "stdout");
    statement.first().is_some_and(|token| token.is_word(text, "copy")) && statement.iter().any(through)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_copies_through_the_connection_is_refused_and_files_and_programs_are_the_servers() {
        for (text, refused) in [
            ("COPY note FROM STDIN", true),
            ("copy binary note to stdout", true),
            ("COPY note TO STDIN", true),
            ("SELECT 1; COPY (SELECT 1) TO STDOUT (FORMAT csv);", true),
            ("COPY note FROM '/dev/stdin'", false),
            ("COPY note TO PROGRAM 'gzip'", false),
            ("SELECT stdin FROM copy", false),
            ("SELECT 'COPY note FROM STDIN'", false),
        ] {
            assert_eq!(refusal(text).is_some(), refused, "{text}");
        }
        assert_eq!(refusal("SELECT 1; COPY a FROM STDIN").and_then(|refusal| refusal.position), Some(10));
    }
}
