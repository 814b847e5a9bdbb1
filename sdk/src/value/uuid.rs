//! uuid: every input spelling that PostgreSQL takes, one output.
