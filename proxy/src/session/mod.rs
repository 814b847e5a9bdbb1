//! One client connection and its server connection, from the first byte to the last.

pub mod cancel;
pub mod client;
pub mod portals;
pub mod queue;
pub mod server;
pub mod startup;
