//! Where the statements come from: the corpora, the scenarios, the string constants of all tests, and the documentation.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::Tables;
use super::file::Entry;
use super::literals::strings;
use crate::sql::names::Names;

/// Longer ones are about limits; what is said of them would say nothing more.
const LONGEST: usize = 800;

const TEXT: u32 = 25;

/// Words with which a statement begins, so that other constants are left out.
const VERBS: &[&str] = &[
    "ALTER", "CALL", "CLUSTER", "COMMENT", "COPY", "CREATE", "DECLARE", "DELETE", "DO", "DROP", "EXECUTE", "EXPLAIN",
    "GRANT", "INSERT", "LOCK", "MERGE", "PREPARE", "REINDEX", "REVOKE", "SELECT", "TABLE", "TRUNCATE", "UPDATE",
    "VACUUM", "VALUES", "WITH",
];

/// What can name a protected object of `tables`; each text once.
pub(super) fn all(tables: &Tables) -> Vec<Entry> {
    let names = Names::of(&tables.protection);
    let mut seen = BTreeSet::new();
    let mut entries = Vec::new();
    for (place, text) in found() {
        let long = text.len() > LONGEST;
        if long || text.contains('\0') || names.first(&text).is_none() || !seen.insert(text.clone()) {
            continue;
        }
        let parameters = (1..=9).rev().find(|number| text.contains(&format!("${number}"))).unwrap_or(0);
        for declared in [vec![], vec![TEXT; parameters]].into_iter().take(1 + usize::from(parameters > 0)) {
            entries.push(Entry { place: place.clone(), text: text.clone(), declared, said: Vec::new() });
        }
    }
    entries
}

/// Place and text, in a fixed order.
fn found() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap();
    let mut found = Vec::new();
    let mut files = Vec::new();
    for folder in ["tests/corpus", "tests/scenarios", "sdk/src", "proxy/src", "tests", "examples", "docs", "README.md"]
    {
        walk(&root.join(folder), &mut files);
    }
    let mut seen = BTreeSet::new();
    for file in files.into_iter().filter(|file| seen.insert(file.clone())) {
        let place = file.strip_prefix(&root).unwrap().display().to_string();
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        let texts = match (place.split('/').nth(1), file.extension().and_then(|ending| ending.to_str())) {
            (Some("corpus"), Some("sql")) => corpus(&text),
            (Some("scenarios"), Some("sql")) => scenarios(&text),
            (_, Some("rs")) => strings(&text).into_iter().filter(|text| is_statement(text)).collect(),
            (_, Some("md")) => blocks(&text),
            _ => Vec::new(),
        };
        found.extend(texts.into_iter().map(|text| (place.clone(), text)));
    }
    found
}

/// Files below a folder, sorted.
fn walk(path: &Path, files: &mut Vec<PathBuf>) {
    if path.is_file() {
        return files.push(path.to_owned());
    }
    let mut entries: Vec<_> = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for entry in entries.iter().filter(|entry| !entry.ends_with("target") && !entry.ends_with("recorded")) {
        walk(entry, files);
    }
}

fn corpus(text: &str) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    for line in text.lines() {
        if line.starts_with("-- @id ") {
            texts.push(String::new());
        } else if !line.starts_with("--")
            && let Some(text) = texts.last_mut()
        {
            text.push_str(line);
            text.push('\n');
        }
    }
    texts.iter().map(|text| text.trim_end().trim_end_matches(';').to_owned()).collect()
}

fn scenarios(text: &str) -> Vec<String> {
    let mut texts = Vec::new();
    let mut open: Option<String> = None;
    for line in text.lines() {
        match &mut open {
            Some(text) => {
                text.push('\n');
                text.push_str(line);
            }
            None => open = line.split_once(": ").filter(|(who, _)| who.len() == 1).map(|(_, sql)| sql.to_owned()),
        }
        texts.extend(open.take_if(|text| text.ends_with(';')).map(|text| text.trim_end_matches(';').to_owned()));
    }
    texts
}

/// Statements of the documentation's blocks of SQL.
fn blocks(text: &str) -> Vec<String> {
    let blocks = text.split("```sql\n").skip(1).filter_map(|block| Some(block.split_once("```")?.0));
    let statements = blocks.flat_map(|block| block.split(";\n")).map(|statement| statement.trim().to_owned());
    statements.filter(|statement| !statement.is_empty()).collect()
}

/// A statement, and none with holes that `format!` fills.
fn is_statement(text: &str) -> bool {
    let word: String = text.trim_start().chars().take_while(char::is_ascii_alphabetic).collect();
    let behind = text.trim_start().chars().nth(word.len());
    let outside: String = text.split('\'').step_by(2).collect();
    let holes = outside.contains('{') || text.contains("{}'") && !text.contains("'{}'") || text.contains("'{}-");
    VERBS.contains(&word.to_ascii_uppercase().as_str())
        && !behind.is_none_or(|char| char.is_alphanumeric() || char == '_')
        && !holes
}
