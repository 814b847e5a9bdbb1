//! What the live catalog changes in a protection: tables that are refused, and names that make a statement touch one.

use std::sync::Arc;

use crate::catalog::{self, Snapshot};
use crate::schema::checked::Schema;
use crate::schema::{DependentKind, Lock, Namesakes, Protection, Relation};

/// Marks every table that is not as its lock says; adds what depends on a protected table now. It only ever refuses more
/// (CAT-2).
pub fn judge(protection: &mut Protection, schema: &Schema, lock: &Lock, snapshot: &Snapshot) {
    for spec in &schema.tables {
        let live = snapshot.tables.get(&spec.relation);
        let name = spec.relation.name.clone();
        let reason = match (lock.tables.get(&spec.logical), live) {
            (Some(locked), Some(live)) if catalog::digest(live) == locked.digest => continue,
            (Some(_), Some(_)) => "it is not what the schema lock says: see `pgseal schema plan`",
            (Some(_), None) => "it is in the schema lock and does not exist",
            // Pending: refused already, whoever makes it.
            (None, _) => continue,
        };
        protection.drifted.insert(name, reason.into());
    }
    if snapshot.database.encoding != "UTF8" {
        for table in &protection.tables {
            protection.drifted.insert(table.relation.name.clone(), "the database's encoding is not UTF8".into());
        }
    }
    for (key, dependent) in &snapshot.dependents {
        dependent.join(key, &mut protection.dependents);
    }
    // No statement names these, so none can be refused for using one (SQL-65).
    for (blocker, reason) in &snapshot.blockers {
        for table in &protection.tables {
            let reason = format!("{blocker} is {reason}: see `pgseal schema plan`");
            protection.drifted.entry(table.relation.name.clone()).or_insert(reason);
        }
    }
    protection.namesakes = Arc::new(namesakes(snapshot));
    protection.seal_epoch();
}

/// Temporary schemas are left out: whose they are is not known here.
fn namesakes(snapshot: &Snapshot) -> Namesakes {
    let mut namesakes = Namesakes::new();
    for Relation { schema, name } in &snapshot.namesakes {
        if !schema.starts_with("pg_temp_") {
            namesakes.entry(name.clone()).or_default().insert(schema.clone());
        }
    }
    namesakes
}

/// Whether a protection is to take the place of another one; if so, says in the log what changed.
pub fn replaces(before: &Protection, after: &Protection) -> bool {
    let changed = before.epoch != after.epoch;
    if changed {
        log(before, after);
    }
    changed || before.namesakes != after.namesakes
}

fn log(before: &Protection, after: &Protection) {
    for relation in before.pending.values().filter(|relation| !after.pending.contains_key(&relation.name)) {
        tracing::info!(schema = %relation.schema, table = %relation.name, "the table is applied and taken up");
    }
    for (table, reason) in &after.drifted {
        if !before.drifted.contains_key(table) {
            tracing::error!(%table, %reason, "every statement that names this table is refused");
        }
    }
    for table in before.drifted.keys().filter(|table| !after.drifted.contains_key(*table)) {
        tracing::info!(%table, "the table is what its lock says again");
    }
    for (kind, name, reason) in after.dependents.iter() {
        if before.dependents.reason(kind, name).is_some() {
            continue;
        }
        match kind {
            DependentKind::SqlRoutine | DependentKind::SqlRowRoutine => {
                tracing::info!(%name, %reason, "calls that hand it constants or parameters are refused from now on");
            }
            DependentKind::Relation
            | DependentKind::Type
            | DependentKind::Routine
            | DependentKind::RowRoutine
            | DependentKind::Operator => {
                tracing::warn!(%name, %reason, "statements that use it are refused from now on");
            }
        }
    }
}
