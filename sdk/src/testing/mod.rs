//! What tests of a service stand on: keys in memory, and a throw-away PostgreSQL with a schema applied; also eyes on
//! the server: a tap for its wire, a search for values that should be nowhere.
//!
//! Records need no database ([`sealer`]):
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let sealer = pgseal::testing::sealer(
//!     r#"
//!     version = 1
//!     keyrings.test.generator = "local:test"
//!     branch_keys.patients.keyring = "test"
//!     [tables.patient]
//!     name = "public.patient"
//!     branch_key = "patients"
//!     [tables.patient.columns]
//!     id        = { action = "SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT", type = "bigint" }
//!     diagnosis = { action = "ENCRYPT_AND_SIGN", type = "text" }
//!     "#,
//! )
//! .await?;
//! let sealed = sealer.seal("patient", &serde_json::json!({ "id": 7, "diagnosis": "J45.1" }))?;
//! let opened: serde_json::Value = sealer.open(&sealed)?;
//! assert_eq!(opened["diagnosis"], "J45.1");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Statements need one, which `Database` brings with it (feature `client`).

#[cfg(feature = "client")]
mod database;
pub mod leaks;
mod memory;
pub mod postgres;
pub mod tap;

#[cfg(feature = "client")]
pub use database::Database;
pub use memory::{keyring, lock, sealer, store};

use crate::crypto::random::NoRandomness;
use crate::keys;
use crate::schema::{Alone, Problems};
use crate::sealer::BuildError;

/// Why a test has nothing to stand on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The throw-away server does not start, or a program of it failed.
    #[error(transparent)]
    Postgres(#[from] postgres::Error),
    /// Everything that is wrong with the schema text, with its places.
    #[error("the schema cannot be used\n{0}")]
    Schema(#[from] Box<Problems>),
    /// Without a database, the schema text must say the type of every column that is sealed or signed.
    #[error(transparent)]
    Alone(#[from] Alone),
    /// A key cannot be made.
    #[error(transparent)]
    Key(#[from] keys::Error),
    /// The operating system gave no randomness.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    /// The folder of schema, lock and root key cannot be made.
    #[error("a folder for a test's keys: {0}")]
    Folder(std::io::Error),
    /// The sealer cannot be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The schema cannot be applied.
    #[cfg(feature = "client")]
    #[error(transparent)]
    Apply(#[from] crate::apply::Error),
    /// The pool cannot be made.
    #[cfg(feature = "client")]
    #[error(transparent)]
    Pool(#[from] deadpool_postgres::BuildError),
    /// There is no tokio runtime, or it ends.
    #[cfg(feature = "client")]
    #[error("the throw-away server needs a running tokio runtime")]
    Runtime,
}
