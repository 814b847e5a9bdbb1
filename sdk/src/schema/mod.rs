//! The schema file (what people write), its lock (what `schema apply` found and fixed), and the [`Protection`] that
//! the two make together: the only thing that decides where a plaintext goes (CAT-1).

mod alone;
mod check;
pub mod checked;
pub mod dependents;
#[cfg(feature = "config")]
pub mod diagnostics;
#[cfg(feature = "config")]
pub mod json_schema;
pub mod keyring_uri;
mod located;
pub mod lock;
mod meaning;
pub mod model;
pub mod names;
pub mod parse;
mod problem;
mod protection;
mod resolve;

#[cfg(test)]
mod tests;

pub use alone::Alone;
pub use checked::Schema;
pub use dependents::{DependentKind, Dependents};
pub use lock::Lock;
pub use meaning::{Meaning, Meanings, Namesakes, TEMPORARY};
pub use model::{Action, RowSignature};
pub use problem::{Code, Place, Problem, Problems, Source};
pub use protection::{Beacon, Column, ColumnDefault, ColumnId, Protection, Relation, SignatureSet, Suite, Table};
