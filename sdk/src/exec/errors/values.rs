//! What the client sent with a statement, to tell a violated key in its own values.

use zeroize::Zeroizing;

use crate::encoding::ClientEncoding;
use crate::exec::inputs::Params;
use crate::exec::resolve::Sources;
use crate::keys::KeySource;
use crate::seal::row;
use crate::sql::{Input, Plan, WriteRow};
use crate::value::{Format, Settings};

/// Bytes of an execution's parameters that are kept for an error; of more, nothing is.
const MOST_KEPT: usize = 16 * 1024;

/// What the client sent with the statement that an error is about.
#[derive(Clone, Copy)]
pub struct ClientValues<'a> {
    /// Its parameters; those that [`KeyParams`] has will do.
    pub params: Params<'a>,
    /// The keys of the tags.
    pub keys: &'a dyn KeySource,
    /// How values look in the session.
    pub settings: &'a Settings,
}

impl ClientValues<'_> {
    /// The value of the column of a beacon in a written row, as text, if its tag is this one. NULL violates no key.
    pub(super) fn with_tag(&self, written: &WriteRow, beacon: usize, tag: &[u8; 16]) -> Option<String> {
        let table = &*written.table;
        let id = table.beacons.get(beacon)?.column;
        let column = table.columns.get(id)?;
        let input = written.values.get(id)?.as_ref()?;
        let sources = Sources { params: self.params, fetched: &[], settings: self.settings };
        let value = sources.assigned(input, column).ok()??;
        if row::exact_tag(table, self.keys, beacon, &value).ok()? != *tag {
            return None;
        }
        let settings = Settings { encoding: ClientEncoding::UTF8, ..self.settings.clone() };
        let mut text = Vec::new();
        value.render(&column.ty?, Format::Text, &settings, &mut text).ok()?;
        String::from_utf8(text).ok()
    }
}

/// The parameters of an execution that a violated key would show, for who does not have them any more when the server
/// answers. They are overwritten when dropped.
pub struct KeyParams {
    kept: Vec<(usize, Format, Zeroizing<Vec<u8>>)>,
    encoding: ClientEncoding,
}

impl KeyParams {
    /// `None` if the plan writes none, or too much.
    pub fn of(plan: &Plan, params: Params<'_>) -> Option<Self> {
        let mut kept = Vec::new();
        let mut bytes = 0;
        for row in &plan.rows {
            for beacon in &row.table.beacons {
                let Some(Some(Input::Param { index, .. })) = row.values.get(beacon.column) else { continue };
                let (Some(Some(value)), Some(format)) = (params.values.get(*index), params.formats.get(*index)) else {
                    continue;
                };
                bytes += value.len();
                if bytes > MOST_KEPT {
                    return None;
                }
                kept.push((*index, *format, Zeroizing::new(value.to_vec())));
            }
        }
        (!kept.is_empty()).then_some(Self { kept, encoding: params.encoding })
    }

    /// Calls `then` with them in their places.
    pub fn with<R>(&self, then: impl FnOnce(Params<'_>) -> R) -> R {
        let count = self.kept.iter().map(|(index, ..)| index + 1).max().unwrap_or(0);
        let (mut values, mut formats) = (vec![None; count], vec![Format::Text; count]);
        for (index, format, value) in &self.kept {
            if let (Some(place), Some(as_sent)) = (values.get_mut(*index), formats.get_mut(*index)) {
                (*place, *as_sent) = (Some(value.as_slice()), *format);
            }
        }
        then(Params { values: &values, formats: &formats, encoding: self.encoding })
    }
}
