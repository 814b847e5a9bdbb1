//! Rows that were not asked for (SQL-60), shown or to be signed again.

use super::*;
use crate::error::{SqlState, UserFacing};
use crate::exec::Error;
use crate::exec::inputs::Params;
use crate::exec::outputs::{Formats, Opener, physical_formats};
use crate::exec::steps::Execution;
use crate::sql::OutputSource::Open;
use crate::sql::{Condition, ReadModifyWrite};

fn is(column: ColumnId, constant: Input) -> Condition {
    Condition::In { column, constants: vec![constant] }
}

fn typed(ty: Type, text: &str) -> Input {
    Input::Literal { literal: Literal::Typed(ty, text.into()), at: 0 }
}

/// What becomes of the row of card 7 (owner ada, pan 4111, pin 0000, credit 10.50) when it is shown, and when it is
/// locked for an UPDATE. Both must be the same.
fn answered(signed: bool, condition: &Condition, params: Params<'_>) -> bool {
    let table = table(signed);
    let held = Held::new(&table, &keys(), 7, "4111");
    let shown = show(&table, &held, condition, params);
    if signed {
        assert_eq!(lock(&table, &held, condition, params).is_ok(), shown.is_ok(), "{condition:?}");
    }
    match shown {
        Ok(()) => true,
        Err(error) => {
            assert_eq!(error, Error::NotAsked("card".into()));
            assert_eq!(error.sqlstate(), SqlState::DATA_CORRUPTED);
            false
        }
    }
}

fn show(table: &Arc<Table>, held: &Held, condition: &Condition, params: Params<'_>) -> Result<(), Error> {
    let mut shape = shape(table, &[Open { row: 0, column: PAN }], &[PAN]);
    shape.rows[0].conditions = vec![condition.clone()];
    let mut plan = plan(Verb::Select, Template::default(), Vec::new());
    let client = vec![Format::Text];
    let physical = physical_formats(&shape, &client);
    plan.output = Some(shape);
    let mut out = Vec::new();
    let mut opener = Opener::new(&Arc::new(plan), Arc::new(Formats { client, physical }), params).unwrap();
    let result = opener.row(&held.row(), &keys(), &Settings::default(), &mut out);
    assert_eq!(out.is_empty(), result.is_err(), "a row is shown whole or not at all");
    result
}

fn lock(table: &Arc<Table>, held: &Held, condition: &Condition, params: Params<'_>) -> Result<(), Error> {
    let mut values = vec![None; 6];
    values[PAN] = Some(untyped("5500"));
    let mut read = read(table, 2);
    read.conditions = vec![condition.clone()];
    let work = ReadModifyWrite {
        lock: template(Vec::new()),
        read,
        assigned: vec![PAN],
        returning: String::new(),
        alias: "\"c\"".into(),
    };
    let mut plan = plan(Verb::Update, Template::default(), vec![WriteRow { table: Arc::clone(table), values }]);
    plan.steps = Steps::ReadModifyWrite(Box::new(work));
    let mut execution = Execution::new(&Arc::new(plan), &[]);
    execution.next(params, &keys(), &Settings::default())?;
    let mut row: Vec<Option<&[u8]>> = vec![Some(&[0; 4]), Some(&[0; 6])];
    row.extend(held.row());
    execution.row(&row, &keys())
}

#[test]
fn sql_60_a_row_passes_exactly_if_its_condition_may_be_true() {
    let not = Condition::negated;
    let cases = [
        (is(ID, typed(Type::Int4, "7")), true),
        (is(ID, typed(Type::Int4, "8")), false),
        (is(ID, typed(Type::Numeric(None), "7.00")), true),
        (is(ID, typed(Type::Numeric(None), "7.5")), false),
        (not(is(ID, typed(Type::Numeric(None), "7.5"))), true),
        (is(ID, untyped("7")), true),
        (is(ID, Input::Null), false),
        (not(is(ID, Input::Null)), false),
        (not(is(ID, untyped("8"))), true),
        (not(is(ID, untyped("7"))), false),
        (is(PAN, untyped("4111")), true),
        (is(PAN, untyped("5500")), false),
        (is(CREDIT, typed(Type::Numeric(None), "10.5")), true),
        (is(CREDIT, typed(Type::Int4, "10")), false),
        (Condition::In { column: ID, constants: vec![untyped("1"), Input::Null, untyped("7")] }, true),
        (Condition::In { column: ID, constants: vec![untyped("1"), Input::Null] }, false),
        (not(Condition::In { column: ID, constants: vec![untyped("1"), Input::Null] }), false),
        (Condition::AnyOf { column: ID, array: untyped("{1,7}") }, true),
        (Condition::AnyOf { column: ID, array: untyped("{1,NULL}") }, false),
        (Condition::AnyOf { column: ID, array: untyped("{}") }, false),
        (not(Condition::AnyOf { column: ID, array: untyped("{}") }), true),
        (Condition::AnyOf { column: ID, array: Input::Null }, false),
        (Condition::Same { column: ID, constant: untyped("7") }, true),
        (Condition::Same { column: ID, constant: Input::Null }, false),
        (not(Condition::Same { column: ID, constant: Input::Null }), true),
        (not(Condition::Same { column: ID, constant: typed(Type::Numeric(None), "7.5") }), true),
        (Condition::IsNull(PIN), false),
        (not(Condition::IsNull(PIN)), true),
        (Condition::Any(vec![is(ID, untyped("8")), is(PAN, untyped("4111"))]), true),
        (Condition::Any(vec![is(ID, untyped("8")), is(PAN, untyped("5500"))]), false),
        (Condition::Any(vec![is(ID, untyped("8")), Condition::Unknown]), true),
        (Condition::All(vec![is(ID, untyped("8")), Condition::Unknown]), false),
        (not(Condition::Any(vec![is(ID, untyped("7")), Condition::Unknown])), false),
        (Condition::Unknown, true),
        // What cannot be read here is the server's to read, or to reject.
        (is(ID, untyped("seven")), true),
        (is(ID, typed(Type::Timestamptz(None), "2026-01-01 10:00")), true),
        // A column that was not fetched.
        (is(5, untyped("x")), true),
    ];
    for (condition, passes) in cases {
        assert_eq!(answered(true, &condition, Params::NONE), passes, "{condition:?}");
    }
    for (condition, passes) in [(is(PAN, untyped("4111")), true), (is(PAN, untyped("5500")), false)] {
        assert_eq!(answered(false, &condition, Params::NONE), passes, "unsigned: {condition:?}");
    }
}

#[test]
fn sql_60_parameters_are_read_as_the_server_reads_them() {
    let param = |ty| Input::Param { index: 0, ty };
    let passes = |ty, format, value: Option<&[u8]>| {
        answered(
            true,
            &is(ID, param(ty)),
            Params { values: &[value], formats: &[format], encoding: ClientEncoding::UTF8 },
        )
    };
    assert!(passes(Type::Int8, Format::Text, Some(b"7")));
    assert!(!passes(Type::Int8, Format::Text, Some(b"8")));
    assert!(passes(Type::Int4, Format::Binary, Some(&7_i32.to_be_bytes())));
    assert!(!passes(Type::Int4, Format::Binary, Some(&8_i32.to_be_bytes())));
    assert!(!passes(Type::Int8, Format::Text, None));
    assert!(passes(Type::Int8, Format::Binary, Some(b"short")), "the server rejects it");
    let any = Condition::AnyOf { column: ID, array: param(Type::Int8) };
    let array = |text: &'static [u8]| {
        answered(true, &any, Params { values: &[Some(text)], formats: &[Format::Text], encoding: ClientEncoding::UTF8 })
    };
    assert!(array(b"{1,7}") && !array(b"{1,8}") && array(b"{"));
}

/// A forged row is told as one, whatever is asked of it.
#[test]
fn sql_60_a_condition_is_looked_at_only_on_what_was_verified() {
    let table = table(true);
    let mut held = Held::new(&table, &keys(), 7, "4111");
    held.columns[ID] = Some(8_i64.to_be_bytes().to_vec());
    for condition in [is(ID, untyped("8")), is(ID, untyped("7"))] {
        assert!(matches!(show(&table, &held, &condition, Params::NONE), Err(Error::Seal(_))));
        assert!(matches!(lock(&table, &held, &condition, Params::NONE), Err(Error::Seal(_))));
    }
}
