//! What the fuzz targets share: choices out of the fuzzer's bytes, fixed tables and keys, seeds.
//!
//! A target is a file in `targets/`: what it feeds, what must hold, and the seeds that it starts from.

pub mod choices;
pub mod fixture;
pub mod seeds;

pub use choices::Choices;
