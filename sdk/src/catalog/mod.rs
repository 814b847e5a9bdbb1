//! What the live database says: queries, the snapshot they fill, its digest; it makes the schema lock (CAT-1, CAT-5).

mod dependents;
pub mod digest;
pub mod drift;
pub mod lock;
mod memory;
pub mod queries;
pub mod snapshot;
mod words;

pub use digest::digest;
pub use memory::Memory;
pub use snapshot::Snapshot;
