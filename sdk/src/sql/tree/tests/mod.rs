//! What the tree says of statements, and that it says something of every one.

mod show;

use sqlparser::ast::Statement;

use self::show::Show;
use super::{Expr, ExprId, Root, Tree};
use crate::sql::plan::tests::corpus;
use crate::sql::stack::Stack;
use crate::sql::{Refusal, lex, parse, stack};

/// Does something with the tree of a text of one statement.
fn with_tree<T: Send>(text: &str, work: impl Fn(&Show<'_, '_>) -> T + Sync) -> Result<T, Refusal> {
    let tokens = lex::lex(text).unwrap();
    let parts = parse::split(text, &tokens).unwrap();
    let [part] = parts.as_slice() else { panic!("several statements: {text}") };
    let own = &tokens[part.tokens.clone()];
    stack::run(parse::is_shallow(text, own), |stack: Stack| {
        let parsed = parse::parse(text, &tokens, part)?;
        let tree = Tree::read(text, own, &parsed.statement, stack)?;
        Ok(work(&Show { tree: &tree, text, tokens: own }))
    })
}

#[track_caller]
fn shown(text: &str) -> String {
    with_tree(text, |show| show.root(&show.tree.root)).unwrap_or_else(|refusal| panic!("{text}: {refusal:?}"))
}

#[track_caller]
fn refused(text: &str) -> String {
    match with_tree(text, |show| show.root(&show.tree.root)) {
        Ok(shown) => panic!("read: {shown}"),
        Err(refusal) => refusal.message.to_string(),
    }
}

#[test]
fn every_statement_of_the_corpus_that_the_parser_reads_has_a_tree() {
    let mut read = 0;
    for case in corpus::cases() {
        let tokens = lex::lex(&case.text).unwrap();
        for part in parse::split(&case.text, &tokens).unwrap() {
            let own = &tokens[part.tokens.clone()];
            let Ok(parsed) = parse::parse(&case.text, &tokens, &part) else { continue };
            if !matches!(
                parsed.statement,
                Statement::Query(_) | Statement::Insert(_) | Statement::Update(_) | Statement::Delete(_)
            ) {
                continue;
            }
            let shown = stack::run(true, |stack| {
                let tree = Tree::read(&case.text, own, &parsed.statement, stack)?;
                Ok(Show { tree: &tree, text: &case.text, tokens: own }.root(&tree.root))
            });
            assert!(shown.is_ok(), "{}: {}: {shown:?}", case.id, case.text);
            read += 1;
        }
    }
    assert!(read > 150, "{read}");
}

#[test]
fn expressions_are_read_as_postgresql_reads_them() {
    for (text, expected) in [
        ("a AND b AND (c OR d) AND NOT e", "[and a b [or c d] [not e]]"),
        ("a = 1 OR b <> 'x' OR c != $2", "[or [= a 1] [<> b 'x'] [<> c $2]]"),
        ("(a, b) IN ((1, 2), (3, 4))", "[in [row a b] ([row 1 2] [row 3 4])]"),
        ("t.a NOT IN (SELECT b FROM u)", "[not in t.a ([select b [from u]])]"),
        ("a = ANY ($1::uuid[])", "[= any a [cast $1 uuid[] = uuid x1]]"),
        ("a <> ALL (SELECT 1)", "[<> all a ([select 1])]"),
        ("a = SOME ('{1}')", "[= any a '{1}']"),
        ("a ISNULL AND b NOTNULL AND c IS NOT NULL", "[and [null? a] [not null? b] [not null? c]]"),
        ("a IS NOT DISTINCT FROM b", "[not distinct? a b]"),
        ("a IS TRUE OR b IS NOT UNKNOWN", "[or [true? a] [not unknown? b]]"),
        ("a BETWEEN SYMMETRIC 1 AND 2", "[between symmetric a 1 2]"),
        ("a NOT BETWEEN 1 AND 2 AND b", "[and [not between a 1 2] b]"),
        ("a LIKE 'x%' ESCAPE '!' OR b NOT ILIKE c", "[or [Like a 'x%' [escape '!']] [not ILike b c]]"),
        ("a::numeric(12,2)::text", "[cast [cast a numeric(12,2) = numeric(12,2)] text = text]"),
        ("CAST(a AS character varying(3))", "[cast a character varying(3) = character varying(3)]"),
        ("date '2020-01-01' + interval '1 day'", "[+ [cast '2020-01-01' date = date] [interval '1 day']]"),
        ("CASE a WHEN 1 THEN b ELSE c END", "[case a (1 b) [else c]]"),
        ("count(*) FILTER (WHERE a)", "count(*) [filter a]"),
        ("array_agg(DISTINCT a ORDER BY b DESC NULLS LAST)", "array_agg(distinct a [order b desc nulls last])"),
        ("sum(a) OVER (PARTITION BY b ORDER BY c)", "sum(a) [over (b [order c])]"),
        ("f(x => 1, y := 2)", "f(x => 1 y => 2)"),
        ("ROW(a, 1) = (b, 2)", "[= [row a 1] [row b 2]]"),
        ("ARRAY[[1, 2], [3, 4]]", "[array [array 1 2] [array 3 4]]"),
        ("(a).b[1:2]", "[at [field a b] 1 2]"),
        ("extract(epoch FROM a)", "[Extract a]"),
        ("substring(a FROM 1 FOR 2) || trim(both 'x' from b)", "[|| [Substring a 1 2] [Trim 'x' b]]"),
        ("a AT TIME ZONE 'UTC'", "[AtTimeZone a 'UTC']"),
        ("a COLLATE \"C\" < b", "[< [collate a C] b]"),
        ("-a * +1", "[* [- a] [+ 1]]"),
        ("a -> 'b' ->> 'c'", "[->> [-> a 'b'] 'c']"),
        ("NOT EXISTS (SELECT FROM u)", "[not [exists [select  [from u]]]]"),
        ("f(t.*)", "f(t.*)"),
        ("current_date", "current_date"),
    ] {
        assert_eq!(shown(&format!("SELECT {text}")), format!("[select {expected}]"), "{text}");
    }
}

#[test]
fn queries_are_read_as_postgresql_reads_them() {
    for (text, expected) in [
        ("SELECT DISTINCT ON (a) a AS x, t.*, * FROM t", "[select distinct on (a) (a as x) t.* * [from t]]"),
        (
            "SELECT ALL 1 FROM ONLY (s.t) AS x (a, b), LATERAL (SELECT 2) y",
            "[select 1 [from only s.t as x (a b) lateral ([select 2]) as y]]",
        ),
        (
            "SELECT 1 FROM a JOIN b USING (id) LEFT JOIN c ON a.x = c.x NATURAL JOIN d CROSS JOIN e",
            "[select 1 [from [cross [inner [left [inner a b [using id]] c [on [= a.x c.x]]] d natural] e]]]",
        ),
        ("SELECT 1 FROM (a FULL OUTER JOIN b ON true) AS j", "[select 1 [from ([full a b [on true]]) as j]]"),
        (
            "SELECT 1 FROM unnest($1, $2) WITH ORDINALITY AS u (a, b, n)",
            "[select 1 [from unnest($1 $2) ordinality as u (a b n)]]",
        ),
        (
            "(SELECT 1) UNION ALL (SELECT 2) EXCEPT VALUES (3), (4)",
            "[except [union all ([select 1]) ([select 2])] [values (3) (4)]]",
        ),
        (
            "WITH RECURSIVE w (n) AS MATERIALIZED (SELECT 1) SELECT n FROM w",
            "[with recursive (w (n) materialized [select 1])] [select n [from w]]",
        ),
        (
            "SELECT a FROM t GROUP BY a, ROLLUP (b, (c, d)), GROUPING SETS ((a), ()) HAVING count(*) > 1",
            "[select a [from t] [group a [rollup (b) (c d)] [sets (a) ()]] [having [> count(*) 1]]]",
        ),
        (
            "SELECT a FROM t ORDER BY a DESC NULLS FIRST, 2 OFFSET 1 ROWS FETCH FIRST 3 ROWS WITH TIES",
            "[select a [from t]] [order a desc nulls first, 2] [limit 3 ties] [offset 1]",
        ),
        (
            "SELECT a FROM t FOR NO KEY UPDATE OF t SKIP LOCKED LIMIT 1",
            "[select a [from t]] [limit 1] [lock NoKeyUpdate t SkipLocked]",
        ),
        (
            "SELECT sum(a) OVER w FROM t WINDOW w AS (ORDER BY b)",
            "[select sum(a) [over w()] [from t] [window w ( [order b])]]",
        ),
        ("TABLE s.t ORDER BY 1", "[table s.t] [order 1]"),
    ] {
        assert_eq!(shown(text), expected, "{text}");
    }
}

#[test]
fn writes_are_read_as_postgresql_reads_them() {
    for (text, expected) in [
        (
            "INSERT INTO t AS x (a, b) OVERRIDING SYSTEM VALUE VALUES (1, DEFAULT), ($1, 'x') RETURNING *",
            "[insert t as x (a b) system [values (1 default) ($1 'x')] [returning *]]",
        ),
        ("INSERT INTO t DEFAULT VALUES", "[insert t default]"),
        (
            "INSERT INTO t VALUES (1) ON CONFLICT (a, b) WHERE c DO UPDATE SET a = excluded.a WHERE t.a <> 1",
            "[insert t [values (1)] [conflict (a b) [where c] [set (a = excluded.a)] [where [<> t.a 1]]]]",
        ),
        (
            "INSERT INTO t (a) VALUES (1) ON CONFLICT ON CONSTRAINT t_a DO NOTHING",
            "[insert t (a) [values (1)] [conflict t_a]]",
        ),
        (
            "UPDATE ONLY t AS x SET a = 1, (b, c) = (SELECT 1, 2) FROM u WHERE x.id = u.id RETURNING x.a",
            "[update only t as x [set (a = 1) (b c = ([select 1 2]))] [from u] [where [= x.id u.id]] [returning x.a]]",
        ),
        ("DELETE FROM t * USING u WHERE t.a = u.a", "[delete t [using u] [where [= t.a u.a]]]"),
        (
            "WITH d AS (DELETE FROM t RETURNING a) INSERT INTO u SELECT a FROM d",
            "[with (d [delete t [returning a]])] [insert u [select a [from d]]]",
        ),
    ] {
        assert_eq!(shown(text), expected, "{text}");
    }
}

#[test]
fn a_span_has_the_parentheses_casts_and_signs_of_its_expression() {
    let text = "SELECT 1 FROM t WHERE ((a)::text) = ( - 1) AND ((b IS NULL)) AND é = 'x' -- end";
    let spans = with_tree(text, |show| {
        let Root::Query(query) = show.tree.root else { panic!() };
        let super::Body::Select(select) = &show.tree.query(query).body else { panic!() };
        let Expr::And(operands) = show.tree.expr(select.condition.unwrap()) else { panic!() };
        let Expr::Binary { left, right, .. } = show.tree.expr(operands[0]) else { panic!() };
        let extent = |id: &ExprId| show.extent(*id).to_owned();
        [extent(left), extent(right), extent(&operands[1]), extent(&operands[2])]
    });
    assert_eq!(spans.unwrap(), ["((a)::text)", "( - 1)", "((b IS NULL))", "é = 'x'"]);
}

#[test]
fn what_has_no_node_is_refused_by_name_sql_4() {
    for (text, what) in [
        ("SELECT a OPERATOR(pg_catalog.=) 1 FROM t", "OPERATOR()"),
        ("SELECT a IS NFC NORMALIZED FROM t", "an expression of this kind"),
        ("INSERT INTO t (a.b) VALUES (1)", "a part of a column"),
        ("SELECT * FROM t GROUP BY ALL", "GROUP BY ALL"),
        ("SELECT xmlparse(content 'x')", "an argument of this form"),
        ("SELECT * FROM JSON_TABLE(x, '$' COLUMNS (a int PATH '$')) j", "a table reference of this form"),
    ] {
        assert!(refused(text).contains(what), "{text}: {}", refused(text));
    }
}

#[test]
fn chains_are_read_without_recursion_sql_3() {
    let reads = |text: String| {
        std::thread::Builder::new()
            .stack_size(2 << 20)
            .spawn(move || with_tree(&text, |show| show.tree.exprs.len()).unwrap())
            .unwrap()
            .join()
            .unwrap()
    };
    let ors = vec!["a = 1"; 9_000].join(" OR ");
    assert_eq!(reads(format!("SELECT 1 FROM t WHERE {ors}")), 1 + 3 * 9_000 + 1);
    let sums = vec!["a"; 9_000].join(" + ");
    assert_eq!(reads(format!("SELECT {sums} FROM t")), 2 * 9_000 - 1);
    let casts = "::int".repeat(2_000);
    assert_eq!(reads(format!("SELECT a{casts} FROM t")), 2_001);
    let unions = vec!["SELECT a FROM t"; 200].join(" UNION ALL ");
    assert_eq!(reads(unions), 200);
}
