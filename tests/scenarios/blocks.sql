-- Transactions, savepoints, and what an error makes of them.

== a rolled back block leaves nothing
a: BEGIN;
a: INSERT INTO person (id, name) VALUES (1, 'Qz7secretonehwxyvk');
a: SELECT name FROM person;
a: ROLLBACK;
a: SELECT count(*) FROM person;

== a committed block stays, and others see it then
a: BEGIN;
a: INSERT INTO person (id, name, email) VALUES ($1, $2, $3);
<- [1, "Qz7secretonehwxyvk", "e1"]
b: SELECT count(*) FROM person;
a: UPDATE person SET name = 'b' WHERE email = 'e1';
a: COMMIT;
b: SELECT id, name FROM person WHERE email = 'e1';

== savepoints take back what came after them
a: BEGIN;
a: INSERT INTO person (id, name) VALUES (1, 'x');
a: SAVEPOINT s;
a: INSERT INTO person (id, name) VALUES (2, 'y');
a: UPDATE person SET name = 'z';
a: ROLLBACK TO SAVEPOINT s;
a: RELEASE SAVEPOINT s;
a: COMMIT;
a: SELECT id, name FROM person ORDER BY id;

== a refusal fails the block
a: BEGIN;
a: INSERT INTO person (id, name) VALUES (1, 'x');
a: SELECT max(name) FROM person;
=> refused 0A000 column person.name is sealed: max() cannot be answered
a: SELECT 1;
=> error 25P02
a: SELECT name FROM person;
=> error 25P02
a: INSERT INTO person (id, name) VALUES ($1, $2);
<- [2, "y"]
=> error 25P02
a: COMMIT;
a: SELECT count(*) FROM person;
a: INSERT INTO person (id, name) VALUES (1, 'x');
a: SELECT name FROM person;

== a savepoint recovers from a refusal
a: BEGIN;
a: INSERT INTO person (id, name) VALUES (1, 'x');
a: SAVEPOINT s;
a: SELECT id FROM person WHERE name LIKE $1;
=> refused 0A000 column person.name is sealed: LIKE cannot be answered
a: SELECT 1;
=> error 25P02
a: ROLLBACK TO s;
a: INSERT INTO person (id, name) VALUES (2, 'y');
a: COMMIT;
a: SELECT id, name FROM person ORDER BY id;

== a violation fails the block, a savepoint recovers it
a: BEGIN;
a: INSERT INTO ledger (id, iban) VALUES (1, 'DE01');
a: SAVEPOINT s;
a: INSERT INTO ledger (id, iban) VALUES (2, 'DE01');
=> error 23505
a: UPDATE ledger SET holder = 'x' WHERE id = 1;
=> error 25P02
a: ROLLBACK TO s;
a: INSERT INTO ledger (id, iban) VALUES (2, 'DE02');
a: INSERT INTO ledger (id, amount) VALUES (3, 'abc');
=> error 22P02
a: SELECT iban FROM ledger;
=> error 25P02
a: ROLLBACK TO s;
a: INSERT INTO ledger (id, iban) VALUES (3, $1);
<- ["Qz7secrettwohwxyvk"]
a: COMMIT;
a: SELECT id, iban FROM ledger ORDER BY id;

== value errors of parameters fail the block too
a: BEGIN;
a: INSERT INTO kinds (v) VALUES ($1);
<- ["more than twenty characters"]
=> error 22001
a: SELECT 1;
=> error 25P02
a: ROLLBACK;
a: SELECT count(*) FROM kinds;

== savepoints and rollback take a signed update back
a: INSERT INTO ledger (id, account, iban, holder, amount) VALUES (1, 1, 'DE01', 'one', 100), (2, 2, 'DE02', 'two', 200);
a: BEGIN;
a: UPDATE ledger SET holder = 'first' WHERE id = 2;
a: SAVEPOINT a;
a: UPDATE ledger SET holder = 'second', label = 'second' WHERE id = 2;
a: UPDATE ledger SET holder = 'third' WHERE id = 2 RETURNING holder, label;
a: ROLLBACK TO a;
a: SELECT id, label, holder FROM ledger ORDER BY id;
a: UPDATE ledger SET amount = 1 WHERE account = 1;
a: UPDATE ledger SET iban = 'DE01' WHERE id = 2;
=> error 23505
a: SELECT 1;
=> error 25P02
a: ROLLBACK TO a;
a: UPDATE ledger SET iban = $1 WHERE id = 2 RETURNING id, iban, holder, amount;
<- ["DE22"]
b: SELECT id, iban, holder, amount FROM ledger ORDER BY id;
a: COMMIT;
b: SELECT id, iban, holder, amount FROM ledger ORDER BY id;
a: BEGIN;
a: UPDATE ledger SET holder = 'Qz7secretonehwxyvk';
a: DELETE FROM ledger WHERE id = 1;
a: ROLLBACK;
a: SELECT id, iban, holder, amount FROM ledger ORDER BY id;

== statements of several steps outside and inside of a block, between sessions
a: INSERT INTO entry (secret) VALUES ('s1') RETURNING id, serial, secret;
a: BEGIN;
a: INSERT INTO entry (secret) VALUES ('s2'), ('s3') RETURNING id;
a: UPDATE entry SET other = 'o' WHERE id = 1 RETURNING *;
b: SELECT * FROM entry ORDER BY id;
b: INSERT INTO entry (secret) VALUES ('s4') RETURNING id;
a: ROLLBACK;
a: SELECT * FROM entry ORDER BY id;
b: UPDATE entry SET secret = $1, note = $2;
<- ["Qz7secrettwohwxyvk", "n"]
a: SELECT * FROM entry ORDER BY id;

== a block that only reads
a: INSERT INTO ledger (id, iban) VALUES (1, 'DE01');
a: BEGIN READ ONLY;
a: SELECT iban FROM ledger;
a: UPDATE ledger SET holder = 'x';
=> error 25006
a: ROLLBACK;
a: BEGIN ISOLATION LEVEL REPEATABLE READ;
a: SELECT id, iban, holder FROM ledger;
b: UPDATE ledger SET holder = 'b' WHERE id = 1;
a: SELECT id, iban, holder FROM ledger;
a: UPDATE ledger SET holder = 'a' WHERE id = 1;
=> error 40001
a: ROLLBACK;
a: SELECT id, iban, holder FROM ledger;

== settings within a block
a: BEGIN;
a: SET LOCAL TimeZone = 'America/New_York';
a: INSERT INTO kinds (id, tz) VALUES (1, '2024-07-01 12:00');
a: COMMIT;
a: INSERT INTO kinds (id, tz) VALUES (2, '2024-07-01 12:00+00');
a: SELECT id, tz FROM kinds ORDER BY id;

== in a failed block nothing else is said, whatever the statement
a: INSERT INTO kinds (id, v) VALUES ($1, $2);
<- [1, "prepared"]
a: SELECT max(name) FROM person;
=> refused 0A000 column person.name is sealed: max() cannot be answered
a: BEGIN;
a: SELECT 1 / 0;
=> error 22012
a: SELECT max(name) FROM person;
=> error 25P02
a: SELECT name FROM person WHERE name = 'x';
=> error 25P02
a: INSERT INTO kinds (id, v) VALUES ($1, $2);
<- [2, "more than twenty characters"]
=> error 25P02
a: INSERT INTO kinds (id, v) VALUES ($1, $2);
<- [2, "fits"]
=> error 25P02
a: UPDATE ledger SET holder = 'x';
=> error 25P02
a: INSERT INTO ledger (iban) VALUES ('DE01') RETURNING id;
=> error 25P02
a: SELECT nope FROM person;
=> error 25P02
a: ROLLBACK;
a: SELECT id, v FROM kinds;

== a block that ends in several ways
a: START TRANSACTION;
a: INSERT INTO person (id, name) VALUES (1, 'a');
a: END;
a: BEGIN TRANSACTION;
a: INSERT INTO person (id, name) VALUES (2, 'b');
a: ABORT;
a: BEGIN WORK;
a: INSERT INTO person (id, name) VALUES (3, 'c');
a: COMMIT AND CHAIN;
a: INSERT INTO person (id, name) VALUES (4, 'd');
a: SELECT upper(name) FROM person;
=> refused 0A000 column person.name is sealed: upper() cannot be answered
a: SELECT 1;
=> error 25P02
a: ROLLBACK AND CHAIN;
a: UPDATE person SET name = 'e' WHERE id = 3;
a: COMMIT;
a: SELECT id, name FROM person ORDER BY id;
a: COMMIT;
a: ROLLBACK;

== a savepoint of a name that was used before
a: BEGIN;
a: SAVEPOINT s;
a: INSERT INTO ledger (id, iban) VALUES (1, 'DE01');
a: SAVEPOINT s;
a: UPDATE ledger SET iban = 'DE02' WHERE id = 1;
a: ROLLBACK TO s;
a: RELEASE s;
a: UPDATE ledger SET holder = 'h' WHERE iban = 'DE01' RETURNING iban, holder;
a: ROLLBACK TO s;
a: SELECT count(*) FROM ledger;
a: ROLLBACK TO nowhere;
=> error 3B001
a: COMMIT;
a: SELECT count(*) FROM ledger;

== constraints that are checked at the commit
a: BEGIN;
a: SET CONSTRAINTS ALL DEFERRED;
a: INSERT INTO person (id, name, email) VALUES (1, 'a', 'e1');
a: UPDATE person SET id = 2;
=> refused 0A000 column person.id is part of the encryption context: it cannot be changed in this version
a: ROLLBACK;
a: SELECT count(*) FROM person;
