//! What is kept by text, declared types and resolution epoch, never by the text alone: plans, and prepared statements.
//!
//! Texts may hold literals, and so plaintexts: they are zeroized when an entry goes, and nothing in here can be printed.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use zeroize::Zeroizing;

use crate::schema::Protection;
use crate::sql::client_text::ClientText;
use crate::sql::{self, Statement};

/// A text beyond this many bytes is planned each time: it is a bulk load with its values inside.
pub const LONGEST_TEXT: usize = 64 * 1024;

/// Plans of texts, shared by the sessions of one thread or process. Plans are handed out as they are (`Arc` inside).
///
/// A plan is made while nothing is locked: whoever plans a long text holds up nobody. Two that plan one text at the same
/// time both do so.
pub struct PlanCache(Mutex<TextCache<Arc<[Statement]>>>);

impl Default for PlanCache {
    /// Two times 1,024 texts of 4 MiB together at most.
    fn default() -> Self {
        Self(Mutex::new(TextCache::new(1024, 4 * 1024 * 1024)))
    }
}

impl PlanCache {
    /// The plans of a client's text, with places in it.
    pub fn plan_client(&self, text: &ClientText<'_>, declared: &[u32], protection: &Protection) -> Arc<[Statement]> {
        match text.is_moved() {
            false => self.plan(text.text(), declared, protection),
            // Its places are its own, and it is rare.
            true => text.located(sql::plan(text.text(), declared, protection)).into(),
        }
    }

    /// The plans of `text`, from the cache or made now.
    pub fn plan(&self, text: &str, declared: &[u32], protection: &Protection) -> Arc<[Statement]> {
        if let Some(plans) = self.kept().get(text, declared, protection.epoch) {
            return plans;
        }
        let plans: Arc<[Statement]> = sql::plan(text, declared, protection).into();
        self.kept().put(text, declared, protection.epoch, Arc::clone(&plans));
        plans
    }

    /// A panic elsewhere leaves nothing half kept that could be taken for a plan.
    fn kept(&self) -> MutexGuard<'_, TextCache<Arc<[Statement]>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Values by what they depend on. Two generations: a hit moves an entry into the young one, a full young one becomes
/// the old one, and what was old goes. So the memory is bounded (twice what a generation takes), what is used stays, and
/// no list of uses is kept.
pub struct TextCache<V> {
    hasher: RandomState,
    /// Entries and bytes of texts of one generation.
    entries: usize,
    bytes: usize,
    young: Generation<V>,
    old: Generation<V>,
}

struct Generation<V> {
    entries: HashMap<u64, Entry<V>>,
    bytes: usize,
}

struct Entry<V> {
    text: Zeroizing<String>,
    declared: Box<[u32]>,
    epoch: u64,
    value: V,
}

impl<V> Entry<V> {
    fn is_for(&self, text: &str, declared: &[u32], epoch: u64) -> bool {
        self.epoch == epoch && *self.declared == *declared && self.text.as_str() == text
    }
}

impl<V: Clone> TextCache<V> {
    /// An empty one. A generation ends with so many entries, or when its texts have so many bytes.
    pub fn new(entries: usize, bytes: usize) -> Self {
        Self { hasher: RandomState::new(), entries, bytes, young: Generation::default(), old: Generation::default() }
    }

    /// What is kept for this text.
    pub fn get(&mut self, text: &str, declared: &[u32], epoch: u64) -> Option<V> {
        let hash = self.hasher.hash_one((text, declared, epoch));
        if let Some(entry) = self.young.entries.get(&hash).filter(|entry| entry.is_for(text, declared, epoch)) {
            return Some(entry.value.clone());
        }
        let entry = self.old.take(hash).filter(|entry| entry.is_for(text, declared, epoch))?;
        let value = entry.value.clone();
        self.keep(hash, entry);
        Some(value)
    }

    /// Keeps a value, unless its text is a bulk load.
    pub fn put(&mut self, text: &str, declared: &[u32], epoch: u64, value: V) {
        if text.len() <= LONGEST_TEXT {
            let hash = self.hasher.hash_one((text, declared, epoch));
            let entry = Entry { text: Zeroizing::new(text.to_owned()), declared: declared.into(), epoch, value };
            self.keep(hash, entry);
        }
    }

    /// Forgets the value of this text.
    pub fn remove(&mut self, text: &str, declared: &[u32], epoch: u64) {
        let hash = self.hasher.hash_one((text, declared, epoch));
        self.young.take(hash);
        self.old.take(hash);
    }

    fn keep(&mut self, hash: u64, entry: Entry<V>) {
        if self.young.entries.len() >= self.entries || self.young.bytes >= self.bytes {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.put(hash, entry);
    }
}

impl<V> Default for Generation<V> {
    fn default() -> Self {
        Self { entries: HashMap::new(), bytes: 0 }
    }
}

impl<V> Generation<V> {
    fn take(&mut self, hash: u64) -> Option<Entry<V>> {
        let entry = self.entries.remove(&hash)?;
        self.bytes -= entry.text.len();
        Some(entry)
    }

    fn put(&mut self, hash: u64, entry: Entry<V>) {
        self.bytes += entry.text.len();
        if let Some(replaced) = self.entries.insert(hash, entry) {
            self.bytes -= replaced.text.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRIES: usize = 64;
    const BYTES: usize = 1024 * 1024;

    fn cache() -> TextCache<()> {
        TextCache::new(ENTRIES, BYTES)
    }

    /// Asks and says whether it had to be made.
    fn made(cache: &mut TextCache<()>, text: &str, declared: &[u32], epoch: u64) -> bool {
        let found = cache.get(text, declared, epoch);
        if found.is_none() {
            cache.put(text, declared, epoch, ());
        }
        found.is_none()
    }

    #[test]
    fn a_plan_is_made_once_for_a_text_its_types_and_an_epoch_sql_12() {
        let plans = PlanCache::default();
        let mut protection = Protection::default();
        let first = plans.plan("SELECT 1", &[], &protection);
        assert!(Arc::ptr_eq(&first, &plans.plan("SELECT 1", &[], &protection)));
        protection.epoch += 1;
        assert!(!Arc::ptr_eq(&first, &plans.plan("SELECT 1", &[], &protection)));
    }

    #[test]
    fn text_types_and_epoch_are_the_key_sql_12() {
        let mut cache = cache();
        assert!(made(&mut cache, "SELECT 1", &[], 1));
        assert!(!made(&mut cache, "SELECT 1", &[], 1));
        assert!(made(&mut cache, "SELECT 1", &[23], 1));
        assert!(made(&mut cache, "SELECT 1", &[], 2));
        assert!(made(&mut cache, "SELECT 2", &[], 1));
        assert!(!made(&mut cache, "SELECT 1", &[], 1));
        cache.remove("SELECT 1", &[], 1);
        assert!(made(&mut cache, "SELECT 1", &[], 1));
    }

    #[test]
    fn a_long_text_is_never_kept() {
        let mut cache = cache();
        let text = "x".repeat(LONGEST_TEXT + 1);
        assert!(made(&mut cache, &text, &[], 1));
        assert!(made(&mut cache, &text, &[], 1));
        assert_eq!(cache.young.entries.len() + cache.old.entries.len(), 0);
    }

    #[test]
    fn the_cache_is_bounded_in_entries_and_keeps_what_is_used() {
        let mut cache = cache();
        for i in 0..10 * ENTRIES {
            made(&mut cache, &format!("SELECT {i}"), &[], 1);
            assert_eq!(made(&mut cache, "SELECT 'often'", &[], 1), i == 0);
        }
        assert!(cache.young.entries.len() + cache.old.entries.len() <= 2 * ENTRIES);
        assert!(made(&mut cache, "SELECT 0", &[], 1), "what was not used again is gone");
    }

    #[test]
    fn the_cache_is_bounded_in_bytes() {
        let mut cache = cache();
        for i in 0..100 {
            made(&mut cache, &format!("{i}{}", "x".repeat(60_000)), &[], 1);
        }
        for generation in [&cache.young, &cache.old] {
            assert!(generation.bytes < BYTES + LONGEST_TEXT);
            assert_eq!(generation.bytes, generation.entries.values().map(|entry| entry.text.len()).sum::<usize>());
        }
    }
}
