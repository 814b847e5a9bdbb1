//! INSERT … VALUES: every column explicit, cells, tags and signature beside it.
