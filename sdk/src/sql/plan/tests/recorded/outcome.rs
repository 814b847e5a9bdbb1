//! What a planner says of one statement, as text: one line a thing, so that a change is a line of a diff.

use std::fmt::Write as _;

use super::super::asked;
use super::super::support;
use crate::sql::{Decision, OutputSource, ParamRole, Piece, Plan, ReadRow, RowShape, Steps, Template};

/// What happens to a statement. Two planners agree on it when both say the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sql) enum Outcome {
    Forward,
    /// With schemas spliced in, and nothing else.
    Qualified(String),
    Planned {
        /// What is sent, slots as `{recipe}`; several steps one behind the other.
        physical: String,
        /// What becomes of parameters and of the rows that come back.
        shape: Vec<String>,
    },
    Refused {
        sqlstate: String,
        /// Byte offset in the text.
        at: Option<usize>,
        message: String,
        hint: Option<String>,
    },
}

impl Outcome {
    pub(in crate::sql) fn of(decision: &Decision) -> Self {
        match decision {
            Decision::Forward => Outcome::Forward,
            Decision::Qualify(template) => Outcome::Qualified(text(template)),
            Decision::Rewrite(plan) => Outcome::Planned { physical: support::physical(plan), shape: shape(plan) },
            Decision::Refuse(refusal) => Outcome::Refused {
                sqlstate: refusal.sqlstate.to_string(),
                at: refusal.position,
                message: refusal.message.clone(),
                hint: refusal.hint.clone(),
            },
        }
    }

    /// A refusal without a place.
    pub(in crate::sql) fn refused(sqlstate: &str, message: &str) -> Self {
        Outcome::Refused { sqlstate: sqlstate.to_owned(), at: None, message: message.to_owned(), hint: None }
    }

    /// The lines of all outcomes of a text.
    pub(super) fn texts(outcomes: &[Self]) -> Vec<String> {
        outcomes.iter().flat_map(Outcome::lines).collect()
    }

    pub(super) fn lines(&self) -> Vec<String> {
        match self {
            Outcome::Forward => vec!["forward".to_owned()],
            Outcome::Qualified(text) => vec![format!("qualify {text}")],
            Outcome::Planned { physical, shape } => {
                std::iter::once(format!("send {physical}")).chain(shape.iter().cloned()).collect()
            }
            Outcome::Refused { sqlstate, at, message, hint } => {
                let mut line = format!("refuse {sqlstate}");
                at.iter().for_each(|at| write!(line, " @{at}").unwrap());
                write!(line, " {message}").unwrap();
                hint.iter().for_each(|hint| write!(line, " | {hint}").unwrap());
                vec![line]
            }
        }
    }
}

fn text(template: &Template) -> String {
    let piece = |piece: &Piece| match piece {
        Piece::Text(text) => text.clone(),
        Piece::Slot(slot) => format!("{{slot {slot}}}"),
    };
    template.pieces.iter().map(piece).collect()
}

fn shape(plan: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    if !plan.params.is_empty() {
        let roles = plan.params.iter().map(|role| match role {
            ParamRole::Plain { slot } => format!("slot {slot}"),
            ParamRole::Protected { oid } => format!("ours {oid}"),
        });
        lines.push(format!("params {}", roles.collect::<Vec<_>>().join(", ")));
    }
    if let Steps::ReadModifyWrite(work) = &plan.steps {
        lines.push(format!("locks {}", row(&work.read)));
    }
    if let Some(output) = &plan.output {
        lines.push(shown(output));
        lines.extend(output.rows.iter().map(|read| format!("reads {}", row(read))));
    }
    lines
}

fn shown(output: &RowShape) -> String {
    let name = |row: usize, column: usize| &output.rows[row].table.columns[column].logical;
    let columns = output.columns.iter().map(|column| {
        let how = match column.source {
            OutputSource::Pass => String::new(),
            OutputSource::Open { row, column } => format!(" opened {}", name(row, column)),
            OutputSource::Verified { row, column } => format!(" verified {}", name(row, column)),
        };
        format!("{}{how}", column.physical)
    });
    format!("shows {} of {}", columns.collect::<Vec<_>>().join(", "), output.physical)
}

fn row(read: &ReadRow) -> String {
    let table = &read.table;
    let places = |names: Vec<&str>, places: &[Option<usize>]| {
        let placed = names.into_iter().zip(places).filter_map(|(name, place)| Some(format!("{name} {}", (*place)?)));
        placed.collect::<Vec<_>>().join(", ")
    };
    let columns = places(table.columns.iter().map(|column| column.logical.as_str()).collect(), &read.columns);
    let mut line = format!("{} ({columns}", table.logical);
    let tags = places(table.beacons.iter().map(|beacon| beacon.helper.as_str()).collect(), &read.tags);
    if !tags.is_empty() {
        write!(line, "; {tags}").unwrap();
    }
    read.signature.iter().for_each(|place| write!(line, "; signature {place}").unwrap());
    line.push(')');
    let name = |column: usize| table.columns[column].name.clone();
    for condition in &read.conditions {
        write!(line, " where {}", asked::short(condition, &name)).unwrap();
    }
    line
}
