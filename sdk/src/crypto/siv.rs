//! AES-256-SIV (RFC 5297) with 512-bit keys: key wrapping, and the deterministic cells of a later version.
