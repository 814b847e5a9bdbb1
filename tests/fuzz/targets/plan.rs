//! The planner on any text, over sealed and signed tables.
//!
//! Statements lie in the text, in order. What is forwarded names no protected object. Of what is rewritten, every piece
//! of the client's stands where the plan says, in order; slots and columns that are referred to exist; the physical
//! text is SQL that the lexer reads, and names no protected object without its schema.
#![no_main]

use std::cell::LazyCell;

use libfuzzer_sys::fuzz_target;
use pgseal::exec::steps;
use pgseal::schema::Protection;
use pgseal::sql::names::{MentionKind, Names};
use pgseal::sql::{self, Decision, Input, Origin, Piece, Plan, Recipe, Steps, Template, explain, lex};
use pgseal_fuzz::{Choices, fixture, seeds};

thread_local! {
    static PROTECTION: LazyCell<Protection> = LazyCell::new(fixture::protection);
}

/// What a client may declare a parameter as.
const DECLARED: [u32; 8] = [0, 25, 20, 23, 1043, 1700, 17, 600];

fuzz_target!(init: seeds::offer(seeds), |data: &[u8]| {
    let mut choices = Choices::new(data);
    let count = choices.below(4);
    let declared: Vec<u32> = (0..count).map(|_| *choices.of(&DECLARED)).collect();
    let Ok(text) = std::str::from_utf8(choices.rest()) else { return };
    PROTECTION.with(|protection| {
        let statements = sql::plan(text, &declared, protection);
        let mut end = 0;
        for statement in &statements {
            assert!(statement.range.start >= end && statement.range.end <= text.len());
            end = statement.range.end;
            let own = &text[statement.range.clone()];
            match &statement.decision {
                Decision::Forward => forwarded(own, protection),
                Decision::Qualify(_) => panic!("{own:?} means another table in no session"),
                Decision::Rewrite(plan) => rewritten(text, &declared, plan),
                Decision::Refuse(refusal) => {
                    assert!(!refusal.message.is_empty());
                    assert!(refusal.position.is_none_or(|at| text.is_char_boundary(at)));
                }
            }
        }
        assert!(!explain::explain(text, protection).is_empty());
    });
});

fn forwarded(text: &str, protection: &Protection) {
    let names = Names::of(protection);
    let Ok(tokens) = lex::lex(text) else {
        // PostgreSQL rejects it too; then it must not hold a name at all.
        assert_eq!(names.first(text), None, "{text:?} is forwarded");
        return;
    };
    for mention in names.mentions(text, &tokens) {
        match mention.kind {
            // A name in a string is data.
            MentionKind::Body(_) | MentionKind::ReservedBody => {}
            // Code without tokens, in a text that holds no name under any reading.
            MentionKind::Unreadable if names.first(text).is_none() => {}
            MentionKind::Identifier(_)
            | MentionKind::Alike(_)
            | MentionKind::Dependent(..)
            | MentionKind::Reserved
            | MentionKind::Unreadable
            | MentionKind::Dynamic
            | MentionKind::NoTokens => panic!("{text:?} is forwarded: {mention:?}"),
        }
    }
}

fn rewritten(text: &str, declared: &[u32], plan: &Plan) {
    let mut templates = vec![&plan.template];
    match &plan.steps {
        Steps::One => {}
        Steps::Fetch(fetch) => {
            assert!(fetch.slots.is_empty());
            templates.push(fetch);
        }
        Steps::ReadModifyWrite(work) => {
            assert_eq!(work.read.columns.len(), work.read.table.columns.len());
            templates.push(&work.lock);
        }
    }
    for template in templates {
        pieces(text, template);
        slots(plan, template);
    }
    if let Some(shape) = &plan.output {
        assert!(shape.columns.iter().all(|column| column.physical < shape.physical));
        for read in &shape.rows {
            let places = read.columns.iter().chain(&read.tags).copied().flatten().chain(read.signature);
            assert!(places.into_iter().all(|at| at < shape.physical));
            assert!(read.table.signature.is_none() || read.signature.is_some(), "a signed row is not verified");
        }
    }
    apart(plan);
    let (physical, types) = steps::described(plan, declared);
    assert_eq!(types.len(), steps::described_template(plan).slots.len());
    assert!(lex::lex(&physical).is_ok(), "{physical:?} has no tokens");
    let positions = steps::described_positions(plan);
    let characters = text.chars().count();
    for at in [1, physical.chars().count() as u32 / 2, physical.chars().count() as u32, u32::MAX] {
        assert!(positions.client(at).is_none_or(|at| at as usize <= characters + 1));
    }
}

fn pieces(text: &str, template: &Template) {
    assert_eq!(template.pieces.len(), template.origins.len());
    let mut after = 0;
    for (piece, origin) in template.pieces.iter().zip(&template.origins) {
        let (Piece::Text(piece), Origin::Client(at)) = (piece, origin) else { continue };
        let start = text.char_indices().nth(*at).map_or(text.len(), |(start, _)| start);
        assert!(start >= after, "pieces are out of order");
        assert!(text[start..].starts_with(piece.as_str()), "a piece is not the client's");
        after = start + piece.len();
    }
}

fn slots(plan: &Plan, template: &Template) {
    for piece in &template.pieces {
        if let Piece::Slot(slot) = piece {
            assert!(*slot < template.slots.len());
        }
    }
    for slot in &template.slots {
        match &slot.recipe {
            Recipe::Pass(number) => assert!(*number < plan.params.len()),
            Recipe::Clear { row, column } | Recipe::Cell { row, column } | Recipe::Signed { row, column } => {
                let sealed = plan.rows[*row].table.columns[*column].is_sealed();
                assert!(!sealed || !matches!(slot.recipe, Recipe::Clear { .. }), "a sealed column in the clear");
            }
            Recipe::RowTag { row, beacon } => assert!(*beacon < plan.rows[*row].table.beacons.len()),
            Recipe::Signature { row } => assert!(plan.rows[*row].table.signature.is_some()),
            Recipe::Tag { table, beacon, .. } | Recipe::Tags { table, beacon, .. } => {
                assert!(*beacon < table.beacons.len());
            }
        }
    }
}

/// No parameter is sent as it is and sealed or made a tag as well (SQL-62).
fn apart(plan: &Plan) {
    let (mut clear, mut hidden) = (Vec::new(), Vec::new());
    let mut templates = vec![&plan.template];
    match &plan.steps {
        Steps::One => {}
        Steps::Fetch(fetch) => templates.push(fetch),
        Steps::ReadModifyWrite(work) => templates.push(&work.lock),
    }
    for slot in templates.into_iter().flat_map(|template| &template.slots) {
        match &slot.recipe {
            Recipe::Pass(number) => clear.push(*number),
            Recipe::Tag { input: Input::Param { index, .. }, .. }
            | Recipe::Tags { input: Input::Param { index, .. }, .. } => {
                hidden.push(*index);
            }
            _ => {}
        }
    }
    for row in &plan.rows {
        for (column, input) in row.table.columns.iter().zip(&row.values) {
            if let Some(Input::Param { index, .. }) = input {
                if column.is_sealed() { hidden.push(*index) } else { clear.push(*index) }
            }
        }
    }
    assert!(!hidden.iter().any(|number| clear.contains(number)), "a parameter is sealed and sent as it is");
}

fn seeds() -> Vec<Vec<u8>> {
    let more = [
        "INSERT INTO staff (id, email, note, team) VALUES (1, $1, $2, 'x'), (2, NULL, $3, DEFAULT) RETURNING id, note",
        "UPDATE staff SET note = $1, pay = 12.5 WHERE email = $2 AND team <> 'x' RETURNING *",
        "UPDATE customers SET ssn = E'\\x41', notes = NULL WHERE id = 1 AND tenant_id IN (1, 2)",
        "INSERT INTO shift (staff_id, email, hours) VALUES (1, 'a', 2) ON CONFLICT DO NOTHING",
        "DELETE FROM shift AS s WHERE s.email = ANY(ARRAY['a', 'b']::text[]) RETURNING s.hours + 1",
        "TABLE customers; SELECT count(*) FROM staff WHERE grade = 7 OR NOT (pay IN (1, 2.5))",
        "SELECT c.*, lower(name) AS \"n\" FROM public.customers AS c WHERE ssn IS NOT DISTINCT FROM $1 LIMIT 5",
        // One constant in a sealed and in a clear place.
        "UPDATE staff SET email = $1, mark = $1 WHERE id = 1",
        "UPDATE staff SET team = $1, note = ($1)::text WHERE since = '2024-01-01'",
        "UPDATE staff SET team = $1 WHERE email = $1 RETURNING mark = $1",
        "UPDATE shift SET code = $1 WHERE hours = 1 AND staff_id = $2 AND email IN ($1, $3)",
        "INSERT INTO staff (id, email, team, mark) VALUES (1, $1, $2, $1), (2, $3, $1, NULL)",
        "DELETE FROM customers WHERE email = ANY ($1) AND name = ANY ($1)",
        // Conditions that a row is held against.
        "UPDATE staff SET team = 'x' WHERE id = 1 AND NOT (email IN ($1, 'a', NULL) OR since IS NULL)",
        "SELECT * FROM staff WHERE (id, team) = (1, $1) AND pay = 1.005 AND since IS DISTINCT FROM '2024-01-01'::date",
        "SELECT note FROM shift WHERE staff_id = ANY ('{1,2}') AND hours NOT IN (1, 2.5) AND 7 = id AND code IS NOT NULL",
    ];
    let statements = seeds::statements().into_iter().step_by(4).chain(more);
    statements.map(|text| [b"\0", text.as_bytes()].concat()).collect()
}
