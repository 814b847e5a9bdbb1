//! PREPARE and EXECUTE in SQL: what was harmless when it was prepared is looked at again when something else is protected.
//! The same through both doors (SQL-66).

use std::time::{Duration, Instant};

use super::Service;
use crate::harness::raw::{bind, execute, parse, query, sync};

const HARMLESS: &str = "CREATE TABLE stage3 (id bigint, name text)";

/// A view over a protected table takes the name, behind our back.
const TAKEN: &str = "DROP TABLE stage3; CREATE VIEW stage3 AS SELECT id, name FROM person";

/// Something is defined, so that the catalog is looked at. Returns when both doors know the view.
async fn until_known(service: &Service) {
    let (client, proxied) = (service.client().await, service.world.client().await);
    client.batch_execute("CREATE TABLE nudge_a ()").await.unwrap();
    proxied.batch_execute("CREATE TABLE nudge_b ()").await.unwrap();
    let begun = Instant::now();
    loop {
        let own = client.batch_execute("TABLE stage3").await.is_err();
        if own && proxied.batch_execute("TABLE stage3").await.is_err() {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "the view was not found");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_was_prepared_in_sql_is_looked_at_again_when_the_catalog_has_changed_sql_66() {
    let service = Service::sized("bysql", 3).await;
    service.world.at_server(HARMLESS);
    let secret = service.secret();
    let (client, proxied) = (service.client().await, service.world.client().await);
    let mut raw = service.world.raw();
    let prepares = [
        "PREPARE filled(text) AS INSERT INTO stage3 VALUES (1, $1)",
        "PREPARE other(text) AS SELECT $1",
        "PREPARE again(text) AS INSERT INTO stage3 VALUES (2, $1)",
    ];
    for text in prepares {
        client.batch_execute(text).await.unwrap();
        proxied.execute(text, &[]).await.unwrap();
        raw.talk(&query(text), 1);
    }
    raw.talk(&[parse("message", "INSERT INTO stage3 VALUES (3, $1)", &[]), sync()].concat(), 1);
    let (kept, by_parameter) = ("EXECUTE filled('x')", "EXECUTE filled('y')");
    let (own, theirs) = (client.prepare(kept).await.unwrap(), proxied.prepare(by_parameter).await.unwrap());
    client.execute(&own, &[]).await.unwrap();
    proxied.execute(&theirs, &[]).await.unwrap();
    assert_eq!(service.world.at_server("SELECT count(*) FROM stage3").trim(), "2");

    service.world.at_server(TAKEN);
    until_known(&service).await;
    let filled = format!("EXECUTE filled('{secret}')");
    for text in [filled.as_str(), &format!("EXPLAIN ANALYZE {filled}"), &format!("SELECT 1; {filled}")] {
        assert_eq!(client.batch_execute(text).await.unwrap_err().code(), Some("0A000"), "SDK: {text}");
        let own = proxied.batch_execute(text).await.unwrap_err();
        assert_eq!(own.code().unwrap().code(), "0A000", "proxy: {text}");
    }
    assert_eq!(client.query(&filled, &[]).await.map(drop).unwrap_err().code(), Some("0A000"));
    assert_eq!(proxied.query(&filled, &[]).await.unwrap_err().code().unwrap().code(), "0A000");
    assert_eq!(client.execute(&own, &[]).await.unwrap_err().code(), Some("0A000"));
    assert_eq!(proxied.execute(&theirs, &[]).await.unwrap_err().code().unwrap().code(), "0A000");
    // By message, and the other way round.
    let mut codes = |script: &[Vec<u8>]| -> Vec<String> {
        raw.talk(&script.concat(), 1)
            .iter()
            .filter(|frame| frame.kind == 'E')
            .filter_map(|frame| frame.field('C'))
            .collect()
    };
    assert_eq!(codes(&[bind("", "filled", &[Some(&secret)], 0), execute("", 0), sync()]), ["0A000"]);
    assert_eq!(codes(&[bind("", "other", &[Some("x")], 0), execute("", 0), sync()]), [""; 0]);
    assert_eq!(codes(&[query(&format!("EXECUTE message('{secret}')"))]), ["0A000"]);
    // What names nothing protected goes on, under a name that is free again too.
    for text in ["EXECUTE other('x')", "DEALLOCATE filled", "PREPARE filled(text) AS SELECT $1", "EXECUTE filled('x')"]
    {
        client.batch_execute(text).await.unwrap();
        proxied.batch_execute(text).await.unwrap();
        assert_eq!(codes(&[query(text)]), [""; 0], "{text}");
    }
    // Taken once more in vain: the text that the server kept counts.
    let taken = "PREPARE again(text) AS SELECT $1";
    assert_eq!(client.batch_execute(taken).await.unwrap_err().code(), Some("42P05"));
    assert_eq!(proxied.batch_execute(taken).await.unwrap_err().code().unwrap().code(), "42P05");
    let again = format!("EXECUTE again('{secret}')");
    assert_eq!(client.batch_execute(&again).await.unwrap_err().code(), Some("0A000"));
    assert_eq!(proxied.batch_execute(&again).await.unwrap_err().code().unwrap().code(), "0A000");
}

#[tokio::test]
async fn a_session_keeps_four_megabytes_of_prepared_texts_and_then_says_54000_sql_66() {
    let service = Service::start("bysqlmuch").await;
    service.world.writes_no_secret("nothing is written into a sealed table");
    let (client, proxied) = (service.client().await, service.world.client().await);
    let long = "x".repeat(1 << 20);
    let text = |name: usize| format!("PREPARE p{name} AS SELECT '{long}'");
    for number in 0..3 {
        client.batch_execute(&text(number)).await.unwrap();
        proxied.batch_execute(&text(number)).await.unwrap();
    }
    // One that the server does not take keeps no place.
    client.batch_execute(&text(0)).await.unwrap_err();
    proxied.batch_execute(&text(0)).await.unwrap_err();
    let small = "PREPARE small AS SELECT 1";
    client.batch_execute(small).await.unwrap();
    proxied.batch_execute(small).await.unwrap();
    assert_eq!(client.batch_execute(&text(3)).await.unwrap_err().code(), Some("54000"));
    assert_eq!(proxied.batch_execute(&text(3)).await.unwrap_err().code().unwrap().code(), "54000");
    for text in
        ["EXECUTE p2", "EXECUTE small", "DEALLOCATE p1", &text(3), "DEALLOCATE ALL", &text(0), &text(1), &text(2)]
    {
        client.batch_execute(text).await.unwrap();
        proxied.batch_execute(text).await.unwrap();
    }
}

#[tokio::test]
async fn the_drivers_own_names_are_not_prepared_in_sql_sql_66() {
    let service = Service::start("bysqldriver").await;
    let secret = service.secret();
    let client = service.client().await;
    let find = client.prepare("SELECT id FROM person WHERE email = $1").await.unwrap();
    assert!(client.query(&find, &[&secret]).await.unwrap().is_empty());
    for number in 0..8 {
        let text = format!("PREPARE s{number} AS SELECT $1::bytea");
        assert_eq!(client.batch_execute(&format!("DISCARD PLANS; {text}")).await.unwrap_err().code(), Some("0A000"));
        assert_eq!(client.execute(&text, &[]).await.unwrap_err().code(), Some("0A000"));
    }
    client.batch_execute("DISCARD ALL").await.unwrap();
    assert!(client.query(&find, &[&secret]).await.unwrap().is_empty());
}
