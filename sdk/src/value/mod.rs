//! Values of protected columns: parsed from what clients send, rendered for what clients read, and the two byte
//! forms S (stored, lossless) and E (equality) of docs/formats.md.
//!
//! A value is never sent to the server to be computed: type modifiers, casts and normal forms are applied here
//! (VAL-7). To add a type: its file, its lines of `table.rs`, and, if no variant of [`Value`] holds it, one of its own
//! here. The lists of `tests/e2e/values` ask for its values.

mod array;
mod assign;
mod bits;
mod bool;
mod bytea;
mod calendar;
mod codec;
mod datetime;
mod digits;
mod float;
mod inet;
mod int;
mod interval;
mod iso8601;
mod json;
mod mac;
mod modifier;
mod numeric;
mod oid;
mod settings;
mod table;
mod text;
mod time;
mod ty;
mod uuid;

use std::borrow::Cow;

pub use array::Array;
pub(crate) use array::Builder;
pub use bits::Bits;
pub(crate) use codec::Shape;
pub use float::{Float4, Float8};
pub use inet::Inet;
pub use interval::{Interval, IntervalModifier, IntervalStyle};
pub use modifier::NumericModifier;
pub use numeric::Numeric;
pub use settings::Settings;
pub use table::{Element, Type};
pub use time::Timetz;
pub use ty::Family;

use codec::Sent;

use crate::encoding::{ClientEncoding, EncodingError};
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

impl Format {
    /// As the protocol has it.
    pub const fn code(self) -> u16 {
        match self {
            Format::Text => 0,
            Format::Binary => 1,
        }
    }
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
    /// float4
    Float4(Float4),
    /// float8
    Float8(Float8),
    /// text, varchar, char(n), name
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
    /// time: microseconds of a day, up to 24:00
    Time(i64),
    /// timetz
    Timetz(Timetz),
    /// interval
    Interval(Interval),
    /// oid
    Oid(u32),
    /// pg_lsn
    Lsn(u64),
    /// macaddr
    Macaddr([u8; 6]),
    /// macaddr8
    Macaddr8([u8; 8]),
    /// inet, cidr
    Inet(Inet),
    /// bit(n), varbit
    Bits(Bits<'a>),
    /// json: the text as given
    Json(Cow<'a, str>),
    /// jsonb: PostgreSQL's own text form
    Jsonb(Cow<'a, str>),
    /// An array of any of the others
    Array(Array<'a>),
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

impl From<EncodingError> for Error {
    fn from(error: EncodingError) -> Self {
        Self::new(error.sqlstate(), error.message())
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
    /// Reads what a client sent for a parameter or literal of type `ty`, in UTF-8 ([`decoded`]), and applies the type modifier as an
    /// assignment does (rounding to a scale, 22001 for a text that is too long). A comparison must not apply it
    /// (SQL-20): ask with [`Type::unmodified`] then.
    ///
    /// # Errors
    /// PostgreSQL's SQLSTATE for the same input, without the value. Bytes that are not UTF-8 are 22021.
    ///
    /// ```
    /// use pgseal::value::{Format, Settings, Type, Value};
    ///
    /// let settings = Settings::default();
    /// // A value has no Debug, so that none gets into a log.
    /// assert!(Value::parse(&Type::Int4, Format::Text, b" 42 ", &settings)? == Value::Int(42));
    /// assert!(Value::parse(&Type::Int4, Format::Binary, &42_i32.to_be_bytes(), &settings)? == Value::Int(42));
    /// let error = Value::parse(&Type::Varchar(Some(3)), Format::Text, b"J45.1", &settings).err().unwrap();
    /// assert_eq!(error.sqlstate.to_string(), "22001");
    /// assert!(!error.to_string().contains("J45.1"));
    /// # Ok::<(), pgseal::value::Error>(())
    /// ```
    pub fn parse(ty: &Type, format: Format, bytes: &'a [u8], settings: &Settings) -> Result<Self, Error> {
        let codec = &ty.facts().codec;
        let value = match format {
            Format::Text => (codec.parse)(ty, text::utf8(bytes)?, settings)?,
            Format::Binary => (codec.read)(ty, bytes)?,
        };
        (codec.limit)(value, ty)
    }

    /// PostgreSQL's assignment cast from `from` to `to` (int to numeric, numeric to int with rounding, varchar to
    /// text, …), then the type modifier of `to`. A pair that PostgreSQL does not cast on assignment is 42804.
    pub fn assign(self, from: &Type, to: &Type) -> Result<Self, Error> {
        assign::assign(self, from, to)
    }

    /// Carries a constant of type `from` into the domain of a column of type `to` for a comparison (VAL-4, SQL-20):
    /// `Ok(None)` if no value of `to` equals it. The modifier of `to` is never applied. A pair that is refused or
    /// has no operator is an error (42883, or 0A000 where PostgreSQL has one that is not reproduced here).
    pub fn carry(self, from: &Type, to: &Type) -> Result<Option<Self>, Error> {
        assign::carry(self, from, to)
    }

    /// Appends S(v) (VAL-1): PostgreSQL's send layout.
    pub fn write_stored(&self, ty: &Type, out: &mut Vec<u8>) {
        match self {
            Value::Bool(v) => out.push(u8::from(*v)),
            Value::Int(v) => int::write(ty, *v, out),
            Value::Numeric(v) => v.write(out),
            Value::Float4(v) => v.write(out),
            Value::Float8(v) => v.write(out),
            Value::Text(v) | Value::Json(v) => out.extend_from_slice(v.as_bytes()),
            Value::Bytea(v) => out.extend_from_slice(v),
            Value::Uuid(v) => out.extend_from_slice(v),
            Value::Date(v) => out.extend_from_slice(&v.to_be_bytes()),
            Value::Timetz(v) => v.write(out),
            Value::Interval(v) => v.write(out),
            Value::Oid(v) => out.extend_from_slice(&v.to_be_bytes()),
            Value::Lsn(v) => out.extend_from_slice(&v.to_be_bytes()),
            Value::Macaddr(v) => out.extend_from_slice(v),
            Value::Macaddr8(v) => out.extend_from_slice(v),
            Value::Inet(v) => v.write(ty, out),
            Value::Bits(v) => v.write(out),
            Value::Time(v) | Value::Timestamp(v) | Value::Timestamptz(v) => out.extend_from_slice(&v.to_be_bytes()),
            Value::Jsonb(v) => {
                out.push(1);
                out.extend_from_slice(v.as_bytes());
            }
            Value::Array(v) => v.write_stored(out),
        }
    }

    /// Reads S(v) back. It was authenticated, so a document is not parsed a second time; every length and range is
    /// checked nevertheless.
    pub fn read_stored(ty: &Type, bytes: &'a [u8]) -> Result<Self, Error> {
        match (ty, bytes) {
            (Type::Json, text) => text::utf8(text).map(|text| Value::Json(Cow::Borrowed(text))),
            (Type::Array(_), stored) => Array::read_stored(ty, stored).map(Value::Array),
            (Type::Jsonb, [1, text @ ..]) => text::utf8(text).map(|text| Value::Jsonb(Cow::Borrowed(text))),
            _ => (ty.facts().codec.read)(ty, bytes),
        }
    }

    /// Room in which S(v) fits.
    pub(crate) fn stored_room(&self) -> usize {
        match self {
            Value::Bool(_)
            | Value::Int(_)
            | Value::Float4(_)
            | Value::Float8(_)
            | Value::Uuid(_)
            | Value::Date(_)
            | Value::Timestamp(_)
            | Value::Timestamptz(_)
            | Value::Time(_)
            | Value::Timetz(_)
            | Value::Interval(_)
            | Value::Oid(_)
            | Value::Lsn(_)
            | Value::Macaddr(_)
            | Value::Macaddr8(_) => 16,
            // Four bytes before an address of sixteen.
            Value::Inet(_) => 20,
            Value::Bits(v) => v.stored_room(),
            Value::Numeric(v) => v.stored_room(),
            Value::Text(v) => v.len(),
            Value::Bytea(v) => v.len(),
            // jsonb has its version in front.
            Value::Json(v) | Value::Jsonb(v) => v.len() + 1,
            Value::Array(v) => v.stored_room(),
        }
    }

    /// Appends E(v) (VAL-2). Types without an equality form ([`Type::equality`] is `None`) append nothing and must
    /// not be asked.
    pub fn write_equality(&self, ty: &Type, out: &mut Vec<u8>) {
        match self {
            // Integers and numeric are one family: 1 = 1.0.
            Value::Int(v) => numeric::write_integer_equality(*v, out),
            Value::Numeric(v) => v.write_equality(out),
            Value::Float4(v) => float::write_equality(v.get().into(), out),
            Value::Float8(v) => float::write_equality(v.get(), out),
            Value::Text(v) if matches!(ty, Type::Bpchar(_)) => {
                out.extend_from_slice(v.trim_end_matches(' ').as_bytes())
            }
            Value::Inet(v) => v.write_equality(out),
            Value::Interval(v) => v.write_equality(out),
            Value::Array(v) => v.write_equality(out),
            Value::Json(_) | Value::Jsonb(_) => {}
            Value::Bool(_)
            | Value::Text(_)
            | Value::Bytea(_)
            | Value::Uuid(_)
            | Value::Date(_)
            | Value::Time(_)
            | Value::Timetz(_)
            | Value::Oid(_)
            | Value::Lsn(_)
            | Value::Macaddr(_)
            | Value::Macaddr8(_)
            | Value::Bits(_)
            | Value::Timestamp(_)
            | Value::Timestamptz(_) => self.write_stored(ty, out),
        }
    }

    /// Appends what PostgreSQL would send for this value in `format` under `settings`.
    ///
    /// # Errors
    /// 22P05 where client_encoding lacks a character of it, 0A000 where it is one that is not read here, and where `settings` ask for a rendering that is not reproduced (DateStyle other than ISO, `bytea_output`
    /// other than hex); see [`Settings::renders`].
    pub fn render(&self, ty: &Type, format: Format, settings: &Settings, out: &mut Vec<u8>) -> Result<(), Error> {
        if let (Value::Text(text) | Value::Json(text) | Value::Jsonb(text), false) = (self, settings.encoding.is_utf8())
        {
            let encoded = settings.encoding.encode(text)?;
            let version: &[u8] = if format == Format::Binary && *ty == Type::Jsonb { &[1] } else { &[] };
            out.extend_from_slice(version);
            out.extend_from_slice(&encoded);
            return Ok(());
        }
        match (self, format) {
            (Value::Array(array), Format::Binary) => return array.send(settings, out),
            (Value::Array(_), Format::Text) if !settings.encoding.is_utf8() => {
                let mut text = Vec::new();
                self.render_text(ty, settings, &mut text)?;
                out.extend_from_slice(&settings.encoding.encode(text::utf8(&text)?)?);
                return Ok(());
            }
            (_, Format::Text) => return self.render_text(ty, settings, out),
            (_, Format::Binary) => self.write_stored(ty, out),
        }
        Ok(())
    }

    /// The text form in UTF-8.
    fn render_text(&self, ty: &Type, settings: &Settings, out: &mut Vec<u8>) -> Result<(), Error> {
        settings.renders(ty)?;
        match self {
            Value::Array(v) => v.render(settings, out)?,
            Value::Bool(v) => out.push(if *v { b't' } else { b'f' }),
            Value::Int(v) => digits::push_signed(*v, out),
            Value::Numeric(v) => v.render(out),
            Value::Float4(v) => v.render(settings.extra_float_digits, out),
            Value::Float8(v) => v.render(settings.extra_float_digits, out),
            Value::Text(v) | Value::Json(v) | Value::Jsonb(v) => out.extend_from_slice(v.as_bytes()),
            Value::Bytea(v) => bytea::render(v, out),
            Value::Uuid(v) => uuid::render(v, out),
            Value::Date(v) => datetime::render_date(*v, out),
            Value::Time(v) => time::render(*v, out),
            Value::Timetz(v) => v.render(out),
            Value::Interval(v) => v.render(settings.interval_style, out),
            Value::Oid(v) => oid::render(*v, out),
            Value::Lsn(v) => oid::render_lsn(*v, out),
            Value::Macaddr(v) => mac::render(v, out),
            Value::Macaddr8(v) => mac::render(v, out),
            Value::Inet(v) => v.render(ty, out),
            Value::Bits(v) => v.render(out),
            Value::Timestamp(v) => datetime::render_timestamp(*v, None, out),
            Value::Timestamptz(v) => datetime::render_timestamp(*v, settings.time_zone.as_ref(), out),
        }
        Ok(())
    }

    /// The widest type of a value like this one.
    pub(crate) fn widest_type(&self) -> Type {
        match self {
            Value::Bool(_) => Type::Bool,
            Value::Int(_) => Type::Int8,
            Value::Numeric(_) => Type::Numeric(None),
            Value::Float4(_) => Type::Float4,
            Value::Float8(_) => Type::Float8,
            Value::Text(_) => Type::Text,
            Value::Bytea(_) => Type::Bytea,
            Value::Uuid(_) => Type::Uuid,
            Value::Date(_) => Type::Date,
            Value::Time(_) => Type::Time(None),
            Value::Timetz(_) => Type::Timetz(None),
            Value::Interval(_) => Type::Interval(None),
            Value::Oid(_) => Type::Oid,
            Value::Lsn(_) => Type::PgLsn,
            Value::Macaddr(_) => Type::Macaddr,
            Value::Macaddr8(_) => Type::Macaddr8,
            Value::Inet(_) => Type::Inet,
            Value::Bits(_) => Type::Varbit(None),
            Value::Timestamp(_) => Type::Timestamp(None),
            Value::Timestamptz(_) => Type::Timestamptz(None),
            Value::Json(_) => Type::Json,
            Value::Jsonb(_) => Type::Jsonb,
            Value::Array(v) => v.ty(),
        }
    }

    /// The same value without a borrow.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Value::Bool(v) => Value::Bool(v),
            Value::Int(v) => Value::Int(v),
            Value::Numeric(v) => Value::Numeric(v),
            Value::Float4(v) => Value::Float4(v),
            Value::Float8(v) => Value::Float8(v),
            Value::Text(v) => Value::Text(Cow::Owned(v.into_owned())),
            Value::Bytea(v) => Value::Bytea(Cow::Owned(v.into_owned())),
            Value::Uuid(v) => Value::Uuid(v),
            Value::Date(v) => Value::Date(v),
            Value::Time(v) => Value::Time(v),
            Value::Timetz(v) => Value::Timetz(v),
            Value::Interval(v) => Value::Interval(v),
            Value::Oid(v) => Value::Oid(v),
            Value::Lsn(v) => Value::Lsn(v),
            Value::Macaddr(v) => Value::Macaddr(v),
            Value::Macaddr8(v) => Value::Macaddr8(v),
            Value::Inet(v) => Value::Inet(v),
            Value::Bits(v) => Value::Bits(v.into_owned()),
            Value::Timestamp(v) => Value::Timestamp(v),
            Value::Timestamptz(v) => Value::Timestamptz(v),
            Value::Json(v) => Value::Json(Cow::Owned(v.into_owned())),
            Value::Jsonb(v) => Value::Jsonb(Cow::Owned(v.into_owned())),
            Value::Array(v) => Value::Array(v.into_owned()),
        }
    }
}

/// What a client sent for a value of type `ty`, with its texts in UTF-8: everything in text, and the texts in binary.
///
/// # Errors
/// Those of [`ClientEncoding::decode`].
pub fn decoded<'a>(
    encoding: ClientEncoding,
    ty: &Type,
    format: Format,
    bytes: &'a [u8],
) -> Result<Cow<'a, [u8]>, Error> {
    // It is checked where it is read.
    if encoding.is_utf8() {
        return Ok(Cow::Borrowed(bytes));
    }
    let utf8 = |bytes: &'a [u8]| {
        Ok::<_, Error>(match encoding.decode(bytes)? {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        })
    };
    match (format, ty.facts().codec.sent, bytes) {
        (Format::Text, _, _) | (Format::Binary, Sent::Utf8 | Sent::PaddedUtf8, _) => utf8(bytes),
        (Format::Binary, Sent::VersionedUtf8, [version, text @ ..]) => match utf8(text)? {
            Cow::Borrowed(_) => Ok(Cow::Borrowed(bytes)),
            Cow::Owned(text) => Ok(Cow::Owned([&[*version], text.as_slice()].concat())),
        },
        (Format::Binary, Sent::Array, _) => match ty.element() {
            // Those of numbers have no texts in them.
            Some(element) if !matches!(element.facts().codec.sent, Sent::By(_)) => {
                array::decoded(&element, bytes, |bytes| decoded(encoding, &element, format, bytes)).map(Cow::Owned)
            }
            Some(_) | None => Ok(Cow::Borrowed(bytes)),
        },
        (Format::Binary, Sent::VersionedUtf8, []) | (Format::Binary, Sent::By(_), _) => Ok(Cow::Borrowed(bytes)),
    }
}

/// A value of a fixed length.
fn exactly<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Error> {
    bytes.try_into().map_err(|_| if bytes.len() < N { too_short() } else { too_long() })
}

/// PostgreSQL's errors for a message (pqformat.c, `exec_bind_message`).
fn too_short() -> Error {
    Error::new(SqlState::PROTOCOL_VIOLATION, "insufficient data left in message")
}

fn too_long() -> Error {
    Error::new(SqlState::INVALID_BINARY_REPRESENTATION, "incorrect binary data format")
}

#[cfg(test)]
mod tests;
