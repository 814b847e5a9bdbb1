//! raw: a 256-bit root key from a file or an environment variable.
