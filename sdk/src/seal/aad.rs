//! Associated data of a cell (CELL-4) and the encryption context of a row (CELL-5).

use crate::framing::{put_u16_part, put_u32_part};
use crate::keys::BranchKey;
use crate::value::Family;

/// One column of the encryption context.
pub struct ContextPart<'a> {
    /// The logical name.
    pub name: &'a str,
    /// The family of E (numeric counts as an integer there).
    pub family: Family,
    /// E of the value, which is never NULL.
    pub equality: &'a [u8],
}

/// The encryption context of a row without tenant. `parts` stand in byte order of their names.
pub fn context(parts: &[ContextPart<'_>]) -> Vec<u8> {
    let mut context = Context::new(parts.len());
    for part in parts {
        context.start(part.name, part.family).extend_from_slice(part.equality);
    }
    context.finish()
}

/// Writes a context: u16 count, then per column u16 len, name, u16 family, u32 len, E; then u16 len, tenant.
pub(super) struct Context {
    bytes: Vec<u8>,
    /// Where the E that is being written starts, which is where its length ends.
    open: Option<usize>,
}

impl Context {
    /// Of so many columns, which follow in byte order of their names.
    pub(super) fn new(columns: usize) -> Self {
        // Room for associated data too, which is made around it.
        let mut bytes = Vec::with_capacity(256);
        // PostgreSQL allows 1600 columns.
        bytes.extend_from_slice(&(columns as u16).to_be_bytes());
        Self { bytes, open: None }
    }

    /// Starts a column, whose E the caller appends.
    pub(super) fn start(&mut self, name: &str, family: Family) -> &mut Vec<u8> {
        self.close();
        put_u16_part(&mut self.bytes, name.as_bytes());
        self.bytes.extend_from_slice(&family.0.to_be_bytes());
        put_u32_part(&mut self.bytes, b"");
        self.open = Some(self.bytes.len());
        &mut self.bytes
    }

    /// Now the length of the last E is known.
    fn close(&mut self) {
        if let Some(start) = self.open.take() {
            let len = u32::try_from(self.bytes.len() - start).unwrap_or(u32::MAX);
            self.bytes[start - 4..start].copy_from_slice(&len.to_be_bytes());
        }
    }

    /// The whole.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.close();
        // Keys per tenant are not in this version.
        put_u16_part(&mut self.bytes, b"");
        self.bytes
    }
}

/// Where a cell stands.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// The version of its key: its id and UUID are part of the associated data, its reference of the header.
    pub key: &'a BranchKey,
    /// The logical table.
    pub table: &'a str,
    /// The logical column.
    pub column: &'a str,
    /// The family of S.
    pub family: Family,
    /// The encryption context of its row.
    pub context: &'a [u8],
}

impl Place<'_> {
    /// The associated data of a cell with this format version: eight parts, each u32-length-prefixed.
    pub fn associated(&self, version: u8) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(256 + self.context.len());
        put_head(&mut bytes, version, self.key, self.table);
        put_column(&mut bytes, self.column, self.family);
        put_u32_part(&mut bytes, self.context);
        bytes
    }
}

/// Associated data of the cells of one row: what they have in common is written once.
pub(super) struct Associated {
    /// Context ‖ what all cells begin with ‖ what the last one went on with.
    bytes: Vec<u8>,
    /// Length of the context.
    context: usize,
    /// Where the part of a single cell starts.
    cell: usize,
}

impl Associated {
    /// For cells of this format version, key, table and context.
    pub(super) fn new(version: u8, key: &BranchKey, table: &str, context: Vec<u8>) -> Self {
        let len = context.len();
        let mut bytes = context;
        put_head(&mut bytes, version, key, table);
        let cell = bytes.len();
        Self { bytes, context: len, cell }
    }

    /// The associated data of the cell of one column.
    pub(super) fn of(&mut self, column: &str, family: Family) -> &[u8] {
        self.bytes.truncate(self.cell);
        put_column(&mut self.bytes, column, family);
        let len = u32::try_from(self.context).unwrap_or(u32::MAX);
        self.bytes.extend_from_slice(&len.to_be_bytes());
        self.bytes.extend_from_within(..self.context);
        &self.bytes[self.context..]
    }
}

/// The five parts that the cells of one table and key version have in common.
fn put_head(bytes: &mut Vec<u8>, version: u8, key: &BranchKey, table: &str) {
    let mut header = [version; 9];
    header[1..].copy_from_slice(&key.key_ref().0);
    let parts: [&[u8]; 5] = [b"pgseal cell", &header, key.id().as_bytes(), &key.version().0, table.as_bytes()];
    parts.iter().for_each(|part| put_u32_part(bytes, part));
}

/// The two parts of a column.
fn put_column(bytes: &mut Vec<u8>, column: &str, family: Family) {
    put_u32_part(bytes, column.as_bytes());
    put_u32_part(bytes, &family.0.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::secret::Secret;
    use crate::keys::Uuid;

    #[test]
    fn what_the_cells_of_a_row_share_gives_the_associated_data_of_each_cell_4() {
        let key = BranchKey::new("cards".into(), Uuid([1; 16]), 1, 0, Secret::new([7; 32]));
        let equalities: [&[u8]; 2] = [b"", b"equality"];
        let parts = [0, 1].map(|at| ContextPart { name: ["a", "id"][at], family: Family(3), equality: equalities[at] });
        for parts in [&parts[..], &parts[1..], &[]] {
            let context = context(parts);
            let mut associated = Associated::new(1, &key, "card", context.clone());
            for (column, family) in [("pan", Family(3)), ("a longer name", Family(9)), ("", Family(15))] {
                let place = Place { key: &key, table: "card", column, family, context: &context };
                assert_eq!(associated.of(column, family), place.associated(1));
            }
        }
    }
}
