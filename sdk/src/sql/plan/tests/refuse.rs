//! What is refused, and how.

use super::support::{decide, declared, plan, refusal};
use crate::error::SqlState;
use crate::sql::Decision;

#[track_caller]
fn refused(text: &str, part: &str) {
    let refusal = refusal(text);
    assert_eq!(refusal.sqlstate, SqlState::FEATURE_NOT_SUPPORTED, "{refusal:?}");
    assert!(refusal.message.contains(part), "{}: {}", text, refusal.message);
}

#[test]
fn a_refusal_names_column_and_construct() {
    refused("SELECT id FROM customers WHERE dob < '1990-01-01'", "customers.dob is sealed: a range comparison");
    refused("SELECT id FROM customers WHERE ssn LIKE '1%'", "customers.ssn is sealed: LIKE");
    refused("SELECT lower(ssn) FROM customers", "customers.ssn is sealed: lower()");
    refused("SELECT ssn || 'x' FROM customers", "customers.ssn is sealed: concatenation");
    refused("SELECT id FROM accounts WHERE pin = '\\x01'", "accounts.pin is sealed and has no exact beacon");
    refused("SELECT id FROM customers ORDER BY ssn", "customers.ssn is sealed: ORDER BY");
    refused("SELECT email AS id FROM shift ORDER BY id", "shift.email is sealed: ORDER BY");
    refused("SELECT id FROM customers WHERE ssn = email", "customers.ssn and customers.email");
    refused("SELECT id FROM customers WHERE ssn = name", "customers.ssn is sealed: = with anything but a constant");
    refused("SELECT id FROM messages WHERE flagged", "messages.flagged is sealed");
    refused("SELECT id FROM customers WHERE ssn::varchar(3) = 'x'", "customers.ssn is sealed: a cast");
    refused("SELECT ssn, count(*) FROM customers GROUP BY ssn", "customers.ssn is sealed: GROUP BY");
    refused("UPDATE customers SET notes = ssn WHERE id = 1", "customers.notes is sealed");
    refused("UPDATE customers SET name = ssn WHERE id = 1", "customers.ssn is sealed");
    refused("UPDATE staff SET id = 600 WHERE id = 6", "staff.id is part of the encryption context");
    refused(
        "INSERT INTO customers (id, tenant_id, name, ssn) VALUES (1, 1, 'n', 'a' || 'b')",
        "customers.ssn is sealed",
    );
}

#[test]
fn a_statement_for_a_function_may_hide_behind_another_one_sql_13() {
    let part = "a function that may run its argument as SQL";
    refused("SELECT my_function('DELETE FROM customers')", part);
    refused("SELECT my_function(E'\\x0bDELETE FROM customers')", part);
    refused("SELECT my_function('BEGIN; DELETE FROM customers')", part);
    refused("SELECT my_function('SET a = 1; DELETE FROM customers')", part);
}

#[test]
fn every_constant_is_looked_at_for_a_statement_for_a_function_sql_13() {
    let part = "a function that may run its argument as SQL";
    refused("SELECT 'customers', my_function('DELETE FROM customers')", part);
    refused("SELECT lower('SELECT 1 FROM customers'), my_function('DELETE FROM customers')", part);
}

#[test]
fn what_touches_a_protected_table_in_another_way_is_refused_by_name() {
    refused("SELECT ssn FROM customers UNION ALL SELECT iban FROM accounts", "UNION");
    refused("SELECT c FROM customers c", "whole row");
    refused("SELECT ctid FROM customers", "system column ctid");
    refused("SELECT id, ssn INTO leak2 FROM customers", "SELECT INTO");
    refused("INSERT INTO plain SELECT ssn FROM customers", "writes to a table that is not protected");
    refused("INSERT INTO customers (id, tenant_id, name) SELECT 1, 1, 'x'", "INSERT ... SELECT");
    refused("CREATE TABLE leak AS SELECT * FROM customers", "CREATE TABLE");
    refused("ALTER TABLE customers ADD COLUMN x int", "ALTER TABLE");
    refused("DROP TABLE customers", "DROP");
    refused("CREATE INDEX i ON customers (ssn)", "CREATE INDEX");
    refused("SELECT * FROM customer_view", "customer_view is a view");
    refused("SELECT * FROM elsewhere.customers", "elsewhere.customers has the name of the protected table");
    refused("DELETE FROM orders o USING customers c WHERE o.id = c.id", "USING");
    refused("SELECT my_function(name) FROM customers", "function my_function");
}

#[test]
fn code_and_catalog_that_name_a_protected_table_are_refused_sql_13() {
    refused("DO $$ BEGIN DELETE FROM customers; END $$", "customers");
    refused("SELECT attname FROM pg_attribute WHERE attrelid = 'customers'::regclass", "pg_attribute");
    refused("SELECT column_name FROM information_schema.columns WHERE table_name = 'customers'", "information_schema");
    refused("SELECT query_to_xml('select 1 from customers', true, false, '')", "run time");
    refused("SELECT query_to_xml($1, true, false, '')", "run time");
    refused("SELECT my_function(1, 'DELETE FROM customers')", "is handed a statement on customers");
    refused("SELECT lower(public.lower(' (select ssn from customers)'))", "is handed a statement on customers");
    refused(
        "SELECT run_it('x')",
        "run_it is a function that runs SQL of its own making: it cannot be handed constants",
    );
    refused("SELECT tbalance()", "tbalance is a function that names customers: it cannot be called");
    for text in [
        "SELECT lower('DELETE FROM customers'), 'select' || 'customers'",
        "SELECT my_function('customers')",
        "SELECT tbalance FROM plain AS tbalance ORDER BY tbalance",
        "SELECT run_it()",
        "SELECT query_to_xml('select 1', true, false, '')",
    ] {
        assert!(matches!(decide(text), Decision::Forward), "{text}");
    }
}

#[test]
fn what_postgresql_says_itself_is_said_in_its_words() {
    let unknown = refusal("SELECT id FROM customers WHERE ssnn = 'x'");
    assert_eq!(unknown.sqlstate, SqlState::UNDEFINED_COLUMN);
    assert_eq!(unknown.message, "column \"ssnn\" does not exist");
    assert_eq!(unknown.position, Some(31));
    let helper = refusal("SELECT pgseal_signature FROM staff");
    assert_eq!(helper.sqlstate, SqlState::UNDEFINED_COLUMN);
    let many = refusal("INSERT INTO shift VALUES (1, 2, 'a', 'b', 5, 6)");
    assert_eq!(
        (many.sqlstate, many.message.as_str()),
        (SqlState::SYNTAX_ERROR, "INSERT has more expressions than target columns")
    );
    assert_eq!(refusal("INSERT INTO shift (id) VALUES (1, 2)").sqlstate, SqlState::SYNTAX_ERROR);
    assert_eq!(refusal("SELECT id FROM customers WHERE ssn = $2").sqlstate, SqlState::INDETERMINATE_DATATYPE);
}

#[test]
fn one_parameter_is_never_sent_for_a_protected_and_a_plain_column_sql_21() {
    refused("SELECT id FROM customers WHERE ssn = $1 OR name = $1", "customers.ssn and for column customers.name");
    refused("SELECT id FROM customers WHERE name = $1 OR ssn = $1", "customers.name");
    refused("SELECT id FROM customers WHERE ssn = $1 OR $1 = 'x'", "compared with no column");
    refused("SELECT id FROM customers WHERE 'x' = 'y'", "compared with no column");
    // Two protected columns: it fans out.
    assert!(matches!(declared("SELECT id FROM customers WHERE ssn = $1 OR email = $1", &[]), Decision::Rewrite(_)));
}

#[test]
fn what_touches_nothing_is_forwarded() {
    for text in [
        "SELECT 1",
        "SET LOCAL statement_timeout = '5s'",
        "SELECT relname FROM pg_class WHERE relname = 'pg_type'",
        "SELECT * FROM archive.orders",
        "SELECT 'ssn'",
        "SELEC 1",
        "",
    ] {
        for statement in crate::sql::plan(text, &[], &super::support::protection()) {
            assert!(matches!(statement.decision, Decision::Forward), "{text}");
        }
    }
}

#[test]
fn several_statements_are_decided_one_by_one() {
    let text = "SELECT 1; SELECT ssn FROM customers ; DROP TABLE customers";
    let statements = crate::sql::plan(text, &[], &super::support::protection());
    let decided: Vec<_> = statements.iter().map(|s| (&text[s.range.clone()], &s.decision)).collect();
    assert!(matches!(
        decided.as_slice(),
        [
            ("SELECT 1", Decision::Forward),
            ("SELECT ssn FROM customers", Decision::Rewrite(_)),
            ("DROP TABLE customers", Decision::Refuse(_))
        ]
    ));
    assert!(matches!(decide("SELECT 1"), Decision::Forward));
}

/// PostgreSQL has no operator and no cast for it, and says so whatever the value.
#[test]
fn a_null_of_another_type_is_none_of_the_columns_sql_20() {
    for text in [
        "SELECT id FROM customers WHERE ssn = NULL::int",
        "SELECT id FROM customers WHERE ssn IN ('x', CAST(NULL AS date))",
        "SELECT id FROM customers WHERE ssn = ANY(NULL::int[])",
        "INSERT INTO customers (id, dob) VALUES (1, NULL::text)",
        "UPDATE customers SET is_vip = NULL::int WHERE id = 1",
    ] {
        let refused = refusal(text);
        let told = [SqlState::UNDEFINED_FUNCTION, SqlState::DATATYPE_MISMATCH];
        assert!(told.contains(&refused.sqlstate) && refused.position.is_some(), "{text}: {refused:?}");
    }
    assert!(refusal("UPDATE customers SET dob = NULL::timestamp").message.starts_with("a NULL of type"));
    for text in [
        "SELECT id FROM customers WHERE ssn = NULL::varchar",
        "SELECT id FROM customers WHERE ssn = ANY(NULL::text[])",
        "UPDATE accounts SET credit_limit = NULL::numeric, balance = (NULL::int) WHERE id = 1",
        "UPDATE customers SET dob = CAST(NULL AS date), is_vip = NULL WHERE id = 1",
    ] {
        plan(text);
    }
}

#[test]
fn sql_20_an_array_without_a_type_is_one_of_text_and_an_empty_one_has_none() {
    for (text, sqlstate) in [
        ("SELECT id FROM customers WHERE ext_id = ANY(ARRAY[NULL, NULL])", "42883"),
        ("SELECT id FROM customers WHERE dob <> ALL(ARRAY[NULL])", "42883"),
        ("SELECT id FROM customers WHERE ext_id = ANY(ARRAY[])", "42P18"),
        ("SELECT id FROM customers WHERE ssn = ANY(ARRAY[])", "42P18"),
    ] {
        assert_eq!(refusal(text).sqlstate.to_string(), sqlstate, "{text}");
    }
    plan("SELECT id FROM customers WHERE ssn = ANY(ARRAY[NULL])");
    plan("SELECT id FROM customers WHERE ext_id = ANY(ARRAY[NULL]::uuid[])");
    plan("SELECT id FROM customers WHERE ext_id = ANY(ARRAY[]::uuid[])");
}
