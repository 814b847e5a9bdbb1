//! bool: input spellings of PostgreSQL's boolin, one byte in binary.
