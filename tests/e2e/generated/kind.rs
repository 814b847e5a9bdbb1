//! Types of generated columns, and the few values that each of them has. What stands in sealed columns is marked, so that
//! it is found wherever it should not be.

use pgseal::value::{self, Format, Settings, Value};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Varchar,
    Int4,
    Int8,
    Numeric,
    Date,
    Uuid,
    Bool,
}

/// In every value of a sealed column of a kind: as text, and in the binary forms of a parameter.
const MARKS: [&[u8]; 10] = [
    b"Zq7xK9",
    b"5a7137784b39",
    b"717171",
    b"2071-07-",
    b"f1a7c0de-7171-4",
    b"\xf1\xa7\xc0\xde\x71\x71\x4a",
    // numeric_send of 717171.nn: two digits behind the point, then 71 and 7171 in base 10000.
    b"\x00\x02\x00\x47\x1c\x03",
    // int8send of 28690000717171nn, behind its length.
    b"\x00\x00\x00\x08\x00\x0a\x31\x57",
    // int4send of 717171…, behind its length.
    b"\x00\x00\x00\x04\x2a\xbf\x29",
    // date_send of 2071-07-nn, behind its length.
    b"\x00\x00\x00\x04\x00\x00\x66",
];

impl Kind {
    pub(super) const ALL: [Kind; 8] =
        [Kind::Text, Kind::Varchar, Kind::Int4, Kind::Int8, Kind::Numeric, Kind::Date, Kind::Uuid, Kind::Bool];

    pub(super) fn sql(self) -> &'static str {
        match self {
            Kind::Text => "text",
            Kind::Varchar => "varchar(40)",
            Kind::Int4 => "integer",
            Kind::Int8 => "bigint",
            Kind::Numeric => "numeric(12,2)",
            Kind::Date => "date",
            Kind::Uuid => "uuid",
            Kind::Bool => "boolean",
        }
    }

    /// The type of an array of them, as a cast.
    pub(super) fn array(self) -> &'static str {
        match self {
            Kind::Text => "text[]",
            Kind::Varchar => "varchar[]",
            Kind::Int4 => "int[]",
            Kind::Int8 => "bigint[]",
            Kind::Numeric => "numeric[]",
            Kind::Date => "date[]",
            Kind::Uuid => "uuid[]",
            Kind::Bool => "bool[]",
        }
    }

    pub(super) fn oid(self) -> u32 {
        match self {
            Kind::Text => 25,
            Kind::Varchar => 1043,
            Kind::Int4 => 23,
            Kind::Int8 => 20,
            Kind::Numeric => 1700,
            Kind::Date => 1082,
            Kind::Uuid => 2950,
            Kind::Bool => 16,
        }
    }

    pub(super) fn array_oid(self) -> u32 {
        match self {
            Kind::Text => 1009,
            Kind::Varchar => 1015,
            Kind::Int4 => 1007,
            Kind::Int8 => 1016,
            Kind::Numeric => 1231,
            Kind::Date => 1182,
            Kind::Uuid => 2951,
            Kind::Bool => 1000,
        }
    }

    pub(super) fn has_beacon(self) -> bool {
        self != Kind::Bool
    }

    pub(super) fn is_number(self) -> bool {
        matches!(self, Kind::Int4 | Kind::Int8 | Kind::Numeric)
    }

    pub(super) fn is_text(self) -> bool {
        matches!(self, Kind::Text | Kind::Varchar)
    }

    /// Few, so that rows have many in common.
    pub(super) fn values(self, sealed: bool) -> &'static [&'static str] {
        match (self, sealed) {
            (Kind::Text, true) => &[
                "Zq7xK9",
                "zZq7xK9 ",
                "Zq7xK9 O'Brien",
                "\\Zq7xK9\\",
                "Zq7xK9\u{e9}\u{20ac}%_",
                "Zq7xK9 $1 -- /* \" ;",
                "Zq7xK9\n",
                "e\u{301}Zq7xK9",
            ],
            (Kind::Varchar, true) => &["vZq7xK9", "vZq7xK9  ", "vZq7xK9'", "VZq7xK9", "vZq7xK9\t{,}"],
            (Kind::Int4, true) => &["717171008", "717171009", "717171010"],
            (Kind::Int8, true) => &["2869000071717108", "2869000071717109", "2869000071717110"],
            (Kind::Numeric, true) => &["717171.25", "717171.20", "-717171.25", "717171.00"],
            (Kind::Date, true) => &["2071-07-01", "2071-07-02", "2071-07-31"],
            (Kind::Uuid, true) => &[
                "f1a7c0de-7171-4a00-8000-000000000001",
                "f1a7c0de-7171-4a00-8000-000000000002",
                "f1a7c0de-7171-4a00-8000-000000000003",
            ],
            (Kind::Text, false) => &["red", "blue", "", "O'Brien", "back\\slash", "\u{e9}", "Red", "%"],
            (Kind::Varchar, false) => &["red", "blue ", "", "VAR"],
            (Kind::Int4, false) => &["0", "1", "2", "3", "-7"],
            (Kind::Int8, false) => &["1", "2", "3", "4", "5", "6", "9000000000"],
            (Kind::Numeric, false) => &["0.00", "1.50", "-2.25", "3.00"],
            (Kind::Date, false) => &["2024-02-29", "1999-12-31", "2024-03-01"],
            (Kind::Uuid, false) => &["00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"],
            (Kind::Bool, _) => &["true", "false"],
        }
    }

    /// What the type's send function gives.
    pub(super) fn binary(self, text: &str) -> Vec<u8> {
        let ty = value::Type::from_pg(self.oid(), -1).unwrap();
        let value = Value::parse(&ty, Format::Text, text.as_bytes(), &Settings::default()).unwrap();
        let mut bytes = Vec::new();
        value.write_stored(&ty, &mut bytes);
        bytes
    }
}

/// Whether a value of a sealed column is in these bytes. Long runs of hexadecimal digits are cells and tags of ours, in
/// which a few digits occur by chance.
pub(super) fn marked(bytes: &[u8]) -> bool {
    let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-');
    let mut readable = Vec::with_capacity(bytes.len());
    for run in bytes.chunk_by(|left, right| is_digit(left) == is_digit(right)) {
        let random = run.len() >= 24 && run.first().is_some_and(is_digit);
        readable.extend_from_slice(if random { b" " } else { run });
    }
    let finder = |mark: &[u8]| {
        let place = if mark.len() < 12 && mark.iter().all(is_digit) { &readable } else { bytes };
        place.windows(mark.len()).any(|window| window == mark)
    };
    MARKS.into_iter().any(finder)
}

#[test]
fn every_value_of_a_sealed_column_is_found_in_every_form_and_no_other_is() {
    for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Bool) {
        for text in kind.values(true) {
            let binary = kind.binary(text);
            let field = [&u32::try_from(binary.len()).unwrap().to_be_bytes()[..], &binary].concat();
            assert!(marked(text.as_bytes()), "{text}");
            assert!(marked(&field), "{text} in binary: {field:02x?}");
        }
        for text in kind.values(false) {
            assert!(!marked(text.as_bytes()), "{text}");
        }
    }
    assert!(!marked(format!("'\\x00717171{}'", "ab".repeat(12)).as_bytes()));
}
