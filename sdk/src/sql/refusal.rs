//! A statement that is not answered: SQLSTATE, which column or construct, why, and what would work.

use crate::error::{ColumnName, SqlState, UserFacing};

/// Why a statement is refused. None of the texts ever holds a value of the statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// 0A000 unless PostgreSQL itself has an error for it (42703, 42601, …).
    pub sqlstate: SqlState,
    /// What cannot be done, with the name of the column or construct.
    pub message: String,
    /// What would work.
    pub hint: Option<String>,
    /// Byte offset into the client's text, where one place is to blame.
    pub position: Option<usize>,
    /// The column that it is about, if it is about one.
    pub column: Option<Box<ColumnName>>,
}

impl Refusal {
    /// A refusal with 0A000.
    pub fn new(message: impl Into<String>) -> Self {
        Self::error(SqlState::FEATURE_NOT_SUPPORTED, message)
    }

    /// An error that PostgreSQL itself would give.
    pub fn error(sqlstate: SqlState, message: impl Into<String>) -> Self {
        Self { sqlstate, message: message.into(), hint: None, position: None, column: None }
    }

    /// Adds what would work.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the column.
    pub fn of(mut self, column: ColumnName) -> Self {
        self.column = Some(Box::new(column));
        self
    }

    /// Adds the place in the client's text.
    pub fn at(mut self, byte: usize) -> Self {
        self.position = Some(byte);
        self
    }
}

impl UserFacing for Refusal {
    fn sqlstate(&self) -> SqlState {
        self.sqlstate
    }
    fn message(&self) -> String {
        self.message.clone()
    }
    fn hint(&self) -> Option<String> {
        self.hint.clone()
    }
    fn column(&self) -> Option<&ColumnName> {
        self.column.as_deref()
    }
}
