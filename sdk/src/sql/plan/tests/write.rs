//! INSERT, UPDATE, DELETE, TRUNCATE.

use super::support::{physical, plan};
use crate::sql::{Input, OutputSource, ParamRole, Steps};

#[track_caller]
fn becomes(text: &str, expected: &str) {
    assert_eq!(physical(&plan(text)), expected);
}

#[test]
fn an_insert_seals_its_values_and_adds_their_tags_cat_4() {
    becomes(
        "INSERT INTO customers (id, tenant_id, name, ssn) VALUES (1, 1, 'Ada', '123'), ($1, $2, $3, $4)",
        concat!(
            r#"INSERT INTO "public"."customers" AS "customers" ("id", "tenant_id", "name", "ssn", "pgseal_exact_ssn") "#,
            r#"VALUES (1, 1, 'Ada', {cell 0 ssn}, {tag 0 pgseal_exact_ssn}), ({$1}, {$2}, {$3}, {cell 1 ssn}, {tag 1 pgseal_exact_ssn})"#
        ),
    );
    let plan = plan("INSERT INTO customers (id, tenant_id, name, ssn) VALUES ($1, 1, 'n', $2)");
    assert_eq!(plan.params, [ParamRole::Plain { slot: 0 }, ParamRole::Protected { oid: 25 }]);
    assert!(matches!(plan.rows[0].values[0], Some(Input::Param { index: 0, .. })));
    assert!(matches!(plan.rows[0].values[3], Some(Input::Null)));
    assert_eq!(plan.rows[0].values[1], None);
}

#[test]
fn an_identity_in_the_context_is_fetched_first_sql_22() {
    becomes(
        "INSERT INTO customers (tenant_id, name, ssn) VALUES (1, 'Ada', '123') RETURNING id, ssn",
        concat!(
            r#"SELECT CAST(pg_catalog.nextval('"public"."customers_id_seq"'::pg_catalog.regclass) AS bigint); "#,
            r#"INSERT INTO "public"."customers" AS "customers" ("tenant_id", "name", "ssn", "id", "pgseal_exact_ssn") "#,
            r#"VALUES (1, 'Ada', {cell 0 ssn}, {clear 0 id}, {tag 0 pgseal_exact_ssn}) "#,
            r#"RETURNING "customers"."id", "customers"."ssn", pg_catalog.int8send("customers"."id")"#
        ),
    );
}

#[test]
fn a_constant_default_of_a_sealed_column_is_sealed_here_sql_22() {
    becomes(
        "INSERT INTO accounts (id, customer_id, iban, credit_limit) VALUES (50, 1, 'XX', DEFAULT)",
        concat!(
            r#"INSERT INTO "public"."accounts" AS "accounts" ("id", "customer_id", "iban", "credit_limit", "balance", "#,
            r#""pgseal_exact_iban", "pgseal_exact_balance", "pgseal_exact_credit_limit") VALUES "#,
            r#"(50, 1, {cell 0 iban}, {cell 0 credit_limit}, {cell 0 balance}, "#,
            r#"{tag 0 pgseal_exact_iban}, {tag 0 pgseal_exact_balance}, {tag 0 pgseal_exact_credit_limit})"#
        ),
    );
}

#[test]
fn a_signed_insert_is_signed_and_guarded_cell_8() {
    becomes(
        "INSERT INTO shift (staff_id, email, hours) VALUES (1, 'a', 6)",
        concat!(
            r#"SELECT CAST(pg_catalog.nextval('"public"."shift_id_seq"'::pg_catalog.regclass) AS bigint); "#,
            r#"INSERT INTO "public"."shift" AS "shift" ("staff_id", "email", "hours", "id", "pgseal_exact_email", "#,
            r#""pgseal_signature") OVERRIDING SYSTEM VALUE VALUES (1, {cell 0 email}, 6, {clear 0 id}, "#,
            r#"{tag 0 pgseal_exact_email}, {signature 0}) RETURNING (CASE WHEN CASE "shift"."pgseal_signature" "#,
            r#"WHEN {signature 0} THEN pg_catalog.int8send("shift"."id") IS NOT DISTINCT FROM {signed 0 id} "#,
            r#"AND pg_catalog.int8send("shift"."staff_id") IS NOT DISTINCT FROM {signed 0 staff_id} "#,
            r#"AND "shift"."email" IS NOT DISTINCT FROM {cell 0 email} AND "shift"."code" IS NULL "#,
            r#"AND pg_catalog.int4send("shift"."hours") IS NOT DISTINCT FROM {signed 0 hours} "#,
            r#"AND "shift"."pgseal_exact_email" IS NOT DISTINCT FROM {tag 0 pgseal_exact_email} "#,
            r#"AND "shift"."pgseal_exact_code" IS NULL ELSE false END THEN '0' ELSE 'pgseal_guard' END)::pg_catalog.int4"#
        ),
    );
    let plan = plan("INSERT INTO staff VALUES (1, 'a') RETURNING id, email");
    let shape = plan.output.as_ref().unwrap();
    assert_eq!(shape.columns[0].source, OutputSource::Verified { row: 0, column: 0 });
    assert_eq!(shape.columns[1].source, OutputSource::Open { row: 0, column: 1 });
    assert!(shape.rows[0].signature.is_some());
    // id, email, six more cells, five tags, the signature, the guard.
    assert_eq!(shape.physical, 2 + 6 + 5 + 1 + 1);
}

#[test]
fn an_arbiter_on_a_sealed_column_is_its_tag() {
    becomes(
        "INSERT INTO customers (id, tenant_id, name, email) VALUES (11, 1, 'dup', 'x') ON CONFLICT (email) DO NOTHING RETURNING id",
        concat!(
            r#"INSERT INTO "public"."customers" AS "customers" ("id", "tenant_id", "name", "email", "pgseal_exact_email") "#,
            r#"VALUES (11, 1, 'dup', {cell 0 email}, {tag 0 pgseal_exact_email}) "#,
            r#"ON CONFLICT ("pgseal_exact_email") DO NOTHING RETURNING "customers"."id""#
        ),
    );
}

#[test]
fn default_values_get_what_must_be_known() {
    becomes(
        "INSERT INTO customers DEFAULT VALUES",
        concat!(
            r#"SELECT CAST(pg_catalog.nextval('"public"."customers_id_seq"'::pg_catalog.regclass) AS bigint); "#,
            r#"INSERT INTO "public"."customers" AS "customers" ("id") VALUES ({clear 0 id})"#
        ),
    );
}

#[test]
fn rows_without_keys_fetch_a_row_of_values_each_sql_22() {
    let text = "INSERT INTO shift (staff_id, hours, id) VALUES (1, 2, DEFAULT), (1 + 1, 2, 9), (3, 3, DEFAULT)";
    let plan = plan(text);
    let next = r#"CAST(pg_catalog.nextval('"public"."shift_id_seq"'::pg_catalog.regclass) AS bigint)"#;
    assert!(
        physical(&plan).starts_with(&format!(
            "VALUES ({next}, NULL), (NULL, CAST((1 + 1) AS bigint)), ({next}, NULL); INSERT INTO"
        ))
    );
    let fetched = |row: usize, column: usize| plan.rows[row].values[column].clone();
    assert_eq!([fetched(0, 0), fetched(1, 1), fetched(2, 0)], [0, 3, 4].map(|at| Some(Input::Fetched(at))));
}

#[test]
fn five_thousand_rows_need_no_keys_sql_22() {
    let rows: Vec<String> = (0..5_000).map(|row| format!("('a{row}')")).collect();
    let plan = plan(&format!("INSERT INTO customers (email) VALUES {}", rows.join(", ")));
    assert_eq!(plan.rows[4_999].values[0], Some(Input::Fetched(4_999)));
    assert_eq!(plan.template.slots.len(), 15_000);
}

#[test]
fn an_update_that_fixes_the_context_is_blind_sql_50() {
    becomes(
        "UPDATE customers SET ssn = $1, status = 'x' WHERE id = $2",
        concat!(
            r#"UPDATE "public"."customers" AS "customers" SET "ssn" = {cell 0 ssn}, "pgseal_exact_ssn" = {tag 0 pgseal_exact_ssn}, "#,
            r#"status = 'x' WHERE id = {$2}"#
        ),
    );
    let plan = plan("UPDATE customers SET ssn = $1 WHERE id = $2");
    assert!(matches!(plan.rows[0].values[0], Some(Input::Param { index: 1, .. })));
    assert_eq!(plan.params, [ParamRole::Protected { oid: 25 }, ParamRole::Plain { slot: 2 }]);
}

#[test]
fn null_needs_no_context() {
    becomes(
        "UPDATE customers SET ssn = NULL WHERE tenant_id = 2",
        concat!(
            r#"UPDATE "public"."customers" AS "customers" SET "ssn" = {cell 0 ssn}, "#,
            r#""pgseal_exact_ssn" = {tag 0 pgseal_exact_ssn} WHERE tenant_id = 2"#
        ),
    );
}

#[test]
fn an_update_that_does_not_reads_first_sql_51() {
    let text = "UPDATE customers c SET ssn = 'x' WHERE c.status = $1 RETURNING id, ssn, lower(name)";
    becomes(
        text,
        concat!(
            r#"SELECT "c"."tableoid", "c"."ctid", pg_catalog.int8send("c"."id") FROM "public"."customers" AS "c" "#,
            r#"WHERE c.status = {$1} FOR UPDATE OF "c"; "#,
            r#"RETURNING "c"."id", "c"."ssn", lower("c"."name"), pg_catalog.int8send("c"."id")"#
        ),
    );
    let plan = plan(text);
    let Steps::ReadModifyWrite(work) = &plan.steps else { panic!("one step") };
    assert_eq!(work.assigned, [4]);
    assert_eq!(work.alias, "\"c\"");
    assert_eq!(work.read.columns[0], Some(2));
    assert_eq!(plan.params, [ParamRole::Plain { slot: 0 }]);
}

#[test]
fn a_partial_update_of_a_signed_row_reads_it_whole_sql_51() {
    becomes(
        "UPDATE shift SET hours = 9",
        concat!(
            r#"SELECT "shift"."tableoid", "shift"."ctid", pg_catalog.int8send("shift"."id"), "#,
            r#"pg_catalog.int8send("shift"."staff_id"), "shift"."email", "shift"."code", "#,
            r#"pg_catalog.int4send("shift"."hours"), "shift"."pgseal_exact_email", "shift"."pgseal_exact_code", "#,
            r#""shift"."pgseal_signature" FROM "public"."shift" AS "shift" FOR NO KEY UPDATE OF "shift"; RETURNING "#
        ),
    );
}

#[test]
fn an_update_of_unprotected_columns_is_one_step() {
    becomes(
        "UPDATE staff SET team = upper(team) || $1 WHERE email = 'a'",
        concat!(
            r#"UPDATE "public"."staff" AS "staff" SET team = upper(team) || {$1} "#,
            r#"WHERE "staff"."pgseal_exact_email" = {tag Literal(Untyped(…))}"#
        ),
    );
}

#[test]
fn a_delete_is_one_step() {
    becomes(
        "DELETE FROM accounts WHERE iban = 'DE001' OR iban = 'DE002' RETURNING id",
        concat!(
            r#"DELETE FROM "public"."accounts" AS "accounts" WHERE "accounts"."pgseal_exact_iban" = {tag Literal(Untyped(…))} "#,
            r#"OR "accounts"."pgseal_exact_iban" = {tag Literal(Untyped(…))} RETURNING "accounts"."id""#
        ),
    );
}

#[test]
fn truncate_goes_on_qualified() {
    becomes("TRUNCATE customers, other CASCADE", r#"TRUNCATE "public"."customers", other CASCADE"#);
}

#[test]
fn what_changes_rows_and_verifies_them_as_they_come_back_is_driven_to_its_end_sig_5() {
    for text in [
        "DELETE FROM shift WHERE id = 1 RETURNING email",
        "DELETE FROM customers WHERE id = 1 RETURNING ssn",
        "UPDATE customers SET ssn = '1' WHERE id = 1 RETURNING ssn",
    ] {
        let plan = plan(text);
        assert!(matches!(plan.steps, Steps::One), "{text}");
        assert!(plan.is_stepped(), "{text}");
    }
    for text in [
        "DELETE FROM shift WHERE id = 1",
        "DELETE FROM customers WHERE id = 1 RETURNING id",
        "UPDATE customers SET ssn = '1' WHERE id = 1",
        "SELECT email FROM shift",
    ] {
        assert!(!plan(text).is_stepped(), "{text}");
    }
}
