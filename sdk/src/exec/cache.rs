//! The plan cache: text, declared types and resolution epoch are its key, never the text alone.
//!
//! Shared by the sessions of one thread. Texts may hold literals, and so plaintexts: they are zeroized when an entry
//! goes, and nothing in here can be printed. Plans are handed out as they are (`Arc` inside).

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::schema::Protection;
use crate::sql::{self, Statement};

/// A text beyond this many bytes is planned each time: it is a bulk load with its values inside.
pub const LONGEST_TEXT: usize = 64 * 1024;
/// Entries of one generation.
const ENTRIES: usize = 1024;
/// Bytes of texts in one generation.
const BYTES: usize = 4 * 1024 * 1024;

/// Plans by what they depend on. Two generations: a hit moves an entry into the young one, a full young one becomes
/// the old one, and what was old goes. So the memory is bounded (two times 1,024 entries and 4 MiB of texts), what is used
/// stays, and no list of uses is kept.
#[derive(Default)]
pub struct PlanCache {
    hasher: RandomState,
    young: Generation,
    old: Generation,
}

#[derive(Default)]
struct Generation {
    entries: HashMap<u64, Entry>,
    bytes: usize,
}

struct Entry {
    text: Zeroizing<String>,
    declared: Box<[u32]>,
    epoch: u64,
    statements: Arc<[Statement]>,
}

impl Entry {
    fn is_for(&self, text: &str, declared: &[u32], epoch: u64) -> bool {
        self.epoch == epoch && *self.declared == *declared && self.text.as_str() == text
    }
}

impl PlanCache {
    /// The plans of `text`, from the cache or made now.
    pub fn plan(&mut self, text: &str, declared: &[u32], protection: &Protection) -> Arc<[Statement]> {
        self.get_or_make(text, declared, protection.epoch, || sql::plan(text, declared, protection))
    }

    fn get_or_make(
        &mut self,
        text: &str,
        declared: &[u32],
        epoch: u64,
        make: impl FnOnce() -> Vec<Statement>,
    ) -> Arc<[Statement]> {
        if text.len() > LONGEST_TEXT {
            return make().into();
        }
        let hash = self.hasher.hash_one((text, declared, epoch));
        if let Some(entry) = self.young.entries.get(&hash)
            && entry.is_for(text, declared, epoch)
        {
            return Arc::clone(&entry.statements);
        }
        let entry = match self.old.take(hash) {
            Some(entry) if entry.is_for(text, declared, epoch) => entry,
            _ => Entry {
                text: Zeroizing::new(text.to_owned()),
                declared: declared.into(),
                epoch,
                statements: make().into(),
            },
        };
        let statements = Arc::clone(&entry.statements);
        if self.young.is_full() {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.put(hash, entry);
        statements
    }
}

impl Generation {
    fn is_full(&self) -> bool {
        self.entries.len() >= ENTRIES || self.bytes >= BYTES
    }

    fn take(&mut self, hash: u64) -> Option<Entry> {
        let entry = self.entries.remove(&hash)?;
        self.bytes -= entry.text.len();
        Some(entry)
    }

    fn put(&mut self, hash: u64, entry: Entry) {
        self.bytes += entry.text.len();
        if let Some(replaced) = self.entries.insert(hash, entry) {
            self.bytes -= replaced.text.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::{Decision, Effect};

    fn forward() -> Vec<Statement> {
        vec![Statement { range: 0..0, decision: Decision::Forward, effect: Effect::None }]
    }

    /// Asks and says whether it had to be planned.
    fn made(cache: &mut PlanCache, text: &str, declared: &[u32], epoch: u64) -> bool {
        let mut made = false;
        cache.get_or_make(text, declared, epoch, || {
            made = true;
            forward()
        });
        made
    }

    #[test]
    fn a_plan_is_made_once_for_a_text_its_types_and_an_epoch_sql_12() {
        let mut cache = PlanCache::default();
        assert!(made(&mut cache, "SELECT 1", &[], 1));
        assert!(!made(&mut cache, "SELECT 1", &[], 1));
        assert!(made(&mut cache, "SELECT 1", &[23], 1));
        assert!(made(&mut cache, "SELECT 1", &[], 2));
        assert!(made(&mut cache, "SELECT 2", &[], 1));
        assert!(!made(&mut cache, "SELECT 1", &[], 1));
    }

    #[test]
    fn a_long_text_is_never_kept() {
        let mut cache = PlanCache::default();
        let text = "x".repeat(LONGEST_TEXT + 1);
        assert!(made(&mut cache, &text, &[], 1));
        assert!(made(&mut cache, &text, &[], 1));
        assert_eq!(cache.young.entries.len() + cache.old.entries.len(), 0);
    }

    #[test]
    fn the_cache_is_bounded_in_entries_and_keeps_what_is_used() {
        let mut cache = PlanCache::default();
        for i in 0..10 * ENTRIES {
            made(&mut cache, &format!("SELECT {i}"), &[], 1);
            assert_eq!(made(&mut cache, "SELECT 'often'", &[], 1), i == 0);
        }
        assert!(cache.young.entries.len() + cache.old.entries.len() <= 2 * ENTRIES);
        assert!(made(&mut cache, "SELECT 0", &[], 1), "what was not used again is gone");
    }

    #[test]
    fn the_cache_is_bounded_in_bytes() {
        let mut cache = PlanCache::default();
        for i in 0..1000 {
            made(&mut cache, &format!("{i}{}", "x".repeat(60_000)), &[], 1);
        }
        for generation in [&cache.young, &cache.old] {
            assert!(generation.bytes < BYTES + LONGEST_TEXT);
            assert_eq!(generation.bytes, generation.entries.values().map(|entry| entry.text.len()).sum::<usize>());
        }
    }
}
