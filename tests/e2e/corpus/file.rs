//! Reads a corpus: statements with tags on the comment line above them.

use std::path::Path;

/// What a refusal or a wrong answer of a statement means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    /// Bread and butter.
    Must,
    /// Worth having.
    Nice,
    /// Refusing is an honest answer.
    MayRefuse,
    /// Answering would leak or be wrong.
    MustRefuse,
    /// No protected object in it.
    Passthrough,
}

#[derive(Debug, Clone)]
pub(super) struct Statement {
    pub(super) id: String,
    pub(super) class: Class,
    pub(super) feature: String,
    pub(super) ordered: bool,
    pub(super) keep: bool,
    pub(super) leak: bool,
    /// Parameters in text form: the extended protocol is used.
    pub(super) params: Option<Vec<Option<String>>>,
    /// SQLSTATE that plain PostgreSQL answers with.
    pub(super) err: Option<String>,
    /// SQLSTATE of a refusal.
    pub(super) refuse: String,
    pub(super) sql: String,
}

pub(super) fn read(path: &Path) -> Vec<Statement> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut statements: Vec<Statement> = Vec::new();
    for line in text.lines() {
        match line.strip_prefix("-- @id ") {
            Some(tags) => statements.push(tagged(tags)),
            None if line.starts_with("--") => {}
            None => {
                // Lines before the first tag are comments.
                let Some(statement) = statements.last_mut() else { continue };
                statement.sql.push_str(line);
                statement.sql.push('\n');
            }
        }
    }
    for statement in &mut statements {
        let sql = statement.sql.trim();
        statement.sql = sql.strip_suffix(';').unwrap_or(sql).to_owned();
        assert!(!statement.sql.is_empty(), "{} has no statement", statement.id);
    }
    statements
}

fn tagged(tags: &str) -> Statement {
    // @params holds spaces; it ends where the next tag or the line does.
    let (tags, params) = match tags.split_once("@params ") {
        Some((before, after)) => {
            let mut stream = serde_json::Deserializer::from_str(after).into_iter::<serde_json::Value>();
            let value = stream.next().unwrap().unwrap();
            (format!("{before}{}", &after[stream.byte_offset()..]), Some(params(&value)))
        }
        None => (tags.to_owned(), None),
    };
    let words: Vec<&str> = tags.split_whitespace().collect();
    let after = |tag: &str| words.iter().position(|word| *word == tag).map(|at| words[at + 1].to_owned());
    let class = match after("@class").as_deref() {
        Some("must") => Class::Must,
        Some("nice") => Class::Nice,
        Some("may_refuse") => Class::MayRefuse,
        Some("must_refuse") => Class::MustRefuse,
        Some("passthrough") => Class::Passthrough,
        other => panic!("{}: class {other:?}", words[0]),
    };
    Statement {
        id: words[0].to_owned(),
        class,
        feature: after("@feat").unwrap_or_default(),
        ordered: words.contains(&"@ordered"),
        keep: words.contains(&"@keep"),
        leak: words.contains(&"@leak"),
        params,
        err: after("@err"),
        refuse: after("@refuse").unwrap_or_else(|| "0A000".into()),
        sql: String::new(),
    }
}

fn params(value: &serde_json::Value) -> Vec<Option<String>> {
    value.as_array().unwrap().iter().map(text).collect()
}

/// A JSON value as PostgreSQL's text input.
fn text(value: &serde_json::Value) -> Option<String> {
    use serde_json::Value;
    match value {
        Value::Null => None,
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(value) => Some(value.to_string()),
        Value::String(value) => Some(value.clone()),
        Value::Array(values) => {
            let quoted = values.iter().map(|value| match text(value) {
                Some(text) => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
                None => "NULL".into(),
            });
            Some(format!("{{{}}}", quoted.collect::<Vec<_>>().join(",")))
        }
        Value::Object(_) => Some(value.to_string()),
    }
}

impl Statement {
    /// Tables and indexes are made at the server: the proxy has nothing to seal before they exist.
    pub(super) fn is_fixture_ddl(&self) -> bool {
        self.id.starts_with(['D', 'F']) && self.feature.starts_with("ddl.")
    }

    /// The texts between quotes and the parameters: what may not reach the server of a statement with @leak.
    pub(super) fn literals(&self) -> Vec<String> {
        let mut found: Vec<String> = self.sql.split('\'').skip(1).step_by(2).map(str::to_owned).collect();
        for param in self.params.iter().flatten().flatten() {
            found.extend(param.trim_matches(['{', '}']).split(',').map(|part| part.trim_matches('"').to_owned()));
        }
        let numbers = self.sql.split(|c: char| !c.is_ascii_digit() && c != '.').filter(|word| word.contains('.'));
        found.extend(numbers.map(str::to_owned));
        found
    }
}

#[test]
fn tags_parameters_and_statements_of_several_lines_are_read() {
    let statement = tagged("W1 @class nice @feat f.g @params [1, null, [\"a\", \"b\\\"c\"]] @ordered @leak @err 22P02");
    assert_eq!((statement.id.as_str(), statement.class), ("W1", Class::Nice));
    assert_eq!(statement.params, Some(vec![Some("1".into()), None, Some(r#"{"a","b\"c"}"#.into())]));
    assert!(statement.ordered && statement.leak && !statement.keep && statement.err.as_deref() == Some("22P02"));
}
