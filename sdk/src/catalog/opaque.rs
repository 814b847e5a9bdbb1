//! Code that the catalog does not see through (SQL-13): a function, view or trigger whose text names a protected
//! object, calls one that does, or runs text of its own making. Its name joins those that make a statement touch.

use std::collections::{BTreeMap, BTreeSet};

use super::snapshot::{Body, Snapshot};
use crate::schema::lock::Dependent;

/// Functions of PostgreSQL and its extensions that run a text as SQL.
const RUNS_TEXT: &[&str] = &[
    "execute",
    "dblink",
    "dblink_exec",
    "dblink_open",
    "dblink_send_query",
    "query_to_xml",
    "query_to_xmlschema",
    "query_to_xml_and_xmlschema",
    "cursor_to_xml",
    "cursor_to_xmlschema",
    "table_to_xml",
    "table_to_xmlschema",
    "table_to_xml_and_xmlschema",
    "schema_to_xml",
    "schema_to_xmlschema",
    "schema_to_xml_and_xmlschema",
    "database_to_xml",
    "database_to_xmlschema",
    "database_to_xml_and_xmlschema",
    "ts_stat",
    "ts_rewrite",
    "xpath_table",
    "crosstab",
    "connectby",
];

/// The names that depend on a protected table or may, with the reason and a hash of their text.
pub fn dependents(snapshot: &Snapshot) -> BTreeMap<String, Dependent> {
    let protected: BTreeSet<&str> = snapshot.tables.keys().map(|relation| relation.name.as_str()).collect();
    let mut found: BTreeMap<String, Dependent> = BTreeMap::new();
    for (name, reason) in &snapshot.dependents {
        if !protected.contains(name.as_str()) {
            found.insert(name.clone(), Dependent { reason: reason.clone(), hash: hash(reason) });
        }
    }
    let words: Vec<(&Body, BTreeSet<String>)> = snapshot.bodies.iter().map(|body| (body, words(&body.text))).collect();
    // Until nothing is added: a function that calls an opaque function is opaque.
    loop {
        let mut added = false;
        for (body, words) in &words {
            if found.contains_key(&body.name) || protected.contains(body.name.as_str()) {
                continue;
            }
            if let Some(why) = why(body, words, &protected, &found) {
                let reason = format!("{} {}", body.kind, why);
                found.insert(body.name.clone(), Dependent { reason, hash: hash(&body.text) });
                added = true;
            }
        }
        for (table, function) in &snapshot.trigger_functions {
            if found.contains_key(function) && !found.contains_key(table) && !protected.contains(table.as_str()) {
                let reason = format!("table whose trigger runs {function}");
                found.insert(table.clone(), Dependent { hash: hash(&reason), reason });
                added = true;
            }
        }
        if !added {
            return found;
        }
    }
}

fn why(
    body: &Body,
    words: &BTreeSet<String>,
    protected: &BTreeSet<&str>,
    found: &BTreeMap<String, Dependent>,
) -> Option<String> {
    if let Some(name) = words.iter().find(|word| protected.contains(word.as_str())) {
        return Some(format!("that names {name}"));
    }
    if let Some(name) = words.iter().find(|word| found.contains_key(word.as_str()) && **word != body.name) {
        return Some(format!("that names {name}, which may touch a protected table"));
    }
    if !matches!(body.language.as_str(), "" | "sql" | "plpgsql") {
        return Some(format!("in {}, which this version cannot read", body.language));
    }
    if let Some(word) = words.iter().find(|word| RUNS_TEXT.contains(&word.as_str())) {
        return Some(format!("that runs a text of its own making ({word})"));
    }
    // Unicode-escaped identifiers spell names that no scan for words finds.
    body.text.to_ascii_lowercase().contains("u&\"").then(|| "with a U&\"…\" name".to_owned())
}

/// Every run of letters, digits, `_`, `$` and non-ASCII characters, as written and folded; strings and comments too,
/// since a body may run them. What stands in double quotes counts whole as well.
fn words(text: &str) -> BTreeSet<String> {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$' || !c.is_ascii();
    let mut words = BTreeSet::new();
    for word in text.split(|c: char| !part(c)).chain(text.split('"').skip(1).step_by(2)) {
        if !word.is_empty() && word.len() <= 255 {
            words.insert(word.to_owned());
            words.insert(cut(&word.to_ascii_lowercase()).to_owned());
        }
    }
    words
}

/// PostgreSQL cuts an identifier to 63 bytes.
fn cut(word: &str) -> &str {
    let end = (0..=word.len().min(crate::schema::names::MAX_NAME)).rev().find(|&at| word.is_char_boundary(at));
    &word[..end.unwrap_or(0)]
}

fn hash(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::super::snapshot::Table;
    use super::*;
    use crate::schema::Relation;

    fn function(name: &str, language: &str, text: &str) -> Body {
        Body { kind: "function".into(), name: name.into(), language: language.into(), text: text.into() }
    }

    fn scan(bodies: Vec<Body>) -> BTreeMap<String, Dependent> {
        let mut snapshot = Snapshot { bodies, ..Snapshot::default() };
        snapshot.tables.insert(Relation { schema: "public".into(), name: "card".into() }, Table::default());
        dependents(&snapshot)
    }

    #[test]
    fn sql_13_a_function_that_names_a_table_or_calls_one_that_does_is_a_dependent() {
        let found = scan(vec![
            function("outer_one", "sql", "SELECT inner_one()"),
            function("inner_one", "sql", "SELECT count(*) FROM Public.CARD"),
            function("harmless", "sql", "SELECT 1 FROM cards"),
        ]);
        assert_eq!(found["inner_one"].reason, "function that names card");
        assert!(found["outer_one"].reason.contains("inner_one"));
        assert!(!found.contains_key("harmless"));
    }

    #[test]
    fn sql_13_dynamic_sql_and_languages_that_cannot_be_read_are_dependents() {
        let found = scan(vec![
            function("dynamic", "plpgsql", "BEGIN EXECUTE 'UPDATE ca' || 'rd SET x = 1'; END"),
            function("snake", "plpython3u", "pass"),
            function("escaped", "sql", "SELECT * FROM U&\"\\0063ard\""),
        ]);
        assert_eq!(found.keys().collect::<Vec<_>>(), ["dynamic", "escaped", "snake"]);
    }
}
