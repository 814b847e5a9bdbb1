//! What a server can be made to lie about, and when.

/// For which statements a lie is told: those whose text, as it came from us, contains a text; all of them, or one.
#[derive(Debug, Clone)]
pub(crate) struct When {
    contains: String,
    /// Counted from 1 since the lie was registered.
    nth: Option<usize>,
}

impl When {
    /// Of every statement that contains this text.
    pub(crate) fn every(contains: &str) -> Self {
        Self { contains: contains.to_owned(), nth: None }
    }

    /// Of the n-th of them from now, counted from 1. A statement that is prepared once and executed twice is one text,
    /// one description and two answers: each lie counts what it is about.
    pub(crate) fn nth(nth: usize, contains: &str) -> Self {
        Self { contains: contains.to_owned(), nth: Some(nth) }
    }
}

/// A lie. Rows and columns count from 0, parameters from 1 as `$1` does.
#[derive(Debug, Clone)]
pub(crate) enum Lie {
    /// The server answers with the rows of another condition: genuine rows with their own addresses, of one snapshot,
    /// with every clause but WHERE as it was asked.
    Where(String),
    /// In the text of the statement, wherever this stands, the server reads that.
    Text(String, String),
    /// The server reads another value of a parameter, in the form in which the true one came.
    Parameter(usize, Option<Vec<u8>>),
    /// Two columns change their places in the description of the rows, and only there.
    SwapColumns(usize, usize),
    /// Two rows of a result change their places.
    SwapRows(usize, usize),
    /// A row of a result comes twice.
    RepeatRow(usize),
    /// A row of a result does not come.
    DropRow(usize),
    /// Two fields of a row change their places.
    SwapFields { row: usize, one: usize, other: usize },
    /// A field of a row holds something else.
    Field { row: usize, column: usize, value: Option<Vec<u8>> },
    /// The command tag says this.
    Tag(String),
    /// At the end of the answer the server reports this value of a setting, and keeps silent about its true one.
    Status(String, String),
}

/// What a lie changes, and so when it is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    /// Of a Query or a Parse.
    Text,
    /// Of a Bind.
    Parameters,
    /// Of a Query or a Describe.
    Description,
    /// Of a Query or an Execute: rows, tag, and what is reported beside them.
    Answer,
}

impl Lie {
    pub(super) fn subject(&self) -> Subject {
        match self {
            Lie::Where(_) | Lie::Text(..) => Subject::Text,
            Lie::Parameter(..) => Subject::Parameters,
            Lie::SwapColumns(..) => Subject::Description,
            Lie::SwapRows(..)
            | Lie::RepeatRow(_)
            | Lie::DropRow(_)
            | Lie::SwapFields { .. }
            | Lie::Field { .. }
            | Lie::Tag(_)
            | Lie::Status(..) => Subject::Answer,
        }
    }
}

/// All lies of a server, and how often each was in place.
#[derive(Default)]
pub(super) struct Lies {
    rules: Vec<(When, Lie, usize)>,
    pub(super) told: usize,
}

impl Lies {
    pub(super) fn add(&mut self, when: When, lie: Lie) {
        self.rules.push((when, lie, 0));
    }

    pub(super) fn clear(&mut self) {
        self.rules.clear();
        self.told = 0;
    }

    /// The lies for what is about to be asked or answered.
    pub(super) fn about(&mut self, text: &str, subject: Subject) -> Vec<Lie> {
        let mut lies = Vec::new();
        for (when, lie, met) in &mut self.rules {
            if lie.subject() == subject && text.contains(&when.contains) {
                *met += 1;
                if when.nth.is_none_or(|nth| nth == *met) {
                    lies.push(lie.clone());
                }
            }
        }
        lies
    }
}
