//! Sessions in other client encodings write and read what the plaintext twin does.

use super::stage::{Both, Stage, batch, codes, names, parse, query};
use crate::harness::raw::{bind, execute, flush, message, sync};

/// Bytes of `é` for a client, and texts around it.
struct Words {
    encoding: &'static str,
    accent: &'static [u8],
}

const ENCODINGS: [Words; 4] = [
    Words { encoding: "LATIN1", accent: b"\xe9" },
    Words { encoding: "WIN1252", accent: b"\xe9" },
    Words { encoding: "SQL_ASCII", accent: b"\xc3\xa9" },
    Words { encoding: "UTF8", accent: b"\xc3\xa9" },
];

/// `~` is the accent.
fn told(words: &Words, text: &str) -> Vec<u8> {
    text.bytes().flat_map(|byte| if byte == b'~' { words.accent.to_vec() } else { vec![byte] }).collect()
}

fn insert(words: &Words, id: u8, secret: &str) -> Vec<u8> {
    let text = format!(
        "INSERT INTO person VALUES ({id}, 'pl~', 'l~b', 'c~', '[\"s~\"]', '{secret}~', 'n~', '[\"d~\"]') \
         RETURNING id, plain, label, code, settings, email, name, document"
    );
    told(words, &text)
}

#[test]
fn accents_in_simple_queries_are_written_and_read_as_without_us_sql_7() {
    let stage = Stage::new("encsimple");
    let secret = stage.secret();
    for (words, id) in ENCODINGS.iter().zip(1..) {
        let mut both = stage.encoded(words.encoding);
        let secret = format!("{secret}{id}");
        assert_eq!(codes(&both.query(&insert(words, id, &secret))), [""; 0], "{}", words.encoding);
        for text in [
            "SELECT * FROM person ORDER BY id".to_owned(),
            format!("SELECT id, email AS \"~mail\" FROM person WHERE email = '{secret}~'"),
            "SELECT id FROM person WHERE name IN ('n~', 'x') AND plain = 'pl~' ORDER BY id".to_owned(),
            "UPDATE person SET label = 'n~w', code = 'k~', settings = '{\"~\": 1}' WHERE plain = 'pl~' RETURNING label, settings".to_owned(),
            format!("UPDATE person SET name = 'n~~' WHERE email = '{secret}~' RETURNING name, label, code"),
            format!("SELECT plain, label FROM person WHERE email = '{secret}~'"),
            "SELECT n~pe, 'x' FROM person".to_owned(),
            "INSERT INTO person (id, name) VALUES (100, 'a name that is ~nger than the forty of its column')".to_owned(),
            "INSERT INTO person (id, document) VALUES (100, '[~')".to_owned(),
        ] {
            both.query(&told(words, &text));
        }
    }
    // Each sees what the others wrote.
    for words in &ENCODINGS {
        let mut both = stage.encoded(words.encoding);
        assert_eq!(both.column(&told(words, "SELECT name FROM person ORDER BY id")).len(), ENCODINGS.len());
    }
}

#[test]
fn accents_in_parameters_are_written_and_read_as_without_us_in_both_formats_sql_7() {
    let stage = Stage::new("encextended");
    let secret = stage.secret();
    for (words, id) in ENCODINGS.iter().zip(1..) {
        let mut both = stage.encoded(words.encoding);
        for (format, id) in [(0, id * 2), (1, id * 2 + 1)] {
            let (email, word) = (told(words, &format!("{secret}{id}~")), told(words, "w~"));
            let json = told(words, "{\"~\": [\"~\"]}");
            let settings = if format == 1 { [b"\x01", json.as_slice()].concat() } else { json.clone() };
            let text = format!(
                "INSERT INTO person VALUES ({id}, $1, $2, $3, $4, $5, $6, $7) \
                 RETURNING plain, label, code, settings, email, name, document"
            );
            let values = [&word, &word, &word, &settings, &email, &word, &json].map(|value| Some(value.as_slice()));
            let frames = both.same(&batch(text.as_bytes(), format, &values), 1);
            assert_eq!(codes(&frames), [""; 0], "{} {format}", words.encoding);
            let found = b"SELECT * FROM person WHERE email = $1 AND plain = $2";
            both.same(&batch(found, format, &[Some(&email), Some(&word)]), 1);
            let update = b"UPDATE person SET label = $1, name = $2 WHERE email = $3 RETURNING label, name, code";
            let word = told(words, "up~");
            both.same(&batch(update, format, &[Some(&word), Some(&word), Some(&email)]), 1);
        }
        let list = told(words, &format!("{{{secret}{}~,x~}}", id * 2));
        let any = both.same(&batch(b"SELECT id FROM person WHERE email = ANY($1)", 0, &[Some(&list)]), 1);
        assert_eq!(any.iter().filter(|frame| frame.kind == 'D').count(), 1);
    }
}

#[test]
fn bytes_that_are_no_text_have_postgresqls_error_and_the_session_goes_on_sql_7() {
    let stage = Stage::new("encinvalid");
    stage.world.writes_no_secret("what is refused for its bytes is not written");
    for (encoding, bytes, code) in
        [("WIN1252", b"\x81".as_slice(), "22P05"), ("SQL_ASCII", b"\xe9", "22021"), ("UTF8", b"\xff", "22021")]
    {
        let mut both = stage.encoded(encoding);
        let text = [b"INSERT INTO person (id, email) VALUES (1, '", bytes, b"')"].concat();
        let frames = both.query(&text);
        assert_eq!(codes(&frames), [code], "{encoding}");
        for format in [0, 1] {
            let insert = b"INSERT INTO person (id, email) VALUES (1, $1)";
            let frames = both.same(&batch(insert, format, &[Some(bytes)]), 1);
            assert_eq!(codes(&frames), [code], "{encoding} {format}");
            let update = b"UPDATE person SET label = $1";
            assert_eq!(codes(&both.same(&batch(update, format, &[Some(bytes)]), 1)), [code], "{encoding} {format}");
        }
        assert_eq!(both.column(b"SELECT count(*) FROM person"), [Some(b"0".to_vec())]);
    }
}

#[test]
fn a_value_that_the_client_cannot_be_shown_is_22p05_for_its_row_sql_7() {
    let stage = Stage::new("encunshown");
    let secret = stage.secret();
    let mut both = stage.encoded("UTF8");
    let insert = |id: u8, word: &str| {
        format!("INSERT INTO person (id, label, email) VALUES ({id}, '{word}', '{secret}{word}')").into_bytes()
    };
    both.query(&insert(1, "日"));
    both.query(&insert(2, "é"));
    let mut both = stage.encoded("LATIN1");
    for text in ["SELECT email FROM person", "SELECT label FROM person", "SELECT label, email FROM person ORDER BY id"]
    {
        assert_eq!(codes(&both.query(text.as_bytes())), ["22P05"], "{text}");
    }
    assert_eq!(codes(&both.query(b"SELECT label, email FROM person WHERE id = 2")), [""; 0]);
    both.query(b"SELECT id FROM person ORDER BY id");
}

#[test]
fn client_encoding_may_change_at_any_time_sql_7() {
    let stage = Stage::new("encchanges");
    let secret = stage.secret();
    let mut both = stage.encoded("UTF8");
    both.query(format!("INSERT INTO person (id, label, email) VALUES (1, 'é', '{secret}é')").as_bytes());
    let latin = |text: &str| -> Vec<u8> { text.chars().map(|char| u8::try_from(u32::from(char)).unwrap()).collect() };
    let select = format!("SELECT label, email FROM person WHERE email = '{secret}é'");
    both.query(b"SET client_encoding = 'LATIN1'");
    both.query(&latin(&select));
    both.query(b"BEGIN; SET LOCAL client_encoding = 'UTF8'");
    both.query(select.as_bytes());
    both.query(b"COMMIT");
    both.query(&latin(&select));
    both.query(b"SELECT set_config('client_encoding', 'utf-8', false)");
    both.query(select.as_bytes());
    both.query(b"BEGIN");
    both.query(b"SAVEPOINT a");
    both.query(b"SET client_encoding TO iso_8859_1");
    both.query(&latin(&select));
    both.query(b"ROLLBACK TO a");
    both.query(select.as_bytes());
    both.query(b"ROLLBACK");
    both.query(b"SET NAMES 'LATIN1'");
    both.query(&latin(&select));
    both.query(b"RESET client_encoding");
    both.query(select.as_bytes());
    // In a pipeline what stands behind is written in the new one.
    let one = |text: &[u8]| [parse(b"", text), bind("", "", &[], 0), execute("", 0)].concat();
    let script = [one(b"SET client_encoding = 'LATIN1'"), one(&latin(&select)), sync()].concat();
    let frames = both.same(&script, 1);
    assert_eq!(frames.iter().filter(|frame| frame.kind == 'D').count(), 1);
    let script = [query(b"SET client_encoding = 'UTF8'"), query(select.as_bytes()), one(select.as_bytes()), sync()];
    assert_eq!(both.same(&script.concat(), 3).iter().filter(|frame| frame.kind == 'D').count(), 2);
}

#[test]
fn a_portal_shows_its_rows_in_the_encoding_of_their_time_sql_7() {
    let stage = Stage::new("encportal");
    let secret = stage.secret();
    let mut both = stage.encoded("UTF8");
    both.query(format!("INSERT INTO person (id, label, email) VALUES (1, 'é', '{secret}é')").as_bytes());
    let one = |text: &[u8]| [parse(b"", text), bind("", "", &[], 0), execute("", 0)].concat();
    let mine = [parse(b"mine", b"SELECT label, email FROM person"), bind("mine", "mine", &[], 0)].concat();
    let script = [mine, one(b"SET client_encoding = 'LATIN1'"), execute("mine", 0), sync()].concat();
    equal_or_refused(&mut both, &script);
}

/// What cannot be known in time is refused, and nothing else differs.
fn equal_or_refused(both: &mut Both, script: &[u8]) {
    let (sealed, plain) = (both.ask(script, 1), both.ask_plain(script, 1));
    let rows = |frames: &[crate::harness::raw::Frame]| -> Vec<_> {
        frames.iter().filter(|frame| frame.kind == 'D').map(|frame| frame.columns()).collect()
    };
    if codes(&sealed) != ["0A000"] {
        assert_eq!((codes(&sealed), rows(&sealed)), (codes(&plain), rows(&plain)));
    }
}

#[test]
fn statements_in_a_multi_byte_encoding_pass_where_they_touch_nothing_protected_sql_7() {
    let stage = Stage::new("encsjis");
    let secret = stage.secret();
    let mut both = stage.encoded("SJIS");
    // 表 ends in a backslash, ﾛ is one byte.
    for text in [
        b"INSERT INTO note VALUES (1, '\x95\\')".as_slice(),
        b"SELECT text, '\x95\\', E'\x95\\\\\\', $$\xdb$$ AS \"\x95\\\" FROM note",
        b"CREATE TABLE \"\x95\\\" (id int); DROP TABLE \"\x95\\\"",
        b"SELECT 1",
    ] {
        assert_eq!(codes(&both.query(text)), [""; 0]);
        assert_eq!(
            codes(&both.same(&batch(text, 0, &[]), 1)).len(),
            usize::from(text.contains(&b';') || text[0] == b'I')
        );
    }
    both.same(&batch(b"SELECT $1::text", 0, &[Some(b"\x95\\")]), 1);
    for text in [
        format!("INSERT INTO person (id, email) VALUES (1, '{secret}')").into_bytes(),
        [b"INSERT INTO person (id, email) VALUES (1, '", secret.as_bytes(), b"\x95\\')"].concat(),
        b"SELECT id FROM person".to_vec(),
        b"SELECT id FROM person\x81\x40".to_vec(),
    ] {
        both.refused(&query(&text));
        both.refused(&batch(&text, 0, &[]));
    }
    // Names of what was refused do not travel with values either.
    both.refused(&query(b"PREPARE \x95\\ AS SELECT id FROM person WHERE email = $1"));
    let name = [
        b"\0\x95\\\0\0\0\0\x01".as_slice(),
        &u32::try_from(secret.len()).unwrap().to_be_bytes(),
        secret.as_bytes(),
        b"\0\0",
    ]
    .concat();
    let frames = both.ask(&[message(b'B', &name), sync()].concat(), 1);
    assert_eq!(codes(&frames).len(), 1);
    let text = [b"EXECUTE \x95\\('", secret.as_bytes(), b"')"].concat();
    both.refused(&query(&text));
    both.query(b"SET client_encoding = 'UTF8'");
    both.query(b"SELECT id, email FROM person");
}

#[test]
fn names_of_statements_are_the_same_in_every_encoding_sql_5() {
    let stage = Stage::new("encnamed");
    let secret = stage.secret();
    let mut both = stage.encoded("LATIN1");
    both.same(&[parse(b"f\xe9", b"SELECT id FROM person WHERE email = $1"), sync()].concat(), 1);
    both.refused(&query(&[b"EXECUTE \"f\xe9\"('", secret.as_bytes(), b"')"].concat()));
    both.query(b"SET client_encoding = 'UTF8'");
    both.refused(&query(format!("EXECUTE \"fé\"('{secret}')").as_bytes()));
    both.same(&[bind("", "fé", &[Some(secret)], 0), execute("", 0), sync()].concat(), 1);
    // A name that was refused in one encoding is not bound in another.
    both.refused(&[parse("gé".as_bytes(), b"SELECT max(email) FROM person WHERE email = $1"), sync()].concat());
    both.query(b"SET client_encoding = 'LATIN1'");
    let name = [
        b"\0g\xe9\0\0\0\0\x01".as_slice(),
        &u32::try_from(secret.len()).unwrap().to_be_bytes(),
        secret.as_bytes(),
        b"\0\0",
    ]
    .concat();
    let frames = both.ask(&[message(b'B', &name), sync()].concat(), 1);
    assert_eq!(codes(&frames), ["26000"]);
}

#[test]
fn errors_of_ours_are_text_in_the_encoding_of_the_client_sql_7() {
    let stage = Stage::new("encours");
    stage.world.writes_no_secret("it only reads");
    for encoding in ["LATIN1", "KOI8R", "SJIS", "SQL_ASCII"] {
        let mut both = stage.encoded(encoding);
        for text in [
            b"SELECT max(email) FROM person".as_slice(),
            b"INSERT INTO person SELECT * FROM person",
            b"SELECT pgseal_signature FROM person",
        ] {
            let frames = both.ask(&query(text), 1);
            assert!(frames.iter().filter(|frame| frame.kind == 'E').all(|frame| frame.body.is_ascii()), "{encoding}");
            assert_eq!(codes(&frames).len(), 1);
        }
    }
    let mut both = stage.encoded("LATIN1");
    let frames = both.query(b"SELECT email AS \"\xe9\", id AS \"\xfc\" FROM person");
    let described = frames.iter().find(|frame| frame.kind == 'T').unwrap();
    assert_eq!(names(described), [b"\xe9".to_vec(), b"\xfc".to_vec()]);
}

#[test]
fn a_client_may_speak_ahead_of_the_answer_to_its_set_sql_7() {
    let stage = Stage::new("encahead");
    let secret = stage.secret();
    let mut both = stage.encoded("UTF8");
    // The second Query is read by the server when the first one has run.
    let insert = [b"INSERT INTO person (id, email) VALUES (1, '".as_slice(), secret.as_bytes(), b"\xe9')"].concat();
    let script =
        [query(b"SET client_encoding = 'LATIN1'"), query(&insert), query(b"SELECT email FROM person")].concat();
    assert_eq!(codes(&both.same(&script, 3)), [""; 0]);
    // One text is in one encoding.
    both.query(b"SET client_encoding = 'UTF8'");
    let both_of_them = "SET client_encoding = 'LATIN1'; SELECT email FROM person";
    both.refused(&query(both_of_them.as_bytes()));
    both.same(&query("SET client_encoding = 'LATIN1'; SELECT 'é'".as_bytes()), 1);
    let flushed = [parse(b"", b"SET client_encoding = 'UTF8'"), bind("", "", &[], 0), execute("", 0), flush()].concat();
    let select = [
        parse(b"", "SELECT email FROM person WHERE email <> 'é'".as_bytes()),
        bind("", "", &[], 0),
        execute("", 0),
        sync(),
    ]
    .concat();
    both.same(&[flushed, select].concat(), 1);
}

#[test]
fn values_of_a_portal_are_those_of_its_bind_sql_7() {
    let stage = Stage::new("encbound");
    let secret = stage.secret();
    let mut both = stage.encoded("UTF8");
    both.query(format!("INSERT INTO person (id, label, email) VALUES (1, 'e', '{secret}')").as_bytes());
    let one = |text: &[u8]| [parse(b"", text), bind("", "", &[], 0), execute("", 0)].concat();
    let update = parse(b"mine", b"UPDATE person SET label = $1, plain = $1 WHERE id = 1 RETURNING label");
    let mine = [update, bind("mine", "mine", &[Some("é")], 0)].concat();
    let script = [mine, one(b"SET client_encoding = 'LATIN1'"), execute("mine", 0), sync()].concat();
    equal_or_refused(&mut both, &script);
}

#[test]
fn psql_under_the_c_locale_speaks_sql_ascii_sql_7() {
    let stage = Stage::new("encpsql");
    let secret = stage.world.secret();
    let script = format!(
        "INSERT INTO person (id, label, email) VALUES (1, 'é', '{secret}é'); SHOW client_encoding; \
         SELECT label, email FROM person WHERE email = '{secret}é'"
    );
    let mut psql = stage.world.psql();
    psql.env("LC_ALL", "C").env("PGCLIENTENCODING", "auto").args(["-Atc", &script]);
    let output = psql.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let expected = format!("INSERT 0 1\nSQL_ASCII\né|{secret}é\n");
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
}

#[test]
fn a_schema_on_the_path_has_its_name_in_every_encoding_sql_63() {
    let stage = Stage::new("encpath");
    stage.world.writes_no_secret("it only reads");
    for (encoding, schema) in [("LATIN1", b"gr\xf6\xdfe".as_slice()), ("UTF8", "größe".as_bytes())] {
        let select = query(b"SELECT id FROM person");
        let path = [schema, b", public"].concat();
        let mut both = stage.encoded(encoding);
        both.ask(&query(&[b"SET search_path TO ", path.as_slice()].concat()), 1);
        both.refused(&select);
        let mut both = stage.encoded(encoding);
        both.ask(&batch(b"SELECT set_config('search_path', $1, false)", 0, &[Some(&path)]), 1);
        both.refused(&select);
        let mut both = stage.encoded(encoding);
        both.ask(&query(&[b"DO $$ BEGIN SET search_path TO ", path.as_slice(), b"; END $$"].concat()), 1);
        both.refused(&select);
        // The other one is not there.
        both.ask(&query(b"SET search_path TO public"), 1);
        assert_eq!(codes(&both.ask(&select, 1)), [""; 0]);
    }
}
