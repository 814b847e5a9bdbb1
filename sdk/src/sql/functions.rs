//! Functions and operators that a touched statement may use, as a table: what is not in it is refused.
