//! Names of one statement: the protected table, its alias, its columns (CAT-3, CAT-4, SQL-10).
