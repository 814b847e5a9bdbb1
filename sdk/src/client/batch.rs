//! A text of several statements. As far as none of them is refused it goes on; at one that is, it is cut, and what fails
//! stands in its place ([`cut`]).

use std::sync::Arc;

use tokio_postgres::error::{ErrorPosition, SqlState};

use super::block::{self, Block};
use super::run::{REFUSAL, REFUSAL_FUNCTION, Runner};
use super::{Error, commit, copy, ddl};
use crate::error::SqlState as Code;
use crate::exec::by_name::{self, Named};
use crate::exec::inputs::Params;
use crate::exec::session::cut;
use crate::schema::Protection;
use crate::sql::client_text::{ClientText, depends_on_settings};
use crate::sql::{Decision, Refusal, Statement};

/// What of a text is sent.
struct Part {
    /// How many bytes of it.
    end: usize,
    statements: Arc<[Statement]>,
    named: Named,
    /// Why that is not all.
    refused: Option<Refusal>,
}

impl Runner<'_> {
    /// Runs the statements of a text.
    pub(super) async fn batch(self, sent: &str) -> Result<(), Error> {
        self.readable(sent).await?;
        let mut unanswered = false;
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
            let part = self.part(&read, &protection);
            let (own, unsent) = read.text().split_at_checked(part.end).unwrap_or(("", read.text()));
            let refused = part.refused.map(|refusal| Error::refused_in(refusal, &read));
            let cut = match refused {
                Some(error) if own.is_empty() => {
                    self.connection.refuses(read.text());
                    return Err(self.refuse(error).await);
                }
                Some(error) => Some((format!("{own}{REFUSAL}"), error)),
                None => None,
            };
            let turn = self.turn().await?;
            if protection.epoch != self.shared.epoch() || depends && changes != self.connection.changes() {
                continue;
            }
            let (was, to) = (self.connection.block(), block::after(own));
            let effects = part.statements.iter().map(|statement| statement.effect);
            let moves: Vec<_> = effects.filter_map(|effect| self.connection.forwarded(effect, to)).collect();
            if ddl::defines(own) {
                self.connection.defines();
            }
            let mut named = self.connection.names(part.named, own, protection.epoch);
            // Behind what is sent: a PREPARE in it gives no meaning to the name of one that is refused.
            if !unsent.is_empty() {
                self.connection.refuses(unsent);
            }
            let sends = self.client.batch_execute(cut.as_ref().map_or(sent, |(text, _)| text));
            let answered = if was != Block::Outside && commit::commits(own) {
                turn.send(commit::commit(self.client, sends)).await
            } else {
                Ok(turn.send(sends).await)
            };
            let arrived = || moves.last().iter().for_each(|moved| self.connection.arrived(**moved));
            return match (answered, cut) {
                (Ok(Ok(())), None) => {
                    arrived();
                    self.connection.named(named.as_mut());
                    self.shared.look_if(self.connection.has_defined());
                    Ok(())
                }
                (Ok(Err(error)), Some((_, refused))) if is_behind(&error, own) => {
                    arrived();
                    self.connection.cut_off(named.as_mut());
                    self.shared.look_if(self.connection.has_defined());
                    Err(refused)
                }
                // The refusal succeeded: that cannot be.
                (Ok(Ok(())), Some((_, refused))) => {
                    self.connection.failed(named.as_ref());
                    Err(refused)
                }
                (Ok(Err(error)), cut) => {
                    self.connection.failed(named.as_ref());
                    // What is cut is the copy, not the application's own text.
                    let own = |at: u32| match &cut {
                        Some(_) => {
                            u32::try_from(read.places().client(usize::try_from(at).ok()?.checked_sub(1)?) + 1).ok()
                        }
                        None => Some(at),
                    };
                    Err(self.failed(error, None, Params::NONE, own))
                }
                (Err(rolled_back), _) => {
                    arrived();
                    self.connection.failed(named.as_ref());
                    Err(rolled_back)
                }
            };
        }
    }

    /// What of a text is sent under this protection.
    fn part(self, read: &ClientText<'_>, protection: &Protection) -> Part {
        let mut part = read.clone();
        let mut refused = None;
        loop {
            let text = part.text();
            let statements = self.shared.plan(&part, &[], protection);
            let named = by_name::named(text);
            let Some((refusal, at)) = self.stops(text, &statements, &named, protection) else {
                return Part { end: text.len(), statements, named, refused };
            };
            let end = cut(text, refusal.sqlstate, at);
            refused = Some(refusal);
            if end == 0 {
                return Part { end, statements, named, refused };
            }
            part.truncate(end);
        }
    }

    /// The refusal of a text, if it cannot be sent as it is, and the byte of the statement that it is about. What does not
    /// parse comes first, as at the server.
    fn stops(
        self,
        text: &str,
        statements: &[Statement],
        named: &Named,
        protection: &Protection,
    ) -> Option<(Refusal, usize)> {
        let refusals = || {
            let refused = statements.iter().filter_map(|statement| Some((refusal(statement)?, statement.range.start)));
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

/// Why a statement cannot be part of a text that is sent.
fn refusal(statement: &Statement) -> Option<Refusal> {
    match &statement.decision {
        Decision::Forward => None,
        Decision::Refuse(refusal) => Some(refusal.clone()),
        Decision::Qualify(_) | Decision::Rewrite(_) => Some(
            Refusal::new("batch_execute passes on statements that touch no protected table")
                .hint("Send this one with execute or query.")
                .at(statement.range.start),
        ),
    }
}

/// Whether the server has come to what stands behind this text, and fails. Names are looked for one statement at a time, so
/// that everything before it was carried out. What an EXECUTE runs may fail like that too, at a place in a longer text.
fn is_behind(error: &tokio_postgres::Error, text: &str) -> bool {
    let Some(error) = error.as_db_error() else { return false };
    let behind = |at: u32| usize::try_from(at).is_ok_and(|at| at > text.chars().count());
    *error.code() == SqlState::UNDEFINED_FUNCTION
        && error.message().contains(REFUSAL_FUNCTION)
        && matches!(error.position(), Some(ErrorPosition::Original(at)) if behind(*at))
}
