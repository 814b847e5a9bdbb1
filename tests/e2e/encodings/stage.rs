//! A sealed database behind the proxy and a plaintext twin at the server itself, whose sessions are told the same bytes.

use crate::harness::World;
use crate::harness::cluster::cluster;
use crate::harness::leaks::canary;
use crate::harness::raw::{Frame, Raw, bind_formats, execute, message, startup, sync};
use crate::harness::world::database;

const DDL: &str = "
CREATE TABLE person (
    id int PRIMARY KEY,
    plain text,
    label text,
    code varchar(8),
    settings jsonb,
    email text UNIQUE,
    name varchar(40),
    document json
);
CREATE TABLE note (id int PRIMARY KEY, text text);
CREATE SCHEMA größe;
CREATE TABLE größe.person (id int)";

const SCHEMA: &str = r#"
version = 1
[keyrings.test]
generator = "local:encodings"
[branch_keys.people]
keyring = "test"
[tables.person]
name = "public.person"
branch_key = "people"
row_signature = "HMAC-SHA-384"
[tables.person.columns]
id = "SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT"
plain = "DO_NOTHING"
label = "SIGN_ONLY"
code = "SIGN_ONLY"
settings = "SIGN_ONLY"
email = { action = "ENCRYPT_AND_SIGN", type = "text" }
name = { action = "ENCRYPT_AND_SIGN", type = "varchar(40)" }
document = { action = "ENCRYPT_AND_SIGN", type = "json" }
[tables.person.beacons]
standard = [{ name = "email", length = "exact" }, { name = "name", length = "exact" }]
"#;

/// The secret in what tests say, and in the twin: its text in plaintext. The sealed database has another one for it.
const SECRET: &str = "Qz8secretofthetwinwx";

pub(super) struct Stage {
    pub(super) world: World,
    twin: String,
    canary: String,
}

impl Stage {
    pub(super) fn new(name: &str) -> Self {
        let (world, twin, canary) =
            (World::sealed(name, DDL, SCHEMA), database(&format!("{name}_twin"), DDL), canary());
        assert_eq!(canary.len(), SECRET.len());
        Self { world, twin, canary }
    }

    /// A text for protected columns, of which the sealed database has nothing in the clear.
    pub(super) fn secret(&self) -> &'static str {
        self.world.keep_secret(&self.canary);
        SECRET
    }

    /// Sets something for every session of either database.
    pub(super) fn for_all(&self, setting: &str) {
        for database in [self.world.database(), &self.twin] {
            cluster().psql("postgres", &format!("ALTER DATABASE \"{database}\" SET {setting}")).unwrap();
        }
    }

    /// Sessions with these parameters in their start-up packets.
    pub(super) fn both(&self, parameters: &[(&str, &str)]) -> Both {
        let log_in = |mut raw: Raw, database: &str| {
            let packet = [&[("user", "postgres"), ("database", database)], parameters].concat();
            raw.send(&startup(&packet));
            assert_eq!(raw.until('Z').last().map(|frame| frame.kind), Some('Z'), "{parameters:?}");
            raw
        };
        let sealed = log_in(self.world.raw_unauthenticated(), self.world.database());
        let plain = log_in(Raw::dial_unix(cluster().socket_dir(), cluster().port()), &self.twin);
        Both { sealed, plain, canary: self.canary.clone() }
    }

    /// Sessions in this client_encoding.
    pub(super) fn encoded(&self, encoding: &str) -> Both {
        self.both(&[("client_encoding", encoding)])
    }
}

/// A session of either.
pub(super) struct Both {
    sealed: Raw,
    plain: Raw,
    canary: String,
}

impl Both {
    /// What the sealed one answers.
    pub(super) fn ask(&mut self, script: &[u8], count: usize) -> Vec<Frame> {
        let frames = self.sealed.talk(&replaced(script, SECRET, &self.canary), count);
        let back = |frame: Frame| Frame { kind: frame.kind, body: replaced(&frame.body, &self.canary, SECRET) };
        frames.into_iter().map(back).collect()
    }

    /// What the twin answers.
    pub(super) fn ask_plain(&mut self, script: &[u8], count: usize) -> Vec<Frame> {
        self.plain.talk(script, count)
    }

    /// Tells both; what they say must be equal. Returns it.
    pub(super) fn same(&mut self, script: &[u8], count: usize) -> Vec<Frame> {
        let (sealed, plain) = (self.ask(script, count), self.ask_plain(script, count));
        let shown = String::from_utf8_lossy(script).into_owned();
        assert_eq!(said(&sealed), said(&plain), "{shown}");
        sealed
    }

    pub(super) fn query(&mut self, text: &[u8]) -> Vec<Frame> {
        self.same(&query(text), 1)
    }

    /// The first column of the rows that both answer.
    pub(super) fn column(&mut self, text: &[u8]) -> Vec<Option<Vec<u8>>> {
        let frames = self.query(text);
        assert_eq!(codes(&frames), [""; 0], "{}", String::from_utf8_lossy(text));
        frames.iter().filter(|frame| frame.kind == 'D').map(|frame| frame.columns().swap_remove(0)).collect()
    }

    /// The sealed one refuses with 0A000, and goes on.
    pub(super) fn refused(&mut self, script: &[u8]) {
        let frames = self.ask(script, 1);
        assert_eq!(codes(&frames), ["0A000"], "{}: {frames:?}", String::from_utf8_lossy(script));
        assert_eq!(severity(&frames), ["ERROR"]);
    }
}

/// What counts in an answer: kinds, rows, column names, SQLSTATE and place of errors.
fn said(frames: &[Frame]) -> Vec<(char, Vec<Option<Vec<u8>>>)> {
    let field = |frame: &Frame, code| frame.field(code).map(String::into_bytes);
    frames
        .iter()
        .filter(|frame| frame.kind != 'N' && frame.kind != 'S')
        .map(|frame| match frame.kind {
            'D' => (frame.kind, frame.columns()),
            'E' => (frame.kind, vec![field(frame, 'V'), field(frame, 'C'), field(frame, 'P')]),
            'T' => (frame.kind, names(frame).into_iter().map(Some).collect()),
            kind => (kind, vec![Some(frame.body.clone())]),
        })
        .collect()
}

/// The column names of a RowDescription.
pub(super) fn names(frame: &Frame) -> Vec<Vec<u8>> {
    let mut names = Vec::new();
    let mut rest = frame.body.get(2..).unwrap();
    while let Some(end) = rest.iter().position(|byte| *byte == 0) {
        names.push(rest[..end].to_vec());
        rest = &rest[end + 1 + 18..];
    }
    names
}

pub(super) fn codes(frames: &[Frame]) -> Vec<String> {
    frames.iter().filter(|frame| frame.kind == 'E').filter_map(|frame| frame.field('C')).collect()
}

fn severity(frames: &[Frame]) -> Vec<String> {
    frames.iter().filter(|frame| frame.kind == 'E').filter_map(|frame| frame.field('V')).collect()
}

pub(super) fn query(text: &[u8]) -> Vec<u8> {
    message(b'Q', &[text, b"\0"].concat())
}

pub(super) fn parse(name: &[u8], text: &[u8]) -> Vec<u8> {
    message(b'P', &[name, b"\0", text, b"\0\0\0"].concat())
}

/// Parse, Bind with all parameters in this format, Execute and Sync, unnamed.
pub(super) fn batch(text: &[u8], format: u16, values: &[Option<&[u8]>]) -> Vec<u8> {
    let bind = bind_formats("", "", &[format], values, &[format]);
    [parse(b"", text), bind, execute("", 0), sync()].concat()
}

/// One text for another of the same length, wherever it stands.
fn replaced(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let mut out = bytes.to_vec();
    let mut at = 0;
    while let Some(found) = out[at..].windows(from.len()).position(|window| window == from.as_bytes()) {
        at += found;
        out[at..at + to.len()].copy_from_slice(to.as_bytes());
    }
    out
}
