//! The same statements on sealed tables through the SDK's client, and on unsealed ones through plain tokio-postgres:
//! both straight at one server, on connections of their own.

use std::rc::Rc;
use std::time::Instant;

use deadpool_postgres::{Manager, Pool};
use pgseal::testing::Database;
use tokio::task::{JoinSet, LocalSet};
use tokio_postgres::NoTls;
use tokio_postgres::types::ToSql;

use crate::{Result, table};

/// Each variant gets its turn that often.
const ROUNDS: usize = 40;
/// Executions in a turn, of all connections together.
const EXECUTIONS: i64 = 2000;
/// Rows in the table that is searched.
const CARDS: i64 = 2000;
/// Connections of a turn, and whether the server flushes what it commits, as it does unless told otherwise. If it does
/// not, only processors are measured.
const RUNS: [(usize, bool); 3] = [(8, true), (8, false), (1, false)];

const TABLES: &str = "\
    CREATE TABLE card (id bigint PRIMARY KEY, pan text NOT NULL, holder text NOT NULL); \
    CREATE INDEX ON card (pan); \
    CREATE TABLE transfer (id bigint PRIMARY KEY, reference text NOT NULL, amount bigint NOT NULL); \
    CREATE TABLE plain_card (LIKE card INCLUDING ALL); \
    CREATE TABLE plain_transfer (LIKE transfer INCLUDING ALL);";

const SCHEMA: &str = r#"version = 1
[keyrings.bench]
generator = "local:bench"
[branch_keys.bench]
keyring = "bench"

[tables.card]
name = "public.card"
branch_key = "bench"
row_signature = "none"
[tables.card.columns]
id = "SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT"
pan = { action = "ENCRYPT_AND_SIGN", type = "text" }
holder = { action = "ENCRYPT_AND_SIGN", type = "text" }
[tables.card.beacons]
standard = [{ name = "pan", length = "exact" }]

[tables.transfer]
name = "public.transfer"
branch_key = "bench"
row_signature = "HMAC-SHA-384"
[tables.transfer.columns]
id = "SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT"
reference = { action = "ENCRYPT_AND_SIGN", type = "text" }
amount = { action = "ENCRYPT_AND_SIGN", type = "bigint" }
"#;

/// What is measured.
#[derive(Debug, Clone, Copy)]
enum Task {
    SelectByKey,
    SelectByTag,
    Insert,
    SignedInsert,
}

const TASKS: [(&str, Task); 4] = [
    ("SELECT by primary key", Task::SelectByKey),
    ("SELECT by sealed column", Task::SelectByTag),
    ("INSERT", Task::Insert),
    ("INSERT, signed", Task::SignedInsert),
];

impl Task {
    fn sql(self, prefix: &str) -> String {
        match self {
            Task::SelectByKey => format!("SELECT id, pan, holder FROM {prefix}card WHERE id = $1"),
            Task::SelectByTag => format!("SELECT id, pan, holder FROM {prefix}card WHERE pan = $1"),
            Task::Insert => format!("INSERT INTO {prefix}card (id, pan, holder) VALUES ($1, $2, $3)"),
            Task::SignedInsert => format!("INSERT INTO {prefix}transfer (id, reference, amount) VALUES ($1, $2, $3)"),
        }
    }
}

fn pan(number: i64) -> String {
    format!("4000{:011}", number % CARDS * 48_611)
}

/// A connection and what it has prepared: the calls that SDK and driver have in common.
trait Link {
    type Statement;
    async fn prepare(&self, sql: &str) -> Result<Self::Statement>;
    /// The second column of the one row.
    async fn one(&self, statement: &Self::Statement, key: &(dyn ToSql + Sync)) -> Result<String>;
    async fn write(&self, statement: &Self::Statement, values: &[&(dyn ToSql + Sync)]) -> Result<()>;
}

impl Link for tokio_postgres::Client {
    type Statement = tokio_postgres::Statement;

    async fn prepare(&self, sql: &str) -> Result<Self::Statement> {
        Ok(self.prepare(sql).await?)
    }

    async fn one(&self, statement: &Self::Statement, key: &(dyn ToSql + Sync)) -> Result<String> {
        Ok(self.query_one(statement, &[key]).await?.try_get(1)?)
    }

    async fn write(&self, statement: &Self::Statement, values: &[&(dyn ToSql + Sync)]) -> Result<()> {
        self.execute(statement, values).await?;
        Ok(())
    }
}

impl Link for pgseal::client::Client {
    type Statement = pgseal::client::Statement;

    async fn prepare(&self, sql: &str) -> Result<Self::Statement> {
        Ok(self.prepare(sql).await?)
    }

    async fn one(&self, statement: &Self::Statement, key: &(dyn ToSql + Sync)) -> Result<String> {
        Ok(self.query_one(statement, &[key]).await?.try_get(1)?)
    }

    async fn write(&self, statement: &Self::Statement, values: &[&(dyn ToSql + Sync)]) -> Result<()> {
        self.execute(statement, values).await?;
        Ok(())
    }
}

/// A connection with the statements of all tasks.
struct Ready<L: Link> {
    link: Rc<L>,
    statements: Vec<Rc<L::Statement>>,
}

/// The connections of one side.
struct Side<L: Link> {
    links: Vec<Ready<L>>,
    /// The next id for a new row.
    next: i64,
}

impl<L: Link + 'static> Side<L> {
    async fn new(links: Vec<L>, prefix: &str, next: i64) -> Result<Self> {
        let mut side = Self { links: Vec::new(), next };
        for link in links {
            let mut statements = Vec::new();
            for (_, task) in TASKS {
                statements.push(Rc::new(link.prepare(&task.sql(prefix)).await?));
            }
            side.links.push(Ready { link: Rc::new(link), statements });
        }
        Ok(side)
    }

    /// The rows that are searched.
    async fn fill(&self) -> Result<()> {
        let Some(Ready { link, statements }) = self.links.first() else { return Ok(()) };
        for id in 0..CARDS {
            link.write(&statements[Task::Insert as usize], &[&id, &pan(id), &"Ada Lovelace"]).await?;
        }
        Ok(())
    }

    /// Executions a second.
    async fn round(&mut self, task: Task, connections: usize) -> Result<f64> {
        let share = EXECUTIONS / i64::try_from(connections)?;
        let start = Instant::now();
        let mut turns = JoinSet::new();
        for Ready { link, statements } in self.links.iter().take(connections) {
            let (link, statement, first) = (Rc::clone(link), Rc::clone(&statements[task as usize]), self.next);
            self.next += share;
            turns.spawn_local(async move { turn(&*link, &statement, task, first..first + share).await });
        }
        while let Some(ended) = turns.join_next().await {
            ended??;
        }
        Ok(EXECUTIONS as f64 / start.elapsed().as_secs_f64())
    }
}

async fn turn<L: Link>(link: &L, statement: &L::Statement, task: Task, ids: std::ops::Range<i64>) -> Result<()> {
    for id in ids {
        let wanted = pan(id);
        match task {
            Task::SelectByKey if link.one(statement, &(id % CARDS)).await? != wanted => {
                return Err("a query by primary key returned another row".into());
            }
            Task::SelectByTag if link.one(statement, &wanted).await? != wanted => {
                return Err("a query by a sealed column returned another row".into());
            }
            Task::SelectByKey | Task::SelectByTag => {}
            Task::Insert => link.write(statement, &[&id, &format!("{wanted}-{id}"), &"Ada Lovelace"]).await?,
            Task::SignedInsert => link.write(statement, &[&id, &"invoice 2024-0815", &1250_i64]).await?,
        }
    }
    Ok(())
}

/// Runs all tasks on both sides in turn and prints their medians.
pub(crate) async fn report() -> Result<()> {
    LocalSet::new().run_until(measure()).await
}

async fn measure() -> Result<()> {
    let database = Database::sealed(TABLES, SCHEMA).await?;
    // The cluster of the tests logs every statement.
    database.at_server("ALTER SYSTEM SET log_statement = 'none'").await?;
    // No client of these waits for another one's connection.
    let pool = Pool::builder(Manager::new(database.config(), NoTls)).max_size(64).build()?;
    let (mut plain, mut forwarded, mut sealed) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..RUNS.into_iter().map(|(connections, _)| connections).max().unwrap_or(1) {
        let (client, connection) = database.config().connect(NoTls).await?;
        // A lost connection shows in the client's own results.
        tokio::spawn(async move { drop(connection.await) });
        plain.push(client);
        forwarded.push(database.sealer().client(&pool).await?);
        sealed.push(database.sealer().client(&pool).await?);
    }
    let mut plain = Side::new(plain, "plain_", CARDS).await?;
    let mut forwarded = Side::new(forwarded, "plain_", 1 << 32).await?;
    let mut sealed = Side::new(sealed, "", CARDS).await?;
    plain.fill().await?;
    sealed.fill().await?;
    database.at_server("VACUUM ANALYZE").await?;
    for (connections, flushing) in RUNS {
        flush(&database, flushing).await?;
        let mut rows = Vec::new();
        for (name, task) in TASKS {
            let mut rounds = [const { Vec::new() }; 3];
            for _ in 0..ROUNDS {
                rounds[0].push(plain.round(task, connections).await?);
                rounds[1].push(forwarded.round(task, connections).await?);
                rounds[2].push(sealed.round(task, connections).await?);
            }
            // Of rounds that follow one another: what else the machine does is in both.
            let ratio = |side: usize| {
                let ratios = rounds[0].iter().zip(&rounds[side]).map(|(plain, other)| other / plain);
                format!("{:.2}", table::median(ratios.collect()))
            };
            let ratios = [ratio(1), ratio(2)];
            let [plain, forwarded, sealed] = rounds.map(|figures| format!("{:.0}", table::median(figures)));
            let [forwarded_ratio, sealed_ratio] = ratios;
            let row = [plain, forwarded, forwarded_ratio, sealed, sealed_ratio];
            rows.push([name.to_owned()].into_iter().chain(row).collect());
        }
        let title = format!(
            "executions a second, prepared, {connections} at a time on one thread, commits {}, medians of {ROUNDS} \
             alternating rounds of {EXECUTIONS}",
            if flushing { "flushed" } else { "not flushed" }
        );
        let heads = ["", "unsealed, tokio-postgres", "unsealed, SDK", "ratio", "sealed, SDK", "ratio"];
        table::print(&title, &heads, &rows);
    }
    Ok(())
}

async fn flush(database: &Database, flushing: bool) -> Result<()> {
    for setting in ["fsync", "synchronous_commit", "full_page_writes"] {
        database.at_server(&format!("ALTER SYSTEM SET {setting} = {}", if flushing { "on" } else { "off" })).await?;
    }
    database.at_server("SELECT pg_reload_conf()").await?;
    Ok(())
}
