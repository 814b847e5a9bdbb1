//! What came of all statements, by construct.

use std::collections::BTreeMap;
use std::fmt;

use super::sides::Outcome;
use super::statement::Statement;

/// Answered, refused, the same error.
#[derive(Default)]
struct Count([usize; 3]);

#[derive(Default)]
pub(super) struct Tally {
    all: Count,
    features: BTreeMap<&'static str, Count>,
    /// What refusals say, and how often.
    reasons: BTreeMap<String, usize>,
    pub(super) wrong: Vec<String>,
}

impl Tally {
    pub(super) fn add(&mut self, statement: &Statement, outcome: &Outcome) {
        let at = match outcome {
            Outcome::Answered => 0,
            Outcome::Refused(reason) => {
                *self.reasons.entry(general(reason)).or_default() += 1;
                1
            }
            Outcome::Failed(_) | Outcome::Both => 2,
            Outcome::Wrong(_) | Outcome::Leaked => return,
        };
        self.all.0[at] += 1;
        for feature in &statement.features {
            self.features.entry(feature).or_default().0[at] += 1;
        }
    }

    /// Statements that were answered as the twin answered them.
    pub(super) fn answered(&self) -> usize {
        self.all.0[0]
    }
}

/// Without the names of columns and tables.
fn general(reason: &str) -> String {
    let word = |word: &str| {
        match word.trim_matches([',', ':']).split_once('.') {
            Some((table, column)) if !table.is_empty() && !column.is_empty() => "COLUMN",
            _ if word.starts_with('$') => "$n",
            _ => return word.to_owned(),
        }
        .to_owned()
    };
    reason.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |f: &mut fmt::Formatter<'_>, name: &str, Count([answered, refused, failed]): &Count| {
            let share = 100 * answered / (answered + refused).max(1);
            writeln!(f, "{name:34} {answered:>8} {refused:>8} {failed:>8} {share:>4} %")
        };
        writeln!(f, "{:34} {:>8} {:>8} {:>8}", "construct", "answered", "refused", "failed")?;
        for (name, count) in &self.features {
            line(f, name, count)?;
        }
        line(f, "all", &self.all)?;
        let mut reasons: Vec<_> = self.reasons.iter().collect();
        reasons.sort_by(|one, other| other.1.cmp(one.1));
        for (reason, count) in reasons.into_iter().take(25) {
            writeln!(f, "{count:>8} {reason}")?;
        }
        write!(f, "wrong or leaked: {}", self.wrong.len())
    }
}
