//! Two planners over the same statements, told apart by kind.

use std::fmt;

use super::file::Entry;
use super::{Outcome, Planner, records};

/// In what two planners differ about a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sql) enum Kind {
    /// One forwards what the other does not: the first to be looked at.
    Forwarded,
    /// The old one answers, the new one refuses.
    Lost,
    /// The old one refuses, the new one answers.
    Won,
    /// Both answer and send something else.
    Physical,
    /// Both send the same and make something else of parameters or rows.
    Shape,
    /// Both refuse with another SQLSTATE.
    Sqlstate,
    /// The same SQLSTATE at another place.
    Position,
    /// The same SQLSTATE and place in other words.
    Words,
    /// They see another number of statements in the text.
    Count,
}

const KINDS: [Kind; 9] = [
    Kind::Forwarded,
    Kind::Lost,
    Kind::Won,
    Kind::Physical,
    Kind::Shape,
    Kind::Sqlstate,
    Kind::Position,
    Kind::Words,
    Kind::Count,
];

/// How many of a kind are shown.
const EXAMPLES: usize = 5;

#[derive(Debug)]
pub(in crate::sql) struct Difference {
    pub(in crate::sql) kind: Kind,
    /// Where the statement stands.
    pub(in crate::sql) place: String,
    pub(in crate::sql) text: String,
    pub(in crate::sql) old: Vec<String>,
    pub(in crate::sql) new: Vec<String>,
}

#[derive(Debug)]
pub(in crate::sql) struct Differences {
    /// Texts that both were asked about.
    pub(in crate::sql) compared: usize,
    pub(in crate::sql) found: Vec<Difference>,
}

impl Differences {
    /// Over all that is recorded.
    pub(in crate::sql) fn between(old: Planner<'_>, new: Planner<'_>) -> Self {
        let mut differences = Self { compared: 0, found: Vec::new() };
        for (tables, entries) in records() {
            for Entry { place, text, declared, .. } in entries {
                differences.compared += 1;
                let old = old(text, declared, &tables.protection);
                let new = new(text, declared, &tables.protection);
                if let Some(kind) = kind(&old, &new) {
                    let (old, new) = (Outcome::texts(&old), Outcome::texts(&new));
                    differences.found.push(Difference { kind, place: place.clone(), text: text.clone(), old, new });
                }
            }
        }
        differences
    }

    pub(in crate::sql) fn of(&self, kind: Kind) -> impl Iterator<Item = &Difference> {
        self.found.iter().filter(move |difference| difference.kind == kind)
    }
}

/// The first in which the statements of a text differ.
fn kind(old: &[Outcome], new: &[Outcome]) -> Option<Kind> {
    if old.len() != new.len() {
        return Some(Kind::Count);
    }
    old.iter().zip(new).find_map(|(old, new)| match (old, new) {
        (old, new) if old == new => None,
        (Outcome::Forward | Outcome::Qualified(_), _) | (_, Outcome::Forward | Outcome::Qualified(_)) => {
            Some(Kind::Forwarded)
        }
        (Outcome::Planned { .. }, Outcome::Refused { .. }) => Some(Kind::Lost),
        (Outcome::Refused { .. }, Outcome::Planned { .. }) => Some(Kind::Won),
        (Outcome::Planned { physical: old, .. }, Outcome::Planned { physical: new, .. }) => {
            Some(if old == new { Kind::Shape } else { Kind::Physical })
        }
        (Outcome::Refused { sqlstate: old, at, .. }, Outcome::Refused { sqlstate: new, at: other, .. }) => {
            Some(match (old == new, at == other) {
                (false, _) => Kind::Sqlstate,
                (true, false) => Kind::Position,
                (true, true) => Kind::Words,
            })
        }
    })
}

impl fmt::Display for Differences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} texts, {} equal", self.compared, self.compared - self.found.len())?;
        for kind in KINDS.into_iter().filter(|kind| self.of(*kind).next().is_some()) {
            writeln!(f, "{:5} {}", self.of(kind).count(), format!("{kind:?}").to_lowercase())?;
            for Difference { place, text, old, new, .. } in self.of(kind).take(EXAMPLES) {
                writeln!(f, "      {place}: {text}")?;
                old.iter().try_for_each(|line| writeln!(f, "        - {line}"))?;
                new.iter().try_for_each(|line| writeln!(f, "        + {line}"))?;
            }
        }
        Ok(())
    }
}

#[test]
fn what_is_won_is_not_what_is_lost() {
    let planned =
        |physical: &str, shape: &str| Outcome::Planned { physical: physical.into(), shape: vec![shape.into()] };
    let refused = |at, message: &str| match Outcome::refused("0A000", message) {
        Outcome::Refused { sqlstate, message, hint, .. } => Outcome::Refused { sqlstate, at, message, hint },
        other => other,
    };
    for (old, new, expected) in [
        (planned("a", "b"), planned("a", "b"), None),
        (refused(None, "x"), planned("a", "b"), Some(Kind::Won)),
        (planned("a", "b"), refused(None, "x"), Some(Kind::Lost)),
        (planned("a", "b"), planned("a", "c"), Some(Kind::Shape)),
        (refused(Some(1), "x"), refused(Some(2), "x"), Some(Kind::Position)),
        (refused(Some(1), "x"), refused(Some(1), "y"), Some(Kind::Words)),
        (refused(None, "x"), Outcome::Forward, Some(Kind::Forwarded)),
        (Outcome::Forward, Outcome::Qualified("a".into()), Some(Kind::Forwarded)),
    ] {
        assert_eq!(kind(std::slice::from_ref(&old), std::slice::from_ref(&new)), expected, "{old:?} {new:?}");
    }
    assert_eq!(kind(&[], &[Outcome::Forward]), Some(Kind::Count));
}
