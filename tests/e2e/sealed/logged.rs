//! The proxy's own log, at its most verbose level, holds no value of a statement: the search that ends a world reads it.

use crate::harness::raw::{bind, describe, execute, parse, query, sync};

use super::world;

#[test]
fn the_log_at_level_trace_holds_no_literal_and_no_parameter_sql_3() {
    let mut world = world("logged");
    world.restart_logging("trace");
    let secret = world.secret();
    let escaped: String = secret.bytes().map(|byte| format!("\\x{byte:02x}")).collect();
    let mut raw = world.raw();
    for sql in [
        format!("INSERT INTO person (id, name, email) VALUES (1, '{secret}', E'{escaped}'), (2, $q${secret}$q$, NULL)"),
        format!("SELECT id FROM person WHERE email IN ('{secret}', 'x') OR email = '{secret}'::text LIMIT 5"),
        format!("UPDATE person SET name = CAST('{secret}' AS varchar(40)), team = 'blue' WHERE email = U&'{secret}'"),
        format!("SELECT name FROM person WHERE email = ANY (ARRAY['{secret}'])"),
        // Refused, or an error: nothing of it is told either.
        format!("SELECT '{secret}' FROM person WHERE name LIKE '{secret}%'"),
        format!("SELECT id FROM person WHERE email = '{secret}' '{secret}'"),
        format!("INSERT INTO person (id, name, born) VALUES (3, 'x', '{secret}')"),
        format!("INSERT INTO person (id, name, picture) VALUES (3, B'{secret}', X'00')"),
    ] {
        raw.talk(&query(&sql), 1);
        raw.talk(&[parse("", &sql, &[]), bind("", "", &[], 0), describe(b'P', ""), execute("", 0), sync()].concat(), 1);
    }
    let sql = "UPDATE person SET name = $1 WHERE email = $1";
    raw.talk(&[parse("", sql, &[]), bind("", "", &[Some(&secret)], 0), execute("", 0), sync()].concat(), 1);
    assert!(world.proxy().log().contains("serving"));
}
