//! The same attack without any lie on the wire: at the server `=` of two types means `<>` (SQL-60).

use super::stage::{Stage, WAYS, Way, texts};
use crate::doors::param::Param;

/// What `=` of these types is.
struct Operator {
    left: &'static str,
    right: &'static str,
    equal: &'static str,
    unequal: &'static str,
}

const INT84: Operator = Operator { left: "int8", right: "int4", equal: "int84eq", unequal: "int84ne" };
const INT8: Operator = Operator { left: "int8", right: "int8", equal: "int8eq", unequal: "int8ne" };
const INT4: Operator = Operator { left: "int4", right: "int4", equal: "int4eq", unequal: "int4ne" };
const UUID: Operator = Operator { left: "uuid", right: "uuid", equal: "uuid_eq", unequal: "uuid_ne" };
const TEXT: Operator = Operator { left: "text", right: "text", equal: "texteq", unequal: "textne" };

/// With an operator of the server's own; it is put right again before the world goes.
struct Swapped<'a>(&'a Stage, &'a Operator);

impl<'a> Swapped<'a> {
    fn new(stage: &'a Stage, operator: &'a Operator) -> Self {
        let swapped = Self(stage, operator);
        swapped.set(operator.unequal);
        swapped
    }

    fn set(&self, function: &str) {
        let Operator { left, right, .. } = self.1;
        self.0.world.at_server(&format!(
            "UPDATE pg_operator SET oprcode = 'pg_catalog.{function}'::regproc WHERE oprname = '=' \
             AND oprleft = '{left}'::regtype AND oprright = '{right}'::regtype"
        ));
    }
}

impl Drop for Swapped<'_> {
    fn drop(&mut self) {
        self.set(self.1.equal);
    }
}

/// An index looks a value up by the functions of its operator family: the attacker has it not used.
fn stage(name: &str) -> Stage {
    let stage = Stage::new(name);
    let database = stage.world.database();
    for method in ["indexscan", "bitmapscan", "indexonlyscan"] {
        stage.world.at_server(&format!("ALTER DATABASE {database} SET enable_{method} = off"));
    }
    stage
}

/// Every row but the one that is meant; the others must stay as they are, and nobody may be shown them.
fn refused(name: &str, operator: &Operator, condition: &str, params: &[Param], ways: &[Way]) {
    let stage = stage(name);
    let before = stage.stored();
    let mut wrong = Vec::new();
    for way in ways {
        // Prepared nowhere, planned while `=` is `<>`.
        let swapped = Swapped::new(&stage, operator);
        for sql in [
            format!("UPDATE customers SET dept = 'admin' WHERE {condition}"),
            format!("UPDATE customers SET phone = '5' WHERE {condition} RETURNING id"),
            format!("SELECT * FROM customers WHERE {condition}"),
            format!("SELECT note FROM customers WHERE {condition}"),
        ] {
            let told = stage.session(*way).ask(&sql, params);
            if told.code.as_deref() != Some("XX001") || told.shown > 0 {
                wrong.push(format!("{way:?}: {sql}: {:?} {}, {} shown", told.code, told.message, told.shown));
            }
        }
        drop(swapped);
        let honest = stage.session(*way).ask(&format!("SELECT id FROM customers WHERE {condition}"), params);
        assert_eq!(honest.code, None, "{way:?}: {}", honest.message);
    }
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(stage.stored(), before);
}

#[test]
fn a_key_compared_by_a_swapped_operator_brings_no_other_row_sql_60() {
    refused("lint84", &INT84, "id = 1", &[], &WAYS);
}

#[test]
fn a_key_of_a_parameter_compared_by_a_swapped_operator_brings_no_other_row_sql_60() {
    refused("lint8", &INT8, "id = $1", &texts(&["1"]), &WAYS);
}

#[test]
fn a_tag_compared_by_a_swapped_operator_brings_no_other_row_sql_60() {
    refused("luuid", &UUID, "email = $1", &texts(&["a@x"]), &WAYS);
}

#[test]
fn signed_columns_compared_by_a_swapped_operator_bring_no_other_row_sql_60() {
    refused("lint4", &INT4, "level = 1", &[], &WAYS);
    refused("ltext", &TEXT, "dept = $1", &texts(&["sales"]), &WAYS);
}
