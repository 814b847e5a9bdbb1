//! The facts of the live catalog that matter: rows in, plain data out. Filled by `queries`, judged by others.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::schema::Relation;
use crate::schema::lock::Dependent;

/// What the database says of the relations that a schema file names.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Which database.
    pub database: Database,
    /// Relations by name; a table that does not exist is not here.
    pub tables: BTreeMap<Relation, Table>,
    /// Other relations that share the last part of a name (CAT-3).
    pub namesakes: Vec<Relation>,
    /// The tables of the key store are there.
    pub key_store: bool,
    /// Domains that are there in schema `pgseal`, each with the names of its checks.
    pub domains: BTreeMap<String, Vec<String>>,
    /// What depends on the tables or names one, as the lock has it (SQL-65).
    pub dependents: BTreeMap<String, Dependent>,
    /// What depends on the tables and is used without being named, as (what, why).
    pub blockers: Vec<(String, String)>,
}

/// Which database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Database {
    /// `current_database()`
    pub name: String,
    /// In decimal.
    pub system_identifier: String,
    /// `server_encoding`
    pub encoding: String,
    /// `server_version_num`
    pub version: i32,
}

/// One table. What is skipped here is no part of its digest (CAT-5).
#[derive(Debug, Clone, Default, Serialize)]
pub struct Table {
    /// `pg_class.oid`
    #[serde(skip)]
    pub oid: u32,
    /// r, p, v, m, f
    pub kind: String,
    /// p, u, t
    pub persistence: String,
    /// Whether it is a partition, or inherits.
    pub is_child: bool,
    /// Relations that inherit from it.
    pub children: Vec<Relation>,
    /// Row-level security is on.
    pub row_security: bool,
    /// In the order of their attnums, dropped ones left out.
    pub columns: Vec<Column>,
    /// Primary and unique keys, foreign keys, checks, exclusions.
    pub constraints: Vec<Constraint>,
    /// Every index.
    #[serde(skip)]
    pub indexes: Vec<Index>,
    /// User triggers.
    pub triggers: Vec<Trigger>,
    /// Rules, as (name, definition).
    pub rules: Vec<(String, String)>,
    /// Policies by name, with their commands and expressions.
    pub policies: Vec<(String, String)>,
    /// Extended statistics, as (name, columns, has expressions).
    #[serde(skip)]
    pub statistics: Vec<(String, Vec<i16>, bool)>,
    /// Publications with a row filter or a column list, by name.
    #[serde(skip)]
    pub publications: Vec<String>,
    /// Views that read columns, as (view, attnum).
    #[serde(skip)]
    pub views: Vec<(String, i16)>,
    /// Foreign keys of other tables to this one, as (constraint, table, referenced columns).
    #[serde(skip)]
    pub referenced_by: Vec<(String, Relation, Vec<i16>)>,
}

/// One column.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Column {
    /// `attnum`
    pub attnum: i16,
    /// `attname`
    pub name: String,
    /// `atttypid`; the digest has the qualified name, which survives a dump.
    #[serde(skip)]
    pub type_oid: u32,
    /// `atttypmod`
    pub typmod: i32,
    /// `attlen`
    pub typlen: i16,
    /// `nspname.typname`
    pub type_name: String,
    /// As `format_type` prints it.
    pub shown: String,
    /// What a domain of pgseal's checks: without it the column takes anything.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<String>,
    /// NOT NULL
    pub not_null: bool,
    /// `pg_get_expr` of the default or of the generation expression.
    pub default: Option<String>,
    /// A stored generated column.
    pub generated: bool,
    /// '', a (always), d (by default)
    pub identity: String,
    /// The sequence behind an identity.
    pub sequence: Option<Relation>,
    /// A collation other than the type's own, qualified.
    pub collation: Option<String>,
    /// Whether its collation is deterministic.
    pub deterministic: bool,
    /// Columns that its generation expression reads.
    #[serde(skip)]
    pub reads: Vec<i16>,
    /// Grants on this column alone, as (grantee, privilege).
    #[serde(skip)]
    pub grants: Vec<(String, String)>,
}

/// One constraint.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Constraint {
    /// `conname`
    pub name: String,
    /// p, u, f, c, x
    pub kind: String,
    /// `conkey`
    pub columns: Vec<i16>,
    /// The referenced table.
    pub target: Option<Relation>,
    /// `confkey`
    pub target_columns: Vec<i16>,
    /// a, r, c, n, d
    pub on_update: String,
    /// a, r, c, n, d
    pub on_delete: String,
    /// DEFERRABLE
    pub deferrable: bool,
    /// INITIALLY DEFERRED
    pub deferred: bool,
    /// `pg_get_constraintdef`
    pub definition: String,
}

/// One index.
#[derive(Debug, Clone, Default)]
pub struct Index {
    /// `relname`
    pub name: String,
    /// UNIQUE
    pub unique: bool,
    /// It belongs to a constraint.
    pub constraint: bool,
    /// NULLS NOT DISTINCT
    pub nulls_not_distinct: bool,
    /// btree, hash, gin, …
    pub method: String,
    /// Key columns; 0 is an expression.
    pub keys: Vec<i16>,
    /// INCLUDE columns.
    pub includes: Vec<i16>,
    /// `indoption` of each key: bit 0 DESC, bit 1 NULLS FIRST.
    pub options: Vec<i16>,
    /// Every key has the default operator class and its column's collation.
    pub plain: bool,
    /// Every column it reads, expressions and predicate included.
    pub reads: Vec<i16>,
    /// `pg_get_expr` of the predicate.
    pub predicate: Option<String>,
}

/// One user trigger.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Trigger {
    /// `tgname`
    pub name: String,
    /// BEFORE … FOR EACH ROW, or INSTEAD OF
    pub before_row: bool,
    /// `pg_get_triggerdef`
    pub definition: String,
}

impl Table {
    /// The column of this physical name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The column of this attnum.
    pub fn column_at(&self, attnum: i16) -> Option<&Column> {
        self.columns.iter().find(|column| column.attnum == attnum)
    }

    /// The primary key's attnums.
    pub fn primary_key(&self) -> &[i16] {
        self.constraints.iter().find(|constraint| constraint.kind == "p").map_or(&[], |c| c.columns.as_slice())
    }
}
