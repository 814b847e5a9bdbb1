//! Transactions and savepoints.
