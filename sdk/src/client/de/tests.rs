use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::Deserialize;

use super::*;
use crate::client::row::tests::{column, holding, row};

#[test]
fn every_type_has_a_serde_side() {
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Brand {
        Visa,
    }
    #[derive(Debug, PartialEq, Deserialize)]
    struct Card<'a> {
        id: i64,
        name: &'a str,
        brand: Brand,
        valid: bool,
        small: u8,
        ratio: f32,
        exact: f64,
        oid: u32,
        #[serde(borrow)]
        tags: Vec<Option<&'a str>>,
        counts: [i32; 2],
        none: Vec<i64>,
        raw: Vec<u8>,
        note: Option<String>,
    }
    let row = row(&[
        ("id", Type::INT8, &7_i64),
        ("name", Type::TEXT, &"ada"),
        ("brand", Type::VARCHAR, &"visa"),
        ("valid", Type::BOOL, &true),
        ("small", Type::INT2, &5_i16),
        ("ratio", Type::FLOAT4, &0.5_f32),
        ("exact", Type::FLOAT8, &0.25_f64),
        ("oid", Type::OID, &26_u32),
        ("tags", Type::TEXT_ARRAY, &vec![Some("a"), None]),
        ("counts", Type::INT4_ARRAY, &vec![1_i32, 2]),
        ("none", Type::INT8_ARRAY, &Vec::<i64>::new()),
        ("raw", Type::BYTEA, &&[1_u8, 2][..]),
        ("note", Type::TEXT, &None::<&str>),
        ("other", Type::INT4_ARRAY, &vec![1_i32]),
    ]);
    let card: Card<'_> = row.deserialize().unwrap();
    assert_eq!(
        card,
        Card {
            id: 7,
            name: "ada",
            brand: Brand::Visa,
            valid: true,
            small: 5,
            ratio: 0.5,
            exact: 0.25,
            oid: 26,
            tags: vec![Some("a"), None],
            counts: [1, 2],
            none: vec![],
            raw: vec![1, 2],
            note: None,
        }
    );
}

/// One value that has no `ToSql` here, in binary.
fn of_bytes(ty: Type, bytes: &[u8]) -> Row {
    holding(&[column("it", ty)].into(), [Some(bytes.to_vec())])
}

#[test]
fn values_look_as_those_of_records_do() {
    use crate::value::{Format, Settings, Type as Ours, Value};
    for (ty, text, seen) in [
        (Ours::Numeric(None), "12.50", serde_json::json!("12.50")),
        (Ours::Uuid, "01234567-89ab-cdef-0123-456789abcdef", serde_json::json!("01234567-89ab-cdef-0123-456789abcdef")),
        (Ours::Date, "2024-02-29", serde_json::json!("2024-02-29")),
        (Ours::Timestamp(None), "2024-02-29 12:00:00.5", serde_json::json!("2024-02-29T12:00:00.5")),
        (Ours::Timestamptz(None), "2024-02-29 12:00:00+00", serde_json::json!("2024-02-29T12:00:00Z")),
        (Ours::Timestamptz(None), "infinity", serde_json::json!("infinity")),
        (Ours::Json, "{\"a\":[1,null]}", serde_json::json!({"a": [1, null]})),
        (Ours::Jsonb, "{\"a\":[1,null]}", serde_json::json!({"a": [1, null]})),
        (Ours::Jsonb, "null", serde_json::Value::Null),
        (Ours::Bytea, "\\x00ff", serde_json::json!([0, 255])),
    ] {
        let mut bytes = Vec::new();
        Value::parse(&ty, Format::Text, text.as_bytes(), &Settings::default()).unwrap().write_stored(&ty, &mut bytes);
        let row = of_bytes(Type::from_oid(ty.oid()).unwrap(), &bytes);
        let map: BTreeMap<String, serde_json::Value> = row.deserialize().unwrap();
        assert_eq!(map["it"], seen, "{ty}");
        let map: BTreeMap<String, Option<serde_json::Value>> = row.deserialize().unwrap();
        assert_eq!(map["it"], Some(seen).filter(|seen| !seen.is_null()), "{ty}");
    }
}

#[test]
fn what_does_not_fit_is_told_without_values() {
    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)] // Read by nobody: it never comes to be.
    struct Card {
        id: i16,
        names: Option<Vec<String>>,
    }
    let said = |row: &Row| {
        let error = row.deserialize::<Card>().unwrap_err();
        assert!(!format!("{error} {error:?}").contains("47"), "{error}");
        error.to_string().split_once(": ").unwrap().1.to_owned()
    };
    assert_eq!(said(&row(&[("id", Type::TEXT, &"4711")])), "column id of type text: the type expects i16");
    assert_eq!(said(&row(&[("id", Type::INT8, &47_110_000_i64)])), "column id of type int8: the type expects i16");
    assert_eq!(
        said(&row(&[("id", Type::INT2, &None::<i16>)])),
        "column id of type int2: it is NULL, and the type expects i16"
    );
    assert_eq!(said(&row(&[("names", Type::TEXT, &None::<&str>)])), "there is no column for the field id");
    assert_eq!(
        said(&row(&[("id", Type::INT2, &1_i16), ("names", Type::TEXT_ARRAY, &vec![Some("47"), None])])),
        "column names of type _text: it is NULL, and the type expects a string"
    );
    assert_eq!(
        said(&row(&[("id", Type::INT2, &1_i16), ("x", Type::TEXT, &"47")])),
        "column x of type text: the type has no such field"
    );
    assert_eq!(said(&row(&[("id", Type::INT2, &1_i16), ("id", Type::INT2, &47_i16)])), "two columns are named id");
    assert_eq!(
        said(&of_bytes(Type::POINT, &[0; 16]).renamed("id")),
        "column id of type point: this type is not read by deserialize, only by try_get"
    );
    assert!(said(&of_bytes(Type::JSONB, b"\x01{\"47\": 1}").renamed("id")).contains("does not fit the type"));
}

impl Row {
    fn renamed(self, name: &str) -> Self {
        let columns: Vec<Column> =
            self.columns().iter().map(|column| Column { name: name.into(), ..column.clone() }).collect();
        holding(&columns.into(), [self.bytes(0).map(<[u8]>::to_vec)])
    }
}

#[test]
fn nothing_is_cut_to_fit_a_type() {
    for row in [row(&[("it", Type::INT4_ARRAY, &vec![1_i32, 2, 3])]), row(&[("it", Type::BYTEA, &&[1_u8, 2, 3][..])])] {
        assert!(row.deserialize::<BTreeMap<String, [u8; 2]>>().is_err());
        assert_eq!(row.deserialize::<BTreeMap<String, [u8; 3]>>().unwrap()["it"], [1, 2, 3]);
    }
    // array_send of '{{1,2}}'.
    let ints = [0_u32, 0, 23, 1, 1, 2, 1, 4, 1, 4, 2].map(u32::to_be_bytes).concat();
    let two = of_bytes(Type::INT4_ARRAY, &[&2_u32.to_be_bytes(), &ints[4..]].concat());
    assert!(
        two.deserialize::<BTreeMap<String, serde_json::Value>>().unwrap_err().to_string().contains("one dimension")
    );
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60), which in 0..14_usize) {
        let types = [
            Type::BOOL, Type::INT2, Type::INT4, Type::INT8, Type::NUMERIC, Type::TEXT, Type::BYTEA, Type::UUID,
            Type::DATE, Type::TIMESTAMPTZ, Type::JSONB, Type::FLOAT8, Type::OID, Type::INT4_ARRAY,
        ];
        let _ = of_bytes(types[which].clone(), &bytes).deserialize::<BTreeMap<String, serde_json::Value>>();
    }
}
