//! The types of protected columns: names, OIDs, modifiers, families, and the sealed domain of each.

use std::fmt;

/// Precision and scale of `numeric(p, s)`: 1 ≤ p ≤ 1000, -1000 ≤ s ≤ 1000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NumericModifier {
    /// Total number of decimal digits.
    pub precision: u16,
    /// Digits after the point; negative rounds before it.
    pub scale: i16,
}

/// A type that a protected column can have in this version, with its modifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Type {
    /// boolean
    Bool,
    /// smallint
    Int2,
    /// integer
    Int4,
    /// bigint
    Int8,
    /// numeric, numeric(p, s)
    Numeric(Option<NumericModifier>),
    /// text
    Text,
    /// varchar, varchar(n): n in characters
    Varchar(Option<u32>),
    /// bytea
    Bytea,
    /// uuid
    Uuid,
    /// date
    Date,
    /// timestamp, timestamp(p): 0 ≤ p ≤ 6 fractional digits
    Timestamp(Option<u8>),
    /// timestamptz, timestamptz(p)
    Timestamptz(Option<u8>),
    /// json
    Json,
    /// jsonb
    Jsonb,
}

/// The u16 code of a family of types (VAL-3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Family(pub u16);

/// How the server is asked for S(v) of a value that it has in the clear (VAL-1).
enum Asked {
    /// By the type's send function.
    Send(&'static str),
    /// As text in UTF8. The send functions of these types answer in client_encoding, which a session, a role or a
    /// database sets.
    Utf8,
    /// The same behind the version byte of `jsonb_send`.
    VersionedUtf8,
}

/// One line a type: `pg_type.oid`, `typlen`, `typname`, how S is asked for, sealed domain, families of S and E.
struct Facts {
    oid: u32,
    len: i16,
    name: &'static str,
    stored_by: Asked,
    domain: &'static str,
    stored: u16,
    equality: Option<u16>,
}

#[rustfmt::skip]
const fn facts(oid: u32, len: i16, name: &'static str, stored_by: Asked, domain: &'static str, stored: u16, equality: Option<u16>) -> Facts {
    Facts { oid, len, name, stored_by, domain, stored, equality }
}

impl Type {
    #[rustfmt::skip]
    const fn facts(&self) -> Facts {
        use Asked::{Send, Utf8, VersionedUtf8};
        match self {
            Type::Bool           => facts(16,   1,  "bool",        Send("boolsend"),         "sealed_bool",        0x07, Some(0x07)),
            Type::Int2           => facts(21,   2,  "int2",        Send("int2send"),         "sealed_int2",        0x01, Some(0x01)),
            Type::Int4           => facts(23,   4,  "int4",        Send("int4send"),         "sealed_int4",        0x01, Some(0x01)),
            Type::Int8           => facts(20,   8,  "int8",        Send("int8send"),         "sealed_int8",        0x01, Some(0x01)),
            Type::Numeric(_)     => facts(1700, -1, "numeric",     Send("numeric_send"),     "sealed_numeric",     0x0f, Some(0x01)),
            Type::Text           => facts(25,   -1, "text",        Utf8,                     "sealed_text",        0x03, Some(0x03)),
            Type::Varchar(_)     => facts(1043, -1, "varchar",     Utf8,                     "sealed_varchar",     0x03, Some(0x03)),
            Type::Bytea          => facts(17,   -1, "bytea",       Send("byteasend"),        "sealed_bytea",       0x09, Some(0x09)),
            Type::Uuid           => facts(2950, 16, "uuid",        Send("uuid_send"),        "sealed_uuid",        0x08, Some(0x08)),
            Type::Date           => facts(1082, 4,  "date",        Send("date_send"),        "sealed_date",        0x10, Some(0x10)),
            Type::Timestamp(_)   => facts(1114, 8,  "timestamp",   Send("timestamp_send"),   "sealed_timestamp",   0x12, Some(0x12)),
            Type::Timestamptz(_) => facts(1184, 8,  "timestamptz", Send("timestamptz_send"), "sealed_timestamptz", 0x13, Some(0x13)),
            Type::Json           => facts(114,  -1, "json",        Utf8,                     "sealed_json",        0x30, None),
            // The equality form of jsonb (a tagged tree) is not in this version: no beacon, no `=`.
            Type::Jsonb          => facts(3802, -1, "jsonb",       VersionedUtf8,            "sealed_jsonb",       0x19, None),
        }
    }

    /// Reads a type as the schema file writes it: PostgreSQL's names and aliases, any case, `varchar(120)`,
    /// `numeric(12,2)`, `timestamp(3) with time zone`.
    pub fn from_name(name: &str) -> Option<Self> {
        let name = name.trim().to_ascii_lowercase();
        let (head, modifier, tail) = match name.split_once('(') {
            Some((head, rest)) => {
                let (inner, tail) = rest.split_once(')')?;
                (head, Some(inner), tail)
            }
            None => (name.as_str(), None, ""),
        };
        let words: Vec<&str> = head.split_whitespace().chain(tail.split_whitespace()).collect();
        let numbers = modifier
            .map(|inner| inner.split(',').map(|part| part.trim().parse::<i32>().ok()).collect::<Option<Vec<_>>>())
            .map_or(Some(Vec::new()), |numbers| numbers.filter(|numbers| !numbers.is_empty()))?;
        let base = match words.join(" ").as_str() {
            "bool" | "boolean" => Type::Bool,
            "int2" | "smallint" => Type::Int2,
            "int4" | "int" | "integer" => Type::Int4,
            "int8" | "bigint" => Type::Int8,
            "numeric" | "decimal" => Type::Numeric(None),
            "text" => Type::Text,
            "varchar" | "character varying" => Type::Varchar(None),
            "bytea" => Type::Bytea,
            "uuid" => Type::Uuid,
            "date" => Type::Date,
            "timestamp" | "timestamp without time zone" => Type::Timestamp(None),
            "timestamptz" | "timestamp with time zone" => Type::Timestamptz(None),
            "json" => Type::Json,
            "jsonb" => Type::Jsonb,
            _ => return None,
        };
        base.with_modifier(&numbers)
    }

    fn with_modifier(self, numbers: &[i32]) -> Option<Self> {
        match (self, numbers) {
            (ty, []) => Some(ty),
            (Type::Numeric(_), &[precision]) => numeric_modifier(precision, 0).map(|m| Type::Numeric(Some(m))),
            (Type::Numeric(_), &[precision, scale]) => {
                numeric_modifier(precision, scale).map(|m| Type::Numeric(Some(m)))
            }
            // 10,485,760 characters is PostgreSQL's MaxAttrSize.
            (Type::Varchar(_), &[n @ 1..=10_485_760]) => u32::try_from(n).ok().map(|n| Type::Varchar(Some(n))),
            (Type::Timestamp(_), &[p @ 0..=6]) => u8::try_from(p).ok().map(|p| Type::Timestamp(Some(p))),
            (Type::Timestamptz(_), &[p @ 0..=6]) => u8::try_from(p).ok().map(|p| Type::Timestamptz(Some(p))),
            _ => None,
        }
    }

    /// The type of a column in the catalog; `None` for one that this version does not know.
    pub fn from_pg(oid: u32, typmod: i32) -> Option<Self> {
        let base = match oid {
            16 => Type::Bool,
            21 => Type::Int2,
            23 => Type::Int4,
            20 => Type::Int8,
            1700 => Type::Numeric(None),
            25 => Type::Text,
            1043 => Type::Varchar(None),
            17 => Type::Bytea,
            2950 => Type::Uuid,
            1082 => Type::Date,
            1114 => Type::Timestamp(None),
            1184 => Type::Timestamptz(None),
            114 => Type::Json,
            3802 => Type::Jsonb,
            _ => return None,
        };
        if typmod < 0 {
            return Some(base);
        }
        match base {
            // The scale is an 11-bit two's complement number since PostgreSQL 15; before, it was never negative.
            Type::Numeric(_) => {
                let packed = typmod - 4;
                base.with_modifier(&[(packed >> 16) & 0xffff, ((packed & 0x7ff) ^ 1024) - 1024])
            }
            Type::Varchar(_) => base.with_modifier(&[typmod - 4]),
            Type::Timestamp(_) | Type::Timestamptz(_) => base.with_modifier(&[typmod]),
            _ => None,
        }
    }

    /// `pg_type.oid`.
    pub fn oid(&self) -> u32 {
        self.facts().oid
    }

    /// `pg_type.typlen`.
    pub fn typlen(&self) -> i16 {
        self.facts().len
    }

    /// `pg_attribute.atttypmod`, -1 for none.
    pub fn typmod(&self) -> i32 {
        match *self {
            Type::Numeric(Some(NumericModifier { precision, scale })) => {
                ((i32::from(precision) << 16) | (i32::from(scale) & 0x7ff)) + 4
            }
            Type::Varchar(Some(n)) => i32::try_from(n).map_or(-1, |n| n + 4),
            Type::Timestamp(Some(p)) | Type::Timestamptz(Some(p)) => i32::from(p),
            _ => -1,
        }
    }

    /// The name of the domain over bytea, in schema `pgseal`, that labels a sealed column: `sealed_text`,
    /// `sealed_int4`, …
    pub fn sealed_domain(&self) -> &'static str {
        self.facts().domain
    }

    /// Name of the type in `pg_catalog`, without modifier: `int4`, `varchar`.
    pub fn pg_name(&self) -> &'static str {
        self.facts().name
    }

    /// The SQL expression that gives S(v) of a stored value, NULL for NULL (VAL-1, CELL-8): `pg_catalog.int8send(v)`,
    /// and of text its UTF8 whatever client_encoding is.
    pub fn stored_expression(&self, value: &str) -> String {
        let utf8 = format!("pg_catalog.convert_to(({value})::pg_catalog.text, 'UTF8')");
        match self.facts().stored_by {
            Asked::Send(function) => format!("pg_catalog.{function}({value})"),
            Asked::Utf8 => utf8,
            Asked::VersionedUtf8 => format!("(E'\\\\x01'::pg_catalog.bytea OPERATOR(pg_catalog.||) {utf8})"),
        }
    }

    /// The family of S.
    pub fn family(&self) -> Family {
        Family(self.facts().stored)
    }

    /// The family of E, or `None` for a type without equality form (json; jsonb in this version): it takes no
    /// beacon, no context and no `=`.
    pub fn equality(&self) -> Option<Family> {
        self.facts().equality.map(Family)
    }

    /// Whether it may carry a beacon in this version: it has E, and is neither bool nor jsonb.
    pub fn takes_beacon(&self) -> bool {
        self.equality().is_some() && *self != Type::Bool
    }

    /// Whether it may stand in the encryption context (CELL-7).
    pub fn takes_context(&self) -> bool {
        self.equality().is_some()
    }

    /// The type without its modifier: what an untyped constant is read as in a comparison (SQL-20).
    pub fn unmodified(&self) -> Self {
        match self {
            Type::Numeric(_) => Type::Numeric(None),
            Type::Varchar(_) => Type::Varchar(None),
            Type::Timestamp(_) => Type::Timestamp(None),
            Type::Timestamptz(_) => Type::Timestamptz(None),
            other => *other,
        }
    }

    /// Whether two types differ only in their modifier.
    pub fn same_base(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

fn numeric_modifier(precision: i32, scale: i32) -> Option<NumericModifier> {
    if !(1..=1000).contains(&precision) || !(-1000..=1000).contains(&scale) {
        return None;
    }
    Some(NumericModifier { precision: u16::try_from(precision).ok()?, scale: i16::try_from(scale).ok()? })
}

/// As `pg_catalog.format_type` prints it: `character varying(120)`, `timestamp(3) with time zone`.
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Bool => f.write_str("boolean"),
            Type::Int2 => f.write_str("smallint"),
            Type::Int4 => f.write_str("integer"),
            Type::Int8 => f.write_str("bigint"),
            Type::Numeric(None) => f.write_str("numeric"),
            Type::Numeric(Some(m)) => write!(f, "numeric({},{})", m.precision, m.scale),
            Type::Varchar(None) => f.write_str("character varying"),
            Type::Varchar(Some(n)) => write!(f, "character varying({n})"),
            Type::Timestamp(None) => f.write_str("timestamp without time zone"),
            Type::Timestamp(Some(p)) => write!(f, "timestamp({p}) without time zone"),
            Type::Timestamptz(None) => f.write_str("timestamp with time zone"),
            Type::Timestamptz(Some(p)) => write!(f, "timestamp({p}) with time zone"),
            Type::Text | Type::Bytea | Type::Uuid | Type::Date | Type::Json | Type::Jsonb => {
                f.write_str(self.pg_name())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_schema_file_and_of_the_catalog_agree() {
        for (name, oid, typmod, printed) in [
            ("varchar(120)", 1043, 124, "character varying(120)"),
            ("Numeric( 12 , 2 )", 1700, 786_438, "numeric(12,2)"),
            ("decimal(5)", 1700, 327_684, "numeric(5,0)"),
            ("numeric(3,-2)", 1700, 0, "numeric(3,-2)"),
            ("timestamp(3) with time zone", 1184, 3, "timestamp(3) with time zone"),
            ("timestamptz", 1184, -1, "timestamp with time zone"),
            ("int", 23, -1, "integer"),
        ] {
            let ty = Type::from_name(name).unwrap();
            assert_eq!(ty.to_string(), printed);
            assert_eq!(ty.oid(), oid);
            if !name.contains('-') {
                assert_eq!(ty.typmod(), typmod, "{name}");
            }
            assert_eq!(Type::from_pg(ty.oid(), ty.typmod()), Some(ty));
        }
    }

    #[test]
    fn impossible_types_are_not_types() {
        for name in [
            "varchar(0)",
            "varchar(a)",
            "numeric(0)",
            "numeric(1001,2)",
            "timestamp(7)",
            "int(4)",
            "text(",
            "float8",
            "",
        ] {
            assert_eq!(Type::from_name(name), None, "{name}");
        }
    }
}
