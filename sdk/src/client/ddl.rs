//! Statements after which the catalog should be held against the lock, as the proxy does after their command tags.

use crate::sql::lex;

/// Whether a statement of this text begins with CREATE, ALTER or DROP.
pub(super) fn defines(text: &str) -> bool {
    // A text without tokens is an error at the server.
    let Ok(tokens) = lex::lex(text) else { return false };
    let first = tokens.split(|token| token.is_symbol(b';')).filter_map(<[_]>::first);
    first.into_iter().any(|token| ["create", "alter", "drop"].iter().any(|verb| token.is_word(text, verb)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_of_a_statement_says_whether_it_defines_something() {
        for (text, defining) in [
            ("CREATE VIEW v AS SELECT 1", true),
            ("SELECT 1; /* x */ alter table t add c int", true),
            ("DROP TABLE t;", true),
            ("SELECT 'CREATE'", false),
            ("\"create\"", false),
            ("", false),
        ] {
            assert_eq!(defines(text), defining, "{text}");
        }
    }
}
