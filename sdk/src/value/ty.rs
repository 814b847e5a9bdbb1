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

impl Type {
    /// Reads a type as the schema file writes it: PostgreSQL's names and aliases, any case, `varchar(120)`,
    /// `numeric(12,2)`, `timestamp(3) with time zone`.
    pub fn from_name(name: &str) -> Option<Self> {
        let _ = name;
        todo!()
    }

    /// The type of a column in the catalog; `None` for one that this version does not know.
    pub fn from_pg(oid: u32, typmod: i32) -> Option<Self> {
        let _ = (oid, typmod);
        todo!()
    }

    /// `pg_type.oid`.
    pub fn oid(&self) -> u32 {
        todo!()
    }

    /// `pg_type.typlen`.
    pub fn typlen(&self) -> i16 {
        todo!()
    }

    /// `pg_attribute.atttypmod`, -1 for none.
    pub fn typmod(&self) -> i32 {
        todo!()
    }

    /// The name of the domain over bytea, in schema `pgseal`, that labels a sealed column: `sealed_text`,
    /// `sealed_int4`, …
    pub fn sealed_domain(&self) -> &'static str {
        todo!()
    }

    /// Name of the type in `pg_catalog`, without modifier: `int4`, `varchar`; its send function is this name with
    /// `send` (or `_send`): see [`Type::send_function`].
    pub fn pg_name(&self) -> &'static str {
        todo!()
    }

    /// The function of `pg_catalog` that gives S(v) of a stored value: `int8send`, `textsend`, `numeric_send`, …
    pub fn send_function(&self) -> &'static str {
        todo!()
    }

    /// The family of S.
    pub fn family(&self) -> Family {
        todo!()
    }

    /// The family of E, or `None` for a type without equality form (json; jsonb in this version): it takes no
    /// beacon, no context and no `=`.
    pub fn equality(&self) -> Option<Family> {
        todo!()
    }

    /// Whether it may carry a beacon in this version: it has E, and is neither bool nor jsonb.
    pub fn takes_beacon(&self) -> bool {
        todo!()
    }

    /// Whether it may stand in the encryption context (CELL-7).
    pub fn takes_context(&self) -> bool {
        todo!()
    }

    /// Whether two types differ only in their modifier.
    pub fn same_base(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

/// As `pg_catalog.format_type` prints it: `character varying(120)`, `timestamp(3) with time zone`.
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let _ = f;
        todo!()
    }
}
