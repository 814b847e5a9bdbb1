//! `standard_conforming_strings = off`, however it came to be so: a text is read as the server reads it, or refused.

use super::stage::{Both, Stage, batch, codes, query};
use crate::harness::raw::{bind, execute, sync};

/// What means one thing while it is off and another while it is on. `~` is a secret.
const TEXTS: [&str; 14] = [
    r"INSERT INTO person (id, email, label) VALUES (1, '~a\'b', 'l\\b')",
    r"INSERT INTO person (id, email, label) VALUES (2, '~\\', 'l\x41\102')",
    r"INSERT INTO person (id, email) VALUES (3, '~\'), (4, ''~'')')",
    r"INSERT INTO person (id, email) VALUES (5, '\', '), (6, '~\\ \'')",
    r"SELECT email, label FROM person WHERE email = '~a\'b'",
    r"SELECT id FROM person WHERE email IN ('~a\'b', '~\\', '\', (SELECT 1) --')",
    r"SELECT '\', email, ' FROM person WHERE id = 1",
    r"SELECT '\\', email, '\' FROM person --', id FROM person WHERE id = 1",
    r"UPDATE person SET name = '~\'\\' WHERE label = 'l\\b' RETURNING name",
    r"SELECT name FROM person WHERE name = E'~\'\\'",
    r"SELECT '\'' AS a, text FROM note",
    r"INSERT INTO note VALUES (1, '\'; SELECT email FROM person; --')",
    r"SELECT U&'\0061' FROM note",
    r"DELETE FROM person WHERE email = '~\\' RETURNING label",
];

fn talk(both: &mut Both, secret: &str) {
    for text in TEXTS {
        let text = text.replace('~', secret);
        let frames = both.ask(&query(text.as_bytes()), 1);
        let plain = both.ask_plain(&query(text.as_bytes()), 1);
        let rows = |frames: &[crate::harness::raw::Frame]| -> Vec<_> {
            frames.iter().filter(|frame| frame.kind == 'D').map(|frame| frame.columns()).collect()
        };
        let refused = codes(&frames) == ["0A000"] && codes(&plain) != ["0A000"];
        // A constant that holds the name of the table, in a statement that may hand it on.
        assert!(!refused || text.contains("INSERT INTO note") || text.contains("FROM person --"), "{text}: {frames:?}");
        assert!(refused || (codes(&frames), rows(&frames)) == (codes(&plain), rows(&plain)), "{text}: {frames:?}");
        if refused {
            both.ask_plain(&query(b"DELETE FROM note"), 1);
        }
    }
}

#[test]
fn strings_are_read_as_the_server_reads_them_however_the_setting_came_to_be_off_sql_7() {
    const SETTING: &str = "standard_conforming_strings";
    for (number, how) in ["packet", "options", "database", "set", "local", "config", "function"].into_iter().enumerate()
    {
        let stage = Stage::new(&format!("scs{number}"));
        let secret = stage.secret();
        if how == "database" {
            stage.for_all("standard_conforming_strings = off");
        }
        let mut both = match how {
            "packet" => stage.both(&[(SETTING, "off")]),
            "options" => stage.both(&[("options", "-c standard_conforming_strings=off")]),
            _ => stage.both(&[]),
        };
        for first in match how {
            "set" => vec!["SET standard_conforming_strings TO off"],
            "local" => vec!["BEGIN", "SET LOCAL standard_conforming_strings = 'off'"],
            "config" => vec!["SELECT set_config('standard_conforming_strings', 'off', false)"],
            "function" => vec![
                "CREATE FUNCTION sets() RETURNS void LANGUAGE sql AS $$ SELECT set_config('standard_conforming' || '_strings', 'off', false) $$",
                "SELECT sets()",
            ],
            _ => vec![],
        } {
            both.query(first.as_bytes());
        }
        talk(&mut both, secret);
        if how == "local" {
            // An error failed the block.
            both.query(b"ROLLBACK");
            both.query(br"SELECT '\'");
            both.query(br"SELECT id FROM person WHERE email = '\'");
        }
    }
}

#[test]
fn what_is_sent_behind_a_set_and_not_awaited_is_read_under_it_or_refused_sql_7_sql_12() {
    let stage = Stage::new("scsahead");
    let secret = stage.secret();
    let mut both = stage.both(&[]);
    let one = |text: &str| {
        let parse = super::stage::parse(b"", text.as_bytes());
        [parse, bind("", "", &[], 0), execute("", 0)].concat()
    };
    let insert = |id: u8| format!(r"INSERT INTO person (id, email) VALUES ({id}, '{secret}{id}\'x')");
    let off = "SET standard_conforming_strings = off";
    let script = [one(off), one(&insert(1)), sync()].concat();
    assert_eq!(codes(&both.same(&script, 1)), [""; 0]);
    both.query(b"SET standard_conforming_strings = on");
    let script = [query(off.as_bytes()), query(insert(2).as_bytes())].concat();
    assert_eq!(codes(&both.same(&script, 2)), [""; 0]);
    both.query(b"SET standard_conforming_strings = on");
    // One text is read under one setting (the server reads all of it first): the setting changes only behind it.
    both.refused(&query(format!("{off}; SELECT id FROM person").as_bytes()));
    both.same(&query(format!(r"{off}; SELECT '\'").as_bytes()), 1);
    both.query(insert(3).as_bytes());
    both.query(b"BEGIN; SET LOCAL standard_conforming_strings = on");
    let script = [one("COMMIT"), one(&insert(4)), sync()].concat();
    assert_eq!(codes(&both.same(&script, 1)), [""; 0]);
    both.column(b"SELECT email FROM person ORDER BY id");
}

#[test]
fn a_statement_that_was_prepared_under_one_setting_means_the_same_under_the_other_sql_7() {
    let stage = Stage::new("scsprepared");
    let secret = stage.secret();
    let mut both = stage.both(&[("standard_conforming_strings", "off")]);
    let text = format!(r"INSERT INTO person (id, email) VALUES ($1, '{secret}\'x') RETURNING email");
    let named = [super::stage::parse(b"mine", text.as_bytes()), sync()].concat();
    both.same(&named, 1);
    both.query(b"SET standard_conforming_strings = on");
    let run = [bind("", "mine", &[Some("1")], 0), execute("", 0), sync()].concat();
    let frames = both.same(&run, 1);
    let row = frames.iter().find(|frame| frame.kind == 'D').unwrap().columns();
    assert_eq!(row, [Some(format!("{secret}'x").into_bytes())]);
    both.same(&batch(br"SELECT id FROM person WHERE email <> $1 AND plain IS DISTINCT FROM '\'", 0, &[Some(b"x")]), 1);
}

#[test]
fn a_text_behind_a_refusal_is_not_read_under_what_the_refusal_takes_back_sql_7() {
    let stage = Stage::new("scsreverted");
    let secret = stage.secret();
    let hidden = format!(r"ROLLBACK; SELECT 'a\'; INSERT INTO person (id, email) VALUES (1, $${secret}$$); --'");
    let off = "BEGIN; SET LOCAL standard_conforming_strings = off";
    let refused = "SELECT upper(email) FROM person";
    let refused_parse = [super::stage::parse(b"", refused.as_bytes()), sync()].concat();
    for before in [query(refused.as_bytes()), refused_parse] {
        let mut both = stage.both(&[]);
        both.query(off.as_bytes());
        let frames = both.ask(&[before, query(hidden.as_bytes())].concat(), 2);
        assert_eq!(codes(&frames).first().map(String::as_str), Some("0A000"));
    }
}
