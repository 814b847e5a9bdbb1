//! 8. What it costs on this machine: one connection, one query after the other, medians.

use std::time::Instant;

use tokio_postgres::Client;
use tokio_postgres::types::ToSql;

use super::sample::Card;
use super::stage::Stage;
use super::{Error, print};

const RUNS: usize = 1000;

pub(super) async fn show(stage: &Stage, cards: &[Card]) -> Result<(), Error> {
    print::title("8. Cost here");
    print::text(&format!(
        "Median of {} prepared point queries on one connection, in microseconds.",
        print::thousands(RUNS)
    ));
    let (direct, client) = (stage.server.direct().await?, stage.client().await?);
    let plain = "SELECT relname FROM pg_class WHERE oid = 1259 AND $1::bigint > 0";
    let sealed = "SELECT holder, credit_limit FROM payment_card WHERE pan = $1";
    let ids: Vec<&(dyn ToSql + Sync)> = cards.iter().map(|card| &card.id as &(dyn ToSql + Sync)).collect();
    let pans: Vec<&(dyn ToSql + Sync)> = cards.iter().map(|card| &card.pan as &(dyn ToSql + Sync)).collect();
    let straight = median(&direct, plain, &ids).await?;
    let relayed = median(&client, plain, &ids).await?;
    let opened = median(&client, sealed, &pans).await?;
    print::fact("straight at the server", &format!("{straight:>6.0}"));
    print::fact("through pgseal, untouched", &format!("{relayed:>6.0}   {:.2} times", relayed / straight));
    print::fact("through pgseal, sealed, by pan", &format!("{opened:>6.0}   {:.2} times", opened / straight));
    Ok(())
}

async fn median(client: &Client, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<f64, Error> {
    let statement = client.prepare(sql).await.map_err(|error| Error::sql(sql, &error))?;
    let mut times = Vec::with_capacity(RUNS);
    for value in values.iter().cycle().take(RUNS) {
        let begun = Instant::now();
        let rows = client.query(&statement, &[*value]).await.map_err(|error| Error::sql(sql, &error))?;
        times.push(begun.elapsed());
        if rows.len() != 1 {
            return Err(Error::new(sql, format!("{} rows instead of 1", rows.len())));
        }
    }
    times.sort_unstable();
    Ok(times.get(times.len() / 2).map_or(0.0, |time| time.as_secs_f64() * 1e6))
}
