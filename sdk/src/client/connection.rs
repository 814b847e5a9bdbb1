//! What is known of one connection of the pool, as long as it lives: session facts and prepared statements.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Poll;

use tokio::sync;

use super::block::Block;
use super::constants::Reading;
use super::lookups::Lookups;
use super::prepared::{Age, Statements};
use super::shared::lock;
use super::statement::Prepared;
use super::{Error, copy, give_up};
use crate::encoding::ClientEncoding;
use crate::exec::by_name::{self, Named};
use crate::exec::facts::{Asked, Facts};
use crate::exec::query;
use crate::exec::session::{self, Change, Session};
use crate::schema::Protection;
use crate::sql::client_text::ClientText;
use crate::sql::{self, Effect, Plan, Refusal};
use crate::value::Settings;

/// One server connection.
pub(super) struct Connection {
    known: Mutex<Known>,
    /// Held while a statement is made ready and sent; while one of several steps runs, until its end.
    turn: sync::Mutex<()>,
    /// A call was cancelled where the transaction could not be brought to an end.
    broken: AtomicBool,
    /// It works, and should not be given to another client.
    worn_out: AtomicBool,
    lookups: Mutex<Lookups>,
}

/// Who may have begun the block that a connection is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// A client of ours at most.
    Ours,
    /// Somebody else, who has given it back to the pool since.
    Pool,
    /// Whoever handed it over.
    Owner,
    /// Whoever handed it over has: nothing may be sent.
    Foreign,
}

struct Known {
    /// What every session remembers.
    session: Session,
    /// What values are read under: its settings, and UTF-8, which the driver speaks whatever the session is told.
    settings: Arc<Settings>,
    origin: Origin,
    block: Block,
    /// Something that was sent for a client of ours may have begun the block that the session may be in.
    entered: bool,
    /// How often the block became unknown.
    moves: u64,
    /// The pool's count when a client of ours took the connection last.
    recycled: usize,
    prepared: Statements,
    /// Somebody may send a cancel request at any time.
    cancelled: bool,
    /// Something was defined whose transaction has not ended: the catalog is not held against the lock yet.
    defined: bool,
}

/// A statement that was sent and may begin or end a transaction block.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moved {
    to: Block,
    moves: u64,
}

/// The right to send. Nobody else sends while it is held.
pub(super) struct Turn<'c>(sync::MutexGuard<'c, ()>);

impl Turn<'_> {
    /// Polls a future once, which sends what it has to send, then lets others send and waits for it. Between this
    /// call and what was decided since the turn was taken nothing can have been sent by anybody.
    pub(super) async fn send<F: Future>(self, future: F) -> F::Output {
        let mut future = pin!(future);
        let first = std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await;
        match first {
            Poll::Ready(output) => output,
            Poll::Pending => {
                drop(self.0);
                future.await
            }
        }
    }
}

/// Marks the connection as broken unless it is told that all is well: a future that is dropped cannot wait.
pub(super) struct Armed<'c>(Option<(&'c Connection, &'c tokio_postgres::Client)>);

impl<'c> Armed<'c> {
    pub(super) fn new(connection: &'c Connection, client: &'c tokio_postgres::Client) -> Self {
        Self(Some((connection, client)))
    }

    /// The server is in a state that is known.
    pub(super) fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for Armed<'_> {
    fn drop(&mut self) {
        if let Some((connection, client)) = self.0 {
            connection.broken.store(true, Ordering::Release);
            give_up::cancel(client);
        }
    }
}

impl Connection {
    /// One that nobody has looked at. A connection that its pool has just made is outside a block.
    pub(super) fn new() -> Self {
        let known = Known {
            session: Session::new(Facts::hidden(0)),
            settings: Arc::default(),
            origin: Origin::Owner,
            block: Block::Unknown,
            entered: false,
            moves: 0,
            recycled: 0,
            prepared: Statements::new(),
            cancelled: false,
            defined: false,
        };
        Self {
            known: Mutex::new(known),
            turn: sync::Mutex::new(()),
            broken: AtomicBool::new(false),
            worn_out: AtomicBool::new(false),
            lookups: Mutex::default(),
        }
    }

    /// A client of ours takes it. Settings may have changed since. `pooled`: it came from the pool this moment, so that
    /// the pool's count of recyclings tells whether anybody else had it meanwhile.
    pub(super) fn taken(&self, recycled: usize, pooled: bool) {
        let mut known = lock(&self.known);
        known.session.facts.renew();
        known.cancelled = false;
        known.origin = Origin::Ours;
        if known.prepared.taken() {
            self.lookups().lost();
        }
        match known.block {
            _ if pooled && recycled == 0 => known.outside(),
            Block::Outside if pooled && recycled == known.recycled + 1 => known.session.facts.idle(),
            Block::Outside | Block::Inside | Block::Unknown => {
                known.origin = if pooled { Origin::Pool } else { Origin::Owner };
                known.block = Block::Unknown;
                known.entered = false;
                known.session.forgets_writes();
            }
        }
        known.recycled = recycled;
    }

    /// Who may have begun the block that it is in, if it is in one.
    pub(super) fn origin(&self) -> Origin {
        lock(&self.known).origin
    }

    /// It was handed over inside a block. It does not go back to the pool in it either.
    pub(super) fn is_foreign(&self) {
        self.inside(true);
        lock(&self.known).origin = Origin::Foreign;
    }

    /// Whether the next client of the pool may have it.
    pub(super) fn may_be_returned(&self) -> bool {
        let known = lock(&self.known);
        let left_open = match known.block {
            Block::Outside => false,
            Block::Inside => true,
            Block::Unknown => known.entered,
        };
        !left_open && self.check().is_ok() && !self.worn_out.load(Ordering::Relaxed)
    }

    /// What the driver looks types up by.
    pub(super) fn lookups(&self) -> MutexGuard<'_, Lookups> {
        lock(&self.lookups)
    }

    /// The next client gets another connection.
    pub(super) fn wears_out(&self) {
        self.worn_out.store(true, Ordering::Relaxed);
    }

    /// # Errors
    /// A call was cancelled midway.
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.broken.load(Ordering::Acquire) { Err(Error::Broken) } else { Ok(()) }
    }

    /// Waits for the right to send a statement, or several.
    pub(super) async fn turn(&self) -> Result<Turn<'_>, Error> {
        // Whoever waits is served first: then this fails.
        let turn = match self.turn.try_lock() {
            Ok(turn) => turn,
            Err(_) => self.turn.lock().await,
        };
        self.check()?;
        Ok(Turn(turn))
    }

    /// The prepared statement of this text, if its constants would be read again as they were.
    pub(super) fn prepared(&self, text: &str, declared: &[u32], epoch: u64) -> Option<Arc<Prepared>> {
        let mut known = lock(&self.known);
        let changes = known.session.facts.changes();
        known.prepared.get(text, declared, epoch).filter(|prepared| match prepared.reading {
            Reading::Alone => true,
            Reading::Settings => prepared.changes == changes,
            Reading::Once => false,
        })
    }

    /// How often the settings may have changed.
    pub(super) fn changes(&self) -> u64 {
        lock(&self.known).session.facts.changes()
    }

    /// Keeps a prepared statement.
    pub(super) fn keep(&self, prepared: &Arc<Prepared>) {
        lock(&self.known).prepared.put(prepared);
    }

    /// When a statement is prepared that is prepared now.
    pub(super) fn now(&self) -> Age {
        lock(&self.known).prepared.now()
    }

    /// Whether the server has this statement, as far as is known.
    pub(super) fn has(&self, prepared: &Prepared) -> bool {
        lock(&self.known).prepared.has(prepared)
    }

    /// The server does not have it any more, or not as it was. `forgotten`: it does not know its name.
    pub(super) fn lost(&self, prepared: &Prepared, forgotten: bool) {
        lock(&self.known).prepared.lost(prepared, forgotten);
        if forgotten {
            self.lookups().lost();
        }
    }

    /// What becomes of the one statement of a text.
    ///
    /// # Errors
    /// It is refused.
    pub(super) fn prepare(
        &self,
        text: &str,
        declared: &[u32],
        statements: &[sql::Statement],
        protection: &Protection,
    ) -> Result<session::Statement, Refusal> {
        let mut known = lock(&self.known);
        let statement = known.session.prepare(text, declared, statements, protection);
        let statement = statement.map_err(|refused| refused.refusal)?;
        if statement.plan().is_some() {
            return Ok(statement);
        }
        let executes = || if protection.is_empty() { None } else { by_name::executes(text, is_the_drivers) };
        let names = || statement.named().and_then(|named| known.cannot_name(named));
        match executes().or_else(|| copy::refusal(text)).or_else(names) {
            None => Ok(statement),
            Some(refusal) => {
                known.session.refused(text);
                Err(refusal)
            }
        }
    }

    /// A forwarded statement that was prepared is run.
    ///
    /// # Errors
    /// It is refused by now.
    pub(super) fn runs(&self, statement: &session::Statement, protection: &Protection) -> Result<(), Refusal> {
        let mut known = lock(&self.known);
        known.session.runs(statement, protection).map_err(|refused| refused.refusal)?;
        match statement.named().and_then(|named| known.cannot_name(named)) {
            None => Ok(()),
            Some(refusal) => {
                known.session.refused(statement.text().unwrap_or_default());
                Err(refusal)
            }
        }
    }

    /// The refusal of a text that goes on as it is, if it uses by name what the driver prepared, or what was refused, or
    /// was prepared when something else was protected. The driver's names count even where no client of ours has prepared
    /// anything: a client of another sealer may have.
    pub(super) fn uses_by_name(
        &self,
        text: &str,
        statements: &[sql::Statement],
        protection: &Protection,
    ) -> Option<Refusal> {
        by_name::executes(text, is_the_drivers)
            .or_else(|| lock(&self.known).session.uses_by_name(text, statements, protection))
    }

    /// The refusal of a planned statement of a text behind one that may change settings.
    pub(super) fn stale_within(&self, text: &str, statements: &[sql::Statement]) -> Option<Refusal> {
        query::stale_within(text, statements, &lock(&self.known).session.facts)
    }

    /// The refusal of a text whose names cannot be kept, or are the driver's.
    pub(super) fn cannot_name(&self, named: &Named) -> Option<Refusal> {
        lock(&self.known).cannot_name(named)
    }

    /// A text was refused.
    pub(super) fn refuses(&self, text: &str) {
        lock(&self.known).session.refused(text);
    }

    /// A text that does this to names is sent, in this epoch.
    pub(super) fn names(&self, mut named: Named, text: &str, epoch: u64) -> Option<Change> {
        let mut known = lock(&self.known);
        if named.takes_all() {
            known.prepared.forgotten();
            self.lookups().lost();
        }
        known.session.watch(&mut named, text);
        known.session.sends(named, epoch)
    }

    /// It was answered without an error.
    pub(super) fn named(&self, change: Option<&mut Change>) {
        let mut known = lock(&self.known);
        if let Some(change) = change {
            known.session.all_carried_out(change);
            known.session.confirm(change);
        }
        if known.block == Block::Outside {
            known.session.idle();
        }
    }

    /// All of it was carried out, and then what stood behind it failed the transaction: what was made in that may be gone.
    pub(super) fn cut_off(&self, change: Option<&mut Change>) {
        let mut known = lock(&self.known);
        if let Some(change) = change {
            known.session.all_carried_out(change);
            known.session.confirm(change);
        }
        known.session.failed();
        known.session.facts.may_fail();
        if known.block == Block::Outside {
            known.session.idle();
        }
    }

    /// It was answered with an error, or another statement was: what was made in this transaction may be gone.
    pub(super) fn failed(&self, change: Option<&Change>) {
        let mut known = lock(&self.known);
        change.iter().for_each(|change| known.session.withdraw(change));
        known.session.failed();
        known.session.facts.may_fail();
    }

    /// What values of this plan are read under.
    ///
    /// # Errors
    /// Settings under which it means something else.
    pub(super) fn settings(&self, plan: &Plan) -> Result<Arc<Settings>, Refusal> {
        let known = lock(&self.known);
        known.session.facts.check(plan)?;
        Ok(Arc::clone(&known.settings))
    }

    /// What a text says, as far as settings are known.
    ///
    /// # Errors
    /// The server would read another text than the driver sends, or rejects it.
    pub(super) fn reads<'t>(&self, text: &'t str) -> Result<ClientText<'t>, Refusal> {
        let known = lock(&self.known);
        let facts = &known.session.facts;
        if !text.is_ascii() && !facts.settings().encoding.is_utf8() {
            return Err(
                Refusal::new("the session's client_encoding must stay UTF8").hint("SET client_encoding = UTF8.")
            );
        }
        ClientText::read(text.as_bytes(), ClientEncoding::UTF8, facts.strings())
    }

    /// The settings must be asked for before a statement that depends on them.
    pub(super) fn must_ask(&self) -> Option<Asked> {
        lock(&self.known).session.facts.must_ask()
    }

    /// They were told.
    pub(super) fn answer(&self, asked: Asked, values: &[(&'static str, String)]) {
        let values = values.iter().map(|(name, value)| (*name, value.as_str()));
        let mut known = lock(&self.known);
        known.session.facts.answer(asked, values);
        known.settings = Settings { encoding: ClientEncoding::UTF8, ..known.session.facts.settings().clone() }.into();
    }

    /// A planned statement is sent.
    pub(super) fn sent(&self, plan: &Arc<Plan>, effect: Effect) {
        let mut known = lock(&self.known);
        known.session.facts.forwarded(effect);
        if known.block != Block::Outside {
            known.session.executes(plan);
        }
    }

    /// A statement is sent as it is, which brings the session `to` another block or none.
    pub(super) fn forwarded(&self, effect: Effect, to: Option<Block>) -> Option<Moved> {
        let mut known = lock(&self.known);
        known.session.facts.forwarded(effect);
        // A ROLLBACK, perhaps.
        if effect == Effect::Opaque {
            known.session.failed();
        }
        match to {
            None if known.block == Block::Outside => known.session.facts.idle(),
            None => {}
            Some(_) => {
                known.block = Block::Unknown;
                known.entered = true;
                known.moves += 1;
            }
        }
        to.map(|to| Moved { to, moves: known.moves })
    }

    /// It was answered without an error.
    pub(super) fn arrived(&self, moved: Moved) {
        let mut known = lock(&self.known);
        if known.moves == moved.moves {
            match moved.to {
                Block::Outside => known.outside(),
                Block::Inside | Block::Unknown => known.block = moved.to,
            }
        }
    }

    /// A statement was sent that defines something.
    pub(super) fn defines(&self) {
        lock(&self.known).defined = true;
    }

    /// Whether something was defined that others may see now, said once.
    pub(super) fn has_defined(&self) -> bool {
        let mut known = lock(&self.known);
        let defined = known.defined && known.block != Block::Inside;
        known.defined &= !defined;
        defined
    }

    /// Where the next statement runs.
    pub(super) fn block(&self) -> Block {
        lock(&self.known).block
    }

    /// A transaction of ours began, or a probe found one.
    pub(super) fn inside(&self, entered: bool) {
        let mut known = lock(&self.known);
        known.block = Block::Inside;
        known.entered |= entered;
        known.moves += 1;
    }

    /// Its end is sent. A cancel request that comes just before fails the block instead of ending it.
    pub(super) fn ends(&self) {
        let mut known = lock(&self.known);
        known.session.facts.forwarded(Effect::None);
        known.block = Block::Unknown;
        known.entered = true;
        known.moves += 1;
    }

    /// Its end is sent, and nobody waits for the answer.
    pub(super) fn ends_unheard(&self) {
        self.ends();
        if !lock(&self.known).cancelled {
            self.found_outside();
        }
    }

    /// A cancel token was given out.
    pub(super) fn may_be_cancelled(&self) {
        lock(&self.known).cancelled = true;
    }

    /// A transaction has ended, or a probe found none.
    pub(super) fn found_outside(&self) {
        let mut known = lock(&self.known);
        known.outside();
        known.moves += 1;
    }

    /// The plan in whose terms an error of a forwarded statement is told.
    pub(super) fn wrote(&self) -> Option<Arc<Plan>> {
        lock(&self.known).session.wrote().cloned()
    }
}

impl Known {
    fn cannot_name(&self, named: &Named) -> Option<Refusal> {
        if let Some(at) = named.prepares(is_the_drivers) {
            let refusal = Refusal::new("names like s1 are those of statements that the driver prepares").at(at);
            return Some(refusal.hint("Prepare it under another name."));
        }
        self.session.too_much(named)
    }

    fn outside(&mut self) {
        self.origin = Origin::Ours;
        self.block = Block::Outside;
        self.entered = false;
        self.session.facts.idle();
        self.session.idle();
    }
}

/// tokio-postgres calls its statements s0, s1, … (its prepare.rs).
fn is_the_drivers(name: &[u8]) -> bool {
    name.strip_prefix(b"s").is_some_and(|digits| !digits.is_empty() && digits.iter().all(u8::is_ascii_digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pooled() -> Connection {
        let connection = Connection::new();
        connection.taken(0, true);
        connection
    }

    #[test]
    fn a_connection_is_known_to_be_outside_while_only_clients_of_ours_have_it() {
        let connection = pooled();
        assert_eq!(connection.block(), Block::Outside);
        connection.taken(1, true);
        assert_eq!(connection.block(), Block::Outside);
        connection.taken(3, true);
        assert_eq!(connection.block(), Block::Unknown, "somebody else had it");
        assert!(connection.may_be_returned(), "it is as it came");
        connection.taken(4, true);
        assert_eq!(connection.block(), Block::Unknown);
        connection.found_outside();
        connection.taken(5, false);
        assert_eq!(connection.block(), Block::Unknown, "whoever handed it over may have used it");
    }

    #[test]
    fn a_block_is_entered_when_its_beginning_is_confirmed_and_not_returned_before_its_end() {
        let connection = pooled();
        let moved = connection.forwarded(Effect::None, Some(Block::Inside)).unwrap();
        assert_eq!(connection.block(), Block::Unknown);
        assert!(!connection.may_be_returned());
        connection.arrived(moved);
        assert_eq!(connection.block(), Block::Inside);
        assert!(!connection.may_be_returned());
        let moved = connection.forwarded(Effect::None, Some(Block::Outside)).unwrap();
        connection.arrived(moved);
        assert!(connection.may_be_returned());
    }

    #[test]
    fn an_answer_counts_only_if_nothing_else_was_sent_that_moves_the_session() {
        let connection = pooled();
        let first = connection.forwarded(Effect::None, Some(Block::Outside)).unwrap();
        let second = connection.forwarded(Effect::None, Some(Block::Inside)).unwrap();
        connection.arrived(first);
        assert_eq!(connection.block(), Block::Unknown);
        connection.arrived(second);
        assert_eq!(connection.block(), Block::Inside);
    }

    #[test]
    fn an_end_leaves_no_block_once_it_is_confirmed_or_where_nobody_could_have_cancelled_it() {
        let connection = pooled();
        connection.inside(true);
        connection.ends();
        assert!(!connection.may_be_returned());
        connection.found_outside();
        assert!(connection.may_be_returned());
        connection.inside(true);
        connection.ends_unheard();
        assert!(connection.may_be_returned());
        connection.may_be_cancelled();
        connection.inside(true);
        connection.ends_unheard();
        assert!(!connection.may_be_returned());
    }

    #[test]
    fn a_refused_name_that_is_one_too_many_to_remember_is_not_executed_by_sql_either_sql_5() {
        let (connection, none) = (pooled(), Protection::default());
        for number in 0..=10_000 {
            connection.refuses(&format!("PREPARE p{number} AS SELECT 1"));
        }
        assert!(connection.uses_by_name("EXECUTE p10000('x')", &[], &none).is_some());
        let text = "PREPARE p0 AS SELECT 1";
        connection.named(connection.names(by_name::named(text), text, 0).as_mut());
        assert!(
            connection.uses_by_name("EXECUTE p10000('x')", &[], &none).is_some(),
            "what was not remembered stays unknown"
        );
        assert!(connection.uses_by_name("SELECT 'x'", &[], &none).is_none());
    }

    #[test]
    fn the_drivers_own_names_are_s_and_a_number() {
        for (name, ours) in [("s0", true), ("s123", true), ("s", false), ("S1", false), ("s1a", false), ("p1", false)] {
            assert_eq!(is_the_drivers(name.as_bytes()), ours, "{name}");
        }
    }
}
