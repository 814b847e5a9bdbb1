//! The proxy inside another process: a unix socket of its own, for drivers that are not ours.
