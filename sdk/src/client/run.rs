//! One statement: planned, bound, sent. What client and transaction share.
//!
//! The driver sends when a future is polled first. So that a statement goes to the session that it was made for, there
//! is no await between the last look at what is known of the session and that poll ([`Turn`](super::connection::Turn)).

use std::pin::pin;
use std::sync::Arc;

use tokio_postgres::error::SqlState;
use tokio_postgres::types::BorrowToSql;
use tokio_postgres::{SimpleQueryMessage, SimpleQueryRow};

use super::block::{Block, PROBE};
use super::connection::Connection;
use super::failed::{failed, is_of_others};
use super::params::{self, Encoded, Own, Raw, Unfit};
use super::shared::Shared;
use super::statement::Prepared;
use super::statement::private::Source;
use super::stream::Rows;
use super::{Error, Row, RowCount, commit};
use crate::encoding::ClientEncoding;
use crate::exec;
use crate::exec::errors::{ClientValues, KnownParams};
use crate::exec::facts::{Asked, HIDDEN, reads_settings};
use crate::exec::inputs::{self, Params};
use crate::keys::{self, KeySource};
use crate::seal;
use crate::sql::client_text::depends_on_strings;
use crate::sql::{Plan, Refusal};

/// What a refused statement leaves in a transaction block: it fails at the server as the refused one would have
/// failed, with 42883, and holds nothing of it.
pub(super) const REFUSAL: &str = "SELECT pg_catalog.pgseal_refused()";

/// What the server cannot find in it, and says so in every language.
pub(super) const REFUSAL_FUNCTION: &str = "pgseal_refused";

/// A connection on which statements run.
#[derive(Clone, Copy)]
pub(super) struct Runner<'a> {
    pub(super) client: &'a tokio_postgres::Client,
    pub(super) connection: &'a Arc<Connection>,
    pub(super) shared: &'a Shared,
}

impl<'a> Runner<'a> {
    /// Every row.
    pub(super) async fn query<P: BorrowToSql>(self, source: Source<'_>, params: &[P]) -> Result<Vec<Row>, Error> {
        let mut rows = self.start(source, params).await?;
        let mut all = Vec::new();
        while let Some(row) = rows.next().await? {
            all.push(row);
        }
        Ok(all)
    }

    /// One row, or none.
    pub(super) async fn query_opt<P: BorrowToSql>(
        self,
        source: Source<'_>,
        params: &[P],
    ) -> Result<Option<Row>, Error> {
        let mut rows = self.start(source, params).await?;
        let first = rows.next().await?;
        // Only at the end is it certain that the statement did not fail.
        match rows.next().await? {
            Some(_) => Err(Error::RowCount(RowCount::Several)),
            None => Ok(first),
        }
    }

    /// How many rows were written or read.
    pub(super) async fn execute<P: BorrowToSql>(self, source: Source<'_>, params: &[P]) -> Result<u64, Error> {
        let mut rows = self.start(source, params).await?;
        while rows.next().await?.is_some() {}
        Ok(rows.affected().unwrap_or(0))
    }

    /// Sends a statement, and gives what reads its rows.
    pub(super) async fn start<P: BorrowToSql>(self, source: Source<'_>, params: &[P]) -> Result<Rows<'a>, Error> {
        let mut prepared = match source {
            Source::Text(text) => self.prepare(text, &[]).await?,
            Source::Prepared(statement)
                if Arc::ptr_eq(&statement.connection, self.connection) && self.connection.has(&statement.prepared) =>
            {
                Arc::clone(&statement.prepared)
            }
            Source::Prepared(statement) => {
                self.prepare(statement.prepared.text(), statement.prepared.declared()).await?
            }
        };
        let mut lost = false;
        loop {
            if prepared.epoch() != self.shared.epoch() {
                prepared = self.prepare(prepared.text(), prepared.declared()).await?;
            }
            params::fit(params, &prepared.params)?;
            let sent = match prepared.plan() {
                Some(plan) => {
                    let encoded = Encoded::new(params, &prepared.params)?;
                    if plan.is_stepped() {
                        self.run_steps(&prepared, plan, &encoded).await?
                    } else {
                        self.send_planned(&prepared, plan, &encoded).await?
                    }
                }
                None => self.send_forwarded(&prepared, params).await?,
            };
            match sent {
                Sent::Rows(rows) => return Ok(rows),
                Sent::Replanned => {}
                // It did not run. A text is prepared again behind the application's back, as it was the first time.
                Sent::Lost { error, forgotten } => {
                    self.connection.lost(&prepared, forgotten);
                    // In a block the error has failed the block.
                    if lost || self.is_inside_by_turn().await? {
                        return Err(error);
                    }
                    lost = true;
                    prepared = self.prepare(prepared.text(), prepared.declared()).await?;
                }
            }
        }
    }

    async fn send_planned(
        self,
        prepared: &Arc<Prepared>,
        plan: &Arc<Plan>,
        encoded: &Encoded,
    ) -> Result<Sent<'a>, Error> {
        let values = encoded.values();
        let params = Params { values: &values, formats: encoded.formats(), encoding: ClientEncoding::UTF8 };
        let mut loads = Loads::default();
        loop {
            let turn = self.turn().await?;
            if prepared.epoch() != self.shared.epoch() {
                return Ok(Sent::Replanned);
            }
            if prepared.reads_settings
                && reads_settings(plan, params.formats)
                && let Some(asked) = self.connection.must_ask()
            {
                drop(turn);
                if let Some(failed) = self.ask(asked).await? {
                    return Err(failed);
                }
                continue;
            }
            let bound = self
                .connection
                .settings(plan)
                .map_err(exec::Error::Refused)
                .and_then(|settings| inputs::bind(plan, &plan.template, params, &[], self.keys(), &settings));
            match bound {
                Ok(physical) => {
                    self.connection.sent(plan, prepared.statement.effect());
                    let raw = Raw::physical(&physical, params);
                    return match turn.send(pin!(self.client.query_raw(&prepared.physical, raw))).await {
                        Ok(stream) => Ok(Sent::Rows(Rows::planned(self, prepared, plan, params, stream))),
                        Err(error) => self.not_sent(error, prepared, params),
                    };
                }
                Err(error) => {
                    drop(turn);
                    if !loads.load(self, &error).await {
                        return Err(self.refuse(error.into()).await);
                    }
                }
            }
        }
    }

    async fn send_forwarded<P: BorrowToSql>(self, prepared: &Arc<Prepared>, params: &[P]) -> Result<Sent<'a>, Error> {
        let turn = self.turn().await?;
        let (statement, protection) = (&prepared.statement, self.shared.protection());
        if statement.epoch() != protection.epoch {
            return Ok(Sent::Replanned);
        }
        if let Err(refusal) = self.connection.runs(statement, &protection) {
            drop(turn);
            return Err(self.refuse(Error::refused(refusal, prepared.read())).await);
        }
        let was = self.connection.block();
        let moved = self.connection.forwarded(statement.effect(), prepared.moves);
        let named = statement.named().cloned().unwrap_or_default();
        let named = self.connection.names(named, prepared.read(), statement.epoch());
        if prepared.defines {
            self.connection.defines();
        }
        let sends = self.client.query_raw(&prepared.physical, Own::all(params));
        let sent = if prepared.commits && was != Block::Outside {
            turn.send(commit::commit(self.client, sends)).await
        } else {
            Ok(turn.send(sends).await)
        };
        match sent {
            Ok(Ok(stream)) => Ok(Sent::Rows(Rows::forwarded(self, prepared, moved, named, stream))),
            Ok(Err(error)) => {
                self.connection.failed(named.as_ref());
                self.not_sent(error, prepared, Params::NONE)
            }
            Err(rolled_back) => {
                self.connection.failed(named.as_ref());
                moved.iter().for_each(|moved| self.connection.arrived(*moved));
                Err(rolled_back)
            }
        }
    }

    /// Tells a statement that failed from one that the server does not have any more (DEALLOCATE, DISCARD), or whose
    /// columns have changed.
    fn not_sent(
        self,
        error: tokio_postgres::Error,
        prepared: &Prepared,
        params: Params<'_>,
    ) -> Result<Sent<'a>, Error> {
        if let Some(unfit) = Unfit::of(&error) {
            return Err(unfit);
        }
        let forgotten = error.code() == Some(&SqlState::INVALID_SQL_STATEMENT_NAME);
        let changed = error.as_db_error().is_some_and(|error| error.routine() == Some("RevalidateCachedQuery"));
        let error = self.failed_run(error, prepared, params);
        if forgotten || changed { Ok(Sent::Lost { error, forgotten }) } else { Err(error) }
    }

    /// Refuses a text with a NUL, which ends a text on the wire. The driver takes it for a failure of the connection.
    pub(super) async fn readable(self, text: &str) -> Result<(), Error> {
        if !text.contains('\0') {
            return Ok(());
        }
        self.connection.refuses(text);
        let state = crate::error::SqlState::CHARACTER_NOT_IN_REPERTOIRE;
        let refusal = Refusal::error(state, "invalid byte sequence for encoding \"UTF8\": 0x00");
        Err(self.refuse(Error::refused(refusal, "")).await)
    }

    /// Asks for the settings that texts are read by. The server's error where it does not answer, which is in a failed
    /// block.
    pub(super) async fn ask(self, asked: Asked) -> Result<Option<Error>, Error> {
        let turn = self.turn().await?;
        match self.answered(asked, turn.send(self.client.simple_query(&shows())).await) {
            Ok(failed) => Ok(failed),
            Err(error) => Err(self.refuse(error).await),
        }
    }

    /// The same for a text, which is not read where several readings could differ: a failed block answers nothing but what
    /// ends it, and behind that anything may stand.
    pub(super) async fn asks_for(self, asked: Asked, text: &str) -> Result<Option<Error>, Error> {
        match self.ask(asked).await? {
            Some(failed) if text.contains(';') || depends_on_strings(text.as_bytes()) => {
                self.connection.refuses(text);
                Err(failed)
            }
            answered => Ok(answered),
        }
    }

    /// The same for who is alone on the connection already.
    pub(super) async fn ask_alone(self, asked: Asked) -> Result<Option<Error>, Error> {
        self.answered(asked, self.client.simple_query(&shows()).await)
    }

    /// What the server said, if it was an error.
    fn answered(
        self,
        asked: Asked,
        answer: Result<Vec<SimpleQueryMessage>, tokio_postgres::Error>,
    ) -> Result<Option<Error>, Error> {
        let messages = match answer {
            Ok(messages) => messages,
            Err(error) if error.as_db_error().is_some() => return Ok(Some(error.into())),
            Err(error) => return Err(error.into()),
        };
        let value = |row: &SimpleQueryRow| row.try_get(0).ok().flatten().map(str::to_owned);
        let values = messages.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(value(row)),
            _ => None,
        });
        let values: Vec<_> = HIDDEN.iter().copied().zip(values.flatten()).collect();
        if values.len() != HIDDEN.len() {
            return Err(exec::Error::Protocol("the server did not answer SHOW").into());
        }
        self.connection.answer(asked, &values);
        Ok(None)
    }

    /// Whether the session is in a block, asked if it is not known. For who is alone on the connection.
    pub(super) async fn is_inside(self) -> Result<bool, Error> {
        match self.connection.block() {
            Block::Inside => return Ok(true),
            Block::Outside => return Ok(false),
            Block::Unknown => {}
        }
        let error = match self.client.batch_execute(PROBE).await {
            Ok(()) => {
                self.connection.inside(false);
                return Ok(true);
            }
            Err(error) => error,
        };
        match error.code() {
            Some(code) if *code == SqlState::NO_ACTIVE_SQL_TRANSACTION => {
                self.connection.found_outside();
                Ok(false)
            }
            Some(code) if *code == SqlState::IN_FAILED_SQL_TRANSACTION => {
                self.connection.inside(false);
                Ok(true)
            }
            Some(_) | None => Err(error.into()),
        }
    }

    async fn is_inside_by_turn(self) -> Result<bool, Error> {
        let _alone = self.turn().await?;
        self.is_inside().await
    }

    /// An error of ours. A transaction block must fail by it as it would have failed by the server's; in a block that has
    /// failed before, the server says nothing else than that.
    pub(super) async fn refuse(self, error: Error) -> Error {
        if self.connection.block() == Block::Outside {
            return error;
        }
        let turn = match self.turn().await {
            Ok(turn) => turn,
            Err(broken) => return broken,
        };
        self.connection.failed(None);
        match turn.send(self.client.batch_execute(REFUSAL)).await {
            Err(failed) if had_failed(&failed) => failed.into(),
            // It fails, that is what it is for; if the connection failed, so does the block.
            Ok(()) | Err(_) => error,
        }
    }

    /// An error of the server or the driver, in the application's terms ([`failed`](super::failed::failed)).
    pub(super) fn failed<'p>(
        self,
        error: tokio_postgres::Error,
        plan: Option<&Plan>,
        params: impl Into<KnownParams<'p>>,
        position: impl FnOnce(u32) -> Option<u32>,
    ) -> Error {
        let wrote = self.connection.wrote();
        self.connection.failed(None);
        let settings = plan.and_then(|plan| self.connection.settings(plan).ok());
        let params = params.into();
        let sent = settings.as_ref().map(|settings| ClientValues { params, keys: self.keys(), settings });
        let protection = self.shared.protection();
        let wrote = wrote.filter(|_| !is_of_others(&error, &protection));
        failed(error, plan.or(wrote.as_deref()), sent, position)
    }

    /// An error of a prepared statement that is run with these parameters.
    pub(super) fn failed_run<'p>(
        self,
        error: tokio_postgres::Error,
        prepared: &Prepared,
        params: impl Into<KnownParams<'p>>,
    ) -> Error {
        match prepared.plan() {
            Some(plan) => self.failed(error, Some(plan), params, |at| inputs::positions(&plan.template).client(at)),
            None => self.failed(error, None, params, Some),
        }
    }

    pub(super) fn keys(self) -> &'a dyn KeySource {
        self.shared.keys()
    }
}

/// What became of a statement that was to be sent.
pub(super) enum Sent<'a> {
    /// It was.
    Rows(Rows<'a>),
    /// Another lock is in force: it must be planned again.
    Replanned,
    /// The server has no such statement any more, or not as it was.
    Lost {
        error: Error,
        /// It does not know its name.
        forgotten: bool,
    },
}

/// Keys that were loaded for one statement, so that none is asked for twice.
#[derive(Default)]
pub(super) struct Loads(Vec<keys::Error>);

impl Loads {
    /// Loads what the error says is missing. Whether it is there now, and the call may be repeated.
    pub(super) async fn load(&mut self, runner: Runner<'_>, error: &exec::Error) -> bool {
        let exec::Error::Seal(seal::Error::Key(missing)) = error else { return false };
        if self.0.contains(missing) {
            return false;
        }
        self.0.push(missing.clone());
        let (keys, store) = (runner.shared.keys(), runner.shared.store());
        // In boxes: what is hardly ever awaited should not be a part of every statement's future.
        match missing {
            keys::Error::UnknownVersion { id, key_ref } => {
                Box::pin(keys.load_version(store, id, *key_ref)).await.is_ok()
            }
            keys::Error::Missing { id } => Box::pin(keys.load(store, &[id])).await.is_ok(),
            // It was not refreshed in time, perhaps.
            keys::Error::Unavailable { .. } => Box::pin(keys.refresh(store)).await.is_empty(),
            keys::Error::Unwrap { .. } | keys::Error::Denied { .. } | keys::Error::Inconsistent { .. } => false,
        }
    }
}

fn shows() -> String {
    HIDDEN.iter().map(|name| format!("SHOW {name};")).collect()
}

/// Whether a block may be left although its COMMIT failed. An integrity constraint is checked when the end has begun;
/// any other error may have come before (a cancel request does, where it comes early), and then the block has failed.
pub(super) fn may_leave_a_block(error: &tokio_postgres::Error) -> bool {
    !error.code().is_some_and(|code| code.code().starts_with("23"))
}

/// Whether the server says that the transaction block had failed before.
pub(super) fn had_failed(error: &tokio_postgres::Error) -> bool {
    error.code() == Some(&SqlState::IN_FAILED_SQL_TRANSACTION)
}
