//! INSERT, SELECT and DELETE.

use super::pair::{CANARY, Pair, rows};

#[test]
fn inserted_rows_are_signed_and_read_as_they_were_written_sig_2() {
    let mut pair = Pair::empty("sinsert");
    pair.same(&rows());
    pair.same("INSERT INTO ledger (id, iban, made_at) VALUES (10, 'DE10', '2024-05-05 00:00+02') RETURNING *");
    pair.same(
        "INSERT INTO ledger VALUES (11, 1, 'l', '2024-05-05 00:00+02', 1.23456, 'c', 'n', 'DE11', 'h', 1.005), \
         (12, 2, NULL, 'infinity', '-0.0005', NULL, NULL, NULL, NULL, '1e3') RETURNING id, amount AS a, rate, holder",
    );
    pair.same(
        "INSERT INTO ledger (id, made_at, code) VALUES (13, '2024-01-01', DEFAULT) RETURNING code, account, amount",
    );
    pair.same_tables();
    let signed =
        "SELECT count(*) FROM ledger WHERE octet_length(pgseal_signature) = 62 AND get_byte(pgseal_signature, 1) = 1";
    assert_eq!(pair.world.at_server(signed).trim(), "7");
}

#[test]
fn generated_values_are_fetched_first_and_then_signed_sql_22() {
    let mut pair = Pair::empty("sgenerated");
    pair.same(&format!(
        "INSERT INTO ledger (iban, holder, note) VALUES ('DE01', '{CANARY}', 'one') RETURNING id, iban, code"
    ));
    pair.same(
        "INSERT INTO ledger (iban, holder) VALUES ('DE02', 'b'), ('DE03', NULL), (NULL, 'c') RETURNING id, account",
    );
    pair.same("INSERT INTO ledger (id, iban) VALUES (DEFAULT, 'DE05'), (70, 'DE06'), (DEFAULT, 'DE07') RETURNING id");
    pair.same("INSERT INTO entry (secret) VALUES ('s1'), ('s2') RETURNING id, serial, secret, other");
    pair.same("INSERT INTO entry (secret, other, note) VALUES ('s3', 'o3', 'n') RETURNING *");
    pair.same("INSERT INTO entry DEFAULT VALUES RETURNING *");
    pair.same("INSERT INTO entry (id, secret) OVERRIDING SYSTEM VALUE VALUES (100, 's100') RETURNING *");
    pair.same("INSERT INTO entry (id, secret) VALUES (101, 's101')");
    pair.same("SELECT id, account, label, rate, code, note, iban, holder, amount FROM ledger ORDER BY id");
    pair.same("SELECT * FROM entry ORDER BY id");
}

#[test]
fn numbers_that_are_none_are_signed_as_the_server_sends_them_val_1() {
    let mut pair = Pair::empty("sinfinity");
    pair.same("INSERT INTO entry (factor) VALUES ('Infinity'), ('-infinity'), ('NaN'), (1.50) RETURNING id, factor");
    pair.same(&format!("UPDATE entry SET other = '{CANARY}' WHERE id < 3"));
    pair.same("SELECT id, factor, other FROM entry ORDER BY id");
    assert_eq!(
        pair.world.at_server("SELECT count(*) FROM entry WHERE factor = 'Infinity' AND other IS NOT NULL").trim(),
        "1"
    );
}

#[test]
fn now_is_the_transactions_own_sql_22() {
    let mut pair = Pair::empty("snow");
    pair.same("BEGIN");
    pair.same(&format!("INSERT INTO ledger (iban) VALUES ('DE01'), ('{CANARY}')"));
    pair.same("SELECT id, made_at = now() FROM ledger ORDER BY id");
    pair.same("COMMIT");
    pair.same("SELECT id, made_at < now() FROM ledger ORDER BY id");
}

#[test]
fn inserts_work_by_the_extended_protocol_in_both_formats() {
    let mut pair = Pair::empty("sextended");
    pair.same("BEGIN");
    pair.same_extended(
        "INSERT INTO ledger (id, account, label, made_at, rate, code, note, iban, holder, amount) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING *",
        &[
            Some("1"),
            Some("2"),
            Some("l"),
            Some("2024-01-01 00:00+00"),
            Some("1.5"),
            Some("c"),
            Some("one"),
            Some("DE1"),
            Some(CANARY),
            Some("9.99"),
        ],
    );
    // No RETURNING of what differs between the two attempts: sequences do not roll back.
    pair.same_extended(
        "INSERT INTO ledger (iban, holder) VALUES ($1, $2) RETURNING iban, holder",
        &[Some("DE2"), None],
    );
    pair.same_extended(
        "SELECT account, holder, iban, amount, rate, made_at FROM ledger WHERE iban = $1",
        &[Some("DE1")],
    );
    pair.same_extended("SELECT * FROM ledger WHERE id = $1", &[Some("1")]);
    pair.same("COMMIT");
    pair.same("SELECT id, iban, holder, amount FROM ledger ORDER BY id");
}

#[test]
fn a_select_may_show_any_part_of_a_signed_row() {
    let mut pair = Pair::filled("sselect");
    for list in [
        "*",
        "ledger.*",
        "id",
        "holder",
        "note",
        "account",
        "amount AS total",
        "label, label, holder, holder",
        "count(*)",
        "account + 1 AS next",
        "upper(note), iban",
        "made_at, rate, code",
        "1",
        "note IS NULL, amount",
        "iban, *",
    ] {
        pair.same(&format!("SELECT {list} FROM ledger"));
    }
    for rest in [
        "WHERE id = 2",
        "WHERE iban = 'DE02'",
        "WHERE iban IN ('DE01', 'DE02', 'nope')",
        "WHERE amount = 100 ORDER BY id",
        "WHERE iban IS NULL",
        "WHERE holder IS NOT NULL ORDER BY id DESC",
        "WHERE account = 20 AND amount = 200",
        "WHERE account = 20 OR iban = 'DE01' ORDER BY made_at LIMIT 2",
        "WHERE label = ''",
        "WHERE false",
        "WHERE made_at > '2024-01-15' ORDER BY rate NULLS FIRST, id",
        "AS l WHERE l.code IS NULL",
        "FOR UPDATE",
    ] {
        pair.same(&format!("SELECT * FROM ledger {rest}"));
    }
}

#[test]
fn rows_are_deleted_by_plain_and_exact_predicates_sql_51() {
    let mut pair = Pair::filled("sdelete");
    pair.same("BEGIN");
    pair.same("DELETE FROM ledger WHERE iban = 'DE01' RETURNING id, holder, amount");
    pair.same("DELETE FROM ledger WHERE account = 20 AND amount = 100");
    pair.same_tables();
    pair.same("ROLLBACK");
    pair.same("DELETE FROM ledger WHERE id = 77");
    pair.same("DELETE FROM ledger WHERE id = 2 RETURNING *");
    pair.same_tables();
    pair.same("DELETE FROM ledger");
    pair.same_tables();
}

#[test]
fn constraints_fail_as_the_servers_own_sql_22() {
    let mut pair = Pair::filled("sconstraints");
    for sql in [
        "INSERT INTO ledger (id, iban) VALUES (1, 'DE99')",
        "INSERT INTO ledger (id, iban) VALUES (9, 'DE01')",
        "INSERT INTO ledger (id, amount) VALUES (9, NULL)",
        "INSERT INTO ledger (id, account) VALUES (9, NULL)",
        "INSERT INTO ledger (id) VALUES (NULL)",
        "INSERT INTO ledger (id, code) VALUES (9, 'ninechars')",
        "INSERT INTO ledger (id, holder) VALUES (9, 'a holder whose name is longer than forty characters')",
        "INSERT INTO ledger (id, rate) VALUES (9, 12345678.9)",
        "INSERT INTO ledger (id, amount) VALUES (9, 'abc')",
        "INSERT INTO ledger (id, account) VALUES (9, 3000000000)",
        "UPDATE ledger SET iban = 'DE02' WHERE id = 1",
        "UPDATE ledger SET amount = NULL WHERE id = 1",
        "UPDATE ledger SET account = NULL",
        "UPDATE ledger SET holder = 'a holder whose name is longer than forty characters'",
    ] {
        pair.same(sql);
    }
    pair.same_tables();
}

#[test]
fn on_conflict_do_nothing_leaves_the_row_that_is_there() {
    let mut pair = Pair::filled("sconflict");
    pair.same("INSERT INTO ledger (id, iban, holder) VALUES (1, 'DE50', 'x') ON CONFLICT DO NOTHING RETURNING id");
    pair.same(
        "INSERT INTO ledger (id, iban) VALUES (50, 'DE01'), (51, 'DE51') ON CONFLICT DO NOTHING RETURNING id, iban",
    );
    pair.same("INSERT INTO ledger (id, iban) VALUES (52, 'DE01') ON CONFLICT (iban) DO NOTHING");
    pair.same("SELECT id, iban, holder FROM ledger ORDER BY id");
    let upsert =
        "INSERT INTO ledger (id, holder) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET holder = EXCLUDED.holder";
    assert_eq!(pair.fails(upsert).0, "0A000");
    pair.same("SELECT id, iban, holder FROM ledger ORDER BY id");
}
