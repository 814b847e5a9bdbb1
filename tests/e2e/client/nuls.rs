//! A NUL, which no text of PostgreSQL can hold (issue 10, "What must work", 10).

use pgseal::client::Error;
use pgseal::sealer::Kind;
use tokio_postgres::types::Json;

use super::Service;

fn told(error: &Error) {
    assert_eq!(error.code(), Some("22021"), "{error:?}");
    assert!(error.message().starts_with("invalid byte sequence for encoding \"UTF8\""), "{error}");
    assert!(matches!(error.kind(), Kind::Refused | Kind::Database), "{error:?}");
}

#[tokio::test]
async fn a_nul_in_the_text_of_a_statement_is_an_error_of_the_statement_and_its_connection_goes_on() {
    let service = Service::sized("cnultext", 1).await;
    service.world.writes_no_secret("it writes nothing");
    let mut client = service.client().await;
    for text in
        ["SELECT 'a\0b'", "\0", "SELECT 1 -- \0", "SELECT holder FROM account\0", "INSERT INTO note VALUES (1, '\0')"]
    {
        told(&client.query(text, &[]).await.map(drop).unwrap_err());
        told(&client.execute(text, &[]).await.map(drop).unwrap_err());
        told(&client.prepare(text).await.map(drop).unwrap_err());
        told(&client.batch_execute(text).await.unwrap_err());
        assert!(!client.is_closed());
        assert_eq!(client.query_one("SELECT 1", &[]).await.unwrap().get::<_, i32>(0), 1);
        // Inside a block it fails the block, as the server's own would.
        let transaction = client.transaction().await.unwrap();
        told(&transaction.execute(text, &[]).await.map(drop).unwrap_err());
        assert_eq!(transaction.query("SELECT 1", &[]).await.map(drop).unwrap_err().code(), Some("25P02"));
        transaction.rollback().await.unwrap();
    }
    let mut transaction = client.transaction().await.unwrap();
    let error = transaction.savepoint("a\0b").await.map(drop).unwrap_err();
    assert!(matches!(error.code(), Some("42601" | "22021")), "{error:?}");
    transaction.rollback().await.unwrap();
    let error = transaction_named(&mut client, "\"a\0b\"").await;
    assert!(matches!(error.code(), Some("42601" | "22021")), "{error:?}");
    assert!(!client.is_closed());
}

async fn transaction_named(client: &mut pgseal::client::Client, name: &str) -> Error {
    let mut transaction = client.transaction().await.unwrap();
    transaction.savepoint(name).await.map(drop).unwrap_err()
}

#[tokio::test]
async fn a_nul_in_a_parameter_is_an_error_of_the_statement_and_its_connection_goes_on() {
    let service = Service::sized("cnulparam", 1).await;
    let name = service.secret();
    let mut client = service.client().await;
    client.execute("INSERT INTO account (id, iban, holder) VALUES (1, 'i', $1)", &[&name]).await.unwrap();
    for text in [
        // Plain, sealed, as a tag, in several steps, beside a protected table.
        "INSERT INTO note VALUES (1, $1)",
        "INSERT INTO person (id, name) VALUES (1, $1)",
        "INSERT INTO person (id, name, team) VALUES (1, 'n', $1)",
        "SELECT id FROM person WHERE email = $1",
        "SELECT id FROM account WHERE label = $1",
        "UPDATE account SET holder = $1 WHERE id = 1",
        "UPDATE account SET label = $1 WHERE id = 1",
        "INSERT INTO account (label, iban) VALUES ('l', $1)",
        "INSERT INTO account (label) VALUES ($1)",
    ] {
        told(&client.execute(text, &[&"s3cret\0"]).await.unwrap_err());
        assert!(!client.is_closed());
        assert_eq!(client.query_one("SELECT 1", &[]).await.unwrap().get::<_, i32>(0), 1);
        let transaction = client.transaction().await.unwrap();
        let error = transaction.execute(text, &[&"s3cret\0"]).await.unwrap_err();
        told(&error);
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
        let after = transaction.query("SELECT 1", &[]).await.map(drop).unwrap_err();
        assert_eq!(after.code(), Some("25P02"), "{text}");
        transaction.rollback().await.unwrap();
        let client = &client;
        assert_eq!(client.execute("UPDATE account SET holder = $1 WHERE id = 1", &[&name]).await.unwrap(), 1, "{text}");
    }
    // JSON escapes it: PostgreSQL's own words are another error.
    let error = client.query("SELECT $1::jsonb ->> 0", &[&Json("a\0b")]).await.map(drop).unwrap_err();
    assert_eq!(error.code(), Some("22P05"), "{error:?}");
    assert!(!client.is_closed());
}
