//! The embedded key service: AWS KMS's operations, errors and authorization over keys in one sealed file.
//!
//! What decides is pure: [`authz`] says who may do what, [`service`] what comes of a request, [`audit`] whether a log holds.
//! A [`state`] is one value; [`store`] alone does I/O.
//!
//! ```
//! use pgseal::kms::service::Body;
//! use pgseal::kms::state::State;
//! use pgseal::kms::store::{Origin, Paths, Root, Store};
//! use serde_json::{Value, json};
//!
//! # let dir = std::env::temp_dir().join(format!("pgseal-doctest-kms-{}", std::process::id()));
//! # std::fs::create_dir_all(&dir)?;
//! # let now = 1_700_000_000;
//! let root = Root::create_key_file(&dir.join("keys.kms.key"))?;
//! let state = State::new("111122223333", "eu-central-1")?;
//! let mut store = Store::create(&Paths::beside(&dir.join("keys.kms")), &root, state, now)?;
//!
//! let caller = store.state().root()?;
//! let mut ask = |action: &str, body: Value| {
//!     let body = Body::parse(body.to_string().as_bytes())?;
//!     let answer = store.call(&caller, action, &body, now, Origin::default())?;
//!     Ok::<Value, Box<dyn std::error::Error>>(answer.result?)
//! };
//! let key = ask("CreateKey", json!({}))?["KeyMetadata"]["KeyId"].clone();
//! let context = json!({ "tenant": "a" });
//! let sealed = ask("Encrypt", json!({ "KeyId": key, "Plaintext": "c2VjcmV0", "EncryptionContext": context }))?;
//! let opened = ask("Decrypt", json!({ "CiphertextBlob": sealed["CiphertextBlob"], "EncryptionContext": context }))?;
//! assert_eq!(opened["Plaintext"], "c2VjcmV0");
//! assert!(ask("Decrypt", json!({ "CiphertextBlob": sealed["CiphertextBlob"] })).is_err(), "another context");
//! # std::fs::remove_dir_all(&dir)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod asymmetric;
pub mod audit;
pub mod authz;
pub mod blob;
pub mod error;
pub mod key;
mod mac;
pub mod secret;
pub mod service;
pub mod sigv4;
pub mod spec;
pub mod state;
pub mod store;
