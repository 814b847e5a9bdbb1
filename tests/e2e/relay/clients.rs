//! Real clients with nothing protected.

use std::future::poll_fn;
use std::io::Write;
use std::process::Stdio;

use tokio_postgres::{AsyncMessage, NoTls};

use crate::harness::World;
use crate::harness::cluster::cluster;
use crate::harness::proxy::run;
use crate::harness::world::psql;

#[tokio::test]
async fn a_driver_prepares_pipelines_and_rolls_back() {
    let world = World::plain("driver");
    let mut client = world.client().await;
    client.batch_execute("CREATE TABLE t (id int PRIMARY KEY, v text, at timestamptz DEFAULT now())").await.unwrap();
    let insert = client.prepare("INSERT INTO t (id, v) VALUES ($1, $2)").await.unwrap();
    let inserts = (0..50).map(|id| {
        let (client, insert) = (&client, &insert);
        async move { client.execute(insert, &[&id, &format!("v{id}")]).await.unwrap() }
    });
    for insert in inserts {
        assert_eq!(insert.await, 1);
    }
    let transaction = client.transaction().await.unwrap();
    transaction.execute("DELETE FROM t WHERE id >= $1", &[&10]).await.unwrap();
    let error = transaction.execute("INSERT INTO t (id) VALUES (1)", &[]).await.unwrap_err();
    assert_eq!(error.code().unwrap().code(), "23505");
    transaction.rollback().await.unwrap();
    let (a, b) = tokio::join!(
        client.query_one("SELECT count(*) FROM t", &[]),
        client.query_one("SELECT v, at FROM t WHERE id = $1", &[&7])
    );
    assert_eq!((a.unwrap().get::<_, i64>(0), b.unwrap().get::<_, String>(0)), (50, "v7".into()));
}

#[tokio::test]
async fn values_of_many_megabytes_pass_both_ways() {
    let world = World::plain("large");
    let client = world.client().await;
    let value = "ä€x".repeat(4 * 1024 * 1024);
    let row = client.query_one("SELECT $1::text, length($1), $2::bytea", &[&value, &value.as_bytes()]).await.unwrap();
    assert!(row.get::<_, &str>(0) == value && row.get::<_, &[u8]>(2) == value.as_bytes());
    assert_eq!(row.get::<_, i32>(1), 12 * 1024 * 1024);
    let rows = client.query("SELECT g, repeat('x', 100) FROM generate_series(1, 100000) g", &[]).await.unwrap();
    assert_eq!(rows.len(), 100_000);
}

#[tokio::test]
async fn notifications_arrive_while_the_session_is_idle() {
    let world = World::plain("notify");
    let (client, mut connection) = world.config_of_client().connect(NoTls).await.unwrap();
    let listening = client.batch_execute("LISTEN news");
    tokio::pin!(listening);
    loop {
        tokio::select! {
            biased;
            done = &mut listening => break done.unwrap(),
            message = poll_fn(|context| connection.poll_message(context)) => assert!(message.is_some()),
        }
    }
    world.at_server("NOTIFY news, 'hello'");
    let heard = loop {
        match poll_fn(|context| connection.poll_message(context)).await.unwrap().unwrap() {
            AsyncMessage::Notification(heard) => break heard,
            _ => continue,
        }
    };
    assert_eq!((heard.channel(), heard.payload()), ("news", "hello"));
}

#[tokio::test]
async fn a_cancel_request_reaches_the_server() {
    let world = World::plain("cancel");
    let client = world.client().await;
    let cancel = client.cancel_token();
    let watcher = world.direct().await;
    let sleeping = tokio::spawn(async move { client.batch_execute("SELECT pg_sleep(600)").await });
    let running =
        "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(600)' AND datname = current_database()";
    while watcher.query_one(running, &[]).await.unwrap().get::<_, i64>(0) == 0 {
        tokio::task::yield_now().await;
    }
    cancel.cancel_query(NoTls).await.unwrap();
    let error = sleeping.await.unwrap().unwrap_err();
    assert_eq!(error.code().unwrap().code(), "57014");
}

/// psql's own output for a script, by whichever port.
fn psql_says(mut psql: std::process::Command, script: &str) -> (String, String) {
    let mut child = psql
        .args(["-v", "ON_ERROR_STOP=0"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn psql_prints_the_same_as_direct() {
    let world = World::plain("psql");
    let script = r"
        \set VERBOSITY verbose
        BEGIN;
        CREATE TABLE people (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, born date);
        COPY people (name, born) FROM STDIN;
Ada	1815-12-10
Grace	1906-12-09
\.
        \d people
        SELECT * FROM people ORDER BY born DESC;
        TABLE people \gx
        COPY people TO STDOUT WITH (FORMAT csv, HEADER);
        SELECT name FROM people WHERE brn = '1815-12-10';
        SELECT 1;
        ROLLBACK;
        SELECT 'é' AS letter \gdesc
        \bind 41
        DO $$ BEGIN RAISE WARNING 'careful'; END $$;
        \encoding LATIN1
        SELECT length('x');
    ";
    let direct = psql_says(psql(world.database(), cluster().port()), script);
    let relayed = psql_says(world.psql(), script);
    assert_eq!(relayed, direct);
    assert!(relayed.0.contains("Grace") && relayed.1.contains("42703"), "{relayed:?}");
}

#[test]
fn psql_connects_with_libpqs_defaults() {
    // sslmode=prefer and gssencmode=prefer: both requests are made and answered N.
    let world = World::plain("defaults");
    let mut psql = world.psql();
    psql.env_remove("PGSSLMODE").args(["-A", "-t", "-c", "SELECT 'fine'"]);
    let output = run(&mut psql);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "fine\n", "{}", String::from_utf8_lossy(&output.stderr));
}
