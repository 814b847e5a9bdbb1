//! Names that SQL gives, after what they were to mean was refused: the same through both doors (SQL-5).

use super::Service;
use crate::harness::raw::{bind, execute, parse, sync};

const SEALED: &str = "PREPARE mine(text) AS SELECT name FROM person WHERE email = $1";

/// Texts in their order, each as a Query of its own, and the SQLSTATE that both doors give.
const TEXTS: &[(&str, Option<&str>)] = &[
    (SEALED, Some("0A000")),
    ("EXECUTE mine('%')", Some("0A000")),
    // The server does not make it, so it still means what was refused.
    ("PREPARE mine(text) AS SELECT nothing FROM note WHERE text = $1", Some("42703")),
    ("EXECUTE mine('%')", Some("0A000")),
    ("PREPARE mine(text) AS SELECT id FROM note WHERE text = $1", None),
    ("EXECUTE mine('x')", None),
    // An older one is at the server, which is not what the application was told about.
    (SEALED, Some("0A000")),
    ("EXECUTE mine('%')", Some("0A000")),
    ("PREPARE mine(text) AS SELECT 1", Some("42P05")),
    ("EXECUTE mine('%')", Some("0A000")),
    ("DEALLOCATE PREPARE mine", None),
    ("EXECUTE mine('%')", Some("0A000")),
    ("SELECT 1; PREPARE mine(text) AS SELECT $1; PREPARE other AS SELECT 2", None),
    ("EXECUTE mine('x'); EXECUTE other", None),
    ("BEGIN; DECLARE rows CURSOR FOR SELECT 1", None),
    ("ROLLBACK", None),
    ("DECLARE rows CURSOR FOR SELECT name FROM person", Some("0A000")),
    ("FETCH ALL FROM rows", Some("0A000")),
    ("BEGIN; DECLARE rows CURSOR FOR SELECT 1", None),
    ("FETCH ALL FROM rows", None),
    ("COMMIT", None),
    ("DEALLOCATE ALL", None),
];

#[tokio::test]
async fn a_refused_name_is_executed_once_the_server_has_made_it_again_and_not_before_sql_5() {
    let service = Service::sized("namesagain", 2).await;
    let secret = service.secret();
    for by_message in [false, true] {
        let (client, proxied) = (service.client().await, service.world.client().await);
        for (at, (text, expected)) in TEXTS.iter().enumerate() {
            let text = text.replace('%', &secret);
            // Several statements go in a Query.
            let by_message = by_message && !text.contains(';');
            let own = match by_message {
                true => client.execute(&text, &[]).await.map(drop),
                false => client.batch_execute(&text).await,
            };
            let own = own.map_err(|error| error.code().unwrap().to_owned());
            assert_eq!(own.err().as_deref(), *expected, "SDK, {at}, by message: {by_message}: {text}");
            let own = match by_message {
                true => proxied.execute(&text, &[]).await.map(drop),
                false => proxied.batch_execute(&text).await,
            };
            let own = own.map_err(|error| error.code().unwrap().code().to_owned());
            assert_eq!(own.err().as_deref(), *expected, "proxy, {at}, by message: {by_message}: {text}");
        }
    }
}

#[tokio::test]
async fn what_execute_gives_is_described_anew_each_time() {
    let service = Service::start("namesdescribed").await;
    service.world.writes_no_secret("nothing is written into a sealed table");
    let client = service.client().await;
    let execute = "EXECUTE mine";
    client.batch_execute("PREPARE mine AS SELECT 7 AS seven").await.unwrap();
    assert_eq!(client.query_one(execute, &[]).await.unwrap().get::<_, i32>("seven"), 7);
    client.batch_execute("DEALLOCATE mine; PREPARE mine AS SELECT 'acht'::text AS eight").await.unwrap();
    assert_eq!(client.query_one(execute, &[]).await.unwrap().get::<_, &str>("eight"), "acht");
}

#[tokio::test]
async fn what_was_prepared_before_a_name_was_refused_does_not_run_it_afterwards_sql_5() {
    let service = Service::start("nameskept").await;
    service.world.writes_no_secret("nothing is written into a sealed table");
    let (client, proxied) = (service.client().await, service.world.client().await);
    let make = "PREPARE mine(text) AS SELECT $1";
    let execute = "EXECUTE mine('x')";
    client.batch_execute(make).await.unwrap();
    proxied.batch_execute(make).await.unwrap();
    let (own, kept) = (client.prepare(execute).await.unwrap(), proxied.prepare(execute).await.unwrap());
    client.query_one(&own, &[]).await.unwrap();
    proxied.query_one(&kept, &[]).await.unwrap();

    client.batch_execute(SEALED).await.unwrap_err();
    proxied.batch_execute(SEALED).await.unwrap_err();
    assert_eq!(client.query(&own, &[]).await.map(drop).unwrap_err().code(), Some("0A000"));
    assert_eq!(client.query(execute, &[]).await.map(drop).unwrap_err().code(), Some("0A000"));
    let error = proxied.query(&kept, &[]).await.unwrap_err();
    assert_eq!(error.code().unwrap().code(), "0A000");
}

#[tokio::test]
async fn a_name_that_a_message_makes_in_vain_stays_refused_sql_5() {
    let service = Service::start("namesparse").await;
    let secret = service.secret();
    let mut raw = service.world.raw();
    let mut codes = |script: &[Vec<u8>]| -> Vec<String> {
        raw.talk(&script.concat(), 1).iter().filter_map(|frame| frame.field('C')).collect()
    };
    let sealed = "SELECT id FROM person WHERE email = $1 GROUP BY email";
    let bound = [bind("", "p", &[Some(&secret)], 0), execute("", 0), sync()];
    assert_eq!(codes(&[parse("p", sealed, &[]), sync()]), ["0A000"]);
    assert_eq!(codes(&bound), ["26000"]);
    assert_eq!(codes(&[parse("p", "SELECT nothing FROM note WHERE text = $1", &[]), sync()]), ["42703"]);
    assert_eq!(codes(&bound), ["26000"]);
}
