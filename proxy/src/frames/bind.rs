//! Parse and Bind: physical text and types, physical parameters and result formats.

use std::borrow::Cow;

use pgseal::encoding::ClientEncoding;
use pgseal::error::SqlState;
use pgseal::exec::Error;
use pgseal::exec::inputs::{self, Params, Physical};
use pgseal::exec::steps::{self, Step, StepRows};
use pgseal::keys::KeySource;
use pgseal::sql::{Plan, Recipe, Refusal, Slot};
use pgseal::value::{self, Format, Settings};

use super::Columns;
use crate::wire::compose;
use crate::wire::reader::{self, Target};

/// The physical Parse for a client's Parse that was planned: same statement name, physical text and types.
///
/// A plan with more parameters than a message can count prepares the empty statement: its Bind is refused
/// ([`inputs::fits`]), as it is for every execution.
///
/// # Errors
/// 22P05 for a name that the client's encoding lacks.
pub fn parse(
    statement: &[u8],
    plan: &Plan,
    declared: &[u32],
    encoding: ClientEncoding,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    let (text, types) = match inputs::fits(steps::described_template(plan)) {
        Ok(()) => steps::described(plan, declared),
        Err(_) => (String::new(), Vec::new()),
    };
    compose::parse(statement, encoded(&text, encoding)?, &types, out);
    Ok(())
}

/// A text of ours in the encoding in which the session speaks.
///
/// # Errors
/// 22P05, or 0A000 in an encoding that is not read.
pub fn encoded(text: &str, encoding: ClientEncoding) -> Result<Cow<'_, [u8]>, Error> {
    Ok(encoding.encode(text).map_err(value::Error::from)?)
}

/// What a client's Bind says of formats, which PostgreSQL checks before it reads a value (exec_bind_message in
/// postgres.c); for a plan of several steps too, whose Bind stays here.
pub struct Checked {
    /// Of its parameters, one each.
    pub params: Vec<Format>,
    /// Of its rows.
    pub columns: Columns,
}

/// Checks the numbers of parameters and formats.
///
/// # Errors
/// 08P01 in PostgreSQL's words; 22023 for a format code that is none.
pub fn check(client: &reader::Bind<'_>, plan: &Plan) -> Result<Checked, Error> {
    let params = formats(client)?;
    let (supplied, required) = (client.values.len(), plan.params.len());
    if supplied != required {
        let name = String::from_utf8_lossy(client.statement);
        return Err(violation(format!(
            "bind message supplies {supplied} parameters, but prepared statement \"{name}\" requires {required}"
        )));
    }
    Ok(Checked { params, columns: Columns::extended(plan, &client.results)? })
}

/// The physical Bind for a client's Bind of a plan of one step, under the client's own names. `params` and `columns` are
/// as [`check`] gave them.
///
/// The session's settings decide how values look: where [`Columns::depend_on_unreported`], it must be known first.
pub fn bind(
    client: &reader::Bind<'_>,
    params: Params<'_>,
    columns: &Columns,
    plan: &Plan,
    keys: &dyn KeySource,
    settings: &Settings,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    let put = |out: &mut Vec<u8>| inputs::put(plan, params, keys, settings, out);
    compose::bind_put(client.portal, client.statement, put, columns.physical(), out)
}

/// A Bind of the statement that the server describes, under the client's own names, with the client's values where they stand
/// as they are and NULL elsewhere: it is never executed, the server only reads the values.
pub fn read(client: &reader::Bind<'_>, params: Params<'_>, plan: &Plan, out: &mut Vec<u8>) {
    let value = |slot: &Slot| match slot.recipe {
        Recipe::Pass(index) => {
            (params.formats.get(index).copied().unwrap_or_default(), params.values.get(index).copied().flatten())
        }
        Recipe::Clear { .. }
        | Recipe::Cell { .. }
        | Recipe::RowTag { .. }
        | Recipe::Signature { .. }
        | Recipe::Signed { .. }
        | Recipe::Tag { .. }
        | Recipe::Tags { .. } => (Format::Text, None),
    };
    let values: Vec<_> = steps::described_template(plan).slots.iter().map(value).collect();
    compose::bind(client.portal, client.statement, &values, &[], out);
}

/// The formats of a Bind's parameters, one each (0, 1 or n are sent).
pub fn formats(client: &reader::Bind<'_>) -> Result<Vec<Format>, Error> {
    let values = client.values.len();
    let sent = client.formats.len();
    each(&client.formats, values)
        .unwrap_or_else(|| Err(violation(format!("bind message has {sent} parameter formats but {values} parameters"))))
}

/// The formats of a result's columns, one each (0, 1 or n are sent).
pub fn result_formats(codes: &[i16], columns: usize) -> Result<Vec<Format>, Error> {
    let sent = codes.len();
    each(codes, columns).unwrap_or_else(|| {
        Err(violation(format!("bind message has {sent} result formats but query has {columns} columns")))
    })
}

/// One format for each of `count` things; `None` if neither none, nor one, nor as many were sent.
fn each(codes: &[i16], count: usize) -> Option<Result<Vec<Format>, Error>> {
    match codes {
        [] => Some(Ok(vec![Format::Text; count])),
        // PostgreSQL looks at the format of what is there.
        [_] if count == 0 => Some(Ok(Vec::new())),
        [code] => Some(known(*code).map(|format| vec![format; count])),
        codes if codes.len() == count => Some(codes.iter().map(|code| known(*code)).collect()),
        _ => None,
    }
}

fn known(code: i16) -> Result<Format, Error> {
    match code {
        0 => Ok(Format::Text),
        1 => Ok(Format::Binary),
        code => {
            let message = format!("unsupported format code: {code}");
            Err(Error::Refused(Refusal::error(SqlState::INVALID_PARAMETER_VALUE, message)))
        }
    }
}

fn violation(message: String) -> Error {
    Error::Refused(Refusal::error(SqlState::PROTOCOL_VIOLATION, message))
}

/// The name under which a step is prepared and bound. No client can use it: `pgseal_` is reserved.
pub const STEP: &[u8] = b"pgseal_step";

/// The frames of one step: Close portal, Close statement, Parse, Bind, Execute (all rows), then Flush. The server
/// answers CloseComplete twice, ParseComplete, BindComplete, DataRows, CommandComplete; or an ErrorResponse at any of
/// them. `columns` are the formats of the client's answer and are used for the last step only.
///
/// The Closes come first because a step that failed left its statement behind; closing what is not there is no error.
///
/// # Errors
/// 22P05 for a name that the client's encoding lacks.
pub fn step(step: &Step, params: Params<'_>, columns: &Columns, out: &mut Vec<u8>) -> Result<(), Error> {
    let text = encoded(&step.text, params.encoding)?;
    let results = match step.rows {
        StepRows::Ours => vec![Format::Binary],
        StepRows::Client { guards } => {
            let mut results = columns.physical().to_vec();
            // No format at all means text for all, and so does not count the guard's columns.
            if !results.is_empty() {
                results.extend(std::iter::repeat_n(Format::Text, guards));
            }
            results
        }
    };
    compose::close(Target::Portal, STEP, out);
    compose::close(Target::Statement, STEP, out);
    compose::parse(STEP, text, &step.types, out);
    compose::bind(STEP, STEP, &wired(&step.params, params), &results, out);
    compose::execute(STEP, 0, out);
    compose::flush(out);
    Ok(())
}

/// Physical parameters as a Bind sends them.
fn wired<'p>(physical: &'p [Physical], client: Params<'p>) -> Vec<(Format, Option<&'p [u8]>)> {
    physical
        .iter()
        .map(|param| match param {
            // `exec` checked that the parameter is there.
            Physical::Pass(index) => {
                (client.formats.get(*index).copied().unwrap_or_default(), client.values.get(*index).copied().flatten())
            }
            Physical::Owned(format, bytes) => (*format, bytes.as_deref()),
        })
        .collect()
}
