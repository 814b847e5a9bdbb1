//! The schema file (what people write), its lock (what `schema apply` found and fixed), and the [`Protection`] that
//! the two make together: the only thing that decides where a plaintext goes (CAT-1).

pub mod check;
#[cfg(feature = "config")]
pub mod diagnostics;
pub mod keyring_uri;
pub mod lock;
pub mod model;
pub mod parse;
mod protection;

pub use lock::Lock;
pub use model::{Action, RowSignature, Schema};
pub use protection::{Beacon, Column, ColumnDefault, ColumnId, Protection, Relation, SignatureSet, Suite, Table};
