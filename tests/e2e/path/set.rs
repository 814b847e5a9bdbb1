//! What the client says of its path decides, from then on and as long as its transaction does.

use super::{Both, Pair, nurse};

const READ: &str = "SELECT email FROM member";

#[track_caller]
fn reads(both: &mut Both, whose: &str) {
    let answer = both.same_twice(READ);
    assert!(answer[0].contains(whose), "{answer:?}");
}

#[test]
fn a_name_is_the_table_that_comes_first_in_the_clients_path_sql_63() {
    let pair = Pair::new("pathset");
    for (set, whose) in [
        ("SET search_path TO branch, public", "one@branch.test"),
        ("SET search_path TO public, branch", "one@public.test"),
        ("SET search_path TO nosuch, nosuch, branch", "one@branch.test"),
        ("SET search_path TO \"Quoted\", public", "one@quoted.test"),
        ("SET search_path TO Quoted, public", "one@public.test"),
        ("SET search_path TO pg_catalog, public", "one@public.test"),
        ("SET search_path TO public, pg_catalog, branch", "one@public.test"),
        ("SET SCHEMA 'branch'", "one@branch.test"),
        ("SELECT set_config('search_path', 'branch, public', false)", "one@branch.test"),
        ("SELECT pg_catalog.set_config('search_path', ' public , branch', false) AS x", "one@public.test"),
        ("SET SESSION search_path = 'branch'", "one@branch.test"),
        ("SET search_path TO ''", "42P01"),
        ("SET search_path TO \"$user\"", "42P01"),
        ("SELECT pg_catalog.set_config('search_path', '', false)", "42P01"),
    ] {
        let mut both = pair.sessions();
        both.same(set);
        reads(&mut both, whose);
        both.same("SELECT email FROM public.member");
        both.same("SELECT email FROM branch.member WHERE id = 1");
    }
}

#[test]
fn what_is_written_goes_where_postgresql_puts_it_sql_63() {
    let pair = Pair::new("pathwrite");
    let mut both = pair.sessions();
    both.same("SET search_path TO branch, public");
    both.same("INSERT INTO member (id, email) VALUES (7, 'seven@branch.test') RETURNING member.email");
    both.same_twice("UPDATE member SET note = 'x' WHERE member.id = 7");
    both.same("SELECT m.email, note FROM diary, member m WHERE m.id = 7");
    both.same("SELECT (SELECT count(*) FROM member) FROM diary JOIN member ON member.id = diary.id");
    both.same("WITH gone AS (DELETE FROM member WHERE id = 7 RETURNING *) INSERT INTO member SELECT * FROM gone");
    both.same("COPY member (email) TO STDOUT");
    both.same("SELECT member FROM diary");
    both.same("EXPLAIN (COSTS off) SELECT nope FROM member");
    both.same("SELECT 'é', nope, email FROM member");
    both.same("TRUNCATE diary, member");
    both.same("SELECT count(*) FROM public.member");
    both.same("SET search_path TO public");
    both.same("INSERT INTO member VALUES (2, 'two@public.test', NULL)");
    both.same("SELECT email FROM member ORDER BY id");
    assert_eq!(pair.sealed.at_server("SELECT count(*) FROM public.member WHERE octet_length(email) > 40").trim(), "2");
}

#[test]
fn what_is_said_when_the_session_begins_is_what_reset_goes_back_to_sql_63() {
    let pair = Pair::new("pathstart");
    for parameters in [
        ("search_path", "branch, public"),
        ("options", "-c search_path=branch,public"),
        ("options", "-c geqo=off --search_path=branch,\\ public"),
    ] {
        let mut both = pair.sessions_with(&[parameters]);
        reads(&mut both, "one@branch.test");
        for reset in ["RESET search_path", "SET search_path = DEFAULT", "RESET ALL", "DISCARD ALL"] {
            both.same("SET search_path TO public");
            reads(&mut both, "one@public.test");
            both.same(reset);
            reads(&mut both, "one@branch.test");
        }
    }
}

#[test]
fn a_path_ends_with_the_transaction_that_set_it_or_is_taken_back_with_it_sql_63() {
    let pair = Pair::new("pathblock");
    let mut both = pair.sessions();
    both.same("SET search_path TO public");
    for (script, whose) in [
        (&["BEGIN", "SET LOCAL search_path TO branch", "COMMIT"][..], "public"),
        (&["SET LOCAL search_path TO branch"], "public"),
        (&["BEGIN", "SET search_path TO branch", "ROLLBACK"], "public"),
        (&["BEGIN", "SET search_path TO branch", "SELECT nope", "COMMIT"], "public"),
        (
            &["BEGIN", "SET search_path TO branch", "SAVEPOINT a", "SET search_path TO \"Quoted\"", "ROLLBACK TO a"],
            "branch",
        ),
        (&["COMMIT"], "branch"),
        (&["BEGIN", "SAVEPOINT a", "SET LOCAL search_path TO public", "RELEASE a"], "public"),
        (&["END"], "branch"),
        (&["BEGIN", "SELECT set_config('search_path', 'public', true)"], "public"),
        (&["ABORT"], "branch"),
        (&["SET search_path TO public; SELECT 1/0"], "branch"),
        (&["SET search_path TO public; COMMIT; SELECT 1/0"], "public"),
    ] {
        for sql in script {
            both.same(sql);
        }
        reads(&mut both, whose);
    }
}

#[test]
fn user_in_a_path_is_the_role_that_was_set_sql_63() {
    let pair = Pair::new("pathrole");
    nurse(&pair.sealed);
    let mut both = pair.sessions();
    both.same("SET search_path TO \"$user\", public");
    reads(&mut both, "one@public.test");
    for (set, whose) in [
        ("SET ROLE nurse", "nurse"),
        ("SET ROLE NONE", "public"),
        ("SET SESSION AUTHORIZATION nurse", "nurse"),
        ("RESET SESSION AUTHORIZATION", "public"),
        ("BEGIN; SET LOCAL ROLE 'nurse'", "nurse"),
        ("COMMIT", "public"),
        ("SELECT set_config('role', 'nurse', false)", "nurse"),
        ("RESET ROLE", "public"),
        ("SET ROLE nurse; SELECT opaque()", "nurse"),
    ] {
        both.same(set);
        reads(&mut both, &format!("one@{whose}.test"));
    }
}

#[test]
fn statements_of_one_query_are_read_under_the_path_that_those_before_them_set_sql_63() {
    let pair = Pair::new("pathbatch");
    let mut both = pair.sessions();
    both.same("SET search_path TO public");
    for sql in [
        "SET search_path TO branch, public; SELECT email FROM member",
        "SET search_path TO public; SELECT email FROM member",
        "BEGIN; SET LOCAL search_path TO branch; SELECT email FROM member; COMMIT; SELECT email FROM member",
        "SET LOCAL search_path TO branch; INSERT INTO member VALUES (3, 'three@branch.test', 'x'); SELECT email FROM public.member",
        "SELECT email FROM member; SET SCHEMA ''; SELECT email FROM member",
        "SELECT set_config('search_path', 'branch', false); TABLE member",
        "SELECT email FROM member; RESET search_path",
        "SET search_path TO public; INSERT INTO member VALUES (3, 'three@public.test', 'x')",
    ] {
        both.same(sql);
    }
    reads(&mut both, "one@public.test");
    assert_eq!(pair.sealed.at_server("SELECT count(*) FROM branch.member").trim(), "2");
}
