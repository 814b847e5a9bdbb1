//! What unqualified names mean in a session whose search path was set (SQL-63).

use super::support;
use crate::error::SqlState;
use crate::schema::{Meaning, Protection, Relation};
use crate::sql::{self, Decision, Piece};

fn relation(schema: &str) -> Relation {
    Relation { schema: schema.to_owned(), name: "orders".to_owned() }
}

fn decide(text: &str, meaning: Meaning) -> Decision {
    let protection = support::protection().under([("orders".to_owned(), meaning)].into());
    let mut statements = sql::plan(text, &[], &protection);
    assert_eq!(statements.len(), 1, "{text}");
    statements.remove(0).decision
}

/// What is sent, if it is another text.
fn plain(text: &str) -> Option<String> {
    match decide(text, Meaning::Unprotected(relation("archive"))) {
        Decision::Forward => None,
        Decision::Qualify(template) => {
            assert!(template.slots.is_empty());
            let text = template.pieces.iter().map(|piece| match piece {
                Piece::Text(text) => text.as_str(),
                Piece::Slot(_) => panic!("a slot"),
            });
            Some(text.collect())
        }
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn the_schema_of_a_harmless_table_is_spliced_in_and_nothing_else_is_changed_sql_63() {
    for (text, expected) in [
        (
            "SELECT orders.id, $2 FROM orders WHERE note = $1",
            "SELECT orders.id, $2 FROM \"archive\".\"orders\" WHERE note = $1",
        ),
        ("INSERT INTO Orders(id) VALUES ('x')", "INSERT INTO \"archive\".\"orders\"(id) VALUES ('x')"),
        ("UPDATE/**/\"orders\"SET id=1", "UPDATE/**/ \"archive\".\"orders\" SET id=1"),
        ("DELETE FROM a USING orders -- c", "DELETE FROM a USING \"archive\".\"orders\""),
        ("SELECT 'orders' FROM orders o, x.other", "SELECT 'orders' FROM \"archive\".\"orders\" o, x.other"),
    ] {
        let sent = plain(text);
        assert_eq!(sent.as_deref().map(|sent| sent.strip_suffix(" -- c").unwrap_or(sent)), Some(expected), "{text}");
    }
    for text in ["SELECT orders FROM a", "SELECT a.x AS orders FROM a", "SELECT * FROM archive.orders"] {
        assert_eq!(plain(text), None, "{text}");
    }
}

#[test]
fn what_may_be_a_harmless_table_or_another_one_is_refused_sql_63() {
    for text in [
        "CREATE TABLE orders (id int)",
        "WITH orders AS (SELECT 1) SELECT * FROM orders",
        "PREPARE p AS SELECT * FROM orders",
        "SELECT * FROM orders JOIN customers USING (id)",
        "INSERT INTO orders SELECT id FROM customers",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1 FROM orders'",
    ] {
        let Decision::Refuse(refusal) = decide(text, Meaning::Unprotected(relation("archive"))) else {
            panic!("answered: {text}");
        };
        assert_eq!(refusal.sqlstate, SqlState::FEATURE_NOT_SUPPORTED, "{text}: {refusal:?}");
    }
}

#[test]
fn a_name_that_the_path_does_not_hold_does_not_exist_as_postgresql_says_it_sql_63() {
    for text in [
        "SELECT id FROM orders",
        "SELECT id FROM a, orders",
        "INSERT INTO orders VALUES ($1)",
        "UPDATE orders SET id = 1",
        "DELETE FROM orders",
        "TABLE orders",
        "TRUNCATE orders",
    ] {
        let Decision::Refuse(refusal) = decide(text, Meaning::Missing) else { panic!("answered: {text}") };
        assert_eq!(refusal.sqlstate, SqlState::UNDEFINED_TABLE, "{text}");
        assert_eq!(refusal.message, "relation \"orders\" does not exist");
        assert_eq!(refusal.position, text.find("orders"), "{text}");
    }
    assert!(matches!(decide("SELECT id FROM public.orders", Meaning::Missing), Decision::Rewrite(_)));
}

#[test]
fn a_refusal_for_the_path_names_both_tables_and_what_to_do_sql_63() {
    for meaning in [Meaning::Other(relation("evil")), Meaning::Moved(relation("evil"))] {
        for text in ["SELECT id FROM orders", "DROP TABLE orders", "INSERT INTO a SELECT id FROM orders"] {
            let Decision::Refuse(refusal) = decide(text, meaning.clone()) else { panic!("answered: {text}") };
            assert_eq!(refusal.sqlstate, SqlState::FEATURE_NOT_SUPPORTED);
            assert!(refusal.message.contains("evil.orders") && refusal.message.contains("protected"), "{refusal:?}");
            assert!(refusal.hint.is_some());
        }
        assert!(matches!(decide("SELECT id FROM public.orders", meaning.clone()), Decision::Rewrite(_)));
        assert!(matches!(decide("SELECT id FROM archive.orders", meaning), Decision::Forward));
    }
    assert!(matches!(decide("TABLE orders", Meaning::Unknown), Decision::Refuse(_)));
}

#[test]
fn a_view_of_what_is_protected_has_an_epoch_of_its_own_sql_12() {
    let base = support::protection();
    let under = |meaning| base.under([("orders".to_owned(), meaning)].into()).epoch;
    assert_ne!(under(Meaning::Missing), base.epoch);
    assert_ne!(under(Meaning::Missing), under(Meaning::Unknown));
    assert_eq!(under(Meaning::Missing), under(Meaning::Missing));
    assert_eq!(Protection::default().under([].into()).meanings, [].into());
}
