mod alone;
mod plain;
mod round_trip;
mod search;

use serde::Deserialize;

use super::*;
use crate::crypto::secret::Secret;
use crate::keys::create_key;
use crate::keys::keyring::raw::RawKeyring;
use crate::keys::store::memory::MemoryStore;
use crate::schema::{Action, Beacon, Column, ColumnDefault, Relation, SignatureSet, Suite};
use crate::value::Type;

#[derive(Serialize, Deserialize, Clone, PartialEq)]
struct Card {
    id: i64,
    pan: Option<String>,
    owner: String,
}

fn column(name: &str, action: Action, ty: Type) -> Column {
    Column {
        logical: name.into(),
        name: name.into(),
        action,
        ty: Some(ty),
        type_oid: 0,
        typmod: -1,
        typlen: -1,
        attnum: 1,
        not_null: false,
        default: ColumnDefault::Null,
        pad: None,
        collation: None,
    }
}

fn table(columns: Vec<Column>) -> Arc<Table> {
    let mut signed: Vec<usize> = (0..columns.len()).collect();
    signed.sort_by(|&a, &b| columns[a].logical.cmp(&columns[b].logical));
    Arc::new(Table {
        logical: "card".into(),
        relation: Relation { schema: "public".into(), name: "card".into() },
        branch_key: "cards".into(),
        signature: Some(SignatureSet { id: 1, suite: Suite::HmacSha384, columns: signed, beacons: vec![0] }),
        older_sets: vec![],
        columns,
        beacons: vec![Beacon { full_name: "card.pan#exact".into(), column: 1, helper: "pgseal_eq_pan".into() }],
        primary_key: vec![0],
        context: vec![0],
        write_guard: true,
        before_row_trigger: false,
    })
}

fn cards() -> Arc<Table> {
    table(vec![
        column("id", Action::SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT, Type::Int8),
        column("pan", Action::ENCRYPT_AND_SIGN, Type::Text),
        column("owner", Action::SIGN_ONLY, Type::Text),
    ])
}

async fn sealer(table: Arc<Table>) -> Sealer {
    let keyring = Arc::new(RawKeyring::new(&Secret::new([1; 32])));
    let store = Arc::new(MemoryStore::new().unwrap());
    create_key("cards", &*keyring, &*store).await.unwrap();
    Sealer::builder().table(table).keyring(keyring).store(store).build().await.unwrap()
}

fn card(id: i64) -> Card {
    Card { id, pan: Some("4111111111111111".into()), owner: "ada".into() }
}

#[tokio::test]
async fn a_record_round_trips_also_by_way_of_storage() {
    let sealer = sealer(cards()).await;
    for card in [card(1), Card { pan: None, ..card(2) }] {
        let sealed = sealer.seal("card", &card).unwrap();
        assert!(sealer.open::<Card>(&sealed).unwrap() == card);
        let stored = serde_json::to_string(&sealed).unwrap();
        assert!(!stored.contains("4111"));
        assert!(sealer.open::<Card>(&serde_json::from_str(&stored).unwrap()).unwrap() == card);
        let columns = sealed.columns().map(|(name, bytes)| (name.to_owned(), bytes.map(<[u8]>::to_vec)));
        assert!(sealer.open::<Card>(&SealedRecord::from_columns("card", columns)).unwrap() == card);
        assert!(serde_json::from_str::<Card>(&stored).is_err(), "a sealed record is no plain one");
    }
}

#[tokio::test]
async fn a_changed_record_is_tampered_with() {
    let sealer = sealer(cards()).await;
    let (one, two) = (sealer.seal("card", &card(1)).unwrap(), sealer.seal("card", &card(2)).unwrap());
    let kind = |record: &SealedRecord| sealer.open::<Card>(record).err().unwrap().kind();
    for name in ["id", "pan", "pgseal_signature"] {
        let mut moved = one.clone();
        moved.set_bytes(name, two.bytes(name));
        assert_eq!(kind(&moved), Kind::Tampered, "{name}");
    }
    for name in ["id", "pan", "owner", "pgseal_eq_pan", "pgseal_signature"] {
        let mut null = one.clone();
        null.set_bytes(name, None);
        assert_eq!(kind(&null), Kind::Tampered, "{name} is NULL");
        let without = one.columns().filter(|(other, _)| *other != name);
        let without = without.map(|(name, bytes)| (name.to_owned(), bytes.map(<[u8]>::to_vec)));
        assert_eq!(kind(&SealedRecord::from_columns("card", without)), Kind::Tampered, "{name} is not there");
    }
    let mut more = one.clone();
    more.set_bytes("extra", Some(b"x"));
    assert_eq!(kind(&more), Kind::Refused);
}

#[tokio::test]
async fn what_does_not_fit_is_refused_without_its_value() {
    let sealer = sealer(cards()).await;
    let refused = [
        serde_json::json!({"id": 1, "pan": "4111", "owner": "a", "cvc": "secret"}),
        serde_json::json!({"id": "secret", "pan": "4111", "owner": "a"}),
        serde_json::json!({"id": 1.5, "pan": "4111", "owner": "a"}),
        serde_json::json!({"id": 1, "pan": ["secret"], "owner": "a"}),
        serde_json::json!("secret"),
        serde_json::json!({"pan": "secret"}),
    ];
    for record in refused {
        let error = sealer.seal("card", &record).err().unwrap();
        assert_eq!(error.kind(), Kind::Refused);
        assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
    }
    assert_eq!(sealer.seal("nothing", &card(1)).err(), Some(Error::UnknownTable("nothing".into())));
    let sealed = sealer.seal("card", &card(1)).unwrap();
    let error = sealer.open::<Vec<u8>>(&sealed).unwrap_err();
    assert!(!error.to_string().contains("4111"), "{error}");
}

#[tokio::test]
async fn a_key_that_the_store_lacks_is_named_and_not_made_key_6() {
    let keyring = Arc::new(RawKeyring::new(&Secret::new([1; 32])));
    let store = Arc::new(MemoryStore::new().unwrap());
    let error = Sealer::builder().table(cards()).keyring(keyring).store(store.clone()).build().await.err().unwrap();
    assert!(matches!(&error, BuildError::Keys(missing) if *missing == [keys::Error::Missing { id: "cards".into() }]));
    assert_eq!(error.kind(), Kind::KeyUnavailable);
    assert_eq!(store.list("cards").await.unwrap(), []);
    assert!(matches!(Sealer::builder().table(cards()).build().await.err(), Some(BuildError::Incomplete(_))));
}

#[tokio::test]
async fn every_type_has_a_serde_side() {
    let types = [
        ("bool", Type::Bool, serde_json::json!(true)),
        ("bytes", Type::Bytea, serde_json::json!([0, 127, 255])),
        ("day", Type::Date, serde_json::json!("2024-02-29")),
        ("amount", Type::Numeric(None), serde_json::json!("12.50")),
        ("small", Type::Int2, serde_json::json!(-7)),
        ("at", Type::Timestamp(None), serde_json::json!("2024-02-29T12:00:00.5")),
        ("when", Type::Timestamptz(None), serde_json::json!("2024-02-29T12:00:00Z")),
        ("who", Type::Uuid, serde_json::json!("01234567-89ab-cdef-0123-456789abcdef")),
        ("doc", Type::Jsonb, serde_json::json!({"a": [1, null, "x"]})),
        ("raw", Type::Json, serde_json::json!({"b": 1})),
    ];
    let mut columns = vec![
        column("id", Action::SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT, Type::Int8),
        column("pan", Action::ENCRYPT_AND_SIGN, Type::Varchar(Some(19))),
    ];
    columns.extend(types.iter().map(|(name, ty, _)| column(name, Action::ENCRYPT_AND_SIGN, *ty)));
    let sealer = sealer(table(columns)).await;
    let mut record = serde_json::json!({"id": 1, "pan": "4111"});
    for (name, _, value) in types {
        record[name] = value;
    }
    let sealed = sealer.seal("card", &record).unwrap();
    assert_eq!(sealer.open::<serde_json::Value>(&sealed).unwrap(), record);
    record["pan"] = "4".repeat(20).into();
    let error = sealer.seal("card", &record).err().unwrap();
    assert!(matches!(error, Error::Seal(crate::seal::Error::Value { .. })));
}
