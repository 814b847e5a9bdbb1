//! A proxy that goes on while its schema file, its lock and the catalog change (CAT-5).

use std::fs;
use std::time::{Duration, Instant};

use pgseal::schema::Lock;
use tokio_postgres::Client;

use crate::harness::World;
use crate::harness::proxy::succeed;

use super::{SCHEMA, TABLE, world};

/// Less than a look a minute would need.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a simple query came to: its first row's first column, or the SQLSTATE.
async fn ask(client: &Client, sql: &str) -> Result<Option<String>, String> {
    let answered = client.simple_query(sql).await;
    let messages = answered.map_err(|error| error.code().expect("the connection is lost").code().to_owned())?;
    let row = messages.iter().find_map(|message| match message {
        tokio_postgres::SimpleQueryMessage::Row(row) => Some(row.get(0).map(str::to_owned)),
        _ => None,
    });
    Ok(row.flatten())
}

/// Until the proxy's log says this.
async fn logged(world: &World, words: &str) {
    let started = Instant::now();
    while !world.proxy().log().contains(words) {
        assert!(started.elapsed() < PATIENCE, "{words:?} is not in\n{}", world.proxy().log());
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_column_that_apply_seals_is_sealed_by_a_running_proxy_within_seconds_cat_5() {
    let world = world("follows");
    let (secret, client) = (world.secret(), world.client().await);
    let sealed = "picture = { action = \"ENCRYPT_AND_SIGN\", type = \"bytea\" }\n";
    let schema =
        SCHEMA.replace(sealed, &format!("{sealed}team = {{ action = \"ENCRYPT_AND_SIGN\", type = \"text\" }}\n"));
    fs::write(world.schema(), &schema).unwrap();
    // The file is ahead of the database: what was applied goes on.
    logged(&world, "are not taken up").await;
    assert_eq!(ask(&client, "SELECT count(*) FROM person").await, Ok(Some("0".into())));
    succeed(&mut world.pgseal(&["schema", "apply"]));
    let insert = "INSERT INTO person (id, name, team) VALUES (1, 'x', 'blue') RETURNING team";
    let started = Instant::now();
    loop {
        match ask(&client, insert).await {
            Ok(team) => break assert_eq!(team.as_deref(), Some("blue")),
            // The table changed and the lock is on its way: refused here, or by the column's own domain.
            Err(code) => assert!(["55000", "23514", "22P02"].contains(&&*code), "{code}"),
        }
        assert!(started.elapsed() < PATIENCE, "{}", world.proxy().log());
    }
    // Whoever leaves it out means its default, which is in the lock now.
    ask(&client, "INSERT INTO person (id, name) VALUES (2, 'y')").await.unwrap();
    assert_eq!(ask(&client, "SELECT team FROM person WHERE id = 2").await, Ok(Some("red".into())));
    let update = format!("UPDATE person SET team = '{secret}' WHERE id = 1 RETURNING team");
    assert_eq!(ask(&client, &update).await, Ok(Some(secret)));
    assert!(world.at_server("SELECT team FROM person").lines().all(|cell| cell.starts_with("\\x01")));
}

#[tokio::test]
async fn files_that_are_wrong_or_take_protection_off_change_nothing_in_a_running_proxy_cat_3() {
    let world = world("follownot");
    let (secret, client) = (world.secret(), world.client().await);
    let lock_file = Lock::path_for(world.schema());
    let lock = fs::read_to_string(&lock_file).unwrap();
    fs::write(world.schema(), "version = 1\n[tables.").unwrap();
    logged(&world, "are not taken up").await;
    // An older checkout, with which nothing would be protected.
    fs::write(&lock_file, Lock::default().to_string()).unwrap();
    fs::write(world.schema(), "version = 1\n").unwrap();
    logged(&world, "public.person is no longer in the schema file").await;
    let insert = format!("INSERT INTO person (id, name) VALUES (1, '{secret}') RETURNING name");
    assert_eq!(ask(&client, &insert).await, Ok(Some(secret.clone())));
    fs::write(&lock_file, lock).unwrap();
    fs::write(world.schema(), SCHEMA).unwrap();
    assert_eq!(ask(&client, "SELECT name FROM person").await, Ok(Some(secret)));
    assert!(world.at_server("SELECT name FROM person").starts_with("\\x01"));
}

#[tokio::test]
async fn a_plain_column_that_is_added_where_unlisted_ones_are_left_alone_is_no_drift_cat_5() {
    let mut world = world("plainadded");
    let (secret, client) = (world.secret(), world.client().await);
    ask(&client, &format!("INSERT INTO person (id, name) VALUES (1, '{secret}')")).await.unwrap();
    let prepared = client.prepare("SELECT * FROM person").await.unwrap();
    world.at_server("ALTER TABLE person ADD COLUMN nick text NOT NULL DEFAULT 'nobody'");
    world.proxy().signal("HUP");
    let (mut columns, started) = (0, Instant::now());
    while columns != 8 {
        match client.query_one("SELECT * FROM person", &[]).await {
            Ok(row) => {
                assert_eq!(row.get::<_, &str>("name"), secret);
                columns = row.len();
            }
            // It came between the driver's Parse and its Bind.
            Err(error) => assert_eq!(error.code().map(|code| code.code()), Some("0A000"), "{error}"),
        }
        assert!(started.elapsed() < PATIENCE, "{}", world.proxy().log());
    }
    // As PostgreSQL does: the client was told of seven columns.
    let error = client.query(&prepared, &[]).await.unwrap_err();
    assert!(error.as_db_error().unwrap().message().contains("cached plan must not change result type"), "{error}");
    // It may be written, blocks no start, and everything else is drift still.
    ask(&client, "INSERT INTO person (id, name, nick) VALUES (2, 'y', 'ada')").await.unwrap();
    assert_eq!(world.at_server("SELECT nick FROM person ORDER BY id").trim(), "nobody\nada");
    world.restart();
    let client = world.client().await;
    assert_eq!(ask(&client, "SELECT nick FROM person WHERE id = 2").await, Ok(Some("ada".into())));
    world.at_server("ALTER TABLE person ALTER COLUMN nick SET DEFAULT 'x', ADD CHECK (nick <> 'eve')");
    world.proxy().signal("HUP");
    let started = Instant::now();
    while ask(&client, "SELECT nick FROM person WHERE id = 2").await != Err("55000".into()) {
        assert!(started.elapsed() < PATIENCE, "{}", world.proxy().log());
    }
}

/// Until a statement comes to this.
async fn becomes(world: &World, client: &Client, sql: &str, wanted: &str) {
    let started = Instant::now();
    while ask(client, sql).await != Err(wanted.into()) {
        assert!(started.elapsed() < PATIENCE, "{sql} is not {wanted}\n{}", world.proxy().log());
    }
}

#[tokio::test]
async fn ddl_of_a_block_is_looked_at_when_it_is_committed_and_ddl_beside_a_sealed_write_too_cat_5() {
    let world = World::sealed("blockddl", TABLE, SCHEMA);
    let (secret, client) = (world.secret(), world.client().await);
    let select = "SELECT id FROM shown.made";
    let write = format!("INSERT INTO person (id, name) VALUES (1, '{secret}')");
    let block = ["BEGIN; DROP SCHEMA shown CASCADE; SELECT 1; COMMIT".to_owned()];
    let steps = ["BEGIN", "DROP SCHEMA shown CASCADE", "SELECT 1", "COMMIT"].map(str::to_owned);
    let beside = [format!("{write}; DROP SCHEMA shown CASCADE")];
    for statements in [&block[..], &steps, &beside] {
        world.at_server("CREATE SCHEMA shown; CREATE VIEW shown.made AS SELECT id FROM person");
        world.proxy().signal("HUP");
        becomes(&world, &client, select, "0A000").await;
        for statement in statements {
            ask(&client, statement).await.unwrap();
        }
        // Nothing of ours is left to refuse: the server says that it is not there.
        becomes(&world, &client, select, "42P01").await;
    }
}
