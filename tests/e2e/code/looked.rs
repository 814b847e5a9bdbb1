//! What is made behind us is found by the next look at the catalog, which fetches only what changed (CAT-5, SQL-65).

use super::Doors;

const BASE: &str = "
    CREATE FUNCTION keep(text) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS
        'BEGIN IF false THEN DELETE FROM person; END IF; RETURN true; END';
    CREATE FUNCTION keep_new() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM keep(new.a); RETURN new; END';
    CREATE FUNCTION quiet(text) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT true';
    CREATE FUNCTION later(text) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT true';
    CREATE TABLE t1 (a text); CREATE TABLE t2 (a text); CREATE TABLE t3 (a text); CREATE TABLE t4 (a text);
    CREATE TABLE t5 (a text); CREATE TABLE t6 (a text); CREATE TABLE t7 (a text); CREATE TABLE t8 (a text);
    CREATE TABLE t9 (a text); CREATE TABLE t10 (a text CHECK (later(a))); CREATE TABLE t11 (a text);
    CREATE DOMAIN kept AS text CHECK (keep(VALUE)); CREATE DOMAIN free AS text;
    CREATE VIEW known AS SELECT id FROM person;
    CREATE EXTENSION postgres_fdw; CREATE SERVER here FOREIGN DATA WRAPPER postgres_fdw;
    CREATE FOREIGN TABLE away (name text) SERVER here OPTIONS (table_name 'note');";

/// A statement that passes, what somebody does at the server, and then it is refused.
const CHANGES: &[(&str, &str)] = &[
    ("INSERT INTO t1 VALUES ('x')", "ALTER TABLE t1 ADD CHECK (keep(a)) NOT VALID"),
    ("INSERT INTO t2 VALUES ('x')", "ALTER TABLE t2 ADD COLUMN b bool GENERATED ALWAYS AS (keep(a)) STORED"),
    ("DELETE FROM t3 WHERE a = 'x'", "ALTER TABLE t3 ADD COLUMN b bool DEFAULT keep('x')"),
    ("DELETE FROM t4 WHERE a = 'x'", "CREATE INDEX ON t4 (keep(a))"),
    ("INSERT INTO t5 VALUES ('x')", "CREATE POLICY p ON t5 USING (a IN (SELECT id::text FROM person))"),
    ("INSERT INTO t6 VALUES ('x')", "CREATE TRIGGER t BEFORE INSERT ON t6 FOR EACH ROW EXECUTE FUNCTION keep_new()"),
    ("DELETE FROM t7 WHERE a = 'x'", "ALTER TABLE t7 ALTER a TYPE kept"),
    (
        "DELETE FROM t8 WHERE a = 'x'",
        "CREATE TABLE c8 () INHERITS (t8); CREATE TRIGGER t BEFORE INSERT ON c8 FOR EACH ROW EXECUTE FUNCTION keep_new()",
    ),
    ("INSERT INTO t9 VALUES ('x')", "CREATE RULE r AS ON INSERT TO t9 DO ALSO SELECT keep(new.a)"),
    (
        "INSERT INTO t10 VALUES ('x')",
        "CREATE OR REPLACE FUNCTION later(text) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT keep($1)'",
    ),
    ("SELECT a <~> a FROM t11", "CREATE OPERATOR <~> (function = keep_both, leftarg = text, rightarg = text)"),
    ("SELECT 'x'::free", "ALTER DOMAIN free ADD CHECK (keep(VALUE)) NOT VALID"),
    ("SELECT 'x'::free2", "CREATE DOMAIN free2 AS kept"),
    (
        "SELECT quiet('x')",
        "CREATE OR REPLACE FUNCTION quiet(text) RETURNS bool LANGUAGE plpgsql AS 'BEGIN EXECUTE $1; RETURN true; END'",
    ),
    ("SELECT id FROM renamed", "ALTER VIEW known RENAME TO renamed"),
    ("SELECT id FROM made", "CREATE VIEW made AS SELECT id FROM person"),
    ("SELECT sum_of('x')", "CREATE AGGREGATE sum_of (text) (sfunc = keep_both, stype = text)"),
    ("SELECT name FROM away", "ALTER FOREIGN TABLE away OPTIONS (SET table_name 'person')"),
];

#[tokio::test]
async fn each_way_to_depend_on_a_protected_table_is_seen_when_somebody_else_makes_it_cat_5() {
    let both = "CREATE FUNCTION keep_both(text, text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT keep($1)::text';";
    let doors = Doors::open("looked", &format!("{BASE}{both}")).await;
    doors.world.writes_no_secret("nothing is written into a sealed table");
    let client = doors.client().await;
    for (statement, change) in CHANGES {
        // It may fail at the server, where the object is not there yet.
        let before = client.batch_execute(statement).await.err().and_then(|error| error.code().map(str::to_owned));
        assert_ne!(before.as_deref(), Some("0A000"), "{statement}");
        doors.world.at_server(change);
        doors.sealer.look_again().await.unwrap();
        let error = client.batch_execute(statement).await.expect_err(statement);
        assert_eq!(error.code(), Some("0A000"), "{statement}: {error}");
        // Nothing changed since: the answer is that of the last look.
        doors.sealer.look_again().await.unwrap();
        assert!(client.batch_execute(statement).await.is_err(), "{statement}");
    }
    // What is gone, and not in the lock, may be used again.
    doors.world.at_server("DROP VIEW made; CREATE TABLE made (id int)");
    doors.sealer.look_again().await.unwrap();
    client.batch_execute("SELECT id FROM made").await.unwrap();
}
