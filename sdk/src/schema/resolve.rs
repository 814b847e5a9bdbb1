//! Schema file and lock made into the one [`Protection`]: every disagreement between them is an error by name.

use std::collections::HashMap;
use std::sync::Arc;

use super::checked::{Schema, TableSpec};
use super::lock::{self, Lock};
use super::protection::{Beacon, Column, ColumnDefault, ColumnId, Protection, Relation, SignatureSet, Suite, Table};
use crate::value::Type;

/// The schema file and its lock do not say the same.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("table {table}: {reason}")]
pub struct Mismatch {
    /// Its logical name.
    pub table: String,
    /// What differs.
    pub reason: String,
}

impl Protection {
    /// What the schema file and its lock protect: the tables that the lock has, to work with; and every other table of
    /// the schema file by its name, so that no statement that names it goes on before it is applied (CAT-3).
    ///
    /// # Errors
    /// The first table whose lock does not fit the schema file: then `schema apply` has not run since it changed.
    ///
    /// ```
    /// use pgseal::schema::{Lock, Protection, parse};
    ///
    /// let schema = parse::load("../examples/record/clinic.toml".as_ref())?;
    /// // Before `pgseal schema apply` the lock has no table: statements that name one of the file are refused.
    /// let mut lock = Lock::default();
    /// let protection = Protection::from_lock(&schema, &lock)?;
    /// assert!(protection.tables.is_empty() && protection.pending.contains_key("patient"));
    ///
    /// // A lock with a table that the schema file no longer has is refused.
    /// # let text = r#"
    /// # format = 1
    /// # [tables.ward]
    /// # schema = "public"
    /// # name = "ward"
    /// # branch_key = "wards"
    /// # digest = ""
    /// # primary_key = ["id"]
    /// # columns = []
    /// # "#;
    /// lock.tables = Lock::from_toml("ward.lock".as_ref(), text)?.tables;
    /// assert_eq!(Protection::from_lock(&schema, &lock).unwrap_err().table, "ward");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_lock(schema: &Schema, lock: &Lock) -> Result<Self, Mismatch> {
        if let Some(gone) = lock.tables.keys().find(|logical| schema.table(logical).is_none()) {
            let reason =
                "is in the lock and no longer in the schema file; taking protection off is not in this version";
            return Err(Mismatch { table: gone.clone(), reason: reason.into() });
        }
        let mut protection = Protection { unprotected: schema.unprotected.clone(), ..Protection::default() };
        for spec in &schema.tables {
            let Some(locked) = lock.tables.get(&spec.logical) else {
                protection.pending.insert(spec.relation.name.clone(), spec.relation.clone());
                continue;
            };
            let table = table(spec, locked).map_err(|reason| Mismatch { table: spec.logical.clone(), reason })?;
            protection.by_name.insert(table.relation.name.clone(), protection.tables.len());
            protection.tables.push(Arc::new(table));
        }
        protection.dependents =
            lock.dependents.iter().map(|(name, dependent)| (name.clone(), dependent.reason.clone())).collect();
        protection.seal_epoch();
        Ok(protection)
    }

    /// Sets the epoch to a hash of everything in here; whoever changes a field calls it.
    pub fn seal_epoch(&mut self) {
        let mut hash = blake3::Hasher::new();
        // Debug of plain data is deterministic where the containers are ordered; the one HashMap follows from `tables`.
        hash.update(format!("{:?}", self.tables).as_bytes());
        hash.update(format!("{:?}{:?}{:?}", self.drifted, self.dependents, self.unprotected).as_bytes());
        hash.update(format!("{:?}", self.pending).as_bytes());
        let mut first = [0; 8];
        first.copy_from_slice(&hash.finalize().as_bytes()[..8]);
        self.epoch = u64::from_be_bytes(first);
    }
}

fn table(spec: &TableSpec, locked: &lock::Table) -> Result<Table, String> {
    let relation = Relation { schema: locked.schema.clone(), name: locked.name.clone() };
    if relation != spec.relation {
        return Err(format!("the lock has it as {}.{}", relation.schema, relation.name));
    }
    if locked.branch_key != spec.branch_key {
        return Err(format!("the lock has branch key {:?}", locked.branch_key));
    }
    let columns = columns(spec, locked)?;
    let ids: HashMap<&str, ColumnId> = columns.iter().enumerate().map(|(id, c)| (c.logical.as_str(), id)).collect();
    let id = |logical: &str| {
        ids.get(logical).copied().ok_or_else(|| format!("the lock names column {logical:?} and does not have it"))
    };
    let beacons = beacons(spec, locked, id)?;
    let (signature, older_sets) = signature_sets(spec, locked, &beacons, id)?;
    let mut context: Vec<ColumnId> =
        columns.iter().enumerate().filter(|(_, column)| column.is_context()).map(|(id, _)| id).collect();
    context.sort_by(|&a, &b| columns[a].logical.as_bytes().cmp(columns[b].logical.as_bytes()));
    let primary_key = locked.primary_key.iter().map(|name| id(name)).collect::<Result<Vec<_>, _>>()?;
    if spec.bind_primary_key
        && let Some(free) = primary_key.iter().find(|id| !context.contains(id))
    {
        return Err(format!("primary key column {:?} is not in the encryption context (CELL-7)", columns[*free].name));
    }
    Ok(Table {
        logical: spec.logical.clone(),
        relation,
        branch_key: spec.branch_key.clone(),
        signature,
        older_sets,
        beacons,
        primary_key,
        context,
        write_guard: spec.write_guard,
        before_row_trigger: locked.objects.iter().any(|object| object.kind == lock::BEFORE_ROW_TRIGGER),
        columns,
    })
}

fn columns(spec: &TableSpec, locked: &lock::Table) -> Result<Vec<Column>, String> {
    if let Some(missing) = spec.columns.keys().find(|logical| !locked.columns.iter().any(|c| c.logical == **logical)) {
        return Err(format!("column {missing:?} is in the schema file and not in the lock"));
    }
    locked.columns.iter().map(|column| self::column(spec, column)).collect()
}

fn column(spec: &TableSpec, locked: &lock::Column) -> Result<Column, String> {
    let action = spec.columns.get(&locked.logical).map_or(super::Action::DO_NOTHING, |column| column.action);
    let named = spec.columns.get(&locked.logical).map_or(locked.logical.as_str(), |column| column.name.as_str());
    if locked.action != action || locked.name != named {
        return Err(format!("column {:?} is another one in the lock", locked.logical));
    }
    let ty = Type::from_pg(locked.type_oid, locked.typmod);
    let written = spec.columns.get(&locked.logical).and_then(|column| column.ty);
    if written.is_some() && written != ty {
        return Err(format!("column {:?} has type {} in the lock", locked.logical, locked.ty));
    }
    if action != super::Action::DO_NOTHING && ty.is_none() {
        return Err(format!("column {:?} has type {}, which cannot be protected", locked.logical, locked.ty));
    }
    Ok(Column {
        logical: locked.logical.clone(),
        name: locked.name.clone(),
        action,
        ty,
        type_oid: locked.type_oid,
        typmod: locked.typmod,
        typlen: locked.typlen,
        attnum: locked.attnum,
        not_null: locked.not_null,
        default: default(locked)?,
        collation: locked.collation.clone(),
        pad: spec.columns.get(&locked.logical).and_then(|column| column.pad),
    })
}

fn default(locked: &lock::Column) -> Result<ColumnDefault, String> {
    let sequence = |[schema, name]: &[String; 2]| Relation { schema: schema.clone(), name: name.clone() };
    Ok(match &locked.default {
        None => ColumnDefault::Null,
        Some(lock::Default::Constant(hex)) => ColumnDefault::Constant(
            lock::from_hex(hex).ok_or_else(|| format!("the default of column {:?} is not hex", locked.logical))?,
        ),
        Some(lock::Default::Server(expression)) => ColumnDefault::Server(expression.clone()),
        Some(lock::Default::IdentityAlways(name)) => ColumnDefault::Identity { always: true, sequence: sequence(name) },
        Some(lock::Default::IdentityByDefault(name)) => {
            ColumnDefault::Identity { always: false, sequence: sequence(name) }
        }
        Some(lock::Default::Generated(_)) => ColumnDefault::Generated,
    })
}

fn beacons(
    spec: &TableSpec,
    locked: &lock::Table,
    id: impl Fn(&str) -> Result<ColumnId, String>,
) -> Result<Vec<Beacon>, String> {
    let same = spec.beacons.len() == locked.beacons.len()
        && spec.beacons.iter().all(|beacon| {
            locked.beacons.iter().any(|other| {
                other.full_name == beacon.full_name && other.column == beacon.column && other.helper == beacon.helper
            })
        });
    if !same {
        return Err("its beacons are not those of the lock".into());
    }
    locked
        .beacons
        .iter()
        .map(|beacon| {
            Ok(Beacon {
                full_name: beacon.full_name.clone(),
                column: id(&beacon.column)?,
                helper: beacon.helper.clone(),
            })
        })
        .collect()
}

/// The current set and those that readers still accept, newest first.
fn signature_sets(
    spec: &TableSpec,
    locked: &lock::Table,
    beacons: &[Beacon],
    id: impl Fn(&str) -> Result<ColumnId, String>,
) -> Result<(Option<SignatureSet>, Vec<SignatureSet>), String> {
    if spec.is_signed() != locked.min_set.is_some() {
        return Err("its row signature is not that of the lock".into());
    }
    let Some(min_set) = locked.min_set else { return Ok((None, Vec::new())) };
    let mut sets = Vec::new();
    for set in locked.signature_sets.iter().filter(|set| set.id >= min_set) {
        if set.suite != lock::HMAC_SHA_384 {
            return Err(format!("signature suite {} is not in this version", set.suite));
        }
        sets.push(SignatureSet {
            id: set.id,
            suite: Suite::HmacSha384,
            columns: set.columns.iter().map(|column| id(&column.column)).collect::<Result<_, _>>()?,
            beacons: set
                .beacons
                .iter()
                .map(|name| {
                    beacons
                        .iter()
                        .position(|beacon| beacon.full_name == *name)
                        .ok_or_else(|| format!("signature set {} names beacon {name:?}", set.id))
                })
                .collect::<Result<_, _>>()?,
        });
    }
    sets.sort_by_key(|set| std::cmp::Reverse(set.id));
    let mut sets = sets.into_iter();
    let current = sets.next().ok_or("the lock has no signature set")?;
    Ok((Some(current), sets.collect()))
}
