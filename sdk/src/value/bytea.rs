//! bytea: hex and escape input, hex output.
