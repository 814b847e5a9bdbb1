//! The embedded key service: AWS KMS's operations, errors and authorization over keys in one sealed file.
//!
//! What decides is pure: [`authz`] says who may do what, [`service`] what comes of a request, [`audit`] whether a log holds.
//! A [`state`] is one value; [`store`] alone does I/O.

mod asymmetric;
pub mod audit;
pub mod authz;
pub mod blob;
pub mod error;
pub mod key;
mod mac;
pub mod secret;
pub mod service;
pub mod sigv4;
pub mod spec;
pub mod state;
pub mod store;
