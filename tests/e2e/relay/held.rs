//! The proxy's own connections while somebody holds up the server: what the catalog's functions wait for is not waited
//! for without end, and nobody is left without a word (CAT-5).

use std::process::Command;
use std::time::{Duration, Instant};

use tokio_postgres::Client;

use crate::harness::World;
use crate::harness::cluster::cluster;
use crate::harness::proxy::{Proxy, pgseal, run, state_dir};
use crate::harness::raw::{Frame, Raw, kinds, query};
use crate::harness::scratch::Scratch;
use crate::harness::world::{apply, database, direct_url};

const TABLES: &str = "
    CREATE TABLE note (id int PRIMARY KEY, text text);
    CREATE TABLE other (a int);
    CREATE FUNCTION shown(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT $1';
    CREATE VIEW others AS SELECT shown('x') AS shown, a FROM other;";

const SCHEMA: &str = r#"
version = 1
[keyrings.main]
generator = "local:held"
[branch_keys.notes]
keyring = "main"
[tables.note]
name = "public.note"
branch_key = "notes"
[tables.note.columns]
id = "SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT"
text = { action = "ENCRYPT_AND_SIGN", type = "text" }
"#;

/// How long what must come at last may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// Somebody's transaction that holds a table which has nothing to do with us.
async fn holder(database: &str) -> Client {
    let mut config = tokio_postgres::Config::new();
    config.host_path(cluster().socket_dir()).port(cluster().port()).user("postgres").dbname(database);
    let (client, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(async move { drop(connection.await) });
    client.batch_execute("BEGIN; LOCK TABLE other IN ACCESS EXCLUSIVE MODE").await.unwrap();
    client
}

fn code(frames: &[Frame]) -> Option<String> {
    frames.iter().find(|frame| frame.kind == 'E').and_then(|error| error.field('C'))
}

#[tokio::test]
async fn serve_beside_a_lock_that_the_catalog_waits_for_says_so_and_turns_clients_away() {
    let (scratch, database) = (Scratch::new("held"), database("held", TABLES));
    let (state, schema) = (state_dir(scratch.path()), scratch.write("pgseal.toml", SCHEMA));
    apply(&state, &schema, &database);
    let holder = holder(&database).await;
    let plan = run(pgseal(&state)
        .args(["schema", "plan", "--schema"])
        .arg(&schema)
        .args(["--database", &direct_url(&database)]));
    assert_eq!(plan.status.code(), Some(1));
    let words = String::from_utf8_lossy(&plan.stderr);
    assert!(words.contains("lock timeout") && words.contains("pg_locks"), "{words}");
    let proxy = Proxy::start(&state, &schema, &direct_url(&database), &[]);
    let frames = Raw::dial(proxy.address()).log_in(&database);
    assert_eq!(code(&frames).as_deref(), Some("57P03"), "{frames:?}");
    let log = proxy.log();
    assert!(log.contains("lock timeout") && log.contains("turned away"), "{log}");
    // It goes on by itself.
    holder.batch_execute("ROLLBACK").await.unwrap();
    let started = Instant::now();
    let mut raw = loop {
        let mut raw = Raw::dial(proxy.address());
        let frames = raw.log_in(&database);
        if kinds(&frames).ends_with('Z') {
            break raw;
        }
        assert_eq!(code(&frames).as_deref(), Some("57P03"), "{frames:?}");
        assert!(started.elapsed() < PATIENCE, "{}", proxy.log());
    };
    assert_eq!(kinds(&raw.talk(&query("SELECT text FROM note"), 1)), "TCZ");
}

/// Backends that a signal stopped; they go on when this goes.
struct Stopped(Vec<String>);

impl Stopped {
    /// Those of the control connections.
    fn control(world: &World) -> Self {
        let ask = "SELECT pid FROM pg_stat_activity WHERE application_name = 'pgseal' AND datname = current_database()";
        let pids: Vec<String> = world.at_server(ask).lines().map(str::to_owned).collect();
        assert!(!pids.is_empty());
        signal("-STOP", &pids);
        Self(pids)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        signal("-CONT", &self.0);
    }
}

fn signal(name: &str, pids: &[String]) {
    assert!(Command::new("kill").arg(name).args(pids).status().unwrap().success());
}

#[test]
fn a_stopped_backend_of_the_control_connection_hides_nothing_for_long() {
    let world = World::sealed("stopped", TABLES, SCHEMA);
    world.writes_no_secret("it looks at what is refused");
    let mut raw = world.raw();
    let stopped = Stopped::control(&world);
    world.at_server("CREATE VIEW made AS SELECT id FROM note");
    world.proxy().signal("HUP");
    let started = Instant::now();
    loop {
        let frames = raw.talk(&query("SELECT id FROM made WHERE id = 7"), 1);
        if code(&frames).as_deref() == Some("0A000") {
            break;
        }
        assert_eq!(code(&frames), None, "{frames:?}");
        assert!(started.elapsed() < PATIENCE / 3, "the view is still forwarded\n{}", world.proxy().log());
    }
    drop(stopped);
    let log = world.proxy().log();
    assert!(log.contains("the catalog could not be held against the lock"), "{log}");
    assert_eq!(kinds(&raw.talk(&query("SELECT text FROM note"), 1)), "TCZ");
}
