//! Schema and lock resolved into what planner, sealer and proxy read: tables by name, columns by position.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::{Action, Dependents, Meanings, Namesakes};
use crate::value::Type;

/// A schema-qualified physical name, as the catalog spells it (no quotes, case kept).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
pub struct Relation {
    /// `pg_namespace.nspname`
    pub schema: String,
    /// `pg_class.relname`
    pub name: String,
}

/// Index into [`Table::columns`]: the logical position, helpers not counted.
pub type ColumnId = usize;

/// Everything that is protected in one database. Immutable; a new lock makes a new one.
#[derive(Debug, Clone, Default)]
pub struct Protection {
    /// Changes whenever anything in here does: part of every plan-cache key (SQL-12).
    pub epoch: u64,
    /// The tables of the schema file that are applied, by no particular order.
    pub tables: Vec<Arc<Table>>,
    /// From the last part of a name (as the catalog spells it, at most 63 bytes) to the table: any relation of that
    /// name in any schema is the protected one, or the statement is refused (CAT-3).
    pub by_name: HashMap<String, usize>,
    /// Tables of the schema file that are not applied, by the last part of their name: every statement that names one is
    /// refused, 55000, wherever the table is and whether it exists (CAT-3).
    pub pending: BTreeMap<String, Relation>,
    /// Tables that drifted from the lock, with the reason: every statement that names one is refused, 55000 (CAT-5).
    pub drifted: BTreeMap<String, String>,
    /// Every other object whose mention makes a statement touch a protected one: what depends on one or names it
    /// (SQL-5, SQL-13, SQL-65).
    pub dependents: Dependents,
    /// Relations that share a protected table's last name and are declared harmless.
    pub unprotected: BTreeSet<Relation>,
    /// Which other relations have the name of a protected one, as the catalog was last seen. They decide nothing before
    /// a path is held against them, so they are no part of the epoch.
    pub namesakes: Arc<Namesakes>,
    /// What unqualified names mean in the session that this is for (SQL-63); empty: the protected tables.
    pub meanings: Meanings,
}

/// One protected table.
#[derive(Debug)]
pub struct Table {
    /// Fixed for life: it is authenticated (KEY-4).
    pub logical: String,
    /// Where it is today; spliced in for every mention (CAT-4).
    pub relation: Relation,
    /// Id of its branch key, and of its beacon key.
    pub branch_key: String,
    /// The current signature set, if the table has a row signature.
    pub signature: Option<SignatureSet>,
    /// Older sets that readers still accept, newest first (SIG-3).
    pub older_sets: Vec<SignatureSet>,
    /// The logical columns in their logical order.
    pub columns: Vec<Column>,
    /// Exact beacons, at most one a column in this version.
    pub beacons: Vec<Beacon>,
    /// The primary key's columns.
    pub primary_key: Vec<ColumnId>,
    /// The SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT columns, ordered by the bytes of their logical names (CELL-5).
    pub context: Vec<ColumnId>,
    /// A write of a signed row checks inside the statement that the row holds what was signed (CELL-8).
    pub write_guard: bool,
    /// The lock lists a BEFORE row trigger: a write may legally report no row (SIG-6).
    pub before_row_trigger: bool,
}

/// One logical column of a protected table.
#[derive(Debug)]
pub struct Column {
    /// Fixed for life: it is authenticated (KEY-4).
    pub logical: String,
    /// The physical name today, which clients use too.
    pub name: String,
    /// What happens to it.
    pub action: Action,
    /// Its logical type, where this version knows it: always for sealed, signed and context columns.
    pub ty: Option<Type>,
    /// Logical `pg_type.oid`.
    pub type_oid: u32,
    /// Logical `pg_attribute.atttypmod`.
    pub typmod: i32,
    /// Logical `pg_type.typlen`.
    pub typlen: i16,
    /// Its collation, if it is not the type's own: different texts may be equal under it.
    pub collation: Option<String>,
    /// Physical `pg_attribute.attnum`.
    pub attnum: i16,
    /// Declared NOT NULL; for a sealed column the proxy enforces it too (SQL-22).
    pub not_null: bool,
    /// What an INSERT that leaves it out means.
    pub default: ColumnDefault,
    /// Length to whose multiple the plaintext of the cell is padded, in bytes (CELL-3).
    pub pad: Option<u32>,
}

/// The default of a column, as the lock has it.
#[derive(Debug, Clone, PartialEq)]
pub enum ColumnDefault {
    /// NULL.
    Null,
    /// A constant, in the stored form S; the codec applies it (SQL-22).
    Constant(Vec<u8>),
    /// An expression that only the server can compute (sequence, now(), …), as `pg_get_expr` prints it. Never for a
    /// sealed column.
    Server(String),
    /// GENERATED … AS IDENTITY over this sequence; `always` needs OVERRIDING SYSTEM VALUE.
    Identity {
        /// GENERATED ALWAYS
        always: bool,
        /// The sequence behind it.
        sequence: Relation,
    },
    /// A stored generated column: never written. Never for a protected column.
    Generated,
}

/// One exact beacon (BCN-2).
#[derive(Debug)]
pub struct Beacon {
    /// The beacon's full name in the key derivation (BCN-1).
    pub full_name: String,
    /// The column it makes searchable.
    pub column: ColumnId,
    /// The helper column that holds it.
    pub helper: String,
}

/// Which columns a row signature covers (SIG-3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureSet {
    /// Counts from 1 per table, never reused.
    pub id: u32,
    /// The suite that rows of this set are signed with; never taken from the row.
    pub suite: Suite,
    /// The signed columns, ordered by the bytes of their logical names.
    pub columns: Vec<ColumnId>,
    /// The covered beacons (indexes into [`Table::beacons`]), ordered by full name.
    pub beacons: Vec<usize>,
}

/// Signature suites of this version (SIG-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Suite {
    /// HMAC-SHA-384, 48 bytes.
    HmacSha384 = 0x01,
}

impl Protection {
    /// The protected table that a relation of this last name is.
    pub fn table(&self, last_name: &str) -> Option<&Arc<Table>> {
        self.by_name.get(last_name).map(|&index| &self.tables[index])
    }

    /// Whether nothing is protected: then every statement is forwarded unread.
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty() && self.pending.is_empty()
    }
}

impl Table {
    /// The column of this physical name.
    pub fn column(&self, name: &str) -> Option<(ColumnId, &Column)> {
        self.columns.iter().enumerate().find(|(_, column)| column.name == name)
    }

    /// The exact beacon of a column.
    pub fn beacon(&self, column: ColumnId) -> Option<(usize, &Beacon)> {
        self.beacons.iter().enumerate().find(|(_, beacon)| beacon.column == column)
    }
}

impl Column {
    /// Whether the column holds cells.
    pub fn is_sealed(&self) -> bool {
        self.action == Action::ENCRYPT_AND_SIGN
    }

    /// Whether the row signature covers it.
    pub fn is_signed(&self) -> bool {
        self.action != Action::DO_NOTHING
    }

    /// Whether it is part of the encryption context.
    pub fn is_context(&self) -> bool {
        self.action == Action::SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT
    }
}
