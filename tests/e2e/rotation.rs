//! A key version that another process made after the proxy started: a row that names it makes the proxy load it.

use std::time::{Duration, Instant};

use deadpool_postgres::{Manager, Pool, Runtime};
use pgseal::crypto::secret::Secret;
use pgseal::keys::keyring::{self, WrapContext};
use pgseal::keys::store::postgres::PostgresStore;
use pgseal::keys::store::{Inserted, Kind, State};
use pgseal::keys::{KeyCommit, KeyStore, Uuid};
use pgseal::sealer::Sealer;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, NoTls, Row};

use crate::harness::{World, proxy, world};

const SQL: &str = "CREATE TABLE card (id bigint PRIMARY KEY, pan text NOT NULL, owner text)";

const SCHEMA: &str = r#"version = 1
keyrings.prod.generator = "local:prod"
branch_keys.cards.keyring = "prod"
[tables.card]
name = "public.card"
branch_key = "cards"
row_signature = "HMAC-SHA-384"
[tables.card.columns]
id = "SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT"
pan = { action = "ENCRYPT_AND_SIGN", type = "text" }
owner = "SIGN_ONLY"
[tables.card.beacons]
standard = [{ name = "pan", length = "exact" }]
"#;

/// Puts generation 2 of the branch key into the store, as a rotation would.
async fn rotate(world: &World) {
    let client = world.direct().await;
    let store = PostgresStore::new(&client);
    let keyring = keyring::open(&"local:prod".parse().unwrap(), &proxy::state_dir(world.scratch().path())).unwrap();
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).unwrap();
    let key = Secret::new(bytes);
    let items = store.list("cards").await.unwrap();
    let mut item = items.into_iter().find(|item| item.kind == Kind::Branch).unwrap();
    item.version = Uuid::random().unwrap();
    item.generation = 2;
    item.state = State::DecryptOnly;
    item.commit = KeyCommit::of(&key);
    item.wraps = keyring.wrap(&WrapContext::of(&item, store.uuid().await.unwrap()), &key).await.unwrap();
    assert_eq!(store.insert(&[item]).await.unwrap(), Inserted::All);
}

/// A sealer that starts now, and so seals under what is newest.
async fn newcomer(world: &World) -> (Sealer, Pool) {
    let config = world::direct_url(world.database()).parse().unwrap();
    let pool = Pool::builder(Manager::new(config, NoTls)).runtime(Runtime::Tokio1).build().unwrap();
    let state_dir = proxy::state_dir(world.scratch().path());
    let sealer = Sealer::builder().schema_file(world.schema()).state_dir(state_dir).pool(&pool).build().await.unwrap();
    (sealer, pool)
}

/// Runs a statement until the proxy looks into the key store again: for some seconds after it has, it does not.
async fn eventually(client: &Client, sql: &str) -> Vec<Row> {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        match client.query(sql, &[]).await {
            Ok(rows) => return rows,
            Err(error) => {
                assert_eq!(error.code().map(SqlState::code), Some("XX001"), "{error:?}");
                assert!(Instant::now() < until, "{error:?}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

#[tokio::test]
async fn key_2_a_version_that_was_made_after_the_start_is_loaded_when_a_row_names_it() {
    let world = World::sealed("rotation", SQL, SCHEMA);
    let [old, new, newer, mine] = [(); 4].map(|()| world.secret());
    let before = world.client().await;
    before.execute("INSERT INTO card VALUES (1, $1, 'ada')", &[&old]).await.unwrap();
    rotate(&world).await;
    let (sealer, pool) = newcomer(&world).await;
    let other = sealer.client(&pool).await.unwrap();
    for (id, pan) in [(2_i64, &new), (3, &newer)] {
        other.execute("INSERT INTO card VALUES ($1, $2, 'ada')", &[&id, pan]).await.unwrap();
    }
    // The version is unknown in the middle of a result: a row is opened before.
    let rows = eventually(&before, "SELECT pan FROM card ORDER BY id").await;
    assert_eq!(rows.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>(), [old, new, newer]);
    before.execute("UPDATE card SET pan = $1 WHERE id = 3", &[&mine]).await.unwrap();
    let row = other.query_one("SELECT pan FROM card WHERE id = 3", &[]).await.unwrap();
    assert_eq!(row.get::<_, String>(0), mine);
}

#[tokio::test]
async fn key_2_an_update_of_a_row_under_a_new_version_loads_it_too() {
    let world = World::sealed("rotated", SQL, SCHEMA);
    let (client, pan) = (world.client().await, world.secret());
    rotate(&world).await;
    let (sealer, pool) = newcomer(&world).await;
    let other = sealer.client(&pool).await.unwrap();
    other.execute("INSERT INTO card VALUES (1, $1, 'ada')", &[&pan]).await.unwrap();
    let rows = eventually(&client, "UPDATE card SET owner = 'eve' WHERE id = 1 RETURNING pan").await;
    assert_eq!(rows[0].get::<_, String>(0), pan);
    let row = other.query_one("SELECT owner FROM card WHERE pan = $1", &[&pan]).await.unwrap();
    assert_eq!(row.get::<_, &str>(0), "eve");
}

#[tokio::test]
async fn a_version_that_is_nowhere_is_an_error_and_the_session_goes_on() {
    let world = World::sealed("norotation", SQL, SCHEMA);
    let (client, pan) = (world.client().await, world.secret());
    client.execute("INSERT INTO card VALUES (1, $1, 'ada'), (2, $1, 'eve')", &[&pan]).await.unwrap();
    // Bytes 2 to 9 of a cell name its key (CELL-1).
    world.at_server("UPDATE card SET pan = overlay(pan PLACING '\\x0102030405060708'::bytea FROM 2) WHERE id = 2");
    for _ in 0..3 {
        let error = client.query("SELECT pan FROM card ORDER BY id", &[]).await.unwrap_err();
        assert_eq!(error.code().map(SqlState::code), Some("XX001"), "{error:?}");
        client.query_one("SELECT pan FROM card WHERE id = 1", &[]).await.unwrap();
    }
}
