//! From schema file, live catalog and lock to the statements that make the database what the file says.
//!
//! Only for tables that hold no row, or for those that are as the file says already: moving the values of a live
//! table is not in this version.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::Snapshot;
use crate::catalog::lock::MovedDefaults;
use crate::catalog::snapshot::{self, Column};
use crate::keys::store::postgres::DDL;
use crate::schema::checked::{ColumnSpec, Schema, TableSpec};
use crate::schema::names::{self, quote};
use crate::schema::{Action, Lock, Relation};

use super::{carry, constant, refuse};

/// What `apply` would do.
#[derive(Debug, Default)]
pub struct Changes {
    /// In this order, in one transaction.
    pub steps: Vec<Step>,
    /// Why it cannot be done; then nothing is.
    pub refusals: Vec<Refusal>,
    /// Tables of the schema file that do not exist yet.
    pub absent: Vec<Relation>,
    /// What people should know.
    pub notes: Vec<String>,
    /// Constant defaults that move from the database into the lock.
    pub moved: MovedDefaults,
    /// Tables that must hold no row, looked at under lock.
    pub must_be_empty: BTreeSet<Relation>,
}

/// One statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What for, in a few words.
    pub what: String,
    /// The statement, or several with semicolons.
    pub sql: String,
}

/// One thing that stands in the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The table, as `schema.name`; empty for the whole database.
    pub table: String,
    /// What stands in the way, by its name.
    pub what: String,
    /// What would work.
    pub way_out: String,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.table.is_empty() {
            write!(f, "{}: ", self.table)?;
        }
        write!(f, "{}\n  help: {}", self.what, self.way_out)
    }
}

/// Compares what is with what the schema file says.
///
/// ```
/// use pgseal::apply;
/// use pgseal::catalog::Snapshot;
/// use pgseal::schema::parse;
///
/// let schema = parse::load("../examples/record/clinic.toml".as_ref())?;
/// // A database that has nothing yet: the key store would be made, the table is not there to be sealed.
/// let changes = apply::plan(&schema, &Snapshot::default(), None);
/// assert!(changes.steps[0].sql.contains("pgseal.keys"));
/// assert_eq!(changes.absent[0].name, "patient");
/// # Ok::<(), pgseal::schema::Problems>(())
/// ```
pub fn plan(schema: &Schema, snapshot: &Snapshot, lock: Option<&Lock>) -> Changes {
    let mut changes = Changes::default();
    refuse::database(&mut changes, schema, snapshot, lock);
    if !snapshot.key_store {
        changes.step("schema pgseal and its key store", DDL.trim_end());
    }
    domains(&mut changes, schema, snapshot);
    for spec in &schema.tables {
        match snapshot.tables.get(&spec.relation) {
            None => changes.absent.push(spec.relation.clone()),
            Some(live) => table(&mut changes, spec, live, lock),
        }
    }
    changes
}

impl Changes {
    pub(super) fn step(&mut self, what: impl Into<String>, sql: impl Into<String>) {
        self.steps.push(Step { what: what.into(), sql: sql.into() });
    }

    pub(super) fn refuse(&mut self, spec: &TableSpec, what: impl Into<String>, way_out: impl Into<String>) {
        let table = format!("{}.{}", spec.relation.schema, spec.relation.name);
        self.refusals.push(Refusal { table, what: what.into(), way_out: way_out.into() });
    }
}

/// `"schema"."name"`
pub(super) fn quoted(relation: &Relation) -> String {
    format!("{}.{}", quote(&relation.schema), quote(&relation.name))
}

/// The name of the domain of a sealed column, as `pg_type` has it.
pub(super) fn domain(column: &ColumnSpec) -> Option<&'static str> {
    column.ty.filter(|_| column.is_sealed()).map(|ty| ty.sealed_domain())
}

/// Whether a live column holds cells already.
pub(super) fn holds_cells(live: &Column) -> bool {
    live.type_name.starts_with("pgseal.")
}

/// Version 0x01, and no shorter than a cell over an empty value (CELL-1). substr needs no length first.
///
/// It stands in the domain: the server keeps a domain's checks compiled, while it reads and plans a table's anew for
/// every statement, which with two sealed columns cost an INSERT a fifth of its time. And its error does not print the
/// row, which is somebody's plaintext.
const ENVELOPE: &str = "CHECK (pg_catalog.octet_length(VALUE) >= 50 AND \
    pg_catalog.substr(VALUE, 1, 1) OPERATOR(pg_catalog.=) '\\x01'::pg_catalog.bytea)";

/// Every domain that a table of this run needs.
fn domains(changes: &mut Changes, schema: &Schema, snapshot: &Snapshot) {
    let wanted: BTreeSet<&str> =
        schema.tables.iter().flat_map(|table| table.columns.values()).filter_map(domain).collect();
    for name in wanted {
        let Some(checks) = snapshot.domains.get(name) else {
            let sql = format!("CREATE DOMAIN pgseal.{name} AS bytea CONSTRAINT {} {ENVELOPE}", names::ENVELOPE_CHECK);
            changes.step(format!("the type of sealed columns, which takes envelopes only: {name}"), sql);
            continue;
        };
        if !checks.iter().any(|check| check == names::ENVELOPE_CHECK) {
            let sql = format!("ALTER DOMAIN pgseal.{name} ADD CONSTRAINT {} {ENVELOPE}", names::ENVELOPE_CHECK);
            changes.step(format!("only envelopes in columns of type {name}"), sql);
        }
    }
}

fn table(changes: &mut Changes, spec: &TableSpec, live: &snapshot::Table, lock: Option<&Lock>) {
    let refused = changes.refusals.len();
    refuse::table(changes, spec, live, lock);
    if changes.refusals.len() > refused {
        return;
    }
    let before = changes.steps.len();
    let carried = carry::take_down(changes, spec, live);
    for (logical, column) in &spec.columns {
        if let Some(there) = live.column(&column.name) {
            seal_column(changes, spec, logical, column, there);
        }
    }
    helpers(changes, spec, live);
    carry::put_up(changes, spec, live, carried);
    if changes.steps.len() > before {
        addresses(changes, spec, live);
    }
    if changes.steps.len() > before || seals_differ(spec, lock) {
        changes.must_be_empty.insert(spec.relation.clone());
    }
}

fn seal_column(changes: &mut Changes, spec: &TableSpec, logical: &str, column: &ColumnSpec, live: &Column) {
    let (Some(domain), Some(ty)) = (domain(column), column.ty) else { return };
    if holds_cells(live) {
        return;
    }
    let table = quoted(&spec.relation);
    let name = quote(&column.name);
    if let Some(expression) = &live.default {
        let Ok(constant) = constant::parse(expression, &ty) else { return };
        changes.notes.push(format!("the default of {table}.{name} moves from the database into the lock"));
        changes.moved.entry(spec.logical.clone()).or_default().insert(logical.to_owned(), constant);
        changes.step(
            format!("the default of {table}.{name} moves into the lock"),
            format!("ALTER TABLE {table} ALTER COLUMN {name} DROP DEFAULT"),
        );
    } else {
        changes.moved.entry(spec.logical.clone()).or_default().insert(logical.to_owned(), None);
    }
    changes.step(
        format!("{table}.{name} becomes sealed {ty}"),
        format!("ALTER TABLE {table} ALTER COLUMN {name} TYPE pgseal.{domain} USING NULL"),
    );
}

/// Helper columns, with the grants that the columns they stand for have on their own.
fn helpers(changes: &mut Changes, spec: &TableSpec, live: &snapshot::Table) {
    let table = quoted(&spec.relation);
    for beacon in &spec.beacons {
        if live.column(&beacon.helper).is_some() {
            continue;
        }
        let helper = quote(&beacon.helper);
        changes.step(
            format!("search tag of {:?}", beacon.column),
            format!("ALTER TABLE {table} ADD COLUMN {helper} pg_catalog.uuid"),
        );
        let column = spec.columns.get(&beacon.column).and_then(|column| live.column(&column.name));
        for (grantee, privilege) in column.map_or(&[][..], |column| column.grants.as_slice()) {
            changes.step(
                format!("what {grantee} may do with {:?}, with its tag too", beacon.column),
                format!("GRANT {privilege} ({helper}) ON {table} TO {grantee}"),
            );
        }
    }
    if spec.is_signed() && live.column(names::SIGNATURE).is_none() {
        let signature = names::SIGNATURE;
        changes.step("row signature", format!("ALTER TABLE {table} ADD COLUMN {signature} pg_catalog.bytea"));
        let grants: BTreeSet<&(String, String)> = live.columns.iter().flat_map(|column| &column.grants).collect();
        for (grantee, privilege) in grants {
            changes.step(
                format!("what {grantee} may do with columns, with the signature too"),
                format!("GRANT {privilege} ({signature}) ON {table} TO {grantee}"),
            );
        }
    }
}

/// An UPDATE of several steps finds its rows again by table and place (SQL-54), which a role may read that has SELECT on
/// the whole table, or on these columns.
fn addresses(changes: &mut Changes, spec: &TableSpec, live: &snapshot::Table) {
    let table = quoted(&spec.relation);
    let grants = live.columns.iter().flat_map(|column| &column.grants);
    let readers: BTreeSet<&String> = grants.filter(|(_, may)| may == "SELECT").map(|(grantee, _)| grantee).collect();
    for grantee in readers {
        changes.step(
            format!("the address of the rows of which {grantee} may read columns"),
            format!("GRANT SELECT (tableoid, ctid) ON {table} TO {grantee}"),
        );
    }
}

/// Whether rows that are there would be opened or verified under other associated data than they were sealed under:
/// another set of sealed, signed or context columns, other tags, or another signature.
fn seals_differ(spec: &TableSpec, lock: Option<&Lock>) -> bool {
    let Some(locked) = lock.and_then(|lock| lock.tables.get(&spec.logical)) else { return false };
    let now: BTreeMap<&str, Action> = spec
        .columns
        .iter()
        .filter(|(_, column)| column.is_protected())
        .map(|(logical, column)| (logical.as_str(), column.action))
        .collect();
    let then: BTreeMap<&str, Action> = locked
        .columns
        .iter()
        .filter(|column| column.action != Action::DO_NOTHING)
        .map(|column| (column.logical.as_str(), column.action))
        .collect();
    let tags_now: BTreeSet<&String> = spec.beacons.iter().map(|beacon| &beacon.full_name).collect();
    let tags_then: BTreeSet<&String> = locked.beacons.iter().map(|beacon| &beacon.full_name).collect();
    now != then || tags_now != tags_then || spec.is_signed() != locked.min_set.is_some()
}
