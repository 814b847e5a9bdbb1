//! Keys in memory, and a sealer for records that needs nothing else.

use std::sync::Arc;

use super::Error;
use crate::crypto::random::{self, NoRandomness};
use crate::crypto::secret::Secret;
use crate::keys::keyring::raw::RawKeyring;
use crate::keys::store::memory::MemoryStore;
use crate::keys::{KeyStore, Keyring, create_key};
use crate::schema::{Lock, Schema, Source, parse};
use crate::sealer::Sealer;

/// A keyring over a root key that was drawn just now and that nobody else has: what it wraps ends with the process.
///
/// # Errors
/// The operating system gave no randomness.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// use pgseal::keys::{Creation, create_key};
/// use pgseal::testing;
///
/// let (keyring, store) = (testing::keyring()?, testing::store()?);
/// assert!(matches!(create_key("cards", &*keyring, &*store).await?, Creation::Created { .. }));
/// assert_eq!(create_key("cards", &*keyring, &*store).await?, Creation::Existed);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn keyring() -> Result<Arc<dyn Keyring>, NoRandomness> {
    Ok(Arc::new(RawKeyring::new(&Secret::new(random::array()?))))
}

/// An empty key store in memory; [`create_key`] fills it.
///
/// # Errors
/// The operating system gave no randomness.
///
/// ```
/// let store = pgseal::testing::store()?;
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// assert!(store.list("cards").await?.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn store() -> Result<Arc<dyn KeyStore>, NoRandomness> {
    Ok(Arc::new(MemoryStore::new()?))
}

/// A sealer for records of the tables of this schema text, with keys of its own that end with it. Every column that is
/// sealed or signed needs its type in the text, because there is no database to ask; so does any other column that a
/// record holds. What else only a database knows, it takes as simple as can be: the columns of the encryption context
/// are the primary key and NOT NULL, all others may be NULL, and nothing has a default.
///
/// # Errors
/// What is wrong with the schema, and a type that it does not say.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let sealer = pgseal::testing::sealer(
///     r#"
///     version = 1
///     keyrings.test.generator = "local:test"
///     branch_keys.cards.keyring = "test"
///     [tables.card]
///     name = "public.card"
///     branch_key = "cards"
///     columns.id  = { action = "SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT", type = "bigint" }
///     columns.pan = { action = "ENCRYPT_AND_SIGN", type = "text" }
///     "#,
/// )
/// .await?;
/// let sealed = sealer.seal("card", &serde_json::json!({ "id": 1, "pan": "4000000000000002" }))?;
/// assert!(sealed.bytes("pan").is_some_and(|cell| cell.len() > 16));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub async fn sealer(schema: &str) -> Result<Sealer, Error> {
    let schema = self::schema(schema)?;
    let (keyring, store) = (keyring()?, store()?);
    for id in schema.branch_keys.keys() {
        create_key(id, &*keyring, &*store).await?;
    }
    let lock = self::lock(&schema)?;
    Ok(Sealer::builder().schema(schema, lock).keyring(keyring).store(store).build().await?)
}

/// The checked schema of a text.
pub(super) fn schema(text: &str) -> Result<Schema, Error> {
    let source = Source { path: "schema.toml".into(), text: text.to_owned() };
    Ok(parse::parse(vec![source]).map_err(Box::new)?)
}

/// The lock that `pgseal schema apply` would write if a database had these tables in the simplest form: see [`sealer`].
/// It knows of no key and belongs to no database.
///
/// # Errors
/// [`Error::Alone`]: types that the schema does not say.
///
/// ```
/// use pgseal::schema::{Protection, parse};
/// use pgseal::testing;
///
/// let schema = parse::load("../examples/record/clinic.toml".as_ref())?;
/// let missing = testing::lock(&schema).err().unwrap();
/// assert!(missing.to_string().contains("patient.id"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn lock(schema: &Schema) -> Result<Lock, Error> {
    Ok(Lock::without_database(schema, None)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Alone;
    use crate::sealer::Kind;
    use serde_json::json;

    const CARDS: &str = r#"version = 1
keyrings.k.generator = "local:x"
branch_keys.cards.keyring = "k"
[tables.card]
name = "public.card"
branch_key = "cards"
row_signature = "HMAC-SHA-384"
[tables.card.columns]
id = { action = "SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT", type = "bigint" }
owner = { action = "SIGN_ONLY", type = "text" }
pan = { action = "ENCRYPT_AND_SIGN", type = "text" }
[tables.card.beacons]
standard = [{ name = "pan", length = "exact" }]
"#;

    #[tokio::test]
    async fn a_schema_text_is_enough_to_seal_sign_and_tag_a_record() {
        let sealer = sealer(CARDS).await.unwrap();
        let record = json!({ "id": 1, "owner": "ada", "pan": "4111111111111111" });
        let mut sealed = sealer.seal("card", &record).unwrap();
        assert!(sealed.bytes("pgseal_signature").is_some());
        assert_eq!(sealed.columns().count(), 5, "three columns, a tag, a signature");
        assert_eq!(sealer.open::<serde_json::Value>(&sealed).unwrap(), record);
        sealed.set_bytes("owner", Some(b"eve"));
        assert_eq!(sealer.open::<serde_json::Value>(&sealed).unwrap_err().kind(), Kind::Tampered);
        assert_eq!(sealer.clone().seal("card", &json!({ "pan": "4111" })).err().unwrap().kind(), Kind::Refused);
    }

    #[tokio::test]
    async fn sealers_of_two_calls_do_not_open_each_others_records() {
        let (one, other) = (sealer(CARDS).await.unwrap(), sealer(CARDS).await.unwrap());
        let sealed = one.seal("card", &json!({ "id": 1, "owner": "ada", "pan": "4111" })).unwrap();
        assert!(other.open::<serde_json::Value>(&sealed).is_err());
    }

    #[tokio::test]
    async fn a_type_that_the_text_does_not_say_is_asked_for_by_the_columns_name() {
        let untyped = CARDS.replace("owner = { action = \"SIGN_ONLY\", type = \"text\" }", "owner = \"SIGN_ONLY\"");
        let error = sealer(&untyped).await.err().unwrap();
        assert!(matches!(&error, Error::Alone(Alone::NoType(columns)) if columns == &["card.owner"]), "{error}");
        let error = sealer("version = 2").await.err().unwrap();
        assert!(matches!(error, Error::Schema(_)), "{error}");
    }
}
