use super::*;
use crate::sql::plan::tests::support;

fn refused(text: &str) -> Option<Setting> {
    let refusal = refusal(text, &lex::lex(text).unwrap())?;
    Setting::ALL.into_iter().find(|setting| refusal.message.starts_with(setting.name()))
}

#[test]
fn a_harmful_value_is_refused_at_every_door_where_it_can_be_seen_sql_7() {
    use Setting::{ArrayNulls, BackslashQuote, TransformNullEquals};
    for (text, setting) in [
        ("SET array_nulls = off", ArrayNulls),
        ("SET array_nulls TO 'off'", ArrayNulls),
        ("set local \"ARRAY_NULLS\" = FALSE", ArrayNulls),
        ("SET SESSION Array_Nulls /* */ TO 0", ArrayNulls),
        ("SET array_nulls = E'o\\146f'", ArrayNulls),
        ("SET array_nulls = nonsense", ArrayNulls),
        ("SET transform_null_equals = on", TransformNullEquals),
        ("SET transform_null_equals = t", TransformNullEquals),
        ("SET backslash_quote = off", BackslashQuote),
        ("SET backslash_quote TO safe_enc", BackslashQuote),
        ("SELECT 1; SET backslash_quote = 'no'", BackslashQuote),
        ("ALTER ROLE ada SET transform_null_equals TO yes", TransformNullEquals),
        ("ALTER ROLE ada IN DATABASE shop SET array_nulls = off", ArrayNulls),
        ("ALTER DATABASE shop SET array_nulls TO off", ArrayNulls),
        ("ALTER SYSTEM SET array_nulls = off", ArrayNulls),
        ("ALTER FUNCTION f() SET array_nulls = off", ArrayNulls),
        ("CREATE FUNCTION f() RETURNS int LANGUAGE sql SET array_nulls = off AS 'SELECT 1'", ArrayNulls),
        ("SELECT set_config('array_nulls', 'off', false)", ArrayNulls),
        ("SELECT pg_catalog.set_config('Array_Nulls', $1, false)", ArrayNulls),
        ("SELECT 1 WHERE set_config('transform_null_equals', 'on' || '', true) = ''", TransformNullEquals),
    ] {
        assert_eq!(refused(text), Some(setting), "{text}");
    }
}

#[test]
fn harmless_values_and_mere_mentions_pass_sql_7() {
    for text in [
        "SET array_nulls = on",
        "SET LOCAL array_nulls TO DEFAULT",
        "RESET array_nulls",
        "SET transform_null_equals = 'OFF'",
        "SET transform_null_equals = of",
        "SET backslash_quote = safe_encoding",
        "SET backslash_quote = 'On'",
        "SHOW array_nulls",
        "SELECT current_setting('array_nulls')",
        "SELECT set_config('array_nulls', 'on', false)",
        "SELECT set_config($1, 'off', false)",
        "SELECT set_config('search_path', 'off', false)",
        "UPDATE notes SET array_nulls = 'off'",
        "ALTER TABLE t ALTER array_nulls SET DEFAULT 'off'",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql SET array_nulls FROM CURRENT AS 'SELECT 1'",
        "INSERT INTO notes VALUES ('SET array_nulls = off')",
    ] {
        assert_eq!(refused(text), None, "{text}");
    }
}

#[test]
fn start_up_parameters_and_options_are_read_as_the_server_reads_them_sql_7() {
    for (name, value) in [
        ("array_nulls", "off"),
        ("ARRAY_NULLS", "F"),
        ("transform_null_equals", "on"),
        ("backslash_quote", "off"),
        ("options", "-c array_nulls=off"),
        ("options", "-carray_nulls=off"),
        ("options", "-ec array_nulls=off"),
        ("options", "--array-nulls=off"),
        ("options", "-c search_path=a\\ b\t--Transform_Null-equals=1"),
        ("options", "-c array_nulls=o\\ff"),
        ("options", "-c array_nulls=on -c array_nulls=off"),
    ] {
        assert!(check_startup(name.as_bytes(), value.as_bytes()).is_err(), "{name}: {value}");
    }
    for (name, value) in [
        ("array_nulls", "on"),
        ("transform_null_equals", "off"),
        ("backslash_quote", "on"),
        ("options", "-c array_nulls=on --transform-null-equals=no -c geqo=off"),
        ("options", ""),
        ("application_name", "array_nulls=off"),
        ("user", "array_nulls"),
    ] {
        assert!(check_startup(name.as_bytes(), value.as_bytes()).is_ok(), "{name}: {value}");
    }
    assert!(check_startup(b"array_nulls", b"\xff").is_err());
}

#[test]
fn a_statement_depends_on_a_setting_only_where_its_text_or_its_values_do_sql_7() {
    use Setting::{ArrayNulls, BackslashQuote, TransformNullEquals};
    for (text, settings) in [
        ("SELECT id FROM customers WHERE email = 'x'", &[][..]),
        ("SELECT id FROM customers WHERE email IS NULL", &[]),
        ("INSERT INTO customers (id, email) VALUES (1, NULL)", &[]),
        ("SELECT id FROM customers WHERE email = ((NULL))", &[TransformNullEquals]),
        ("SELECT id FROM customers WHERE NULL = name", &[TransformNullEquals]),
        ("SELECT id FROM customers WHERE email = ANY ($1)", &[ArrayNulls]),
        ("SELECT id FROM customers WHERE email = E'\\''", &[BackslashQuote]),
    ] {
        let plan = support::plan(text);
        assert_eq!(plan.notes.depends_on, settings, "{text}");
    }
}
