//! Tables of the schema file that are not applied (CAT-3).

use super::support;
use crate::error::SqlState;
use crate::schema::{Protection, Relation};
use crate::sql::{self, Decision};

fn relation(schema: &str, name: &str) -> Relation {
    Relation { schema: schema.to_owned(), name: name.to_owned() }
}

/// With nothing applied, and beside applied tables.
fn protections() -> [Protection; 2] {
    [Protection::default(), support::protection()].map(|mut protection| {
        protection.pending.insert("person".to_owned(), relation("public", "person"));
        protection.unprotected.insert(relation("archive", "person"));
        protection
    })
}

fn decide(text: &str, protection: &Protection) -> Decision {
    let mut statements = sql::plan(text, &[], protection);
    assert_eq!(statements.len(), 1, "{text}");
    statements.remove(0).decision
}

#[test]
fn every_statement_that_names_a_table_before_it_is_applied_is_refused_with_what_to_do_cat_3() {
    for protection in &protections() {
        assert!(!protection.is_empty());
        for text in [
            "CREATE TABLE person (id int, email text)",
            "CREATE TABLE IF NOT EXISTS public.person (id int)",
            "CREATE TABLE other AS SELECT * FROM person",
            "INSERT INTO person (email) VALUES ('secret@x')",
            "INSERT INTO \"person\" VALUES ($1)",
            "INSERT INTO elsewhere.person VALUES (1)",
            "SELECT * FROM Person",
            "TABLE person",
            "UPDATE person SET email = 'secret@x'",
            "DELETE FROM person",
            "COPY person FROM STDIN",
            "TRUNCATE person",
            "ALTER TABLE x RENAME TO person",
            "PREPARE p AS INSERT INTO person VALUES ($1)",
            "EXPLAIN INSERT INTO person VALUES (1)",
            "WITH w AS (INSERT INTO person VALUES (1)) SELECT 1",
            "MERGE INTO person USING x ON true WHEN NOT MATCHED THEN DO NOTHING",
        ] {
            let Decision::Refuse(refusal) = decide(text, protection) else { panic!("not refused: {text}") };
            assert_eq!(refusal.sqlstate, SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, "{text}: {refusal:?}");
            assert!(refusal.message.starts_with("table public.person is in the schema file and not applied"), "{text}");
            assert!(refusal.hint.is_some_and(|hint| hint.contains("pgseal schema apply")), "{text}");
        }
        for text in [
            "DO $$BEGIN INSERT INTO person VALUES (1); END$$",
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'DELETE FROM person RETURNING 1'",
        ] {
            assert!(matches!(decide(text, protection), Decision::Refuse(_)), "{text}");
        }
    }
}

#[test]
fn what_names_no_such_table_goes_on_cat_3() {
    for protection in &protections() {
        for text in [
            "SELECT 1",
            "CREATE TABLE persons (id int)",
            "INSERT INTO note (text) VALUES ('a person')",
            "INSERT INTO archive.person VALUES ('declared harmless')",
        ] {
            assert!(matches!(decide(text, protection), Decision::Forward), "{text}");
        }
    }
}
