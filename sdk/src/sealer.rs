//! The public face: seal and open one record with serde types, without SQL.
//!
//! A record is any type that serde sees as a map with string keys: a struct whose fields have the physical names of
//! the table's columns. [`Sealer::seal`] makes a [`SealedRecord`] of it, which is another type on purpose: nothing
//! that takes a plain record takes a sealed one, and the other way round. The proxy seals rows with the same code, so
//! a record that is stored column by column in the table can be read through the proxy.
//!
//! [`Sealer::open_many`] opens a batch, [`Sealer::search_tag`] makes what a query of the caller's own looks for. Where
//! the columns are only known at run time, a [`Record`] takes the place of a struct: [`Sealer::seal_record`] and
//! [`Sealer::open_record`].
//!
//! How a column's type looks to serde:
//!
//! | column | Rust side, for example |
//! |---|---|
//! | bool | `bool` |
//! | int2, int4, int8 | any integer |
//! | numeric | `String` (or a decimal type that serialises as one); integers are accepted, floats are not |
//! | float4, float8 | any float or integer |
//! | oid | `u32`, any integer |
//! | text, varchar, char(n), name | `String`; of a char(n) with its blanks |
//! | bytea | `Vec<u8>`, `[u8; N]`; a string is read as PostgreSQL's `\x…` |
//! | uuid | `String`, or a type that serialises as one |
//! | date, timestamp, timestamptz | `String`, ISO 8601; timestamptz is given back as RFC 3339 in UTC |
//! | time, timetz, inet, cidr, macaddr, macaddr8, bit, varbit, pg_lsn | `String`, PostgreSQL's text |
//! | an array of any of these | a sequence of what its elements are, `Option` for NULL; of one dimension |
//! | json, jsonb | anything that is not null |
//! | NULL | `Option<_>` |
//!
//! ```
//! # use std::sync::Arc;
//! # use pgseal::crypto::secret::Secret;
//! # use pgseal::keys::{create_key, keyring::raw::RawKeyring, store::memory::MemoryStore};
//! # use pgseal::schema::{Action, Column, ColumnDefault, Relation, SignatureSet, Suite, Table};
//! # use pgseal::value::Type;
//! # fn column(name: &str, action: Action, ty: Type) -> Column {
//! #     let (logical, name) = (name.into(), name.into());
//! #     let default = ColumnDefault::Null;
//! #     Column { logical, name, action, ty: Some(ty), type_oid: 0, typmod: -1, typlen: -1, attnum: 1, collation: None, not_null: true,
//! #              default, pad: None }
//! # }
//! # fn patients() -> Arc<Table> {
//! #     Arc::new(Table {
//! #         logical: "patient".into(),
//! #         relation: Relation { schema: "public".into(), name: "patient".into() },
//! #         branch_key: "patients".into(),
//! #         signature: Some(SignatureSet { id: 1, suite: Suite::HmacSha384, columns: vec![1, 0], beacons: vec![] }),
//! #         older_sets: vec![],
//! #         columns: vec![
//! #             column("id", Action::SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT, Type::Int8),
//! #             column("diagnosis", Action::ENCRYPT_AND_SIGN, Type::Text),
//! #         ],
//! #         beacons: vec![],
//! #         primary_key: vec![0],
//! #         context: vec![0],
//! #         write_guard: true,
//! #         before_row_trigger: false,
//! #     })
//! # }
//! use pgseal::sealer::Sealer;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize, PartialEq)]
//! struct Patient {
//!     id: i64,
//!     diagnosis: String,
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! # let keyring = Arc::new(RawKeyring::new(&Secret::new([1; 32])));
//! # let store = Arc::new(MemoryStore::new()?);
//! create_key("patients", &*keyring, &*store).await?; // once; `pgseal keys create` does the same
//! let sealer = Sealer::builder().table(patients()).keyring(keyring).store(store).build().await?;
//!
//! let patient = Patient { id: 7, diagnosis: "J45.1".into() };
//! let sealed = sealer.seal("patient", &patient)?;
//! assert!(sealer.open::<Patient>(&sealed)? == patient);
//!
//! // A cell that is moved to another record does not open there.
//! let mut moved = sealer.seal("patient", &Patient { id: 8, diagnosis: "none".into() })?;
//! moved.set_bytes("diagnosis", sealed.bytes("diagnosis"));
//! assert!(sealer.open::<Patient>(&moved).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod builder;
#[cfg(feature = "client")]
mod live;
mod many;
mod plain;
mod search;
#[cfg(feature = "client")]
mod status;
mod tables;

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use builder::{BuildError, Builder};
pub use many::NotOpened;
pub use plain::Record;
pub use search::SearchTag;
#[cfg(feature = "client")]
pub use status::{Refused, Status};
use tables::{Known, Tables};

use crate::keys::{self, KeyCache, KeySource, KeyStore};
use crate::record::cursor::Cursor;
pub use crate::record::{Error, Kind, SealedRecord};
use crate::record::{de, ser};
use crate::schema::Table;

/// Seals and opens records of the tables that it was built with. A handle: clones share keys and everything else.
#[derive(Clone)]
pub struct Sealer(Arc<Inner>);

struct Inner {
    tables: Arc<Tables>,
    keys: Arc<KeyCache>,
    store: Arc<dyn KeyStore>,
    /// What its clients share.
    #[cfg(feature = "client")]
    shared: Arc<crate::client::Shared>,
    /// Keeps keys and protection current.
    #[cfg(feature = "client")]
    watch: Option<live::Watch>,
}

impl Sealer {
    /// Starts one: see [`Builder`].
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Seals a record of a table, by the table's logical name. No I/O.
    ///
    /// # Errors
    /// A field that the table lacks, a missing or NULL field where the table demands one, a value that does not fit.
    ///
    /// ```
    #[doc = include_str!("sealer/doctest.txt")]
    /// # use pgseal::sealer::Kind;
    /// # block_on(async {
    /// # let sealer = sealer().await?;
    /// let sealed = sealer.seal("patient", &Patient { id: 7, diagnosis: "J45.1".into() })?;
    /// // What an INSERT writes: the id in clear, a cell, a search tag and a signature.
    /// let columns: Vec<&str> = sealed.columns().map(|(name, _)| name).collect();
    /// assert_eq!(columns, ["diagnosis", "id", "pgseal_eq_diagnosis", "pgseal_signature"]);
    ///
    /// // A field that is no column is not dropped in silence.
    /// let error = sealer.seal("patient", &serde_json::json!({"id": 7, "diagnosis": "J45.1", "age": 40})).err().unwrap();
    /// assert_eq!(error.kind(), Kind::Refused);
    /// # Ok(())
    /// # })
    /// ```
    pub fn seal<T: Serialize>(&self, table: &str, record: &T) -> Result<SealedRecord, Error> {
        let Known { table, names } = &*self.known(table)?;
        let values = ser::stored(table, record)?;
        SealedRecord::seal(table, names, self.key_source(), &values)
    }

    /// Verifies and opens a record. No I/O.
    ///
    /// # Errors
    /// [`Kind::Tampered`] unless every signed part is as it was sealed.
    ///
    /// ```
    #[doc = include_str!("sealer/doctest.txt")]
    /// # use pgseal::sealer::{Kind, SealedRecord};
    /// # block_on(async {
    /// # let sealer = sealer().await?;
    /// # let sealed = sealer.seal("patient", &Patient { id: 7, diagnosis: "J45.1".into() })?;
    /// // The columns of a row as they were read from the table.
    /// let read = sealed.columns().map(|(name, bytes)| (name.to_owned(), bytes.map(<[u8]>::to_vec)));
    /// let mut read = SealedRecord::from_columns("patient", read);
    /// assert_eq!(sealer.open::<Patient>(&read)?.diagnosis, "J45.1");
    ///
    /// read.set_bytes("id", Some(&8_i64.to_be_bytes()));
    /// assert_eq!(sealer.open::<Patient>(&read).err().unwrap().kind(), Kind::Tampered);
    /// # Ok(())
    /// # })
    /// ```
    pub fn open<T: DeserializeOwned>(&self, sealed: &SealedRecord) -> Result<T, Error> {
        let Known { table, names } = &*self.known(sealed.table())?;
        sealed.with_row(table, names, |row| de::record(table, Cursor::verified(table, self.key_source(), row)?))
    }

    /// Loads again the keys that are due: their time to live is 300 s, after which nothing is sealed until this was
    /// called. Call it from a task, at the times of [`Sealer::next_refresh`]; a sealer that was built over a pool
    /// (`Builder::pool`) has such a task. Returns the failures, for the log.
    ///
    /// ```
    #[doc = include_str!("sealer/doctest.txt")]
    /// # block_on(async {
    /// # let sealer = sealer().await?;
    /// // Keys that were loaded just now are not due yet.
    /// let due = sealer.next_refresh().ok_or("no keys")?;
    /// assert!(due > std::time::Instant::now());
    ///
    /// let failures = sealer.refresh().await;
    /// assert!(failures.is_empty());
    /// # Ok(())
    /// # })
    /// ```
    pub async fn refresh(&self) -> Vec<keys::Error> {
        self.0.keys.refresh(&*self.0.store).await
    }

    /// When [`Sealer::refresh`] has something to do next.
    pub fn next_refresh(&self) -> Option<Instant> {
        self.0.keys.next_refresh()
    }

    fn key_source(&self) -> &dyn KeySource {
        &*self.0.keys
    }

    fn table(&self, logical: &str) -> Result<Arc<Table>, Error> {
        Ok(Arc::clone(&self.known(logical)?.table))
    }

    fn known(&self, logical: &str) -> Result<Arc<Known>, Error> {
        self.0.tables.get(logical).ok_or_else(|| Error::UnknownTable(logical.to_owned()))
    }
}

/// Names of tables, and nothing of keys.
impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer").field("tables", &self.0.tables.names()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
