//! Every type, sealed and signed in clear, there and back: structs, dynamic records, and `seal::row` itself.

use proptest::prelude::*;

use super::*;
use crate::seal;
use crate::seal::row::{SealedRow, StoredRow, open_cell, seal_row, verify_row};
use crate::value::{Format, NumericModifier, Settings, Value};

/// A field a type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct All {
    id: i64,
    pan: Option<String>,
    truth: Option<bool>,
    int2: Option<i16>,
    int4: Option<i32>,
    int8: Option<i64>,
    amount: Option<String>,
    money: Option<String>,
    name: Option<String>,
    raw: Option<Vec<u8>>,
    who: Option<String>,
    day: Option<String>,
    at: Option<String>,
    moment: Option<String>,
    doc: Option<serde_json::Value>,
    docb: Option<Doc>,
    tags: Option<Vec<Option<String>>>,
    codes: Option<Vec<i32>>,
    docs: Option<Vec<Doc>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Doc {
    text: String,
    numbers: Vec<i32>,
    inner: Option<Box<Doc>>,
}

fn all(action: Action) -> Arc<Table> {
    let money = Type::Numeric(Some(NumericModifier { precision: 12, scale: 2 }));
    let mut columns = vec![
        column("id", Action::SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT, Type::Int8),
        column("pan", Action::ENCRYPT_AND_SIGN, Type::Text),
    ];
    let types = [
        ("truth", Type::Bool),
        ("int2", Type::Int2),
        ("int4", Type::Int4),
        ("int8", Type::Int8),
        ("amount", Type::Numeric(None)),
        ("money", money),
        ("name", Type::Varchar(Some(12))),
        ("raw", Type::Bytea),
        ("who", Type::Uuid),
        ("day", Type::Date),
        ("at", Type::Timestamp(None)),
        ("moment", Type::Timestamptz(None)),
        ("doc", Type::Json),
        ("docb", Type::Jsonb),
        ("tags", Type::Text.array().unwrap()),
        ("codes", Type::Int4.array().unwrap()),
        ("docs", Type::Jsonb.array().unwrap()),
    ];
    columns.extend(types.map(|(name, ty)| column(name, action, ty)));
    table(columns)
}

fn text() -> impl Strategy<Value = String> {
    // PostgreSQL has no text with a NUL.
    "[^\\x00]{0,12}"
}

fn doc() -> impl Strategy<Value = Doc> {
    let flat = || (text(), proptest::collection::vec(any::<i32>(), 0..4));
    (flat(), proptest::option::of(flat())).prop_map(|((text, numbers), inner)| {
        let inner = inner.map(|(text, numbers)| Box::new(Doc { text, numbers, inner: None }));
        Doc { text, numbers, inner }
    })
}

fn day() -> impl Strategy<Value = String> {
    let usual = (1..=9999, 1..=12, 1..=28).prop_map(|(year, month, day)| format!("{year:04}-{month:02}-{day:02}"));
    prop_oneof![9 => usual, 1 => Just("infinity".to_owned()), 1 => Just("0044-03-15 BC".to_owned())]
}

fn time() -> impl Strategy<Value = String> {
    let date = (1..=9999, 1..=12, 1..=28).prop_map(|(year, month, day)| format!("{year:04}-{month:02}-{day:02}"));
    (date, 0..24, 0..60, 0..60, proptest::option::of(1..10)).prop_map(|(date, hour, minute, second, tenth)| {
        let tenth = tenth.map_or(String::new(), |tenth| format!(".00000{tenth}"));
        format!("{date}T{hour:02}:{minute:02}:{second:02}{tenth}")
    })
}

fn record() -> impl Strategy<Value = All> {
    use proptest::option::of;
    let numbers = (of(any::<bool>()), of(any::<i16>()), of(any::<i32>()), of(any::<i64>()));
    let amounts = (of("-?[1-9][0-9]{0,30}(\\.[0-9]{1,20})?"), of("[1-9][0-9]{0,9}\\.[0-9]{2}"));
    let texts = (of(text()), of(text()), of(proptest::collection::vec(any::<u8>(), 0..40)));
    let who = of("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}");
    let times = (of(day()), of(time()), of(time().prop_map(|time| time + "Z")));
    let lists = (
        of(proptest::collection::vec(of(text()), 0..4)),
        of(proptest::collection::vec(any::<i32>(), 0..4)),
        of(proptest::collection::vec(doc(), 0..3)),
    );
    (any::<i64>(), numbers, amounts, texts, who, times, (of(doc()), of(doc())), lists).prop_map(
        |(id, numbers, (amount, money), (pan, name, raw), who, (day, at, moment), (doc, docb), (tags, codes, docs))| {
            let (truth, int2, int4, int8) = numbers;
            let doc = doc.map(|doc| serde_json::to_value(doc).unwrap());
            All {
                id,
                pan,
                truth,
                int2,
                int4,
                int8,
                amount,
                money,
                name,
                raw,
                who,
                day,
                at,
                moment,
                doc,
                docb,
                tags,
                codes,
                docs,
            }
        },
    )
}

/// The parts of a sealed record as `seal::row` takes them.
fn with_stored<T>(sealer: &Sealer, sealed: &SealedRecord, then: impl FnOnce(&StoredRow<'_>) -> T) -> T {
    let known = sealer.known(sealed.table()).unwrap();
    let Known { table, names } = &*known;
    sealed.with_row(table, names, |row| Ok(then(&row))).unwrap()
}

/// A row that was sealed without a record, as it is read from its table.
fn from_row(table: &Table, values: &[Option<Value<'_>>], row: SealedRow) -> SealedRecord {
    let clear = |column: &Column, value: &Value<'_>| {
        let mut sent = Vec::new();
        value.render(&column.ty.unwrap(), Format::Binary, &Settings::default(), &mut sent).unwrap();
        sent
    };
    let columns = table.columns.iter().zip(values).zip(row.cells).map(|((column, value), cell)| {
        let clear = value.as_ref().filter(|_| !column.is_sealed()).map(|value| clear(column, value));
        (column.name.clone(), cell.or(clear))
    });
    let tags = table.beacons.iter().zip(row.tags).map(|(beacon, tag)| (beacon.helper.clone(), tag.map(Vec::from)));
    let signature = ("pgseal_signature".to_owned(), row.signature);
    SealedRecord::from_columns(&table.logical, columns.chain(tags).chain([signature]))
}

/// Seals in every way, opens in every way.
fn round_trip(sealer: &Sealer, table: &Table, record: &All) {
    let keys = sealer.key_source();
    let dynamic = sealer.record("card", record).unwrap();
    assert!(&dynamic.to::<All>().unwrap() == record);

    // What `seal::row` makes of the same values.
    let values: Vec<Option<Value<'_>>> =
        table.columns.iter().map(|column| dynamic.get(&column.name).cloned()).collect();
    let by_row = from_row(table, &values, seal_row(table, keys, &values).unwrap());

    for sealed in [sealer.seal("card", record).unwrap(), sealer.seal_record("card", &dynamic).unwrap(), by_row] {
        assert!(&sealer.open::<All>(&sealed).unwrap() == record);
        assert!(sealer.open_record(&sealed).unwrap() == dynamic);
        with_stored(sealer, &sealed, |row| {
            verify_row(table, keys, row).unwrap();
            for (id, (column, value)) in table.columns.iter().zip(&values).enumerate() {
                let (ty, mut scratch, mut expected) = (column.ty.unwrap(), Vec::new(), Vec::new());
                let opened = match row.columns[id].unwrap() {
                    None => None,
                    Some(_) if column.is_sealed() => Some(open_cell(table, keys, row, id, &mut scratch).unwrap()),
                    Some(stored) => Some(Value::read_stored(&ty, stored).unwrap()),
                };
                assert!(opened == *value, "{}", column.name);
                // The same bytes too: 1.0 and 1.00 are equal, and two values nevertheless.
                let mut bytes = Vec::new();
                opened.iter().for_each(|value| value.write_stored(&ty, &mut bytes));
                value.iter().for_each(|value| value.write_stored(&ty, &mut expected));
                assert!(bytes == expected, "{}", column.name);
            }
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn every_type_comes_back_from_every_door(record in record()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for action in [Action::ENCRYPT_AND_SIGN, Action::SIGN_ONLY] {
            let table = all(action);
            let sealer = runtime.block_on(sealer(Arc::clone(&table)));
            round_trip(&sealer, &table, &record);
        }
    }
}

/// What an INSERT with binary parameters writes.
#[tokio::test]
async fn an_array_in_the_clear_is_there_as_postgresql_sends_it() {
    let open = |name, ty: Type| column(name, Action::SIGN_ONLY, ty.array().unwrap());
    let columns = [column("free", Action::DO_NOTHING, Type::Text.array().unwrap()), open("codes", Type::Int4)];
    let mut all = vec![
        column("id", Action::SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT, Type::Int8),
        column("pan", Action::ENCRYPT_AND_SIGN, Type::Text),
    ];
    all.extend(columns);
    let mut table = Arc::into_inner(table(all)).unwrap();
    table.signature.as_mut().unwrap().columns.retain(|id| *id != 2);
    let sealer = sealer(Arc::new(table)).await;
    let record = serde_json::json!({"id": 1, "pan": "4111", "codes": [7, null], "free": []});
    let sealed = sealer.seal("card", &record).unwrap();
    let codes = b"\0\0\0\x01\0\0\0\x01\0\0\0\x17\0\0\0\x02\0\0\0\x01\0\0\0\x04\0\0\0\x07\xff\xff\xff\xff".as_slice();
    assert_eq!(sealed.bytes("codes"), Some(codes));
    assert_eq!(sealed.bytes("free"), Some(b"\0\0\0\0\0\0\0\0\0\0\0\x19".as_slice()));

    let stored: SealedRecord = serde_json::from_str(&serde_json::to_string(&sealed).unwrap()).unwrap();
    for mut sealed in [sealed, stored] {
        assert_eq!(sealer.open::<serde_json::Value>(&sealed).unwrap(), record);
        let mut other = codes.to_vec();
        other[27] = 8;
        let without_type = [&codes[..4], &codes[12..]].concat();
        let of_int8 = [&codes[..11], &[20], &codes[12..]].concat();
        for changed in [&other[..], &without_type, &of_int8, &codes[..11], b""] {
            sealed.set_bytes("codes", Some(changed));
            assert_eq!(sealer.open::<serde_json::Value>(&sealed).err().unwrap().kind(), Kind::Tampered);
        }
        sealed.set_bytes("codes", Some(codes));
        for changed in [b"".as_slice(), b"\0\0\0\0", b"\0\0\0\0\0\0\0\0\0\0\0\x17"] {
            sealed.set_bytes("free", Some(changed));
            assert!(sealer.open::<serde_json::Value>(&sealed).is_err(), "it is not signed, and no array of text");
        }
    }
}

#[tokio::test]
async fn the_types_of_a_record_may_be_wrapped_as_serde_wraps_them() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Id(i64);
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Brand {
        Visa,
        Amex,
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Rest {
        raw: [u8; 3],
        docb: Option<Doc>,
        who: Option<Option<String>>,
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Wrapped {
        id: Id,
        pan: Brand,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        truth: Option<bool>,
        #[serde(flatten)]
        rest: Rest,
    }
    let sealer = sealer(all(Action::ENCRYPT_AND_SIGN)).await;
    for (pan, docb) in
        [(Brand::Visa, None), (Brand::Amex, Some(Doc { text: "x".into(), numbers: vec![], inner: None }))]
    {
        let rest = Rest { raw: [1, 2, 255], docb, who: None };
        let record = Wrapped { id: Id(7), pan, truth: None, rest };
        assert_eq!(sealer.open::<Wrapped>(&sealer.seal("card", &record).unwrap()).unwrap(), record);
    }
    let map: std::collections::HashMap<String, serde_json::Value> =
        sealer.open(&sealer.seal("card", &serde_json::json!({"id": 1, "int2": 5})).unwrap()).unwrap();
    assert_eq!((map.len(), map.get("int2")), (19, Some(&5.into())));
}

#[tokio::test]
async fn a_field_twice_or_a_float_for_a_numeric_is_refused() {
    /// Serialises as a map with the same key twice.
    struct Twice;
    impl Serialize for Twice {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_map([("id", 1), ("int2", 2), ("id", 3)])
        }
    }
    let sealer = sealer(all(Action::ENCRYPT_AND_SIGN)).await;
    let said = sealer.seal("card", &Twice).err().unwrap().to_string();
    assert!(said.contains("twice"), "{said}");
    let said = sealer.seal("card", &serde_json::json!({"id": 1, "amount": 1.5})).err().unwrap().to_string();
    assert!(said.contains("give a numeric as a string"), "{said}");
    for (name, value) in [("int2", 40_000_i128), ("int8", i128::from(u64::MAX)), ("money", 10_i128.pow(11))] {
        let record = std::collections::BTreeMap::from([("id", 1), (name, value)]);
        assert!(matches!(sealer.seal("card", &record), Err(Error::Seal(seal::Error::Value { .. }))), "{name}");
    }
    let record = std::collections::BTreeMap::from([("id", 1), ("amount", 10_i128.pow(30))]);
    assert!(sealer.seal("card", &record).is_ok());
}
