//! The middle of a read-modify-write (SQL-51): each locked row is verified, gets its new cells and is signed again.

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::Error;
use super::conditions::Conditions;
use super::inputs::Params;
use super::outputs::Parts;
use super::resolve::{Sources, known_type, not_null};
use super::update;
use crate::error::SqlState;
use crate::framing::put_u32_part;
use crate::keys::KeySource;
use crate::schema::{Column, ColumnId, SignatureSet, Table};
use crate::seal::row::{self, RowOpener, StoredRow};
use crate::sql::Input;
use crate::sql::{Literal, Plan, ReadModifyWrite, ReadRow, Refusal};
use crate::value::{self, Format, Settings, Value};

/// Greatest number of bytes that the new rows of one statement may take: they become one Bind, which PostgreSQL
/// limits to 1 GiB and which is held whole.
const MOST_BYTES: usize = 256 << 20;

/// What every row gets alike: an assigned column that is not sealed.
pub(super) struct Assigned {
    pub(super) column: ColumnId,
    /// Type OID and format of the parameter; OID 0 for a type that is not read here.
    pub(super) oid: u32,
    pub(super) format: Format,
    pub(super) bytes: Option<Vec<u8>>,
}

/// One locked row as it will be written.
pub(super) struct NewRow {
    /// `tableoid`, as oid_send gives it.
    pub(super) tableoid: [u8; 4],
    /// `ctid`, as tidsend gives it: block (4), offset (2).
    pub(super) ctid: [u8; 6],
    /// In the order of [`Reseal::cells`]; `None` is NULL.
    pub(super) cells: Vec<Option<Vec<u8>>>,
    /// For a signed table.
    pub(super) signature: Option<Vec<u8>>,
    /// What the written row must hash to (CELL-8), if the table has a guard.
    pub(super) guard: Option<[u8; 32]>,
}

/// The work on one UPDATE.
pub(super) struct Reseal {
    /// By [`ColumnId`]: the new value of an assigned column; the inner `None` is NULL.
    values: Vec<Option<Option<Value<'static>>>>,
    /// By [`ColumnId`]: S of an assigned column that is not sealed.
    stored: Vec<Option<Option<Vec<u8>>>>,
    /// By beacon: the new tag, where its column is assigned.
    tags: Vec<Option<Option<[u8; 16]>>>,
    /// The sealed columns that are written.
    cells: Vec<ColumnId>,
    assigned: Vec<Assigned>,
    /// What a row must satisfy to be one that the statement updates (SQL-60).
    conditions: Conditions,
    most: usize,
    bytes: usize,
    rows: Vec<NewRow>,
}

impl Reseal {
    /// Reads the assigned values.
    pub(super) fn new(
        plan: &Plan,
        work: &ReadModifyWrite,
        params: Params<'_>,
        keys: &dyn KeySource,
        settings: &Settings,
    ) -> Result<Self, Error> {
        let table = &*work.read.table;
        let written = plan.rows.first().ok_or(Error::Protocol("an UPDATE that assigns nothing"))?;
        if written.values.len() != table.columns.len() || written.table.logical != table.logical {
            return Err(Error::Protocol("a written row does not fit its table"));
        }
        if table.signature.is_some() && work.read.signature.is_none() {
            return Err(Error::Protocol("a signed row that was not fetched whole"));
        }
        let sources = Sources { params, fetched: &[], settings };
        let mut values: Vec<Option<Option<Value<'static>>>> = vec![None; table.columns.len()];
        let mut stored = vec![None; table.columns.len()];
        let mut assigned = Vec::new();
        for &id in &work.assigned {
            let (Some(column), Some(Some(input)), Some(value)) =
                (table.columns.get(id), written.values.get(id), values.get_mut(id))
            else {
                return Err(Error::Protocol("an assigned column without a value"));
            };
            if column.ty.is_none() && !column.is_signed() {
                assigned.push(unread(id, input, column, settings)?);
                continue;
            }
            let new = sources.assigned(input, column)?.map(Value::into_owned);
            if !column.is_sealed() {
                let ty = known_type(column)?;
                let (mut sent, mut kept) = (None, None);
                if let Some(value) = &new {
                    value.render(&ty, Format::Binary, settings, sent.insert(Vec::new()))?;
                    value.write_stored(&ty, kept.insert(Vec::new()));
                }
                assigned.push(Assigned { column: id, oid: ty.oid(), format: Format::Binary, bytes: sent });
                if let Some(place) = stored.get_mut(id) {
                    *place = Some(kept);
                }
            }
            *value = Some(new);
        }
        let tags = table
            .beacons
            .iter()
            .enumerate()
            .map(|(index, beacon)| match values.get(beacon.column) {
                Some(Some(Some(value))) => Ok(Some(Some(row::exact_tag(table, keys, index, value)?))),
                Some(Some(None)) => Ok(Some(None)),
                Some(None) | None => Ok(None),
            })
            .collect::<Result<Vec<_>, Error>>()?;
        // An assigned context column moves the row: every cell of it is sealed anew (CELL-9).
        let moves = table.context.iter().any(|id| work.assigned.contains(id));
        let cells: Vec<ColumnId> = table
            .columns
            .iter()
            .enumerate()
            .filter(|(id, column)| column.is_sealed() && (moves || work.assigned.contains(id)))
            .map(|(id, _)| id)
            .collect();
        let shared = assigned.len() + tags.iter().flatten().count();
        let most = update::most_rows(table, cells.len(), shared);
        let conditions = Conditions::new(&work.read, params);
        Ok(Self { values, stored, tags, cells, assigned, conditions, most, bytes: 0, rows: Vec::new() })
    }

    /// Takes a locked row: its address in columns 0 and 1, then what `read` says.
    pub(super) fn row(&mut self, read: &ReadRow, locked: &[Option<&[u8]>], keys: &dyn KeySource) -> Result<(), Error> {
        const ADDRESS: Error = Error::Protocol("a locked row came without its address");
        let tableoid = locked.first().copied().flatten().ok_or(ADDRESS)?.try_into().map_err(|_| ADDRESS)?;
        let ctid = locked.get(1).copied().flatten().ok_or(ADDRESS)?.try_into().map_err(|_| ADDRESS)?;
        if self.rows.len() >= self.most {
            return Err(too_much(format!("more than {} rows", self.most)));
        }
        let table = &*read.table;
        if let Some(column) = self.refuses_null(table) {
            return Err(not_null(column, table));
        }
        let parts = Parts::new(read, locked)?;
        if read.signature.is_some() {
            // Else an UPDATE would launder a forgery (SIG-5).
            row::verify_row(table, keys, &parts.stored())?;
        }
        if !self.conditions.is_empty() {
            // Else the server chooses whose row is signed anew.
            let mut scratch = Zeroizing::default();
            self.conditions.hold(read, &parts, &mut RowOpener::new(table, keys, parts.stored()), &mut scratch)?;
        }
        let cells = self.seal(table, &parts, keys)?;
        let (signature, guard) = match &table.signature {
            Some(set) => self.sign(table, set, &parts, &cells, keys)?,
            None => (None, None),
        };
        let row = NewRow { tableoid, ctid, cells, signature, guard };
        self.bytes += row.cells.iter().flatten().chain(&row.signature).map(Vec::len).sum::<usize>();
        if self.bytes > MOST_BYTES {
            return Err(too_much(format!("more than {} MiB of sealed values", MOST_BYTES >> 20)));
        }
        self.rows.push(row);
        Ok(())
    }

    /// A protected column that is NOT NULL and assigned NULL: no row can become so (SQL-22).
    fn refuses_null<'t>(&self, table: &'t Table) -> Option<&'t Column> {
        let mut columns = table.columns.iter().zip(&self.values);
        columns
            .find(|(column, value)| column.not_null && column.is_signed() && matches!(value, Some(None)))
            .map(|(column, _)| column)
    }

    /// The new cells, in the order of `self.cells`. The cells that stay are opened: they must hold too (SIG-5).
    fn seal(&self, table: &Table, parts: &Parts<'_>, keys: &dyn KeySource) -> Result<Vec<Option<Vec<u8>>>, Error> {
        let mut scratch = Vec::new();
        let mut new: Vec<(ColumnId, Value<'_>)> = Vec::with_capacity(self.cells.len());
        for (id, column) in table.columns.iter().enumerate().filter(|(_, column)| column.is_sealed()) {
            let written = self.cells.contains(&id);
            match (self.values.get(id), parts.columns().get(id)) {
                (Some(Some(Some(value))), _) => new.push((id, value.clone())),
                (Some(Some(None)), _) => {}
                (_, Some(Some(None))) => {}
                (_, Some(Some(Some(_)))) => {
                    let value = row::open_cell(table, keys, &parts.stored(), id, &mut scratch)?;
                    if written {
                        new.push((id, value.into_owned()));
                    }
                }
                (_, Some(None) | None) if written || column.is_signed() && table.signature.is_some() => {
                    return Err(Error::Protocol("a locked row came without one of its cells"));
                }
                (_, Some(None) | None) => {}
            }
        }
        let context = self.context(table, parts)?;
        let sealed = row::seal_cells(table, keys, &context, &new)?;
        let mut cells = vec![None; self.cells.len()];
        for ((id, _), cell) in new.iter().zip(sealed) {
            if let Some(index) = self.cells.iter().position(|column| column == id)
                && let Some(place) = cells.get_mut(index)
            {
                *place = Some(cell);
            }
        }
        Ok(cells)
    }

    /// The context of the row as it will be: what is assigned, else what is stored.
    fn context<'r>(&self, table: &Table, parts: &Parts<'r>) -> Result<Vec<Option<Value<'r>>>, Error> {
        let mut context: Vec<Option<Value<'r>>> = vec![None; table.columns.len()];
        for &id in &table.context {
            let value = match (self.values.get(id), parts.columns().get(id), table.columns.get(id)) {
                (Some(Some(value)), _, _) => value.clone(),
                (_, Some(Some(Some(stored))), Some(column)) => Some(Value::read_stored(&known_type(column)?, stored)?),
                (_, Some(Some(None)), _) => None,
                _ => return Err(Error::Protocol("a locked row came without its context")),
            };
            if let Some(place) = context.get_mut(id) {
                *place = value;
            }
        }
        Ok(context)
    }

    /// The signature of the row as it will be, and what the guard compares.
    #[allow(clippy::type_complexity, reason = "the two fields of a new row")]
    fn sign(
        &self,
        table: &Table,
        set: &SignatureSet,
        parts: &Parts<'_>,
        cells: &[Option<Vec<u8>>],
        keys: &dyn KeySource,
    ) -> Result<(Option<Vec<u8>>, Option<[u8; 32]>), Error> {
        let mut columns = parts.columns().to_vec();
        for (id, place) in columns.iter_mut().enumerate() {
            if let Some(index) = self.cells.iter().position(|&column| column == id) {
                *place = cells.get(index).map(|cell| cell.as_deref());
            } else if let Some(Some(stored)) = self.stored.get(id) {
                *place = Some(stored.as_deref());
            }
        }
        let mut tags = parts.tags().to_vec();
        for (place, tag) in tags.iter_mut().zip(&self.tags) {
            if let Some(tag) = tag {
                *place = Some(tag.as_ref().map(<[u8; 16]>::as_slice));
            }
        }
        let signature = row::sign_row(table, keys, &StoredRow { columns: &columns, tags: &tags, signature: None })?;
        let guard = table.write_guard.then(|| {
            let fields = set.columns.iter().map(|&id| columns.get(id)).chain(set.beacons.iter().map(|&b| tags.get(b)));
            digest(fields.map(|field| field.copied().flatten().flatten()).chain([Some(signature.as_slice())]))
        });
        Ok((Some(signature), guard))
    }

    pub(super) fn rows(&self) -> &[NewRow] {
        &self.rows
    }

    pub(super) fn cells(&self) -> &[ColumnId] {
        &self.cells
    }

    /// The rows, which are not here any more then.
    pub(super) fn take_rows(&mut self) -> Vec<NewRow> {
        std::mem::take(&mut self.rows)
    }

    /// Likewise what every row gets alike.
    pub(super) fn take_assigned(&mut self) -> Vec<Assigned> {
        std::mem::take(&mut self.assigned)
    }

    /// The assigned tags: index of the beacon and the tag.
    pub(super) fn tags(&self) -> impl Iterator<Item = (usize, Option<[u8; 16]>)> + '_ {
        self.tags.iter().enumerate().filter_map(|(index, tag)| tag.map(|tag| (index, tag)))
    }
}

/// SHA-256 over `i32 length ‖ bytes` a field, -1 for NULL; [`update`] has the same in SQL. A hash keeps the statement
/// small; it protects against accidents, not against the server (CELL-8).
fn digest<'f>(fields: impl Iterator<Item = Option<&'f [u8]>>) -> [u8; 32] {
    let mut hash = Sha256::new();
    let mut framed = Vec::new();
    for field in fields {
        framed.clear();
        match field {
            None => framed.extend_from_slice(&(-1_i32).to_be_bytes()),
            Some(bytes) => put_u32_part(&mut framed, bytes),
        }
        hash.update(&framed);
    }
    hash.finalize().into()
}

/// An assigned column that is not protected and has a type of which no value is read here: only an untyped constant,
/// which the server reads as it would have read it in the client's text.
fn unread(id: ColumnId, input: &Input, column: &Column, settings: &Settings) -> Result<Assigned, Error> {
    let bytes = match input {
        Input::Null => None,
        Input::Literal { literal: Literal::Untyped(text), .. } => {
            Some(settings.encoding.encode(text).map_err(value::Error::from)?.into_owned())
        }
        Input::Param { .. } | Input::Literal { .. } | Input::Stored(_) | Input::Fetched(_) => {
            return Err(known_type(column).err().unwrap_or(Error::Protocol("a value of an unread type")));
        }
    };
    Ok(Assigned { column: id, oid: 0, format: Format::Text, bytes })
}

fn too_much(what: String) -> Error {
    Error::Refused(
        Refusal::error(SqlState::PROGRAM_LIMIT_EXCEEDED, format!("this UPDATE would sign {what} in one statement"))
            .hint("update in portions"),
    )
}
