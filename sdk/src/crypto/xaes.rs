//! XAES-256-GCM (C2SP): AES-256-GCM with a 24-byte nonce, one derived key per 12-byte nonce prefix.
//!
//! <https://c2sp.org/XAES-256-GCM>. The derivation is the counter-mode KDF of NIST SP 800-108r1 with CMAC; K1 is
//! CMAC's first subkey. A derived key serves every nonce that begins with the same 12 bytes, which is what makes the
//! second and later cells of a row cheap (CELL-1).

use aes::Aes256Enc;
use aes::cipher::consts::U12;
use aes::cipher::{Array, BlockCipherEncrypt, KeyInit};
use aes_gcm::{AeadInOut, AesGcm};
use zeroize::{Zeroize, Zeroizing};

use super::secret::Secret;

/// Length of a nonce in bytes.
pub const NONCE_LEN: usize = 24;
/// How much of a nonce selects the derived key; the rest is that key's AES-GCM nonce.
pub const PREFIX_LEN: usize = 12;
/// Length of a tag in bytes.
pub const TAG_LEN: usize = 16;

/// Why nothing came out: a tag that does not hold, or more bytes than AES-GCM takes (2^36 - 32).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the sealed bytes do not belong to this key, nonce and associated data")]
pub struct Rejected;

/// An expanded key.
pub struct XaesKey {
    /// It only ever encrypts: half of the key schedule.
    cipher: Aes256Enc,
    k1: Zeroizing<[u8; 16]>,
}

impl XaesKey {
    /// Expands the key and computes K1.
    pub fn new(key: &Secret<32>) -> Self {
        let cipher = Aes256Enc::new(key.expose().into());
        let mut block = [0; 16];
        cipher.encrypt_block((&mut block).into());
        let mut value = u128::from_be_bytes(block);
        // Doubling in GF(2^128) without a branch on the secret: the mask is all ones if the top bit is set.
        let carry = (value >> 127).wrapping_neg() & 0x87;
        let mut doubled = (value << 1) ^ carry;
        let k1 = Zeroizing::new(doubled.to_be_bytes());
        block.zeroize();
        value.zeroize();
        doubled.zeroize();
        Self { cipher, k1 }
    }

    /// The key for every nonce that begins with `prefix`.
    pub fn derive(&self, prefix: &[u8; PREFIX_LEN]) -> DerivedKey {
        // u16 counter ‖ "X" ‖ 0 ‖ prefix, XORed with K1.
        let mut input = [0; 16];
        input[2] = b'X';
        input[4..].copy_from_slice(prefix);
        let input = u128::from_be_bytes(input) ^ u128::from_be_bytes(*self.k1);
        let mut key = Zeroizing::new([0; 32]);
        let (halves, _) = Array::slice_as_chunks_mut(key.as_mut_slice());
        for (half, counter) in halves.iter_mut().zip(1..) {
            *half = (input ^ counter << 112).to_be_bytes().into();
        }
        self.cipher.encrypt_blocks(halves);
        DerivedKey(AesGcm::new((&*key).into()))
    }
}

/// The AES-256-GCM key of one nonce prefix. GCM only encrypts blocks, in both directions: half of the key schedule.
pub struct DerivedKey(AesGcm<Aes256Enc, U12>);

impl DerivedKey {
    /// Encrypts `buffer` in place and returns the tag. `tail` is the second half of the nonce and must never come
    /// twice under one derived key.
    pub fn seal(&self, tail: &[u8; 12], associated: &[u8], buffer: &mut [u8]) -> Result<[u8; TAG_LEN], Rejected> {
        match self.0.encrypt_inout_detached(tail.into(), associated, buffer.into()) {
            Ok(tag) => Ok(tag.into()),
            Err(_) => Err(Rejected),
        }
    }

    /// Decrypts `buffer` in place if the tag holds; else the buffer is left as it was.
    pub fn open(
        &self,
        tail: &[u8; 12],
        associated: &[u8],
        buffer: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> Result<(), Rejected> {
        self.0.decrypt_inout_detached(tail.into(), associated, buffer.into(), tag.into()).map_err(|_| Rejected)
    }
}

/// A nonce in its two halves.
pub fn split(nonce: &[u8; NONCE_LEN]) -> ([u8; PREFIX_LEN], [u8; 12]) {
    let (mut prefix, mut tail) = ([0; PREFIX_LEN], [0; 12]);
    prefix.copy_from_slice(&nonce[..PREFIX_LEN]);
    tail.copy_from_slice(&nonce[PREFIX_LEN..]);
    (prefix, tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seal(key: [u8; 32], nonce: &[u8; 24], aad: &[u8], plaintext: &[u8]) -> Vec<u8> {
        let (prefix, tail) = split(nonce);
        let derived = XaesKey::new(&Secret::new(key)).derive(&prefix);
        let mut sealed = plaintext.to_vec();
        let tag = derived.seal(&tail, aad, &mut sealed).unwrap();
        let mut opened = sealed.clone();
        derived.open(&tail, aad, &mut opened, &tag).unwrap();
        assert_eq!(opened, plaintext);
        sealed.extend_from_slice(&tag);
        sealed
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The two vectors of the specification: the top bit of L is clear in one and set in the other.
    #[test]
    fn the_published_vectors_hold() {
        let nonce = b"ABCDEFGHIJKLMNOPQRSTUVWX";
        assert_eq!(
            hex(&seal([1; 32], nonce, b"", b"XAES-256-GCM")),
            "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"
        );
        assert_eq!(
            hex(&seal([3; 32], nonce, b"c2sp.org/XAES-256-GCM", b"XAES-256-GCM")),
            "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"
        );
    }

    /// C2SP's accumulated vectors: inputs drawn from SHAKE128 of nothing, outputs hashed with SHAKE128.
    #[test]
    fn ten_thousand_accumulated_vectors_hold() {
        let mut draw = shake128::Shake::default();
        let mut sum = shake128::Shake::default();
        for _ in 0..10_000 {
            let key = draw.read(32).try_into().unwrap();
            let nonce: [u8; 24] = draw.read(24).try_into().unwrap();
            let len = usize::from(draw.read(1)[0]);
            let plaintext = draw.read(len);
            let len = usize::from(draw.read(1)[0]);
            let aad = draw.read(len);
            sum.absorb(&seal(key, &nonce, &aad, &plaintext));
        }
        assert_eq!(hex(&sum.read(32)), "e6b9edf2df6cec60c8cbd864e2211b597fb69a529160cd040d56c0c210081939");
    }

    #[test]
    fn a_rejected_buffer_is_left_as_it_was() {
        let derived = XaesKey::new(&Secret::new([1; 32])).derive(&[2; 12]);
        let mut buffer = b"plaintext".to_vec();
        let mut tag = derived.seal(&[3; 12], b"", &mut buffer).unwrap();
        let sealed = buffer.clone();
        tag[0] ^= 1;
        assert_eq!(derived.open(&[3; 12], b"", &mut buffer, &tag), Err(Rejected));
        assert_eq!(buffer, sealed);
    }

    /// SHAKE128 (FIPS 202), only to draw and sum the accumulated vectors.
    mod shake128 {
        const RATE: usize = 168;

        #[derive(Default)]
        pub(super) struct Shake {
            state: [u64; 25],
            position: usize,
            squeezing: bool,
        }

        impl Shake {
            pub(super) fn absorb(&mut self, bytes: &[u8]) {
                for &byte in bytes {
                    self.xor(self.position, byte);
                    self.position += 1;
                    if self.position == RATE {
                        permute(&mut self.state);
                        self.position = 0;
                    }
                }
            }

            pub(super) fn read(&mut self, len: usize) -> Vec<u8> {
                if !self.squeezing {
                    self.xor(self.position, 0x1f);
                    self.xor(RATE - 1, 0x80);
                    permute(&mut self.state);
                    (self.position, self.squeezing) = (0, true);
                }
                (0..len)
                    .map(|_| {
                        if self.position == RATE {
                            permute(&mut self.state);
                            self.position = 0;
                        }
                        let byte = self.state[self.position / 8].to_le_bytes()[self.position % 8];
                        self.position += 1;
                        byte
                    })
                    .collect()
            }

            fn xor(&mut self, position: usize, byte: u8) {
                self.state[position / 8] ^= u64::from(byte) << (position % 8 * 8);
            }
        }

        fn permute(state: &mut [u64; 25]) {
            let mut lfsr = 1u8;
            for _ in 0..24 {
                // θ
                let parity: [u64; 5] = std::array::from_fn(|x| (0..5).fold(0, |p, y| p ^ state[x + 5 * y]));
                for (i, lane) in state.iter_mut().enumerate() {
                    *lane ^= parity[(i + 4) % 5] ^ parity[(i % 5 + 1) % 5].rotate_left(1);
                }
                // ρ and π
                let (mut x, mut y, mut current) = (1, 0, state[1]);
                for t in 0..24u32 {
                    (x, y) = (y, (2 * x + 3 * y) % 5);
                    let next = state[x + 5 * y];
                    state[x + 5 * y] = current.rotate_left((t + 1) * (t + 2) / 2 % 64);
                    current = next;
                }
                // χ
                for row in state.chunks_exact_mut(5) {
                    let old: [u64; 5] = std::array::from_fn(|x| row[x]);
                    (0..5).for_each(|x| row[x] = old[x] ^ (!old[(x + 1) % 5] & old[(x + 2) % 5]));
                }
                // ι
                for j in 0..7 {
                    if lfsr & 1 == 1 {
                        state[0] ^= 1 << ((1u32 << j) - 1);
                    }
                    lfsr = (lfsr << 1) ^ if lfsr & 0x80 != 0 { 0x71 } else { 0 };
                }
            }
        }
    }
}
