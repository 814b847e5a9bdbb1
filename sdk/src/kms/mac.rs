//! HMAC with the keys of HMAC specs (FIPS 198-1).

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Sha224, Sha256, Sha384, Sha512};

use super::secret::Material;
use super::spec::MacAlgorithm;

/// The tag of a message.
pub(super) fn tag(material: &Material, algorithm: MacAlgorithm, message: &[u8]) -> Vec<u8> {
    macro_rules! with {
        ($hash:ty) => {
            match <Hmac<$hash> as KeyInit>::new_from_slice(material.expose()) {
                Ok(mac) => mac.chain_update(message).finalize().into_bytes().to_vec(),
                Err(_) => unreachable!("HMAC takes keys of any length"),
            }
        };
    }
    match algorithm {
        MacAlgorithm::Sha224 => with!(Sha224),
        MacAlgorithm::Sha256 => with!(Sha256),
        MacAlgorithm::Sha384 => with!(Sha384),
        MacAlgorithm::Sha512 => with!(Sha512),
    }
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    /// RFC 4231, test case 2.
    #[test]
    fn the_published_vectors_hold() {
        let key = Material::new(Zeroizing::new(b"Jefe".to_vec()));
        for (algorithm, expected) in [
            (MacAlgorithm::Sha224, "a30e01098bc6dbbf45690f3a7e9e6d0f8bbea2a39e6148008fd05e44"),
            (MacAlgorithm::Sha256, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
        ] {
            let tag = tag(&key, algorithm, b"what do ya want for nothing?");
            assert_eq!(tag.iter().map(|byte| format!("{byte:02x}")).collect::<String>(), expected);
        }
    }
}
