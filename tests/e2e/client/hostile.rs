//! What an application does that could make a session answer one statement with another's rows, or send what it must not.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use deadpool_postgres::Pool;
use pgseal::sealer::Sealer;

use super::{Service, until_blocked};
use crate::harness::proxy::state_dir;

#[tokio::test]
async fn a_copy_that_would_leave_the_session_waiting_for_data_is_refused() {
    let service = Service::sized("hcopy", 1).await;
    service.world.writes_no_secret("nothing is written into a sealed table");
    let client = service.client().await;
    for sql in ["COPY note FROM STDIN", "copy note (id) TO stdout", "COPY (SELECT 1) TO STDOUT WITH (FORMAT csv)"] {
        for batch in [false, true] {
            let error = match batch {
                false => client.execute(sql, &[]).await.map(drop).unwrap_err(),
                true => client.batch_execute(&format!("SELECT 1; {sql}")).await.unwrap_err(),
            };
            assert_eq!(error.code(), Some("0A000"), "{sql}: {error}");
            // The next answers are the next statements' own.
            for number in 1..4 {
                let row = client.query_one(&format!("SELECT {number}"), &[]).await.unwrap();
                assert_eq!(row.get::<_, i32>(0), number);
            }
        }
    }
    let error = client.prepare("COPY note FROM STDIN").await.map(drop).unwrap_err();
    assert_eq!(error.code(), Some("0A000"), "{error}");
}

#[tokio::test]
async fn a_text_that_waits_for_its_turn_does_not_travel_once_its_table_is_protected_sql_12() {
    let service = Service::sized("hturn", 2).await;
    let secret = service.secret();
    let (client, mut other) = (service.client().await, service.client().await);
    let insert = "INSERT INTO account (id, label, iban, holder) VALUES (1, 'l', 'i', $1)";
    client.execute(insert, &[&secret]).await.unwrap();
    let holder = other.transaction().await.unwrap();
    holder.execute("UPDATE account SET label = 'held' WHERE id = 1", &[]).await.unwrap();

    let text = format!("SELECT name FROM later WHERE name = '{secret}'");
    let (updated, selected) = tokio::join!(client.execute("UPDATE account SET label = 'm' WHERE id = 1", &[]), async {
        until_blocked(&service).await;
        let mut select = pin!(client.query(&text, &[]));
        let first = poll_fn(|context| Poll::Ready(select.as_mut().poll(context))).await;
        assert!(first.is_pending(), "the update is alone on the connection");
        service.world.at_server("CREATE VIEW later AS SELECT name FROM person");
        service.sealer.look_again().await.unwrap();
        holder.rollback().await.unwrap();
        select.await
    });
    assert_eq!(updated.unwrap(), 1);
    assert_eq!(selected.map(drop).unwrap_err().code(), Some("0A000"));
}

#[tokio::test]
async fn a_statement_beside_an_update_that_fails_does_not_fail_with_it() {
    let service = Service::sized("hbeside", 1).await;
    let holder = service.secret();
    let client = service.client().await;
    for id in 1..3_i64 {
        let insert = "INSERT INTO account (id, label, iban, holder) VALUES ($1, 'l', $2, $3)";
        client.execute(insert, &[&id, &format!("i{id}"), &holder]).await.unwrap();
    }
    let (mood, updated) = tokio::join!(
        // The driver asks for the type when it sees it first.
        client.query_one("SELECT 'sad'::mood", &[]),
        client.execute("UPDATE account SET iban = 'i2' WHERE id = 1", &[]),
    );
    assert_eq!(updated.unwrap_err().code(), Some("23505"));
    assert_eq!(mood.unwrap().columns()[0].type_().name(), "mood");
}

#[tokio::test]
async fn a_text_whose_statement_the_server_has_lost_is_prepared_again_wherever_nothing_is_lost_by_it() {
    let service = Service::sized("hdiscard", 1).await;
    service.world.writes_no_secret("it writes nothing");
    let select = "SELECT id, name FROM person";
    {
        let client = service.client().await;
        client.query(select, &[]).await.unwrap();
        client.execute("BEGIN", &[]).await.unwrap();
        client.execute("COMMIT", &[]).await.unwrap();
    }
    service.pool.get().await.unwrap().batch_execute("DISCARD ALL").await.unwrap();
    let client = service.client().await;
    client.query(select, &[]).await.unwrap();
    client.execute("DISCARD ALL", &[]).await.unwrap();
    client.execute("BEGIN", &[]).await.unwrap();
    // It went by this client: it knows.
    client.query(select, &[]).await.unwrap();
    client.execute("COMMIT", &[]).await.unwrap();
    client.query("DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$", &[]).await.unwrap();
    client.batch_execute("BEGIN").await.unwrap();
    // In a block the error has failed the block.
    assert_eq!(client.query(select, &[]).await.map(drop).unwrap_err().code(), Some("26000"));
    assert_eq!(client.query(select, &[]).await.map(drop).unwrap_err().code(), Some("25P02"));
    client.batch_execute("ROLLBACK").await.unwrap();
    client.query(select, &[]).await.unwrap();
}

#[tokio::test]
async fn after_something_was_defined_the_catalog_is_held_against_the_lock_soon() {
    let service = Service::sized("hddl", 1).await;
    service.world.writes_no_secret("nothing is written into a sealed table");
    let mut client = service.client().await;
    for (number, in_block) in [(1, false), (2, true)] {
        // Somebody else does it: nobody here knows, for up to a minute.
        service.world.at_server(&format!("CREATE VIEW other{number} AS SELECT name FROM person"));
        let define = format!("CREATE VIEW notes{number} AS SELECT * FROM note");
        if in_block {
            let transaction = client.transaction().await.unwrap();
            transaction.execute(&define, &[]).await.unwrap();
            transaction.commit().await.unwrap();
        } else {
            client.batch_execute(&define).await.unwrap();
        }
        let select = format!("SELECT name FROM other{number}");
        let refused = async { while client.query(&select, &[]).await.is_ok() {} };
        tokio::time::timeout(Duration::from_secs(30), refused).await.expect("it was not looked at again");
    }
}

#[tokio::test]
async fn a_look_at_the_catalog_does_not_wait_for_ever_for_the_connection_that_its_caller_holds() {
    let service = Service::sized("hlook", 1).await;
    service.world.writes_no_secret("nothing is written into a sealed table");
    // One without limits of its own.
    let pool = Pool::builder(super::manager(&service.world)).max_size(1).build().unwrap();
    let state = state_dir(service.world.scratch().path());
    let builder = Sealer::builder().schema_file(service.world.schema()).state_dir(state).pool(&pool);
    let sealer = builder.build().await.unwrap();
    let client = sealer.client(&pool).await.unwrap();
    let looked = tokio::time::timeout(Duration::from_secs(60), sealer.look_again()).await;
    let error = looked.expect("it says so").unwrap_err();
    assert!(error.to_string().contains("became free"), "{error}");
    drop(client);
    sealer.look_again().await.unwrap();
}
