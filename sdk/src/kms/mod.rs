//! The embedded key service: AWS KMS's operations, errors and authorization over keys in one sealed file.
//!
//! What decides is pure: [`authz`] says who may do what.

pub mod authz;
