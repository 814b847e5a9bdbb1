//! UPDATE: blind where the context is fixed by the statement, else read-modify-write (SQL-50, SQL-51).
