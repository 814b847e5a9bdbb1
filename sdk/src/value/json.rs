//! json as given after a syntax check; jsonb in PostgreSQL's own text form (key order, duplicates, numbers).
