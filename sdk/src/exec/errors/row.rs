//! DETAIL of a failing row (`ExecBuildSlotValueDescription`, execMain.c): columns in the clear as the server prints them,
//! sealed ones in the values that the client sent, helpers left out (SQL-56).
//!
//! The values are not quoted. What they belong to is told by their number and by what a cell, a tag and a signature look
//! like. Where that is not certain, or a cell was not sent with this statement, there is no detail.

use std::ptr;

use super::detail::tag;
use super::tables;
use super::values::ClientValues;
use crate::schema::names::SIGNATURE;
use crate::schema::{ColumnId, Table};
use crate::sql::{Plan, WriteRow};

/// A column of the physical row.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Place {
    Clear(ColumnId),
    Sealed(ColumnId),
    /// Of this beacon; of which one is not known without a list.
    Tag(Option<usize>),
    Signature,
}

/// What the server prints for NULL.
const NULL: &str = "null";

/// The first bytes of a cell (CELL-1), as bytea is printed.
const CELL: &str = "\\x01";

/// Types whose values look like cells and tags.
const BYTEA: u32 = 17;
const UUID: u32 = 2950;

/// What the client may see of a row of the table of this schema and name.
pub(super) fn told(text: &str, of: (&str, &str), plan: &Plan, sent: Option<ClientValues<'_>>) -> Option<String> {
    let table = tables(plan).find(|table| (&*table.relation.schema, &*table.relation.name) == of)?;
    let (open, close) = (text.find('(')? + 1, text.rfind(')')?);
    let row = text.get(open..close)?;
    let (before, after) = (text.get(..open)?, text.get(close..)?);
    // Who may not read the whole table is shown names of columns too.
    let listed = row.split_once(") = (").and_then(|(names, values)| Some((listed(names, table)?, values)));
    let (places, values) = match &listed {
        Some((places, values)) => (places.clone(), *values),
        None => (all(table), row),
    };
    let values: Vec<&str> = values.split(", ").collect();
    if values.len() != places.len() {
        return None;
    }
    let pairs: Vec<(Place, &str)> = places.into_iter().zip(values).collect();
    if !pairs.iter().all(|(place, value)| place.looks_like(value)) {
        return None;
    }
    if listed.is_some() && pairs.iter().any(|(place, value)| may_be_forged(*place, value, row, table)) {
        return None;
    }
    // Helpers stand behind all columns only if none was added or dropped since; a tag that is the right one says so too.
    let certain = listed.is_some() || has_all_numbers(table);
    let shown = if pairs.iter().any(|(place, value)| matches!(place, Place::Sealed(_)) && *value != NULL) {
        written(&pairs, table, plan, sent?, certain)?
    } else if certain {
        pairs.iter().filter(|(place, _)| place.is_logical()).map(|(_, value)| (*value).to_owned()).collect()
    } else {
        return None;
    };
    let names = match &listed {
        Some(_) => {
            let columns = pairs.iter().filter_map(|(place, _)| table.columns.get(place.column()?));
            [columns.map(|column| &*column.name).collect::<Vec<_>>().join(", "), ") = (".to_owned()].concat()
        }
        None => String::new(),
    };
    Some([before, &names, &shown.join(", "), after].concat())
}

/// What a row that the statement writes is to the row that failed.
enum Candidate {
    /// It may be that one, with these values.
    This(Vec<String>),
    Another,
    /// Not all that would tell is at hand.
    Unknown,
}

/// Values of the one row that the statement writes and that this can be.
fn written(
    pairs: &[(Place, &str)],
    table: &Table,
    plan: &Plan,
    sent: ClientValues<'_>,
    certain: bool,
) -> Option<Vec<String>> {
    let mut told = None;
    for row in plan.rows.iter().filter(|row| ptr::eq(&*row.table, table)) {
        match (candidate(pairs, row, sent, certain), &told) {
            (Candidate::This(values), None) => told = Some(values),
            (Candidate::This(values), Some(first)) if values == *first => {}
            (Candidate::Another, _) => {}
            (Candidate::This(_) | Candidate::Unknown, _) => return None,
        }
    }
    told
}

/// Whether the physical row can be this one.
fn candidate(pairs: &[(Place, &str)], row: &WriteRow, sent: ClientValues<'_>, mut certain: bool) -> Candidate {
    let (mut told, mut unknown) = (Vec::new(), false);
    for (place, value) in pairs {
        match place {
            Place::Clear(_) => told.push((*value).to_owned()),
            Place::Sealed(id) => match sent.assigned(row, *id) {
                Some(Some(own)) if *value != NULL => told.push(clipped(own)),
                None | Some(None) if *value == NULL => told.push(NULL.to_owned()),
                None => unknown = true,
                Some(_) => return Candidate::Another,
            },
            Place::Tag(_) if *value == NULL => {}
            Place::Tag(beacon) => {
                let beacons = beacon.map_or(0..row.table.beacons.len(), |beacon| beacon..beacon + 1);
                let mut known = beacons.map(|beacon| sent.has_tag(row, beacon, &tag(value)?));
                match known.clone().any(|has| has == Some(true)) {
                    true => certain = true,
                    false if known.any(|has| has.is_none()) => unknown = true,
                    false => return Candidate::Another,
                }
            }
            Place::Signature => {}
        }
    }
    if certain && !unknown { Candidate::This(told) } else { Candidate::Unknown }
}

impl Place {
    fn of(name: &str, table: &Table) -> Option<Self> {
        let column = table.columns.iter().position(|column| column.name == name);
        let tag = || table.beacons.iter().position(|beacon| beacon.helper == name);
        match column {
            Some(id) => Self::of_column(id, table),
            None if name == SIGNATURE => Some(Self::Signature),
            None => tag().map(|beacon| Self::Tag(Some(beacon))),
        }
    }

    fn of_column(id: ColumnId, table: &Table) -> Option<Self> {
        let sealed = table.columns.get(id)?.is_sealed();
        Some(if sealed { Self::Sealed(id) } else { Self::Clear(id) })
    }

    fn column(self) -> Option<ColumnId> {
        match self {
            Self::Clear(id) | Self::Sealed(id) => Some(id),
            Self::Tag(_) | Self::Signature => None,
        }
    }

    fn looks_like(self, value: &str) -> bool {
        match self {
            Self::Clear(_) => true,
            Self::Sealed(_) | Self::Signature => value == NULL || value.starts_with(CELL),
            Self::Tag(_) => value == NULL || tag(value).is_some(),
        }
    }

    fn is_logical(self) -> bool {
        self.column().is_some()
    }
}

/// The columns of a list, which the server does not quote. `None` if it names one twice, or what is none.
fn listed(names: &str, table: &Table) -> Option<Vec<Place>> {
    let mut places = Vec::new();
    for name in names.split(", ") {
        let place = Place::of(name, table).filter(|place| !places.contains(place))?;
        places.push(place);
    }
    Some(places)
}

/// Whether what a listed row shows in a column in the clear may be a cell or a tag: a value that holds what separates names
/// from values makes a row without a list look as if it had one.
fn may_be_forged(place: Place, value: &str, row: &str, table: &Table) -> bool {
    let Place::Clear(id) = place else { return false };
    if !value.starts_with(CELL) && tag(value).is_none() {
        return false;
    }
    let column = table.columns.get(id);
    let is_own = column.is_some_and(|column| matches!(column.type_oid, BYTEA | UUID));
    // As the server would print it without a list, its helpers at the end.
    let (places, values) = (all(table), row.rsplit(", "));
    let fits = values.clone().count() >= places.len();
    let helpers = places.iter().rev().take_while(|place| !place.is_logical());
    let ends = helpers.zip(values).all(|(place, value)| place.looks_like(value));
    !is_own || fits && (ends || !has_all_numbers(table))
}

/// Every column, in the order of their numbers; helpers behind them.
fn all(table: &Table) -> Vec<Place> {
    let mut ids: Vec<ColumnId> = (0..table.columns.len()).collect();
    ids.sort_by_key(|id| table.columns.get(*id).map(|column| column.attnum));
    let columns = ids.into_iter().filter_map(|id| Place::of_column(id, table));
    let tags = table.beacons.iter().map(|_| Place::Tag(None));
    columns.chain(tags).chain(table.signature.as_ref().map(|_| Place::Signature)).collect()
}

/// No column was dropped, nor added behind a helper.
fn has_all_numbers(table: &Table) -> bool {
    let last = table.columns.iter().map(|column| column.attnum).max();
    last.is_some_and(|last| usize::try_from(last) == Ok(table.columns.len()))
}

/// As the server prints a value of more than 64 bytes (`pg_mbcliplen`, mbutils.c). It counts them in the database's
/// encoding: in one that is not UTF8 it cuts elsewhere.
fn clipped(mut value: String) -> String {
    const MOST: usize = 64;
    if value.len() > MOST {
        let end = (0..=MOST).rev().find(|end| value.is_char_boundary(*end)).unwrap_or(0);
        value.truncate(end);
        value.push_str("...");
    }
    value
}
