//! pgseal demo: a real application session on sealed columns, and what the database holds of it.
