//! Search tags for queries of the user's own.

use super::*;
use crate::value::{NumericModifier, Value};

async fn searchable(ty: Type) -> Sealer {
    sealer(table(vec![
        column("id", Action::SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT, Type::Int8),
        column("pan", Action::ENCRYPT_AND_SIGN, ty),
    ]))
    .await
}

#[tokio::test]
async fn a_tag_is_that_of_the_rows_with_an_equal_value_bcn_2() {
    let same = [
        (Type::Text, serde_json::json!("ada"), serde_json::json!("ada")),
        (Type::Int4, serde_json::json!(7), serde_json::json!(7)),
        (Type::Numeric(None), serde_json::json!("12.50"), serde_json::json!("12.5")),
        (Type::Numeric(None), serde_json::json!("3"), serde_json::json!(3)),
        (Type::Date, serde_json::json!("2024-02-29"), serde_json::json!("20240229")),
        (
            Type::Timestamptz(None),
            serde_json::json!("2024-02-29T12:00:00Z"),
            serde_json::json!("2024-02-29T14:00:00+02:00"),
        ),
        (Type::Bytea, serde_json::json!([1, 255]), serde_json::json!("\\x01ff")),
    ];
    for (ty, sealed, searched) in same {
        let sealer = searchable(ty).await;
        let record = sealer.seal("card", &serde_json::json!({"id": 1, "pan": sealed})).unwrap();
        let tag = sealer.search_tag("card", "pan", &searched).unwrap();
        let helper = sealer.search_column("card", "pan").unwrap();
        assert_eq!(record.bytes(&helper), Some(&tag.to_bytes()[..]), "{ty}");
    }
}

#[tokio::test]
async fn a_searched_value_is_not_rounded_to_its_column_sql_20() {
    let money = Type::Numeric(Some(NumericModifier { precision: 6, scale: 2 }));
    let sealer = searchable(money).await;
    let record = Record::new().with("id", Value::Int(1)).with("pan", Value::Int(1));
    let stored = sealer.seal_record("card", &record).unwrap();
    let tag = |value: &str| sealer.search_tag("card", "pan", value).unwrap();
    assert_eq!(stored.bytes("pgseal_eq_pan"), Some(&tag("1.00").to_bytes()[..]));
    assert_ne!(tag("1.001"), tag("1.00"));
    assert_eq!(searchable(Type::Varchar(Some(2))).await.search_tag("card", "pan", "abc").map(|_| ()), Ok(()));
}

#[tokio::test]
async fn what_cannot_be_searched_is_refused_by_name() {
    let sealer = sealer(cards()).await;
    let said = |column: &str, value: serde_json::Value| {
        let error = sealer.search_tag("card", column, &value).unwrap_err();
        assert_eq!(error.kind(), Kind::Refused);
        assert!(!error.to_string().contains("4111"), "{error}");
        error.to_string()
    };
    assert!(said("owner", serde_json::json!("4111")).contains("no beacon"));
    assert!(said("cvc", serde_json::json!("4111")).contains("no column"));
    assert!(said("pan", serde_json::Value::Null).contains("NULL"));
    assert!(said("pan", serde_json::json!(4111)).contains("card.pan"));
    assert!(sealer.search_tag("nothing", "pan", "4111").is_err() && sealer.search_column("nothing", "pan").is_err());
}

#[tokio::test]
async fn a_tag_renders_as_postgresql_prints_a_uuid() {
    let tag = sealer(cards()).await.search_tag("card", "pan", "4111").unwrap();
    let bytes: [u8; 16] = tag.into();
    assert_eq!(tag.to_string().parse::<keys::Uuid>().unwrap(), keys::Uuid(bytes));
    assert_eq!(format!("{tag:?}"), tag.to_string());
}
