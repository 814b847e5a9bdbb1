//! json as given after a syntax check; jsonb in PostgreSQL's own text form (key order, duplicates, numbers).
//!
//! RFC 8259, read as PostgreSQL reads it. Nesting is bounded, so foreign input cannot exhaust a stack.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::bytea::digit;
use super::codec::{Codec, Sent, Shape};
use super::text::utf8;
use super::{Error, Numeric, Value, too_short};
use crate::error::SqlState;

pub(super) const JSON: Codec =
    Codec { shape: Shape::Document, ..Codec::new(|_, text, _| json(text), |_, bytes| json(utf8(bytes)?), Sent::Utf8) };

pub(super) const JSONB: Codec = Codec {
    shape: Shape::Document,
    ..Codec::new(|_, text, _| jsonb(text), |_, bytes| jsonb_recv(bytes), Sent::VersionedUtf8)
};

/// How deep arrays and objects may nest (PostgreSQL's own bound is its stack).
const MAX_DEPTH: usize = 1_000;
/// How many bytes a document's numbers may take in all without exponents: `1e131071` has 131,072 digits, and an array
/// of them would turn a small message into gigabytes.
const MAX_NUMBERS: usize = 16 << 20;

fn json(text: &str) -> Result<Value<'_>, Error> {
    check(text)?;
    Ok(Value::Json(Cow::Borrowed(text)))
}

fn jsonb(text: &str) -> Result<Value<'static>, Error> {
    normal_form(text).map(|text| Value::Jsonb(Cow::Owned(text)))
}

fn jsonb_recv(bytes: &[u8]) -> Result<Value<'static>, Error> {
    match bytes {
        [1, text @ ..] => jsonb(utf8(text)?),
        [] => Err(too_short()),
        // PostgreSQL has no better SQLSTATE for it either.
        _ => Err(Error::new(SqlState::INTERNAL_ERROR, "unsupported jsonb version number")),
    }
}

/// Checks that `text` is JSON, for the type json.
pub(super) fn check(text: &str) -> Result<(), Error> {
    Parser { rest: text, depth: 0, numbers: 0, decode: false }.document().map(drop)
}

/// The form in which PostgreSQL prints a jsonb.
pub(super) fn normal_form(text: &str) -> Result<String, Error> {
    let tree = Parser { rest: text, depth: 0, numbers: 0, decode: true }.document()?;
    let mut out = String::with_capacity(text.len());
    write(&tree, &mut out);
    Ok(out)
}

enum Tree {
    /// null, true, false, or a number as it is printed.
    Plain(String),
    String(String),
    Array(Vec<Tree>),
    Object(BTreeMap<Key, Tree>),
}

/// Keys are ordered by length in bytes, then by bytes.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Key(usize, String);

fn syntax() -> Error {
    Error::new(SqlState::INVALID_TEXT_REPRESENTATION, "invalid input syntax for type json")
}

struct Parser<'t> {
    rest: &'t str,
    depth: usize,
    /// Bytes of numbers that had an exponent, as they are printed.
    numbers: usize,
    /// A tree is built and escapes and numbers are interpreted (jsonb), or everything is only checked (json).
    decode: bool,
}

impl Parser<'_> {
    fn document(mut self) -> Result<Tree, Error> {
        let tree = self.value()?;
        self.blanks();
        if self.rest.is_empty() { Ok(tree) } else { Err(syntax()) }
    }

    fn blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    fn eat(&mut self, token: &str) -> bool {
        self.blanks();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn value(&mut self) -> Result<Tree, Error> {
        self.blanks();
        match self.rest.as_bytes().first() {
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'"') => self.string().map(Tree::String),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => ["null", "true", "false"]
                .into_iter()
                .find(|word| self.eat(word))
                .filter(|_| !self.rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
                .map(|word| Tree::Plain(if self.decode { word.to_owned() } else { String::new() }))
                .ok_or_else(syntax),
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Result<Tree, Error>) -> Result<Tree, Error> {
        if self.depth == MAX_DEPTH {
            return Err(Error::new(
                SqlState::STATEMENT_TOO_COMPLEX,
                format!("protected json may nest {MAX_DEPTH} levels deep"),
            ));
        }
        self.depth += 1;
        let tree = read(self);
        self.depth -= 1;
        tree
    }

    fn array(&mut self) -> Result<Tree, Error> {
        self.eat("[");
        let mut items = Vec::new();
        if self.eat("]") {
            return Ok(Tree::Array(items));
        }
        loop {
            let item = self.value()?;
            if self.decode {
                items.push(item);
            }
            if self.eat("]") {
                return Ok(Tree::Array(items));
            }
            if !self.eat(",") {
                return Err(syntax());
            }
        }
    }

    fn object(&mut self) -> Result<Tree, Error> {
        self.eat("{");
        let mut members = BTreeMap::new();
        if self.eat("}") {
            return Ok(Tree::Object(members));
        }
        loop {
            self.blanks();
            if !self.rest.starts_with('"') {
                return Err(syntax());
            }
            let key = self.string()?;
            if !self.eat(":") {
                return Err(syntax());
            }
            let value = self.value()?;
            if self.decode {
                // The last of equal keys wins.
                members.insert(Key(key.len(), key), value);
            }
            if self.eat("}") {
                return Ok(Tree::Object(members));
            }
            if !self.eat(",") {
                return Err(syntax());
            }
        }
    }

    fn number(&mut self) -> Result<Tree, Error> {
        let bytes = self.rest.as_bytes();
        let digits = |from: usize| bytes.iter().skip(from).take_while(|byte| byte.is_ascii_digit()).count();
        let mut at = usize::from(bytes.first() == Some(&b'-'));
        let integer = digits(at);
        if integer == 0 || (integer > 1 && bytes.get(at) == Some(&b'0')) {
            return Err(syntax());
        }
        at += integer;
        if bytes.get(at) == Some(&b'.') {
            let fraction = digits(at + 1);
            if fraction == 0 {
                return Err(syntax());
            }
            at += 1 + fraction;
        }
        if matches!(bytes.get(at), Some(b'e' | b'E')) {
            at += 1 + usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
            let exponent = digits(at);
            if exponent == 0 {
                return Err(syntax());
            }
            at += exponent;
        }
        let (text, rest) = self.rest.split_at(at);
        if rest.starts_with(|c: char| c.is_alphanumeric() || c == '_') {
            return Err(syntax());
        }
        self.rest = rest;
        if !self.decode {
            return Ok(Tree::Plain(String::new()));
        }
        let mut out = Vec::new();
        Numeric::parse(text)?.render(&mut out);
        if text.contains(['e', 'E']) {
            self.numbers += out.len();
        }
        if self.numbers > MAX_NUMBERS {
            return Err(Error::new(
                SqlState::PROGRAM_LIMIT_EXCEEDED,
                "the numbers of a protected jsonb are too long without exponents",
            ));
        }
        String::from_utf8(out).map(Tree::Plain).map_err(|_| syntax())
    }

    /// A string, from its opening quote.
    fn string(&mut self) -> Result<String, Error> {
        let mut out = String::new();
        let mut chars = self.rest.char_indices().skip(1);
        loop {
            match chars.next() {
                None | Some((_, '\0'..='\x1f')) => return Err(syntax()),
                Some((at, '"')) => {
                    self.rest = &self.rest[at + 1..];
                    return Ok(out);
                }
                Some((_, '\\')) => {
                    let (_, escape) = chars.next().ok_or_else(syntax)?;
                    let c = match escape {
                        '"' | '\\' | '/' => escape,
                        'b' => '\x08',
                        'f' => '\x0c',
                        'n' => '\n',
                        'r' => '\r',
                        't' => '\t',
                        'u' => {
                            let mut next = || chars.next().map(|(_, c)| c);
                            let unit = hex4(&mut next)?;
                            if !self.decode { '?' } else { decode(unit, &mut next)? }
                        }
                        _ => return Err(syntax()),
                    };
                    if self.decode {
                        out.push(c);
                    }
                }
                Some((_, c)) if self.decode => out.push(c),
                Some(_) => {}
            }
        }
    }
}

fn hex4(next: &mut impl FnMut() -> Option<char>) -> Result<u32, Error> {
    (0..4).try_fold(0, |unit, _| Ok(unit << 4 | next().and_then(|c| c.to_digit(16)).ok_or_else(syntax)?))
}

/// A character from its UTF-16 units.
fn decode(unit: u32, next: &mut impl FnMut() -> Option<char>) -> Result<char, Error> {
    let code = match unit {
        0 => {
            return Err(Error::new(SqlState::UNTRANSLATABLE_CHARACTER, "unsupported Unicode escape sequence"));
        }
        0xd800..0xdc00 => {
            if (next(), next()) != (Some('\\'), Some('u')) {
                return Err(syntax());
            }
            match hex4(next)? {
                low @ 0xdc00..0xe000 => 0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00),
                _ => return Err(syntax()),
            }
        }
        unit => unit,
    };
    char::from_u32(code).ok_or_else(syntax)
}

fn write(tree: &Tree, out: &mut String) {
    match tree {
        Tree::Plain(text) => out.push_str(text),
        Tree::String(text) => write_string(text, out),
        Tree::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                out.push_str(if i == 0 { "" } else { ", " });
                write(item, out);
            }
            out.push(']');
        }
        Tree::Object(members) => {
            out.push('{');
            for (i, (Key(_, key), value)) in members.iter().enumerate() {
                out.push_str(if i == 0 { "" } else { ", " });
                write_string(key, out);
                out.push_str(": ");
                write(value, out);
            }
            out.push('}');
        }
    }
}

fn write_string(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\x08' => out.push_str("\\b"),
            '\x0c' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..='\x1f' => {
                let code = u8::try_from(c).unwrap_or(0);
                out.push_str("\\u00");
                out.extend([digit(code >> 4), digit(code & 15)].map(char::from));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_normal_form_is_postgresqls() {
        for (input, output) in [
            (r#"{"n":1.0}"#, r#"{"n": 1.0}"#),
            (r#"{"bb":1,"a":2,"aa":3,"a":4}"#, r#"{"a": 4, "aa": 3, "bb": 1}"#),
            ("[]", "[]"),
            (" { } ", "{}"),
            ("null", "null"),
            ("1e2", "100"),
            ("1.50E-1", "0.150"),
            ("-0", "0"),
            (r#""\u00e9\ud83d\ude00\n\u0001\/""#, "\"é😀\\n\\u0001/\""),
            ("[1,[2,{\"x\":[]}] ]", "[1, [2, {\"x\": []}]]"),
        ] {
            assert_eq!(normal_form(input).unwrap(), output, "{input}");
            assert!(check(input).is_ok());
            assert_eq!(normal_form(output).unwrap(), output, "it is a fixed point");
        }
    }

    #[test]
    fn what_is_no_json_is_an_error() {
        for input in [
            "",
            " ",
            "nul",
            "nullx",
            "{",
            "[1,]",
            "{\"a\"}",
            "{a:1}",
            "01",
            "1.",
            ".5",
            "+1",
            "1e",
            "\"a",
            "\"\x01\"",
            "'a'",
            "\"\\x\"",
            "[1 2]",
            "true1",
            "\"\\u12g4\"",
            "1a",
        ] {
            assert_eq!(check(input).unwrap_err().sqlstate, SqlState::INVALID_TEXT_REPRESENTATION, "{input}");
            assert!(normal_form(input).is_err());
        }
        assert_eq!(normal_form(r#""\u0000""#).unwrap_err().sqlstate, SqlState::UNTRANSLATABLE_CHARACTER);
        assert!(check(r#""\u0000""#).is_ok(), "json keeps the escape");
        for lone in [r#""\ud800""#, r#""\udc00""#, r#""\ud800\ud800""#] {
            assert_eq!(normal_form(lone).unwrap_err().sqlstate, SqlState::INVALID_TEXT_REPRESENTATION);
        }
        assert_eq!(normal_form("1e200000").unwrap_err().sqlstate, SqlState::NUMERIC_VALUE_OUT_OF_RANGE);
    }

    #[test]
    fn nesting_is_bounded() {
        let deep = "[".repeat(100_000);
        assert_eq!(check(&deep).unwrap_err().sqlstate, SqlState::STATEMENT_TOO_COMPLEX);
        let fine = format!("{}{}", "[".repeat(1_000), "]".repeat(1_000));
        assert_eq!(normal_form(&fine).unwrap(), fine);
    }

    #[test]
    fn exponents_cannot_make_gigabytes_of_a_small_document() {
        let numbers = vec!["1e131071"; 200].join(",");
        let error = normal_form(&format!("[{numbers}]")).unwrap_err();
        assert_eq!(error.sqlstate, SqlState::PROGRAM_LIMIT_EXCEEDED);
        assert!(check(&format!("[{numbers}]")).is_ok());
        assert!(normal_form(&format!("[{}]", vec!["1e1000"; 200].join(","))).is_ok());
    }

    proptest! {
        #[test]
        fn foreign_text_never_panics(text in "\\PC{0,30}", json in "[\\[\\]{}\",:0-9a-u\\\\ -]{0,30}") {
            let _ = normal_form(&text);
            if let Ok(normal) = normal_form(&json) {
                prop_assert_eq!(normal_form(&normal).unwrap(), normal);
            }
        }
    }
}
