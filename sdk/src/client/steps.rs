//! Statements of several steps, each run to its end in a transaction.
