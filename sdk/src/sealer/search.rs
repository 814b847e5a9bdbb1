//! Search tags for queries of the user's own.

use std::fmt;

use serde::Serialize;

use super::{Error, Sealer};
use crate::keys::Uuid;
use crate::record::problem::Problem;
use crate::record::ser;
use crate::schema::Table;
use crate::seal;
use crate::value::Settings;

/// What the helper column of a beacon holds for one value: equal for equal values, and nothing else is told of them.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SearchTag([u8; 16]);

impl SearchTag {
    /// The 16 bytes of the uuid.
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0
    }
}

impl From<SearchTag> for [u8; 16] {
    fn from(tag: SearchTag) -> Self {
        tag.0
    }
}

/// As PostgreSQL prints a uuid.
impl fmt::Display for SearchTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Uuid(self.0), f)
    }
}

impl fmt::Debug for SearchTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Sealer {
    /// The tag by which rows with this value are found: `SELECT … WHERE pgseal_eq_pan = $1`, with the tag as a uuid. The
    /// column is given by its physical name, the value as the column's field in a record; a modifier of the column does
    /// not round it (SQL-20). No I/O.
    ///
    /// The name of the helper column is [`Sealer::search_column`]'s.
    ///
    /// # Errors
    /// A column that the table lacks or that has no beacon, NULL (it equals nothing), a value that the column's type
    /// does not have.
    ///
    /// ```
    #[doc = include_str!("doctest.txt")]
    /// # block_on(async {
    /// # let sealer = sealer().await?;
    /// let tag = sealer.search_tag("patient", "diagnosis", "J45.1")?;
    /// let sealed = sealer.seal("patient", &Patient { id: 7, diagnosis: "J45.1".into() })?;
    /// assert_eq!(sealed.bytes(&sealer.search_column("patient", "diagnosis")?), Some(&tag.to_bytes()[..]));
    /// assert_eq!(tag.to_string().len(), 36);
    /// # Ok(())
    /// # })
    /// ```
    pub fn search_tag<T: Serialize + ?Sized>(&self, table: &str, column: &str, value: &T) -> Result<SearchTag, Error> {
        let table = &*self.table(table)?;
        let (id, index) = beacon(table, column)?;
        let column = table.columns.get(id).ok_or_else(|| no_beacon(table))?;
        let ty = column.ty.map(|ty| ty.unmodified());
        let value = ser::field(ty.as_ref(), &Settings::default(), value)
            .and_then(|value| value.ok_or(Problem::shape("NULL equals nothing and has no search tag")))
            .map_err(|problem| problem.of_field(table, column))?;
        Ok(SearchTag(seal::row::exact_tag(table, self.key_source(), index, &value)?))
    }

    /// The physical helper column that holds the tags of a column.
    ///
    /// # Errors
    /// A column that the table lacks or that has no beacon.
    ///
    /// ```
    #[doc = include_str!("doctest.txt")]
    /// # block_on(async {
    /// # let sealer = sealer().await?;
    /// assert_eq!(sealer.search_column("patient", "diagnosis")?, "pgseal_eq_diagnosis");
    /// assert!(sealer.search_column("patient", "id").is_err(), "it is not sealed");
    /// # Ok(())
    /// # })
    /// ```
    pub fn search_column(&self, table: &str, column: &str) -> Result<String, Error> {
        let table = &*self.table(table)?;
        let (_, index) = beacon(table, column)?;
        table.beacons.get(index).map(|beacon| beacon.helper.clone()).ok_or_else(|| no_beacon(table))
    }
}

/// The column of this name and its beacon, as indices.
fn beacon(table: &Table, column: &str) -> Result<(usize, usize), Error> {
    let Some(id) = table.columns.iter().position(|other| other.name == column) else {
        return Err(Problem::shape("it has no column of this name").of_record(table));
    };
    match table.beacons.iter().position(|beacon| beacon.column == id) {
        Some(index) => Ok((id, index)),
        None => Err(no_beacon(table)),
    }
}

fn no_beacon(table: &Table) -> Error {
    Problem::shape("the column has no beacon, so it cannot be searched").of_record(table)
}
