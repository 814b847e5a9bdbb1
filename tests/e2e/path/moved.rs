//! Names that lead to a table which is not declared harmless, or to an own temporary one.

use super::Pair;

#[test]
fn a_name_that_the_path_leads_elsewhere_is_refused_and_both_are_named_sql_63() {
    let pair = Pair::new("pathother");
    let mut both = pair.sessions();
    both.same("SET search_path TO other, public");
    for sql in [
        "SELECT email FROM member",
        "INSERT INTO member VALUES (9, 'x', 'x')",
        "SELECT count(*) FROM diary, member",
        "DROP TABLE member",
        "SET search_path TO other; TABLE member",
    ] {
        let message = both.refused(sql);
        assert!(message.contains("other.member") && message.contains("protected table member"), "{sql}: {message}");
    }
    both.same("SELECT email FROM public.member");
    both.same("SELECT secret FROM vault");
}

#[test]
fn an_own_temporary_table_comes_first_sql_63() {
    let pair = Pair::new("pathtemporary");
    let mut both = pair.sessions();
    both.same("SET search_path TO public");
    both.same("CREATE TEMP TABLE pg_temp.member (id int, email text)");
    both.same("INSERT INTO member VALUES (1, 'one@temp.test')");
    both.same_twice("SELECT email FROM member");
    both.same("SET search_path TO public, pg_temp");
    both.same_twice("SELECT email FROM member");
    both.same("SET search_path TO public");
    both.same("BEGIN");
    both.same("DROP TABLE pg_temp.member");
    both.same_twice("SELECT email FROM member");
    both.same("ROLLBACK");
    both.same_twice("SELECT email FROM member");
    both.same("CREATE TABLE \"New\".member (id int, email text)");
    both.same("SET search_path TO \"New\", public");
    both.same_twice("SELECT count(*) FROM member");
    both.same("DISCARD TEMP");
    both.same_twice("SELECT email FROM member");
}
