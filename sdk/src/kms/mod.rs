//! The embedded key service: AWS KMS's operations, errors and authorization over keys in one sealed file.
//!
//! What decides is pure: [`authz`] says who may do what, [`service`] what comes of a request. A [`state`] is one value.

mod asymmetric;
pub mod authz;
pub mod blob;
pub mod error;
pub mod key;
mod mac;
pub mod secret;
pub mod service;
pub mod spec;
pub mod state;
