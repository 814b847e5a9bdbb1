//! What is known of the rows that a statement asks for (SQL-60).

use super::support::{declared, plan};
use crate::sql::{Condition, Decision, Input, Literal, Plan, Steps};

/// The conditions that the statement's rows are held against, in short.
fn asked(text: &str) -> Vec<String> {
    of(&plan(text))
}

fn of(plan: &Plan) -> Vec<String> {
    let read = match &plan.steps {
        Steps::ReadModifyWrite(work) => Some(&work.read),
        Steps::One | Steps::Fetch(_) => plan.output.as_ref().and_then(|shape| shape.rows.first()),
    };
    let Some(read) = read else { return Vec::new() };
    let name = |column: usize| read.table.columns[column].name.clone();
    read.conditions.iter().map(|condition| short(condition, &name)).collect()
}

pub(super) fn short(condition: &Condition, name: &dyn Fn(usize) -> String) -> String {
    let all = |parts: &[Condition], word: &str| {
        format!("({})", parts.iter().map(|part| short(part, name)).collect::<Vec<_>>().join(word))
    };
    match condition {
        Condition::Unknown => "?".into(),
        Condition::In { column, constants } => {
            format!("{} in {}", name(*column), constants.iter().map(constant).collect::<Vec<_>>().join(","))
        }
        Condition::AnyOf { column, array } => format!("{} any {}", name(*column), constant(array)),
        Condition::Same { column, constant: with } => format!("{} same {}", name(*column), constant(with)),
        Condition::IsNull(column) => format!("{} null", name(*column)),
        Condition::Not(inner) => format!("not {}", short(inner, name)),
        Condition::All(parts) => all(parts, " and "),
        Condition::Any(parts) => all(parts, " or "),
    }
}

fn constant(input: &Input) -> String {
    match input {
        Input::Null => "NULL".into(),
        Input::Param { index, ty } => format!("${}::{ty}", index + 1),
        Input::Literal { literal: Literal::Untyped(text), .. } => format!("'{text}'"),
        Input::Literal { literal: Literal::Typed(ty, text), .. } => format!("{text}::{ty}"),
        Input::Literal { literal: Literal::Array(items), .. } => format!("ARRAY of {}", items.len()),
        Input::Stored(_) | Input::Fetched(_) => "no constant".into(),
    }
}

#[test]
fn sql_60_comparisons_of_authenticated_columns_with_constants_are_known() {
    for (condition, known) in [
        ("id = 1", "id in 1::integer"),
        ("1 = shift.id", "id in 1::integer"),
        ("id = '1'", "id in '1'"),
        ("id = $1", "id in $1::bigint"),
        ("id = $1::int", "id in $1::integer"),
        ("(id) = (1.0)", "id in 1.0::numeric"),
        ("id <> 1", "not id in 1::integer"),
        ("id IN (1, 3, NULL)", "id in 1::integer,3::integer,NULL"),
        ("id IN (1, '3')", "id in 1::integer,'3'"),
        ("(id, staff_id) = (1, $1)", "(id in 1::integer and staff_id in $1::bigint)"),
        ("id NOT IN (1)", "not id in 1::integer"),
        ("id = ANY($1)", "id any $1::bigint"),
        ("id = ANY($1::int[])", "id any $1::integer"),
        ("id = ANY('{1,2}')", "id any '{1,2}'"),
        ("id = ANY(ARRAY[1, 2])", "id any ARRAY of 2"),
        ("id <> ALL($1)", "not id any $1::bigint"),
        ("id IS NOT DISTINCT FROM 1", "id same 1::integer"),
        ("id IS DISTINCT FROM NULL", "not id same NULL"),
        ("staff_id IS NULL", "staff_id null"),
        ("staff_id IS NOT NULL", "not staff_id null"),
        ("email = 'a'", "email in 'a'"),
        ("email IN ($1, $2)", "email in $1::text,$2::text"),
        ("email IS NULL", "email null"),
        ("NOT (id = 1 OR hours = 2)", "not (id in 1::integer or hours in 2::integer)"),
        ("id = 1 OR id > 7", "(id in 1::integer or ?)"),
        ("((id = 1)) AND ((hours > 1))", "id in 1::integer"),
    ] {
        assert_eq!(asked(&format!("SELECT * FROM shift WHERE {condition}")), [known], "{condition}");
        assert_eq!(asked(&format!("UPDATE shift SET code = 'x' WHERE {condition}")), [known], "{condition}");
        assert_eq!(asked(&format!("DELETE FROM shift WHERE {condition} RETURNING id")), [known], "{condition}");
    }
}

#[test]
fn sql_60_what_could_be_read_otherwise_is_left_to_the_server() {
    for condition in [
        "id > 1",
        "id::text = '1'",
        "id + 0 = 1",
        "id = hours",
        "id = ANY(ARRAY[$1, 2])",
        "id BETWEEN 1 AND 2",
        "true",
        "coalesce(hours, 1) = 1",
    ] {
        assert!(asked(&format!("SELECT * FROM shift WHERE {condition}")).is_empty(), "{condition}");
    }
    // Nothing vouches for a column that nobody signed.
    assert!(asked("SELECT * FROM staff WHERE mark = 'x' AND team IS NULL").is_empty());
    assert!(asked("SELECT * FROM staff").is_empty());
    let Decision::Rewrite(plan) = declared("SELECT * FROM shift WHERE id = $1", &[701]) else { panic!("refused") };
    assert!(of(&plan).is_empty(), "float8");
}

#[test]
fn sql_60_conjuncts_are_taken_one_by_one() {
    let text = "SELECT * FROM shift WHERE id = 1 AND hours > 3 AND (email = $1 AND code IS NULL) AND NOT hours = 9";
    assert_eq!(asked(text), ["id in 1::integer", "email in $1::text", "code null", "not hours in 9::integer"]);
    // A set that the statement changes itself is no condition of what it returns.
    let text = "UPDATE shift SET hours = 8 WHERE hours = 7 AND id = 1 RETURNING *";
    assert_eq!(asked(text), ["hours in 7::integer", "id in 1::integer"]);
    let shown = plan(text);
    let shown = &shown.output.as_ref().unwrap().rows[0].conditions;
    assert_eq!(shown.len(), 1, "the old row had 7, the one that comes back has 8: {shown:?}");
}

#[test]
fn sql_60_a_sealed_column_that_an_unsigned_row_is_found_by_is_read_with_it() {
    let update = plan("UPDATE customers SET ssn = 'x' WHERE email = 'a'");
    let Steps::ReadModifyWrite(work) = &update.steps else { panic!("one step") };
    let (email, _) = work.read.table.column("email").unwrap();
    assert!(work.read.columns[email].is_some());
}

#[test]
fn sql_60_rows_of_which_nothing_is_shown_are_read_all_the_same_but_for_rows_without_columns() {
    let rows = |text: &str| plan(text).output.as_ref().unwrap().rows.len();
    assert_eq!(rows("SELECT 1 FROM shift WHERE id = 1"), 1);
    assert_eq!(rows("SELECT 1 FROM shift WHERE hours > 1"), 0, "nothing to hold them against");
    assert_eq!(rows("SELECT count(*) FROM shift WHERE id = 1"), 0, "no rows");
    assert_eq!(rows("SELECT FROM shift WHERE id = 1"), 0);
}
