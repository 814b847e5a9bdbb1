//! The liar by itself, in front of a real server: honest, it cannot be told from that; and each lie does what it says.

use super::{Liar, Lie, When};
use crate::corpus::answer::read;
use crate::harness::cluster::cluster;
use crate::harness::raw::{
    Raw, bind, close, copy_data, copy_done, copy_fail, describe, execute, flush, kinds, parse, query, sync, terminate,
};
use crate::harness::scratch::Scratch;
use crate::harness::world::database;

const ROWS: &str =
    "CREATE TABLE t (id int PRIMARY KEY, a text); INSERT INTO t VALUES (1, 'one'), (2, 'two'), (3, 'three')";

struct Both {
    liar: Liar,
    scratch: Scratch,
    database: String,
}

impl Both {
    fn new(name: &str) -> Self {
        let (scratch, database) = (Scratch::new(name), database(name, ROWS));
        let target = cluster().socket_dir().join(format!(".s.PGSQL.{}", cluster().port()));
        Self { liar: Liar::start(scratch.path(), cluster().port(), target), scratch, database }
    }

    fn lied(&self) -> Raw {
        let mut raw = Raw::dial_unix(self.scratch.path(), cluster().port());
        raw.log_in(&self.database);
        raw
    }

    fn straight(&self) -> Raw {
        let mut raw = Raw::dial_unix(cluster().socket_dir(), cluster().port());
        raw.log_in(&self.database);
        raw
    }

    /// Rows, tags and error of a query under a lie, by both protocols.
    fn under(&self, when: When, lie: Lie, sql: &str) -> (Vec<Vec<String>>, Vec<String>) {
        let extended = [parse("", sql, &[]), bind("", "", &[], 0), describe(b'P', ""), execute("", 0), sync()].concat();
        let mut answers = [query(sql), extended].map(|script| {
            self.liar.lie(when.clone(), lie.clone());
            let said = read(&self.lied().talk(&script, 1), true);
            assert!(self.liar.repent() > 0, "{lie:?} was not told");
            assert_eq!(said.answer.error, None, "{lie:?}: {}", said.message);
            let rows =
                said.answer.rows.into_iter().map(|row| row.into_iter().map(|field| field.unwrap_or("NULL".into())));
            (rows.map(Iterator::collect).collect(), said.answer.tags)
        });
        assert_eq!(answers[0], answers[1], "{lie:?}");
        std::mem::take(&mut answers[0])
    }
}

#[test]
fn an_honest_liar_is_transparent() {
    let both = Both::new("ltransparent");
    let step = |sql: &str| [parse("", sql, &[]), bind("", "", &[], 0), describe(b'P', ""), execute("", 0)].concat();
    let scripts: Vec<(Vec<u8>, usize)> = vec![
        (query("SELECT * FROM t ORDER BY id"), 1),
        (query(""), 1),
        (query("SELECT 1; SELECT nothing; SELECT 2"), 1),
        (query("SET client_encoding = 'LATIN1'; SELECT 'é'; SET client_encoding = 'UTF8'"), 1),
        ([step("SELECT 1"), step("SELECT 2"), sync(), step("SELECT 3"), sync()].concat(), 2),
        ([step("SELECT 1"), step("SELECT 1/0"), step("SELECT 2"), sync(), step("SELECT 3"), sync()].concat(), 2),
        ([parse("s", "SELECT id FROM t WHERE id > $1", &[]), describe(b'S', "s"), sync()].concat(), 1),
        (
            [
                bind("p", "s", &[Some("0")], 0),
                execute("p", 2),
                execute("p", 2),
                execute("p", 0),
                close(b'S', "s"),
                sync(),
            ]
            .concat(),
            1,
        ),
        ([query("COPY t FROM STDIN"), copy_data(b"4\tfour\n"), copy_done(), query("SELECT 5")].concat(), 2),
        ([query("COPY t FROM STDIN"), copy_data(b"5\t"), copy_fail("no"), query("SELECT 5")].concat(), 2),
        (
            [step("COPY t FROM STDIN"), sync(), copy_data(b"6\tsix\n"), copy_done(), sync(), query("SELECT 6")]
                .concat(),
            2,
        ),
        (query("COPY t TO STDOUT; SELECT 7"), 1),
        (query("DO $$BEGIN RAISE NOTICE 'heard'; END$$"), 1),
        ([query("BEGIN"), query("SELECT nothing"), query("ROLLBACK"), query("DELETE FROM t WHERE id > 3")].concat(), 4),
    ];
    let (mut lied, mut straight) = (both.lied(), both.straight());
    for (script, count) in &scripts {
        let answers = [&mut lied, &mut straight].map(|raw| {
            let said = raw.talk(script, *count);
            both.straight().talk(&query("DELETE FROM t WHERE id > 3"), 1);
            said
        });
        assert_eq!(answers[0], answers[1], "{}", script.escape_ascii());
    }
    // An error that comes before the Sync is sent, and what is sent behind it in vain.
    for raw in [&mut lied, &mut straight] {
        raw.send(&[step("SELECT 1/0"), flush()].concat());
        assert!(kinds(&raw.until('E')).ends_with('E'));
        assert_eq!(kinds(&raw.talk(&[step("SELECT 1"), sync(), query("SELECT 8")].concat(), 2)), "ZTDCZ");
        raw.send(&terminate());
        assert_eq!(raw.frame(), None);
    }
    assert_eq!(both.liar.repent(), 0);
}

#[test]
fn each_lie_does_what_it_says() {
    let both = Both::new("lwhat");
    let sql = "SELECT id, a FROM t WHERE id < 3 ORDER BY id";
    let rows = |rows: &[[&str; 2]]| rows.iter().map(|row| row.map(str::to_owned).to_vec()).collect::<Vec<_>>();
    let field =
        |value: Option<&str>| Lie::Field { row: 1, column: 1, value: value.map(|value| value.as_bytes().to_vec()) };
    let (one, two, three) = (["1", "one"], ["2", "two"], ["3", "three"]);
    for (lie, expected) in [
        (Lie::Where("id = 3".into()), vec![three]),
        (Lie::Text("id < 3".into(), "id > 1".into()), vec![two, three]),
        (Lie::SwapRows(0, 1), vec![two, one]),
        (Lie::RepeatRow(0), vec![one, one, two]),
        (Lie::DropRow(0), vec![two]),
        (Lie::SwapFields { row: 0, one: 0, other: 1 }, vec![["one", "1"], two]),
        (field(Some("2")), vec![one, ["2", "2"]]),
        (field(None), vec![one, ["2", "NULL"]]),
    ] {
        let tag = format!("SELECT {}\0", if lie.subject() == super::lie::Subject::Text { expected.len() } else { 2 });
        assert_eq!(both.under(When::every("FROM t"), lie, sql), (rows(&expected), vec![tag]));
    }
    let (_, tags) = both.under(When::every("FROM t"), Lie::Tag("SELECT 7".into()), sql);
    assert_eq!(tags, ["SELECT 7\0"]);
}

#[test]
fn descriptions_settings_and_parameters_are_lied_about() {
    let both = Both::new("lbeside");
    let mut raw = both.lied();
    both.liar.lie(When::every("FROM t"), Lie::SwapColumns(0, 1));
    let frames = raw.talk(&query("SELECT id, a FROM t WHERE id = 1"), 1);
    assert_eq!(frames[0].body[2..4], *b"a\0");
    assert_eq!(frames[1].columns()[0].as_deref(), Some(&b"1"[..]));
    both.liar.repent();

    both.liar.lie(When::every("FROM t"), Lie::Status("client_encoding".into(), "LATIN1".into()));
    let frames = raw.talk(&query("SELECT id FROM t WHERE id = 1"), 1);
    assert_eq!((kinds(&frames).as_str(), frames[3].body.as_slice()), ("TDCSZ", &b"client_encoding\0LATIN1\0"[..]));
    both.liar.repent();
    // Instead of the truth.
    both.liar.lie(When::every("client_encoding"), Lie::Status("client_encoding".into(), "UTF8".into()));
    let frames = raw.talk(&query("SET client_encoding = 'LATIN1'"), 1);
    let said: Vec<_> = frames.iter().filter(|frame| frame.kind == 'S').map(|frame| frame.body.clone()).collect();
    assert_eq!(said, [b"client_encoding\0UTF8\0".to_vec()]);
    both.liar.repent();

    both.liar.lie(When::every("FROM t"), Lie::Parameter(1, Some(b"3".to_vec())));
    let script =
        [parse("s", "SELECT a FROM t WHERE id = $1", &[]), bind("", "s", &[Some("1")], 0), execute("", 0), sync()];
    let said = read(&raw.talk(&script.concat(), 1), true);
    assert_eq!(said.answer.rows, [[Some("three".to_owned())]]);
    assert_eq!(both.liar.repent(), 1);
}

#[test]
fn a_lie_about_the_nth_is_told_once() {
    let both = Both::new("lnth");
    let mut raw = both.lied();
    both.liar.lie(When::nth(2, "FROM t"), Lie::DropRow(0));
    let step = [bind("", "s", &[], 0), execute("", 0)].concat();
    let script = [parse("s", "SELECT id FROM t WHERE id = 1", &[]), step.repeat(3), sync()].concat();
    assert_eq!(kinds(&raw.talk(&script, 1)), "12DC2C2DCZ");
    assert_eq!(both.liar.repent(), 1);
    assert_eq!(kinds(&raw.talk(&query("SELECT id FROM t WHERE id = 1"), 1)), "TDCZ");
}
