//! Parse and Bind: physical text and types, physical parameters and result formats.
