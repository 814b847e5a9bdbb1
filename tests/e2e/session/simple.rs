//! A Query of several statements of which one is refused: what stood before it counts, as PostgreSQL would have it.

use super::{codes, rows, world};
use crate::harness::World;
use crate::harness::raw::{Frame, Raw, kinds, parse, query, sync};

const REFUSED: &str = "SELECT upper(t) FROM person";

fn status(frames: &[Frame]) -> String {
    let ready = frames.iter().rev().find(|frame| frame.kind == 'Z').unwrap();
    String::from_utf8(ready.body.clone()).unwrap()
}

/// Errors and transaction status of a query.
fn ask(raw: &mut Raw, sql: &str) -> (Vec<String>, String) {
    let frames = raw.talk(&query(sql), 1);
    (codes(&frames), status(&frames))
}

fn says(codes: &[&str], status: &str) -> (Vec<String>, String) {
    (codes.iter().map(|code| (*code).to_owned()).collect(), status.to_owned())
}

const NO_SECRET: &str = "nothing here is written to a protected column";

fn notes(world: &World) -> Vec<String> {
    rows(&world.raw().talk(&query("SELECT text FROM note ORDER BY text"), 1))
}

#[test]
fn a_refusal_inside_a_block_that_the_same_query_began_fails_the_block() {
    let world = world("cutbegin");
    world.writes_no_secret(NO_SECRET);
    let mut raw = world.raw();
    assert_eq!(ask(&mut raw, &format!("BEGIN; {REFUSED}")), says(&["0A000"], "E"));
    assert_eq!(ask(&mut raw, "INSERT INTO note VALUES ('alone')"), says(&["25P02"], "E"));
    assert_eq!(ask(&mut raw, "COMMIT"), says(&[], "I"));
    assert_eq!(notes(&world), [""; 0]);
}

#[test]
fn what_a_query_committed_before_a_refusal_stays() {
    let world = world("cutcommit");
    world.writes_no_secret(NO_SECRET);
    let mut raw = world.raw();
    let text = format!("BEGIN; INSERT INTO note VALUES ('a'); COMMIT; {REFUSED}; INSERT INTO note VALUES ('never')");
    assert_eq!(ask(&mut raw, &text), says(&["0A000"], "I"));
    assert_eq!(notes(&world), ["a"]);
    assert_eq!(ask(&mut raw, "BEGIN; INSERT INTO note VALUES ('b')"), says(&[], "T"));
    assert_eq!(ask(&mut raw, &format!("COMMIT; {REFUSED}")), says(&["0A000"], "I"));
    assert_eq!(notes(&world), ["a", "b"]);
}

#[test]
fn rows_before_a_refusal_are_shown_and_an_implicit_transaction_is_rolled_back() {
    let world = world("cutimplicit");
    world.writes_no_secret(NO_SECRET);
    let mut raw = world.raw();
    let frames = raw.talk(&query(&format!("INSERT INTO note VALUES ('gone'); SELECT 'é', 7; {REFUSED}; SELECT 8")), 1);
    assert_eq!(kinds(&frames), "CTDCEZ");
    assert_eq!((codes(&frames), rows(&frames)), (vec!["0A000".to_owned()], vec!["é".to_owned()]));
    assert_eq!(notes(&world), [""; 0]);
}

#[test]
fn nothing_of_a_query_runs_if_a_later_statement_does_not_parse() {
    let world = world("cutsyntax");
    world.writes_no_secret(NO_SECRET);
    let mut raw = world.raw();
    for behind in ["SELEC 1", "INSERT INTO person VALUES (1, 2", "SELECT )"] {
        let text = format!("INSERT INTO note VALUES ('a'); COMMIT; {REFUSED}; {behind}");
        assert_eq!(ask(&mut raw, &text).1, "I", "{behind}");
        assert_eq!(notes(&world), [""; 0], "{behind}");
    }
}

#[test]
fn what_does_not_parse_is_told_before_what_is_refused_and_where_it_stands() {
    let world = world("cutsyntaxfirst");
    world.writes_no_secret("nothing here is written to a protected column");
    let (mut raw, mut direct) = (world.raw(), world.raw_direct());
    let told = |raw: &mut Raw, text: &str| {
        let frames = raw.talk(&query(text), 1);
        let error = frames.iter().find(|frame| frame.kind == 'E').unwrap();
        ['C', 'M', 'P'].map(|field| error.field(field))
    };
    for behind in
        ["INSERT INTO person VALUES (1, 2", "SELECT * FROM person WHERE", "SELECT id FROM person WHERE id = = 1"]
    {
        for before in ["", "SELECT 1; ", "SELECT t FROM person; "] {
            let text = format!("{before}/* é */ {REFUSED}; {behind}");
            let plain = told(&mut direct, &text);
            assert_eq!(plain[0].as_deref(), Some("42601"));
            assert_eq!(told(&mut raw, &text), plain, "{text}");
        }
    }
}

#[test]
fn planned_statements_before_a_refusal_are_carried_out_too() {
    let world = world("cutplanned");
    let secret = world.secret();
    let mut raw = world.raw();
    let text = format!("BEGIN; INSERT INTO person VALUES (1, '{secret}'); COMMIT; SELECT t FROM person; {REFUSED}");
    let frames = raw.talk(&query(&text), 1);
    assert_eq!((kinds(&frames), status(&frames)), ("CCCTDCEZ".to_owned(), "I".to_owned()));
    assert_eq!(rows(&frames), [&*secret]);
}

#[test]
fn a_value_that_cannot_be_read_is_an_error_where_its_statement_stands() {
    let world = world("cutvalue");
    let secret = world.secret();
    let mut raw = world.raw();
    let text = format!("BEGIN; INSERT INTO note VALUES ('a'); INSERT INTO person VALUES ('no number', '{secret}')");
    assert_eq!(ask(&mut raw, &text), says(&["22P02"], "E"));
    assert_eq!(ask(&mut raw, "ROLLBACK"), says(&[], "I"));
}

#[test]
fn an_earlier_statement_that_fails_gives_its_own_error() {
    let world = world("cutown");
    world.writes_no_secret(NO_SECRET);
    let mut raw = world.raw();
    let frames = raw.talk(&query(&format!("SELECT nope(); {REFUSED}")), 1);
    let error = frames.iter().find(|frame| frame.kind == 'E').unwrap();
    assert!(error.field('M').unwrap().contains("nope"), "{error:?}");
    assert_eq!(error.field('P').as_deref(), Some("8"));
    assert_eq!(ask(&mut raw, &format!("BEGIN; SELECT 1/0; {REFUSED}")), says(&["22012"], "E"));
    assert_eq!(ask(&mut raw, &format!("SELECT 1; {REFUSED}")), says(&["25P02"], "E"));
}

#[test]
fn a_name_that_is_not_run_by_sql_is_refused_where_it_stands() {
    let world = world("cutname");
    let secret = world.secret();
    let mut raw = world.raw();
    raw.talk(&[parse("p1", "SELECT id FROM person WHERE t = $1", &[]), sync()].concat(), 1);
    let frames = raw.talk(&query(&format!("BEGIN; /* é */ EXECUTE p1('{secret}')")), 1);
    assert_eq!((codes(&frames), status(&frames)), says(&["0A000"], "E"));
    let refused = frames.iter().find(|frame| frame.kind == 'E').unwrap();
    assert_eq!(refused.field('P').as_deref(), Some("24"), "characters of the client's text");
}

#[test]
fn a_prepare_that_is_sent_does_not_free_the_name_of_one_that_is_refused_behind_it_sql_5() {
    let world = world("cutprepare");
    let secret = world.secret();
    let mut raw = world.raw();
    let refused = "PREPARE p AS SELECT id FROM person WHERE t = $1";
    let text = format!("PREPARE p AS SELECT 1; DEALLOCATE p; {refused}");
    assert_eq!(ask(&mut raw, &text), says(&["0A000"], "I"));
    assert_eq!(ask(&mut raw, &format!("EXECUTE p('{secret}')")), says(&["0A000"], "I"));
}

#[test]
fn what_stood_before_a_definition_that_is_refused_may_use_its_name_sql_64() {
    let world = world("cutview");
    world.writes_no_secret(NO_SECRET);
    let mut raw = world.raw();
    assert_eq!(ask(&mut raw, "CREATE TABLE v (a text)"), says(&[], "I"));
    let text = "BEGIN; INSERT INTO v VALUES ('x'); COMMIT; CREATE VIEW v AS SELECT t FROM person";
    assert_eq!(ask(&mut raw, text), says(&["0A000"], "I"));
    assert_eq!(rows(&raw.talk(&query("SELECT a FROM v"), 1)), ["x"]);
}
