//! Values of protected columns: parsed from what clients send, rendered for what clients read, and the two byte
//! forms S (stored, lossless) and E (equality) of docs/formats.md.
//!
//! A value is never sent to the server to be computed: type modifiers, casts and normal forms are applied here
//! (VAL-7). To add a type: one file, one arm in each `match` of this one, one test.

mod assign;
mod bool;
mod bytea;
mod datetime;
mod int;
mod json;
mod numeric;
mod settings;
mod text;
mod ty;
mod uuid;

use std::borrow::Cow;

pub use numeric::Numeric;
pub use settings::Settings;
pub use ty::{Family, NumericModifier, Type};

use crate::error::{SqlState, UserFacing};

/// PostgreSQL's two wire formats of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Format {
    /// Format code 0.
    #[default]
    Text,
    /// Format code 1.
    Binary,
}

/// A non-NULL value. SQL NULL is the `None` of an `Option<Value>`.
///
/// It has no `Debug`: a plaintext must not reach a log by accident.
#[derive(Clone, PartialEq)]
pub enum Value<'a> {
    /// bool
    Bool(bool),
    /// int2, int4, int8: always within the range of its type
    Int(i64),
    /// numeric
    Numeric(Numeric),
    /// text, varchar
    Text(Cow<'a, str>),
    /// bytea
    Bytea(Cow<'a, [u8]>),
    /// uuid
    Uuid([u8; 16]),
    /// date: days since 2000-01-01; `i32::MIN`/`MAX` are -infinity/infinity
    Date(i32),
    /// timestamp: microseconds since 2000-01-01; `i64::MIN`/`MAX` are -infinity/infinity
    Timestamp(i64),
    /// timestamptz: microseconds since 2000-01-01 UTC; `i64::MIN`/`MAX` are -infinity/infinity
    Timestamptz(i64),
    /// json: the text as given
    Json(Cow<'a, str>),
    /// jsonb: PostgreSQL's own text form
    Jsonb(Cow<'a, str>),
}

/// Why bytes are not a value of a type. It never holds the bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// PostgreSQL's SQLSTATE for the same input.
    pub sqlstate: SqlState,
    /// PostgreSQL's wording without the value.
    pub message: Cow<'static, str>,
}

impl Error {
    pub(crate) fn new(sqlstate: SqlState, message: impl Into<Cow<'static, str>>) -> Self {
        Self { sqlstate, message: message.into() }
    }
}

impl UserFacing for Error {
    fn sqlstate(&self) -> SqlState {
        self.sqlstate
    }
    fn message(&self) -> String {
        self.message.clone().into_owned()
    }
}

impl<'a> Value<'a> {
    /// Reads what a client sent for a parameter or literal of type `ty` and applies the type modifier as an
    /// assignment does (rounding to a scale, 22001 for a text that is too long).
    ///
    /// # Errors
    /// PostgreSQL's SQLSTATE for the same input, without the value. Bytes that are not UTF-8 are 22021.
    pub fn parse(ty: &Type, format: Format, bytes: &'a [u8], settings: &Settings) -> Result<Self, Error> {
        let _ = (ty, format, bytes, settings);
        todo!()
    }

    /// PostgreSQL's assignment cast from `from` to `to` (int to numeric, numeric to int with rounding, varchar to
    /// text, …), then the type modifier of `to`. A pair that PostgreSQL does not cast on assignment is 42804.
    pub fn assign(self, from: &Type, to: &Type) -> Result<Self, Error> {
        let _ = (from, to);
        todo!()
    }

    /// Carries a constant of type `from` into the domain of a column of type `to` for a comparison (VAL-4, SQL-20):
    /// `Ok(None)` if no value of `to` equals it. The modifier of `to` is never applied. A pair that is refused or
    /// has no operator is an error (42883, or 0A000 where PostgreSQL has one that is not reproduced here).
    pub fn carry(self, from: &Type, to: &Type) -> Result<Option<Self>, Error> {
        let _ = (from, to);
        todo!()
    }

    /// Appends S(v) (VAL-1): PostgreSQL's send layout.
    pub fn write_stored(&self, ty: &Type, out: &mut Vec<u8>) {
        let _ = (ty, out);
        todo!()
    }

    /// Reads S(v) back. It is foreign input only after authentication, yet still checked in full.
    pub fn read_stored(ty: &Type, bytes: &'a [u8]) -> Result<Self, Error> {
        let _ = (ty, bytes);
        todo!()
    }

    /// Appends E(v) (VAL-2). Types without an equality form ([`Type::equality`] is `None`) append nothing and must
    /// not be asked.
    pub fn write_equality(&self, ty: &Type, out: &mut Vec<u8>) {
        let _ = (ty, out);
        todo!()
    }

    /// Appends what PostgreSQL would send for this value in `format` under `settings`.
    ///
    /// # Errors
    /// 0A000 where `settings` ask for a rendering that is not reproduced (DateStyle other than ISO, `bytea_output`
    /// other than hex); see [`Settings::renders`].
    pub fn render(&self, ty: &Type, format: Format, settings: &Settings, out: &mut Vec<u8>) -> Result<(), Error> {
        let _ = (ty, format, settings, out);
        todo!()
    }

    /// The same value without a borrow.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Value::Bool(v) => Value::Bool(v),
            Value::Int(v) => Value::Int(v),
            Value::Numeric(v) => Value::Numeric(v),
            Value::Text(v) => Value::Text(Cow::Owned(v.into_owned())),
            Value::Bytea(v) => Value::Bytea(Cow::Owned(v.into_owned())),
            Value::Uuid(v) => Value::Uuid(v),
            Value::Date(v) => Value::Date(v),
            Value::Timestamp(v) => Value::Timestamp(v),
            Value::Timestamptz(v) => Value::Timestamptz(v),
            Value::Json(v) => Value::Json(Cow::Owned(v.into_owned())),
            Value::Jsonb(v) => Value::Jsonb(Cow::Owned(v.into_owned())),
        }
    }
}
