//! SELECT and TABLE, and predicates over sealed columns.

use super::support::{declared, physical, plan};
use crate::sql::{Decision, OutputSource, ParamRole};

#[track_caller]
fn becomes(text: &str, expected: &str) {
    assert_eq!(physical(&plan(text)), expected);
}

#[test]
fn a_sealed_column_becomes_its_cell_with_the_context_behind_it_sql_11() {
    becomes(
        "SELECT c.ssn AS social, c.dob birth FROM customers AS c ORDER BY c.id LIMIT 2",
        r#"SELECT "c"."ssn" AS social, "c"."dob" birth, pg_catalog.int8send("c"."id") FROM "public"."customers" AS c ORDER BY c.id LIMIT 2"#,
    );
    let plan = plan("SELECT ssn, name FROM customers");
    let shape = plan.output.as_ref().unwrap();
    assert_eq!(shape.physical, 3);
    assert_eq!(shape.columns[0].source, OutputSource::Open { row: 0, column: 4 });
    assert_eq!(shape.columns[1].source, OutputSource::Pass);
    assert_eq!(shape.rows[0].columns[0], Some(2));
    assert_eq!(shape.rows[0].columns[4], Some(0));
    assert_eq!(shape.rows[0].signature, None);
}

#[test]
fn a_star_is_the_list_of_the_lock_cat_4() {
    becomes(
        "SELECT * FROM orders ORDER BY id",
        concat!(
            r#"SELECT "orders"."id", "orders"."customer_id", "orders"."customer_ext", "orders"."amount", "#,
            r#""orders"."card_last4", "orders"."shipping", "orders"."total", "orders"."placed_at", "orders"."status", "#,
            r#"pg_catalog.int8send("orders"."id") FROM "public"."orders" AS "orders" ORDER BY id"#
        ),
    );
    becomes(
        "TABLE messages",
        concat!(
            r#"SELECT "messages"."id", "messages"."sender_id", "messages"."recipient_id", "messages"."subject", "#,
            r#""messages"."body", "messages"."attachment", "messages"."meta", "messages"."flagged", "messages"."sent_at", "#,
            r#"pg_catalog.int8send("messages"."id") FROM "public"."messages" AS "messages""#
        ),
    );
}

#[test]
fn only_is_kept() {
    becomes(
        "SELECT id, ssn FROM ONLY customers WHERE id = 1",
        r#"SELECT "customers"."id", "customers"."ssn", pg_catalog.int8send("customers"."id") FROM ONLY "public"."customers" AS "customers" WHERE id = 1"#,
    );
}

#[test]
fn equality_with_a_constant_becomes_a_comparison_of_tags() {
    becomes(
        "SELECT id, name FROM customers WHERE ssn = $1",
        r#"SELECT "customers"."id", "customers"."name" FROM "public"."customers" AS "customers" WHERE "customers"."pgseal_exact_ssn" = {tag Param { index: 0, ty: Text }}"#,
    );
    becomes(
        "SELECT id FROM customers WHERE ('a' <> customers.ssn) IS NOT TRUE",
        r#"SELECT "customers"."id" FROM "public"."customers" AS "customers" WHERE ({tag Literal(Untyped(…))} <> "customers"."pgseal_exact_ssn") IS NOT TRUE"#,
    );
    becomes(
        "SELECT id, ssn = '123-45-6789' AS hit FROM customers",
        r#"SELECT "customers"."id", "customers"."pgseal_exact_ssn" = {tag Literal(Untyped(…))} AS hit FROM "public"."customers" AS "customers""#,
    );
}

#[test]
fn lists_and_arrays_of_constants_become_tags() {
    becomes(
        "SELECT id FROM customers WHERE ssn NOT IN ('a', NULL, $1::text)",
        r#"SELECT "customers"."id" FROM "public"."customers" AS "customers" WHERE "customers"."pgseal_exact_ssn" NOT IN ({tag Literal(Untyped(…))}, {tag Null}, {tag Param { index: 0, ty: Text }})"#,
    );
    becomes(
        "SELECT id FROM customers WHERE ssn = ANY($1::text[])",
        r#"SELECT "customers"."id" FROM "public"."customers" AS "customers" WHERE "customers"."pgseal_exact_ssn" = ANY({tags Param { index: 0, ty: Text }})"#,
    );
    becomes(
        "SELECT id FROM customers WHERE ssn = ANY(ARRAY['a','b'])",
        r#"SELECT "customers"."id" FROM "public"."customers" AS "customers" WHERE "customers"."pgseal_exact_ssn" = ANY({tags Literal(Array(of 2))})"#,
    );
    becomes(
        "SELECT customers.id FROM customers WHERE customers.ssn = ANY (ARRAY[$1::VARCHAR, $2::VARCHAR])",
        r#"SELECT "customers"."id" FROM "public"."customers" AS "customers" WHERE "customers"."pgseal_exact_ssn" = ANY (ARRAY[{tag Param { index: 0, ty: Varchar(None) }}, {tag Param { index: 1, ty: Varchar(None) }}])"#,
    );
}

#[test]
fn constants_are_taken_out_with_their_casts_signs_and_parentheses_sql_20() {
    let tail = |text: &str| {
        let physical = physical(&plan(&format!("SELECT 1 FROM customers WHERE {text}")));
        physical.split_once(" WHERE ").unwrap().1.to_owned()
    };
    assert_eq!(
        tail("ssn='x'AND name='y'"),
        r#""customers"."pgseal_exact_ssn" = {tag Literal(Untyped(…))} AND name='y'"#
    );
    assert_eq!(
        tail("(dob) = ((date '1990-05-17'))"),
        r#""customers"."pgseal_exact_dob" = {tag Literal(Typed(date, …))}"#
    );
    assert_eq!(
        tail("dob::date = CAST($1 AS date) OR tenant_id<>-1"),
        r#""customers"."pgseal_exact_dob" = {tag Param { index: 0, ty: Date }} OR tenant_id<>-1"#
    );
    assert_eq!(
        tail("ssn = ANY('{a,\"b c\",NULL}') OR ssn <> ALL (ARRAY['x']::text[])"),
        concat!(
            r#""customers"."pgseal_exact_ssn" = ANY({tags Literal(Untyped(…))}) OR "#,
            r#""customers"."pgseal_exact_ssn" <> ALL ({tags Literal(Array(of 1))})"#
        )
    );
    assert_eq!(
        tail("ext_id IN ($1::uuid,$2)"),
        r#""customers"."pgseal_exact_ext_id" IN ({tag Param { index: 0, ty: Uuid }},{tag Param { index: 1, ty: Uuid }})"#
    );
}

#[test]
fn an_untyped_parameter_beside_a_varchar_is_text_but_in_a_list_varchar_sql_20() {
    let types = |text: &str| {
        let physical = physical(&plan(&format!("SELECT 1 FROM orders WHERE {text}")));
        physical.split("ty: ").skip(1).map(|rest| rest.split(" }").next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    for one in ["card_last4 = $1", "$1 <> card_last4", "card_last4 IN ($1)", "card_last4 = ANY($1)"] {
        assert_eq!(types(one), ["Text"], "{one}");
    }
    assert_eq!(types("card_last4 IS NOT DISTINCT FROM $1"), ["Text"]);
    assert_eq!(types("card_last4 IN ($1, $2)"), ["Varchar(None)", "Varchar(None)"]);
    assert_eq!(types("card_last4 = $1::varchar"), ["Varchar(None)"]);
}

#[test]
fn null_tests_go_to_the_cell_itself() {
    becomes(
        "SELECT id FROM customers WHERE email IS NOT NULL AND notes IS NULL",
        r#"SELECT "customers"."id" FROM "public"."customers" AS "customers" WHERE "customers"."email" IS NOT NULL AND "customers"."notes" IS NULL"#,
    );
    becomes(
        "SELECT id FROM customers WHERE ssn IS DISTINCT FROM '1'",
        r#"SELECT "customers"."id" FROM "public"."customers" AS "customers" WHERE "customers"."pgseal_exact_ssn" IS DISTINCT FROM {tag Literal(Untyped(…))}"#,
    );
}

#[test]
fn a_signed_row_comes_back_whole_and_is_sorted_by_its_columns() {
    becomes(
        "SELECT id, hours h FROM shift ORDER BY h, 1",
        concat!(
            r#"SELECT pg_catalog.int8send("shift"."id") AS "id", pg_catalog.int4send("shift"."hours") h, "#,
            r#"pg_catalog.int8send("shift"."staff_id"), "shift"."email", "shift"."code", "#,
            r#""shift"."pgseal_exact_email", "shift"."pgseal_exact_code", "shift"."pgseal_signature" "#,
            r#"FROM "public"."shift" AS "shift" ORDER BY "shift"."hours", "shift"."id""#
        ),
    );
}

#[test]
fn a_lock_names_the_table_by_its_alias() {
    becomes(
        "SELECT name FROM customers c WHERE ssn = 'x' ORDER BY 1 LIMIT 1 FOR NO KEY UPDATE OF c SKIP LOCKED",
        r#"SELECT "c"."name" FROM "public"."customers" c WHERE "c"."pgseal_exact_ssn" = {tag Literal(Untyped(…))} ORDER BY 1 LIMIT 1 FOR NO KEY UPDATE OF c SKIP LOCKED"#,
    );
}

#[test]
fn counting_needs_no_row() {
    becomes(
        "SELECT count(*), count(DISTINCT tag), count(note) FROM staff WHERE tag = 1",
        r#"SELECT count(*), count(DISTINCT "staff"."pgseal_exact_tag"), count("staff"."note") FROM "public"."staff" AS "staff" WHERE "staff"."pgseal_exact_tag" = {tag Literal(Typed(numeric, …))}"#
            .replace("numeric", "integer")
            .as_str(),
    );
}

#[test]
fn distinct_sealed_values_are_distinct_tags() {
    becomes(
        "SELECT DISTINCT tenant_id, ssn FROM customers",
        r#"SELECT DISTINCT ON ("customers"."tenant_id", "customers"."pgseal_exact_ssn") "customers"."tenant_id", "customers"."ssn", pg_catalog.int8send("customers"."id") FROM "public"."customers" AS "customers""#,
    );
}

#[test]
fn a_parameter_has_one_role_and_physical_numbers_follow_the_text() {
    let plan = plan("SELECT id FROM customers WHERE tenant_id = $2 AND ssn = $1 LIMIT $3");
    assert_eq!(
        plan.params,
        [ParamRole::Protected { oid: 25 }, ParamRole::Plain { slot: 0 }, ParamRole::Plain { slot: 2 }]
    );
}

#[test]
fn a_declared_type_is_what_the_client_sends() {
    let Decision::Rewrite(plan) = declared("SELECT id FROM accounts WHERE credit_limit = $1", &[21]) else {
        panic!("not planned")
    };
    assert_eq!(plan.params, [ParamRole::Protected { oid: 21 }]);
}

#[test]
fn comments_and_spelling_survive_sql_1() {
    becomes(
        "SELECT /* who */ name FROM Customers -- all\n WHERE \"name\" LIKE 'A%'",
        "SELECT /* who */ \"customers\".\"name\" FROM \"public\".\"customers\" AS \"customers\" -- all\n WHERE \"name\" LIKE 'A%'",
    );
}

#[test]
fn a_group_of_unprotected_columns_goes_to_the_server() {
    becomes(
        "SELECT status AS s, count(*) FROM customers WHERE ssn = 'x' GROUP BY s HAVING count(*) > 1 ORDER BY 2 DESC",
        r#"SELECT "customers"."status" AS s, count(*) FROM "public"."customers" AS "customers" WHERE "customers"."pgseal_exact_ssn" = {tag Literal(Untyped(…))} GROUP BY s HAVING count(*) > 1 ORDER BY 2 DESC"#,
    );
}

/// To the server they are one expression, which GROUP BY, ORDER BY or DISTINCT may name again.
#[test]
fn predicates_with_the_same_constant_share_a_slot() {
    for text in [
        "SELECT ssn = $1 AS hit, count(*) FROM customers GROUP BY ssn = $1 ORDER BY ssn = $1",
        "SELECT ssn = 'x' AS hit, count(*) FROM customers GROUP BY ssn = 'x'",
        "SELECT DISTINCT ssn = ANY($1) FROM customers ORDER BY ssn = ANY($1)",
    ] {
        assert_eq!(plan(text).template.slots.len(), 1, "{text}");
    }
    for text in ["SELECT ssn = $1, ssn = $2 FROM customers", "SELECT ssn = $1, email = $1 FROM customers"] {
        assert_eq!(plan(text).template.slots.len(), 2, "{text}");
    }
}

#[test]
fn an_order_by_position_is_an_integer() {
    let refused = super::support::refusal("SELECT id FROM customers ORDER BY 1.0");
    assert_eq!(refused.sqlstate, crate::error::SqlState::SYNTAX_ERROR);
}

#[test]
fn long_chains_are_walked_without_recursion_sql_3() {
    let others: String = (0..4_900).map(|number| format!(" OR ssn = '{number}'")).collect();
    let answered = format!("SELECT id FROM customers WHERE ssn = 'a'{others}");
    assert_eq!(plan(&answered).template.slots.len(), 4_901);
    let flat = format!("SELECT id FROM customers WHERE ssn = 'a'{}", " OR true".repeat(9_999 - 1));
    assert_eq!(plan(&flat).template.slots.len(), 1);
    let long = format!("SELECT id FROM customers WHERE ssn = 'a'{}", " OR ssn = 'b'".repeat(40_000));
    assert_eq!(super::support::refusal(&long).sqlstate, crate::error::SqlState::STATEMENT_TOO_COMPLEX);
}
