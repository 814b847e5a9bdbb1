//! What both directions of a session know.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use pgseal::encoding::ClientEncoding;
use pgseal::exec;
use pgseal::exec::errors::KeyParams;
use pgseal::exec::facts::Facts;
use pgseal::exec::outputs::Opener;
use pgseal::exec::positions::Positions;
use pgseal::exec::session::path::{Path, View};
use pgseal::exec::session::{Change, Session};
use pgseal::exec::steps::Execution;
use pgseal::schema::Protection;
use pgseal::sql::Plan;
use tokio::sync::watch;

use super::Context;
use super::queue::Queue;
use super::sought::Sought;
use super::world::World;
use crate::frames::Columns;
use crate::frames::held::Held;

/// What a refused message is replaced with: it fails at the server as the refused one would have failed, with 42883,
/// and holds nothing of the client. The server's error is then replaced by ours.
pub(super) const REFUSAL: &str = "SELECT pg_catalog.pgseal_refused()";

/// What the error of [`REFUSAL`] is called.
const REFUSAL_CODE: &[u8] = b"42883";

/// What it names in every language.
const REFUSAL_FUNCTION: &[u8] = b"pgseal_refused";

/// Whether these are the fields of the error of [`REFUSAL`]. A server says another one in a failed transaction.
pub(super) fn is_refusal(fields: &[(u8, &[u8])]) -> bool {
    let names = |text: &[u8]| text.windows(REFUSAL_FUNCTION.len()).any(|part| part == REFUSAL_FUNCTION);
    fields.contains(&(b'C', REFUSAL_CODE)) && fields.iter().any(|(code, text)| *code == b'M' && names(text))
}

/// The name under which [`REFUSAL`] is parsed in place of a named statement, or of a message that names none.
pub(super) const REFUSAL_NAME: &[u8] = b"pgseal_refusal";

/// Statement and portal with which we ask for settings.
pub(super) const SHOW_NAME: &[u8] = b"pgseal_show";

/// Names that begin so are ours.
pub(super) const RESERVED: &[u8] = b"pgseal_";

/// What to do with the answer to a message.
pub(super) enum Answer {
    /// It is the client's, byte for byte.
    Forward,
    /// It is ours. The error of a statement that we parsed again is told in the client's terms.
    Swallow(Option<Arc<Plan>>),
    /// It is ours: the values of these settings in this order, and whether no others were asked for behind them.
    Show(&'static [&'static str], bool),
    /// It is ours: the text of the statement of this name, if there is one.
    Text(Box<[u8]>),
    /// Its error is replaced by this ErrorResponse. The second: so is that of a failed transaction, at which PostgreSQL looks
    /// later.
    Refused(Box<[u8]>, bool),
    /// It answers the Execute of a portal of several steps, which is over the empty statement.
    Begins(Rc<Portal>),
    /// It answers the Parse or Bind of a step.
    Prepared(Rc<Portal>),
    /// It answers a step whose rows are ours.
    Step(Rc<Portal>),
    /// It answers the last step: the client's rows and tag.
    LastStep(Rc<Portal>),
    /// It answers the Execute of a portal that was suspended: this many rows at most.
    Left(Rc<Portal>, usize),
    /// It answers the Describe of the statement of a portal of several steps: kept until the portal is described.
    Kept(Rc<Portal>),
    /// It answers the Describe of a portal of several steps, or of the statement of a Query that became a pipeline.
    Described(Rc<Portal>),
    /// It is the ReadyForQuery of a Query that became a pipeline; before it comes the tag that was held.
    Pipeline(Arc<Plan>, Box<[u8]>),
    /// It answers a text of the client with schemas spliced in: the client's, but for the place of an error.
    Qualified(Positions),
    /// It answers a planned Parse or Describe of a statement.
    Statement(Arc<Plan>),
    /// It answers Bind, Describe or Execute of a planned portal.
    Portal(Rc<Portal>),
    /// It answers a Query of which at least one statement is planned.
    Query(Box<Simple>),
    /// We answered already, with an error: the client gets nothing more of it.
    Spoiled,
    /// It makes the transaction fail, after an error of ours that the server does not know of.
    Poison,
}

impl Answer {
    /// The plan whose statement the server has carried out, if it says so now.
    pub(super) fn executed(&self) -> Option<&Arc<Plan>> {
        match self {
            Self::Portal(portal) | Self::Step(portal) | Self::LastStep(portal) => Some(&portal.plan),
            Self::Query(query) => query.parts.get(query.current)?.as_ref().map(|part| &part.plan),
            Self::Forward
            | Self::Swallow(_)
            | Self::Show(..)
            | Self::Text(_)
            | Self::Refused(..)
            | Self::Begins(_)
            | Self::Prepared(_)
            | Self::Left(..)
            | Self::Kept(_)
            | Self::Described(_)
            | Self::Pipeline(..)
            | Self::Qualified(_)
            | Self::Statement(_)
            | Self::Spoiled
            | Self::Poison => None,
        }
    }
}

/// An entry of the queue.
pub(super) struct Expected {
    pub(super) answer: Answer,
    /// What its closing message confirms.
    pub(super) change: Option<Change>,
}

impl Expected {
    pub(super) fn new(answer: Answer) -> Self {
        Self { answer, change: None }
    }

    /// The answer is the client's, and changes nothing.
    pub(super) fn is_forwarded(&self) -> bool {
        matches!(self.answer, Answer::Forward) && self.change.is_none()
    }

    pub(super) fn changing(answer: Answer, change: impl Into<Option<Change>>) -> Self {
        Self { answer, change: change.into() }
    }
}

/// A portal over a planned statement.
pub(super) struct Portal {
    pub(super) plan: Arc<Plan>,
    pub(super) columns: Columns,
    pub(super) opener: RefCell<Option<Opener>>,
    /// What the steps are made of, if there is more than one.
    pub(super) bound: Option<Bound>,
    /// What a violated key would show of the client's parameters.
    pub(super) key: Option<KeyParams>,
}

/// A Bind that stays here: its plan takes more than one round trip.
pub(super) struct Bound {
    /// It is a Query, which has no values.
    pub(super) query: bool,
    /// The client's values, as long as a step needs them.
    pub(super) values: RefCell<Option<Held>>,
    pub(super) declared: Box<[u32]>,
    /// That of its values.
    pub(super) encoding: ClientEncoding,
    /// The body of the RowDescription of its statement, if that has columns.
    pub(super) described: RefCell<Option<Box<[u8]>>>,
    pub(super) left: RefCell<Left>,
}

/// What an Execute of a portal of several steps has left for the next one: a row limit suspends it as it suspends
/// PostgreSQL's RETURNING, whose statement is complete before its first row is sent.
#[derive(Default)]
pub(super) enum Left {
    /// Everything: it was not executed.
    #[default]
    All,
    /// Rows as frames of the client, and the words of the tag before its count.
    Rows(VecDeque<Vec<u8>>, Vec<u8>),
    /// Nothing.
    Nothing,
}

/// A portal of several steps that is being executed. The client is not read meanwhile.
pub(super) struct Running {
    pub(super) execution: Execution,
    pub(super) portal: Rc<Portal>,
    /// It is a Query that became a pipeline: its tag is held until ReadyForQuery, since the commit may still fail.
    pub(super) simple: bool,
    pub(super) tag: Vec<u8>,
    /// The RowDescription of a Query: PostgreSQL sends it when the statement has run, of which RETURNING shows the rows
    /// (`FillPortalStore` in pquery.c).
    pub(super) description: Vec<u8>,
    /// The client's row limit, and how many of its rows went out.
    pub(super) limit: usize,
    pub(super) shown: usize,
    /// Rows beyond the limit, and their bytes.
    pub(super) kept: VecDeque<Vec<u8>>,
    pub(super) kept_bytes: usize,
    pub(super) outcome: Outcome,
}

/// How far a running portal is, between two steps.
pub(super) enum Outcome {
    /// The next step is to be sent.
    Next,
    /// The last step is complete.
    Done,
    /// The server refused a step, and the client knows.
    Refused,
    /// We refuse to go on: the client learns it in the place of the Execute.
    Failed(exec::Error),
}

/// Why the client is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waiting {
    /// It is read.
    No,
    /// For an answer that decides what is sent next.
    Answer,
    /// For room in the queue.
    Room,
    /// For the answer to a message about a name whose meaning depends on it.
    Name,
    /// For a COPY to begin, or for none to be left that might.
    Copy,
    /// For all answers to a batch that the client has not ended.
    Batch,
}

/// A Query of which a statement is planned, or refused: its statements, and which of them is being answered.
pub(super) struct Simple {
    /// Any of its plans: what errors are translated with while a forwarded statement is answered.
    pub(super) plan: Option<Arc<Plan>>,
    /// `None` for a statement that was forwarded. Empty if all were.
    pub(super) parts: Vec<Option<Portal>>,
    /// Where the characters of the physical text come from.
    pub(super) positions: Positions,
    pub(super) current: usize,
    /// The ErrorResponse of the statement behind them, in whose place [`REFUSAL`] was sent.
    pub(super) refused: Option<Box<[u8]>>,
}

impl Bound {
    /// With these values; `None` for a Query.
    pub(super) fn new(values: Option<Held>, declared: &[u32], encoding: ClientEncoding) -> Self {
        Self {
            query: values.is_none(),
            values: RefCell::new(values),
            declared: declared.into(),
            encoding,
            described: RefCell::default(),
            left: RefCell::default(),
        }
    }

    /// No step reads its values any more; once the server has begun, since it may yet skip what was sent.
    pub(super) fn wipe(&self) {
        if matches!(*self.left.borrow(), Left::Nothing) {
            self.values.take();
        }
    }
}

impl Portal {
    /// It stands for a Query, whose answers differ from those of the extended protocol.
    pub(super) fn is_query(&self) -> bool {
        self.bound.as_ref().is_some_and(|bound| bound.query)
    }
}

impl Simple {
    /// The plan in whose terms an error is told.
    pub(super) fn plan(&self) -> Option<&Arc<Plan>> {
        match self.parts.get(self.current) {
            Some(Some(portal)) => Some(&portal.plan),
            Some(None) | None => self.plan.as_ref(),
        }
    }

    /// Whether an error may be about rows of which this text has the values: a statement that is forwarded may reach
    /// rows of others, and the plan may be an earlier text's.
    pub(super) fn sends_written(&self) -> bool {
        self.parts.get(self.current).map_or(!self.parts.is_empty(), Option::is_some)
    }
}

/// Bytes of the frame at the front that are under way already.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Rest {
    pub(super) bytes: usize,
    /// They are dropped instead of being passed on.
    pub(super) dropped: bool,
}

/// Whether this session has defined something in the catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Defined {
    No,
    /// In a transaction that goes on: nobody else sees it yet.
    Open,
    /// Whoever looks sees it.
    Committed,
}

/// What both directions know.
pub(super) struct State {
    /// What its lines in the log belong to.
    pub(super) span: tracing::Span,
    pub(super) queue: Queue<Expected>,
    /// What every session remembers.
    pub(super) session: Session<Rc<Portal>>,
    pub(super) world: World,
    /// What is protected whatever the search path is; [`World::protection`] is that under this session's path.
    pub(super) protected: Arc<Protection>,
    view: View,
    protections: Option<watch::Receiver<Arc<Protection>>>,
    /// Something is protected, or was during this session: then every message is read.
    pub(super) reads: bool,
    /// Transaction status of the last ReadyForQuery.
    pub(super) status: u8,
    /// Process id and secret.
    pub(super) key: Vec<u8>,
    pub(super) from_client: Rest,
    pub(super) from_server: Rest,
    /// A client frame has begun to arrive.
    pub(super) partial: bool,
    /// The client sent Terminate.
    pub(super) terminated: bool,
    /// The last thing that the server said is an error.
    pub(super) server_failed: bool,
    /// Whole frames of ours that go to the server before the client's next one.
    pub(super) inject: Vec<u8>,
    pub(super) waiting: Waiting,
    pub(super) running: Option<Running>,
    /// The client's side has something to do.
    pub(super) wake: bool,
    /// An error of ours stands in the batch that the next ReadyForQuery closes.
    pub(super) spoiled: bool,
    /// Whether the catalog may be another one by now.
    pub(super) defined: Defined,
    /// Key versions that rows of this batch need.
    pub(super) sought: Sought,
}

impl State {
    /// A session after AuthenticationOk. Without a context nothing is protected in it.
    pub(super) fn new(context: Option<&Context>, path: Option<Path>) -> Self {
        let world = context.map_or_else(World::nothing, |context| World {
            protection: Arc::clone(&context.protection.borrow()),
            keys: Arc::clone(&context.keys),
        });
        let mut session = Session::new(Facts::new(world.protection.epoch));
        session.path = path;
        Self {
            span: tracing::Span::current(),
            queue: Queue::new(Expected::new(Answer::Forward)),
            session,
            reads: !world.protection.is_empty(),
            protected: Arc::clone(&world.protection),
            view: View::default(),
            world,
            protections: context.map(|context| context.protection.clone()),
            status: 0,
            key: Vec::new(),
            from_client: Rest::default(),
            from_server: Rest::default(),
            partial: false,
            terminated: false,
            server_failed: false,
            inject: Vec::new(),
            waiting: Waiting::No,
            running: None,
            wake: false,
            spoiled: false,
            defined: Defined::No,
            sought: Sought::default(),
        }
    }

    /// Nothing is asked, nothing is half sent, no transaction is open.
    pub(super) fn is_idle(&self) -> bool {
        self.queue.is_empty()
            && self.running.is_none()
            && self.status == b'I'
            && self.from_client.bytes == 0
            && !self.partial
    }

    /// Takes over a new lock.
    pub(super) fn adopt_world(&mut self) {
        let Some(protections) = &mut self.protections else { return };
        if !protections.has_changed().unwrap_or(false) {
            return;
        }
        self.protected = Arc::clone(&protections.borrow_and_update());
        self.world.protection = Arc::clone(&self.protected);
        self.session.facts.set_epoch(self.world.protection.epoch);
        if !self.reads && !self.world.protection.is_empty() {
            self.reads = true;
            self.session.remembers_from_now_on();
        }
    }

    /// What names mean may have changed with the last answer (SQL-63).
    pub(super) fn follow_path(&mut self) {
        let Some(path) = &self.session.path else { return };
        if !self.view.is_of(&self.protected, path) {
            self.world.protection = self.view.under(&self.protected, path);
            self.session.facts.set_epoch(self.world.protection.epoch);
        }
    }

    /// The server confirmed what the entry changes.
    pub(super) fn confirm(&mut self, expected: &Expected) {
        if let Some(change) = &expected.change {
            self.session.confirm(change);
            self.name_answered();
        }
        if let Answer::Begins(portal) = &expected.answer {
            self.begun(portal);
        }
    }

    /// A name has one message less under way.
    fn name_answered(&mut self) {
        if self.waiting == Waiting::Name {
            self.resume();
        }
    }

    /// The server dropped the entry, or answered it with an error.
    pub(super) fn withdraw(&mut self, expected: &Expected) {
        if let Some(change) = &expected.change {
            self.session.withdraw(change);
            self.name_answered();
        }
        match expected.answer {
            Answer::Show(..) => {
                self.session.not_shown();
                self.resume();
            }
            Answer::Text(_) => self.resume(),
            Answer::Step(_) | Answer::LastStep(_) => {
                if let Some(running) = &mut self.running {
                    running.outcome = Outcome::Refused;
                }
                self.resume();
            }
            Answer::Forward
            | Answer::Swallow(_)
            | Answer::Refused(..)
            | Answer::Begins(_)
            | Answer::Prepared(_)
            | Answer::Kept(_)
            | Answer::Described(_)
            | Answer::Left(..)
            | Answer::Pipeline(..)
            | Answer::Qualified(_)
            | Answer::Statement(_)
            | Answer::Portal(_)
            | Answer::Query(_)
            | Answer::Spoiled
            | Answer::Poison => {}
        }
    }

    /// The client is read again.
    pub(super) fn resume(&mut self) {
        if self.waiting != Waiting::No {
            self.waiting = Waiting::No;
            self.wake = true;
        }
    }
}
