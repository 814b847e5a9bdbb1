//! The table of types: one line each. Everything that asks what a type is asks this.

use std::num::NonZeroU32;

use super::codec::{Facts, Kin};
use super::modifier::Modifier;
use super::{
    IntervalModifier, NumericModifier, array, bits, bool, bytea, datetime, float, inet, int, interval, json, mac,
    numeric, oid, text, time, uuid,
};

/// A variant with its modifier, which has this name in a pattern and in what is made of it.
macro_rules! binder {
    ($of:ident::$variant:ident, $name:ident) => {
        $of::$variant
    };
    ($of:ident::$variant:ident, $name:ident, $modifier:ty) => {
        $of::$variant($name)
    };
}

macro_rules! types {
    ($(
        $(#[$doc:meta])*
        $variant:ident $(($modifier:ty))? = $oid:literal, $array:literal, $len:literal, $name:literal,
            $shown:expr, $aliases:expr, $stored:literal, $equality:expr, $kin:expr, $codec:expr;
    )*) => {
        /// A type that a protected column can have in this version, with its modifier.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Type {
            $( $(#[$doc])* $variant $((Option<$modifier>))?, )*
            /// An array of any of the others, of any number of dimensions.
            Array(Element),
        }

        /// The type of an array's elements, with the modifier that the array has.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Element {
            $( $(#[$doc])* $variant $((Option<$modifier>))?, )*
        }

        impl Element {
            /// As the type of a value.
            pub const fn ty(self) -> Type {
                match self {
                    $( binder!(Self::$variant, modifier $(, $modifier)?) =>
                        binder!(Type::$variant, modifier $(, $modifier)?), )*
                }
            }

            const fn array_facts(self) -> &'static Facts {
                match self {
                    $( Self::$variant { .. } => const {
                        &Facts {
                            oid: $array,
                            array: 0,
                            len: -1,
                            name: concat!("_", $name),
                            domain: concat!("sealed__", $name),
                            shown: $shown,
                            aliases: &[],
                            stored: array::FAMILY | $stored,
                            equality: array::equality($equality),
                            kin: Kin::Array,
                            codec: array::over(&$codec),
                        }
                    }, )*
                }
            }
        }

        impl Type {
            /// Every one that is no array, without its modifier.
            pub const ALL: &'static [Self] = &[$( Self::$variant $((None::<$modifier>))? ),*];

            /// The array of each of them.
            pub const ARRAYS: &'static [Self] =
                &[$( Self::Array(Element::$variant $((None::<$modifier>))?) ),*];

            /// The array type over it; `None` for an array, of which PostgreSQL has none.
            pub const fn array(self) -> Option<Self> {
                match self {
                    $( binder!(Self::$variant, modifier $(, $modifier)?) =>
                        Some(Self::Array(binder!(Element::$variant, modifier $(, $modifier)?))), )*
                    Self::Array(_) => None,
                }
            }

            pub(super) const fn facts(&self) -> &'static Facts {
                match self {
                    Self::Array(element) => element.array_facts(),
                    $( Self::$variant { .. } => const {
                        &Facts {
                            oid: $oid,
                            array: $array,
                            len: $len,
                            name: $name,
                            domain: concat!("sealed_", $name),
                            shown: $shown,
                            aliases: $aliases,
                            stored: $stored,
                            equality: $equality,
                            kin: $kin,
                            codec: $codec,
                        }
                    }, )*
                }
            }

            /// The type without its modifier: what an untyped constant is read as in a comparison (SQL-20).
            pub fn unmodified(&self) -> Self {
                match self {
                    $( Self::$variant { .. } => Self::$variant $((None::<$modifier>))?, )*
                    Self::Array(element) => element.ty().unmodified().array().unwrap_or(*self),
                }
            }

            /// With the modifier that these numbers in parentheses are.
            pub(super) fn with_numbers(self, numbers: &[i32]) -> Option<Self> {
                match self {
                    $( $( Self::$variant(_) => {
                        <$modifier as Modifier>::of_numbers(numbers).map(|modifier| Self::$variant(Some(modifier)))
                    } )? )*
                    _ => None,
                }
            }

            /// With the modifier of a column's `atttypmod`.
            pub(super) fn with_typmod(self, typmod: i32) -> Option<Self> {
                match self {
                    $( $( Self::$variant(_) => {
                        <$modifier as Modifier>::of_typmod(typmod).map(|modifier| Self::$variant(Some(modifier)))
                    } )? )*
                    Self::Array(element) => element.ty().with_typmod(typmod)?.array(),
                    _ => None,
                }
            }

            /// `pg_attribute.atttypmod`, -1 for none.
            pub fn typmod(&self) -> i32 {
                match *self {
                    $( $( Self::$variant(Some(modifier)) => <$modifier as Modifier>::typmod(modifier), )? )*
                    Self::Array(element) => element.ty().typmod(),
                    _ => -1,
                }
            }

            /// The modifier with its parentheses; nothing for none.
            pub(super) fn shown_modifier(&self) -> String {
                match *self {
                    $( $( Self::$variant(Some(modifier)) => <$modifier as Modifier>::shown(modifier), )? )*
                    _ => String::new(),
                }
            }
        }
    };
}

types! {
    // oid, typarray, typlen, typname,
    //     as format_type prints it before and behind a modifier, aliases, family of S, family of E, kin, its file

    /// boolean
    Bool = 16, 1000, 1, "bool",
        ("boolean", ""), &["boolean"], 0x07, Some(0x07), Kin::Alone, bool::CODEC;
    /// smallint
    Int2 = 21, 1005, 2, "int2",
        ("smallint", ""), &["smallint"], 0x01, Some(0x01), Kin::Number(0), int::INT2;
    /// integer
    Int4 = 23, 1007, 4, "int4",
        ("integer", ""), &["int", "integer"], 0x01, Some(0x01), Kin::Number(1), int::INT4;
    /// bigint
    Int8 = 20, 1016, 8, "int8",
        ("bigint", ""), &["bigint"], 0x01, Some(0x01), Kin::Number(2), int::INT8;
    /// numeric, numeric(p, s)
    Numeric(NumericModifier) = 1700, 1231, -1, "numeric",
        ("numeric", ""), &["decimal", "dec"], 0x0f, Some(0x01), Kin::Number(3), numeric::CODEC;
    /// real
    Float4 = 700, 1021, 4, "float4",
        ("real", ""), &["real"], 0x02, Some(0x02), Kin::Float(0), float::FLOAT4;
    /// double precision
    Float8 = 701, 1022, 8, "float8",
        ("double precision", ""), &["double precision", "float"], 0x02, Some(0x02), Kin::Float(1), float::FLOAT8;
    /// text
    Text = 25, 1009, -1, "text",
        ("text", ""), &[], 0x03, Some(0x03), Kin::Text, text::TEXT;
    /// varchar, varchar(n): n in characters
    Varchar(u32) = 1043, 1015, -1, "varchar",
        ("character varying", ""), &["character varying", "char varying"], 0x03, Some(0x03), Kin::Text, text::VARCHAR;
    /// char(n): n in characters, padded with blanks; bpchar
    Bpchar(u32) = 1042, 1014, -1, "bpchar",
        ("character", ""), &["char", "character"], 0x04, Some(0x04), Kin::Bpchar, text::BPCHAR;
    /// name
    Name = 19, 1003, 64, "name",
        ("name", ""), &[], 0x03, Some(0x03), Kin::Name, text::NAME;
    /// bytea
    Bytea = 17, 1001, -1, "bytea",
        ("bytea", ""), &[], 0x09, Some(0x09), Kin::Alone, bytea::CODEC;
    /// uuid
    Uuid = 2950, 2951, 16, "uuid",
        ("uuid", ""), &[], 0x08, Some(0x08), Kin::Alone, uuid::CODEC;
    /// oid
    Oid = 26, 1028, 4, "oid",
        ("oid", ""), &[], 0x0a, Some(0x0a), Kin::Oid, oid::OID;
    /// pg_lsn
    PgLsn = 3220, 3221, 8, "pg_lsn",
        ("pg_lsn", ""), &[], 0x0c, Some(0x0c), Kin::Alone, oid::PG_LSN;
    /// macaddr
    Macaddr = 829, 1040, 6, "macaddr",
        ("macaddr", ""), &[], 0x0d, Some(0x0d), Kin::Mac, mac::MACADDR;
    /// macaddr8
    Macaddr8 = 774, 775, 8, "macaddr8",
        ("macaddr8", ""), &[], 0x0e, Some(0x0e), Kin::Mac, mac::MACADDR8;
    /// inet
    Inet = 869, 1041, -1, "inet",
        ("inet", ""), &[], 0x17, Some(0x17), Kin::Inet, inet::INET;
    /// cidr
    Cidr = 650, 651, -1, "cidr",
        ("cidr", ""), &[], 0x17, Some(0x17), Kin::Inet, inet::CIDR;
    /// bit(n)
    Bit(NonZeroU32) = 1560, 1561, -1, "bit",
        ("bit", ""), &["\"bit\""], 0x16, Some(0x16), Kin::Bits, bits::BIT;
    /// varbit, varbit(n)
    Varbit(NonZeroU32) = 1562, 1563, -1, "varbit",
        ("bit varying", ""), &["bit varying"], 0x16, Some(0x16), Kin::Bits, bits::VARBIT;
    /// time, time(p)
    Time(u8) = 1083, 1183, 8, "time",
        ("time", " without time zone"), &["time without time zone"], 0x11, Some(0x11), Kin::Clock, time::TIME;
    /// timetz, timetz(p)
    Timetz(u8) = 1266, 1270, 12, "timetz",
        ("time", " with time zone"), &["time with time zone"], 0x14, Some(0x14), Kin::Clock, time::TIMETZ;
    /// interval, interval(p), with the names of fields or without
    Interval(IntervalModifier) = 1186, 1187, 16, "interval",
        ("interval", ""), &[], 0x15, Some(0x15), Kin::Interval, interval::CODEC;
    /// date
    Date = 1082, 1182, 4, "date",
        ("date", ""), &[], 0x10, Some(0x10), Kin::Time(0), datetime::DATE;
    /// timestamp, timestamp(p): 0 ≤ p ≤ 6 fractional digits
    Timestamp(u8) = 1114, 1115, 8, "timestamp",
        ("timestamp", " without time zone"), &["timestamp without time zone"], 0x12, Some(0x12), Kin::Time(1),
        datetime::TIMESTAMP;
    /// timestamptz, timestamptz(p)
    Timestamptz(u8) = 1184, 1185, 8, "timestamptz",
        ("timestamp", " with time zone"), &["timestamp with time zone"], 0x13, Some(0x13), Kin::Time(2),
        datetime::TIMESTAMPTZ;
    /// json
    Json = 114, 199, -1, "json",
        ("json", ""), &[], 0x30, None, Kin::Json, json::JSON;
    /// jsonb
    // Its equality form (a tagged tree) is not in this version: no beacon, no `=`.
    Jsonb = 3802, 3807, -1, "jsonb",
        ("jsonb", ""), &[], 0x19, None, Kin::Jsonb, json::JSONB;
}
