-- Somebody with the server in hand: what the next reader is told. The words are those of every door.

== cells that were moved, cut or changed
a: INSERT INTO person (id, name, email) VALUES (1, 'Ada', 'ada@x.org'), (2, 'Bob', 'bob@x.org'), (3, 'Cyd', 'cyd@x.org');
server: UPDATE person p SET name = q.name FROM person q WHERE p.id = 3 - q.id;
a: SELECT name FROM person WHERE id = 1;
=> refused XX001 column person.name: the sealed value does not belong here or was changed
a: SELECT email FROM person WHERE id = 1;
a: UPDATE person SET team = 'blue' WHERE id = 1 RETURNING name;
=> refused XX001 column person.name: the sealed value does not belong here or was changed
a: SELECT id, name, team FROM person WHERE id = 3;
server: UPDATE person SET name = email WHERE id = 3;
a: SELECT name FROM person WHERE id = 3;
=> refused XX001 column person.name: the sealed value does not belong here or was changed
a: SELECT team FROM person ORDER BY id;

== a signed row with a cell of another row
a: INSERT INTO ledger (id, iban, holder, amount) VALUES (1, 'DE01', 'Qz7secretonehwxyvk', 100), (2, 'DE02', 'Bob', 200);
server: UPDATE ledger SET holder = (SELECT holder FROM ledger WHERE id = 2) WHERE id = 1;
a: SELECT holder FROM ledger WHERE id = 1;
=> refused XX001 table ledger: the row signature does not hold: the row was changed outside of pgseal
a: SELECT id FROM ledger;
=> refused XX001 table ledger: the row signature does not hold: the row was changed outside of pgseal
a: UPDATE ledger SET holder = 'laundered' WHERE id = 1;
=> refused XX001 table ledger: the row signature does not hold: the row was changed outside of pgseal
a: UPDATE ledger SET label = $1;
<- ["laundered"]
=> refused XX001 table ledger: the row signature does not hold: the row was changed outside of pgseal
a: UPDATE ledger SET note = 'n' WHERE id = 1 RETURNING holder;
=> refused XX001 table ledger: the row signature does not hold: the row was changed outside of pgseal
a: DELETE FROM ledger WHERE id = 1 RETURNING holder;
=> refused XX001 table ledger: the row signature does not hold: the row was changed outside of pgseal
a: SELECT id, label, note, iban, holder FROM ledger WHERE id = 2;
a: SELECT count(*) FROM ledger;

== a tag, a signed clear column and a signature that were edited
a: INSERT INTO ledger (id, iban, holder, amount) VALUES (1, 'DE01', 'a', 100), (2, 'DE02', 'b', 200), (3, 'DE03', 'c', 300), (4, 'DE04', 'd', 400);
server: UPDATE ledger SET pgseal_eq_amount = (SELECT pgseal_eq_amount FROM ledger WHERE id = 2) WHERE id = 1;
server: UPDATE ledger SET account = account + 1 WHERE id = 2;
server: UPDATE ledger SET pgseal_signature = NULL WHERE id = 3;
a: SELECT id FROM ledger WHERE id = 1;
=> refused XX001 table ledger: the row signature does not hold: the row was changed outside of pgseal
a: SELECT note FROM ledger WHERE id = 2;
=> refused XX001 table ledger: the row signature does not hold: the row was changed outside of pgseal
a: SELECT * FROM ledger WHERE id = 3;
=> refused XX001 table ledger: the row signature is missing
a: SELECT id, iban, holder, amount FROM ledger WHERE id = 4;

== a forged row fails the block in which it is met
a: INSERT INTO ledger (id, iban, holder) VALUES (1, 'DE01', 'a'), (2, 'DE02', 'b');
server: UPDATE ledger SET account = 11 WHERE id = 1;
a: BEGIN;
a: INSERT INTO ledger (id) VALUES (70);
a: SAVEPOINT s;
a: SELECT holder FROM ledger WHERE id = 1;
=> refused XX001 table ledger: the row signature does not hold: the row was changed outside of pgseal
a: SELECT 1;
=> error 25P02
a: ROLLBACK TO s;
a: SELECT holder FROM ledger WHERE id = 2;
a: UPDATE ledger SET holder = 'x' WHERE id = 1;
=> refused XX001 table ledger: the row signature does not hold: the row was changed outside of pgseal
a: SELECT 1;
=> error 25P02
a: COMMIT;
a: SELECT count(*) FROM ledger;
a: UPDATE ledger SET holder = 'x' WHERE id = 1;
=> refused XX001 table ledger: the row signature does not hold: the row was changed outside of pgseal
a: UPDATE ledger SET holder = 'x' WHERE id = 2 RETURNING id, holder;

== an old cell beside a newer signature
a: INSERT INTO ledger (id, iban, holder) VALUES (1, 'DE01', 'old');
server: UPDATE ledger SET note = encode(holder, 'hex') WHERE id = 1;
a: UPDATE ledger SET holder = 'newer' WHERE id = 1;
a: SELECT holder FROM ledger WHERE id = 1;
server: UPDATE ledger SET holder = decode(note, 'hex') WHERE id = 1;
a: SELECT holder FROM ledger WHERE id = 1;
=> refused XX001 table ledger: the row signature does not hold: the row was changed outside of pgseal

== a row of somebody's own making
a: INSERT INTO ledger (id, iban, holder) VALUES (1, 'DE01', 'a');
server: INSERT INTO ledger SELECT 60, account, label, made_at, rate, code, note, NULL, holder, amount, NULL,
   pgseal_eq_amount, pgseal_signature FROM ledger WHERE id = 1;
a: SELECT holder FROM ledger WHERE id = 60;
=> refused XX001 table ledger: the row signature does not hold: the row was changed outside of pgseal
a: SELECT iban, holder FROM ledger WHERE id = 1;

== a value taken away, and a table that knows no signature
a: INSERT INTO person (id, name, email, born) VALUES (1, 'Ada', 'ada@x.org', '1815-12-10');
server: UPDATE person SET name = substring(name::bytea for octet_length(name) - 1);
a: SELECT name FROM person;
=> refused XX001 column person.name: the sealed value does not belong here or was changed
a: SELECT email, born FROM person;

== rows that are read beside others, through queries within queries, or not at all
a: INSERT INTO person (id, name, email) VALUES (1, 'Ada', 'ada@x.org'), (2, 'Bob', 'bob@x.org');
a: INSERT INTO ledger (id, account, iban, holder, amount) VALUES (1, 1, 'DE01', 'Qz7secretonehwxyvk', 100), (2, 2, 'DE02', 'b', 200), (3, 3, 'DE03', 'c', 300);
server: UPDATE ledger SET holder = (SELECT holder FROM ledger WHERE id = 2) WHERE id = 1;
server: UPDATE person p SET name = q.name FROM person q WHERE p.id = 3 - q.id;
a: SELECT p.email, l.account FROM person p JOIN ledger l ON l.account = p.id WHERE p.id = 1;
=> refused XX001 table ledger: the row signature does not hold: the row was changed outside of pgseal
a: SELECT l.account, p.name FROM ledger l LEFT JOIN person p ON p.id = l.account WHERE l.id = 2;
=> refused XX001 column person.name: the sealed value does not belong here or was changed
a: SELECT t.a FROM (SELECT account AS a, id FROM ledger) t WHERE t.id = 1;
=> refused XX001 table ledger: the row signature does not hold: the row was changed outside of pgseal
a: WITH l AS (SELECT * FROM ledger) SELECT x.holder, y.holder FROM l x JOIN l y ON y.id = x.id + 1 WHERE x.id = 2;
a: WITH l AS (SELECT * FROM ledger) SELECT x.holder, y.holder FROM l x JOIN l y ON y.id = x.id - 1 WHERE x.id = 2;
=> refused XX001 table ledger: the row signature does not hold: the row was changed outside of pgseal
a: SELECT p.id, l.holder FROM person p LEFT JOIN ledger l ON l.account = p.id + 2 ORDER BY p.id;
server: UPDATE ledger SET pgseal_signature = NULL WHERE id = 3;
a: SELECT p.id, l.holder FROM person p LEFT JOIN ledger l ON l.account = p.id + 2 ORDER BY p.id;
=> refused XX001 table ledger: the row signature is missing
a: SELECT p.id, l.id FROM person p LEFT JOIN ledger l ON l.account = p.id + 7 ORDER BY p.id;
