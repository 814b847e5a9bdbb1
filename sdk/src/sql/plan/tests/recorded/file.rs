//! The files of what is recorded. Of an entry the line `? ` is the statement, the one before it says where it stands, and
//! each one behind it begins with `> `. `:` are the types that a Parse declares. Line ends and what cannot be seen are
//! escaped, so that a line is a line.

use std::fmt::Write as _;

/// A text, and what is said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// The file that has it, with the id in a corpus.
    pub(super) place: String,
    pub(super) text: String,
    /// OIDs of a Parse message.
    pub(super) declared: Vec<u32>,
    /// Lines of [`Outcome::lines`](super::Outcome).
    pub(super) said: Vec<String>,
}

pub(super) fn write(entries: &[Entry]) -> String {
    let mut out = String::new();
    for Entry { place, text, declared, said } in entries {
        writeln!(out, "\n# {place}\n? {}", escape(text)).unwrap();
        if !declared.is_empty() {
            let oids: Vec<_> = declared.iter().map(u32::to_string).collect();
            writeln!(out, ": {}", oids.join(" ")).unwrap();
        }
        said.iter().for_each(|line| writeln!(out, "> {}", escape(line)).unwrap());
    }
    out
}

pub(super) fn read(text: &str) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut place = String::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        let (mark, rest) = line.split_at(2);
        match (mark, entries.last_mut()) {
            ("# ", _) => place = rest.to_owned(),
            ("? ", _) => {
                let place = place.clone();
                entries.push(Entry { place, text: plain(rest), declared: Vec::new(), said: Vec::new() });
            }
            (": ", Some(entry)) => entry.declared = rest.split(' ').map(|oid| oid.parse().unwrap()).collect(),
            ("> ", Some(entry)) => entry.said.push(plain(rest)),
            _ => panic!("no line of a record: {line}"),
        }
    }
    entries
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            char if char.is_control() || (char.is_whitespace() && char != ' ') || !char.is_ascii() => {
                write!(out, "{}", char.escape_unicode()).unwrap();
            }
            char => out.push(char),
        }
    }
    out
}

fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        match (char == '\\').then(|| chars.next().unwrap()) {
            None => out.push(char),
            Some('n') => out.push('\n'),
            Some('u') => {
                let digits: String = chars.by_ref().skip(1).take_while(|char| *char != '}').collect();
                out.push(u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32).unwrap());
            }
            Some(char) => out.push(char),
        }
    }
    out
}

#[test]
fn what_is_written_is_read_again() {
    let entry = |text: &str, declared: &[u32]| Entry {
        place: "a file".into(),
        text: text.into(),
        declared: declared.into(),
        said: vec![format!("send {text}"), "> x".into()],
    };
    let entries = [entry("SELECT\n\t'\\n' \u{a0}\u{1}é\r", &[]), entry(" ", &[25, 0])];
    assert_eq!(read(&write(&entries)), entries);
}
