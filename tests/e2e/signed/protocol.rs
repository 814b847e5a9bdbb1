//! Statements of several steps between other messages: pipelines, prepared statements, errors (SQL-54).

use pgseal::testing::tap::Cut;

use super::pair::{CANARY, Pair, extended};
use crate::harness::raw::{bind, describe, execute, flush, kinds, parse, query, sync};

#[test]
fn a_prepared_update_runs_again_and_again() {
    let mut pair = Pair::filled("sprepared");
    let sql = "UPDATE ledger SET holder = $1, label = $2 WHERE id = $3 RETURNING id, holder, label";
    pair.same_script(sql, &[parse("u", sql, &[]), describe(b'S', "u"), sync()].concat());
    for (holder, id) in [(Some("a"), "1"), (None, "2"), (Some("c"), "3"), (Some("d"), "99"), (Some("e"), "1")] {
        for format in [0, 1] {
            let script = [bind("", "u", &[holder, Some("l"), Some(id)], format), execute("", 0), sync()];
            pair.same_script(sql, &script.concat());
        }
    }
    pair.same_tables();
}

#[test]
fn a_prepared_insert_with_a_generated_key_runs_again_and_again_sql_22() {
    let mut pair = Pair::empty("spreparedinsert");
    let sql = "INSERT INTO entry (secret, other) VALUES ($1, $2) RETURNING id, serial, secret";
    pair.same_script(sql, &[parse("i", sql, &[]), describe(b'S', "i"), sync()].concat());
    for secret in [Some(CANARY), None, Some("c")] {
        let script = [bind("", "i", &[secret, Some("o")], 1), describe(b'P', ""), execute("", 0), sync()];
        pair.same_script(sql, &script.concat());
    }
    pair.same_tables();
}

#[test]
fn a_pipeline_of_updates_and_reads_is_answered_in_order() {
    let mut pair = Pair::filled("spipeline");
    let step = |sql: &str, params: &[Option<&str>]| {
        [parse("", sql, &[]), bind("", "", params, 0), describe(b'P', ""), execute("", 0)].concat()
    };
    let script = [
        step("UPDATE ledger SET holder = $1 WHERE id = $2", &[Some("p1"), Some("1")]),
        step("SELECT holder FROM ledger WHERE id = $1", &[Some("1")]),
        step("INSERT INTO entry (secret) VALUES ($1) RETURNING id", &[Some("s")]),
        flush(),
        step("UPDATE ledger SET amount = $1 WHERE iban = $2 RETURNING amount", &[Some("7"), Some("DE02")]),
        step("SELECT secret FROM entry", &[]),
        sync(),
    ]
    .concat();
    let said = pair.same_script("pipeline", &script);
    assert_eq!(said.answer.tags.len(), 5);
    pair.same_tables();
}

#[test]
fn the_messages_of_an_update_are_those_of_one_statement() {
    let mut pair = Pair::filled("smessages");
    for script in [
        query("UPDATE ledger SET holder = 'm' WHERE id = 1"),
        query("UPDATE ledger SET holder = 'm' WHERE id = 1 RETURNING holder"),
        query("UPDATE ledger SET holder = 'm' WHERE id = 99 RETURNING holder"),
        query("INSERT INTO entry (secret) VALUES ('m') RETURNING id, secret"),
        query("INSERT INTO entry (secret) VALUES ('m')"),
        extended("UPDATE ledger SET holder = $1 WHERE account = 20", &[Some("m")], 0),
        extended("UPDATE ledger SET holder = $1 WHERE account = 20 RETURNING id", &[Some("m")], 1),
        extended("INSERT INTO entry (secret) VALUES ($1)", &[Some("m")], 1),
    ] {
        let expected = kinds(&pair.plain.talk(&script, 1));
        assert_eq!(kinds(&pair.sealed.talk(&script, 1)), expected);
    }
}

#[test]
fn an_error_in_a_step_fails_the_block_as_postgresql_would_sql_54() {
    let mut pair = Pair::filled("sstep");
    // The unique beacon is hit in the second step.
    pair.same("BEGIN");
    pair.same("UPDATE ledger SET holder = 'lost' WHERE id = 3");
    let said = pair.same("UPDATE ledger SET iban = 'DE01' WHERE id = 2");
    assert_eq!((said.answer.error.as_deref(), said.answer.status), (Some("23505"), 'E'));
    assert_eq!(pair.same("SELECT holder FROM ledger").answer.error.as_deref(), Some("25P02"));
    pair.same("UPDATE ledger SET holder = 'x' WHERE id = 2");
    pair.same("COMMIT");
    pair.same_tables();
    // The same outside a block and in a pipeline: what follows until Sync is skipped, what went before is undone.
    let step = |sql: &str| [parse("", sql, &[]), bind("", "", &[], 0), execute("", 0)].concat();
    let script = [
        step("UPDATE ledger SET holder = 'undone' WHERE id = 1"),
        step("UPDATE ledger SET iban = 'DE01' WHERE id = 2"),
        step("UPDATE ledger SET holder = 'skipped' WHERE id = 3"),
        sync(),
    ]
    .concat();
    let said = pair.same_script("a pipeline that fails", &script);
    assert_eq!((said.answer.error.as_deref(), said.answer.status), (Some("23505"), 'I'));
    pair.same_tables();
    // The lock step itself fails: a plain predicate that divides by zero.
    let said = pair.same("UPDATE ledger SET holder = 'x' WHERE 1 / (account - 10) = 1");
    assert_eq!(said.answer.error.as_deref(), Some("22012"));
    pair.same_tables();
}

#[test]
fn a_read_only_transaction_refuses_every_write() {
    let mut pair = Pair::filled("sreadonly");
    for sql in ["UPDATE ledger SET holder = 'x' WHERE id = 1", "UPDATE ledger SET holder = 'x' WHERE id = 99"] {
        pair.same("BEGIN READ ONLY");
        pair.same(sql);
        pair.same("ROLLBACK");
    }
    pair.same_tables();
}

#[test]
fn rows_of_a_write_are_given_out_as_the_client_asks_for_them() {
    let mut pair = Pair::filled("slimit");
    for sql in [
        "UPDATE ledger SET holder = $1 RETURNING id, holder",
        "UPDATE ledger SET note = $1 RETURNING id, holder",
        "DELETE FROM ledger WHERE note = $1 RETURNING id, holder",
    ] {
        let mut script = [parse("", sql, &[]), bind("p", "", &[Some("x")], 0), describe(b'P', "p")].concat();
        for limit in [1, 1, 0] {
            script.extend(execute("p", limit));
        }
        script.extend(sync());
        pair.same_in_any_order(sql, &script);
        pair.same_tables();
    }
}

#[test]
fn a_portal_of_several_steps_is_spent_when_the_server_has_begun_with_it() {
    let mut pair = Pair::filled("sskipped");
    let fails = [parse("", "SELECT 1 / 0", &[]), bind("", "", &[], 0), execute("", 0)].concat();
    for (sql, params) in [
        ("UPDATE ledger SET holder = $1 WHERE id = $2 RETURNING id, holder", &[Some(CANARY), Some("1")][..]),
        ("INSERT INTO entry (secret) VALUES ($1) RETURNING id, secret", &[Some(CANARY)]),
        ("UPDATE ledger SET holder = $1 WHERE id = $2", &[Some(CANARY), Some("1")]),
    ] {
        let bound = [parse("u", sql, &[]), bind("p", "u", params, 0), sync()].concat();
        let run = [execute("p", 0), sync()].concat();
        pair.same("BEGIN");
        pair.same_script(sql, &bound);
        pair.same("SAVEPOINT s");
        let said = pair.same_script("an Execute that is skipped", &[fails.clone(), run.clone()].concat());
        assert_eq!(said.answer.error.as_deref(), Some("22012"));
        pair.same("ROLLBACK TO s");
        let said = pair.same_script("an Execute behind one that was skipped", &run);
        assert_eq!(said.answer.error, None, "{}", said.message);
        pair.same("SAVEPOINT t");
        // One that has rows gives them once, any other is not run again.
        let said = pair.same_script("a portal that was run", &run);
        assert_eq!(said.answer.error.is_some(), !sql.contains("RETURNING"));
        pair.same_script("perhaps in a failed block", &run);
        pair.same("ROLLBACK TO t");
        pair.same_script("a portal that was run, once more", &run);
        // One that a savepoint takes away is gone, whether it was run or not.
        for runs in [&run[..], &[]] {
            pair.same("ROLLBACK TO s");
            pair.same_script("bound within", &[bind("q", "u", params, 0), sync()].concat());
            let within: &[u8] = &if runs.is_empty() { sync() } else { [execute("q", 0), sync()].concat() };
            pair.same_script("run within", within);
            pair.same("ROLLBACK TO s");
            let said = pair.same_script("gone", &[execute("q", 0), sync()].concat());
            assert_eq!(said.answer.error.as_deref(), Some("34000"));
        }
        pair.same("ROLLBACK");
        pair.same_script("closed", &[crate::harness::raw::close(b'S', "u"), sync()].concat());
    }
    pair.same_tables();
}

#[test]
fn a_server_link_that_is_cut_anywhere_changes_nothing() {
    for (name, cut) in [("scutbytes", Cut::Bytes), ("scutrandom", Cut::Random)] {
        let mut pair = Pair::cut(name, cut);
        pair.same("INSERT INTO entry (secret) VALUES ('m'), ('n') RETURNING id, secret");
        pair.same("UPDATE ledger SET holder = 'cut', label = 'l' WHERE account = 20 RETURNING id, holder");
        pair.same("BEGIN");
        pair.same_extended("UPDATE ledger SET amount = $1 WHERE iban = $2 RETURNING *", &[Some("3"), Some("DE01")]);
        pair.same("UPDATE ledger SET iban = 'DE01' WHERE id = 2");
        pair.same("ROLLBACK");
        pair.same("DELETE FROM ledger WHERE id = 2 RETURNING *");
        pair.same_tables();
    }
}

#[test]
fn several_writes_in_one_query_are_answered_or_refused_whole() {
    let mut pair = Pair::filled("sseveral");
    pair.same("UPDATE ledger SET note = 'a' WHERE id = 1; SELECT note FROM ledger WHERE id = 1; DELETE FROM ledger WHERE id = 3");
    for sql in [
        "UPDATE ledger SET holder = 'a' WHERE id = 1; SELECT 1",
        "DELETE FROM ledger WHERE id = 1; DELETE FROM ledger WHERE id = 2 RETURNING holder",
    ] {
        assert_eq!(pair.fails(sql).0, "0A000", "{sql}");
    }
    pair.same_tables();
}
