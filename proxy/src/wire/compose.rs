//! Messages that the proxy makes itself, each appended as one whole frame.
//!
//! What the proxy says in its own words to the client is encoded by pgwire's message types. Frames that carry a
//! client's or server's own bytes on (names, values, error texts) are laid out by hand: pgwire holds them as `String`
//! and copies every value. Tests read both kinds back with pgwire's decoders.

use pgseal::value::Format;
use pgwire::messages::data::{NoData, ParameterDescription};
use pgwire::messages::extendedquery::{BindComplete, CloseComplete, ParseComplete, PortalSuspended};
use pgwire::messages::response::{CommandComplete, EmptyQueryResponse, ErrorResponse};
use pgwire::messages::{Message, startup::ParameterStatus};

use super::reader::{Field, Status, Target};

/// Severity of an ErrorResponse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The statement failed; the session goes on.
    Error,
    /// The session ends.
    Fatal,
}

impl Severity {
    const fn word(self) -> &'static str {
        match self {
            Severity::Error => "ERROR",
            Severity::Fatal => "FATAL",
        }
    }
}

/// What an ErrorResponse of ours says.
#[derive(Debug, Clone, Copy)]
pub struct Report<'a> {
    /// S and V
    pub severity: Severity,
    /// C: the SQLSTATE.
    pub code: &'a str,
    /// M
    pub message: &'a str,
    /// D
    pub detail: Option<&'a str>,
    /// H
    pub hint: Option<&'a str>,
    /// P: characters of the client's text, from 1.
    pub position: Option<u32>,
}

// To the client.

/// ErrorResponse.
pub fn error_response(report: &Report<'_>, out: &mut Vec<u8>) {
    let severity = report.severity.word();
    let mut fields = vec![
        (b'S', severity.to_owned()),
        (b'V', severity.to_owned()),
        (b'C', report.code.to_owned()),
        (b'M', without_nul(report.message)),
    ];
    fields.extend(report.detail.map(|text| (b'D', without_nul(text))));
    fields.extend(report.hint.map(|text| (b'H', without_nul(text))));
    fields.extend(report.position.map(|at| (b'P', at.to_string())));
    encode(&ErrorResponse::new(fields), out);
}

/// ErrorResponse ('E') or NoticeResponse ('N') out of fields as they came.
pub fn fields<'f>(kind: u8, fields: impl IntoIterator<Item = (u8, &'f [u8])>, out: &mut Vec<u8>) {
    frame(kind, out, |out| {
        for (code, text) in fields {
            out.push(code);
            cstr(text, out);
        }
        out.push(0);
    });
}

/// RowDescription.
pub fn row_description(fields: &[Field<'_>], out: &mut Vec<u8>) {
    frame(b'T', out, |out| {
        count(fields.len(), out);
        for field in fields {
            cstr(field.name, out);
            out.extend_from_slice(&field.table_oid.to_be_bytes());
            out.extend_from_slice(&field.attnum.to_be_bytes());
            out.extend_from_slice(&field.type_oid.to_be_bytes());
            out.extend_from_slice(&field.typlen.to_be_bytes());
            out.extend_from_slice(&field.typmod.to_be_bytes());
            out.extend_from_slice(&code(field.format).to_be_bytes());
        }
    });
}

/// DataRow out of values.
pub fn data_row(values: &[Option<&[u8]>], out: &mut Vec<u8>) {
    frame(b'D', out, |out| {
        count(values.len(), out);
        values.iter().for_each(|item| value(*item, out));
    });
}

/// ParameterDescription.
pub fn parameter_description(types: &[u32], out: &mut Vec<u8>) {
    encode(&ParameterDescription::new(types.to_vec()), out);
}

/// NoData.
pub fn no_data(out: &mut Vec<u8>) {
    encode(&NoData::new(), out);
}

/// ParseComplete.
pub fn parse_complete(out: &mut Vec<u8>) {
    encode(&ParseComplete::new(), out);
}

/// BindComplete.
pub fn bind_complete(out: &mut Vec<u8>) {
    encode(&BindComplete::new(), out);
}

/// CloseComplete.
pub fn close_complete(out: &mut Vec<u8>) {
    encode(&CloseComplete::new(), out);
}

/// PortalSuspended.
pub fn portal_suspended(out: &mut Vec<u8>) {
    encode(&PortalSuspended::new(), out);
}

/// EmptyQueryResponse.
pub fn empty_query(out: &mut Vec<u8>) {
    encode(&EmptyQueryResponse::new(), out);
}

/// CommandComplete with this tag.
pub fn command_complete(tag: &str, out: &mut Vec<u8>) {
    encode(&CommandComplete::new(without_nul(tag)), out);
}

/// ParameterStatus.
pub fn parameter_status(name: &str, value: &str, out: &mut Vec<u8>) {
    encode(&ParameterStatus::new(without_nul(name), without_nul(value)), out);
}

/// ReadyForQuery.
pub fn ready_for_query(status: Status, out: &mut Vec<u8>) {
    frame(b'Z', out, |out| out.push(status.code()));
}

// To the server.

/// Query.
pub fn query(text: &str, out: &mut Vec<u8>) {
    frame(b'Q', out, |out| cstr(text.as_bytes(), out));
}

/// Parse.
pub fn parse(statement: &[u8], text: &str, types: &[u32], out: &mut Vec<u8>) {
    frame(b'P', out, |out| {
        cstr(statement, out);
        cstr(text.as_bytes(), out);
        count(types.len(), out);
        types.iter().for_each(|oid| out.extend_from_slice(&oid.to_be_bytes()));
    });
}

/// Bind: parameters as format and value, result formats one a column.
pub fn bind(
    portal: &[u8],
    statement: &[u8],
    params: &[(Format, Option<&[u8]>)],
    results: &[Format],
    out: &mut Vec<u8>,
) {
    frame(b'B', out, |out| {
        cstr(portal, out);
        cstr(statement, out);
        count(params.len(), out);
        params.iter().for_each(|(format, _)| out.extend_from_slice(&code(*format).to_be_bytes()));
        count(params.len(), out);
        params.iter().for_each(|(_, item)| value(*item, out));
        count(results.len(), out);
        results.iter().for_each(|format| out.extend_from_slice(&code(*format).to_be_bytes()));
    });
}

/// Describe.
pub fn describe(target: Target, name: &[u8], out: &mut Vec<u8>) {
    named(b'D', target, name, out);
}

/// Close.
pub fn close(target: Target, name: &[u8], out: &mut Vec<u8>) {
    named(b'C', target, name, out);
}

/// Execute: at most `limit` rows, 0 for all.
pub fn execute(portal: &[u8], limit: i32, out: &mut Vec<u8>) {
    frame(b'E', out, |out| {
        cstr(portal, out);
        out.extend_from_slice(&limit.to_be_bytes());
    });
}

/// Flush.
pub fn flush(out: &mut Vec<u8>) {
    frame(b'H', out, |_| ());
}

/// Sync.
pub fn sync(out: &mut Vec<u8>) {
    frame(b'S', out, |_| ());
}

/// A frame of this kind whose body `write` appends. A body beyond what a length can say (the protocol's own limit is
/// below 2 GiB) saturates the length, which no peer accepts.
pub fn frame(kind: u8, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    out.push(kind);
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    write(out);
    let length = i32::try_from(out.len() - start).unwrap_or(i32::MAX);
    if let Some(prefix) = out.get_mut(start..start + 4) {
        prefix.copy_from_slice(&length.to_be_bytes());
    }
}

/// `i32 length ‖ bytes`, -1 for NULL.
pub fn value(value: Option<&[u8]>, out: &mut Vec<u8>) {
    match value {
        None => out.extend_from_slice(&(-1_i32).to_be_bytes()),
        Some(bytes) => {
            out.extend_from_slice(&i32::try_from(bytes.len()).unwrap_or(i32::MAX).to_be_bytes());
            out.extend_from_slice(bytes);
        }
    }
}

fn named(kind: u8, target: Target, name: &[u8], out: &mut Vec<u8>) {
    frame(kind, out, |out| {
        out.push(match target {
            Target::Statement => b'S',
            Target::Portal => b'P',
        });
        cstr(name, out);
    });
}

/// A terminated string. Text out of frames and SQL never holds a zero byte; one would end the string early, so it is
/// left out.
fn cstr(text: &[u8], out: &mut Vec<u8>) {
    text.split(|&byte| byte == 0).for_each(|part| out.extend_from_slice(part));
    out.push(0);
}

/// A count; callers stay below the protocol's 65,535.
fn count(n: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(&u16::try_from(n).unwrap_or(u16::MAX).to_be_bytes());
}

const fn code(format: Format) -> u16 {
    match format {
        Format::Text => 0,
        Format::Binary => 1,
    }
}

fn without_nul(text: &str) -> String {
    text.replace('\0', "")
}

/// Encodes with pgwire, whose buffer type is inferred. It fails for no message used here; nothing half-written stays.
fn encode(message: &impl Message, out: &mut Vec<u8>) {
    let mut buffer = Default::default();
    if message.encode(&mut buffer).is_ok() {
        out.extend_from_slice(&buffer);
    }
}
