//! Rows as they come, opened and verified one by one.
