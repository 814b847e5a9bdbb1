//! A key store in one file, written by rename.
