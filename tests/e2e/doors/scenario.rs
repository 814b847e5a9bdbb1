//! Scenarios as data: what several sessions do one after the other, and what they must be refused
//! (`tests/scenarios/README.md`).

use std::path::Path;

use super::param::Param;

#[derive(Debug)]
pub(crate) struct Scenario {
    pub(crate) name: String,
    pub(crate) steps: Vec<Step>,
}

#[derive(Debug, Clone)]
pub(crate) struct Step {
    /// Of the file, for messages.
    pub(crate) line: usize,
    pub(crate) actor: Actor,
    pub(crate) sql: String,
    pub(crate) params: Vec<Param>,
    pub(crate) expect: Expect,
    /// Its constants are written for `standard_conforming_strings = on`.
    pub(crate) standard: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Actor {
    /// An application's connection.
    Session(char),
    /// Somebody straight at the server that holds the sealed tables.
    Server,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Expect {
    /// What the plaintext twin answers.
    Twin,
    /// This SQLSTATE, which is the twin's own.
    Error(String),
    /// SQLSTATE and message of a refusal; the twin is not asked, its transaction is made to fail as well.
    Refused(String, String),
}

pub(crate) fn read(path: &Path) -> Vec<Scenario> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    parse(&text).unwrap_or_else(|(line, what)| panic!("{}:{line}: {what}", path.display()))
}

/// Line and what is wrong with it, else the scenarios.
fn parse(text: &str) -> Result<Vec<Scenario>, (usize, String)> {
    let mut scenarios: Vec<Scenario> = Vec::new();
    let mut open: Option<Step> = None;
    for (line, text) in (1..).zip(text.lines()) {
        if let Some(step) = &mut open {
            step.sql.push('\n');
            step.sql.push_str(text);
        } else if text.trim().is_empty() || text.starts_with("--") {
            continue;
        } else if let Some(name) = text.strip_prefix("== ") {
            scenarios.push(Scenario { name: name.to_owned(), steps: Vec::new() });
            continue;
        } else if let Some(params) = text.strip_prefix("<- ") {
            let params = Param::list(params).ok_or((line, "parameters are a JSON array".to_owned()))?;
            last(&mut scenarios, line)?.params = params;
            continue;
        } else if text == "=> standard strings" {
            last(&mut scenarios, line)?.standard = true;
            continue;
        } else if let Some(expect) = text.strip_prefix("=> ") {
            last(&mut scenarios, line)?.expect = expected(expect).ok_or((line, format!("unknown: {expect}")))?;
            continue;
        } else {
            let (actor, sql) = text.split_once(": ").ok_or((line, "neither a step nor a mark".to_owned()))?;
            let actor = actor_of(actor).ok_or((line, format!("nobody is called {actor:?}")))?;
            let (sql, params, expect) = (sql.to_owned(), vec![], Expect::Twin);
            open = Some(Step { line, actor, sql, params, expect, standard: false });
        }
        if let Some(mut step) = open.take_if(|step| step.sql.ends_with(';')) {
            step.sql.pop();
            let scenario = scenarios.last_mut().ok_or((line, "a step before the first scenario".to_owned()))?;
            scenario.steps.push(step);
        }
    }
    match open {
        Some(step) => Err((step.line, "a statement ends with ; at the end of a line".to_owned())),
        None => Ok(scenarios),
    }
}

fn last(scenarios: &mut [Scenario], line: usize) -> Result<&mut Step, (usize, String)> {
    let step = scenarios.last_mut().and_then(|scenario| scenario.steps.last_mut());
    step.ok_or((line, "a mark without a step".to_owned()))
}

fn actor_of(name: &str) -> Option<Actor> {
    match (name, name.as_bytes()) {
        ("server", _) => Some(Actor::Server),
        (_, [letter @ b'a'..=b'z']) => Some(Actor::Session(char::from(*letter))),
        _ => None,
    }
}

fn expected(text: &str) -> Option<Expect> {
    match text.split_once(' ')? {
        ("error", code) => Some(Expect::Error(code.to_owned())),
        ("refused", rest) => {
            let (code, message) = rest.split_once(' ')?;
            Some(Expect::Refused(code.to_owned(), message.to_owned()))
        }
        _ => None,
    }
}

impl Step {
    /// Whether nothing says in which order its rows come.
    pub(crate) fn any_order(&self) -> bool {
        !self.sql.starts_with("INSERT") && !self.sql.contains("ORDER BY")
    }
}

#[test]
fn steps_of_several_lines_parameters_and_refusals_are_read() {
    let text = "-- words\n== one\na: SELECT $1,\n  $2;\n<- [1, [\"x\", null]]\n=> standard strings\nb: INSERT INTO t;\n\
                => refused 0A000 not so\nserver: DROP TABLE t;\n== two\na: COMMIT;\n=> error 25P01\n";
    let scenarios = parse(text).unwrap();
    let [one, two] = scenarios.as_slice() else { panic!("{scenarios:?}") };
    assert_eq!((one.name.as_str(), one.steps.len(), two.steps.len()), ("one", 3, 1));
    assert_eq!((one.steps[0].sql.as_str(), one.steps[0].params.len()), ("SELECT $1,\n  $2", 2));
    assert_eq!((one.steps[0].standard, one.steps[1].standard), (true, false));
    assert_eq!(one.steps[1].expect, Expect::Refused("0A000".into(), "not so".into()));
    assert_eq!((one.steps[2].actor, two.steps[0].line), (Actor::Server, 12 - 1));
    assert_eq!(two.steps[0].expect, Expect::Error("25P01".into()));
}

#[test]
fn what_is_no_scenario_is_an_error_with_its_line() {
    for (text, line) in
        [("== x\na: SELECT 1", 2), ("<- []", 1), ("a: BEGIN;", 1), ("== x\nnobody: BEGIN;", 2), ("?", 1)]
    {
        assert_eq!(parse(text).unwrap_err().0, line, "{text}");
    }
}
