//! A SELECT that is answered with another row, genuine and signed: it is not shown (SQL-60).

use super::locks::not_of_row_2;
use super::stage::{Stage, WAYS, texts};
use super::{Lie, When};
use crate::doors::param::Param;

/// Runs a case by every way; what went wrong.
fn hidden(stage: &Stage, about: &str, sql: &str, params: &[Param], instead: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    for way in WAYS {
        let told = stage.lied(way, (When::every(about), Lie::Where(instead.to_owned())), sql, params);
        if told.code.as_deref() != Some("XX001") || told.shown > 0 {
            let code = told.code.unwrap_or_else(|| "believed".to_owned());
            wrong.push(format!("{way:?}: {sql} {params:?}: {code} {}, {} rows shown", told.message, told.shown));
        }
        if told.message.contains(&stage.secret) || told.message.contains("b@x") {
            wrong.push(format!("{way:?}: {sql}: the message tells a value: {}", told.message));
        }
    }
    wrong
}

#[track_caller]
fn none(wrong: Vec<Vec<String>>) {
    let wrong = wrong.concat();
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_signed_row_that_was_not_asked_for_is_not_shown_sql_60() {
    let stage = Stage::new("lread");
    let mut wrong = Vec::new();
    for (condition, params) in not_of_row_2() {
        // All columns, one that is no part of the condition, and one that nothing protects.
        for list in ["*", "phone", "note"] {
            let sql = format!("SELECT {list} FROM customers WHERE {condition}");
            wrong.push(hidden(&stage, "customers", &sql, &params, "id = 2"));
        }
    }
    none(wrong);
}

#[test]
fn whatever_stands_beside_it_the_condition_is_held_against_the_row_sql_60() {
    let stage = Stage::new("lbeside");
    let cases = [
        "SELECT c.phone FROM customers AS c WHERE c.email = 'a@x'",
        "SELECT phone AS id FROM public.customers WHERE id = 1",
        "SELECT id AS dept, dept AS id FROM customers WHERE id = 1 AND dept = 'sales'",
        "SELECT * FROM ONLY customers c WHERE id = 1",
        "SELECT id, id, phone FROM customers WHERE id = 1 ORDER BY id DESC LIMIT 1",
        "SELECT phone FROM customers WHERE id = 1 LIMIT 1 OFFSET 0",
        "SELECT dept FROM customers WHERE id = 1 FOR UPDATE",
        "SELECT phone, note FROM customers WHERE email = 'a@x' FOR SHARE SKIP LOCKED",
        "SELECT upper(dept), level + 1 FROM customers WHERE id = 1",
        "SELECT 1 FROM customers WHERE id = 1",
    ];
    none(cases.iter().map(|sql| hidden(&stage, "customers", sql, &[], "id = 2")).collect());
}

#[test]
fn a_row_with_null_is_not_shown_as_one_that_is_not_null_sql_60() {
    let stage = Stage::new("lreadnull");
    let case = |(condition, row): (&str, u8)| {
        let sql = format!("SELECT id FROM customers WHERE {condition}");
        hidden(&stage, "customers", &sql, &[], &format!("id = {row}"))
    };
    let cases = [("dept IS NOT NULL", 3), ("email IS NOT NULL", 4), ("level IS NOT NULL", 4), ("email = 'a@x'", 4)];
    none(cases.into_iter().map(case).collect());
}

#[test]
fn of_a_table_without_signatures_what_a_sealed_column_shows_is_what_was_asked_for_sql_60() {
    let stage = Stage::new("lunsigned");
    let list = |items: &[&str]| vec![Param::Array(items.iter().map(|item| Some((*item).to_owned())).collect())];
    let cases = [
        ("SELECT id, email FROM contacts WHERE email = 'a@x'", vec![]),
        ("SELECT email FROM contacts WHERE email = $1", texts(&["a@x"])),
        ("SELECT * FROM contacts WHERE email IN ('a@x', 'c@x')", vec![]),
        ("SELECT * FROM contacts WHERE email IN ($1, $1)", texts(&["a@x"])),
        ("SELECT email FROM contacts WHERE email = ANY ($1)", list(&["a@x", "c@x"])),
        ("SELECT email, phone FROM contacts c WHERE note = 'y' AND c.email = 'a@x'", vec![]),
        ("SELECT * FROM contacts WHERE email IS NULL", vec![]),
        ("SELECT email FROM contacts WHERE email = $1", vec![Param::Null]),
    ];
    none(cases.iter().map(|(sql, params)| hidden(&stage, "contacts", sql, params, "id = 2")).collect());
}

#[test]
fn rows_before_the_strange_one_may_be_shown_it_and_what_follows_are_not_sql_60() {
    let stage = Stage::new("lfollow");
    for way in WAYS {
        for sql in [
            "SELECT id FROM customers WHERE id IN (1, 3) ORDER BY id",
            "SELECT id FROM customers WHERE email IN ('a@x', 'c@x') ORDER BY id",
        ] {
            let told = stage.lied(way, (When::every("customers"), Lie::Where("id IN (1, 2, 3)".into())), sql, &[]);
            assert_eq!(told.code.as_deref(), Some("XX001"), "{way:?}: {sql}");
            assert!(told.shown <= 1, "{way:?}: {sql}: {} rows", told.shown);
        }
    }
}

#[test]
fn an_honest_answer_is_shown_sql_60() {
    let stage = Stage::new("lshown");
    for way in WAYS {
        let mut session = stage.session(way);
        for (condition, params) in not_of_row_2() {
            for list in ["*", "phone", "note"] {
                let sql = format!("SELECT {list} FROM customers WHERE {condition}");
                let told = session.ask(&sql, &params);
                assert_eq!(told.code, None, "{way:?}: {sql} {params:?}: {}", told.message);
            }
        }
    }
}
