//! The operating system's generator: one call for a batch of nonces, nothing carried over (RND-1).
