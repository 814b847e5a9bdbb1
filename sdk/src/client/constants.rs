//! What the server reads of a text once, when it prepares it: a constant becomes a value there and then, and stays so as
//! long as the statement is kept (PostgreSQL's coerce_type in parse_coerce.c). An application that calls by text does not
//! know that its text is kept. What EXECUTE or FETCH gives is described then, too.

use crate::sql::client_text::depends_on_settings;
use crate::sql::lex;

/// What the constants of a text are read by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// Nothing: they mean the same for ever.
    Alone,
    /// Perhaps `standard_conforming_strings` or `client_encoding`, `DateStyle`, `IntervalStyle`, `TimeZone` or `lc_monetary`: no constant of these types is without a digit.
    Settings,
    /// Perhaps the time of the day (manual, table "Special Date/Time Inputs"), or another statement: they are read once.
    Once,
}

/// What the constants of this text are read by, at most.
pub(super) fn reading(text: &str) -> Reading {
    // A text without tokens is an error at the server.
    let tokens = lex::lex(text).unwrap_or_default();
    if tokens.first().is_some_and(|first| ["execute", "fetch"].iter().any(|word| first.is_word(text, word))) {
        return Reading::Once;
    }
    let mut reading = if depends_on_settings(text.as_bytes()) { Reading::Settings } else { Reading::Alone };
    for constant in tokens.iter().filter(|token| token.is_string()) {
        // Escapes that are wrong are an error at the server too.
        let value = lex::unescape(text, constant).unwrap_or_default();
        let now =
            |word: &str| ["now", "today", "tomorrow", "yesterday"].iter().any(|now| word.eq_ignore_ascii_case(now));
        if value.split(|char: char| !char.is_ascii_alphabetic()).any(now) {
            return Reading::Once;
        }
        if value.bytes().any(|byte| byte.is_ascii_digit()) {
            reading = Reading::Settings;
        }
    }
    reading
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_in_a_constant_may_be_read_by_settings_and_words_of_the_calendar_by_the_clock() {
        for (text, expected) in [
            ("SELECT * FROM t1 WHERE id = 7 AND at = $1", Reading::Alone),
            ("SELECT * FROM t WHERE state = 'unknown' -- '2026'", Reading::Alone),
            ("SELECT \"2026\" FROM t", Reading::Alone),
            ("SELECT * FROM t WHERE at = '03/04/2026'", Reading::Settings),
            ("SELECT $$2026-01-01$$, 'a'", Reading::Settings),
            (r"SELECT E'\x32026'", Reading::Settings),
            ("SELECT * FROM t WHERE day < 'Today'", Reading::Once),
            ("SELECT '1', timestamp ' tomorrow 10:00'", Reading::Once),
            (r"SELECT U&'n\006fw'", Reading::Once),
            ("execute mine(1)", Reading::Once),
            ("FETCH ALL FROM rows", Reading::Once),
            ("SELECT 1 FETCH FIRST ROW ONLY", Reading::Alone),
            ("SELECT 'now", Reading::Alone),
        ] {
            assert_eq!(reading(text), expected, "{text}");
        }
    }
}
