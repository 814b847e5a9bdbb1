//! What the table of types knows of one: its names and numbers, its relatives, and the functions of its own file.

use super::{Error, Settings, Type, Value};

/// What `pg_type` and docs/formats.md say of a type.
pub(super) struct Facts {
    /// `pg_type.oid`
    pub oid: u32,
    /// `pg_type.typarray`
    pub array: u32,
    /// `pg_type.typlen`
    pub len: i16,
    /// `pg_type.typname`
    pub name: &'static str,
    /// The sealed domain over it.
    pub domain: &'static str,
    /// As `format_type` prints it: in front of a modifier, and behind it.
    pub shown: (&'static str, &'static str),
    /// What else it is called in SQL.
    pub aliases: &'static [&'static str],
    /// Family of S (VAL-3).
    pub stored: u16,
    /// Family of E; `None` for a type without one.
    pub equality: Option<u16>,
    /// Its relatives.
    pub kin: Kin,
    /// The functions of its file.
    pub codec: Codec,
}

/// How values of a type are handled: what its file says.
pub(super) struct Codec {
    /// Its input function, without the modifier.
    pub parse: for<'a> fn(&Type, &'a str, &Settings) -> Result<Value<'a>, Error>,
    /// Its receive function, without the modifier. Every length is checked: 08P01 for too few bytes, 22P03 for too many.
    pub read: for<'a> fn(&Type, &'a [u8]) -> Result<Value<'a>, Error>,
    /// Applies the modifier of an assignment.
    pub limit: for<'a> fn(Value<'a>, &Type) -> Result<Value<'a>, Error>,
    /// How the server is asked for S.
    pub sent: Sent,
    /// What its text depends on.
    pub shown_by: ShownBy,
    /// Whether a setting that the server reports decides how its text is read.
    pub read_by_setting: bool,
    /// How a signature covers it.
    pub signed: Signed,
    /// What it is to serde.
    pub shape: Shape,
    /// How `format_type` prints it without a modifier, where that is not the name that takes one.
    pub bare: Option<&'static str>,
    /// The widest type with the same [`Value`]; `None` if that is the type itself.
    pub widest: Option<Type>,
}

impl Codec {
    /// That of a type whose text depends on no setting, and which serde takes as text.
    pub(super) const fn new(
        parse: for<'a> fn(&Type, &'a str, &Settings) -> Result<Value<'a>, Error>,
        read: for<'a> fn(&Type, &'a [u8]) -> Result<Value<'a>, Error>,
        sent: Sent,
    ) -> Self {
        let (shown_by, signed, shape) = (ShownBy::Nothing, Signed::AsStored, Shape::Text);
        Self {
            parse,
            read,
            limit: unlimited,
            sent,
            shown_by,
            read_by_setting: false,
            signed,
            shape,
            bare: None,
            widest: None,
        }
    }
}

fn unlimited<'a>(value: Value<'a>, _: &Type) -> Result<Value<'a>, Error> {
    Ok(value)
}

/// Types with casts and operators among themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kin {
    /// None.
    Alone,
    /// Exact numbers. A higher rank is what an operator makes of a lower one.
    Number(u8),
    /// Binary numbers, ranked as exact ones are, and above them.
    Float(u8),
    /// Strings.
    Text,
    /// Strings padded with blanks that do not count.
    Bpchar,
    /// Names of objects.
    Name,
    /// Times of a day, without and with a zone.
    Clock,
    /// Lengths of time.
    Interval,
    /// Numbers of objects.
    Oid,
    /// Addresses of the internet.
    Inet,
    /// Addresses of hardware.
    Mac,
    /// Strings of bits.
    Bits,
    /// Days and instants, ranked as numbers are.
    Time(u8),
    Json,
    Jsonb,
    /// Arrays, which are related as their elements are.
    Array,
}

/// How the server is asked for S(v) of a value that it has in the clear (VAL-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    /// By the type's send function.
    By(&'static str),
    /// As text in UTF8. The send functions of these types answer in client_encoding, which a session, a role or a
    /// database sets.
    Utf8,
    /// As text in UTF8, but through the output function: the cast cuts blanks.
    PaddedUtf8,
    /// The same behind the version byte of `jsonb_send`.
    VersionedUtf8,
    /// Of an array: from what its elements are.
    Array,
}

/// What the text form of a value depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ShownBy {
    Nothing,
    DateStyle,
    /// `DateStyle` and `TimeZone`; what is read in text depends on `TimeZone` as well.
    TimeZone,
    ByteaOutput,
    ExtraFloatDigits,
    /// What is read in text depends on it as well.
    IntervalStyle,
}

/// S as a signature covers it (SIG-2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signed {
    AsStored,
    /// Integers are widened to eight bytes, so that a wider type needs no new signatures (CELL-9).
    Widened,
    /// Without blanks at the end.
    Trimmed,
}

/// What a type is to serde.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A boolean.
    Bool,
    /// An integer.
    Integer,
    /// An integer, or the text of a number.
    Number,
    /// A binary number.
    Float,
    /// Its text.
    Text,
    /// Bytes, or their text.
    Bytes,
    /// A whole document.
    Document,
    /// A sequence of what its elements are.
    List,
}
