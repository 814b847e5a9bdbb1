//! The leak rule (SQL-21) on statements that nobody thought of.

use proptest::prelude::*;

use super::corpus::cases;
use super::support::protection;
use crate::sql::{self, Decision, Piece, Plan, Steps};

/// A value that stands nowhere else.
const CANARY: &str = "c4naryXq7";

/// Everything of a plan that can reach the server as text.
fn sent(plan: &Plan) -> String {
    let mut pieces: Vec<&Piece> = plan.template.pieces.iter().collect();
    let mut text = String::new();
    match &plan.steps {
        Steps::One => {}
        Steps::Fetch(fetch) => pieces.extend(&fetch.pieces),
        Steps::ReadModifyWrite(work) => {
            pieces.extend(&work.lock.pieces);
            text.push_str(&work.returning);
        }
    }
    for piece in pieces {
        if let Piece::Text(piece) = piece {
            text.push_str(piece);
        }
    }
    text
}

/// Templates of statements whose `?` is a value of a protected column, whatever stands around it.
const PROTECTED: [&str; 24] = [
    "SELECT id FROM customers WHERE ssn = ?",
    "SELECT id FROM customers WHERE ? = customers.ssn",
    "SELECT id FROM customers WHERE (ssn) = (?)",
    "SELECT id FROM customers WHERE ssn = ?::text",
    "SELECT id FROM customers WHERE ssn = CAST(? AS varchar)",
    "SELECT id FROM customers WHERE ssn::text = ?",
    "SELECT id FROM customers WHERE ssn <> ? AND name = 'n'",
    "SELECT id FROM customers WHERE NOT (ssn IN ('a', ?, NULL))",
    "SELECT id FROM customers WHERE ssn = ANY(ARRAY['a', ?])",
    "SELECT id FROM customers WHERE ssn = ANY(ARRAY[?]::text[])",
    "SELECT id FROM customers WHERE ssn IS NOT DISTINCT FROM ?",
    "SELECT CASE WHEN ssn = ? THEN 1 END, ssn = ? AS hit FROM customers",
    "SELECT id FROM customers WHERE ssn LIKE ?",
    "SELECT id FROM customers WHERE ssn > ?",
    "SELECT id FROM customers WHERE lower(ssn) = ?",
    "SELECT id FROM customers WHERE coalesce(ssn, ?) = ?",
    "SELECT id FROM customers WHERE (tenant_id, ssn) = (1, ?)",
    "INSERT INTO customers (id, tenant_id, name, ssn) VALUES (1, 1, 'n', ?)",
    "INSERT INTO customers VALUES (1, 1, 'n', ?, ?, ?)",
    "INSERT INTO staff (id, email, note) VALUES (1, ?, ?), (2, NULL, ?) RETURNING id",
    "UPDATE customers SET ssn = ?, notes = ? WHERE id = 1",
    "UPDATE customers SET ssn = ? WHERE tenant_id = 1 RETURNING ssn",
    "UPDATE staff SET note = ? WHERE email = ?",
    "DELETE FROM staff WHERE email = ? RETURNING note",
];

#[test]
fn a_value_of_a_protected_column_is_never_in_the_physical_text() {
    let protection = protection();
    let spellings = [format!("'{CANARY}'"), format!("E'{CANARY}'"), format!("$${CANARY}$$"), format!("'{CANARY}'\n''")];
    for template in PROTECTED {
        for spelling in &spellings {
            let text = template.replace('?', spelling);
            for statement in sql::plan(&text, &[], &protection) {
                match statement.decision {
                    Decision::Forward | Decision::Qualify(_) => panic!("forwarded: {text}"),
                    Decision::Rewrite(plan) => {
                        assert!(!sent(&plan).contains(CANARY), "{text}");
                        assert!(!format!("{plan:?}").contains(CANARY), "{text}");
                    }
                    Decision::Refuse(refusal) => {
                        assert!(!format!("{refusal:?}").contains(CANARY), "{text}");
                    }
                }
            }
        }
    }
}

/// A corpus statement with one token taken out, doubled, or replaced by another statement's, and every string
/// constant turned into the canary.
fn mutated() -> impl Strategy<Value = String> {
    let texts: Vec<String> = cases().into_iter().map(|case| case.text).collect();
    let count = texts.len();
    (0..count, 0..count, any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..4).prop_map(
        move |(first, second, at, from, how)| {
            let words = |text: &str| -> Vec<String> { text.split_inclusive(' ').map(str::to_owned).collect() };
            let (mut own, other) = (words(&texts[first]), words(&texts[second]));
            let at = at.index(own.len());
            match how {
                0 => drop(own.remove(at)),
                1 => own.insert(at, own[at].clone()),
                2 => own[at] = other[from.index(other.len())].clone(),
                _ => own.truncate(at),
            }
            own.concat()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_decided_without_a_panic(text in mutated()) {
        let statements = sql::plan(&text, &[], &protection());
        for pair in statements.windows(2) {
            prop_assert!(pair[0].range.end <= pair[1].range.start);
        }
        for statement in statements {
            prop_assert!(text.get(statement.range.clone()).is_some());
            if let Decision::Rewrite(plan) = statement.decision {
                // What a slot holds must exist, in the template and among the rows.
                for piece in &plan.template.pieces {
                    if let Piece::Slot(slot) = piece {
                        prop_assert!(*slot < plan.template.slots.len());
                    }
                }
                let shape = plan.output.iter().flat_map(|shape| &shape.columns);
                for column in shape {
                    prop_assert!(column.physical < plan.output.as_ref().unwrap().physical);
                }
                super::support::physical(&plan);
            }
        }
    }
}
