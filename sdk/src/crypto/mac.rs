//! HMAC-SHA-384 (RFC 2104, FIPS 198-1) with a kept, zeroized key state.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha384};
use zeroize::Zeroizing;

use super::equal::equal;
use crate::framing::Sink;

/// Length of a whole tag in bytes.
pub const TAG_LEN: usize = 48;

/// Block length of SHA-384 in bytes.
const BLOCK: usize = 128;
/// How much of a message is gathered before it is hashed.
const GATHERED: usize = 4 * BLOCK;

/// A key, kept as the two SHA-384 states that it leads to; they are zeroized on drop.
pub struct MacKey(Hmac<Sha384>);

impl MacKey {
    /// A key of any length; one of more than a block is hashed first, as RFC 2104 says.
    pub fn new(key: &[u8]) -> Self {
        let mut block = Zeroizing::new([0; BLOCK]);
        match block.get_mut(..key.len()) {
            Some(head) => head.copy_from_slice(key),
            None => block[..TAG_LEN].copy_from_slice(&Sha384::digest(key)),
        }
        Self(Hmac::new((&*block).into()))
    }

    /// Starts one message.
    pub fn start(&self) -> Tagger {
        Tagger { mac: self.0.clone(), gathered: [0; GATHERED], len: 0 }
    }

    /// The tag of a message that is there in one piece.
    pub fn tag(&self, message: &[u8]) -> [u8; TAG_LEN] {
        self.0.clone().chain_update(message).finalize().into_bytes().into()
    }
}

/// One message on its way through HMAC. Short pieces are gathered to whole blocks, which the hash takes much faster than
/// a hundred short ones.
pub struct Tagger {
    mac: Hmac<Sha384>,
    gathered: [u8; GATHERED],
    len: usize,
}

impl Sink for Tagger {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        let end = self.len + bytes.len();
        match self.gathered.get_mut(self.len..end) {
            Some(place) if end < GATHERED => {
                place.copy_from_slice(bytes);
                self.len = end;
            }
            Some(_) | None => self.fill(bytes),
        }
    }
}

impl Tagger {
    /// Hashes what is full; there is always room for a byte.
    fn fill(&mut self, bytes: &[u8]) {
        let mut bytes = bytes;
        while !bytes.is_empty() {
            let room = &mut self.gathered[self.len..];
            let (now, later) = bytes.split_at(bytes.len().min(room.len()));
            room[..now.len()].copy_from_slice(now);
            self.len += now.len();
            if self.len == GATHERED {
                self.mac.update(&self.gathered);
                self.len = 0;
            }
            bytes = later;
        }
    }

    /// The tag.
    pub fn finish(self) -> [u8; TAG_LEN] {
        let Self { mut mac, gathered, len } = self;
        mac.update(&gathered[..len]);
        mac.finalize().into_bytes().into()
    }

    /// Whether `tag` is the tag, in constant time for its length.
    #[must_use]
    pub fn verify(self, tag: &[u8]) -> bool {
        <[u8; TAG_LEN]>::try_from(tag).is_ok_and(|tag| equal(&self.finish(), &tag))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// RFC 4231, test cases 1, 2 and 6 (a key longer than a block).
    #[test]
    fn the_published_vectors_hold() {
        assert_eq!(
            hex(&MacKey::new(&[0x0b; 20]).tag(b"Hi There")),
            "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6"
        );
        assert_eq!(
            hex(&MacKey::new(b"Jefe").tag(b"what do ya want for nothing?")),
            "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649"
        );
        assert_eq!(
            hex(&MacKey::new(&[0xaa; 131]).tag(b"Test Using Larger Than Block-Size Key - Hash Key First")),
            "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c60c2ef6ab4030fe8296248df163f44952"
        );
    }

    #[test]
    fn a_kept_state_serves_many_messages_and_pieces_add_up() {
        let key = MacKey::new(b"key");
        let mut tagger = key.start();
        tagger.put(b"one ");
        tagger.put(b"message");
        assert!(tagger.verify(&key.tag(b"one message")));
    }

    #[test]
    fn pieces_of_any_length_add_up() {
        let key = MacKey::new(b"key");
        let message: Vec<u8> = (0..2000u32).map(|at| (at % 251) as u8).collect();
        for piece in [1, 7, 127, 128, 500, 511, 512, 513, 1024, 2000] {
            for len in [0, 1, 511, 512, 513, 1024, 2000] {
                let mut tagger = key.start();
                message[..len].chunks(piece).for_each(|piece| tagger.put(piece));
                assert!(tagger.verify(&key.tag(&message[..len])), "{len} in pieces of {piece}");
            }
        }
    }

    #[test]
    fn a_cut_or_changed_tag_does_not_verify() {
        let key = MacKey::new(b"key");
        let mut tag = key.tag(b"message");
        let tagger = || {
            let mut tagger = key.start();
            tagger.put(b"message");
            tagger
        };
        assert!(!tagger().verify(&tag[..47]));
        assert!(!tagger().verify(&[]));
        tag[47] ^= 1;
        assert!(!tagger().verify(&tag));
    }
}
