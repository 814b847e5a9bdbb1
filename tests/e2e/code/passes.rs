//! What touches nothing protected behaves as without us.

use super::Doors;

const BASE: &str = "
    CREATE FUNCTION tbalance() RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT count(*) FROM person); END';
    CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS
        $f$BEGIN EXECUTE 'INSERT INTO audit_log VALUES (' || quote_literal(new.text) || ')'; RETURN new; END$f$;
    CREATE TABLE audit_log (text text);
    CREATE TABLE audited (id int, text text);
    CREATE TRIGGER audit BEFORE INSERT ON audited FOR EACH ROW EXECUTE FUNCTION audit();
    CREATE FUNCTION counts(which text DEFAULT 'note') RETURNS bigint LANGUAGE plpgsql AS
        $f$DECLARE n bigint; BEGIN EXECUTE 'SELECT count(*) FROM ' || which INTO n; RETURN n; END$f$;
    CREATE TABLE visit (id int, person bigint REFERENCES person);
    CREATE TYPE mood AS ENUM ('sad', 'glad');
    CREATE DOMAIN positive AS int CHECK (VALUE > 0);
    CREATE FUNCTION twice(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 2 * $1';
    CREATE TABLE checked (a positive CHECK (twice(a) > 1), b int GENERATED ALWAYS AS (twice(a)) STORED, c mood);
    CREATE INDEX ON checked (twice(a));
    CREATE VIEW checked_view AS SELECT * FROM checked WHERE twice(a) < 100;
    CREATE OPERATOR === (function = int4eq, leftarg = int, rightarg = int);";

const STATEMENTS: &[&str] = &[
    // A column and an alias called like a function that names a protected table.
    "INSERT INTO note (id, text, tbalance) VALUES (1, 'x', 7)",
    "SELECT tbalance, note.tbalance FROM note WHERE tbalance = 7 ORDER BY tbalance",
    "UPDATE note SET tbalance = tbalance + 1 RETURNING tbalance",
    "SELECT 1 AS tbalance, 2 tbalance FROM note AS tbalance",
    "CREATE TEMP TABLE temporary (tbalance int); DROP TABLE temporary",
    // A table whose trigger puts SQL together.
    "INSERT INTO audited VALUES (1, 'it''s')",
    "SELECT * FROM audited JOIN audit_log USING (text)",
    // What depends on nothing protected.
    "INSERT INTO checked (a, c) VALUES (3, 'glad')",
    "INSERT INTO checked_view (a) VALUES ('4'::positive)",
    "SELECT a === 3 FROM checked_view WHERE c = 'glad'::mood",
    "SELECT count(*) FROM visit",
    // Code that puts SQL together, without constants of the statement.
    "SELECT counts()",
    "SELECT counts(text) FROM (SELECT NULL::text AS text WHERE false) s",
    "CREATE OR REPLACE FUNCTION made(a text) RETURNS void LANGUAGE plpgsql AS \
     $f$BEGIN EXECUTE 'SELECT ' || quote_literal(a); END$f$; DROP FUNCTION made",
    "CREATE OR REPLACE FUNCTION compiled(int, int) RETURNS bool LANGUAGE internal AS 'int4eq'; DROP FUNCTION compiled",
    "CREATE OR REPLACE FUNCTION settled() RETURNS int LANGUAGE sql SET work_mem = '4MB' AS 'SELECT 1'; DROP FUNCTION settled",
    "DO $$BEGIN EXECUTE format('SELECT %L', 'x'); EXECUTE 'ANALYZE ' || 'note'; END$$",
    // Constants of code that are no SQL.
    "DO $$BEGIN RAISE EXCEPTION 'Can''t do it' USING ERRCODE = '42P05'; EXCEPTION WHEN SQLSTATE '42P05' THEN NULL; END$$",
    "CREATE OR REPLACE FUNCTION complain() RETURNS void LANGUAGE plpgsql AS \
     $f$BEGIN RAISE EXCEPTION 'Can''t execute it' USING ERRCODE = '1234F'; END$f$; DROP FUNCTION complain()",
    // Builtins that run a text which can be read, or none.
    "SELECT query_to_xml('SELECT 1', true, true, '')",
    "SELECT * FROM ts_stat('SELECT to_tsvector(text) FROM note')",
    "SELECT ts_rewrite('a & b'::tsquery, 'a'::tsquery, 'c'::tsquery)",
    "SELECT 'tbalance()'::regprocedure, 'person'::regclass, 1 AS U&\"\\0061b\"",
];

#[tokio::test]
async fn what_touches_nothing_protected_behaves_as_without_us_sql_13_sql_65() {
    let doors = Doors::open("passes", BASE).await;
    doors.world.writes_no_secret("nothing is written into a sealed table");
    for statement in STATEMENTS {
        doors.passes(statement).await;
    }
    // The same by messages, with parameters that no code gets.
    let client = doors.client().await;
    client.execute("INSERT INTO audited VALUES ($1, $2)", &[&2_i32, &"y"]).await.unwrap();
    doors.proxied.execute("INSERT INTO audited VALUES ($1, $2)", &[&3_i32, &"z"]).await.unwrap();
    assert_eq!(doors.world.at_server("SELECT count(*) FROM audit_log"), "4\n");
}
