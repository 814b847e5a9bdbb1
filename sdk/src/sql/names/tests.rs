use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::sql::physical::Effect;

fn protection(names: &[&str]) -> Protection {
    Protection {
        by_name: names.iter().map(|name| ((*name).to_owned(), 0)).collect::<HashMap<_, _>>(),
        dependents: [("rich_customers".to_owned(), "view".to_owned())].into(),
        drifted: [("drifting".to_owned(), "column".to_owned())].into(),
        ..Protection::default()
    }
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
    assert_eq!(first("SELECT 1 FROM rich_customers"), identifier("rich_customers"));
    assert_eq!(first("SELECT 1 FROM drifting"), identifier("drifting"));
    assert_eq!(first("TABLE U&\"\\0063ustomers\""), Some(MentionKind::Unreadable));
    assert_eq!(first("TABLE u&\"harmless\""), Some(MentionKind::Unreadable));
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
        "DO $$ BEGIN EXECUTE 'UPDATE st' || 'aff SET note = 1'; END $$",
        "DO $a$ BEGIN PERFORM $b$ x; EXECUTE y $b$; END $a$",
        "SELECT query_to_xml('TABLE cust' || 'omers', true, true, '')",
        "SELECT * FROM pg_catalog.ts_stat('SELECT 1')",
        "SELECT dblink_exec($1)",
        "DO LANGUAGE plpython3u $$ x $$",
        "CREATE FUNCTION f() RETURNS int LANGUAGE plperl AS $$ x $$",
        "CREATE OR REPLACE FUNCTION f() RETURNS int AS 'x' LANGUAGE 'c'",
    ] {
        assert_eq!(first(text), Some(MentionKind::Dynamic), "{text}");
    }
    assert_eq!(first("DO $$ BEGIN PERFORM U&\"a\"; END $$"), Some(MentionKind::Unreadable));
    assert_eq!(first("DO $$ x execute 'unterminated $$"), Some(MentionKind::Unreadable));
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
