use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::schema::{DependentKind, Dependents};
use crate::sql::physical::Effect;

fn protection(names: &[&str]) -> Protection {
    Protection {
        by_name: names.iter().map(|name| ((*name).to_owned(), 0)).collect::<HashMap<_, _>>(),
        dependents: dependents(),
        drifted: [("drifting".to_owned(), "column".to_owned())].into(),
        ..Protection::default()
    }
}

fn dependents() -> Dependents {
    let mut dependents = Dependents::default();
    for (kind, name) in [
        (DependentKind::Relation, "rich_customers"),
        (DependentKind::Type, "card_number"),
        (DependentKind::Routine, "tbalance"),
        (DependentKind::RowRoutine, "of_row"),
        (DependentKind::SqlRoutine, "run_it"),
        (DependentKind::SqlRowRoutine, "run_row"),
        (DependentKind::Operator, "<~>"),
    ] {
        dependents.insert(kind, name, "a test");
    }
    dependents
}

fn dependent(kind: DependentKind, name: &str) -> Option<MentionKind> {
    Some(MentionKind::Dependent(kind, name.into()))
}

fn first(text: &str) -> Option<MentionKind> {
    Names::of(&protection(&["customers"])).first(text).map(|mention| mention.kind)
}

fn identifier(name: &str) -> Option<MentionKind> {
    Some(MentionKind::Identifier(name.into()))
}

fn body(name: &str) -> Option<MentionKind> {
    Some(MentionKind::Body(name.into()))
}

#[test]
fn an_identifier_counts_however_it_is_written_sql_5() {
    for text in [
        "SELECT * FROM customers",
        "SELECT * FROM CUSTOMERS",
        "TABLE \"customers\"",
        "SELECT 1 FROM public.customers",
        "SELECT customers.a FROM x",
        "SELECT 1;;SELECT 2 FROM(customers)",
        "SELECT/**/1FROM/**/customers".replace("1FROM", "1 FROM").as_str(),
    ] {
        assert_eq!(first(text), identifier("customers"), "{text}");
    }
    assert_eq!(first("SELECT 1 FROM rich_customers"), dependent(DependentKind::Relation, "rich_customers"));
    assert_eq!(first("SELECT 1 FROM drifting"), identifier("drifting"));
    assert_eq!(first("TABLE U&\"\\0063ustomers\""), Some(MentionKind::Unreadable));
    assert_eq!(first("TABLE u&\"harml\\0065ss\""), None);
    assert_eq!(first("TABLE U&\"c!0075stomers\" UESCAPE '!'"), Some(MentionKind::Unreadable));
    assert_eq!(first("TABLE U&\"\\00\""), Some(MentionKind::Unreadable));
}

#[test]
fn other_names_do_not_count_sql_5() {
    for text in [
        "SELECT * FROM customer",
        "SELECT * FROM customers2",
        "SELECT * FROM \"Customers\"",
        "SELECT * FROM \"customers \"",
        "SELECT * FROM my$customers",
        "SELECT 1 -- customers",
        "SELECT 1 /* customers /* customers */ */",
        "SELECT 'custom' 'ers'",
        "SELECT 'it''s', '\\x00'",
        "",
        "EXECUTE p1('a')",
        "SELECT e'a\\nb'",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.a := 'x'; RETURN NEW; END $$",
        "CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()",
        "SELECT 'execute language'",
        "PREPARE p AS SELECT 1",
    ] {
        assert_eq!(first(text), None, "{text}");
    }
}

#[test]
fn a_name_inside_a_string_counts_sql_5() {
    for text in [
        "SELECT 'customers'::regclass",
        "SELECT 'public.CUSTOMERS'::regclass",
        "SELECT nextval('\"customers\"')",
        "SELECT $$customers$$",
        "SELECT $a$ $q$customers$q$ $a$",
        "SELECT E'\\143ustomers'",
        "SELECT E'\\ncustomers'",
        "SELECT U&'\\0063ustomers'",
        "SELECT N'customers'",
        "SELECT 'cust'\n'omers'",
        "SELECT 'cust' -- x\n  'omers'",
        "SELECT '1customers'",
        "DO $$ BEGIN DELETE FROM customers; END $$",
        "DO 'BEGIN DELETE FROM Customers; END'",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1 FROM customers'",
    ] {
        assert_eq!(first(text), body("customers"), "{text}");
    }
    assert_eq!(first("DO $$ BEGIN PERFORM E'\\143ustomers'::regclass; END $$"), body("customers"));
    assert_eq!(first("SELECT E'\\u00'"), Some(MentionKind::Unreadable));
    assert_eq!(first("SELECT U&'!0063ustomers' UESCAPE '!'"), Some(MentionKind::Unreadable));
}

#[test]
fn code_that_builds_sql_counts_sql_13() {
    for text in [
        "DO $$ BEGIN EXECUTE 'UPDATE cust' || 'om' || 'ers SET note = 1'; END $$",
        "DO $$ BEGIN EXECUTE 'UPDATE ' || E'cust' || $x$omers$x$ || ' SET note = ' || quote_literal(a); END $$",
        "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'TABLE cust' || 'omers'; END $$",
        "SELECT query_to_xml('TABLE cust' || 'omers', true, true, '')",
        "SELECT * FROM pg_catalog.ts_stat(a || 'SELECT 1')",
        "SELECT ts_stat(U&'SELECT 1')",
        "SELECT dblink_exec($1)",
        "SELECT query_to_xml('TABLE customers', true, true, '')",
        "SELECT query_to_xml('SELECT ''customers''::regclass', true, true, '')",
        "SELECT query_to_xml('FETCH ALL FROM c', true, true, '')",
        "SELECT cursor_to_xml('c', 1, true, true, '')",
        "SELECT schema_to_xml('public', true, true, '')",
        "SELECT ts_rewrite(a, b) FROM t",
        "DO LANGUAGE plpython3u $$ x $$",
        "DO $$ BEGIN EXECUTE 'EXECUTE p'; END $$",
        "DO $$ BEGIN EXECUTE 'DO $x$ BEGIN EXECUTE ''FETCH ALL FROM c''; END $x$'; END $$",
        "DO $$ x execute 'unterminated $$",
    ] {
        assert_eq!(first(text), Some(MentionKind::Dynamic), "{text}");
    }
    assert_eq!(first("DO $$ BEGIN PERFORM U&\"cust\\006fmers\"; END $$"), Some(MentionKind::Unreadable));
    assert_eq!(first("DO $$ BEGIN EXECUTE 'TABLE U&\"\\0063ustomers\"'; END $$"), Some(MentionKind::Unreadable));
    assert_eq!(first("DO $$ x u&\"a\" 'unterminated $$"), Some(MentionKind::Unreadable));
}

#[test]
fn code_whose_text_names_nothing_is_defined_and_runs_sql_13() {
    for text in [
        "CREATE FUNCTION f() RETURNS int LANGUAGE plperl AS $$ x $$",
        "CREATE OR REPLACE FUNCTION f() RETURNS int AS 'x', 'query_to_xml' LANGUAGE 'c'",
        "CREATE FUNCTION f(a text) RETURNS int LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'UPDATE st' || a; END $$",
        "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$ BEGIN PERFORM run_it('x'); END $$",
        "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'Can''t do it'; END $$",
        "DO $$ BEGIN RAISE EXCEPTION 'Can''t execute it' USING ERRCODE = '42P05'; END $$",
        "DO $$ BEGIN EXECUTE 'ANALYZE t'; FOR r IN EXECUTE 'SELECT 1' LOOP END LOOP; EXECUTE 'x' USING a; END $$",
        "DO $$ BEGIN CREATE TRIGGER g BEFORE INSERT ON t EXECUTE FUNCTION f(); GRANT EXECUTE ON FUNCTION f TO a; END $$",
        "DO $$ BEGIN PERFORM run_it(); END $$",
        "DO $$ BEGIN EXECUTE 'DO $x$ BEGIN EXECUTE x; END $x$'; END $$",
        "DO $$ BEGIN EXECUTE x; END $$",
        "DO $$ BEGIN EXECUTE format('SELECT %L', x); END $$",
        "DO $$ BEGIN EXECUTE 'SELECT ' || 1; END $$",
        "DO $a$ BEGIN PERFORM $b$ x; EXECUTE y $b$; END $a$",
        "SELECT query_to_xml('SELECT 1', true, true, '')",
        "SELECT * FROM pg_catalog.ts_stat('SELECT v FROM t'::text)",
        "SELECT ts_rewrite(a, b, c), ts_rewrite('a & b'::tsquery, 'SELECT t, s FROM r')",
        "DROP FUNCTION crosstab(text)",
    ] {
        assert_eq!(first(text), None, "{text}");
    }
}

#[test]
fn a_routine_counts_where_it_is_called_and_a_column_of_its_name_does_not_sql_65() {
    for text in [
        "SELECT tbalance()",
        "SELECT public . \"tbalance\" /* x */ (1)",
        "CALL tbalance(1)",
        "CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION tbalance()",
        "DROP FUNCTION tbalance",
        "CREATE OPERATOR @@@ (procedure = tbalance, leftarg = int)",
        "CREATE AGGREGATE a (int) (sfunc = tbalance, stype = int)",
        "SELECT 1; SELECT lower(tbalance(2))",
        "CREATE INDEX ON t (tbalance(a))",
    ] {
        assert_eq!(first(text), dependent(DependentKind::Routine, "tbalance"), "{text}");
    }
    for text in [
        "SELECT tbalance FROM t WHERE tbalance = 1 ORDER BY tbalance",
        "SELECT a AS tbalance, b tbalance FROM t AS tbalance (a, b)",
        "CREATE TABLE tbalance (tbalance int)",
        "INSERT INTO t (tbalance) VALUES (1)",
        "INSERT INTO tbalance (a) VALUES (1)",
        "WITH tbalance (a) AS (SELECT 1) SELECT a FROM tbalance",
        "UPDATE t SET tbalance = tbalance + 1",
        "SELECT t.tbalance, (t).tbalance FROM t",
        "SELECT 'tbalance'::regproc, 'tbalance()'",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT tbalance FROM t'",
        "SELECT of_row FROM t",
    ] {
        assert!(!matches!(first(text), Some(MentionKind::Dependent(..))), "{text}");
    }
    assert_eq!(first("SELECT t.of_row FROM t"), dependent(DependentKind::RowRoutine, "of_row"));
    assert_eq!(first("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT tbalance ()'"), body("tbalance"));
    assert_eq!(first("DO 'BEGIN PERFORM tbalance(); END'"), body("tbalance"));
}

#[test]
fn a_type_and_a_relation_count_wherever_they_can_stand_sql_65() {
    for text in [
        "SELECT 'x'::card_number",
        "SELECT CAST($1 AS public.card_number)",
        "SELECT card_number '4000'",
        "SELECT card_number('4000')",
        "CREATE TABLE t (a int, b card_number)",
        "CREATE FUNCTION f(card_number) RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "PREPARE p (card_number[]) AS SELECT 1",
        "SELECT a, card_number FROM t",
    ] {
        assert_eq!(first(text), dependent(DependentKind::Type, "card_number"), "{text}");
    }
    for text in [
        "SELECT * FROM a, rich_customers",
        "INSERT INTO public.rich_customers VALUES ($1)",
        "SELECT rich_customers.a FROM x",
        "TABLE rich_customers",
        "DROP VIEW a, rich_customers",
    ] {
        assert_eq!(first(text), dependent(DependentKind::Relation, "rich_customers"), "{text}");
    }
    for text in ["SELECT card_number FROM t WHERE card_number = 'x'", "UPDATE t SET rich_customers = 1"] {
        assert_eq!(first(text), None, "{text}");
    }
}

#[test]
fn an_operator_counts_by_its_symbol_sql_65() {
    for text in ["SELECT a<~>'x' FROM t", "SELECT a OPERATOR(public.<~>) b"] {
        assert_eq!(first(text), dependent(DependentKind::Operator, "<~>"), "{text}");
    }
    for text in ["SELECT a <~ b", "SELECT '<~>'", "SELECT a -- <~>"] {
        assert_eq!(first(text), None, "{text}");
    }
}

#[test]
fn a_routine_that_runs_sql_counts_when_it_may_be_handed_constants_sql_13() {
    for text in [
        "SELECT run_it('x')",
        "SELECT public.run_it($1)",
        "SELECT * FROM t JOIN LATERAL run_it(lower('x')) ON true",
        "SELECT run_it(a) FROM (SELECT 'x' AS a) s",
        "SELECT run_it(a) FROM (VALUES (1)) s (a)",
        "WITH s AS (SELECT $1 AS a) SELECT run_it(a) FROM s",
        "SELECT run_it(a) FROM unnest(ARRAY['x']) AS a",
        "UPDATE t SET a = 'x' RETURNING run_it(a)",
        "INSERT INTO t SELECT run_it(a) FROM t WHERE b = 1",
        "SELECT run_it(a) FROM t WHERE b = 'x' UNION SELECT run_it(a) FROM (SELECT 1) s",
        "CALL run_it(1)",
        "DO $$ DECLARE a text := 'x'; BEGIN PERFORM run_it(a); END $$",
        "DO $$ BEGIN EXECUTE 'SELECT run_it(1)'; END $$",
    ] {
        assert_eq!(first(text), dependent(DependentKind::SqlRoutine, "run_it"), "{text}");
    }
    assert_eq!(first("SELECT (ROW('x')::t).run_row FROM t"), dependent(DependentKind::SqlRowRoutine, "run_row"));
    for text in [
        "SELECT run_it()",
        "SELECT run_it(a) FROM t",
        "SELECT run_it(a) FROM t WHERE b = 'x' ORDER BY a LIMIT 1",
        "SELECT run_it FROM t WHERE run_it = 'x'",
        "CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION run_it('x')",
        "DROP FUNCTION run_it(numeric(1))",
        "SELECT t.run_row FROM t",
        "SELECT 'run_it(1)'",
    ] {
        assert_eq!(first(text), None, "{text}");
    }
}

#[test]
fn constants_behind_the_where_of_a_filter_may_become_columns_sql_13() {
    for text in [
        "SELECT count(*) FILTER (WHERE true), max(run_it(a)) FROM unnest(ARRAY['x']) AS a",
        "SELECT max(run_it(a)) FILTER (WHERE a > b) FROM unnest($1) AS a",
    ] {
        assert_eq!(first(text), dependent(DependentKind::SqlRoutine, "run_it"), "{text}");
    }
}

#[test]
fn a_column_may_be_called_by_or_set_sql_65() {
    for text in [
        "CREATE TABLE t (by card_number DEFAULT 'x')",
        "CREATE TABLE t (a int, set card_number)",
        "ALTER TABLE t ADD COLUMN by card_number DEFAULT 'x'",
        "ALTER TABLE t ADD COLUMN IF NOT EXISTS by card_number DEFAULT 'x'",
        "ALTER TABLE t ADD set card_number DEFAULT 'x'",
        "SELECT * FROM json_to_record('{}') AS t (by card_number)",
        "SELECT * FROM XMLTABLE('/a' PASSING '<a/>' COLUMNS set card_number PATH '.')",
    ] {
        assert_eq!(first(text), dependent(DependentKind::Type, "card_number"), "{text}");
    }
    for text in ["SELECT 1 FROM t GROUP BY card_number", "UPDATE t AS s SET card_number = 1"] {
        assert_eq!(first(text), None, "{text}");
    }
}

/// PostgreSQL 17's, where RETURNING stands before a type.
#[test]
fn returning_of_json_functions_names_a_type_sql_65() {
    for text in [
        "SELECT JSON_VALUE('{\"a\":\"x\"}', '$.a' RETURNING card_number)",
        "SELECT JSON_QUERY('{\"a\":\"x\"}', '$.a' RETURNING card_number OMIT QUOTES)",
    ] {
        assert_eq!(first(text), dependent(DependentKind::Type, "card_number"), "{text}");
    }
}

/// It would take minutes.
#[test]
fn a_name_of_many_parts_is_not_followed_from_each_of_them() {
    let text = format!("SELECT {}", vec!["tbalance"; 50_000].join("."));
    assert_eq!(first(&text), None);
}

#[test]
fn names_of_the_product_count_sql_11() {
    assert_eq!(first("SELECT 1 FROM pgseal.keys"), Some(MentionKind::Reserved));
    assert_eq!(first("SELECT pgseal_signature FROM t"), Some(MentionKind::Reserved));
    assert_eq!(first("SELECT 'pgseal.keys'::regclass"), Some(MentionKind::ReservedBody));
    assert_eq!(first("SELECT pgsealed FROM t"), None);
}

#[test]
fn a_text_without_tokens_counts_only_if_it_may_hold_a_name_sql_5() {
    assert_eq!(first("SELECT 'customers"), Some(MentionKind::NoTokens));
    for text in ["SELECT 1customers", "SELECT $1customers", "SELECT 1e5customers", "SELECT 1.5E10customers"] {
        assert_eq!(first(text), Some(MentionKind::NoTokens), "{text}");
    }
    assert_eq!(first("SELECT 'oops"), None);
    assert_eq!(first("SELECT 1abc"), None);
}

#[test]
fn long_names_are_cut_as_postgresql_cuts_them_sql_5() {
    let name = "c".repeat(63);
    let protection = protection(&[&name]);
    let names = Names::of(&protection);
    let longer = format!("{name}xyz");
    assert!(names.first(&format!("TABLE {longer}")).is_some());
    assert!(names.first(&format!("TABLE \"{longer}\"")).is_some());
    assert!(names.first(&format!("SELECT '{longer}'::regclass")).is_some());
    assert!(names.first(&format!("TABLE {}", "c".repeat(62))).is_none());
}

#[test]
fn names_that_only_look_equal_count_sql_64() {
    for text in [
        "TABLE customers\u{a0}",
        "TABLE CUSTOMERS\u{200b}",
        "TABLE \"cus\u{ad}tomers\"",
        "TABLE public.\u{3000}customers",
        "DO $$ BEGIN DELETE FROM customers\u{feff}; END $$",
    ] {
        assert_eq!(first(text), Some(MentionKind::Alike("customers".into())), "{text}");
    }
    assert_eq!(first("TABLE rich_\u{200b}customers"), Some(MentionKind::Alike("rich_customers".into())));
    for text in ["SELECT 'customers\u{a0}'", "SELECT 1 AS note\u{a0}", "TABLE kunden\u{a0} -- customers\u{a0}"] {
        assert_eq!(first(text), None, "{text}");
    }
}

#[test]
fn names_that_need_quotes_are_found_sql_5() {
    let protection = protection(&["Order Lines", "a\"b", "Größe", "CamelCase"]);
    let names = Names::of(&protection);
    for text in [
        "TABLE \"Order Lines\"",
        "SELECT '\"Order Lines\"'::regclass",
        "TABLE \"a\"\"b\"",
        "SELECT '\"a\"\"b\"'::regclass",
        "TABLE \"Größe\"",
        "SELECT '\"CamelCase\"'::regclass",
        "DO $$ BEGIN DELETE FROM \"CamelCase\"; END $$",
        "TABLE \"CamelCase\"",
    ] {
        assert!(names.first(text).is_some(), "{text}");
    }
    for text in ["TABLE \"order lines\"", "TABLE camelcase", "TABLE größe", "SELECT \"a\", \"b\""] {
        assert!(names.first(text).is_none(), "{text}");
    }
}

#[test]
fn mentions_say_where() {
    let text = "SELECT 'customers' FROM customers, pgseal.x";
    let protection = protection(&["customers"]);
    let found = Names::of(&protection).mentions(text, &lex(text).unwrap());
    assert_eq!(found.iter().map(|mention| mention.at).collect::<Vec<_>>(), [7, 24, 35]);
}

#[test]
fn without_protected_names_nothing_counts() {
    let protection = Protection::default();
    assert_eq!(Names::of(&protection).first("TABLE pgseal.x"), None);
}

#[test]
fn the_effect_of_a_statement_is_opaque_when_in_doubt_sql_12() {
    let effect = |text: &str| effect(text, &lex(text).unwrap());
    for text in [
        "SELECT lower(a), count(*) FROM t WHERE b IN (1, 2) AND c = ANY($1)",
        "INSERT INTO public.t (a, b) VALUES (now(), coalesce($1, 'x')) ON CONFLICT (a) DO UPDATE SET b = 1",
        "WITH x (a) AS (SELECT 1) SELECT * FROM x AS y(b) JOIN LATERAL (SELECT 1) z(c) ON true",
        "CREATE TABLE IF NOT EXISTS t (a varchar(10), b numeric(10, 2), CHECK (a > ''), PRIMARY KEY (a))",
        "SELECT CAST(a AS varchar(3)), pg_catalog.lower(b) FROM t",
        "BEGIN",
        "COMMIT",
        "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",
        "SHOW search_path",
        "SELECT setting FROM pg_settings",
        "GRANT EXECUTE ON PROCEDURE p TO a",
        "SELECT 1; COMMIT;",
        "CREATE INDEX ON t (a, lower(b))",
        "SELECT * FROM unnest($1) u(a)",
        "((SELECT 1))",
        "",
    ] {
        assert_eq!(effect(text), Effect::None, "{text}");
    }
    for text in [
        "SET search_path = a",
        "set local timezone = 'UTC'",
        "RESET ALL",
        "DISCARD ALL",
        "DO $$ $$",
        "CALL p()",
        "EXECUTE p",
        "EXPLAIN ANALYZE EXECUTE p",
        "CREATE TEMP TABLE t AS EXECUTE p",
        "UPDATE pg_settings SET setting = 'escape' WHERE name = 'bytea_output'",
        "EXPLAIN ANALYZE UPDATE pg_catalog.\"pg_settings\" SET setting = 'off'",
        "ROLLBACK",
        "ROLLBACK TO SAVEPOINT s",
        "ABORT",
        "SELECT set_config('search_path', 'x', false)",
        "SELECT pg_catalog.set_config('search_path', 'x', false)",
        "SELECT my_function(1)",
        "SELECT lower(\"F\"(1))",
        "SELECT public.lower(a)",
        "LOAD 'x'",
        "SELECT 1; SET search_path = a",
        "SELECT 1 FROM a JOIN b ON my_function(a.x)",
        "SELECT DISTINCT ON (a) my_function(b) FROM t",
        "SOMETHING NEW",
    ] {
        assert_eq!(effect(text), Effect::Opaque, "{text}");
    }
}

proptest! {
    #[test]
    fn the_scan_of_bytes_misses_nothing_that_the_tokens_mention_sql_5(
        pieces in prop::collection::vec(prop::sample::select(&[
            "customers", "CUSTOMERS", "cust", "omers", "\"", "'", "$$", "$q$", "$", "E'", "U&'", "u&\"", "N'", "\n", " ",
            "--", "/*", "*/", "\\143", "\\0063", "ustomers", "(", "1", "e5", "pgseal", "_", ";", "DO ", "EXECUTE ",
            " UESCAPE '!'", "!0063", "dblink", "\u{a0}", "::regclass", ".", "''", "\"\"", "Order Lines",
        ][..]), 0..12)
    ) {
        let text = pieces.concat();
        let protection = protection(&["customers", "Order Lines"]);
        let names = Names::of(&protection);
        let first = names.first(&text);
        if let Ok(tokens) = lex(&text) {
            prop_assert_eq!(first, names.mentions(&text, &tokens).into_iter().next());
            for token in &tokens {
                let names_it = matches!(token.name(&text).as_deref(), Some("customers" | "Order Lines"));
                prop_assert!(!names_it || names.first(&text).is_some(), "{}", text);
            }
        }
    }
}
