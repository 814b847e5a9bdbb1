//! The tables whose records a sealer seals and opens, by their logical names.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::record::names::Names;
use crate::schema::Table;

/// A table that is sealed and opened here.
pub(super) struct Known {
    pub(super) table: Arc<Table>,
    /// What its records share.
    pub(super) names: Arc<Names>,
}

/// All of them; a new lock makes others of them.
pub(super) struct Tables(RwLock<BTreeMap<String, Arc<Known>>>);

impl Tables {
    pub(super) fn new(tables: BTreeMap<String, Arc<Table>>) -> Self {
        Self(RwLock::new(known(tables)))
    }

    pub(super) fn get(&self, logical: &str) -> Option<Arc<Known>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(logical).cloned()
    }

    /// Their names.
    pub(super) fn names(&self) -> Vec<String> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    #[cfg(feature = "client")]
    pub(super) fn replace(&self, tables: BTreeMap<String, Arc<Table>>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = known(tables);
    }
}

fn known(tables: BTreeMap<String, Arc<Table>>) -> BTreeMap<String, Arc<Known>> {
    let known = |table: Arc<Table>| Arc::new(Known { names: Names::of(&table), table });
    tables.into_iter().map(|(logical, table)| (logical, known(table))).collect()
}
