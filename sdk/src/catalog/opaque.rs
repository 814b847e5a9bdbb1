//! Functions, triggers and views whose text names a protected object or runs dynamic SQL (SQL-13).
