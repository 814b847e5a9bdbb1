//! What the log says: each line of a session says which, each refusal is one line, and nothing of a statement is in any.

use std::time::{Duration, Instant};

use crate::harness::World;
use crate::harness::raw::{Frame, Raw, bind, execute, parse, query, startup, sync};

const SQL: &str = "CREATE TABLE person (id int4 PRIMARY KEY, t text, born date, n int4)";

const SCHEMA: &str = r#"
version = 1
[keyrings.prod]
generator = "local:log"
[branch_keys.people]
keyring = "prod"
[tables.person]
name = "public.person"
branch_key = "people"
[tables.person.columns]
id = "SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT"
t = { action = "ENCRYPT_AND_SIGN", type = "text" }
born = { action = "ENCRYPT_AND_SIGN", type = "date" }
n = { action = "ENCRYPT_AND_SIGN", type = "int4" }
[tables.person.beacons]
standard = [{ name = "t", length = "exact" }]
"#;

fn world(name: &str) -> World {
    let world = World::sealed(name, SQL, SCHEMA);
    world.writes_no_secret("what is refused is not written");
    world
}

fn codes(frames: &[Frame]) -> Vec<String> {
    frames.iter().filter(|frame| frame.kind == 'E').filter_map(|frame| frame.field('C')).collect()
}

/// The lines of refusals, once there are so many.
#[track_caller]
fn refusals(world: &World, count: usize) -> Vec<String> {
    let started = Instant::now();
    loop {
        let log = world.proxy().log();
        let lines: Vec<_> = log.lines().filter(|line| line.contains(": refused ")).map(str::to_owned).collect();
        if lines.len() >= count {
            assert_eq!(lines.len(), count, "{log}");
            return lines;
        }
        assert!(started.elapsed() < Duration::from_secs(30), "{} of {count}: {log}", lines.len());
    }
}

/// `field` of a line, as `tracing` writes it.
fn field<'l>(line: &'l str, name: &str) -> &'l str {
    let rest = line.split_once(&format!("{name}=")).unwrap_or_else(|| panic!("no {name}: {line}")).1;
    rest.split([' ', '}']).next().unwrap()
}

#[test]
fn each_line_of_a_session_says_its_number_its_peer_and_who_asked_for_what() {
    let world = world("logspan");
    let mut sessions = [world.raw(), world.raw()];
    for raw in &mut sessions {
        assert_eq!(codes(&raw.talk(&query("SELECT min(t) FROM person"), 1)), ["0A000"]);
    }
    let lines = refusals(&world, 2);
    let ids: Vec<u64> = lines.iter().map(|line| field(line, "id").parse().unwrap()).collect();
    assert_eq!(ids[0] + 1, ids[1], "{lines:?}");
    for (raw, line) in sessions.iter().zip(&lines) {
        assert!(line.contains("session{"), "{line}");
        assert_eq!(field(line, "peer"), format!("\"{}\"", raw.local_address()));
        assert_eq!(field(line, "user"), "\"postgres\"");
        assert_eq!(field(line, "database"), format!("\"{}\"", world.database()));
    }
    // The end of a session, and a connection that never became one.
    world.at_server("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend' AND datname = current_database()");
    let mut raw = world.raw_unauthenticated();
    raw.send(&startup(&[("user", "a\nb"), ("database", world.database()), ("replication", "true")]));
    raw.until('-');
    let started = Instant::now();
    while !world.proxy().log().contains("connection refused") {
        assert!(started.elapsed() < Duration::from_secs(30), "{}", world.proxy().log());
    }
    let log = world.proxy().log();
    let line = log.lines().find(|line| line.contains("connection refused")).unwrap();
    assert_eq!((field(line, "user"), field(line, "sqlstate")), ("\"a\\nb\"", "\"0A000\""));
}

#[test]
fn each_refusal_is_one_line_with_column_and_reason() {
    let world = world("logline");
    let mut raw = world.raw();
    let refused = |raw: &mut Raw, script: &[u8]| assert_eq!(codes(&raw.talk(script, 1)), ["0A000"]);
    refused(&mut raw, &query("SELECT min(t) FROM person"));
    refused(
        &mut raw,
        &[parse("", "SELECT id FROM person ORDER BY born", &[]), bind("", "", &[], 0), execute("", 0), sync()].concat(),
    );
    refused(&mut raw, &query("ALTER TABLE person ADD x int"));
    // Behind a statement that is carried out.
    refused(&mut raw, &query("SELECT 1; SELECT min(t) FROM person"));
    raw.talk(&query("SELECT 1"), 1);
    let lines = refusals(&world, 4);
    let columns = [Some("public.person.t"), Some("public.person.born"), None, Some("public.person.t")];
    for (line, column) in lines.iter().zip(columns) {
        assert_eq!(field(line, "sqlstate"), "\"0A000\"");
        assert!(line.contains("reason=\""), "{line}");
        match column {
            Some(column) => assert_eq!(field(line, "column"), format!("\"{column}\"")),
            None => assert!(!line.contains("column="), "{line}"),
        }
    }
}

#[test]
fn no_line_of_the_log_holds_a_value_whatever_is_refused() {
    let mut world = world("logvalues");
    world.restart_logging("trace");
    // A word and a number that occur nowhere else.
    let statements = [
        "SELECT min(t) FROM person WHERE t = 'Zqvalue'",
        "SELECT id FROM person WHERE t LIKE 'Zqvalue%'",
        "SELECT id FROM person WHERE t < 'Zqvalue'",
        "SELECT id FROM person WHERE t || 'Zqvalue' = 'Zqvalue'",
        "SELECT id FROM person WHERE upper(t) = E'Zqvalue\\n'",
        "SELECT id FROM person WHERE t = U&'Zqvalue'",
        "SELECT id FROM person WHERE t = $$Zqvalue$$ AND n < 424242",
        "SELECT id FROM person WHERE t = $Zqvalue$x$Zqvalue$ || 'x'",
        "SELECT id FROM person WHERE born = 'Zqvalue'",
        "SELECT id FROM person WHERE born = DATE 'Zqvalue'",
        "SELECT id FROM person WHERE born = CAST('Zqvalue' AS date)",
        "SELECT id FROM person WHERE n = 'Zqvalue'",
        "SELECT id FROM person WHERE n = 424242424242424242",
        "SELECT id FROM person WHERE n BETWEEN 424242 AND 424243",
        "SELECT id FROM person WHERE n + 424242 = 1",
        "SELECT id FROM person WHERE t IN ('Zqvalue', 424242)",
        "SELECT id FROM person WHERE t = ANY ('{Zqvalue}')",
        "SELECT id FROM person WHERE t = ANY (ARRAY['Zqvalue', n])",
        "INSERT INTO person VALUES (1, 'Zqvalue', 'Zqvalue', 424242)",
        "INSERT INTO person VALUES (1, 'Zqvalue', now(), 424242)",
        "INSERT INTO person SELECT 1, 'Zqvalue', NULL, 424242",
        "INSERT INTO person VALUES (1, lower('Zqvalue'), NULL, 424242)",
        "INSERT INTO person VALUES (1, 'Zqvalue', NULL, 424242, 424242)",
        "UPDATE person SET t = t || 'Zqvalue' WHERE id = 1",
        "UPDATE person SET born = 'Zqvalue' WHERE id = 1",
        "UPDATE person SET n = 42424242424242 WHERE id = 1",
        "DELETE FROM person WHERE t ~ 'Zqvalue'",
        "SELECT id FROM person WHERE t = 'Zqvalue",
        "SELECT id FROM person WHERE t == 'Zqvalue'",
        "SELECT id FROM person WHERE t 'Zqvalue' = t",
        "SELECT id FROM person LIMIT 'Zqvalue'",
        "SELECT 'Zqvalue' FROM person GROUP BY t HAVING t = 'Zqvalue'",
        "EXECUTE nobody('Zqvalue', 424242)",
        "COPY person FROM STDIN (DELIMITER 'Zqvalue')",
        "DO $$ BEGIN UPDATE person SET t = 'Zqvalue'; END $$",
        "PREPARE p AS SELECT id FROM person WHERE t LIKE 'Zqvalue'",
        "SET SESSION pgseal.Zq TO 'Zqvalue'; SELECT min(t) FROM person WHERE t = 'Zqvalue'",
    ];
    let mut errors = 0;
    let mut raw = world.raw();
    for statement in statements {
        errors += codes(&raw.talk(&query(statement), 1)).len();
        let script = [parse("", statement, &[]), bind("", "", &[], 0), execute("", 0), sync()];
        errors += codes(&raw.talk(&script.concat(), 1)).len();
    }
    let wrong = [("born", "Zqvalue"), ("n", "424242424242"), ("n", "Zqvalue")];
    for (column, value) in wrong {
        let sql = format!("INSERT INTO person (id, {column}) VALUES (1, $1)");
        errors += codes(&raw.talk(&[parse("", &sql, &[]), bind("", "", &[Some(value)], 0), sync()].concat(), 1)).len();
    }
    assert!(errors > statements.len(), "{errors}");
    drop(raw);
    let log = world.proxy().log();
    let leaks: Vec<_> = log.lines().filter(|line| line.contains("Zqvalue") || line.contains("424242")).collect();
    assert!(leaks.is_empty(), "{leaks:#?}");
    assert!(log.lines().filter(|line| line.contains(": refused ")).count() > 20, "{log}");
}
