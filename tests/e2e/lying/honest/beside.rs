//! What stands beside a condition: what the statement writes, other clauses, names, settings and other sessions.

use std::time::{Duration, Instant};

use super::kinds::{self, Kind};
use super::twins::{Tally, Twins};
use crate::corpus::answer::read;
use crate::harness::raw::{bind, execute, parse, query, sync};

#[test]
fn an_update_of_the_very_column_that_is_compared_is_held_against_the_old_row() {
    for (name, kind, most) in [
        ("lhown1", &kinds::INT4, 0),
        ("lhown2", &kinds::TEXT, 0),
        ("lhown3", &kinds::NUMERIC, 0),
        ("lhown4", &kinds::TIMESTAMPTZ, 0),
    ] {
        let mut twins = Twins::of(name, kind);
        let mut tally = Tally::default();
        let quoted = |at: usize| format!("'{}'", kind.values[at % kind.values.len()].replace('\'', "''"));
        for at in 0..kind.values.len() {
            let (v, w) = (quoted(at), quoted(at + 1));
            for sql in [
                format!("UPDATE t SET s = {w} WHERE s = {v} RETURNING s"),
                format!("UPDATE t SET c = {w} WHERE c = {v} RETURNING c"),
                format!("UPDATE t SET s = {w}, c = {w}, note = 'n' WHERE s = {v} AND c = {v} AND k IS NOT NULL"),
                format!("UPDATE t SET s = {v}, c = {v} WHERE c IN ({v}, {w}) RETURNING s, c"),
                format!("UPDATE t SET s = NULL WHERE s = {w} RETURNING s, c, mark"),
                format!("UPDATE t SET c = NULL WHERE c IN ({w}, NULL) AND k = {v}"),
                format!("UPDATE t SET c = {v} WHERE c IS NULL AND k = {v}"),
                format!("UPDATE t SET s = {v} WHERE s IS NULL AND id > 0 RETURNING s"),
                format!("UPDATE t SET mark = 'x', s = DEFAULT WHERE s = {v} AND mark = 'new'"),
                "UPDATE t SET mark = 'new' WHERE mark IS NULL OR mark <> 'new'".to_owned(),
                format!("UPDATE t SET s = {w}, mark = 'y' WHERE s IS NULL"),
                format!("UPDATE u SET c = {w} WHERE c = {v} AND note IS NULL"),
                format!("UPDATE u SET c = {w} WHERE id = {} AND c = {v}", at + 1),
            ] {
                twins.update(&mut tally, &sql);
                twins.select(&mut tally, "SELECT * FROM t ORDER BY id");
            }
        }
        tally.finish(name, most);
    }
}

/// Each is compared as it stands.
fn said(twins: &mut Twins, name: &str, statements: &[&str], most: usize) {
    let mut tally = Tally::default();
    for sql in statements {
        twins.ask("BEGIN");
        twins.select(&mut tally, sql);
        twins.ask("ROLLBACK");
    }
    tally.finish(name, most);
}

#[test]
fn other_clauses_do_not_hold_against_a_row_what_it_need_not_be() {
    let mut twins = Twins::of("lhclauses", &kinds::TEXT);
    said(
        &mut twins,
        "clauses",
        &[
            "SELECT DISTINCT s FROM t WHERE s IN ('a', 'A') ORDER BY s",
            "SELECT DISTINCT c FROM t WHERE c = 'a'",
            "SELECT DISTINCT ON (s) id, s FROM t WHERE s IS NOT NULL ORDER BY s, id",
            "SELECT count(*) FROM t WHERE s = 'a'",
            "SELECT count(*), max(id) FROM t WHERE c = 'a'",
            "SELECT count(*) FROM t WHERE c = 'nobody'",
            "SELECT s, count(*) FROM t WHERE s = 'a' GROUP BY s",
            "SELECT c, count(*) FROM t WHERE c = 'a' GROUP BY c",
            "SELECT s FROM t WHERE s = 'a' GROUP BY s HAVING s <> 'A'",
            "SELECT count(DISTINCT c) FROM t WHERE c IN ('a', 'b') OR c IS NULL",
            "SELECT count(*) FILTER (WHERE s = 'a') FROM t WHERE k = 'a'",
            "SELECT row_number() OVER (ORDER BY id), s FROM t WHERE s = 'a'",
            "SELECT id, s = 'a', c = 'a' FROM t ORDER BY id",
            "SELECT id FROM t WHERE c = 'a' ORDER BY s DESC NULLS LAST LIMIT 1 OFFSET 0",
            "SELECT id FROM t WHERE c = 'a' LIMIT 0",
            "SELECT id FROM t WHERE s = 'a' ORDER BY id FETCH FIRST 1 ROW WITH TIES",
            "SELECT id FROM t WHERE s = 'a' FOR UPDATE",
            "SELECT c FROM t WHERE s = 'a' OR c = 'A' ORDER BY id FOR NO KEY UPDATE SKIP LOCKED",
            "SELECT x.id FROM t AS x WHERE x.c = 'a'",
            "SELECT x.s AS c, x.c AS s FROM t x WHERE c = 'a' AND s = 'a'",
            "SELECT k AS s, s AS k, c AS mark FROM t WHERE k = 'a' AND mark = 'new'",
            "SELECT id AS c FROM t WHERE c = 'a' ORDER BY c",
            "SELECT s, s, s FROM t WHERE s = 'a'",
            "SELECT s AS \"S\", \"s\" FROM ONLY public.t WHERE \"t\".\"s\" = 'a'",
            "SELECT FROM t WHERE id = 1",
            "SELECT upper(s), length(k) FROM t WHERE s = 'a'",
            "SELECT id FROM t WHERE s = 'a' AND (SELECT true)",
            "SELECT id FROM t WHERE s = ANY (ARRAY(SELECT 'a'))",
            "SELECT id FROM t WHERE s = (SELECT max(s) FROM u)",
            "WITH x AS (SELECT 1) SELECT id FROM t WHERE s = 'a'",
            "SELECT id FROM t WHERE s = 'a' UNION ALL SELECT id FROM t WHERE s = 'A' ORDER BY id",
            "SELECT * FROM (SELECT id, s AS mark FROM t WHERE s = 'a') q WHERE mark = 'a'",
            "SELECT a.id FROM t a JOIN u b ON a.s = b.s WHERE a.s = 'a' ORDER BY 1",
            "SELECT id FROM t WHERE s = 'a' AND k = s AND c IS NOT NULL",
            "SELECT id FROM t WHERE s = k ORDER BY id",
            "SELECT id FROM t WHERE s = mark ORDER BY id",
            "SELECT id FROM t WHERE s = note ORDER BY id",
            "SELECT id FROM t WHERE note = 'a' OR s = 'a'",
            "SELECT id FROM t WHERE NOT s = 'a' ORDER BY id",
            "SELECT id FROM t WHERE 'a' IN (k, s)",
            "SELECT id FROM t WHERE s = 'a' = true",
            "SELECT id FROM t WHERE true = (s = 'a')",
            "SELECT id FROM t WHERE s = 'a' IS NOT NULL ORDER BY id",
            "SELECT id FROM t WHERE NOT s = 'a' IS NULL ORDER BY id",
            "SELECT id FROM t WHERE s = 'a' AND s = 'A'",
            "SELECT id FROM t WHERE 1 = 1 AND 'a' = 'a' AND id = 3",
            "SELECT id FROM t WHERE s = 'a'; SELECT id FROM t WHERE s = 'A'; SELECT id FROM u WHERE c = 'a'",
            "DELETE FROM t WHERE s = 'a' RETURNING id, s, c",
            "DELETE FROM t WHERE c IN ('a', 'A') RETURNING *",
            "DELETE FROM u WHERE c = 'a' AND id = 3 RETURNING c",
            "INSERT INTO t (id, k, s, c, mark) VALUES (90, 'n', 'n', 'n', 'n') RETURNING *",
            "UPDATE t SET mark = 'old' WHERE s = 'a' RETURNING s, mark",
            "UPDATE t SET note = 'old' WHERE s = 'a' AND note IS NULL RETURNING note",
            "UPDATE t SET mark = mark || 'x' WHERE s = 'a'",
            "UPDATE t SET mark = s WHERE s = 'a'",
            "UPDATE t AS x SET mark = 'old' WHERE x.s = 'a' AND x.c = 'a'",
            "UPDATE t SET mark = 'old' WHERE s = 'a' AND EXISTS (SELECT 1)",
            "UPDATE t SET mark = 'old' WHERE true",
            "UPDATE t SET mark = 'old' WHERE false",
            "UPDATE t SET mark = 'old' WHERE NULL",
            "UPDATE t SET mark = 'old'",
        ],
        17,
    );
}

/// Equality is not that of the bytes where a collation or an operator of the database's own says so.
#[test]
fn collations_and_operators_of_the_database_are_its_own_affair() {
    let mut twins = Twins::of("lhodd", &kinds::TEXT);
    let odd = "CREATE SCHEMA odd; \
        CREATE FUNCTION odd.always(text, text) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT true'; \
        CREATE OPERATOR odd.= (LEFTARG = text, RIGHTARG = text, FUNCTION = odd.always); \
        ALTER TABLE u ALTER s TYPE text COLLATE anycase";
    twins.world.at_server(odd);
    twins.ask_plain(odd);
    said(
        &mut twins,
        "odd",
        &[
            "SELECT id FROM t WHERE s OPERATOR(odd.=) 'zzz' ORDER BY id",
            "SELECT id FROM t WHERE k OPERATOR(odd.=) 'zzz' AND s = 'a' ORDER BY id",
            "UPDATE t SET mark = 'x' WHERE s OPERATOR(odd.=) 'zzz'",
            "SELECT id FROM t WHERE s = 'A' COLLATE anycase ORDER BY id",
            "SELECT id FROM t WHERE s COLLATE anycase = 'A' ORDER BY id",
            "SELECT id FROM t WHERE s COLLATE \"anycase\" IN ('A', 'b') ORDER BY id",
            "SELECT id FROM t WHERE (s COLLATE anycase) = ANY (ARRAY['A']) ORDER BY id",
            "SELECT id FROM t WHERE ('A' COLLATE anycase) = k ORDER BY id",
            "SELECT id FROM t WHERE s IN ('A' COLLATE anycase, 'b') ORDER BY id",
            "UPDATE t SET mark = 'x' WHERE s = 'A' COLLATE anycase",
            "SELECT id, c FROM u WHERE s = 'A' AND c IS NOT NULL ORDER BY id",
        ],
        3,
    );
}

/// By its own collation a signed column may equal what it does not hold byte for byte.
#[test]
fn a_signed_column_of_a_collation_that_is_not_of_bytes_is_compared_by_the_server() {
    let anycase = Kind { ty: "text COLLATE anycase", ..kinds::TEXT };
    let mut twins = Twins::untyped("lhanycase", &anycase);
    said(
        &mut twins,
        "anycase",
        &[
            "SELECT id, s FROM t WHERE s = 'A' ORDER BY id",
            "SELECT id, k FROM t WHERE k = 'A' ORDER BY id",
            "SELECT id FROM t WHERE s IN ('A', 'É') ORDER BY id",
            "SELECT id FROM t WHERE s = ANY ('{A}') AND k IS NOT NULL ORDER BY id",
            "SELECT id FROM t WHERE s IS NOT DISTINCT FROM 'A' ORDER BY id",
            "UPDATE t SET mark = 'x' WHERE s = 'A'",
            "UPDATE t SET mark = 'x' WHERE k = 'ABCDEFG' RETURNING id",
        ],
        0,
    );
}

/// The setting is asked for, though no client has set it: `= NULL` is IS NULL then.
#[test]
fn null_may_equal_null_where_the_database_says_so() {
    let twins = Twins::of("lhnulls", &kinds::TEXT);
    twins.set_for_all("transform_null_equals = on");
    let mut twins = twins.reconnected();
    let statements =
        ["SELECT id FROM t WHERE s = NULL", "UPDATE t SET mark = 'x' WHERE NULL = s", "SELECT id FROM t WHERE s = 'a'"];
    said(&mut twins, "nulls", &statements, 2);
    let mut tally = Tally::default();
    twins.bound(&mut tally, &[("s = NULL".to_owned(), vec![], false), ("s IN (NULL, 'a')".to_owned(), vec![], false)]);
    tally.finish("nulls", 8);
}

#[test]
fn each_portal_of_a_statement_is_held_against_its_own_parameters() {
    let mut twins = Twins::of("lhportals", &kinds::TEXT);
    let insert = "INSERT INTO t (id, k, s, c) VALUES (50, 'a', 'a', 'a'), (51, 'A', 'A', 'A')";
    let (sealed, _) = twins.ask(insert);
    assert_eq!(sealed.answer.error, None, "{}", sealed.message);
    let mut tally = Tally::default();
    for column in twins.columns() {
        let statement = parse("s", &format!("SELECT id, k FROM t WHERE {column} = $1 ORDER BY id"), &[]);
        let (a, b) = (bind("p", "s", &[Some("a")], 0), bind("q", "s", &[Some("A")], 0));
        let steps = [execute("p", 1), execute("q", 1), execute("p", 0), execute("q", 0)];
        let script = [statement, a, b, steps.concat(), sync()].concat();
        twins.script(&mut tally, column, &script);
        let update = parse("u", &format!("UPDATE t SET mark = 'bound' WHERE {column} = $1"), &[]);
        let run = |value| [bind("", "u", &[Some(value)], 0), execute("", 0)].concat();
        twins.script(&mut tally, column, &[update, run("a"), run("A"), run("b"), sync()].concat());
        twins.ask("DEALLOCATE ALL");
    }
    tally.finish("portals", 0);
}

/// Until one session of this database waits for a lock.
fn blocked(twins: &Twins) {
    let until = Instant::now() + Duration::from_secs(20);
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while twins.world.at_server(waits).trim() != "1" {
        assert!(Instant::now() < until, "nobody waits for a lock");
    }
}

#[test]
fn a_lock_that_was_waited_for_is_held_against_the_row_as_it_is_then() {
    let mut twins = Twins::of("lhwaited", &kinds::TEXT);
    for (first, second, tag) in [
        // It still is what was asked for; it is no more; another column has changed beneath.
        ("UPDATE t SET mark = 'first' WHERE id = 3", "UPDATE t SET mark = 'second' WHERE s = 'a'", "UPDATE 1"),
        ("UPDATE t SET s = 'left' WHERE id = 3", "UPDATE t SET mark = 'third' WHERE s = 'a'", "UPDATE 0"),
        ("UPDATE t SET c = 'left' WHERE id = 3", "UPDATE t SET mark = 'fourth' WHERE c = 'a'", "UPDATE 0"),
        ("UPDATE t SET mark = 'fifth' WHERE id = 3", "SELECT mark FROM t WHERE s = 'left' FOR UPDATE", "SELECT 1"),
        ("UPDATE t SET s = 'gone' WHERE id = 3", "SELECT mark FROM t WHERE s = 'left' FOR UPDATE", "SELECT 0"),
        ("UPDATE t SET s = 'a' WHERE id = 3", "UPDATE t SET s = 'b' WHERE s IN ('gone', 'a') RETURNING s", "UPDATE 1"),
    ] {
        let mut other = twins.world.raw();
        for sql in ["BEGIN", first] {
            let said = read(&twins.sealed.talk(&query(sql), 1), true);
            assert_eq!(said.answer.error, None, "{sql}: {}", said.message);
        }
        other.send(&query(second));
        blocked(&twins);
        twins.sealed.talk(&query("COMMIT"), 1);
        let said = read(&other.until('Z'), true);
        assert_eq!(
            (said.answer.error, said.answer.tags),
            (None, vec![format!("{tag}\0")]),
            "{second}: {}",
            said.message
        );
    }
}
