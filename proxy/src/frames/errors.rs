//! ErrorResponse and NoticeResponse: the server's as the client may see them, and errors of ours.

use pgseal::encoding::ClientEncoding;
use pgseal::error::UserFacing;
use pgseal::exec::errors::ClientValues;
use pgseal::exec::{self, Error};
use pgseal::sql::Plan;

use crate::wire::compose::{self, Report, Severity};
use crate::wire::reader;

pub use pgseal::exec::errors::position;

/// The client's ErrorResponse (`kind` 'E') or NoticeResponse ('N') for the server's (`body`), which answers a
/// statement rewritten by `plan`: [`exec::errors::translate`] as a frame.
pub fn translate(
    kind: u8,
    body: &[u8],
    plan: &Plan,
    sent: Option<ClientValues<'_>>,
    position: impl FnOnce(u32) -> Option<u32>,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    let fields = reader::fields(body)?;
    let kept = exec::errors::translate(&fields, plan, sent, position);
    compose::fields(kind, kept.iter().map(|(code, text)| (*code, &**text)), out);
    Ok(())
}

/// The client's ErrorResponse for the server's (`body`), which answers a statement in which nothing but the places of
/// characters was changed.
pub fn placed(body: &[u8], position: impl FnOnce(u32) -> Option<u32>, out: &mut Vec<u8>) -> Result<(), Error> {
    let fields = reader::fields(body)?;
    let at =
        fields.iter().find(|(code, _)| *code == b'P').and_then(|(_, at)| std::str::from_utf8(at).ok()?.parse().ok());
    let at = at.and_then(position).map(|at| at.to_string());
    let kept = fields.iter().filter_map(|(code, text)| match code {
        b'P' => Some((*code, at.as_deref()?.as_bytes())),
        _ => Some((*code, *text)),
    });
    compose::fields(b'E', kept, out);
    Ok(())
}

/// An error of ours as ErrorResponse, severity ERROR, in the client's encoding. `position` counts characters of its text
/// from 1.
pub fn report(error: &(impl UserFacing + ?Sized), position: Option<u32>, encoding: ClientEncoding, out: &mut Vec<u8>) {
    say(Severity::Error, error, position, encoding, out);
}

/// As [`report`], and the session ends.
pub fn report_fatal(error: &(impl UserFacing + ?Sized), out: &mut Vec<u8>) {
    say(Severity::Fatal, error, None, ClientEncoding::UNKNOWN, out);
}

fn say(
    severity: Severity,
    error: &(impl UserFacing + ?Sized),
    position: Option<u32>,
    encoding: ClientEncoding,
    out: &mut Vec<u8>,
) {
    let (message, detail, hint) = (error.message(), error.detail(), error.hint());
    let report = Report {
        severity,
        code: error.sqlstate().code(),
        message: &message,
        detail: detail.as_deref(),
        hint: hint.as_deref(),
        position,
        column: error.column(),
        encoding,
    };
    compose::error_response(&report, out);
}
