//! What is wrong with a schema file: code, place, and what was probably meant. `diagnostics` draws it with a caret.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;

/// One file as it was read.
#[derive(Debug, Clone)]
pub struct Source {
    /// As it was named.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
}

/// A stretch of one of the files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// Index of the file in the order read.
    pub file: usize,
    /// Its bytes.
    pub span: Range<usize>,
}

/// The kinds of errors, by their codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Code {
    /// A file cannot be read.
    Unreadable = 101,
    /// It is not TOML, or a value has the wrong type.
    Syntax = 201,
    /// A key or word that no version knows.
    Unknown = 202,
    /// A beacon that cannot do what it is asked to.
    Beacon = 203,
    /// Known, and not built yet.
    NotInThisVersion = 204,
    /// A name or id that is too long or has characters it may not have.
    Name = 205,
    /// It names something that is not there.
    Undefined = 206,
    /// Twice the same.
    Duplicate = 207,
    /// A type that is not known, missing, or cannot be used so.
    Type = 208,
    /// A number out of its range.
    Range = 209,
    /// Keys that do not go together.
    Combination = 210,
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PV{}", *self as u16)
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Which kind.
    pub code: Code,
    /// What, in one line.
    pub message: String,
    /// Where; absent if it is about no place in a file.
    pub place: Option<Place>,
    /// What to write beside the caret.
    pub label: Option<String>,
    /// What would work.
    pub help: Option<String>,
}

impl Problem {
    /// A problem at a place.
    pub fn new(code: Code, place: Place, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), place: Some(place), label: None, help: None }
    }

    /// With a word beside the caret.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// With what would work.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// Everything that is wrong with a schema.
#[derive(Debug, Clone)]
pub struct Problems {
    /// The files.
    pub sources: Vec<Source>,
    /// In the order of the files.
    pub list: Vec<Problem>,
}

impl std::error::Error for Problems {}

/// One line a problem, as compilers print them: `path:line:column: error PV202: …`.
impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, problem) in self.list.iter().enumerate() {
            if n > 0 {
                writeln!(f)?;
            }
            if let Some((source, place)) =
                problem.place.as_ref().and_then(|place| Some((self.sources.get(place.file)?, place)))
            {
                let (line, column) = position(&source.text, place.span.start);
                write!(f, "{}:{line}:{column}: ", source.path.display())?;
            }
            write!(f, "error {}: {}", problem.code, problem.message)?;
            if let Some(help) = &problem.help {
                write!(f, " ({help})")?;
            }
        }
        Ok(())
    }
}

/// Line and column of a byte, both from 1, the column in characters.
fn position(text: &str, byte: usize) -> (usize, usize) {
    let before = text.get(..byte).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
    (line, column)
}

/// Which of `candidates` was probably meant by `word`: at most a third of its letters differ.
pub(super) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (distance(&word.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Edit distance in which swapping two neighbours counts once (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let mut rows = vec![(0..=b.len()).collect::<Vec<usize>>()];
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let change = usize::from(a[i - 1] != b[j - 1]);
            row[j] = (rows[i - 1][j] + 1).min(row[j - 1] + 1).min(rows[i - 1][j - 1] + change);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(rows[i - 2][j - 2] + 1);
            }
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_fingers_finds_its_word() {
        assert_eq!(nearest("row_signatrue", ["row_binding", "row_signature"]), Some("row_signature"));
        assert_eq!(nearest("sign_only", ["SIGN_ONLY", "DO_NOTHING"]), Some("SIGN_ONLY"));
        assert_eq!(nearest("xyz", ["name", "type"]), None);
    }
}
