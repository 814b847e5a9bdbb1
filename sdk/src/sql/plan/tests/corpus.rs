//! Every statement of the differential corpora is decided, and none that must not be answered is.

use super::support::protection;
use crate::error::SqlState;
use crate::sql::{self, Decision};

/// The same files that the end-to-end runner reads.
const STATEMENTS: &str = concat!(
    include_str!("../../../../../tests/corpus/sql-corpus.sql"),
    "\n",
    include_str!("../../../../../tests/corpus/sql-traps.sql")
);

/// A statement with its tags.
pub(in crate::sql) struct Case {
    pub(in crate::sql) id: String,
    pub(in crate::sql) class: String,
    pub(in crate::sql) text: String,
}

pub(in crate::sql) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for line in STATEMENTS.lines() {
        if let Some(tags) = line.strip_prefix("-- @id ") {
            let word = |key: &str| {
                let after = tags.split(key).nth(1).unwrap_or_default();
                after.split_whitespace().next().unwrap_or_default().to_owned()
            };
            let id = tags.split_whitespace().next().unwrap_or_default().to_owned();
            cases.push(Case { id, class: word("@class"), text: String::new() });
        } else if !line.starts_with("--")
            && let Some(case) = cases.last_mut()
        {
            if !case.text.is_empty() {
                case.text.push('\n');
            }
            case.text.push_str(line);
        }
    }
    for case in &mut cases {
        case.text = case.text.trim_end().trim_end_matches(';').to_owned();
    }
    assert!(cases.len() > 200);
    cases
}

#[test]
fn every_statement_is_decided_and_none_that_must_not_be_is_answered() {
    let protection = protection();
    for case in cases() {
        for statement in sql::plan(&case.text, &[], &protection) {
            match (case.class.as_str(), &statement.decision) {
                ("must_refuse", Decision::Forward | Decision::Rewrite(_)) => panic!("{}: {}", case.id, case.text),
                ("passthrough", Decision::Rewrite(_) | Decision::Refuse(_)) => panic!("{}: {}", case.id, case.text),
                _ => {}
            }
        }
    }
}

/// The statements of class `must` that this version refuses. The list may only shrink.
const REFUSED: [&str; 28] = [
    "D001", "D002", "D003", "D004", "D005", "D006", "W025", "W026", "W027", "W028", "W029", "J003", "Q002", "Q004",
    "Q005", "Q010", "U001", "G008", "G009", "I017", "T001", "R006", "R015", "F001", "F004", "F005", "E013", "E031",
];

#[test]
fn what_must_be_answered_and_is_not_is_listed() {
    let protection = protection();
    let mut refused = Vec::new();
    for case in cases().into_iter().filter(|case| case.class == "must") {
        for statement in sql::plan(&case.text, &[], &protection) {
            if let Decision::Refuse(refusal) = statement.decision
                && refusal.sqlstate == SqlState::FEATURE_NOT_SUPPORTED
            {
                refused.push(case.id.clone());
            }
        }
    }
    assert_eq!(refused, REFUSED);
}
