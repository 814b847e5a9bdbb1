//! Provenance of an expression: what may reach the server as it is, and what may not (SQL-20, SQL-21).
