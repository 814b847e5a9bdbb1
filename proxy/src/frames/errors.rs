//! ErrorResponse: positions mapped back, helper names and ciphertext rebuilt or dropped (SQL-56).
