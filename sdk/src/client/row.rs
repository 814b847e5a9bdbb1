//! A row in logical types.

use std::ops::Range;
use std::sync::Arc;

use tokio_postgres::types::Type;

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

/// A row of a result, opened and verified.
pub struct Row {
    columns: Arc<[Column]>,
    body: Vec<u8>,
    /// Where each value stands in `body`; `None` is NULL.
    values: Vec<Option<Range<usize>>>,
}

impl Row {
    /// From what an [`Opener`](crate::exec::outputs::Opener) appends: `i32 length ‖ bytes` a column, -1 for NULL; the
    /// values are in PostgreSQL's binary format.
    pub(super) fn new(columns: &Arc<[Column]>, body: Vec<u8>) -> Result<Self, Malformed> {
        let _ = (columns, body);
        todo!()
    }
}

/// A column by position from 0, or by name.
pub trait RowIndex {}
