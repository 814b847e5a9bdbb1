//! The two wire forms of a one-dimensional array (array_in, array_recv in arrayfuncs.c), and uuid\[\] in binary.

use std::borrow::Cow;

use super::Error;
use crate::error::SqlState;
use crate::framing::{Malformed, Reader};
use crate::sql::Refusal;
use crate::value::{self, Type};

/// The elements' own bytes, in the format of the array; `None` is NULL.
pub(super) type Elements<'a> = Vec<Element<'a>>;

/// One of them.
type Element<'a> = Option<Cow<'a, [u8]>>;

/// `pg_type.oid` of uuid.
const UUID: u32 = 2950;

/// Reads the text form: `{a,"b c",NULL}`.
pub(super) fn from_text(text: &[u8]) -> Result<Elements<'_>, Error> {
    let text = text.trim_ascii();
    if text.first() == Some(&b'[') {
        return Err(refused("an array with bounds of its own"));
    }
    let inner = text.strip_prefix(b"{").ok_or_else(malformed)?;
    let mut elements = Vec::new();
    let mut rest = inner.trim_ascii_start();
    if let Some(after) = rest.strip_prefix(b"}") {
        return if after.is_empty() { Ok(elements) } else { Err(malformed()) };
    }
    loop {
        let (element, after) = element(rest)?;
        elements.push(element);
        match after.split_first() {
            Some((b',', next)) => rest = next.trim_ascii_start(),
            Some((b'}', [])) => return Ok(elements),
            _ => return Err(malformed()),
        }
    }
}

/// One element and what follows it, which begins with `,` or `}` if it is well-formed.
fn element(text: &[u8]) -> Result<(Element<'_>, &[u8]), Error> {
    match text.first() {
        Some(b'{') => Err(refused("an array of more than one dimension")),
        Some(b'"') => {
            let mut value = Vec::new();
            let mut bytes = text.iter().enumerate().skip(1);
            while let Some((at, &byte)) = bytes.next() {
                match byte {
                    b'"' => {
                        let after = text.get(at + 1..).unwrap_or_default().trim_ascii_start();
                        return Ok((Some(Cow::Owned(value)), after));
                    }
                    b'\\' => value.push(*bytes.next().ok_or_else(malformed)?.1),
                    _ => value.push(byte),
                }
            }
            Err(malformed())
        }
        _ => unquoted(text),
    }
}

fn unquoted(text: &[u8]) -> Result<(Element<'_>, &[u8]), Error> {
    let mut escaped = false;
    let mut end = 0;
    while let Some(&byte) = text.get(end) {
        match byte {
            b',' | b'}' => break,
            b'"' | b'{' => return Err(malformed()),
            b'\\' => {
                escaped = true;
                end += 2;
            }
            _ => end += 1,
        }
    }
    let (raw, after) = text.split_at_checked(end).ok_or_else(malformed)?;
    if escaped {
        return Ok((Some(Cow::Owned(unescape(raw))), after));
    }
    match raw.trim_ascii_end() {
        [] => Err(malformed()),
        null if null.eq_ignore_ascii_case(b"null") => Ok((None, after)),
        raw => Ok((Some(Cow::Borrowed(raw)), after)),
    }
}

/// Takes the backslashes away, and the blanks at the end that are not escaped.
fn unescape(raw: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(raw.len());
    let mut keep = 0;
    let mut bytes = raw.iter();
    while let Some(&byte) = bytes.next() {
        match byte {
            b'\\' => {
                value.extend(bytes.next());
                keep = value.len();
            }
            _ => {
                value.push(byte);
                if !byte.is_ascii_whitespace() {
                    keep = value.len();
                }
            }
        }
    }
    value.truncate(keep);
    value
}

/// Reads the binary form of an array of `ty`.
pub(super) fn from_binary<'a>(bytes: &'a [u8], ty: &Type) -> Result<Elements<'a>, Error> {
    let mut reader = Reader::new(bytes);
    let dimensions = reader.u32().map_err(binary)?;
    let flags = reader.u32().map_err(binary)?;
    let oid = reader.u32().map_err(binary)?;
    if flags > 1 {
        return Err(invalid(SqlState::INVALID_BINARY_REPRESENTATION, "invalid array flags"));
    }
    if oid != ty.oid() {
        return Err(invalid(SqlState::DATATYPE_MISMATCH, "wrong element type in array parameter"));
    }
    match dimensions {
        0 => {
            reader.finish().map_err(binary)?;
            return Ok(Vec::new());
        }
        1 => {}
        _ => return Err(refused("an array of more than one dimension")),
    }
    let count = reader.u32().map_err(binary)?;
    let _lower_bound = reader.u32().map_err(binary)?;
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    if count.saturating_mul(4) > reader.len() {
        return Err(binary(Malformed("it ends too early")));
    }
    let mut elements = Vec::with_capacity(count);
    for _ in 0..count {
        elements.push(match reader.i32().map_err(binary)? {
            -1 => None,
            length => {
                let length = usize::try_from(length).map_err(|_| binary(Malformed("a negative length")))?;
                Some(Cow::Borrowed(reader.take(length).map_err(binary)?))
            }
        });
    }
    reader.finish().map_err(binary)?;
    Ok(elements)
}

/// uuid\[\] in binary.
pub(super) fn of_uuids(tags: &[Option<[u8; 16]>]) -> Vec<u8> {
    let mut out = Vec::with_capacity(20 + tags.len() * 20);
    let dimensions: u32 = if tags.is_empty() { 0 } else { 1 };
    out.extend_from_slice(&dimensions.to_be_bytes());
    out.extend_from_slice(&u32::from(tags.iter().any(Option::is_none)).to_be_bytes());
    out.extend_from_slice(&UUID.to_be_bytes());
    if !tags.is_empty() {
        out.extend_from_slice(&u32::try_from(tags.len()).unwrap_or(u32::MAX).to_be_bytes());
        out.extend_from_slice(&1_u32.to_be_bytes());
    }
    for tag in tags {
        match tag {
            None => out.extend_from_slice(&(-1_i32).to_be_bytes()),
            Some(tag) => {
                out.extend_from_slice(&16_i32.to_be_bytes());
                out.extend_from_slice(tag);
            }
        }
    }
    out
}

fn malformed() -> Error {
    invalid(SqlState::INVALID_TEXT_REPRESENTATION, "malformed array literal")
}

fn binary(_: Malformed) -> Error {
    invalid(SqlState::INVALID_BINARY_REPRESENTATION, "insufficient data left in message")
}

fn invalid(sqlstate: SqlState, message: &'static str) -> Error {
    Error::Value(value::Error { sqlstate, message: message.into() })
}

fn refused(what: &str) -> Error {
    Error::Refused(Refusal::new(format!("{what} cannot be compared with a sealed column")).hint("pass a plain list"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(array: &str) -> Option<Vec<Option<String>>> {
        let elements = from_text(array.as_bytes()).ok()?;
        Some(elements.into_iter().map(|e| e.map(|e| String::from_utf8(e.into_owned()).unwrap())).collect())
    }

    fn some(items: &[&str]) -> Option<Vec<Option<String>>> {
        Some(items.iter().map(|&item| (item != "<null>").then(|| item.to_owned())).collect())
    }

    #[test]
    fn text_arrays_are_read_as_postgresql_reads_them() {
        assert_eq!(texts("{}"), some(&[]));
        assert_eq!(texts(" { } "), some(&[]));
        assert_eq!(texts("{a, b c ,NULL,null,\"NULL\"}"), some(&["a", "b c", "<null>", "<null>", "NULL"]));
        assert_eq!(texts(r#"{"a,b","say \"hi\"","back\\slash",""}"#), some(&["a,b", "say \"hi\"", "back\\slash", ""]));
        assert_eq!(texts(r"{a\,b,c\ ,\N\U\L\L}"), some(&["a,b", "c ", "NULL"]));
        assert_eq!(texts("{\"ä\" ,ö}"), some(&["ä", "ö"]));
    }

    #[test]
    fn what_is_no_one_dimensional_array_is_refused() {
        for bad in ["", "a", "{", "{a", "{a,}", "{,a}", "{a}b", "{\"a}", "{\"a\"b}", "{a\"b\"}", "{a\\", "{}}"] {
            let error = from_text(bad.as_bytes()).unwrap_err();
            assert!(matches!(&error, Error::Value(e) if e.sqlstate == SqlState::INVALID_TEXT_REPRESENTATION), "{bad}");
        }
        for many in ["{{a},{b}}", "[0:1]={a,b}"] {
            assert!(matches!(from_text(many.as_bytes()), Err(Error::Refused(_))), "{many}");
        }
    }

    #[test]
    fn a_list_of_tags_has_the_layout_of_array_send() {
        assert_eq!(of_uuids(&[]), [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x0b, 0x86]);
        let one = of_uuids(&[Some([7; 16]), None]);
        assert_eq!(one.get(..20).unwrap(), [0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0x0b, 0x86, 0, 0, 0, 2, 0, 0, 0, 1]);
        assert_eq!(one.get(20..24).unwrap(), [0, 0, 0, 16]);
        assert_eq!(one.get(40..).unwrap(), [0xff; 4]);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_readers_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = from_text(&bytes);
        }

        #[test]
        fn quoted_text_elements_come_back(items in proptest::collection::vec(".*", 0..6)) {
            let quoted: Vec<String> = items
                .iter()
                .map(|item| format!("\"{}\"", item.replace('\\', "\\\\").replace('"', "\\\"")))
                .collect();
            let array = format!("{{{}}}", quoted.join(","));
            prop_assert_eq!(texts(&array), Some(items.into_iter().map(Some).collect()));
        }
    }
}
