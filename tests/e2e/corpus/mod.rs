//! The differential corpora: every statement on a plaintext twin and through the proxy or another door (sql.md, "The
//! measure").

pub(crate) mod answer;
mod file;
mod run;
mod through;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use file::Class;
use run::{Outcome, Report};
use through::{FORM, Through};

use crate::doors::driver::{Driver, DriverSession};
use crate::doors::sdk::{Sdk, SdkSession};
use crate::doors::stage::config;
use crate::harness::World;
use crate::harness::cluster::cluster;
use crate::harness::raw::Raw;

/// Where the corpora and the list of refusals are.
fn corpora() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/corpus")
}

/// How many `must` statements of both corpora are answered exactly, at least (issue 4).
const MUST_EQUAL: usize = 45;

#[test]
fn both_corpora_are_answered_exactly_or_refused_with_the_reason_that_is_listed() {
    check(&run::run(&both(), &corpora().join("pgseal.toml"), by_hand));
}

#[test]
fn both_corpora_are_answered_alike_by_a_driver_that_prepares_and_reads_binary() {
    check(&run::run(&both(), &corpora().join("pgseal.toml"), by_driver));
}

#[test]
fn both_corpora_are_answered_through_the_sdk_as_through_the_proxy() {
    check(&run::run(&both(), &corpora().join("pgseal.toml"), by_sdk));
}

#[test]
fn the_statements_of_a_hostile_reader_are_answered_exactly_or_refused_through_every_door() {
    let files = [corpora().join("sql-hostile.sql")];
    let schema = corpora().join("hostile.toml");
    for (door, report) in [
        ("simple protocol", run::run(&files, &schema, by_hand)),
        ("driver", run::run(&files, &schema, by_driver)),
        ("sdk", run::run(&files, &schema, by_sdk)),
    ] {
        println!("{door}:");
        print(&report);
        assert_eq!(report.count(None, "wrong"), 0, "wrong answers by {door}");
        // Words that are no values of sealed columns: a column's name, a day in an unsealed column, a whole statement.
        let harmless = ["A215", "B107", "B114", "B348", "B359"];
        let leaks: Vec<_> =
            report.leaks.iter().filter(|leak| !harmless.iter().any(|id| leak.starts_with(&format!("{id}:")))).collect();
        assert!(leaks.is_empty(), "leaks by {door}: {leaks:#?}");
    }
}

fn both() -> [PathBuf; 2] {
    [corpora().join("sql-corpus.sql"), corpora().join("sql-traps.sql")]
}

/// Twin and proxy by the simple protocol, or the extended one in text.
fn by_hand(world: &World, twin: &str) -> (Raw, Raw) {
    let mut plain = Raw::dial_unix(cluster().socket_dir(), cluster().port());
    plain.log_in(twin);
    (plain, world.raw())
}

/// Twin and proxy by a driver that prepares and reads binary.
fn by_driver(world: &World, twin: &str) -> (Through<DriverSession>, Through<DriverSession>) {
    let proxy = Driver::new("proxy", world.config_of_client(), FORM);
    (driver(twin), Through::open(async || proxy))
}

/// The twin by that driver, the sealed tables by the SDK's client, which stands on the same one.
fn by_sdk(world: &World, twin: &str) -> (Through<DriverSession>, Through<SdkSession>) {
    (driver(twin), Through::open(async || Sdk::new(world, FORM).await))
}

/// The twin as a driver sees it.
fn driver(twin: &str) -> Through<DriverSession> {
    let twin = Driver::new("twin", config(twin, cluster().port()), FORM);
    Through::open(async || twin)
}

fn check(report: &Report) {
    print(report);
    let unlisted = refusals_that_differ(report);
    assert_eq!(report.count(None, "wrong"), 0, "wrong answers");
    assert!(report.positions.is_empty(), "errors that point elsewhere: {:?}", report.positions);
    assert!(report.leaks.is_empty(), "leaks: {:#?}", report.leaks);
    let answered: Vec<_> =
        report.of(Class::MustRefuse).filter(|(_, outcome)| !matches!(outcome, Outcome::Refused(_))).collect();
    assert!(answered.is_empty(), "must be refused, was answered: {answered:?}");
    let refused = report.of(Class::Passthrough).filter(|(_, outcome)| !matches!(outcome, Outcome::Equal)).count();
    assert_eq!(refused, 0, "statements without a protected object");
    assert!(report.count(Some(Class::Must), "equal") >= MUST_EQUAL);
    assert!(unlisted.is_empty(), "refusals.txt: {unlisted:#?}");
}

/// `PGSEAL_CORPUS=FILE PGSEAL_CORPUS_SCHEMA=TOML PGSEAL_CORPUS_DOOR=hand|driver|sdk`: runs any file of the format and
/// prints every outcome.
#[test]
#[ignore = "a tool: runs the file that PGSEAL_CORPUS names, by default the first corpus"]
fn any_file_of_the_format() {
    let path =
        |name: &str, default: &str| std::env::var_os(name).map_or_else(|| corpora().join(default), PathBuf::from);
    let file = path("PGSEAL_CORPUS", "sql-corpus.sql");
    let schema = path("PGSEAL_CORPUS_SCHEMA", "pgseal.toml");
    let report = match std::env::var("PGSEAL_CORPUS_DOOR").as_deref() {
        Ok("driver") => run::run(&[file], &schema, by_driver),
        Ok("sdk") => run::run(&[file], &schema, by_sdk),
        Ok("hand") | Err(_) => run::run(&[file], &schema, by_hand),
        Ok(door) => panic!("no door is called {door}"),
    };
    for (statement, outcome) in &report.outcomes {
        match outcome {
            Outcome::Equal => println!("{:6} equal", statement.id),
            Outcome::Refused(reason) => println!("{:6} refused: {reason}", statement.id),
            Outcome::Wrong(_) => {}
        }
    }
    print(&report);
    assert_eq!(report.count(None, "wrong"), 0, "wrong answers");
    assert!(report.leaks.is_empty(), "leaks: {:#?}", report.leaks);
}

fn print(report: &Report) {
    for (statement, outcome) in &report.outcomes {
        if let Outcome::Wrong(difference) = outcome {
            println!(
                "WRONG {} ({:?}, {}): {difference}\n      {}",
                statement.id, statement.class, statement.feature, statement.sql
            );
        }
    }
    println!("{:12} {:>6} {:>8} {:>6}", "class", "equal", "refused", "wrong");
    for class in [Class::Must, Class::Nice, Class::MayRefuse, Class::MustRefuse, Class::Passthrough] {
        let count = |outcome| report.count(Some(class), outcome);
        println!("{:12} {:>6} {:>8} {:>6}", format!("{class:?}"), count("equal"), count("refused"), count("wrong"));
    }
    let count = |outcome| report.count(None, outcome);
    println!(
        "{:12} {:>6} {:>8} {:>6}   leaks {}",
        "all",
        count("equal"),
        count("refused"),
        count("wrong"),
        report.leaks.len()
    );
}

/// The refusals are a checked-in list: one that is not in it (`+`), and one that is no longer true (`-`).
fn refusals_that_differ(report: &Report) -> Vec<String> {
    let path = corpora().join("refusals.txt");
    let now: BTreeMap<String, String> = report
        .outcomes
        .iter()
        .filter_map(|(statement, outcome)| match outcome {
            Outcome::Refused(reason) => Some((statement.id.clone(), reason.clone())),
            Outcome::Equal | Outcome::Wrong(_) => None,
        })
        .collect();
    let text: String = now.iter().map(|(id, reason)| format!("{id} {reason}\n")).collect();
    if std::env::var_os("PGSEAL_TEST_UPDATE").is_some() {
        std::fs::write(&path, text).unwrap();
        return Vec::new();
    }
    let listed = std::fs::read_to_string(&path).unwrap();
    let (listed, text): (Vec<_>, Vec<_>) = (listed.lines().collect(), text.lines().collect());
    let new = text.iter().filter(|line| !listed.contains(line)).map(|line| format!("+ {line}"));
    let gone = listed.iter().filter(|line| !text.contains(line)).map(|line| format!("- {line}"));
    new.chain(gone).collect()
}
