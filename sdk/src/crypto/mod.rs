//! Primitives, each with the published vectors of its standard. Nothing here knows what it protects.

mod equal;
pub mod hkdf;
pub mod mac;
pub mod random;
pub mod secret;
pub mod siv;
pub mod xaes;
