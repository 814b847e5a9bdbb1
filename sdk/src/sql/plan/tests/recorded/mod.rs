//! What today's planner says of every statement that any test hands to a planner, and what another one says otherwise.
//!
//! `corpus.txt` and `hostile.txt` hold the statements, each with its outcome: forwarded, the physical statement with what
//! is made of its parameters and rows, or the refusal. A change of the planner is read in their diff:
//!
//! ```text
//! PGSEAL_RECORD=1 cargo test --workspace --lib --locked recorded::
//! ```
//!
//! collects the statements anew (`statements`) and writes both files. Without it the statements are those of the files, so
//! that a new test elsewhere does not fail here.
//!
//! Two planners stand side by side over the same statements in [`Differences::between`]; [`Outcome`] is what either of
//! them has to say, so that one that makes no [`Plan`](crate::sql::Plan) yet can be held against one that does:
//!
//! ```text
//! let differences = Differences::between(&recorded::today, &new_planner);
//! println!("{differences}");                                        // by kind, with examples
//! assert_eq!(differences.of(Kind::Lost).count(), 0);
//! ```

mod differences;
mod file;
mod literals;
mod outcome;
mod statements;

pub(in crate::sql) use differences::{Differences, Kind};
pub(in crate::sql) use outcome::Outcome;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use self::file::Entry;
use super::support;
use crate::schema::{Lock, Protection, Source, parse};
use crate::sql;

/// A planner: what becomes of each statement of a text, with the OIDs of a Parse message.
pub(in crate::sql) type Planner<'a> = &'a dyn Fn(&str, &[u32], &Protection) -> Vec<Outcome>;

/// The planner that answers today.
pub(in crate::sql) fn today(text: &str, declared: &[u32], protection: &Protection) -> Vec<Outcome> {
    sql::plan(text, declared, protection).iter().map(|statement| Outcome::of(&statement.decision)).collect()
}

/// What is protected, and the file of what is said of it.
struct Tables {
    name: &'static str,
    protection: Protection,
}

/// Those of the unit tests, and those that the scenarios and the hostile reader use, as a server described them.
fn tables() -> [Tables; 2] {
    let text = include_str!("../../../../../../tests/corpus/hostile.toml").to_owned();
    let schema = parse::parse(vec![Source { path: "hostile.toml".into(), text }]).unwrap();
    let lock = Lock::from_toml("hostile.lock".as_ref(), include_str!("hostile.lock")).unwrap();
    [
        Tables { name: "corpus", protection: support::protection() },
        Tables { name: "hostile", protection: Protection::from_lock(&schema, &lock).unwrap() },
    ]
}

impl Tables {
    fn path(&self) -> PathBuf {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/sql/plan/tests/recorded");
        folder.join(self.name).with_extension("txt")
    }

    /// What today's planner says, over the statements as they stand in all tests now.
    fn collect(&self) -> Vec<Entry> {
        let mut entries: Vec<Entry> = Vec::new();
        for mut entry in statements::all(self) {
            entry.said = Outcome::texts(&today(&entry.text, &entry.declared, &self.protection));
            let same = |last: &Entry| last.text == entry.text && last.said == entry.said;
            if !entries.last().is_some_and(same) {
                entries.push(entry);
            }
        }
        entries
    }
}

/// What is recorded; recorded anew before anything reads it, if that is asked for.
fn records() -> &'static [(Tables, Vec<Entry>)] {
    static RECORDS: OnceLock<Vec<(Tables, Vec<Entry>)>> = OnceLock::new();
    RECORDS.get_or_init(|| {
        let read = |tables: Tables| {
            if std::env::var_os("PGSEAL_RECORD").is_some() {
                std::fs::write(tables.path(), file::write(&tables.collect())).unwrap();
            }
            let entries = file::read(&std::fs::read_to_string(tables.path()).unwrap());
            (tables, entries)
        };
        tables().into_iter().map(read).collect()
    })
}

#[test]
fn what_is_said_of_every_statement_is_what_is_recorded() {
    let mut changed = Vec::new();
    for (tables, entries) in records() {
        for entry in entries {
            let said = Outcome::texts(&today(&entry.text, &entry.declared, &tables.protection));
            if said != entry.said {
                let (now, before) = (said.join("\n    "), entry.said.join("\n    "));
                changed.push(format!("{}: {}\n    {now}\n  was\n    {before}", entry.place, entry.text));
            }
        }
    }
    assert!(
        changed.is_empty(),
        "{} differ from what is recorded (PGSEAL_RECORD=1 writes it anew)\n{}",
        changed.len(),
        changed.iter().take(10).cloned().collect::<Vec<_>>().join("\n")
    );
}

#[test]
fn another_planner_is_told_by_what_it_does_otherwise() {
    let other: Planner<'_> = &|text, declared, protection| {
        let mut said = today(text, declared, protection);
        for outcome in &mut said {
            match outcome {
                Outcome::Planned { .. } if text.contains("ORDER BY") => *outcome = Outcome::Forward,
                Outcome::Planned { physical, .. } if text.starts_with("INSERT") => physical.push(' '),
                Outcome::Planned { .. } if text.starts_with("DELETE") => *outcome = Outcome::refused("0A000", "no"),
                Outcome::Refused { sqlstate, .. } if sqlstate == "0A000" => *outcome = Outcome::refused("42601", "no"),
                Outcome::Planned { .. } | Outcome::Refused { .. } | Outcome::Forward | Outcome::Qualified(_) => {}
            }
        }
        said
    };
    let differences = Differences::between(&today, other);
    for kind in [Kind::Forwarded, Kind::Physical, Kind::Lost, Kind::Sqlstate] {
        assert_ne!(differences.of(kind).count(), 0, "{kind:?}\n{differences}");
    }
    for kind in [Kind::Won, Kind::Shape, Kind::Position, Kind::Words, Kind::Count] {
        assert_eq!(differences.of(kind).count(), 0, "{kind:?}\n{differences}");
    }
    // What it does as the other one does is equal.
    assert!(differences.compared > 3_000 && differences.found.len() < 2_000, "{differences}");
    assert!(differences.to_string().contains(" lost\n"), "{differences}");
}
