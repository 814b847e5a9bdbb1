//! What a role, a database or a session sets for client_encoding changes no byte of what is signed: the server gives
//! text in its own encoding, UTF8, and the guard compares in it (CELL-8, SQL-41).

use pgseal::client::Client;

use super::pair::{DDL, SCHEMA};
use crate::doors::param::Form;
use crate::doors::sdk::Sdk;
use crate::harness::World;
use crate::harness::raw::{Frame, Raw, bind, execute, parse, query, sync};

fn world(name: &str) -> World {
    let world = World::sealed(name, DDL, SCHEMA);
    world.raw().talk(&query(&insert(1, &world.secret())), 1);
    world
}

fn insert(id: i32, holder: &str) -> String {
    format!("INSERT INTO ledger (id, label, code, holder) VALUES ({id}, 'café', 'é', '{holder}')")
}

fn failure(frames: &[Frame]) -> Option<String> {
    frames
        .iter()
        .find(|frame| frame.kind == 'E')
        .map(|frame| format!("{} {}", frame.field('C').unwrap_or_default(), frame.field('M').unwrap_or_default()))
}

/// Signed text of every row, as a session in UTF8 reads it.
fn labels(world: &World) -> Vec<Vec<Option<Vec<u8>>>> {
    let frames = world.raw().talk(&query("SELECT label, code FROM ledger ORDER BY id"), 1);
    assert_eq!(failure(&frames), None);
    frames.iter().filter(|frame| frame.kind == 'D').map(Frame::columns).collect()
}

fn accented() -> Vec<Option<Vec<u8>>> {
    vec![Some("café".into()), Some("é".into())]
}

/// What the server answers until it is ready or ends the session.
fn answer(raw: &mut Raw, script: &[u8]) -> Vec<Frame> {
    raw.send(script);
    let mut frames = Vec::new();
    while let Some(frame) = raw.frame() {
        let last = frame.kind == 'Z';
        frames.push(frame);
        if last {
            break;
        }
    }
    frames
}

#[test]
fn signed_text_is_read_and_updated_in_a_batch_that_changes_client_encoding_cell_8_sql_41() {
    // The server reports the setting at the end of the batch only: it is asked for.
    for (number, (sql, tag)) in [
        ("SELECT label, code, holder FROM ledger", "SELECT 1"),
        ("SELECT holder FROM ledger", "SELECT 1"),
        ("UPDATE ledger SET account = 2 WHERE id = 1", "UPDATE 1"),
        ("UPDATE ledger SET holder = NULL, account = 2 WHERE id = 1 RETURNING label", "UPDATE 1"),
        ("DELETE FROM ledger WHERE id = 1 RETURNING label", "DELETE 1"),
    ]
    .into_iter()
    .enumerate()
    {
        let world = world(&format!("sencbatch{number}"));
        let set = [parse("", "SET client_encoding = 'LATIN1'", &[]), bind("", "", &[], 0), execute("", 0)].concat();
        let own = [parse("mine", sql, &[]), set, bind("", "mine", &[], 0), execute("", 0), sync()].concat();
        let frames = answer(&mut world.raw(), &own);
        let tags: Vec<_> = frames.iter().filter(|frame| frame.kind == 'C').map(|frame| frame.body.clone()).collect();
        assert_eq!(
            tags.last().map(|tag| tag.strip_suffix(b"\0").unwrap()),
            Some(tag.as_bytes()),
            "{sql}: {:?}",
            failure(&frames)
        );
        if let Some(row) = frames.iter().find(|frame| frame.kind == 'D').filter(|_| sql.contains("label")) {
            assert_eq!(row.columns()[0].as_deref(), Some(&b"caf\xe9"[..]), "{sql}");
        }
        assert!(labels(&world).iter().all(|row| *row == accented()), "{sql}");
    }
}

/// A client of the SDK on a connection whose client_encoding the application has set.
async fn client(sdk: &Sdk) -> Client {
    let object = sdk.pool.get().await.unwrap();
    object.batch_execute("SET client_encoding = 'LATIN1'").await.unwrap();
    sdk.sealer.wrap(object)
}

#[tokio::test]
async fn signed_text_verifies_and_is_updated_on_a_connection_with_another_client_encoding_cell_8_sql_41() {
    let world = world("sencsdk");
    let sdk = Sdk::new(&world, Form::Binary).await;
    let client = client(&sdk).await;
    let row = client.query_one("SELECT label, code FROM ledger WHERE id = $1", &[&1_i64]).await.unwrap();
    assert_eq!((row.get::<_, &str>(0), row.get::<_, &str>(1)), ("café", "é"));
    for sql in
        ["UPDATE ledger SET account = $2 WHERE id = $1", "UPDATE ledger SET holder = 'new', account = $2 WHERE id = $1"]
    {
        assert_eq!(client.execute(sql, &[&1_i64, &2_i32]).await.unwrap(), 1, "{sql}");
    }
    drop(client);
    assert_eq!(labels(&world), [accented()]);
}

/// The driver sends UTF8, which the server then takes for LATIN1: what it would store is not what is signed.
#[tokio::test]
async fn text_that_the_server_reads_in_another_encoding_is_never_stored_as_signed_cell_8() {
    let world = world("sencwrong");
    let sdk = Sdk::new(&world, Form::Binary).await;
    let client = client(&sdk).await;
    for sql in ["INSERT INTO ledger (id, label) VALUES (2, $1)", "UPDATE ledger SET label = $1 WHERE id = 1"] {
        assert_eq!(client.execute(sql, &[&"é"]).await.unwrap_err().code(), Some("XX001"), "{sql}");
    }
    assert_eq!(labels(&world), [accented()]);
}

const DOCUMENTS: &str = "CREATE TABLE doc (id int PRIMARY KEY, plain json, indexed jsonb, secret text)";

const DOCUMENTS_SCHEMA: &str = r#"
version = 1
[keyrings.test]
generator = "local:signed"
[branch_keys.doc]
keyring = "test"
[tables.doc]
name = "public.doc"
branch_key = "doc"
row_signature = "HMAC-SHA-384"
[tables.doc.columns]
id = "SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT"
plain = "SIGN_ONLY"
indexed = "SIGN_ONLY"
secret = { action = "ENCRYPT_AND_SIGN", type = "text" }
"#;

/// json_send and jsonb_send answer in client_encoding as well.
#[tokio::test]
async fn signed_documents_verify_whatever_client_encoding_is_cell_8_sql_41() {
    let world = World::sealed("sencjson", DOCUMENTS, DOCUMENTS_SCHEMA);
    let insert = format!(
        "INSERT INTO doc VALUES (1, '{{\"b\": \"é\",  \"a\": 1}}', '{{\"b\": \"é\",  \"a\": 1}}', '{}')",
        world.secret()
    );
    assert_eq!(failure(&world.raw().talk(&query(&insert), 1)), None);
    assert_eq!(failure(&world.raw().talk(&query("INSERT INTO doc (id) VALUES (2)"), 1)), None);
    let sdk = Sdk::new(&world, Form::Text).await;
    let client = client(&sdk).await;
    assert_eq!(client.execute("UPDATE doc SET secret = 'new' WHERE id IN (1, 2)", &[]).await.unwrap(), 2);
    assert_eq!(client.query("SELECT secret FROM doc", &[]).await.unwrap().len(), 2);
    drop(client);
    let frames = world.raw().talk(&query("SELECT plain, indexed FROM doc ORDER BY id"), 1);
    let rows: Vec<_> = frames.iter().filter(|frame| frame.kind == 'D').map(Frame::columns).collect();
    let texts = [r#"{"b": "é",  "a": 1}"#, r#"{"a": 1, "b": "é"}"#].map(|text| Some(text.as_bytes().to_vec()));
    assert_eq!(rows, [texts.to_vec(), vec![None, None]]);
}
