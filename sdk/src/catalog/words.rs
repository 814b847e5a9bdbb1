//! The words of a piece of code, kept instead of its text: which names it may mean, and whether it runs SQL that it
//! makes itself (SQL-13).

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::schema::dependents::runs_sql;
use crate::schema::names::MAX_NAME;

/// What operators are made of.
const OPERATOR: &str = "+-*/<>=~!@#%^&|`?";

/// Hashes of every word of a text: two that collide make a text name more than it does, never less.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Words(Box<[u64]>);

impl Words {
    /// Every run of letters, digits, `_`, `$` and non-ASCII characters, as written and folded; strings and comments too,
    /// since code may run them. What stands between double quotes counts whole as well, and operators do. A word before
    /// a parenthesis is noted as called.
    pub(super) fn of(text: &str) -> Self {
        let mut hashes = Vec::new();
        for (start, word) in words(text) {
            let called = calls(&text[start + word.len()..]);
            for word in [word, cut(&word.to_ascii_lowercase())] {
                hashes.push(hash(word, false));
                hashes.extend(called.then(|| hash(word, true)));
            }
            // A dollar quote grows together with what stands beside it.
            for piece in word.split('$').filter(|piece| !piece.is_empty() && piece.len() < word.len()) {
                let called = called && word.ends_with(piece);
                for piece in [piece, cut(&piece.to_ascii_lowercase())] {
                    hashes.push(hash(piece, false));
                    hashes.extend(called.then(|| hash(piece, true)));
                }
            }
        }
        let mut at = 0;
        for piece in text.split('"') {
            if piece.len() <= 4 * MAX_NAME && piece.contains(|c: char| !is_part(c)) {
                let called = calls(text.get(at + piece.len() + 1..).unwrap_or(""));
                hashes.push(hash(cut(piece), false));
                hashes.extend(called.then(|| hash(cut(piece), true)));
            }
            at += piece.len() + 1;
        }
        for symbol in text.split(|c: char| !OPERATOR.contains(c)) {
            let symbol = symbol.split("--").next().and_then(|symbol| symbol.split("/*").next()).unwrap_or("");
            // A sign behind an operator is one of its own, unless the operator has certain characters.
            for symbol in [symbol, symbol.trim_end_matches(['+', '-'])] {
                hashes.extend((!symbol.is_empty() && symbol.len() <= MAX_NAME).then(|| hash(symbol, false)));
            }
        }
        hashes.sort_unstable();
        hashes.dedup();
        Self(hashes.into())
    }

    /// The first of these names that stands in the text.
    pub(super) fn first<'n>(&self, names: &'n Needles) -> Option<&'n str> {
        self.0.iter().filter_map(|word| names.0.get(word)).map(String::as_str).min()
    }
}

/// Names to look for, by the hash of the word that they would be.
#[derive(Debug, Clone, Default)]
pub(super) struct Needles(HashMap<u64, String>);

impl Needles {
    /// Adds a name; `called`: it counts before a parenthesis only.
    pub(super) fn add(&mut self, name: &str, called: bool) {
        // A quote in a name is doubled where it is written: its first piece has to do.
        let piece = name.split('"').find(|piece| !piece.is_empty()).unwrap_or(name);
        self.0.entry(hash(piece, called)).or_insert_with(|| name.to_owned());
    }
}

/// Why code runs SQL that is not in its text, if it does.
pub(super) fn runs_sql_of_its_own(text: &str) -> Option<String> {
    words(text).find_map(|(start, word)| {
        let rest = &text[start + word.len()..];
        if word.eq_ignore_ascii_case("execute") {
            return (!executes_a_constant(rest) && !is_ddl(&text[..start], rest)).then(|| "EXECUTE".to_owned());
        }
        let runs = runs_sql(word) && calls(rest) && !(word.eq_ignore_ascii_case("ts_rewrite") && arguments(rest) == 3);
        runs.then(|| word.to_ascii_lowercase())
    })
}

/// Names with escapes are found by no search for words.
pub(super) fn has_escaped_names(text: &str) -> bool {
    text.as_bytes().windows(3).any(|bytes| bytes.eq_ignore_ascii_case(b"u&\""))
}

fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    text.split(|c: char| !is_part(c)).filter_map(move |word| {
        let start = at;
        at += word.len() + text[at + word.len()..].chars().next().map_or(0, char::len_utf8);
        (!word.is_empty()).then_some((start, word))
    })
}

fn is_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '$' || !c.is_ascii()
}

/// What follows a name that is called; in doubt, a comment, it is.
fn calls(rest: &str) -> bool {
    let rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '"');
    rest.starts_with('(') || rest.starts_with("/*") || rest.starts_with("--")
}

/// `EXECUTE 'constant'` and its end: what runs is in the text, and its words were looked at.
fn executes_a_constant(rest: &str) -> bool {
    let Some(rest) = rest.trim_start().strip_prefix('\'') else { return false };
    let mut chars = rest.char_indices();
    while let Some((at, char)) = chars.next() {
        // Whether a backslash escapes the quote depends on a setting.
        if char == '\\' {
            return false;
        }
        if char == '\'' {
            if rest[at + 1..].starts_with('\'') {
                chars.next();
                continue;
            }
            let after = rest[at + 1..].trim_start();
            let word = after.split(|c: char| !is_part(c)).next().unwrap_or("");
            return after.starts_with(';')
                || ["into", "using", "loop"].iter().any(|known| word.eq_ignore_ascii_case(known));
        }
    }
    false
}

/// `EXECUTE FUNCTION name` of a trigger, `GRANT EXECUTE ON`.
fn is_ddl(before: &str, rest: &str) -> bool {
    let mut words = rest.split_ascii_whitespace();
    let first = words.next().unwrap_or("");
    let name = words.next().is_some_and(|word| !["into", "using", "loop"].iter().any(|k| word.eq_ignore_ascii_case(k)));
    let granted = before.trim_end().rsplit(|c: char| !is_part(c)).next().unwrap_or("");
    let is = |word: &str, known: &[&str]| known.iter().any(|known| word.eq_ignore_ascii_case(known));
    name && is(first, &["function", "procedure"]) || is(first, &["on"]) && is(granted, &["grant", "revoke", "for"])
}

/// How many arguments stand between the parenthesis at the beginning and its partner.
fn arguments(rest: &str) -> usize {
    let (mut depth, mut commas, mut quoted) = (0_usize, 0, false);
    for char in rest.chars() {
        match char {
            '\'' => quoted = !quoted,
            _ if quoted => {}
            '(' | '[' => depth += 1,
            ')' | ']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    break;
                }
            }
            ',' if depth == 1 => commas += 1,
            _ => {}
        }
    }
    commas + 1
}

/// PostgreSQL cuts an identifier to 63 bytes.
fn cut(word: &str) -> &str {
    &word[..word.floor_char_boundary(word.len().min(MAX_NAME))]
}

fn hash(word: &str, called: bool) -> u64 {
    let mut hasher = DefaultHasher::new();
    (word, called).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sql_65_a_function_is_named_where_it_is_called_and_a_table_anywhere() {
        let words = Words::of("SELECT tbalance, f (1) FROM Public.CARD JOIN \"Order Lines\" ON \"G\"(2)");
        let holds = |name: &str, called| {
            let mut needles = Needles::default();
            needles.add(name, called);
            words.first(&needles).is_some()
        };
        assert!(holds("card", false) && holds("Order Lines", false) && holds("tbalance", false));
        assert!(holds("f", true) && holds("G", true));
        assert!(!holds("tbalance", true) && !holds("car", false));
    }

    #[test]
    fn sql_13_a_name_beside_a_dollar_quote_is_a_word_of_its_own_however_long_it_is() {
        let long = "x".repeat(300);
        let words = Words::of(&format!("EXECUTE $$TRUNCATE card$$; EXECUTE $q$balance$q$||$1; {long}"));
        for name in ["card", "truncate", "balance", cut(&long)] {
            let mut needles = Needles::default();
            needles.add(name, false);
            assert!(words.first(&needles).is_some(), "{name}");
        }
    }

    #[test]
    fn sql_13_only_text_that_is_put_together_is_sql_of_its_own() {
        for text in [
            "BEGIN EXECUTE 'UPDATE ca' || 'rd SET x = 1'; END",
            "BEGIN EXECUTE format('TABLE %I', x); END",
            "BEGIN RETURN QUERY EXECUTE q USING a; END",
            "SELECT query_to_xml(a, true, true, '')",
            "SELECT * FROM dblink ('', a)",
            "SELECT ts_rewrite(a, 'SELECT (1,2)')",
        ] {
            assert!(runs_sql_of_its_own(text).is_some(), "{text}");
        }
        for text in [
            "BEGIN EXECUTE 'ANALYZE it''s' ; END",
            "BEGIN FOR r IN EXECUTE 'SELECT 1' LOOP END LOOP; END",
            "CREATE TRIGGER g BEFORE INSERT ON t EXECUTE FUNCTION f()",
            "GRANT EXECUTE ON FUNCTION f TO x",
            "SELECT ts_rewrite(a, 'b, c', d)",
            "SELECT query_to_xml FROM t",
        ] {
            assert_eq!(runs_sql_of_its_own(text), None, "{text}");
        }
    }
}
