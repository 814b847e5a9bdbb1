//! What a DBA does straight at the server, and what the next reader through the proxy is told (CELL-6, SIG-1 to SIG-7).

use super::pair::{Pair, extended};
use crate::corpus::answer::read;
use crate::harness::raw::{bind, execute, parse, query, sync};

const CORRUPTED: &str = "XX001";
const CHANGED: &str = "table ledger: the row signature does not hold: the row was changed outside of pgseal";

/// Deeds at the server against the row 1 of `ledger`, each with what the proxy then says of it. Each must be found by a
/// SELECT of whatever part of the row, by UPDATEs (SIG-5), and by RETURNING; and nothing may have changed.
fn detected(name: &str, deeds: &[(&str, &str)]) {
    let mut pair = Pair::filled(name);
    pair.rows("INSERT INTO entry (secret, other) VALUES ('s1', 'o1'), ('s2', 'o2')");
    pair.world.at_server("CREATE TABLE saved AS SELECT * FROM ledger");
    for (deed, words) in deeds {
        pair.world.at_server(&format!("UPDATE ledger SET {deed} WHERE id = 1"));
        let before = state(&pair);
        for sql in [
            "SELECT * FROM ledger WHERE id = 1",
            "SELECT id FROM ledger WHERE id = 1",
            "SELECT note FROM ledger WHERE id = 1",
            "SELECT account FROM ledger",
            "UPDATE ledger SET holder = 'laundered' WHERE id = 1",
            "UPDATE ledger SET iban = 'DE00', amount = 1 WHERE id = 1",
            "UPDATE ledger SET account = 1, label = 'l', rate = 1, code = 'c', made_at = '2020-01-01' WHERE id = 1",
            "UPDATE ledger SET label = 'laundered'",
            "UPDATE ledger SET note = 'n' WHERE id = 1 RETURNING holder",
            "DELETE FROM ledger WHERE id = 1 RETURNING holder",
        ] {
            for script in [query(sql), extended(sql, &[], 1)] {
                let said = pair.ask(&script);
                assert_eq!(said.answer.error.as_deref(), Some(CORRUPTED), "{deed}: {sql}: {}", said.message);
                assert!(said.message.contains(words), "{deed}: {sql}: {}", said.message);
                assert_eq!(said.answer.status, 'I');
            }
        }
        assert_eq!(before, state(&pair), "{deed}: a statement that met a forged row changed something");
        // The session is as good as before, and the other rows are; and so is this one, put right again.
        assert_eq!(pair.rows("SELECT holder FROM ledger WHERE id = 2"), [[Some("Bob".to_owned())]]);
        pair.world.at_server("DELETE FROM ledger WHERE id = 1; INSERT INTO ledger SELECT * FROM saved WHERE id = 1");
        pair.same("SELECT * FROM ledger ORDER BY id");
    }
}

fn state(pair: &Pair) -> String {
    pair.world.at_server("SELECT md5(string_agg(l::text, ',' ORDER BY id)) FROM ledger l")
}

#[test]
fn cells_that_were_moved_cut_changed_or_taken_away_are_found_cell_6() {
    detected(
        "xcell",
        &[
            // Of another row, another column, another table.
            ("holder = (SELECT holder FROM ledger WHERE id = 2)", CHANGED),
            ("holder = amount::bytea, amount = holder::bytea", CHANGED),
            ("holder = (SELECT secret FROM entry ORDER BY id LIMIT 1)::bytea", CHANGED),
            ("holder = substring(holder::bytea for octet_length(holder) - 1)", CHANGED),
            ("holder = set_bit(holder::bytea, 300, 1 - get_bit(holder::bytea, 300))", CHANGED),
            ("holder = NULL", CHANGED),
        ],
    );
}

#[test]
fn edited_beacons_are_found_sig_7() {
    let other = "pgseal_eq_amount = (SELECT pgseal_eq_amount FROM ledger WHERE id = 2)";
    let deeds = ["pgseal_eq_amount = gen_random_uuid()", "pgseal_eq_amount = NULL", other].map(|deed| (deed, CHANGED));
    detected("xbeacon", &deeds);
}

#[test]
fn edited_signed_columns_are_found_sig_2() {
    let deeds = [
        "account = account + 1",
        "label = label || 'x'",
        "label = NULL",
        "made_at = made_at + interval '1 microsecond'",
        "rate = rate + 0.001",
        "rate = NULL",
        "code = ''",
    ];
    detected("xclear", &deeds.map(|deed| (deed, CHANGED)));
}

#[test]
fn missing_and_strange_signatures_are_found_sig_6() {
    let strange = "table ledger: the row signature is not a signature of this version";
    detected(
        "xsignature",
        &[
            ("pgseal_signature = NULL", "table ledger: the row signature is missing"),
            ("pgseal_signature = substring(pgseal_signature for 40)", strange),
            ("pgseal_signature = ''", strange),
            ("pgseal_signature = (SELECT pgseal_signature FROM ledger WHERE id = 2)", CHANGED),
            ("pgseal_signature = set_byte(pgseal_signature, 1, 3)", "table ledger: the row signature"),
            ("pgseal_signature = set_byte(pgseal_signature, 13, 2)", "covers a set of columns that is not accepted"),
            ("pgseal_signature = set_byte(pgseal_signature, 61, get_byte(pgseal_signature, 61) # 1)", CHANGED),
        ],
    );
}

#[test]
fn a_forged_row_fails_the_block_in_which_it_is_met() {
    let mut pair = Pair::filled("xblock");
    pair.world.at_server("UPDATE ledger SET account = 11 WHERE id = 1");
    for sql in [
        "SELECT holder FROM ledger WHERE id = 1",
        "DELETE FROM ledger WHERE id = 1 RETURNING holder",
        "UPDATE ledger SET holder = 'x' WHERE id = 1",
        "UPDATE ledger SET note = 'x' WHERE id = 1 RETURNING note",
    ] {
        for script in [query(sql), extended(sql, &[], 0)] {
            pair.rows("BEGIN");
            pair.rows("INSERT INTO ledger (id) VALUES (70)");
            pair.rows("SAVEPOINT a");
            let said = pair.ask(&script);
            assert_eq!(said.answer.error.as_deref(), Some(CORRUPTED), "{sql}: {}", said.message);
            assert_eq!(said.answer.status, 'E', "{sql}");
            assert_eq!(pair.fails("SELECT 1").0, "25P02", "{sql}");
            pair.rows("ROLLBACK TO a");
            pair.rows("SELECT holder FROM ledger WHERE id = 2");
            pair.fails(sql);
            pair.rows("COMMIT");
            assert_eq!(pair.rows("SELECT count(*) FROM ledger"), [[Some("3".to_owned())]], "{sql}");
        }
    }
}

#[test]
fn what_stands_before_a_forged_row_in_its_pipeline_is_undone() {
    let mut pair = Pair::filled("xpipeline");
    pair.world.at_server("UPDATE ledger SET account = 11 WHERE id = 1");
    let before = state(&pair);
    let step = |sql: &str| [parse("", sql, &[]), bind("", "", &[], 0), execute("", 0)].concat();
    for forged in [
        "DELETE FROM ledger WHERE id = 1 RETURNING id",
        "UPDATE ledger SET note = 'x' WHERE id = 1 RETURNING id",
        "UPDATE ledger SET holder = 'x' WHERE id = 1",
    ] {
        let first = step("UPDATE ledger SET holder = 'undone' WHERE id = 2");
        let script = [first, step(forged), step("DELETE FROM ledger WHERE id = 3"), sync()].concat();
        let said = pair.ask(&script);
        assert_eq!((said.answer.error.as_deref(), said.answer.status), (Some(CORRUPTED), 'I'), "{}", said.message);
        assert_eq!(state(&pair), before, "{forged}");
    }
}

#[test]
fn an_old_cell_against_a_newer_signature_is_found() {
    let mut pair = Pair::filled("xreplay");
    pair.world.at_server("CREATE TABLE old AS SELECT id, holder, pgseal_signature FROM ledger");
    pair.rows("UPDATE ledger SET holder = 'newer' WHERE id = 1");
    pair.world.at_server("UPDATE ledger l SET holder = o.holder FROM old o WHERE o.id = l.id AND l.id = 1");
    let (code, message) = pair.fails("SELECT holder FROM ledger WHERE id = 1");
    assert_eq!((code.as_str(), message.as_str()), (CORRUPTED, CHANGED));
    // The old signature with it: of a row whose other cell is newer.
    pair.world.at_server("UPDATE ledger l SET holder = o.holder, pgseal_signature = o.pgseal_signature FROM old o WHERE o.id = l.id AND l.id = 1");
    assert_eq!(pair.rows("SELECT count(*) FROM ledger"), [[Some("3".to_owned())]]);
    pair.rows("UPDATE ledger SET amount = 5 WHERE id = 1");
    pair.world.at_server(
        "UPDATE ledger l SET pgseal_signature = o.pgseal_signature FROM old o WHERE o.id = l.id AND l.id = 1",
    );
    let (code, message) = pair.fails("SELECT id FROM ledger WHERE id = 1");
    assert_eq!((code.as_str(), message.as_str()), (CORRUPTED, CHANGED));
}

/// SECURITY.md says so: a whole row of the past verifies. Only a witness outside of the database could tell.
#[test]
fn a_whole_old_row_put_back_is_not_detected() {
    let mut pair = Pair::filled("xold");
    pair.world.at_server("CREATE TABLE old AS SELECT * FROM ledger WHERE id = 1");
    pair.rows("UPDATE ledger SET holder = 'newer', label = 'newer' WHERE id = 1");
    pair.world.at_server(
        "UPDATE ledger l SET label = o.label, holder = o.holder, pgseal_signature = o.pgseal_signature \
         FROM old o WHERE o.id = l.id",
    );
    assert_eq!(pair.rows("SELECT label FROM ledger WHERE id = 1"), [[Some("first".to_owned())]]);
}

#[test]
fn plaintext_is_kept_out_by_the_server_itself() {
    let pair = Pair::filled("xplain");
    let mut dba = pair.world.raw_direct();
    for sql in [
        "UPDATE ledger SET holder = 'plaintext' WHERE id = 1",
        "INSERT INTO ledger (id, holder, amount) SELECT 50, 'plaintext', amount FROM ledger WHERE id = 1",
        "UPDATE ledger SET amount = '\\x00' WHERE id = 1",
    ] {
        let said = read(&dba.talk(&query(sql), 1), true);
        assert_eq!(said.answer.error.as_deref(), Some("23514"), "{sql}: {}", said.message);
        // The check of a table would print the failing row.
        assert!(!said.message.contains("plaintext"), "{sql}: {}", said.message);
    }
}

#[test]
fn a_trigger_and_copy_put_no_plaintext_into_a_sealed_column() {
    let pair = Pair::filled("xtrigger");
    let fails = |sql: &str| {
        let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| pair.world.at_server(sql)));
        assert!(failed.is_err(), "{sql} was accepted");
    };
    fails("COPY ledger (id, holder) FROM PROGRAM 'echo 60,706c61696e74657874' (FORMAT csv)");
    pair.world.at_server(
        "CREATE FUNCTION overwrite() RETURNS trigger LANGUAGE plpgsql AS \
         $$BEGIN NEW.holder := 'plaintext'::bytea; RETURN NEW; END$$; \
         CREATE TRIGGER overwrite BEFORE UPDATE ON ledger FOR EACH ROW EXECUTE FUNCTION overwrite()",
    );
    fails("UPDATE ledger SET label = label WHERE id = 1");
}

#[test]
fn plaintext_without_the_check_is_found_by_the_signature() {
    let mut pair = Pair::filled("xnocheck");
    pair.world.at_server(
        "DO $$DECLARE c record; BEGIN \
         FOR c IN SELECT conname FROM pg_constraint WHERE conrelid = 'ledger'::regclass AND contype = 'c' LOOP \
         EXECUTE format('ALTER TABLE ledger DROP CONSTRAINT %I', c.conname); END LOOP; \
         FOR c IN SELECT t.typname, k.conname FROM pg_constraint k JOIN pg_type t ON t.oid = k.contypid \
         WHERE t.typnamespace = 'pgseal'::regnamespace LOOP \
         EXECUTE format('ALTER DOMAIN pgseal.%I DROP CONSTRAINT %I', c.typname, c.conname); END LOOP; END$$; \
         UPDATE ledger SET holder = 'plaintext' WHERE id = 1",
    );
    // Whether the proxy has seen by now that the table drifted, or reads the row: either way nothing is answered.
    let (code, message) = pair.fails("SELECT holder FROM ledger WHERE id = 1");
    assert!(code == "55000" || (code == CORRUPTED && message == CHANGED), "{code} {message}");
}

#[test]
fn a_row_of_the_dbas_own_making_is_found() {
    let mut pair = Pair::filled("xforged");
    pair.world.at_server(
        "INSERT INTO ledger SELECT 60, account, label, made_at, rate, code, note, NULL, holder, amount, NULL, \
         pgseal_eq_amount, pgseal_signature FROM ledger WHERE id = 1",
    );
    let (code, message) = pair.fails("SELECT holder FROM ledger WHERE id = 60");
    assert_eq!((code.as_str(), message.as_str()), (CORRUPTED, CHANGED));
}
