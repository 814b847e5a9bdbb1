//! HKDF-SHA-512 (RFC 5869) without salt.
