//! Statements that the server does not have any more: DEALLOCATE ALL, DISCARD ALL, or a way of recycling that says so
//! (issue 10, "What must work", 10).

use deadpool_postgres::RecyclingMethod;
use pgseal::client::{Client, Statement};

use super::{Service, recycling};

const FORGETS: [&str; 4] = ["DEALLOCATE ALL", "DISCARD ALL", "DEALLOCATE PREPARE ALL", "SELECT 1; DISCARD ALL"];

/// A forwarded statement, one that is planned, and one of several steps.
const TEXTS: [&str; 3] = [
    "SELECT text FROM note WHERE id = 1",
    "SELECT holder FROM account WHERE id = 1",
    "UPDATE account SET holder = 'new' WHERE id = 1 RETURNING holder",
];

async fn service(name: &str, method: RecyclingMethod) -> Service {
    let mut service = Service::sized(name, 1).await;
    service.pool = recycling(&service.world, 1, method);
    let client = service.client().await;
    let insert = "INSERT INTO account (id, label, iban, holder) VALUES (1, 'old', 'i', $1)";
    client.execute(insert, &[&service.secret()]).await.unwrap();
    client.execute("INSERT INTO note VALUES (1, 'x')", &[]).await.unwrap();
    drop(client);
    service
}

async fn prepared(client: &Client) -> Vec<Statement> {
    let mut statements = Vec::new();
    for text in TEXTS {
        client.query_one(text, &[]).await.unwrap();
        statements.push(client.prepare(text).await.unwrap());
    }
    statements
}

/// All of it works, by text and by statement.
async fn works(client: &Client, statements: &[Statement], when: &str) {
    for (text, statement) in TEXTS.iter().zip(statements) {
        client.query_one(*text, &[]).await.unwrap_or_else(|error| panic!("{when}: {text}: {error:?}"));
        client.query_one(statement, &[]).await.unwrap_or_else(|error| panic!("{when}: {text}: {error:?}"));
    }
}

#[tokio::test]
async fn outside_a_block_a_forgotten_statement_is_prepared_again_sql_12() {
    let service = service("gone", RecyclingMethod::Fast).await;
    let client = service.client().await;
    let statements = prepared(&client).await;
    for forgets in FORGETS {
        // DISCARD ALL runs in no implicit block.
        if forgets.contains(';') {
            assert!(client.batch_execute(forgets).await.is_err());
            continue;
        }
        client.batch_execute(forgets).await.unwrap();
        works(&client, &statements, forgets).await;
        client.execute(forgets, &[]).await.unwrap();
        works(&client, &statements, forgets).await;
    }
}

#[tokio::test]
async fn inside_a_block_the_error_comes_once_at_most_and_the_next_transaction_works_sql_12() {
    let service = service("ingone", RecyclingMethod::Fast).await;
    let mut client = service.client().await;
    let statements = prepared(&client).await;
    for (text, statement) in TEXTS.iter().zip(&statements) {
        for by_text in [true, false] {
            works(&client, &statements, "before").await;
            let transaction = client.transaction().await.unwrap();
            // Behind our back: what the client itself sends it knows.
            transaction.batch_execute("DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$").await.unwrap();
            let first = match by_text {
                true => transaction.query_one(*text, &[]).await.map(drop),
                false => transaction.query_one(statement, &[]).await.map(drop),
            };
            if let Err(error) = first {
                assert_eq!(error.code(), Some("26000"), "{text}");
                transaction.rollback().await.unwrap();
            } else {
                transaction.commit().await.unwrap();
            }
            for _ in 0..2 {
                let transaction = client.transaction().await.unwrap();
                transaction.query_one(*text, &[]).await.unwrap();
                transaction.query_one(statement, &[]).await.unwrap();
                transaction.commit().await.unwrap();
            }
        }
    }
}

#[tokio::test]
async fn inside_a_block_what_the_client_forgot_itself_is_prepared_again_without_an_error_sql_12() {
    let service = service("selfgone", RecyclingMethod::Fast).await;
    let mut client = service.client().await;
    let statements = prepared(&client).await;
    let transaction = client.transaction().await.unwrap();
    transaction.batch_execute("DEALLOCATE ALL").await.unwrap();
    for (text, statement) in TEXTS.iter().zip(&statements) {
        transaction.query_one(*text, &[]).await.unwrap();
        transaction.query_one(statement, &[]).await.unwrap();
    }
    transaction.commit().await.unwrap();
    client.batch_execute("DISCARD ALL").await.unwrap();
    let transaction = client.transaction().await.unwrap();
    for (text, statement) in TEXTS.iter().zip(&statements) {
        transaction.query_one(statement, &[]).await.unwrap();
        transaction.query_one(*text, &[]).await.unwrap();
    }
    transaction.commit().await.unwrap();
}

#[tokio::test]
async fn a_way_of_recycling_that_forgets_statements_costs_one_block_of_its_connection_an_error_sql_12() {
    for (name, method) in [
        ("discards", RecyclingMethod::Custom("DISCARD ALL".into())),
        ("deallocs", RecyclingMethod::Custom("DEALLOCATE ALL; RESET ALL".into())),
        ("cleans", RecyclingMethod::Clean),
    ] {
        let service = service(name, method.clone()).await;
        let (mut statements, mut errors) = (Vec::new(), 0);
        for round in 0..8 {
            let mut client = service.client().await;
            if round == 0 {
                statements = prepared(&client).await;
            }
            if round % 2 == 1 {
                // The first of a transaction.
                let transaction = client.transaction().await.unwrap();
                for (text, statement) in TEXTS.iter().zip(&statements) {
                    if let Err(error) = transaction.query_one(statement, &[]).await {
                        assert_eq!(error.code(), Some("26000"), "{method:?}, {round}");
                        errors += 1;
                        break;
                    }
                    transaction.query_one(*text, &[]).await.unwrap();
                }
            }
            works(&client, &statements, &format!("{method:?}, {round}")).await;
        }
        assert!(errors <= 1, "{method:?}: {errors}");
    }
}

/// The driver looks up types by statements of its own, which it keeps for ever.
#[tokio::test]
async fn types_are_looked_up_again_where_the_driver_has_lost_its_own_statements_sql_12() {
    for (name, method) in
        [("tdiscards", RecyclingMethod::Custom("DISCARD ALL".into())), ("tfast", RecyclingMethod::Fast)]
    {
        let service = service(name, method.clone()).await;
        service.world.at_server(
            "CREATE TYPE grade AS ENUM ('a', 'b'); CREATE TYPE pair AS (left_one grade, right_one text);
             CREATE TYPE size AS ENUM ('s', 'l'); CREATE TYPE box AS (inner_one size, outer_one text);
             CREATE DOMAIN code AS text; CREATE TYPE later AS ENUM ('now', 'then')",
        );
        let client = service.client().await;
        let forwarded = |ty: &str| format!("SELECT NULL::{ty} AS \"{ty}\"");
        for ty in ["grade", "pair"] {
            client.query_one(&forwarded(ty), &[]).await.unwrap();
        }
        let client = if method == RecyclingMethod::Fast {
            client.batch_execute("DISCARD ALL").await.unwrap();
            client
        } else {
            drop(client);
            service.client().await
        };
        assert_eq!(
            client.prepare("SELECT feels, holder FROM account").await.unwrap().columns()[0].type_().name(),
            "mood"
        );
        for ty in ["size", "pg_catalog.box", "public.box", "code", "later", "later[]", "pair[]", "grade"] {
            client.query_one(&forwarded(ty), &[]).await.unwrap_or_else(|error| panic!("{method:?}: {ty}: {error:?}"));
        }
    }
}
