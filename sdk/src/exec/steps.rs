//! Statements that need more than one round trip, as a state machine without sockets.

use std::sync::Arc;

use super::Error;
use super::inputs::{Params, Physical};
use crate::keys::KeySource;
use crate::sql::Plan;
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

/// The execution of a plan of several steps: ask for [`Execution::next`], send it, give each row of a step that is
/// [`StepRows::Ours`] back with [`Execution::row`], ask again when it is complete, until a step is the client's; then
/// [`Execution::finish`] with the number in its command tag.
pub struct Execution {
    plan: Arc<Plan>,
}

impl Execution {
    /// Starts one. A plan of one step needs none: it is done with its template alone.
    pub fn new(plan: &Arc<Plan>) -> Self {
        Self { plan: Arc::clone(plan) }
    }

    /// The next statement. `params` are the client's, the same at every call.
    pub fn next(&mut self, params: Params<'_>, keys: &dyn KeySource, settings: &Settings) -> Result<Step, Error> {
        let _ = (params, keys, settings, &self.plan);
        todo!()
    }

    /// One row of a step whose rows are ours, in binary. A call that failed for want of a key version may be repeated.
    pub fn row(&mut self, row: &[Option<&[u8]>], keys: &dyn KeySource) -> Result<(), Error> {
        let _ = (row, keys);
        todo!()
    }

    /// The last step is complete and reports this many rows (SIG-6): an error must make the transaction fail.
    pub fn finish(&self, affected: u64) -> Result<(), Error> {
        let _ = affected;
        todo!()
    }
}

/// The statement that is prepared for a plan of several steps under the client's name, to be described and never
/// executed: it has the client's parameters and result columns.
pub fn described(plan: &Plan, declared: &[u32]) -> (String, Vec<u32>) {
    let _ = (plan, declared);
    todo!()
}
