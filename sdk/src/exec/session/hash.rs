//! How names of a session are hashed: with a secret of each table, since a client chooses its names and shares its thread
//! with others, and in a few instructions a name, since every Bind looks one up.
//!
//! It multiplies 64 bits by 64 and folds the product, as wyhash and what was made of it do.

use std::hash::{BuildHasher, Hasher, RandomState};

/// The secret of one table.
#[derive(Debug, Clone)]
pub(super) struct Secret([u64; 2]);

impl Default for Secret {
    fn default() -> Self {
        let random = RandomState::new();
        Self([0, 1].map(|number: u8| random.hash_one(number)))
    }
}

impl BuildHasher for Secret {
    type Hasher = Folded;

    fn build_hasher(&self) -> Folded {
        let Self([state, key]) = *self;
        // An even factor would lose bits.
        Folded { state, key: key | 1 }
    }
}

/// What was hashed so far.
pub(super) struct Folded {
    state: u64,
    key: u64,
}

impl Folded {
    fn add(&mut self, word: u64) {
        let product = u128::from(self.state ^ word) * u128::from(self.key);
        let [low, high] = [product, product >> 64].map(|half| (half & u128::from(u64::MAX)) as u64);
        // Without the word a product of zero would forget what came before.
        self.state = (low ^ high).wrapping_add(word);
    }
}

impl Hasher for Folded {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        words.iter().for_each(|word| self.add(u64::from_le_bytes(*word)));
        if !rest.is_empty() {
            self.add(rest.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)));
        }
    }

    fn write_usize(&mut self, length: usize) {
        self.add(length as u64);
    }

    fn finish(&self) -> u64 {
        let mut last = Self { ..*self };
        last.add(self.key);
        last.state
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_that_differ_little_spread_over_a_table() {
        let secret = Secret::default();
        let names = || (0..10_000).map(|number| format!("statement_{number}")).chain((0..60).map(|n| "x".repeat(n)));
        let hashes: HashSet<u64> = names().map(|name| secret.hash_one(name.as_bytes())).collect();
        assert_eq!(hashes.len(), names().count());
        // Both ends of a hash are used: for the place in the table and for the tag there.
        for shift in [0, 50] {
            let places: HashSet<u64> = hashes.iter().map(|hash| (hash >> shift) % 16_384).collect();
            assert!(places.len() > 6_500, "{} of about 7,500", places.len());
        }
    }

    #[test]
    fn no_two_tables_have_the_same_secret() {
        assert_ne!(Secret::default().hash_one(b"a".as_slice()), Secret::default().hash_one(b"a".as_slice()));
    }
}
