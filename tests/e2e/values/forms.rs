//! Text and binary, in and out, under several time zones.

use pgseal::value::{Format, Type, Value};
use proptest::prelude::*;

use super::nasty::nasty;
use super::samples::{self, TYPES, ZONES, local_times, sample, texts};
use super::server::{Server, table};
use super::{Tally, both_forms, create, of_name, valid};

/// Writes each text or binary into a column of the type, as a parameter of an INSERT, and compares what is read back.
pub(super) fn compare(server: &mut Server, tally: &mut Tally, ty: &Type, format: Format, inputs: &[Vec<u8>]) {
    // What the server is asked for must give S.
    let sql = format!("INSERT INTO {} VALUES ($1) RETURNING value, {}", table(ty), ty.stored_expression("value"));
    let sets: Vec<Vec<&[u8]>> = inputs.iter().map(|input| vec![input.as_slice()]).collect();
    let answers = server.ask(&sql, format, &sets, &[Format::Text, Format::Binary]);
    for (input, answer) in inputs.iter().zip(answers) {
        let ours = Value::parse(ty, format, input, &server.settings)
            .and_then(|value| both_forms(&value, ty, &server.settings));
        let shown: String = input.escape_ascii().to_string().chars().take(100).collect();
        tally.compare(&format!("{ty} {shown}"), ours, answer);
    }
}

fn bytes(texts: Vec<String>) -> Vec<Vec<u8>> {
    texts.into_iter().map(String::into_bytes).collect()
}

#[test]
fn text_is_read_and_shown_as_the_server_does() {
    let mut server = Server::new("text");
    let mut tally = Tally::default();
    for name in TYPES.iter() {
        let ty = of_name(name);
        create(&mut server, &ty);
        let mut inputs = bytes([nasty(name), sample(&texts(name), 300)].concat());
        inputs.extend([b"\xff".to_vec(), b"a\xc3".to_vec(), b"\xed\xa0\x80".to_vec(), b"\xf4\x90\x80\x80".to_vec()]);
        compare(&mut server, &mut tally, &ty, Format::Text, &inputs);
    }
    tally.finish("text in, text and S out");
}

#[test]
fn binary_is_read_and_shown_as_the_server_does() {
    let mut server = Server::new("binary");
    let mut tally = Tally::default();
    for name in TYPES.iter() {
        let ty = of_name(name);
        create(&mut server, &ty);
        let mut inputs: Vec<Vec<u8>> = (0..20).map(|len| vec![0; len]).collect();
        for text in valid(name) {
            let value = Value::parse(&ty.unmodified(), Format::Text, text.as_bytes(), &server.settings).unwrap();
            let mut stored = Vec::new();
            value.render(&ty, Format::Binary, &server.settings, &mut stored).unwrap();
            inputs.extend([
                [stored.as_slice(), b"\0"].concat(),
                stored[..stored.len().saturating_sub(1)].to_vec(),
                stored,
            ]);
        }
        inputs.extend(sample(&binaries(name), 300));
        compare(&mut server, &mut tally, &ty, Format::Binary, &inputs);
    }
    tally.finish("binary in, text and S out");
}

/// Bytes near the layout of a type's receive function.
fn binaries(name: &str) -> BoxedStrategy<Vec<u8>> {
    let any_bytes = proptest::collection::vec(any::<u8>(), 0..20);
    if let Some(element) = of_name(name).element() {
        return arrays(&element);
    }
    match samples::base(name) {
        "numeric" => {
            let digits = proptest::collection::vec(prop_oneof![0u16..10_000, Just(9_999), Just(0), 0u16..10_003], 0..8);
            let sign = prop_oneof![5 => Just(0u16), 5 => Just(0x4000), 1 => Just(0xc000), 1 => Just(0xd000), 1 => Just(0xf000), 1 => any::<u16>()];
            let weight = prop_oneof![8 => -6i16..6, 1 => -40i16..40, 1 => Just(i16::MAX), 1 => Just(i16::MIN)];
            let scale = prop_oneof![8 => 0u16..12, 1 => 0u16..40, 1 => Just(16_383u16), 1 => Just(16_384u16)];
            (digits, sign, weight, scale)
                .prop_map(|(digits, sign, weight, scale)| {
                    let count = u16::try_from(digits.len()).unwrap().to_be_bytes();
                    let mut out = [count, weight.to_be_bytes(), sign.to_be_bytes(), scale.to_be_bytes()].concat();
                    digits.iter().for_each(|digit| out.extend(digit.to_be_bytes()));
                    out
                })
                .boxed()
        }
        "int2" => any::<i16>().prop_map(|v| v.to_be_bytes().to_vec()).boxed(),
        "int4" => any::<i32>().prop_map(|v| v.to_be_bytes().to_vec()).boxed(),
        "int8" => any::<i64>().prop_map(|v| v.to_be_bytes().to_vec()).boxed(),
        "oid" => any::<u32>().prop_map(|v| v.to_be_bytes().to_vec()).boxed(),
        "pg_lsn" => any::<u64>().prop_map(|v| v.to_be_bytes().to_vec()).boxed(),
        "macaddr" => any::<[u8; 6]>().prop_map(|v| v.to_vec()).boxed(),
        "macaddr8" => proptest::collection::vec(any::<u8>(), 6..9).boxed(),
        "inet" | "cidr" => {
            let part = prop_oneof![Just(0u8), Just(0), Just(0xff), any::<u8>()];
            let address = prop_oneof![proptest::collection::vec(part.clone(), 4), proptest::collection::vec(part, 16)];
            (1u8..5, prop_oneof![0u8..34, 120u8..130, Just(0), Just(32), Just(128)], 0u8..2, address)
                .prop_map(|(family, bits, cidr, address)| {
                    let len = u8::try_from(address.len()).unwrap();
                    let family = if family == 1 {
                        1
                    } else if len == 4 {
                        2
                    } else {
                        3
                    };
                    [&[family, bits, cidr, len], address.as_slice()].concat()
                })
                .boxed()
        }
        "bit" | "varbit" => (0u32..20, proptest::collection::vec(any::<u8>(), 0..4))
            .prop_map(|(len, bytes)| [&len.to_be_bytes(), bytes.as_slice()].concat())
            .boxed(),
        "interval" => {
            let part = || prop_oneof![4 => -40i32..40, 1 => any::<i32>(), 1 => Just(i32::MIN), 1 => Just(i32::MAX)];
            let micros = prop_oneof![any::<i64>(), -100_000_000_000i64..100_000_000_000, Just(0), Just(i64::MIN + 1)];
            (micros, part(), part())
                .prop_map(|(micros, days, months)| {
                    [micros.to_be_bytes().as_slice(), &days.to_be_bytes(), &months.to_be_bytes()].concat()
                })
                .boxed()
        }
        "time" => times().prop_map(|v| v.to_be_bytes().to_vec()).boxed(),
        "timetz" => (times(), prop_oneof![-60_000i32..60_000, Just(57_599), Just(57_600), Just(-57_600)])
            .prop_map(|(micros, zone)| [micros.to_be_bytes().as_slice(), &zone.to_be_bytes()].concat())
            .boxed(),
        "float4" => floats().prop_map(|v| (v as f32).to_be_bytes().to_vec()).boxed(),
        "float8" => floats().prop_map(|v| v.to_be_bytes().to_vec()).boxed(),
        "date" => prop_oneof![any::<i32>(), -800_000..3_000_000, Just(i32::MIN + 1), Just(i32::MAX - 1)]
            .prop_map(|v| v.to_be_bytes().to_vec())
            .boxed(),
        "timestamp" | "timestamptz" => micros().prop_map(|v| v.to_be_bytes().to_vec()).boxed(),
        "uuid" => any::<[u8; 16]>().prop_map(|v| v.to_vec()).boxed(),
        "json" => prop_oneof![texts(name).prop_map(String::into_bytes), any_bytes].boxed(),
        "jsonb" => prop_oneof![
            texts(name).prop_map(|text| [b"\x01", text.as_bytes()].concat()),
            any_bytes.prop_map(|bytes| [b"\x01", bytes.as_slice()].concat()),
        ]
        .boxed(),
        _ => prop_oneof![texts(name).prop_map(String::into_bytes), any_bytes].boxed(),
    }
}

/// Near the layout of `array_recv`.
fn arrays(element: &Type) -> BoxedStrategy<Vec<u8>> {
    let oid = prop_oneof![20 => Just(element.oid()), 1 => Just(17u32), 1 => any::<u32>()];
    let flags = prop_oneof![10 => Just(0u32), 10 => Just(1), 1 => Just(2)];
    let bound = prop_oneof![10 => Just(1i32), 3 => -3i32..4, 1 => Just(i32::MAX), 1 => Just(i32::MIN)];
    let count = prop_oneof![10 => Just(0i32), 1 => -1i32..2, 1 => any::<i32>()];
    let item = prop_oneof![
        6 => binaries(&element.to_string()).prop_map(|bytes| [(bytes.len() as i32).to_be_bytes().as_slice(), &bytes].concat()),
        2 => Just((-1i32).to_be_bytes().to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..6),
    ];
    (oid, flags, proptest::collection::vec(bound, 0..8), proptest::collection::vec(item, 0..5), count)
        .prop_map(|(oid, flags, bounds, items, more)| {
            let mut out = (bounds.len() as i32).to_be_bytes().to_vec();
            out.extend([flags.to_be_bytes(), oid.to_be_bytes()].concat());
            for (at, bound) in bounds.iter().enumerate() {
                let length = if at == 0 { (items.len() as i32).wrapping_add(more) } else { 1 };
                out.extend([length.to_be_bytes(), bound.to_be_bytes()].concat());
            }
            out.extend(items.concat());
            out
        })
        .boxed()
}

/// Microseconds of a day and near its ends.
fn times() -> impl Strategy<Value = i64> {
    prop_oneof![0i64..86_400_000_001, -3i64..3, 86_399_999_990i64..86_400_000_010]
}

/// Any bits, and often what has halfway decimals near: starts of binades, and integers that no float holds exactly.
fn floats() -> impl Strategy<Value = f64> {
    let binade = |(exponent, step): (i32, i64)| f64::from_bits(2f64.powi(exponent).to_bits().wrapping_add_signed(step));
    let single = |(exponent, step): (i32, i32)| {
        f64::from(f32::from_bits(2f32.powi(exponent).to_bits().wrapping_add_signed(step)))
    };
    prop_oneof![
        any::<u64>().prop_map(f64::from_bits),
        any::<u32>().prop_map(|bits| f64::from(f32::from_bits(bits))),
        (-1070i32..1024, -3i64..4).prop_map(binade),
        (50i32..140, -40i64..40).prop_map(binade),
        (20i32..75, -40i32..40).prop_map(single),
        (any::<i32>(), -8i32..8).prop_map(|(number, scale)| f64::from(number) * 10f64.powi(scale)),
    ]
}

#[test]
fn floats_are_shown_with_the_sessions_digits() {
    let mut server = Server::new("digits");
    let mut tally = Tally::default();
    for name in ["real", "double precision"] {
        let ty = of_name(name);
        create(&mut server, &ty);
        for digits in ["-15", "-14", "-6", "-5", "-1", "0", "1", "3"] {
            server.run(&format!("SET extra_float_digits = {digits}"));
            // It is not reported.
            server.settings.set("extra_float_digits", digits);
            let mut of_digits = Tally::default();
            compare(&mut server, &mut of_digits, &ty, Format::Binary, &sample(&binaries(name), 400));
            merge(&mut tally, of_digits, digits);
        }
    }
    tally.finish("floats out with several digits");
}

#[test]
fn intervals_are_read_and_shown_in_every_style() {
    let mut server = Server::new("styles");
    let mut tally = Tally::default();
    let ty = of_name("interval");
    create(&mut server, &ty);
    for style in ["postgres", "postgres_verbose", "sql_standard", "iso_8601"] {
        server.run(&format!("SET IntervalStyle = {style}"));
        let mut of_style = Tally::default();
        compare(&mut server, &mut of_style, &ty, Format::Binary, &sample(&binaries("interval"), 400));
        let texts = bytes([nasty("interval"), sample(&texts("interval"), 400)].concat());
        compare(&mut server, &mut of_style, &ty, Format::Text, &texts);
        merge(&mut tally, of_style, style);
    }
    tally.finish("intervals in every style");
}

/// Microseconds since 2000 over the whole range and its edges, and often near our days.
fn micros() -> impl Strategy<Value = i64> {
    prop_oneof![
        any::<i64>(),
        -7_000_000_000_000_000..16_000_000_000_000_000i64,
        -700_000_000_000_000..1_600_000_000_000_000i64,
        (-7_000_000_000..16_000_000_000i64).prop_map(|seconds| seconds * 1_000_000),
        // Half an hour around a full hour, where clocks change.
        (-2_000_000..4_000_000i64, -3i64..3).prop_map(|(hour, tick)| hour * 3_600_000_000 + tick),
        -211_813_538_000_000_000..-211_813_438_000_000_000i64,
        // Not the last second: rounded up it is past the end, which the server stores and the codec refuses.
        9_223_371_281_200_000_000..9_223_371_331_199_000_000i64,
        9_223_371_331_200_000_000..9_223_371_381_200_000_000i64,
    ]
}

#[test]
fn timestamptz_is_shown_in_the_sessions_zone() {
    let mut server = Server::new("zones_out");
    let mut tally = Tally::default();
    let ty = of_name("timestamptz");
    create(&mut server, &ty);
    for zone in ZONES {
        server.run(&format!("SET TimeZone = '{zone}'"));
        let inputs = sample(&micros().prop_map(|v| v.to_be_bytes().to_vec()).boxed(), 400);
        let mut zone_tally = Tally::default();
        compare(&mut server, &mut zone_tally, &ty, Format::Binary, &inputs);
        merge(&mut tally, zone_tally, zone);
    }
    tally.finish("timestamptz out in several zones");
}

#[test]
fn timestamptz_without_an_offset_is_local_to_the_sessions_zone() {
    let mut server = Server::new("zones_in");
    let mut tally = Tally::default();
    let ty = of_name("timestamptz(3)");
    create(&mut server, &ty);
    for (index, zone) in ZONES.iter().enumerate() {
        server.run(&format!("SET TimeZone = '{zone}'"));
        // What is no local time at all is the same in every zone.
        let nasty = if index < 4 { nasty("timestamptz") } else { Vec::new() };
        let inputs = bytes([nasty, sample(&local_times(), 400)].concat());
        let mut zone_tally = Tally::default();
        compare(&mut server, &mut zone_tally, &ty, Format::Text, &inputs);
        // What is refused is the same in every zone: it is listed by the test of text.
        (zone_tally.refused, zone_tally.refused_else) = (Vec::new(), Vec::new());
        merge(&mut tally, zone_tally, zone);
    }
    tally.finish("timestamptz in, in several zones");
}

/// What is read here means the same in every DateStyle; what depends on it is refused.
#[test]
fn the_order_in_datestyle_changes_nothing_that_is_read() {
    let mut server = Server::new("orders");
    let mut tally = Tally::default();
    for name in ["date", "timestamp"] {
        create(&mut server, &of_name(name));
    }
    for style in ["ISO, DMY", "ISO, YMD", "ISO, MDY"] {
        server.run(&format!("SET DateStyle = '{style}'"));
        for name in ["date", "timestamp"] {
            let inputs = bytes([nasty(name), sample(&texts(name), 100)].concat());
            let mut style_tally = Tally::default();
            compare(&mut server, &mut style_tally, &of_name(name), Format::Text, &inputs);
            (style_tally.refused, style_tally.refused_else) = (Vec::new(), Vec::new());
            merge(&mut tally, style_tally, style);
        }
    }
    tally.finish("dates in several DateStyles");
}

fn merge(into: &mut Tally, tally: Tally, zone: &str) {
    into.compared += tally.compared;
    into.refused.extend(tally.refused.into_iter().map(|what| format!("{zone}: {what}")));
    into.refused_else.extend(tally.refused_else.into_iter().map(|what| format!("{zone}: {what}")));
    into.differ.extend(tally.differ.into_iter().map(|what| format!("{zone}: {what}")));
}
