//! The catalog queries, schema-qualified and independent of search_path.
