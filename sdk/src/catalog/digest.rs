//! The digest of what a protected table is made of, compared with the lock (CAT-5).
