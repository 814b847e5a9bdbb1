//! Values of every type, in text and binary, under settings that change how they look.
//!
//! What is parsed is stored and read back, rendered and parsed again, to the same value and the same bytes; so is what
//! a cast or a carry makes of it. A type's name and its OID with modifier name it.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use pgseal::value::{Format, NumericModifier, Settings, Type, Value};
use pgseal_fuzz::{Choices, seeds};

/// Every type of the table, and some with modifiers.
static TYPES: LazyLock<Vec<Type>> = LazyLock::new(|| {
    let limited = MODIFIED.iter().filter_map(|ty| ty.array());
    Type::every().chain(MODIFIED.iter().copied()).chain(limited).collect()
});

const MODIFIED: &[Type] = &[
    Type::Numeric(Some(NumericModifier { precision: 12, scale: 2 })),
    Type::Numeric(Some(NumericModifier { precision: 3, scale: -2 })),
    Type::Numeric(Some(NumericModifier { precision: 1000, scale: 1000 })),
    Type::Varchar(Some(5)),
    Type::Timestamp(Some(0)),
    Type::Timestamp(Some(3)),
    Type::Timestamptz(Some(6)),
    Type::Timestamptz(Some(1)),
];

const ZONES: [&str; 12] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kathmandu",
    "Africa/Monrovia",
    "Pacific/Apia",
    "<+02>-02",
    "-03:30",
    "GMT-02:00",
    "CET-1CEST",
    "Nowhere/Land",
    "Australia/Lord_Howe",
];

fuzz_target!(init: seeds::offer(seeds), |data: &[u8]| {
    let mut choices = Choices::new(data);
    let mode = choices.byte();
    match mode % 8 {
        0 => name(choices.rest()),
        1 => setting(&mut choices),
        2 => {
            let ty = choices.of(&TYPES);
            stored(ty, choices.rest());
        }
        _ => {
            let format = if mode & 8 == 0 { Format::Text } else { Format::Binary };
            let ty = choices.of(&TYPES);
            let settings = settings(choices.of::<&str>(&ZONES));
            let bytes = choices.rest();
            if let Ok(value) = Value::parse(ty, format, bytes, &settings) {
                parsed(ty, &value, &settings);
                cast(ty, &value);
            }
        }
    }
});

fn settings(zone: &str) -> Settings {
    let mut settings = Settings::default();
    settings.set("TimeZone", zone);
    settings
}

/// VAL-1, and the two wire forms.
fn parsed(ty: &Type, value: &Value<'_>, settings: &Settings) {
    let stored = written(ty, value);
    again(ty, value, &stored);
    for format in [Format::Binary, Format::Text] {
        let mut out = Vec::new();
        if value.render(ty, format, settings, &mut out).is_err() {
            assert!(format == Format::Text && settings.renders(ty).is_err());
            continue;
        }
        // An array is sent with what S leaves out.
        if format == Format::Binary && ty.element().is_none() {
            assert_eq!(out, stored);
        }
        match Value::parse(ty, format, &out, settings) {
            // A NaN is shown without what it carries.
            Ok(read) if ty.element().unwrap_or(*ty).is_float() => assert_eq!(equality(ty, &read), equality(ty, value)),
            Ok(read) => assert!(read == *value, "{ty} in {format:?} reads back another value: {}", shown(&out)),
            // A zone further than that is shown and not read, as in PostgreSQL.
            Err(error) if error.message == "time zone displacement out of range" => {}
            // Nor is the longest negative time, whose magnitude no i64 holds.
            Err(_) if matches!(value, Value::Interval(interval) if interval.micros == i64::MIN) => {}
            Err(error) => panic!("{ty} in {format:?} does not read back: {error}: {}", shown(&out)),
        }
    }
}

/// S reads back, and its value has one S and one E.
fn again(ty: &Type, value: &Value<'_>, stored: &[u8]) {
    let Ok(read) = Value::read_stored(ty, stored) else { panic!("S of {ty} does not read back: {}", shown(stored)) };
    assert!(read == *value);
    assert_eq!(written(ty, &read), stored);
    assert_eq!(equality(ty, &read), equality(ty, value));
    assert!(read.into_owned() == *value);
}

/// A value that was cast or carried is one of its new type.
fn cast(from: &Type, value: &Value<'_>) {
    for to in TYPES.iter() {
        if let Ok(cast) = value.clone().assign(from, to) {
            let stored = written(to, &cast);
            again(to, &cast, &stored);
            let mut sent = Vec::new();
            assert!(cast.render(to, Format::Binary, &Settings::default(), &mut sent).is_ok());
            assert!(Value::parse(to, Format::Binary, &sent, &Settings::default()).is_ok_and(|read| read == cast));
            if from.same_base(to) && from == to {
                assert!(cast == *value);
            }
        }
        if let Ok(Some(carried)) = value.clone().carry(from, to) {
            again(&to.unmodified(), &carried, &written(&to.unmodified(), &carried));
            if let (Some(one), Some(other)) = (from.equality(), to.equality())
                && one == other
            {
                // What is carried is equal, so that it has the same tag (VAL-3).
                assert_eq!(equality(from, value), equality(to, &carried));
            }
        }
    }
}

/// Foreign bytes for S.
fn stored(ty: &Type, bytes: &[u8]) {
    if let Ok(value) = Value::read_stored(ty, bytes) {
        let stored = written(ty, &value);
        again(ty, &value, &stored);
        let mut out = Vec::new();
        let _ = value.render(ty, Format::Text, &Settings::default(), &mut out);
    }
}

fn name(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Some(ty) = Type::from_name(text)
    {
        assert_eq!(Type::from_name(&ty.to_string()), Some(ty));
        assert_eq!(Type::from_pg(ty.oid(), ty.typmod()), Some(ty));
    }
    if let [a, b, c, d, e, f, ..] = *bytes
        && let Some(ty) = Type::from_pg(u32::from(a) << 8 | u32::from(b), i32::from_be_bytes([c, d, e, f]))
    {
        assert_eq!(Type::from_name(&ty.to_string()), Some(ty));
    }
}

/// Foreign settings, and a timestamptz under them.
fn setting(choices: &mut Choices<'_>) {
    let mut settings = Settings::default();
    let name = *choices.of(&["TimeZone", "DateStyle", "bytea_output", "IntervalStyle"]);
    let instant = choices.of(&["2026-07-01 12:00:00+00", "1883-11-18 12:03:57-04:56", "infinity", "4000-01-01 BC"]);
    if let Ok(value) = std::str::from_utf8(choices.rest()) {
        settings.set(name, value);
        let ty = Type::Timestamptz(None);
        if let Ok(value) = Value::parse(&ty, Format::Text, instant.as_bytes(), &settings) {
            parsed(&ty, &value, &settings);
        }
    }
}

fn written(ty: &Type, value: &Value<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    value.write_stored(ty, &mut out);
    out
}

fn equality(ty: &Type, value: &Value<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    if ty.equality().is_some() {
        value.write_equality(ty, &mut out);
    }
    out
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    let index = |ty: &Type| TYPES.iter().position(|known| known == ty).expect("a type of the list") as u8;
    for case in seeds::vectors(include_str!("../../vectors/v1/values.json")) {
        let ty = Type::from_name(case["type"].as_str().expect("a type")).expect("a type");
        if !TYPES.contains(&ty) {
            continue;
        }
        seeds.push([&[3, index(&ty), 0], case["text"].as_str().expect("a text").as_bytes()].concat());
        seeds.push([&[11, index(&ty), 1][..], &seeds::unhex(&case["stored"])].concat());
    }
    let array = |name: &str| Type::from_name(name).expect("a type");
    let texts: [(Type, &str); 20] = [
        (array("text[]"), "[0:1][-1:-1]={{\"a \\\"\"},{NULL}}"),
        (array("int4[]"), "{ 1 , NULL,{}"),
        (array("jsonb[]"), "{\"{\\\"a\\\": 1.0}\",null}"),
        (array("timestamp(3)[]"), "{\"1999-01-08 04:05:06.7899\"}"),
        (Type::Timestamptz(None), "1999-01-08 04:05:06.789012+02:30"),
        (Type::Timestamptz(None), "2026-03-29 02:30:00 Europe/Berlin"),
        (Type::Timestamp(None), "0044-03-15 12:00 BC"),
        (Type::Timestamp(None), "19990108T040506.5"),
        (Type::Date, "-infinity"),
        (Type::Date, "5874897-12-31"),
        (Type::Numeric(None), "-1.2345678901234567890e-20"),
        (Type::Numeric(None), "0x1F_ff"),
        (Type::Numeric(None), "NaN"),
        (Type::Int8, " -9223372036854775808 "),
        (Type::Bytea, "\\x00 ff\\000\\\\"),
        (Type::Bytea, "abc\\000\\\\"),
        (Type::Uuid, "{A0EEBC99-9C0B4EF8-BB6D6BB9-BD380A11}"),
        (Type::Bool, "  tRuE "),
        (Type::Jsonb, "{\"b\": [1, 1.50, \"\\u00e4\\ud83d\\ude00\"], \"a\": null, \"a\": {}}"),
        (Type::Json, "[1e5, \"\\\\\", {\"a\" : true}]"),
    ];
    seeds.extend(texts.map(|(ty, text)| [&[3, index(&ty), 1], text.as_bytes()].concat()));
    for name in ["numeric(12,2)", "timestamp(3) with time zone", "character varying(7)", "int"] {
        seeds.push([b"\0", name.as_bytes()].concat());
    }
    for zone in ["Europe/Berlin", "<-03:30>+03:30", "EST5EDT,M3.2.0,M11.1.0", "Etc/GMT+5"] {
        seeds.push([&[1, 0, 0], zone.as_bytes()].concat());
    }
    seeds
}
