//! From a physical row to the logical one: open, verify, render, drop the hidden columns.

use std::sync::Arc;

use super::Error;
use crate::keys::KeySource;
use crate::sql::{Plan, RowShape};
use crate::value::{Format, Settings};

/// The formats in which the server is asked for a plan's columns: cells, tags and S forms in binary, the client's own
/// choice for what passes. `client` has one entry per logical column.
pub fn physical_formats(shape: &RowShape, client: &[Format]) -> Vec<Format> {
    let _ = (shape, client);
    todo!()
}

/// Whether this result, asked for in these formats, can only be read or rendered when `bytea_output` is known. `client`
/// has one entry per logical column, `physical` one per physical column.
pub fn depends_on_bytea_output(shape: &RowShape, physical: &[Format], client: &[Format]) -> bool {
    let _ = (shape, physical, client);
    todo!()
}

/// Refuses a result that cannot be rendered under these settings, before its statement is sent (SQL-12).
pub fn check(shape: &RowShape, physical: &[Format], client: &[Format], settings: &Settings) -> Result<(), Error> {
    let _ = (shape, physical, client, settings);
    todo!()
}

/// Turns physical rows of one result into logical ones. Keeps its buffers from row to row.
pub struct Opener {
    plan: Arc<Plan>,
    physical: Vec<Format>,
    client: Vec<Format>,
    scratch: Vec<u8>,
}

impl Opener {
    /// `physical`: formats of the server's columns (all text in a simple query). `client`: one per logical column.
    /// `None` for a plan whose client expects no rows.
    pub fn new(plan: &Arc<Plan>, physical: Vec<Format>, client: Vec<Format>) -> Option<Self> {
        plan.output.as_ref()?;
        Some(Self { plan: Arc::clone(plan), physical, client, scratch: Vec::new() })
    }

    /// How many columns the client's rows have.
    pub fn width(&self) -> usize {
        self.client.len()
    }

    /// Opens and verifies one row; appends to `out`, per logical column, `i32 length ‖ bytes` or -1, as in the body
    /// of a DataRow after its column count. On an error `out` is as it was.
    pub fn row(
        &mut self,
        row: &[Option<&[u8]>],
        keys: &dyn KeySource,
        settings: &Settings,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let _ = (row, keys, settings, out, &self.plan, &self.physical, &self.client, &mut self.scratch);
        todo!()
    }
}
