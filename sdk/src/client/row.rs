//! A row in logical types.

use std::any::type_name;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use tokio_postgres::types::{FromSql, Type, WasNull};

use super::{Error, params};
use crate::framing::Malformed;

/// A column of a result, in logical terms: a sealed column has the type that the schema file gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub(super) name: String,
    pub(super) ty: Type,
    pub(super) table_oid: Option<u32>,
    pub(super) column_id: Option<i16>,
    pub(super) type_modifier: i32,
}

impl Column {
    /// Its name in the result.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its logical type.
    pub fn type_(&self) -> &Type {
        &self.ty
    }

    /// The table that it is a column of, if it is a column and no expression.
    pub fn table_oid(&self) -> Option<u32> {
        self.table_oid
    }

    /// Its number in that table (`pg_attribute.attnum`).
    pub fn column_id(&self) -> Option<i16> {
        self.column_id
    }

    /// The modifier of its logical type (`pg_attribute.atttypmod`), -1 for none.
    pub fn type_modifier(&self) -> i32 {
        self.type_modifier
    }
}

/// A row of a result, opened and verified.
///
/// Values are read with postgres-types' `FromSql`, so every Rust type that tokio-postgres reads can be read here, with
/// the features of the same names (`with-uuid-1`, `with-chrono-0_4`, …).
///
#[cfg_attr(feature = "testing", doc = "```")]
#[cfg_attr(not(feature = "testing"), doc = "```ignore")]
#[doc = include_str!("doctest.txt")]
/// # example(async |client| {
/// let row = client.query_one("SELECT id, diagnosis FROM patient WHERE id = $1", &[&7_i64]).await?;
/// assert_eq!((row.get::<_, i64>(0), row.get::<_, &str>("diagnosis")), (7, "J45.1"));
/// assert_eq!(row.columns()[1].type_(), &tokio_postgres::types::Type::TEXT); // bytea for the server
/// assert!(row.try_get::<_, i32>("diagnosis").is_err());
/// # Ok(())
/// # });
/// ```
#[derive(Clone)]
pub struct Row {
    columns: Arc<[Column]>,
    body: Body,
}

/// The values of a row.
#[derive(Clone)]
enum Body {
    /// They are the server's own, in the application's columns.
    Forwarded(tokio_postgres::Row),
    /// They were opened.
    Opened {
        bytes: Vec<u8>,
        /// Where each value stands in `bytes`; `None` is NULL. As many as there are columns.
        values: Vec<Option<Range<usize>>>,
    },
}

impl Row {
    /// A row that goes on as it is.
    pub(super) fn forwarded(columns: &Arc<[Column]>, row: tokio_postgres::Row) -> Self {
        Self { columns: Arc::clone(columns), body: Body::Forwarded(row) }
    }

    /// From what an [`Opener`](crate::exec::outputs::Opener) appends, in PostgreSQL's binary format, and where in it each
    /// value stands.
    ///
    /// # Errors
    /// Another number of values than columns.
    pub(super) fn opened(
        columns: &Arc<[Column]>,
        bytes: Vec<u8>,
        values: Vec<Option<Range<usize>>>,
    ) -> Result<Self, Malformed> {
        if values.len() != columns.len() {
            return Err(Malformed("a row with another number of columns than its statement"));
        }
        Ok(Self { columns: Arc::clone(columns), body: Body::Opened { bytes, values } })
    }

    /// The columns, in their order.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// How many columns there are.
    pub fn len(&self) -> usize {
        self.columns.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// The value of a column, by name or by position from 0. A name is looked for as it is written, then without regard
    /// to the case of ASCII letters; of two columns of one name the first counts.
    ///
    /// # Errors
    /// No such column, a Rust type that does not take the column's type, NULL for what is no `Option`, a value that the
    /// Rust type does not hold.
    ///
    /// ```
    /// use pgseal::client::{Error, Row};
    ///
    /// fn owner(row: &Row) -> Result<(i64, Option<&str>), Error> {
    ///     Ok((row.try_get("id")?, row.try_get("owner")?))
    /// }
    /// ```
    pub fn try_get<'a, I, T>(&'a self, index: I) -> Result<T, Error>
    where
        I: RowIndex + fmt::Display,
        T: FromSql<'a>,
    {
        let at = index.position_in(&self.columns);
        let (at, column) = at
            .and_then(|at| Some((at, self.columns.get(at)?)))
            .ok_or_else(|| Error::NoColumn { column: index.to_string() })?;
        let wrong = |problem| Error::Column {
            column: column.name.clone(),
            ty: column.ty.clone(),
            rust: type_name::<T>(),
            problem,
        };
        if !T::accepts(&column.ty) {
            return Err(wrong("the types do not fit"));
        }
        // What the conversion itself says may hold the value.
        T::from_sql_nullable(&column.ty, self.bytes(at)).map_err(|error| {
            wrong(if error.is::<WasNull>() { "it is NULL" } else { "the Rust type does not hold this value" })
        })
    }

    /// As [`Row::try_get`], for tests and scripts: a service calls that one.
    ///
    /// # Panics
    /// Where [`Row::try_get`] has an error; the message is that error's, without a value.
    // Drop-in for tokio-postgres' method of this name, whose callers expect it; it is the caller who picks the column
    // and the type, so no input can choose to trip it.
    #[expect(clippy::panic, reason = "the documented contract of tokio-postgres' Row::get")]
    #[track_caller]
    pub fn get<'a, I, T>(&'a self, index: I) -> T
    where
        I: RowIndex + fmt::Display,
        T: FromSql<'a>,
    {
        match self.try_get(index) {
            Ok(value) => value,
            Err(error) => panic!("{error}"),
        }
    }

    /// The bytes of a column in PostgreSQL's binary format; `None` for NULL.
    pub(super) fn bytes(&self, at: usize) -> Option<&[u8]> {
        match &self.body {
            // It has the columns that were described with its statement, and any of them can be read as bytes.
            Body::Forwarded(row) => params::column(row, at).ok().flatten(),
            Body::Opened { bytes, values } => bytes.get(values.get(at)?.clone()?),
        }
    }
}

/// Columns only: no value reaches a log by way of a row.
impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Row").field("columns", &self.columns).finish_non_exhaustive()
    }
}

/// A column by position from 0 (`usize`), or by name (`str`). Nothing else can be one.
pub trait RowIndex: sealed::Find {}

impl RowIndex for usize {}
impl RowIndex for str {}
impl RowIndex for String {}
impl<T: RowIndex + ?Sized> RowIndex for &T {}

mod sealed {
    use super::Column;

    pub trait Find {
        /// Its position.
        fn position_in(&self, columns: &[Column]) -> Option<usize>;
    }

    impl Find for usize {
        fn position_in(&self, columns: &[Column]) -> Option<usize> {
            Some(*self).filter(|at| *at < columns.len())
        }
    }

    impl Find for str {
        fn position_in(&self, columns: &[Column]) -> Option<usize> {
            let exact = columns.iter().position(|column| column.name == self);
            exact.or_else(|| columns.iter().position(|column| column.name.eq_ignore_ascii_case(self)))
        }
    }

    impl Find for String {
        fn position_in(&self, columns: &[Column]) -> Option<usize> {
            self.as_str().position_in(columns)
        }
    }

    impl<T: Find + ?Sized> Find for &T {
        fn position_in(&self, columns: &[Column]) -> Option<usize> {
            T::position_in(self, columns)
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
