-- Where parameters stand, of which types they are, and how often.

== one parameter in several places
a: INSERT INTO person (id, name, email) VALUES ($1, $2, $2);
<- [1, "Qz7secretonehwxyvk"]
a: SELECT id, name FROM person WHERE email = $1 OR email IN ($1, $2) ORDER BY id;
<- ["Qz7secretonehwxyvk", "other"]
a: UPDATE person SET name = $1, email = $1 WHERE id = $2;
<- ["Qz7secrettwohwxyvk", 1]
a: SELECT * FROM person;
a: INSERT INTO ledger (id, account, holder, iban) VALUES ($1, $2, $3, $3), ($4, $2, $3, $5);
<- [1, 7, "h", 2, "i"]
=> refused 0A000 parameter $3 is used for column ledger.holder and, with another type, for column ledger.iban
a: INSERT INTO ledger (id, account, holder, iban) VALUES ($1, $2, $3, $5), ($4, $2, $3, $6);
<- [1, 7, "h", 2, "i", "j"]
a: UPDATE ledger SET holder = $1, code = $1, note = $3 WHERE id = $2 RETURNING code, holder, note;
<- ["Qz7secretonehwxyvk", 1, "n"]
=> refused 0A000 parameter $1 is used for the protected column ledger.holder and for column ledger.code, which is not sealed: it would be sent in the clear
a: UPDATE ledger SET code = $1 WHERE iban = $1;
<- ["Qz7secretonehwxyvk"]
=> refused 0A000 parameter $1 is used for the protected column ledger.iban and for column ledger.code, which is not sealed: it would be sent in the clear
a: UPDATE ledger SET holder = $1, code = $4, note = $3 WHERE id = $2 RETURNING code, holder, note;
<- ["one", 1, "n", "other"]
a: SELECT id, account, holder, iban FROM ledger ORDER BY id;

== parameters out of order
a: INSERT INTO person (id, name, email, team) VALUES ($4, $3, $2, $1);
<- ["blue", "e1", "n1", 1]
a: SELECT id FROM person WHERE team = $2 AND email = $1;
<- ["e1", "blue"]
a: UPDATE person SET team = $3, name = $1 WHERE email = $2 RETURNING *;
<- ["n2", "e1", "red"]

== parameters with casts
a: INSERT INTO kinds (id, i4, t, d, u, n, jb) VALUES ($1::bigint, $2::int, $3::text, $4::date, $5::uuid, $6::numeric, $7::jsonb);
<- [1, 5, "t", "2024-02-29", "00010203-0405-0607-0809-0a0b0c0d0e0f", "1.50", {"a": 1}]
a: SELECT id FROM kinds WHERE t = $1::text AND d = $2::date;
<- ["t", "2024-02-29"]
a: SELECT id FROM kinds WHERE i4 = $1::int AND n = $2::numeric;
<- [5, "1.5"]
a: SELECT id FROM kinds WHERE u = ANY($1::uuid[]);
<- [["00010203-0405-0607-0809-0a0b0c0d0e0f"]]
a: SELECT id FROM kinds WHERE t = ANY($1::text[]) OR i4 = ANY($2::int[]);
<- [["x", "t"], [6]]
a: SELECT i4, t, d, u, n, jb FROM kinds;

== parameters of other types than the column
a: INSERT INTO kinds (id, i2, i8, n, v) VALUES (1, 5, 6, 7, 'v');
a: SELECT id FROM kinds WHERE i8 = $1::int;
<- [6]
a: SELECT id FROM kinds WHERE i2 = $1::bigint;
<- [5]
a: SELECT id FROM kinds WHERE n = $1::int;
<- [7]
a: SELECT id FROM kinds WHERE v = $1::text;
<- ["v"]
a: SELECT id FROM kinds WHERE i2 = 5::bigint;

== types that a column cannot be compared with or set to
a: INSERT INTO kinds (id, t, d, n) VALUES (1, 't', '2024-02-29', 5);
a: SELECT id FROM kinds WHERE t = $1::int;
<- [5]
=> error 42883
a: SELECT id FROM kinds WHERE 5 <> t OR id = 1;
=> error 42883
a: SELECT id FROM kinds WHERE d IN ('2024-02-29', true);
=> error 42883
a: SELECT id FROM kinds WHERE t = ANY($1::int[]);
<- [[5]]
=> error 42883
a: SELECT id FROM kinds WHERE n IS DISTINCT FROM NULL::text;
=> error 42883
a: UPDATE kinds SET d = $1::int WHERE id = 1;
<- [5]
=> error 42804
a: UPDATE kinds SET t = 'x', n = '7'::text WHERE id = 1;
=> error 42804
a: INSERT INTO kinds (id, d) VALUES (2, $1::bool);
<- [true]
=> error 42804
a: INSERT INTO ledger (id, holder, rate) VALUES (1, 'h', date '2024-02-29');
=> error 42804
a: UPDATE ledger SET holder = 'h', rate = true WHERE id = 1;
=> error 42804
a: SELECT t, d, n FROM kinds ORDER BY id;

== plain parts of a statement take parameters as ever
a: INSERT INTO person (id, name, email) VALUES (1, 'a', 'e1'), (2, 'b', 'e2'), (3, 'c', 'e3');
a: SELECT id, $1::text AS word, name FROM person ORDER BY id LIMIT $2 OFFSET $3;
<- ["w", 1, 1]
a: SELECT id + $1 AS next, name FROM person WHERE id BETWEEN $2 AND $3 ORDER BY id;
<- [10, 2, 3]
a: SELECT name FROM person WHERE id = ANY($1) ORDER BY id;
<- [[3, 1]]
a: SELECT name FROM person WHERE team = coalesce($1, 'red') AND length(team) = $2 ORDER BY id;
<- [null, 3]
a: UPDATE person SET team = upper($1) || $2 WHERE email = $3 RETURNING team, email;
<- ["x", "y", "e2"]
a: SELECT count(*) FROM person WHERE id > $1;
<- [1]

== parameters without a type or a place
a: SELECT name FROM person WHERE email = $2;
<- ["x", "y"]
=> error 42P18
a: SELECT $1, name FROM person;
<- ["x"]
a: SELECT name FROM person WHERE email = $1;
<- ["x"]

== one parameter for a sealed and a plain place
a: INSERT INTO person (id, name, team) VALUES ($1, $2, $2);
<- [1, "same"]
=> refused 0A000 parameter $2 is used for the protected column person.name and for column person.team, which is not sealed: it would be sent in the clear
a: SELECT id FROM person WHERE email = $1 OR team = $1;
<- ["same"]
=> refused 0A000 parameter $1 is used for the protected column person.email and for column person.team, which is not sealed: it would be sent in the clear
a: SELECT count(*) FROM person;

== names, quotes, schemas and comments
a: INSERT INTO public.person ("id", "name", "email") VALUES ($1, $2, $3) -- a comment with $4
   RETURNING "name" AS "a ""quoted"" name", email AS "E-Mail";
<- [1, "Qz7secretonehwxyvk", "e1"]
a: SELECT /* $2 */ p."name", public.person.team FROM public.person p, public.person;
a: SELECT PERSON.NAME, Person.Email FROM Person WHERE PERSON.EMAIL = $1;
<- ["e1"]
a: SELECT p.name FROM ONLY person p WHERE p.email = $1 AND p.team = $2;
<- ["e1", "red"]
a: SELECT name FROM person WHERE email = $1 AND 'x' = $2;
<- ["e1", "x"]
=> refused 0A000 a constant or parameter is compared with no column: it cannot be told whether it may be seen
a: SELECT "Name" FROM person;
=> error 42703
a: TABLE person;

== many rows in one INSERT
a: INSERT INTO ledger (iban, holder, amount) VALUES ($1, $2, $3), ($4, $5, $6), ($7, $8, $9), (DEFAULT, $10, DEFAULT) RETURNING id, iban, holder, amount;
<- ["DE01", "a", 1, "DE02", null, "2.5", null, "Qz7secrettwohwxyvk", "3.005", "d"]
a: SELECT id, iban, holder, amount FROM ledger WHERE iban IN ($1, $2, $3) ORDER BY id;
<- ["DE02", "DE01", "DE03"]

== long values and many of them
a: INSERT INTO person (id, name, email, picture) VALUES (1, repeat('x', 10), 'e1', '\x');
=> refused 0A000 column person.name is sealed: storing anything but a constant cannot be answered
a: INSERT INTO person (id, name) VALUES ($1, $2);
<- [1, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"]
a: SELECT name FROM person;

== a number of parameters that is wrong for the statement's own types
a: INSERT INTO person (id, name) VALUES ($1, $2);
<- ["not a number", "x"]
=> error 22P02
a: INSERT INTO person (id, name, born) VALUES ($1, $2, $3);
<- [1, "x", "not a date"]
=> error 22007
a: SELECT name FROM person WHERE id = $1;
<- ["not a number"]
=> error 22P02
a: SELECT count(*) FROM person;
