//! A trigger that nobody told pgseal of: the guard of CELL-8 fails the statement before it can commit.

use super::pair::{Pair, extended};

const GUARDED: &str = "the server would have stored another row than the one that was signed";

/// A trigger that the running proxy does not know of.
fn trigger(pair: &Pair, event: &str, body: &str) {
    pair.world.at_server(&format!(
        "DROP TRIGGER IF EXISTS meddle ON ledger; \
         CREATE OR REPLACE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN {body}; RETURN NEW; END$$; \
         CREATE TRIGGER meddle BEFORE {event} ON ledger FOR EACH ROW EXECUTE FUNCTION meddle()"
    ));
}

/// The proxy may have noticed that the table is not as its lock says; then it answers nothing at all.
fn assert_stopped(said: (String, String)) {
    let (code, message) = said;
    assert!(code == "55000" || (code == "XX001" && message == GUARDED), "{code} {message}");
}

const MEDDLING: &[&str] = &[
    "NEW.account := NEW.account + 1",
    "NEW.label := 'meddled'",
    "NEW.made_at := now() - interval '1 day'",
    "NEW.holder := NULL",
    "NEW.pgseal_eq_amount := gen_random_uuid()",
    "NEW.pgseal_signature := NULL",
];

#[test]
fn an_insert_that_a_trigger_changes_fails_and_commits_nothing_cell_8() {
    let mut pair = Pair::filled("ginsert");
    for body in MEDDLING {
        trigger(&pair, "INSERT", body);
        let returning = "INSERT INTO ledger (id, label, holder) VALUES (50, 'l', 'h'), (51, 'l', 'h') RETURNING id";
        assert_stopped(pair.fails("INSERT INTO ledger (id, label, holder) VALUES (50, 'l', 'h')"));
        assert_stopped(pair.fails(returning));
        assert_stopped(pair.fails("INSERT INTO ledger (label, holder) VALUES ('l', 'h')"));
        let said = pair.ask(&extended("INSERT INTO ledger (label, holder) VALUES ('l', $1)", &[Some("h")], 1));
        assert_stopped((said.answer.error.unwrap(), said.message));
        assert_eq!(pair.world.at_server("SELECT count(*) FROM ledger").trim(), "3");
    }
}

#[test]
fn an_update_that_a_trigger_changes_fails_and_commits_nothing_cell_8() {
    let mut pair = Pair::filled("gupdate");
    let state = "SELECT md5(string_agg(l::text, ',' ORDER BY id)) FROM ledger l";
    let before = pair.world.at_server(state);
    for body in MEDDLING {
        trigger(&pair, "UPDATE", body);
        assert_stopped(pair.fails("UPDATE ledger SET amount = 9 WHERE id = 1"));
        assert_stopped(pair.fails("UPDATE ledger SET amount = 9 WHERE account = 20 RETURNING id"));
        let said = pair.ask(&extended("UPDATE ledger SET amount = $1 WHERE id = 1", &[Some("9")], 0));
        assert_stopped((said.answer.error.unwrap(), said.message));
        assert_eq!(said.answer.status, 'I');
        assert_eq!(pair.world.at_server(state), before);
    }
}

#[test]
fn a_failed_guard_fails_the_block_cell_8() {
    let mut pair = Pair::filled("gblock");
    trigger(&pair, "UPDATE", "NEW.account := NEW.account + 1");
    pair.rows("BEGIN");
    assert_stopped(pair.fails("UPDATE ledger SET amount = 9 WHERE id = 1"));
    assert_eq!(pair.fails("SELECT 1").0, "25P02");
    pair.rows("COMMIT");
    assert_eq!(pair.world.at_server("SELECT account FROM ledger WHERE id = 1").trim(), "10");
}

#[test]
fn a_trigger_that_swallows_rows_is_noticed_sig_6() {
    let mut pair = Pair::filled("gswallow");
    pair.world.at_server(
        "CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NULL; END$$; \
         CREATE TRIGGER meddle BEFORE UPDATE ON ledger FOR EACH ROW EXECUTE FUNCTION meddle()",
    );
    pair.rows("BEGIN");
    let (code, message) = pair.fails("UPDATE ledger SET amount = 9 WHERE id = 1");
    assert!(
        code == "55000" || (code == "XX001" && message.contains("1 rows were locked and 0 were written")),
        "{code} {message}"
    );
    assert_eq!(pair.fails("SELECT 1").0, "25P02");
    pair.rows("ROLLBACK");
}
