//! The statements that the server has prepared for one connection, until it forgets them: at DEALLOCATE ALL, DISCARD ALL,
//! or a way of recycling that says so.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::statement::Prepared;
use crate::exec::cache::TextCache;

/// Of one generation of the cache; at most twice as many are kept at the server.
const STATEMENTS: usize = 128;

/// Bytes of their texts.
const TEXTS: usize = 1024 * 1024;

/// When a statement was prepared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Age {
    /// How often the server had forgotten all statements.
    forgotten: u64,
    /// How often a client had taken the connection.
    taken: u64,
}

pub(super) struct Statements {
    cache: TextCache<Arc<Prepared>>,
    now: Age,
    /// The server forgets them whenever the pool recycles the connection, as it did once.
    recycled: bool,
}

impl Statements {
    pub(super) fn new() -> Self {
        Self { cache: TextCache::new(STATEMENTS, TEXTS), now: Age { forgotten: 0, taken: 0 }, recycled: false }
    }

    /// A client takes the connection. Whether the server has forgotten them.
    pub(super) fn taken(&mut self) -> bool {
        self.now.taken += 1;
        if self.recycled {
            self.forgotten();
        }
        self.recycled
    }

    /// The server forgets all of them.
    pub(super) fn forgotten(&mut self) {
        self.now.forgotten += 1;
        self.cache = TextCache::new(STATEMENTS, TEXTS);
    }

    pub(super) fn now(&self) -> Age {
        self.now
    }

    pub(super) fn get(&mut self, text: &str, declared: &[u32], epoch: u64) -> Option<Arc<Prepared>> {
        self.cache.get(text, declared, epoch)
    }

    /// Keeps a statement; an older one may go, and is closed when nobody uses it.
    pub(super) fn put(&mut self, prepared: &Arc<Prepared>) {
        if self.has(prepared) {
            self.cache.put(prepared.text(), prepared.declared(), prepared.epoch(), Arc::clone(prepared));
        }
    }

    /// Whether the server has it, as far as is known.
    pub(super) fn has(&self, prepared: &Prepared) -> bool {
        prepared.age.forgotten == self.now.forgotten && !prepared.lost.load(Ordering::Relaxed)
    }

    /// The server does not have it any more, or not as it was. `forgotten`: it does not know its name, and so no other's.
    pub(super) fn lost(&mut self, prepared: &Prepared, forgotten: bool) {
        if forgotten && self.has(prepared) {
            self.recycled |= prepared.age.taken < self.now.taken;
            self.forgotten();
        }
        prepared.lost.store(true, Ordering::Relaxed);
        self.cache.remove(prepared.text(), prepared.declared(), prepared.epoch());
    }
}
