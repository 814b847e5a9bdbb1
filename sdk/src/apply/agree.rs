//! Whether schema file, lock and live catalog say the same: what every door starts with, and goes on asking (CAT-5).

use std::time::{Duration, Instant};

use super::plan;
use crate::catalog::{self, Snapshot, drift};
use crate::schema::{Lock, Protection, Relation, Schema};

/// How often the live catalog is held against the lock.
pub const LOOK_EVERY: Duration = Duration::from_secs(60);
/// How often while a table is refused; also the shortest time between two looks.
pub const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Schema file, lock and database do not agree; the text says what would make them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Disagreement(String);

/// A schema file and a lock that agreed with the database once.
#[derive(Debug, Clone)]
pub struct Agreement {
    schema: Schema,
    lock: Lock,
}

impl Agreement {
    /// Compares the three. Without a lock, what the database says now is trusted (CAT-2): who does not want that asks
    /// for a lock first.
    ///
    /// # Errors
    /// Everything that stands in the way, or the first table that is not what its lock says.
    pub fn reach(schema: Schema, lock: Option<Lock>, snapshot: &Snapshot) -> Result<(Self, Protection), Disagreement> {
        let lock = agreed(&schema, lock, snapshot)?;
        let agreement = Self { schema, lock };
        let protection = agreement.protection(snapshot)?;
        for Relation { schema, name } in protection.pending.values() {
            tracing::warn!(
                %schema,
                table = %name,
                "this table of the schema file does not exist: whatever names it is refused until it is created at the \
                 database and applied; if its name is written wrong, the table that was meant is not protected"
            );
        }
        Ok((agreement, protection))
    }

    /// What is protected while the catalog is as this snapshot says; a table that drifted is in it, refused.
    ///
    /// # Errors
    /// Schema file and lock contradict each other.
    pub fn protection(&self, snapshot: &Snapshot) -> Result<Protection, Disagreement> {
        let mut protection =
            Protection::from_lock(&self.schema, &self.lock).map_err(|mismatch| pending(mismatch.to_string()))?;
        drift::judge(&mut protection, &self.schema, &self.lock, snapshot);
        Ok(protection)
    }

    /// The same schema file with a lock that was written since. Only tables that are new in it are taken up while
    /// somebody works with the others.
    ///
    /// # Errors
    /// See [`Agreement::reach`]; also a lock that says something else of a table that was applied before.
    pub fn renewed(&self, lock: Lock, snapshot: &Snapshot) -> Result<(Self, Protection), Disagreement> {
        let kept = self.lock.tables.iter().all(|(logical, table)| lock.tables.get(logical) == Some(table));
        if !kept || (self.lock.store.is_some() && self.lock.store != lock.store) {
            return Err(Disagreement(
                "the schema lock changed in more than new tables: restart what uses it to take it up".into(),
            ));
        }
        Self::reach(self.schema.clone(), Some(lock), snapshot)
    }

    /// When to look at the catalog and the keys again: `refresh` is when a key is due.
    pub fn next_look(&self, now: Instant, current: &Protection, refresh: Option<Instant>) -> Instant {
        let applied = |name: &String| self.lock.tables.values().any(|table| table.name == *name);
        let refused = current.drifted.keys().any(applied);
        let look = now + if refused { LOOK_AGAIN } else { LOOK_EVERY };
        // A refresh that is overdue because it fails must not spin.
        refresh.map_or(look, |refresh| refresh.clamp(now + LOOK_AGAIN, look))
    }

    /// The schema file.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Its lock.
    pub fn lock(&self) -> &Lock {
        &self.lock
    }
}

fn agreed(schema: &Schema, lock: Option<Lock>, snapshot: &Snapshot) -> Result<Lock, Disagreement> {
    let changes = plan(schema, snapshot, lock.as_ref());
    if !changes.refusals.is_empty() {
        let refusals: Vec<String> = changes.refusals.iter().map(ToString::to_string).collect();
        return Err(Disagreement(refusals.join("\n")));
    }
    let nothing_there = changes.absent.len() == schema.tables.len();
    let steps: Vec<&str> =
        if nothing_there { Vec::new() } else { changes.steps.iter().map(|step| step.what.as_str()).collect() };
    if !steps.is_empty() {
        return Err(pending(format!("the database is not what the schema file says:\n  {}", steps.join("\n  "))));
    }
    let Some(lock) = lock else {
        if !nothing_there {
            tracing::warn!("there is no schema lock: what the database says now is trusted on first use");
        }
        return catalog::lock::build(schema, snapshot, None, &Default::default()).map_err(pending);
    };
    for spec in &schema.tables {
        let live = snapshot.tables.get(&spec.relation);
        match (live, lock.tables.get(&spec.logical)) {
            (None, None) => {}
            (Some(_), None) => return Err(pending(format!("table {} is not in the lock", spec.logical))),
            (None, Some(_)) => {
                return Err(pending(format!("table {} is in the lock and does not exist", spec.logical)));
            }
            (Some(live), Some(locked)) if catalog::digest(live) == locked.digest => {}
            (Some(_), Some(_)) => {
                return Err(pending(format!("table {} is not what its lock says", spec.logical)));
            }
        }
    }
    Ok(lock)
}

fn pending(what: String) -> Disagreement {
    Disagreement(format!("{what}\nSee `pgseal schema plan`, then run `pgseal schema apply`."))
}
