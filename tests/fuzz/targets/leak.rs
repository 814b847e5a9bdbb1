//! Statements that are built so that it is known which of their constants stand against sealed columns (SQL-21).
//!
//! Such a constant is in no physical text, in no `Debug` of a plan and in no refusal, and its statement is never
//! forwarded, however it is spelled.
#![no_main]

use std::cell::LazyCell;

use libfuzzer_sys::fuzz_target;
use pgseal::exec::inputs;
use pgseal::exec::positions::Traced;
use pgseal::schema::Protection;
use pgseal::sql::{self, Decision, Piece, Plan, Steps};
use pgseal::value::Settings;
use pgseal_fuzz::fixture::Keys;
use pgseal_fuzz::{Choices, fixture, seeds};

thread_local! {
    static WORLD: LazyCell<(Protection, Keys)> = LazyCell::new(|| (fixture::protection(), fixture::keys()));
}

/// The secret: as a text, and as a number where a column is one; too long to come up in hex by chance.
const TEXT: &str = "c4naryXq7";
const NUMBER: &str = "2071828182";

fuzz_target!(init: seeds::offer(seeds), |data: &[u8]| {
    let mut writer = Writer { choices: Choices::new(data), out: String::new(), secret: false };
    writer.statement();
    let (text, secret) = (writer.out, writer.secret);
    WORLD.with(|world| check(&text, secret, &world.0, &world.1));
});

fn check(text: &str, secret: bool, protection: &Protection, keys: &Keys) {
    let hidden = |what: &str| assert!(!what.contains(TEXT) && !what.contains(NUMBER), "{text:?} shows {what:?}");
    for statement in sql::plan(text, &[], protection) {
        match statement.decision {
            Decision::Forward | Decision::Qualify(_) => assert!(!secret, "{text:?} is forwarded"),
            Decision::Rewrite(plan) => {
                sent(&plan).into_iter().for_each(hidden);
                // It shows every table in full: some will do.
                if text.len().is_multiple_of(8) {
                    hidden(&format!("{plan:?}"));
                }
                // As a simple query, where slots become literals.
                let mut out = Traced::default();
                if matches!(plan.steps, Steps::One) {
                    match inputs::splice(&plan, &plan.template, keys, &Settings::default(), &mut out) {
                        Ok(()) => hidden(&out.text),
                        Err(error) => hidden(&format!("{error} {error:?}")),
                    }
                }
            }
            Decision::Refuse(refusal) => hidden(&format!("{refusal:?}")),
        }
    }
}

/// Everything of a plan that reaches the server as text.
fn sent(plan: &Plan) -> Vec<&str> {
    let mut pieces: Vec<&Piece> = plan.template.pieces.iter().collect();
    let mut texts = Vec::new();
    match &plan.steps {
        Steps::One => {}
        Steps::Fetch(fetch) => pieces.extend(&fetch.pieces),
        Steps::ReadModifyWrite(work) => {
            pieces.extend(&work.lock.pieces);
            texts.push(work.returning.as_str());
        }
    }
    texts.extend(pieces.into_iter().filter_map(|piece| match piece {
        Piece::Text(text) => Some(text.as_str()),
        Piece::Slot(_) => None,
    }));
    texts
}

/// What a column takes.
#[derive(Clone, Copy, PartialEq)]
enum Takes {
    Text,
    Number,
}

/// Tables with their sealed and their plain columns.
struct Table {
    name: &'static str,
    sealed: &'static [(&'static str, Takes)],
    plain: &'static [(&'static str, Takes)],
}

const TABLES: [Table; 3] = [
    Table {
        name: "customers",
        sealed: &[("ssn", Takes::Text), ("email", Takes::Text), ("notes", Takes::Text)],
        plain: &[("id", Takes::Number), ("tenant_id", Takes::Number), ("name", Takes::Text), ("status", Takes::Text)],
    },
    Table {
        name: "staff",
        sealed: &[
            ("email", Takes::Text),
            ("code", Takes::Text),
            ("note", Takes::Text),
            ("grade", Takes::Number),
            ("pay", Takes::Number),
        ],
        plain: &[("id", Takes::Number), ("team", Takes::Text), ("mark", Takes::Text)],
    },
    Table {
        name: "shift",
        sealed: &[("email", Takes::Text), ("code", Takes::Text)],
        plain: &[("id", Takes::Number), ("staff_id", Takes::Number), ("hours", Takes::Number)],
    },
];

/// Writes one statement, word by word.
struct Writer<'a> {
    choices: Choices<'a>,
    out: String,
    /// A constant against a sealed column was written.
    secret: bool,
}

impl Writer<'_> {
    /// A word with white space or a comment before it.
    fn word(&mut self, word: &str) {
        let space = *self.choices.of(&[" ", "\n", "\t ", " /* x */ ", " -- '\n", "  ", " /*/**/*/ "]);
        self.out.push_str(space);
        self.out.push_str(word);
    }

    /// An identifier, in one of its spellings.
    fn name(&mut self, name: &str) {
        let spelled = match self.choices.below(4) {
            0 | 1 => name.to_owned(),
            2 => format!("\"{name}\""),
            _ => name.to_ascii_uppercase(),
        };
        self.word(&spelled);
    }

    fn statement(&mut self) {
        let table = self.choices.of(&TABLES);
        match self.choices.below(4) {
            0 => self.select(table),
            1 => self.insert(table),
            2 => self.update(table),
            _ => self.delete(table),
        }
    }

    fn select(&mut self, table: &Table) {
        self.word("SELECT");
        match self.choices.below(4) {
            0 => self.word("*"),
            1 => self.comparison(table),
            2 => {
                self.word("CASE WHEN");
                self.predicate(table, 1);
                self.word("THEN 1 END");
            }
            _ => self.name("id"),
        }
        self.word("FROM");
        self.table(table);
        self.condition(table);
    }

    fn insert(&mut self, table: &Table) {
        self.word("INSERT INTO");
        self.table(table);
        let mut columns: Vec<(&str, Takes, bool)> = Vec::new();
        for (list, sealed) in [(table.plain, false), (table.sealed, true)] {
            columns.extend(list.iter().map(|&(name, takes)| (name, takes, sealed)));
        }
        columns.retain(|(name, ..)| *name == "id" || self.choices.below(4) > 0);
        self.word("(");
        for (index, (name, ..)) in columns.iter().enumerate() {
            if index > 0 {
                self.word(",");
            }
            self.name(name);
        }
        self.word(") VALUES");
        for row in 0..=self.choices.below(2) {
            if row > 0 {
                self.word(",");
            }
            self.word("(");
            for (index, (_, takes, sealed)) in columns.iter().enumerate() {
                if index > 0 {
                    self.word(",");
                }
                self.constant(*takes, *sealed);
            }
            self.word(")");
        }
        if self.choices.yes() {
            self.word("ON CONFLICT DO NOTHING");
        }
        self.returning(table);
    }

    fn update(&mut self, table: &Table) {
        self.word("UPDATE");
        self.table(table);
        self.word("SET");
        for index in 0..=self.choices.below(2) {
            if index > 0 {
                self.word(",");
            }
            let sealed = self.choices.yes();
            let (name, takes) = *self.choices.of(if sealed { table.sealed } else { table.plain });
            self.name(name);
            self.word("=");
            self.constant(takes, sealed);
        }
        self.condition(table);
        self.returning(table);
    }

    fn delete(&mut self, table: &Table) {
        self.word("DELETE FROM");
        self.table(table);
        self.condition(table);
        self.returning(table);
    }

    fn table(&mut self, table: &Table) {
        if self.choices.yes() {
            self.word("public.");
        }
        self.name(table.name);
    }

    fn returning(&mut self, table: &Table) {
        match self.choices.below(3) {
            0 => {}
            1 => self.word("RETURNING *"),
            _ => {
                self.word("RETURNING");
                self.comparison(table);
            }
        }
    }

    fn condition(&mut self, table: &Table) {
        self.word("WHERE");
        self.predicate(table, 3);
    }

    fn predicate(&mut self, table: &Table, depth: usize) {
        match self.choices.below(6) {
            0 if depth > 0 => {
                self.word("NOT (");
                self.predicate(table, depth - 1);
                self.word(")");
            }
            1 | 2 if depth > 0 => {
                self.word("(");
                self.predicate(table, depth - 1);
                let or = self.choices.yes();
                self.word(if or { "OR" } else { "AND" });
                self.predicate(table, depth - 1);
                self.word(")");
            }
            _ => self.comparison(table),
        }
    }

    fn comparison(&mut self, table: &Table) {
        let sealed = self.choices.below(3) > 0;
        let (name, takes) = *self.choices.of(if sealed { table.sealed } else { table.plain });
        match self.choices.below(9) {
            0 => {
                self.constant(takes, sealed);
                self.word("=");
                self.name(name);
            }
            1 => {
                self.name(name);
                self.word("IN (");
                self.constant(takes, sealed);
                self.word(",");
                self.constant(takes, sealed);
                self.word(")");
            }
            2 => {
                self.name(name);
                self.word("= ANY ( ARRAY [");
                self.constant(takes, sealed);
                self.word(", NULL ] )");
            }
            3 => {
                self.word("(");
                self.name(name);
                self.word(") <> (");
                self.constant(takes, sealed);
                self.word(")");
            }
            4 => {
                self.name(name);
                self.word("IS NOT DISTINCT FROM");
                self.constant(takes, sealed);
            }
            5 => {
                let operator =
                    *self.choices.of(&["<", ">=", "LIKE", "||", "~", "BETWEEN 'a' AND", "NOT BETWEEN 'a' AND"]);
                self.name(name);
                self.word(operator);
                self.constant(takes, sealed);
            }
            6 => {
                self.word("coalesce (");
                self.name(name);
                self.word(",");
                self.constant(takes, sealed);
                self.word(") =");
                self.constant(takes, sealed);
            }
            _ => {
                self.name(name);
                self.word("=");
                self.constant(takes, sealed);
            }
        }
    }

    /// The secret for a sealed column; for another one anything else.
    fn constant(&mut self, takes: Takes, sealed: bool) {
        self.secret |= sealed;
        let spelled = match (takes, sealed) {
            (Takes::Text, true) => TEXT,
            (Takes::Number, true) => NUMBER,
            (Takes::Text, false) => "plain",
            (Takes::Number, false) => "7",
        };
        let quoted = match (takes, self.choices.below(9)) {
            (Takes::Number, 0..=5) => spelled.to_owned(),
            (_, 0 | 1) => format!("'{spelled}'"),
            (_, 2) => format!("E'{spelled}\\n'"),
            (_, 3) => format!("$q${spelled}$q$"),
            (_, 4) => format!("'{spelled}'\n '{spelled}'"),
            (_, 5) => format!("$$'{spelled}''$$"),
            (_, 6) => format!("U&'{spelled}\\0041'"),
            (_, 7) => format!("E'\\'{spelled}'"),
            (_, _) => format!("'--''{spelled}/*'"),
        };
        let number = takes == Takes::Number;
        let cast = match self.choices.below(7) {
            0..=3 => quoted,
            4 => format!("{quoted}::{}", if number { "int" } else { "text" }),
            5 => format!("CAST({quoted} AS {})", if number { "numeric" } else { "varchar" }),
            _ => format!("({quoted})"),
        };
        self.word(&cast);
    }
}

/// Any bytes make a statement: a few lengths of a few patterns are enough to begin with.
fn seeds() -> Vec<Vec<u8>> {
    (0..32_u8)
        .map(|seed| (0..80_u8).map(|at| seed.wrapping_mul(37).wrapping_add(at.wrapping_mul(seed | 1))).collect())
        .collect()
}
