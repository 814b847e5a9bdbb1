//! Rows in, facts out: relations, columns, constraints, indexes and what depends on them.
