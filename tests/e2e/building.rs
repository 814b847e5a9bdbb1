//! A sealer over a database: built from a schema file and its lock, and every bad input refused by what and where, with
//! nothing secret in the words.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use pgseal::client::PoolStore;
use pgseal::keys;
use pgseal::schema::{Lock, parse};
use pgseal::sealer::{BuildError, Builder, Kind, Sealer};
use serde_json::json;
use tokio_postgres::{Config, NoTls};

use crate::harness::cluster::cluster;
use crate::harness::proxy;
use crate::harness::scratch::Scratch;
use crate::harness::world;

const SQL: &str = "CREATE TABLE card (id bigint PRIMARY KEY, pan text UNIQUE, status text NOT NULL DEFAULT 'new'); \
                   CREATE TABLE note (id bigint PRIMARY KEY, body text)";

const SCHEMA: &str = r#"version = 1
keyrings.prod.generator = "local:prod"
branch_keys.cards.keyring = "prod"
branch_keys.notes.keyring = "prod"

[tables.card]
name = "public.card"
branch_key = "cards"
row_signature = "HMAC-SHA-384"
[tables.card.columns]
id = "SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT"
pan = { action = "ENCRYPT_AND_SIGN", type = "text" }
status = "DO_NOTHING"
[tables.card.beacons]
standard = [{ name = "pan", length = "exact" }]

[tables.note]
name = "public.note"
branch_key = "notes"
[tables.note.columns]
id = "SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT"
body = { action = "ENCRYPT_AND_SIGN", type = "text" }
"#;

/// A database, and a folder with schema, lock and root key.
struct Ground {
    scratch: Scratch,
    database: String,
    schema: PathBuf,
}

impl Ground {
    /// The schema is not applied.
    fn bare(name: &str) -> Self {
        let scratch = Scratch::new(name);
        let schema = scratch.write("cards.toml", SCHEMA);
        Self { database: world::database(name, SQL), schema, scratch }
    }

    /// What `pgseal schema apply --create-keys` leaves.
    fn applied(name: &str) -> Self {
        let ground = Self::bare(name);
        world::apply(&ground.state_dir(), &ground.schema, &ground.database);
        ground
    }

    fn state_dir(&self) -> PathBuf {
        proxy::state_dir(self.scratch.path())
    }

    fn lock(&self) -> PathBuf {
        Lock::path_for(&self.schema)
    }

    fn at_server(&self, sql: &str) {
        cluster().psql(&self.database, sql).unwrap_or_else(|error| panic!("{error}"));
    }

    fn pool(&self) -> Pool {
        self.pool_of("postgres", cluster().port(), 4)
    }

    /// Over loopback, with the superuser's password for every role.
    fn pool_of(&self, user: &str, port: u16, size: usize) -> Pool {
        let mut config = Config::new();
        config.host("127.0.0.1").port(port).user(user).dbname(&self.database).password(cluster().password());
        let manager = Manager::from_config(config, NoTls, ManagerConfig { recycling_method: RecyclingMethod::Fast });
        let pool = Pool::builder(manager).max_size(size).runtime(Runtime::Tokio1);
        pool.wait_timeout(Some(Duration::from_millis(200))).build().unwrap()
    }

    fn builder(&self) -> Builder {
        Sealer::builder().schema_file(&self.schema).state_dir(self.state_dir()).pool(&self.pool())
    }

    /// The words of the refusal, which hold no password.
    async fn refused(&self) -> BuildError {
        refused(self.builder()).await
    }
}

async fn refused(builder: Builder) -> BuildError {
    let Err(error) = builder.build().await else { panic!("it was built") };
    let words = format!("{error} {error:?}");
    assert!(!words.contains(cluster().password()), "{words}");
    error
}

#[track_caller]
fn assert_says(error: &BuildError, parts: &[&str]) {
    let text = error.to_string();
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
}

#[tokio::test]
async fn a_schema_file_its_lock_and_a_pool_make_a_sealer() {
    let ground = Ground::applied("bworks");
    let sealer = ground.builder().build().await.unwrap();
    assert_eq!(sealer.protection().tables.len(), 2);
    assert!(sealer.protection().drifted.is_empty());
    // Statements and records, side by side: what one writes, the other reads.
    let pool = ground.pool();
    let client = sealer.client(&pool).await.unwrap();
    client.execute("INSERT INTO card (id, pan) VALUES ($1, $2)", &[&1_i64, &"4111111111111111"]).await.unwrap();
    let other = sealer.clone().wrap(pool.get().await.unwrap());
    let row = other.query_one("SELECT pan FROM card WHERE pan = '4111111111111111'", &[]).await.unwrap();
    assert_eq!(row.get::<_, String>("pan"), "4111111111111111");
    let plain = pool.get().await.unwrap();
    let stored: Vec<u8> = plain.query_one("SELECT pan::bytea FROM card", &[]).await.unwrap().get(0);
    assert!(!stored.windows(4).any(|window| window == b"4111"));
    let record = json!({ "id": 1, "pan": "4111111111111111", "status": "new" });
    let sealed = sealer.seal("card", &record).unwrap();
    assert_eq!(sealer.clone().open::<serde_json::Value>(&sealed).unwrap(), record);
}

#[tokio::test]
async fn the_grants_that_apply_prints_are_enough_for_the_pools_role() {
    let ground = Ground::applied("bgrants");
    let role = format!("{}_app", ground.database);
    let password = cluster().password();
    ground.at_server(&format!("CREATE ROLE {role} LOGIN PASSWORD '{password}'"));
    let builder = || ground.builder().pool(&ground.pool_of(&role, cluster().port(), 4));
    let error = refused(builder()).await;
    assert_says(&error, &["key store", "permission denied"]);
    ground.at_server(&format!(
        "GRANT USAGE ON SCHEMA pgseal TO {role}; GRANT SELECT ON pgseal.store, pgseal.keys TO {role}"
    ));
    builder().build().await.unwrap();
}

#[tokio::test]
async fn a_directory_and_a_lock_elsewhere_are_found() {
    let ground = Ground::applied("bdir");
    let dir = ground.scratch.path().join("tables");
    fs::create_dir(&dir).unwrap();
    fs::copy(&ground.schema, dir.join("all.toml")).unwrap();
    let builder = || ground.builder().schema_file(&dir);
    assert!(matches!(refused(builder()).await, BuildError::NoLock(path) if path == dir.join("pgseal.lock")));
    builder().lock_file(ground.lock()).build().await.unwrap();
    fs::copy(ground.lock(), dir.join("pgseal.lock")).unwrap();
    builder().build().await.unwrap();
}

#[tokio::test]
async fn a_catalog_is_read_without_leaving_a_trace_on_the_pools_connection() {
    let ground = Ground::applied("btrace");
    let pool = ground.pool_of("postgres", cluster().port(), 1);
    let client = pool.get().await.unwrap();
    client.batch_execute("SET search_path = public, pg_catalog; SET TimeZone = 'Asia/Tokyo'").await.unwrap();
    let ask = "SELECT current_setting('search_path') || current_setting('TimeZone') || (now() = statement_timestamp())";
    let before: String = client.query_one(ask, &[]).await.unwrap().get(0);
    drop(client);
    let sealer = ground.builder().pool(&pool).build().await.unwrap();
    sealer.look_again().await.unwrap();
    let after: String = pool.get().await.unwrap().query_one(ask, &[]).await.unwrap().get(0);
    assert_eq!(before, after, "the same connection, its settings, and no transaction");
}

#[tokio::test]
async fn cat_1_without_a_lock_nothing_is_built_and_the_words_say_what_writes_it() {
    let ground = Ground::bare("bnolock");
    let error = ground.refused().await;
    assert!(matches!(&error, BuildError::NoLock(path) if *path == ground.lock()));
    assert_says(&error, &["cards.toml.lock", "`pgseal schema apply` writes it"]);
    assert_eq!(error.kind(), Kind::Refused);
}

#[tokio::test]
async fn a_file_that_is_no_lock_or_no_schema_is_named_with_the_line() {
    let ground = Ground::applied("bfiles");
    let lock = fs::read_to_string(ground.lock()).unwrap();
    fs::write(ground.lock(), "format = \"one\"\n").unwrap();
    assert_says(&ground.refused().await, &["cards.toml.lock:1: "]);
    fs::write(ground.lock(), lock.replacen("format = 1", "format = 9", 1)).unwrap();
    assert_says(&ground.refused().await, &["format 9 is not in this version"]);

    fs::write(ground.lock(), &lock).unwrap();
    fs::write(&ground.schema, SCHEMA.replacen("ENCRYPT_AND_SIGN", "ENCRYPT", 1)).unwrap();
    assert_says(&ground.refused().await, &["cards.toml:12:", "ENCRYPT"]);
    fs::remove_file(&ground.schema).unwrap();
    let error = ground.refused().await;
    assert!(matches!(&error, BuildError::Schema(_)), "{error}");
    assert_says(&error, &["cards.toml", "No such file"]);
}

#[tokio::test]
async fn a_schema_that_changed_since_its_lock_is_refused_with_the_table_and_the_way_out() {
    let ground = Ground::applied("bchanged");
    let note = SCHEMA.find("[tables.note]").unwrap();
    for (changed, parts) in [
        (SCHEMA.replace("type = \"text\" }\nstatus", "type = \"varchar(20)\" }\nstatus"), &["card", "pan"][..]),
        (
            SCHEMA.replace("status = \"DO_NOTHING\"", "status = \"SIGN_ONLY\""),
            &["card", "status", "pgseal schema apply"],
        ),
        (
            SCHEMA.replace("branch_key = \"notes\"", "branch_key = \"cards\""),
            &["note", "\"notes\"", "help: put it back"],
        ),
        (SCHEMA[..note].to_owned(), &["note", "in the lock and no longer in the schema file"]),
    ] {
        fs::write(&ground.schema, &changed).unwrap();
        let over_database = ground.refused().await;
        assert!(matches!(&over_database, BuildError::Disagreement(_)), "{over_database}");
        assert_says(&over_database, parts);
        // Without a database the words are those of schema and lock alone.
        let store = Arc::new(PoolStore::new(ground.pool()));
        let records = Sealer::builder().schema_file(&ground.schema).state_dir(ground.state_dir()).store(store);
        assert!(matches!(refused(records).await, BuildError::Disagreement(_)));
    }
}

#[tokio::test]
async fn a_table_that_the_lock_lacks_is_refused() {
    let ground = Ground::applied("blacks");
    let mut lock = Lock::read(&ground.lock()).unwrap().unwrap();
    lock.tables.remove("note");
    fs::write(ground.lock(), lock.to_string()).unwrap();
    for builder in [ground.builder(), records_of(&ground)] {
        assert_says(&refused(builder).await, &["table note is not in the lock", "`pgseal schema apply`"]);
    }
}

/// A sealer for records alone: the key store of the database, and no look at its catalog.
fn records_of(ground: &Ground) -> Builder {
    let store = Arc::new(PoolStore::new(ground.pool()));
    Sealer::builder().schema_file(&ground.schema).state_dir(ground.state_dir()).store(store)
}

#[tokio::test]
async fn cat_5_a_live_table_that_is_not_what_its_lock_says_is_refused_as_serve_refuses_it() {
    let ground = Ground::applied("bdrift");
    ground.at_server("ALTER TABLE card ALTER status SET DEFAULT 'old'");
    assert_says(&ground.refused().await, &["table card is not what its lock says", "`pgseal schema plan`"]);
    ground.at_server("ALTER TABLE card ALTER status SET DEFAULT 'new'; ALTER TABLE card ADD cvv text");
    let error = ground.refused().await;
    assert_says(&error, &["public.card", "cvv"]);
    let serve = proxy::Proxy::try_start(&ground.state_dir(), &ground.schema, &world::direct_url(&ground.database), &[]);
    let Err(serve) = serve else { panic!("serve started") };
    let words = String::from_utf8(serve.stderr).unwrap();
    assert!(words.contains(&error.to_string()), "{words}\n{error}");
    ground.at_server("DROP TABLE note; ALTER TABLE card DROP cvv");
    assert_says(&ground.refused().await, &["note", "does not exist"]);
}

#[tokio::test]
async fn key_6_every_missing_key_is_named_and_none_is_made() {
    let ground = Ground::applied("bmissing");
    ground.at_server("DELETE FROM pgseal.keys");
    let error = ground.refused().await;
    let BuildError::Keys(missing) = &error else { panic!("{error}") };
    let ids = ["cards", "notes"].map(|id| keys::Error::Missing { id: id.into() });
    assert_eq!(*missing, ids);
    assert_says(&error, &["\"cards\"", "\"notes\"", "pgseal keys create notes"]);
    assert_eq!(error.kind(), Kind::KeyUnavailable);
    let left = cluster().psql(&ground.database, "SELECT count(*) FROM pgseal.keys").unwrap();
    assert_eq!(left.trim(), "0");
}

#[tokio::test]
async fn another_root_key_or_none_is_said_as_such() {
    let ground = Ground::applied("broot");
    let root = ground.state_dir().join("root.key");
    fs::write(&root, [7; 32]).unwrap();
    let error = ground.refused().await;
    assert_says(&error, &["\"cards\" cannot be unwrapped", "\"notes\" cannot be unwrapped", "Is this the root key"]);
    assert_ne!(error.kind(), Kind::KeyUnavailable, "it will not work later");
    fs::remove_file(&root).unwrap();
    assert_says(&ground.refused().await, &[root.to_str().unwrap(), "there is no such file"]);
    // Whoever brings a keyring needs no state directory.
    let elsewhere = ground.builder().keyring(pgseal::testing::keyring().unwrap());
    assert_says(&refused(elsewhere).await, &["cannot be unwrapped"]);
}

#[tokio::test]
async fn the_lock_of_another_database_is_refused_by_both_names() {
    let (ground, other) = (Ground::applied("bone"), Ground::applied("bother"));
    let error = refused(ground.builder().lock_file(other.lock())).await;
    assert_says(&error, &["the lock belongs to database", &ground.database, &other.database]);
    // Records have no catalog to compare: the key store says which database it is.
    let error = refused(records_of(&ground).lock_file(other.lock()).state_dir(other.state_dir())).await;
    assert_says(&error, &["this is not the key store that the lock names"]);
}

#[tokio::test]
async fn a_database_that_cannot_be_reached_and_a_pool_that_is_exhausted_are_errors() {
    let ground = Ground::applied("breach");
    let nobody = refused(ground.builder().pool(&ground.pool_of("postgres", 1, 1))).await;
    assert_says(&nobody, &["cannot connect", "refused"]);
    assert_eq!(nobody.kind(), Kind::Database);
    let pool = ground.pool_of("postgres", cluster().port(), 1);
    let held = pool.get().await.unwrap();
    assert_says(&refused(ground.builder().pool(&pool)).await, &["no connection from the pool"]);
    drop(held);
    ground.builder().pool(&pool).build().await.unwrap();
}

#[tokio::test]
async fn what_is_left_out_is_named() {
    let ground = Ground::applied("bparts");
    assert_says(&refused(Sealer::builder()).await, &["the sealer needs a schema file"]);
    assert_says(&refused(Sealer::builder().schema_file(&ground.schema)).await, &["the sealer needs a key store"]);
    let loaded = (parse::load(&ground.schema).unwrap(), Lock::read(&ground.lock()).unwrap().unwrap());
    let sealer = Sealer::builder().schema(loaded.0, loaded.1).state_dir(ground.state_dir()).pool(&ground.pool());
    sealer.build().await.unwrap();
}

#[test]
fn without_a_runtime_a_pool_is_an_error_and_no_panic() {
    let ground = Ground::applied("bruntime");
    let build = std::pin::pin!(ground.builder().build());
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(Err(error)) = build.poll(&mut context) else { panic!("it was built") };
    assert_says(&error, &["a tokio runtime"]);
}

#[tokio::test]
async fn cat_5_drift_is_refused_and_answered_again_when_it_is_gone() {
    let ground = Ground::applied("bwatch");
    let sealer = ground.builder().build().await.unwrap();
    let first = sealer.protection();
    assert!(sealer.look_again().await.unwrap().is_healthy());
    assert_eq!(sealer.protection().epoch, first.epoch, "nothing changed");
    ground.at_server("ALTER TABLE card ADD cvv text");
    let status = sealer.look_again().await.unwrap();
    let [refused] = &status.refused[..] else { panic!("{status:?}") };
    assert_eq!(refused.table, "card");
    assert!(refused.reason.contains("schema plan") && status.in_sight && !status.is_healthy(), "{status:?}");
    assert_eq!(sealer.status().refused, status.refused);
    let drifted = sealer.protection();
    assert_eq!(drifted.drifted.keys().collect::<Vec<_>>(), ["card"]);
    assert_ne!(drifted.epoch, first.epoch);
    let pool = ground.pool();
    let client = sealer.client(&pool).await.unwrap();
    let error = client.query("SELECT pan FROM card", &[]).await.unwrap_err();
    assert_eq!(error.code(), Some("55000"), "{error}");
    client.query("SELECT body FROM note", &[]).await.unwrap();
    // While a table is refused, the task looks again every second, by itself.
    ground.at_server("ALTER TABLE card DROP cvv");
    let until = Instant::now() + Duration::from_secs(60);
    while !sealer.protection().drifted.is_empty() {
        assert!(Instant::now() < until, "the table is still refused");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    client.query("SELECT pan FROM card", &[]).await.unwrap();
}

#[tokio::test]
async fn the_task_ends_with_the_last_handle() {
    let ground = Ground::applied("bends");
    let sealer = ground.builder().pool(&ground.pool_of("postgres", cluster().port(), 1)).build().await.unwrap();
    let alive = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let other = sealer.clone();
    let before = alive();
    drop(sealer);
    tokio::task::yield_now().await;
    assert_eq!(alive(), before, "a handle is left");
    drop(other);
    let until = Instant::now() + Duration::from_secs(60);
    // The pool goes with it, and with the pool its connection.
    while alive() > 0 {
        assert!(Instant::now() < until, "{} tasks are left", alive());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn without_a_pool_clients_answer_no_statement_on_a_table() {
    let ground = Ground::applied("bunseen");
    let sealer = records_of(&ground).build().await.unwrap();
    let protection = sealer.protection();
    for table in ["card", "note"] {
        assert!(protection.table(table).is_some());
        assert!(protection.drifted[table].contains("built without a pool"));
    }
    let pool = ground.pool();
    let client = sealer.client(&pool).await.unwrap();
    for text in ["SELECT pan FROM card", "INSERT INTO note VALUES (1, 'secret')", "SELECT 1 FROM other.note"] {
        let error = client.query(text, &[]).await.unwrap_err();
        assert_eq!((error.code(), error.kind()), (Some("55000"), Kind::Refused), "{text}: {error}");
        assert!(error.to_string().contains("built without a pool"), "{error}");
    }
    client.query("SELECT 1", &[]).await.unwrap();
}

#[tokio::test]
async fn a_running_service_takes_up_a_new_lock_whole_or_not_at_all() {
    let ground = Ground::applied("breload");
    let sealer = ground.builder().build().await.unwrap();
    let before = sealer.protection().epoch;
    let schema = || parse::load(&ground.schema).unwrap();
    let lock = || Lock::read(&ground.lock()).unwrap().unwrap();
    // Schema and lock agree, and the database is another one by now.
    let changed =
        SCHEMA.replace("status = \"DO_NOTHING\"", "status = { action = \"ENCRYPT_AND_SIGN\", type = \"text\" }");
    fs::write(&ground.schema, &changed).unwrap();
    let error = sealer.reload(schema(), lock()).await.unwrap_err();
    assert!(matches!(&error, BuildError::Disagreement(_)), "{error}");
    assert_eq!(sealer.protection().epoch, before);
    world::apply(&ground.state_dir(), &ground.schema, &ground.database);
    assert!(sealer.reload(schema(), lock()).await.unwrap().is_healthy());
    // Statements and records are those of the new lock.
    let record = json!({ "id": 1, "pan": "4111111111111111", "status": "lost and found" });
    let sealed = sealer.seal("card", &record).unwrap();
    assert_eq!(sealed.bytes("status").unwrap()[0], 1, "it is a cell");
    let pool = ground.pool();
    let client = sealer.client(&pool).await.unwrap();
    client.execute("INSERT INTO card (id, pan, status) VALUES (1, '4111', $1)", &[&"lost"]).await.unwrap();
    assert!(cluster().psql(&ground.database, "SELECT status FROM card").unwrap().starts_with("\\x01"));
    // A table that is protected now does not go while somebody works with it.
    let note = changed.find("[tables.note]").unwrap();
    fs::write(&ground.schema, changed[..note].replace("branch_keys.notes.keyring = \"prod\"\n", "")).unwrap();
    let mut less = lock();
    less.tables.remove("note");
    let error = sealer.reload(schema(), less).await.unwrap_err();
    assert_says(&error, &["table public.note is no longer in the schema file", "restart"]);
    client.query("SELECT status FROM card", &[]).await.unwrap();
}

#[tokio::test]
async fn a_look_behind_somebodys_lock_ends_with_an_error_and_the_last_result_stands() {
    let ground = Ground::applied("bheld");
    let sealer = ground.builder().build().await.unwrap();
    let other = "CREATE TABLE other (a int); \
                 CREATE FUNCTION shown(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT $1'; \
                 CREATE VIEW others AS SELECT shown('x') AS shown, a FROM other";
    ground.at_server(other);
    let holder = ground.pool().get().await.unwrap();
    holder.batch_execute("BEGIN; LOCK TABLE other IN ACCESS EXCLUSIVE MODE").await.unwrap();
    for _ in 0..3 {
        assert_says(&sealer.look_again().await.unwrap_err(), &["lock timeout"]);
    }
    assert!(!sealer.status().in_sight && sealer.status().refused.is_empty());
    let pool = ground.pool();
    sealer.client(&pool).await.unwrap().query("SELECT pan FROM card", &[]).await.unwrap();
    holder.batch_execute("ROLLBACK").await.unwrap();
    assert!(sealer.look_again().await.unwrap().is_healthy());
}
