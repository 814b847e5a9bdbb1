-- Writes whose rows are found by subqueries over protected and unprotected tables, and writes of every row.

== rows are found by other rows
a: INSERT INTO person (id, name, email, team) VALUES (1, 'Qz7secretonehwxyvk', 'a@x', 'red'), (2, 'bo', 'b@x', 'blue'), (3, 'cy', NULL, 'red');
a: INSERT INTO ledger (id, account, label, made_at, iban, holder, amount, note) VALUES
   (1, 1, 'one', '2024-01-01 00:00+00', 'DE1', 'Qz7secrettwohwxyvk', 1, 'n'), (2, 1, NULL, '2024-01-02 00:00+00', 'DE2', NULL, 2, 'n'),
   (3, 2, 'three', '2024-01-03 00:00+00', 'DE3', 'h', 3, 'n'), (4, 9, 'four', '2024-01-04 00:00+00', NULL, 'h', 3, 'n');
a: UPDATE ledger SET holder = $1 WHERE account IN (SELECT id FROM person WHERE email = $2) RETURNING id, holder, iban;
<- ["new", "a@x"]
a: UPDATE ledger AS l SET label = 'found' WHERE EXISTS (SELECT 1 FROM person p WHERE p.id = l.account AND p.email = 'b@x');
a: UPDATE ledger SET note = 'clear' WHERE id = (SELECT max(l.id) FROM ledger l) RETURNING id, note, holder;
a: UPDATE ledger SET amount = 5 WHERE NOT EXISTS (SELECT 1 FROM person WHERE person.id = ledger.account) RETURNING *;
a: UPDATE person SET name = 'dy' WHERE id IN (SELECT account FROM ledger WHERE iban = $1) RETURNING id, name;
<- ["DE3"]
a: UPDATE person SET team = 'both' WHERE email = 'a@x' AND id = ANY (SELECT account FROM ledger WHERE amount = 2) RETURNING *;
a: DELETE FROM ledger WHERE account NOT IN (SELECT id FROM person) RETURNING id, iban, holder;
a: DELETE FROM person p WHERE p.email = $1 AND (SELECT count(*) FROM ledger l WHERE l.account = p.id) = 1 RETURNING p.*;
<- ["b@x"]
a: DELETE FROM ledger WHERE id IN (SELECT l.id FROM ledger l JOIN person p ON p.id = l.account WHERE p.team = 'both' AND l.iban = 'DE1');
a: SELECT * FROM ledger ORDER BY id;
a: SELECT * FROM person ORDER BY id;

== every row is written
a: INSERT INTO ledger (id, made_at, iban, holder) VALUES (1, '2024-01-01 00:00+00', 'DE1', 'h'), (2, '2024-01-02 00:00+00', 'DE2', NULL);
a: UPDATE ledger SET holder = 'all' RETURNING ledger.holder, ledger.id;
a: UPDATE ledger SET code = $1 RETURNING *;
<- ["c"]
a: UPDATE ONLY ledger AS l SET amount = 7, label = 'x' RETURNING l.amount, l.*;
a: UPDATE ledger * SET holder = NULL;
a: UPDATE person SET email = NULL RETURNING person.id;
a: SELECT * FROM ledger ORDER BY id;
a: DELETE FROM ledger RETURNING iban, amount;

== a table is read whole
a: INSERT INTO person (id, name, email, team) VALUES (1, 'Qz7secretonehwxyvk', 'a@x', 'red'), (2, 'bo', 'b@x', 'blue');
a: TABLE person;
a: SELECT id, email FROM (TABLE person) p WHERE p.email = 'b@x';
a: WITH p AS (TABLE person) SELECT name FROM p ORDER BY id;
