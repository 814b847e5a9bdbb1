//! UPDATE by read-modify-write (SQL-51).

use super::pair::{CANARY, Pair};
use crate::harness::raw::query;

#[test]
fn an_update_reseals_and_resigns_what_it_found() {
    let mut pair = Pair::filled("supdate");
    for sql in [
        "UPDATE ledger SET holder = 'Eve' WHERE id = 2",
        "UPDATE ledger SET holder = 'Eve', amount = 5.005 WHERE iban = 'DE02' RETURNING *",
        "UPDATE ledger SET label = 'x', account = 21, rate = 2, code = 'zz' WHERE id = 2 RETURNING id, label, rate, code",
        "UPDATE ledger SET made_at = '2025-01-01 00:00+00' WHERE amount = 100",
        "UPDATE ledger SET note = 'plain' WHERE account = 21",
        "UPDATE ledger SET note = note || '!' WHERE id IN (1, 2)",
        "UPDATE ledger SET note = 'both', holder = 'both' WHERE id = 3 RETURNING note, holder",
        "UPDATE ledger SET amount = 100 WHERE account IN (10, 20, 21)",
        "UPDATE ledger SET iban = NULL WHERE iban = 'DE02'",
        "UPDATE ledger SET iban = 'DE03' WHERE iban IS NULL AND id = 3",
        "UPDATE ledger SET holder = NULL, label = NULL, rate = NULL",
        "UPDATE ledger SET holder = 'none' WHERE id = 99",
        "UPDATE ledger SET holder = 'none' WHERE iban = 'nope' RETURNING *",
        "UPDATE ledger SET amount = DEFAULT, label = DEFAULT, note = DEFAULT WHERE id = 1",
        "UPDATE ONLY ledger AS l SET holder = 'l' WHERE l.id = 1 RETURNING l.id, l.holder AS h",
        "UPDATE ledger SET label = 'same' WHERE label IS NULL OR code = 'none' RETURNING id, note",
    ] {
        pair.same(sql);
        pair.same("SELECT * FROM ledger ORDER BY id");
    }
}

#[test]
fn an_update_works_by_the_extended_protocol_in_both_formats() {
    let mut pair = Pair::filled("supdateext");
    pair.same("BEGIN");
    pair.same_extended("UPDATE ledger SET holder = $1 WHERE iban = $2", &[Some("P"), Some("DE01")]);
    pair.same_extended(
        "UPDATE ledger SET amount = $1, label = $2, made_at = $3, note = $4 WHERE id = $5 RETURNING *",
        &[Some("12.34"), None, Some("2020-02-02 00:00+00"), Some("n"), Some("2")],
    );
    pair.same_extended("UPDATE ledger SET holder = $1 WHERE account = $2 RETURNING id, holder", &[None, Some("20")]);
    pair.same_extended("UPDATE ledger SET holder = $1 WHERE id = $2", &[Some("x"), Some("99")]);
    pair.same_tables();
    pair.same("COMMIT");
    pair.same_tables();
}

#[test]
fn savepoints_and_rollback_take_an_update_back() {
    let mut pair = Pair::filled("ssavepoint");
    pair.same("BEGIN");
    pair.same("UPDATE ledger SET holder = 'one' WHERE id = 2");
    pair.same("SAVEPOINT a");
    pair.same("UPDATE ledger SET holder = 'two', label = 'two' WHERE id = 2");
    pair.same("UPDATE ledger SET holder = 'three' WHERE id = 2");
    pair.same("SELECT * FROM ledger ORDER BY id");
    pair.same("ROLLBACK TO a");
    pair.same("SELECT * FROM ledger ORDER BY id");
    pair.same("UPDATE ledger SET amount = 1 WHERE holder IS NULL");
    pair.same("UPDATE ledger SET iban = 'DE01' WHERE id = 2");
    pair.same("SELECT 1");
    pair.same("ROLLBACK TO a");
    pair.same("UPDATE ledger SET iban = 'DE22' WHERE id = 2 RETURNING *");
    pair.same("COMMIT");
    pair.same_tables();
    pair.same("BEGIN");
    pair.same(&format!("UPDATE ledger SET holder = '{CANARY}'"));
    pair.same("DELETE FROM ledger WHERE id = 1");
    pair.same("ROLLBACK");
    pair.same_tables();
}

#[test]
fn a_signed_row_survives_many_updates_of_every_kind() {
    let mut pair = Pair::filled("smany");
    for round in 0..12 {
        pair.same(&format!("UPDATE ledger SET amount = {round}.{round:02} WHERE account = 20"));
        let labels = format!("UPDATE ledger SET label = 'r{round}' WHERE amount = {round}.{round:02} RETURNING id");
        pair.same_in_any_order(&labels, &query(&labels));
        pair.same(&format!("UPDATE ledger SET note = 'n{round}' WHERE label = 'r{round}'"));
    }
    pair.same_tables();
}

#[test]
fn an_update_of_a_context_column_is_refused_by_name_cell_9() {
    let mut pair = Pair::filled("scontext");
    let (code, message) = pair.fails("UPDATE ledger SET id = 5 WHERE id = 1");
    assert_eq!(code, "0A000", "{message}");
    assert!(message.contains("ledger.id"), "{message}");
    pair.same_tables();
}
