-- psql on the sample tables. Every line that \echo prints begins a step; psql gets the variables word, number and
-- control, and tells errors by SQLSTATE.
\echo step create
INSERT INTO payment_card (customer_id, status, pan, iban, holder, credit_limit)
VALUES (7, :'control', :'word', '2', 'Zoë', :number.25) RETURNING id, status, holder, credit_limit;
\echo step create with defaults
INSERT INTO payment_card (customer_id, pan, holder) VALUES (8, 'p2', '李''s "card"'), (9, 'p3', E'back\\slash') RETURNING *;
\echo step read all
SELECT * FROM payment_card ORDER BY id;
TABLE payment_card;
\echo step expanded
SELECT * FROM payment_card WHERE id = 1 \gx
\echo step describe
SELECT id, pan, holder, credit_limit FROM payment_card WHERE pan = 'p2' \gdesc
\echo step into variables
SELECT pan AS found, holder FROM payment_card WHERE pan = 'p2' \gset
\echo :found :holder
\echo step search
SELECT id, iban, credit_limit FROM payment_card WHERE pan = :'word';
SELECT id FROM payment_card WHERE pan IN ('p2', 'p3', 'none') ORDER BY id;
SELECT id FROM payment_card WHERE pan = ANY (ARRAY['p2', 'p3']) AND iban IS NULL ORDER BY id;
SELECT count(*) FROM payment_card WHERE pan <> 'p2';
\echo step prepared by SQL
PREPARE find (text) AS SELECT id, holder FROM payment_card WHERE pan = $1;
\echo step update
UPDATE payment_card SET holder = 'Änne' WHERE pan = 'p2' RETURNING id, pan, holder;
UPDATE payment_card SET iban = NULL WHERE iban = '2';
UPDATE payment_card SET credit_limit = '1e3' WHERE id = 3;
\echo step several statements in one query
SELECT count(*) FROM payment_card\; SELECT credit_limit FROM payment_card WHERE pan = 'p3';
\echo step delete
DELETE FROM payment_card WHERE pan = 'p3' RETURNING *;
\echo step like
SELECT id FROM payment_card WHERE pan LIKE 'p%';
\echo step still usable
SELECT id, pan FROM payment_card WHERE pan = 'p2';
\echo step wrong: duplicate
INSERT INTO payment_card (customer_id, pan, holder) VALUES (8, 'p2', 'h');
\echo step wrong: NULL
INSERT INTO payment_card (customer_id, pan, holder) VALUES (8, NULL, 'h');
\echo step wrong: no such column
SELECT pann FROM payment_card;
\echo step wrong: an error in a transaction
BEGIN;
UPDATE payment_card SET holder = 'gone' WHERE pan = 'p2';
INSERT INTO payment_card (customer_id, pan, holder) VALUES (8, 'p2', 'h');
SELECT 1;
COMMIT;
\echo step wrong: with a savepoint of psql's own around it
\set ON_ERROR_ROLLBACK on
BEGIN;
UPDATE payment_card SET holder = 'kept' WHERE pan = 'p2';
INSERT INTO payment_card (customer_id, pan, holder) VALUES (8, 'p2', 'h');
COMMIT;
\echo step what followed it stayed
SELECT holder FROM payment_card WHERE pan = 'p2';
\echo step every type
INSERT INTO kinds (b, i2, i4, i8, n, money, t, v, raw, u, d, ts, tz, j, jb)
VALUES (true, -5, 70000, :number, 1e3, 2.345, :'word', 'é', '\x00ff', '00000000-0000-0000-0000-000000000007',
        '1999-01-08', '1999-01-08 04:05:06', '1999-01-08 04:05:06+02', '{"b": 1}', '{"b":1,"a":[null]}');
SELECT * FROM kinds;
SELECT id FROM kinds WHERE i8 = :number AND n = 1000 AND u = '00000000-0000-0000-0000-000000000007' AND d = '1999-01-08';
SET TimeZone = 'Asia/Tokyo';
SELECT tz FROM kinds;
\echo step signed
INSERT INTO ledger (account, owner, balance) VALUES ('a', :'word', 1), ('b', 'o', 2);
UPDATE ledger SET balance = 3.5 WHERE account = 'a' RETURNING *;
SELECT * FROM ledger WHERE owner = :'word';
DELETE FROM ledger WHERE id = 2;
\echo step copy
\copy payment_card (id, pan) TO stdout
\echo step the end
SELECT count(*) FROM payment_card;
