//! What a service that embeds the SDK finds in its own log, at the most verbose level of every crate: no literal of a
//! statement that was planned (SQL-3). A logger is one for a whole process, so this is a test binary of its own.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::Mutex;

use pgseal::schema::{Protection, Source, parse};
use pgseal::sql::{self, Decision};

const SCHEMA: &str = r#"
    version = 1
    keyrings.test.generator = "local:test"
    branch_keys.cards.keyring = "test"
    [tables.card]
    name = "public.card"
    branch_key = "cards"
    row_signature = "HMAC-SHA-384"
    columns.id     = { action = "SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT", type = "bigint" }
    columns.pan    = { action = "ENCRYPT_AND_SIGN", type = "text" }
    columns.credit = { action = "ENCRYPT_AND_SIGN", type = "numeric(12,2)" }
    columns.pin    = { action = "ENCRYPT_AND_SIGN", type = "bytea" }
    beacons.standard = [{ name = "pan", length = "exact" }, { name = "credit", length = "exact" }]
"#;

/// Every literal holds the digits of the secret.
const STATEMENTS: [&str; 10] = [
    "INSERT INTO card (id, pan, credit) VALUES (1, 'Zq41117770', 41117770.5)",
    "INSERT INTO card (id, pan, credit) VALUES (1, E'Zq41117770\\n', -41117770), (2, $q$41117770$q$, $1)",
    "UPDATE card SET pan = '41117770', credit = 41117770 WHERE id = 1 RETURNING pan",
    "SELECT pan FROM card WHERE pan = '41117770' AND credit = 41117770",
    "SELECT pan FROM card WHERE pan IN ('41117770', U&'41117770') OR credit IN (41117770, 41117770.0)",
    "SELECT pan FROM card WHERE pan = '41117770'::varchar(20) AND credit = '41117770'::numeric(12, 2)",
    "SELECT pan FROM card WHERE pan = ANY (ARRAY['41117770', $1]) OR pan = CAST('41117770' AS text)",
    "SELECT pan FROM card WHERE pan LIKE '41117770%' OR credit BETWEEN 41117770 AND 41117770",
    "DELETE FROM card WHERE pan = 'it''s\n41117770' AND pin = '\\x41117770' AND pin = X'41117770'",
    "SELECT pan FROM card WHERE pan = '41117770' AND SYNTAX '41117770' ERROR",
];

struct Kept;

static LINES: Mutex<String> = Mutex::new(String::new());

impl log::Log for Kept {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        LINES.lock().unwrap().push_str(&format!("{} {}: {}\n", record.level(), record.target(), record.args()));
    }

    fn flush(&self) {}
}

#[test]
fn no_level_of_any_crates_log_has_a_literal_of_a_statement_sql_3() {
    log::set_logger(&Kept).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
    let schema = parse::parse(vec![Source { path: "cards.toml".into(), text: SCHEMA.into() }]).unwrap();
    let protection = Protection::from_lock(&schema, &pgseal::testing::lock(&schema).unwrap()).unwrap();
    let mut planned = 0;
    for text in STATEMENTS {
        for statement in sql::plan(text, &[], &protection) {
            match statement.decision {
                Decision::Forward | Decision::Qualify(_) => panic!("forwarded: {text}"),
                Decision::Rewrite(_) => planned += 1,
                Decision::Refuse(refusal) => assert!(!format!("{refusal:?}").contains("411177"), "{text}"),
            }
        }
    }
    assert!(planned >= 6, "{planned} statements were planned");
    let lines = LINES.lock().unwrap();
    assert!(lines.contains("sqlparser"), "the parser logs what it reads");
    let told: Vec<&str> = lines.lines().filter(|line| line.contains("411177")).collect();
    assert!(told.is_empty(), "{told:#?}");
}
