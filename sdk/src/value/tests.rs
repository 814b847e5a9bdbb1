//! All types together: round trips of every form, and foreign bytes.

use proptest::prelude::*;

use super::*;

const MODIFIED: &[&str] = &["numeric(12,2)", "varchar(5)", "timestamp(2)", "varchar(2)[]"];

const NASTY: &[(&str, &[&str])] = &[
    ("bool", &["t", "f"]),
    ("int2", &["0", "-32768", "32767"]),
    ("int8", &["9223372036854775807", "-1"]),
    ("numeric", &["0", "0.00", "1e100", "-12345.67800", "NaN", "Infinity", "0.00000000000000000001"]),
    ("float4", &["0", "-0", "0.1", "NaN", "-Infinity", "1e-45", "3.4028235e+38"]),
    ("float8", &["0", "-0", "0.1", "NaN", "Infinity", "5e-324", "9007199254740993"]),
    ("text", &["", " ", "é", "e\u{301}", "\\'\"", "Ünïcode 😀"]),
    ("varchar(5)", &["äöüßx", "ab   "]),
    ("bytea", &["\\x", "\\x00ff", "abc"]),
    ("uuid", &["00000000-0000-4000-8000-000000000001"]),
    ("char(5)", &["abc", "äöü  ", ""]),
    ("bpchar", &["abc  "]),
    ("name", &["pg_class"]),
    ("oid", &["0", "-1"]),
    ("pg_lsn", &["16/B374D848"]),
    ("macaddr", &["08002b:010203"]),
    ("macaddr8", &["08:00:2b:01:02:03"]),
    ("inet", &["10.0.0.1/24", "::1", "::ffff:1.2.3.4/120"]),
    ("cidr", &["10", "2001:db8::/32"]),
    ("bit(5)", &["10101"]),
    ("varbit", &["", "x1F", "101010101"]),
    ("time", &["24:00", "04:05:06.5"]),
    ("timetz", &["04:05:06-08:30:15", "10:00"]),
    ("interval", &["1 year 2 mons -3 days 04:05:06.7", "-00:00:00.000001", "P-1Y2M3DT-4H", "00:00:00"]),
    ("interval day to minute", &["1-2 3 4:05:06"]),
    ("date", &["infinity", "-infinity", "1999-01-08", "0044-03-15 BC"]),
    ("timestamp", &["1999-01-08 04:05:06.000001", "infinity"]),
    ("timestamptz", &["1999-01-08 04:05:06.5+02", "-infinity"]),
    ("json", &["{\"a\" : 1}", "[]"]),
    ("jsonb", &["{\"a\": 1}", "null", "\"\\n\""]),
    ("text[]", &["{}", "{a,NULL,\"NULL\",\"\",\"a b\"}", "[0:1][1:1]={{a},{\"\\\"\\\\\"}}", "{{{{{{a}}}}}}"]),
    ("int4[]", &["{1,NULL,-1}", "[-1:0][2:3]={{1,2},{3,4}}"]),
    ("varchar(3)[]", &["{abc,NULL}"]),
    ("char(3)[]", &["{a,\"b  \"}"]),
    ("jsonb[]", &["{\"{\\\"a\\\": 1}\",null}"]),
    ("timestamptz[]", &["{1999-01-08 04:05:06.5+02,NULL}"]),
];

/// VAL-1: what is stored is read back, and both wire forms lead to the same value.
#[test]
fn every_form_of_a_value_leads_back_to_it() {
    let settings = Settings::default();
    for (name, inputs) in NASTY {
        let ty = Type::from_name(name).unwrap();
        for input in *inputs {
            let value = Value::parse(&ty, Format::Text, input.as_bytes(), &settings).unwrap();
            let mut stored = Vec::new();
            value.write_stored(&ty, &mut stored);
            assert!(Value::read_stored(&ty, &stored).unwrap() == value, "{name} {input}");
            for format in [Format::Text, Format::Binary] {
                let mut out = Vec::new();
                value.render(&ty, format, &settings, &mut out).unwrap();
                assert!(Value::parse(&ty, format, &out, &settings).unwrap() == value, "{name} {input} {format:?}");
            }
        }
    }
}

/// VAL-3: an integer and a numeric that are equal have one E.
#[test]
fn equality_crosses_the_integer_types_and_numeric() {
    let e = |name: &str, text: &str| {
        let ty = Type::from_name(name).unwrap();
        let mut out = Vec::new();
        Value::parse(&ty, Format::Text, text.as_bytes(), &Settings::default()).unwrap().write_equality(&ty, &mut out);
        out
    };
    assert_eq!(e("int2", "100"), e("numeric", "1.00e2"));
    assert_eq!(e("int8", "-7"), e("numeric(12,2)", "-7"));
    assert_eq!(e("text", "a"), e("varchar", "a"));
    assert_ne!(e("text", "a"), e("text", "a "));
}

#[test]
fn a_modifier_is_applied_to_what_is_written() {
    let read = |name: &str, text: &str| {
        let ty = Type::from_name(name).unwrap();
        let mut out = Vec::new();
        Value::parse(&ty, Format::Text, text.as_bytes(), &Settings::default())
            .and_then(|value| value.render(&ty, Format::Text, &Settings::default(), &mut out))
            .map(|()| String::from_utf8(out).unwrap())
    };
    assert_eq!(read("numeric(12,2)", "1.005").unwrap(), "1.01");
    assert_eq!(read("varchar(5)", "12345   ").unwrap(), "12345");
    assert_eq!(read("varchar(5)", "123456").unwrap_err().sqlstate, SqlState::STRING_DATA_RIGHT_TRUNCATION);
    assert_eq!(read("timestamp(0)", "2026-01-01 00:00:00.5").unwrap(), "2026-01-01 00:00:01");
}

proptest! {
    #[test]
    fn foreign_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        let modified = MODIFIED.iter().map(|name| Type::from_name(name).unwrap());
        for ty in Type::every().chain(modified) {
            for format in [Format::Text, Format::Binary] {
                if let Ok(value) = Value::parse(&ty, format, &bytes, &Settings::default()) {
                    let mut stored = Vec::new();
                    value.write_stored(&ty, &mut stored);
                    prop_assert!(Value::read_stored(&ty, &stored).unwrap() == value, "{}", ty);
                }
            }
            let _ = Value::read_stored(&ty, &bytes);
        }
    }
}

/// client_encoding is that of the texts, and of no other byte.
#[test]
fn texts_go_both_ways_in_the_encoding_of_the_client_sql_7() {
    let latin = ClientEncoding::of("LATIN1").unwrap();
    let settings = Settings { encoding: latin, ..Settings::default() };
    for (name, format, bytes, stored) in [
        ("text", Format::Text, &b"caf\xe9"[..], "café".as_bytes()),
        ("varchar(4)", Format::Binary, b"caf\xe9", "café".as_bytes()),
        ("json", Format::Text, b"[\"\xe9\"]", "[\"é\"]".as_bytes()),
        ("json", Format::Binary, b"[\"\xe9\"]", "[\"é\"]".as_bytes()),
        ("jsonb", Format::Text, b"[\"\xe9\"]", "\x01[\"é\"]".as_bytes()),
        ("jsonb", Format::Binary, b"\x01[\"\xe9\"]", "\x01[\"é\"]".as_bytes()),
        ("jsonb", Format::Binary, b"\x01[\"e\"]", b"\x01[\"e\"]"),
        ("text[]", Format::Text, b"{\xe9,NULL}", b"\0\0\0\x01\0\0\0\x02\0\0\0\x01\0\0\0\x02\xc3\xa9\xff\xff\xff\xff"),
        (
            "text[]",
            Format::Binary,
            b"\0\0\0\x01\0\0\0\0\0\0\0\x19\0\0\0\x01\0\0\0\x01\0\0\0\x01\xe9",
            b"\0\0\0\x01\0\0\0\x01\0\0\0\x01\0\0\0\x02\xc3\xa9",
        ),
        ("bytea", Format::Binary, b"\xe9\0", b"\xe9\0"),
        ("int2", Format::Binary, b"\xe9\0", b"\xe9\0"),
    ] {
        let ty = Type::from_name(name).unwrap();
        let bytes_in_utf8 = decoded(latin, &ty, format, bytes).unwrap();
        let value = Value::parse(&ty, format, &bytes_in_utf8, &settings).unwrap();
        let (mut kept, mut shown) = (Vec::new(), Vec::new());
        value.write_stored(&ty, &mut kept);
        value.render(&ty, format, &settings, &mut shown).unwrap();
        assert_eq!((kept.as_slice(), shown.as_slice()), (stored, bytes), "{name} {format:?}");
    }
    let windows = ClientEncoding::of("WIN1252").unwrap();
    let sqlstate = |format, bytes| decoded(windows, &Type::Text, format, bytes).unwrap_err().sqlstate.code();
    assert_eq!((sqlstate(Format::Text, b"\x81"), sqlstate(Format::Binary, b"a\0")), ("22P05", "22021"));
    let error = Value::Text("日".into()).render(&Type::Text, Format::Text, &settings, &mut Vec::new()).unwrap_err();
    assert_eq!(error.sqlstate.code(), "22P05");
}
