-- CRUD on a sealed table without a signature, and beside it.

== rows are written, read, searched, changed and deleted
a: INSERT INTO person (id, name, email, picture) VALUES ($1, $2, $3, $4);
<- [1, "Qz7secretonehwxyvk", "ada@x.org", "\\x00ff5c"]
a: INSERT INTO person (id, name, email, born, balance) VALUES ($1, $2, $3, $4, $5);
<- [2, "Qz7secrettwohwxyvk", null, "1990-05-17", "12.5"]
a: SELECT * FROM person ORDER BY id;
a: SELECT * FROM person WHERE email = $1;
<- ["ada@x.org"]
a: SELECT id FROM person WHERE email = $1;
<- ["nobody@x.org"]
a: SELECT id FROM person WHERE email IS NULL;
a: SELECT id FROM person WHERE email IS NOT NULL;
a: UPDATE person SET name = $1, team = $2 WHERE email = $3;
<- ["Qz7secrettwohwxyvk", "blue", "ada@x.org"]
a: UPDATE person SET email = $1 WHERE id = $2;
<- ["Qz7secretonehwxyvk", 2]
a: SELECT id, name FROM person WHERE email = $1;
<- ["Qz7secretonehwxyvk"]
a: SELECT * FROM person ORDER BY id;
a: DELETE FROM person WHERE email = $1;
<- ["ada@x.org"]
a: DELETE FROM person WHERE email = $1;
<- ["nobody"]
a: SELECT count(*) FROM person;
a: DELETE FROM person;
a: SELECT * FROM person;

== constants in the statement instead of parameters
a: INSERT INTO person (id, name, email, born, balance, picture) VALUES
   (1, 'Qz7secretonehwxyvk', E'a\'b@x.org', '1990-05-17', 12.5, '\x0102'),
   (2, 'O''Brien \', NULL, DATE '2001-02-03', -0.01, NULL);
=> standard strings
a: SELECT * FROM person ORDER BY id;
a: SELECT name FROM person WHERE email = 'a''b@x.org';
a: SELECT name FROM person WHERE email IN ('a''b@x.org', 'other', NULL);
a: UPDATE person SET name = 'Qz7secrettwohwxyvk', born = NULL, balance = 1e3 WHERE id = 1;
a: SELECT * FROM person ORDER BY id;

== predicates of every kind on a column with a tag and on plain ones
a: INSERT INTO person (id, name, email, team) VALUES
   (1, 'n1', 'e1', 'red'), (2, 'n2', 'e2', 'blue'), (3, 'n3', NULL, 'red'), (4, 'n4', 'e4', 'green');
a: SELECT id FROM person WHERE email IN ($1, $2) ORDER BY id;
<- ["e1", "e4"]
a: SELECT id FROM person WHERE email NOT IN ($1, $2) ORDER BY id;
<- ["e1", "e4"]
a: SELECT id FROM person WHERE email NOT IN ($1, NULL) ORDER BY id;
<- ["e1"]
a: SELECT id FROM person WHERE email = ANY($1) ORDER BY id;
<- [["e1", null, "e2", "e2"]]
a: SELECT id FROM person WHERE email = ANY($1) ORDER BY id;
<- [[]]
a: SELECT id FROM person WHERE email = ANY($1);
<- [null]
a: SELECT id FROM person WHERE email <> $1 ORDER BY id;
<- ["e1"]
a: SELECT id FROM person WHERE email = $1;
<- [null]
a: SELECT id FROM person WHERE email IS NOT DISTINCT FROM $1;
<- [null]
a: SELECT id FROM person WHERE email = $1 OR team = $2 ORDER BY id;
<- ["e2", "red"]
a: SELECT id FROM person WHERE NOT (email = $1) ORDER BY id;
<- ["e2"]
a: SELECT id FROM person WHERE email = $1 AND id > $2 AND team LIKE $3;
<- ["e4", 2, "gr%"]
a: SELECT id FROM person WHERE (email = 'e1' OR email = 'e2') AND team = 'red';
a: SELECT count(*) FROM person WHERE name IS NOT NULL AND email IS NULL;
a: SELECT count(email), count(*), count(name) FROM person;
a: UPDATE person SET name = $1 WHERE email = ANY($2) OR email IS NULL;
<- ["changed", ["e1", "e4"]]
a: DELETE FROM person WHERE email IN ('e1', 'e2') OR team = 'green';
a: SELECT * FROM person ORDER BY id;

== columns, aliases, expressions, order and limits
a: INSERT INTO person (id, name, email, balance) VALUES (3, 'c', 'e3', 3), (1, 'a', 'e1', 1), (2, 'b', 'e2', NULL);
a: SELECT name, id FROM person ORDER BY id DESC LIMIT 2;
a: SELECT p.name AS first, p.balance "Second", p.id + 1 AS next FROM person AS p ORDER BY p.id OFFSET 1;
a: SELECT name, name, email AS name FROM person ORDER BY id LIMIT $1;
<- [1]
a: SELECT person.*, 1 AS one FROM person ORDER BY id;
a: SELECT upper(team), length(team) FROM public.person ORDER BY 1, id;
a: SELECT email IS NULL AS missing, name FROM person ORDER BY team, id;
a: SELECT DISTINCT team FROM person ORDER BY team;
a: SELECT team, count(*) FROM person GROUP BY team ORDER BY team;
a: SELECT DISTINCT email FROM person;
a: SELECT min(id), max(id), sum(id) FROM person;
a: SELECT id FROM person WHERE false;
a: SELECT name FROM person WHERE id = 1 FOR UPDATE;
a: SELECT 1 FROM person;

== RETURNING shows what was written
a: INSERT INTO person (id, name, email) VALUES ($1, $2, $3) RETURNING *;
<- [1, "Qz7secretonehwxyvk", "e1"]
a: INSERT INTO person (id, name, balance) VALUES (2, 'two', 1.005), (3, 'three', 1.004) RETURNING id, balance, name AS n;
a: UPDATE person SET name = $1 WHERE id = 1 RETURNING name, email;
<- ["Qz7secrettwohwxyvk"]
a: UPDATE person SET balance = NULL RETURNING id, balance;
a: UPDATE person SET name = 'none' WHERE id = 99 RETURNING *;
a: DELETE FROM person WHERE email = $1 RETURNING *;
<- ["e1"]
a: DELETE FROM person RETURNING name;
a: SELECT count(*) FROM person;

== defaults and NULLs
a: INSERT INTO person (id, name, team) VALUES (1, 'a', DEFAULT) RETURNING *;
a: INSERT INTO person VALUES (2, 'b', NULL, NULL, NULL, NULL, 'green');
a: INSERT INTO person VALUES (3, 'c');
a: UPDATE person SET team = DEFAULT, email = DEFAULT, balance = DEFAULT WHERE id = 2;
a: INSERT INTO person (id, name, email, born, balance, picture) VALUES ($1, $2, $3, $4, $5, $6);
<- [4, "", null, null, null, null]
a: INSERT INTO person (id, name, email, picture) VALUES (5, '', '', '\x');
a: SELECT * FROM person ORDER BY id;
a: SELECT id FROM person WHERE email = '';

== on conflict do nothing
a: INSERT INTO person (id, name, email) VALUES (1, 'a', 'e1');
a: INSERT INTO person (id, name, email) VALUES (1, 'b', 'e2') ON CONFLICT DO NOTHING RETURNING id;
a: INSERT INTO person (id, name, email) VALUES (2, 'b', 'e1'), (3, 'c', 'e3') ON CONFLICT DO NOTHING;
a: INSERT INTO person (id, name, email) VALUES ($1, $2, $3) ON CONFLICT (email) DO NOTHING;
<- [4, "d", "e1"]
a: INSERT INTO person (id, name, email) VALUES (1, 'd', 'e4') ON CONFLICT (id) DO NOTHING;
a: SELECT * FROM person ORDER BY id;

== violations have the server's SQLSTATE and change nothing
a: INSERT INTO person (id, name, email) VALUES (1, 'a', 'e1'), (2, 'b', 'e2');
a: INSERT INTO person (id, name, email) VALUES (1, 'c', 'e3');
=> error 23505
a: INSERT INTO person (id, name, email) VALUES (3, 'c', $1);
<- ["e1"]
=> error 23505
a: UPDATE person SET email = 'e1' WHERE id = 2;
=> error 23505
a: INSERT INTO person (id, email) VALUES (3, 'e3');
=> error 23502
a: INSERT INTO person (id, name) VALUES (3, $1);
<- [null]
=> error 23502
a: INSERT INTO person (id, name) VALUES (NULL, 'c');
=> error 23502
a: UPDATE person SET name = NULL;
=> error 23502
a: INSERT INTO person (id, name, team) VALUES (3, 'c', NULL);
=> error 23502
a: SELECT * FROM person ORDER BY id;

== statements that are wrong are wrong in the same way and at the same place
a: SELECT nope FROM person;
=> error 42703
a: SELECT name FROM person WHERE nope = 1;
=> error 42703
a: INSERT INTO person (id, nope) VALUES (1, 'x');
=> error 42703
a: SELECT name FROM nowhere;
=> error 42P01
a: SELECT text FRM note;
=> error 42601
a: SELECT name FROM person WHERE team = 1;
=> error 42883
a: SELECT id / 0 FROM person;
a: INSERT INTO person (id, name) VALUES (1, 'x');
a: SELECT id / 0 FROM person;
=> error 22012
a: SELECT name FROM person ORDER BY id;

== beside the protected tables everything is as ever
a: INSERT INTO note (id, text) VALUES ($1, $2);
<- [1, "plain"]
a: SELECT text, id, 1.50::numeric, now() IS NOT NULL FROM note;
a: WITH n AS (SELECT text FROM note) SELECT upper(text) FROM n UNION ALL SELECT 'x';
a: UPDATE note SET text = text || '!' RETURNING *;
a: INSERT INTO note (id, text) VALUES (1, 'again');
=> error 23505
a: SELECT array_agg(id), jsonb_build_object('a', 1) FROM note;
a: BEGIN;
a: CREATE TEMP TABLE scratch (x int);
a: INSERT INTO scratch SELECT generate_series(1, 5);
a: SELECT sum(x) FROM scratch;
a: ROLLBACK;
a: TRUNCATE note;
a: SELECT $1::text, $2::int + 1, $3::timestamptz;
<- ["t", 41, "2024-01-02 03:04:05+00"]

== two sessions see each other's committed rows
a: INSERT INTO person (id, name, email) VALUES (1, 'a', 'e1');
b: SELECT name FROM person WHERE email = 'e1';
b: UPDATE person SET name = 'b', email = 'e2' WHERE email = 'e1';
a: SELECT name FROM person WHERE email = 'e1';
a: SELECT name FROM person WHERE email = 'e2';
b: DELETE FROM person WHERE id = 1;
a: SELECT count(*) FROM person;

== a statement that was run is run again with other parameters
a: INSERT INTO person (id, name, email) VALUES ($1, $2, $3);
<- [1, "a", "e1"]
a: INSERT INTO person (id, name, email) VALUES ($1, $2, $3);
<- [2, "b", null]
a: INSERT INTO person (id, name, email) VALUES ($1, $2, $3);
<- [2, "b", null]
=> error 23505
a: INSERT INTO person (id, name, email) VALUES ($1, $2, $3);
<- [3, "c", "e3"]
a: SELECT name FROM person WHERE email = $1;
<- ["e1"]
a: SELECT name FROM person WHERE email = $1;
<- ["e3"]
a: SELECT name FROM person WHERE email = $1;
<- [null]
a: SELECT name FROM person WHERE email = $1;
<- ["e1"]

== a comparison of a sealed column that the statement names twice
a: INSERT INTO person (id, name, email) VALUES (1, 'a', 'e1'), (2, 'b', 'e2'), (3, 'c', NULL);
a: SELECT email = $1 AS hit, count(*) FROM person GROUP BY email = $1 ORDER BY 1;
<- ["e1"]
a: SELECT email = 'e2' AS hit, count(*) FROM person GROUP BY email = 'e2' ORDER BY 1;
a: SELECT DISTINCT email = ANY($1) FROM person ORDER BY email = ANY($1);
<- [["e1", "e2"]]
a: SELECT id FROM person ORDER BY 1.0;
=> error 42601
