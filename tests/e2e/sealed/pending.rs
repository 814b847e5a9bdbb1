//! What the schema file names is protected from the first second, applied or not (CAT-3).

use tokio_postgres::Client;

use crate::doors::param::Form;
use crate::doors::sdk::Sdk;
use crate::harness::World;
use crate::harness::proxy::{run, succeed};
use crate::harness::raw::{Frame, bind, execute, parse, query, sync};

use super::{SCHEMA, TABLE};

/// The schema file of the others, with a table more that the database does not have.
fn with_another() -> String {
    let visit = "[tables.visit]\nname = \"public.visit\"\nbranch_key = \"people\"\n[tables.visit.columns]\n\
                 id = \"SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT\"\n\
                 reason = { action = \"ENCRYPT_AND_SIGN\", type = \"text\" }\n";
    format!("{SCHEMA}{visit}")
}

fn errors(frames: &[Frame]) -> Vec<(String, String)> {
    let errors = frames.iter().filter(|frame| frame.kind == 'E');
    errors.map(|error| (error.field('C').unwrap(), error.field('M').unwrap())).collect()
}

/// What a client says that may not know of the schema file.
fn statements(secret: &str) -> [String; 4] {
    [
        "CREATE TABLE person (id bigint PRIMARY KEY, name text NOT NULL, email text)".to_owned(),
        format!("INSERT INTO person (id, name) VALUES (1, '{secret}')"),
        format!("UPDATE public.person SET name = '{secret}' RETURNING name"),
        format!("SELECT id FROM person WHERE email = '{secret}'"),
    ]
}

#[test]
fn a_table_that_nothing_but_the_schema_file_knows_takes_no_plaintext_cat_3() {
    let world = World::sealed("pendingall", "CREATE TABLE note (id int PRIMARY KEY, text text)", SCHEMA);
    let secret = world.secret();
    let mut raw = world.raw();
    for sql in &statements(&secret) {
        for script in [query(sql), [parse("", sql, &[]), bind("", "", &[], 0), execute("", 0), sync()].concat()] {
            let (code, message) = errors(&raw.talk(&script, 1)).remove(0);
            assert_eq!(code, "55000", "{sql}: {message}");
            assert!(message.contains("public.person is in the schema file and not applied"), "{message}");
        }
    }
    // Whoever makes it at the database opens nothing.
    world.at_server("CREATE TABLE person (id bigint, name text, email text)");
    for sql in &statements(&secret) {
        assert_eq!(errors(&raw.talk(&query(sql), 1))[0].0, "55000", "{sql}");
    }
    assert_eq!(world.at_server("SELECT count(*) FROM person").trim(), "0");
    // What names nothing of the schema file is as without us.
    let other = "INSERT INTO note VALUES (1, 'a person'); SELECT text FROM note";
    assert_eq!(errors(&raw.talk(&query(other), 1)), []);
}

#[test]
fn a_table_that_no_one_made_yet_is_told_by_plan_serve_and_explain_cat_3() {
    let world = World::sealed("pendingtold", TABLE, &with_another());
    world.writes_no_secret("it looks at warnings");
    let warning = "public.visit of the schema file does not exist";
    let plan = run(&mut world.pgseal(&["schema", "plan"]));
    assert!(plan.status.success());
    assert!(String::from_utf8_lossy(&plan.stderr).contains(warning), "{plan:?}");
    let explain = run(&mut world.pgseal(&["explain", "INSERT INTO visit VALUES (1, 'x')"]));
    assert!(String::from_utf8_lossy(&explain.stderr).contains(warning), "{explain:?}");
    assert!(String::from_utf8_lossy(&explain.stdout).contains("public.visit is in the schema file and not applied"));
    let log = world.proxy().log();
    let line = log.lines().find(|line| line.contains("WARN")).unwrap_or_default();
    assert!(line.contains("of the schema file does not exist") && line.contains("visit"), "{log}");
}

/// Asks until a table is taken up.
async fn taken_up(client: &Client, sql: &str) {
    while let Err(error) = client.simple_query(sql).await {
        assert_eq!(error.code().map(|code| code.code()), Some("55000"), "{error:?}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn serve_takes_up_what_is_applied_while_it_serves_cat_3() {
    for (name, before, schema) in [("takenfirst", "", SCHEMA.to_owned()), ("takenmore", TABLE, with_another())] {
        let world = World::sealed(name, before, &schema);
        let (table, insert) = match before {
            "" => (TABLE, "INSERT INTO person (id, name) VALUES (1, $1) RETURNING name"),
            _ => (
                "CREATE TABLE visit (id bigint PRIMARY KEY, reason text)",
                "INSERT INTO visit VALUES (1, $1) RETURNING reason",
            ),
        };
        let select = insert.replace("INSERT INTO", "SELECT 1 FROM").replace(" (id, name)", "");
        let select = select.split(" VALUES").next().unwrap();
        let (secret, client) = (world.secret(), world.client().await);
        assert_eq!(client.query(insert, &[&secret]).await.unwrap_err().code().unwrap().code(), "55000");
        // As the hint says: at the database, then apply.
        world.at_server(table);
        succeed(&mut world.pgseal(&["schema", "apply", "--create-keys"]));
        taken_up(&client, select).await;
        // A session that began before, and one of now.
        let row = client.query_one(insert, &[&secret]).await.unwrap();
        assert_eq!(row.get::<_, &str>(0), secret, "{name}");
        let rows = world.client().await.query(&select.replace('1', "*"), &[]).await.unwrap();
        assert_eq!(rows[0].get::<_, &str>(1), secret, "{name}");
        assert!(world.proxy().log().contains("the table is applied and taken up"), "{name}");
    }
}

#[tokio::test]
async fn the_sdk_refuses_what_is_not_applied_too_cat_3() {
    let world = World::sealed("pendingsdk", TABLE, &with_another());
    let secret = world.secret();
    let client = Sdk::new(&world, Form::Binary).await.client().await;
    let insert = format!("INSERT INTO visit VALUES (1, '{secret}')");
    for sql in ["CREATE TABLE visit (id bigint, reason text)", &insert] {
        assert_eq!(client.batch_execute(sql).await.unwrap_err().code(), Some("55000"), "{sql}");
        assert_eq!(client.execute(sql, &[]).await.unwrap_err().code(), Some("55000"), "{sql}");
    }
    client.execute("INSERT INTO person (id, name) VALUES (1, $1)", &[&secret]).await.unwrap();
}
