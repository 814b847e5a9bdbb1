//! What wraps and unwraps a branch key (KEY-1): one trait, a file for each backend.

pub mod local;
pub mod raw;
