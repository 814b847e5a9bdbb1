use bytes::BytesMut;
use tokio_postgres::types::ToSql;

use super::*;
use crate::record::Kind;

pub(in crate::client) fn column(name: &str, ty: Type) -> Column {
    Column { name: name.into(), ty, table_oid: None, column_id: None, type_modifier: -1 }
}

/// A row of these values, each encoded by postgres-types.
pub(in crate::client) fn row(fields: &[(&str, Type, &(dyn ToSql + Sync))]) -> Row {
    let columns: Arc<[Column]> = fields.iter().map(|(name, ty, _)| column(name, ty.clone())).collect();
    let values = fields.iter().map(|(_, ty, value)| {
        let mut bytes = BytesMut::new();
        let null = matches!(value.to_sql_checked(ty, &mut bytes).unwrap(), tokio_postgres::types::IsNull::Yes);
        (!null).then(|| bytes.to_vec())
    });
    holding(&columns, values)
}

/// A row of these values in binary.
pub(in crate::client) fn holding(columns: &Arc<[Column]>, values: impl IntoIterator<Item = Option<Vec<u8>>>) -> Row {
    let (mut bytes, mut places) = (Vec::new(), Vec::new());
    for value in values {
        let start = bytes.len();
        bytes.extend(value.iter().flatten());
        places.push(value.map(|_| start..bytes.len()));
    }
    Row::opened(columns, bytes, places).unwrap()
}

fn card() -> Row {
    row(&[
        ("id", Type::INT8, &7_i64),
        ("Pan", Type::TEXT, &"4111"),
        ("pan", Type::VARCHAR, &"5222"),
        ("note", Type::TEXT, &None::<&str>),
    ])
}

#[test]
fn values_are_found_by_position_and_name_and_borrow_from_the_row() {
    let row = card();
    assert_eq!((row.len(), row.is_empty()), (4, false));
    assert_eq!(row.try_get::<_, i64>(0).unwrap(), 7);
    assert_eq!(row.try_get::<_, i64>("id").unwrap(), 7);
    assert_eq!(row.try_get::<_, &str>("pan").unwrap(), "5222", "exactly");
    assert_eq!(row.try_get::<_, &str>("PAN").unwrap(), "4111", "then in any case, the first of them");
    assert_eq!(row.try_get::<_, String>(&String::from("Pan")).unwrap(), "4111");
    assert_eq!(row.try_get::<_, Option<&str>>("note").unwrap(), None);
    assert_eq!(row.get::<_, Option<i64>>("ID"), Some(7));
    let borrowed: &str = row.get(1);
    let Body::Opened { bytes, .. } = &row.body else { panic!("it was not opened") };
    assert!(bytes.as_ptr_range().contains(&borrowed.as_ptr()));
}

#[test]
fn what_cannot_be_read_names_column_type_and_rust_type_and_no_value() {
    let row = card();
    let said = |error: Error| {
        assert_eq!(error.kind(), Kind::Refused);
        assert_eq!(error.code(), None);
        let said = format!("{error}");
        assert!(!format!("{said} {error:?}").contains("4111"));
        said
    };
    assert_eq!(said(row.try_get::<_, i64>("cvc").unwrap_err()), "the row has no column cvc");
    assert_eq!(said(row.try_get::<_, i64>(4).unwrap_err()), "the row has no column 4");
    assert_eq!(
        said(row.try_get::<_, i64>("Pan").unwrap_err()),
        "column Pan of type text cannot be read as i64: the types do not fit"
    );
    assert_eq!(
        said(row.try_get::<_, String>("note").unwrap_err()),
        "column note of type text cannot be read as alloc::string::String: it is NULL"
    );
    let columns: Arc<[Column]> = [column("id", Type::INT8)].into();
    let short = holding(&columns, [Some(vec![7])]);
    assert!(said(short.try_get::<_, i64>(0).unwrap_err()).ends_with("the Rust type does not hold this value"));
}

#[test]
#[should_panic(expected = "the row has no column cvc")]
fn get_panics_where_try_get_has_an_error() {
    card().get::<_, i64>("cvc");
}

#[test]
fn a_row_that_does_not_fit_its_columns_is_malformed() {
    let columns: Arc<[Column]> = [column("a", Type::INT4), column("b", Type::INT4)].into();
    for (values, fits) in [(vec![None], false), (vec![None, Some(0..4)], true), (vec![None, None, None], false)] {
        assert_eq!(Row::opened(&columns, vec![0; 4], values).is_ok(), fits);
    }
}

#[test]
fn debug_shows_columns_and_no_values() {
    let said = format!("{:?}", card());
    assert!(said.contains("\"Pan\"") && !said.contains("4111"), "{said}");
}
