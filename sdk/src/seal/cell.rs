//! The content of one ENCRYPT_AND_SIGN column: header, nonce, ciphertext, tag (CELL-1, CELL-3).
