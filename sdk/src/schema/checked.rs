//! The schema file after `check`: only what this version does, every name resolved.

use std::collections::{BTreeMap, BTreeSet};

use super::model::{Action, RowSignature, Unlisted};
use super::problem::Place;
use super::protection::Relation;
use crate::value::Type;

/// A schema file, or a directory of them, parsed and checked.
#[derive(Debug, Clone, Default)]
pub struct Schema {
    /// What wraps branch keys.
    pub keyrings: BTreeMap<String, KeyringSpec>,
    /// Branch keys by id.
    pub branch_keys: BTreeMap<String, BranchKeySpec>,
    /// Protected tables, ordered by logical name.
    pub tables: Vec<TableSpec>,
    /// Relations that share a protected table's last name and are harmless (CAT-3).
    pub unprotected: BTreeSet<Relation>,
    /// How many files it was read from.
    pub files: usize,
}

/// One keyring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyringSpec {
    /// URI of the wrapping key that makes new keys; checked to be of this version.
    pub generator: String,
    /// URIs of further wrapping keys, any one of which opens.
    pub children: Vec<String>,
}

/// One branch key, and the beacon key of the same id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchKeySpec {
    /// Name of its keyring.
    pub keyring: String,
}

/// One protected table.
#[derive(Debug, Clone)]
pub struct TableSpec {
    /// Fixed for life.
    pub logical: String,
    /// Its name today.
    pub relation: Relation,
    /// Id of its branch key.
    pub branch_key: String,
    /// None or HMAC-SHA-384 in this version.
    pub row_signature: RowSignature,
    /// What a column means that is not listed.
    pub unlisted: Unlisted,
    /// Whether the encryption context must hold the whole primary key (CELL-7).
    pub bind_primary_key: bool,
    /// CELL-8.
    pub write_guard: bool,
    /// Columns by logical name.
    pub columns: BTreeMap<String, ColumnSpec>,
    /// Exact beacons.
    pub beacons: Vec<BeaconSpec>,
    /// Triggers that may stay.
    pub triggers: Vec<TriggerSpec>,
    /// Where it is declared.
    pub place: Place,
}

/// One listed column.
#[derive(Debug, Clone)]
pub struct ColumnSpec {
    /// Its physical name.
    pub name: String,
    /// What happens to it.
    pub action: Action,
    /// The logical type: always of a sealed column.
    pub ty: Option<Type>,
    /// Bytes to whose multiple the plaintext is padded.
    pub pad: Option<u32>,
    /// Where it is declared.
    pub place: Place,
}

/// One exact beacon.
#[derive(Debug, Clone)]
pub struct BeaconSpec {
    /// Its own name.
    pub name: String,
    /// Logical name of its column.
    pub column: String,
    /// Full name in the key derivation (BCN-1).
    pub full_name: String,
    /// Its helper column.
    pub helper: String,
    /// Where it is declared.
    pub place: Place,
}

/// One trigger that may stay.
#[derive(Debug, Clone)]
pub struct TriggerSpec {
    /// Its name.
    pub name: String,
    /// Physical names of the columns it may change.
    pub writes: Vec<String>,
}

impl Schema {
    /// The table of this logical name.
    pub fn table(&self, logical: &str) -> Option<&TableSpec> {
        self.tables.iter().find(|table| table.logical == logical)
    }
}

impl TableSpec {
    /// The listed column of this physical name, with its logical name.
    pub fn column_named(&self, name: &str) -> Option<(&str, &ColumnSpec)> {
        self.columns.iter().find(|(_, spec)| spec.name == name).map(|(logical, spec)| (logical.as_str(), spec))
    }

    /// The exact beacon of a column, by logical name.
    pub fn beacon_of(&self, column: &str) -> Option<&BeaconSpec> {
        self.beacons.iter().find(|beacon| beacon.column == column)
    }

    /// Whether its rows are signed.
    pub fn is_signed(&self) -> bool {
        self.row_signature != RowSignature::None
    }
}

impl ColumnSpec {
    /// Whether the column holds cells.
    pub fn is_sealed(&self) -> bool {
        self.action == Action::ENCRYPT_AND_SIGN
    }

    /// Whether it is sealed, signed or context.
    pub fn is_protected(&self) -> bool {
        self.action != Action::DO_NOTHING
    }
}
