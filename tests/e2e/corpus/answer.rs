//! What a connection answered to a statement, in a form that two connections can be compared by.

use crate::harness::raw::{Frame, Raw, bind, describe, execute, parse, query, sync};

use super::file::Statement;
use super::run::Ask;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// SQLSTATE of an error.
    pub(crate) error: Option<String>,
    /// Name, type, length and modifier of each column, of each result.
    pub(super) columns: Vec<Vec<(String, [u8; 10])>>,
    pub(crate) rows: Vec<Vec<Option<String>>>,
    pub(crate) tags: Vec<String>,
    /// Transaction status after it.
    pub(crate) status: char,
}

/// An answer and the words of its error.
pub(crate) struct Said {
    pub(crate) answer: Answer,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
    /// Where in the statement the error is, in characters.
    pub(crate) position: Option<String>,
}

/// By hand: the simple protocol, or the extended one where there are parameters.
impl Ask for Raw {
    fn ask(&mut self, statement: &Statement) -> Said {
        if !statement.keep {
            self.talk(&query("BEGIN"), 1);
        }
        let frames = match &statement.params {
            None => self.talk(&query(&statement.sql), 1),
            Some(params) => {
                let params: Vec<_> = params.iter().map(Option::as_deref).collect();
                let parsed = parse("", &statement.sql, &[]);
                let script = [parsed, describe(b'S', ""), bind("", "", &params, 0), execute("", 0), sync()];
                self.talk(&script.concat(), 1)
            }
        };
        let said = read(&frames, statement.ordered);
        if said.answer.status != 'I' {
            self.talk(&query("ROLLBACK"), 1);
        }
        said
    }
}

pub(crate) fn read(frames: &[Frame], ordered: bool) -> Said {
    let mut answer = Answer { error: None, columns: vec![], rows: vec![], tags: vec![], status: '?' };
    let (mut message, mut hint, mut position) = (String::new(), None, None);
    for frame in frames {
        match frame.kind {
            'T' => answer.columns.push(columns(&frame.body)),
            'D' => {
                let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
                answer.rows.push(frame.columns().into_iter().map(|value| value.map(text)).collect());
            }
            'C' => answer.tags.push(String::from_utf8_lossy(&frame.body).into_owned()),
            'E' => {
                answer.error = frame.field('C');
                (message, hint, position) = (frame.field('M').unwrap_or_default(), frame.field('H'), frame.field('P'));
            }
            'Z' => answer.status = char::from(frame.body[0]),
            _ => {}
        }
    }
    if answer.error.is_some() {
        // What came before an error is not promised.
        (answer.rows, answer.columns) = (vec![], vec![]);
    }
    if !ordered {
        answer.rows.sort();
    }
    Said { answer, message, hint, position }
}

/// The parts of a RowDescription that do not depend on the database: not the table's OID, not the column's number.
fn columns(body: &[u8]) -> Vec<(String, [u8; 10])> {
    let mut columns = Vec::new();
    let mut rest = &body[2..];
    while let Some(end) = rest.iter().position(|byte| *byte == 0) {
        let name = String::from_utf8_lossy(&rest[..end]).into_owned();
        let fixed = &rest[end + 1..end + 19];
        columns.push((name, fixed[6..16].try_into().unwrap()));
        rest = &rest[end + 19..];
    }
    columns
}

impl Answer {
    /// The first thing in which another answer differs.
    pub(crate) fn difference(&self, other: &Self) -> String {
        let show = |what: &str, one: &dyn std::fmt::Debug, two: &dyn std::fmt::Debug| {
            format!("{what} {one:?}, expected {two:?}")
        };
        if self.error != other.error {
            show("error", &self.error, &other.error)
        } else if self.columns != other.columns {
            show("columns", &self.columns, &other.columns)
        } else if self.rows != other.rows {
            show("rows", &self.rows, &other.rows)
        } else if self.tags != other.tags {
            show("tags", &self.tags, &other.tags)
        } else {
            show("transaction status", &self.status, &other.status)
        }
    }
}
