//! Edits of the original bytes at token boundaries (SQL-1, SQL-2).
