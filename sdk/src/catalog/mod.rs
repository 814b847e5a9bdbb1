//! What the live database says: queries, the snapshot they fill, its digest; it makes the schema lock (CAT-1, CAT-5).

pub mod digest;
pub mod drift;
pub mod lock;
pub mod opaque;
pub mod queries;
pub mod snapshot;

pub use digest::digest;
pub use snapshot::Snapshot;
