//! Generated statements on generated tables, on a plaintext twin and through the proxy (sql.md, "The measure"): what is
//! answered is what the twin answers, to the last row, or it is refused; no value of a sealed column reaches the server.
//!
//! Values are few, so that rows have much in common; those of sealed columns are marked and looked for on the link,
//! behind every statement. What is wrong is printed with its seed, shortened as far as it stays wrong.
//!
//! | what | command |
//! |---|---|
//! | many | `PGSEAL_GENERATED=200000 cargo test -p pgseal-proxy --test e2e generated::many -- --ignored --nocapture` |
//! | a seed again | the same with `PGSEAL_GENERATED_SEED=…` |

mod dice;
mod from;
mod kind;
mod predicate;
mod query;
mod schema;
mod shrink;
mod sides;
mod statement;
mod tally;
mod write;

use dice::Dice;
use schema::Schema;
use shrink::shrink;
use sides::{Outcome, Sides};
use statement::{Statement, Writer};
use tally::Tally;

/// Statements on one set of tables.
const EACH: usize = 1_000;

/// Statements of a test that runs every time.
const FEW: usize = 300;

/// What is wrong is shortened for so many.
const SHORTENED: usize = 20;

#[test]
fn generated_statements_of_a_fixed_seed_are_answered_as_by_the_twin_or_refused() {
    check(4, FEW);
}

#[test]
fn generated_statements_of_a_fresh_seed_are_answered_as_by_the_twin_or_refused() {
    check(fresh(), FEW);
}

#[test]
#[ignore = "a tool: PGSEAL_GENERATED says how many statements, PGSEAL_GENERATED_SEED from which seed on"]
fn many_generated_statements_are_answered_as_by_the_twin_or_refused() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let count = usize::try_from(number("PGSEAL_GENERATED").unwrap_or(10_000)).unwrap();
    check(number("PGSEAL_GENERATED_SEED").unwrap_or_else(fresh), count);
}

fn fresh() -> u64 {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes).unwrap();
    u64::from(u32::from_ne_bytes(bytes))
}

fn check(seed: u64, count: usize) {
    let mut tally = Tally::default();
    for (round, begin) in (0..).zip((0..count).step_by(EACH)) {
        // One more for each set of tables: a seed that is printed makes its tables first.
        tables(seed + round, EACH.min(count - begin), &mut tally);
    }
    println!("seed {seed}, {count} statements\n{tally}");
    let shown: Vec<_> = tally.wrong.iter().take(SHORTENED).cloned().collect();
    assert!(shown.is_empty(), "{} wrong or leaked\n{}", tally.wrong.len(), shown.join("\n"));
    assert!(tally.answered() > count / 8, "hardly anything is answered");
}

/// Statements on the tables of one seed.
fn tables(seed: u64, count: usize, tally: &mut Tally) {
    let mut dice = Dice::new(seed);
    let schema = Schema::new(&mut dice);
    let mut sides = Sides::new("generated", &schema, &schema.fill(&mut dice));
    let names: Vec<&str> = schema.tables.iter().map(|table| table.name).collect();
    for number in 0..count {
        let statement = statement(&schema, &mut dice);
        let keep = dice.percent(30);
        let outcome = sides.run(&statement, &names, keep);
        tally.add(&statement, &outcome);
        let what = match outcome {
            Outcome::Wrong(what) => what,
            Outcome::Leaked => "LEAKED".to_owned(),
            Outcome::Answered | Outcome::Failed(_) | Outcome::Refused(_) | Outcome::Both => continue,
        };
        let mut told = format!(
            "seed {seed}, statement {number}: {what}\n    {}\n    {:?} {:?}",
            statement.sql, statement.way, statement.params
        );
        if tally.wrong.len() < SHORTENED {
            let mut shows = |shorter: &Statement| match sides.run(shorter, &names, false) {
                Outcome::Leaked => what == "LEAKED",
                Outcome::Wrong(now) => same(&now, &what),
                Outcome::Answered | Outcome::Failed(_) | Outcome::Refused(_) | Outcome::Both => false,
            };
            told = format!("{told}\n    {}", shrink(&statement, &mut shows).sql);
        }
        tally.wrong.push(told);
    }
}

/// Whether two statements are wrong in the same way: in rows, in columns, or by the same errors.
fn same(one: &str, other: &str) -> bool {
    let way = |what: &str| {
        let (own, twin) = what.split_once(", expected ").unwrap_or((what, ""));
        [own, twin].map(|side| side.split(' ').next().unwrap_or_default().to_owned())
    };
    let ([one, one_twin], [other, other_twin]) = (way(one), way(other));
    one == other && (one.starts_with(char::is_lowercase) || one_twin == other_twin)
}

fn statement(schema: &Schema, dice: &mut Dice) -> Statement {
    let mut writer = Writer::new(schema, dice);
    if writer.dice.percent(28) {
        let sql = writer.write();
        return writer.statement(sql, false, true);
    }
    let (sql, ordered) = writer.query();
    writer.statement(sql, ordered, false)
}
