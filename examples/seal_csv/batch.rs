//! Rows of a CSV file, sealed in transactions. The usual transaction is one prepared statement, executed once a row;
//! only one in which a row turned out to be bad is done again with a savepoint a row.

use std::fmt;
use std::io::Read;

use csv::{ErrorKind, Reader, StringRecord};
use pgseal::client::{self, Client};
use pgseal::sealer::Kind;
use tokio_postgres::types::ToSql;

use crate::amount::Amount;

const INSERT: &str =
    "INSERT INTO payment_card (customer_id, pan, iban, holder, credit_limit) VALUES ($1, $2, $3, $4, $5)";

/// A row of the file. No `Debug`: its values are what this is all about.
struct Card {
    customer_id: i64,
    pan: String,
    iban: Option<String>,
    holder: String,
    credit_limit: Amount,
}

/// How to go about it.
pub(crate) struct Batches {
    /// Rows a transaction, from 1.
    pub(crate) rows: usize,
    /// Whether a bad row is left out rather than the end.
    pub(crate) skip_bad: bool,
}

/// What became of the rows.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Report {
    pub(crate) sealed: usize,
    pub(crate) left_out: usize,
}

/// A row that is not stored.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct BadRow {
    /// Where it begins in the file, from 1.
    pub(crate) line: u64,
    /// Names of columns and constraints at most.
    pub(crate) reason: String,
}

impl fmt::Display for BadRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

/// Why it ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stopped {
    #[error(
        "{bad}; {sealed} rows of the transactions before it are sealed, none of its own (--skip-bad leaves it out)"
    )]
    Bad { bad: BadRow, sealed: usize },
    #[error("the file: {0}")]
    File(csv::Error),
    #[error("after {sealed} sealed rows: {error}")]
    Database { error: client::Error, sealed: usize },
}

impl Batches {
    /// `progress` is told how many bytes of the input are done, `bad` of every row that is left out.
    pub(crate) async fn seal(
        &self,
        client: &mut Client,
        input: impl Read,
        progress: impl Fn(u64),
        bad: &mut dyn FnMut(&BadRow),
    ) -> Result<Report, Stopped> {
        let mut reader = Reader::from_reader(input);
        let headers = reader.headers().map_err(Stopped::File)?.clone();
        let mut run = Run { client, report: Report::default(), skip_bad: self.skip_bad, bad };
        let mut batch = Vec::with_capacity(self.rows);
        let mut records = reader.records();
        while let Some(record) = records.next() {
            match read(record, &headers)? {
                Ok(row) => batch.push(row),
                Err(row) => run.leave_out(row)?,
            }
            if batch.len() == self.rows {
                run.seal(&batch).await?;
                batch.clear();
                progress(records.reader().position().byte());
            }
        }
        run.seal(&batch).await?;
        Ok(run.report)
    }
}

/// A row and the line where it begins; or why it is bad; or that the file cannot be read on.
fn read(record: csv::Result<StringRecord>, headers: &StringRecord) -> Result<Result<(u64, Card), BadRow>, Stopped> {
    let line = |position: Option<&csv::Position>| position.map_or(0, csv::Position::line);
    let (line, card) = match record {
        Ok(record) => (line(record.position()), Card::read(&record, headers)),
        // The text of an error may quote the row.
        Err(error) => match error.kind() {
            ErrorKind::UnequalLengths { expected_len, len, .. } => {
                (line(error.position()), Err(format!("{len} fields instead of {expected_len}")))
            }
            ErrorKind::Utf8 { .. } => (line(error.position()), Err("it is not UTF-8".to_owned())),
            _ => return Err(Stopped::File(error)),
        },
    };
    Ok(card.map(|card| (line, card)).map_err(|reason| BadRow { line, reason }))
}

impl Card {
    fn read(record: &StringRecord, headers: &StringRecord) -> Result<Self, String> {
        let text = |column: &str| {
            let at = headers.iter().position(|header| header == column);
            at.and_then(|at| record.get(at)).ok_or_else(|| format!("there is no column {column}"))
        };
        Ok(Self {
            customer_id: text("customer_id")?.parse().map_err(|_| "customer_id is no whole number")?,
            pan: text("pan")?.to_owned(),
            iban: Some(text("iban")?).filter(|iban| !iban.is_empty()).map(str::to_owned),
            holder: text("holder")?.to_owned(),
            credit_limit: text("credit_limit")?.parse().map_err(|_| "credit_limit is no decimal number")?,
        })
    }

    fn values(&self) -> [&(dyn ToSql + Sync); 5] {
        [&self.customer_id, &self.pan, &self.iban, &self.holder, &self.credit_limit]
    }
}

/// A file on its way into the table.
struct Run<'a> {
    client: &'a mut Client,
    report: Report,
    skip_bad: bool,
    bad: &'a mut dyn FnMut(&BadRow),
}

impl Run<'_> {
    /// All of these rows in one transaction; with `--skip-bad`, all but the bad ones.
    async fn seal(&mut self, batch: &[(u64, Card)]) -> Result<(), Stopped> {
        match self.all(batch).await {
            Ok(()) => {
                self.report.sealed += batch.len();
                Ok(())
            }
            Err((line, error)) => match (blame(&error), line) {
                (Some(_), Some(_)) if self.skip_bad => self.one_by_one(batch).await,
                (Some(reason), Some(line)) => self.leave_out(BadRow { line, reason }),
                (_, _) => Err(self.database(error)),
            },
        }
    }

    /// At the first failure the transaction is rolled back. With it comes the line, if a row was on its way.
    async fn all(&mut self, batch: &[(u64, Card)]) -> Result<(), (Option<u64>, client::Error)> {
        let unrelated = |error| (None, error);
        let transaction = self.client.transaction().await.map_err(unrelated)?;
        // The client keeps what it has prepared: this costs the server something once.
        let insert = transaction.prepare(INSERT).await.map_err(unrelated)?;
        for (line, card) in batch {
            transaction.execute(&insert, &card.values()).await.map_err(|error| (Some(*line), error))?;
        }
        transaction.commit().await.map_err(unrelated)
    }

    async fn one_by_one(&mut self, batch: &[(u64, Card)]) -> Result<(), Stopped> {
        let (sealed, bad) = self.with_savepoints(batch).await.map_err(|error| self.database(error))?;
        self.report.sealed += sealed;
        bad.into_iter().try_for_each(|row| self.leave_out(row))
    }

    async fn with_savepoints(&mut self, batch: &[(u64, Card)]) -> Result<(usize, Vec<BadRow>), client::Error> {
        let mut bad = Vec::new();
        let mut transaction = self.client.transaction().await?;
        let insert = transaction.prepare(INSERT).await?;
        for (line, card) in batch {
            let savepoint = transaction.transaction().await?;
            match savepoint.execute(&insert, &card.values()).await {
                Ok(_) => savepoint.commit().await?,
                Err(error) => {
                    savepoint.rollback().await?;
                    let reason = blame(&error).ok_or(error)?;
                    bad.push(BadRow { line: *line, reason });
                }
            }
        }
        transaction.commit().await?;
        Ok((batch.len() - bad.len(), bad))
    }

    fn leave_out(&mut self, bad: BadRow) -> Result<(), Stopped> {
        if !self.skip_bad {
            return Err(Stopped::Bad { bad, sealed: self.report.sealed });
        }
        self.report.left_out += 1;
        (self.bad)(&bad);
        Ok(())
    }

    fn database(&self, error: client::Error) -> Stopped {
        Stopped::Database { error, sealed: self.report.sealed }
    }
}

/// What is wrong with the row, if it is the row: a value that its column does not take (class 22) or a constraint
/// (class 23). Everything else would go wrong with every row.
fn blame(error: &client::Error) -> Option<String> {
    let code = error.code().filter(|code| code.starts_with("22") || code.starts_with("23"))?;
    match error.kind() {
        Kind::Refused => Some(error.message().into_owned()),
        // The server's own text may quote the row.
        Kind::Database => {
            let constraint = error.as_db_error().and_then(|error| error.constraint());
            Some(format!("{code} {}", constraint.unwrap_or("from the server")))
        }
        Kind::Tampered | Kind::WrongContext | Kind::KeyUnavailable | Kind::Denied => None,
    }
}
