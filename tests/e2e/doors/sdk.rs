//! The SDK's client over a pool, straight at the server; its link is tapped as the proxy's is.

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod};
use pgseal::client::{Client, Column, Error, Row, Statement};
use pgseal::error::{ColumnName, UserFacing};
use pgseal::sealer::Sealer;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Config, NoTls};

use crate::harness::World;
use crate::harness::cluster::cluster;
use crate::harness::proxy::state_dir;

use super::answer::{Answer, Cell, Failure};
use super::axes::Setup;
use super::door::{Door, Session};
use super::param::{Form, Sent};
use super::scenario::Step;

pub(crate) struct Sdk {
    pub(crate) sealer: Sealer,
    pub(crate) pool: Pool,
    form: Form,
    setup: Setup,
}

pub(crate) struct SdkSession {
    client: Client,
    form: Form,
    /// What keeps the keys fresh must outlive the door.
    _sealer: Sealer,
}

impl Sdk {
    /// A service of its own on this world: its sealer and its pool.
    pub(crate) async fn new(world: &World, form: Form) -> Self {
        Self::set_up(world, form, Setup::default()).await
    }

    /// The same with sessions that are set up so. What the sealer asks for itself is asked on connections as they come.
    pub(crate) async fn set_up(world: &World, form: Form, setup: Setup) -> Self {
        let mut config = Config::new();
        config.host_path(world.scratch().path()).port(cluster().port()).user("postgres").dbname(world.database());
        let pool = pool_of(config.clone());
        let builder = Sealer::builder().schema_file(world.schema()).state_dir(state_dir(world.scratch().path()));
        let sealer = builder.pool(&pool).build().await.unwrap();
        setup.configure(&mut config);
        Self { sealer, pool: pool_of(config), form, setup }
    }

    pub(crate) async fn client(&self) -> Client {
        self.sealer.client(&self.pool).await.unwrap()
    }
}

fn pool_of(config: Config) -> Pool {
    let manager = Manager::from_config(config, NoTls, ManagerConfig { recycling_method: RecyclingMethod::Fast });
    Pool::builder(manager).max_size(4).build().unwrap()
}

impl Door for Sdk {
    type Session = SdkSession;

    fn name(&self) -> String {
        format!("SDK, parameters in {:?}", self.form)
    }

    async fn connect(&self) -> SdkSession {
        let client = self.client().await;
        client.batch_execute(&self.setup.sql).await.unwrap();
        SdkSession { client, form: self.form, _sealer: self.sealer.clone() }
    }
}

impl Session for SdkSession {
    async fn run(&mut self, step: &Step) -> Answer {
        let sent: Vec<Sent<'_>> = step.params.iter().map(|param| Sent { param, form: self.form }).collect();
        let sent: Vec<&(dyn ToSql + Sync)> = sent.iter().map(|sent| sent as _).collect();
        // Half of the runs take the other calls.
        let answer = match self.form {
            Form::Binary => prepared(&self.client, &step.sql, &sent).await,
            Form::Text => streamed(&self.client, &step.sql, &sent).await,
        };
        match answer {
            // The driver hides the tag that the other doors are answered with; without rows both say nothing.
            Err(Error::RolledBack) => Answer::default(),
            answer => answer.unwrap_or_else(|error| Answer::failed(failure(&error))),
        }
    }
}

/// Prepares a statement, runs it, and takes all rows at once.
async fn prepared(client: &Client, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Answer, Error> {
    let statement = client.prepare(sql).await?;
    let mut answer = described(&statement);
    if answer.columns.is_empty() {
        answer.affected = client.execute(&statement, params).await?;
    } else {
        let rows = client.query(&statement, params).await?;
        answer.rows = rows.iter().map(shown).collect();
        // What returns rows counts them.
        answer.affected = u64::try_from(rows.len()).unwrap();
    }
    Ok(answer)
}

/// Calls a statement by its text, and takes rows as they come.
async fn streamed(client: &Client, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Answer, Error> {
    let mut stream = client.query_raw(sql, params.iter().copied()).await?;
    let mut rows = Vec::new();
    while let Some(row) = stream.try_next().await? {
        rows.push(shown(&row));
    }
    let columns = columns(stream.columns());
    let affected = stream.rows_affected().unwrap();
    // It is prepared by now: this asks nobody.
    let answer = described(&client.prepare(sql).await?);
    assert_eq!(columns, answer.columns, "{sql}");
    Ok(Answer { rows, affected, ..answer })
}

fn described(statement: &Statement) -> Answer {
    let parameters = statement.params().iter().map(|ty| ty.oid()).collect();
    Answer { parameters, columns: columns(statement.columns()), ..Answer::default() }
}

fn columns(columns: &[Column]) -> Vec<(String, u32)> {
    columns.iter().map(|column| (column.name().to_owned(), column.type_().oid())).collect()
}

fn shown(row: &Row) -> Vec<Option<String>> {
    (0..row.len()).map(|column| row.get::<_, Option<Cell>>(column).map(|cell| cell.0)).collect()
}

/// What an application behind the proxy would have seen.
#[track_caller]
pub(crate) fn failure(error: &Error) -> Failure {
    let code = error.code().unwrap_or_else(|| panic!("an error without a SQLSTATE: {error:?}")).to_owned();
    let server = error.as_db_error();
    let names = match error {
        Error::Database(said) => [said.schema(), said.table(), said.column(), said.data_type(), said.constraint()],
        Error::Exec(said) => named(said),
        Error::Refused { refusal, .. } => named(refusal),
        _ => [None; 5],
    };
    Failure {
        code,
        message: error.message().into_owned(),
        detail: server.and_then(|said| said.detail()).map(str::to_owned),
        hint: error.hint().map(|hint| hint.into_owned()),
        position: error.position(),
        names: names.map(|name| name.map(str::to_owned)),
    }
}

/// The column of an error of ours, as an ErrorResponse names it.
fn named(error: &impl UserFacing) -> [Option<&str>; 5] {
    match error.column() {
        Some(ColumnName { schema, table, column }) => {
            [Some(schema), Some(table), Some(column), None, None].map(|name| name.map(String::as_str))
        }
        None => [None; 5],
    }
}
