//! HMAC-SHA-384 (RFC 2104, FIPS 198-1) with a kept, zeroized key state.
