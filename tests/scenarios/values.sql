-- Values of every type: as parameters, as constants, equal, NULL, wrong.

== a row of every type by parameters
a: INSERT INTO kinds (b, i2, i4, i8, n, m, t, v, raw, u, d, ts, tz, j, jb)
   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) RETURNING *;
<- [true, -5, 70000, 9007199254740993, "12345678901234567890.123450", "999.995", "Qz7secretonehwxyvk", "éé", "\\x00ff", "00010203-0405-0607-0809-0a0b0c0d0e0f", "1999-01-08", "1999-01-08 04:05:06.789", "1999-01-08 04:05:06.789+02", "{\"b\" : 1, \"a\":2}", {"b": 1, "a": [1.50, "x"]}]
a: INSERT INTO kinds (b, i2, i4, i8, n, m, t, v, raw, u, d, ts, tz, j, jb)
   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) RETURNING *;
<- [null, null, null, null, null, null, null, null, null, null, null, null, null, null, null]
a: INSERT INTO kinds (b, i2, i4, i8, n, m, t, v, raw, u, d, ts, tz, j, jb)
   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) RETURNING *;
<- [false, -32768, -2147483648, "-9223372036854775808", "NaN", "-0.004", "", "", "\\x", "ffffffff-ffff-ffff-ffff-ffffffffffff", "0044-03-15 BC", "-infinity", "infinity", "null", "null"]
a: SELECT * FROM kinds ORDER BY id;

== each type is found by what is equal to it
a: INSERT INTO kinds (id, i2, i4, i8, n, m, t, v, raw, u, d, ts, tz)
   VALUES (1, 5, 6, 7, 1.50, 2.5, 'text', 'var', '\x01', '00010203-0405-0607-0809-0a0b0c0d0e0f', '2024-02-29',
   '2024-02-29 12:00', '2024-02-29 12:00+01'),
   (2, 50, 60, 70, 15, 25, 'Text', 'Var', '\x0100', '00010203-0405-0607-0809-0a0b0c0d0e00', '2024-02-28',
   '2024-02-29 12:01', '2024-02-29 12:00+02');
a: SELECT id, i2 FROM kinds WHERE i2 = $1;
<- [5]
a: SELECT id, i4 FROM kinds WHERE i4 = $1;
<- [6]
a: SELECT id, i8 FROM kinds WHERE i8 = $1;
<- [7]
a: SELECT id, n FROM kinds WHERE n = $1;
<- ["1.5000"]
a: SELECT id, m FROM kinds WHERE m = $1;
<- ["2.500"]
a: SELECT id, m FROM kinds WHERE m = $1;
<- ["2.501"]
a: SELECT id, t FROM kinds WHERE t = $1;
<- ["text"]
a: SELECT id, v FROM kinds WHERE v = $1;
<- ["var"]
a: SELECT id, raw FROM kinds WHERE raw = $1;
<- ["\\x01"]
a: SELECT id, u FROM kinds WHERE u = $1;
<- ["{00010203-0405-0607-0809-0A0B0C0D0E0F}"]
a: SELECT id, d FROM kinds WHERE d = $1;
<- ["2024-02-29"]
a: SELECT id, ts FROM kinds WHERE ts = $1;
<- ["2024-02-29 12:00:00.000"]
a: SELECT id, tz FROM kinds WHERE tz = $1;
<- ["2024-02-29 11:00+00"]
a: SELECT id FROM kinds WHERE i4 IN ($1, $2) ORDER BY id;
<- [60, 6]
a: SELECT id FROM kinds WHERE i8 = ANY($1) ORDER BY id;
<- [[7, null, 70]]
a: SELECT id FROM kinds WHERE u = ANY($1) ORDER BY id;
<- [["00010203-0405-0607-0809-0a0b0c0d0e0f"]]
a: SELECT id FROM kinds WHERE n = 1.5 OR d = DATE '2024-02-28' ORDER BY id;
a: SELECT id FROM kinds WHERE i4 = 6 AND m = 2.5 AND tz = '2024-02-29 12:00+01';
a: UPDATE kinds SET t = $1, d = $2, jb = $3 WHERE n = $4 RETURNING id, t, d, jb;
<- ["Qz7secrettwohwxyvk", "2000-01-01", {"z": null}, "15.0"]
a: DELETE FROM kinds WHERE raw = $1 RETURNING id;
<- ["\\x01"]
a: SELECT * FROM kinds;

== constants of every type
a: INSERT INTO kinds (b, i2, i4, i8, n, m, t, v, raw, u, d, ts, tz, j, jb) VALUES
   (true, -5, 70000, 9007199254740993, 1e10, -0.005, 'Qz7secretonehwxyvk', 'v', '\xDEADbeef',
   '00010203-0405-0607-0809-0a0b0c0d0e0f', '1999-01-08', '1999-01-08 04:05:06', '1999-01-08 04:05:06+00', '{"a" :1}', '{"b":1, "a":2}');
=> standard strings
a: INSERT INTO kinds (b, i2, n, t, d, tz, jb) VALUES
   ('yes', '7', '-Infinity', U&'\0041', DATE '2024-01-01', TIMESTAMPTZ '2024-01-01 00:00+00', '[1,2]'::jsonb);
=> standard strings
a: INSERT INTO kinds (b, i2, n, t, d, tz) VALUES
   ('yes', '7', '-Infinity', E'tab\t', DATE '2024-01-01', TIMESTAMPTZ '2024-01-01 00:00+00');
a: INSERT INTO kinds (t, v) VALUES ($$dollar $1$$, 'çöß 😀');
a: SELECT * FROM kinds ORDER BY id;

== values that are none have the server's SQLSTATE
a: INSERT INTO kinds (v) VALUES ($1);
<- ["twenty-one characters"]
=> error 22001
a: INSERT INTO kinds (id, v) VALUES (1, $1);
<- ["twenty characters ok    "]
a: INSERT INTO kinds (i2) VALUES ($1);
<- [40000]
=> error 22003
a: INSERT INTO kinds (i4) VALUES ($1);
<- ["abc"]
=> error 22P02
a: INSERT INTO kinds (i4) VALUES (3000000000);
=> error 22003
a: INSERT INTO kinds (m) VALUES ($1);
<- ["12345678901"]
=> error 22003
a: INSERT INTO kinds (n) VALUES ($1);
<- ["1.2.3"]
=> error 22P02
a: INSERT INTO kinds (b) VALUES ($1);
<- ["maybe"]
=> error 22P02
a: INSERT INTO kinds (d) VALUES ($1);
<- ["2023-02-29"]
=> error 22008
a: INSERT INTO kinds (d) VALUES ('yesterdayish');
=> error 22007
a: INSERT INTO kinds (u) VALUES ($1);
<- ["not a uuid"]
=> error 22P02
a: INSERT INTO kinds (jb) VALUES ($1);
<- ["{broken"]
=> error 22P02
a: INSERT INTO kinds (j) VALUES ('{broken');
=> error 22P02
a: INSERT INTO kinds (raw) VALUES ($1);
<- ["\\x0"]
=> error 22023
a: SELECT id FROM kinds WHERE i4 = $1;
<- ["abc"]
=> error 22P02
a: SELECT v, length(v) IS NULL AS l FROM kinds;
=> refused 0A000 column kinds.v is sealed: length() cannot be answered
a: SELECT id, v FROM kinds ORDER BY id;

== a session's time zone is minded
a: SET TimeZone = 'America/New_York';
a: INSERT INTO kinds (id, tz) VALUES (1, '2024-07-01 12:00');
a: SELECT id, tz FROM kinds WHERE tz = '2024-07-01 16:00+00';
a: SET TimeZone = 'Asia/Kathmandu';
a: SELECT id FROM kinds WHERE tz = '2024-07-01 21:45';
a: INSERT INTO kinds (id, tz) VALUES (2, '2024-07-01 12:00') RETURNING tz;
a: RESET TimeZone;
a: SELECT id, tz FROM kinds ORDER BY id;
