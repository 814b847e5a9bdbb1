-- Reads over several relations: joins, subqueries, derived tables, common table expressions, set operations, groups.

== joins of sealed, signed and other tables
a: INSERT INTO person (id, name, email, team) VALUES (1, 'Qz7secretonehwxyvk', 'a@x', 'red'), (2, 'bo', 'b@x', 'blue'),
   (3, 'cy', NULL, 'red');
a: INSERT INTO ledger (id, account, label, made_at, note, iban, holder, amount) VALUES
   (1, 1, 'one', '2024-01-01 00:00+00', 'n', 'DE1', 'Qz7secrettwohwxyvk', 9.99), (2, 2, NULL, '2024-01-02 00:00+00', NULL, 'DE2', 'h', 9.99),
   (9, 9, 'none', '2024-01-03 00:00+00', 'n', NULL, NULL, 1);
a: INSERT INTO note (id, text) VALUES (1, 'first'), (3, 'third'), (4, NULL);
a: SELECT p.name, n.text FROM person p JOIN note n ON n.id = p.id ORDER BY p.id;
a: SELECT p.name, n.text FROM person p LEFT JOIN note n ON n.id = p.id WHERE p.email = $1 OR n.text IS NULL ORDER BY p.id;
<- ["a@x"]
a: SELECT n.id, p.name, p.email, p.born FROM note n LEFT JOIN person p ON p.id = n.id ORDER BY n.id;
a: SELECT n.id, l.* FROM ledger l RIGHT JOIN note n ON n.id = l.id;
a: SELECT p.id, p.name, l.id, l.holder, l.iban, l.made_at FROM person p FULL JOIN ledger l ON l.account = p.id ORDER BY p.id, l.id;
a: SELECT l.label, p.* FROM person p LEFT JOIN ledger l ON l.id = p.id AND l.iban = $1 ORDER BY p.id;
<- ["DE1"]
a: SELECT * FROM person p JOIN ledger l ON l.account = p.id WHERE l.amount = $1 AND p.email IN ('a@x', 'b@x') ORDER BY l.id;
<- ["9.99"]
a: SELECT one.name, two.name FROM person one, person two WHERE one.team = two.team AND one.id < two.id;
a: SELECT one.id, two.id FROM ledger one JOIN ledger two ON one.amount = two.amount ORDER BY 1, 2;
a: SELECT one.id FROM person one JOIN person two ON one.email IS NOT DISTINCT FROM two.email WHERE two.email IS NULL;
a: SELECT id, p.name, l.holder FROM person p JOIN ledger l USING (id) ORDER BY id;
a: SELECT * FROM (SELECT id, name FROM person) p NATURAL JOIN (SELECT id, holder FROM ledger) l ORDER BY id;
a: SELECT * FROM (SELECT id, name FROM person) p NATURAL FULL JOIN (SELECT id, holder FROM ledger) l ORDER BY id;
a: SELECT p.id, x.holder FROM person p, LATERAL (SELECT holder FROM ledger WHERE account = p.id) x ORDER BY p.id;
a: SELECT p.id, x.holder FROM person p LEFT JOIN LATERAL (SELECT l.holder FROM ledger l WHERE l.account = p.id AND p.id = 1) x ON true
   ORDER BY p.id;
a: SELECT p.name, g FROM person p CROSS JOIN generate_series(1, 2) g ORDER BY p.id, g;
a: SELECT p.name, v.label FROM person p JOIN (VALUES (1, 'x'), (2, 'y')) v (id, label) ON v.id = p.id ORDER BY p.id;
a: SELECT p.id FROM person p, ledger l WHERE p.email = $1 AND l.iban <> $1 ORDER BY l.id;
<- ["a@x"]
a: SELECT p.id, l.id FROM person p, ledger l WHERE p.email = 'DE1' OR l.iban = 'DE1' ORDER BY 1, 2;
a: SELECT public.person.name, person.team FROM person, note WHERE note.id = person.id ORDER BY person.id;
a: SELECT count(*) FROM ledger l JOIN person p ON p.id = l.id;
a: SELECT 1 FROM ledger l JOIN note n ON n.id = l.id AND l.iban = 'DE1';
a: SELECT p.name FROM person p JOIN ledger l ON l.id = p.id ORDER BY p.id FOR UPDATE OF p;
a: SELECT nobody.name FROM person p;
=> error 42P01
a: SELECT id FROM person p JOIN ledger l ON l.id = p.id;
=> error 42702
a: SELECT p.name FROM person p JOIN ledger p ON true;
=> error 42712
a: SELECT p.name FROM person p JOIN note n ON n.nothing = p.id;
=> error 42703

== subqueries
a: INSERT INTO person (id, name, email, team) VALUES (1, 'Qz7secretonehwxyvk', 'a@x', 'red'), (2, 'bo', 'b@x', 'blue'), (3, 'cy', NULL, 'red');
a: INSERT INTO ledger (id, account, label, made_at, iban, holder) VALUES (1, 1, 'one', '2024-01-01 00:00+00', 'DE1', 'Qz7secrettwohwxyvk');
a: INSERT INTO note (id, text) VALUES (1, 'first'), (3, 'third');
a: SELECT n.id FROM note n WHERE n.id IN (SELECT id FROM person WHERE email = $1);
<- ["a@x"]
a: SELECT name FROM person WHERE id NOT IN (SELECT n.id FROM note n);
a: SELECT name FROM person p WHERE EXISTS (SELECT 1 FROM ledger l WHERE l.account = p.id AND l.iban = $1) ORDER BY p.id;
<- ["DE1"]
a: SELECT name FROM person p WHERE NOT EXISTS (SELECT * FROM note n WHERE n.id = p.id);
a: SELECT id FROM person WHERE email IN (SELECT email FROM person WHERE team = 'red');
a: SELECT id FROM person WHERE email NOT IN (SELECT email FROM person WHERE team = 'blue');
a: SELECT id FROM person WHERE email NOT IN (SELECT email FROM person WHERE team = 'red');
a: SELECT id FROM person WHERE email = (SELECT p.email FROM person p WHERE p.id = 2);
a: SELECT id FROM person WHERE email = ANY (SELECT email FROM person WHERE id = $1);
<- [1]
a: SELECT id, (SELECT count(*) FROM ledger l WHERE l.account = p.id) AS n FROM person p ORDER BY id;
a: SELECT id, (SELECT holder FROM ledger l WHERE l.account = p.id) FROM person p;
=> refused 0A000 column ledger.holder is sealed: its use as the value of a subquery cannot be answered
a: SELECT EXISTS (SELECT 1 FROM person WHERE email = 'b@x'), (SELECT max(id) FROM ledger);
a: SELECT id FROM person WHERE team = (SELECT 'red') ORDER BY id;
a: SELECT ARRAY(SELECT id FROM person ORDER BY id);
a: SELECT id FROM person WHERE (team, id) IN (SELECT 'red', n.id FROM note n) ORDER BY id;
a: SELECT id FROM person WHERE team > ALL (SELECT p.team FROM person p WHERE p.id = 2);

== derived tables, WITH, and what they carry up
a: INSERT INTO person (id, name, email, team) VALUES (1, 'Qz7secretonehwxyvk', 'a@x', 'red'), (2, 'bo', 'b@x', 'blue'), (3, 'cy', NULL, 'red');
a: INSERT INTO ledger (id, account, label, made_at, iban, holder) VALUES (1, 1, 'one', '2024-01-01 00:00+00', 'DE1', 'Qz7secrettwohwxyvk'),
   (2, 1, NULL, '2024-01-02 00:00+00', 'DE2', NULL);
a: INSERT INTO note (id, text) VALUES (1, 'first'), (3, 'third');
a: SELECT count(*) FROM (SELECT name, email FROM person WHERE email IS NOT NULL) t;
a: SELECT * FROM (SELECT name AS n, id FROM person ORDER BY id LIMIT 2) t ORDER BY id;
a: SELECT t.n FROM (SELECT name AS n, email FROM person) t WHERE t.email = $1;
<- ["b@x"]
a: SELECT t.h, t.l FROM (SELECT holder AS h, label AS l, id FROM ledger) t (h, l, i) ORDER BY i;
a: SELECT upper(t.l) FROM (SELECT label AS l, id FROM ledger) t ORDER BY t.id;
a: SELECT u.h FROM (SELECT t.holder AS h, t.iban FROM (SELECT * FROM ledger) t) u WHERE u.iban = 'DE1';
a: WITH p AS (SELECT * FROM person) SELECT * FROM p ORDER BY id;
a: WITH p AS (SELECT id, name FROM person), l AS (SELECT account, holder FROM ledger WHERE iban = $1)
   SELECT p.name, l.holder FROM p JOIN l ON l.account = p.id;
<- ["DE1"]
a: WITH p AS MATERIALIZED (SELECT id, email AS e FROM person) SELECT a.id, a.e, b.e FROM p a JOIN p b ON a.e = b.e ORDER BY a.id;
a: WITH person AS (SELECT 1 AS name) SELECT name FROM person;
a: WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t WHERE n < 3) SELECT t.n, p.name FROM t JOIN person p ON p.id = t.n ORDER BY t.n;
a: WITH RECURSIVE t AS (SELECT email FROM person UNION SELECT email FROM t) SELECT * FROM t;
=> refused 0A000 column person.email is sealed: UNION, INTERSECT or EXCEPT cannot be answered
a: (SELECT name, id FROM person WHERE email = 'a@x') LIMIT 1;
a: SELECT * FROM ((SELECT name FROM person WHERE id = 2)) t;
a: SELECT DISTINCT p.team FROM person p JOIN note n ON n.id = p.id;
a: SELECT DISTINCT t.email FROM (SELECT email FROM person WHERE email IS NOT NULL) t;
a: SELECT x.email FROM (SELECT DISTINCT email FROM person WHERE id < 3) x WHERE x.email <> 'b@x';
a: SELECT DISTINCT ON (p.team) p.team, p.name FROM person p ORDER BY p.team, p.id;
a: SELECT DISTINCT ON (1) label, holder FROM ledger ORDER BY label NULLS FIRST;
a: SELECT count(DISTINCT t.email), count(t.email) FROM (SELECT email FROM person) t;

== columns that are merged, shadowed, or of a row further out
a: INSERT INTO person (id, name, email, team) VALUES (1, 'Qz7secretonehwxyvk', 'a@x', 'red'), (2, 'bo', 'b@x', 'blue');
a: INSERT INTO ledger (id, account, label, made_at, iban, holder) VALUES (1, 1, 'one', '2024-01-01 00:00+00', 'DE1', 'Qz7secrettwohwxyvk');
a: INSERT INTO note (id, text) VALUES (1, 'first'), (2, NULL);
a: SELECT id FROM note n JOIN ledger l USING (id);
a: SELECT id FROM ledger l JOIN (SELECT 1.0 AS id) d USING (id);
a: SELECT * FROM (SELECT 1 AS id) d JOIN person USING (id);
a: SELECT x.h FROM ledger s, LATERAL (SELECT s.account AS h) x;
a: SELECT p.id FROM person p WHERE EXISTS (WITH x AS (SELECT 1 FROM note n WHERE n.id = p.id AND p.email = 'a@x') SELECT 1 FROM x);
a: SELECT p.id, (WITH x AS (SELECT p.id + 1 AS i) SELECT i FROM x) FROM person p ORDER BY p.id;
a: (SELECT id, account FROM ledger) LIMIT 1;
a: WITH RECURSIVE t (a) AS (SELECT 1, 2 AS b UNION ALL SELECT a + 1, b FROM t WHERE a < 3) SELECT p.name, b FROM t JOIN person p ON p.id = t.a
   ORDER BY p.id;
a: SELECT p.name, t.b FROM person p JOIN note t (a, b) ON t.a = p.id ORDER BY p.id;
a: SELECT $1::float8 AS f, holder FROM ledger WHERE id = $1;
<- ["1"]
a: SELECT l.holder FROM ledger l, person p WHERE l.id::float8 = $1 AND p.id = $1;
<- ["1"]
a: SELECT g.g, p.name FROM generate_series(1, 1) g JOIN person p ON p.id = g;

== groups and set operations over what is not sealed
a: INSERT INTO person (id, name, email, team) VALUES (1, 'Qz7secretonehwxyvk', 'a@x', 'red'), (2, 'bo', 'b@x', 'blue'), (3, 'cy', NULL, 'red');
a: INSERT INTO ledger (id, account, label, made_at, iban, holder) VALUES (1, 1, 'one', '2024-01-01 00:00+00', 'DE1', 'Qz7secrettwohwxyvk'),
   (2, 1, NULL, '2024-01-02 00:00+00', 'DE2', NULL);
a: SELECT team, count(*) FROM person GROUP BY team ORDER BY team;
a: SELECT account, count(*), count(holder), max(label), min(made_at) FROM ledger GROUP BY account HAVING count(*) > 1;
a: SELECT label AS l, count(DISTINCT iban) FROM ledger GROUP BY l ORDER BY l;
a: SELECT p.team, count(l.id) FROM person p LEFT JOIN ledger l ON l.account = p.id GROUP BY p.team ORDER BY 1;
a: SELECT team, account, count(*) FROM person, ledger GROUP BY ROLLUP (team, account) ORDER BY 1, 2;
a: SELECT id, row_number() OVER (PARTITION BY team ORDER BY id) FROM person ORDER BY id;
a: SELECT label, sum(account) OVER w FROM ledger WINDOW w AS (ORDER BY id) ORDER BY id;
a: SELECT id FROM person UNION SELECT id FROM ledger ORDER BY id;
a: SELECT id FROM person WHERE email = $1 UNION ALL SELECT account FROM ledger WHERE iban = $2;
<- ["b@x", "DE1"]
a: SELECT id FROM person EXCEPT SELECT id FROM ledger;
a: SELECT id FROM person INTERSECT (SELECT id FROM ledger);
a: SELECT label FROM ledger UNION SELECT team FROM person ORDER BY 1;
a: SELECT team, name FROM person GROUP BY team;
=> refused 0A000 column person.name is sealed: its use beside GROUP BY cannot be answered
a: SELECT label, count(*) FROM ledger;
=> error 42803
