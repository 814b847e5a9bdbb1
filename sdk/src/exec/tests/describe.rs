//! Descriptions in logical types.

use super::super::Error;
use super::super::describe::{self, Column};
use super::*;
use crate::sql::{OutputSource, ParamRole};

/// A column as the server describes it.
fn described(name: &str, table_oid: u32, attnum: i16, type_oid: u32) -> Column<&str> {
    Column { name, table_oid, attnum, type_oid, typlen: -1, typmod: -1 }
}

#[test]
fn parameters_are_those_of_the_client_in_its_types() {
    let mut plan = plan(Verb::Select, template(vec![]), vec![]);
    plan.params = vec![ParamRole::Protected { oid: 1043 }, ParamRole::Plain { slot: 1 }];
    assert_eq!(describe::parameters(&[2950, 25], &plan), Ok(vec![1043, 25]));
    assert!(matches!(describe::parameters(&[2950], &plan), Err(Error::Protocol(_))));
}

#[test]
fn a_sealed_column_has_its_logical_type_and_keeps_name_and_table() {
    let shape = shape(&table(false), &[OutputSource::Pass, OutputSource::Open { row: 0, column: PIN }], &[0, 3]);
    let server = [
        described("id", 16_400, 1, 20),
        described("?column?", 0, 0, 25),
        described("pan", 16_400, 3, 17),
        described("p", 16_400, 4, 17),
    ];
    let logical = describe::columns(&server, &shape).unwrap();
    assert_eq!(logical[0], server[0]);
    assert_eq!(logical[1], Column { type_oid: 1043, typmod: 8, ..server[3] });
    assert!(matches!(describe::columns(&server[..3], &shape), Err(Error::Protocol(_))));
    let mut altered = server;
    altered[3].type_oid = 25;
    let Err(Error::Refused(refusal)) = describe::columns(&altered, &shape) else { panic!("CAT-2: it holds no cells") };
    assert_eq!(refusal.sqlstate.code(), "55000");
}

#[test]
fn a_verified_column_belongs_to_the_table_of_its_row() {
    let shape = shape(&table(true), &[OutputSource::Verified { row: 0, column: ID }], &[0]);
    let mut server = vec![described("id", 0, 0, 17); physical(&table(true))];
    let id = Column { name: "id", table_oid: 0, attnum: 0, type_oid: 20, typlen: 8, typmod: -1 };
    assert_eq!(describe::columns(&server, &shape).unwrap(), [id]);
    server[3].table_oid = 16_400;
    assert_eq!(describe::columns(&server, &shape).unwrap(), [Column { table_oid: 16_400, attnum: 1, ..id }]);
}
