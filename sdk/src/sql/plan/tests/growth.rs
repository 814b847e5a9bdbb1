//! What planning looks at grows as the statement does. Steps are counted, not timed.

use super::super::work::counted::steps;
use super::support::protection;
use crate::sql::{self, Decision};

fn list(count: usize, item: impl Fn(usize) -> String) -> String {
    (0..count).map(item).collect::<Vec<_>>().join(", ")
}

/// The steps of planning a text that must not be refused.
fn steps_of(text: &str) -> usize {
    let protection = protection();
    steps(|| {
        for statement in sql::plan(text, &[], &protection) {
            if let Decision::Refuse(refusal) = statement.decision {
                panic!("{refusal:?}: {}", text.get(..200).unwrap_or(text));
            }
        }
    })
}

#[test]
fn planning_looks_eight_times_as_often_at_eight_times_as_much() {
    type Text = fn(usize) -> String;
    let kinds: [(&str, Text); 10] = [
        ("parameters of rows", |rows| {
            let row = |row| format!("(${}, ${}, ${})", 3 * row + 1, 3 * row + 2, 3 * row + 3);
            format!("INSERT INTO customers (id, email, name) VALUES {}", list(rows, row))
        }),
        ("literals of rows", |rows| {
            format!("INSERT INTO customers (id, email) VALUES {}", list(rows, |row| format!("({row}, 'a{row}')")))
        }),
        ("literals that are not ASCII", |rows| {
            format!("INSERT INTO customers (id, email) VALUES {}", list(rows, |row| format!("({row}, 'é{row}')")))
        }),
        ("rows that are signed", |rows| {
            let row = |row| format!("({row}, 'a{row}', ${})", row + 1);
            format!("INSERT INTO staff (id, email, team) VALUES {}", list(rows, row))
        }),
        ("rows without keys", |rows| {
            format!("INSERT INTO customers (email) VALUES {}", list(rows, |row| format!("('a{row}')")))
        }),
        ("constants of an IN list", |items| {
            format!("SELECT name FROM customers WHERE email IN ({})", list(items, |item| format!("'a{item}'")))
        }),
        ("parameters of an IN list", |items| {
            format!("SELECT name FROM customers WHERE email IN ({})", list(items, |item| format!("${}", item + 1)))
        }),
        ("parameters in the clear", |items| {
            format!("SELECT name FROM customers WHERE name IN ({})", list(items, |item| format!("${}", item + 1)))
        }),
        ("a condition of many parts", |parts| {
            let parts: Vec<_> = (0..parts).map(|part| format!("email = 'a{part}' OR id = {part}")).collect();
            format!("SELECT name FROM customers WHERE {}", parts.join(" OR "))
        }),
        ("statements of one text", |statements| {
            (0..statements).map(|at| format!("UPDATE customers SET email = 'a{at}' WHERE id = {at};")).collect()
        }),
    ];
    for (kind, text) in kinds {
        let (few, many) = (steps_of(&text(400)), steps_of(&text(3_200)));
        assert!(few > 400, "{kind}: only {few} steps are counted");
        assert!(many <= 9 * few, "{kind}: {few} steps became {many}");
    }
}
