//! What names mean, over the tables of the differential corpus and some that are not protected.

use super::{Catalog, Merge, Output, RangeId, RangeKind, Ref, Resolved, Shown, Shows, resolve};
use crate::schema::Relation;
use crate::sql::plan::tests::support::protection;
use crate::sql::tree::{Body, ExprId, QueryId, Root, Tree};
use crate::sql::{Refusal, lex, parse, stack};

/// What is not protected.
struct Plain;

impl Catalog for Plain {
    fn find(&self, name: &[&str]) -> Option<(Relation, Vec<String>)> {
        let columns: &[&str] = match *name.last()? {
            "team" => &["id", "name", "lead"],
            "region" => &["id", "team_id", "tenant_id"],
            _ => return None,
        };
        let relation = Relation { schema: "public".to_owned(), name: (*name.last()?).to_owned() };
        Some((relation, columns.iter().map(|column| (*column).to_owned()).collect()))
    }
}

/// Every reference of a statement in the order of the text, as `text=meaning`, and behind it what the statement gives.
fn resolved(text: &str) -> Result<String, String> {
    let tokens = lex::lex(text).unwrap();
    let parts = parse::split(text, &tokens).unwrap();
    let own = &tokens[parts[0].tokens.clone()];
    let protection = protection();
    let done = stack::run(true, |stack| {
        let parsed = parse::parse(text, &tokens, &parts[0])?;
        let tree = Tree::read(text, own, &parsed.statement, stack)?;
        Ok(match resolve(&tree, own, &protection, &Plain, stack) {
            Ok(resolved) => Ok(show(&tree, &resolved)),
            Err(Refusal { sqlstate, message, position, .. }) => Err(format!("{sqlstate:?} {message} at {position:?}")),
        })
    });
    done.unwrap()
}

fn show(tree: &Tree<'_>, resolved: &Resolved<'_>) -> String {
    let mut refs: Vec<_> = tree
        .expr_ids()
        .filter_map(|id| resolved.reference(id).map(|meaning| (tree.span(id).start, id, meaning)))
        .collect();
    refs.sort_by_key(|(start, ..)| *start);
    let refs: Vec<_> =
        refs.iter().map(|(_, id, found)| format!("{}={}", words(tree, *id), meaning(resolved, *found))).collect();
    let outputs = match &tree.root {
        Root::Query(query) => outputs(tree, resolved, *query),
        Root::Insert(_) | Root::Update(_) | Root::Delete(_) => String::new(),
    };
    format!("{} -> {outputs}", refs.join(" "))
}

fn words(tree: &Tree<'_>, id: ExprId) -> String {
    let span = tree.span(id);
    (span.start..span.end).map(|token| tree.word(token)).collect()
}

fn outputs(tree: &Tree<'_>, resolved: &Resolved<'_>, query: QueryId) -> String {
    let shown = |output: &Output<'_>| {
        let what = match output.shows {
            Shown::Expr(_) => String::new(),
            Shown::Ref(found) => format!("={}", meaning(resolved, found)),
            Shown::Value(number) => format!("=value {number}"),
            Shown::Open(_) => "*".to_owned(),
            Shown::Arms(number) => {
                let (Body::Set { left: of, .. } | Body::Nested(of)) = &tree.query(query).body else { panic!() };
                assert!(number < resolved.outputs(*of).len());
                format!("=arm {number}")
            }
        };
        format!("{}{what}", output.name)
    };
    resolved.outputs(query).iter().map(shown).collect::<Vec<_>>().join(", ")
}

fn meaning(resolved: &Resolved<'_>, found: Ref) -> String {
    let range = |id: RangeId| {
        let range = resolved.range(id);
        let kind = match &range.kind {
            RangeKind::Table(table) => table.relation.name.clone(),
            RangeKind::Excluded(table) => format!("excluded {}", table.relation.name),
            RangeKind::Other(relation) => format!("~{}", relation.name),
            RangeKind::Query(query) => {
                assert!(query.index() < resolved.outputs.len());
                "query".to_owned()
            }
            RangeKind::Function(call) => format!("function {}", call.index()),
            RangeKind::Join(refs) => format!("join of {}", refs.len()),
        };
        format!("{kind}{}", if range.nullable { "?" } else { "" })
    };
    match found {
        Ref::Column(id, number) => format!("{}.{}", range(id), resolved.range(id).columns[number]),
        Ref::Merged(number) => {
            let Merge { left, right, shows } = resolved.merges[number];
            let how = match shows {
                Shows::Left => "left",
                Shows::Right => "right",
                Shows::Either => "either",
            };
            format!("{how}({}, {})", meaning(resolved, left), meaning(resolved, right))
        }
        Ref::Open(id) => format!("some of {}", range(id)),
        Ref::System(id) => format!("system of {}", range(id)),
        Ref::Row(id) => format!("row of {}", range(id)),
        Ref::Output(number) => format!("output {number}"),
    }
}

#[track_caller]
fn means(text: &str, expected: &str) {
    assert_eq!(resolved(text).as_deref(), Ok(expected), "{text}");
}

#[track_caller]
fn stops(text: &str, expected: &str) {
    match resolved(text) {
        Ok(found) => panic!("{text}: {found}"),
        Err(stop) => assert!(stop.starts_with(expected), "{text}: {stop}"),
    }
}

#[test]
fn a_column_belongs_to_the_innermost_relation_that_has_it() {
    means("SELECT email FROM customers c WHERE c.id = 1", "email=customers.email c.id=customers.id -> email");
    means(
        "SELECT 1 FROM customers WHERE EXISTS (SELECT 1 FROM orders WHERE customer_id = customers.id AND email = 'x')",
        "customer_id=orders.customer_id customers.id=customers.id email=customers.email -> ?column?",
    );
    means("SELECT public.customers.email FROM customers", "public.customers.email=customers.email -> email");
    means("SELECT (SELECT email FROM staff LIMIT 1) FROM team", "email=staff.email -> email");
    means("SELECT t.name, code FROM team t, staff", "t.name=~team.name code=staff.code -> name, code");
}

#[test]
fn what_postgresql_does_not_find_is_its_error_in_its_words() {
    stops("SELECT nope FROM customers", "42703 column \"nope\" does not exist at Some(7)");
    stops("SELECT c.nope FROM customers c", "42703 column c.nope does not exist at Some(7)");
    stops("SELECT x.id FROM customers c", "42P01 missing FROM-clause entry for table \"x\" at Some(7)");
    stops(
        "SELECT customers.id FROM customers c",
        "42P01 invalid reference to FROM-clause entry for table \"customers\"",
    );
    stops("SELECT id FROM customers, orders", "42702 column reference \"id\" is ambiguous at Some(7)");
    stops("SELECT 1 FROM customers, customers", "42712 table name \"customers\" specified more than once");
    stops("SELECT 1 FROM team AS t (a, b, c, d)", "42P10 table \"t\" has 3 columns available but 4 columns specified");
    stops("SELECT 1 FROM team JOIN region USING (name)", "42703 column \"name\" specified in USING clause");
    stops("SELECT 1 FROM team FOR UPDATE OF region", "42P01 relation \"region\" in FOR UPDATE clause");
    stops("UPDATE customers SET nope = 1", "42703 column \"nope\" of relation \"customers\" does not exist");
    stops("SELECT *", "42601 SELECT * with no tables");
    stops(
        "SELECT email FROM customers UNION SELECT code FROM staff ORDER BY code",
        "42703 column \"code\" does not exist",
    );
    stops("SELECT email FROM customers ORDER BY 2", "42P10 ORDER BY position 2 is not in select list");
}

#[test]
fn columns_of_a_relation_that_nobody_knows_are_told_where_they_can_mean_nothing_else() {
    means(
        "SELECT email, note FROM customers JOIN audit.log l ON l.id = customers.id",
        "email=customers.email note=some of ~log l.id=some of ~log customers.id=customers.id -> email, note",
    );
    means("SELECT l.*, tenant_id FROM log l, customers c", "tenant_id=customers.tenant_id -> *, tenant_id");
    // It could be a column of either.
    let text = "SELECT 1 FROM customers WHERE EXISTS (SELECT 1 FROM log WHERE email = 'x')";
    stops(text, "0A000 it is not known which column email means: it is not qualified at Some(62)");
    means(
        "SELECT 1 FROM customers WHERE EXISTS (SELECT 1 FROM log l WHERE l.email = customers.email)",
        "l.email=some of ~log customers.email=customers.email -> ?column?",
    );
    stops(
        "SELECT 1 FROM customers NATURAL JOIN log",
        "0A000 NATURAL beside a table that is not protected cannot be answered at Some(24)",
    );
}

#[test]
fn stars_show_the_columns_of_the_lock_in_their_order() {
    let expected = "id=shift.id, staff_id=shift.staff_id, email=shift.email, code=shift.code, hours=shift.hours";
    means("SELECT * FROM shift", &format!(" -> {expected}"));
    means("TABLE shift", &format!(" -> {expected}"));
    means("SELECT s.*, 1 AS one FROM team, shift s", &format!(" -> {expected}, one"));
}

#[test]
fn joins_merge_the_columns_that_they_share() {
    means(
        "SELECT id, lead FROM team JOIN region USING (id)",
        "id=left(~team.id, ~region.id) lead=~team.lead -> id, lead",
    );
    means(
        "SELECT * FROM region r FULL JOIN team t USING (id) WHERE r.id = t.id",
        "r.id=~region?.id t.id=~team?.id -> id=either(~region?.id, ~team?.id), team_id=~region?.team_id, \
         tenant_id=~region?.tenant_id, name=~team?.name, lead=~team?.lead",
    );
    means(
        "SELECT tenant_id FROM customers c NATURAL JOIN region",
        "tenant_id=left(customers.tenant_id, ~region.tenant_id) -> tenant_id",
    );
    means(
        "SELECT c.email, o.amount FROM customers c LEFT JOIN orders o ON o.customer_id = c.id",
        "c.email=customers.email o.amount=orders?.amount o.customer_id=orders?.customer_id c.id=customers.id -> email, amount",
    );
    means("SELECT j.name FROM (team JOIN region USING (id)) AS j", "j.name=join of 5.name -> name");
    stops("SELECT 1 FROM team t JOIN region r ON r.team_id = c.id, customers c", "42P01 missing FROM-clause entry");
}

#[test]
fn derived_tables_and_ctes_carry_columns_outward() {
    means(
        "SELECT d.mail FROM (SELECT email AS mail, id FROM customers) d WHERE d.id = 1",
        "d.mail=query.mail email=customers.email id=customers.id d.id=query.id -> mail",
    );
    means(
        "WITH c (mail) AS (SELECT email FROM customers) SELECT mail FROM c AS x",
        "email=customers.email mail=query.mail -> mail",
    );
    means("WITH customers AS (SELECT 1 AS one) SELECT * FROM customers", " -> one=query.one");
    means(
        "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n) SELECT i FROM n",
        "i=query.i i=query.i -> i",
    );
    stops("SELECT 1 FROM customers c, (SELECT c.email) d", "42P01 missing FROM-clause entry for table \"c\"");
    means(
        "SELECT d.email FROM customers c, LATERAL (SELECT c.email) d",
        "d.email=query.email c.email=customers.email -> email",
    );
    means("SELECT a, b FROM (VALUES (1, 2)) AS v (a, b)", "a=query.a b=query.b -> a, b");
    means("VALUES (1, 2)", " -> column1=value 0, column2=value 1");
}

#[test]
fn keys_name_outputs_or_columns_as_postgresql_has_it_sql_11() {
    means("SELECT email AS code FROM staff ORDER BY code", "email=staff.email code=output 0 -> code");
    means("SELECT email AS code FROM staff GROUP BY code", "email=staff.email code=staff.code -> code");
    means("SELECT upper(team) AS t FROM staff GROUP BY t ORDER BY 1", "team=staff.team t=output 0 1=output 0 -> t");
    means(
        "(SELECT email FROM staff) UNION SELECT code FROM shift ORDER BY email",
        "email=staff.email code=shift.code email=output 0 -> email=arm 0",
    );
    means("SELECT DISTINCT ON (email) email FROM staff", "email=output 0 email=staff.email -> email");
    means("SELECT id AS x, id AS x FROM staff ORDER BY x", "id=staff.id id=staff.id x=output 0 -> x, x");
    stops("SELECT id AS x, code AS x FROM staff ORDER BY x", "42702 ORDER BY \"x\" is ambiguous");
}

#[test]
fn whole_rows_and_system_columns_are_known_for_what_they_are() {
    means("SELECT count(c) FROM customers c", "c=row of customers -> count");
    means("SELECT c.ctid, xmin FROM customers c", "c.ctid=system of customers xmin=system of customers -> ctid, xmin");
    means("SELECT row_to_json(c.*) FROM customers c", "c.*=row of customers -> row_to_json");
}

#[test]
fn writes_have_a_target_and_see_what_they_may() {
    means(
        "UPDATE orders o SET amount = 1 FROM customers c WHERE c.id = o.customer_id RETURNING o.id, c.email",
        "c.id=customers.id o.customer_id=orders.customer_id o.id=orders.id c.email=customers.email -> ",
    );
    means(
        "INSERT INTO staff AS s (id, code) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET code = excluded.code WHERE s.id = 1",
        "excluded.code=excluded staff.code s.id=staff.id -> ",
    );
    means(
        "DELETE FROM shift USING staff s WHERE s.id = staff_id RETURNING hours",
        "s.id=staff.id staff_id=shift.staff_id hours=shift.hours -> ",
    );
    means(
        "WITH d AS (DELETE FROM shift RETURNING email) SELECT email FROM d",
        "email=shift.email email=query.email -> email",
    );
    stops("INSERT INTO staff (id) VALUES (id)", "42703 column \"id\" does not exist");
}

#[test]
fn columns_without_a_name_have_the_one_that_postgresql_gives_them() {
    means(
        "SELECT count(*), 1, 'x'::text, email::text, CASE WHEN true THEN 1 END, (SELECT 1), ARRAY[1], int '4', current_date FROM staff",
        "email=staff.email -> count, ?column?, text, email, case, ?column?, array, int4, current_date",
    );
}

#[test]
fn functions_have_the_columns_that_the_statement_names() {
    let found =
        resolved("SELECT u.code, n FROM staff s, unnest($1) WITH ORDINALITY AS u (code, n) WHERE u.code = s.code");
    let found = found.unwrap();
    assert!(found.starts_with("u.code=function ") && found.ends_with("s.code=staff.code -> code, n"), "{found}");
}
