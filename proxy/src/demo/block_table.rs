//! 1. The application's session on a sealed table, and the same row as the server's administrator sees it.

use std::time::Instant;

use tokio_postgres::{Client, SimpleQueryMessage, SimpleQueryRow};

use super::sample::{Card, cards};
use super::stage::{Stage, seconds};
use super::{Error, print};

/// Returns what the application wrote.
pub(super) async fn show(stage: &Stage) -> Result<Vec<Card>, Error> {
    print::title("1. A new table is sealed; the application does not notice");
    let mut client = stage.client().await?;
    let cards = cards()?;
    let begun = Instant::now();
    insert(&mut client, &cards).await.map_err(|error| Error::sql("INSERT", &error))?;
    let time = begun.elapsed();
    print::fact(
        "rows inserted (prepared, one txn)",
        &format!("{} in {}", print::thousands(cards.len()), seconds(time)),
    );
    let card = cards.get(41).ok_or_else(|| Error::new("the sample", "too few cards"))?;
    work(&client, card).await.map_err(|error| Error::sql("the application's session", &error))?;
    side_by_side(stage, &client, card).await?;
    refusal(&client).await?;
    Ok(cards)
}

async fn insert(client: &mut Client, cards: &[Card]) -> Result<(), tokio_postgres::Error> {
    let transaction = client.transaction().await?;
    let insert = transaction
        .prepare(
            "INSERT INTO payment_card (id, customer_id, status, pan, iban, holder, credit_limit) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .await?;
    for card in cards {
        transaction
            .execute(&insert, &[&card.id, &card.customer, &CONTROL, &card.pan, &card.iban, &card.holder, &card.limit])
            .await?;
    }
    transaction.commit().await
}

/// Stands in an unprotected column of every row: the leak search must find it.
pub(super) const CONTROL: &str = "unprotected-status";

async fn work(client: &Client, card: &Card) -> Result<(), tokio_postgres::Error> {
    let found = client.query_one("SELECT holder FROM payment_card WHERE pan = $1", &[&card.pan]).await?;
    print::fact("SELECT … WHERE pan = $1", &format!("1 row: {}", found.get::<_, String>(0)));
    let shared = client.query("SELECT id FROM payment_card WHERE iban IN ($1)", &[&card.iban]).await?;
    print::fact("SELECT … WHERE iban IN ($1)", &format!("{} rows", shared.len()));
    let changed =
        client.execute("UPDATE payment_card SET holder = $1 WHERE pan = $2", &[&card.holder, &card.pan]).await?;
    print::fact("UPDATE … SET holder = $1", &format!("{changed} row"));
    let again = client
        .execute("INSERT INTO payment_card (customer_id, pan, holder) VALUES (1, $1, 'somebody else')", &[&card.pan])
        .await;
    let state = match &again {
        Err(error) => error.code().map_or("no SQLSTATE", |state| state.code()).to_owned(),
        Ok(_) => "accepted".to_owned(),
    };
    print::fact("INSERT of a pan that is there", &format!("{state} (unique_violation is 23505)"));
    Ok(())
}

async fn side_by_side(stage: &Stage, client: &Client, card: &Card) -> Result<(), Error> {
    let sql = format!("SELECT * FROM payment_card WHERE id = {}", card.id);
    let seen = one_row(client, &sql).await?;
    let stored = one_row(&stage.server.direct().await?, &sql).await?;
    print::gap();
    print::three("SELECT * … one row", "the application", "the server's administrator");
    for (number, column) in stored.columns().iter().enumerate() {
        let place = seen.columns().iter().position(|seen| seen.name() == column.name());
        let left = place.map_or("(not there)", |place| seen.get(place).unwrap_or("NULL"));
        print::three(column.name(), left, stored.get(number).unwrap_or("NULL"));
    }
    Ok(())
}

async fn one_row(client: &Client, sql: &str) -> Result<SimpleQueryRow, Error> {
    let messages = client.simple_query(sql).await.map_err(|error| Error::sql(sql, &error))?;
    let rows = messages.into_iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    rows.ok_or_else(|| Error::new(sql, "no row"))
}

/// What is not covered is refused, with a reason and a way out.
async fn refusal(client: &Client) -> Result<(), Error> {
    let sql = "SELECT id FROM payment_card WHERE holder LIKE 'Ada%'";
    print::gap();
    print::text(&format!("What cannot be answered is refused and never reaches the server: {sql}"));
    match client.simple_query(sql).await {
        Ok(_) => Err(Error::new(sql, "was answered")),
        Err(error) => {
            let said = error.as_db_error().ok_or_else(|| Error::sql(sql, &error))?;
            print::text(&format!("ERROR {}: {}", said.code().code(), said.message()));
            if let Some(hint) = said.hint() {
                print::text(&format!("HINT: {hint}"));
            }
            Ok(())
        }
    }
}
