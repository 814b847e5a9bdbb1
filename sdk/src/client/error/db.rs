//! An error that the server reported.

use std::borrow::Cow;
use std::fmt;

use tokio_postgres::error::ErrorPosition;

use crate::error::SqlState;
use crate::framing::Malformed;
use crate::record::Kind;

/// An error that the server reported, in the client's terms: positions count in the client's text, and what shows
/// ciphertext or helper columns is left out.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct DbError {
    severity: String,
    code: String,
    message: String,
    detail: Option<String>,
    hint: Option<String>,
    position: Option<u32>,
    schema: Option<String>,
    table: Option<String>,
    column: Option<String>,
    constraint: Option<String>,
    data_type: Option<String>,
    routine: Option<String>,
}

impl DbError {
    /// From the fields of an ErrorResponse (PostgreSQL 18 manual, 54.8), already translated.
    pub(in crate::client) fn from_fields(fields: &[(u8, Cow<'_, [u8]>)]) -> Result<Self, Malformed> {
        let text = |code: u8| {
            let field = fields.iter().find(|(field, _)| *field == code);
            field.map(|(_, text)| String::from_utf8_lossy(text).into_owned())
        };
        const SHORT: Malformed = Malformed("an error of the server lacks a field that every error has");
        Ok(Self {
            // V is S in English; servers before 9.6 do not send it.
            severity: text(b'V').or_else(|| text(b'S')).ok_or(SHORT)?,
            code: text(b'C').ok_or(SHORT)?,
            message: text(b'M').ok_or(SHORT)?,
            detail: text(b'D'),
            hint: text(b'H'),
            position: text(b'P').and_then(|at| at.parse().ok()),
            schema: text(b's'),
            table: text(b't'),
            column: text(b'c'),
            constraint: text(b'n'),
            data_type: text(b'd'),
            routine: text(b'R'),
        })
    }

    /// The same about another text, whose places are these.
    pub(in crate::client) fn placed(mut self, position: impl FnOnce(u32) -> Option<u32>) -> Self {
        self.position = self.position.and_then(position);
        self
    }

    /// The severity in English: ERROR, FATAL or PANIC.
    pub fn severity(&self) -> &str {
        &self.severity
    }

    /// The SQLSTATE.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// What failed.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// More about it. It may quote a row or a key of an unprotected table, and of a protected one the key that was sent, in
    /// clear: not for a log.
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The place in the statement's text, from 1, in characters.
    pub fn position(&self) -> Option<u32> {
        self.position
    }

    /// The schema of the object that is to blame.
    pub fn schema(&self) -> Option<&str> {
        self.schema.as_deref()
    }

    /// The table.
    pub fn table(&self) -> Option<&str> {
        self.table.as_deref()
    }

    /// The column.
    pub fn column(&self) -> Option<&str> {
        self.column.as_deref()
    }

    /// The constraint.
    pub fn constraint(&self) -> Option<&str> {
        self.constraint.as_deref()
    }

    /// The data type.
    pub fn data_type(&self) -> Option<&str> {
        self.data_type.as_deref()
    }

    /// The function of the server's source that reported it.
    pub fn routine(&self) -> Option<&str> {
        self.routine.as_deref()
    }

    /// A guard that fails on the server is reported as XX001; the server's own checksums are too. Class 28 and 42501
    /// say that this role may not.
    pub(super) fn kind(&self) -> Kind {
        match self.code.as_str() {
            code if code == SqlState::DATA_CORRUPTED.code() => Kind::Tampered,
            "42501" => Kind::Denied,
            code if code.starts_with("28") => Kind::Denied,
            _ => Kind::Database,
        }
    }
}

/// An error about a statement that was forwarded as it is: nothing needs to be translated.
impl From<&tokio_postgres::error::DbError> for DbError {
    fn from(error: &tokio_postgres::error::DbError) -> Self {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Self {
            severity: match error.parsed_severity() {
                Some(severity) => severity.to_string(),
                None => error.severity().to_owned(),
            },
            code: error.code().code().to_owned(),
            message: error.message().to_owned(),
            detail: owned(error.detail()),
            hint: owned(error.hint()),
            position: match error.position() {
                Some(ErrorPosition::Original(at)) => Some(*at),
                Some(ErrorPosition::Internal { .. }) | None => None,
            },
            schema: owned(error.schema()),
            table: owned(error.table()),
            column: owned(error.column()),
            constraint: owned(error.constraint()),
            data_type: owned(error.datatype()),
            routine: owned(error.routine()),
        }
    }
}

/// Without the detail, where PostgreSQL quotes rows.
impl fmt::Debug for DbError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DbError")
            .field("severity", &self.severity)
            .field("code", &self.code)
            .field("message", &self.message)
            .field("position", &self.position)
            .field("constraint", &self.constraint)
            .finish_non_exhaustive()
    }
}
