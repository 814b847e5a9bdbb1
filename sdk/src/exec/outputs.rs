//! From a physical row to the logical one: open, verify, render, drop the hidden columns.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::Error;
use super::conditions::Conditions;
use super::inputs::{Params, put_sized, put_value};
use super::resolve::known_type;
use crate::keys::KeySource;
use crate::schema::ColumnId;
use crate::seal::row::{RowOpener, StoredRow};
use crate::seal::{self, cell};
use crate::sql::{OutputColumn, OutputSource, Plan, Presence, ReadRow, RowShape};
use crate::value::{Format, Settings, Type, Value};

/// The formats in which the server is asked for a plan's columns: cells, tags and S forms in binary, the client's own
/// choice for what passes. `client` has one entry per logical column.
pub fn physical_formats(shape: &RowShape, client: &[Format]) -> Vec<Format> {
    let mut formats = vec![Format::Binary; shape.physical];
    for (column, format) in shape.columns.iter().zip(client) {
        if let (OutputSource::Pass, Some(place)) = (column.source, formats.get_mut(column.physical)) {
            *place = *format;
        }
    }
    formats
}

/// Whether this result, asked for in these formats, can only be read or rendered when `bytea_output` is known. `client`
/// has one entry per logical column, `physical` one per physical column.
pub fn depends_on_bytea_output(shape: &RowShape, physical: &[Format], client: &[Format]) -> bool {
    reads_bytea_text(shape, physical) || rendered_types(shape, client).any(|ty| ty.shown_by_unreported())
}

/// Refuses a result that cannot be rendered under these settings, before its statement is sent (SQL-12).
pub fn check(shape: &RowShape, physical: &[Format], client: &[Format], settings: &Settings) -> Result<(), Error> {
    if reads_bytea_text(shape, physical) {
        settings.renders(&Type::Bytea)?;
    }
    rendered_types(shape, client).try_for_each(|ty| Ok(settings.renders(&ty)?))
}

/// Turns physical rows of one result into logical ones. Keeps its buffers from row to row.
pub struct Opener {
    plan: Arc<Plan>,
    formats: Known,
    /// By row of the shape.
    conditions: Vec<Conditions>,
    /// Positions that hold cells, S forms, tags or signatures as text: they are decoded first.
    encoded: Vec<(usize, Encoded)>,
    decoded: Vec<u8>,
    /// Plaintext of the last cell.
    scratch: Zeroizing<Vec<u8>>,
}

/// The formats in which the rows of a result arrive and leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Formats {
    /// As the client asked: one a logical column.
    pub client: Vec<Format>,
    /// As the server was asked: one a physical column.
    pub physical: Vec<Format>,
}

/// In which formats columns come and go.
enum Known {
    /// All in binary.
    Binary,
    /// As they were asked for.
    Each(Arc<Formats>),
}

impl Known {
    fn physical(&self, column: usize) -> Format {
        match self {
            Known::Binary => Format::Binary,
            Known::Each(formats) => formats.physical.get(column).copied().unwrap_or_default(),
        }
    }

    fn client(&self, column: usize) -> Format {
        match self {
            Known::Binary => Format::Binary,
            Known::Each(formats) => formats.client.get(column).copied().unwrap_or_default(),
        }
    }
}

/// The text form of a column that is read here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoded {
    /// bytea in hex: `\x…`
    Bytea,
    /// uuid
    Uuid,
}

impl Opener {
    /// `formats`: all text in a simple query. `params`: those of the execution, which say what its rows must satisfy
    /// (SQL-60). `None` for a plan whose client expects no rows.
    pub fn new(plan: &Arc<Plan>, formats: Arc<Formats>, params: Params<'_>) -> Option<Self> {
        let shape = plan.output.as_ref()?;
        let formats = Known::Each(formats);
        let text = |position: &usize| formats.physical(*position) == Format::Text;
        let mut encoded: Vec<_> = read_positions(shape).filter(|(position, _)| text(position)).collect();
        encoded.sort_by_key(|(position, _)| *position);
        encoded.dedup_by_key(|(position, _)| *position);
        let conditions = conditions(shape, params);
        let (decoded, scratch) = (Vec::new(), Zeroizing::default());
        Some(Self { plan: Arc::clone(plan), formats, conditions, encoded, decoded, scratch })
    }

    /// The same for rows of which the server sends all columns in binary, and which leave in binary.
    pub fn binary(plan: &Arc<Plan>, params: Params<'_>) -> Option<Self> {
        let conditions = conditions(plan.output.as_ref()?, params);
        let (encoded, decoded, scratch) = (Vec::new(), Vec::new(), Zeroizing::default());
        Some(Self { plan: Arc::clone(plan), formats: Known::Binary, conditions, encoded, decoded, scratch })
    }

    /// How many columns the client's rows have.
    pub fn width(&self) -> usize {
        self.plan.output.as_ref().map_or(0, |shape| shape.columns.len())
    }

    /// Opens and verifies one row; appends to `out`, per logical column, `i32 length ‖ bytes` or -1, as in the body
    /// of a DataRow after its column count. Nothing is appended before every signature of the row and every
    /// condition on it holds, and on an error `out` is as it was. Columns behind [`RowShape::physical`] (a guard's) are not looked at.
    pub fn row(
        &mut self,
        row: &[Option<&[u8]>],
        keys: &dyn KeySource,
        settings: &Settings,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        self.located(row, keys, settings, out, |_| {})
    }

    /// As [`Opener::row`]. `each` is told where every value stands in `out`, in the order of the columns; `None` is NULL.
    pub fn located(
        &mut self,
        row: &[Option<&[u8]>],
        keys: &dyn KeySource,
        settings: &Settings,
        out: &mut Vec<u8>,
        mut each: impl FnMut(Option<Range<usize>>),
    ) -> Result<(), Error> {
        let Self { plan, formats, conditions, encoded, decoded, scratch } = self;
        let shape = plan.output.as_ref().ok_or(Error::Protocol("rows where none were expected"))?;
        if row.len() < shape.physical {
            return Err(Error::Protocol("a row of the server has fewer columns than were asked for"));
        }
        let places = decode_all(encoded, row, decoded)?;
        let raw: Cow<'_, [Option<&[u8]>]> = if places.is_empty() {
            Cow::Borrowed(row)
        } else {
            let mut raw = row.to_vec();
            for (position, range) in places {
                if let Some(place) = raw.get_mut(position) {
                    *place = decoded.get(range);
                }
            }
            Cow::Owned(raw)
        };
        let parts: Vec<Parts<'_>> = shape.rows.iter().map(|read| Parts::new(read, &raw)).collect::<Result<_, _>>()?;
        let mut opening = Opening { shape, parts: &parts, keys, last: None };
        for (index, (read, parts)) in shape.rows.iter().zip(&parts).enumerate() {
            // Conditions hold on a row that is not there as well: all of it is NULL.
            let absent = read.presence == Presence::Optional && parts.is_absent();
            match (read.signature, &read.table.signature) {
                (Some(_), _) if absent => {}
                (Some(_), _) => {
                    opening.last = Some((index, RowOpener::verified(&read.table, keys, parts.stored())?));
                }
                (None, None) => {}
                (None, Some(_)) => return Err(Error::Protocol("a signed row that was not fetched whole")),
            }
            if let Some(conditions) = conditions.get(index).filter(|conditions| !conditions.is_empty()) {
                conditions.hold(read, parts, opening.opener(index)?, scratch)?;
            }
        }
        let start = out.len();
        out.reserve(shape.columns.iter().map(|output| length(output, &raw)).sum());
        for (index, output) in shape.columns.iter().enumerate() {
            let prefix = out.len()..out.len() + 4;
            let format = formats.client(index);
            let result = match output.source {
                OutputSource::Pass if formats.physical(output.physical) != format => {
                    Err(Error::Protocol("a column came in another format than the client asked for"))
                }
                // The server's own bytes, not what was decoded from them.
                OutputSource::Pass => {
                    put_value(row.get(output.physical).copied().flatten(), out);
                    Ok(())
                }
                OutputSource::Open { row, column } | OutputSource::Verified { row, column } => {
                    let shown = raw.get(output.physical).copied().flatten();
                    let how = Shown { source: output.source, row, column, shown, format };
                    opening.show(&how, settings, scratch, out)
                }
            };
            if let Err(error) = result {
                out.truncate(start);
                return Err(error);
            }
            let is_null = out.get(prefix.clone()) == Some(&(-1_i32).to_be_bytes());
            each((!is_null).then_some(prefix.end..out.len()));
        }
        Ok(())
    }
}

fn conditions(shape: &RowShape, params: Params<'_>) -> Vec<Conditions> {
    shape.rows.iter().map(|read| Conditions::new(read, params)).collect()
}

/// Decodes the positions that came as text; gives where each stands in `decoded`.
fn decode_all(
    encoded: &[(usize, Encoded)],
    row: &[Option<&[u8]>],
    decoded: &mut Vec<u8>,
) -> Result<Vec<(usize, Range<usize>)>, Error> {
    decoded.clear();
    let mut places = Vec::with_capacity(encoded.len());
    for &(position, encoded) in encoded {
        if let Some(text) = row.get(position).copied().flatten() {
            let start = decoded.len();
            decode(encoded, text, decoded)?;
            places.push((position, start..decoded.len()));
        }
    }
    Ok(places)
}

/// How long a column becomes, with its length: as a value in binary, which is its S.
fn length(output: &OutputColumn, raw: &[Option<&[u8]>]) -> usize {
    let length = raw.get(output.physical).copied().flatten().map_or(0, <[u8]>::len);
    4 + match output.source {
        OutputSource::Pass | OutputSource::Verified { .. } => length,
        OutputSource::Open { .. } => length.saturating_sub(cell::OVERHEAD),
    }
}

/// A column of ours that the client sees.
struct Shown<'r> {
    source: OutputSource,
    /// The row that it is a column of.
    row: usize,
    column: ColumnId,
    /// What stands where the client's column is.
    shown: Option<&'r [u8]>,
    format: Format,
}

/// The protected rows of one physical row at work.
struct Opening<'o> {
    shape: &'o RowShape,
    parts: &'o [Parts<'o>],
    keys: &'o dyn KeySource,
    /// What opened last, and which row: the next column is most likely of the same, and its cell was sealed together
    /// with this one's.
    last: Option<(usize, RowOpener<'o>)>,
}

const UNKNOWN: Error = Error::Protocol("a column of a row that is not read");

impl<'o> Opening<'o> {
    /// What opens the cells of a row.
    fn opener(&mut self, row: usize) -> Result<&mut RowOpener<'o>, Error> {
        let Self { shape, parts, keys, last } = self;
        if last.as_ref().is_none_or(|(opened, _)| *opened != row) {
            let (read, parts) = shape.rows.get(row).zip(parts.get(row)).ok_or(UNKNOWN)?;
            *last = Some((row, RowOpener::new(&read.table, *keys, parts.stored())));
        }
        last.as_mut().map(|(_, opener)| opener).ok_or(UNKNOWN)
    }

    /// Appends the opened or verified value.
    fn show(
        &mut self,
        how: &Shown<'_>,
        settings: &Settings,
        scratch: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let (read, parts) = self.shape.rows.get(how.row).zip(self.parts.get(how.row)).ok_or(UNKNOWN)?;
        let opens = matches!(how.source, OutputSource::Open { .. });
        if !opens && read.signature.is_none() {
            return Err(Error::Protocol("a column counts as verified in a row without signature"));
        }
        let ty = column_type(read, how.column, opens)?;
        match authentic(read, parts, how.column, how.shown)? {
            None => put_value(None, out),
            Some(_) if opens => {
                render(&self.opener(how.row)?.open(how.column, scratch)?, &ty, how.format, settings, out)?;
            }
            Some(stored) => render(&Value::read_stored(&ty, stored)?, &ty, how.format, settings, out)?,
        }
        Ok(())
    }
}

/// The parts of one protected row, in the order in which [`StoredRow`] wants them.
pub(super) struct Parts<'a> {
    /// The columns, and behind them the tags.
    fields: Vec<Option<Option<&'a [u8]>>>,
    /// How many columns there are.
    columns: usize,
    signature: Option<Option<&'a [u8]>>,
}

impl<'a> Parts<'a> {
    /// Takes them out of a physical row in binary.
    pub(super) fn new(read: &ReadRow, row: &[Option<&'a [u8]>]) -> Result<Self, Error> {
        const SHORT: Error = Error::Protocol("a row of the server has fewer columns than were asked for");
        if read.columns.len() != read.table.columns.len() || read.tags.len() != read.table.beacons.len() {
            return Err(Error::Protocol("a row that is read does not fit its table"));
        }
        let at = |position: &Option<usize>| match position {
            None => Ok(None),
            Some(position) => row.get(*position).copied().map(Some).ok_or(SHORT),
        };
        let mut fields = Vec::with_capacity(read.columns.len() + read.tags.len());
        for position in read.columns.iter().chain(&read.tags) {
            fields.push(at(position)?);
        }
        Ok(Self { fields, columns: read.columns.len(), signature: at(&read.signature)? })
    }

    /// Whether everything that was read is NULL: the row is not there.
    fn is_absent(&self) -> bool {
        self.fields.iter().flatten().chain(&self.signature).all(Option::is_none)
    }

    /// By [`ColumnId`].
    pub(super) fn columns(&self) -> &[Option<Option<&'a [u8]>>] {
        &self.fields[..self.columns]
    }

    /// By beacon.
    pub(super) fn tags(&self) -> &[Option<Option<&'a [u8]>>] {
        &self.fields[self.columns..]
    }

    pub(super) fn stored(&self) -> StoredRow<'_> {
        StoredRow { columns: self.columns(), tags: self.tags(), signature: self.signature }
    }
}

/// The field of a column that was verified or will be opened. What stands at the output's own position must be the
/// same: the client is shown nothing that was not checked (SQL-41).
fn authentic<'r>(
    read: &ReadRow,
    parts: &Parts<'r>,
    column: ColumnId,
    shown: Option<&[u8]>,
) -> Result<Option<&'r [u8]>, Error> {
    match parts.columns().get(column) {
        Some(Some(field)) if *field == shown => Ok(*field),
        Some(Some(_)) => Err(Error::Seal(seal::Error::Tampered {
            column: match read.table.columns.get(column) {
                Some(column) => format!("{}.{}", read.table.logical, column.logical),
                None => read.table.logical.clone(),
            },
        })),
        Some(None) | None => Err(Error::Protocol("a column that is shown was not read with its row")),
    }
}

fn column_type(read: &ReadRow, column: ColumnId, sealed: bool) -> Result<Type, Error> {
    match read.table.columns.get(column) {
        Some(column) if column.is_sealed() == sealed => known_type(column),
        _ => Err(Error::Protocol("a column is read as what it is not")),
    }
}

/// `i32 length ‖ value` in the client's format.
fn render(value: &Value<'_>, ty: &Type, format: Format, settings: &Settings, out: &mut Vec<u8>) -> Result<(), Error> {
    put_sized(out, |out| {
        value.render(ty, format, settings, out)?;
        Ok(true)
    })
}

/// Every position that is read here, with its form in text; some more than once.
fn read_positions(shape: &RowShape) -> impl Iterator<Item = (usize, Encoded)> + '_ {
    let rows = shape.rows.iter().flat_map(|read| {
        let bytes = read.columns.iter().copied().flatten().chain(read.signature);
        let tags = read.tags.iter().copied().flatten();
        bytes.map(|at| (at, Encoded::Bytea)).chain(tags.map(|at| (at, Encoded::Uuid)))
    });
    // A cell or S form that stands a second time, where the client's column is.
    let outputs = shape.columns.iter().filter_map(|output| match output.source {
        OutputSource::Pass => None,
        OutputSource::Open { .. } | OutputSource::Verified { .. } => Some((output.physical, Encoded::Bytea)),
    });
    rows.chain(outputs)
}

fn reads_bytea_text(shape: &RowShape, physical: &[Format]) -> bool {
    read_positions(shape).any(|(position, encoded)| {
        encoded == Encoded::Bytea && physical.get(position).copied().unwrap_or_default() == Format::Text
    })
}

/// The types of which we render values as text.
fn rendered_types<'s>(shape: &'s RowShape, client: &'s [Format]) -> impl Iterator<Item = Type> + 's {
    shape.columns.iter().enumerate().filter_map(|(index, output)| match output.source {
        OutputSource::Pass => None,
        OutputSource::Open { row, column } | OutputSource::Verified { row, column } => {
            let text = client.get(index).copied().unwrap_or_default() == Format::Text;
            shape.rows.get(row)?.table.columns.get(column)?.ty.filter(|_| text)
        }
    })
}

/// Decodes what a text-format column holds. uuid_out prints hyphens; nothing else is accepted.
fn decode(encoded: Encoded, text: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
    match encoded {
        Encoded::Bytea => {
            let hex = text.strip_prefix(b"\\x").ok_or(Error::Protocol("a sealed value did not come in hex"))?;
            unhex(hex.iter().copied(), out)
        }
        Encoded::Uuid => unhex(text.iter().copied().filter(|&byte| byte != b'-'), out),
    }
}

fn unhex(mut digits: impl Iterator<Item = u8>, out: &mut Vec<u8>) -> Result<(), Error> {
    const BROKEN: Error = Error::Protocol("a sealed value did not come in hex");
    let nibble = |digit: u8| char::from(digit).to_digit(16).and_then(|n| u8::try_from(n).ok()).ok_or(BROKEN);
    while let Some(high) = digits.next() {
        let low = digits.next().ok_or(BROKEN)?;
        out.push((nibble(high)? << 4) | nibble(low)?);
    }
    Ok(())
}
