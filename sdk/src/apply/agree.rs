//! Whether schema file, lock and live catalog say the same: what every door starts with, and goes on asking (CAT-5).

use super::plan;
use super::weaker::weaker;
use crate::catalog::{self, Snapshot, drift};
use crate::schema::{Lock, Protection, Relation, Schema};

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
        let lock = catalog::lock::grown(&self.schema, &self.lock, snapshot);
        let mut protection =
            Protection::from_lock(&self.schema, &lock).map_err(|mismatch| pending(mismatch.to_string()))?;
        drift::judge(&mut protection, &self.schema, &lock, snapshot);
        Ok(protection)
    }

    /// Schema file and lock as they were written since, while somebody works with these.
    ///
    /// # Errors
    /// See [`Agreement::reach`]; also whatever would be protected less: what an older checkout of the files would do by
    /// mistake is left to a restart.
    pub fn renewed(&self, schema: Schema, lock: Lock, snapshot: &Snapshot) -> Result<(Self, Protection), Disagreement> {
        if let Some(what) = weaker((&self.schema, &self.lock), (&schema, &lock)) {
            return Err(Disagreement(format!("{what}: restart what uses it if that is meant")));
        }
        Self::reach(schema, Some(lock), snapshot)
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
    let grown = catalog::lock::grown(schema, &lock, snapshot);
    for spec in &schema.tables {
        let live = snapshot.tables.get(&spec.relation);
        match (live, grown.tables.get(&spec.logical)) {
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
