//! A text of several statements of which one is refused: what stood before it counts, as PostgreSQL would have it, and as
//! the proxy has it with a Query (issue 10, "What must work", 2 and 10).

use pgseal::client::{Client, Error};

use super::Service;

const REFUSED: &str = "SELECT upper(name) FROM person";

/// Statements of several steps, which no text of several statements may have.
const NOT_IN_A_BATCH: [&str; 2] = ["UPDATE account SET holder = 'x'", "INSERT INTO account (holder) VALUES ('x')"];

#[track_caller]
fn code<T>(answer: Result<T, Error>) -> String {
    let Err(error) = answer else { panic!("it fails") };
    error.code().unwrap_or_else(|| panic!("{error:?}")).to_owned()
}

/// A service whose test writes to no protected column.
async fn service(name: &str) -> Service {
    let service = Service::start(name).await;
    service.world.writes_no_secret("nothing here is written to a protected column");
    service
}

fn notes(service: &Service) -> String {
    service.world.at_server("SELECT text FROM note ORDER BY id")
}

/// Where the next statement runs: in no block, in one, in one that has failed.
async fn status(client: &Client) -> char {
    let probe = "SAVEPOINT here; RELEASE here";
    match client.batch_execute(probe).await.map_err(|error| error.code().map(str::to_owned)) {
        Ok(()) => 'T',
        Err(Some(code)) if code == "25P01" => 'I',
        Err(Some(code)) if code == "25P02" => 'E',
        Err(other) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_refusal_inside_a_block_that_the_same_text_began_fails_the_block() {
    let service = service("batchbegin").await;
    for refused in [REFUSED].into_iter().chain(NOT_IN_A_BATCH) {
        let client = service.client().await;
        assert_eq!(code(client.batch_execute(&format!("BEGIN; {refused}")).await), "0A000");
        assert_eq!(code(client.execute("INSERT INTO note VALUES (1, 'alone')", &[]).await), "25P02");
        assert!(matches!(client.batch_execute("COMMIT").await, Err(Error::RolledBack)));
        assert_eq!(notes(&service), "", "{refused}");
        assert_eq!(status(&client).await, 'I');
    }
}

#[tokio::test]
async fn what_a_text_committed_before_a_refusal_stays_and_what_stands_behind_is_not_run() {
    let service = service("batchcommit").await;
    let client = service.client().await;
    let text =
        format!("BEGIN; INSERT INTO note VALUES (1, 'a'); COMMIT; {REFUSED}; INSERT INTO note VALUES (9, 'never')");
    assert_eq!(code(client.batch_execute(&text).await), "0A000");
    assert_eq!(notes(&service), "a\n");
    assert_eq!(status(&client).await, 'I');
    client.batch_execute("BEGIN; INSERT INTO note VALUES (2, 'b')").await.unwrap();
    assert_eq!(code(client.batch_execute(&format!("COMMIT; {REFUSED}")).await), "0A000");
    assert_eq!(notes(&service), "a\nb\n");
    assert_eq!(status(&client).await, 'I');
    // An implicit transaction is rolled back.
    assert_eq!(code(client.batch_execute(&format!("INSERT INTO note VALUES (3, 'gone'); {REFUSED}")).await), "0A000");
    assert_eq!(notes(&service), "a\nb\n");
    client.batch_execute("BEGIN; INSERT INTO note VALUES (4, 'c')").await.unwrap();
    assert_eq!(code(client.batch_execute(&format!("COMMIT AND CHAIN; {REFUSED}")).await), "0A000");
    assert_eq!(status(&client).await, 'E');
    client.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(notes(&service), "a\nb\nc\n");
}

#[tokio::test]
async fn a_transaction_that_its_text_committed_cannot_be_taken_for_open() {
    let service = service("batchtransaction").await;
    let mut client = service.client().await;
    let transaction = client.transaction().await.unwrap();
    let text = format!("INSERT INTO note VALUES (1, 'a'); SAVEPOINT s; {REFUSED}");
    assert_eq!(code(transaction.batch_execute(&text).await), "0A000");
    transaction.batch_execute("ROLLBACK TO s").await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(notes(&service), "a\n");
}

#[tokio::test]
async fn nothing_of_a_text_is_run_if_a_later_statement_does_not_parse() {
    let service = service("batchsyntax").await;
    let client = service.client().await;
    for (behind, expected) in [
        ("SELEC 1", None),
        ("INSERT INTO person VALUES (1, 2", Some("42601")),
        ("SELECT * FROM person WHERE", Some("42601")),
        ("SELECT )", None),
        ("SELECT 'x", Some("42601")),
    ] {
        let text = format!("INSERT INTO note VALUES (1, 'a'); COMMIT; {REFUSED}; {behind}");
        let code = code(client.batch_execute(&text).await);
        assert!(expected.map_or(["42601", "0A000"].contains(&&*code), |expected| expected == code), "{behind}: {code}");
        assert_eq!(notes(&service), "", "{behind}");
        assert_eq!(status(&client).await, 'I');
    }
}

#[tokio::test]
async fn an_earlier_statement_that_fails_gives_its_own_error_and_a_refusal_the_place_of_its_own() {
    let service = service("batchown").await;
    let client = service.client().await;
    let error = client.batch_execute(&format!("SELECT 'é', nope(); {REFUSED}")).await.unwrap_err();
    assert_eq!((error.code(), error.position()), (Some("42883"), Some(13)));
    assert!(error.message().contains("nope"), "{error}");
    let error = client.batch_execute("SELECT 'é'; UPDATE account SET holder = 'x'").await.unwrap_err();
    assert_eq!((error.code(), error.position()), (Some("0A000"), Some(13)), "{error}");
    // One that says 42883 of its own, wherever it says so.
    let raise = "DO $$ BEGIN RAISE 'mine' USING ERRCODE = '42883'; END $$";
    let error = client.batch_execute(&format!("{raise}; {REFUSED}")).await.unwrap_err();
    assert_eq!((error.code(), &*error.message()), (Some("42883"), "mine"));
    assert_eq!(code(client.batch_execute(&format!("BEGIN; SELECT 1/0; {REFUSED}")).await), "22012");
    assert_eq!(status(&client).await, 'E');
    assert_eq!(code(client.batch_execute(&format!("SELECT 1; {REFUSED}")).await), "25P02");
    assert_eq!(code(client.batch_execute(&format!("ROLLBACK; {REFUSED}")).await), "0A000");
    assert_eq!(status(&client).await, 'I');
}

#[tokio::test]
async fn a_prepare_that_is_sent_does_not_free_the_name_of_one_that_is_refused_behind_it_sql_5() {
    let service = Service::start("batchprepare").await;
    let secret = service.secret();
    let client = service.client().await;
    let refused = "PREPARE p AS SELECT id FROM person WHERE name = $1";
    let text = format!("PREPARE p AS SELECT 1; DEALLOCATE p; {refused}");
    assert_eq!(code(client.batch_execute(&text).await), "0A000");
    assert_eq!(code(client.batch_execute(&format!("EXECUTE p('{secret}')")).await), "0A000");
    // What was prepared before is there: it is in no transaction.
    assert_eq!(code(client.batch_execute(&format!("PREPARE q AS SELECT 1; {REFUSED}")).await), "0A000");
    client.batch_execute("EXECUTE q").await.unwrap();
}

#[tokio::test]
async fn a_relation_that_a_refusal_rolled_back_is_not_there_for_values_sql_64() {
    let service = Service::start("batchmade").await;
    let secret = service.secret();
    let client = service.client().await;
    let view = "CREATE VIEW v AS SELECT name FROM person";
    assert_eq!(code(client.batch_execute(view).await), "0A000");
    assert_eq!(code(client.batch_execute(&format!("CREATE TABLE v (a text); {REFUSED}")).await), "0A000");
    assert_eq!(code(client.batch_execute(&format!("INSERT INTO v VALUES ('{secret}')")).await), "0A000");
    client.batch_execute("CREATE TABLE w (a text)").await.unwrap();
    let text = "BEGIN; INSERT INTO w VALUES ('x'); COMMIT; CREATE VIEW w AS SELECT name FROM person";
    assert_eq!(code(client.batch_execute(text).await), "0A000");
    assert_eq!(service.world.at_server("SELECT a FROM w"), "x\n");
    assert_eq!(code(client.batch_execute(&format!("INSERT INTO w VALUES ('{secret}')")).await), "0A000");
}

#[tokio::test]
async fn a_text_is_cut_where_its_strings_are_read_with_backslashes_too_sql_7() {
    let service = service("batchstrings").await;
    let client = service.client().await;
    client.batch_execute("SET standard_conforming_strings = off").await.unwrap();
    let text = r"INSERT INTO note VALUES (1, 'a\'; b'); COMMIT; UPDATE account SET holder = 'x'";
    let error = client.batch_execute(text).await.unwrap_err();
    assert_eq!((error.code(), error.position()), (Some("0A000"), Some(48)), "{error}");
    assert_eq!(notes(&service), "a'; b\n");
    let error = client.batch_execute(&format!(r"SELECT 'a\'; b', nope(); {REFUSED}")).await.unwrap_err();
    assert_eq!((error.code(), error.position()), (Some("42883"), Some(18)));
}

#[tokio::test]
async fn a_copy_is_refused_where_it_stands() {
    let service = service("batchcopy").await;
    let client = service.client().await;
    let text = "INSERT INTO note VALUES (1, 'a'); COMMIT; COPY note FROM STDIN; SELECT 1";
    assert_eq!(code(client.batch_execute(text).await), "0A000");
    assert_eq!(notes(&service), "a\n");
    client.query_one("SELECT 1", &[]).await.unwrap();
}

/// Texts that are sent one behind the other.
const SCRIPTS: &[&[&str]] = &[
    &["BEGIN; {}", "INSERT INTO note VALUES (1, 'a')", "ROLLBACK", "INSERT INTO note VALUES (2, 'b')"],
    &["INSERT INTO note VALUES (1, 'a'); {}", "INSERT INTO note VALUES (2, 'b')"],
    &["INSERT INTO note VALUES (1, 'a'); COMMIT; INSERT INTO note VALUES (2, 'b'); {}"],
    &["BEGIN; INSERT INTO note VALUES (1, 'a'); COMMIT; BEGIN; {}", "ROLLBACK", "INSERT INTO note VALUES (2, 'b')"],
    &["BEGIN", "INSERT INTO note VALUES (1, 'a')", "SAVEPOINT s; {}", "ROLLBACK TO s", "COMMIT"],
    &["BEGIN", "INSERT INTO note VALUES (1, 'a')", "COMMIT AND CHAIN; {}; SELECT 1", "SELECT 1", "ROLLBACK"],
    &["BEGIN", "SELECT 1/0", "SELECT 1; {}", "ROLLBACK; {}", "INSERT INTO note VALUES (1, 'a')"],
    &["INSERT INTO note VALUES (1, 'a'); SELECT 1/0; {}", "SELECT 1/0; COMMIT; {}"],
    &["VACUUM note; {}", "DISCARD ALL; {}", "CREATE TABLE w (a text); {}", "SELECT * FROM w"],
    &["SET statement_timeout = '7s'; {}", "DO $$ BEGIN ASSERT current_setting('statement_timeout') = '0'; END $$"],
    &["{}; COMMIT; INSERT INTO note VALUES (1, 'a')", "-- {}", "/* ; */; {}", "; ;; SELECT 1; {};"],
];

#[tokio::test]
async fn a_text_is_cut_alike_through_both_doors() {
    let service = service("batchdoors").await;
    for script in SCRIPTS {
        let mut told: Vec<(Vec<Option<String>>, String)> = Vec::new();
        for own in [true, false] {
            service.pool.retain(|_, _| false);
            let (client, proxied) = (service.client().await, service.world.client().await);
            let mut codes = Vec::new();
            for text in *script {
                let text = text.replace("{}", REFUSED);
                codes.push(match own {
                    true => client.batch_execute(&text).await.err().map(|error| error.code().unwrap().to_owned()),
                    false => {
                        proxied.batch_execute(&text).await.err().map(|error| error.code().unwrap().code().to_owned())
                    }
                });
            }
            told.push((codes, notes(&service)));
            service.world.at_server("TRUNCATE note");
        }
        assert_eq!(told[0], told[1], "{script:?}");
    }
}

#[tokio::test]
async fn an_execute_that_fails_like_a_refusal_is_not_taken_for_the_one_behind_it() {
    let service = service("batchexecute").await;
    let client = service.client().await;
    let prepare = "PREPARE p AS SELECT id, text FROM note WHERE text = 'long enough to be behind it' AND id = 1";
    client.batch_execute(prepare).await.unwrap();
    client.batch_execute("ALTER TABLE note ALTER id TYPE text").await.unwrap();
    client.batch_execute("BEGIN").await.unwrap();
    assert_eq!(code(client.batch_execute(&format!("EXECUTE p; COMMIT; {REFUSED}")).await), "42883");
    assert_eq!(status(&client).await, 'E');
    assert_eq!(code(client.execute("INSERT INTO note VALUES ('1', 'alone')", &[]).await), "25P02");
    assert!(matches!(client.batch_execute("COMMIT").await, Err(Error::RolledBack)));
}

#[tokio::test]
async fn a_name_of_the_drivers_own_is_refused_where_its_prepare_stands() {
    let service = service("batchdrivers").await;
    let client = service.client().await;
    assert_eq!(code(client.batch_execute("BEGIN; PREPARE s1 AS SELECT 1").await), "0A000");
    assert_eq!(status(&client).await, 'E');
    assert!(matches!(client.batch_execute("COMMIT").await, Err(Error::RolledBack)));
    assert_eq!(code(client.batch_execute("PREPARE s1 AS SELECT 1").await), "0A000");
    assert_eq!(status(&client).await, 'I');
}
