//! What an application does all day, in both protocols, and that nothing of it can be found at the server.

use pgseal::testing::tap::Cut;
use tokio_postgres::SimpleQueryMessage;

use crate::harness::World;
use crate::harness::leaks::canary;
use crate::harness::proxy::run;
use crate::harness::raw::{bind, bind_formats, close, describe, execute, kinds, parse, query, sync};

use super::{SCHEMA, TABLE, world};

#[tokio::test]
async fn the_extended_protocol_writes_reads_searches_and_nothing_leaks() {
    let world = world("extended");
    let client = world.client().await;
    let (name, email, other, picture) = (world.secret(), world.secret(), world.secret(), world.secret());
    let insert = "INSERT INTO person (id, name, email, picture) VALUES ($1, $2, $3, $4)";
    assert_eq!(client.execute(insert, &[&1_i64, &name, &email, &picture.as_bytes()]).await.unwrap(), 1);
    assert_eq!(client.execute(insert, &[&2_i64, &other, &None::<String>, &None::<Vec<u8>>]).await.unwrap(), 1);
    let row = client.query_one("SELECT * FROM person WHERE email = $1", &[&email]).await.unwrap();
    assert_eq!(
        (row.get::<_, i64>("id"), row.get::<_, &str>("name"), row.get::<_, &str>("team")),
        (1, name.as_str(), "red")
    );
    assert_eq!(row.get::<_, &[u8]>("picture"), picture.as_bytes());
    let names: Vec<&str> = row.columns().iter().map(|column| column.name()).collect();
    assert_eq!(names, ["id", "name", "email", "born", "balance", "picture", "team"]);
    let empty = client.query("SELECT id FROM person WHERE email IS NULL", &[]).await.unwrap();
    assert_eq!(empty.iter().map(|row| row.get(0)).collect::<Vec<i64>>(), [2]);
    let changed =
        client.query_one("UPDATE person SET name = $1 WHERE id = 1 RETURNING name, email", &[&other]).await.unwrap();
    assert_eq!((changed.get::<_, &str>(0), changed.get::<_, &str>(1)), (other.as_str(), email.as_str()));
    assert_eq!(client.execute("DELETE FROM person WHERE email = $1", &[&email]).await.unwrap(), 1);
    assert_eq!(client.query_one("SELECT count(*) FROM person", &[]).await.unwrap().get::<_, i64>(0), 1);
}

#[tokio::test]
async fn the_simple_protocol_with_literals_leaks_nothing_either() {
    let world = world("simple");
    let client = world.client().await;
    let (name, email) = (world.secret(), world.secret());
    let script = format!(
        "BEGIN; INSERT INTO person (id, name, email, born, balance) VALUES (1, '{name}', E'{email}', '1990-05-17', 12.5), \
         (2, 'O''Brien \\', NULL, DATE '2001-02-03', -0.01); UPDATE person SET team = 'blue' WHERE email = '{email}'; COMMIT"
    );
    client.batch_execute(&script).await.unwrap();
    let messages =
        client.simple_query("SELECT name, email, born, balance, team FROM person ORDER BY id").await.unwrap();
    let rows: Vec<Vec<Option<&str>>> = messages
        .iter()
        .filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some((0..row.len()).map(|column| row.get(column)).collect()),
            _ => None,
        })
        .collect();
    assert_eq!(rows[0], [Some(name.as_str()), Some(&email), Some("1990-05-17"), Some("12.50"), Some("blue")]);
    assert_eq!(rows[1], [Some("O'Brien \\"), None, Some("2001-02-03"), Some("-0.01"), Some("red")]);
}

#[test]
fn the_server_holds_envelopes_and_keeps_plaintext_out() {
    let world = world("envelopes");
    world.keep_secret("fifteen letters");
    world
        .raw()
        .talk(&query("INSERT INTO person (id, name, email) VALUES (1, 'fifteen letters', 'fifteen letters')"), 1);
    // Sealed 15-character text with an exact beacon: at most 90 bytes on disk (issue 4, Measures).
    let size: u32 = world
        .at_server("SELECT pg_column_size(email) + pg_column_size(pgseal_eq_email) FROM person")
        .trim()
        .parse()
        .unwrap();
    assert!(size <= 90, "{size} bytes");
    let forced = std::panic::catch_unwind(|| world.at_server("UPDATE person SET name = 'plaintext'::bytea"));
    assert!(forced.is_err(), "plaintext was accepted");
}

#[test]
fn prepared_statements_portals_and_formats_are_served_as_by_the_server() {
    let world = world("portals");
    let twin = World::twin("portalstwin", TABLE);
    let script = |alan: &str| {
        [
            parse("i", "INSERT INTO person (id, name, email, born, balance) VALUES ($1, $2, $3, $4, $5)", &[]),
            describe(b'S', "i"),
            bind("", "i", &[Some("1"), Some("Ada"), Some("ada@x.org"), Some("1815-12-10"), Some("1.5")], 0),
            execute("", 0),
            bind("", "i", &[Some("2"), Some("Grace"), None, Some("1906-12-09"), None], 0),
            execute("", 0),
            bind_formats(
                "",
                "i",
                &[1, 0, 0, 1, 0],
                &[
                    Some(&[0, 0, 0, 0, 0, 0, 0, 3]),
                    Some(b"Alan"),
                    Some(alan.as_bytes()),
                    Some(&(-1_i32).to_be_bytes()),
                    Some(b"-12.25"),
                ],
                &[],
            ),
            execute("", 0),
            sync(),
            parse("s", "SELECT id, name, born, balance FROM person ORDER BY id", &[]),
            bind("p", "s", &[], 1),
            describe(b'P', "p"),
            execute("p", 2),
            execute("p", 2),
            bind_formats("q", "s", &[], &[], &[0, 0, 1, 1]),
            execute("q", 0),
            close(b'P', "q"),
            sync(),
            parse("e", "SELECT name FROM person WHERE email = $1", &[]),
            describe(b'S', "e"),
            bind("", "e", &[Some(alan)], 0),
            execute("", 0),
            bind("", "e", &[Some("nobody")], 0),
            execute("", 0),
            bind("", "e", &[None], 0),
            execute("", 0),
            close(b'S', "e"),
            sync(),
        ]
        .concat()
    };
    let sealed = world.raw().talk(&script(&world.secret()), 3);
    let plain = twin.raw().talk(&script("alan@x.org"), 3);
    assert_eq!(kinds(&sealed), kinds(&plain));
    for (number, (sealed, plain)) in sealed.iter().zip(&plain).enumerate().filter(|(_, (frame, _))| frame.kind != 'T') {
        assert_eq!(sealed, plain, "message {number}");
    }
}

#[test]
fn a_sealed_session_cut_at_every_byte_gives_the_same_answer() {
    let secret = canary();
    let script = [
        query(&format!("INSERT INTO person (id, name, email) VALUES (1, 'Ada', '{secret}'), (2, 'Bob', NULL)")),
        query("SELECT id, name, email FROM person ORDER BY id; SELECT 1"),
        query(&format!("SELECT name FROM person WHERE email = '{secret}'")),
        query("SELECT nope FROM person"),
    ]
    .concat();
    let whole = world("whole");
    whole.keep_secret(&secret);
    let whole = whole.raw().talk(&script, 4);
    for cut in [Cut::Bytes, Cut::Random] {
        let world = World::sealed_cut("pieces", TABLE, SCHEMA, cut);
        world.keep_secret(&secret);
        let mut raw = world.raw();
        raw.send_slowly(&script);
        let pieces: Vec<_> = (0..4).flat_map(|_| raw.until('Z')).collect();
        assert_eq!(kinds(&pieces), kinds(&whole));
        let rows = |frames: &[crate::harness::raw::Frame]| {
            frames.iter().filter(|frame| frame.kind == 'D').cloned().collect::<Vec<_>>()
        };
        assert_eq!(rows(&pieces), rows(&whole));
    }
}

#[test]
fn transactions_roll_back_what_was_sealed() {
    let world = world("rollback");
    let (mut raw, kept, lost) = (world.raw(), world.secret(), world.secret());
    let script = format!(
        "BEGIN; INSERT INTO person (id, name) VALUES (1, '{kept}'); SAVEPOINT s; \
         INSERT INTO person (id, name) VALUES (2, '{lost}'); ROLLBACK TO s; COMMIT"
    );
    let frames = raw.talk(&query(&script), 1);
    assert_eq!(kinds(&frames), "CCCCCCZ");
    let frames = raw.talk(&query("SELECT count(*) FROM person"), 1);
    assert_eq!(kinds(&frames), "TDCZ");
    assert_eq!(frames[1].columns(), [Some(b"1".to_vec())]);
}

#[test]
fn a_restarted_proxy_reads_what_another_one_wrote() {
    let mut world = world("restart");
    let name = world.secret();
    world.raw().talk(&query(&format!("INSERT INTO person (id, name, email) VALUES (1, '{name}', 'ada@x.org')")), 1);
    world.restart();
    let mut psql = world.psql();
    let output = run(psql.args(["-At", "-c", "SELECT name FROM person WHERE email = 'ada@x.org'"]));
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        format!("{name}\n"),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
