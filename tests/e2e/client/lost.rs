//! What goes wrong around a statement: each an error that says what and where (issue 5, Measures).

use std::time::Duration;

use deadpool_postgres::{Pool, Runtime};
use pgseal::client::{Error, PoolError};
use pgseal::sealer::Kind;

use super::{Service, manager};

#[tokio::test]
async fn a_connection_lost_in_the_middle_of_a_transaction_is_a_clear_error_and_the_pool_goes_on() {
    let service = Service::sized("clost", 1).await;
    let holder = service.secret();
    for update in [false, true] {
        let mut client = service.client().await;
        let sql = "INSERT INTO account (id, iban, holder) VALUES (1, 'i', $1) ON CONFLICT DO NOTHING";
        client.execute(sql, &[&holder]).await.unwrap();
        let transaction = client.transaction().await.unwrap();
        let pid: i32 = transaction.query_one("SELECT pg_catalog.pg_backend_pid()", &[]).await.unwrap().get(0);
        service.world.at_server(&format!("SELECT pg_terminate_backend({pid}, 5000)"));
        let error = match update {
            false => transaction.query("SELECT holder FROM account", &[]).await.map(drop).unwrap_err(),
            true => transaction.execute("UPDATE account SET holder = 'x'", &[]).await.map(drop).unwrap_err(),
        };
        let code = error.code().unwrap();
        assert!(["57P01", "08006"].contains(&code), "{error}");
        assert_eq!(error.kind(), Kind::Database);
        let error = transaction.commit().await.unwrap_err();
        assert!(!error.to_string().is_empty());
        assert!(client.is_closed());
        drop(client);
        let client = service.client().await;
        assert_eq!(client.query_one("SELECT holder FROM account", &[]).await.unwrap().get::<_, String>(0), holder);
    }
}

#[tokio::test]
async fn an_exhausted_pool_says_so() {
    let mut service = Service::sized("cpool", 1).await;
    let pool = Pool::builder(manager(&service.world)).max_size(1).runtime(Runtime::Tokio1);
    service.pool = pool.wait_timeout(Some(Duration::from_millis(50))).build().unwrap();
    service.world.writes_no_secret("no statement is sent");
    let _held = service.client().await;
    let Err(error) = service.sealer.client(&service.pool).await else { panic!("a second connection of one") };
    assert!(matches!(error, Error::Pool(PoolError::Exhausted)), "{error}");
}

#[tokio::test]
async fn a_constraint_that_is_checked_at_the_commit_is_told_in_the_applications_terms_sql_56() {
    let service = Service::start("cdefer").await;
    service.world.at_server(
        "CREATE TABLE payee (id int PRIMARY KEY, email text);
         CREATE TABLE owner (id bigint PRIMARY KEY);
         ALTER TABLE account ADD CONSTRAINT owned FOREIGN KEY (id) REFERENCES owner DEFERRABLE INITIALLY DEFERRED",
    );
    let mut client = service.client().await;
    let insert = "INSERT INTO account (id, iban, holder) VALUES (5, 'i', $1)";
    let holder = service.secret();
    let transaction = client.transaction().await.unwrap();
    transaction.execute(insert, &[&holder]).await.unwrap();
    let error = transaction.commit().await.unwrap_err();
    assert_eq!(error.code(), Some("23503"));
    let detail = "Key (id)=(5) is not present in table \"owner\".";
    assert_eq!(error.as_db_error().unwrap().detail(), Some(detail));
    let error = client.execute(insert, &[&holder]).await.unwrap_err();
    assert_eq!(error.code(), Some("23503"));
    client.batch_execute("SELECT 1").await.unwrap();
    assert!(client.query("SELECT id FROM account", &[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_cell_of_a_key_that_nobody_has_is_an_error_that_names_the_key() {
    let service = Service::start("ckey").await;
    let client = service.client().await;
    let name = service.secret();
    client.execute("INSERT INTO person (id, name) VALUES (1, $1)", &[&name]).await.unwrap();
    // The reference stands behind the version (docs/formats.md, CELL-1).
    service.world.at_server("UPDATE person SET name = set_byte(name, 4, 255 - get_byte(name, 4))");
    let error = client.query("SELECT name FROM person", &[]).await.unwrap_err();
    assert_eq!(error.code(), Some("XX001"));
    assert!(error.to_string().contains("key \"people\" has no version"), "{error}");
    client.query("SELECT 1", &[]).await.unwrap();
}
