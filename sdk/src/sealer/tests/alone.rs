//! Records of tables that no database has: a schema file, and a lock that was made of it alone.

use serde_json::{Value, json};

use super::*;
use crate::schema::{Lock, Schema, Source, parse};

const CARDS: &str = r#"version = 1
keyrings.k.generator = "local:x"
branch_keys.cards.keyring = "k"
[tables.card]
name = "public.card"
branch_key = "cards"
row_signature = "HMAC-SHA-384"
columns.id = { action = "SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT", type = "bigint" }
columns.pan = { action = "ENCRYPT_AND_SIGN", type = "text" }
"#;

fn schema(more: &str) -> Schema {
    parse::parse(vec![Source { path: "cards.toml".into(), text: format!("{CARDS}{more}\n") }]).unwrap()
}

/// Two sealers with the same keys: one of before the schema file had grown, one of after.
async fn before_and_after(more: &str) -> (Sealer, Sealer) {
    let keyring = Arc::new(RawKeyring::new(&Secret::new([7; 32])));
    let store = Arc::new(MemoryStore::new().unwrap());
    create_key("cards", &*keyring, &*store).await.unwrap();
    let first = Lock::without_database(&schema(""), None).unwrap();
    let second = Lock::without_database(&schema(more), Some(&first)).unwrap();
    let build = async |schema, lock| {
        let builder = Sealer::builder().schema(schema, lock).keyring(keyring.clone());
        builder.store(store.clone()).build().await.unwrap()
    };
    (build(schema(""), first).await, build(schema(more), second).await)
}

#[tokio::test]
async fn a_record_of_before_the_schema_file_grew_is_opened_and_one_of_after_is_not_mistaken_for_it_sig_3() {
    let (before, after) = before_and_after("columns.owner = { action = \"SIGN_ONLY\", type = \"text\" }").await;
    let mut old = before.seal("card", &json!({ "id": 1, "pan": "4111" })).unwrap();
    // It does not say that it has no owner, and an owner that is written beside it is not signed.
    assert!(after.open::<Value>(&old).is_err());
    old.set_bytes("owner", Some(b"eve"));
    assert_eq!(after.open::<Value>(&old).unwrap_err().kind(), Kind::Tampered);
    old.set_bytes("owner", None);
    assert_eq!(after.open::<Value>(&old).unwrap(), json!({ "id": 1, "pan": "4111", "owner": null }));

    let new = after.seal("card", &json!({ "id": 1, "pan": "4111", "owner": "ada" })).unwrap();
    assert_eq!(after.open::<Value>(&new).unwrap()["owner"], "ada");
    let cut = new.columns().filter(|(name, _)| *name != "owner");
    let cut = SealedRecord::from_columns("card", cut.map(|(name, bytes)| (name.to_owned(), bytes.map(<[u8]>::to_vec))));
    assert_eq!(before.open::<Value>(&cut).unwrap_err().kind(), Kind::Tampered);
}
