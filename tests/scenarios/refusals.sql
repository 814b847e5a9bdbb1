-- What cannot be answered: the same words through every door, nothing changed, the session goes on.

== predicates that a sealed column cannot answer
a: INSERT INTO person (id, name, email) VALUES (1, 'a', 'e1');
a: SELECT id FROM person WHERE name LIKE 'Qz7secretonehwxyvk%';
=> refused 0A000 column person.name is sealed: LIKE cannot be answered
a: SELECT id FROM person WHERE name = $1;
<- ["Qz7secretonehwxyvk"]
=> refused 0A000 column person.name is sealed and has no exact beacon: = cannot be answered
a: SELECT id FROM person WHERE lower(email) = $1;
<- ["Qz7secretonehwxyvk"]
=> refused 0A000 column person.email is sealed: lower() cannot be answered
a: SELECT id FROM person WHERE born < '2000-01-01';
=> refused 0A000 column person.born is sealed: a range comparison cannot be answered
a: SELECT id FROM person WHERE balance BETWEEN $1 AND $2;
<- [1, 2]
=> refused 0A000 column person.balance is sealed: BETWEEN cannot be answered
a: SELECT id FROM person WHERE email = 'Qz7secretonehwxyvk' || team;
=> refused 0A000 column person.email is sealed: = with anything but a constant cannot be answered
a: SELECT id FROM person WHERE name = email;
=> refused 0A000 the sealed columns person.name and person.email cannot be compared with each other in this version
a: SELECT name FROM person ORDER BY id;

== expressions, aggregates and orders over sealed columns
a: SELECT upper(name) FROM person;
=> refused 0A000 column person.name is sealed: upper() cannot be answered
a: SELECT balance + 1 FROM person;
=> refused 0A000 column person.balance is sealed: arithmetic cannot be answered
a: SELECT max(name) FROM person;
=> refused 0A000 column person.name is sealed: max() cannot be answered
a: SELECT id FROM person ORDER BY name;
=> refused 0A000 column person.name is sealed: ORDER BY cannot be answered
a: SELECT email, count(*) FROM person GROUP BY email;
=> refused 0A000 column person.email is sealed: GROUP BY cannot be answered
a: SELECT CASE WHEN id = 1 THEN name END FROM person;
=> refused 0A000 column person.name is sealed: CASE cannot be answered
a: SELECT born::text FROM person;
=> refused 0A000 column person.born is sealed: a cast to another type cannot be answered
a: SELECT 1;

== shapes of statements
a: SELECT p.name FROM person p JOIN note n ON n.text = p.email;
=> refused 0A000 column person.email is sealed: = with anything but a constant cannot be answered
a: SELECT n.*, p.name FROM person p JOIN note n ON n.id = p.id;
=> refused 0A000 * beside a protected table cannot be answered: the columns of n are not known
a: SELECT p FROM person p;
=> refused 0A000 the whole row p cannot be used as a value
a: WITH p AS (DELETE FROM person RETURNING id) SELECT * FROM p;
=> refused 0A000 INSERT, UPDATE or DELETE in WITH cannot be used in a statement on a protected table
a: SELECT name FROM person UNION SELECT text FROM note;
=> refused 0A000 column person.name is sealed: UNION, INTERSECT or EXCEPT cannot be answered
a: SELECT name INTO copied FROM person;
=> refused 0A000 SELECT INTO from a protected table would copy its cells to where they cannot be opened
a: CREATE TABLE copied AS SELECT * FROM person;
=> refused 0A000 CREATE TABLE over or beside a protected table cannot be answered in this version
a: EXPLAIN SELECT name FROM person;
=> refused 0A000 EXPLAIN of a statement on a protected table cannot be answered in this version
a: PREPARE p AS SELECT name FROM person;
=> refused 0A000 PREPARE of a statement on a protected table cannot be answered in this version
a: DECLARE c CURSOR FOR SELECT name FROM person;
=> refused 0A000 a cursor over a protected table cannot be answered in this version
a: COPY person FROM STDIN;
=> refused 0A000 COPY of a protected table cannot be answered in this version
a: COPY (SELECT name FROM person) TO STDOUT;
=> refused 0A000 COPY of a protected table cannot be answered in this version
a: SELECT 1;

== writes that would store what was not sealed
a: INSERT INTO person (id, name) SELECT id, text FROM note;
=> refused 0A000 INSERT ... SELECT into a protected table cannot be answered in this version
a: INSERT INTO person (id, name) VALUES (1, upper('x'));
=> refused 0A000 column person.name is sealed: storing anything but a constant cannot be answered
a: UPDATE person SET name = name || 'Qz7secretonehwxyvk';
=> refused 0A000 column person.name is sealed: storing anything but a constant cannot be answered
a: UPDATE person SET balance = balance + $1;
<- [1]
=> refused 0A000 column person.balance is sealed: storing anything but a constant cannot be answered
a: UPDATE ledger SET id = 5 WHERE id = 1;
=> refused 0A000 column ledger.id is part of the encryption context: it cannot be changed in this version
a: UPDATE person SET id = 5;
=> refused 0A000 column person.id is part of the encryption context: it cannot be changed in this version
a: INSERT INTO ledger (id, holder) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET holder = EXCLUDED.holder;
=> refused 0A000 ON CONFLICT DO UPDATE on a protected table cannot be answered in this version
a: UPDATE person SET name = n.text FROM note n WHERE n.id = person.id;
=> refused 0A000 UPDATE ... FROM with a protected table cannot be answered in this version
a: DELETE FROM person USING note n WHERE n.id = person.id;
=> refused 0A000 DELETE ... USING with a protected table cannot be answered in this version
a: MERGE INTO person USING note n ON n.id = person.id WHEN MATCHED THEN DELETE;
=> refused 0A000 MERGE into a protected table cannot be answered in this version
a: SELECT count(*) FROM person;

== DDL, dynamic SQL and the catalog
a: ALTER TABLE person ADD COLUMN x text;
=> refused 0A000 ALTER TABLE of a protected table cannot be answered in this version
a: DROP TABLE person;
=> refused 0A000 DROP of a protected table cannot be answered in this version
a: CREATE INDEX ON person (email);
=> refused 0A000 CREATE INDEX on a protected table cannot be answered in this version
a: CREATE VIEW v AS SELECT name FROM person;
=> refused 0A000 a view over a protected table cannot be answered in this version
a: DO $$BEGIN DELETE FROM person; END$$;
=> refused 0A000 the body of this code names the protected object person
a: DO $$BEGIN EXECUTE 'DELETE FROM ' || 'per' || 'son'; END$$;
=> refused 0A000 SQL that is put together at run time could name a protected object
a: SELECT column_name FROM information_schema.columns WHERE table_name = 'person';
=> refused 0A000 information_schema would show the physical columns of person
a: SELECT pgseal_eq_email FROM person;
=> error 42703
a: SELECT name FRM person;
=> error 42601
a: SELECT name FROM person WHERE id = 1 AND;
=> error 42601
a: SELECT 1;

== settings under which values look otherwise
a: INSERT INTO kinds (id, tz, raw) VALUES (1, '2024-01-01 00:00+00', '\x01');
a: SET DateStyle = 'German';
a: SELECT id FROM kinds;
a: RESET DateStyle;
a: SELECT id, tz FROM kinds;

== settings under which texts mean something else
a: INSERT INTO person (id, name, email) VALUES (1, 'a', 'e1'), (2, 'b', NULL);
a: SET transform_null_equals = on;
=> refused 0A000 transform_null_equals must be off: another value changes what statements on protected tables mean
a: SELECT id FROM person WHERE email = NULL;
a: SET array_nulls = off;
=> refused 0A000 array_nulls must be on: another value changes what statements on protected tables mean
a: SELECT id FROM person WHERE email = ANY('{e1,NULL}');
a: BEGIN;
a: SET LOCAL transform_null_equals = on;
=> refused 0A000 transform_null_equals must be off: another value changes what statements on protected tables mean
a: SELECT 1;
=> error 25P02
a: ROLLBACK;
a: SET search_path = pg_catalog, public;
a: SELECT id, name FROM person ORDER BY id;
a: RESET search_path;
a: SET bytea_output = 'escape';
a: SELECT picture FROM person;
a: RESET bytea_output;
a: SELECT picture FROM person;

== the same settings where they are not seen to be set
a: INSERT INTO person (id, name, email) VALUES (1, 'a', 'e1'), (2, 'b', NULL);
a: SELECT sly('transform_null_equals', 'on');
a: SELECT id FROM person WHERE email = NULL;
=> refused 0A000 transform_null_equals must be off: another value changes what statements on protected tables mean
a: SELECT sly('transform_null_equals', 'off');
a: SELECT id FROM person WHERE email = NULL;
a: SELECT sly('array_nulls', 'off');
a: SELECT id FROM person WHERE email = ANY('{e1,NULL}');
=> refused 0A000 array_nulls must be on: another value changes what statements on protected tables mean
a: SELECT sly('array_nulls', 'on');
a: SELECT id FROM person WHERE email = ANY('{e1,NULL}');

== what a refused name would have run, and locks
a: PREPARE find AS SELECT id FROM person WHERE email = $1;
=> refused 0A000 PREPARE of a statement on a protected table cannot be answered in this version
a: EXECUTE find('Qz7secretonehwxyvk');
=> refused 0A000 a statement on a protected table that was prepared by message, or whose PREPARE was refused, cannot be used by name in SQL
a: DECLARE rows CURSOR WITH HOLD FOR SELECT name FROM person;
=> refused 0A000 a cursor over a protected table cannot be answered in this version
a: FETCH ALL FROM rows;
=> refused 0A000 a statement on a protected table that was prepared by message, or whose PREPARE was refused, cannot be used by name in SQL
a: LOCK TABLE person IN SHARE MODE;
=> refused 0A000 LOCK TABLE of a protected table cannot be answered in this version
a: EXPLAIN (ANALYZE) UPDATE person SET name = 'Qz7secretonehwxyvk';
=> refused 0A000 EXPLAIN of a statement on a protected table cannot be answered in this version
a: INSERT INTO person (id, name) VALUES (1, 'Qz7secretonehwxyvk');
a: TRUNCATE person;
a: SELECT name FROM person;
