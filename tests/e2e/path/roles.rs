//! What PostgreSQL sets for a role or a database when a session begins.

use super::{Pair, nurse};

const READ: &str = "SELECT email FROM member";

#[test]
fn a_role_that_alter_role_set_moves_no_name_sql_63() {
    let pair = Pair::new("alterrole");
    nurse(&pair.sealed);
    for world in [&pair.sealed, &pair.twin] {
        world.at_server(&format!("ALTER ROLE postgres IN DATABASE {} SET role = 'nurse'", world.database()));
    }
    let mut both = pair.sessions();
    assert_eq!(both.same("SELECT current_user")[0], "[Some(\"nurse\")]");
    // The path is the client's own word, whose it is not.
    both.same("SET search_path TO \"$user\", public");
    both.refused(READ);
    both.refused("INSERT INTO member VALUES (9, 'x', 'x')");
    both.same("SELECT email FROM public.member");
    both.same("SELECT email FROM nurse.member");
    both.same("SET search_path TO public");
    both.same_twice(READ);
    both.same("SET search_path TO \"$user\", public");
    both.same("SET ROLE nurse");
    assert!(both.same_twice(READ)[0].contains("one@nurse.test"));
    both.same("SET ROLE NONE");
    assert!(both.same_twice(READ)[0].contains("one@public.test"));
    both.same("RESET ROLE");
    both.refused(READ);
}

#[test]
fn a_path_that_alter_role_set_moves_no_name_sql_63() {
    let pair = Pair::new("alterrolepath");
    for world in [&pair.sealed, &pair.twin] {
        let database = world.database();
        world.at_server(&format!("ALTER ROLE postgres IN DATABASE {database} SET search_path = branch, public"));
    }
    let mut both = pair.sessions();
    assert!(both.refused(READ).contains("did not set"));
    both.same("SELECT email FROM public.member");
    both.same("SET search_path TO branch, public");
    assert!(both.same_twice(READ)[0].contains("one@branch.test"));
    // What it says at the start is a word of its own.
    let mut both = pair.sessions_with(&[("search_path", "public, branch")]);
    assert!(both.same_twice(READ)[0].contains("one@public.test"));
}
