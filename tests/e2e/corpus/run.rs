//! Two databases, two connections, one statement after the other.

use std::path::{Path, PathBuf};

use pgseal::exec::facts::HIDDEN;

use crate::harness::World;
use crate::harness::cluster::cluster;
use crate::harness::world::database;

use super::answer::Said;
use super::file::{Class, Statement, read};

#[derive(Debug)]
pub(super) enum Outcome {
    Equal,
    /// SQLSTATE and words of the proxy's own error.
    Refused(String),
    /// In what it differs.
    Wrong(String),
}

pub(super) struct Report {
    pub(super) outcomes: Vec<(Statement, Outcome)>,
    /// Statement and place; no value.
    pub(super) leaks: Vec<String>,
    /// Statements with the same error at another place of the text.
    pub(super) positions: Vec<String>,
}

impl Report {
    pub(super) fn of(&self, class: Class) -> impl Iterator<Item = (&str, &Outcome)> {
        self.outcomes.iter().filter(move |(statement, _)| statement.class == class).map(|(s, o)| (s.id.as_str(), o))
    }

    pub(super) fn count(&self, class: Option<Class>, outcome: &str) -> usize {
        let counted = self.outcomes.iter().filter(|(statement, found)| {
            let name = match found {
                Outcome::Equal => "equal",
                Outcome::Refused(_) => "refused",
                Outcome::Wrong(_) => "wrong",
            };
            class.is_none_or(|class| statement.class == class) && name == outcome
        });
        counted.count()
    }
}

/// A connection that runs one statement, in a transaction that is rolled back unless the statement is to be kept.
pub(super) trait Ask {
    fn ask(&mut self, statement: &Statement) -> Said;
}

/// `connect` is told the sealed database and the name of its plaintext twin, and connects to the twin and to it.
pub(super) fn run<P: Ask, S: Ask>(
    files: &[PathBuf],
    schema: &Path,
    connect: impl FnOnce(&World, &str) -> (P, S),
) -> Report {
    let statements: Vec<Statement> = files.iter().flat_map(|file| read(file)).collect();
    let (fixtures, statements): (Vec<_>, Vec<_>) = statements.into_iter().partition(Statement::is_fixture_ddl);
    let ddl = fixtures.iter().map(|statement| format!("{};\n", statement.sql)).collect::<String>();
    let schema = std::fs::read_to_string(schema).unwrap();
    let twin = database("twin", &ddl);
    let world = World::sealed("corpus", &ddl, &schema);
    world.writes_no_secret("every literal of the corpus is looked for on the link, statement by statement");
    let (mut plain, mut sealed) = connect(&world, &twin);

    let mut report = Report { outcomes: Vec::new(), leaks: Vec::new(), positions: Vec::new() };
    let (mut harmless, mut refused) = (None, Vec::new());
    for statement in statements {
        let expected = plain.ask(&statement);
        let mark = world.link().mark();
        let got = sealed.ask(&statement);
        let outcome = judge(&statement, &expected, &got, &refused);
        if let (Outcome::Refused(_), Some(rest)) = (&outcome, statement.sql.strip_prefix("PREPARE ")) {
            refused.extend(rest.split_whitespace().next().map(str::to_owned));
        }
        let same = matches!(outcome, Outcome::Equal) && got.answer.error.is_some();
        if same && expected.position != got.position {
            report.positions.push(statement.id.clone());
        }
        if statement.keep {
            harmless = None;
        }
        if statement.leak || matches!(outcome, Outcome::Refused(_)) {
            let harmless = harmless.get_or_insert_with(|| plain_values(&twin, &world));
            let passed = Passed::new(world.link().since(mark));
            for (number, literal) in statement.literals().iter().enumerate() {
                if is_leak(literal, harmless, &passed) {
                    report.leaks.push(format!("{}: literal {number} on the server link", statement.id));
                }
            }
        }
        report.outcomes.push((statement, outcome));
    }
    report
}

/// `refused` holds the names of statements whose PREPARE was refused.
fn judge(statement: &Statement, expected: &Said, got: &Said, refused: &[String]) -> Outcome {
    if let Some(code) = &statement.err {
        assert_eq!(
            expected.answer.error.as_ref(),
            Some(code),
            "{}: the server itself does not answer as the corpus says",
            statement.id
        );
    }
    // A server without XML support refuses query_to_xml with the same code; what counts is that nothing was answered.
    let must_refuse = statement.class == Class::MustRefuse;
    if got.answer == expected.answer && !(must_refuse && got.answer.error.as_ref() == Some(&statement.refuse)) {
        return Outcome::Equal;
    }
    match &got.answer.error {
        Some(code) if *code == statement.refuse => Outcome::Refused(format!("{code} {}", got.message)),
        // EXECUTE and DEALLOCATE of what was never prepared, because its PREPARE was refused.
        Some(code) if code == "26000" && refused.iter().any(|name| statement.sql.contains(name)) => {
            Outcome::Refused(format!("{code} {}", got.message))
        }
        Some(code) => {
            let hint = got.hint.as_deref().unwrap_or_default();
            Outcome::Wrong(format!("{code} {} {hint}; {}", got.message, got.answer.difference(&expected.answer)))
        }
        None => Outcome::Wrong(got.answer.difference(&expected.answer)),
    }
}

/// What passed on the server link.
struct Passed {
    bytes: Vec<u8>,
    /// Without long runs of hexadecimal digits, the cells and tags of a simple query: four digits of a card number occur
    /// in them by chance, in one run of twenty or so.
    readable: Vec<u8>,
}

/// Digits of the shortest run that is cut out: those of a tag, hyphens and all, are 36.
const LONG_RUN: usize = 24;

impl Passed {
    fn new(bytes: Vec<u8>) -> Self {
        let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-');
        let mut readable = Vec::with_capacity(bytes.len());
        for run in bytes.chunk_by(|left, right| is_digit(left) == is_digit(right)) {
            let random = run.len() >= LONG_RUN && run.first().is_some_and(is_digit);
            readable.extend_from_slice(if random { b" " } else { run });
        }
        Self { bytes, readable }
    }

    fn holds(&self, literal: &str) -> bool {
        let by_chance = literal.len() < LONG_RUN && literal.bytes().all(|byte| byte.is_ascii_hexdigit());
        let place = if by_chance { &self.readable } else { &self.bytes };
        place.windows(literal.len()).any(|window| window == literal.as_bytes())
    }
}

/// Whether a literal that is nobody else's passed in clear. Short ones occur by chance.
fn is_leak(literal: &str, harmless: &str, passed: &Passed) -> bool {
    literal.len() >= 4 && !harmless.contains(literal.trim_end()) && passed.holds(literal)
}

#[test]
fn digits_inside_a_cell_are_no_leak_and_the_same_digits_beside_it_are() {
    let cell = format!("VALUES ('\\x{}4242{}', ", "0a".repeat(20), "f1".repeat(20));
    let passed = |end: &str| Passed::new(format!("{cell}{end}").into_bytes());
    assert!(!is_leak("4242", "", &passed("1)")));
    assert!(is_leak("4242", "", &passed("'4242')")));
    assert!(is_leak("00000000-0000-4000-8000-000000000001", "", &passed("'00000000-0000-4000-8000-000000000001')")));
}

/// Everything that stands in an unprotected column, every table's name, and the settings that are asked for: it may pass.
fn plain_values(twin: &str, world: &World) -> String {
    let columns = "SELECT c.relname, a.attname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public' \
                   JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
                   LEFT JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_namespace tn ON tn.oid = t.typnamespace \
                   WHERE c.relkind = 'r' AND tn.nspname <> 'pgseal' AND a.attname NOT LIKE 'pgseal!_%' ESCAPE '!'";
    let mut values = HIDDEN.join("\n");
    for line in world.at_server(columns).lines() {
        let (table, column) = line.split_once('|').unwrap();
        values.push_str(&format!("{table}\n"));
        values.push_str(&cluster().psql(twin, &format!("SELECT \"{column}\" FROM \"{table}\"")).unwrap());
    }
    values
}
