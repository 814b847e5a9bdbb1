//! One parameter in a place that we seal and in a place that is sent as it is: refused, wherever the two stand (SQL-62,
//! SQL-21). The worlds of these tests look for the value on the link, in the log and in the files when they go.

use pgseal::testing::leaks::{needles, search};

use super::stage::{Stage, WAYS, Way, texts};
use crate::doors::param::Param;

/// By these ways a parameter is one value.
fn ways() -> impl Iterator<Item = Way> {
    WAYS.into_iter().filter(|way| *way != Way::Simple)
}

/// Each statement, and the clear columns of which the refusal may speak.
fn refused(name: &str, cases: &[&str], param: impl Fn(&str) -> Param) {
    let stage = Stage::new(name);
    let before = stage.stored();
    let mut wrong = Vec::new();
    for way in ways() {
        for sql in cases {
            // Of its own: a value that got away in one case is not excused by another.
            let secret = stage.world.secret();
            let told = stage.session(way).ask(sql, &[param(&secret)]);
            let named = ["customers.", "contacts."].iter().any(|table| told.message.contains(table));
            if told.code.as_deref() != Some("0A000") || !named {
                wrong.push(format!("{way:?}: {sql}: {:?} {}", told.code, told.message));
            }
            if told.message.contains(&secret) {
                wrong.push(format!("{way:?}: {sql}: the refusal repeats the value"));
            }
            if !search(&stage.world.link().since(0), &needles(&[secret])).is_empty() {
                wrong.push(format!("{way:?}: {sql}: the value is on the link"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(stage.stored(), before);
}

fn text(secret: &str) -> Param {
    Param::Text(secret.to_owned())
}

#[test]
fn a_parameter_of_an_update_is_not_sealed_and_sent_in_clear_sql_62() {
    refused(
        "lonceupdate",
        &[
            "UPDATE customers SET email = $1, note = $1 WHERE id = 1",
            "UPDATE customers SET note = $1, email = $1 WHERE id = 1",
            "UPDATE customers SET email = $1, dept = $1 WHERE id = 1",
            "UPDATE customers SET dept = $1, phone = $1 WHERE id = 1",
            "UPDATE customers SET dept = $1 WHERE email = $1",
            "UPDATE customers SET note = $1 WHERE email = $1",
            "UPDATE customers SET level = 5, note = $1 WHERE email = $1",
            "UPDATE customers SET level = 5, note = $1 WHERE email IN ('a', $1)",
            "UPDATE customers SET phone = $1 WHERE dept = $1",
            "UPDATE customers SET phone = $1 WHERE note = $1",
            "UPDATE customers SET phone = $1 WHERE id = 1 AND upper($1) = note",
            "UPDATE customers SET phone = $1, note = $1::text WHERE id = 1",
            "UPDATE customers SET phone = $1::text, note = ($1) WHERE id = 1",
            "UPDATE customers SET level = 1 WHERE email = $1 AND note = $1",
            "UPDATE customers SET level = 1 WHERE email = $1 OR dept = $1",
            "UPDATE customers SET phone = $1 WHERE id = 1 RETURNING $1::text",
            "UPDATE customers SET phone = $1 WHERE id = 1 RETURNING dept = $1",
            "UPDATE contacts SET phone = $1, note = $1 WHERE id = 1",
            "UPDATE contacts SET phone = $1, note = $1 WHERE note = 'y'",
            "UPDATE contacts SET phone = $1 WHERE note = $1",
            "UPDATE contacts SET note = $1 WHERE email = $1",
            "UPDATE contacts SET note = upper($1) WHERE email = $1",
            "UPDATE contacts SET phone = $1 WHERE id = 1 RETURNING $1::text",
        ],
        text,
    );
}

#[test]
fn a_parameter_of_any_other_statement_is_not_sealed_and_sent_in_clear_sql_62() {
    refused(
        "lonceother",
        &[
            "INSERT INTO customers (id, email, note) VALUES (9, $1, $1)",
            "INSERT INTO customers (id, email, dept) VALUES (9, $1, $1)",
            "INSERT INTO customers (id, dept, phone) VALUES (9, $1, $1)",
            "INSERT INTO customers (id, email, note) VALUES (9, $1, 'n'), (10, 'z', $1)",
            "INSERT INTO customers (id, email) VALUES (9, $1) RETURNING $1::text",
            "INSERT INTO contacts (id, email, note) VALUES (9, $1, $1)",
            "INSERT INTO contacts (id, note, phone) VALUES (9, $1::text, $1)",
            "SELECT $1 FROM customers WHERE email = $1",
            "SELECT $1::text, id FROM customers WHERE email = $1",
            "SELECT id FROM customers WHERE email = $1 AND note = $1",
            "SELECT id FROM customers WHERE email = $1 OR dept = $1",
            "SELECT id FROM customers WHERE email IN ($1, 'b') AND dept IN ('b', $1)",
            "SELECT id FROM customers WHERE email <> $1 ORDER BY note = $1",
            "SELECT email = $1 FROM customers WHERE note = $1",
            "SELECT id FROM contacts WHERE $1 = email AND note LIKE $1",
            "DELETE FROM customers WHERE email = $1 AND note = $1",
            "DELETE FROM customers WHERE email = $1 AND dept = $1 RETURNING id",
            "DELETE FROM customers WHERE email = $1 RETURNING $1::text",
            "DELETE FROM contacts WHERE email = $1 OR note = $1",
        ],
        text,
    );
}

#[test]
fn a_list_is_not_made_of_tags_and_sent_in_clear_sql_62() {
    refused(
        "loncelist",
        &[
            "SELECT id FROM customers WHERE email = ANY ($1) AND note = ANY ($1)",
            "SELECT id FROM customers WHERE dept = ANY ($1) OR email = ANY ($1)",
            "UPDATE customers SET dept = 'x' WHERE email = ANY ($1) AND note = ANY ($1)",
            "DELETE FROM contacts WHERE email = ANY ($1) AND NOT note = ANY ($1)",
        ],
        |secret| Param::Array(vec![Some("one".to_owned()), Some(secret.to_owned())]),
    );
}

/// Runs each in a block of its own.
fn answered(name: &str, cases: &[&str]) {
    let stage = Stage::new(name);
    for way in ways() {
        for sql in cases {
            let mut session = stage.session(way);
            session.ask("BEGIN", &[]);
            let told = session.ask(sql, &texts(&["of one kind"]));
            assert_eq!(told.code, None, "{way:?}: {sql}: {}", told.message);
            session.ask("ROLLBACK", &[]);
        }
    }
}

#[test]
fn a_parameter_in_places_of_one_kind_is_answered_sql_62() {
    answered(
        "loncekind",
        &[
            "UPDATE customers SET email = $1, phone = $1 WHERE id = 1",
            "UPDATE customers SET email = $1 WHERE email = $1",
            "UPDATE customers SET phone = $1 WHERE email = $1",
            "UPDATE customers SET note = $1 WHERE note = $1",
            "INSERT INTO customers (id, email, phone) VALUES (9, $1, $1)",
            "SELECT id FROM customers WHERE email = $1 OR email IN ('x', $1)",
            "SELECT id FROM customers WHERE dept = $1 OR note = $1",
            "DELETE FROM customers WHERE dept = $1 AND note = $1",
        ],
    );
}

/// Signed columns are stored as they are: what goes into one is sent in any case.
#[test]
#[ignore = "a signed column counts as one whose values are held back: refused, and nothing is lost but the answer"]
fn a_parameter_of_signed_and_unprotected_columns_is_answered_sql_62() {
    answered(
        "lonceclear",
        &[
            "UPDATE customers SET dept = $1 WHERE dept = $1",
            "UPDATE customers SET dept = $1 WHERE note = $1",
            "UPDATE customers SET dept = $1, note = $1 WHERE id = 1",
            "INSERT INTO customers (id, dept, note) VALUES (9, $1, $1)",
        ],
    );
}

/// A literal is one place. That the client wrote the same text into a clear column too is the client's affair, as it is
/// when it does so in two statements.
#[test]
fn equal_literals_are_two_places_sql_62() {
    let stage = Stage::new("lonceliteral");
    for way in WAYS {
        for sql in [
            "UPDATE customers SET email = 'twice', note = 'twice' WHERE id = 1",
            "UPDATE customers SET email = 'twice', dept = 'twice' WHERE id = 1",
            "UPDATE customers SET dept = 'twice' WHERE email = 'twice'",
            "INSERT INTO customers (id, email, dept, note) VALUES (9, 'twice', 'twice', 'twice')",
            "SELECT 'twice' FROM customers WHERE email = 'twice'",
            "DELETE FROM customers WHERE email = 'twice' AND note = 'twice'",
        ] {
            let mut session = stage.session(way);
            session.ask("BEGIN", &[]);
            let told = session.ask(sql, &[]);
            assert_eq!(told.code, None, "{way:?}: {sql}: {}", told.message);
            session.ask("ROLLBACK", &[]);
        }
    }
}
