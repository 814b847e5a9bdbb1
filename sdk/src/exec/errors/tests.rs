//! What of the server's words a client sees.

use crate::sql::{Notes, PhysicalType, Piece, Slot, Steps, Template, Verb};

use super::*;
use crate::encoding::ClientEncoding;
use crate::exec::inputs::Params;
use crate::exec::tests::{CREDIT, PAN, PIN, insert, keys, table, untyped};
use crate::sql::Input;
use crate::value::{Format, Settings, Type};

/// A plan whose second physical parameter is the client's first, and whose first is a cell.
fn plan() -> Plan {
    let slot = |recipe, ty| Slot { recipe, ty };
    let slots = vec![
        slot(Recipe::Cell { row: 0, column: 0 }, PhysicalType::Bytea),
        slot(Recipe::Pass(0), PhysicalType::Client),
    ];
    Plan {
        verb: Verb::Select,
        template: Template { pieces: vec![], origins: vec![], slots },
        params: vec![],
        rows: vec![],
        output: None,
        steps: Steps::One,
        notes: Notes::default(),
    }
}

fn translated(fields: &[(u8, &str)], position: Option<fn(u32) -> Option<u32>>) -> Vec<(u8, String)> {
    let fields: Vec<(u8, &[u8])> = fields.iter().map(|(code, text)| (*code, text.as_bytes())).collect();
    let kept = translate(&fields, &plan(), None, |at| position?(at));
    kept.into_iter().map(|(code, text)| (code, String::from_utf8(text.into_owned()).unwrap())).collect()
}

fn owned(fields: &[(u8, &str)]) -> Vec<(u8, String)> {
    fields.iter().map(|(code, text)| (*code, (*text).to_owned())).collect()
}

#[test]
fn an_ordinary_error_keeps_all_its_fields_also_unknown_ones() {
    let fields = [
        (b'S', "ERREUR"),
        (b'V', "ERROR"),
        (b'C', "42883"),
        (b'M', "function f(integer) does not exist"),
        (b'H', "cast it"),
        (b'F', "parse_func.c"),
        (b'L', "629"),
        (b'Y', "new"),
    ];
    assert_eq!(translated(&fields, None), owned(&fields));
}

#[test]
fn a_unique_violation_keeps_its_constraint_and_loses_its_tag_sql_56() {
    let fields = [
        (b'S', "ERROR"),
        (b'C', "23505"),
        (b'M', "duplicate key value violates unique constraint \"card_pan_key\""),
        (b'D', "Key (pgseal_exact_pan)=(6e0c1a44-0000-4000-8000-000000000000) already exists."),
        (b's', "public"),
        (b't', "card"),
        (b'n', "card_pan_key"),
    ];
    let expected: Vec<_> = fields.iter().copied().filter(|(code, _)| *code != b'D').collect();
    assert_eq!(translated(&fields, None), owned(&expected));
}

#[test]
fn what_shows_helpers_or_ciphertext_is_withheld_or_dropped_sql_56() {
    for message in [
        "column \"pgseal_signature\" does not exist",
        "column \"pan\" is of type pgseal.sealed_text but expression is of type integer",
        "invalid input for \\x0102",
        "no row 6e0c1a44-aaaa-4000-8000-000000000000",
    ] {
        let fields = [
            (b'S', "ERROR"),
            (b'C', "22000"),
            (b'M', message),
            (b'D', message),
            (b'H', message),
            (b'W', message),
            (b'q', message),
            (b'p', "3"),
            (b's', "pgseal"),
        ];
        let expected = owned(&[(b'S', "ERROR"), (b'C', "22000"), (b'M', WITHHELD)]);
        assert_eq!(translated(&fields, None), expected);
    }
}

#[test]
fn a_failing_row_is_never_shown() {
    let fields = [
        (b'C', "23514"),
        (b'M', "new row for relation \"card\" violates check constraint \"positive\""),
        (b'D', "Failing row contains (7, ada)."),
    ];
    assert_eq!(translated(&fields, None), owned(&fields[..2]));
}

#[test]
fn positions_go_back_to_the_clients_text_or_away() {
    let fields = [(b'C', "42601"), (b'M', "syntax error"), (b'P', "40")];
    assert_eq!(translated(&fields, Some(|at| at.checked_sub(30))), owned(&[fields[0], fields[1], (b'P', "10")]));
    assert_eq!(translated(&fields, Some(|_| None)), owned(&fields[..2]));
    assert_eq!(translated(&fields, None), owned(&fields[..2]));
    assert_eq!(position("ä = 'x'", 3), Some(3));
    assert_eq!(position("x", 7), None);
}

#[test]
fn parameters_have_the_clients_numbers() {
    let message = |text: &str| translated(&[(b'M', text)], None).remove(0).1;
    assert_eq!(message("type of parameter $2, cost $ 5"), "type of parameter $1, cost $ 5");
    assert_eq!(message("type of parameter $1"), WITHHELD);
    assert_eq!(message("type of parameter $9"), WITHHELD);
}

#[test]
fn a_failed_guard_is_xx001_cell_8() {
    let message = format!("invalid input syntax for type integer: \"{GUARD_MARK}\"");
    let fields = [(b'S', "ERROR"), (b'C', GUARD_SQLSTATE), (b'M', message.as_str())];
    let out = translated(&fields, None);
    assert!(out.contains(&(b'C', "XX001".to_owned())));
    assert!(!out.iter().any(|(_, text)| text.contains("pgseal")));
}

#[test]
fn notices_are_translated_alike_and_fail_nothing() {
    let fields = [(b'S', "NOTICE"), (b'V', "NOTICE"), (b'C', "00000"), (b'M', "truncated pgseal_exact_pan")];
    assert_eq!(translated(&fields, None)[3], (b'M', WITHHELD.to_owned()));
    let fields = [(b'S', "HINWEIS"), (b'V', "NOTICE"), (b'C', GUARD_SQLSTATE), (b'M', GUARD_MARK)];
    let expected = [fields[0], fields[1], fields[2], (b'M', WITHHELD)];
    assert_eq!(translated(&fields, None), owned(&expected));
}

#[test]
fn a_key_of_columns_in_the_clear_is_shown_as_it_is_sql_56() {
    for detail in [
        "Key (id)=(7) already exists.",
        "Key (id, \"Team, (A)\")=(7, a, b) already exists.",
        "Key (lower(team))=(red) already exists.",
        "Key (id)=(6e0c1a44-0000-4000-8000-000000000000) is not present in table \"team\".",
        "Schlüssel »(id)=(7)« existiert bereits.",
        "Key (room, during)=(1, [1,3)) conflicts with existing key (room, during)=(1, [2,5)).",
    ] {
        let fields = [(b'C', "23505"), (b'M', "duplicate key"), (b'D', detail)];
        assert_eq!(translated(&fields, None), owned(&fields), "{detail}");
    }
    for detail in [
        "Key (pgseal_eq_pan)=(6e0c1a44-0000-4000-8000-000000000000) already exists.",
        "Key (id, pgseal_eq_pan)=(1, 6e0c1a44-0000-4000-8000-000000000000) already exists.",
        "Key (hashtext(pgseal_eq_pan))=(7) already exists.",
        "Key (pan)=(\\x0102) already exists.",
        "Key (id already exists.",
        "Key (id) = (1) already exists.",
        "Key (\"id)=(1) already exists.",
        "Failing row contains (7, ada).",
    ] {
        let fields = [(b'C', "23505"), (b'M', "duplicate key"), (b'D', detail)];
        assert_eq!(translated(&fields, None), owned(&fields[..2]), "{detail}");
    }
}

#[test]
fn a_name_that_looks_like_a_tag_is_a_name_sql_56() {
    let fields = [
        (b'C', "23505"),
        (b'M', "duplicate key value violates unique constraint \"UQ_97672ac88f789774dd47f7c8be3\""),
        (b'D', "Key (id)=(7) already exists."),
        (b's', "public"),
        (b't', "t_0123456789abcdef"),
        (b'n', "UQ_97672ac88f789774dd47f7c8be3"),
    ];
    assert_eq!(translated(&fields, None), owned(&fields));
    let other = (b'M', "there is no 97672ac88f789774dd47f7c8be3");
    assert_eq!(translated(&[other], None), owned(&[(b'M', WITHHELD)]));
}

#[test]
fn a_word_of_the_statement_is_the_clients_own() {
    let mut plan = plan();
    plan.template.pieces = vec![Piece::Text("SELECT id FROM card WHERE id = '97672ac88f789774dd47'".into())];
    let message = "invalid input syntax for type bigint: \"97672ac88f789774dd47\"";
    let kept = translate(&[(b'M', message.as_bytes())], &plan, None, |_| None);
    assert_eq!(kept, [(b'M', message.as_bytes().into())]);
}

#[test]
fn what_a_trigger_raises_keeps_its_detail_unless_it_shows_internals() {
    let raised = |detail| [(b'C', "23514"), (b'M', "no"), (b'D', detail), (b'R', "exec_stmt_raise")];
    let fields = raised("Ada is too young");
    assert_eq!(translated(&fields, None), owned(&fields));
    let fields = raised("\\x0102 is too young");
    assert_eq!(translated(&fields, None), owned(&[fields[0], fields[1], fields[3]]));
}

#[test]
fn what_every_table_of_the_lock_has_and_the_server_misses_is_drift_cat_2() {
    for (sqlstate, message) in [
        ("42703", "column \"pgseal_eq_pan\" of relation \"card\" does not exist"),
        ("42703", "column card.pgseal_signature does not exist"),
        ("42704", "type \"pgseal.sealed_text\" does not exist"),
    ] {
        let told = translated(&[(b'S', "ERROR"), (b'C', sqlstate), (b'M', message), (b'P', "7")], Some(Some));
        let code = |code| told.iter().find(|(field, _)| *field == code).map(|(_, text)| text.as_str());
        assert_eq!((code(b'C'), code(b'P')), (Some("55000"), None), "{message}");
        assert!(code(b'H').is_some_and(|hint| hint.contains("schema plan")) && !code(b'M').unwrap().contains("pgseal"));
    }
    let fields = [(b'V', "NOTICE"), (b'C', "42703"), (b'M', "pgseal_eq_pan")];
    assert_eq!(translated(&fields, None)[1], (b'C', "42703".to_owned()));
}

/// The DETAIL that is told of a failing row of table card.
fn told_of_row(row: &str, more: &[(u8, &str)], plan: &Plan, params: Option<&KeyParams>) -> Option<String> {
    let detail = format!("Failing row contains {row}.");
    let fields = [(b'C', "23514"), (b'M', "violated"), (b'D', &detail), (b's', "public"), (b't', "card")];
    let fields: Vec<(u8, &[u8])> = fields.iter().chain(more).map(|(code, text)| (*code, text.as_bytes())).collect();
    let (keys, settings) = (keys(), Settings::default());
    let told = |sent: ClientValues<'_>| {
        let kept = translate(&fields, plan, Some(sent), |_| None);
        let detail = kept.into_iter().find(|(code, _)| *code == b'D');
        detail.map(|(_, text)| String::from_utf8(text.into_owned()).unwrap())
    };
    match params {
        Some(params) => params.with(|params| told(ClientValues { params, keys: &keys, settings: &settings })),
        None => told(ClientValues { params: Params::NONE.into(), keys: &keys, settings: &settings }),
    }
}

/// An INSERT of a row for each of these, which is its pin: nothing else is sealed.
fn pins(pins: Vec<Input>) -> Plan {
    let table = table(false);
    let row = |pin| {
        insert(&table, |values| {
            (values[PAN], values[CREDIT]) = (Some(Input::Null), Some(Input::Null));
            values[PIN] = Some(pin);
        })
    };
    pins.into_iter()
        .map(row)
        .reduce(|mut all, next| {
            all.rows.extend(next.rows);
            all
        })
        .unwrap()
}

#[test]
fn a_failing_row_that_may_be_one_whose_values_are_not_at_hand_is_not_shown_sql_56() {
    let row = "(1, ada, null, \\x01aa, null, null, null, null)";
    let param = || Input::Param { index: 0, ty: Type::Text };
    let shown = |pin: &str| Some(format!("Failing row contains (1, ada, null, {pin}, null, null)."));
    let kept = |plan: &Plan, bytes: &[u8]| {
        let second = &b"9"[..];
        let (values, formats) = (&[Some(bytes), Some(second)], &[Format::Text; 2]);
        KeyParams::of(plan, Params { values, formats, encoding: ClientEncoding::UTF8 })
    };
    // A third row needs a parameter that is kept.
    let large = vec![b'x'; 20 << 10];
    let plan = pins(vec![param(), untyped("5")]);
    assert_eq!(told_of_row(row, &[], &plan, kept(&plan, &large).as_ref()), None);
    let plan = pins(vec![param(), untyped("5"), Input::Param { index: 1, ty: Type::Text }]);
    assert_eq!(told_of_row(row, &[], &plan, kept(&plan, &large).as_ref()), None);
    let plan = pins(vec![param(), untyped("5")]);
    assert_eq!(told_of_row(row, &[], &plan, kept(&plan, b"5").as_ref()), shown("5"), "either has these values");
    let plan = pins(vec![Input::Null, untyped("5")]);
    assert_eq!(told_of_row(row, &[], &plan, None), shown("5"), "no cell is NULL");
}

#[test]
fn a_failing_row_of_a_statement_within_one_is_not_told_in_the_values_of_that_sql_56() {
    let (row, plan) = ("(1, ada, null, \\x01aa, null, null, null, null)", pins(vec![untyped("5")]));
    assert!(told_of_row(row, &[], &plan, None).is_some());
    assert_eq!(told_of_row(row, &[(b'W', "SQL statement \"UPDATE ONLY card\"")], &plan, None), None);
}

#[test]
fn a_row_that_looks_listed_shows_no_tag_in_a_column_in_the_clear_sql_56() {
    let plan = pins(vec![Input::Null]);
    let listed = "(id, owner) = (1, ada)";
    assert_eq!(told_of_row(listed, &[], &plan, None), Some(format!("Failing row contains {listed}.")));
    let names = "owner, id, pan, pin, credit, pgseal_exact_credit, note, pgseal_exact_pan";
    for value in ["6e0c1a44-0000-4000-8000-000000000000", "\\x0102"] {
        let forged = format!("({names}) = (z, 1, null, null, null, null, {value}, null)");
        assert_eq!(told_of_row(&forged, &[], &plan, None), None, "{value}");
    }
}
