//! Key bytes that zeroize themselves and have no Debug, Clone, PartialEq or Serialize.

use zeroize::{Zeroize, ZeroizeOnDrop};

/// `N` secret bytes, zeroized on drop.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Secret<const N: usize>(Box<[u8; N]>);

impl<const N: usize> Secret<N> {
    /// Takes the bytes over; the caller's copy is zeroized.
    pub fn new(mut bytes: [u8; N]) -> Self {
        let secret = Self(Box::new(bytes));
        bytes.zeroize();
        secret
    }

    /// The bytes, for a primitive.
    pub fn expose(&self) -> &[u8; N] {
        &self.0
    }
}
