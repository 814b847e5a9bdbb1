//! Frames and fields of the protocol: bytes in, bytes out. No SQL, no crypto.

pub mod buffer;
pub mod compose;
pub mod frame;
pub mod reader;
