//! XAES-256-GCM (C2SP): AES-256-GCM with a 24-byte nonce, one derived key per 12-byte nonce prefix.
