//! An UPDATE whose locking SELECT is answered with another row: nothing is signed, nothing is written (SQL-60, SIG-5).

use super::stage::{LOCK, Stage, WAYS, Way, texts};
use super::{Lie, When};
use crate::doors::param::{Form, Param};

/// Conditions that row 2 does not fulfil, with their parameters.
pub(super) fn not_of_row_2() -> Vec<(&'static str, Vec<Param>)> {
    let list = |items: &[Option<&str>]| vec![Param::Array(items.iter().map(|item| item.map(str::to_owned)).collect())];
    let null = || vec![Param::Null];
    vec![
        // The context.
        ("id = 1", vec![]),
        ("1 = id", vec![]),
        ("((id) = (1))", vec![]),
        ("customers.id = 1", vec![]),
        ("id = '1'", vec![]),
        ("id = 1::int2", vec![]),
        ("id = 1::bigint", vec![]),
        ("id = CAST('1' AS int)", vec![]),
        ("id = 99", vec![]),
        ("id = -2", vec![]),
        ("id IN (1)", vec![]),
        ("id IN (1, 3)", vec![]),
        ("id IN (1, 1, '3', 1)", vec![]),
        ("id IN (1, NULL)", vec![]),
        ("id = $1", texts(&["1"])),
        ("$1 = id", texts(&["1"])),
        ("id = $1::int", texts(&["1"])),
        ("id IN ($1, $2)", texts(&["1", "3"])),
        ("id IN ($1, $1, 3)", texts(&["1"])),
        ("id = ANY ($1)", list(&[Some("1"), None, Some("3")])),
        ("id = ANY ('{1,3}')", vec![]),
        ("id = $1", null()),
        ("id = NULL", vec![]),
        ("id IS NULL", vec![]),
        // A sealed column, by its tag.
        ("email = 'a@x'", vec![]),
        ("'a@x' = email", vec![]),
        ("email = 'nobody'", vec![]),
        ("email IN ('a@x', 'c@x')", vec![]),
        ("email IN ('a@x', 'a@x')", vec![]),
        ("email = $1", texts(&["a@x"])),
        ("email = $1::text", texts(&["B@X"])),
        ("email IN ($1, 'c@x', $2)", texts(&["a@x", "b@x "])),
        ("email = ANY ($1)", list(&[Some("a@x"), None])),
        ("email = $1", null()),
        ("email IS NULL", vec![]),
        ("phone IS NULL", vec![]),
        // Signed columns.
        ("dept = 'sales'", vec![]),
        ("dept = 'dev '", vec![]),
        ("dept IN ('sales', 'Dev')", vec![]),
        ("dept = $1", texts(&["sales"])),
        ("dept = $1", null()),
        ("dept IS NULL", vec![]),
        ("level = 1", vec![]),
        ("level = $1", texts(&["1"])),
        ("level IN (1, 3)", vec![]),
        ("level = 3000000000", vec![]),
        ("level IS NULL", vec![]),
        // Beside others, true or not known.
        ("id = 1 AND note = 'y'", vec![]),
        ("note = 'y' AND id = 1", vec![]),
        ("note IS NOT NULL AND level > 0 AND (id = 1 AND dept = 'dev')", vec![]),
        ("id = 2 AND dept = $1 AND email = $2", texts(&["sales", "b@x"])),
        ("id = 2 AND email = $1 AND dept = $2", texts(&["a@x", "dev"])),
        ("length(dept) = 3 AND id = 1", vec![]),
        ("(note = 'y' OR level = 7) AND id = 1", vec![]),
    ]
}

/// Runs a case by every way, in a statement of its own and in a block; what went wrong.
fn refused(stage: &Stage, sql: &str, params: &[Param], lie: &Lie) -> Vec<String> {
    let mut wrong = Vec::new();
    for way in WAYS {
        for block in [false, true] {
            let before = stage.stored();
            let mut session = stage.session(way);
            if block {
                session.ask("BEGIN", &[]);
            }
            stage.world.liar().lie(When::every(LOCK), lie.clone());
            let told = session.ask(sql, params);
            let lies = stage.world.liar().repent();
            let mut fault = |what: String| wrong.push(format!("{way:?}, block {block}: {sql} {params:?}: {what}"));
            match told.code.as_deref() {
                Some("XX001") if lies > 0 => {}
                Some("XX001") => fault("XX001, and nobody lied".to_owned()),
                Some(code) => fault(format!("{code} {}", told.message)),
                None => fault("believed".to_owned()),
            }
            if told.message.contains(&stage.secret) || told.message.contains("b@x") {
                fault(format!("the message tells a value: {}", told.message));
            }
            if block {
                let next = session.ask("SELECT 1", &[]).code;
                if next.as_deref() != Some("25P02") {
                    fault(format!("the block goes on: {next:?}"));
                }
                session.ask("COMMIT", &[]);
            }
            if stage.stored() != before {
                fault("something was written".to_owned());
                break;
            }
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
fn an_update_signs_no_other_row_than_the_one_that_was_asked_for_sql_60() {
    let stage = Stage::new("llock");
    let lie = Lie::Where("id = 2".into());
    let case = |(condition, params): (&str, Vec<Param>)| {
        refused(&stage, &format!("UPDATE customers SET dept = 'admin' WHERE {condition}"), &params, &lie)
    };
    none(not_of_row_2().into_iter().map(case).collect());
}

#[test]
fn whatever_an_update_sets_the_old_row_is_held_against_its_condition_sql_60() {
    let stage = Stage::new("lset");
    let lie = Lie::Where("id = 2".into());
    let cases = [
        "UPDATE customers SET phone = '5' WHERE id = 1",
        "UPDATE customers SET phone = NULL WHERE id = 1",
        "UPDATE customers SET email = 'd@x' WHERE id = 1",
        "UPDATE customers SET email = 'a@x' WHERE email = 'a@x'",
        "UPDATE customers SET dept = 'sales' WHERE dept = 'sales'",
        "UPDATE customers SET dept = DEFAULT WHERE id = 1",
        "UPDATE customers SET level = 1, note = 'n' WHERE level = 1",
        "UPDATE customers SET dept = 'admin' WHERE id = 1 RETURNING *",
        "UPDATE customers SET dept = 'admin' WHERE id = 1 RETURNING note",
        "UPDATE ONLY customers SET dept = 'admin' WHERE id = 1",
        "UPDATE customers AS c SET dept = 'admin' WHERE c.id = 1",
        "UPDATE public.customers c SET dept = 'admin' WHERE c.email = 'a@x' AND c.note = 'y'",
    ];
    none(cases.iter().map(|sql| refused(&stage, sql, &[], &lie)).collect());
}

#[test]
fn a_row_with_null_is_not_one_that_is_not_null_sql_60() {
    let stage = Stage::new("lnull");
    let case = |(condition, row): (&str, u8)| {
        let sql = format!("UPDATE customers SET level = 9 WHERE {condition}");
        refused(&stage, &sql, &[], &Lie::Where(format!("id = {row}")))
    };
    let cases = [
        ("dept IS NOT NULL", 3),
        ("email IS NOT NULL", 4),
        ("phone IS NOT NULL", 4),
        ("level IS NOT NULL", 4),
        ("dept = 'sales'", 3),
        ("email = 'a@x'", 4),
        ("email IN ('a@x', 'b@x')", 4),
        ("level = 1", 4),
    ];
    none(cases.into_iter().map(case).collect());
}

#[test]
fn one_strange_row_among_those_that_were_asked_for_stops_them_all_sql_60() {
    let stage = Stage::new("lamong");
    let lie = Lie::Where("id IN (1, 2, 3)".into());
    let cases = [
        "UPDATE customers SET dept = 'admin' WHERE id IN (1, 3)",
        "UPDATE customers SET dept = 'admin' WHERE email IN ('a@x', 'c@x') RETURNING id",
        "UPDATE customers SET phone = '5' WHERE id = ANY ('{1,3}')",
    ];
    none(cases.iter().map(|sql| refused(&stage, sql, &[], &lie)).collect());
}

#[test]
fn a_tag_of_another_value_brings_no_row_that_is_signed_sql_60() {
    let stage = Stage::new("ltag");
    let tag = stage.world.at_server("SELECT pgseal_eq_email FROM customers WHERE id = 2");
    let own = stage.world.at_server("SELECT pgseal_eq_email FROM customers WHERE id = 1");
    let bytes = |tag: &str| -> Vec<u8> {
        let digits: Vec<u8> = tag.chars().filter_map(|char| char.to_digit(16)).map(|digit| digit as u8).collect();
        digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
    };
    for way in WAYS {
        for lie in [Lie::Text(own.trim().into(), tag.trim().into()), Lie::Parameter(1, Some(bytes(tag.trim())))] {
            let before = stage.stored();
            let mut session = stage.session(way);
            stage.world.liar().lie(When::every(LOCK), lie);
            let told = session.ask("UPDATE customers SET dept = 'admin' WHERE email = $1", &texts(&["a@x"]));
            // A tag is a parameter, or it stands in the text.
            if stage.world.liar().repent() > 0 {
                assert_eq!(told.code.as_deref(), Some("XX001"), "{way:?}: {}", told.message);
                assert_eq!(stage.stored(), before, "{way:?}");
            } else {
                assert_eq!(told.code, None, "{way:?}: {}", told.message);
                let undone = session.ask("UPDATE customers SET dept = 'sales' WHERE id = 1", &[]);
                assert_eq!(undone.code, None, "{}", undone.message);
            }
        }
    }
}

#[test]
fn an_honest_lock_is_believed_sql_60() {
    let stage = Stage::new("lhonest");
    for way in WAYS {
        for (condition, params) in not_of_row_2() {
            let mut session = stage.session(way);
            session.ask("BEGIN", &[]);
            let sql = format!("UPDATE customers SET dept = 'admin' WHERE {condition}");
            let told = session.ask(&sql, &params);
            assert_eq!(told.code, None, "{way:?}: {sql} {params:?}: {}", told.message);
            session.ask("ROLLBACK", &[]);
        }
    }
}

#[test]
fn the_lie_of_a_later_lock_is_found_in_a_block_of_honest_ones_sql_60() {
    let stage = Stage::new("llater");
    let before = stage.stored();
    for way in WAYS {
        let mut session = stage.session(way);
        session.ask("BEGIN", &[]);
        for (id, lie, code) in [(3, None, None), (1, Some(Lie::Where("id = 2".into())), Some("XX001"))] {
            let lied = lie.is_some();
            lie.into_iter().for_each(|lie| stage.world.liar().lie(When::every(LOCK), lie));
            let sql = format!("UPDATE customers SET dept = 'admin' WHERE id = {id}");
            let told = session.ask(&sql, &[]);
            assert_eq!(told.code.as_deref(), code, "{way:?}: {}", told.message);
            assert_eq!(stage.world.liar().repent() > 0, lied, "{way:?}");
        }
        session.ask("COMMIT", &[]);
        assert_eq!(stage.stored().lines().count(), before.lines().count());
        let kept = session.ask("SELECT count(*) FROM customers WHERE dept = 'admin'", &[]);
        assert_eq!(kept.rows, [[Some("0".to_owned())]], "{way:?}");
    }
}

#[test]
fn the_other_known_conditions_are_held_against_the_row_too_sql_60() {
    let stage = Stage::new("lother");
    let lie = Lie::Where("id = 2".into());
    let conditions = [
        "id <> 2",
        "id NOT IN (2, 5)",
        "id IS NOT DISTINCT FROM 1",
        "id IS DISTINCT FROM 2",
        "NOT id = 2",
        "id = 1 OR id = 3",
        "id = 1 OR email = 'c@x'",
        "NOT (id = 2 OR note = 'z')",
        "email <> 'b@x'",
        "dept <> ALL ('{dev}')",
        "id = 1.0",
        "id = 2.5",
        "(id, dept) = (1, 'sales')",
    ];
    let case = |condition: &&str| {
        refused(&stage, &format!("UPDATE customers SET dept = 'admin' WHERE {condition}"), &[], &lie)
    };
    none(conditions.iter().map(case).collect());
}

/// With the planner as a compiler these are known too.
#[test]
#[ignore = "order comparisons, and columns compared with each other, are the server's word today"]
fn order_comparisons_are_held_against_the_row_sql_60() {
    let stage = Stage::new("lorder");
    let lie = Lie::Where("id = 2".into());
    let conditions = ["id BETWEEN 3 AND 4", "level > 2", "id = level AND id <> level"];
    let case = |condition: &&str| {
        refused(&stage, &format!("UPDATE customers SET dept = 'admin' WHERE {condition}"), &[], &lie)
    };
    none(conditions.iter().map(case).collect());
}

#[test]
fn a_lie_that_begins_after_a_statement_was_prepared_is_found_sql_60() {
    let stage = Stage::new("lprepared");
    let before = stage.stored();
    // A parameter of a condition that the proxy does not touch travels as it came.
    for (way, row_2) in [(Way::Extended, b"2".to_vec()), (Way::Sdk(Form::Binary), 2_i64.to_be_bytes().to_vec())] {
        let mut session = stage.session(way);
        let sql = "UPDATE customers SET dept = 'sales' WHERE id = $1";
        assert_eq!(session.ask(sql, &texts(&["99"])).code, None);
        stage.world.liar().lie(When::every(LOCK), Lie::Parameter(1, Some(row_2)));
        let told = session.ask(sql, &texts(&["1"]));
        assert_eq!(stage.world.liar().repent(), 1, "{way:?}");
        assert_eq!(told.code.as_deref(), Some("XX001"), "{way:?}: {}", told.message);
    }
    assert_eq!(stage.stored(), before);
}
