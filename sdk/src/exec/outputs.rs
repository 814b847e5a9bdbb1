//! From a physical row to the logical one: open, verify, render, drop the hidden columns.

use super::Error;
use crate::keys::KeySource;
use crate::sql::RowShape;
use crate::value::{Format, Settings};

/// The formats in which the server is asked for a plan's columns: cells, tags and S forms in binary, the client's own
/// choice for what passes. `client` has one entry per logical column.
pub fn physical_formats(shape: &RowShape, client: &[Format]) -> Vec<Format> {
    let _ = (shape, client);
    todo!()
}

/// Turns physical rows of one result into logical ones. Keeps its buffers from row to row.
pub struct Opener<'p> {
    shape: &'p RowShape,
    physical: Vec<Format>,
    client: Vec<Format>,
    scratch: Vec<u8>,
}

impl<'p> Opener<'p> {
    /// `physical`: formats of the server's columns (all text in a simple query). `client`: one per logical column.
    pub fn new(shape: &'p RowShape, physical: Vec<Format>, client: Vec<Format>) -> Self {
        Self { shape, physical, client, scratch: Vec::new() }
    }

    /// Opens and verifies one row; appends to `out`, per logical column, `i32 length ‖ bytes` or -1, as in the body
    /// of a DataRow after its column count.
    pub fn row(
        &mut self,
        row: &[Option<&[u8]>],
        keys: &dyn KeySource,
        settings: &Settings,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let _ = (row, keys, settings, out, self.shape, &self.physical, &self.client, &mut self.scratch);
        todo!()
    }
}
