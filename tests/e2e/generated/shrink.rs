//! Makes a statement shorter as long as it still shows what it shows.

use super::statement::Statement;

/// Leaves out stretches of words, longer ones first (Zeller and Hildebrandt's ddmin, without its complements).
pub(super) fn shrink(statement: &Statement, mut shows: impl FnMut(&Statement) -> bool) -> Statement {
    let mut words = words(&statement.sql);
    let mut len = words.len() / 2;
    while len > 0 {
        let mut at = 0;
        while at + len <= words.len() {
            let rest = [&words[..at], &words[at + len..]].concat();
            let shorter = Statement { sql: rest.concat(), ..statement.clone() };
            if shows(&shorter) {
                words = rest;
            } else {
                at += 1;
            }
        }
        len /= 2;
    }
    Statement { sql: words.concat(), ..statement.clone() }
}

/// Words with the space behind them; what stands in quotes is one, and each parenthesis.
fn words(sql: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for char in sql.chars() {
        quoted ^= char == '\'';
        let alone = !quoted && matches!(char, '(' | ')' | ',');
        if alone && words.last().is_some_and(|word| !word.is_empty()) {
            words.push(String::new());
        }
        words.last_mut().unwrap().push(char);
        if !quoted && (char == ' ' || alone) {
            words.push(String::new());
        }
    }
    words
}

#[test]
fn what_is_not_needed_is_left_out() {
    use super::statement::Way;
    let statement = |sql: &str| Statement {
        sql: sql.to_owned(),
        params: Vec::new(),
        way: Way::Simple,
        ordered: false,
        writes: false,
        features: Default::default(),
    };
    let long = statement("SELECT a, (b), 'it''s (x)' FROM t WHERE a = 1 AND (b = 'y z' OR c)");
    let short = shrink(&long, |shorter| shorter.sql.contains("'y z'") && shorter.sql.starts_with("SELECT"));
    assert_eq!(short.sql, "SELECT 'y z' ");
}
