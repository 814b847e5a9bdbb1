//! deadpool's ways of recycling: what a session leaves behind is as deadpool promises, and what we know of the
//! connection agrees with it.

use std::time::SystemTime;

use deadpool_postgres::RecyclingMethod;
use pgseal::client::Client;

use super::{Service, recycling};

const METHODS: [(&str, RecyclingMethod); 2] =
    [("rverified", RecyclingMethod::Verified), ("rclean", RecyclingMethod::Clean)];

/// One connection, made ready again by this method.
async fn service(name: &str, method: &RecyclingMethod) -> Service {
    let mut service = Service::sized(name, 1).await;
    service.pool = recycling(&service.world, 1, method.clone());
    service
}

async fn pid(client: &Client) -> i32 {
    client.query_one("SELECT pg_catalog.pg_backend_pid()", &[]).await.unwrap().get(0)
}

/// How many statements of the driver's the server has, this one's own among them.
async fn prepared(client: &Client) -> i64 {
    let count = "SELECT count(*) FROM pg_catalog.pg_prepared_statements WHERE name ~ '^s[0-9]+$'";
    client.query_one(count, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn settings_are_read_as_recycling_left_them_and_prepared_statements_stay_sql_12() {
    for (name, method) in &METHODS {
        let service = service(name, method).await;
        let name = service.secret();
        let insert = "INSERT INTO person (id, name, seen) VALUES (1, $1, '2026-01-01 12:00') RETURNING seen";
        let zone = "SELECT current_setting('TimeZone')";
        let (first, statements, own) = {
            let client = service.client().await;
            let own: String = client.query_one(zone, &[]).await.unwrap().get(0);
            client.batch_execute("SET TimeZone = 'Asia/Tokyo'; PREPARE mine AS SELECT 7").await.unwrap();
            let seen: SystemTime = client.query_one(insert, &[&name]).await.unwrap().get(0);
            assert_eq!(seen.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() / 3600 % 24, 3, "noon in Tokyo");
            client.execute("DELETE FROM person WHERE id = 1", &[]).await.unwrap();
            prepared(&client).await;
            (pid(&client).await, prepared(&client).await, own)
        };
        let client = service.client().await;
        assert_eq!(pid(&client).await, first);
        let left: String = client.query_one(zone, &[]).await.unwrap().get(0);
        assert_eq!(left, if *method == RecyclingMethod::Clean { own.as_str() } else { "Asia/Tokyo" }, "{method:?}");
        let seen: SystemTime = client.query_one(insert, &[&name]).await.unwrap().get(0);
        let server = client.query_one("SELECT '2026-01-01 12:00'::timestamptz", &[]).await.unwrap();
        assert_eq!(seen, server.get::<_, SystemTime>(0), "{method:?}: {left}");
        // One more: the cast. Everything else was prepared before, and neither method takes that away.
        assert_eq!(prepared(&client).await, statements + 1, "{method:?}");
        assert_eq!(client.query_one("EXECUTE mine", &[]).await.unwrap().get::<_, i32>(0), 7, "{method:?}");
    }
}

#[tokio::test]
async fn a_setting_that_changes_what_a_statement_means_counts_as_long_as_it_is_left_behind_sql_7() {
    for (name, method) in &METHODS {
        let service = service(name, method).await;
        service.world.writes_no_secret("it only reads");
        let select = "SELECT name FROM person WHERE email = NULL";
        service.client().await.query(select, &[]).await.unwrap();
        service.pool.get().await.unwrap().batch_execute("SET transform_null_equals = on").await.unwrap();
        let answer = service.client().await.query(select, &[]).await;
        match method {
            RecyclingMethod::Clean => assert!(answer.unwrap().is_empty()),
            _ => assert_eq!(answer.map(drop).unwrap_err().code(), Some("0A000"), "{method:?}"),
        }
    }
}

#[tokio::test]
async fn a_temporary_table_is_there_or_gone_and_its_statement_is_prepared_again_when_it_comes_back_otherwise() {
    for (name, method) in &METHODS {
        let service = service(name, method).await;
        service.world.writes_no_secret("it writes into a table that is not sealed");
        let select = "SELECT * FROM scratch";
        {
            let client = service.client().await;
            client.batch_execute("CREATE TEMP TABLE scratch AS SELECT 1 AS number").await.unwrap();
            assert_eq!(client.query_one(select, &[]).await.unwrap().get::<_, i32>(0), 1);
        }
        let client = service.client().await;
        let answer = client.query(select, &[]).await;
        match method {
            RecyclingMethod::Clean => assert_eq!(answer.map(drop).unwrap_err().code(), Some("42P01")),
            _ => assert_eq!(answer.unwrap()[0].get::<_, i32>(0), 1),
        }
        let other = "DROP TABLE IF EXISTS scratch; CREATE TEMP TABLE scratch AS SELECT 'one' AS word";
        client.batch_execute(other).await.unwrap();
        let row = client.query_one(select, &[]).await.unwrap();
        assert_eq!((row.columns()[0].name(), row.get::<_, &str>("word")), ("word", "one"), "{method:?}");
    }
}

#[tokio::test]
async fn a_block_of_a_client_of_ours_reaches_no_method_of_recycling() {
    for (name, method) in &METHODS {
        let service = service(name, method).await;
        service.world.writes_no_secret("it writes into a table that is not sealed");
        let client = service.client().await;
        let first = pid(&client).await;
        client.batch_execute("BEGIN; INSERT INTO note VALUES (1, 'x')").await.unwrap();
        drop(client);
        let client = service.client().await;
        assert_ne!(pid(&client).await, first, "{method:?}");
        assert!(client.query("SELECT * FROM note", &[]).await.unwrap().is_empty());
    }
}
