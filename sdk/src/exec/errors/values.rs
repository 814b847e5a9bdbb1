//! What the client sent with a statement, to tell a violated key in its own values.

use zeroize::Zeroizing;

use crate::encoding::ClientEncoding;
use crate::exec::inputs::Params;
use crate::exec::resolve::Sources;
use crate::keys::KeySource;
use crate::schema::{Column, ColumnId};
use crate::seal::row;
use crate::sql::{Input, Plan, WriteRow};
use crate::value::{Format, Settings, Value};

/// Bytes of an execution's parameters that are kept for an error; of more, nothing is.
const MOST_KEPT: usize = 16 * 1024;

/// What the client sent with the statement that an error is about.
#[derive(Clone, Copy)]
pub struct ClientValues<'a> {
    /// Its parameters; those that [`KeyParams`] has will do.
    pub params: KnownParams<'a>,
    /// The keys of the tags.
    pub keys: &'a dyn KeySource,
    /// How values look in the session.
    pub settings: &'a Settings,
}

/// Parameters of an execution, of which some may not be at hand any more.
#[derive(Clone, Copy)]
pub struct KnownParams<'a> {
    params: Params<'a>,
    /// Numbers of those that are not; they look like NULL.
    missing: &'a [usize],
}

impl<'a> From<Params<'a>> for KnownParams<'a> {
    fn from(params: Params<'a>) -> Self {
        Self { params, missing: &[] }
    }
}

impl ClientValues<'_> {
    /// The value of the column of a beacon in a written row, as text, if its tag is this one. NULL violates no key.
    pub(super) fn with_tag(&self, written: &WriteRow, beacon: usize, tag: &[u8; 16]) -> Option<String> {
        let id = written.table.beacons.get(beacon)?.column;
        let value = self.value(written, id)??;
        if !self.has_tag(written, beacon, tag)? {
            return None;
        }
        self.text(&value, written.table.columns.get(id)?)
    }

    /// Whether the column of a beacon has this tag in a written row: `None` if that is not known.
    pub(super) fn has_tag(&self, written: &WriteRow, beacon: usize, tag: &[u8; 16]) -> Option<bool> {
        let table = &*written.table;
        match self.value(written, table.beacons.get(beacon)?.column)? {
            Some(value) => Some(row::exact_tag(table, self.keys, beacon, &value).ok()? == *tag),
            None => Some(false),
        }
    }

    /// What is assigned to a sealed column of a written row, as text: `None` if that is not known, then `None` for NULL.
    pub(super) fn assigned(&self, written: &WriteRow, id: ColumnId) -> Option<Option<String>> {
        match self.value(written, id)? {
            None => Some(None),
            Some(value) => self.text(&value, written.table.columns.get(id)?).map(Some),
        }
    }

    fn value<'v>(&'v self, written: &'v WriteRow, id: ColumnId) -> Option<Option<Value<'v>>> {
        let input = written.values.get(id)?.as_ref()?;
        if matches!(input, Input::Param { index, .. } if self.params.missing.contains(index)) {
            return None;
        }
        let sources = Sources { params: self.params.params, fetched: &[], settings: self.settings };
        sources.assigned(input, written.table.columns.get(id)?).ok()
    }

    fn text(&self, value: &Value<'_>, column: &Column) -> Option<String> {
        let settings = Settings { encoding: ClientEncoding::UTF8, ..self.settings.clone() };
        let mut text = Vec::new();
        value.render(&column.ty?, Format::Text, &settings, &mut text).ok()?;
        String::from_utf8(text).ok()
    }
}

/// The parameters of an execution that a violated constraint would show, for who does not have them any more when the
/// server answers. They are overwritten when dropped.
pub struct KeyParams {
    /// Number, format, and where its bytes end.
    kept: Vec<(usize, Format, usize)>,
    bytes: Zeroizing<Vec<u8>>,
    encoding: ClientEncoding,
    /// Numbers of those that were too much.
    missing: Vec<usize>,
}

impl KeyParams {
    /// `None` if the plan writes none, or too much for its keys.
    pub fn of(plan: &Plan, params: Params<'_>) -> Option<Self> {
        // Keys come first: what is too much beside them is not kept.
        let mut kept: Vec<(usize, Format, &[u8])> = Vec::new();
        let (mut length, mut missing) = (0, Vec::new());
        for keys in [true, false] {
            for row in &plan.rows {
                for (id, (column, input)) in row.table.columns.iter().zip(&row.values).enumerate() {
                    if !column.is_sealed() || row.table.beacon(id).is_some() != keys {
                        continue;
                    }
                    let Some(Input::Param { index, .. }) = input else { continue };
                    let (Some(Some(value)), Some(format)) = (params.values.get(*index), params.formats.get(*index))
                    else {
                        continue;
                    };
                    if length + value.len() > MOST_KEPT {
                        if keys {
                            return None;
                        }
                        missing.push(*index);
                        continue;
                    }
                    length += value.len();
                    kept.push((*index, *format, value));
                }
            }
        }
        if kept.is_empty() {
            return None;
        }
        let mut bytes = Zeroizing::new(Vec::with_capacity(length));
        let kept = kept.into_iter().map(|(index, format, value)| {
            bytes.extend_from_slice(value);
            (index, format, bytes.len())
        });
        let kept = kept.collect();
        Some(Self { kept, bytes, encoding: params.encoding, missing })
    }

    /// Calls `then` with them in their places.
    pub fn with<R>(&self, then: impl FnOnce(KnownParams<'_>) -> R) -> R {
        let count = self.kept.iter().map(|(index, ..)| index + 1).max().unwrap_or(0);
        let (mut values, mut formats) = (vec![None; count], vec![Format::Text; count]);
        let mut start = 0;
        for (index, format, end) in &self.kept {
            if let (Some(place), Some(as_sent)) = (values.get_mut(*index), formats.get_mut(*index)) {
                (*place, *as_sent) = (self.bytes.get(start..*end), *format);
            }
            start = *end;
        }
        let params = Params { values: &values, formats: &formats, encoding: self.encoding };
        then(KnownParams { params, missing: &self.missing })
    }
}
