//! A key store that ends with the process, for tests and for records that do not outlive it.

use std::sync::{Mutex, PoisonError};

use super::{Inserted, Item, KeyStore, conflicts};
use crate::crypto::random::NoRandomness;
use crate::keys::{BoxFuture, Error, Uuid};

/// Items in memory.
pub struct MemoryStore {
    uuid: Uuid,
    items: Mutex<Vec<Item>>,
}

impl MemoryStore {
    /// An empty one with a random UUID.
    pub fn new() -> Result<Self, NoRandomness> {
        Uuid::random().map(|uuid| Self::with_items(uuid, Vec::new()))
    }

    /// One that holds these items.
    pub fn with_items(uuid: Uuid, items: Vec<Item>) -> Self {
        Self { uuid, items: Mutex::new(items) }
    }
}

impl KeyStore for MemoryStore {
    fn uuid(&self) -> BoxFuture<'_, Result<Uuid, Error>> {
        Box::pin(async { Ok(self.uuid) })
    }

    fn list<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Vec<Item>, Error>> {
        let items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        let found = items.iter().filter(|item| item.id == id).cloned().collect();
        Box::pin(async { Ok(found) })
    }

    fn insert<'a>(&'a self, new: &'a [Item]) -> BoxFuture<'a, Result<Inserted, Error>> {
        let mut items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        let inserted = if conflicts(&items, new) {
            Inserted::Conflict
        } else {
            items.extend_from_slice(new);
            Inserted::All
        };
        Box::pin(async move { Ok(inserted) })
    }
}
