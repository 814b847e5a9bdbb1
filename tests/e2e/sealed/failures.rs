//! Missing keys, wrong keys, drift, foreign hands in the table: errors with a name, never a guess.

use crate::harness::World;
use crate::harness::proxy::{Proxy, run, state_dir};
use crate::harness::raw::{Frame, query};
use crate::harness::world::direct_url;

use super::world;

fn refused_start(world: &World) -> String {
    let state = state_dir(world.scratch().path());
    let output = Proxy::try_start(&state, world.schema(), &direct_url(world.database()), &[]).err().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn code(frames: &[Frame]) -> Option<String> {
    frames.iter().find(|frame| frame.kind == 'E')?.field('C')
}

#[test]
fn another_root_key_cannot_open_the_branch_key_and_serve_says_so() {
    let world = world("wrongroot");
    world.writes_no_secret("it writes nothing");
    let root = state_dir(world.scratch().path()).join("root.key");
    std::fs::write(&root, [7; 32]).unwrap();
    let said = refused_start(&world);
    assert!(said.contains("people") || said.contains("local:test") || said.contains("root key"), "{said}");
}

#[test]
fn serve_without_the_root_key_names_what_is_missing_and_makes_nothing() {
    let world = world("noroot");
    world.writes_no_secret("it writes nothing");
    let root = state_dir(world.scratch().path()).join("root.key");
    std::fs::remove_file(&root).unwrap();
    let said = refused_start(&world);
    assert!(said.contains("root.key") || said.contains("root key"), "{said}");
    assert!(!root.exists());
}

#[test]
fn serve_names_the_tables_that_were_not_applied_and_the_keys_that_are_missing() {
    let world = World::plain("notapplied");
    world.at_server(super::TABLE);
    let schema = world.scratch().write("sealed.toml", super::SCHEMA);
    let state = state_dir(world.scratch().path());
    let output = Proxy::try_start(&state, &schema, &direct_url(world.database()), &[]).err().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("person") || said.contains("people"), "{said}");
}

#[test]
fn a_table_that_was_altered_behind_the_back_is_refused_with_55000_after_a_restart() {
    let world = world("drift");
    world.writes_no_secret("it writes nothing");
    // A column more would be no drift: it is one that nothing is said of.
    world.at_server("ALTER TABLE person DROP COLUMN team");
    let state = state_dir(world.scratch().path());
    match Proxy::try_start(&state, world.schema(), &direct_url(world.database()), &[]) {
        Err(output) => {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(said.contains("person"), "{said}");
        }
        Ok(proxy) => {
            let mut raw = crate::harness::raw::Raw::dial(proxy.address());
            raw.log_in(world.database());
            assert_eq!(code(&raw.talk(&query("SELECT name FROM person"), 1)).as_deref(), Some("55000"));
            assert_eq!(code(&raw.talk(&query("SELECT 1"), 1)), None);
        }
    }
}

#[test]
fn cat_5_a_domain_that_takes_anything_is_drift_until_apply_mends_it() {
    let mut world = world("openeddomain");
    world.writes_no_secret("it writes nothing");
    world.at_server("ALTER DOMAIN pgseal.sealed_text DROP CONSTRAINT envelope");
    let state = state_dir(world.scratch().path());
    let refused = Proxy::try_start(&state, world.schema(), &direct_url(world.database()), &[]).err().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("only envelopes in columns of type sealed_text"), "{said}");
    let mended = run(&mut world.pgseal(&["schema", "apply"]));
    assert!(mended.status.success(), "{}", String::from_utf8_lossy(&mended.stderr));
    world.restart();
    assert_eq!(code(&world.raw().talk(&query("SELECT name FROM person"), 1)), None);
}

#[test]
fn a_cell_that_was_moved_cut_or_overwritten_is_xx001() {
    let world = world("tampered");
    let (mut raw, ada) = (world.raw(), world.secret());
    let fill =
        format!("INSERT INTO person (id, name, email) VALUES (1, '{ada}', 'ada@x.org'), (2, 'Bob', 'bob@x.org')");
    let attacks = [
        ("swapped between rows", "UPDATE person p SET name = q.name FROM person q WHERE p.id = 3 - q.id"),
        ("swapped between columns", "UPDATE person SET name = email"),
        (
            "a flipped bit",
            "UPDATE person SET name = set_byte(name, octet_length(name) - 1, get_byte(name, octet_length(name) - 1) # 1)",
        ),
    ];
    for (what, attack) in attacks {
        raw.talk(&query("DELETE FROM person"), 1);
        raw.talk(&query(&fill), 1);
        assert_eq!(code(&raw.talk(&query("SELECT name FROM person WHERE id = 1"), 1)), None);
        // The attacker owns the server: labels of types do not stop them.
        let attack = attack
            .replace("= set_byte(name,", "= set_byte(name::bytea,")
            .replace("get_byte(name,", "get_byte(name::bytea,");
        world.at_server(&attack);
        let answer = raw.talk(&query("SELECT name FROM person WHERE id = 1"), 1);
        assert_eq!(code(&answer).as_deref(), Some("XX001"), "{what}");
        assert!(!answer.iter().any(|frame| frame.kind == 'D'), "{what}: a row was shown");
    }
}

#[test]
fn schema_apply_run_twice_changes_nothing_and_plan_says_so() {
    let world = world("twice");
    world.writes_no_secret("it writes nothing");
    let before = world.at_server("SELECT count(*) FROM pg_attribute");
    let again = run(&mut world.pgseal(&["schema", "apply"]));
    assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
    assert_eq!(world.at_server("SELECT count(*) FROM pg_attribute"), before);
    let plan = run(&mut world.pgseal(&["schema", "plan"]));
    assert_eq!(plan.status.code(), Some(0), "{}", String::from_utf8_lossy(&plan.stdout));
}
