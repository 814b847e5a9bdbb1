use sqlparser::ast::{SelectItem, SetExpr, Statement};

use super::*;
use crate::sql::lex::lex;
use crate::sql::parse::{parse, split};
use crate::value::NumericModifier;

fn read_sql(sql: &str) -> Result<Option<Constant>, Refusal> {
    let text = format!("SELECT {sql}");
    let tokens = lex(&text).unwrap();
    let parts = split(&text, &tokens).unwrap();
    let parsed = parse(&text, &tokens, &parts[0])?;
    let Statement::Query(query) = &parsed.statement else { panic!("{sql}") };
    let SetExpr::Select(select) = query.body.as_ref() else { panic!("{sql}") };
    let SelectItem::UnnamedExpr(expr) = &select.projection[0] else { panic!("{sql}") };
    constant(expr, &Constants::new(&text, &tokens))
}

/// Debug hides values, so compare without printing them.
#[track_caller]
fn is(sql: &str, expected: Constant) {
    assert!(read_sql(sql).unwrap() == Some(expected), "{sql}");
}

#[track_caller]
fn is_typed(sql: &str, ty: Type, text: &str) {
    is(sql, typed(ty, text.to_owned()));
}

#[track_caller]
fn is_untyped(sql: &str, text: &str) {
    is(sql, Constant::Value(Literal::Untyped(text.to_owned())));
}

#[track_caller]
fn is_refused(sql: &str, sqlstate: SqlState) {
    assert_eq!(read_sql(sql).expect_err(sql).sqlstate, sqlstate, "{sql}");
}

const TWELVE_TWO: NumericModifier = NumericModifier { precision: 12, scale: 2 };

#[test]
fn strings_have_no_type_of_their_own_sql_20() {
    is_untyped("'O''B\\'", "O'B\\");
    is_untyped("E'a\\nb'", "a\nb");
    is_untyped("$q$a'b$q$", "a'b");
    is_untyped("U&'\\0061'", "a");
    is_untyped("('a'\n'b')", "ab");
    is("NULL", Constant::Null);
    is("NULL::text", Constant::Null);
}

#[test]
fn an_interval_is_a_constant_without_fields_behind_it_sql_20() {
    is_typed("interval '1 day'", Type::Interval(None), "1 day");
    is_typed("'1 day'::interval", Type::Interval(None), "1 day");
    is_typed("CAST('1' AS interval day to second)", Type::from_name("interval day to second").unwrap(), "1");
    assert!(read_sql("interval '1' day").is_ok_and(|constant| constant.is_none()));
}

#[test]
fn numbers_have_the_type_that_postgresql_gives_them_sql_20() {
    is_typed("7", Type::Int4, "7");
    is_typed("2147483647", Type::Int4, "2147483647");
    is_typed("2147483648", Type::Int8, "2147483648");
    is_typed("-2147483648", Type::Int4, "-2147483648");
    is_typed("-(2147483648)", Type::Int4, "-2147483648");
    is_typed("-9223372036854775808", Type::Int8, "-9223372036854775808");
    is_typed("9223372036854775808", Type::Numeric(None), "9223372036854775808");
    is_typed("- - 5", Type::Int4, "5");
    is_typed("+5", Type::Int4, "5");
    is_typed("1.50", Type::Numeric(None), "1.50");
    is_typed("-.5e3", Type::Numeric(None), "-.5e3");
    is_typed("true", Type::Bool, "true");
    is_typed("FALSE", Type::Bool, "false");
}

#[test]
fn casts_that_the_input_function_can_do_are_done_sql_20() {
    is_typed("date '2020-01-01'", Type::Date, "2020-01-01");
    is_typed("'a'::text", Type::Text, "a");
    is_typed("CAST('1.005' AS numeric(12,2))", Type::Numeric(Some(TWELVE_TWO)), "1.005");
    is_typed("1.005::numeric(12,2)", Type::Numeric(Some(TWELVE_TWO)), "1.005");
    is_typed("'äbc'::varchar(2)", Type::Varchar(Some(2)), "äb");
    is_typed("'x'::timestamp(3) with time zone", Type::Timestamptz(Some(3)), "x");
    is_typed("timestamptz 'x'", Type::Timestamptz(None), "x");
    is_typed("5::bigint", Type::Int8, "5");
    is_typed("5::pg_catalog.int8", Type::Int8, "5");
    is_typed("-5::int8", Type::Int8, "-5");
    is_typed("007::text", Type::Text, "7");
    is_typed("'1'::float8", Type::Float8, "1");
    is_typed("0.1::real", Type::Float4, "0.1");
    is_typed("'abc'::char(2)", Type::Bpchar(Some(2)), "ab");
    is_typed("'a'::bpchar", Type::Bpchar(None), "a");
    is_typed("'10/8'::cidr", Type::Cidr, "10/8");
    is_typed("'x'::text::uuid", Type::Uuid, "x");
    is_typed("'abc'::varchar(2)::text", Type::Text, "ab");
}

#[test]
fn casts_that_change_a_value_here_are_refused_sql_20() {
    for sql in [
        "1.5::int",
        "'1.005'::numeric(12,2)::numeric",
        "'101'::bit(5)",
        "'a'::my_type",
        "'a'::\"text2\"",
        "true::int",
        "'2020-01-01'::date::timestamp",
        "B'1'",
        "X'1F'",
        "N'a'",
        "-'5'",
        "+'5'",
    ] {
        is_refused(sql, SqlState::FEATURE_NOT_SUPPORTED);
    }
    is_refused("32768::int2", SqlState::NUMERIC_VALUE_OUT_OF_RANGE);
    is_refused("-(-32768)::int2 ", SqlState::NUMERIC_VALUE_OUT_OF_RANGE);
    is_refused(&format!("1{}", "::int".repeat(40)), SqlState::STATEMENT_TOO_COMPLEX);
}

#[test]
fn an_array_has_one_type_for_all_elements_sql_20() {
    let text = |text: &str| Some(Literal::Typed(Type::Text, text.to_owned()));
    let of = |ty: Type, text: &str| Some(Literal::Typed(ty, text.to_owned()));
    let array = |elements| Constant::Value(Literal::Array(elements));
    is("ARRAY['a', NULL]", array(vec![text("a"), None]));
    is("ARRAY[1, '2']", array(vec![of(Type::Int4, "1"), of(Type::Int4, "2")]));
    is("ARRAY[1, 3000000000]", array(vec![of(Type::Int8, "1"), of(Type::Int8, "3000000000")]));
    is("ARRAY[1, 1.5]", array(vec![of(Type::Numeric(None), "1"), of(Type::Numeric(None), "1.5")]));
    // The modifier of one is not that of another.
    let two = Type::Varchar(Some(2));
    is("ARRAY['abc', 'xyz'::varchar(2)]", array(vec![of(Type::Varchar(None), "abc"), of(two, "xy")]));
    is("ARRAY['a', 'b']::uuid[]", array(vec![of(Type::Uuid, "a"), of(Type::Uuid, "b")]));
    is("(ARRAY[])::text[]", array(vec![]));
    is_refused("ARRAY[1, true]", SqlState::FEATURE_NOT_SUPPORTED);
    is_refused("ARRAY['a'::text, 'b'::uuid]", SqlState::FEATURE_NOT_SUPPORTED);
    is("'{a}'::text[]", Constant::Value(Literal::Typed(Type::Text.array().unwrap(), "{a}".to_owned())));
    is_refused("'{abc}'::varchar(2)[]", SqlState::FEATURE_NOT_SUPPORTED);
    is_refused("'{1}'::bit(2)[]", SqlState::FEATURE_NOT_SUPPORTED);
    assert!(matches!(read_sql("ARRAY[a]"), Ok(None)));
}

/// Beside a column an ARRAY is the text of an array, from which every element comes back.
#[test]
fn an_array_of_constants_is_a_constant_of_its_own_type_sql_20() {
    let typed = |sql: &str| match read_sql(sql) {
        Ok(Some(Constant::Value(Literal::Array(items)))) => array_constant(&items),
        other => panic!("{sql}: {}", other.is_ok()),
    };
    let text = r#"{"a",NULL,"\"\\,","NULL"}"#.to_owned();
    assert_eq!(typed("ARRAY['a', NULL, '\"\\,', 'NULL']"), Some(Literal::Typed(Type::Text.array().unwrap(), text)));
    assert_eq!(typed("ARRAY[1, 2]"), Some(Literal::Typed(Type::Int4.array().unwrap(), r#"{"1","2"}"#.to_owned())));
    assert_eq!(typed("ARRAY['1.005'::numeric(5,2), '1.005']"), None, "one is rounded and the other is not");
    assert_eq!(typed("ARRAY['1.005', '1.005'::numeric(5,2)]"), None);
    assert_eq!(typed("ARRAY[NULL]"), None);
    assert_eq!(typed("ARRAY[]::text[]"), None);
}

#[test]
fn what_is_no_constant_is_none() {
    for sql in ["a", "$1", "$1::text", "lower('a')", "1 + 1", "-a", "'a' || 'b'", "(SELECT 1)", "CURRENT_DATE"] {
        assert!(matches!(read_sql(sql), Ok(None)), "{sql}");
    }
}
