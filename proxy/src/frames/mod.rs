//! A plan applied to frames: between the wire and the execution state machine.
//!
//! How a session uses this room. Every function appends whole frames to an output buffer and leaves it as it was if
//! it fails; an [`exec::Error`] becomes the client's ErrorResponse with [`errors::report`].
//!
//! * **Parse** of a statement whose decision is `Rewrite(plan)`: [`bind::parse`] with the client's statement name and
//!   its declared types. It is one Parse for every plan, also for those of several steps: what is prepared then is
//!   only ever described, never executed.
//! * **Describe** of statement or portal goes to the server as it is (the portal of a plan of several steps is an empty one
//!   there, and is described with what its Bind asked of its statement). The answer: [`describe::parameters`] for 't',
//!   [`describe::columns`] for 'T'. Where [`Plan::output`] is `None`, a 'T' of the server describes guard rows: the
//!   client gets NoData ([`describe::columns`] writes it).
//! * **Bind**: [`bind::check`] finds what PostgreSQL would already refuse at Bind, and gives the [`Columns`] that the
//!   portal's rows are read with. Of a plan of one step ([`Steps::One`]): [`bind::bind`] gives the physical Bind under the
//!   client's names. Of several steps: keep the client's values, answer BindComplete from the queue.
//! * **Execute** of a plan of one step goes through. If [`Plan::output`] is `None` and rows come, they are guard rows:
//!   send the Execute with limit 0 and swallow them. Of several steps: [`exec::steps::Execution`]; each of its steps
//!   becomes frames with [`bind::step`], which says what the server will answer.
//! * **Query**: [`exec::inputs::splice`] gives the physical text of a single-step statement. For several steps as
//!   above, without parameters.
//! * **DataRow**: [`rows::open`] with the [`Opener`] of the portal, made once with [`Columns::opener`].
//! * **ErrorResponse**, **NoticeResponse** that answer a rewritten statement: [`errors::translate`].
//!
//! [`Steps::One`]: pgseal::sql::Steps::One
//! [`exec::Error`]: pgseal::exec::Error
//! [`exec::steps::Execution`]: pgseal::exec::steps::Execution
//! [`exec::inputs::splice`]: pgseal::exec::inputs::splice

pub mod bind;
pub mod describe;
pub mod errors;
pub mod held;
pub mod rows;

use std::sync::Arc;

use pgseal::exec::inputs::Params;
use pgseal::exec::outputs::{Formats, Opener};
use pgseal::exec::{Error, outputs};
use pgseal::sql::Plan;
use pgseal::value::{Format, Settings};

/// The formats in which a portal's rows arrive and leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns(Arc<Formats>);

impl Columns {
    /// For an extended-protocol portal: expands the client's 0, 1 or n result formats.
    ///
    /// # Errors
    /// 08P01 in PostgreSQL's words if their number fits neither; 22023 for a code that is none.
    pub fn extended(plan: &Plan, results: &[i16]) -> Result<Self, Error> {
        let (client, physical) = match &plan.output {
            None => (Vec::new(), Vec::new()),
            Some(shape) => {
                let client = bind::result_formats(results, shape.columns.len())?;
                let physical = outputs::physical_formats(shape, &client);
                (client, physical)
            }
        };
        Ok(Self(Arc::new(Formats { client, physical })))
    }

    /// For a simple query, in which everything is text.
    pub fn simple(plan: &Plan) -> Self {
        let (columns, physical) = plan.output.as_ref().map_or((0, 0), |shape| (shape.columns.len(), shape.physical));
        Self(Arc::new(Formats { client: vec![Format::Text; columns], physical: vec![Format::Text; physical] }))
    }

    /// As the client asked: one a logical column.
    pub fn client(&self) -> &[Format] {
        &self.0.client
    }

    /// As the server is asked: one a physical column.
    pub fn physical(&self) -> &[Format] {
        &self.0.physical
    }

    /// Whether values of this result depend on `bytea_output`, or the statement on another setting that the server does
    /// not report: then it must be known ([`Facts::shows`](pgseal::exec::facts::Facts::shows)) before it is sent.
    pub fn depend_on_unreported(&self, plan: &Plan) -> bool {
        let shown = |shape| outputs::depends_on_bytea_output(shape, self.physical(), self.client());
        !plan.notes.depends_on.is_empty() || plan.output.as_ref().is_some_and(shown)
    }

    /// Refuses what cannot be rendered under the session's settings, before anything is sent.
    pub fn check(&self, plan: &Plan, settings: &Settings) -> Result<(), Error> {
        match &plan.output {
            Some(shape) => outputs::check(shape, self.physical(), self.client(), settings),
            None => Ok(()),
        }
    }

    /// What opens the rows of one execution; `None` for a plan whose client expects no rows.
    pub fn opener(&self, plan: &Arc<Plan>, params: Params<'_>) -> Option<Opener> {
        Opener::new(plan, Arc::clone(&self.0), params)
    }
}

#[cfg(test)]
mod tests;
