//! Planning alone: what a statement of eight times the size costs. It must not grow faster than the statement does.

use std::hint::black_box;
use std::time::Instant;

use pgseal::schema::{Protection, Source, parse};
use pgseal::sql::{self, Decision};

use crate::{Result, table};

/// Each size gets its turn that often.
const ROUNDS: usize = 15;
const SIZES: [usize; 2] = [1_000, 8_000];
/// The ratio of two sizes that are eight times apart.
const AIM: f64 = 9.0;

const SCHEMA: &str = r#"
version = 1
keyrings.bench.generator = "local:bench"
branch_keys.bench.keyring = "bench"
[tables.card]
name = "public.card"
branch_key = "bench"
columns.id     = { action = "SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT", type = "bigint" }
columns.pan    = { action = "ENCRYPT_AND_SIGN", type = "text" }
columns.holder = { action = "ENCRYPT_AND_SIGN", type = "text" }
beacons.standard = [{ name = "pan", length = "exact" }]
"#;

type Text = fn(usize) -> String;

const KINDS: [(&str, Text); 6] = [
    ("INSERT, rows of parameters", |rows| {
        let row = |row| format!("(${}, ${}, ${})", 3 * row + 1, 3 * row + 2, 3 * row + 3);
        format!("INSERT INTO card (id, pan, holder) VALUES {}", list(rows, row))
    }),
    ("INSERT, rows of literals", |rows| {
        let row = |row| format!("({row}, '41111111{row}', 'Ada Lovelace')");
        format!("INSERT INTO card (id, pan, holder) VALUES {}", list(rows, row))
    }),
    ("INSERT, rows of literals with casts", |rows| {
        let row = |row| format!("({row}::bigint, '41111111{row}'::text, 'Ada Lovelace'::text)");
        format!("INSERT INTO card (id, pan, holder) VALUES {}", list(rows, row))
    }),
    ("SELECT, IN list", |items| {
        format!("SELECT holder FROM card WHERE pan IN ({})", list(items, |item| format!("'41111111{item}'")))
    }),
    ("SELECT, comparisons joined by OR", |parts| {
        let parts: Vec<_> = (0..parts).map(|part| format!("pan = '41111111{part}'")).collect();
        format!("SELECT holder FROM card WHERE {}", parts.join(" OR "))
    }),
    ("UPDATE, so many in one text", |count| {
        (0..count).map(|at| format!("UPDATE card SET pan = '41111111{at}' WHERE id = {at};")).collect()
    }),
];

fn list(count: usize, item: impl Fn(usize) -> String) -> String {
    (0..count).map(item).collect::<Vec<_>>().join(", ")
}

/// Measures every kind in both sizes, and prints medians.
pub(crate) fn report() -> Result<()> {
    let schema = parse::parse(vec![Source { path: "cards.toml".into(), text: SCHEMA.into() }])?;
    let protection = Protection::from_lock(&schema, &pgseal::testing::lock(&schema)?)?;
    let mut rows = Vec::new();
    for (name, text) in KINDS {
        let texts = SIZES.map(text);
        let (mut few, mut many, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            // As long as the other turn: what else the machine does is in both.
            let turns = (0..8).map(|_| planned(&texts[0], &protection)).sum::<Result<f64>>()?;
            let large = planned(&texts[1], &protection)?;
            few.push(turns / 8.0);
            many.push(large);
            ratios.push(large / turns * 8.0);
        }
        let [few, many, ratio] = [few, many, ratios].map(table::median);
        let met = if ratio <= AIM { "" } else { "missed" };
        rows.push(
            [name.to_owned(), format!("{few:.1}"), format!("{many:.1}"), format!("{ratio:.1}"), met.to_owned()].into(),
        );
    }
    let title = format!("planning, ms, medians of {ROUNDS} alternating rounds; aim: a ratio of {AIM} at most");
    table::print(&title, &["", "1,000", "8,000", "ratio", ""], &rows);
    Ok(())
}

/// Milliseconds.
fn planned(text: &str, protection: &Protection) -> Result<f64> {
    let began = Instant::now();
    let statements = black_box(sql::plan(black_box(text), &[], protection));
    let took = began.elapsed().as_secs_f64() * 1e3;
    match statements.iter().all(|statement| matches!(statement.decision, Decision::Rewrite(_))) {
        true => Ok(took),
        false => Err("a statement of the benchmark is not planned".into()),
    }
}
