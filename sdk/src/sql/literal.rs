//! Constants as PostgreSQL types them: unescaping, numbers, typed literals and casts of literals (SQL-20).
