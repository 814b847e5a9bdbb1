//! Messages that the proxy makes itself, each appended as one whole frame.
//!
//! What the proxy says in its own words to the client is encoded by pgwire's message types. Frames that carry a
//! client's or server's own bytes on (names, values, error texts) are laid out by hand: pgwire holds them as `String`
//! and copies every value. Tests read both kinds back with pgwire's decoders.

use pgseal::encoding::ClientEncoding;
use pgseal::error::ColumnName;
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
    /// s, t, c
    pub column: Option<&'a ColumnName>,
    /// The client's.
    pub encoding: ClientEncoding,
}

// To the client.

/// ErrorResponse.
pub fn error_response(report: &Report<'_>, out: &mut Vec<u8>) {
    let severity = report.severity.word();
    let mut texts = vec![
        (b'S', severity.to_owned()),
        (b'V', severity.to_owned()),
        (b'C', report.code.to_owned()),
        (b'M', without_nul(report.message)),
    ];
    texts.extend(report.detail.map(|text| (b'D', without_nul(text))));
    texts.extend(report.hint.map(|text| (b'H', without_nul(text))));
    texts.extend(report.position.map(|at| (b'P', at.to_string())));
    if let Some(ColumnName { schema, table, column }) = report.column {
        let names = [(b's', schema), (b't', table), (b'c', column)];
        texts.extend(names.map(|(code, text)| (code, without_nul(text))));
    }
    match report.encoding.is_utf8() {
        true => encode(&ErrorResponse::new(texts), out),
        false => {
            let encoded: Vec<_> =
                texts.iter().map(|(code, text)| (*code, report.encoding.encode_lossy(text))).collect();
            fields(b'E', encoded.iter().map(|(code, text)| (*code, &**text)), out);
        }
    }
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
            out.extend_from_slice(&field.format.code().to_be_bytes());
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
pub fn query(text: impl AsRef<[u8]>, out: &mut Vec<u8>) {
    frame(b'Q', out, |out| cstr(text.as_ref(), out));
}

/// Parse.
pub fn parse(statement: &[u8], text: impl AsRef<[u8]>, types: &[u32], out: &mut Vec<u8>) {
    frame(b'P', out, |out| {
        cstr(statement, out);
        cstr(text.as_ref(), out);
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
        params.iter().for_each(|(format, _)| out.extend_from_slice(&format.code().to_be_bytes()));
        count(params.len(), out);
        params.iter().for_each(|(_, item)| value(*item, out));
        count(results.len(), out);
        results.iter().for_each(|format| out.extend_from_slice(&format.code().to_be_bytes()));
    });
}

/// Bind whose parameters `put` appends: format codes and values, each behind their count. On its error nothing is.
pub fn bind_put<E>(
    portal: &[u8],
    statement: &[u8],
    put: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    results: &[Format],
    out: &mut Vec<u8>,
) -> Result<(), E> {
    let start = out.len();
    let mut result = Ok(());
    frame(b'B', out, |out| {
        cstr(portal, out);
        cstr(statement, out);
        result = put(out);
        count(results.len(), out);
        results.iter().for_each(|format| out.extend_from_slice(&format.code().to_be_bytes()));
    });
    if result.is_err() {
        out.truncate(start);
    }
    result
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
    match text.contains(&0) {
        false => out.extend_from_slice(text),
        true => text.split(|&byte| byte == 0).for_each(|part| out.extend_from_slice(part)),
    }
    out.push(0);
}

/// A count; callers stay below the protocol's 65,535.
fn count(n: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(&u16::try_from(n).unwrap_or(u16::MAX).to_be_bytes());
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

#[cfg(test)]
mod tests {
    use pgwire::messages::{DecodeContext, PgWireBackendMessage, PgWireFrontendMessage};
    use proptest::prelude::*;

    use super::*;
    use crate::wire::reader;

    fn composed(compose: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut out = Vec::new();
        compose(&mut out);
        out
    }

    /// pgwire's reading of one whole frame of ours to the client; it must consume it exactly.
    fn backend(frame: &[u8]) -> PgWireBackendMessage {
        let mut buffer = frame.into();
        let message = PgWireBackendMessage::decode(&mut buffer, &DecodeContext::default()).unwrap().unwrap();
        assert!(buffer.is_empty());
        message
    }

    fn frontend(frame: &[u8]) -> PgWireFrontendMessage {
        let mut context = DecodeContext::default();
        context.awaiting_frontend_ssl = false;
        context.awaiting_frontend_startup = false;
        let mut buffer = frame.into();
        let message = PgWireFrontendMessage::decode(&mut buffer, &context).unwrap().unwrap();
        assert!(buffer.is_empty());
        message
    }

    /// The body of a frame whose length is right.
    fn body(frame: &[u8]) -> &[u8] {
        let length = u32::from_be_bytes(frame.get(1..5).unwrap().try_into().unwrap());
        assert_eq!(length as usize + 1, frame.len());
        frame.get(5..).unwrap()
    }

    #[test]
    fn an_error_response_reads_back_with_all_its_fields() {
        let column = ColumnName { schema: "public".into(), table: "card".into(), column: "p\0an".into() };
        let report = Report {
            severity: Severity::Error,
            code: "0A000",
            message: "no\0pe",
            detail: None,
            hint: Some("try"),
            position: Some(8),
            column: Some(&column),
            encoding: ClientEncoding::UTF8,
        };
        let frame = composed(|out| error_response(&report, out));
        let PgWireBackendMessage::ErrorResponse(message) = backend(&frame) else { panic!() };
        let field = |code: u8| message.fields.iter().find(|(c, _)| *c == code).map(|(_, text)| text.as_str());
        assert_eq!(field(b'S'), Some("ERROR"));
        assert_eq!(field(b'V'), Some("ERROR"));
        assert_eq!(field(b'C'), Some("0A000"));
        assert_eq!(field(b'M'), Some("nope"));
        assert_eq!(field(b'D'), None);
        assert_eq!(field(b'H'), Some("try"));
        assert_eq!(field(b'P'), Some("8"));
        assert_eq!([b's', b't', b'c'].map(field), [Some("public"), Some("card"), Some("pan")]);
        assert_eq!(reader::fields(body(&frame)).unwrap().len(), message.fields.len());
    }

    #[test]
    fn a_row_description_reads_back() {
        let field = Field {
            name: "größe".as_bytes(),
            table_oid: 16_384,
            attnum: 2,
            type_oid: 1043,
            typlen: -1,
            typmod: 124,
            format: Format::Binary,
        };
        let frame = composed(|out| row_description(&[field], out));
        let PgWireBackendMessage::RowDescription(message) = backend(&frame) else { panic!() };
        let read = message.fields.first().unwrap();
        assert_eq!((read.name.as_str(), read.table_id, read.column_id), ("größe", 16_384, 2));
        assert_eq!((read.type_id, read.type_size, read.type_modifier, read.format_code), (1043, -1, 124, 1));
        assert_eq!(reader::row_description(body(&frame)).unwrap(), [field]);
    }

    #[test]
    fn short_messages_to_the_client_read_back() {
        let is = |frame: Vec<u8>, expected: fn(&PgWireBackendMessage) -> bool| assert!(expected(&backend(&frame)));
        is(composed(no_data), |m| matches!(m, PgWireBackendMessage::NoData(_)));
        is(composed(parse_complete), |m| matches!(m, PgWireBackendMessage::ParseComplete(_)));
        is(composed(bind_complete), |m| matches!(m, PgWireBackendMessage::BindComplete(_)));
        is(composed(close_complete), |m| matches!(m, PgWireBackendMessage::CloseComplete(_)));
        is(composed(portal_suspended), |m| matches!(m, PgWireBackendMessage::PortalSuspended(_)));
        is(composed(empty_query), |m| matches!(m, PgWireBackendMessage::EmptyQueryResponse(_)));
        is(
            composed(|out| command_complete("UPDATE 0", out)),
            |m| matches!(m, PgWireBackendMessage::CommandComplete(c) if c.tag == "UPDATE 0"),
        );
        is(
            composed(|out| parameter_description(&[23, 25], out)),
            |m| matches!(m, PgWireBackendMessage::ParameterDescription(p) if p.types == [23, 25]),
        );
        is(
            composed(|out| parameter_status("TimeZone", "UTC", out)),
            |m| matches!(m, PgWireBackendMessage::ParameterStatus(p) if p.name == "TimeZone" && p.value == "UTC"),
        );
        for status in [Status::Idle, Status::InBlock, Status::Failed] {
            let frame = composed(|out| ready_for_query(status, out));
            is(frame.clone(), |m| matches!(m, PgWireBackendMessage::ReadyForQuery(_)));
            assert_eq!(reader::ready_for_query(body(&frame)), Ok(status));
        }
    }

    #[test]
    fn short_messages_to_the_server_read_back() {
        let frame = composed(|out| query("SELECT 1", out));
        assert!(matches!(frontend(&frame), PgWireFrontendMessage::Query(q) if q.query == "SELECT 1"));
        let frame = composed(|out| parse(b"s", "SELECT $1", &[17], out));
        assert!(
            matches!(frontend(&frame), PgWireFrontendMessage::Parse(p) if p.name.as_deref() == Some("s") && p.query == "SELECT $1" && p.type_oids == [17])
        );
        let frame = composed(|out| describe(Target::Portal, b"p", out));
        assert!(matches!(frontend(&frame), PgWireFrontendMessage::Describe(d) if d.target_type == b'P'));
        assert_eq!(reader::describe(body(&frame)).unwrap(), (Target::Portal, &b"p"[..]));
        let frame = composed(|out| close(Target::Statement, b"", out));
        assert!(matches!(frontend(&frame), PgWireFrontendMessage::Close(c) if c.target_type == b'S'));
        let frame = composed(|out| execute(b"p", 7, out));
        assert!(matches!(frontend(&frame), PgWireFrontendMessage::Execute(e) if e.max_rows == 7));
        assert_eq!(reader::execute(body(&frame)).unwrap(), (&b"p"[..], 7));
        assert!(matches!(frontend(&composed(flush)), PgWireFrontendMessage::Flush(_)));
        assert!(matches!(frontend(&composed(sync)), PgWireFrontendMessage::Sync(_)));
    }

    proptest! {
        #[test]
        fn a_bind_reads_back_here_and_with_pgwire(
            params in proptest::collection::vec((any::<bool>(), proptest::option::of(proptest::collection::vec(any::<u8>(), 0..20))), 0..10),
            results in proptest::collection::vec(any::<bool>(), 0..5),
        ) {
            let format = |binary: bool| if binary { Format::Binary } else { Format::Text };
            let params: Vec<_> = params.iter().map(|(binary, value)| (format(*binary), value.as_deref())).collect();
            let results: Vec<_> = results.into_iter().map(format).collect();
            let frame = composed(|out| bind(b"p", b"s", &params, &results, out));
            let ours = reader::bind(body(&frame)).unwrap();
            let codes = |formats: &[Format]| formats.iter().map(|format| i16::from(*format == Format::Binary)).collect::<Vec<_>>();
            prop_assert_eq!(&ours.results, &codes(&results));
            let (formats, values): (Vec<_>, Vec<_>) = params.into_iter().unzip();
            prop_assert_eq!(&ours.formats, &codes(&formats));
            prop_assert_eq!(&ours.values, &values);
            let PgWireFrontendMessage::Bind(theirs) = frontend(&frame) else { panic!() };
            prop_assert_eq!(theirs.parameters.iter().map(|p| p.as_deref()).collect::<Vec<_>>(), ours.values);
        }

        #[test]
        fn a_data_row_reads_back_here_and_with_pgwire(
            values in proptest::collection::vec(proptest::option::of(proptest::collection::vec(any::<u8>(), 0..20)), 0..10),
        ) {
            let values: Vec<_> = values.iter().map(Option::as_deref).collect();
            let frame = composed(|out| data_row(&values, out));
            prop_assert_eq!(reader::data_row(body(&frame)).unwrap(), values.clone());
            let PgWireBackendMessage::DataRow(row) = backend(&frame) else { panic!() };
            prop_assert_eq!(usize::try_from(row.field_count).unwrap(), values.len());
        }
    }
}
