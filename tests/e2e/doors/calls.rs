//! What the SDK's client has beside statements: transactions and savepoints as values, texts of several statements, a
//! prepared statement on another connection, and a pool to which nothing unfinished returns.

use std::time::Duration;

use pgseal::client::{Client, Error};
use tokio::time::timeout;

use super::param::Form;
use super::sdk::Sdk;
use super::stage::Stage;

const WRITE: &str = "INSERT INTO ledger (id, iban, holder) VALUES ($1, $2, $3)";
const CHANGE: &str = "UPDATE ledger SET holder = $1 WHERE iban = $2";
const REFUSED: &str = "SELECT max(holder) FROM ledger";

/// How long what should be immediate may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Tables, and two services on them.
async fn two(name: &str) -> (Stage, Sdk, Sdk) {
    let stage = Stage::new(name);
    let (one, two) = (stage.sdk(Form::Binary).await, stage.sdk(Form::Binary).await);
    (stage, one, two)
}

#[track_caller]
fn code<T>(result: Result<T, Error>) -> String {
    result.err().unwrap().code().unwrap().to_owned()
}

/// Who holds what, in the order of the ids.
async fn holders(client: &Client) -> Vec<(i64, Option<String>)> {
    let rows = client.query("SELECT id, holder FROM ledger ORDER BY id", &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

fn held(rows: &[(i64, &str)]) -> Vec<(i64, Option<String>)> {
    rows.iter().map(|(id, holder)| (*id, Some((*holder).to_owned()))).collect()
}

#[tokio::test]
async fn a_transaction_is_seen_by_others_when_it_is_committed_and_not_when_it_is_rolled_back_or_dropped() {
    let (_stage, one, two) = two("calls").await;
    let (mut writer, reader) = (one.client().await, two.client().await);
    let transaction = writer.transaction().await.unwrap();
    transaction.execute(WRITE, &[&1_i64, &"DE01", &"a"]).await.unwrap();
    transaction.execute(CHANGE, &[&"b", &"DE01"]).await.unwrap();
    assert_eq!(holders(&reader).await, []);
    transaction.commit().await.unwrap();
    assert_eq!(holders(&reader).await, held(&[(1, "b")]));
    let transaction = writer.transaction().await.unwrap();
    transaction.execute(CHANGE, &[&"c", &"DE01"]).await.unwrap();
    transaction.rollback().await.unwrap();
    let transaction = writer.transaction().await.unwrap();
    transaction.execute(CHANGE, &[&"d", &"DE01"]).await.unwrap();
    drop(transaction);
    assert_eq!(holders(&writer).await, held(&[(1, "b")]));
    assert_eq!(holders(&reader).await, held(&[(1, "b")]));
}

#[tokio::test]
async fn savepoints_nest_and_take_back_what_was_done_since() {
    let (_stage, one, _) = two("nest").await;
    let mut client = one.client().await;
    let mut outer = client.transaction().await.unwrap();
    outer.execute(WRITE, &[&1_i64, &"DE01", &"a"]).await.unwrap();
    let mut middle = outer.transaction().await.unwrap();
    middle.execute(CHANGE, &[&"middle", &"DE01"]).await.unwrap();
    let inner = middle.savepoint("a savepoint").await;
    assert_eq!(code(inner), "42601");
    middle.rollback().await.unwrap();
    let mut middle = outer.transaction().await.unwrap();
    middle.execute(CHANGE, &[&"again", &"DE01"]).await.unwrap();
    let inner = middle.savepoint("within").await.unwrap();
    inner.execute(CHANGE, &[&"inner", &"DE01"]).await.unwrap();
    inner.execute(WRITE, &[&2_i64, &"DE02", &"b"]).await.unwrap();
    drop(inner);
    let inner = middle.savepoint("\"In ner\"").await.unwrap();
    inner.execute(WRITE, &[&3_i64, &"DE03", &"c"]).await.unwrap();
    inner.commit().await.unwrap();
    middle.commit().await.unwrap();
    outer.commit().await.unwrap();
    assert_eq!(holders(&client).await, held(&[(1, "again"), (3, "c")]));
}

#[tokio::test]
async fn a_refusal_fails_a_transaction_and_a_savepoint_recovers_it() {
    let (_stage, one, _) = two("recover").await;
    let mut client = one.client().await;
    let mut outer = client.transaction().await.unwrap();
    outer.execute(WRITE, &[&1_i64, &"DE01", &"a"]).await.unwrap();
    let inner = outer.transaction().await.unwrap();
    assert_eq!(code(inner.query(REFUSED, &[]).await), "0A000");
    assert_eq!(code(inner.execute(CHANGE, &[&"lost", &"DE01"]).await), "25P02");
    inner.rollback().await.unwrap();
    outer.execute(CHANGE, &[&"kept", &"DE01"]).await.unwrap();
    outer.commit().await.unwrap();
    let transaction = client.transaction().await.unwrap();
    transaction.execute(CHANGE, &[&"lost", &"DE01"]).await.unwrap();
    assert_eq!(code(transaction.prepare(REFUSED).await), "0A000");
    // PostgreSQL answers with a ROLLBACK, which nobody should take for a success.
    assert!(matches!(transaction.commit().await, Err(Error::RolledBack)));
    assert_eq!(holders(&client).await, held(&[(1, "kept")]));
}

#[tokio::test]
async fn a_text_of_several_statements_runs_up_to_the_one_that_is_refused() {
    let (stage, one, _) = two("batch").await;
    let client = one.client().await;
    client.batch_execute("BEGIN; INSERT INTO note VALUES (1, 'x'); SAVEPOINT s; COMMIT").await.unwrap();
    client.batch_execute("SET TimeZone = 'UTC'; SELECT 1; UPDATE note SET text = 'y'").await.unwrap();
    assert_eq!(stage.world.at_server("SELECT text FROM note"), "y\n");
    for text in [
        "SELECT 1; UPDATE ledger SET iban = 'Qz7never' WHERE id = 1",
        "INSERT INTO note VALUES (2, 'z'); SELECT upper(holder) FROM ledger",
        "SELECT 1; DELETE FROM person WHERE name LIKE 'Qz7never'",
    ] {
        let error = client.batch_execute(text).await.unwrap_err();
        assert_eq!(error.code(), Some("0A000"), "{text}");
        assert!(!error.message().contains("Qz7never"), "{text}");
    }
    assert_eq!(stage.world.at_server("SELECT count(*) FROM note"), "1\n", "its transaction was rolled back");
    assert_eq!(code(client.batch_execute("SELECT 1; SELEC 2").await), "42601");
    assert_eq!(holders(&client).await, []);
}

#[tokio::test]
async fn a_prepared_statement_serves_other_connections_of_the_pool() {
    let (_stage, one, _) = two("prepared").await;
    let (first, second) = (one.client().await, one.client().await);
    let write = first.prepare(WRITE).await.unwrap();
    let read = first.prepare("SELECT holder FROM ledger WHERE iban = $1").await.unwrap();
    second.execute(&write, &[&1_i64, &"DE01", &"a"]).await.unwrap();
    drop(first);
    let third = one.client().await;
    assert_eq!(third.query_one(&read, &[&"DE01"]).await.unwrap().get::<_, &str>(0), "a");
    assert!(second.query_opt(&read, &[&"DE02"]).await.unwrap().is_none());
    assert_eq!(read.columns()[0].type_().name(), "varchar");
}

#[tokio::test]
async fn an_open_block_does_not_return_to_the_pool() {
    let (_stage, one, two) = two("pool").await;
    let client = one.client().await;
    client.execute("BEGIN", &[]).await.unwrap();
    client.execute(WRITE, &[&1_i64, &"DE01", &"lost"]).await.unwrap();
    drop(client);
    // Were it the same session, it would see its own row; were its block open, the same IBAN would wait for it.
    let next = one.client().await;
    assert_eq!(holders(&next).await, []);
    next.execute(WRITE, &[&1_i64, &"DE01", &"a"]).await.unwrap();
    assert_eq!(holders(&two.client().await).await, held(&[(1, "a")]));
}

#[tokio::test]
async fn wrong_calls_are_errors_that_say_what_is_wrong_and_send_nothing() {
    let (_stage, one, _) = two("wrong").await;
    let client = one.client().await;
    let error = client.execute(WRITE, &[&1_i64]).await.unwrap_err();
    assert!(matches!(error, Error::Parameters { expected: 3, given: 1 }), "{error}");
    let error = client.execute(WRITE, &[&"secret text", &"DE01", &"a"]).await.unwrap_err();
    assert!(matches!(error, Error::Parameter { index: 0, .. }), "{error}");
    assert!(!format!("{error} {error:?}").contains("secret text"));
    client.execute(WRITE, &[&1_i64, &"DE01", &None::<&str>]).await.unwrap();
    let row = client.query_one("SELECT id, holder FROM ledger", &[]).await.unwrap();
    assert!(matches!(row.try_get::<_, String>("holder").unwrap_err(), Error::Column { .. }));
    assert!(matches!(row.try_get::<_, i64>("nothing").unwrap_err(), Error::NoColumn { .. }));
    assert!(matches!(row.try_get::<_, i32>(0).unwrap_err(), Error::Column { .. }));
    let error = client.query_one("SELECT id FROM ledger WHERE false", &[]).await.unwrap_err();
    assert!(matches!(error, Error::RowCount(_)), "{error}");
}

/// The rows behind the forged one are more than the driver reads ahead.
#[tokio::test]
async fn a_forged_row_with_many_behind_it_fails_its_block_at_once() {
    let (stage, one, _) = two("forged").await;
    let mut client = one.client().await;
    let write = "INSERT INTO person (id, name, picture) VALUES ($1, $2, $3)";
    for id in 0..300_i64 {
        client.execute(write, &[&id, &"a", &vec![7_u8; 4000]]).await.unwrap();
    }
    stage.world.at_server("UPDATE person SET name = (SELECT name FROM person WHERE id = 5) WHERE id = 1");
    let transaction = client.transaction().await.unwrap();
    let met = transaction.query("SELECT * FROM person ORDER BY id", &[]);
    assert_eq!(code(timeout(PATIENCE, met).await.expect("the rows behind it were waited for")), "XX001");
    assert_eq!(code(transaction.query("SELECT 1", &[]).await), "25P02");
    transaction.rollback().await.unwrap();
    assert_eq!(code(client.query("SELECT * FROM person ORDER BY id", &[]).await), "XX001");
    assert_eq!(client.query("SELECT name FROM person WHERE id > 1", &[]).await.unwrap().len(), 298);
}
