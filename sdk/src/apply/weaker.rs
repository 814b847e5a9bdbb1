//! What a schema file and a lock that are taken up by a running door must not take away: an older checkout of both, in the
//! wrong directory, would do so by mistake. Whoever means it restarts.

use crate::schema::checked::{ColumnSpec, TableSpec};
use crate::schema::lock::{self, Lock};
use crate::schema::{Action, Relation, RowSignature, Schema};

/// What is protected by the files of before and would be protected less by those of after.
pub(super) fn weaker(before: (&Schema, &Lock), after: (&Schema, &Lock)) -> Option<String> {
    let ((schema, lock), (new_schema, new_lock)) = (before, after);
    if let Some(Relation { schema, name }) = new_schema.unprotected.difference(&schema.unprotected).next() {
        return Some(format!("{schema}.{name} is to be unprotected"));
    }
    for spec in &schema.tables {
        let Relation { schema, name } = &spec.relation;
        let Some(new) = new_schema.tables.iter().find(|new| new.relation == spec.relation) else {
            return Some(format!("table {schema}.{name} is no longer in the schema file"));
        };
        if let Some(what) = listed(spec, new) {
            return Some(format!("table {schema}.{name}: {what}"));
        }
    }
    for (logical, table) in &lock.tables {
        let Some(new) = new_lock.tables.get(logical) else {
            return Some(format!("table {logical} is no longer in the lock"));
        };
        if let Some(what) = locked(table, new) {
            return Some(format!("table {logical}: {what}"));
        }
    }
    if lock.store.is_some() && lock.store != new_lock.store {
        return Some("the lock names another key store".into());
    }
    lock.keys.iter().find_map(|(id, key)| match new_lock.keys.get(id) {
        None => Some(format!("key {id} is no longer in the lock")),
        Some(new) => pinned(key, new).then(|| format!("key {id}: the lock pins less of it")),
    })
}

fn listed(spec: &TableSpec, new: &TableSpec) -> Option<String> {
    if spec.row_signature != RowSignature::None && new.row_signature != spec.row_signature {
        return Some("its row signature is taken away".into());
    }
    if spec.write_guard && !new.write_guard {
        return Some("its write guard is taken away".into());
    }
    let lost = |(logical, column): (&String, &ColumnSpec)| {
        let now = new.columns.get(logical).map_or(Action::DO_NOTHING, |column| column.action);
        lessens(column.action, now).then(|| format!("column {logical} is protected less"))
    };
    spec.columns.iter().find_map(lost)
}

fn locked(table: &lock::Table, new: &lock::Table) -> Option<String> {
    let sets = |table: &lock::Table| table.signature_sets.iter().map(|set| set.id).max();
    if new.min_set < table.min_set || sets(new) < sets(table) {
        return Some("its lock accepts older signatures".into());
    }
    if new.branch_key != table.branch_key {
        return Some("it has another key".into());
    }
    table.columns.iter().find_map(|column| {
        let now = new.columns.iter().find(|new| new.logical == column.logical).map(|new| new.action);
        // One that is gone from the table as well is told by the catalog.
        now.filter(|now| lessens(column.action, *now)).map(|_| format!("column {} is protected less", column.logical))
    })
}

/// Whether a key's pins allow more than before.
fn pinned(key: &lock::Key, new: &lock::Key) -> bool {
    let keeps = |before: &[String], after: &[String]| before.iter().all(|commit| after.contains(commit));
    new.generation < key.generation
        || new.min_generation < key.min_generation
        || new.beacon_epoch < key.beacon_epoch
        || !keeps(&key.key_commits, &new.key_commits)
        || !keeps(&key.beacon_commits, &new.beacon_commits)
}

/// Whether a column loses what its action gave it.
fn lessens(before: Action, after: Action) -> bool {
    before != after && before != Action::DO_NOTHING && after != Action::ENCRYPT_AND_SIGN
}
