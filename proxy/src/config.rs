//! What serve was told: flags, then environment, then the file; parsed once into checked types.
