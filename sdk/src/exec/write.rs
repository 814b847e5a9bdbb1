//! One written row: its values, and the cells, tags and signature that belong to them, made once per execution.

use super::Error;
use super::resolve::{Compared, Sources, known_type};
use crate::keys::KeySource;
use crate::schema::ColumnId;
use crate::seal::packed::Packed;
use crate::seal::row::{self, SealedParts};
use crate::seal::signature;
use crate::sql::WriteRow;
use crate::value::{Format, Settings, Type, Value};

/// What the slots of a written row are filled from.
pub(super) struct Written<'a> {
    row: &'a WriteRow,
    /// By [`ColumnId`]; `None` if it is not written, or NULL.
    values: Vec<Option<Value<'a>>>,
    /// By [`ColumnId`].
    cells: Packed,
    tags: Vec<Option<[u8; 16]>>,
    signature: Option<[u8; signature::LEN]>,
}

impl<'a> Written<'a> {
    /// Seals `row`. `whole`: every protected column is written, so that the row can be signed (INSERT); else only
    /// the assigned columns are, under a context that the statement fixes (SQL-50): it is what WHERE compares with. If
    /// no row can be equal to it the statement writes none, and nothing is sealed.
    pub(super) fn new(
        row: &'a WriteRow,
        whole: bool,
        sources: Sources<'a>,
        keys: &dyn KeySource,
    ) -> Result<Self, Error> {
        let table = &*row.table;
        if row.values.len() != table.columns.len() {
            return Err(Error::Protocol("a written row does not fit its table"));
        }
        let mut values = Vec::with_capacity(table.columns.len());
        let mut nowhere = false;
        for (column, input) in table.columns.iter().zip(&row.values) {
            values.push(match (input, column.ty) {
                (Some(input), Some(_)) if whole => sources.inserted(input, column, table)?,
                (Some(input), Some(ty)) if column.is_context() => match sources.compared(input, &ty)? {
                    Compared::Value(value) => Some(value),
                    Compared::Null | Compared::Nowhere => {
                        nowhere = true;
                        None
                    }
                },
                (Some(input), Some(_)) => sources.assigned(input, column)?,
                (None, _) if whole && column.is_signed() => {
                    return Err(Error::Protocol("a row is to be sealed whole and a column of it is missing"));
                }
                (Some(_), None) | (None, _) => None,
            });
        }
        let (cells, SealedParts { tags, signature }) = if whole {
            row::seal_values(table, keys, &values)?
        } else if nowhere {
            let none = SealedParts { tags: vec![None; table.beacons.len()], signature: None };
            (Packed::new(table.columns.len(), 0), none)
        } else {
            blind(row, keys, &values)?
        };
        Ok(Self { row, values, cells, tags, signature })
    }

    /// The cell of a sealed column; `None` is NULL.
    pub(super) fn cell(&self, column: ColumnId) -> Result<Option<&[u8]>, Error> {
        match self.row.table.columns.get(column) {
            Some(definition) if definition.is_sealed() && self.writes(column) => Ok(self.cells.get(column)),
            _ => Err(Error::Protocol("a cell of a column that is not sealed or not written")),
        }
    }

    /// The exact tag at this index of the table's beacons; `None` is NULL.
    pub(super) fn tag(&self, beacon: usize) -> Result<Option<[u8; 16]>, Error> {
        match (self.row.table.beacons.get(beacon), self.tags.get(beacon)) {
            (Some(definition), Some(tag)) if self.writes(definition.column) => Ok(*tag),
            _ => Err(Error::Protocol("a tag of a column that is not written")),
        }
    }

    /// The signature.
    pub(super) fn signature(&self) -> Result<&[u8], Error> {
        self.signature
            .as_ref()
            .map(<[u8; signature::LEN]>::as_slice)
            .ok_or(Error::Protocol("a signature for a row that is not signed"))
    }

    /// Appends S of a column that is in the clear; `false` is NULL.
    pub(super) fn stored(&self, column: ColumnId, out: &mut Vec<u8>) -> Result<bool, Error> {
        let Some((ty, value)) = self.clear(column)? else { return Ok(false) };
        value.write_stored(&ty, out);
        Ok(true)
    }

    /// Appends a column that is in the clear, rendered; `false` is NULL.
    pub(super) fn rendered(
        &self,
        column: ColumnId,
        format: Format,
        settings: &Settings,
        out: &mut Vec<u8>,
    ) -> Result<bool, Error> {
        let Some((ty, value)) = self.clear(column)? else { return Ok(false) };
        value.render(&ty, format, settings, out)?;
        Ok(true)
    }

    fn clear(&self, column: ColumnId) -> Result<Option<(Type, &Value<'a>)>, Error> {
        let definition = match self.row.table.columns.get(column) {
            Some(definition) if !definition.is_sealed() && self.writes(column) => definition,
            _ => return Err(Error::Protocol("a clear value of a column that is sealed or not written")),
        };
        let ty = known_type(definition)?;
        Ok(self.values.get(column).and_then(Option::as_ref).map(|value| (ty, value)))
    }

    fn writes(&self, column: ColumnId) -> bool {
        self.row.values.get(column).is_some_and(Option::is_some)
    }
}

/// The cells and tags of the assigned sealed columns.
fn blind(row: &WriteRow, keys: &dyn KeySource, values: &[Option<Value<'_>>]) -> Result<(Packed, SealedParts), Error> {
    let table = &*row.table;
    if table.signature.is_some() {
        return Err(Error::Protocol("a signed row cannot be written without its signature"));
    }
    let assigned: Vec<(ColumnId, &Value<'_>)> = table
        .columns
        .iter()
        .enumerate()
        .filter(|(_, column)| column.is_sealed())
        .filter_map(|(id, _)| Some((id, values.get(id)?.as_ref()?)))
        .collect();
    // NULL has no cell, and so needs no context.
    let cells = row::seal_some(table, keys, values, &assigned)?;
    let tags = table
        .beacons
        .iter()
        .enumerate()
        .map(|(index, beacon)| match values.get(beacon.column) {
            Some(Some(value)) => Ok(Some(row::exact_tag(table, keys, index, value)?)),
            Some(None) | None => Ok(None),
        })
        .collect::<Result<_, Error>>()?;
    Ok((cells, SealedParts { tags, signature: None }))
}
