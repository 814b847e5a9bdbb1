//! 1. The application's session on a sealed table, and the same row as the server's administrator sees it.

use std::time::Instant;

use tokio_postgres::{Client, SimpleQueryMessage, SimpleQueryRow};

use super::sample::{self, Card, cards};
use super::stage::{Stage, seconds};
use super::{Error, print};

/// The card that is looked at, by its place in the sample.
const CARD: usize = 41;

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
    work(&client, &cards).await?;
    side_by_side(stage, &client, &cards).await?;
    refusal(&client).await?;
    Ok(cards)
}

async fn insert(client: &mut Client, cards: &[Card]) -> Result<(), tokio_postgres::Error> {
    let transaction = client.transaction().await?;
    let insert = transaction.prepare(&sample::insert("payment_card")).await?;
    for card in cards {
        transaction.execute(&insert, &card.parameters()).await?;
    }
    transaction.commit().await
}

async fn work(client: &Client, cards: &[Card]) -> Result<(), Error> {
    let card = cards.get(CARD).ok_or_else(|| Error::new("the sample", "too few cards"))?;
    let sql = "SELECT holder FROM payment_card WHERE pan = $1";
    let found = client.query_one(sql, &[&card.pan]).await.map_err(|error| Error::sql(sql, &error))?;
    let holder: String = found.get(0);
    expect(sql, &card.holder, &holder)?;
    print::fact("SELECT … WHERE pan = $1", &format!("1 row: {holder}"));
    let sql = "SELECT id FROM payment_card WHERE iban IN ($1)";
    let shared = client.query(sql, &[&card.iban]).await.map_err(|error| Error::sql(sql, &error))?.len();
    let wanted = cards.iter().filter(|other| other.iban == card.iban).count();
    expect(sql, &format!("{wanted} rows"), &format!("{shared} rows"))?;
    print::fact("SELECT … WHERE iban IN ($1)", &format!("{shared} rows"));
    let sql = "UPDATE payment_card SET holder = $1 WHERE pan = $2";
    let changed = client.execute(sql, &[&card.holder, &card.pan]).await.map_err(|error| Error::sql(sql, &error))?;
    expect(sql, "1 row", &format!("{changed} row"))?;
    print::fact("UPDATE … SET holder = $1", &format!("{changed} row"));
    let sql = "INSERT INTO payment_card (customer_id, pan, holder) VALUES (1, $1, 'somebody else')";
    let state = match client.execute(sql, &[&card.pan]).await {
        Err(error) => error.code().map_or("no SQLSTATE", |state| state.code()).to_owned(),
        Ok(_) => "accepted".to_owned(),
    };
    expect(sql, "23505", &state)?;
    print::fact("INSERT of a pan that is there", &format!("{state} (unique_violation is 23505)"));
    Ok(())
}

fn expect(what: &str, wanted: &str, got: &str) -> Result<(), Error> {
    match wanted == got {
        true => Ok(()),
        false => Err(Error::expected(what, wanted, got)),
    }
}

async fn side_by_side(stage: &Stage, client: &Client, cards: &[Card]) -> Result<(), Error> {
    let card = cards.get(CARD).ok_or_else(|| Error::new("the sample", "too few cards"))?;
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
            expect(sql, "0A000", said.code().code())?;
            print::text(&format!("ERROR {}: {}", said.code().code(), said.message()));
            if let Some(hint) = said.hint() {
                print::text(&format!("HINT: {hint}"));
            }
            Ok(())
        }
    }
}
