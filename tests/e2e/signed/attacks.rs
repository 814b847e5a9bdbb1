//! What a DBA does straight at the server, and what the next reader through the proxy is told (CELL-6, SIG-1 to SIG-7).

use super::pair::Pair;
use crate::corpus::answer::read;
use crate::harness::raw::query;

const CORRUPTED: &str = "XX001";
const CHANGED: &str = "table ledger: the row signature does not hold: the row was changed outside of pgseal";

/// What is done at the server; the row 1 of `ledger` is the victim. It must be found by a SELECT of whatever part of
/// the row, by UPDATEs (SIG-5), and by RETURNING.
fn detected(name: &str, deed: &str, words: &str) {
    let mut pair = Pair::filled(name);
    pair.rows("INSERT INTO entry (secret, other) VALUES ('s1', 'o1'), ('s2', 'o2')");
    pair.world.at_server(deed);
    let state = "SELECT md5(string_agg(l::text, ',' ORDER BY id)) FROM ledger l";
    let before = pair.world.at_server(state);
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
        let (code, message) = pair.fails(sql);
        assert_eq!(code, CORRUPTED, "{sql}: {message}");
        assert!(message.contains(words), "{sql}: {message}");
    }
    let after = pair.world.at_server(state);
    assert_eq!(before, after, "a statement that met a forged row changed something");
    // The session is as good as before, and the other rows are.
    assert_eq!(pair.rows("SELECT holder FROM ledger WHERE id = 2"), [[Some("Bob".to_owned())]]);
    pair.no_leak();
}

#[test]
fn a_cell_of_another_row_is_found_cell_6() {
    detected("xrow", "UPDATE ledger SET holder = (SELECT holder FROM ledger WHERE id = 2) WHERE id = 1", CHANGED);
}

#[test]
fn two_swapped_columns_are_found_cell_6() {
    detected("xcolumn", "UPDATE ledger SET holder = amount::bytea, amount = holder::bytea WHERE id = 1", CHANGED);
}

#[test]
fn a_cell_of_another_table_is_found_cell_6() {
    detected(
        "xtable",
        "UPDATE ledger SET holder = (SELECT secret FROM entry ORDER BY id LIMIT 1)::bytea WHERE id = 1",
        CHANGED,
    );
}

#[test]
fn a_cut_cell_is_found() {
    detected(
        "xcut",
        "UPDATE ledger SET holder = substring(holder::bytea for octet_length(holder) - 1) WHERE id = 1",
        CHANGED,
    );
}

#[test]
fn a_flipped_bit_is_found() {
    detected(
        "xbit",
        "UPDATE ledger SET holder = set_bit(holder::bytea, 300, 1 - get_bit(holder::bytea, 300)) WHERE id = 1",
        CHANGED,
    );
}

#[test]
fn a_null_in_the_place_of_a_cell_is_found() {
    detected("xnull", "UPDATE ledger SET holder = NULL WHERE id = 1", CHANGED);
}

#[test]
fn an_edited_beacon_is_found_sig_7() {
    detected("xbeacon", "UPDATE ledger SET pgseal_eq_amount = gen_random_uuid() WHERE id = 1", CHANGED);
}

#[test]
fn a_beacon_that_was_made_null_is_found_sig_7() {
    detected("xnobeacon", "UPDATE ledger SET pgseal_eq_amount = NULL WHERE id = 1", CHANGED);
}

#[test]
fn edited_signed_columns_are_found() {
    for (name, set) in [
        ("xint", "account = account + 1"),
        ("xtext", "label = label || 'x'"),
        ("xtextnull", "label = NULL"),
        ("xtime", "made_at = made_at + interval '1 microsecond'"),
        ("xnumeric", "rate = rate + 0.001"),
        ("xvarchar", "code = ''"),
    ] {
        detected(name, &format!("UPDATE ledger SET {set} WHERE id = 1"), CHANGED);
    }
}

#[test]
fn a_missing_or_strange_signature_is_found_sig_6() {
    let signature = "UPDATE ledger SET pgseal_signature = ";
    let missing = "table ledger: the row signature is missing";
    let strange = "table ledger: the row signature is not a signature of this version";
    detected("xsignull", &format!("{signature} NULL WHERE id = 1"), missing);
    detected("xsigcut", &format!("{signature} substring(pgseal_signature for 40) WHERE id = 1"), strange);
    detected("xsigempty", &format!("{signature} '' WHERE id = 1"), strange);
    detected(
        "xsigother",
        &format!("{signature} (SELECT pgseal_signature FROM ledger WHERE id = 2) WHERE id = 1"),
        CHANGED,
    );
    let suite = "set_byte(pgseal_signature, 1, 3) WHERE id = 1";
    let suite = format!("{signature} {suite}");
    detected("xsigsuite", &suite, "table ledger: the row signature");
    let set = "set_byte(pgseal_signature, 13, 2) WHERE id = 1";
    detected("xsigset", &format!("{signature} {set}"), "covers a set of columns that is not accepted");
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
        "INSERT INTO ledger (id, holder) VALUES (50, 'plaintext')",
        "UPDATE ledger SET amount = '\\x00' WHERE id = 1",
    ] {
        let said = read(&dba.talk(&query(sql), 1), true);
        assert_eq!(said.answer.error.as_deref(), Some("23514"), "{sql}: {}", said.message);
    }
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
