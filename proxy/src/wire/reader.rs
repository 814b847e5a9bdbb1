//! The fields of the messages that must be understood, read from exactly their frame.
//!
//! Every function takes the body of one frame, without type and length, and borrows from it. Nothing is read past it,
//! nothing may be left over, and a count is compared with the bytes that are there before anything is allocated.
//! Texts stay bytes until someone proves that they are UTF-8. Layouts: PostgreSQL 18 manual, chapter 54.7.

use pgseal::framing::{Malformed, Reader};
use pgseal::value::Format;

/// Parse ('P'): a statement to prepare.
#[derive(Clone, PartialEq, Eq)]
pub struct Parse<'a> {
    /// Name of the prepared statement; empty for the unnamed one.
    pub statement: &'a [u8],
    /// The statement's text.
    pub text: &'a [u8],
    /// Declared parameter types by OID, 0 = not said; may be fewer than the parameters.
    pub types: Vec<u32>,
}

/// Bind ('B'): a portal over a prepared statement.
#[derive(Clone, PartialEq, Eq)]
pub struct Bind<'a> {
    /// Name of the portal; empty for the unnamed one.
    pub portal: &'a [u8],
    /// Name of the prepared statement.
    pub statement: &'a [u8],
    /// Format codes of the parameters as they came: none (all text), one (for all) or one each.
    pub formats: Vec<i16>,
    /// The parameters; `None` is NULL.
    pub values: Vec<Option<&'a [u8]>>,
    /// Format codes of the result columns likewise.
    pub results: Vec<i16>,
}

/// Whether a Describe or Close means a prepared statement or a portal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// 'S'
    Statement,
    /// 'P'
    Portal,
}

/// One column of a RowDescription ('T').
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// Column name.
    pub name: &'a [u8],
    /// `pg_class.oid` of its table, 0 if it is no table's column.
    pub table_oid: u32,
    /// `pg_attribute.attnum`, 0 likewise.
    pub attnum: i16,
    /// `pg_type.oid`
    pub type_oid: u32,
    /// `pg_type.typlen`
    pub typlen: i16,
    /// `pg_attribute.atttypmod`
    pub typmod: i32,
    /// Format; text in the answer to a Describe of a statement, which cannot know it.
    pub format: Format,
}

/// Fields of an ErrorResponse or NoticeResponse, in the server's order: code and text.
pub type Fields<'a> = Vec<(u8, &'a [u8])>;

/// What ReadyForQuery ('Z') says about the transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// 'I': outside a transaction block.
    Idle,
    /// 'T': in a block.
    InBlock,
    /// 'E': in a block that failed.
    Failed,
}

impl Status {
    /// The byte on the wire.
    pub const fn code(self) -> u8 {
        match self {
            Status::Idle => b'I',
            Status::InBlock => b'T',
            Status::Failed => b'E',
        }
    }
}

/// Reads a Parse.
pub fn parse(body: &[u8]) -> Result<Parse<'_>, Malformed> {
    let mut reader = Reader::new(body);
    let statement = reader.cstr()?;
    let text = reader.cstr()?;
    let types = list(&mut reader, 4, Reader::u32)?;
    reader.finish()?;
    Ok(Parse { statement, text, types })
}

/// Reads a Bind.
pub fn bind(body: &[u8]) -> Result<Bind<'_>, Malformed> {
    let mut reader = Reader::new(body);
    let portal = reader.cstr()?;
    let statement = reader.cstr()?;
    let formats = list(&mut reader, 2, Reader::i16)?;
    let values = list(&mut reader, 4, value)?;
    let results = list(&mut reader, 2, Reader::i16)?;
    reader.finish()?;
    Ok(Bind { portal, statement, formats, values, results })
}

/// Reads a Describe: what is meant, and its name.
pub fn describe(body: &[u8]) -> Result<(Target, &[u8]), Malformed> {
    let mut reader = Reader::new(body);
    let target = match reader.u8()? {
        b'S' => Target::Statement,
        b'P' => Target::Portal,
        _ => return Err(Malformed("neither a statement nor a portal is meant")),
    };
    let name = reader.cstr()?;
    reader.finish()?;
    Ok((target, name))
}

/// Reads a Close: what is meant, and its name.
pub fn close(body: &[u8]) -> Result<(Target, &[u8]), Malformed> {
    describe(body)
}

/// Reads an Execute: the portal and the greatest number of rows, 0 or less for all.
pub fn execute(body: &[u8]) -> Result<(&[u8], i32), Malformed> {
    let mut reader = Reader::new(body);
    let portal = reader.cstr()?;
    let limit = reader.i32()?;
    reader.finish()?;
    Ok((portal, limit))
}

/// Reads a Query: its text.
pub fn query(body: &[u8]) -> Result<&[u8], Malformed> {
    let mut reader = Reader::new(body);
    let text = reader.cstr()?;
    reader.finish()?;
    Ok(text)
}

/// Reads a RowDescription.
pub fn row_description(body: &[u8]) -> Result<Vec<Field<'_>>, Malformed> {
    let mut reader = Reader::new(body);
    let fields = list(&mut reader, 19, |reader| {
        Ok(Field {
            name: reader.cstr()?,
            table_oid: reader.u32()?,
            attnum: reader.i16()?,
            type_oid: reader.u32()?,
            typlen: reader.i16()?,
            typmod: reader.i32()?,
            format: format(reader)?,
        })
    })?;
    reader.finish()?;
    Ok(fields)
}

/// Reads a DataRow.
pub fn data_row(body: &[u8]) -> Result<Vec<Option<&[u8]>>, Malformed> {
    let mut reader = Reader::new(body);
    let row = list(&mut reader, 4, value)?;
    reader.finish()?;
    Ok(row)
}

/// Reads a ParameterDescription: one type OID a parameter.
pub fn parameter_description(body: &[u8]) -> Result<Vec<u32>, Malformed> {
    let mut reader = Reader::new(body);
    let types = list(&mut reader, 4, Reader::u32)?;
    reader.finish()?;
    Ok(types)
}

/// Reads a CommandComplete: its tag (`UPDATE 3`).
pub fn command_complete(body: &[u8]) -> Result<&[u8], Malformed> {
    query(body)
}

/// The number of rows that a command tag reports; `None` for a tag without one.
pub fn affected(tag: &[u8]) -> Option<u64> {
    std::str::from_utf8(tag).ok()?.rsplit(' ').next()?.parse().ok()
}

/// Reads an ErrorResponse or a NoticeResponse.
pub fn fields(body: &[u8]) -> Result<Fields<'_>, Malformed> {
    let mut reader = Reader::new(body);
    let mut fields = Vec::new();
    loop {
        match reader.u8()? {
            0 => break,
            code => fields.push((code, reader.cstr()?)),
        }
    }
    reader.finish()?;
    Ok(fields)
}

/// Reads a ParameterStatus: name and value.
pub fn parameter_status(body: &[u8]) -> Result<(&[u8], &[u8]), Malformed> {
    let mut reader = Reader::new(body);
    let name = reader.cstr()?;
    let value = reader.cstr()?;
    reader.finish()?;
    Ok((name, value))
}

/// Reads a ReadyForQuery.
pub fn ready_for_query(body: &[u8]) -> Result<Status, Malformed> {
    match body {
        b"I" => Ok(Status::Idle),
        b"T" => Ok(Status::InBlock),
        b"E" => Ok(Status::Failed),
        _ => Err(Malformed("an unknown transaction status")),
    }
}

/// Reads a BackendKeyData: process id and secret (4 bytes; 4 to 256 from protocol 3.2 on).
pub fn backend_key_data(body: &[u8]) -> Result<(u32, &[u8]), Malformed> {
    let mut reader = Reader::new(body);
    let process = reader.u32()?;
    let secret = reader.rest();
    if !(4..=256).contains(&secret.len()) {
        return Err(Malformed("a cancel key of impossible length"));
    }
    Ok((process, secret))
}

/// `u16 count`, then as many items of at least `least` bytes each.
fn list<'a, T>(
    reader: &mut Reader<'a>,
    least: usize,
    mut item: impl FnMut(&mut Reader<'a>) -> Result<T, Malformed>,
) -> Result<Vec<T>, Malformed> {
    let count = usize::from(reader.u16()?);
    if count.saturating_mul(least) > reader.len() {
        return Err(Malformed("it ends too early"));
    }
    let mut items = Vec::with_capacity(count);
    for _ in 0..count {
        items.push(item(reader)?);
    }
    Ok(items)
}

fn format(reader: &mut Reader<'_>) -> Result<Format, Malformed> {
    match reader.u16()? {
        0 => Ok(Format::Text),
        1 => Ok(Format::Binary),
        _ => Err(Malformed("an unknown format code")),
    }
}

/// `i32 length ‖ bytes`, -1 for NULL.
fn value<'a>(reader: &mut Reader<'a>) -> Result<Option<&'a [u8]>, Malformed> {
    match reader.i32()? {
        -1 => Ok(None),
        length => {
            let length = usize::try_from(length).map_err(|_| Malformed("a negative length"))?;
            reader.take(length).map(Some)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Every decoder of this file.
    fn decode_all(body: &[u8]) {
        let _ = parse(body);
        let _ = bind(body);
        let _ = describe(body);
        let _ = close(body);
        let _ = execute(body);
        let _ = query(body);
        let _ = row_description(body);
        let _ = data_row(body);
        let _ = parameter_description(body);
        let _ = command_complete(body);
        let _ = affected(body);
        let _ = fields(body);
        let _ = parameter_status(body);
        let _ = ready_for_query(body);
        let _ = backend_key_data(body);
    }

    #[test]
    fn a_bind_is_read_with_its_nulls_and_formats() {
        let body = b"p\0s\0\x00\x01\x00\x01\x00\x02\x00\x00\x00\x02ab\xff\xff\xff\xff\x00\x00";
        let bind = bind(body).unwrap();
        assert_eq!((bind.portal, bind.statement), (&b"p"[..], &b"s"[..]));
        assert_eq!(bind.formats, [1]);
        assert_eq!(bind.values, [Some(&b"ab"[..]), None]);
        assert!(bind.results.is_empty());
    }

    #[test]
    fn a_frame_that_ends_early_or_goes_on_is_malformed() {
        let body = b"p\0s\0\x00\x01\x00\x01\x00\x02\x00\x00\x00\x02ab\xff\xff\xff\xff\x00\x01\x00\x00";
        for end in 0..body.len() {
            assert!(bind(body.get(..end).unwrap()).is_err(), "cut at {end}");
        }
        assert!(bind(&[&body[..], b"x"].concat()).is_err());
        assert!(query(b"SELECT 1").is_err());
        assert!(query(b"SELECT 1\0SELECT 2\0").is_err());
    }

    #[test]
    fn a_count_without_its_bytes_allocates_nothing() {
        assert_eq!(data_row(b"\xff\xff"), Err(Malformed("it ends too early")));
        assert_eq!(parameter_description(b"\xff\xff\0\0"), Err(Malformed("it ends too early")));
    }

    #[test]
    fn negative_lengths_and_unknown_formats_are_malformed() {
        assert!(data_row(b"\x00\x01\xff\xff\xff\xfe").is_err());
        let field = |format: u8| [&b"\x00\x01a\0"[..], &[0; 16], &[0, format]].concat();
        assert!(row_description(&field(1)).is_ok() && row_description(&field(2)).is_err());
        // What PostgreSQL says of a Bind's is said in `frames::bind`.
        assert_eq!(bind(b"\0\0\x00\x01\x00\x02\x00\x00\x00\x00").unwrap().formats, [2]);
    }

    #[test]
    fn text_need_not_be_utf_8() {
        assert_eq!(query(b"SELECT '\xe4'\0").unwrap(), b"SELECT '\xe4'");
    }

    #[test]
    fn a_tag_says_how_many_rows_it_counts() {
        assert_eq!(affected(b"UPDATE 3"), Some(3));
        assert_eq!(affected(b"INSERT 0 12"), Some(12));
        assert_eq!(affected(b"BEGIN"), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_decoder_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            decode_all(&body);
        }

        #[test]
        fn bytes_that_look_almost_right_make_no_decoder_panic(
            body in proptest::collection::vec(prop_oneof![Just(0_u8), Just(1), Just(255), Just(b'S'), any::<u8>()], 0..60)
        ) {
            decode_all(&body);
        }
    }
}
