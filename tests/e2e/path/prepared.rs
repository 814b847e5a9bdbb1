//! A prepared statement follows the path of its execution, and what is under way is waited for.

use crate::harness::raw::{bind, describe, execute, parse, sync};

use super::Pair;

#[test]
fn a_prepared_statement_follows_the_path_of_its_execution_sql_12() {
    let pair = Pair::new("pathprepared");
    let mut both = pair.sessions();
    both.same("SET search_path TO public");
    let read = "SELECT email FROM member WHERE id = $1";
    both.same_messages(&[parse("read", read, &[]), describe(b'S', "read"), sync()], 1);
    let run = || [bind("", "read", &[Some("1")], 0), describe(b'P', ""), execute("", 0), sync()];
    for (set, whose) in [
        ("SET search_path TO branch, public", "one@branch.test"),
        ("SET search_path TO nosuch, branch", "one@branch.test"),
        ("SET search_path TO public", "one@public.test"),
        ("SET search_path TO \"Quoted\"", "one@quoted.test"),
        ("SET search_path TO branch", "one@branch.test"),
        ("SET search_path TO ''", "42P01"),
        ("SET search_path TO public, branch", "one@public.test"),
    ] {
        both.same(set);
        let answer = both.same_messages(&run(), 1);
        assert!(answer[0].contains(whose), "{set}: {answer:?}");
    }
    // Prepared where it was another table.
    both.same("SET search_path TO branch");
    both.same_messages(&[parse("write", "INSERT INTO member VALUES ($1, $2, $3)", &[]), sync()], 1);
    for (set, id, email) in [("public", "5", "five@public.test"), ("branch", "6", "six@branch.test")] {
        both.same(&format!("SET search_path TO {set}"));
        both.same_messages(&[bind("", "write", &[Some(id), Some(email), None], 0), execute("", 0), sync()], 1);
    }
    both.same("SELECT id, email FROM public.member ORDER BY id");
    both.same("SELECT id, email FROM branch.member ORDER BY id");
}

#[test]
fn a_statement_in_a_pipeline_waits_for_the_path_before_it_sql_63() {
    let pair = Pair::new("pathpipeline");
    let mut both = pair.sessions();
    both.same("SET search_path TO public");
    let say =
        |sql: &str, values: &[Option<&str>]| [parse("", sql, &[]), bind("", "", values, 0), execute("", 0)].concat();
    let read = || say("SELECT email FROM member WHERE id = $1", &[Some("1")]);
    let set = |path: &str| say(&format!("SET search_path TO {path}"), &[]);
    for (script, count) in [
        (vec![set("branch"), read(), sync(), set("public"), read(), sync()], 2),
        (vec![set("branch"), sync(), read(), sync()], 2),
        (vec![set("public"), say("SELECT 1/0", &[]), sync(), read(), sync()], 2),
        (vec![say("SELECT set_config('search_path', $1, false)", &[Some("public, branch")]), read(), sync()], 1),
        (vec![say("SELECT set_config('search_path', $1, true)", &[Some("branch")]), read(), sync(), read(), sync()], 2),
        (vec![say("BEGIN", &[]), set("branch"), read(), say("ROLLBACK", &[]), read(), sync()], 1),
        (
            vec![
                say("SELECT set_config('search_path', $1, false)", &[None]),
                sync(),
                set("branch"),
                sync(),
                read(),
                sync(),
            ],
            3,
        ),
    ] {
        both.same_messages(&script, count);
    }
}
