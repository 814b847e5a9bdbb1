//! Statements as text, rows as text: what a person at psql would see.

use tokio_postgres::{Client, SimpleQueryMessage};

use super::Error;

pub(super) type Row = Vec<Option<String>>;

/// What came of a statement: its rows, or SQLSTATE and message.
pub(super) enum Outcome {
    Rows(Vec<Row>),
    Failed { code: String, message: String },
}

/// # Errors
/// What is no answer of the database: a lost connection.
pub(super) async fn outcome(client: &Client, sql: &str) -> Result<Outcome, Error> {
    match client.simple_query(sql).await {
        Ok(messages) => Ok(Outcome::Rows(messages.iter().filter_map(row).collect())),
        Err(error) => match error.as_db_error() {
            Some(said) => {
                Ok(Outcome::Failed { code: said.code().code().to_owned(), message: said.message().to_owned() })
            }
            None => Err(Error::sql(sql, &error)),
        },
    }
}

pub(super) async fn rows(client: &Client, sql: &str) -> Result<Vec<Row>, Error> {
    match outcome(client, sql).await? {
        Outcome::Rows(rows) => Ok(rows),
        Outcome::Failed { code, message } => Err(Error::new(sql, format!("{code}: {message}"))),
    }
}

pub(super) async fn first(client: &Client, sql: &str) -> Result<Row, Error> {
    rows(client, sql).await?.into_iter().next().ok_or_else(|| Error::expected(sql, "a row", "none"))
}

fn row(message: &SimpleQueryMessage) -> Option<Row> {
    match message {
        SimpleQueryMessage::Row(row) => Some((0..row.len()).map(|at| row.get(at).map(str::to_owned)).collect()),
        _ => None,
    }
}
