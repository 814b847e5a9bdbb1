//! A session without sockets: frames of a client and of a server in, frames out.

mod catalog;
mod model;
mod passing;
mod postgres;
mod script;
mod sizes;
mod steps;

use std::sync::Arc;

use pgseal::schema::{Action, Column, ColumnDefault, Relation, Table};
use pgseal::value::{Format, Type};
use proptest::prelude::*;
use tokio::sync::watch;

use super::relay::Need;
use super::state::{REFUSAL, State};
use super::world::NoKeys;
use super::*;
use crate::wire::buffer::Inbound;
use crate::wire::compose;

/// `person(id int4, email text sealed)`.
pub(super) fn protection(epoch: u64) -> Protection {
    let column = |name: &str, action, ty: Type, type_oid, attnum| Column {
        logical: name.into(),
        name: name.into(),
        action,
        ty: Some(ty),
        type_oid,
        typmod: -1,
        typlen: -1,
        attnum,
        not_null: false,
        default: ColumnDefault::Null,
        pad: None,
        collation: None,
    };
    let table = Table {
        logical: "person".into(),
        relation: Relation { schema: "public".into(), name: "person".into() },
        branch_key: "k".into(),
        signature: None,
        older_sets: vec![],
        columns: vec![
            column("id", Action::DO_NOTHING, Type::Int4, 23, 1),
            column("email", Action::ENCRYPT_AND_SIGN, Type::Text, 25, 2),
        ],
        beacons: vec![],
        primary_key: vec![0],
        context: vec![],
        write_guard: false,
        before_row_trigger: false,
    };
    Protection {
        epoch,
        tables: vec![Arc::new(table)],
        by_name: [("person".to_owned(), 0)].into(),
        ..Protection::default()
    }
}

struct Wire {
    core: Core,
    state: State,
    from_client: Inbound,
    from_server: Inbound,
    protections: watch::Sender<Arc<Protection>>,
}

impl Wire {
    fn new(protection: Protection) -> Self {
        Self::with(Arc::new(protection), Arc::new(NoKeys), Limits::default())
    }

    fn with(protection: Arc<Protection>, keys: Arc<dyn KeySource>, limits: Limits) -> Self {
        let (protections, watched) = watch::channel(protection);
        let context = Arc::new(Context {
            tls: None,
            upstream: Upstream::parse("host=h user=u dbname=app").unwrap(),
            limits,
            allow_cleartext_password: false,
            pass_databases: vec![],
            cancels: cancel::Registry::default(),
            protection: watched,
            keys,
            control: None,
            shortage: Shortage::default(),
        });
        let mut wire = Self {
            core: Core::new(&context),
            state: State::new(Some(&context), None),
            from_client: Inbound::default(),
            from_server: Inbound::default(),
            protections,
        };
        wire.server(&[b"Z\0\0\0\x05I"]).unwrap();
        wire
    }

    /// What the server gets for these bytes of the client.
    fn client(&mut self, frames: &[u8]) -> Result<Vec<u8>, fatal::Fatal> {
        let mut out = Vec::new();
        self.from_client.feed(frames);
        while let Need::Turn = self.state.handle_client(&self.core, &mut self.from_client, &mut out)? {}
        Ok(out)
    }

    /// What the client gets for these bytes of the server.
    fn server(&mut self, frames: &[&[u8]]) -> Result<Vec<u8>, fatal::Fatal> {
        let mut out = Vec::new();
        self.from_server.feed(&frames.concat());
        while let Need::Turn = self.state.handle_server(&self.core, &mut self.from_server, &mut out)? {}
        Ok(out)
    }
}

fn bytes(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    out
}

fn error(code: &str) -> Vec<u8> {
    let message = if code == "42883" { &b"theirs: pgseal_refused"[..] } else { b"theirs" };
    bytes(|out| compose::fields(b'E', [(b'S', &b"ERROR"[..]), (b'C', code.as_bytes()), (b'M', message)], out))
}

/// The error of [`REFUSAL`].
fn refusal() -> Vec<u8> {
    let message = b"function pg_catalog.pgseal_refused() does not exist";
    bytes(|out| compose::fields(b'E', [(b'S', &b"ERROR"[..]), (b'C', b"42883"), (b'M', message)], out))
}

const READY: &[u8] = b"Z\0\0\0\x05I";
const SYNC: &[u8] = b"S\0\0\0\x04";

/// Cannot be planned: an expression over a sealed column.
const REFUSED: &str = "SELECT upper(email) FROM person WHERE email = 'canary'";

#[test]
fn a_refused_query_sends_nothing_of_the_client_and_answers_with_our_error() {
    let mut wire = Wire::new(protection(1));
    let sent = wire.client(&bytes(|out| compose::query(REFUSED, out))).unwrap();
    assert_eq!(sent, bytes(|out| compose::query(REFUSAL, out)));
    let got = wire.server(&[&refusal(), READY]).unwrap();
    assert!(got.ends_with(READY) && !got.windows(14).any(|bytes| bytes == b"pgseal_refused"));
    assert!(got.windows(5).any(|bytes| bytes == b"0A000"));
    assert!(wire.state.is_idle());
}

#[test]
fn values_for_a_refused_statement_do_not_reach_an_older_one_of_its_name_sql_5() {
    let mut wire = Wire::new(protection(1));
    let parse = |text: &str| {
        bytes(|out| {
            compose::parse(b"", text, &[], out);
            compose::sync(out);
        })
    };
    wire.client(&parse("SELECT email FROM person WHERE id = $1")).unwrap();
    wire.server(&[b"1\0\0\0\x04", READY]).unwrap();
    wire.client(&parse(REFUSED)).unwrap();
    wire.server(&[&error("42883"), READY]).unwrap();
    let values = [(pgseal::value::Format::Text, Some(&b"canary"[..]))];
    let sent = wire.client(&bytes(|out| compose::bind(b"", b"", &values, &[], out))).unwrap();
    assert!(!sent.windows(6).any(|bytes| bytes == b"canary"));
    let got = wire.server(&[&error("42883")]).unwrap();
    assert!(got.windows(5).any(|bytes| bytes == b"26000"));
}

#[test]
fn in_a_failed_transaction_a_refused_statement_gets_the_servers_own_error() {
    let mut wire = Wire::new(protection(1));
    wire.client(&bytes(|out| compose::query(REFUSED, out))).unwrap();
    let theirs = error("25P02");
    assert_eq!(wire.server(&[&theirs, b"Z\0\0\0\x05E"]).unwrap(), [&theirs[..], b"Z\0\0\0\x05E"].concat());
}

#[test]
fn a_refusal_inside_a_pipeline_takes_its_place_and_later_batches_stay() {
    let mut wire = Wire::new(protection(1));
    let batch = |text: &str, out: &mut Vec<u8>| {
        compose::parse(b"", text, &[], out);
        compose::bind(b"", b"", &[], &[], out);
        compose::execute(b"", 0, out);
        compose::sync(out);
    };
    let sent = wire.client(&bytes(|out| {
        batch(REFUSED, out);
        batch("SELECT 1", out);
    }));
    let sent = sent.unwrap();
    assert!(!sent.windows(6).any(|bytes| bytes == b"canary"));
    assert!(sent.starts_with(&bytes(|out| compose::parse(b"", REFUSAL, &[], out))));
    let second = bytes(|out| batch("SELECT 1", out));
    assert!(sent.ends_with(&second));
    let answers: &[&[u8]] = &[b"1\0\0\0\x04", b"2\0\0\0\x04", b"C\0\0\0\x0dSELECT 1\0", READY];
    let got = wire.server(&[&refusal(), READY, &answers.concat()]).unwrap();
    assert!(got.windows(5).any(|bytes| bytes == b"0A000") && got.ends_with(&answers.concat()));
    assert!(wire.state.is_idle());
}

#[test]
fn what_follows_an_error_stays_here_until_sync() {
    let mut wire = Wire::new(protection(1));
    wire.client(&bytes(|out| compose::parse(b"", "SELECT 1/0", &[], out))).unwrap();
    wire.server(&[&error("22012")]).unwrap();
    let sent = wire.client(&bytes(|out| {
        compose::query("SELECT 2", out);
        compose::sync(out);
    }));
    assert_eq!(sent.unwrap(), SYNC);
}

#[test]
fn an_answer_to_a_refused_statement_ends_the_session() {
    let mut wire = Wire::new(protection(1));
    wire.client(&bytes(|out| compose::query(REFUSED, out))).unwrap();
    let fatal = wire.server(&[b"C\0\0\0\x0dSELECT 1\0"]).unwrap_err();
    assert_eq!(fatal.sqlstate, SqlState::INTERNAL_ERROR);
}

#[test]
fn sql_7_a_text_is_read_under_the_settings_that_the_server_reported() {
    let status = |name, value| bytes(|out| compose::parameter_status(name, value, out));
    let mut wire = Wire::new(protection(1));
    let refusal = bytes(|out| compose::query(REFUSAL, out));
    for (name, value, text, refused) in [
        ("client_encoding", "UTF8", &b"SELECT '\xe9'"[..], true),
        ("client_encoding", "LATIN1", b"SELECT '\xe9'", false),
        ("client_encoding", "WIN1252", b"SELECT '\x81'", true),
        ("client_encoding", "SJIS", b"SELECT '\x95\\'", false),
        ("client_encoding", "SJIS", b"SELECT '\x95\\' FROM person", true),
        ("client_encoding", "UTF8", b"SELECT upper(email) FROM person", true),
        ("standard_conforming_strings", "off", b"SELECT U&'a'", true),
        ("standard_conforming_strings", "on", b"SELECT U&'a'", false),
    ] {
        let status = status(name, value);
        assert_eq!(wire.server(&[&status]).unwrap(), status);
        let query = bytes(|out| compose::query(text, out));
        let sent = wire.client(&query).unwrap();
        assert_eq!(sent, if refused { refusal.clone() } else { query }, "{name} = {value}: {text:?}");
    }
}

#[test]
fn sql_13_a_function_call_passes_for_large_objects_only() {
    let call = |oid: u32| bytes(|out| compose::frame(b'F', out, |out| out.extend(oid.to_be_bytes())));
    let mut wire = Wire::new(protection(1));
    assert_eq!(wire.client(&call(952)).unwrap(), call(952));
    assert_eq!(wire.client(&call(2078)).unwrap(), bytes(|out| compose::query(REFUSAL, out)));
    assert_eq!(Wire::new(Protection::default()).client(&call(2078)).unwrap(), call(2078));
}

#[test]
fn sql_12_a_statement_forwarded_before_anything_was_protected_must_be_prepared_again() {
    let mut wire = Wire::new(Protection::default());
    let parse = bytes(|out| compose::parse(b"s", "SELECT * FROM person", &[], out));
    assert_eq!(wire.client(&parse).unwrap(), parse);
    wire.server(&[b"1\0\0\0\x04"]).unwrap();
    wire.protections.send_replace(Arc::new(protection(2)));
    wire.client(&bytes(|out| compose::bind(b"", b"s", &[], &[], out))).unwrap();
    let got = wire.server(&[&refusal()]).unwrap();
    assert!(got.windows(5).any(|bytes| bytes == b"55000"));
}

#[test]
fn sql_66_what_sql_prepared_before_anything_was_protected_must_be_prepared_again() {
    let mut wire = Wire::new(Protection::default());
    wire.client(&bytes(|out| compose::query("PREPARE s AS INSERT INTO person VALUES ($1)", out))).unwrap();
    wire.server(&[b"C\0\0\0\x0cPREPARE\0", READY]).unwrap();
    wire.protections.send_replace(Arc::new(protection(2)));
    let sent = wire.client(&bytes(|out| compose::query("EXECUTE s('canary')", out))).unwrap();
    assert_eq!(sent, bytes(|out| compose::query(REFUSAL, out)));
    let got = wire.server(&[&refusal(), READY]).unwrap();
    assert!(got.windows(5).any(|bytes| bytes == b"55000"));
    // One that was prepared since is known.
    for text in ["PREPARE t AS SELECT $1", "EXECUTE t('x')"] {
        let query = bytes(|out| compose::query(text, out));
        assert_eq!(wire.client(&query).unwrap(), query);
    }
}

#[test]
fn names_that_begin_with_pgseal_are_ours() {
    let mut wire = Wire::new(protection(1));
    let sent = wire.client(&bytes(|out| compose::execute(b"pgseal_step", 0, out))).unwrap();
    assert_eq!(sent.first(), Some(&b'P'));
}

#[test]
fn frames_beyond_postgresqls_limits_end_the_session() {
    for frame in [&b"Q\x7f\xff\xff\xff"[..], b"S\0\x01\0\0", b"Q\0\0\0\x03", b"y\0\0\0\x04"] {
        let mut wire = Wire::new(Protection::default());
        assert_eq!(wire.client(frame).unwrap_err().sqlstate, SqlState::PROTOCOL_VIOLATION);
    }
}

/// An error of the server's with these fields.
fn failing(code: &str, message: &str, detail: &str) -> Vec<u8> {
    let fields = [(b'S', "ERROR"), (b'C', code), (b'M', message), (b'D', detail)];
    bytes(|out| compose::fields(b'E', fields.map(|(code, text)| (code, text.as_bytes())), out))
}

const WRITE: &str = "DELETE FROM person WHERE id = 1";
const DELETED: &[u8] = b"C\0\0\0\x0dDELETE 1\0";

#[test]
fn an_error_of_what_touches_nothing_is_the_servers_own_whatever_is_pipelined_around_it_sql_56() {
    let mut wire = Wire::new(protection(1));
    let texts = [WRITE, "INSERT INTO note(id) VALUES (NULL)", WRITE, "SELECT 'x0123456789abcdef0'::uuid", WRITE];
    wire.client(&bytes(|out| texts.iter().for_each(|text| compose::query(text, out)))).unwrap();
    let row = failing("23502", "null value in column \"id\"", "Failing row contains (null).");
    let uuid = failing("22P02", "invalid input syntax for type uuid: \"x0123456789abcdef0\"", "none");
    for theirs in [row, uuid] {
        wire.server(&[DELETED, READY]).unwrap();
        assert_eq!(wire.server(&[&theirs, READY]).unwrap(), [&theirs, READY].concat());
    }
}

#[test]
fn a_commit_behind_pipelined_writes_shows_no_tag_sql_56() {
    let tag = failing("23505", "duplicate key", "Key (pgseal_eq_email)=(6e0c1a44-0000-4000-8000-000000000000) exists.");
    let hides = |wire: &mut Wire| {
        let got = wire.server(&[&tag, READY]).unwrap();
        assert!(got.windows(5).any(|bytes| bytes == b"23505") && !got.windows(6).any(|bytes| bytes == b"pgseal"));
    };
    let mut wire = Wire::new(protection(1));
    let texts = [WRITE, "BEGIN", WRITE, "COMMIT", WRITE];
    wire.client(&bytes(|out| texts.iter().for_each(|text| compose::query(text, out)))).unwrap();
    wire.server(&[DELETED, READY, b"C\0\0\0\x0aBEGIN\0", b"Z\0\0\0\x05T", DELETED, b"Z\0\0\0\x05T"]).unwrap();
    hides(&mut wire);
    // Sent behind a row that cannot be opened: its answer is the client's no more, its commit still is.
    let mut wire = Wire::new(protection(1));
    let run = |text: &str, out: &mut Vec<u8>| {
        compose::parse(b"", text, &[], out);
        compose::bind(b"", b"", &[], &[], out);
        compose::execute(b"", 0, out);
    };
    wire.client(&bytes(|out| ["SELECT email FROM person", WRITE].iter().for_each(|text| run(text, out)))).unwrap();
    let got = wire.server(&[b"1\0\0\0\x04", b"2\0\0\0\x04", &bytes(|out| compose::data_row(&[Some(b"\\x01")], out))]);
    assert_eq!(got.unwrap().get(10), Some(&b'E'));
    wire.server(&[b"C\0\0\0\x0dSELECT 1\0", b"1\0\0\0\x04", b"2\0\0\0\x04", DELETED]).unwrap();
    wire.client(SYNC).unwrap();
    hides(&mut wire);
}

/// A legal conversation: what the client sends, what the server answers.
fn conversation() -> (Vec<u8>, Vec<u8>) {
    let client = bytes(|out| {
        compose::query("SELECT 1", out);
        compose::parse(b"s", "SELECT id FROM other", &[23], out);
        compose::bind(b"", b"s", &[(pgseal::value::Format::Text, Some(&[b'7'; 300]))], &[], out);
        compose::describe(crate::wire::reader::Target::Portal, b"", out);
        compose::execute(b"", 0, out);
        compose::sync(out);
        compose::query(REFUSED, out);
    });
    let server = bytes(|out| {
        out.extend(b"S\0\0\0\x08a\0b\0");
        compose::data_row(&[Some(&[b'x'; 500]), None], out);
        compose::command_complete("SELECT 1", out);
        out.extend(READY);
        compose::parse_complete(out);
        compose::bind_complete(out);
        compose::no_data(out);
        compose::data_row(&[Some(b"1")], out);
        compose::command_complete("SELECT 1", out);
        out.extend(READY);
        out.extend(refusal());
        out.extend(READY);
    });
    (client, server)
}

fn talk(protection: Protection, mut cuts: impl Iterator<Item = usize>) -> (Vec<u8>, Vec<u8>) {
    let mut wire = Wire::new(protection);
    let (client, server) = conversation();
    let (mut to_server, mut to_client) = (Vec::new(), Vec::new());
    let mut rest = &client[..];
    while !rest.is_empty() {
        let (now, later) = rest.split_at(cuts.next().unwrap().clamp(1, rest.len()));
        to_server.extend(wire.client(now).unwrap());
        rest = later;
    }
    let mut rest = &server[..];
    while !rest.is_empty() {
        let (now, later) = rest.split_at(cuts.next().unwrap().clamp(1, rest.len()));
        to_client.extend(wire.server(&[now]).unwrap());
        rest = later;
    }
    assert!(wire.state.is_idle());
    (to_server, to_client)
}

#[test]
fn untouched_bytes_are_identical() {
    let (client, server) = conversation();
    assert_eq!(talk(Protection::default(), std::iter::repeat(usize::MAX)), (client, server));
}

proptest! {
    #[test]
    fn a_stream_cut_anywhere_gives_the_same_result(cuts in proptest::collection::vec(1_usize..90, 20)) {
        for epoch in [0, 1] {
            let world = || if epoch == 0 { Protection::default() } else { protection(epoch) };
            let whole = talk(world(), std::iter::repeat(usize::MAX));
            prop_assert_eq!(talk(world(), cuts.iter().copied().cycle()), whole.clone());
            prop_assert_eq!(talk(world(), std::iter::repeat(1)), whole);
        }
    }

    #[test]
    fn no_bytes_panic(
        parts in proptest::collection::vec((any::<bool>(), any::<u8>(), proptest::collection::vec(any::<u8>(), 0..40)), 0..20),
    ) {
        let mut wire = Wire::new(protection(1));
        for (client, tag, body) in parts {
            let tags = if client { &b"QPBDECSHFXdcf"[..] } else { b"123tTnDCIsGHdcEZVNASK" };
            let frame = bytes(|out| compose::frame(tags[usize::from(tag) % tags.len()], out, |out| out.extend(&body)));
            let result = if client { wire.client(&frame) } else { wire.server(&[&frame]) };
            if result.is_err() {
                break;
            }
        }
    }
}

/// What must be read and is too long for it, in one piece and in several; what comes behind it is looked at again.
#[test]
fn a_frame_that_is_too_long_to_be_held_goes_nowhere_and_is_54000() {
    let limits = Limits { held_frame: 256, ..Limits::default() };
    let long = format!("SELECT id FROM person WHERE email = '{}'", "canary".repeat(100));
    let query = bytes(|out| compose::query(&long, out));
    let parse = bytes(|out| compose::parse(b"", &long, &[], out));
    let behind = bytes(|out| compose::query("SELECT 1", out));
    for piece in [1, 7, 300, usize::MAX] {
        for (frame, then, answered) in [
            (&query, &behind, [&refusal()[..], READY].concat()),
            (&parse, &[SYNC, &behind[..]].concat(), [&refusal()[..], READY].concat()),
        ] {
            let mut wire = Wire::with(Arc::new(protection(1)), Arc::new(NoKeys), limits.clone());
            let all = [&frame[..], &then[..]].concat();
            let sent: Vec<u8> = all.chunks(piece.min(all.len())).flat_map(|part| wire.client(part).unwrap()).collect();
            assert!(!sent.windows(6).any(|part| part == b"canary"), "in pieces of {piece}");
            assert!(sent.ends_with(&behind), "in pieces of {piece}");
            let got = wire.server(&[&answered]).unwrap();
            assert!(got.windows(5).any(|part| part == b"54000") && got.ends_with(READY), "in pieces of {piece}");
        }
    }
}

/// A row that must be opened likewise.
#[test]
fn a_row_that_is_too_long_to_be_held_does_not_reach_the_client_and_is_54000() {
    let limits = Limits { held_frame: 256, ..Limits::default() };
    let row = bytes(|out| {
        compose::frame(b'D', out, |out| {
            out.extend_from_slice(&1_u16.to_be_bytes());
            out.extend_from_slice(&600_u32.to_be_bytes());
            out.extend_from_slice(&b"canary".repeat(100));
        })
    });
    let done = b"C\0\0\0\x0dSELECT 1\0";
    for piece in [1, 7, 300, usize::MAX] {
        let mut wire = Wire::with(Arc::new(protection(1)), Arc::new(NoKeys), limits.clone());
        wire.client(&bytes(|out| compose::query("SELECT id FROM person", out))).unwrap();
        let all = [&row[..], done, READY].concat();
        let got: Vec<u8> = all.chunks(piece.min(all.len())).flat_map(|part| wire.server(&[part]).unwrap()).collect();
        assert!(!got.windows(6).any(|part| part == b"canary"), "in pieces of {piece}");
        assert!(got.windows(5).any(|part| part == b"54000") && got.ends_with(READY), "in pieces of {piece}");
        assert!(wire.state.is_idle());
    }
}

/// Its text is kept while the session has room for it; the statement that takes its place takes that.
#[test]
fn a_long_statement_is_parsed_again_as_it_was_when_its_table_is_not_protected_any_more() {
    let mut wire = Wire::new(protection(1));
    let text = format!("SELECT email FROM person WHERE id = $1 /* {} */", "x".repeat(9 << 20));
    wire.client(&bytes(|out| {
        compose::parse(b"s", &text, &[], out);
        compose::sync(out);
    }))
    .unwrap();
    wire.server(&[b"1\0\0\0\x04", READY]).unwrap();
    wire.protections.send_replace(Arc::new(Protection { epoch: 2, ..Protection::default() }));
    let values = [(Format::Text, Some(&b"7"[..]))];
    let sent = wire.client(&bytes(|out| compose::bind(b"", b"s", &values, &[], out))).unwrap();
    assert!(sent.windows(20).any(|part| part == b"SELECT email FROM pe"), "{} bytes", sent.len());
}
