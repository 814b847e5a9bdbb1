//! 8. What it costs on this machine: the same statements on an unsealed twin, straight and through the proxy, and sealed.

use std::time::Instant;

use tokio_postgres::{Client, Statement};

use super::sample::{self, CARDS, Card};
use super::stage::{Stage, seconds};
use super::{Error, print};

pub(super) async fn show(stage: &Stage, cards: &[Card]) -> Result<(), Error> {
    print::title("8. Cost here");
    let administrator = stage.server.direct().await?;
    let quiet = stage.server.files().is_some();
    if quiet {
        // Measured is the work, not the log of it, which only the demo's own server keeps.
        let sql = format!("ALTER DATABASE \"{}\" SET log_statement = 'none'", stage.server.database);
        administrator.batch_execute(&sql).await.map_err(|error| Error::sql(sql, &error))?;
    }
    // Other cards in the twin, so that no protected value is in the clear.
    let (plain, new) = (sample::cards()?, sample::cards()?);
    twin(&administrator, &plain).await?;
    let mut ways = [
        Way::new("straight, unsealed twin", stage.server.direct().await?, "plain_card", &plain).await?,
        Way::new("through pgseal, unsealed twin", stage.client().await?, "plain_card", &plain).await?,
        Way::new("through pgseal, sealed and signed", stage.client().await?, "payment_card", cards).await?,
    ];
    let begun = Instant::now();
    reads(&mut ways).await?;
    inserts(&mut ways, &new).await?;
    let time = begun.elapsed();
    administrator.batch_execute("DROP TABLE plain_card").await.map_err(|error| Error::sql("DROP TABLE", &error))?;
    print::text(&format!(
        "Medians in microseconds, and how many times the first: {} prepared statements of each kind, one row each, one \
         after the other, the three taking turns{}. In {}, build: {}.",
        print::thousands(CARDS),
        if quiet { "; the server neither syncs nor logs statements" } else { "" },
        seconds(time),
        if cfg!(debug_assertions) { "debug, so slow" } else { "release" }
    ));
    println!("  {:<34} {:>20} {:>20}", "", "SELECT … WHERE pan =", "INSERT");
    let base = ways.first().map_or((0.0, 0.0), |way| (median(&way.reads), median(&way.inserts)));
    for way in &ways {
        let (read, insert) = (shown(median(&way.reads), base.0), shown(median(&way.inserts), base.1));
        println!("  {:<34} {read:>20} {insert:>20}", way.name);
    }
    Ok(())
}

/// One connection, its two statements, and how long each run took, in seconds.
struct Way<'a> {
    name: &'static str,
    client: Client,
    select: Statement,
    insert: Statement,
    cards: &'a [Card],
    reads: Vec<f64>,
    inserts: Vec<f64>,
}

impl<'a> Way<'a> {
    async fn new(name: &'static str, client: Client, table: &str, cards: &'a [Card]) -> Result<Self, Error> {
        let select = format!("SELECT holder, credit_limit FROM {table} WHERE pan = $1");
        let select = client.prepare(&select).await.map_err(|error| Error::sql(select, &error))?;
        let insert = sample::insert(table);
        let insert = client.prepare(&insert).await.map_err(|error| Error::sql(insert, &error))?;
        Ok(Self { name, client, select, insert, cards, reads: Vec::new(), inserts: Vec::new() })
    }
}

async fn reads(ways: &mut [Way<'_>]) -> Result<(), Error> {
    for number in 0..CARDS {
        for way in &mut *ways {
            let Some(card) = way.cards.get(number) else { continue };
            let begun = Instant::now();
            let rows = way.client.query(&way.select, &[&card.pan]).await;
            way.reads.push(begun.elapsed().as_secs_f64());
            let found = rows.map_err(|error| Error::sql(way.name, &error))?.len();
            if found != 1 {
                return Err(Error::expected(way.name, "1 row", found));
            }
        }
    }
    Ok(())
}

/// In a transaction that is rolled back: what a COMMIT waits for is the disk.
async fn inserts(ways: &mut [Way<'_>], cards: &[Card]) -> Result<(), Error> {
    for way in &*ways {
        way.client.batch_execute("BEGIN").await.map_err(|error| Error::sql("BEGIN", &error))?;
    }
    for card in cards {
        for (turn, way) in (1..).zip(&mut *ways) {
            // Two share a table: the same id from both would make one wait for the other's transaction.
            let card = Card { id: card.id + turn * 1_000_000, pan: format!("{}{turn}", card.pan), ..card.clone() };
            let begun = Instant::now();
            let done = way.client.execute(&way.insert, &card.parameters()).await;
            way.inserts.push(begun.elapsed().as_secs_f64());
            done.map_err(|error| Error::sql(way.name, &error))?;
        }
    }
    for way in &*ways {
        way.client.batch_execute("ROLLBACK").await.map_err(|error| Error::sql("ROLLBACK", &error))?;
    }
    Ok(())
}

/// The same table without pgseal, with as many rows.
async fn twin(administrator: &Client, cards: &[Card]) -> Result<(), Error> {
    let made = administrator.batch_execute(&sample::twin()).await;
    made.map_err(|error| Error::sql("CREATE TABLE plain_card", &error))?;
    let sql = sample::insert("plain_card");
    let insert = administrator.prepare(&sql).await.map_err(|error| Error::sql(&sql, &error))?;
    for card in cards {
        let done = administrator.execute(&insert, &card.parameters()).await;
        done.map_err(|error| Error::sql(&sql, &error))?;
    }
    let done = administrator.batch_execute("ANALYZE plain_card, payment_card").await;
    done.map_err(|error| Error::sql("ANALYZE", &error))
}

fn median(times: &[f64]) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
}

fn shown(time: f64, base: f64) -> String {
    format!("{:.0} ({:.2}x)", time * 1e6, time / base)
}
