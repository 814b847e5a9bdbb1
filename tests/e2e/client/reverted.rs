//! An error takes back what was set in its transaction, before any ROLLBACK: the next text is read as the server reads it then.

use pgseal::client::{Client, Error};

use super::Service;

/// While backslashes escape all behind SELECT is one string; else it is a statement on a protected table.
fn hidden(secret: &str) -> String {
    format!(r"ROLLBACK; SELECT 'a\'; INSERT INTO person (id, name) VALUES (1, $${secret}$$); --'")
}

/// A block in which backslashes escape, and a text was read under that.
async fn block(client: &Client) {
    client.batch_execute("BEGIN; SET LOCAL standard_conforming_strings = off").await.unwrap();
    client.query(r"SELECT id FROM person WHERE email = 'a\\b'", &[]).await.unwrap();
}

async fn fails(client: &Client, how: &str) {
    let failed = match how {
        "refused" => client.query("SELECT upper(name) FROM person", &[]).await.map(drop),
        "planned" => client.execute("INSERT INTO person (id, name) VALUES (NULL, 'x')", &[]).await.map(drop),
        "forwarded" => client.query("SELECT 1 / 0", &[]).await.map(drop),
        "unprepared" => client.prepare("SELECT nothing FROM note").await.map(drop),
        _ => client.batch_execute("SELECT 1; SELECT upper(name) FROM person").await,
    };
    assert!(failed.is_err(), "{how}");
}

#[tokio::test]
async fn no_text_is_read_under_settings_that_an_error_has_taken_back_sql_7() {
    let service = Service::start("reverted").await;
    let secret = service.secret();
    for how in ["refused", "planned", "forwarded", "unprepared", "cut"] {
        let client = service.client().await;
        block(&client).await;
        fails(&client, how).await;
        let answer = client.batch_execute(&hidden(&secret)).await;
        assert_eq!(answer.as_ref().err().and_then(Error::code), Some("25P02"), "{how}");
        let single = format!(r"SELECT 'a\', $${secret}$$ FROM person --'");
        let answer = client.prepare(&single).await;
        assert_eq!(answer.map(drop).as_ref().err().and_then(Error::code), Some("25P02"), "{how}");
        client.batch_execute("ROLLBACK").await.unwrap();
        assert_eq!(service.world.at_server("SELECT count(*) FROM person, note"), "0\n", "{how}");
        // Outside the block it is asked again.
        let text: String = client.query_one(r"SELECT 'a\b'", &[]).await.unwrap().get(0);
        assert_eq!(text, r"a\b", "{how}");
    }
}

#[tokio::test]
async fn a_failed_block_is_left_by_a_name_that_no_setting_decides() {
    let service = Service::start("revertedname").await;
    service.world.writes_no_secret("nothing is written");
    let client = service.client().await;
    client.batch_execute("BEGIN; SAVEPOINT \"sé\"").await.unwrap();
    fails(&client, "forwarded").await;
    client.batch_execute("ROLLBACK TO SAVEPOINT \"sé\"").await.unwrap();
    fails(&client, "forwarded").await;
    client.execute("ROLLBACK TO SAVEPOINT \"sé\"", &[]).await.unwrap();
    client.batch_execute("COMMIT").await.unwrap();
}
