//! An honest server is never called a liar: what is held against the conditions of a statement (SQL-60) must agree with
//! what PostgreSQL makes of them, for every type, comparison and constant. A false alarm is an outage.
//!
//! Each test has a table of one type at the sealed database, and the same in plain text: the type is the context of a
//! column, signed, sealed and, in a second table, sealed without a signature. Everything is asked of both.

mod beside;
mod forms;
mod kinds;
mod twins;

use forms::{BOUND, CORE, LISTED, MORE};
use kinds::Kind;
use twins::{Tally, Twins, fill};

use crate::harness::raw::{bind, execute, parse, sync};

/// `most` statements at most may be refused here that PostgreSQL answers; fewer is progress.
fn compared(name: &str, kind: &Kind, most: usize) {
    let mut twins = Twins::of(name, kind);
    let mut tally = Tally::default();
    for settings in kind.settings {
        twins.set(settings);
        for (form, column, v, w) in conditions(kind, twins.columns()) {
            let condition = |table| fill(form, table, column, kind.ty, v, w);
            let (signed, sealed) = (condition("t"), condition("u"));
            twins.select(&mut tally, &format!("SELECT id, {column} FROM t WHERE {signed} ORDER BY id"));
            // Nothing protects it there.
            if column != "s" {
                twins.select(&mut tally, &format!("SELECT * FROM u WHERE {sealed} ORDER BY id"));
            }
            twins.update(&mut tally, &format!("UPDATE t SET mark = 'old' WHERE {signed}"));
        }
    }
    tally.finish(name, most);
}

/// The core with every constant, the rest with three each; each in turn with another neighbour.
fn conditions<'a>(
    kind: &'a Kind,
    columns: &'a [&'static str],
) -> impl Iterator<Item = (&'static str, &'static str, &'static str, &'static str)> + 'a {
    let constant = |at: usize| kind.constants[at % kind.constants.len()];
    columns.iter().enumerate().flat_map(move |(shift, column)| {
        let core = CORE.iter().enumerate().flat_map(move |(number, form)| {
            (0..kind.constants.len()).map(move |at| (*form, *column, constant(at), constant(at + number + 1)))
        });
        let more = MORE.iter().chain(kind.forms).enumerate().flat_map(move |(number, form)| {
            (0..2).map(move |turn| (*form, *column, constant(number + shift + turn * 7), constant(number + turn)))
        });
        core.chain(more)
    })
}

fn bound(name: &str, kind: &Kind, most: usize) {
    let twins = Twins::of(name, kind);
    let mut tally = Tally::default();
    let mut inputs: Vec<Option<&str>> = kind.values.iter().chain(kind.inputs).map(|text| Some(*text)).collect();
    inputs.push(None);
    let mut asked = Vec::new();
    for column in twins.columns() {
        for (number, form) in BOUND.iter().chain(kind.bound).enumerate() {
            for (at, input) in inputs.iter().enumerate() {
                // What is of one type alone meets several neighbours.
                let neighbours: &[usize] = if number < BOUND.len() { &[number + 1] } else { &[1, 4, 7] };
                for distance in neighbours.iter().take(if form.contains("$2") { 3 } else { 1 }) {
                    let mut params = vec![*input];
                    params.extend(form.contains("$2").then_some(inputs[(at + distance) % inputs.len()]));
                    asked.push((fill(form, "t", column, kind.ty, "", ""), params, false));
                }
            }
        }
        for form in LISTED {
            for width in [0, 1, 3, inputs.len()] {
                asked.push((fill(form, "t", column, kind.ty, "", ""), inputs[inputs.len() - width..].to_vec(), true));
            }
        }
    }
    twins.bound(&mut tally, &asked);
    tally.finish(name, most);
}

/// Types that a client may declare a parameter as: of each family, and of none.
const DECLARED: &[u32] = &[16, 20, 21, 23, 25, 701, 705, 1042, 1043, 1082, 1114, 1184, 1700, 17, 19, 2950];

/// A parameter whose type the client says itself when it prepares the statement; `most` for each type.
fn declared(name: &str, kinds: &[&Kind], most: usize) {
    for (number, kind) in kinds.iter().enumerate() {
        let mut twins = Twins::of(&format!("{name}{number}"), kind);
        let mut tally = Tally::default();
        for column in twins.columns() {
            for form in ["{c} = $1", "{c} NOT IN ($1)", "{c} IN ($1, {v})", "{c} IS DISTINCT FROM $1", "NOT $1 = {c}"] {
                for oid in DECLARED {
                    let condition = fill(form, "t", column, kind.ty, &format!("'{}'", kind.values[0]), "");
                    let statement = parse("", &format!("SELECT id FROM t WHERE {condition} ORDER BY id"), &[*oid]);
                    for input in kind.values.iter().chain(kind.inputs) {
                        let bound = bind("", "", &[Some(input)], 0);
                        let script = [statement.clone(), bound, execute("", 0), sync()].concat();
                        let what = format!("{condition} with {input:?} as {oid}");
                        twins.script(&mut tally, &what, &script);
                    }
                }
            }
        }
        tally.finish(kind.ty, most);
    }
}

#[test]
fn parameters_of_declared_number_types() {
    declared("ldnum", &[&kinds::INT4, &kinds::INT8, &kinds::MONEY], 69);
}

#[test]
fn parameters_of_declared_text_types() {
    declared("ldtext", &[&kinds::TEXT, &kinds::VARCHAR, &kinds::UUID, &kinds::BYTEA], 150);
}

#[test]
fn parameters_of_declared_time_types() {
    declared("ldtime", &[&kinds::DATE, &kinds::TIMESTAMP, &kinds::TIMESTAMPTZ], 150);
}

macro_rules! kinds {
    ($($kind:ident: $name:literal, $compared:ident at most $most:literal, $bound:ident at most $bound_most:literal;)*) => {
        $(#[test]
        fn $compared() {
            compared(concat!("lh", $name), &kinds::$kind, $most);
        }

        #[test]
        fn $bound() {
            bound(concat!("lb", $name), &kinds::$kind, $bound_most);
        })*
    };
}

kinds! {
    BOOL: "bool", an_honest_server_is_believed_of_bool at most 709, and_with_parameters_of_bool at most 408;
    INT2: "int2", an_honest_server_is_believed_of_int2 at most 318, and_with_parameters_of_int2 at most 240;
    INT4: "int4", an_honest_server_is_believed_of_int4 at most 312, and_with_parameters_of_int4 at most 240;
    INT8: "int8", an_honest_server_is_believed_of_int8 at most 327, and_with_parameters_of_int8 at most 144;
    NUMERIC: "numeric", an_honest_server_is_believed_of_numeric at most 331, and_with_parameters_of_numeric at most 0;
    MONEY: "money", an_honest_server_is_believed_of_rounded_numeric at most 325, and_with_parameters_of_rounded_numeric at most 0;
    FLOAT4: "float4", an_honest_server_is_believed_of_float4 at most 790, and_with_parameters_of_float4 at most 144;
    FLOAT8: "float8", an_honest_server_is_believed_of_float8 at most 454, and_with_parameters_of_float8 at most 0;
    TEXT: "text", an_honest_server_is_believed_of_text at most 598, and_with_parameters_of_text at most 576;
    VARCHAR: "varchar", an_honest_server_is_believed_of_varchar at most 565, and_with_parameters_of_varchar at most 399;
    BYTEA: "bytea", an_honest_server_is_believed_of_bytea at most 229, and_with_parameters_of_bytea at most 0;
    UUID: "uuid", an_honest_server_is_believed_of_uuid at most 99, and_with_parameters_of_uuid at most 0;
    DATE: "date", an_honest_server_is_believed_of_date at most 1162, and_with_parameters_of_date at most 687;
    TIMESTAMP: "timestamp", an_honest_server_is_believed_of_timestamp at most 1222, and_with_parameters_of_timestamp at most 408;
    TIMESTAMPTZ: "tz", an_honest_server_is_believed_of_timestamptz at most 1510, and_with_parameters_of_timestamptz at most 885;
    COARSE: "coarse", an_honest_server_is_believed_of_rounded_timestamptz at most 1474, and_with_parameters_of_rounded_timestamptz at most 0;
    BPCHAR: "bpchar", an_honest_server_is_believed_of_bpchar at most 392, and_with_parameters_of_bpchar at most 372;
    NAME: "name", an_honest_server_is_believed_of_name at most 379, and_with_parameters_of_name at most 96;
    OID: "oid", an_honest_server_is_believed_of_oid at most 205, and_with_parameters_of_oid at most 99;
    LSN: "pg_lsn", an_honest_server_is_believed_of_pg_lsn at most 343, and_with_parameters_of_pg_lsn at most 510;
    MACADDR: "mac", an_honest_server_is_believed_of_mac at most 117, and_with_parameters_of_mac at most 0;
    MACADDR8: "mac8", an_honest_server_is_believed_of_mac8 at most 366, and_with_parameters_of_mac8 at most 366;
    INET: "inet", an_honest_server_is_believed_of_inet at most 211, and_with_parameters_of_inet at most 0;
    CIDR: "cidr", an_honest_server_is_believed_of_cidr at most 241, and_with_parameters_of_cidr at most 207;
    BIT: "bit", an_honest_server_is_believed_of_bit at most 380, and_with_parameters_of_bit at most 210;
    VARBIT: "varbit", an_honest_server_is_believed_of_varbit at most 310, and_with_parameters_of_varbit at most 0;
    TIME: "time", an_honest_server_is_believed_of_time at most 338, and_with_parameters_of_time at most 30;
    TIMETZ: "timetz", an_honest_server_is_believed_of_timetz at most 183, and_with_parameters_of_timetz at most 132;
    JSONB: "jsonb", an_honest_server_is_believed_of_jsonb at most 25, and_with_parameters_of_jsonb at most 0;
}
