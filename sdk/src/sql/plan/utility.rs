//! Everything else that names a protected object: forwarded, or refused by name.
