//! The text form of arrays: `array_in` and `array_out` (arrayfuncs.c), under `array_nulls = on`.

use std::borrow::Cow;

use super::{Array, MOST_DIMENSIONS, build, put, put_null, too_deep, too_many};
use crate::error::SqlState;
use crate::value::{Error, Settings, Type};

/// Reads `{a,"b c",NULL}`, nested for more dimensions, behind bounds such as `[0:1]=` or not. The modifier of the elements is
/// not applied, but an interval is read by its fields.
pub(super) fn parse(element: Type, text: &str, settings: &Settings) -> Result<Array<'static>, Error> {
    let (bounds, text) = bounds(text)?;
    let mut parser = Parser {
        rest: opened(skipped(text)).ok_or_else(malformed)?,
        element,
        settings,
        body: Vec::with_capacity(text.len()),
        lengths: [None; MOST_DIMENSIONS],
        nested: [None; MOST_DIMENSIONS],
        unread: None,
    };
    parser.level(0)?;
    if !skipped(parser.rest).is_empty() {
        return Err(malformed());
    }
    let mut shape: Vec<(i32, i32)> = Vec::with_capacity(1);
    for length in parser.lengths.into_iter().flatten() {
        shape.push((i32::try_from(length).map_err(|_| too_many())?, 1));
    }
    if !bounds.is_empty() {
        let same = |((length, _), (bound, _)): (&(i32, i32), &(i32, i32))| length == bound;
        // Of what the brackets say and the braces hold.
        if bounds.len() != shape.len() || !shape.iter().zip(&bounds).all(same) {
            return Err(malformed());
        }
        shape = bounds;
    }
    let array = build(&parser.element, &shape, &parser.body)?;
    // PostgreSQL looks at the whole before it reads an element.
    parser.unread.map_or(Ok(array), Err)
}

/// Length and lower bound of each dimension, and the text behind them.
type Bounds<'t> = (Vec<(i32, i32)>, &'t str);

/// Length and lower bound of every dimension that is spelled out, and what follows their `=`.
fn bounds(text: &str) -> Result<Bounds<'_>, Error> {
    let mut bounds = Vec::new();
    let mut rest = skipped(text);
    while let Some(inner) = rest.strip_prefix('[') {
        if bounds.len() == MOST_DIMENSIONS {
            return Err(too_deep());
        }
        let (inside, after) = inner.split_once(']').ok_or_else(malformed)?;
        // A single number is the upper bound.
        let (lower, upper) = match inside.split_once(':') {
            Some((lower, upper)) => (number(lower)?, number(upper)?),
            None => (1, number(inside)?),
        };
        if upper < lower {
            let message = "upper bound cannot be less than lower bound";
            return Err(Error::new(SqlState::ARRAY_SUBSCRIPT_ERROR, message));
        }
        let length = i64::from(upper) - i64::from(lower) + 1;
        // No text holds so many elements.
        bounds.push((i32::try_from(length).map_err(|_| malformed())?, lower));
        rest = skipped(after);
    }
    if bounds.is_empty() {
        return Ok((bounds, rest));
    }
    Ok((bounds, rest.strip_prefix('=').ok_or_else(malformed)?))
}

fn number(text: &str) -> Result<i32, Error> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(malformed());
    }
    text.parse().map_err(|_| Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "array bound is out of integer range"))
}

struct Parser<'t, 's> {
    rest: &'t str,
    element: Type,
    settings: &'s Settings,
    /// The elements as they are stored.
    body: Vec<u8>,
    /// How many items stand in the braces of each level.
    lengths: [Option<u32>; MOST_DIMENSIONS],
    /// Whether they are braces themselves.
    nested: [Option<bool>; MOST_DIMENSIONS],
    /// Why the first element that is no value of its type is none.
    unread: Option<Error>,
}

impl Parser<'_, '_> {
    /// What stands behind an opening brace, up to the closing one.
    fn level(&mut self, depth: usize) -> Result<(), Error> {
        let mut count = 0_u32;
        self.rest = skipped(self.rest);
        if let Some(after) = self.rest.strip_prefix('}') {
            self.rest = after;
            // Only the whole array can be empty.
            return if depth == 0 { Ok(()) } else { Err(malformed()) };
        }
        loop {
            self.rest = skipped(self.rest);
            let inner = opened(self.rest);
            let nested = self.nested.get_mut(depth).ok_or_else(too_deep)?;
            if *nested.get_or_insert(inner.is_some()) != inner.is_some() {
                // Within one pair of braces it is malformed to every version.
                return Err(if depth > 0 && count == 0 { uneven() } else { malformed() });
            }
            match inner {
                Some(inner) => {
                    self.rest = inner;
                    self.level(depth + 1)?;
                }
                None => self.item()?,
            }
            count += 1;
            self.rest = skipped(self.rest);
            match self.rest.split_at_checked(1) {
                Some((",", after)) => self.rest = after,
                Some(("}", after)) => {
                    self.rest = after;
                    return self.is_as_long(depth, count);
                }
                _ => return Err(malformed()),
            }
        }
    }

    /// Arrays of one level have one length.
    fn is_as_long(&mut self, depth: usize, count: u32) -> Result<(), Error> {
        let length = self.lengths.get_mut(depth).ok_or_else(too_deep)?;
        if *length.get_or_insert(count) == count { Ok(()) } else { Err(malformed()) }
    }

    fn item(&mut self) -> Result<(), Error> {
        let (item, after) = match self.rest.strip_prefix('"') {
            Some(quoted) => unquoted(quoted)?,
            None => plain(self.rest)?,
        };
        self.rest = after;
        match item {
            Some(text) if self.unread.is_none() => {
                let codec = &self.element.facts().codec;
                let value = (codec.parse)(&self.element, &text, self.settings);
                // A name is cut without a modifier too.
                match value.and_then(|value| (codec.limit)(value, &self.element.unmodified())) {
                    Ok(value) => put(&value, &self.element, &mut self.body),
                    Err(error) => self.unread = Some(error),
                }
            }
            Some(_) => {}
            None => put_null(&mut self.body),
        }
        Ok(())
    }
}

/// An item, `None` for NULL, and what follows it.
type Item<'t> = (Option<Cow<'t, str>>, &'t str);

/// Of the text behind a quote, what stands before the next one.
fn unquoted(text: &str) -> Result<Item<'_>, Error> {
    let end = text.find(['"', '\\']).ok_or_else(malformed)?;
    let (first, rest) = text.split_at_checked(end).ok_or_else(malformed)?;
    if let Some(after) = rest.strip_prefix('"') {
        return Ok((Some(Cow::Borrowed(first)), after));
    }
    let mut item = String::with_capacity(text.len().min(2 * first.len() + 16));
    item.push_str(first);
    let mut characters = rest.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => return Ok((Some(Cow::Owned(item)), characters.as_str())),
            '\\' => item.push(characters.next().ok_or_else(malformed)?),
            character => item.push(character),
        }
    }
    Err(malformed())
}

/// An item without quotes, up to a comma or brace. Blanks at its end belong to it only where they are escaped.
fn plain(text: &str) -> Result<Item<'_>, Error> {
    let end = text.find([',', '}', '{', '"', '\\']).ok_or_else(malformed)?;
    let (first, rest) = text.split_at_checked(end).ok_or_else(malformed)?;
    if rest.starts_with(['{', '"']) {
        return Err(malformed());
    }
    if !rest.starts_with('\\') {
        return match first.trim_end_matches(is_blank) {
            "" => Err(malformed()),
            null if null.eq_ignore_ascii_case("null") => Ok((None, rest)),
            item => Ok((Some(Cow::Borrowed(item)), rest)),
        };
    }
    let mut item = first.to_owned();
    let mut keep = 0;
    let mut characters = rest.chars();
    loop {
        let here = characters.as_str();
        match characters.next() {
            Some(',' | '}') => {
                let trimmed = item.trim_end_matches(is_blank).len();
                item.truncate(trimmed.max(keep));
                // One with a backslash is never NULL.
                return Ok((Some(Cow::Owned(item)), here));
            }
            Some('\\') => {
                item.push(characters.next().ok_or_else(malformed)?);
                keep = item.len();
            }
            Some('{' | '"') | None => return Err(malformed()),
            Some(character) => item.push(character),
        }
    }
}

/// What stands behind an opening brace.
fn opened(text: &str) -> Option<&str> {
    text.strip_prefix('{')
}

fn skipped(text: &str) -> &str {
    text.trim_start_matches(is_blank)
}

/// `array_isspace`
fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\r' | '\u{b}' | '\u{c}')
}

fn malformed() -> Error {
    Error::new(SqlState::INVALID_TEXT_REPRESENTATION, "malformed array literal")
}

/// Of braces beside each other of which some hold items and some further braces.
fn uneven() -> Error {
    let message = "sub-arrays of different depth: PostgreSQL before 17 adds or drops elements here, 17 has an error";
    Error::new(SqlState::FEATURE_NOT_SUPPORTED, message)
}

/// Appends the text of an array.
pub(super) fn render(array: &Array<'_>, settings: &Settings, out: &mut Vec<u8>) -> Result<(), Error> {
    let shape: Vec<(i32, i32)> = array.dimensions().collect();
    if shape.is_empty() {
        out.extend_from_slice(b"{}");
        return Ok(());
    }
    if shape.iter().any(|(_, lower)| *lower != 1) {
        for (length, lower) in &shape {
            let upper = i64::from(*lower) + i64::from(*length) - 1;
            out.extend_from_slice(format!("[{lower}:{upper}]").as_bytes());
        }
        out.push(b'=');
    }
    // How many elements the arrays of each level hold, from the outermost.
    let size = |(level, _)| shape.iter().skip(level).map(|(length, _)| usize::try_from(*length).unwrap_or(0)).product();
    let sizes: Vec<usize> = shape.iter().enumerate().map(size).collect();
    let ty = array.element_type();
    let mut text = Vec::new();
    for (at, value) in array.elements().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        out.extend(sizes.iter().filter(|size| at.is_multiple_of(**size)).map(|_| b'{'));
        match value? {
            None => out.extend_from_slice(b"NULL"),
            Some(value) => {
                text.clear();
                value.render_text(&ty, settings, &mut text)?;
                push(&text, out);
            }
        }
        out.extend(sizes.iter().filter(|size| (at + 1).is_multiple_of(**size)).map(|_| b'}'));
    }
    Ok(())
}

/// Appends one element, in quotes where `array_in` would take it for something else.
fn push(text: &[u8], out: &mut Vec<u8>) {
    let special = |byte: &u8| matches!(byte, b'"' | b'\\' | b'{' | b'}' | b',') || is_blank(char::from(*byte));
    if !text.is_empty() && !text.eq_ignore_ascii_case(b"null") && !text.iter().any(special) {
        out.extend_from_slice(text);
        return;
    }
    out.push(b'"');
    for byte in text {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(*byte);
    }
    out.push(b'"');
}
