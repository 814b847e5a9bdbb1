//! Settings that change what a text means (SQL-7): refused where they can be seen, asked where they cannot.

use crate::harness::raw::{Frame, Raw, bind, execute, kinds, parse, query, startup, sync};

use super::world;

fn error(frames: &[Frame]) -> Option<(String, String)> {
    let error = frames.iter().find(|frame| frame.kind == 'E')?;
    Some((error.field('C').unwrap(), error.field('M').unwrap()))
}

/// SQLSTATE of a simple query, and of the same as a prepared statement; both must agree.
fn said(raw: &mut Raw, sql: &str) -> Option<(String, String)> {
    let simple = error(&raw.talk(&query(sql), 1));
    let script = [parse("", sql, &[]), bind("", "", &[], 0), execute("", 0), sync()].concat();
    assert_eq!(error(&raw.talk(&script, 1)), simple, "{sql}");
    simple
}

fn refused(name: &str) -> Option<(String, String)> {
    let good = if name == "transform_null_equals" { "off" } else { "on" };
    let message = format!("{name} must be {good}: another value changes what statements on protected tables mean");
    Some(("0A000".to_owned(), message))
}

#[test]
fn a_start_up_parameter_that_changes_the_meaning_of_texts_is_refused_sql_7() {
    let world = world("setstart");
    world.writes_no_secret("it looks for what is not there");
    let begin = |name, value| {
        let mut raw = world.raw_unauthenticated();
        raw.send(&startup(&[("user", "postgres"), ("database", world.database()), (name, value)]));
        raw.until('Z')
    };
    for (name, value, setting) in [
        ("array_nulls", "off", "array_nulls"),
        ("Transform_Null_Equals", "1", "transform_null_equals"),
        ("options", "-c geqo=off -c array_nulls=f", "array_nulls"),
        ("options", "--transform-null-equals=on", "transform_null_equals"),
    ] {
        let frames = begin(name, value);
        assert_eq!(kinds(&frames), "E", "{name}: {value}");
        assert_eq!(error(&frames), refused(setting), "{name}: {value}");
        assert_eq!(frames[0].field('S').as_deref(), Some("FATAL"));
        assert!(frames[0].field('H').is_some());
    }
    for (name, value) in [("array_nulls", "on"), ("options", "-c backslash_quote=on --array-nulls=true")] {
        assert!(kinds(&begin(name, value)).ends_with('Z'), "{name}: {value}");
    }
}

#[test]
fn a_statement_that_changes_the_meaning_of_texts_is_refused_sql_7() {
    let world = world("setvisible");
    world.writes_no_secret("it looks for what is not there");
    let mut raw = world.raw();
    let database = world.database();
    for (sql, setting) in [
        ("SET array_nulls = off", "array_nulls"),
        ("SET LOCAL transform_null_equals TO 'on'", "transform_null_equals"),
        ("SET SESSION \"ARRAY_NULLS\" TO 0", "array_nulls"),
        ("SET U&\"array\\005fnulls\" = no", "array_nulls"),
        ("ALTER ROLE postgres SET transform_null_equals = on", "transform_null_equals"),
        (&format!("ALTER DATABASE {database} SET array_nulls = off"), "array_nulls"),
        ("SELECT set_config('transform_null_equals', 'on', false)", "transform_null_equals"),
        ("CREATE FUNCTION f() RETURNS int LANGUAGE sql SET array_nulls = off AS 'SELECT 1'", "array_nulls"),
    ] {
        assert_eq!(said(&mut raw, sql), refused(setting), "{sql}");
    }
    assert_eq!(said(&mut raw, "SET backslash_quote = off").unwrap().0, "0A000");
    for sql in [
        "SET array_nulls = on",
        "SET transform_null_equals = off",
        "SET backslash_quote = on",
        "RESET array_nulls",
        "SET array_nulls TO DEFAULT",
        "SHOW array_nulls",
        "SELECT set_config('array_nulls', 'yes', false)",
        "SELECT id FROM person WHERE email = E'it\\'s'",
        "SELECT id FROM person WHERE team = NULL",
    ] {
        assert_eq!(said(&mut raw, sql), None, "{sql}");
    }
    let seen = "SELECT string_agg(name || setting, ' ' ORDER BY name) FROM pg_settings \
                WHERE name IN ('array_nulls', 'transform_null_equals')";
    let frames = raw.talk(&query(seen), 1);
    assert_eq!(frames[1].columns(), [Some(b"array_nullson transform_null_equalsoff".to_vec())]);
}

/// What the settings of a database change, from the same statement: refused or answered, never answered otherwise.
const DEPENDENT: [(&str, &str); 3] = [
    ("transform_null_equals", "SELECT id FROM person WHERE email = NULL"),
    ("array_nulls", "SELECT id FROM person WHERE email = ANY ('{NULL,a}')"),
    ("backslash_quote", "SELECT id FROM person WHERE email = E'it\\'s'"),
];

#[test]
fn what_a_database_sets_is_asked_before_the_first_statement_that_depends_on_it_sql_7() {
    let world = world("setdatabase");
    world.writes_no_secret("it looks for what is not there");
    world.at_server(&format!("ALTER DATABASE {} SET transform_null_equals = on", world.database()));
    world.at_server(&format!("ALTER DATABASE {} SET array_nulls = off", world.database()));
    world.at_server(&format!("ALTER DATABASE {} SET backslash_quote = off", world.database()));
    let mut raw = world.raw();
    for sql in [
        "INSERT INTO person (id, name, email) VALUES (1, 'x', NULL)",
        "SELECT id FROM person WHERE email IS NULL",
        "DELETE FROM person",
    ] {
        assert_eq!(error(&raw.talk(&query(sql), 1)), None, "{sql}: depends on no setting");
    }
    for (setting, sql) in DEPENDENT {
        let (code, message) = said(&mut raw, sql).unwrap();
        assert!(code == "0A000" && message.starts_with(setting), "{sql}: {message}");
    }
    // As the hint says.
    for (sql, (_, dependent)) in
        ["SET transform_null_equals = off", "SET array_nulls = on", "SET backslash_quote = on"].iter().zip(DEPENDENT)
    {
        assert_eq!(said(&mut raw, sql), None, "{sql}");
        assert_eq!(said(&mut raw, dependent), None, "{dependent}");
    }
    // Back to what the database says.
    assert_eq!(said(&mut raw, "RESET transform_null_equals"), None);
    assert_eq!(said(&mut raw, DEPENDENT[0].1), refused("transform_null_equals"));
}

#[test]
fn what_nobody_sees_being_set_is_asked_again_sql_7() {
    let world = world("sethidden");
    world.writes_no_secret("it looks for what is not there");
    world.at_server(
        "CREATE FUNCTION quietly() RETURNS text LANGUAGE sql AS \
         $$SELECT set_config('transform_null_equals', 'on', false)$$",
    );
    for hidden in [
        "SELECT set_config('transform_null_' || 'equals', 'on', false)",
        "SELECT quietly()",
        "DO $$BEGIN SET transform_null_equals = on; END$$",
        "UPDATE pg_settings SET setting = 'on' WHERE name = 'transform_null_equals'",
    ] {
        let mut raw = world.raw();
        assert_eq!(said(&mut raw, DEPENDENT[0].1), None, "{hidden}");
        assert_eq!(said(&mut raw, hidden), None, "{hidden}");
        assert_eq!(said(&mut raw, DEPENDENT[0].1), refused("transform_null_equals"), "{hidden}");
        assert_eq!(said(&mut raw, "RESET ALL"), None);
        assert_eq!(said(&mut raw, DEPENDENT[0].1), None, "{hidden}");
    }
}
