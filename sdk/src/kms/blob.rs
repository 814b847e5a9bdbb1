//! Ciphertext blobs of symmetric keys (KMS-2 of docs/formats.md).
//!
//! Each call derives a key of its own from the key's material and a random salt (NIST SP 800-108r1, counter mode with
//! HMAC-SHA-256), and seals with AES-256-GCM under it. The encryption context is authenticated and not stored.

use std::collections::BTreeMap;

use aes_gcm::{AeadInOut, Aes256Gcm};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::secret::Material;
use crate::crypto::random::{self, NoRandomness};
use crate::framing::Reader;
use crate::keys::Uuid;

const VERSION: u8 = 1;
const SALT: usize = 16;
const NONCE: usize = 12;
const TAG: usize = 16;
/// Version, key id, material version.
const HEAD: usize = 1 + 16 + 4;
const LABEL: &[u8] = b"pgseal kms blob";

/// How many bytes a blob is longer than its plaintext.
pub const OVERHEAD: usize = HEAD + SALT + NONCE + TAG;

/// The bytes are no blob of ours, or were changed, or belong to another key or context. One reason on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the ciphertext does not belong to this key and context")]
pub struct Rejected;

/// Which key and which version of its material a blob names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named {
    /// The key.
    pub key: Uuid,
    /// The version of its material, from 1.
    pub version: u32,
}

/// Reads what a blob names. It is not authenticated before [`open`].
///
/// # Errors
/// [`Rejected`] if it is too short or of an unknown version.
pub fn named(blob: &[u8]) -> Result<Named, Rejected> {
    let mut reader = Reader::new(blob);
    let read = |reader: &mut Reader<'_>| {
        let version = reader.u8()?;
        Ok::<_, crate::framing::Malformed>((version, Uuid(reader.array()?), reader.u32()?))
    };
    match read(&mut reader) {
        Ok((VERSION, key, version)) if blob.len() >= OVERHEAD => Ok(Named { key, version }),
        Ok(_) | Err(_) => Err(Rejected),
    }
}

/// Seals.
///
/// # Errors
/// [`NoRandomness`].
pub fn seal(
    material: &Material,
    named: Named,
    context: &BTreeMap<String, String>,
    plaintext: &[u8],
) -> Result<Vec<u8>, NoRandomness> {
    let drawn = random::array::<{ SALT + NONCE }>()?;
    Ok(seal_with(material, named, context, plaintext, &drawn))
}

fn seal_with(
    material: &Material,
    named: Named,
    context: &BTreeMap<String, String>,
    plaintext: &[u8],
    drawn: &[u8; SALT + NONCE],
) -> Vec<u8> {
    let mut blob = Vec::with_capacity(OVERHEAD + plaintext.len());
    blob.push(VERSION);
    blob.extend_from_slice(&named.key.0);
    blob.extend_from_slice(&named.version.to_be_bytes());
    blob.extend_from_slice(drawn);
    let associated = associated(&blob, context);
    let (salt, nonce) = split(drawn);
    let start = blob.len();
    blob.extend_from_slice(plaintext);
    match cipher(material, salt).encrypt_inout_detached(nonce.into(), &associated, (&mut blob[start..]).into()) {
        Ok(tag) => blob.extend_from_slice(&tag),
        Err(_) => unreachable!("a request is shorter than AES-GCM's limit of 2^36 bytes"),
    }
    blob
}

/// Opens.
///
/// # Errors
/// [`Rejected`] whatever the reason.
pub fn open(
    material: &Material,
    blob: &[u8],
    context: &BTreeMap<String, String>,
) -> Result<Zeroizing<Vec<u8>>, Rejected> {
    named(blob)?;
    let (head, rest) = blob.split_at_checked(HEAD + SALT + NONCE).ok_or(Rejected)?;
    let (sealed, tag) = rest.split_last_chunk::<TAG>().ok_or(Rejected)?;
    let drawn: &[u8; SALT + NONCE] = head.last_chunk().ok_or(Rejected)?;
    let (salt, nonce) = split(drawn);
    let mut plaintext = Zeroizing::new(sealed.to_vec());
    cipher(material, salt)
        .decrypt_inout_detached(nonce.into(), &associated(head, context), plaintext.as_mut_slice().into(), tag.into())
        .map_err(|_| Rejected)?;
    Ok(plaintext)
}

fn split(drawn: &[u8; SALT + NONCE]) -> (&[u8; SALT], &[u8; NONCE]) {
    let (mut salt, mut nonce) = (&[0; SALT], &[0; NONCE]);
    if let (Some(head), Some(tail)) = (drawn.first_chunk(), drawn.last_chunk()) {
        (salt, nonce) = (head, tail);
    }
    (salt, nonce)
}

/// SP 800-108r1, 4.1, with r = 32 and one block: K(1) = PRF(key, [1] ‖ label ‖ 0x00 ‖ context ‖ [L]).
fn derive(material: &Material, salt: &[u8; SALT]) -> Zeroizing<[u8; 32]> {
    let mut mac = keyed(material.expose());
    mac.update(&1u32.to_be_bytes());
    mac.update(LABEL);
    mac.update(&[0]);
    mac.update(salt);
    mac.update(&256u32.to_be_bytes());
    Zeroizing::new(mac.finalize().into_bytes().into())
}

fn cipher(material: &Material, salt: &[u8; SALT]) -> Aes256Gcm {
    Aes256Gcm::new((&*derive(material, salt)).into())
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    match Hmac::new_from_slice(key) {
        Ok(mac) => mac,
        Err(_) => unreachable!("HMAC takes keys of any length"),
    }
}

/// Label ‖ head of the blob ‖ u32 count ‖ per pair in byte order of names u32 len ‖ name ‖ u32 len ‖ value.
fn associated(head: &[u8], context: &BTreeMap<String, String>) -> Vec<u8> {
    let mut out = LABEL.to_vec();
    out.extend_from_slice(head);
    out.extend_from_slice(&(context.len() as u32).to_be_bytes());
    for text in context.iter().flat_map(|(name, value)| [name, value]) {
        out.extend_from_slice(&(text.len() as u32).to_be_bytes());
        out.extend_from_slice(text.as_bytes());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    fn material(byte: u8) -> Material {
        Material::new(Zeroizing::new(vec![byte; 32]))
    }

    const NAMED: Named = Named { key: Uuid([7; 16]), version: 2 };

    /// The bytes come from an independent implementation (Python: hmac, cryptography's AESGCM).
    #[test]
    fn the_bytes_are_those_of_an_independent_implementation() {
        let drawn = std::array::from_fn(|at| at as u8);
        let blob = seal_with(&material(1), NAMED, &context(&[("a", "1"), ("b", "")]), b"a data key", &drawn);
        let hex: String = blob.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, EXPECTED);
    }

    const EXPECTED: &str = "010707070707070707070707070707070700000002000102030405060708090a0b0c0d0e0f101112131415161718191a1b8c6442f7684dcedf78d53f29496b158bda8e400bd70d6213a82c";

    #[test]
    fn every_flipped_bit_every_cut_and_every_other_context_is_rejected() {
        let own = context(&[("tenant", "a")]);
        let blob = seal(&material(1), NAMED, &own, b"plaintext").unwrap();
        assert_eq!(blob.len(), OVERHEAD + 9);
        assert_eq!(named(&blob), Ok(NAMED));
        assert_eq!(**open(&material(1), &blob, &own).unwrap(), *b"plaintext");
        for bit in 0..blob.len() * 8 {
            let mut forged = blob.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            assert!(open(&material(1), &forged, &own).is_err(), "bit {bit}");
        }
        for len in 0..blob.len() {
            assert!(open(&material(1), &blob[..len], &own).is_err());
        }
        assert!(open(&material(2), &blob, &own).is_err());
        for other in [
            context(&[]),
            context(&[("tenant", "b")]),
            context(&[("tenan", "ta")]),
            context(&[("tenant", "a"), ("x", "")]),
        ] {
            assert!(open(&material(1), &blob, &other).is_err());
        }
    }

    #[test]
    fn two_seals_of_one_text_differ() {
        let seal = || seal(&material(1), NAMED, &context(&[]), b"x").unwrap();
        assert_ne!(seal(), seal());
    }
}
