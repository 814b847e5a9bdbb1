//! schema plan and schema apply: from the schema file and the live catalog to DDL and the lock.
