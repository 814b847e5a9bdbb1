//! date, timestamp, timestamptz: ISO 8601 and what drivers send, PostgreSQL's range and rounding,
//! days and microseconds since 2000-01-01.
