//! Two sessions on one row, scripted by the lock waits that the server shows.

use std::time::{Duration, Instant};

use super::pair::Pair;
use crate::corpus::answer::{Said, read};
use crate::harness::raw::{Raw, query};

fn say(raw: &mut Raw, sql: &str) -> Said {
    let said = read(&raw.talk(&query(sql), 1), true);
    assert_eq!(said.answer.error, None, "{sql}: {}", said.message);
    said
}

/// Until one session of this database waits for a lock.
fn blocked(pair: &Pair) {
    let until = Instant::now() + Duration::from_secs(20);
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while pair.world.at_server(waits).trim() != "1" {
        assert!(Instant::now() < until, "nobody waits for a lock");
    }
}

/// `first` in a block that stays open, then `second` in another session, which must wait; then `end` of the block.
fn race(pair: &mut Pair, begin: &str, first: &str, second: &str, end: &str) -> Said {
    let (mut other, _) = pair.another();
    say(&mut pair.sealed, begin);
    say(&mut pair.sealed, first);
    if begin != "BEGIN" {
        say(&mut other, begin);
        say(&mut other, "SELECT count(*) FROM ledger");
    }
    other.send(&query(second));
    blocked(pair);
    say(&mut pair.sealed, end);
    let said = read(&other.until('Z'), true);
    if said.answer.status != 'I' {
        say(&mut other, if said.answer.error.is_some() { "ROLLBACK" } else { "COMMIT" });
    }
    said
}

#[test]
fn concurrent_updates_of_two_columns_lose_none_of_them_sql_51() {
    let mut pair = Pair::filled("slost");
    let first = "UPDATE ledger SET holder = 'first' WHERE id = 2";
    let second = "UPDATE ledger SET label = 'second', amount = 2 WHERE id = 2";
    let said = race(&mut pair, "BEGIN", first, second, "COMMIT");
    assert_eq!((said.answer.error, said.answer.tags), (None, vec!["UPDATE 1\0".to_owned()]));
    let row = pair.rows("SELECT holder, label, amount FROM ledger WHERE id = 2");
    assert_eq!(row, [["first", "second", "2.00"].map(|text| Some(text.to_owned()))]);
}

#[test]
fn an_update_that_waited_sees_the_row_as_it_is_then_sql_51() {
    let mut pair = Pair::filled("swaited");
    // The row does not fit the predicate any more once the lock is there.
    let second = "UPDATE ledger SET label = 'second' WHERE iban = 'DE02'";
    let said = race(&mut pair, "BEGIN", "UPDATE ledger SET iban = 'DE22' WHERE id = 2", second, "COMMIT");
    assert_eq!((said.answer.error, said.answer.tags), (None, vec!["UPDATE 0\0".to_owned()]));
    // It does again after a rollback.
    let second = "UPDATE ledger SET label = 'second' WHERE iban = 'DE22'";
    let said = race(&mut pair, "BEGIN", "UPDATE ledger SET iban = 'DE23' WHERE id = 2", second, "ROLLBACK");
    assert_eq!((said.answer.error, said.answer.tags), (None, vec!["UPDATE 1\0".to_owned()]));
    // It is gone.
    let said = race(
        &mut pair,
        "BEGIN",
        "DELETE FROM ledger WHERE id = 2",
        "UPDATE ledger SET label = 'l' WHERE id = 2",
        "COMMIT",
    );
    assert_eq!((said.answer.error, said.answer.tags), (None, vec!["UPDATE 0\0".to_owned()]));
    pair.rows("SELECT * FROM ledger");
}

#[test]
fn under_repeatable_read_the_second_update_fails_with_40001_sql_51() {
    let mut pair = Pair::filled("srepeatable");
    let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ";
    let second = "UPDATE ledger SET label = 'second' WHERE id = 2";
    let said = race(&mut pair, begin, "UPDATE ledger SET holder = 'first' WHERE id = 2", second, "COMMIT");
    assert_eq!(said.answer.error.as_deref(), Some("40001"));
    let row = pair.rows("SELECT holder, label FROM ledger WHERE id = 2");
    assert_eq!(row, [[Some("first".to_owned()), None]]);
}

#[test]
fn two_updates_of_a_key_column_wait_for_each_other_and_do_not_deadlock_sql_51() {
    let mut pair = Pair::filled("skey");
    let first = "UPDATE ledger SET iban = 'DE31' WHERE id = 2";
    let said = race(&mut pair, "BEGIN", first, "UPDATE ledger SET iban = 'DE32' WHERE id = 2", "COMMIT");
    assert_eq!(said.answer.error, None);
    assert_eq!(pair.rows("SELECT iban FROM ledger WHERE id = 2"), [[Some("DE32".to_owned())]]);
}
