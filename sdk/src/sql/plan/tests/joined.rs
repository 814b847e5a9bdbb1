//! Queries over several relations: joins, subqueries, derived tables, common table expressions, groups.

use super::support::{self, plan, refusal};
use crate::sql::Presence;

fn physical(text: &str) -> String {
    support::physical(&plan(text))
}

fn refused(text: &str, part: &str) {
    let message = refusal(text).message;
    assert!(message.contains(part), "{text}: {message}");
}

#[test]
fn a_joined_row_opens_with_the_context_of_its_own_table() {
    assert_eq!(
        physical("SELECT o.id, c.ssn FROM orders o JOIN customers c ON c.id = o.customer_id WHERE c.email = 'x'"),
        "SELECT \"o\".\"id\", \"c\".\"ssn\", pg_catalog.int8send(\"c\".\"id\") FROM \"public\".\"orders\" o \
         JOIN \"public\".\"customers\" c ON c.id = o.customer_id WHERE \"c\".\"pgseal_exact_email\" = {tag Literal(Untyped(…))}"
    );
    let both = plan("SELECT a.email, b.email FROM customers a, customers b WHERE a.id = b.tenant_id");
    let shape = both.output.as_ref().unwrap();
    assert_eq!((shape.columns.len(), shape.physical, shape.rows.len()), (2, 4, 2));
}

#[test]
fn a_row_on_the_nullable_side_may_be_absent_sql_41() {
    let presence = |text: &str| {
        let plan = plan(text);
        let rows = &plan.output.as_ref().unwrap().rows;
        rows.iter().map(|row| (row.table.logical.clone(), row.presence)).collect::<Vec<_>>()
    };
    let (required, optional) = (Presence::Required, Presence::Optional);
    let row = |name: &str, presence| (name.to_owned(), presence);
    let text = "SELECT s.email, h.email FROM staff s LEFT JOIN shift h ON h.staff_id = s.id";
    assert_eq!(presence(text), [row("staff", required), row("shift", optional)]);
    let text = "SELECT s.email, h.email FROM staff s FULL JOIN shift h ON h.staff_id = s.id";
    assert_eq!(presence(text), [row("staff", optional), row("shift", optional)]);
    let text = "SELECT t.email FROM plain p LEFT JOIN (SELECT email FROM customers) t ON true";
    assert_eq!(presence(text), [row("customers", optional)]);
}

#[test]
fn what_a_derived_table_shows_carries_its_row_up_sql_40() {
    assert_eq!(
        physical("SELECT t.ssn AS s FROM (SELECT ssn FROM customers WHERE email = $1 LIMIT 3) t WHERE t.ssn <> 'x'"),
        "SELECT \"t\".\"ssn\" AS s, \"t\".\"pgseal_2\" FROM (SELECT \"customers\".\"ssn\", \
         \"customers\".\"pgseal_exact_ssn\" AS \"pgseal_1\", pg_catalog.int8send(\"customers\".\"id\") AS \"pgseal_2\" \
         FROM \"public\".\"customers\" AS \"customers\" WHERE \"customers\".\"pgseal_exact_email\" = {tag Param { index: 0, ty: Text }} LIMIT 3) t \
         WHERE \"t\".\"pgseal_1\" <> {tag Literal(Untyped(…))}"
    );
    assert_eq!(
        physical("WITH c AS (SELECT id, ssn AS s FROM customers) SELECT * FROM c a JOIN c b ON a.s = b.s"),
        "WITH c AS (SELECT id, \"customers\".\"ssn\" AS s, \"customers\".\"pgseal_exact_ssn\" AS \"pgseal_1\", \
         pg_catalog.int8send(\"customers\".\"id\") AS \"pgseal_2\" FROM \"public\".\"customers\" AS \"customers\") \
         SELECT \"a\".\"id\", \"a\".\"s\", \"b\".\"id\", \"b\".\"s\", \"a\".\"pgseal_2\", \"b\".\"pgseal_2\" FROM c a JOIN c b \
         ON \"a\".\"pgseal_1\" = \"b\".\"pgseal_1\""
    );
    refused(
        "SELECT t.email FROM (SELECT DISTINCT email, name || '' FROM customers) t",
        "an expression beside DISTINCT",
    );
    refused("SELECT (SELECT email FROM customers WHERE id = 1)", "customers.email is sealed");
}

#[test]
fn a_condition_of_each_row_is_taken_where_it_must_hold_sql_60() {
    let conditions = |text: &str| {
        let plan = plan(text);
        let rows = &plan.output.as_ref().unwrap().rows;
        rows.iter().map(|row| row.conditions.len()).collect::<Vec<_>>()
    };
    assert_eq!(
        conditions("SELECT * FROM staff s JOIN shift h ON h.staff_id = s.id AND h.hours = 8 WHERE s.id = 1"),
        [1, 1]
    );
    // Where the right side is absent its condition need not hold; that of WHERE must.
    assert_eq!(conditions("SELECT s.id, h.id FROM staff s LEFT JOIN shift h ON h.hours = 8 WHERE s.id = 1"), [1, 0]);
    assert_eq!(conditions("SELECT s.id, h.id FROM staff s LEFT JOIN shift h ON true WHERE h.hours = 8"), [0, 1]);
    assert_eq!(conditions("SELECT * FROM (SELECT id FROM staff WHERE email = 'x') t"), [1]);
    assert_eq!(
        conditions("SELECT h.id, t.id FROM shift h LEFT JOIN (SELECT id FROM staff WHERE email = 'x') t ON true"),
        [0, 0]
    );
    // A row of the query around it is none of its own.
    let text = "SELECT * FROM staff s, LATERAL (SELECT hours FROM shift h WHERE s.id = 4 AND h.id = 1) t";
    assert_eq!(conditions(text), [0, 1]);
}

#[test]
fn a_subquery_is_compared_by_tags_of_one_beacon_sql_41() {
    assert_eq!(
        physical("SELECT id FROM customers WHERE email IN (SELECT email FROM customers WHERE tenant_id = 1)"),
        "SELECT \"customers\".\"id\" FROM \"public\".\"customers\" AS \"customers\" WHERE \"customers\".\"pgseal_exact_email\" IN \
         (SELECT \"customers\".\"pgseal_exact_email\" FROM \"public\".\"customers\" AS \"customers\" WHERE tenant_id = 1)"
    );
    refused(
        "SELECT id FROM customers WHERE email IN (SELECT ssn FROM customers)",
        "cannot be compared with each other",
    );
    refused("SELECT id FROM customers WHERE email IN (SELECT name FROM customers)", "not sealed alike");
    refused("SELECT id FROM customers WHERE name IN (SELECT email FROM customers)", "customers.email is sealed");
    refused("SELECT id FROM customers WHERE 'x' IN (SELECT email FROM customers)", "customers.email is sealed");
    refused("SELECT id FROM customers WHERE EXISTS (SELECT 1 FROM plain p WHERE p.email = customers.email)", "sealed");
}

#[test]
fn constants_in_any_query_must_belong_to_a_column_in_the_clear_sql_21() {
    refused("SELECT 1 FROM customers WHERE EXISTS (SELECT 1 FROM plain WHERE 'x' = 'y')", "compared with no column");
    refused("SELECT c.id FROM customers c JOIN (VALUES ('a')) v(x) ON v.x = c.email", "anything but a constant");
    refused("SELECT c.id FROM customers c JOIN (SELECT 'a' AS x) v ON v.x = 'b'", "compared with no column");
    refused("SELECT 1 FROM customers c JOIN plain p ON c.email = $1 AND p.email = $1", "sent in the clear");
    refused("SELECT email FROM customers UNION SELECT name FROM customers", "UNION, INTERSECT or EXCEPT");
    refused("SELECT * FROM customers c NATURAL JOIN customers d", "USING or NATURAL");
    refused("SELECT * FROM customers c JOIN customers d USING (email)", "USING or NATURAL");
    refused("SELECT d FROM (SELECT email FROM customers) d", "the whole row d");
    refused("SELECT o.*, c.email FROM customers c JOIN plain o ON o.id = c.id", "the columns of o are not known");
    refused("SELECT x.email FROM (customers c JOIN plain p ON p.id = c.id) x", "a join with an alias");
}

#[test]
fn natural_joins_name_the_columns_that_are_meant() {
    assert_eq!(
        physical("SELECT t.code FROM (SELECT id, code FROM staff) t NATURAL LEFT JOIN (SELECT id FROM shift) u")
            .split_once(" FROM \"public\".\"shift\"")
            .map(|(_, end)| end.to_owned()),
        Some(" AS \"shift\") u USING (\"id\")".to_owned())
    );
}

#[test]
fn groups_over_columns_in_the_clear_are_the_servers_sql_61() {
    assert_eq!(
        physical("SELECT team, count(*), count(DISTINCT email) FROM staff GROUP BY team HAVING count(email) > 1"),
        "SELECT \"staff\".\"team\", count(*), count(DISTINCT \"staff\".\"pgseal_exact_email\") FROM \"public\".\"staff\" AS \"staff\" \
         GROUP BY team HAVING count(\"staff\".\"email\") > 1"
    );
    let plan = plan("SELECT team, count(*) FROM staff GROUP BY team");
    assert!(plan.output.as_ref().unwrap().rows.is_empty());
    assert!(plan.notes.decided_by_server.iter().any(|note| note.contains("the groups over staff")));
}

#[test]
fn a_row_of_a_subquery_hides_no_sealed_column_from_its_neighbours_sql_21() {
    let part = "a row of a subquery cannot be answered";
    refused("SELECT id FROM plain n WHERE (n.id, 'x') = (SELECT id, email FROM customers WHERE id = 2)", part);
    refused("SELECT id FROM plain n WHERE (SELECT id, email FROM customers WHERE id = 2) = (2, $1)", part);
    refused("SELECT id FROM plain n WHERE (SELECT id, email FROM customers WHERE id = 2) IN (SELECT 2, 'x')", part);
    refused(
        "SELECT id FROM plain n WHERE (n.id, 'x') IN (SELECT id, email FROM customers)",
        "customers.email is sealed",
    );
}

#[test]
fn a_parameter_that_stands_twice_may_have_the_type_of_the_other_place_sql_60() {
    let known = |text: &str| {
        let plan = plan(text);
        plan.output.as_ref().unwrap().rows.iter().map(|row| row.conditions.len()).sum::<usize>()
    };
    assert_eq!(known("SELECT email FROM staff WHERE id = $1"), 1);
    assert_eq!(known("SELECT email FROM staff WHERE id IN ($1, $1, 3)"), 1);
    assert_eq!(known("UPDATE staff SET team = 'x' WHERE id IN ($1, 3, $1) RETURNING id"), 1);
    assert_eq!(known("SELECT email FROM staff WHERE id IN ($1, $1::float8)"), 0);
    assert_eq!(known("SELECT $1::float8, email FROM staff WHERE id = $1"), 0);
    assert_eq!(known("SELECT email FROM staff s JOIN plain p ON p.f = $1 WHERE s.id = $1"), 0);
    assert_eq!(known("SELECT email FROM staff WHERE email = $1 OR code IS NULL AND email = $1"), 1);
    assert_eq!(known("DELETE FROM staff WHERE sqrt(id) = $1 AND id = $1 RETURNING id"), 0);
}

#[test]
fn a_common_table_expression_sees_the_scopes_around_it() {
    refused(
        "SELECT c.id FROM customers c WHERE EXISTS (WITH x AS (SELECT 1 FROM plain WHERE email = 'a') SELECT 1 FROM x)",
        "it is not known which column email means",
    );
    refused(
        "SELECT c.id, (WITH x AS (SELECT c.email AS e FROM plain p LIMIT 1) SELECT e FROM x) FROM customers c",
        "customers.email is sealed: its way through a query",
    );
    refused("SELECT x.e FROM customers c, LATERAL (SELECT c.email AS e) x", "its way through a query");
    // A signed column that has left its row is what the server says.
    let plan = plan("SELECT x.t FROM staff s, LATERAL (SELECT s.id AS t) x");
    assert!(plan.output.as_ref().unwrap().columns.iter().all(|column| column.source == crate::sql::OutputSource::Pass));
    refused(
        "WITH RECURSIVE a AS (SELECT email FROM customers), customers AS (SELECT 1 AS email) SELECT * FROM a",
        "named before",
    );
}

#[test]
fn names_are_given_to_known_columns_only() {
    let from = "(SELECT l.*, c.email FROM plain l, customers c WHERE c.id = l.k) d (a, b)";
    for list in ["d.email", "d.a", "d.b"] {
        refused(&format!("SELECT {list} FROM {from}"), "they cannot be given names");
    }
    refused("WITH x (a) AS (SELECT * FROM plain) SELECT 1 FROM x, customers", "they cannot be given names");
    assert!(physical("SELECT c.email, t.b FROM customers c, plain t (a, b)").contains("plain t (a, b)"));
    refused(
        "SELECT 1 FROM customers WHERE id IN (SELECT x.id FROM (SELECT * FROM plain ORDER BY 2) x)",
        "ORDER BY position 2 counts columns that are not known",
    );
}

#[test]
fn a_merged_column_of_two_types_is_of_neither() {
    let list = |text: &str| physical(text).split(" FROM ").next().unwrap().to_owned();
    assert!(list("SELECT id FROM customers a JOIN customers b USING (id)").contains("\"a\".\"id\""));
    assert_eq!(list("SELECT id FROM customers a JOIN (SELECT 1 AS id) b USING (id)"), "SELECT id");
    assert_eq!(list("SELECT * FROM (SELECT id FROM customers) a JOIN (SELECT 1 AS id) b USING (id)"), "SELECT \"id\"");
}

#[test]
fn an_outer_column_keeps_the_name_of_its_table() {
    refused(
        "SELECT id FROM customers c WHERE EXISTS (SELECT 1 FROM staff c WHERE dob = '2000-01-01')",
        "which an inner c hides",
    );
}

#[test]
fn parentheses_around_a_query_change_nothing() {
    let text = physical("(SELECT hours FROM shift) LIMIT 1");
    assert!(text.starts_with("(SELECT pg_catalog.int4send(\"shift\".\"hours\") AS \"hours\", "), "{text}");
    refused("(SELECT hours FROM shift) ORDER BY hours", "behind the parentheses");
}

#[test]
fn one_constant_for_two_tables_has_two_tags() {
    for constant in ["'x'", "$1"] {
        let plan = plan(&format!(
            "SELECT c.id FROM customers c JOIN staff s ON s.id = c.id WHERE c.email = {constant} AND s.email = {constant} \
             AND c.email = {constant}"
        ));
        assert_eq!(plan.template.slots.len(), 2, "{constant}");
    }
}

#[test]
fn a_short_text_that_means_very_much_is_refused_as_too_complex() {
    let doubled = |list: &str, item: &str| {
        let ctes: Vec<_> =
            (1..40).map(|at| format!("t{at} AS (SELECT {list} FROM t{} x, t{} y)", at - 1, at - 1)).collect();
        format!("WITH t0 AS (SELECT {item} FROM staff), {} SELECT 1 FROM t39", ctes.join(", "))
    };
    let using: String = (0..20_000).map(|at| format!(" JOIN staff t{at} USING (id)")).collect();
    for text in [doubled("1 AS one", "id"), doubled("x.*, y.*", "id"), format!("SELECT 1 FROM staff{using}")] {
        assert_eq!(refusal(&text).sqlstate, crate::error::SqlState::STATEMENT_TOO_COMPLEX, "{}", &text[..80]);
    }
}
