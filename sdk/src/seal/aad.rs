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

/// The encryption context of a row without tenant: u16 count, then per column u16 len, name, u16 family, u32 len,
/// E; then u16 len, tenant. `parts` stand in byte order of their names.
pub fn context(parts: &[ContextPart<'_>]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(64);
    // PostgreSQL allows 1600 columns.
    bytes.extend_from_slice(&(parts.len() as u16).to_be_bytes());
    for part in parts {
        put_u16_part(&mut bytes, part.name.as_bytes());
        bytes.extend_from_slice(&part.family.0.to_be_bytes());
        put_u32_part(&mut bytes, part.equality);
    }
    // Keys per tenant are not in this version.
    put_u16_part(&mut bytes, b"");
    bytes
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
        let mut bytes = Vec::with_capacity(128 + self.context.len());
        let mut header = [version; 9];
        header[1..].copy_from_slice(&self.key.key_ref().0);
        let parts: [&[u8]; 8] = [
            b"pgseal cell",
            &header,
            self.key.id().as_bytes(),
            &self.key.version().0,
            self.table.as_bytes(),
            self.column.as_bytes(),
            &self.family.0.to_be_bytes(),
            self.context,
        ];
        parts.iter().for_each(|part| put_u32_part(&mut bytes, part));
        bytes
    }
}
