//! Statements that nest or chain: on a stack of 2 MiB, as a worker thread of an application has it, each is planned or
//! refused, and never the end of the process. An overflow is one.

use super::support::decide;
use crate::error::SqlState;
use crate::sql::Decision;

/// A construct that makes the tree deeper: `head`, `open` so many times, `core`, `close` as many times, `tail`.
struct Shape {
    name: &'static str,
    head: &'static str,
    open: &'static str,
    core: &'static str,
    close: &'static str,
    tail: &'static str,
}

impl Shape {
    fn text(&self, depth: usize) -> String {
        let Self { name: _, head, open, core, close, tail } = self;
        format!("{head}{}{core}{}{tail}", open.repeat(depth), close.repeat(depth))
    }
}

const fn shape(name: &'static str, [head, open, core, close, tail]: [&'static str; 5]) -> Shape {
    Shape { name, head, open, core, close, tail }
}

const WHERE: &str = "SELECT name FROM customers WHERE ";

/// Planned at a depth of sixty.
const PLANNED: &[Shape] = &[
    shape("parentheses", [WHERE, "(", "name = 'x'", ")", ""]),
    shape("parentheses around a sealed column", [WHERE, "(", "email", ")", " = 'x'"]),
    shape("casts", [WHERE, "", "name", "::text", " = 'x'"]),
    shape("casts of a sealed column", [WHERE, "", "email", "::text", " = 'x'"]),
    shape("CAST", [WHERE, "CAST(", "name", " AS text)", " = 'x'"]),
    shape("array types", [WHERE, "", "name = ANY ('{}'::text", "[]", ")"]),
    shape("NOT", [WHERE, "NOT ", "name = 'x'", "", ""]),
    shape("NOT over a sealed column", [WHERE, "NOT (", "email = 'x'", ")", ""]),
    shape("signs", [WHERE, "- ", "tenant_id", "", " = 1"]),
    shape("CASE in WHEN", [WHERE, "CASE WHEN ", "name = 'x'", " THEN true END", ""]),
    shape("CASE in THEN", [WHERE, "CASE WHEN true THEN ", "name = 'x'", " END", ""]),
    shape("CASE in ELSE", [WHERE, "CASE WHEN true THEN false ELSE ", "name = 'x'", " END", ""]),
    shape("CASE of CASE", [WHERE, "CASE ", "name", " WHEN 'x' THEN 'x' END", " = 'x'"]),
    shape("functions", [WHERE, "lower(", "name", ")", " = 'x'"]),
    shape("functions of two arguments", [WHERE, "coalesce('x', ", "name", ")", " = 'x'"]),
    shape("EXTRACT", [WHERE, "extract(day FROM ", "created_at", ")", " = 1"]),
    shape("SUBSTRING", [WHERE, "substring(", "name", " FROM 1 FOR 2)", " = 'x'"]),
    shape("TRIM", [WHERE, "trim(both FROM ", "name", ")", " = 'x'"]),
    shape("ARRAY", [WHERE, "ARRAY[", "name", "]", " = '{}'"]),
    shape("rows", [WHERE, "ROW(", "name, 1", ", 1)", " = ROW('x', 1)"]),
    shape("tuples", [WHERE, "(", "name, 1", ", 1)", " = ('x', 1)"]),
    shape("IN of IN", [WHERE, "name IN (", "true", ")", ""]),
    shape("AND", [WHERE, "name = 'x' AND ", "true", "", ""]),
    shape("OR", [WHERE, "name = 'x' OR ", "true", "", ""]),
    shape("OR over a sealed column", [WHERE, "email = 'x' OR ", "true", "", ""]),
    shape("AND within OR within AND", [WHERE, "name = 'x' AND (name = 'y' OR ", "true", ")", ""]),
    shape("sealed AND within OR within AND", [WHERE, "email = 'x' AND (email = 'y' OR ", "true", ")", ""]),
    shape("AND and OR by turns", [WHERE, "email = 'x' AND email = 'y' OR ", "true", "", ""]),
    shape("sums", [WHERE, "", "tenant_id", " + 1", " = 1"]),
    shape("sums to the right", [WHERE, "1 + (", "tenant_id", ")", " = 1"]),
    shape("powers", [WHERE, "1 ^ ", "tenant_id", "", " = 1"]),
    shape("concatenation", [WHERE, "", "name", " || 'x'", " = 'x'"]),
    shape("JSON arrows", [WHERE, "", "name", " -> 'x'", " = 'x'"]),
    shape("comparisons", [WHERE, "", "tenant_id", " = 1", ""]),
    shape("BETWEEN", [WHERE, "", "tenant_id", " BETWEEN 1 AND 2", ""]),
    shape("IS NULL", [WHERE, "", "name", " IS NULL", ""]),
    shape("IS DISTINCT FROM", [WHERE, "name IS DISTINCT FROM ", "'x'", "", ""]),
    shape("COLLATE", [WHERE, "", "name", " COLLATE \"C\"", " = 'x'"]),
    shape("AT TIME ZONE", [WHERE, "", "created_at", " AT TIME ZONE 'x'", " = 'x'"]),
    shape("LIKE", [WHERE, "name LIKE ", "'x'", "", ""]),
    shape("an IN list", [WHERE, "", "name IN ('x'", ", 'x'", ")"]),
    shape("an IN list over a sealed column", [WHERE, "", "email IN ('x'", ", 'x'", ")"]),
    shape("VALUES", ["INSERT INTO customers (email) VALUES ", "('x'), ", "('x')", "", ""]),
    shape("VALUES with casts", ["INSERT INTO customers (email) VALUES ", "('x'::text), ", "('x')", "", ""]),
    shape("a value in parentheses", ["INSERT INTO customers (name) VALUES (", "(", "'x'", ")", ")"]),
    shape("a computed value", ["INSERT INTO customers (name) VALUES (", "lower(", "'x'", ")", ")"]),
    shape("a new value in parentheses", ["UPDATE customers SET name = ", "(", "'x'", ")", " WHERE id = 1"]),
    shape("a context in parentheses", ["UPDATE customers SET email = 'x' WHERE id = ", "(", "1", ")", ""]),
    shape("parentheses of DELETE", ["DELETE FROM customers WHERE ", "(", "email = 'x'", ")", ""]),
    shape("a sort key", ["SELECT name FROM customers ORDER BY ", "lower(", "name", ")", ""]),
    shape("a list of SELECT", ["SELECT ", "lower(", "name", ")", " FROM customers"]),
    shape("RETURNING", ["DELETE FROM customers RETURNING ", "lower(", "name", ")", ""]),
    shape("FILTER", ["SELECT ", "count(*) FILTER (WHERE 1 = ", "1", ")", " FROM customers"]),
    shape("a window", ["SELECT ", "lag(", "name", ") OVER (ORDER BY name)", " FROM customers"]),
];

/// Others: most are refused for what they are, after the parser has read them.
const OTHERS: &[Shape] = &[
    shape("parentheses around a constant", ["SELECT name FROM customers WHERE email = ", "(", "'x'", ")", ""]),
    shape("casts of a constant", [WHERE, "", "email = 'x'", "::text", ""]),
    shape("CAST of a parameter", ["SELECT name FROM customers WHERE email = ", "CAST(", "$1", " AS text)", ""]),
    shape("INTERVAL", [WHERE, "interval ", "'1'", "", " = 1"]),
    shape("subscripts", [WHERE, "", "name", "[1]", " = 'x'"]),
    shape("subscripts of subscripts", [WHERE, "name[", "1", "]", " = 'x'"]),
    shape("a scalar subquery", [WHERE, "(SELECT ", "name", ")", " = 'x'"]),
    shape("EXISTS", [WHERE, "EXISTS (SELECT 1 WHERE ", "true", ")", ""]),
    shape("IN over a subquery", [WHERE, "name IN (SELECT name FROM x WHERE ", "true", ")", ""]),
    shape("derived tables", ["SELECT * FROM ", "(SELECT * FROM ", "customers", ") x", ""]),
    shape("a table in parentheses", ["SELECT * FROM ", "(", "customers", ")", ""]),
    shape("joins in parentheses", ["SELECT * FROM ", "(", "customers", " JOIN x ON true)", ""]),
    shape("joins", ["SELECT * FROM ", "", "customers ", "JOIN x ON true ", ""]),
    shape("joins to the right", ["SELECT * FROM ", "x JOIN ", "customers ", "ON true ", ""]),
    shape("commas in FROM", ["SELECT * FROM ", "", "customers", ", x", ""]),
    shape("WITH", ["", "WITH x AS (", "SELECT name FROM customers", ") SELECT * FROM x", ""]),
    shape("UNION", ["", "", "SELECT name FROM customers ", "UNION SELECT 'x' ", ""]),
    shape("UNION in parentheses", ["", "(", "SELECT name FROM customers", " UNION SELECT 'x')", ""]),
    shape("INTERSECT to the right", ["", "SELECT 'x' UNION (", "SELECT name FROM customers", ")", ""]),
    shape("EXPLAIN", ["", "EXPLAIN ", "SELECT name FROM customers", "", ""]),
    shape("operators of one's own", [WHERE, "", "name", " @#@ 'x'", " = 'x'"]),
    shape("BETWEEN to the right", [WHERE, "tenant_id BETWEEN ", "1", " AND 2", ""]),
    shape("ANY", [WHERE, "name = ANY (", "'{}'", ")", ""]),
    shape("ANY over a sealed column", [WHERE, "email = ANY (", "'{}'", "::text[])", ""]),
    shape("parts of a name", [WHERE, "", "a", ".a", " = 'x'"]),
    shape("an error behind OR", [WHERE, "name = 'x' OR ", ")", "", ""]),
    shape("an error in parentheses", [WHERE, "(", ")", "", ""]),
];

/// As a worker thread of tokio has it.
fn on_the_stack_of_an_application(test: fn()) {
    std::thread::Builder::new().stack_size(2 << 20).spawn(test).unwrap().join().unwrap();
}

/// Whether it is planned; nothing here may be forwarded.
fn is_planned(shape: &Shape, depth: usize) -> bool {
    match decide(&shape.text(depth)) {
        Decision::Rewrite(_) => true,
        Decision::Refuse(_) => false,
        Decision::Forward | Decision::Qualify(_) => panic!("forwarded: {} at {depth}", shape.name),
    }
}

#[test]
fn what_nests_sixty_deep_is_planned_on_the_stack_of_an_application_sql_3() {
    on_the_stack_of_an_application(|| {
        for shape in PLANNED {
            for depth in [1, 20, 60] {
                assert!(is_planned(shape, depth), "{} at {depth}: {:?}", shape.name, decide(&shape.text(depth)));
            }
        }
    });
}

#[test]
fn what_nests_deeper_is_planned_or_refused_on_the_stack_of_an_application_sql_3() {
    on_the_stack_of_an_application(|| {
        for shape in PLANNED.iter().chain(OTHERS) {
            for depth in [100, 260, 1_000] {
                is_planned(shape, depth);
            }
        }
    });
}

#[test]
fn chains_that_the_parser_does_not_count_are_planned_or_too_complex_sql_3() {
    on_the_stack_of_an_application(|| {
        let chains =
            ["casts", "array types", "OR", "sums", "BETWEEN", "IS NULL", "COLLATE", "LIKE", "IS DISTINCT FROM"];
        for shape in PLANNED.iter().filter(|shape| chains.contains(&shape.name)) {
            for depth in [20_000, 100_001] {
                match decide(&shape.text(depth)) {
                    Decision::Rewrite(_) => assert!(depth < 100_000, "{}", shape.name),
                    Decision::Refuse(refusal) => {
                        assert_eq!(refusal.sqlstate, SqlState::STATEMENT_TOO_COMPLEX, "{} at {depth}", shape.name);
                    }
                    Decision::Forward | Decision::Qualify(_) => panic!("{} at {depth}", shape.name),
                }
            }
        }
    });
}

#[test]
fn rows_with_casts_are_no_chain_however_many_they_are_sql_3() {
    on_the_stack_of_an_application(|| {
        let rows: Vec<String> = (0..6_000).map(|row| format!("('a{row}'::text, '2026-01-01'::date, -{row})")).collect();
        let text = format!("INSERT INTO customers (email, dob, id) VALUES {}", rows.join(", "));
        let Decision::Rewrite(plan) = decide(&text) else { panic!() };
        assert_eq!(plan.rows.len(), 6_000);
    });
}
