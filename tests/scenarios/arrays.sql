-- Columns that are arrays: written, read and found as a whole.

== by parameters
a: INSERT INTO lists (tags, codes, ids, short, prices, at, docs, open, nums, free)
   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING *;
<- [["Qz7secretonehwxyvk", null, "", "NULL", "a \"b\", \\c {d}"], [1, null, -2147483648], ["00010203-0405-0607-0809-0a0b0c0d0e0f"], ["abc", "é"], ["999.995", "1"], ["1999-01-08 04:05:06.789+02", null], ["{\"b\" : 1, \"a\":2}", "null"], ["ü", null], [9007199254740993], ["x"]]
a: INSERT INTO lists (tags, codes, ids, short, prices, at, docs, open, nums, free)
   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING *;
<- [[], [], [], [], [], [], [], [], [], []]
a: INSERT INTO lists (tags, codes, ids, short, prices, at, docs, open, nums, free)
   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING *;
<- [null, [0], null, null, null, null, null, null, null, null]
a: INSERT INTO lists (tags, codes) VALUES ($1, $2) RETURNING *;
<- ["[0:1][2:3]={{a,b},{c,NULL}}", "{{{{{{7}}}}}}"]
a: SELECT * FROM lists ORDER BY id;
a: SELECT tags, open FROM lists WHERE id = 1;

== by constants
a: INSERT INTO lists (tags, codes, short, prices, at, open, nums, free) VALUES
   ('{Qz7secretonehwxyvk, b c ,"d,e",NULL}', '{ 1 , 2 }', '{a,bcd}', '{1.005,2}', '{1999-01-08 04:05:06+00}', '{x,NULL,"y z"}', '[-1:0]={3,4}', '{a}'),
   (ARRAY['x', 'it''s', NULL, '"', 'NULL', 'a,b'], ARRAY[1, -2, 3], ARRAY['abc'], ARRAY[1, 2.5], '{}', ARRAY['é'], ARRAY[1, 2147483648], ARRAY['b']),
   ('{}'::text[], '{5}'::int4[], '{abc}'::text[], ARRAY[1.005]::numeric(12,2)[], NULL, NULL::text[], DEFAULT, DEFAULT);
=> standard strings
a: SELECT * FROM lists ORDER BY id;

== whole arrays are compared
a: INSERT INTO lists (id, tags, codes, ids, short, prices, at) VALUES
   (1, '{a,NULL}', '{1,2}', '{00010203-0405-0607-0809-0a0b0c0d0e0f}', '{abc}', '{1.5}', '{2024-02-29 12:00+01}'),
   (2, '[0:1]={a,NULL}', '{{1,2}}', '{}', '{}', '{2.5,NULL}', '{NULL}'),
   (3, '{a}', '{2,1}', NULL, NULL, NULL, NULL);
a: SELECT id, tags FROM lists WHERE tags = $1;
<- [["a", null]]
a: SELECT id, tags FROM lists WHERE tags = $1;
<- [[]]
a: SELECT id, tags FROM lists WHERE tags = '{ "a" , null }';
a: SELECT id, tags FROM lists WHERE tags = '[0:1]={a,NULL}';
a: SELECT id, tags FROM lists WHERE tags = ARRAY['a'];
a: SELECT id, tags FROM lists WHERE tags <> ARRAY['a'] ORDER BY id;
a: SELECT id FROM lists WHERE tags IN ('{a}', '{a,NULL}') ORDER BY id;
a: SELECT id FROM lists WHERE codes = $1;
<- [[1, 2]]
a: SELECT id FROM lists WHERE codes = '{{1,2}}'::int[];
a: SELECT id FROM lists WHERE codes IS NOT DISTINCT FROM ARRAY[2, 1];
a: SELECT id FROM lists WHERE ids = $1;
<- [["{00010203-0405-0607-0809-0A0B0C0D0E0F}"]]
a: SELECT id FROM lists WHERE short = $1;
<- [["abc"]]
a: SELECT id FROM lists WHERE short = $1;
<- [["abcd"]]
a: SELECT id FROM lists WHERE prices = '{1.50000}';
a: SELECT id FROM lists WHERE prices = $1;
<- [["2.500", null]]
a: SELECT id FROM lists WHERE at = $1;
<- [["2024-02-29 11:00+00"]]
a: SELECT id FROM lists WHERE ids IS NULL;
a: SELECT id FROM lists WHERE open = '{é,NULL}' ORDER BY id;
a: SELECT id FROM lists WHERE nums = '[0:1]={1,2}' AND 'é' = ANY (open) ORDER BY id;
a: SELECT count(DISTINCT codes) FROM lists;

== updates and deletes
a: INSERT INTO lists (id, tags, codes) VALUES (1, '{a}', '{1}'), (2, '{b}', '{2}');
a: UPDATE lists SET codes = $1, open = $2, nums = '{7}' WHERE tags = $3 RETURNING id, codes, open, nums;
<- [[3, null], ["ö", null], ["a"]]
a: UPDATE lists SET tags = ARRAY['Qz7secrettwohwxyvk', 'z'] WHERE id = 2;
a: SELECT * FROM lists ORDER BY id;
a: DELETE FROM lists WHERE codes = $1 RETURNING id, tags;
<- [[3, null]]
a: SELECT * FROM lists;
a: INSERT INTO lists (tags) VALUES (ARRAY['Qz7secrettwohwxyvk', 'z']);
=> error 23505

== what is no array has the server's SQLSTATE
a: INSERT INTO lists (tags) VALUES ($1);
<- ["no array"]
=> error 22P02
a: INSERT INTO lists (tags) VALUES ('{a');
=> error 22P02
a: INSERT INTO lists (tags) VALUES ('{{a},{b,c}}');
=> error 22P02
a: INSERT INTO lists (codes) VALUES ('{1,x}');
=> error 22P02
a: INSERT INTO lists (codes) VALUES ($1);
<- ["{2147483648}"]
=> error 22003
a: INSERT INTO lists (short) VALUES ($1);
<- [["abcd"]]
=> error 22001
a: INSERT INTO lists (short) VALUES ('{abcd}');
=> error 22001
a: INSERT INTO lists (tags) VALUES ('[2:1]={a}');
=> error 2202E
a: INSERT INTO lists (tags) VALUES ('{{{{{{{a}}}}}}}');
=> error 54000
a: INSERT INTO lists (codes) VALUES (NULL);
=> error 23502
a: INSERT INTO lists (codes) VALUES (7);
=> error 42804
a: INSERT INTO lists (codes) VALUES (ARRAY['a']);
=> error 42804
a: SELECT id FROM lists WHERE tags = 7;
=> error 42883
a: SELECT id FROM lists WHERE tags = ANY (ARRAY['a']);
=> error 42883
a: SELECT id FROM lists WHERE codes = '{1}'::int8[];
=> error 42883
a: SELECT * FROM lists;

== what looks into a sealed array is refused by name
a: INSERT INTO lists (id, tags, codes) VALUES (1, '{a}', '{1}');
a: SELECT id FROM lists WHERE 'a' = ANY (tags);
=> refused 0A000 column lists.tags is sealed: ANY or ALL cannot be answered
a: SELECT id FROM lists WHERE $1 = ANY (tags);
<- ["a"]
=> refused 0A000 column lists.tags is sealed: ANY or ALL cannot be answered
a: SELECT id FROM lists WHERE tags @> '{a}';
=> refused 0A000 column lists.tags is sealed: this operator cannot be answered
a: SELECT id FROM lists WHERE tags && ARRAY['a'];
=> refused 0A000 column lists.tags is sealed: this operator cannot be answered
a: SELECT tags[1] FROM lists;
=> refused 0A000 an expression of this kind cannot be used in a statement on a protected table
a: SELECT unnest(tags) FROM lists;
=> refused 0A000 a function that returns a set cannot be used in a statement on a protected table
a: SELECT array_length(tags, 1) FROM lists;
=> refused 0A000 column lists.tags is sealed: array_length() cannot be answered
a: SELECT cardinality(codes) FROM lists;
=> refused 0A000 column lists.codes is sealed: cardinality() cannot be answered
a: UPDATE lists SET tags = tags || 'b' WHERE id = 1;
=> refused 0A000 column lists.tags is sealed: storing anything but a constant cannot be answered
a: UPDATE lists SET tags = array_append(tags, 'b') WHERE id = 1;
=> refused 0A000 column lists.tags is sealed: storing anything but a constant cannot be answered
a: UPDATE lists SET tags[1] = 'b' WHERE id = 1;
=> refused 0A000 a statement that names a protected object was not understood
a: SELECT id FROM lists WHERE tags < '{b}';
=> refused 0A000 column lists.tags is sealed: a range comparison cannot be answered
a: INSERT INTO lists (tags) VALUES (ARRAY[NULL]);
=> refused 0A000 an ARRAY whose elements have no type, or several, cannot be used with column lists.tags
a: INSERT INTO lists (tags) VALUES (ARRAY[ARRAY['a']]);
=> refused 0A000 an array of arrays cannot be used with a protected column
a: INSERT INTO lists (tags) VALUES (ARRAY[$1]);
<- ["a"]
=> refused 0A000 column lists.tags is sealed: storing anything but a constant cannot be answered
a: SELECT id, tags FROM lists;

== elements with modifiers of their own
a: INSERT INTO lists (prices) VALUES (ARRAY['1.005'::numeric(5,2), '1.005']);
=> refused 0A000 an ARRAY whose elements have no type, or several, cannot be used with column lists.prices
a: INSERT INTO lists (prices) VALUES (ARRAY['1.005'::numeric(5,2), '2.005'::numeric(5,2)]) RETURNING prices;

== intervals with fields
a: INSERT INTO spans VALUES (1, '5', '1:30', '3');
=> refused 0A000 a protected interval is read as numbers with units, as years-months days hh:mm:ss, or in ISO 8601 form only
a: INSERT INTO spans VALUES (1, '5 years', '1 min 30 s', '3 days') RETURNING *;
a: INSERT INTO spans VALUES (2, '5 years 3 mons'::interval, '1 min 30.5 s', '3 days 04:00') RETURNING *;
a: UPDATE spans SET years = '7'::interval year WHERE id = 1;
=> refused 0A000 a protected interval is read as numbers with units, as years-months days hh:mm:ss, or in ISO 8601 form only
a: UPDATE spans SET years = $1, laps = $2 WHERE id = 1 RETURNING *;
<- ["P7Y", "PT1M5S"]
