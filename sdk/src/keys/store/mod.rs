//! Where wrapped keys are kept: conditional writes, so that two rotators cannot both win.

pub mod file;
pub mod memory;
#[cfg(feature = "postgres")]
pub mod postgres;
