//! Random legal scripts through a session, against a model of PostgreSQL at either end.
//!
//! The session talks to one model, which sees what a server would see. What the client is told is then held against a second
//! one, which the same client talks to directly, and in which the refused statement fails at its place.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use pgseal::crypto::secret::Secret;
use pgseal::exec::session::Meaning;
use pgseal::keys::{self, BeaconKey, BranchKey, KeyRef, Uuid};
use pgseal::schema::{Source, parse};
use pgseal::testing;

use super::postgres::{Asked, Judge, Postgres, is_protected};
use super::script::{Class, Event, Say, class, events, script};
use super::*;
use crate::wire::frame::{HEADER, Header};
use crate::wire::reader;

const SCHEMA: &str = r#"
    version = 1
    keyrings.test.generator = "local:test"
    branch_keys.k.keyring = "test"
    [tables.person]
    name = "public.person"
    row_binding = "none"
    branch_key = "k"
    [tables.person.columns]
    id = { action = "DO_NOTHING", type = "text" }
    email = { action = "ENCRYPT_AND_SIGN", type = "text" }
    [tables.ledger]
    name = "public.ledger"
    branch_key = "k"
    row_signature = "HMAC-SHA-384"
    [tables.ledger.columns]
    id = { action = "SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT", type = "bigint" }
    holder = { action = "ENCRYPT_AND_SIGN", type = "text" }
"#;

/// The longest frame that is held.
const HELD: usize = 2000;

struct Keys(Arc<BranchKey>);

impl KeySource for Keys {
    fn sealing(&self, _: &str) -> Result<Arc<BranchKey>, keys::Error> {
        Ok(Arc::clone(&self.0))
    }
    fn opening(&self, _: &str, _: KeyRef) -> Result<Arc<BranchKey>, keys::Error> {
        Ok(Arc::clone(&self.0))
    }
    fn beacon(&self, id: &str) -> Result<Arc<BeaconKey>, keys::Error> {
        Err(keys::Error::Missing { id: id.to_owned() })
    }
}

/// The tables in this epoch: one for each change of the lock.
pub(super) fn protection_in(epoch: usize) -> Arc<Protection> {
    static EPOCHS: LazyLock<Vec<Arc<Protection>>> = LazyLock::new(|| {
        let schema = parse::parse(vec![Source { path: "model".into(), text: SCHEMA.into() }]).unwrap();
        let lock = testing::lock(&schema).unwrap();
        let protection = || Protection::from_lock(&schema, &lock).unwrap();
        (0..50).map(|epoch| Arc::new(Protection { epoch, ..protection() })).collect()
    });
    Arc::clone(&EPOCHS[epoch])
}

/// Whether the server gets its turn behind a piece of the client's stream, and whether its answers arrive. The piece may be
/// the last one of a frame.
type Turns<'t> = &'t mut dyn FnMut(bool) -> (bool, bool);

/// How long the next piece of a stream is.
type Cuts<'c> = &'c mut dyn FnMut() -> usize;

struct Played {
    server: Postgres,
    wire: Wire,
    to_server: Vec<u8>,
    to_client: Vec<u8>,
}

/// A session that plays a script.
struct Play<'p> {
    played: Played,
    /// What the server has not read, and what it said and the session has not read.
    inbox: Vec<u8>,
    said: Vec<u8>,
    cuts: Cuts<'p>,
}

impl Play<'_> {
    fn client(&mut self, mut bytes: &[u8], turns: Turns<'_>) {
        loop {
            let (now, later) = bytes.split_at((self.cuts)().clamp(1, bytes.len().max(1)).min(bytes.len()));
            let sent = self.played.wire.client(now).expect("the session goes on");
            self.played.to_server.extend_from_slice(&sent);
            self.inbox.extend_from_slice(&sent);
            bytes = later;
            let (reads, arrives) = turns(bytes.is_empty());
            if reads {
                self.said.extend(self.played.server.take(&std::mem::take(&mut self.inbox)));
            }
            if arrives {
                self.server();
            }
            if bytes.is_empty() {
                return;
            }
        }
    }

    fn server(&mut self) {
        let said = std::mem::take(&mut self.said);
        let mut rest = &said[..];
        while !rest.is_empty() {
            let (now, later) = rest.split_at((self.cuts)().clamp(1, rest.len()));
            let told = self.played.wire.server(&[now]).expect("the session goes on");
            self.played.to_client.extend_from_slice(&told);
            rest = later;
        }
    }
}

/// Plays a script to its end.
fn play(script: &[Say], cuts: Cuts<'_>, turns: Turns<'_>) -> Played {
    let wire = Wire::with(protection_in(1), Arc::new(Keys(key())), Limits { held_frame: HELD, ..Limits::default() });
    let played =
        Played { server: Postgres::new(Box::new(|_, _| false)), wire, to_server: Vec::new(), to_client: Vec::new() };
    let mut play = Play { played, inbox: Vec::new(), said: Vec::new(), cuts };
    let mut epoch = 1;
    for event in events(script) {
        match event {
            Event::Frame(frame) => play.client(&frame, turns),
            Event::Lock => {
                epoch += 1;
                play.played.wire.protections.send_replace(protection_in(epoch));
            }
        }
    }
    let mut quiet = 0;
    while quiet < 2 {
        let before = (play.played.to_server.len(), play.played.to_client.len());
        play.client(b"", &mut |_| (true, true));
        // Answers to questions of ours are not passed on.
        quiet = if before == (play.played.to_server.len(), play.played.to_client.len()) { quiet + 1 } else { 0 };
    }
    play.played
}

fn key() -> Arc<BranchKey> {
    Arc::new(BranchKey::new("k".into(), Uuid([1; 16]), 1, 0, Secret::new([1; 32])))
}

/// What a client can hold against the protocol: kinds, tags, transaction status, and the code of an error.
fn told(mut bytes: &[u8]) -> Vec<(String, String)> {
    let mut told = Vec::new();
    while let Some(header) = Header::peek(bytes).unwrap() {
        let body = &bytes[HEADER..header.total];
        let (detail, code) = match header.tag {
            b'C' | b'Z' | b'S' => (String::from_utf8_lossy(body).replace('\0', ""), String::new()),
            b'E' => {
                let fields = reader::fields(body).unwrap();
                let code = fields.iter().find(|(code, _)| *code == b'C').unwrap().1;
                (String::new(), String::from_utf8_lossy(code).into())
            }
            _ => Default::default(),
        };
        told.push((format!("{} {detail}", char::from(header.tag)), code));
        bytes = &bytes[header.total..];
    }
    assert!(bytes.is_empty(), "half a frame");
    told
}

/// Whether the second model refuses something: what must be refused, and what may be and was.
fn judge(script: &[Say], observed: Vec<(String, String)>) -> Judge {
    let names = suspects(script);
    Box::new(move |asked, answered| {
        let was = || {
            let told = observed.get(answered);
            told.is_some_and(|(_, code)| ["0A000", "26000", "55000", "54000"].contains(&code.as_str()))
        };
        match asked {
            Asked::Bind(_, length) if length + HEADER > HELD => was(),
            Asked::Bind(name, _) => names.contains(name) && was(),
            Asked::Text(text, several) => match class(text) {
                Class::Refused => true,
                // Behind one that may change settings.
                Class::Planned(_) => several && was(),
                // A name that EXECUTE may not use is found where it stands first.
                Class::Plain => (several || text.starts_with("EXECUTE") || text.starts_with("FETCH")) && was(),
            },
        }
    })
}

/// Names to which the client gives a meaning that is refused or planned, or that runs what has such a name.
fn suspects(script: &[Say]) -> BTreeSet<Vec<u8>> {
    let suspect = |text: &str| class(text) != Class::Plain || text.starts_with("EXECUTE") || text.starts_with("FETCH");
    let named = |say: &Say| match say {
        Say::Parse(name, text) | Say::Run(_, name, text) if suspect(text) => Some(name.as_bytes().to_vec()),
        Say::Query(texts) if texts.iter().any(|text| class(text) == Class::Refused) => Some(b"a".to_vec()),
        _ => None,
    };
    script.iter().filter_map(named).collect()
}

/// What must be true of a script that was played.
fn check(script: &[Say], played: &mut Played) {
    let state = &mut played.wire.state;
    let sent = format!("{:?}", told(&played.to_client));
    assert!(played.wire.from_client.bytes().is_empty(), "the session hangs behind {sent}");
    assert!(state.queue.is_empty(), "more answers are expected behind {sent}");
    assert!(played.server.is_quiet());
    let observed = told(&played.to_client);
    let mut direct = Postgres::new(judge(script, observed.clone()));
    let mut expected = Vec::new();
    for event in events(script) {
        if let Event::Frame(frame) = event {
            expected.extend(direct.take(&hide(&frame)));
        }
    }
    // A ParameterStatus may come between any two answers.
    let kinds = |told: Vec<(String, String)>| -> Vec<String> {
        told.into_iter().map(|(kind, _)| kind).filter(|kind| !kind.starts_with('S')).collect()
    };
    assert_eq!(kinds(observed), kinds(told(&expected)));
    let status = played.server.status;
    assert_eq!((state.status, status.code()), (direct.status.code(), direct.status.code()));
    // Names.
    let names = |model: &Postgres| -> BTreeMap<Vec<u8>, bool> {
        let ours = |name: &[u8]| !name.starts_with(b"pgseal_");
        let names = model.statements.iter().filter(|(name, _)| ours(name));
        names.map(|(name, text)| (name.clone(), is_protected(text))).collect()
    };
    assert_eq!(names(&played.server), names(&direct), "names of statements");
    let portals = |model: &Postgres| -> BTreeSet<Vec<u8>> {
        model.portals.keys().filter(|name| !name.starts_with(b"pgseal_")).cloned().collect()
    };
    assert_eq!(portals(&played.server), portals(&direct), "names of portals");
    let protection = Arc::clone(&state.world.protection);
    for name in [&b"a"[..], b"b"] {
        let meaning = state.session.statement(name, &protection, |_, _| Arc::new([]));
        let planned = match meaning {
            Ok(Meaning::Planned(..) | Meaning::Again(_)) => true,
            Ok(Meaning::Forwarded(_)) | Err(_) => false,
            Ok(Meaning::Open | Meaning::Unknown) => panic!("nothing is under way"),
            // The search path is asked for first.
            Ok(Meaning::Unplaced) => continue,
        };
        // What a Query has deallocated whose commit failed is not told by a tag; values for it are sealed for nothing.
        if let Some(held) = names(&direct).get(name) {
            assert_eq!(planned, *held, "the meaning of {}", String::from_utf8_lossy(name));
        }
    }
}

/// The second model is told no secrets.
fn hide(frame: &[u8]) -> Vec<u8> {
    let mut frame = frame.to_vec();
    while let Some(at) = frame.windows(6).position(|part| part == b"canary") {
        frame[at..at + 6].copy_from_slice(b"CANARY");
    }
    frame
}

/// The frames without what is random in them: the bytes of cells and of signatures.
fn masked(mut bytes: &[u8]) -> Vec<String> {
    let mut masked = Vec::new();
    while let Some(header) = Header::peek(bytes).unwrap() {
        let (frame, rest) = bytes.split_at(header.total);
        let values = match header.tag {
            b'B' => reader::bind(&frame[HEADER..]).unwrap().values,
            _ => vec![],
        };
        let cells: Vec<&[u8]> = values.into_iter().flatten().filter(|value| value.len() > 40).collect();
        let mut text = String::new();
        let mut at = 0;
        while let Some(left) = frame.get(at..).filter(|left| !left.is_empty()) {
            let cell = cells.iter().find(|cell| left.starts_with(cell)).map_or(0, |cell| cell.len());
            let digits = left.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
            let hidden = if digits > 40 { digits } else { cell };
            let shown = if hidden > 0 { format!("<{hidden}>") } else { left[..1].escape_ascii().to_string() };
            text.push_str(&shown);
            at += hidden.max(1);
        }
        masked.push(text);
        bytes = rest;
    }
    assert!(bytes.is_empty(), "half a frame");
    masked
}

fn cycle<T: Copy>(items: &[T]) -> impl FnMut() -> T {
    let mut items = items.iter().copied().cycle();
    move || items.next().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases(300)) })]

    #[test]
    fn a_client_is_told_what_postgresql_would_tell_it_whatever_it_sends_and_when_the_server_answers(
        script in script(12),
        cuts in proptest::collection::vec(prop_oneof![Just(usize::MAX), 1_usize..40], 1..8),
        turns in proptest::collection::vec(any::<(bool, bool)>(), 1..12),
    ) {
        let mut turns = cycle(&turns);
        let mut played = play(&script, &mut cycle(&cuts), &mut |_| turns());
        check(&script, &mut played);
    }

    #[test]
    fn a_script_cut_anywhere_on_either_leg_gives_the_same_bytes(
        script in script(6),
        cuts in proptest::collection::vec(1_usize..60, 1..8),
        turns in proptest::collection::vec(any::<(bool, bool)>(), 1..12),
    ) {
        let cut = |cuts: &[usize]| {
            let mut turns = cycle(&turns);
            let played = play(&script, &mut cycle(cuts), &mut |last| if last { turns() } else { (false, false) });
            (masked(&played.to_server), played.to_client)
        };
        let whole = cut(&[usize::MAX]);
        prop_assert_eq!(cut(&cuts), whole.clone());
        prop_assert_eq!(cut(&[1]), whole);
    }
}

/// Cases of a property; `PROPTEST_CASES` asks for more.
fn cases(usual: u32) -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(usual)
}

#[test]
fn a_query_in_a_batch_of_a_block_that_has_failed_is_answered() {
    let script = [
        Say::Query(vec!["BEGIN"]),
        Say::Query(vec!["SELECT 1 /*run*/"]),
        Say::Parse("", "COMMIT"),
        Say::Query(vec!["SELECT email FROM person"]),
    ];
    let mut played = play(&script, &mut || usize::MAX, &mut |_| (false, false));
    check(&script, &mut played);
}
