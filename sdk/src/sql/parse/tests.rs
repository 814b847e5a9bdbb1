use proptest::prelude::*;
use sqlparser::ast::{SelectItem, SetExpr, Value};

use super::*;
use crate::sql::lex::lex;

fn one(text: &str) -> Result<Parsed, Refusal> {
    let tokens = lex(text).unwrap();
    let parts = split(text, &tokens)?;
    assert_eq!(parts.len(), 1, "{text}");
    parse(text, &tokens, &parts[0])
}

fn refused(text: &str) -> Refusal {
    one(text).expect_err(text)
}

/// The WHERE of a SELECT.
fn selection(parsed: &Parsed) -> &Expr {
    let Statement::Query(query) = &parsed.statement else { panic!("not a query") };
    let SetExpr::Select(select) = query.body.as_ref() else { panic!("not a select") };
    select.selection.as_ref().unwrap()
}

fn locks(text: &str) -> Vec<Lock> {
    let parsed = one(text).unwrap();
    let lock = |fact: Fact| match fact.kind {
        FactKind::Lock(lock) => Some(lock),
        FactKind::BetweenSymmetric => None,
    };
    parsed.facts.into_iter().filter_map(lock).collect()
}

/// A stack as what nests deeply gets it.
fn on_a_large_stack(test: fn()) {
    std::thread::Builder::new().stack_size(64 << 20).spawn(test).unwrap().join().unwrap();
}

#[test]
fn a_text_is_split_at_semicolons_outside_parentheses_and_strings() {
    let text = "; SELECT ';' ;; CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2); /* ; */ $$;$$ ";
    let parts = split(text, &lex(text).unwrap()).unwrap();
    let texts: Vec<_> = parts.iter().map(|part| &text[part.range.clone()]).collect();
    assert_eq!(texts, ["SELECT ';'", "CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2)", "$$;$$"]);
    assert_eq!(split(" ; --x", &lex(" ; --x").unwrap()).unwrap(), []);
}

#[test]
fn an_atomic_body_is_refused_because_its_semicolons_do_not_end_it() {
    let text = "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END";
    assert!(split(text, &lex(text).unwrap()).is_err());
}

#[test]
fn spans_of_identifiers_and_values_are_bytes_of_the_text() {
    let text = "/* é */ SELECT \"É\"\n, 'ü' FROM t WHERE größe =\n $1";
    let parsed = one(text).unwrap();
    let Statement::Query(query) = &parsed.statement else { panic!() };
    let SetExpr::Select(select) = query.body.as_ref() else { panic!() };
    let SelectItem::UnnamedExpr(Expr::Identifier(ident)) = &select.projection[0] else { panic!() };
    assert_eq!(&text[bytes(ident.span).unwrap()], "\"É\"");
    let SelectItem::UnnamedExpr(Expr::Value(value)) = &select.projection[1] else { panic!() };
    assert_eq!(&text[bytes(value.span).unwrap()], "'ü'");
    let Some(Expr::BinaryOp { left, right, .. }) = &select.selection else { panic!() };
    let (Expr::Identifier(left), Expr::Value(right)) = (left.as_ref(), right.as_ref()) else { panic!() };
    assert_eq!(&text[bytes(left.span).unwrap()], "größe");
    assert_eq!(&text[bytes(right.span).unwrap()], "$1");
    assert_eq!(bytes(Span::empty()), None);
}

#[test]
fn identifiers_are_folded_and_strings_unescaped_as_postgresql_does() {
    let parsed = one(r#"SELECT 1 FROM t WHERE U&"st\0061FF" = E'\x41''b'"#).unwrap();
    let Expr::BinaryOp { left, right, .. } = selection(&parsed) else { panic!() };
    let (Expr::Identifier(left), Expr::Value(right)) = (left.as_ref(), right.as_ref()) else { panic!() };
    assert_eq!((left.value.as_str(), left.quote_style), ("staFF", Some('"')));
    assert_eq!(right.value, Value::EscapedStringLiteral(String::new()));
    let text = "SELECT 1 FROM t WHERE EMail = 'a'\n'\\'";
    let parsed = one(text).unwrap();
    let Expr::BinaryOp { left, right, .. } = selection(&parsed) else { panic!() };
    let (Expr::Identifier(left), Expr::Value(right)) = (left.as_ref(), right.as_ref()) else { panic!() };
    assert_eq!(left.value, "email");
    let tokens = lex(text).unwrap();
    assert_eq!(Constants::new(text, &tokens).value(right.span).unwrap(), "a\\");
}

#[test]
fn operators_are_split_by_the_rule_of_postgresql_and_not_of_sqlparser() {
    let parsed = one("SELECT 1 FROM t WHERE balance>=-1").unwrap();
    let Expr::BinaryOp { op, right, .. } = selection(&parsed) else { panic!() };
    assert_eq!(*op, BinaryOperator::GtEq);
    assert!(matches!(right.as_ref(), Expr::UnaryOp { .. }));
}

#[test]
fn isnull_is_a_test_and_not_an_alias() {
    assert!(matches!(selection(&one("SELECT 1 FROM t WHERE ssn ISNULL").unwrap()), Expr::IsNull(_)));
    assert!(matches!(selection(&one("SELECT 1 FROM t WHERE ssn notnull").unwrap()), Expr::IsNotNull(_)));
    let parsed = one("SELECT ssn ISNULL FROM t").unwrap();
    let Statement::Query(query) = &parsed.statement else { panic!() };
    let SetExpr::Select(select) = query.body.as_ref() else { panic!() };
    assert!(matches!(&select.projection[0], SelectItem::UnnamedExpr(Expr::IsNull(_))));
}

#[test]
fn locking_clauses_that_sqlparser_lacks_are_facts() {
    let found = locks("SELECT 1 FROM a, b FOR NO KEY UPDATE OF a, \"B\" SKIP LOCKED FOR KEY SHARE NOWAIT");
    assert_eq!(found.len(), 2);
    assert_eq!((found[0].strength, found[0].wait), (LockStrength::NoKeyUpdate, LockWait::SkipLocked));
    assert_eq!(found[0].of.iter().map(|of| of.name.as_str()).collect::<Vec<_>>(), ["a", "B"]);
    assert_eq!((found[1].strength, found[1].wait), (LockStrength::KeyShare, LockWait::NoWait));
    let nested = locks("UPDATE t SET a = 1 WHERE id = (SELECT id FROM t LIMIT 1 FOR UPDATE SKIP LOCKED)");
    assert_eq!((nested[0].strength, nested[0].depth), (LockStrength::Update, 1));
    assert!(locks("SELECT substring(a FROM 1 FOR 2) FROM t").is_empty());
    assert_eq!(refused("SELECT 1 FROM s.a FOR UPDATE OF s.a").sqlstate, SqlState::SYNTAX_ERROR);
}

#[test]
fn between_symmetric_is_a_fact() {
    let parsed = one("SELECT 1 FROM t WHERE a BETWEEN SYMMETRIC 2 AND 1 AND b BETWEEN ASYMMETRIC 1 AND 2").unwrap();
    assert_eq!(parsed.facts.len(), 1);
    assert_eq!(parsed.facts[0].kind, FactKind::BetweenSymmetric);
}

#[test]
fn spellings_that_versions_read_differently_are_refused() {
    for text in ["SELECT 1_000", "SELECT 0x1F", "SELECT 0b1", "SELECT 0o7", r#"SELECT U&"d!0061" UESCAPE '!'"#] {
        assert_eq!(refused(text).sqlstate, SqlState::FEATURE_NOT_SUPPORTED, "{text}");
    }
    for text in ["SELECT {d '2020-01-01'}", "SELECT 1..2", "SELECT a \\ b", r"SELECT E'\u12'"] {
        assert_eq!(refused(text).sqlstate, SqlState::SYNTAX_ERROR, "{text}");
    }
    assert_eq!(refused("SELECT $0").sqlstate, SqlState::UNDEFINED_PARAMETER);
    assert_eq!(refused("SELECT $99999").sqlstate, SqlState::UNDEFINED_PARAMETER);
}

#[test]
fn no_refusal_repeats_a_value_of_the_statement() {
    for text in ["SELECT 1 FROM t WHERE = 'hush'", "SELECT 'hush' 'hush'", "SELEC 'hush'", "INSERT 'hush'", "'hush'"] {
        let refusal = refused(text);
        assert!(!format!("{refusal:?}").contains("hush"), "{text}");
        assert!(refusal.position.is_some_and(|at| at < text.len()));
    }
}

#[test]
fn table_is_a_statement() {
    let parsed = one("TABLE \"T\"").unwrap();
    let Statement::Query(query) = &parsed.statement else { panic!() };
    assert!(matches!(query.body.as_ref(), SetExpr::Table(_)));
}

#[test]
fn what_follows_a_statement_is_not_ignored() {
    assert!(one("SELECT 1 FROM t WHERE a = 1 b").is_err());
    assert!(one("SELECT 1 FROM t )").is_err());
}

#[test]
fn forty_thousand_ors_are_read_and_dropped() {
    on_a_large_stack(|| {
        let text = format!("SELECT 1 FROM t WHERE {}a", "a OR ".repeat(39_999));
        let parsed = one(&text).unwrap();
        assert_eq!(operands(selection(&parsed), &BinaryOperator::Or).len(), 40_000);
        assert_eq!(operands(selection(&parsed), &BinaryOperator::And).len(), 1);
    });
}

#[test]
fn every_kind_of_long_chain_is_read_or_refused() {
    on_a_large_stack(|| {
        for (head, piece, tail, most) in [
            ("SELECT 1 ", "UNION SELECT 1 ", "", 100_000),
            ("SELECT a", "::int", "", 100_000),
            ("SELECT a", "[1]", "", 100_000),
            ("SELECT a", " COLLATE \"C\"", "", 100_000),
            ("SELECT a", " IS NULL", "", 100_000),
            ("SELECT ", "NOT ", "a", 100_000),
            ("SELECT ", "- ", "1", 100_000),
            ("SELECT a", " AT TIME ZONE 'x'", "", 100_000),
            ("SELECT 1 FROM t ", "JOIN t ON true ", "", 400),
            ("SELECT 1 FROM ", "t JOIN ", "t", 400),
            ("SELECT a", " + 1", "", 100_000),
            ("SELECT a::int", "[]", "", 100_000),
        ] {
            let _ = one(&format!("{head}{}{tail}", piece.repeat(most.min(990))));
            let _ = one(&format!("{head}{}{tail}", piece.repeat(most.min(9_990))));
            let refused = refused(&format!("{head}{}{tail}", piece.repeat(most + 1)));
            assert_eq!(refused.sqlstate, SqlState::STATEMENT_TOO_COMPLEX, "{piece}");
        }
        for (open, close) in
            [("(", ")"), ("(SELECT ", ")"), ("f(", ")"), ("CASE WHEN ", " THEN 1 END"), ("a IN (", ")")]
        {
            let text = format!("SELECT {}1{}", open.repeat(9_000), close.repeat(9_000));
            refused(&text);
        }
    });
}

#[test]
fn a_list_is_no_deeper_than_its_deepest_item() {
    let chain = |text: &str| depth::Depth::of(text, &lex(text).unwrap()).chain;
    for (text, expected) in [
        ("SELECT a, b, c::int", 3),
        ("SELECT 1, 2, 3", 1),
        ("VALUES (a::int, b), (a, b::int::int)", 6),
        ("VALUES (f(g(a)), 1), (1, 2)", 7),
        ("SELECT ((a)::int)::int", 8),
        ("SELECT (a, b, c) + (d)", 6),
        ("SELECT a, b UNION SELECT c, d UNION SELECT e", 6),
        // What is never closed is as deep as it is open.
        ("SELECT ((((", 5),
    ] {
        assert_eq!(chain(text), expected, "{text}");
    }
    let rows = format!("INSERT INTO t VALUES {}(1)", "(-1, 'a'::text, b.c), ".repeat(3_000));
    assert!(chain(&rows) < 16);
}

#[test]
fn keywords_in_the_place_of_names_hide_no_depth() {
    let chain = |text: &str| depth::Depth::of(text, &lex(text).unwrap()).chain;
    for word in ["and", "on", "from", "then", "select", "end", "using"] {
        assert!(chain(&format!("SELECT a{}", format!("::{word}").repeat(300))) > 600, "{word}");
        assert!(chain(&format!("SELECT a{}", format!(" COLLATE {word}").repeat(300))) > 600, "{word}");
    }
}

#[test]
fn a_statement_has_half_a_million_tokens_at_most_and_one_constant_may_be_long() {
    let text = format!("SELECT 1{}", ",1".repeat(1 << 18));
    assert_eq!(refused(&text).sqlstate, SqlState::STATEMENT_TOO_COMPLEX);
    assert!(refused(&text).hint.is_some_and(|hint| hint.contains("array parameter")));
    let text = format!("SELECT '{}'", "a".repeat(4 << 20));
    assert!(one(&text).is_ok());
}

#[test]
fn operands_look_through_parentheses() {
    let parsed = one("SELECT 1 FROM t WHERE (a AND (b AND c)) AND (d OR e)").unwrap();
    assert_eq!(operands(selection(&parsed), &BinaryOperator::And).len(), 4);
}

proptest! {
    #[test]
    fn no_text_makes_it_panic_and_every_span_is_a_token(
        pieces in prop::collection::vec(prop::sample::select(&[
            "SELECT ", "a", " FROM ", "t", " WHERE ", " = ", "'x'", "$1", "(", ")", ", ", "1", ".5", "1.", " AND ", " OR ",
            " NOT ", " IS NULL", " ISNULL", " IN ", "::", "int", "[", "]", ":", " AS ", "\"é\"", "E'\\''", "\n", "--x\n",
            "/*é*/", " FOR UPDATE", " OF ", " BETWEEN ", "SYMMETRIC ", "-", "+", "@>", "->>", "*", ".", "U&\"a\"", "$$b$$",
            "INSERT INTO ", " VALUES ", "UPDATE ", " SET ", "DELETE ", "CASE ", " END", "ARRAY", ";", "é", "'a'\n'b'", "?",
        ][..]), 0..24)
    ) {
        let text = pieces.concat();
        if let Ok(tokens) = lex(&text) {
            for part in split(&text, &tokens).unwrap() {
                match parse(&text, &tokens, &part) {
                    Ok(parsed) => prop_assert!(parsed.facts.iter().all(|fact| text.get(fact.range.clone()).is_some())),
                    Err(refusal) => prop_assert!(refusal.position.is_none_or(|at| at <= text.len())),
                }
            }
        }
    }
}

/// Everything that the parser could log, and everything that it makes.
fn seen_by_the_parser(text: &str) -> String {
    let tokens = lex(text).unwrap();
    let stream = convert::convert(text, &tokens).map(|(stream, _)| stream);
    let parsed = one(text).map(|parsed| parsed.statement);
    format!("{stream:?} {parsed:?}")
}

#[test]
fn the_parser_sees_no_value_of_any_constant_sql_3() {
    for text in [
        "INSERT INTO t (a, b, c) VALUES (4111777, 'Zq4111777', DATE 'Zq4111777'), (-4111777, N'Zq4111777', 1)",
        "UPDATE t SET s = E'Zq\\x344111777', n = 4111777.25, m = .4111777, o = 4111777e2 WHERE s = U&'Zq\\00344111777'",
        "SELECT 1 FROM t WHERE s IN ('Zq4111777', $$Zq4111777$$, $q$Zq4111777$q$) AND n BETWEEN 4111777 AND 4111777",
        "SELECT 1 FROM t WHERE s = 'Zq4111777'::text OR s = CAST('Zq4111777' AS varchar(20))",
        "SELECT 1 FROM t WHERE b = B'1' OR c = X'4111777F'",
        "SELECT 1 FROM t WHERE s = ANY (ARRAY['Zq4111777', 'Zq'\n'4111777']) OR n = ANY ('{4111777}'::int[])",
        "SELECT 1 FROM t WHERE s LIKE 'Zq4111777%' ESCAPE '!' AND t > now() - INTERVAL '4111777 days' LIMIT 4111777",
        "SELECT 'Zq4111777', coalesce(n, 4111777), round(4111777.5, 4111777) FROM t ORDER BY 4111777 OFFSET 4111777",
        "SELECT pg_catalog.varchar(4111777), varying(4111777), timestamptz(4111777), a[4111777], \"numeric\"(4111777), int4(4111777) FROM t",
        "SELECT varchar(411177700000) FROM t",
        "SELECT EXTRACT('Zq4111777' FROM t), t AT TIME ZONE 'Zq4111777', TRIM(BOTH 'Zq4111777' FROM s) FROM t",
        "SELECT 1 FROM t WHERE n = :4111777",
        // What PostgreSQL rejects, and the parser may complain about.
        "SELECT 1 FROM t WHERE s = 'Zq4111777' 'Zq4111777' 4111777",
        "SELECT 'Zq4111777'.x, y AS 'Zq4111777' FROM t 'Zq4111777'",
        "INSERT INTO t ('Zq4111777') VALUES (4111777) 4111777",
        "COPY t FROM 'Zq4111777' WITH (DELIMITER 'Zq4111777')",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 4111777, ''Zq4111777'''",
        "COMMENT ON TABLE t IS 'Zq4111777'",
        "SET t.x = 'Zq4111777'",
    ] {
        let seen = seen_by_the_parser(text);
        assert!(!seen.contains("411177"), "{text}: {seen}");
    }
}

#[test]
fn modifiers_of_types_are_read_and_every_other_number_is_none_sql_20() {
    let text = "SELECT a::varchar(20), b::character varying (30), CAST(c AS numeric(12, -2)), d::numeric( 5 ), \
                e::timestamp(3) with time zone, f::dec(4,1), g::varchar(123456789), h::timestamp(123456789), \
                i::timestamptz(0), CAST(j AS TIMESTAMPTZ (3)) FROM t";
    let parsed = one(text).unwrap();
    let Statement::Query(query) = &parsed.statement else { panic!() };
    let SetExpr::Select(select) = query.body.as_ref() else { panic!() };
    let shown = |item: &SelectItem| {
        let SelectItem::UnnamedExpr(Expr::Cast { data_type, .. }) = item else { panic!("{item:?}") };
        crate::sql::literal::type_of(data_type).map_or("none".to_owned(), |ty| ty.to_string())
    };
    let types: Vec<_> = select.projection.iter().map(shown).collect();
    assert_eq!(
        types,
        [
            "character varying(20)",
            "character varying(30)",
            "numeric(12,-2)",
            "numeric(5,0)",
            "timestamp(3) with time zone",
            "numeric(4,1)",
            "none",
            "none",
            "timestamp(0) with time zone",
            "timestamp(3) with time zone",
        ]
    );
}

#[test]
fn what_looks_like_a_syntax_error_and_is_none_is_not_called_one() {
    for text in [
        "SELECT 1 and FROM t",
        "SELECT a AS where, t.from, 1 AS limit FROM t",
        "SELECT FROM t",
        "SELECT",
        "SELECT a \"b\" FROM t AS c (d) WHERE a NOT IN (1) AND NOT a IN (2)",
        "SELECT DISTINCT ON (a) b FROM t ORDER BY a USING <",
        "SELECT DISTINCT ON (a) 1 b FROM t",
        "SELECT DISTINCT ON (lower(a), (b)) $1, 2 FROM t",
        "SELECT DISTINCT ON (a) b c, d FROM t",
        "SELECT a FROM t ORDER BY a USING OPERATOR(pg_catalog.<), b DESC LIMIT 5 OFFSET 5",
        "SELECT a FROM t WHERE a OPERATOR(pg_catalog.=) b AND a OPERATOR(=) 5",
        "SELECT count(*) FILTER (WHERE a) c, t.* FROM t HAVING count(*) > 1",
        "SELECT trim(FROM a), trim(both from a), extract(isodow FROM a) d FROM t",
        "SELECT a FROM t WHERE a IS DISTINCT FROM t.b AND a SIMILAR TO 'x' ESCAPE 'y'",
        "SELECT JSON_OBJECT('a' : 1), ARRAY[]::int[], a[1:2], a[:] FROM t",
        "SELECT rank() OVER w + 1, sum(a) OVER (ORDER BY b ROWS 5 PRECEDING) x FROM t WINDOW w AS (PARTITION BY a)",
        "SELECT numeric(3,1) '1.5', mytype 'x' y, INTERVAL '1' DAY z, a::mytype || b, a COLLATE \"C\" || b FROM t",
        "SELECT 'a'\n'b' c FROM ONLY t * JOIN s u ON t.a = u.a CROSS JOIN LATERAL f(a) AS g (h int, i mytype)",
        "SELECT a FROM t WHERE a = (SELECT b c FROM s LIMIT 1) FOR UPDATE OF t NOWAIT",
        "SELECT a FROM t LIMIT 5 FOR UPDATE OF t, s",
        "SELECT a FROM (VALUES (1, 2)) v, (SELECT 1 LIMIT 1) w GROUP BY (), ROLLUP (a, b)",
        "SELECT a FROM t WHERE a = - 5 AND a <> @ 5 AND CASE a WHEN 1 THEN true ELSE false END",
        "WITH v (a) AS MATERIALIZED (TABLE t) SELECT a FROM v UNION ALL VALUES (1) ORDER BY 1",
        "INSERT INTO t (a) (SELECT 1)",
        "INSERT INTO s.t AS x (a[1], b.c) OVERRIDING USER VALUE VALUES (1, DEFAULT) ON CONFLICT (a) DO UPDATE SET a = 1",
        "INSERT INTO t DEFAULT VALUES RETURNING a b",
        "INSERT INTO t (WITH v AS (SELECT 1) SELECT 1 FROM v)",
        "UPDATE ONLY t * AS x SET (a, b) = (SELECT 1, 2), c = DEFAULT FROM s y WHERE CURRENT OF z",
        "UPDATE t x SET a[1] = 5 WHERE x.a = ANY ('{}') RETURNING x.a y, *",
        "UPDATE t SET a = 1 RETURNING WITH (OLD AS o) o.a",
        "UPDATE t begin SET a = 1",
        "DELETE FROM t commit WHERE a = 1",
        "DELETE FROM t * x USING s y WHERE x.a = y.a",
        "SELECT * FROM XMLTABLE('/' PASSING a COLUMNS b int foo 5, c mytype bar 6)",
        "CREATE TABLE t (a int, )",
    ] {
        let tokens = lex(text).unwrap();
        let parts = split(text, &tokens).unwrap();
        assert_eq!(syntax::error(text, &tokens, &parts[0]), None, "{text}");
    }
}
