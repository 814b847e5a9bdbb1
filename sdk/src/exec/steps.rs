//! Statements that need more than one round trip, as a state machine without sockets.

mod read;

use std::sync::Arc;

pub use read::{leaves_unread, read};

use super::Error;
use super::inputs::{self, Params, Physical};
use super::positions::{Positions, Traced};
use super::reseal::Reseal;
use super::update;
use crate::error::SqlState;
use crate::keys::KeySource;
use crate::sql::{Input, Origin, Plan, ReadModifyWrite, Refusal, Steps, Template};
use crate::value::Settings;

/// A statement to send and the parameters to bind.
pub struct Step {
    /// Physical SQL with `$n`.
    pub text: String,
    /// Type OIDs of the physical parameters; 0 = the server infers it.
    pub types: Vec<u32>,
    /// The parameters.
    pub params: Vec<Physical>,
    /// What becomes of its rows.
    pub rows: StepRows,
}

/// What becomes of the rows of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepRows {
    /// They are ours: all columns in binary (one result format, 1); each goes to [`Execution::row`].
    Ours,
    /// It is the last step: its command tag and its rows are the client's. They have [`RowShape::physical`] columns
    /// and behind them `guards` columns of ours, asked for in text and dropped; without [`Plan::output`] the client
    /// gets no rows and those that come are dropped.
    ///
    /// [`RowShape::physical`]: crate::sql::RowShape::physical
    Client {
        /// Columns of the guard.
        guards: usize,
    },
}

/// The execution of a plan: ask for [`Execution::next`], send it, give each row of a step that is [`StepRows::Ours`]
/// back with [`Execution::row`], ask again when it is complete, until a step is the client's; then
/// [`Execution::finish`] with the number in its command tag. A plan of one step may be run so too (in a simple query
/// that became a pipeline, SQL-54).
///
/// An error for want of a key version leaves the execution as it was: load the key and repeat the call. After any
/// other error it is over; nothing of the failed step was sent.
pub struct Execution {
    plan: Arc<Plan>,
    declared: Box<[u32]>,
    state: State,
}

enum State {
    /// Nothing was sent.
    Start,
    /// The fetch step was sent (SQL-22).
    Fetching(Fetched),
    /// The lock step was sent (SQL-51).
    Locking(Box<Reseal>),
    /// The client's step was sent. For a read-modify-write: how many rows it must write.
    Last(Option<usize>),
}

/// What the fetch step gave so far.
struct Fetched {
    /// The values of its rows, row by row.
    values: Vec<Option<Vec<u8>>>,
    /// Of each row.
    width: usize,
    /// As many are needed at least; no row begins behind them.
    needed: usize,
}

impl Execution {
    /// Starts one. `declared` are the client's parameter types, as in its Parse.
    pub fn new(plan: &Arc<Plan>, declared: &[u32]) -> Self {
        Self { plan: Arc::clone(plan), declared: declared.into(), state: State::Start }
    }

    /// The next statement. `params` are the client's, the same at every call while [`Execution::reads_params`].
    pub fn next(&mut self, params: Params<'_>, keys: &dyn KeySource, settings: &Settings) -> Result<Step, Error> {
        let plan = Arc::clone(&self.plan);
        let (step, state) = match (&self.state, &plan.steps) {
            (State::Start, Steps::One) => (self.last(&plan, params, &[], keys, settings)?, State::Last(None)),
            (State::Start, Steps::Fetch(fetch)) => {
                let step = self.step(&plan, fetch, params, &[], StepRows::Ours, keys, settings)?;
                (step, State::Fetching(Fetched { values: Vec::new(), width: 0, needed: needed(&plan) }))
            }
            (State::Fetching(fetched), Steps::Fetch(_)) => {
                if fetched.values.len() < fetched.needed {
                    return Err(Error::Protocol("the step that fetches values gave fewer rows than were asked for"));
                }
                (self.last(&plan, params, &fetched.values, keys, settings)?, State::Last(None))
            }
            (State::Start, Steps::ReadModifyWrite(work)) => {
                let reseal = Reseal::new(&plan, work, params, keys, settings)?;
                let step = self.step(&plan, &work.lock, params, &[], StepRows::Ours, keys, settings)?;
                (step, State::Locking(Box::new(reseal)))
            }
            (State::Locking(_), Steps::ReadModifyWrite(work)) => {
                let State::Locking(reseal) = std::mem::replace(&mut self.state, State::Last(None)) else {
                    return Err(Error::Protocol("an execution was asked for a step that it does not have"));
                };
                let locked = reseal.rows().len();
                (update::statement(work, *reseal), State::Last(Some(locked)))
            }
            (State::Last(_), _) | (State::Fetching(_) | State::Locking(_), _) => {
                return Err(Error::Protocol("an execution was asked for a step that it does not have"));
            }
        };
        self.state = state;
        Ok(step)
    }

    /// One row of a step whose rows are ours, in binary.
    pub fn row(&mut self, row: &[Option<&[u8]>], keys: &dyn KeySource) -> Result<(), Error> {
        match (&mut self.state, &self.plan.steps) {
            (State::Fetching(fetched), _) => {
                if fetched.values.is_empty() {
                    fetched.width = row.len();
                }
                if row.len() != fetched.width || fetched.values.len() >= fetched.needed {
                    return Err(Error::Protocol("the step that fetches values gave other rows than were asked for"));
                }
                fetched.values.extend(row.iter().map(|value| value.map(<[u8]>::to_vec)));
                Ok(())
            }
            (State::Locking(reseal), Steps::ReadModifyWrite(work)) => reseal.row(&work.read, row, keys),
            (State::Start | State::Last(_) | State::Locking(_), _) => {
                Err(Error::Protocol("a row that no step asked for"))
            }
        }
    }

    /// The last step is complete, and its command tag reports this many rows. Every locked row must have been written
    /// exactly once (SIG-6); on an error the transaction must be made to fail.
    pub fn finish(&self, affected: u64) -> Result<(), Error> {
        let Steps::ReadModifyWrite(work) = &self.plan.steps else { return Ok(()) };
        let table = &work.read.table;
        let State::Last(Some(locked)) = self.state else {
            return Err(Error::Protocol("an execution ended before its last step"));
        };
        let locked = locked as u64;
        if affected == locked || (affected < locked && table.before_row_trigger) {
            return Ok(());
        }
        Err(Error::Refused(
            Refusal::error(
                SqlState::DATA_CORRUPTED,
                format!("table {}: {locked} rows were locked and {affected} were written", table.logical),
            )
            .hint("Is there a trigger, rule or policy on this table that the schema lock does not list?"),
        ))
    }

    /// Whether a step that is still to come looks at the client's parameters.
    pub fn reads_params(&self) -> bool {
        match self.state {
            State::Start | State::Fetching(_) => true,
            State::Locking(_) | State::Last(_) => false,
        }
    }

    /// Where the characters of the statement that was sent last come from; `None` for the UPDATE, which is ours.
    pub fn positions(&self) -> Option<Positions> {
        match (&self.state, &self.plan.steps) {
            (State::Fetching(_), Steps::Fetch(fetch)) => Some(inputs::positions(fetch)),
            (State::Locking(_), Steps::ReadModifyWrite(work)) => Some(inputs::positions(&work.lock)),
            (State::Last(_), Steps::One | Steps::Fetch(_)) => Some(inputs::positions(&self.plan.template)),
            (State::Start | State::Fetching(_) | State::Locking(_) | State::Last(_), _) => None,
        }
    }

    fn last(
        &self,
        plan: &Plan,
        params: Params<'_>,
        fetched: &[Option<Vec<u8>>],
        keys: &dyn KeySource,
        settings: &Settings,
    ) -> Result<Step, Error> {
        self.step(plan, &plan.template, params, fetched, StepRows::Client { guards: 0 }, keys, settings)
    }

    #[allow(clippy::too_many_arguments, reason = "what a bind takes, and what becomes of the rows")]
    fn step(
        &self,
        plan: &Plan,
        template: &Template,
        params: Params<'_>,
        fetched: &[Option<Vec<u8>>],
        rows: StepRows,
        keys: &dyn KeySource,
        settings: &Settings,
    ) -> Result<Step, Error> {
        let params = inputs::bind(plan, template, params, fetched, keys, settings)?;
        let (text, types) = inputs::parse_text(template, &self.declared);
        Ok(Step { text, types, params, rows })
    }
}

/// How many values of the fetch step a plan uses.
fn needed(plan: &Plan) -> usize {
    let inputs = plan.rows.iter().flat_map(|row| row.values.iter().flatten());
    let places = inputs.filter_map(|input| match input {
        Input::Fetched(place) => Some(place + 1),
        Input::Param { .. } | Input::Literal { .. } | Input::Stored(_) | Input::Null => None,
    });
    places.max().unwrap_or(0)
}

/// The statement that is prepared under the client's name, to be described: it has the client's parameters and result
/// columns. For a plan of one step it is the one that is executed as well. For a read-modify-write it joins the lock
/// step, which has the parameters, with an UPDATE of no row, which has the result columns; it is never executed.
pub fn described(plan: &Plan, declared: &[u32]) -> (String, Vec<u32>) {
    match &plan.steps {
        Steps::One | Steps::Fetch(_) => inputs::parse_text(&plan.template, declared),
        Steps::ReadModifyWrite(work) => {
            let (_, types) = inputs::parse_text(&work.lock, declared);
            (lock_and_update(work).text, types)
        }
    }
}

/// Where the characters of the text of [`described`] come from.
pub fn described_positions(plan: &Plan) -> Positions {
    match &plan.steps {
        Steps::One | Steps::Fetch(_) => inputs::positions(&plan.template),
        Steps::ReadModifyWrite(work) => lock_and_update(work).positions,
    }
}

fn lock_and_update(work: &ReadModifyWrite) -> Traced {
    let mut out = Traced::default();
    let here = work.lock.origins.first().copied().unwrap_or(Origin::Ours(0));
    out.push("WITH \"pgseal_lock\" AS (", here);
    inputs::numbered(&work.lock, &mut out);
    // The line break ends a comment of the client's.
    out.push(&format!("\n) {}", update::of_no_row(work)), here);
    out
}

/// The template whose parameters the server describes: the one that [`ParamRole::Plain`] counts slots in.
///
/// [`ParamRole::Plain`]: crate::sql::ParamRole::Plain
pub fn described_template(plan: &Plan) -> &Template {
    match &plan.steps {
        Steps::One | Steps::Fetch(_) => &plan.template,
        Steps::ReadModifyWrite(work) => {
            let ReadModifyWrite { lock, .. } = &**work;
            lock
        }
    }
}
