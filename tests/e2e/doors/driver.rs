//! tokio-postgres: through the proxy, or straight at the plaintext twin. The SDK's client stands on the same driver, so
//! their answers compare field by field.

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, Error, NoTls, Row};

use super::answer::{Answer, Cell, Failure};
use super::axes::Setup;
use super::door::{Door, Session};
use super::param::{Form, Param, Sent};
use super::scenario::Step;

pub(crate) struct Driver {
    pub(crate) name: &'static str,
    pub(crate) config: Config,
    pub(crate) form: Form,
    pub(crate) setup: Setup,
}

impl Driver {
    /// Its sessions are as they come.
    pub(crate) fn new(name: &'static str, config: Config, form: Form) -> Self {
        Self { name, config, form, setup: Setup::default() }
    }
}

pub(crate) struct DriverSession {
    client: Client,
    form: Form,
}

impl Door for Driver {
    type Session = DriverSession;

    fn name(&self) -> String {
        format!("{}, parameters in {:?}", self.name, self.form)
    }

    async fn connect(&self) -> DriverSession {
        let mut config = self.config.clone();
        self.setup.configure(&mut config);
        let client = connect(&config).await;
        client.batch_execute(&self.setup.sql).await.unwrap();
        DriverSession { client, form: self.form }
    }
}

impl Session for DriverSession {
    async fn run(&mut self, step: &Step) -> Answer {
        ask(&self.client, &step.sql, &step.params, self.form)
            .await
            .unwrap_or_else(|error| Answer::failed(failure(&error)))
    }
}

pub(crate) async fn connect(config: &Config) -> Client {
    let (client, connection) = config.connect(NoTls).await.unwrap();
    // Ends with the client; a lost connection shows in the client's own results.
    tokio::spawn(async move { drop(connection.await) });
    client
}

/// Prepares and runs one statement.
pub(crate) async fn ask(client: &Client, sql: &str, params: &[Param], form: Form) -> Result<Answer, Error> {
    let statement = client.prepare(sql).await?;
    let sent: Vec<Sent<'_>> = params.iter().map(|param| Sent { param, form }).collect();
    let sent: Vec<&(dyn ToSql + Sync)> = sent.iter().map(|sent| sent as _).collect();
    let mut answer = Answer {
        parameters: statement.params().iter().map(|ty| ty.oid()).collect(),
        columns: statement.columns().iter().map(|column| (column.name().to_owned(), column.type_().oid())).collect(),
        ..Answer::default()
    };
    if answer.columns.is_empty() {
        answer.affected = client.execute(&statement, &sent).await?;
    } else {
        let rows = client.query(&statement, &sent).await?;
        answer.rows = rows.iter().map(shown).collect();
        // What returns rows counts them.
        answer.affected = u64::try_from(rows.len()).unwrap();
    }
    Ok(answer)
}

fn shown(row: &Row) -> Vec<Option<String>> {
    (0..row.len()).map(|column| row.get::<_, Option<Cell>>(column).map(|cell| cell.0)).collect()
}

/// What the server, or the proxy in its place, said.
#[track_caller]
pub(crate) fn failure(error: &Error) -> Failure {
    let said = error.as_db_error().unwrap_or_else(|| panic!("no error of the server: {error:?}"));
    let position = match said.position() {
        Some(tokio_postgres::error::ErrorPosition::Original(position)) => Some(*position),
        Some(tokio_postgres::error::ErrorPosition::Internal { .. }) | None => None,
    };
    let names = [said.schema(), said.table(), said.column(), said.datatype(), said.constraint()];
    Failure {
        code: said.code().code().to_owned(),
        message: said.message().to_owned(),
        detail: said.detail().map(str::to_owned),
        hint: said.hint().map(str::to_owned),
        position,
        names: names.map(|name| name.map(str::to_owned)),
    }
}
