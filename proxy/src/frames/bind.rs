//! Parse and Bind: physical text and types, physical parameters and result formats.

use pgseal::exec::Error;
use pgseal::exec::inputs::Params;
use pgseal::exec::steps::Step;
use pgseal::keys::KeySource;
use pgseal::sql::Plan;
use pgseal::value::{Format, Settings};

use super::Columns;
use crate::wire::reader;

/// The physical Parse for a client's Parse that was planned: same statement name, physical text and types.
pub fn parse(statement: &[u8], plan: &Plan, declared: &[u32], out: &mut Vec<u8>) {
    let _ = (statement, plan, declared, out);
    todo!()
}

/// The physical Bind for a client's Bind of a plan of one step, under the client's own names.
pub fn bind(
    client: &reader::Bind<'_>,
    plan: &Plan,
    keys: &dyn KeySource,
    settings: &Settings,
    out: &mut Vec<u8>,
) -> Result<Columns, Error> {
    let _ = (client, plan, keys, settings, out);
    todo!()
}

/// What PostgreSQL checks at Bind, for a plan of several steps, whose Bind stays here.
pub fn check(client: &reader::Bind<'_>, plan: &Plan, settings: &Settings) -> Result<Columns, Error> {
    let _ = (client, plan, settings);
    todo!()
}

/// The formats of a Bind's parameters, one each (0, 1 or n are sent).
pub fn formats(client: &reader::Bind<'_>) -> Result<Vec<Format>, Error> {
    let _ = client;
    todo!()
}

/// The name under which a step is prepared and bound. No client can use it: `pgseal_` is reserved.
pub const STEP: &[u8] = b"pgseal_step";

/// The frames of one step: Close portal, Close statement, Parse, Bind, Execute (all rows), then Flush. The server
/// answers CloseComplete twice, ParseComplete, BindComplete, DataRows, CommandComplete; or an ErrorResponse at any of
/// them. `columns` are the formats of the client's answer and are used for the last step only.
pub fn step(step: &Step, params: Params<'_>, columns: &Columns, out: &mut Vec<u8>) {
    let _ = (step, params, columns, out);
    todo!()
}
