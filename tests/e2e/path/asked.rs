//! After what may have set the path in another way the server is asked; its answer can only refuse.

use crate::harness::raw::{bind, execute, parse, sync};

use super::{Pair, shown};

const READ: &str = "SELECT email FROM member";

#[test]
fn a_path_that_a_function_made_moves_no_name_sql_63() {
    let pair = Pair::new("pathfunction");
    let mut both = pair.sessions();
    both.same("SET search_path TO public");
    both.same("SELECT opaque()");
    both.same_twice(READ);
    both.same("SELECT quietly('branch, public')");
    let message = both.refused(READ);
    assert!(message.contains("branch.member") && message.contains("protected"), "{message}");
    both.refused("INSERT INTO member VALUES (9, 'x', 'x')");
    both.same("SELECT email FROM public.member");
    both.same("SELECT email FROM branch.member");
    both.same("SELECT id FROM vault");
    both.same("SELECT public.quietly('')");
    both.same_twice(READ);
    both.same("DO $$BEGIN SET search_path TO branch; END$$");
    both.refused(READ);
    // The client's own word again, and a function that leaves it alone.
    both.same("SET search_path TO branch, public");
    both.same_twice(READ);
    both.same("SELECT opaque()");
    both.same_twice(READ);
    both.same("SELECT quietly('public')");
    assert!(both.refused(READ).contains("public.member"));
    both.same("RESET search_path");
    both.same_twice(READ);
}

#[test]
fn a_function_in_a_transaction_that_is_rolled_back_moved_nothing_sql_63() {
    let pair = Pair::new("pathundone");
    let mut both = pair.sessions();
    both.same("SET search_path TO branch, public");
    for script in [["BEGIN", "SELECT quietly('public')", "ROLLBACK"], ["BEGIN", "SELECT opaque()", "COMMIT"]] {
        for sql in script {
            both.same(sql);
        }
        both.same_twice(READ);
    }
}

#[test]
fn a_path_that_role_or_database_made_moves_no_name_sql_63() {
    let pair = Pair::new("pathdatabase");
    let set = |world: &crate::harness::World, path: &str| {
        world.at_server(&format!("ALTER DATABASE {} SET search_path = {path}", world.database()));
    };
    for path in ["branch, public", "other, public"] {
        set(&pair.sealed, path);
        set(&pair.twin, path);
        let mut both = pair.sessions();
        let message = both.refused(READ);
        assert!(message.contains("did not set"), "{message}");
        both.refused("INSERT INTO member VALUES (9, 'x', 'x')");
        both.same("SELECT email FROM public.member");
        // Only an own word can.
        both.same("SET search_path TO branch, public");
        both.same_twice(READ);
        both.same("RESET ALL");
        both.refused(READ);
    }
    set(&pair.sealed, "nosuch, public");
    set(&pair.twin, "nosuch, public");
    pair.sessions().same_twice(READ);
}

#[test]
fn the_question_is_asked_within_a_pipeline_too_sql_63() {
    let pair = Pair::new("pathaskpipe");
    let mut both = pair.sessions();
    both.same("SET search_path TO public");
    let say = |sql: &str| [parse("", sql, &[]), bind("", "", &[], 0), execute("", 0)].concat();
    both.same_messages(&[say("SELECT opaque()"), say(READ), sync(), say(READ), sync()], 2);
    let script = [say("SELECT quietly('branch')"), say(READ), sync()].concat();
    let answer = shown(&both.sealed.talk(&script, 1)).concat();
    assert!(answer.contains("0A000") && answer.contains("branch.member"), "{answer}");
    // Behind it in the same query nobody can be asked.
    both.same("SET search_path TO public");
    assert!(both.refused("SELECT quietly('branch'); SELECT email FROM member").len() > 10);
}
