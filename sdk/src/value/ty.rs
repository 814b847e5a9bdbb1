//! The types of protected columns by name, OID and modifier, and what the rest of the house may ask of one.

use std::fmt;

use super::codec::{Kin, Sent, Shape, ShownBy, Signed};
use super::{IntervalModifier, Type};

/// The u16 code of a family of types (VAL-3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Family(pub u16);

/// Names that say a length of 1 where they say none.
const OF_ONE: &[&str] = &["char", "character", "bit"];

impl Type {
    /// Reads a type as the schema file writes it: PostgreSQL's names and aliases, any case, `varchar(120)`,
    /// `numeric(12,2)`, `timestamp(3) with time zone`.
    pub fn from_name(name: &str) -> Option<Self> {
        let name = name.trim().to_ascii_lowercase();
        if let Some(element) = element_name(&name) {
            return Self::from_name(element)?.array();
        }
        let (head, modifier, tail) = match name.split_once('(') {
            Some((head, rest)) => {
                let (inner, tail) = rest.split_once(')')?;
                (head, Some(inner), tail)
            }
            None => (name.as_str(), None, ""),
        };
        let words: Vec<&str> = head.split_whitespace().chain(tail.split_whitespace()).collect();
        let words = words.join(" ");
        // The names of fields stand between the name of the type and the number in parentheses.
        if let Some(fields) = words.strip_prefix("interval ") {
            let precision = modifier.map(|precision| precision.trim().parse::<i32>()).transpose().ok()?;
            return IntervalModifier::of_words(fields, precision).map(|modifier| Self::Interval(Some(modifier)));
        }
        let known = |ty: &&Self| ty.pg_name() == words || ty.facts().aliases.contains(&words.as_str());
        let base = *Self::ALL.iter().find(known)?;
        let Some(inner) = modifier else {
            return if OF_ONE.contains(&words.as_str()) { base.with_numbers(&[1]) } else { Some(base) };
        };
        let numbers: Option<Vec<i32>> = inner.split(',').map(|part| part.trim().parse().ok()).collect();
        base.with_numbers(&numbers?)
    }

    /// The type that `pg_catalog` has under this name.
    pub fn from_pg_name(name: &str) -> Option<Self> {
        Self::every().find(|ty| ty.pg_name() == name)
    }

    /// The type of a column in the catalog; `None` for one that this version does not know.
    pub fn from_pg(oid: u32, typmod: i32) -> Option<Self> {
        let base = Self::every().find(|ty| ty.oid() == oid)?;
        if typmod < 0 { Some(base) } else { base.with_typmod(typmod) }
    }

    /// Every one, without its modifier.
    pub fn every() -> impl Iterator<Item = Self> {
        Self::ALL.iter().chain(Self::ARRAYS).copied()
    }

    /// Of an array, the type of its elements; `None` for any other type.
    pub const fn element(&self) -> Option<Self> {
        match self {
            Self::Array(element) => Some(element.ty()),
            _ => None,
        }
    }

    /// The element type of an array type.
    pub fn of_array(oid: u32) -> Option<Self> {
        Self::ALL.iter().find(|ty| ty.array_oid() == oid).copied()
    }

    /// `pg_type.oid`.
    pub fn oid(&self) -> u32 {
        self.facts().oid
    }

    /// `pg_type.typarray`: the OID of the array type over it; 0 for an array.
    pub fn array_oid(&self) -> u32 {
        self.facts().array
    }

    /// `pg_type.typlen`.
    pub fn typlen(&self) -> i16 {
        self.facts().len
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
        match self.facts().codec.sent {
            Sent::By(function) => format!("pg_catalog.{function}({value})"),
            Sent::Utf8 => utf8,
            Sent::PaddedUtf8 => {
                format!("pg_catalog.convert_to(pg_catalog.textin(pg_catalog.bpcharout({value})), 'UTF8')")
            }
            Sent::VersionedUtf8 => format!("(E'\\\\x01'::pg_catalog.bytea OPERATOR(pg_catalog.||) {utf8})"),
            Sent::Array => array_expression(self.element(), value),
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

    /// Whether it may carry a beacon in this version: it has E, and is neither bool nor jsonb, nor an array of them.
    pub fn takes_beacon(&self) -> bool {
        self.equality().is_some() && self.element().unwrap_or(*self) != Type::Bool
    }

    /// Whether it may stand in the encryption context (CELL-7).
    pub fn takes_context(&self) -> bool {
        self.equality().is_some() && self.element().is_none()
    }

    /// Whether two types differ only in their modifier.
    pub fn same_base(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Array(own), Self::Array(other)) => std::mem::discriminant(own) == std::mem::discriminant(other),
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }

    /// Whether it is int2, int4 or int8.
    pub fn is_integer(&self) -> bool {
        self.is_number() && !matches!(self, Type::Numeric(_))
    }

    /// Whether it is an exact number: an integer or numeric.
    pub fn is_number(&self) -> bool {
        matches!(self.facts().kin, Kin::Number(_))
    }

    /// Whether it is float4 or float8.
    pub fn is_float(&self) -> bool {
        matches!(self.facts().kin, Kin::Float(_))
    }

    /// Whether it is text or varchar.
    pub fn is_text(&self) -> bool {
        self.facts().kin == Kin::Text
    }

    /// Whether an explicit cast to it cuts or pads what an assignment would reject.
    pub fn is_cut_by_casts(&self) -> bool {
        match self {
            Type::Varchar(length) | Type::Bpchar(length) => length.is_some(),
            Type::Bit(length) | Type::Varbit(length) => length.is_some(),
            Type::Array(element) => element.ty().is_cut_by_casts(),
            _ => false,
        }
    }

    /// Whether it is a string type: PostgreSQL assigns anything to it.
    pub(super) fn is_string(&self) -> bool {
        matches!(self.facts().kin, Kin::Text | Kin::Bpchar | Kin::Name)
    }

    /// As `format_type` prints it for an error, which has no modifier: `character`, `bit varying`.
    pub fn sql_name(&self) -> String {
        let (before, behind) = self.facts().shown;
        let brackets = if self.element().is_some() { "[]" } else { "" };
        format!("{before}{behind}{brackets}")
    }

    /// Whether an operator over values of both types works with this one, and the other one is converted to it.
    pub fn outranks(&self, other: &Self) -> bool {
        match (self.facts().kin, other.facts().kin) {
            (Kin::Number(own), Kin::Number(other)) | (Kin::Time(own), Kin::Time(other)) => own > other,
            (Kin::Float(own), Kin::Float(other)) => own > other,
            (Kin::Float(_), Kin::Number(_)) => true,
            _ => false,
        }
    }

    /// Whether how a value in text is read depends on the session's `TimeZone` or `IntervalStyle`.
    pub fn reads_settings(&self) -> bool {
        self.facts().codec.read_by_setting
    }

    /// Whether a value is shown by a setting that the server does not report.
    pub fn shown_by_unreported(&self) -> bool {
        match self.facts().codec.shown_by {
            ShownBy::ByteaOutput | ShownBy::ExtraFloatDigits => true,
            ShownBy::Nothing | ShownBy::DateStyle | ShownBy::TimeZone | ShownBy::IntervalStyle => false,
        }
    }

    /// S as a signature covers it (SIG-2), of eight bytes in `wide` where it differs. `None`: it is no value of this type.
    pub(crate) fn signed_form<'b>(&self, stored: &'b [u8], wide: &'b mut [u8; 8]) -> Option<&'b [u8]> {
        match (self.facts().codec.signed, stored) {
            (Signed::AsStored, stored) => Some(stored),
            (Signed::Trimmed, stored) => {
                let end = stored.iter().rposition(|byte| *byte != b' ').map_or(0, |last| last + 1);
                stored.get(..end)
            }
            (Signed::Widened, stored) if i16::try_from(stored.len()) != Ok(self.typlen()) => None,
            (Signed::Widened, stored) => {
                let negative = stored.first().is_some_and(|byte| byte & 0x80 != 0);
                wide.fill(if negative { 0xff } else { 0 });
                let start = wide.len().checked_sub(stored.len())?;
                wide.get_mut(start..)?.copy_from_slice(stored);
                Some(wide)
            }
        }
    }

    /// The widest type whose values are represented as its own are: int8 of an int2, text of a varchar.
    pub(crate) fn widest(&self) -> Self {
        self.facts().codec.widest.unwrap_or(self.unmodified())
    }

    /// What it is to serde.
    pub(crate) fn shape(&self) -> Shape {
        self.facts().codec.shape
    }
}

/// As `pg_catalog.format_type` prints it: `character varying(120)`, `timestamp(3) with time zone`.
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(element) = self.element() {
            return write!(f, "{element}[]");
        }
        let facts = self.facts();
        let (before, behind) = facts.shown;
        if let (Some(bare), true) = (facts.codec.bare, *self == self.unmodified()) {
            return f.write_str(bare);
        }
        write!(f, "{before}{}{behind}", self.shown_modifier())
    }
}

/// The name in front of the brackets of an array type, of which any number means the same: `int[]`, `int[3][]`.
fn element_name(name: &str) -> Option<&str> {
    let mut element = None;
    let mut rest = name;
    while let Some((before, length)) = rest.strip_suffix(']').and_then(|inner| inner.rsplit_once('[')) {
        if !length.trim().bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        rest = before.trim_end();
        element = Some(rest);
    }
    element
}

/// S of an array: `array_send` has flags and a type in the second and third word, and texts in client_encoding.
fn array_expression(element: Option<Type>, value: &str) -> String {
    let sent = |from: u8, length: &str| format!("pg_catalog.substr(pg_catalog.array_send({value}), {from}{length})");
    let and = "OPERATOR(pg_catalog.||)";
    let Some(element) = element.filter(|element| !matches!(element.facts().codec.sent, Sent::By(_))) else {
        return format!("({} {and} {})", sent(1, ", 4"), sent(13, ""));
    };
    let shape = sent(13, &format!(", 8 OPERATOR(pg_catalog.*) COALESCE(pg_catalog.array_ndims({value}), 0)"));
    let item = element.stored_expression("\"pgseal_e\".\"item\"");
    let item = format!(
        "COALESCE(pg_catalog.int4send(pg_catalog.octet_length({item})) {and} {item}, E'\\\\xffffffff'::pg_catalog.bytea)"
    );
    format!(
        "({} {and} {shape} {and} COALESCE((SELECT pg_catalog.string_agg({item}, ''::pg_catalog.bytea \
         ORDER BY \"pgseal_e\".\"at\") FROM pg_catalog.unnest({value}) WITH ORDINALITY AS \"pgseal_e\" (\"item\", \"at\")), \
         ''::pg_catalog.bytea))",
        sent(1, ", 4")
    )
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
            ("interval", 1186, -1, "interval"),
            ("interval(3)", 1186, 0x7fff_0003, "interval(3)"),
            ("INTERVAL Year", 1186, 0x0004_ffff, "interval year"),
            ("interval day to second(2)", 1186, 0x1c08_0002, "interval day to second(2)"),
            ("int [ 3 ][]", 1007, -1, "integer[]"),
            ("varchar(3)[]", 1015, 7, "character varying(3)[]"),
            ("numeric(12,2)[]", 1231, 786_438, "numeric(12,2)[]"),
            ("timestamp(3) with time zone[]", 1185, 3, "timestamp(3) with time zone[]"),
            ("interval(3)[]", 1187, 0x7fff_0003, "interval(3)[]"),
            ("interval day to second(2)[]", 1187, 0x1c08_0002, "interval day to second(2)[]"),
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

    /// What is looked up finds one type, and what labels a column names one.
    #[test]
    fn no_two_types_of_the_table_share_what_tells_them_apart() {
        let names = |ty: &Type| [&[ty.pg_name()], ty.facts().aliases].concat();
        let all: Vec<Type> = Type::every().collect();
        for (index, ty) in all.iter().enumerate() {
            for other in &all[index + 1..] {
                assert_ne!(ty.oid(), other.oid());
                assert!(ty.array_oid() != other.array_oid() || ty.array_oid() == 0);
                assert!(names(ty).iter().all(|name| !names(other).contains(name)), "{ty} and {other}");
            }
            assert_eq!(Type::from_name(&ty.to_string()), Some(*ty), "{ty}");
            assert_eq!(Type::from_pg(ty.oid(), -1), Some(*ty));
            match ty.element() {
                None => assert_eq!(Type::of_array(ty.array_oid()), Some(*ty)),
                Some(element) => assert_eq!(Type::of_array(ty.oid()), Some(element)),
            }
            assert_eq!(ty.sealed_domain(), format!("sealed_{}", ty.pg_name()));
        }
    }

    /// A session that reports nothing is asked for the settings by which a text is read: of a time without a zone that is
    /// the TimeZone, too.
    #[test]
    fn what_is_read_by_a_setting_says_so() {
        let named = |ty: &&Type| ty.reads_settings();
        let named: Vec<_> = Type::ALL.iter().filter(named).map(Type::pg_name).collect();
        assert_eq!(named, ["timetz", "interval", "timestamptz"]);
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
            "interval(7)",
            "interval year(2)",
            "interval month to year",
            "text(",
            "text[",
            "text[a]",
            "[]",
            "text]",
            "money",
            "",
        ] {
            assert_eq!(Type::from_name(name), None, "{name}");
        }
    }
}
