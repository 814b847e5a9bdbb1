//! What is tried: types, zones, and generators around the grammar of each type.

use std::sync::LazyLock;

use pgseal::value::Type;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::of_name;

/// Every type of the table, and with the modifiers that behave differently.
pub(super) static TYPES: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let plain = Type::ALL.iter().map(|ty| &*ty.to_string().leak());
    plain.chain(MODIFIED.iter().copied()).chain(ARRAYS.iter().copied()).collect()
});

/// Those whose elements are handled in different ways; the others are arrays in the same way.
#[rustfmt::skip]
const ARRAYS: &[&str] = &[
    "text[]", "int4[]", "uuid[]", "varchar[]", "varchar(5)[]", "bpchar[]", "char(5)[]", "int8[]", "numeric[]", "numeric(12,2)[]", "bool[]", "bytea[]",
    "float8[]", "timestamptz[]", "timestamp(0)[]", "date[]", "inet[]", "bit(5)[]", "name[]", "jsonb[]", "interval[]", "interval year[]", "interval day to second(2)[]",
];

/// As an element of an array that is nothing but itself.
pub(super) fn quoted(element: &str) -> String {
    format!("\"{}\"", element.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Arrays around the grammar of `array_in`.
fn arrays(element: &str) -> BoxedStrategy<String> {
    let item = prop_oneof![
        6 => texts(element).prop_map(|text| quoted(&text)),
        2 => texts(element),
        1 => Just("NULL".to_owned()),
        1 => "[ a\\\\\"{},1N]{0,4}",
    ];
    let row = proptest::collection::vec(item, 0..4).prop_map(|items| format!("{{{}}}", items.join(",")));
    let table = proptest::collection::vec(row.clone(), 1..4).prop_map(|rows| format!("{{{}}}", rows.join(" , ")));
    let twice = row.clone().prop_map(|row| format!("{{{row},{row}}}"));
    let bounds = prop_oneof![4 => Just(String::new()), 1 => "(\\[-?[0-3]:[0-5]\\] ?){1,2}=", 1 => "\\[[1-4]\\] ?= ?"];
    (bounds, prop_oneof![4 => row, 1 => table, 2 => twice]).prop_map(|(bounds, array)| bounds + &array).boxed()
}

#[rustfmt::skip]
const MODIFIED: &[&str] = &[
    "numeric(12,2)", "numeric(5,-2)", "numeric(3,5)", "varchar(5)", "char(5)", "bit(5)", "varbit(5)", "time(0)", "timetz(2)", "timestamp(0)", "timestamp(2)", "timestamptz(3)", "interval(3)", "interval year",
    "interval month", "interval day", "interval day to hour", "interval hour to minute", "interval minute to second", "interval second(2)",
];

/// Zones with half hours, seconds (LMT), both hemispheres, none, and the forms in which a numeric offset is reported.
/// Not those whose rules still change: the server's copy of the time zone database may be of another year.
#[rustfmt::skip]
pub(super) const ZONES: &[&str] = &[
    "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Europe/Dublin",
    "Pacific/Apia", "America/Sao_Paulo", "<+02>-02", "-03:30", "<-03:30>+03:30", "GMT-02:00",
    "CET-1CEST,M3.5.0,M10.5.0/3", "UTC",
];

/// Texts that mostly are values of a type, and sometimes nearly are.
pub(super) fn texts(name: &str) -> BoxedStrategy<String> {
    if let Some(element) = of_name(name).element() {
        return arrays(&element.to_string());
    }
    match base(name) {
        "bool" => "[ \t]?([tT][rR]?[uU]?[eE]?|[fF]alse|y(es)?|no?|of?f?|on|[01])[ x]?".boxed(),
        "int2" => "[-+]?[0-9]{1,6}".boxed(),
        "int4" => " ?[-+]?[0-9]{1,11} ?".boxed(),
        "int8" => "[-+]?[0-9]{15,20}".boxed(),
        "numeric" => prop_oneof![
            "[-+]?[0-9]{0,12}\\.[0-9]{0,8}",
            "-?[0-9]{1,40}(\\.[0-9]{1,40})?",
            "-?[0-9]{0,6}(\\.[0-9]{0,6})?[eE][-+]?[0-9]{1,3}",
            "-?(9999|0000|0001|5000|4999){1,5}(\\.(9999|0000|0001|5000|4999){1,5}(5|49|50)?)?",
        ]
        .boxed(),
        "float4" | "float8" => prop_oneof![
            "[-+]?[0-9]{0,20}\\.[0-9]{0,20}",
            "-?[0-9]{1,40}",
            "-?[0-9]{0,6}(\\.[0-9]{0,12})?[eE][-+]?[0-9]{1,3}",
            any::<f64>().prop_map(|value| format!("{value:e}")),
            any::<f32>().prop_map(|value| format!("{value:?}")),
        ]
        .boxed(),
        "oid" => "-?[0-9]{1,11}".boxed(),
        "pg_lsn" => "[0-9a-fA-F]{1,9}/[0-9a-fA-F]{1,9}".boxed(),
        "macaddr" | "macaddr8" => prop_oneof![
            "[0-9a-f]{2}([:-][0-9a-fA-F]{2}){5}",
            "[0-9a-f]{1,2}(:[0-9a-f]{1,3}){5}",
            "[0-9a-f]{2}(:[0-9a-fA-F]{2}){7}",
            "[0-9a-f]{2}:[0-9a-f]{2}:[0-9a-f]{2}:ff:fe:[0-9a-f]{2}:[0-9a-f]{2}:[0-9a-f]{2}",
            "[0-9a-f]{4}([.-][0-9a-f]{3,4}){2,3}",
            "[0-9a-f]{6}[:-]?[0-9a-f]{5,10}",
        ]
        .boxed(),
        "inet" | "cidr" => prop_oneof![
            "[0-9]{1,3}(\\.[0-9]{1,3}){0,4}(/[0-9]{1,3})?",
            "(10|192|224|240|0)(\\.0){0,3}(/[0-9]{1,2})?",
            any::<[u8; 16]>().prop_map(|bytes| std::net::Ipv6Addr::from(bytes).to_string()),
            "(0|1|ffff)(:(0|0|1|ffff)){7}",
            "(1:)?(0:){0,3}:(0:){0,2}(ffff|1.2.3.4)?(/[0-9]{1,3})?",
        ]
        .boxed(),
        "bit" | "varbit" => prop_oneof!["[01]{0,40}", "[01]{5}", "[xXbB]?[01a-f]{0,9}"].boxed(),
        "time" | "timetz" => prop_oneof![
            "([01][0-9]|2[0-4]):[0-5][0-9](:[0-6][0-9](\\.[0-9]{0,9})?)?( ?(Z|UTC|[-+](0?[0-9]|1[0-6])(:?[0-6][0-9])?))?",
            "[0-9]{1,3}:[0-9]{1,3}(:[0-9]{1,3})?",
        ]
        .boxed(),
        "interval" => prop_oneof![
            "(@ )?(-?[0-9]{1,3} (years?|mons?|days?) ?){1,2}([-+]?[0-9]{1,3}:[0-5][0-9](:[0-5][0-9](\\.[0-9]{1,7})?)?)?( ago)?",
            "[-+]?[0-9]{1,3}(\\.[0-9]{1,7})? ?(us|ms|msec|s|secs?|m|mins?|h|hrs?|hours?|d|days?|w|weeks?|mon|months?|y|years?|decades?|c|mil)( ago)?",
            "-?[0-9]{1,3}-[0-9]{1,2}( [-+]?[0-9]{1,3})?( [-+]?[0-9]{1,3}:[0-9]{2})?",
            "P(-?[0-9]{1,3}Y)?(-?[0-9]{1,3}M)?(-?[0-9]{1,2}W)?(-?[0-9]{1,3}(\\.[0-9]{1,4})?D)?(T(-?[0-9]{1,3}H)?(-?[0-9]{1,3}M)?(-?[0-9]{1,6}(\\.[0-9]{1,7})?S)?)?",
        ]
        .boxed(),
        "bpchar" | "name" => prop_oneof!["\\PC{0,8}", "[a-c ]{3,8}", "[äß😀x]{2,5} {0,5}", "[aé]{30,70}"].boxed(),
        "text" | "varchar" => prop_oneof!["\\PC{0,8}", "[a-c ]{3,8}", "[äß😀x]{2,5} {0,5}"].boxed(),
        "bytea" => prop_oneof!["\\\\x[0-9a-fA-F]{0,24}", "\\\\x([0-9a-f]{2}[ \n]?){0,9}", "[a-z\\\\0-3é]{0,9}"].boxed(),
        "uuid" => "\\{?([0-9a-fA-F]{4}-?){7}[0-9a-f]{3,4}\\}?".boxed(),
        "date" | "timestamp" | "timestamptz" => prop_oneof![
            4 => "(19|20|00|03|9)[0-9]{2}-(0[1-9]|1[0-3]|[1-9])-([0-2][0-9]|3[01]|[1-9])([T ]([01][0-9]|2[0-4]):[0-5][0-9](:[0-6][0-9](\\.[0-9]{0,9})?)?)?( ?(Z|UTC|[-+](0?[0-9]|1[0-6])(:?[0-6][0-9])?))?( BC)?",
            1 => "[0-9]{4,6}(0[1-9]|1[0-2])([0-2][0-9])( [0-2][0-9]:[0-5][0-9])?( BC)?",
            1 => "[0-9]{1,7}-[0-9]{1,3}-[0-9]{1,3}[ T]?[0-9]{0,2}:?[0-9]{0,2}:?[0-9]{0,2}\\.?[0-9]{0,3}[-+ ]?[0-9:]{0,8}",
        ]
        .boxed(),
        "json" | "jsonb" => json().boxed(),
        other => panic!("no generator for {other}"),
    }
}

/// JSON with odd spacing, and now and then a broken token.
fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,9})?([eE][-+]?[0-9]{1,3})?",
        "\"[a-c é😀]{0,4}(\\\\(n|t|\"|/|u00(0[1-9]|e9|41)|ud83d\\\\ude00))?[a-c]{0,2}\"",
        "[0-9a-z.+\\\\-]{1,3}",
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(|items| format!("[{}]", items.join(" , "))),
            proptest::collection::vec(("[a-cé]{0,3}", inner), 0..5).prop_map(|members| {
                let members: Vec<_> = members.iter().map(|(key, value)| format!("\"{key}\" :{value}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

/// Local times over every century, in and around changes of clocks.
pub(super) fn local_times() -> BoxedStrategy<String> {
    prop_oneof![
        "(18|19|20|21|25|99)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|30) (0[0-9]|1[0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,6})?",
        "[1-9][0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8]) 0[0-4]:[0-5][0-9]",
        "(19[1-9][0-9]|20[0-9]{2})-(0[2-4]|09|1[0-2])-(0[1-9]|1[0-9]|2[0-9]|3[01]) 0[0-4]:[0-5][0-9]",
    ]
    .boxed()
}

/// `count` values of a strategy.
pub(super) fn sample<T: std::fmt::Debug>(strategy: &BoxedStrategy<T>, count: usize) -> Vec<T> {
    let mut runner = TestRunner::default();
    (0..count).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

/// A type's name in `pg_type`.
pub(super) fn base(name: &str) -> &'static str {
    of_name(name).pg_name()
}
