//! One constant, two places (SQL-62): what is hidden in one is never sent in the clear in another.

use super::support::{plan, protection, refusal};
use crate::sql::plan::check::apart;
use crate::sql::{Input, Literal, Origin, Piece, Plan, Template};

#[test]
fn sql_62_a_parameter_is_not_sealed_here_and_sent_in_the_clear_there() {
    for text in [
        // A clear column, and a signed one, written together with a sealed one.
        "UPDATE staff SET email = $1, mark = $1 WHERE id = 1",
        "UPDATE staff SET mark = $1, email = $1 WHERE id = 1",
        "UPDATE shift SET email = $1, staff_id = $1 WHERE id = 1",
        "UPDATE shift SET staff_id = $1, code = 'x' WHERE email = $1",
        "UPDATE staff SET email = 'x', mark = $1 WHERE code = ANY(ARRAY[$1])",
        "UPDATE staff SET email = 'x', mark = $1 WHERE code IN ('a', $1)",
        "UPDATE staff SET email = $1 WHERE team = $1",
        "INSERT INTO staff (id, email, mark) VALUES (1, $1, $1)",
        "INSERT INTO shift (id, email, staff_id) VALUES (1, $1, $1)",
        "INSERT INTO staff (id, email) VALUES (1, $1) RETURNING $1",
        "SELECT $1 FROM staff WHERE email = $1",
        "DELETE FROM staff WHERE email = $1 AND mark = $1",
    ] {
        let refusal = refusal(text);
        assert_eq!(refusal.sqlstate.to_string(), "0A000", "{text}");
        assert!(refusal.message.contains("in the clear"), "{text}: {}", refusal.message);
    }
}

#[test]
fn sql_62_a_parameter_that_is_hidden_everywhere_or_nowhere_is_answered() {
    for text in [
        "UPDATE staff SET email = $1, code = $1 WHERE id = $2",
        "UPDATE staff SET email = $1 WHERE code = $1 OR email = $1",
        "UPDATE staff SET email = $1, mark = $2, team = $2 WHERE id = $3",
        "UPDATE staff SET email = 'x', mark = 'x' WHERE team = 'x'",
        "INSERT INTO staff (id, email, code, mark, team) VALUES (1, $1, $1, $2, $2)",
    ] {
        plan(text);
    }
}

/// `UPDATE` whose lock step sends the text in which the literal of a sealed column stands.
#[test]
fn sql_62_a_literal_of_a_sealed_column_is_part_of_no_text_that_is_sent() {
    let Plan { verb, params, rows, output, steps, notes, .. } =
        std::sync::Arc::into_inner(plan("INSERT INTO staff (id, email) VALUES (1, 'secret')")).unwrap();
    let sealed = rows[0].values.iter().flatten().find_map(|input| match input {
        Input::Literal { literal: Literal::Untyped(_), at } => Some(*at),
        _ => None,
    });
    let template = Template {
        pieces: vec![Piece::Text("VALUES (1, 'secret')".into())],
        origins: vec![Origin::Client(sealed.unwrap() - 11)],
        slots: vec![crate::sql::Slot {
            recipe: crate::sql::Recipe::Cell {
                row: 0,
                column: protection().table("staff").unwrap().column("email").unwrap().0,
            },
            ty: crate::sql::PhysicalType::Bytea,
        }],
    };
    let leaking = Plan { verb, template, params, rows, output, steps, notes };
    assert!(apart(&leaking).unwrap_err().message.contains("staff.email"));
}
