//! A connection inside a transaction block that no client of ours began (issue 10, "What must work", 10).

use deadpool_postgres::RecyclingMethod;
use pgseal::client::Client;

use super::{Service, recycling};

const METHODS: [(&str, RecyclingMethod); 3] =
    [("ffast", RecyclingMethod::Fast), ("fverified", RecyclingMethod::Verified), ("fclean", RecyclingMethod::Clean)];

/// What somebody may have left behind.
const LEFT: [&[&str]; 3] = [
    &["BEGIN; INSERT INTO note VALUES (1, 'foreign')"],
    &["BEGIN; INSERT INTO note VALUES (1, 'foreign')", "SELECT 1/0"],
    &["BEGIN ISOLATION LEVEL SERIALIZABLE; SAVEPOINT a; INSERT INTO note VALUES (1, 'foreign')"],
];

async fn service(name: &str, method: &RecyclingMethod) -> Service {
    let mut service = Service::sized(name, 1).await;
    service.pool = recycling(&service.world, 1, method.clone());
    service
}

async fn notes(service: &Service) -> String {
    service.world.at_server("SELECT coalesce(string_agg(text, ' '), 'none') FROM note").trim().to_owned()
}

#[tokio::test]
async fn a_block_that_was_left_open_on_a_connection_of_the_pool_is_rolled_back_before_it_is_used_sql_51() {
    for (name, method) in &METHODS {
        let service = service(name, method).await;
        let insert = "INSERT INTO account (id, iban, holder) VALUES (1, 'i', $1) ON CONFLICT DO NOTHING";
        let holder = service.secret();
        service.client().await.execute(insert, &[&holder]).await.unwrap();
        for left in LEFT {
            for first in 0..5 {
                let object = service.pool.get().await.unwrap();
                for text in left {
                    drop(object.batch_execute(text).await);
                }
                drop(object);
                let mut client = service.client().await;
                match first {
                    0 => drop(client.query("SELECT holder FROM account", &[]).await.unwrap()),
                    1 => drop(client.execute("UPDATE account SET holder = 'x' WHERE id = 1", &[]).await.unwrap()),
                    2 => client.batch_execute("INSERT INTO note VALUES (2, 'own')").await.unwrap(),
                    3 => drop(client.prepare("SELECT id FROM account").await.unwrap()),
                    _ => client.transaction().await.unwrap().commit().await.unwrap(),
                }
                // What it does now is in no transaction but its own.
                client.execute("INSERT INTO note VALUES (3, 'kept')", &[]).await.unwrap();
                let own = if first == 2 { "own kept" } else { "kept" };
                assert_eq!(notes(&service).await, own, "{method:?}, {left:?}, {first}");
                drop(client);
                service.world.at_server("DELETE FROM note");
            }
        }
    }
}

/// Every kind of call.
async fn told(client: &mut Client) -> Vec<Option<String>> {
    let code = |error: pgseal::client::Error| error.code().map(str::to_owned);
    vec![
        code(client.query("SELECT holder FROM account", &[]).await.map(drop).unwrap_err()),
        code(client.execute("UPDATE account SET holder = 'x' WHERE id = 1", &[]).await.map(drop).unwrap_err()),
        code(client.batch_execute("INSERT INTO note VALUES (2, 'own')").await.unwrap_err()),
        code(client.batch_execute("COMMIT").await.unwrap_err()),
        code(client.execute("COMMIT", &[]).await.map(drop).unwrap_err()),
        code(client.prepare("SELECT id FROM account").await.map(drop).unwrap_err()),
        code(client.query("SELECT upper(holder) FROM account", &[]).await.map(drop).unwrap_err()),
        code(client.transaction().await.map(drop).unwrap_err()),
    ]
}

#[tokio::test]
async fn a_block_in_which_a_connection_is_handed_over_is_neither_joined_nor_ended_sql_51() {
    let service = service("fwrapped", &RecyclingMethod::Fast).await;
    service.world.writes_no_secret("it writes into a table that is not sealed");
    for left in LEFT {
        let object = service.pool.get().await.unwrap();
        for text in left {
            drop(object.batch_execute(text).await);
        }
        let mut client = service.sealer.wrap(object);
        for told in told(&mut client).await {
            assert_eq!(told.as_deref(), Some("25001"), "{left:?}");
        }
        drop(client);
        assert_eq!(notes(&service).await, "none");
        // Nobody else gets it.
        let client = service.client().await;
        client.execute("INSERT INTO note VALUES (3, 'kept')", &[]).await.unwrap();
        assert_eq!(notes(&service).await, "kept", "{left:?}");
        service.world.at_server("DELETE FROM note");
    }
}

#[tokio::test]
async fn a_connection_that_is_handed_over_outside_a_block_is_used() {
    let service = service("foutside", &RecyclingMethod::Fast).await;
    let holder = service.secret();
    let object = service.pool.get().await.unwrap();
    object.batch_execute("BEGIN; INSERT INTO note VALUES (1, 'before'); COMMIT").await.unwrap();
    let mut client = service.sealer.wrap(object);
    let transaction = client.transaction().await.unwrap();
    let insert = "INSERT INTO account (id, iban, holder) VALUES (1, 'i', $1)";
    transaction.execute(insert, &[&holder]).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(client.execute("UPDATE account SET holder = 'new'", &[]).await.unwrap(), 1);
    assert_eq!(notes(&service).await, "before");
}

#[tokio::test]
async fn a_connection_that_is_outside_a_block_is_asked_without_a_warning_or_an_error_of_the_servers() {
    let service = service("fquiet", &RecyclingMethod::Fast).await;
    service.world.writes_no_secret("it reads only");
    drop(service.pool.get().await.unwrap());
    let mark = service.world.link().mark();
    let client = service.client().await;
    client.query("SELECT 1", &[]).await.unwrap();
    let said = service.world.link().since(mark);
    assert!(!said.windows(5).any(|code| code == b"25P01"), "{}", String::from_utf8_lossy(&said));
}
