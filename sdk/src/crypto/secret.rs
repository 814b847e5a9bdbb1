//! Key bytes that zeroize themselves and have no Debug, Clone, PartialEq or Serialize.

use zeroize::Zeroize;

/// `N` secret bytes, zeroized on drop.
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

// By hand: the derive would bring a second generation of syn into the default tree.
impl<const N: usize> Drop for Secret<N> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}
