//! Statements that need more than one round trip, as a state machine without sockets.

use super::Error;
use super::inputs::{Params, Physical};
use crate::keys::KeySource;
use crate::sql::Plan;
use crate::value::Settings;

/// A statement to send and the parameters to bind; every result column is asked for in binary unless it is the last
/// step, whose rows are the client's.
pub struct Step {
    /// Physical SQL with `$n`.
    pub text: String,
    /// Type OIDs of the physical parameters; 0 = the server infers it.
    pub types: Vec<u32>,
    /// The parameters.
    pub params: Vec<Physical>,
    /// Whether the rows and the command tag of this step are the client's answer.
    pub last: bool,
}

/// The execution of a plan of several steps: ask for [`Execution::next`], send it, give its rows back with
/// [`Execution::rows`], until a step is the last.
pub struct Execution<'a> {
    _plan: &'a Plan,
}

impl<'a> Execution<'a> {
    /// Starts one.
    pub fn new(plan: &'a Plan) -> Self {
        Self { _plan: plan }
    }

    /// The next statement.
    pub fn next(&mut self, params: Params<'_>, keys: &dyn KeySource, settings: &Settings) -> Result<Step, Error> {
        let _ = (params, keys, settings);
        todo!()
    }

    /// One row of a step that is not the last, in binary.
    pub fn row(&mut self, row: &[Option<&[u8]>]) -> Result<(), Error> {
        let _ = row;
        todo!()
    }
}
