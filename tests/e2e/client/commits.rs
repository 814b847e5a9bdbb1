//! A COMMIT that rolls back is an error: the driver hides the tag by which the server says so (issue 10, "What must
//! work", 10).

use pgseal::client::{Client, Error, Transaction};
use pgseal::sealer::Kind;

use super::Service;

/// How a block comes to fail.
#[derive(Clone, Copy, Debug)]
enum Fails {
    Tampered,
    TamperedWrite,
    Refused,
    RefusedPrepare,
    Server,
    ServerWrite,
    /// Its error is read by nobody.
    Unread,
}

const ALL: [Fails; 7] = [
    Fails::Tampered,
    Fails::TamperedWrite,
    Fails::Refused,
    Fails::RefusedPrepare,
    Fails::Server,
    Fails::ServerWrite,
    Fails::Unread,
];

/// Two rows, of which the second is forged.
async fn service(name: &str) -> Service {
    let service = Service::sized(name, 1).await;
    let client = service.client().await;
    let insert = "INSERT INTO account (id, label, iban, holder) VALUES ($1, 'old', $2, $3)";
    client.execute(insert, &[&1_i64, &"one", &service.secret()]).await.unwrap();
    client.execute(insert, &[&2_i64, &"two", &service.secret()]).await.unwrap();
    service.world.at_server("UPDATE account SET label = 'forged' WHERE id = 2");
    drop(client);
    service
}

macro_rules! fail {
    ($on:expr, $fails:expr) => {{
        let (on, none): (_, [&str; 0]) = ($on, []);
        match $fails {
            Fails::Tampered => assert_eq!(code(on.query("SELECT * FROM account WHERE id = 2", &[]).await), "XX001"),
            Fails::TamperedWrite => {
                assert_eq!(code(on.execute("UPDATE account SET holder = 'x'", &[]).await), "XX001")
            }
            Fails::Refused => assert_eq!(code(on.query("SELECT upper(holder) FROM account", &[]).await), "0A000"),
            Fails::RefusedPrepare => assert_eq!(code(on.prepare("SELECT upper(holder) FROM account").await), "0A000"),
            Fails::Server => assert_eq!(code(on.query("SELECT 1/0", &[]).await), "22012"),
            Fails::ServerWrite => {
                let again = "INSERT INTO account (id, label, opened, iban, holder) VALUES (1, 'x', now(), 'x', 'x')";
                assert_eq!(code(on.execute(again, &[]).await), "23505")
            }
            Fails::Unread => drop(on.query_raw("SELECT 1/(2 - n) FROM generate_series(1, 2) n", none).await.unwrap()),
        }
    }};
}

fn code<T>(answer: Result<T, Error>) -> String {
    let Err(error) = answer else { panic!("it fails") };
    error.code().unwrap_or_else(|| panic!("{error:?}")).to_owned()
}

fn rolled_back(error: &Error) {
    assert_eq!((error.code(), error.kind()), (Some("25P02"), Kind::Database), "{error}");
    assert!(error.to_string().contains("rolled back"), "{error}");
}

async fn notes(client: &Client) -> i64 {
    client.query_one("SELECT count(*) FROM note", &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn committing_a_transaction_that_failed_is_an_error_and_its_connection_goes_on() {
    let service = service("cmfailed").await;
    for fails in ALL {
        let mut client = service.client().await;
        let transaction = client.transaction().await.unwrap();
        transaction.execute("INSERT INTO note VALUES (1, 'lost')", &[]).await.unwrap();
        fail!(&transaction, fails);
        rolled_back(&transaction.commit().await.unwrap_err());
        // Outside now: what follows commits by itself.
        assert_eq!(notes(&client).await, 0, "{fails:?}");
        client.execute("INSERT INTO note VALUES (2, 'kept')", &[]).await.unwrap();
        assert_eq!(service.world.at_server("DELETE FROM note RETURNING text").lines().next(), Some("kept"));
    }
}

#[tokio::test]
async fn committing_a_block_that_failed_by_its_text_is_an_error_too() {
    let service = service("cmtext").await;
    for fails in ALL {
        for (text, chained) in [
            ("COMMIT", false),
            ("/* so */ end work;", false),
            ("COMMIT; SELECT 1", false),
            ("PREPARE TRANSACTION 'pgseal'", false),
            ("COMMIT AND CHAIN", true),
        ] {
            for batch in [true, false] {
                if !batch && text.contains("; ") {
                    continue;
                }
                let client = service.client().await;
                client.batch_execute("BEGIN; INSERT INTO note VALUES (1, 'lost')").await.unwrap();
                fail!(&client, fails);
                let committed = match batch {
                    true => client.batch_execute(text).await,
                    false => client.execute(text, &[]).await.map(drop),
                };
                rolled_back(&committed.map_err(|error| (text, fails, error)).unwrap_err().2);
                assert_eq!(notes(&client).await, 0, "{text} {fails:?}");
                client.execute("INSERT INTO note VALUES (2, 'kept')", &[]).await.unwrap();
                if chained {
                    client.batch_execute("COMMIT").await.unwrap();
                }
                let kept = service.world.at_server("DELETE FROM note RETURNING text");
                assert_eq!(kept.lines().next(), Some("kept"), "{text} {fails:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_savepoint_that_failed_cannot_be_kept_and_the_transaction_around_it_can_be_saved_by_rolling_back_to_it() {
    let service = service("cmsave").await;
    for fails in ALL {
        let mut client = service.client().await;
        let mut transaction = client.transaction().await.unwrap();
        transaction.execute("INSERT INTO note VALUES (1, 'outer')", &[]).await.unwrap();
        let savepoint = transaction.transaction().await.unwrap();
        fail!(&savepoint, fails);
        assert_eq!(code(savepoint.commit().await), "25P02", "{fails:?}");
        rolled_back(&transaction.commit().await.unwrap_err());

        let mut transaction = client.transaction().await.unwrap();
        transaction.execute("INSERT INTO note VALUES (1, 'outer')", &[]).await.unwrap();
        let savepoint = transaction.savepoint("kept").await.unwrap();
        fail!(&savepoint, fails);
        savepoint.rollback().await.unwrap();
        let savepoint = transaction.transaction().await.unwrap();
        fail!(&savepoint, fails);
        drop(savepoint);
        transaction.commit().await.unwrap();
        assert_eq!(notes(&client).await, 1, "{fails:?}");
        client.execute("DELETE FROM note", &[]).await.unwrap();
    }
}

#[tokio::test]
async fn a_transaction_that_did_not_fail_is_committed_and_a_commit_outside_one_is_postgresqls() {
    let service = service("cmgood").await;
    let mut client = service.client().await;
    client.transaction().await.unwrap().commit().await.unwrap();
    let transaction = client.transaction().await.unwrap();
    transaction.execute("UPDATE account SET holder = 'new' WHERE id = 1", &[]).await.unwrap();
    transaction.commit().await.unwrap();
    for text in ["COMMIT", "END", "ROLLBACK"] {
        client.batch_execute(text).await.unwrap();
        client.execute(text, &[]).await.unwrap();
    }
    client.batch_execute("BEGIN; INSERT INTO note VALUES (1, 'kept')").await.unwrap();
    client.execute("COMMIT AND CHAIN", &[]).await.unwrap();
    fail!(&client, Fails::Refused);
    client.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(notes(&client).await, 1);
}

/// Reads half of what it asked for.
async fn half(transaction: &Transaction<'_>) {
    let none: [&str; 0] = [];
    let mut rows = transaction.query_raw("SELECT holder FROM account WHERE id = 1", none).await.unwrap();
    rows.try_next().await.unwrap().unwrap();
}

#[tokio::test]
async fn a_stream_that_was_not_read_to_its_end_fails_no_commit() {
    let service = service("cmhalf").await;
    let mut client = service.client().await;
    let transaction = client.transaction().await.unwrap();
    half(&transaction).await;
    transaction.execute("INSERT INTO note VALUES (1, 'kept')", &[]).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(notes(&client).await, 1);
}
