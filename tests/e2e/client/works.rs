//! What an application does every day.

use std::time::SystemTime;

use pgseal::client::Error;
use pgseal::sealer::Kind;
use tokio_postgres::types::{ToSql, Type};

use super::Service;

const NO_PARAMS: [&(dyn ToSql + Sync); 0] = [];

#[tokio::test]
async fn a_row_is_sealed_found_and_opened_and_the_proxy_reads_the_same() {
    let service = Service::start("cworks").await;
    let client = service.client().await;
    let (name, email) = (service.secret(), service.secret());
    let seen = SystemTime::UNIX_EPOCH;
    let insert = "INSERT INTO person (id, name, email, seen) VALUES ($1, $2, $3, $4) RETURNING id, name, team";
    let row = client.query_one(insert, &[&7_i64, &name, &email, &seen]).await.unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, &str>("name"), row.get::<_, &str>(2)), (7, name.as_str(), "red"));

    let select = client.prepare("SELECT id, name, seen, team FROM person WHERE email = $1").await.unwrap();
    assert_eq!(select.params(), [Type::TEXT]);
    let types: Vec<_> = select.columns().iter().map(|column| column.type_().clone()).collect();
    assert_eq!(types, [Type::INT8, Type::TEXT, Type::TIMESTAMPTZ, Type::TEXT]);
    let row = client.query_one(&select, &[&email]).await.unwrap();
    assert_eq!(row.get::<_, String>("name"), name);
    assert_eq!(row.get::<_, SystemTime>("seen"), seen);

    let proxied = service.world.client().await;
    let row = proxied.query_one("SELECT name FROM person WHERE email = $1", &[&email]).await.unwrap();
    assert_eq!(row.get::<_, String>(0), name);
    assert_eq!(client.execute("DELETE FROM person WHERE email = $1", &[&email]).await.unwrap(), 1);
    assert!(client.query_opt(&select, &[&email]).await.unwrap().is_none());
    let error = client.query_one(&select, &[&email]).await.unwrap_err();
    assert!(matches!(error, Error::RowCount(_)), "{error}");
}

#[tokio::test]
async fn a_signed_row_is_inserted_updated_and_read_in_and_out_of_a_transaction_sql_51() {
    let service = Service::start("csigned").await;
    let mut client = service.client().await;
    let (holder, iban) = (service.secret(), service.secret());
    // The server fills in id and opened: it is asked for them first (SQL-22).
    let insert =
        "INSERT INTO account (label, iban, holder, feels) VALUES ('main', $1, $2, 'glad') RETURNING id, feels::text";
    let row = client.query_one(insert, &[&iban, &"first"]).await.unwrap();
    let id: i64 = row.get("id");
    assert_eq!(row.get::<_, &str>("feels"), "glad");

    let update = "UPDATE account SET holder = $1 WHERE iban = $2 RETURNING *";
    let row = client.query_one(update, &[&holder, &iban]).await.unwrap();
    assert_eq!((row.get::<_, i64>("id"), row.get::<_, &str>("holder")), (id, holder.as_str()));
    let select = "SELECT holder, label FROM account WHERE id = $1";

    let transaction = client.transaction().await.unwrap();
    assert_eq!(transaction.execute(update, &[&"third", &iban]).await.unwrap(), 1);
    assert_eq!(transaction.query_one(select, &[&id]).await.unwrap().get::<_, &str>(0), "third");
    transaction.rollback().await.unwrap();
    assert_eq!(client.query_one(select, &[&id]).await.unwrap().get::<_, String>(0), holder);

    let mut transaction = client.transaction().await.unwrap();
    let nested = transaction.transaction().await.unwrap();
    nested.execute(update, &[&"fourth", &iban]).await.unwrap();
    drop(nested);
    let nested = transaction.savepoint("\"a b\"").await.unwrap();
    nested.execute("UPDATE account SET label = $1 WHERE id = $2", &[&"kept", &id]).await.unwrap();
    nested.commit().await.unwrap();
    transaction.commit().await.unwrap();
    let row = client.query_one(select, &[&id]).await.unwrap();
    assert_eq!((row.get::<_, String>(0), row.get::<_, &str>(1)), (holder.clone(), "kept"));

    let proxied = service.world.client().await;
    let row = proxied.query_one(select, &[&id]).await.unwrap();
    assert_eq!(row.get::<_, String>(0), holder);
}

#[tokio::test]
async fn a_stream_gives_rows_as_they_come_and_says_how_many_there_were() {
    let service = Service::start("cstream").await;
    let client = service.client().await;
    let secret = service.secret();
    for id in 0..20_i64 {
        let name = format!("{secret} {id}");
        client.execute("INSERT INTO person (id, name) VALUES ($1, $2)", &[&id, &name]).await.unwrap();
    }
    let mut stream = client.query_raw("SELECT id, name FROM person ORDER BY id", NO_PARAMS).await.unwrap();
    assert_eq!(stream.columns().len(), 2);
    assert_eq!(stream.try_next().await.unwrap().unwrap().get::<_, String>(1), format!("{secret} 0"));
    assert_eq!(stream.rows_affected(), None);
    let mut rest = 0;
    while stream.try_next().await.unwrap().is_some() {
        rest += 1;
    }
    assert_eq!((rest, stream.rows_affected()), (19, Some(20)));
    drop(stream);
    // One that is given up holds nobody back.
    let mut stream = client.query_raw("SELECT id, name FROM person", NO_PARAMS).await.unwrap();
    stream.try_next().await.unwrap().unwrap();
    drop(stream);
    assert_eq!(client.query("SELECT name FROM person", &[]).await.unwrap().len(), 20);
}

#[tokio::test]
async fn calls_of_one_client_may_be_under_way_at_the_same_time() {
    let service = Service::start("cpipe").await;
    let client = service.client().await;
    let holders = [service.secret(), service.secret(), service.secret()];
    let insert = "INSERT INTO account (id, iban, holder) VALUES (1, 'a', $1)";
    client.execute(insert, &[&holders[0]]).await.unwrap();
    let update = "UPDATE account SET holder = $1 WHERE id = 1";
    let select = "SELECT holder FROM account WHERE id = 1";
    let (one, two): ([&(dyn ToSql + Sync); 1], [&(dyn ToSql + Sync); 1]) = ([&holders[1]], [&holders[2]]);
    let (first, read, second, last) = tokio::join!(
        client.execute(update, &one),
        client.query_one(select, &[]),
        client.execute(update, &two),
        client.query_one("SELECT 1", &[]),
    );
    assert_eq!((first.unwrap(), second.unwrap()), (1, 1));
    assert!(holders.contains(&read.unwrap().get(0)));
    last.unwrap();
    assert!(holders[1..].contains(&client.query_one(select, &[]).await.unwrap().get(0)));
}

/// SQLSTATE, message, hint, position.
type Said = (String, String, Option<String>, Option<u32>);

fn said(error: &Error) -> Said {
    (error.code().unwrap().to_owned(), error.message().into_owned(), error.hint().map(Into::into), error.position())
}

fn proxy_said(error: &tokio_postgres::Error) -> Said {
    let error = error.as_db_error().unwrap();
    let position = match error.position() {
        Some(tokio_postgres::error::ErrorPosition::Original(at)) => Some(*at),
        _ => None,
    };
    (error.code().code().to_owned(), error.message().to_owned(), error.hint().map(str::to_owned), position)
}

#[tokio::test]
async fn a_refusal_and_an_error_have_the_proxys_own_words() {
    let service = Service::start("cwords").await;
    let client = service.client().await;
    let proxied = service.world.client().await;
    let insert = "INSERT INTO person (id, name, email) VALUES (1, $1, 'e')";
    client.execute(insert, &[&service.secret()]).await.unwrap();
    for sql in [
        "SELECT upper(name) FROM person",
        "SELECT * FROM person WHERE name LIKE 'x%'",
        "SELECT count(*) FROM person GROUP BY name",
        "PREPARE p AS SELECT * FROM person",
        "EXECUTE p('secret')",
        "SELECT nope FROM person",
        "SELECT id FROM person WHERE team = nope",
        "SELECT * FROM person; SELECT 1",
        "INSERT INTO person (id, name, email) VALUES (2, 'n', 'e')",
        "INSERT INTO person (id, name) VALUES (3, NULL)",
        "INSERT INTO person (id, name, seen) VALUES (3, 'n', 'not a time')",
        "UPDATE account SET holder = 'x' WHERE label = nope",
        "UPDATE person SET seen = '2026-01-01 00:00' WHERE id = 'x'",
        "SELECT 'a' + 1",
        "SELECT FROM WHERE",
    ] {
        let ours = client.query(sql, &[]).await.map(drop).unwrap_err();
        let theirs = proxied.query(sql, &[]).await.map(drop).unwrap_err();
        assert_eq!(said(&ours), proxy_said(&theirs), "{sql}");
    }
}

#[tokio::test]
async fn a_refused_statement_fails_the_transaction_and_only_that() {
    let service = Service::start("cfails").await;
    let mut client = service.client().await;
    let transaction = client.transaction().await.unwrap();
    let insert = "INSERT INTO person (id, name) VALUES ($1, $2)";
    let secret = service.secret();
    transaction.execute(insert, &[&1_i64, &secret]).await.unwrap();
    let error = transaction.query("SELECT upper(name) FROM person", &[]).await.unwrap_err();
    assert_eq!((error.code(), error.kind()), (Some("0A000"), Kind::Refused));
    let error = transaction.query("SELECT 1", &[]).await.unwrap_err();
    assert_eq!(error.code(), Some("25P02"));
    drop(transaction);
    assert!(client.query("SELECT id FROM person", &[]).await.unwrap().is_empty());

    // The same in a block that began as text, and in a savepoint.
    client.batch_execute("BEGIN; SAVEPOINT a").await.unwrap();
    client.query("SELECT upper(name) FROM person", &[]).await.unwrap_err();
    assert_eq!(client.query("SELECT 1", &[]).await.unwrap_err().code(), Some("25P02"));
    client.execute("ROLLBACK TO a", &[]).await.unwrap();
    client.execute(insert, &[&2_i64, &secret]).await.unwrap();
    client.execute("COMMIT", &[]).await.unwrap();
    assert_eq!(client.query("SELECT id FROM person", &[]).await.unwrap().len(), 1);
    // Outside, nothing fails with it.
    client.query("SELECT upper(name) FROM person", &[]).await.unwrap_err();
    client.query("SELECT 1", &[]).await.unwrap();
}

#[tokio::test]
async fn a_forged_row_is_an_error_and_fails_the_transaction_sig_6() {
    let service = Service::start("cforged").await;
    let mut client = service.client().await;
    let insert = "INSERT INTO account (id, label, iban, holder) VALUES (1, 'l', 'i', $1)";
    client.execute(insert, &[&service.secret()]).await.unwrap();
    service.world.at_server("UPDATE account SET label = 'forged'");
    let select = "SELECT holder FROM account";
    let update = "UPDATE account SET holder = 'x' WHERE id = 1";
    for sql in [select, update] {
        let error = client.execute(sql, &[]).await.unwrap_err();
        assert_eq!((error.code(), error.kind()), (Some("XX001"), Kind::Tampered), "{sql}");
        client.query("SELECT 1", &[]).await.unwrap();
        let transaction = client.transaction().await.unwrap();
        assert_eq!(transaction.execute(sql, &[]).await.unwrap_err().code(), Some("XX001"), "{sql}");
        assert_eq!(transaction.query("SELECT 1", &[]).await.unwrap_err().code(), Some("25P02"), "{sql}");
    }
    assert_eq!(client.query_one("SELECT 1", &[]).await.unwrap().get::<_, i32>(0), 1);
}

#[tokio::test]
async fn a_forged_row_before_many_others_fails_the_transaction_although_they_are_not_read_sig_6() {
    let service = Service::start("cmanyforged").await;
    let mut client = service.client().await;
    let (label, holder) = ("l".repeat(200), service.secret());
    let rows: Vec<String> = (1..=1500).map(|id| format!("({id}, '{label}', 'i{id}', '{holder}')")).collect();
    client
        .execute(&format!("INSERT INTO account (id, label, iban, holder) VALUES {}", rows.join(",")), &[])
        .await
        .unwrap();
    service.world.at_server("UPDATE account SET label = 'forged' WHERE id = 1");
    let transaction = client.transaction().await.unwrap();
    let error = transaction.query("SELECT holder, label FROM account ORDER BY id", &[]).await.unwrap_err();
    assert_eq!(error.code(), Some("XX001"));
    let error = transaction.query("SELECT upper(holder) FROM account", &[]).await.unwrap_err();
    assert_eq!(error.code(), Some("25P02"), "what the server says of anything in a failed transaction");
    transaction.rollback().await.unwrap();
    client.query("SELECT 1", &[]).await.unwrap();
}

#[tokio::test]
async fn a_name_of_the_drivers_own_cannot_be_executed_in_sql_sql_5() {
    let service = Service::start("cnames").await;
    let client = service.client().await;
    let secret = service.secret();
    client.query("SELECT name FROM person WHERE email = $1", &[&"e"]).await.unwrap();
    for name in 0..3 {
        let error = client.batch_execute(&format!("EXECUTE s{name}('{secret}')")).await.unwrap_err();
        assert_eq!(error.code(), Some("0A000"));
    }
}

#[tokio::test]
async fn what_is_no_parameter_of_the_statement_is_an_error_and_no_panic() {
    let service = Service::start("cparams").await;
    service.world.writes_no_secret("it only reads");
    let client = service.client().await;
    let select = "SELECT name FROM person WHERE email = $1";
    let error = client.query(select, &[]).await.unwrap_err();
    assert!(matches!(error, Error::Parameters { expected: 1, given: 0 }), "{error}");
    let error = client.query(select, &[&7_i64]).await.unwrap_err();
    assert!(matches!(&error, Error::Parameter { index: 0, .. }), "{error}");
    client.query(select, &[&"e"]).await.unwrap();

    // The driver itself encodes what is forwarded.
    client.batch_execute("BEGIN").await.unwrap();
    let forwarded = "SELECT $1::bigint, $2::bigint";
    let error = client.query(forwarded, &[&7_i64]).await.unwrap_err();
    assert!(matches!(error, Error::Parameters { expected: 2, given: 1 }), "{error}");
    let error = client.query(forwarded, &[&7_i64, &"no number"]).await.unwrap_err();
    assert!(matches!(&error, Error::Parameter { index: 1, .. }), "{error}");
    assert!(!format!("{error} {error:?}").contains("no number"));
    let row = client.query_one(forwarded, &[&7_i64, &None::<i64>]).await.unwrap();
    assert_eq!(
        (row.get::<_, i64>(0), row.get::<_, Option<i64>>(1)),
        (7, None),
        "nothing was sent that failed the block"
    );
    client.batch_execute("COMMIT").await.unwrap();
}

#[tokio::test]
async fn settings_are_asked_where_a_text_depends_on_them_sql_7_sql_12() {
    let service = Service::start("csettings").await;
    let client = service.client().await;
    client.batch_execute("SET TimeZone = 'Europe/Berlin'").await.unwrap();
    let name = format!("{}é", service.secret());
    let insert = format!("INSERT INTO person (id, name, seen) VALUES (1, '{name}', '2026-01-01 00:00')");
    client.execute(&insert, &[]).await.unwrap();
    let seen: SystemTime = client.query_one("SELECT seen FROM person", &[]).await.unwrap().get(0);
    let hours = seen.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() / 3600;
    assert_eq!(hours % 24, 23, "midnight in Berlin");

    let text = "SELECT 'a\\\\b'";
    assert_eq!(client.query_one(text, &[]).await.unwrap().get::<_, String>(0), "a\\\\b");
    client.batch_execute("SET standard_conforming_strings = off").await.unwrap();
    assert_eq!(client.query_one(text, &[]).await.unwrap().get::<_, String>(0), "a\\b", "it is prepared again");
    let other = format!("{}'; --", service.secret());
    let insert = format!("INSERT INTO person (id, name) VALUES (2, '{}')", other.replace('\'', "\\'"));
    client.execute(&insert, &[]).await.unwrap();
    let found = "SELECT name FROM person WHERE id = 2";
    assert_eq!(client.query_one(found, &[]).await.unwrap().get::<_, String>(0), other);
    let error = client.query("SELECT U&'a', name FROM person", &[]).await.unwrap_err();
    assert!(error.to_string().contains("unsafe use of string constant"), "{error}");
    client.batch_execute("RESET standard_conforming_strings; BEGIN; SET LOCAL TimeZone = 'UTC'").await.unwrap();
    let update = "UPDATE person SET seen = '2026-01-01 00:00' WHERE id = 1 AND team = 'red'";
    client.execute(update, &[]).await.unwrap();
    client.execute("COMMIT", &[]).await.unwrap();
    let found = "SELECT name FROM person WHERE seen = '2026-01-01 01:00'";
    assert_eq!(client.query_one(found, &[]).await.unwrap().get::<_, String>(0), name, "in Berlin again");
}

#[tokio::test]
async fn what_the_server_forgot_is_prepared_again() {
    let service = Service::start("cforgot").await;
    service.world.writes_no_secret("it only reads");
    let client = service.client().await;
    let select = "SELECT name, team FROM person WHERE email = $1";
    let prepared = client.prepare(select).await.unwrap();
    client.batch_execute("DISCARD ALL").await.unwrap();
    client.query(select, &[&"e"]).await.unwrap();
    client.query(&prepared, &[&"e"]).await.unwrap();
    client.query("SELECT * FROM note", &[]).await.unwrap();
    client.batch_execute("ALTER TABLE note ADD COLUMN more text").await.unwrap();
    assert_eq!(client.prepare("SELECT * FROM note WHERE id = $1").await.unwrap().columns().len(), 3);
    client.query("SELECT * FROM note", &[]).await.unwrap();
}

#[tokio::test]
async fn a_statement_of_one_connection_works_on_another() {
    let service = Service::start("cother").await;
    service.world.writes_no_secret("it only reads");
    let (one, two) = (service.client().await, service.client().await);
    let prepared = one.prepare("SELECT name FROM person WHERE email = $1").await.unwrap();
    assert!(two.query(&prepared, &[&"e"]).await.unwrap().is_empty());
    drop(one);
    assert!(two.query(&prepared, &[&"e"]).await.unwrap().is_empty());
}

#[tokio::test]
async fn many_statements_keep_few_prepared_at_the_server() {
    let service = Service::start("cmany").await;
    service.world.writes_no_secret("it only reads");
    let client = service.client().await;
    for number in 0..600 {
        client.query(&format!("SELECT name FROM person WHERE id = {number}"), &[]).await.unwrap();
    }
    let count = "SELECT count(*) FROM pg_catalog.pg_prepared_statements";
    let row = client.query_one(count, &[]).await.unwrap();
    assert!(row.get::<_, i64>(0) <= 257, "{}", row.get::<_, i64>(0));
}

#[tokio::test]
async fn a_prepared_point_query_takes_one_round_trip() {
    let service = Service::start("ctrip").await;
    let client = service.client().await;
    let insert = "INSERT INTO person (id, name, email) VALUES ($1, $2, $3)";
    let name = service.secret();
    client.execute(insert, &[&1_i64, &name, &"e"]).await.unwrap();
    let select = "SELECT name FROM person WHERE email = $1";
    client.query_one(select, &[&"e"]).await.unwrap();
    drop(client);
    // Taken from the pool again, with nothing known of its settings.
    let client = service.client().await;
    let mark = service.world.link().mark();
    client.query_one(select, &[&"e"]).await.unwrap();
    client.execute(insert, &[&2_i64, &name, &"f"]).await.unwrap();
    let answers = service.world.link().since(mark);
    let ready = answers.windows(6).filter(|bytes| bytes == b"Z\0\0\0\x05I").count();
    assert_eq!(ready, 2, "a ReadyForQuery for each");
}

#[tokio::test]
async fn clients_and_their_calls_may_go_to_other_threads() {
    let service = Service::start("cthreads").await;
    let mut client = service.client().await;
    let holder = service.secret();
    let other = holder.clone();
    let done = tokio::spawn(async move {
        let transaction = client.transaction().await?;
        transaction.execute("INSERT INTO account (id, iban) VALUES ($1, $2)", &[&1_i64, &"i"]).await?;
        transaction.execute("UPDATE account SET holder = $1", &[&other]).await?;
        transaction.commit().await?;
        let mut rows = client.query_raw("SELECT holder FROM account", NO_PARAMS).await?;
        rows.try_next().await
    });
    assert_eq!(done.await.unwrap().unwrap().unwrap().get::<_, String>(0), holder);
}
