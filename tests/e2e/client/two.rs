//! Two sealers: neither uses the other's plan, nor what it knows of a connection.

use std::time::SystemTime;

use pgseal::sealer::Sealer;

use super::{SCHEMA, Service, TABLES, pool};
use crate::harness::World;
use crate::harness::proxy::state_dir;

/// Another sealer over the same database, as another part of the program would build it.
async fn another(service: &Service) -> Sealer {
    let (schema, state) = (service.world.schema(), state_dir(service.world.scratch().path()));
    let builder = Sealer::builder().schema_file(schema).state_dir(state);
    builder.pool(&pool(&service.world, 2)).build().await.unwrap()
}

#[tokio::test]
async fn two_sealers_of_one_database_take_turns_on_one_connection() {
    let service = Service::sized("twosame", 1).await;
    let sealers = [service.sealer.clone(), another(&service).await];
    let name = service.secret();
    let mut pids = Vec::new();
    for round in 0..6 {
        let mut client = sealers[round % 2].client(&service.pool).await.unwrap();
        let id = i64::try_from(round).unwrap();
        // What one has set, the other finds: it asks again.
        let zone = ["Asia/Tokyo", "Europe/Berlin", "UTC"][round % 3];
        let insert = "INSERT INTO person (id, name, seen) VALUES ($1, $2, '2026-01-01 12:00')";
        client.execute(insert, &[&id, &name]).await.unwrap();
        let select = "SELECT name, seen FROM person WHERE id = $1";
        let row = client.query_one(select, &[&id]).await.unwrap();
        let server = client.query_one("SELECT '2026-01-01 12:00'::timestamptz", &[]).await.unwrap();
        let seen = (row.get::<_, SystemTime>("seen"), server.get::<_, SystemTime>(0));
        assert_eq!((row.get::<_, String>("name"), seen.0), (name.clone(), seen.1), "{round}");

        client.execute("INSERT INTO account (id, iban) VALUES ($1, $2)", &[&id, &format!("i{id}")]).await.unwrap();
        let transaction = client.transaction().await.unwrap();
        assert_eq!(transaction.execute("UPDATE account SET holder = $1", &[&name]).await.unwrap(), round as u64 + 1);
        transaction.commit().await.unwrap();
        pids.push(client.query_one("SELECT pg_catalog.pg_backend_pid()", &[]).await.unwrap().get::<_, i32>(0));
        client.batch_execute(&format!("SET TimeZone = '{zone}'")).await.unwrap();
    }
    assert!(pids.iter().all(|pid| *pid == pids[0]), "{pids:?}");
}

#[tokio::test]
async fn a_block_that_was_left_open_between_clients_of_two_sealers_is_rolled_back_by_the_next_that_sends_sql_51() {
    let service = Service::sized("twoblock", 1).await;
    let (one, other) = (service.sealer.clone(), another(&service).await);
    let (old, new) = (service.secret(), service.secret());
    {
        let client = one.client(&service.pool).await.unwrap();
        client.execute("INSERT INTO account (id, iban, holder) VALUES (1, 'i', $1)", &[&old]).await.unwrap();
    }
    // Both know it to be outside a block; then somebody begins one on it, between the two.
    drop(other.client(&service.pool).await.unwrap());
    drop(one.client(&service.pool).await.unwrap());
    let left = "BEGIN; INSERT INTO note VALUES (1, 'foreign')";
    service.pool.get().await.unwrap().batch_execute(left).await.unwrap();
    // It sends nothing that would show it.
    drop(other.client(&service.pool).await.unwrap());
    let client = one.client(&service.pool).await.unwrap();
    assert_eq!(client.execute("UPDATE account SET holder = $1", &[&new]).await.unwrap(), 1);
    assert_eq!(service.world.at_server("SELECT count(*) FROM note").trim(), "0");
    let row = service.world.client().await.query_one("SELECT holder FROM account", &[]).await.unwrap();
    assert_eq!(row.get::<_, String>(0), new, "it is committed");
}

#[tokio::test]
async fn what_one_sealer_prepared_cannot_be_executed_in_sql_through_the_other_sql_5() {
    let service = Service::sized("twonames", 1).await;
    let other = another(&service).await;
    let secret = service.secret();
    let names = {
        let client = service.client().await;
        client.query("SELECT name FROM person WHERE email = $1", &[&"e"]).await.unwrap();
        let names = "SELECT name FROM pg_catalog.pg_prepared_statements";
        let rows = client.query(names, &[]).await.unwrap();
        rows.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>()
    };
    let client = other.client(&service.pool).await.unwrap();
    for name in names {
        let error = client.batch_execute(&format!("EXECUTE {name}('{secret}')")).await.unwrap_err();
        assert_eq!(error.code(), Some("0A000"), "{error}");
    }
}

#[tokio::test]
async fn a_statement_of_one_database_is_planned_anew_for_the_other_which_protects_other_columns() {
    let one = Service::sized("twodb", 1).await;
    let schema = SCHEMA.replace("name = { action = \"ENCRYPT_AND_SIGN\", type = \"text\" }\nemail", "email");
    assert_ne!(schema, SCHEMA);
    let world = World::sealed("twodbother", TABLES, &schema);
    let control = pool(&world, 2);
    let builder = Sealer::builder().schema_file(world.schema()).state_dir(state_dir(world.scratch().path()));
    let sealer = builder.pool(&control).build().await.unwrap();
    let (here, there) = (one.client().await, sealer.client(&control).await.unwrap());

    let (secret, email) = (one.secret(), world.secret());
    let insert = here.prepare("INSERT INTO person (id, name, email) VALUES (1, $1, $2)").await.unwrap();
    here.execute(&insert, &[&secret, &"e"]).await.unwrap();
    there.execute(&insert, &[&"in the clear", &email]).await.unwrap();
    let select = here.prepare("SELECT name, email FROM person WHERE id = 1").await.unwrap();
    for (client, name, email) in [(&here, secret.as_str(), "e"), (&there, "in the clear", email.as_str())] {
        let row = client.query_one(&select, &[]).await.unwrap();
        assert_eq!((row.get("name"), row.get("email")), (name, email));
    }
    assert!(one.world.at_server("SELECT name FROM person").starts_with("\\x01"));
    assert_eq!(world.at_server("SELECT name FROM person").trim(), "in the clear");
    // Of the same tables, and of other keys.
    let strange = one.sealer.client(&control).await.unwrap();
    let found = strange.query("SELECT id FROM person WHERE email = $1", &[&email]).await.unwrap();
    assert!(found.is_empty());
    let error = strange.query("SELECT email FROM person", &[]).await.map(drop).unwrap_err();
    assert_eq!(error.code(), Some("XX001"), "{error}");
}
