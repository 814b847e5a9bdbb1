//! Makes the schema lock from the schema file and the live catalog, once the two agree.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::digest;
use super::snapshot::{self, Snapshot};
use crate::schema::checked::{Schema, TableSpec};
use crate::schema::lock::{self, Lock};
use crate::schema::model::Unlisted;
use crate::schema::{Action, names};
use crate::value::Type;

/// Constant defaults that this run took off sealed columns: S form by logical table and logical column; `None` for an
/// explicit NULL.
pub type MovedDefaults = BTreeMap<String, BTreeMap<String, Option<Vec<u8>>>>;

/// The lock of every table that is there. Keys and store come from the previous lock.
///
/// # Errors
/// What the live catalog and the schema file disagree about.
pub fn build(
    schema: &Schema,
    snapshot: &Snapshot,
    previous: Option<&Lock>,
    moved: &MovedDefaults,
) -> Result<Lock, String> {
    let mut lock = previous.cloned().unwrap_or_default();
    lock.database = Some(lock::Database {
        name: snapshot.database.name.clone(),
        system_identifier: snapshot.database.system_identifier.clone(),
    });
    lock.tables = BTreeMap::new();
    for spec in &schema.tables {
        let Some(live) = snapshot.tables.get(&spec.relation) else { continue };
        let before = previous.and_then(|lock| lock.tables.get(&spec.logical));
        let locked = table(spec, live, before, moved.get(&spec.logical))
            .map_err(|reason| format!("table {}: {reason}", spec.logical))?;
        lock.tables.insert(spec.logical.clone(), locked);
    }
    lock.dependents = snapshot.dependents.clone();
    Ok(lock)
}

/// The lock with the plain columns that were added since to tables whose schema file leaves unlisted columns alone: to
/// add one takes nothing from what is protected, so it is no drift (CAT-5).
pub fn grown<'l>(schema: &Schema, lock: &'l Lock, snapshot: &Snapshot) -> Cow<'l, Lock> {
    let mut grown = Cow::Borrowed(lock);
    for spec in schema.tables.iter().filter(|spec| spec.unlisted == Unlisted::DO_NOTHING) {
        if let Some(live) = snapshot.tables.get(&spec.relation)
            && let Some(locked) = lock.tables.get(&spec.logical)
            && let Some(added) = added(spec, live, locked)
            && let Some(table) = grown.to_mut().tables.get_mut(&spec.logical)
        {
            table.columns.extend(added);
            table.digest = digest(live);
        }
    }
    grown
}

/// The columns that a live table has more than its lock, if they are plain and all else is what the lock says.
fn added(spec: &TableSpec, live: &snapshot::Table, locked: &lock::Table) -> Option<Vec<lock::Column>> {
    let is_locked = |column: &snapshot::Column| {
        column.name.starts_with("pgseal_") || locked.columns.iter().any(|locked| locked.attnum == column.attnum)
    };
    let (before, added): (Vec<_>, Vec<_>) = live.columns.iter().cloned().partition(is_locked);
    // A listed one is to be what the schema file says; a generated one may read what is sealed.
    // The logical name of a plain column is its own, which no other one may have.
    let is_taken = |name: &str| spec.columns.contains_key(name) || locked.columns.iter().any(|one| one.logical == name);
    let plain = |column: &snapshot::Column| {
        !column.generated && spec.column_named(&column.name).is_none() && !is_taken(&column.name)
    };
    if added.is_empty() || !added.iter().all(plain) {
        return None;
    }
    if digest(&snapshot::Table { columns: before, ..live.clone() }) != locked.digest {
        return None;
    }
    added.iter().map(|column| self::column(spec, column, None, None).ok()).collect()
}

fn table(
    spec: &TableSpec,
    live: &snapshot::Table,
    before: Option<&lock::Table>,
    moved: Option<&BTreeMap<String, Option<Vec<u8>>>>,
) -> Result<lock::Table, String> {
    let mut columns = Vec::new();
    for column in live.columns.iter().filter(|column| !column.name.starts_with("pgseal_")) {
        columns.push(self::column(spec, column, before, moved)?);
    }
    let primary_key = live
        .primary_key()
        .iter()
        .filter_map(|attnum| columns.iter().find(|column| column.attnum == *attnum))
        .map(|column| column.logical.clone())
        .collect();
    let (signature_sets, min_set) = signature_sets(spec, &columns, before)?;
    let mut beacons: Vec<lock::Beacon> = spec
        .beacons
        .iter()
        .map(|beacon| lock::Beacon {
            full_name: beacon.full_name.clone(),
            column: beacon.column.clone(),
            helper: beacon.helper.clone(),
        })
        .collect();
    beacons.sort_by(|a, b| a.full_name.cmp(&b.full_name));
    Ok(lock::Table {
        schema: spec.relation.schema.clone(),
        name: spec.relation.name.clone(),
        branch_key: spec.branch_key.clone(),
        digest: digest(live),
        primary_key,
        min_set,
        columns,
        beacons,
        signature_sets,
        objects: objects(live),
    })
}

fn column(
    spec: &TableSpec,
    live: &snapshot::Column,
    before: Option<&lock::Table>,
    moved: Option<&BTreeMap<String, Option<Vec<u8>>>>,
) -> Result<lock::Column, String> {
    let (logical, listed) = match spec.column_named(&live.name) {
        Some((logical, listed)) => (logical, Some(listed)),
        None => (live.name.as_str(), None),
    };
    let before = before.and_then(|table| table.columns.iter().find(|column| column.logical == logical));
    let mut column = lock::Column {
        logical: logical.to_owned(),
        name: live.name.clone(),
        attnum: live.attnum,
        action: listed.map_or(Action::DO_NOTHING, |listed| listed.action),
        ty: live.shown.clone(),
        type_oid: live.type_oid,
        typmod: live.typmod,
        typlen: live.typlen,
        collation: live.collation.clone(),
        not_null: live.not_null,
        default: default(live),
        pad: listed.and_then(|listed| listed.pad),
    };
    if column.action == Action::ENCRYPT_AND_SIGN {
        let ty = listed.and_then(|listed| listed.ty).ok_or_else(|| format!("column {logical:?} has no type"))?;
        column.ty = ty.to_string();
        column.type_oid = ty.oid();
        column.typmod = ty.typmod();
        column.typlen = ty.typlen();
        column.collation = before.and_then(|before| before.collation.clone());
        column.default = match moved.and_then(|moved| moved.get(logical)) {
            Some(Some(stored)) => Some(lock::Default::Constant(hex(stored))),
            Some(None) => None,
            None => before.and_then(|before| before.default.clone()),
        };
    }
    Ok(column)
}

/// The default of a column whose values the server may compute.
fn default(live: &snapshot::Column) -> Option<lock::Default> {
    let sequence = live.sequence.as_ref().map(|sequence| [sequence.schema.clone(), sequence.name.clone()]);
    match (live.identity.as_str(), sequence, &live.default) {
        ("a", Some(sequence), _) => Some(lock::Default::IdentityAlways(sequence)),
        ("d", Some(sequence), _) => Some(lock::Default::IdentityByDefault(sequence)),
        (_, _, Some(text)) if live.generated => Some(lock::Default::Generated(text.clone())),
        (_, _, Some(text)) => Some(lock::Default::Server(text.clone())),
        (_, _, None) => None,
    }
}

/// The sets so far, and one more if the signed columns or beacons changed (SIG-3). `apply` lets them change only in an
/// empty table, so that the new set is the oldest one that readers need.
fn signature_sets(
    spec: &TableSpec,
    columns: &[lock::Column],
    before: Option<&lock::Table>,
) -> Result<(Vec<lock::SignatureSet>, Option<u32>), String> {
    let mut sets = before.map(|before| before.signature_sets.clone()).unwrap_or_default();
    if !spec.is_signed() {
        return Ok((sets, None));
    }
    let mut signed = Vec::new();
    for column in columns.iter().filter(|column| column.action != Action::DO_NOTHING) {
        let ty = Type::from_pg(column.type_oid, column.typmod)
            .ok_or_else(|| format!("column {:?} has type {}, which cannot be signed", column.logical, column.ty))?;
        signed.push(lock::SignedColumn {
            column: column.logical.clone(),
            action: column.action,
            family: ty.family().0,
        });
    }
    signed.sort_by(|a, b| a.column.as_bytes().cmp(b.column.as_bytes()));
    let mut beacons: Vec<String> = spec.beacons.iter().map(|beacon| beacon.full_name.clone()).collect();
    beacons.sort();
    let last = sets.last();
    if last.is_some_and(|last| last.columns == signed && last.beacons == beacons && last.suite == lock::HMAC_SHA_384) {
        let min_set = before.and_then(|before| before.min_set).or(last.map(|last| last.id));
        return Ok((sets, min_set));
    }
    let id = last.map_or(1, |last| last.id + 1);
    sets.push(lock::SignatureSet { id, suite: lock::HMAC_SHA_384.to_owned(), columns: signed, beacons });
    Ok((sets, Some(id)))
}

fn objects(live: &snapshot::Table) -> Vec<lock::Object> {
    let object = |kind: &str, name: &str, definition: &str| lock::Object {
        kind: kind.to_owned(),
        name: name.to_owned(),
        definition: definition.to_owned(),
    };
    let mut objects = Vec::new();
    for constraint in &live.constraints {
        let kind = match constraint.kind.as_str() {
            "p" => "primary key",
            "u" => "unique",
            "f" => "foreign key",
            "c" => "check",
            _ => "exclusion",
        };
        objects.push(object(kind, &constraint.name, &constraint.definition));
    }
    for trigger in &live.triggers {
        let kind = if trigger.before_row { lock::BEFORE_ROW_TRIGGER } else { "trigger" };
        objects.push(object(kind, &trigger.name, &trigger.definition));
    }
    for (name, definition) in &live.rules {
        objects.push(object("rule", name, definition));
    }
    objects
}

/// Whether a name is one that pgseal gave to something in this table.
pub fn is_ours(spec: &TableSpec, column: &str) -> bool {
    spec.beacons.iter().any(|beacon| beacon.helper == column) || (spec.is_signed() && column == names::SIGNATURE)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
