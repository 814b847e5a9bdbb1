//! A plan applied to frames: between the wire and the execution state machine.

pub mod bind;
pub mod describe;
pub mod errors;
pub mod rows;
