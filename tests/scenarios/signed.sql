-- Signed tables: INSERT, generated values, SELECT, UPDATE by read-modify-write, DELETE.

== rows are inserted and read
a: INSERT INTO ledger (id, account, label, made_at, rate, code, note, iban, holder, amount)
   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING *;
<- [1, 2, "l", "2024-01-01 00:00+00", "1.5", "c", "n", "DE1", "Qz7secretonehwxyvk", "9.99"]
a: INSERT INTO ledger VALUES (11, 1, 'l', '2024-05-05 00:00+02', 1.23456, 'c', 'n', 'DE11', 'h', 1.005),
   (12, 2, NULL, 'infinity', '-0.0005', NULL, NULL, NULL, NULL, '1e3') RETURNING id, amount AS a, rate, holder;
a: INSERT INTO ledger (id, made_at, code) VALUES (13, '2024-01-01', DEFAULT) RETURNING code, account, amount;
a: SELECT * FROM ledger ORDER BY id;
a: SELECT account, holder, iban, amount, rate, made_at FROM ledger WHERE iban = $1;
<- ["DE1"]
a: SELECT id FROM ledger WHERE amount = $1;
<- ["1000"]
a: SELECT id FROM ledger WHERE amount IN (9.99, 1.01) ORDER BY id;
a: SELECT account + 1 AS next, upper(note), code FROM ledger ORDER BY id;
a: SELECT label, label, holder, holder FROM ledger WHERE id = 1;
a: SELECT count(*) FROM ledger WHERE holder IS NULL;
a: SELECT iban, ledger.* FROM ledger WHERE note IS NULL ORDER BY id;
a: SELECT 1 FROM ledger;
a: SELECT * FROM ledger ORDER BY made_at DESC NULLS LAST, id LIMIT 2 FOR UPDATE;
a: SELECT id FROM ledger AS l WHERE l.code IS NULL OR l.label = 'l' ORDER BY l.id;

== what the server generates is signed too
a: INSERT INTO ledger (iban, holder, note) VALUES ($1, $2, $3) RETURNING id, iban, code, account;
<- ["DE01", "Qz7secrettwohwxyvk", "n"]
a: INSERT INTO ledger (iban, holder) VALUES ('DE02', 'b'), ('DE03', NULL), (NULL, 'c') RETURNING id, account;
a: INSERT INTO ledger (id, iban) VALUES (DEFAULT, 'DE05'), (70, 'DE06'), (DEFAULT, 'DE07') RETURNING id;
a: INSERT INTO entry (secret) VALUES ('s1'), ('s2') RETURNING id, serial, secret, other;
a: INSERT INTO entry (secret, other, note) VALUES ($1, $2, $3) RETURNING *;
<- ["s3", "Qz7secretonehwxyvk", "n"]
a: INSERT INTO entry DEFAULT VALUES RETURNING *;
a: INSERT INTO entry (id, secret) OVERRIDING SYSTEM VALUE VALUES (100, 's100') RETURNING *;
a: INSERT INTO entry (id, secret) VALUES (101, 's101');
=> error 428C9
a: SELECT id, account, label, rate, code, note, iban, holder, amount FROM ledger ORDER BY id;
a: SELECT * FROM entry ORDER BY id;
a: SELECT made_at <= now() FROM ledger WHERE id = 1;

== now() is the transaction's own
a: BEGIN;
a: INSERT INTO ledger (iban) VALUES ('DE01'), ('DE02');
a: SELECT id, made_at = now() FROM ledger ORDER BY id;
a: COMMIT;
a: SELECT id, made_at < now() FROM ledger ORDER BY id;

== an update reads, seals and signs again
a: INSERT INTO ledger (id, account, label, made_at, rate, code, note, iban, holder, amount) VALUES
   (1, 10, 'first', '2024-01-02 03:04:05+00', 1.5, 'a', 'one', 'DE01', 'Qz7secretonehwxyvk', 100.00),
   (2, 20, NULL, '2024-02-02 03:04:05+00', NULL, NULL, NULL, 'DE02', 'Bob', 200),
   (3, 20, '', '2024-03-02 03:04:05+00', 0, '', 'three', NULL, NULL, 100);
a: UPDATE ledger SET holder = $1 WHERE id = $2;
<- ["Qz7secrettwohwxyvk", 2]
a: UPDATE ledger SET holder = 'Eve', amount = 5.005 WHERE iban = 'DE02' RETURNING *;
a: UPDATE ledger SET label = 'x', account = 21, rate = 2, code = 'zz' WHERE id = 2 RETURNING id, label, rate, code;
a: UPDATE ledger SET made_at = $1 WHERE amount = $2;
<- ["2025-01-01 00:00+00", 100]
a: UPDATE ledger SET note = 'plain' WHERE account = 21;
a: UPDATE ledger SET note = note || '!' WHERE id IN (1, 2);
a: UPDATE ledger SET note = 'both', holder = 'both' WHERE id = 3 RETURNING note, holder;
a: UPDATE ledger SET amount = $1 WHERE account IN ($2, $3, $4);
<- ["100", 10, 20, 21]
a: SELECT * FROM ledger ORDER BY id;
a: UPDATE ledger SET iban = NULL WHERE iban = 'DE02';
a: UPDATE ledger SET iban = 'DE03' WHERE iban IS NULL AND id = 3;
a: UPDATE ledger SET holder = NULL, label = NULL, rate = NULL;
a: UPDATE ledger SET holder = 'none' WHERE id = 99;
a: UPDATE ledger SET holder = 'none' WHERE iban = $1 RETURNING *;
<- ["nope"]
a: UPDATE ledger SET amount = DEFAULT, label = DEFAULT, note = DEFAULT WHERE id = 1;
a: UPDATE ONLY ledger AS l SET holder = 'l' WHERE l.id = 1 RETURNING l.id, l.holder AS h;
a: UPDATE ledger SET label = 'same' WHERE label IS NULL OR code = 'none' RETURNING id, note;
a: UPDATE ledger SET holder = $1 WHERE account = $2 RETURNING id, holder;
<- [null, 20]
a: SELECT * FROM ledger ORDER BY id;

== a row survives many updates of every kind
a: INSERT INTO ledger (id, account, iban) VALUES (1, 20, 'DE01');
a: UPDATE ledger SET amount = $1 WHERE account = $2;
<- ["0.01", 20]
a: UPDATE ledger SET label = $1 WHERE amount = $2 RETURNING id;
<- ["r1", "0.01"]
a: UPDATE ledger SET note = $1 WHERE label = $2;
<- ["n1", "r1"]
a: UPDATE ledger SET amount = $1 WHERE account = $2;
<- ["2.02", 20]
a: UPDATE ledger SET label = $1 WHERE amount = $2 RETURNING id;
<- ["r2", "2.02"]
a: UPDATE ledger SET note = $1 WHERE label = $2;
<- ["n2", "r2"]
a: UPDATE ledger SET label = $1 WHERE amount = $2 RETURNING id;
<- ["gone", "0.01"]
a: SELECT id, account, label, note, iban, amount FROM ledger;

== rows are deleted by plain and exact predicates
a: INSERT INTO ledger (id, account, iban, holder, amount) VALUES (1, 10, 'DE01', 'a', 100), (2, 20, 'DE02', 'b', 200), (3, 20, NULL, NULL, 100);
a: BEGIN;
a: DELETE FROM ledger WHERE iban = 'DE01' RETURNING id, holder, amount;
a: DELETE FROM ledger WHERE account = 20 AND amount = $1;
<- [100]
a: SELECT id FROM ledger ORDER BY id;
a: ROLLBACK;
a: DELETE FROM ledger WHERE id = 77;
a: DELETE FROM ledger WHERE id = 2 RETURNING id, iban, holder, amount;
a: SELECT id FROM ledger ORDER BY id;
a: DELETE FROM ledger;
a: SELECT * FROM ledger;

== constraints fail as the server's own
a: INSERT INTO ledger (id, iban, amount) VALUES (1, 'DE01', 100), (2, 'DE02', 200);
a: INSERT INTO ledger (id, iban) VALUES (1, 'DE99');
=> error 23505
a: INSERT INTO ledger (id, iban) VALUES (9, $1);
<- ["DE01"]
=> error 23505
a: INSERT INTO ledger (id, amount) VALUES (9, NULL);
=> error 23502
a: INSERT INTO ledger (id, account) VALUES (9, NULL);
=> error 23502
a: INSERT INTO ledger (id) VALUES (NULL);
=> error 23502
a: INSERT INTO ledger (id, code) VALUES (9, 'ninechars');
=> error 22001
a: INSERT INTO ledger (id, holder) VALUES (9, 'a holder whose name is longer than forty characters');
=> error 22001
a: INSERT INTO ledger (id, rate) VALUES (9, 12345678.9);
=> error 22003
a: INSERT INTO ledger (id, amount) VALUES (9, 'abc');
=> error 22P02
a: INSERT INTO ledger (id, account) VALUES (9, 3000000000);
=> error 22003
a: UPDATE ledger SET iban = 'DE02' WHERE id = 1;
=> error 23505
a: UPDATE ledger SET amount = NULL WHERE id = 1;
=> error 23502
a: UPDATE ledger SET account = NULL;
=> error 23502
a: UPDATE ledger SET holder = $1;
<- ["a holder whose name is longer than forty characters"]
=> error 22001
a: SELECT id, account, iban, holder, amount FROM ledger ORDER BY id;

== on conflict do nothing leaves the row that is there
a: INSERT INTO ledger (id, iban, holder) VALUES (1, 'DE01', 'a');
a: INSERT INTO ledger (id, iban, holder) VALUES (1, 'DE50', 'x') ON CONFLICT DO NOTHING RETURNING id;
a: INSERT INTO ledger (id, iban) VALUES (50, 'DE01'), (51, 'DE51') ON CONFLICT DO NOTHING RETURNING id, iban;
a: INSERT INTO ledger (id, iban) VALUES (52, 'DE01') ON CONFLICT (iban) DO NOTHING;
a: SELECT id, iban, holder FROM ledger ORDER BY id;

== one session updates what another one wrote
a: INSERT INTO ledger (id, iban, holder) VALUES (1, 'DE01', 'a');
b: UPDATE ledger SET holder = $1 WHERE iban = $2;
<- ["b", "DE01"]
a: UPDATE ledger SET label = 'l' WHERE id = 1 RETURNING holder, label;
b: SELECT id, label, iban, holder FROM ledger;
