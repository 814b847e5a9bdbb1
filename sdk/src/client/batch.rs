//! A text of several statements. As far as none of them is refused it goes on, in physical form ([`query`]); at one that is,
//! it is cut, and what fails stands in its place ([`cut`]).

use std::borrow::Cow;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::TryStreamExt;
use futures_util::future::Either;
use tokio_postgres::error::{ErrorPosition, SqlState};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error as ServerError, SimpleQueryMessage};

use super::block::{self, Block};
use super::failed::{failed, is_of_others};
use super::run::{Loads, REFUSAL, REFUSAL_FUNCTION, Runner};
use super::statement::private::Source;
use super::{Error, commit, copy, ddl};
use crate::error::{SqlState as Code, UserFacing};
use crate::exec;
use crate::exec::by_name::{self, Named};
use crate::exec::facts::reads_settings;
use crate::exec::inputs::Params;
use crate::exec::positions::Traced;
use crate::exec::query;
use crate::exec::session::cut;
use crate::schema::Protection;
use crate::sql::client_text::{ClientText, depends_on_settings};
use crate::sql::{Decision, Origin, Refusal, Statement};

/// What of a text is sent.
struct Part<'t> {
    /// It, up to what is refused.
    read: ClientText<'t>,
    statements: Arc<[Statement]>,
    named: Named,
    /// Why that is not all.
    refused: Option<Refusal>,
}

/// A text that was not sent whole, for a value in it.
struct Unfit {
    /// How many bytes of it are.
    end: usize,
    error: exec::Error,
}

impl Runner<'_> {
    /// Runs the statements of a text.
    pub(super) async fn batch(self, sent: &str) -> Result<(), Error> {
        self.readable(sent).await?;
        let mut unanswered = false;
        let mut loads = Loads::default();
        let mut unfit: Option<Unfit> = None;
        loop {
            let protection = self.shared.protection();
            let depends = !protection.is_empty() && depends_on_settings(sent.as_bytes());
            if depends && let Some(asked) = self.connection.must_ask().filter(|_| !unanswered) {
                unanswered = self.asks_for(asked, sent).await?.is_some();
                continue;
            }
            let changes = self.connection.changes();
            let read = if depends { self.connection.reads(sent) } else { Ok(ClientText::of(sent)) };
            let read = match read {
                Ok(read) => read,
                Err(refusal) => {
                    self.connection.refuses(sent);
                    return Err(self.refuse(Error::refused(refusal, sent)).await);
                }
            };
            let part = self.part(&read, unfit.as_ref().map(|unfit| unfit.end), &protection);
            if is_stepped(&part) {
                // Alone it is run as any other.
                return Box::pin(self.execute::<&(dyn ToSql + Sync)>(Source::Text(sent), &[])).await.map(drop);
            }
            let own = part.read.text();
            let unsent = read.text().get(own.len()..).unwrap_or("");
            let refused = part.refused.as_ref().map(|refusal| Error::refused_in(refusal.clone(), &read));
            let refused = refused.or_else(|| unfit.as_ref().map(|unfit| unfit.error.clone().into()));
            if own.is_empty()
                && let Some(error) = refused
            {
                self.connection.refuses(read.text());
                return Err(self.refuse(error).await);
            }
            let mut plans = part.statements.iter().filter_map(query::plan);
            if plans.any(|plan| reads_settings(plan, &[]))
                && let Some(asked) = self.connection.must_ask()
            {
                match self.ask(asked).await? {
                    Some(failed) => return Err(failed),
                    None => continue,
                }
            }
            let turn = self.turn().await?;
            if protection.epoch != self.shared.epoch() || depends && changes != self.connection.changes() {
                continue;
            }
            let mut physical = match self.physical(&part) {
                Ok(physical) => physical,
                Err((error, number)) => {
                    drop(turn);
                    if !loads.load(self, &error).await {
                        let at = part.statements.get(number).map_or(0, |statement| statement.range.start);
                        unfit = Some(Unfit { end: cut(own, error.sqlstate(), at), error });
                    }
                    continue;
                }
            };
            let length = physical.as_ref().map_or(own, |physical| &physical.text).chars().count();
            if refused.is_some() {
                let here = Origin::Ours(read.places().client(own.chars().count()));
                physical.iter_mut().for_each(|physical| physical.push(REFUSAL, here));
            }
            let text = match (&physical, &refused) {
                (Some(physical), _) => Cow::Borrowed(&*physical.text),
                (None, Some(_)) => Cow::Owned(format!("{own}{REFUSAL}")),
                (None, None) => Cow::Borrowed(sent),
            };
            let (was, to) = (self.connection.block(), block::after(own));
            let effects = part.statements.iter().map(|statement| statement.effect);
            let moves: Vec<_> = effects.filter_map(|effect| self.connection.forwarded(effect, to)).collect();
            for statement in part.statements.iter() {
                query::plan(statement).iter().for_each(|plan| self.connection.sent(plan, statement.effect));
            }
            if ddl::defines(own) {
                self.connection.defines();
            }
            let mut named = self.connection.names(part.named.clone(), own, protection.epoch);
            // Behind what is sent: a PREPARE in it gives no meaning to the name of one that is refused.
            if !unsent.is_empty() {
                self.connection.refuses(unsent);
            }
            let done = AtomicUsize::new(0);
            let sends = match &physical {
                Some(_) => Either::Left(counted(self.client, &text, &done)),
                None => Either::Right(self.client.batch_execute(&text)),
            };
            let answered = if was != Block::Outside && commit::commits(own) {
                turn.send(commit::commit(self.client, sends)).await
            } else {
                Ok(turn.send(sends).await)
            };
            let arrived = || moves.last().iter().for_each(|moved| self.connection.arrived(**moved));
            return match (answered, refused) {
                (Ok(Ok(())), None) => {
                    arrived();
                    self.connection.named(named.as_mut());
                    self.shared.look_if(self.connection.has_defined());
                    Ok(())
                }
                (Ok(Err(error)), Some(refused)) if is_behind(&error, length) => {
                    arrived();
                    self.connection.cut_off(named.as_mut());
                    self.shared.look_if(self.connection.has_defined());
                    Err(refused)
                }
                // The refusal succeeded: that cannot be.
                (Ok(Ok(())), Some(refused)) => {
                    self.connection.failed(named.as_ref());
                    Err(refused)
                }
                (Ok(Err(error)), refused) => {
                    self.connection.failed(named.as_ref());
                    let done = done.into_inner();
                    match (&physical, refused) {
                        (Some(physical), _) => {
                            Err(self.told(error, &part.statements, done, |at| physical.positions.client(at)))
                        }
                        // What is cut is the copy, not the application's own text.
                        (None, Some(_)) => Err(self.failed(error, None, Params::NONE, |at| {
                            u32::try_from(read.places().client(usize::try_from(at).ok()?.checked_sub(1)?) + 1).ok()
                        })),
                        (None, None) => Err(self.failed(error, None, Params::NONE, Some)),
                    }
                }
                (Err(rolled_back), _) => {
                    arrived();
                    self.connection.failed(named.as_ref());
                    Err(rolled_back)
                }
            };
        }
    }

    /// What of a text is sent under this protection: of the first `end` bytes, if those are not all.
    fn part<'t>(self, read: &ClientText<'t>, end: Option<usize>, protection: &Protection) -> Part<'t> {
        let mut part = read.clone();
        end.iter().for_each(|end| part.truncate(*end));
        let mut refused = None;
        loop {
            let text = part.text();
            let statements = self.shared.plan(&part, &[], protection);
            let named = by_name::named(text);
            let cuts = end.is_some() || refused.is_some();
            let Some((refusal, at)) = self.stops(text, &statements, cuts, &named, protection) else {
                return Part { read: part, statements, named, refused };
            };
            let end = cut(text, refusal.sqlstate, at);
            refused = Some(refusal);
            part.truncate(end);
            if end == 0 {
                return Part { read: part, statements: Arc::default(), named: Named::default(), refused };
            }
        }
    }

    /// The physical form of a text of which a statement has one.
    fn physical(self, part: &Part<'_>) -> Result<Option<Traced>, (exec::Error, usize)> {
        let forwards = |statement: &Statement| matches!(statement.decision, Decision::Forward);
        if part.statements.iter().all(forwards) {
            return Ok(None);
        }
        let mut settings = Arc::default();
        for (number, statement) in part.statements.iter().enumerate() {
            if let Some(plan) = query::plan(statement) {
                settings = self.connection.settings(plan).map_err(|refusal| (exec::Error::Refused(refusal), number))?;
            }
        }
        query::physical(&part.read, &part.statements, self.keys(), &settings, |_| Ok(())).map(Some)
    }

    /// An error of a text in physical form, of which so many statements were carried out. One that is forwarded may reach rows
    /// of others, and values that another one sent are not held against those.
    fn told(
        self,
        error: ServerError,
        statements: &[Statement],
        done: usize,
        position: impl FnOnce(u32) -> Option<u32>,
    ) -> Error {
        let any = || statements.iter().find_map(query::plan);
        match statements.get(done) {
            Some(statement) => match query::plan(statement) {
                Some(plan) => self.failed(error, Some(plan), Params::NONE, position),
                None if is_of_others(&error, &self.shared.protection()) => failed(error, None, None, position),
                None => failed(error, any().map(|plan| &**plan), None, position),
            },
            // A constraint that is checked when all is done.
            None => self.failed(error, any().map(|plan| &**plan), Params::NONE, position),
        }
    }

    /// The refusal of a text, if it cannot be sent as it is, and the byte of the statement that it is about. What does not
    /// parse comes first, as at the server.
    fn stops(
        self,
        text: &str,
        statements: &[Statement],
        cuts: bool,
        named: &Named,
        protection: &Protection,
    ) -> Option<(Refusal, usize)> {
        let count = statements.len() + usize::from(cuts);
        let refusals = || {
            let refused = statements.iter().map(|statement| (query::refusal(statement, count), statement.range.start));
            let refused = refused.filter_map(|(refusal, start)| Some((refusal?, start)));
            refused.map(|(refusal, start)| (refusal.position.unwrap_or(start), refusal))
        };
        let syntax = || refusals().find(|(_, refusal)| refusal.sqlstate == Code::SYNTAX_ERROR);
        if let Some((at, refusal)) = syntax().or_else(|| refusals().next()) {
            return Some((refusal, at));
        }
        let uses =
            if protection.is_empty() { None } else { self.connection.uses_by_name(text, statements, protection) };
        let stale = || self.connection.stale_within(text, statements);
        let refusal =
            stale().or(uses).or_else(|| copy::refusal(text)).or_else(|| self.connection.cannot_name(named))?;
        let at = refusal.position.unwrap_or(0);
        Some((refusal, at))
    }
}

/// Whether all of a text is one statement of several steps.
fn is_stepped(part: &Part<'_>) -> bool {
    match &*part.statements {
        [statement] if part.refused.is_none() => query::plan(statement).is_some_and(|plan| plan.is_stepped()),
        _ => false,
    }
}

/// Runs a text, and counts the statements of it that were carried out. Their rows are shown to nobody.
async fn counted(client: &Client, text: &str, done: &AtomicUsize) -> Result<(), ServerError> {
    let mut messages = pin!(client.simple_query_raw(text).await?);
    while let Some(message) = messages.try_next().await? {
        if let SimpleQueryMessage::CommandComplete(_) = message {
            done.fetch_add(1, Ordering::Relaxed);
        }
    }
    Ok(())
}

/// Whether the server has come to what stands behind a text of so many characters, and fails. Names are looked for one
/// statement at a time, so that everything before it was carried out. What an EXECUTE runs may fail like that too, at a place
/// in a longer text.
fn is_behind(error: &ServerError, length: usize) -> bool {
    let Some(error) = error.as_db_error() else { return false };
    let behind = |at: u32| usize::try_from(at).is_ok_and(|at| at > length);
    *error.code() == SqlState::UNDEFINED_FUNCTION
        && error.message().contains(REFUSAL_FUNCTION)
        && matches!(error.position(), Some(ErrorPosition::Original(at)) if behind(*at))
}
