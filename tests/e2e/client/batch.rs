//! A text of several statements that touch protected tables, in one call: each is sent in its physical form, as the proxy
//! sends a Query (SQL-54).

use pgseal::client::Error;

use super::Service;

#[track_caller]
fn code<T>(answer: Result<T, Error>) -> String {
    let Err(error) = answer else { panic!("it fails") };
    error.code().unwrap_or_else(|| panic!("{error:?}")).to_owned()
}

#[tokio::test]
async fn statements_of_one_step_on_protected_tables_run_among_others() {
    let service = Service::start("batchplanned").await;
    let (client, secret) = (service.client().await, service.secret());
    let text = format!(
        "BEGIN; INSERT INTO person (id, name, email, seen) VALUES (1, '{secret}', 'é1', '2026-01-02 03:04:05+00');
         INSERT INTO note VALUES (1, 'é'); UPDATE person SET name = '{secret}2' WHERE id = 1 AND email = 'é1';
         INSERT INTO account (id, label, opened, iban, holder) VALUES (1, NULL, '2026-01-02 03:04:05+00', 'DE01', '{secret}');
         COMMIT;
         SELECT name FROM person WHERE email = 'é1'; DELETE FROM person WHERE email = 'nobody'"
    );
    client.batch_execute(&text).await.unwrap();
    let row = client.query_one("SELECT name, email FROM person", &[]).await.unwrap();
    assert_eq!((row.get::<_, String>(0), row.get::<_, &str>(1)), (format!("{secret}2"), "é1"));
    let row = client.query_one("SELECT holder FROM account WHERE iban = 'DE01'", &[]).await.unwrap();
    assert_eq!(row.get::<_, &str>(0), secret);
    assert_eq!(service.world.at_server("SELECT text FROM note"), "é\n");
}

#[tokio::test]
async fn a_statement_of_several_steps_among_others_is_refused_and_what_stood_before_it_counts() {
    let service = Service::start("batchstepped").await;
    let (mut client, secret) = (service.client().await, service.secret());
    // Alone it is run as any other.
    client.batch_execute("INSERT INTO account (id, holder) VALUES (1, 'é');").await.unwrap();
    client.batch_execute(&format!("UPDATE account SET holder = '{secret}'")).await.unwrap();
    let transaction = client.transaction().await.unwrap();
    let stepped = format!("UPDATE account SET holder = '{secret}2' WHERE id = 1");
    let write = "INSERT INTO person (id, name) VALUES (1, 'x')";
    assert_eq!(code(transaction.batch_execute(&format!("{write}; {stepped}")).await), "0A000");
    assert_eq!(code(transaction.query("SELECT 1", &[]).await), "25P02");
    transaction.rollback().await.unwrap();
    assert_eq!(code(client.batch_execute(&format!("BEGIN; {write}; COMMIT; {stepped}; SELECT 1")).await), "0A000");
    assert_eq!(client.query("SELECT id FROM person", &[]).await.unwrap().len(), 1);
    assert_eq!(client.query_one("SELECT holder FROM account", &[]).await.unwrap().get::<_, &str>(0), secret);
}

#[tokio::test]
async fn errors_of_a_text_are_told_in_the_applications_terms_and_places() {
    let service = Service::start("batcherrors").await;
    let (client, secret) = (service.client().await, service.secret());
    client.batch_execute(&format!("INSERT INTO person (id, name, email) VALUES (1, 'a', '{secret}')")).await.unwrap();
    let error = client
        .batch_execute(&format!("SELECT 1; INSERT INTO person (id, name, email) VALUES (2, 'b', '{secret}')"))
        .await
        .unwrap_err();
    let detail = error.as_db_error().and_then(|error| error.detail()).unwrap();
    assert_eq!((error.code(), detail), (Some("23505"), &*format!("Key (email)=({secret}) already exists.")));
    let text = format!("INSERT INTO person (id, name) VALUES (3, '{secret}'); SELECT nope()");
    let error = client.batch_execute(&text).await.unwrap_err();
    let at = text.find("nope").and_then(|at| u32::try_from(at + 1).ok());
    assert_eq!((error.code(), error.position()), (Some("42883"), at));
    let text =
        format!("INSERT INTO note VALUES (1, 'a'); INSERT INTO person (id, name) VALUES ('no number', '{secret}')");
    assert_eq!(code(client.batch_execute(&text).await), "22P02");
    assert_eq!(service.world.at_server("SELECT count(*) FROM note"), "0\n");
    // What names nothing of ours, behind a write of ours.
    client.batch_execute(&format!("BEGIN; INSERT INTO person (id, name) VALUES (4, '{secret}')")).await.unwrap();
    let error = client.execute("SELECT '0123456789abcdef0123'::int", &[]).await.unwrap_err();
    assert!(error.message().contains("0123456789abcdef0123"), "{error}");
    client.batch_execute("ROLLBACK").await.unwrap();
}

#[tokio::test]
async fn settings_that_a_text_changes_are_not_guessed_for_what_stands_behind() {
    let service = Service::start("batchsettings").await;
    let (client, secret) = (service.client().await, service.secret());
    let insert = format!("INSERT INTO person (id, name, seen) VALUES (1, '{secret}', '2026-01-02 03:04:05')");
    assert_eq!(code(client.batch_execute(&format!("SET TimeZone = 'Asia/Tokyo'; {insert}")).await), "0A000");
    client.batch_execute("SET TimeZone = 'Asia/Tokyo'").await.unwrap();
    client.batch_execute(&insert).await.unwrap();
    let seen = client.query_one("SELECT seen FROM person WHERE seen = '2026-01-01 18:04:05+00'", &[]).await;
    assert!(seen.is_ok(), "{seen:?}");
}
