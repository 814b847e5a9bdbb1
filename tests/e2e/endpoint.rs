//! `Endpoint`: the proxy inside the process that uses it.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use pgseal_proxy::endpoint::{Endpoint, Error, Options};
use tokio_postgres::{Client, NoTls};

use crate::harness::cluster::cluster;
use crate::harness::proxy::state_dir;
use crate::harness::scratch::{Scratch, random};
use crate::harness::world::{apply, database, direct_url};

const TABLE: &str = "CREATE TABLE note (id int PRIMARY KEY, text text)";

const SCHEMA: &str = r#"
version = 1
[keyrings.main]
generator = "local:endpoint"
[branch_keys.notes]
keyring = "main"
[tables.note]
name = "public.note"
branch_key = "notes"
[tables.note.columns]
id = "SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT"
text = { action = "ENCRYPT_AND_SIGN", type = "text" }
"#;

/// A database with a table, and what an endpoint in front of it is told.
struct Stage {
    scratch: Scratch,
    schema: PathBuf,
    database: String,
}

impl Stage {
    fn new(name: &str) -> Self {
        let scratch = Scratch::new(name);
        let schema = scratch.write("pgseal.toml", SCHEMA);
        Self { scratch, schema, database: database(name, TABLE) }
    }

    fn applied(name: &str) -> Self {
        let stage = Self::new(name);
        apply(&state_dir(stage.scratch.path()), &stage.schema, &stage.database);
        stage
    }

    fn spawn(&self) -> Result<Endpoint, Error> {
        let options = Options::new(&self.schema, direct_url(&self.database));
        Endpoint::spawn(options.state_dir(state_dir(self.scratch.path())).threads(1))
    }
}

async fn connect(endpoint: &Endpoint, stage: &Stage) -> Client {
    let url = endpoint.url("postgres", &stage.database);
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    // A lost connection shows in the client's own results.
    tokio::spawn(async move { drop(connection.await) });
    client
}

fn socket(dir: &Path) -> PathBuf {
    dir.join(".s.PGSQL.5432")
}

/// Ends an endpoint while the runtime goes on.
async fn off_the_runtime<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

#[tokio::test]
async fn a_driver_works_on_sealed_tables_through_a_socket_that_only_this_user_reaches() {
    let stage = Stage::applied("endpoint");
    let endpoint = stage.spawn().unwrap();
    assert_eq!(endpoint.port(), 5432);
    assert_eq!(endpoint.socket_dir().metadata().unwrap().permissions().mode() & 0o777, 0o700);

    let client = connect(&endpoint, &stage).await;
    let canary = random(20);
    client.execute("INSERT INTO note VALUES (1, $1)", &[&canary]).await.unwrap();
    let text: String = client.query_one("SELECT text FROM note WHERE id = 1", &[]).await.unwrap().get(0);
    assert_eq!(text, canary);
    let held = cluster().psql(&stage.database, "SELECT text FROM note").unwrap();
    assert!(held.starts_with("\\x01"), "{held}");
}

#[test]
fn a_schema_that_is_not_applied_is_an_error_that_says_what_to_do() {
    let error = Stage::new("endpoint_pending").spawn().unwrap_err();
    assert!(matches!(error, Error::Control(_)));
    assert!(error.to_string().contains("run `pgseal schema apply`"), "{error}");
}

#[test]
fn a_server_that_is_not_there_is_an_error_without_the_password() {
    let stage = Stage::new("endpoint_nobody");
    let options = Options::new(&stage.schema, "postgresql://role:hunter2@127.0.0.1:1/shop");
    let error = Endpoint::spawn(options.state_dir(state_dir(stage.scratch.path()))).unwrap_err();
    let shown = format!("{error} {error:?}");
    assert!(shown.contains("control connection") && !shown.contains("hunter2"), "{shown}");
}

#[tokio::test]
async fn dropping_it_ends_its_sessions_and_leaves_no_socket() {
    let stage = Stage::applied("endpoint_drop");
    let endpoint = stage.spawn().unwrap();
    let dir = endpoint.socket_dir().to_owned();
    let client = connect(&endpoint, &stage).await;
    client.batch_execute("BEGIN; INSERT INTO note VALUES (1, 'never committed')").await.unwrap();
    off_the_runtime(move || drop(endpoint)).await;
    assert!(client.batch_execute("COMMIT").await.is_err());
    assert!(!dir.exists());
    assert_eq!(cluster().psql(&stage.database, "SELECT count(*) FROM note").unwrap().trim(), "0");
}

#[tokio::test]
async fn a_shutdown_lets_a_transaction_finish() {
    let stage = Stage::applied("endpoint_shutdown");
    let endpoint = stage.spawn().unwrap();
    let dir = endpoint.socket_dir().to_owned();
    let busy = connect(&endpoint, &stage).await;
    let idle = connect(&endpoint, &stage).await;
    busy.batch_execute("BEGIN").await.unwrap();
    let ended = tokio::spawn(off_the_runtime(move || endpoint.shutdown()));
    while socket(&dir).exists() {
        tokio::task::yield_now().await;
    }
    busy.batch_execute("INSERT INTO note VALUES (1, 'committed')").await.unwrap();
    busy.batch_execute("COMMIT").await.unwrap();
    ended.await.unwrap().unwrap();
    assert!(idle.batch_execute("SELECT 1").await.is_err());
    assert!(!dir.exists());
    assert_eq!(cluster().psql(&stage.database, "SELECT count(*) FROM note").unwrap().trim(), "1");
}

#[tokio::test]
async fn two_at_once_are_two() {
    let (one, two) = (Stage::applied("endpoint_one"), Stage::applied("endpoint_two"));
    let (first, second) = (one.spawn().unwrap(), two.spawn().unwrap());
    assert_ne!(first.socket_dir(), second.socket_dir());
    let (a, b) = (connect(&first, &one).await, connect(&second, &two).await);
    a.batch_execute("INSERT INTO note VALUES (1, 'a')").await.unwrap();
    b.batch_execute("INSERT INTO note VALUES (1, 'b')").await.unwrap();
    let text: String = a.query_one("SELECT text FROM note", &[]).await.unwrap().get(0);
    assert_eq!(text, "a");
    off_the_runtime(move || drop(first)).await;
    let text: String = b.query_one("SELECT text FROM note", &[]).await.unwrap().get(0);
    assert_eq!(text, "b");
}
