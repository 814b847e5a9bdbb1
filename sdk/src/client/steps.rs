//! Statements of several steps, each run to its end in a transaction: the application's, or one of their own.
//!
//! Rows are held until the transaction is confirmed. A call that is dropped before that leaves a connection of which
//! nobody knows in what state it is: it is given up ([`Armed`]).

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::{StreamExt, future};
use tokio_postgres::types::Type;

use super::connection::Armed;
use super::params::{self, Encoded, Raw};
use super::run::{Loads, REFUSAL, Runner, Sent, had_failed, may_leave_a_block};
use super::statement::{Prepared, declared_type};
use super::stream::{Rows, open};
use super::{Error, Row};
use crate::encoding::ClientEncoding;
use crate::exec;
use crate::exec::facts::reads_settings;
use crate::exec::inputs::Params;
use crate::exec::outputs::Opener;
use crate::exec::steps::{Execution, Step, StepRows};
use crate::sql::Plan;
use crate::value::Settings;

/// Why a step failed.
enum Failure {
    /// We refuse to go on: the transaction must be made to fail.
    Ours(Error),
    /// The server refused it, and the transaction with it.
    Server(Error),
    /// The connection failed.
    Lost(Error),
}

/// What a statement gave: its rows, and how many it wrote.
type Answer = (VecDeque<Row>, u64);

impl<'a> Runner<'a> {
    /// Runs a statement of several steps to its end.
    pub(super) async fn run_steps(
        self,
        prepared: &Arc<Prepared>,
        plan: &Arc<Plan>,
        encoded: &Encoded,
    ) -> Result<Sent<'a>, Error> {
        let values = encoded.values();
        let params = Params { values: &values, formats: encoded.formats(), encoding: ClientEncoding::UTF8 };
        let _alone = self.turn().await?;
        if prepared.epoch() != self.shared.epoch() {
            return Ok(Sent::Replanned);
        }
        let inside = self.is_inside().await?;
        let settings = self.settings_alone(plan, params).await;
        let armed = Armed::new(self.connection, self.client);
        let settings = match settings {
            Ok(settings) => settings,
            Err(failure) => return Err(self.fail(failure, inside, armed).await),
        };
        let run = Run { runner: self, prepared, plan, params, settings };
        let begin = !inside;
        match run.steps(begin).await {
            Ok((rows, affected)) if inside => {
                armed.disarm();
                Ok(Sent::Rows(Rows::held(self, prepared, rows, affected)))
            }
            Ok((rows, affected)) => match self.client.batch_execute("COMMIT").await {
                Ok(()) => {
                    armed.disarm();
                    Ok(Sent::Rows(Rows::held(self, prepared, rows, affected)))
                }
                // A constraint that is checked here, or the connection: whether it was committed is not known then.
                Err(error) => {
                    let server = error.as_db_error().is_some();
                    // Outside a block it does nothing.
                    if server && (!may_leave_a_block(&error) || self.client.batch_execute("ROLLBACK").await.is_ok()) {
                        armed.disarm();
                    }
                    Err(self.failed(error, Some(plan), Params::NONE, |_| None))
                }
            },
            Err(failure) => Err(self.fail(failure, inside, armed).await),
        }
    }

    async fn settings_alone(self, plan: &Plan, params: Params<'_>) -> Result<Arc<Settings>, Failure> {
        if reads_settings(plan, params.formats)
            && let Some(asked) = self.connection.must_ask()
        {
            match self.ask_alone(asked).await {
                Ok(None) => {}
                Ok(Some(failed)) => return Err(Failure::Server(failed)),
                Err(error) => return Err(Failure::Ours(error)),
            }
        }
        self.connection.settings(plan).map_err(|refusal| Failure::Ours(exec::Error::Refused(refusal).into()))
    }

    /// Brings the transaction to its end, or to the state that the server would have left it in.
    async fn fail(self, failure: Failure, inside: bool, armed: Armed<'_>) -> Error {
        self.connection.failed(None);
        let (error, end) = match failure {
            Failure::Lost(error) => return error,
            Failure::Server(error) if inside => {
                armed.disarm();
                return error;
            }
            Failure::Ours(error) if inside => (error, REFUSAL),
            Failure::Server(error) | Failure::Ours(error) => (error, "ROLLBACK"),
        };
        match self.client.batch_execute(end).await {
            // The refusal succeeded: that cannot be, and the block has not failed.
            Ok(()) if inside => {}
            Ok(()) => armed.disarm(),
            Err(failed) if inside && had_failed(&failed) => {
                armed.disarm();
                return failed.into();
            }
            Err(failed) if inside && failed.as_db_error().is_some() => armed.disarm(),
            // The connection failed.
            Err(_) => {}
        }
        error
    }
}

/// A statement of several steps at work.
struct Run<'r> {
    runner: Runner<'r>,
    prepared: &'r Prepared,
    plan: &'r Arc<Plan>,
    params: Params<'r>,
    settings: Arc<Settings>,
}

impl Run<'_> {
    async fn steps(&self, mut begin: bool) -> Result<Answer, Failure> {
        let mut execution = Execution::new(self.plan, self.prepared.declared());
        loop {
            let step = self.next(&mut execution).await?;
            let stream = self.send(&step, &execution, std::mem::take(&mut begin)).await?;
            match step.rows {
                StepRows::Ours => self.take_rows(stream, &mut execution).await?,
                StepRows::Client { guards: _ } => return self.last(stream, &execution).await,
            }
        }
    }

    async fn next(&self, execution: &mut Execution) -> Result<Step, Failure> {
        let mut loads = Loads::default();
        loop {
            let error = match execution.next(self.params, self.runner.keys(), &self.settings) {
                Ok(step) => return Ok(step),
                Err(error) => error,
            };
            if !loads.load(self.runner, &error).await {
                return Err(Failure::Ours(error.into()));
            }
        }
    }

    /// Sends a step, with BEGIN before it in the same round trip if its rows are ours: should BEGIN fail, nothing is
    /// written.
    async fn send(
        &self,
        step: &Step,
        execution: &Execution,
        begin: bool,
    ) -> Result<tokio_postgres::RowStream, Failure> {
        let Runner { client, connection, .. } = self.runner;
        connection.sent(self.plan, self.prepared.statement.effect());
        let types = step.types.iter().copied().map(declared_type);
        let typed: Vec<(Raw<'_>, Type)> = Raw::physical(&step.params, self.params).zip(types).collect();
        let sent = client.query_typed_raw(&step.text, typed);
        let sent = match (begin, step.rows) {
            (false, _) => sent.await,
            (true, StepRows::Ours) => {
                // The first of the two is polled, and so sends, first.
                let (begun, sent) = future::join(client.batch_execute("BEGIN"), sent).await;
                begun.map_err(|error| self.failed(error, execution))?;
                sent
            }
            (true, StepRows::Client { guards: _ }) => {
                client.batch_execute("BEGIN").await.map_err(|error| self.failed(error, execution))?;
                sent.await
            }
        };
        sent.map_err(|error| self.failed(error, execution))
    }

    async fn take_rows(&self, stream: tokio_postgres::RowStream, execution: &mut Execution) -> Result<(), Failure> {
        let mut stream = Box::pin(stream);
        while let Some(row) = stream.next().await {
            let row = row.map_err(|error| self.failed(error, execution))?;
            let columns = params::columns(&row).map_err(Failure::Ours)?;
            let mut loads = Loads::default();
            while let Err(error) = execution.row(&columns, self.runner.keys()) {
                if !loads.load(self.runner, &error).await {
                    return Err(Failure::Ours(error.into()));
                }
            }
        }
        Ok(())
    }

    async fn last(&self, stream: tokio_postgres::RowStream, execution: &Execution) -> Result<Answer, Failure> {
        let mut stream = Box::pin(stream);
        let mut opener = Opener::binary(self.plan, self.params);
        let mut rows = VecDeque::new();
        while let Some(row) = stream.next().await {
            let row = row.map_err(|error| self.failed(error, execution))?;
            // Without one the rows are a guard's.
            if let Some(opener) = &mut opener {
                let opened = open(self.runner, opener, &row, &self.prepared.columns).await;
                rows.push_back(opened.map_err(Failure::Ours)?);
            }
        }
        let affected = stream.rows_affected().unwrap_or(0);
        execution.finish(affected).map_err(|error: exec::Error| Failure::Ours(error.into()))?;
        Ok((rows, affected))
    }

    fn failed(&self, error: tokio_postgres::Error, execution: &Execution) -> Failure {
        let server = error.as_db_error().is_some();
        let error = self.runner.failed(error, Some(self.plan), self.params, |at| execution.positions()?.client(at));
        if server { Failure::Server(error) } else { Failure::Lost(error) }
    }
}
