//! What a session was told, in a form in which doors can be compared.

use std::error::Error;

use pgseal::value::{self, Format, Settings, Value};
use tokio_postgres::types::{FromSql, Type};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    /// OIDs of the parameters' types.
    pub(crate) parameters: Vec<u32>,
    /// Name and OID of the type of each column.
    pub(crate) columns: Vec<(String, u32)>,
    /// In PostgreSQL's text form, of what came in its binary form.
    pub(crate) rows: Vec<Vec<Option<String>>>,
    /// The count of the command tag.
    pub(crate) affected: u64,
    pub(crate) error: Option<Failure>,
}

/// All that an application can see of an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) detail: Option<String>,
    pub(crate) hint: Option<String>,
    /// In characters from 1.
    pub(crate) position: Option<u32>,
    /// Schema, table, column, type, constraint.
    pub(crate) names: [Option<String>; 5],
}

impl Answer {
    pub(crate) fn failed(failure: Failure) -> Self {
        Self { error: Some(failure), ..Self::default() }
    }

    /// In what it differs from the plaintext twin's: an error must have the same SQLSTATE and place, its words are ours.
    pub(crate) fn differs_from_twin(&self, twin: &Self) -> Option<String> {
        let told = |error: &Failure| (error.code.clone(), error.position);
        let (own, other) = (self.error.as_ref().map(told), twin.error.as_ref().map(told));
        if own == other {
            self.differs_in_content(twin)
        } else {
            Some(format!("{:?}, expected {:?}", self.error, twin.error))
        }
    }

    /// In what it differs from what another door told.
    pub(crate) fn differs_from_door(&self, other: &Self) -> Option<String> {
        if self.error == other.error {
            self.differs_in_content(other)
        } else {
            Some(format!("{:?}, another door: {:?}", self.error, other.error))
        }
    }

    fn differs_in_content(&self, other: &Self) -> Option<String> {
        if self.parameters != other.parameters {
            Some(format!("parameters {:?}, expected {:?}", self.parameters, other.parameters))
        } else if self.columns != other.columns {
            Some(format!("columns {:?}, expected {:?}", self.columns, other.columns))
        } else if self.rows != other.rows {
            Some(format!("rows {:?}, expected {:?}", self.rows, other.rows))
        } else if self.affected != other.affected {
            Some(format!("{} rows affected, expected {}", self.affected, other.affected))
        } else {
            None
        }
    }
}

/// A column of a row as it came, of any type.
pub(crate) struct Cell(pub(crate) String);

impl FromSql<'_> for Cell {
    fn from_sql(ty: &Type, bytes: &[u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(text(ty, bytes)))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// The text form of a value of a type of this version, hexadecimal for any other.
fn text(ty: &Type, bytes: &[u8]) -> String {
    let settings = Settings::default();
    let rendered = value::Type::from_pg(ty.oid(), -1).and_then(|ty| {
        let value = Value::parse(&ty, Format::Binary, bytes, &settings).ok()?;
        let mut out = Vec::new();
        value.render(&ty, Format::Text, &settings, &mut out).ok()?;
        String::from_utf8(out).ok()
    });
    rendered.unwrap_or_else(|| bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
