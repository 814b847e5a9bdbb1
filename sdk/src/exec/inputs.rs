//! From client parameters and literals to physical parameters, or to the literals of a simple query.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::positions::{Positions, Traced};
use super::resolve::{Compared, Sources};
use super::write::Written;
use super::{Error, array};
use crate::crypto::random;
use crate::encoding::ClientEncoding;
use crate::error::SqlState;
use crate::framing::put_u32_part;
use crate::keys::KeySource;
use crate::schema::{ColumnId, Table};
use crate::seal::{self, row};
use crate::sql::{Input, Origin, PhysicalType, Piece, Plan, Recipe, Refusal, Slot, Template, Verb};
use crate::value::{Format, Settings, Type, Value};

/// The client's parameters of one Bind.
#[derive(Clone, Copy)]
pub struct Params<'a> {
    /// By number from 0; `None` is NULL.
    pub values: &'a [Option<&'a [u8]>],
    /// One per value (the caller expands the 0/1/n rule of Bind).
    pub formats: &'a [Format],
    /// Under which client_encoding they were bound.
    pub encoding: ClientEncoding,
}

impl Params<'_> {
    /// A simple query has none.
    pub const NONE: Params<'static> = Params { values: &[], formats: &[], encoding: ClientEncoding::UTF8 };
}

/// One physical parameter of a Bind.
#[derive(Clone, PartialEq, Eq)]
pub enum Physical {
    /// The client's parameter of this number, in its own format.
    Pass(usize),
    /// Ours: bytes in this format, or NULL.
    Owned(Format, Option<Vec<u8>>),
}

/// What plan and parameters make together: one entry a slot of `template`. `fetched` are the values of the fetch
/// step, in binary. Call it once per execution: every call draws fresh nonces.
///
/// # Errors
/// What PostgreSQL says about a value that it would not take; a missing key ([`keys::Error::UnknownVersion`] and
/// [`keys::Error::Missing`] may be loaded, and the call repeated: nothing was sent).
///
/// [`keys::Error::UnknownVersion`]: crate::keys::Error::UnknownVersion
/// [`keys::Error::Missing`]: crate::keys::Error::Missing
pub fn bind(
    plan: &Plan,
    template: &Template,
    params: Params<'_>,
    fetched: &[Option<Vec<u8>>],
    keys: &dyn KeySource,
    settings: &Settings,
) -> Result<Vec<Physical>, Error> {
    fits(template)?;
    let mut filler = Filler::new(plan, template, Sources { params, fetched, settings }, keys);
    let owned = |bytes: Option<Vec<u8>>| Physical::Owned(Format::Binary, bytes);
    template
        .slots
        .iter()
        .map(|slot| {
            Ok(match filler.fill(&slot.recipe)? {
                Filled::Pass(index) => Physical::Pass(index),
                Filled::Bytes(bytes) => owned(bytes.map(<[u8]>::to_vec)),
                Filled::Stored(row, column) => owned(in_full(|out| row.stored(column, out))?),
                Filled::Tag(tag) => owned(tag.map(Vec::from)),
                Filled::Tags(tags) => owned(tags.map(|tags| array::of_uuids(&tags))),
                Filled::Clear(row, column) => {
                    owned(in_full(|out| row.rendered(column, Format::Binary, settings, out))?)
                }
            })
        })
        .collect()
}

/// As [`bind`], of the statement that the client executes, written where it goes: appends format codes and values, each
/// behind their count, as a Bind message has them. On an error `out` is as it was.
///
/// # Errors
/// Those of [`bind`].
pub fn put(
    plan: &Plan,
    params: Params<'_>,
    keys: &dyn KeySource,
    settings: &Settings,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    let start = out.len();
    let result = put_all(plan, params, keys, settings, out);
    if result.is_err() {
        out.truncate(start);
    }
    result
}

fn put_all(
    plan: &Plan,
    params: Params<'_>,
    keys: &dyn KeySource,
    settings: &Settings,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    let template = &plan.template;
    fits(template)?;
    // `fits` has looked.
    let count = u16::try_from(template.slots.len()).unwrap_or(u16::MAX).to_be_bytes();
    out.extend_from_slice(&count);
    for slot in &template.slots {
        let format = match slot.recipe {
            Recipe::Pass(index) => params.formats.get(index).copied().unwrap_or_default(),
            Recipe::Clear { .. }
            | Recipe::Cell { .. }
            | Recipe::RowTag { .. }
            | Recipe::Signature { .. }
            | Recipe::Signed { .. }
            | Recipe::Tag { .. }
            | Recipe::Tags { .. } => Format::Binary,
        };
        out.extend_from_slice(&format.code().to_be_bytes());
    }
    out.extend_from_slice(&count);
    let mut filler = Filler::new(plan, template, Sources { params, fetched: &[], settings }, keys);
    for slot in &template.slots {
        match filler.fill(&slot.recipe)? {
            Filled::Pass(index) => put_value(params.values.get(index).copied().flatten(), out),
            Filled::Bytes(bytes) => put_value(bytes, out),
            Filled::Stored(row, column) => put_sized(out, |out| row.stored(column, out))?,
            Filled::Tag(tag) => put_value(tag.as_ref().map(<[u8; 16]>::as_slice), out),
            Filled::Tags(tags) => put_value(tags.map(|tags| array::of_uuids(&tags)).as_deref(), out),
            Filled::Clear(row, column) => {
                put_sized(out, |out| row.rendered(column, Format::Binary, settings, out))?;
            }
        }
    }
    Ok(())
}

/// `i32 length ‖ bytes`, -1 for NULL.
pub(super) fn put_value(value: Option<&[u8]>, out: &mut Vec<u8>) {
    match value {
        None => out.extend_from_slice(&(-1_i32).to_be_bytes()),
        Some(bytes) => put_u32_part(out, bytes),
    }
}

/// The same of what `write` appends; it gives `false` for NULL.
pub(super) fn put_sized(
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<bool, Error>,
) -> Result<(), Error> {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    let length = match write(out)? {
        true => i32::try_from(out.len() - start - 4).map_err(|_| Error::Protocol("a value is too long"))?,
        false => -1,
    };
    if let Some(prefix) = out.get_mut(start..start + 4) {
        prefix.copy_from_slice(&length.to_be_bytes());
    }
    Ok(())
}

/// What `write` appends; it gives `false` for NULL.
fn in_full(write: impl FnOnce(&mut Vec<u8>) -> Result<bool, Error>) -> Result<Option<Vec<u8>>, Error> {
    let mut out = Vec::new();
    Ok(write(&mut out)?.then_some(out))
}

/// Whether a Bind can carry the physical parameters: at most 65,535, and a row takes more of them than the client's.
///
/// # Errors
/// 54000.
pub fn fits(template: &Template) -> Result<(), Error> {
    if template.slots.len() <= usize::from(u16::MAX) {
        return Ok(());
    }
    let message = "this statement would need more than 65535 parameters to be sent with its cells, tags and signatures";
    Err(Error::Refused(
        Refusal::error(SqlState::PROGRAM_LIMIT_EXCEEDED, message).hint("send fewer rows in one statement"),
    ))
}

/// Appends the physical text of a simple query: slots become literals (hex for cells and tags), which hold nothing that
/// a quote could end (SQL-2); only values of columns that are not sealed are quoted text.
pub fn splice(
    plan: &Plan,
    template: &Template,
    keys: &dyn KeySource,
    settings: &Settings,
    out: &mut Traced,
) -> Result<(), Error> {
    let sources = Sources { params: Params::NONE, fetched: &[], settings };
    let mut filler = Filler::new(plan, template, sources, keys);
    // Literals are made in the session-independent rendering: ISO dates, UTC, hex, which every session reads alike.
    let canonical = Settings::default();
    let literals = template
        .slots
        .iter()
        .map(|slot| match filler.fill(&slot.recipe)? {
            Filled::Pass(_) => Err(Error::Protocol("a simple query has no parameters")),
            Filled::Bytes(bytes) => Ok(bytea_literal(bytes)),
            Filled::Stored(row, column) => Ok(bytea_literal(in_full(|out| row.stored(column, out))?.as_deref())),
            Filled::Tag(tag) => Ok(uuid_literal(tag)),
            Filled::Tags(tags) => Ok(uuids_literal(tags.as_deref())),
            Filled::Clear(row, column) => {
                let text = in_full(|out| row.rendered(column, Format::Text, &canonical, out))?;
                logical_literal(text.as_deref(), slot)
            }
        })
        .collect::<Result<Vec<String>, Error>>()?;
    join(template, |slot| Cow::Borrowed(literals.get(slot).map_or("", String::as_str)), out);
    Ok(())
}

/// The physical text of a Parse, with `$n`, and the type OID of each physical parameter (0 = the server infers it).
/// `declared` are the client's OIDs.
pub fn parse_text(template: &Template, declared: &[u32]) -> (String, Vec<u32>) {
    let types = template
        .slots
        .iter()
        .map(|slot| match (slot.ty, &slot.recipe) {
            (PhysicalType::Client, Recipe::Pass(index)) => declared.get(*index).copied().unwrap_or(0),
            (PhysicalType::Client, _) => 0,
            (PhysicalType::Bytea, _) => 17,
            (PhysicalType::Uuid, _) => 2950,
            (PhysicalType::UuidArray, _) => 2951,
            (PhysicalType::Logical(ty), _) => ty.oid(),
        })
        .collect();
    let mut out = Traced::default();
    numbered(template, &mut out);
    (out.text, types)
}

/// Appends a text in which nothing is filled in.
pub fn trace(template: &Template, out: &mut Traced) {
    numbered(template, out);
}

/// Appends the text of a Parse.
pub(super) fn numbered(template: &Template, out: &mut Traced) {
    join(template, |slot| Cow::Owned(format!("${}", slot + 1)), out);
}

/// Where the characters of a Parse's text come from.
pub fn positions(template: &Template) -> Positions {
    traced(template).positions
}

/// The text of a Parse, and where its characters come from.
pub fn traced(template: &Template) -> Traced {
    let mut out = Traced::default();
    numbered(template, &mut out);
    out
}

/// What a recipe gives, before it becomes a parameter or a literal.
enum Filled<'f> {
    /// The client's parameter.
    Pass(usize),
    /// bytea, or NULL.
    Bytes(Option<&'f [u8]>),
    /// S of a value in the clear, of a written row: bytea, or NULL.
    Stored(&'f Written<'f>, ColumnId),
    /// uuid, or NULL.
    Tag(Option<[u8; 16]>),
    /// uuid\[\], or NULL.
    Tags(Option<Vec<Option<[u8; 16]>>>),
    /// A value in the clear, of a written row.
    Clear(&'f Written<'f>, ColumnId),
}

/// Fills slots; each written row is sealed once, when its first slot comes.
struct Filler<'a> {
    plan: &'a Plan,
    sources: Sources<'a>,
    keys: &'a dyn KeySource,
    whole: bool,
    rows: Vec<Option<Written<'a>>>,
}

impl<'a> Filler<'a> {
    fn new(plan: &'a Plan, template: &Template, sources: Sources<'a>, keys: &'a dyn KeySource) -> Self {
        let signs = template.slots.iter().any(|slot| matches!(slot.recipe, Recipe::Signature { .. }));
        let whole = plan.verb == Verb::Insert || signs;
        Self { plan, sources, keys, whole, rows: plan.rows.iter().map(|_| None).collect() }
    }

    fn fill(&mut self, recipe: &Recipe) -> Result<Filled<'_>, Error> {
        Ok(match recipe {
            Recipe::Pass(index) => {
                self.sources.param(*index)?;
                Filled::Pass(*index)
            }
            Recipe::Clear { row, column } => Filled::Clear(self.row(*row)?, *column),
            Recipe::Cell { row, column } => Filled::Bytes(self.row(*row)?.cell(*column)?),
            Recipe::RowTag { row, beacon } => Filled::Tag(self.row(*row)?.tag(*beacon)?),
            Recipe::Signature { row } => Filled::Bytes(Some(self.row(*row)?.signature()?)),
            Recipe::Signed { row, column } => Filled::Stored(self.row(*row)?, *column),
            Recipe::Tag { table, beacon, input } => Filled::Tag(self.tag(table, *beacon, input)?),
            Recipe::Tags { table, beacon, input } => Filled::Tags(self.tags(table, *beacon, input)?),
        })
    }

    fn row(&mut self, index: usize) -> Result<&Written<'a>, Error> {
        const MISSING: Error = Error::Protocol("a slot of a row that the plan does not write");
        let place = self.rows.get_mut(index).ok_or(MISSING)?;
        if place.is_none() {
            let row = self.plan.rows.get(index).ok_or(MISSING)?;
            *place = Some(Written::new(row, self.whole, self.sources, self.keys)?);
        }
        place.as_ref().ok_or(MISSING)
    }

    fn tag(&self, table: &Table, beacon: usize, input: &Input) -> Result<Option<[u8; 16]>, Error> {
        let compared = self.sources.compared(input, &beacon_type(table, beacon)?)?;
        tag_of(compared, |value| row::exact_tag(table, self.keys, beacon, value))
    }

    fn tags(&self, table: &Table, beacon: usize, input: &Input) -> Result<Option<Vec<Option<[u8; 16]>>>, Error> {
        match self.sources.compared_elements(input, &beacon_type(table, beacon)?)? {
            None => Ok(None),
            Some(elements) => elements
                .into_iter()
                .map(|element| tag_of(element, |value| row::exact_tag(table, self.keys, beacon, value)))
                .collect::<Result<_, _>>()
                .map(Some),
        }
    }
}

/// The type of the column behind a beacon.
fn beacon_type(table: &Table, beacon: usize) -> Result<Type, Error> {
    let column = table.beacons.get(beacon).and_then(|beacon| table.columns.get(beacon.column));
    column.and_then(|column| column.ty).ok_or(Error::Protocol("a tag of a beacon that the table does not have"))
}

/// NULL stays NULL; a constant that no value of the column equals gets a random tag, which no row holds (VAL-4): so
/// `=` is FALSE and `<>` is TRUE for every row that is not NULL, as they would be, and the statement looks as ever.
fn tag_of(
    compared: Compared<'_>,
    tag: impl FnOnce(&Value<'_>) -> Result<[u8; 16], seal::Error>,
) -> Result<Option<[u8; 16]>, Error> {
    match compared {
        Compared::Null => Ok(None),
        Compared::Nowhere => Ok(Some(random::array().map_err(|_| seal::Error::Randomness)?)),
        Compared::Value(value) => Ok(Some(tag(&value)?)),
    }
}

/// The pieces with the slots filled in, and a blank wherever a slot would grow together with its neighbour
/// (`AND'x'`, `'x'OR`): PostgreSQL would read another token.
fn join<'s>(template: &Template, slot: impl Fn(usize) -> Cow<'s, str>, out: &mut Traced) {
    let grows = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '\'' | '"') || !c.is_ascii();
    let blank = |at: Origin, out: &mut Traced| match at {
        Origin::Client(at) | Origin::Ours(at) => out.push(" ", Origin::Ours(at)),
    };
    let mut after_slot = false;
    let origins = template.origins.iter().copied().chain(std::iter::repeat(Origin::Ours(0)));
    for (piece, origin) in template.pieces.iter().zip(origins) {
        match piece {
            Piece::Text(piece) => {
                if after_slot && piece.starts_with(grows) {
                    blank(origin, out);
                }
                out.push(piece, origin);
                after_slot = after_slot && piece.is_empty();
            }
            Piece::Slot(index) => {
                if after_slot || out.text.ends_with(grows) {
                    blank(origin, out);
                }
                out.push(&slot(*index), origin);
                after_slot = true;
            }
        }
    }
}

// Literals. E'\\x…' reads the same whatever standard_conforming_strings says (SQL-7).

fn bytea_literal(bytes: Option<&[u8]>) -> String {
    match bytes {
        None => "NULL::pg_catalog.bytea".to_owned(),
        Some(bytes) => {
            let mut text = String::with_capacity(bytes.len() * 2 + 30);
            text.push_str("E'\\\\x");
            push_hex(bytes, &mut text);
            text.push_str("'::pg_catalog.bytea");
            text
        }
    }
}

fn uuid_literal(tag: Option<[u8; 16]>) -> String {
    match tag {
        None => "NULL::pg_catalog.uuid".to_owned(),
        Some(tag) => {
            let mut text = String::with_capacity(60);
            text.push('\'');
            push_hex(&tag, &mut text);
            text.push_str("'::pg_catalog.uuid");
            text
        }
    }
}

fn uuids_literal(tags: Option<&[Option<[u8; 16]>]>) -> String {
    let Some(tags) = tags else { return "NULL::pg_catalog.uuid[]".to_owned() };
    let mut text = String::with_capacity(tags.len() * 33 + 30);
    text.push_str("'{");
    for (index, tag) in tags.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        match tag {
            None => text.push_str("NULL"),
            Some(tag) => push_hex(tag, &mut text),
        }
    }
    text.push_str("}'::pg_catalog.uuid[]");
    text
}

fn logical_literal(text: Option<&[u8]>, slot: &Slot) -> Result<String, Error> {
    let ty = match slot.ty {
        PhysicalType::Logical(ty) => ty,
        PhysicalType::Client | PhysicalType::Bytea | PhysicalType::Uuid | PhysicalType::UuidArray => {
            return Err(Error::Protocol("a clear value without a type"));
        }
    };
    let name = ty.pg_name();
    let Some(text) = text else { return Ok(format!("NULL::pg_catalog.{name}")) };
    let text = std::str::from_utf8(text).map_err(|_| Error::Protocol("a rendered value is not UTF-8"))?;
    let mut literal = String::with_capacity(text.len() + 30);
    if text.contains('\\') {
        literal.push('E');
    }
    literal.push('\'');
    for character in text.chars() {
        if matches!(character, '\'' | '\\') {
            literal.push(character);
        }
        literal.push(character);
    }
    literal.push_str("'::pg_catalog.");
    literal.push_str(name);
    Ok(literal)
}

fn push_hex(bytes: &[u8], out: &mut String) {
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(out, "{byte:02x}");
    }
}
