//! A client's text as all of `sql` reads it: UTF-8, strings as `standard_conforming_strings = on` has them (SQL-7).
//!
//! Where the client's text is that already, which is nearly always, the copy is the text. Otherwise a plain string that
//! holds a backslash is written as E'…', whose meaning is the same under both settings: what is spliced from the copy
//! may reach the server under either. Characters stay one for one, but for what was written in.

use std::borrow::Cow;
use std::ops::Range;

use super::Refusal;
use super::lex::{self, Kind, Strings, Token, UNSAFE_UNICODE, continues_identifier};
use crate::encoding::{ClientEncoding, EncodingError};
use crate::error::UserFacing;
use crate::schema::dependents::runs_sql;

mod located;
#[cfg(test)]
mod tests;

/// A text of the client's in UTF-8, with standard strings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientText<'t> {
    text: Cow<'t, str>,
    places: Places,
}

/// Where the characters of the copy stand in the client's text. Empty: at the same place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    runs: Vec<Run>,
}

/// A part of the copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    /// Its first character.
    copy: usize,
    /// The character of the client's text that it comes from, or that it stands before.
    client: usize,
    /// It is the client's text, not what was written in.
    same: bool,
}

impl<'t> ClientText<'t> {
    /// A text that nobody reads otherwise.
    pub fn of(text: &'t str) -> Self {
        Self { text: Cow::Borrowed(text), places: Places::default() }
    }

    /// Reads what a client sent under its client_encoding and `standard_conforming_strings`.
    ///
    /// # Errors
    /// What PostgreSQL says of bytes that are no text and of `U&'…'` while `standard_conforming_strings` is off. 0A000
    /// where it cannot be told what the server will read.
    pub fn read(bytes: &'t [u8], encoding: ClientEncoding, strings: Strings) -> Result<Self, Refusal> {
        let text = match encoding.check() {
            Ok(()) => encoding.decode(bytes).map_err(|error| refused(&error))?,
            Err(unread) => {
                let outline = encoding.outline(bytes).filter(|outline| !has_unread_tag(outline, strings));
                outline.ok_or_else(|| refused(&unread))?
            }
        };
        let (text, places) = match strings {
            Strings::Standard => (text, Places::default()),
            Strings::Escape => standard(text, true)?,
        };
        Ok(Self { text, places })
    }

    /// The copy.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where its characters stand in the client's text.
    pub fn places(&self) -> &Places {
        &self.places
    }

    /// The copy, if it is not where the client's text is.
    pub fn is_moved(&self) -> bool {
        !self.places.runs.is_empty()
    }

    /// Ends the copy at this byte.
    pub fn truncate(&mut self, end: usize) {
        match &mut self.text {
            Cow::Borrowed(text) => *text = text.get(..end).unwrap_or(text),
            Cow::Owned(text) if text.is_char_boundary(end) => text.truncate(end),
            Cow::Owned(_) => {}
        }
    }

    /// Field P of an error about this byte of the copy.
    pub fn position(&self, byte: Option<usize>) -> Option<u32> {
        let before = self.text.get(..byte?)?;
        u32::try_from(self.places.client(before.chars().count()) + 1).ok()
    }
}

impl Places {
    /// The character of the client's text, from 0, for one of the copy.
    pub fn client(&self, copy: usize) -> usize {
        let run = self.runs.partition_point(|run| run.copy <= copy).checked_sub(1).and_then(|run| self.runs.get(run));
        run.map_or(copy, |run| if run.same { run.client + (copy - run.copy) } else { run.client })
    }
}

/// The refusal of a text or a name for its encoding.
pub(crate) fn refused(error: &EncodingError) -> Refusal {
    let refusal = Refusal::error(error.sqlstate(), error.message());
    error.hint().into_iter().fold(refusal, Refusal::hint)
}

/// Whether an outline may end a string elsewhere than its text does: a character can have several spellings, so that what
/// does not look like the tag `$表$` may be it. A string that is code is read again by whoever runs it.
fn has_unread_tag(outline: &str, strings: Strings) -> bool {
    if outline.is_ascii() || !outline.contains('$') {
        return false;
    }
    let mut tokens = Vec::new();
    let error = lex::read(outline, strings, &mut tokens).err();
    let is_tag = |text: &str| lex::opening_dollar_quote(text.as_bytes()).is_some_and(|end| !text[..end].is_ascii());
    let inside = |token: &Token| {
        let text = token.text(outline);
        let body = lex::opening_dollar_quote(text.as_bytes()).and_then(|end| text.get(end..text.len() - end));
        let body = body.unwrap_or(text);
        body.match_indices('$').any(|(at, _)| is_tag(&body[at..]))
    };
    tokens.iter().any(|token| token.is_string() && (is_tag(token.text(outline)) || inside(token)))
        || error.is_some_and(|error| is_tag(&outline[error.at..]))
}

/// The refusal of an outline that may touch something protected.
pub(crate) fn unread_text() -> Refusal {
    Refusal::new("a text in this multi-byte client_encoding is not read where it may touch protected tables")
        .hint("Set client_encoding to UTF8.")
}

/// Whether a text or a name means something else under another client_encoding, or another
/// `standard_conforming_strings`.
pub fn depends_on_settings(bytes: &[u8]) -> bool {
    !bytes.is_ascii() || depends_on_strings(bytes)
}

/// Whether it means something else under another `standard_conforming_strings`.
pub fn depends_on_strings(bytes: &[u8]) -> bool {
    bytes.contains(&b'\\') || bytes.windows(2).any(|pair| pair == b"&'")
}

fn unclear() -> Refusal {
    Refusal::new("SQL in a string constant with backslashes is not read while standard_conforming_strings is off")
        .hint("SET standard_conforming_strings = on.")
}

/// A text that was written for `standard_conforming_strings = off`. Blocks in it are `read`, but not those in a block.
fn standard(text: Cow<'_, str>, read: bool) -> Result<(Cow<'_, str>, Places), Refusal> {
    // Both are needed to tell the settings apart: a backslash, or `U&'…'`.
    if !text.contains('\\') && !text.contains("&'") {
        return Ok((text, Places::default()));
    }
    let mut tokens = Vec::new();
    let error = lex::read(&text, Strings::Escape, &mut tokens).err();
    let mut edits = Vec::new();
    for statement in tokens.split(|token| token.is_symbol(b';')) {
        let runs = statement.iter().any(|token| token.name(&text).is_some_and(|name| runs_sql(&name)));
        let is_block = statement.first().is_some_and(|first| first.is_word(&text, "do"));
        for token in statement {
            if is_block && let Some(edit) = block(&text, token, read)? {
                edits.push(edit);
                continue;
            }
            edits.extend(escape(&text, token.kind, token.range.clone()));
            if runs && token.is_string() && holds_backslash(&text, token) {
                return Err(unclear());
            }
        }
    }
    match error {
        Some(error) if error.what == UNSAFE_UNICODE => return Err(Refusal::new(error.what)),
        // A string without an end has none in the copy either.
        Some(error) => edits.extend(match text.as_bytes().get(error.at) {
            Some(b'\'') => escape(&text, Kind::String, error.at..text.len()),
            Some(b'n' | b'N') => escape(&text, Kind::NationalString, error.at..text.len()),
            Some(_) | None => None,
        }),
        None => {}
    }
    Ok(match edits.is_empty() {
        true => (text, Places::default()),
        false => {
            let (copy, places) = apply(&text, &edits);
            (Cow::Owned(copy), places)
        }
    })
}

/// The bytes of the text that something else stands for in the copy.
type Edit = (Range<usize>, Cow<'static, str>);

/// The E before a string that holds a backslash.
fn escape(text: &str, kind: Kind, range: Range<usize>) -> Option<Edit> {
    text.get(range.clone()).filter(|token| token.contains('\\'))?;
    match kind {
        // `date'2020\055…'`: a word would take the E in.
        Kind::String => {
            let before = range.start.checked_sub(1).and_then(|before| text.as_bytes().get(before));
            let grows = before.is_some_and(|byte| continues_identifier(*byte));
            Some((range.start..range.start, Cow::Borrowed(if grows { " E" } else { "E" })))
        }
        Kind::NationalString => Some((range.start + 1..range.start + 1, Cow::Borrowed("CHAR E"))),
        Kind::Word
        | Kind::QuotedIdentifier
        | Kind::UnicodeIdentifier
        | Kind::EscapeString
        | Kind::UnicodeString
        | Kind::DollarString
        | Kind::BitString
        | Kind::HexString
        | Kind::Integer
        | Kind::Float
        | Kind::Param
        | Kind::Operator
        | Kind::Symbol(_)
        | Kind::TypeCast
        | Kind::DotDot
        | Kind::ColonEquals
        | Kind::EqualsGreater => None,
    }
}

/// The body of a DO block whose own strings hold backslashes: it runs under the setting of the session.
fn block(text: &str, token: &Token, read: bool) -> Result<Option<Edit>, Refusal> {
    let Some(body) = value(text, token).filter(|body| body.contains('\\')) else { return Ok(None) };
    let words = body.split(|char: char| char.is_ascii() && !continues_identifier(char as u8));
    let runs = words.into_iter().any(|word| word.eq_ignore_ascii_case("execute") || runs_sql(word));
    if runs || !read {
        return Err(unclear());
    }
    let (copy, _) = standard(Cow::Borrowed(body.as_str()), false)?;
    Ok(match copy {
        Cow::Borrowed(_) => None,
        Cow::Owned(copy) => {
            let quoted = copy.replace('\\', "\\\\").replace('\'', "''");
            Some((token.range.clone(), Cow::Owned(format!(" E'{quoted}'"))))
        }
    })
}

fn holds_backslash(text: &str, token: &Token) -> bool {
    value(text, token).is_none_or(|value| value.contains('\\'))
}

/// The value of a string while `standard_conforming_strings` is off.
fn value(text: &str, token: &Token) -> Option<String> {
    let escape = |source: &str| Some((Kind::EscapeString, format!("E{source}")));
    let (kind, constant) = match token.kind {
        Kind::String => escape(token.text(text)),
        Kind::NationalString => escape(token.text(text).get(1..)?),
        Kind::EscapeString | Kind::DollarString => Some((token.kind, token.text(text).to_owned())),
        _ => None,
    }?;
    let token = Token { kind, range: 0..constant.len() };
    lex::unescape(&constant, &token).ok().map(Cow::into_owned)
}

fn apply(text: &str, edits: &[Edit]) -> (String, Places) {
    let added: usize = edits.iter().map(|(_, with)| with.len()).sum();
    let mut copy = String::with_capacity(text.len() + added);
    let mut runs = Vec::with_capacity(edits.len() * 2 + 1);
    let (mut characters, mut client, mut end) = (0, 0, 0);
    for (range, with) in edits {
        let own = text.get(end..range.start).unwrap_or("");
        runs.push(Run { copy: characters, client, same: true });
        characters += own.chars().count();
        client += own.chars().count();
        runs.push(Run { copy: characters, client, same: false });
        characters += with.chars().count();
        client += text.get(range.clone()).unwrap_or("").chars().count();
        copy.push_str(own);
        copy.push_str(with);
        end = range.end;
    }
    runs.push(Run { copy: characters, client, same: true });
    copy.push_str(text.get(end..).unwrap_or(""));
    (copy, Places { runs })
}
