//! Legal scripts of a client, and the bytes that they are.

use std::collections::BTreeMap;

use pgseal::value::Format;
use proptest::prelude::*;

use crate::wire::compose;
use crate::wire::reader::Target;

/// What becomes of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Plain,
    /// Its parameters: `n` a number that travels as it is, `s` a secret.
    Planned(&'static str),
    Refused,
}

use Class::{Plain, Planned, Refused};

pub(super) const TEXTS: &[(&str, Class)] = &[
    ("SELECT 1", Plain),
    ("SELECT $1, 2", Plain),
    ("", Plain),
    ("SELECT 1 /*run*/", Plain),
    ("SELECT 1 /*parse*/", Plain),
    ("SELECT 1 /*commit*/", Plain),
    ("SELEC 1", Plain),
    ("SELECT f()", Plain),
    ("BEGIN", Plain),
    ("COMMIT", Plain),
    ("ROLLBACK", Plain),
    ("SET DateStyle = 'SQL'", Plain),
    ("COPY other TO STDOUT", Plain),
    ("PREPARE a AS SELECT 1", Plain),
    ("PREPARE b AS SELECT $1", Plain),
    ("EXECUTE a", Plain),
    ("EXECUTE b('plain')", Plain),
    ("DEALLOCATE a", Plain),
    ("DEALLOCATE ALL", Plain),
    ("DISCARD ALL", Plain),
    ("DECLARE p CURSOR FOR SELECT 1", Plain),
    ("FETCH NEXT FROM p", Plain),
    ("CLOSE p", Plain),
    ("CLOSE ALL", Plain),
    ("SELECT email FROM person", Planned("")),
    ("SELECT email, id FROM person WHERE id = $1", Planned("n")),
    ("SELECT email /*parse*/ FROM person", Planned("")),
    ("SELECT email /*run*/ FROM person", Planned("")),
    ("INSERT INTO person (id, email) VALUES (1, 'canary')", Planned("")),
    ("INSERT INTO person (id, email) VALUES ($1, $2)", Planned("ns")),
    ("INSERT INTO person /*commit*/ (id, email) VALUES (1, 'canary')", Planned("")),
    ("UPDATE ledger SET holder = 'canary' WHERE id = 1", Planned("")),
    ("UPDATE ledger SET holder = $2 WHERE id = $1", Planned("ns")),
    ("UPDATE ledger SET holder = 'canary' WHERE id = /*commit*/ 1", Planned("")),
    ("UPDATE ledger SET holder = 'canary' WHERE id = /*run*/ 1", Planned("")),
    ("UPDATE ledger SET holder = 'canary' WHERE id = /*parse*/ 1", Planned("")),
    ("SELECT upper(email) FROM person WHERE email = 'canary'", Refused),
    ("PREPARE a AS SELECT email FROM person WHERE email = 'canary'", Refused),
    ("DECLARE p CURSOR FOR SELECT email FROM person", Refused),
    ("COPY person FROM STDIN", Refused),
];

/// A PREPARE's name and text.
fn prepares(text: &'static str) -> Option<(&'static str, &'static str)> {
    text.strip_prefix("PREPARE ")?.split_once(" AS ")
}

pub(super) fn class(text: &str) -> Class {
    let known = TEXTS.iter().find(|(known, _)| *known == text || known.replace("canary", "CANARY") == text);
    known.map_or(Plain, |(_, class)| *class)
}

/// Data of a COPY, and the frames with which it ends.
#[derive(Debug, Clone)]
pub(super) struct Copy {
    text: &'static str,
    /// By Parse, Bind and Execute, and this frame before the data.
    extended: Option<char>,
    data: Vec<&'static str>,
    done: bool,
}

#[derive(Debug, Clone)]
pub(super) enum Say {
    Query(Vec<&'static str>),
    Parse(&'static str, &'static str),
    /// Portal, statement, and what is wrong with it.
    Bind(&'static str, &'static str, Wrong),
    Describe(char, &'static str),
    Execute(&'static str, i32),
    Close(char, &'static str),
    Flush,
    Sync,
    /// Parse, Bind, Describe of the portal, Execute.
    Run(&'static str, &'static str, &'static str),
    Copy(Copy),
    /// Data of no COPY.
    Stray(char),
    /// A message of this type that is none.
    Malformed(char),
    /// One that is passed on.
    Function,
    /// The lock has changed.
    Lock,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrong {
    Nothing,
    /// A number is none.
    Value,
    /// There is one value too many.
    Count,
    /// It is longer than what may be held.
    Long,
}

/// What happens at the client's side, one after the other.
pub(super) enum Event {
    Frame(Vec<u8>),
    Lock,
}

pub(super) fn script(most: usize) -> impl Strategy<Value = Vec<Say>> {
    proptest::collection::vec(say(), 1..most)
}

fn text() -> impl Strategy<Value = &'static str> {
    (0..TEXTS.len()).prop_map(|at| TEXTS[at].0)
}

fn say() -> impl Strategy<Value = Say> {
    let name = || prop_oneof![Just(""), Just("a"), Just("b")];
    let portal = || prop_oneof![Just(""), Just("p")];
    let wrong = prop_oneof![
        12 => Just(Wrong::Nothing), 1 => Just(Wrong::Value), 1 => Just(Wrong::Count), 1 => Just(Wrong::Long)
    ];
    let copied = prop_oneof![
        Just("COPY other FROM STDIN"),
        Just("COPY other FROM STDIN /*run*/"),
        Just("COPY person FROM STDIN")
    ];
    let data = proptest::collection::vec(prop_oneof![4 => Just("data"), 1 => Just("bad")], 0..4);
    let extended = prop_oneof![Just(None), Just(Some('H')), Just(Some('S')), Just(Some(' '))];
    let copy = (copied, extended, data, any::<bool>())
        .prop_map(|(text, extended, data, done)| Say::Copy(Copy { text, extended, data, done }));
    prop_oneof![
        4 => proptest::collection::vec(text(), 1..4).prop_map(Say::Query),
        4 => text().prop_map(|text| Say::Query(vec![text])),
        4 => (name(), text()).prop_map(|(name, text)| Say::Parse(name, text)),
        4 => (portal(), name(), wrong).prop_map(|(portal, name, wrong)| Say::Bind(portal, name, wrong)),
        1 => name().prop_map(|name| Say::Describe('S', name)),
        1 => portal().prop_map(|name| Say::Describe('P', name)),
        4 => (portal(), 0..3).prop_map(|(name, limit)| Say::Execute(name, limit)),
        1 => name().prop_map(|name| Say::Close('S', name)),
        1 => portal().prop_map(|name| Say::Close('P', name)),
        1 => Just(Say::Flush),
        5 => Just(Say::Sync),
        5 => (portal(), name(), text()).prop_map(|(portal, name, text)| Say::Run(portal, name, text)),
        1 => copy,
        1 => prop_oneof![Just('d'), Just('c'), Just('f')].prop_map(Say::Stray),
        1 => proptest::sample::select(b"QPBDECSH".as_slice()).prop_map(|tag| Say::Malformed(char::from(tag))),
        1 => Just(Say::Function),
        1 => Just(Say::Lock),
    ]
}

/// The frames of a script, behind it what ends any COPY and any batch.
pub(super) fn events(script: &[Say]) -> Vec<Event> {
    let mut writer = Writer::default();
    // A Query takes away the statement without a name. Under another lock it would be prepared again all the same.
    let queries = script.iter().any(|say| matches!(say, Say::Query(_) | Say::Copy(Copy { extended: None, .. })));
    let plays = |say: &&Say| !(queries && matches!(say, Say::Lock));
    script.iter().filter(plays).for_each(|say| writer.say(say));
    writer.stray('f');
    writer.frame(compose::sync);
    writer.events
}

#[derive(Default)]
struct Writer {
    events: Vec<Event>,
    /// What the client means by a name.
    meant: BTreeMap<&'static str, &'static str>,
}

impl Writer {
    fn frame(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut frame = Vec::new();
        write(&mut frame);
        self.events.push(Event::Frame(frame));
    }

    fn stray(&mut self, tag: char) {
        self.frame(|out| {
            compose::frame(tag as u8, out, |out| {
                if tag == 'f' {
                    out.push(0)
                }
            })
        });
    }

    fn means(&mut self, text: &'static str) {
        if let Some((name, text)) = prepares(text) {
            self.meant.insert(name, text);
        }
    }

    fn say(&mut self, say: &Say) {
        let target = |tag| if tag == 'S' { Target::Statement } else { Target::Portal };
        match say {
            Say::Query(texts) => {
                texts.iter().for_each(|text| self.means(text));
                self.frame(|out| compose::query(texts.join(";"), out));
            }
            Say::Parse(name, text) => {
                self.meant.insert(name, text);
                self.means(text);
                self.frame(|out| compose::parse(name.as_bytes(), text, &[], out));
            }
            Say::Bind(portal, name, wrong) => self.bind(portal, name, *wrong),
            Say::Describe(tag, name) => self.frame(|out| compose::describe(target(*tag), name.as_bytes(), out)),
            Say::Execute(name, limit) => self.frame(|out| compose::execute(name.as_bytes(), *limit, out)),
            Say::Close(tag, name) => self.frame(|out| compose::close(target(*tag), name.as_bytes(), out)),
            Say::Flush => self.frame(compose::flush),
            Say::Sync => self.frame(compose::sync),
            Say::Run(portal, name, text) => {
                self.say(&Say::Parse(name, text));
                self.bind(portal, name, Wrong::Nothing);
                self.say(&Say::Describe('P', portal));
                self.say(&Say::Execute(portal, 0));
            }
            Say::Copy(copy) => self.copy(copy),
            Say::Stray(tag) => self.stray(*tag),
            Say::Malformed(tag) => {
                let body: &[u8] = if *tag == 'P' { b"zz" } else { b"x" };
                self.frame(|out| compose::frame(*tag as u8, out, |out| out.extend(body)));
            }
            Say::Function => self.frame(|out| compose::frame(b'F', out, |out| out.extend(952_i32.to_be_bytes()))),
            Say::Lock => self.events.push(Event::Lock),
        }
    }

    fn bind(&mut self, portal: &str, name: &str, wrong: Wrong) {
        let text = self.meant.get(name).copied();
        let secret: &[u8] = if wrong == Wrong::Long { &b"canary".repeat(400) } else { b"canary" };
        let plain: &[u8] = if wrong == Wrong::Long { &b"plain".repeat(400) } else { b"plain" };
        let number: &[u8] = if wrong == Wrong::Value { b"x" } else { b"7" };
        let mut values: Vec<&[u8]> = match text.map(|text| (class(text), text.contains('$'))) {
            Some((Planned(values), _)) => {
                values.chars().map(|value| if value == 'n' { number } else { secret }).collect()
            }
            Some((Plain, true)) => vec![if wrong == Wrong::Value { b"x" } else { plain }],
            Some((Plain, false)) => vec![],
            Some((Refused, _)) | None => vec![secret],
        };
        if wrong == Wrong::Count {
            values.push(if text.is_some_and(|text| class(text) == Plain) { plain } else { secret });
        }
        let values: Vec<(Format, Option<&[u8]>)> = values.iter().map(|value| (Format::Text, Some(*value))).collect();
        self.frame(|out| compose::bind(portal.as_bytes(), name.as_bytes(), &values, &[], out));
    }

    fn copy(&mut self, copy: &Copy) {
        let refused = copy.text.contains("person");
        match copy.extended {
            None => self.frame(|out| compose::query(copy.text, out)),
            Some(before) => {
                self.meant.insert("", copy.text);
                self.frame(|out| compose::parse(b"", copy.text, &[], out));
                self.frame(|out| compose::bind(b"", b"", &[], &[], out));
                self.frame(|out| compose::execute(b"", 0, out));
                match before {
                    'H' => self.frame(compose::flush),
                    'S' => self.frame(compose::sync),
                    _ => {}
                }
            }
        }
        for data in &copy.data {
            let data = if refused { "canary" } else { data };
            self.frame(|out| compose::frame(b'd', out, |out| out.extend(data.as_bytes())));
        }
        self.stray(if copy.done { 'c' } else { 'f' });
        if copy.extended.is_some() {
            self.frame(compose::sync);
        }
    }
}
