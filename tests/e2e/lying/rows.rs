//! Rows that are changed on their way: fields that change their places, their contents, or go; rows that come twice.

use super::stage::{LOCK, Stage, WAYS, texts};
use super::{Lie, When};

/// Whatever is done to a field of a physical row, an application is shown the row as it was written, or an error.
fn shown_or_refused(stage: &Stage, sql: &str, lie: impl Fn(usize) -> Option<Lie>) {
    let mut lies = 0;
    for way in WAYS {
        let honest = stage.session(way).ask(sql, &[]);
        assert_eq!(honest.code, None, "{sql}: {}", honest.message);
        for number in 0.. {
            let Some(lie) = lie(number) else { break };
            let what = format!("{way:?}: {sql}: {lie:?}");
            let mut session = stage.session(way);
            stage.world.liar().lie(When::every("customers"), lie);
            let told = session.ask(sql, &[]);
            lies += stage.world.liar().repent();
            match told.code.as_deref() {
                None => assert_eq!(told.rows, honest.rows, "{what}"),
                Some(code) => assert!(code == "XX001" || code == "08P01", "{what}: {code} {}", told.message),
            }
        }
    }
    assert!(lies > 20, "{sql}: {lies} lies were told");
}

/// As many fields as a physical row of a table of the stage has at most.
const FIELDS: usize = 10;

const SELECTS: [&str; 4] = [
    "SELECT id, email, phone, dept, level FROM customers WHERE id = 1",
    "SELECT phone FROM customers WHERE email = 'a@x'",
    "SELECT dept, id FROM customers ORDER BY id",
    "SELECT email, id FROM customers WHERE id IN (3, 4) ORDER BY id",
];

#[test]
fn fields_that_change_their_places_are_not_shown_sig_5() {
    let stage = Stage::new("lfields");
    for sql in SELECTS {
        shown_or_refused(&stage, sql, |number| {
            let (one, other) = (number / FIELDS, number % FIELDS);
            (one < FIELDS).then_some(Lie::SwapFields { row: 0, one, other })
        });
    }
}

#[test]
fn fields_that_hold_something_else_are_not_shown_sig_5() {
    let stage = Stage::new("lcontents");
    for sql in SELECTS {
        shown_or_refused(&stage, sql, |number| {
            let values = [None, Some(b"1".to_vec()), Some(b"\\x01".to_vec()), Some(vec![]), Some(vec![0; 8])];
            let (column, value) = (number / values.len(), values[number % values.len()].clone());
            (column < FIELDS).then_some(Lie::Field { row: 0, column, value })
        });
    }
}

#[test]
fn a_lock_that_gives_the_address_of_another_row_writes_nothing_sig_6() {
    let stage = Stage::new("laddress");
    let before = stage.stored();
    let other = stage.world.at_server("SELECT ctid FROM customers WHERE id = 2");
    let trimmed = other.trim().trim_matches(|char| char == '(' || char == ')');
    let (block, item) = trimmed.split_once(',').unwrap();
    let binary =
        [&block.parse::<u32>().unwrap().to_be_bytes()[..], &item.parse::<u16>().unwrap().to_be_bytes()].concat();
    for way in WAYS {
        for value in [other.trim().as_bytes().to_vec(), binary.clone()] {
            let lie = Lie::Field { row: 0, column: 1, value: Some(value) };
            let sql = "UPDATE customers SET dept = 'admin' WHERE id = 1";
            let told = stage.lied(way, (When::every(LOCK), lie), sql, &[]);
            assert!(told.code.is_some(), "{way:?}: {:?}", told.rows);
            assert_eq!(stage.stored(), before, "{way:?}");
        }
    }
}

#[test]
fn a_row_that_is_locked_twice_is_written_once_or_not_at_all_sig_6() {
    let stage = Stage::new("ltwice");
    for (number, way) in WAYS.into_iter().enumerate() {
        let dept = format!("admin{number}");
        let sql = "UPDATE customers SET dept = $1 WHERE id = 1";
        let before = stage.stored();
        let told = stage.lied(way, (When::every(LOCK), Lie::RepeatRow(0)), sql, &texts(&[&dept]));
        let read = stage.session(way).ask("SELECT dept FROM customers WHERE id = 1", &[]);
        assert_eq!(read.code, None, "{way:?}: {}", read.message);
        match told.code {
            Some(_) => assert_eq!(stage.stored(), before, "{way:?}"),
            None => assert_eq!(read.rows, [[Some(dept)]], "{way:?}"),
        }
    }
}

/// SECURITY.md says so: which rows are left out, and how often one comes, is the server's word.
#[test]
fn rows_that_are_left_out_or_repeated_are_not_noticed_sql_60() {
    let stage = Stage::new("lleft");
    for way in WAYS {
        let about = || When::every("customers");
        let sql = "SELECT id FROM customers WHERE id IN (1, 2) ORDER BY id";
        let told = stage.lied(way, (about(), Lie::DropRow(0)), sql, &[]);
        assert_eq!((told.code, told.rows), (None, vec![vec![Some("2".to_owned())]]), "{way:?}");
        let told = stage.lied(way, (about(), Lie::SwapRows(0, 1)), sql, &[]);
        assert_eq!((told.code, told.rows.len()), (None, 2), "{way:?}");
        let told = stage.lied(way, (about(), Lie::RepeatRow(1)), sql, &[]);
        assert_eq!((told.code, told.rows.len()), (None, 3), "{way:?}");
    }
}
