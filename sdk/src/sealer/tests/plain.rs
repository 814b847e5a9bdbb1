//! Many records, dynamic records, and that sealed ones are neither.

use super::*;
use crate::value::Value;

fn text(text: &str) -> Value<'static> {
    Value::Text(text.to_owned().into())
}

fn dynamic(id: i64) -> Record {
    Record::new().with("id", Value::Int(id)).with("pan", text("4111111111111111")).with("owner", text("ada"))
}

#[tokio::test]
async fn a_batch_opens_in_its_order_or_not_at_all_and_names_every_failure() {
    let sealer = sealer(cards()).await;
    let cards: Vec<Card> = (0..5).map(card).collect();
    let mut sealed: Vec<_> = cards.iter().map(|card| sealer.seal("card", card).unwrap()).collect();
    assert!(sealer.open_many::<Card>(&sealed).unwrap() == cards);
    assert!(sealer.open_many::<Card>(&[]).unwrap().is_empty());
    sealed[1].set_bytes("extra", Some(b"x"));
    let error = sealer.open_many::<Card>(&sealed).err().unwrap();
    assert_eq!((error.kind(), error.failures().count()), (Kind::Refused, 1));
    sealed[3].set_bytes("owner", Some(b"eve"));
    let error = sealer.open_many::<Card>(&sealed).err().unwrap();
    assert_eq!(error.kind(), Kind::Tampered, "the worst of them counts");
    assert_eq!(
        error.failures().map(|(index, error)| (index, error.kind())).collect::<Vec<_>>(),
        [(1, Kind::Refused), (3, Kind::Tampered)]
    );
    let said = error.to_string();
    assert!(said.starts_with("2 of 5 records were not opened, the first at position 1: "), "{said}");
    // What is left opens.
    let failed: Vec<usize> = error.failures().map(|(index, _)| index).collect();
    let rest = sealed.iter().enumerate().filter(|(index, _)| !failed.contains(index)).map(|(_, record)| record);
    assert_eq!(sealer.open_many::<Card>(rest).unwrap().len(), 3);
}

#[tokio::test]
async fn a_dynamic_record_and_a_struct_are_two_ways_into_one_row() {
    let sealer = sealer(cards()).await;
    let sealed = sealer.seal_record("card", &dynamic(1)).unwrap();
    assert!(sealer.open::<Card>(&sealed).unwrap() == card(1));
    let sealed = sealer.seal("card", &card(1)).unwrap();
    assert!(sealer.open_record(&sealed).unwrap() == dynamic(1));
    assert!(sealer.record("card", &card(1)).unwrap() == dynamic(1));
    assert!(dynamic(1).to::<Card>().unwrap() == card(1));
    // A field that is not there is NULL, and comes back as one.
    let mut record = dynamic(1);
    record.remove("pan");
    let opened = sealer.open_record(&sealer.seal_record("card", &record).unwrap()).unwrap();
    assert!(opened.contains("pan") && opened.get("pan").is_none());
    assert!(opened.to::<Card>().unwrap() == Card { pan: None, ..card(1) });
}

#[tokio::test]
async fn a_dynamic_record_takes_no_value_that_postgresql_would_not_take() {
    let types = [
        ("day", Type::Date, Value::Date(i32::MAX - 1)),
        ("at", Type::Timestamp(None), Value::Timestamp(i64::MIN + 1)),
        ("small", Type::Int2, Value::Int(40_000)),
        ("doc", Type::Json, Value::Json("{".into())),
        ("docb", Type::Jsonb, Value::Jsonb("{".into())),
        ("who", Type::Uuid, Value::Int(1)),
        ("note", Type::Text, Value::Text("a\0b".into())),
        ("name", Type::Varchar(Some(2)), Value::Text("abc".into())),
        ("amount", Type::Numeric(None), Value::Text("1".into())),
        ("count", Type::Int4, Value::Numeric(crate::value::Numeric::from_i64(1))),
    ];
    let mut columns = vec![
        column("id", Action::SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT, Type::Int8),
        column("pan", Action::ENCRYPT_AND_SIGN, Type::Text),
    ];
    columns.extend(types.iter().map(|(name, ty, _)| column(name, Action::ENCRYPT_AND_SIGN, *ty)));
    let sealer = sealer(table(columns)).await;
    for (name, _, value) in types {
        let record = Record::new().with("id", Value::Int(1)).with(name, value);
        let error = sealer.seal_record("card", &record).err().unwrap_or_else(|| panic!("{name} was sealed"));
        assert_eq!(error.kind(), Kind::Refused);
        assert!(error.to_string().contains(name), "{error}");
    }
    let record = dynamic(1).with("cvc", text("123"));
    assert_eq!(sealer.seal_record("card", &record).err().unwrap().kind(), Kind::Refused);
    // jsonb is brought into PostgreSQL's form, an integer into a numeric.
    let record = Record::new().with("id", Value::Int(1)).with("docb", Value::Jsonb("{\"b\":1,\"a\":2}".into()));
    let record = record.with("amount", Value::Int(5));
    let opened = sealer.open_record(&sealer.seal_record("card", &record).unwrap()).unwrap();
    assert!(opened.get("docb") == Some(&Value::Jsonb("{\"a\": 2, \"b\": 1}".into())));
    assert!(opened.get("amount") == Some(&Value::Numeric(crate::value::Numeric::from_i64(5))));
}

#[tokio::test]
async fn a_sealed_record_is_not_sealed_again_as_a_plain_one() {
    let sealer = sealer(cards()).await;
    let sealed = sealer.seal("card", &card(1)).unwrap();
    assert_eq!(sealer.seal("card", &sealed).err().unwrap().kind(), Kind::Refused);
    assert!(sealer.record("card", &sealed).is_err());
}

#[test]
fn debug_shows_names_and_no_values() {
    let said = format!("{:?}", dynamic(7).with("note", None));
    assert_eq!(said, r#"{"id", "pan", "owner", "note"}"#);
}

#[test]
fn fields_keep_their_place() {
    let mut record = dynamic(1);
    record.set("pan", None);
    assert_eq!(record.fields().map(|(name, _)| name).collect::<Vec<_>>(), ["id", "pan", "owner"]);
    assert!(record.get("pan").is_none() && record.contains("pan") && record.len() == 3 && !record.is_empty());
    let again: Record = record.fields().map(|(name, value)| (name, value.cloned())).collect();
    assert!(again == record);
}

#[test]
fn a_type_that_does_not_fit_is_told_without_values() {
    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)] // Read by nobody: it never comes to be.
    struct Wrong {
        id: String,
    }
    let error = dynamic(4711).to::<Wrong>().unwrap_err();
    assert_eq!(error, Error::Field { column: "id".into(), reason: "the type expects a string".into() });
    let error = Record::new().with("id", text("1")).with("secret", text("s3cret")).to::<Wrong>().unwrap_err();
    assert_eq!(error, Error::Field { column: "secret".into(), reason: "the type has no such field".into() });
    let error = Record::new().to::<Wrong>().unwrap_err();
    assert_eq!(error, Error::Misfit("there is no column for the field id".into()));
    let error = Record::new().with("id", None).to::<Wrong>().unwrap_err();
    assert_eq!(error, Error::Field { column: "id".into(), reason: "it is NULL, and the type expects a string".into() });
}

#[test]
fn bytes_are_never_cut_to_fit_a_type() {
    #[derive(Deserialize)]
    #[allow(dead_code)] // Read by nobody: it never comes to be.
    struct Short {
        raw: [u8; 2],
    }
    let record = Record::new().with("raw", Value::Bytea(vec![1, 2, 3].into()));
    assert!(record.to::<Short>().is_err());
}
