//! One client, one statement at a time: a point query and an INSERT, unsealed and sealed.

use std::time::{Duration, Instant};

use tokio_postgres::{Client, Config, NoTls, Statement};

use crate::Result;
use crate::servers::{PLAIN, SEALED, Servers};
use crate::table;

/// Each variant gets its turn that often.
const ROUNDS: usize = 20;
/// Executions of one statement in a round.
const EXECUTIONS: usize = 50;
/// Rows in the table that is searched.
const CARDS: i64 = 2000;

/// A session and its two prepared statements.
struct Variant {
    name: &'static str,
    client: Client,
    query: Statement,
    insert: Statement,
    next: i64,
    queries: Vec<f64>,
    inserts: Vec<f64>,
}

/// Runs all variants in turn and prints their medians.
pub(crate) fn report(servers: &Servers) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let direct = servers.postgres.port();
        fill(&connect(servers, direct, PLAIN).await?).await?;
        fill(&connect(servers, servers.pgseal_sealed.port, SEALED).await?).await?;
        for database in [PLAIN, SEALED] {
            servers.postgres.psql(database, "ANALYZE card")?;
        }
        let mut variants = [
            Variant::new("unsealed, direct", connect(servers, direct, PLAIN).await?, 0).await?,
            Variant::new("unsealed, pgseal", connect(servers, servers.pgseal_plain.port, PLAIN).await?, 1 << 32)
                .await?,
            Variant::new(
                "sealed (INSERT signed), pgseal",
                connect(servers, servers.pgseal_sealed.port, SEALED).await?,
                0,
            )
            .await?,
        ];
        for _ in 0..ROUNDS {
            for variant in &mut variants {
                variant.round().await?;
            }
        }
        print(variants);
        Ok(())
    })
}

fn print(variants: [Variant; 3]) {
    let medians =
        variants.map(|variant| (variant.name, table::median(variant.queries), table::median(variant.inserts)));
    let (_, query, insert) = medians[0];
    let rows: Vec<_> = medians
        .into_iter()
        .map(|(name, queries, inserts)| {
            let figures = [format!("{queries:.0}"), format!("{:.2}", queries / query)];
            let more = [format!("{inserts:.0}"), format!("{:.2}", inserts / insert)];
            [name.to_owned()].into_iter().chain(figures).chain(more).collect()
        })
        .collect();
    let executions = ROUNDS * EXECUTIONS;
    let title = format!("one client, prepared, medians of {executions} executions each in {ROUNDS} alternating rounds");
    table::print(&title, &["", "point query, µs", "of direct", "INSERT, µs", "of direct"], &rows);
}

async fn connect(servers: &Servers, port: u16, database: &str) -> Result<Client> {
    let mut config = Config::new();
    config.host("127.0.0.1").port(port).user("postgres").password(servers.postgres.password()).dbname(database);
    let (client, connection) = config.connect(NoTls).await?;
    // A lost connection shows in the client's own results.
    tokio::spawn(async move { drop(connection.await) });
    Ok(client)
}

fn pan(number: i64) -> String {
    format!("4000{:011}", number % CARDS * 48_611)
}

async fn fill(client: &Client) -> Result<()> {
    let insert = client.prepare("INSERT INTO card (id, pan, holder) VALUES ($1, $2, $3)").await?;
    client.batch_execute("BEGIN").await?;
    for id in 0..CARDS {
        client.execute(&insert, &[&id, &pan(id), &"Ada Lovelace"]).await?;
    }
    client.batch_execute("COMMIT").await?;
    Ok(())
}

impl Variant {
    async fn new(name: &'static str, client: Client, first: i64) -> Result<Self> {
        let query = client.prepare("SELECT id, pan, holder FROM card WHERE pan = $1").await?;
        let insert = client.prepare("INSERT INTO transfer (id, reference, amount) VALUES ($1, $2, $3)").await?;
        Ok(Self { name, client, query, insert, next: first, queries: Vec::new(), inserts: Vec::new() })
    }

    async fn round(&mut self) -> Result<()> {
        for _ in 0..EXECUTIONS {
            let wanted = pan(self.next);
            let start = Instant::now();
            let row = self.client.query_one(&self.query, &[&wanted]).await?;
            self.queries.push(microseconds(start.elapsed()));
            if row.get::<_, &str>(1) != wanted {
                return Err("a point query returned another row".into());
            }
            let start = Instant::now();
            self.client.execute(&self.insert, &[&self.next, &"invoice 2024-0815", &1250_i64]).await?;
            self.inserts.push(microseconds(start.elapsed()));
            self.next += 1;
        }
        Ok(())
    }
}

fn microseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
