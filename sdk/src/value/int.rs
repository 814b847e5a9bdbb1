//! int2, int4, int8: PostgreSQL's integer input (22P02, 22003), big-endian in binary and in S.
