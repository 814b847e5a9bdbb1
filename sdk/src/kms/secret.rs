//! Bytes of keys as the store holds them.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serializer, de};
use zeroize::Zeroizing;

use crate::crypto::random::{self, NoRandomness};

/// Bytes of a key, shared by copies of the state and overwritten with the last. No Debug, no Serialize of its own:
/// only the sealed state writes it, by [`hex`].
#[derive(Clone)]
pub struct Material(Arc<Zeroizing<Vec<u8>>>);

impl Material {
    /// Takes the bytes over.
    pub fn new(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(Arc::new(bytes))
    }

    /// As many random bytes.
    pub fn random(len: usize) -> Result<Self, NoRandomness> {
        let mut bytes = Zeroizing::new(vec![0; len]);
        random::fill(&mut bytes)?;
        Ok(Self::new(bytes))
    }

    /// The bytes, for a primitive.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

/// `serde(with)` for the sealed state: lower-case hex, whose text is overwritten as well.
pub mod hex {
    use super::{Deserialize, Deserializer, Material, Serializer, Zeroizing, de};

    /// Writes it.
    pub fn serialize<S: Serializer>(material: &Material, serializer: S) -> Result<S::Ok, S::Error> {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = Zeroizing::new(String::with_capacity(material.expose().len() * 2));
        for byte in material.expose() {
            text.push(DIGITS[usize::from(byte >> 4)].into());
            text.push(DIGITS[usize::from(byte & 15)].into());
        }
        serializer.serialize_str(&text)
    }

    /// Reads it.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Material, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        let mut bytes = Zeroizing::new(Vec::with_capacity(pairs.len()));
        for &[high, low] in pairs {
            match (digit(high), digit(low)) {
                (Some(high), Some(low)) => bytes.push(high << 4 | low),
                _ => return Err(de::Error::custom("not hex")),
            }
        }
        if rest.is_empty() { Ok(Material::new(bytes)) } else { Err(de::Error::custom("not hex")) }
    }
}
