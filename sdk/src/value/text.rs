//! text and varchar(n): UTF-8 without NUL; n counts characters, trailing blanks are cut as PostgreSQL does.
